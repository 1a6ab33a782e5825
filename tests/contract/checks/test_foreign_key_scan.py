"""The check foreign-key-scan."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql", "mariadb")


@each_engine
def test_a_foreign_key_is_checked_for_every_row(look):
    found = look.found('self.add_foreign_key("person", "city_id", "city", "id")')

    assert "error" == found.get("foreign-key-scan")


@each_engine
def test_a_foreign_key_of_a_small_table_is_checked_in_a_moment(look):
    found = look.found('self.add_foreign_key("city", "id", "person", "id")')

    assert "foreign-key-scan" not in found
