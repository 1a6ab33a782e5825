"""The check foreign-key-type-mismatch."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql")


@each_engine
def test_two_sides_of_different_types_are_told_of(look):
    look.raw.execute("CREATE TABLE visit (id integer PRIMARY KEY, city_id bigint)")

    found = look.found('self.add_foreign_key("visit", "city_id", "city", "id")')

    assert "warning" == found.get("foreign-key-type-mismatch")


@each_engine
def test_two_sides_of_one_type_are_fine(look):
    found = look.found('self.add_foreign_key("person", "city_id", "city", "id")')

    assert "foreign-key-type-mismatch" not in found
