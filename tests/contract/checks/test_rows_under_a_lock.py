"""The check rows-under-a-lock."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql")


@each_engine
def test_rows_that_are_changed_in_the_transaction_of_a_change_of_schema_wait_under_its_lock(look):
    found = look.found("""
        self.add_column("person", "b", "integer")
        self.execute("UPDATE person SET b = age WHERE id > 0")
        """)

    assert "error" == found.get("rows-under-a-lock")


@each_engine
def test_where_each_step_commits_by_itself_they_do_not(look):
    found = look.found(
        """
        self.add_column("person", "b", "integer")
        self.execute("UPDATE person SET b = age WHERE id > 0")
        """,
        attributes="transactional = False",
    )

    assert "rows-under-a-lock" not in found
