"""The check no-index-behind-where."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_rows_that_are_looked_for_without_an_index_read_the_whole_table(look):
    found = look.found("""
        self.execute("UPDATE person SET age = 1 WHERE name = 'p1'")
        """)

    assert "warning" == found.get("no-index-behind-where")


@each_engine
def test_rows_that_are_looked_for_by_the_key_do_not(look):
    found = look.found('self.execute("UPDATE person SET age = 1 WHERE id = 1")')

    assert "no-index-behind-where" not in found
