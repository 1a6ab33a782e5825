"""The check key-runs-out."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql", "mariadb")


@each_engine
def test_a_key_that_has_used_up_most_of_its_numbers_is_told_of(look):
    look.raw.execute("UPDATE person SET id = 2100000000 WHERE id = 60")

    found = look.found('self.add_column("person", "b", "integer")')

    assert "warning" == found.get("key-runs-out")


@each_engine
def test_a_key_with_room_is_fine(look):
    found = look.found('self.add_column("city", "b", "integer")')

    assert "key-runs-out" not in found
