"""The check column-renamed."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_a_renamed_column_of_a_large_table_breaks_what_is_running(look):
    found = look.found('self.rename_column("person", "age", "years")')

    assert "error" == found.get("column-renamed")


@each_engine
def test_a_column_of_an_empty_table_is_read_by_nobody(look):
    look.raw.execute("CREATE TABLE empty (id integer PRIMARY KEY)")

    found = look.found('self.rename_column("empty", "id", "number")')

    assert "column-renamed" not in found
