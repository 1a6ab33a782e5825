"""The check table-rebuilt."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite")


@each_engine
def test_a_check_of_a_large_table_builds_it_anew(look):
    found = look.found('self.add_check("person", "age >= 0")')

    assert "warning" == found.get("table-rebuilt")


@each_engine
def test_a_new_column_needs_no_building(look):
    found = look.found('self.add_column("person", "b", "integer")')

    assert "table-rebuilt" not in found
