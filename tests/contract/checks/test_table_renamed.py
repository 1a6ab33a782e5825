"""The check table-renamed."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_a_renamed_large_table_breaks_what_is_running(look):
    found = look.found('self.rename_table("person", "people")')

    assert "error" == found.get("table-renamed")


@each_engine
def test_an_empty_table_is_read_by_nobody(look):
    look.raw.execute("CREATE TABLE empty (id integer PRIMARY KEY)")

    found = look.found('self.rename_table("empty", "blank")')

    assert "table-renamed" not in found
