"""The check several-tables-locked."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_one_transaction_that_holds_two_large_tables_may_end_in_a_deadlock(look):
    look.raw.execute("CREATE TABLE thing AS SELECT * FROM person")

    found = look.found("""
        self.add_column("person", "b", "integer")
        self.add_column("thing", "b", "integer")
        """)

    assert "warning" == found.get("several-tables-locked")


@each_engine
def test_a_small_table_beside_a_large_one_is_held_for_a_moment(look):
    found = look.found("""
        self.add_column("person", "b", "integer")
        self.add_column("city", "b", "integer")
        """)

    assert "several-tables-locked" not in found
