"""The check sql-not-read."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_a_change_of_a_large_table_that_nobody_knows_is_told_of(look):
    found = look.found('self.execute("ALTER TABLE person FORCE ROW LEVEL SECURITY")')

    assert "warning" == found.get("sql-not-read")


@each_engine
def test_one_that_is_known_to_hold_nobody_up_is_not(look):
    found = look.found('self.execute("ALTER TABLE person SET (fillfactor = 90)")')

    assert "sql-not-read" not in found
