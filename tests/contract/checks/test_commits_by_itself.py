"""The check commits-by-itself."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("mariadb")


@each_engine
def test_rows_that_were_changed_are_committed_by_the_next_change_of_schema(look):
    found = look.found("""
        self.execute("UPDATE city SET name = 'x' WHERE id = 1")
        self.add_column("city", "b", "integer")
        """)

    assert "warning" == found.get("commits-by-itself")


@each_engine
def test_the_schema_first_commits_nothing_half_done(look):
    found = look.found("""
        self.add_column("city", "b", "integer")
        self.execute("UPDATE city SET name = 'x' WHERE id = 1")
        """)

    assert "commits-by-itself" not in found
