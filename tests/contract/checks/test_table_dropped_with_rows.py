"""The check table-dropped-with-rows."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_a_large_table_that_has_rows_is_not_dropped_without_a_word(look):
    found = look.found('self.drop_table("person")')

    assert "error" == found.get("table-dropped-with-rows")


@each_engine
def test_a_table_without_rows_is(look):
    look.raw.execute("CREATE TABLE empty (id integer PRIMARY KEY)")

    found = look.found('self.drop_table("empty")')

    assert "table-dropped-with-rows" not in found
