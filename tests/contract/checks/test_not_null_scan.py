"""The check not-null-scan."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_not_null_looks_at_every_row_under_the_strongest_lock(look):
    found = look.found('self.change_column("person", "age", "integer", null=False)')

    assert "error" == found.get("not-null-scan")


@each_engine
def test_a_check_that_is_proven_takes_the_place_of_the_look(look):
    look.raw.execute("ALTER TABLE person ADD CHECK (age IS NOT NULL)")

    found = look.found('self.change_column("person", "age", "integer", null=False)')

    assert "not-null-scan" not in found
