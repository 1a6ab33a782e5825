"""The check unique-under-lock."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_a_unique_constraint_builds_its_index_under_a_lock(look):
    found = look.found('self.add_unique("person", "code")')

    assert "error" == found.get("unique-under-lock")


@each_engine
def test_a_constraint_that_takes_an_index_over_is_done_in_a_moment(look):
    look.raw.execute("CREATE UNIQUE INDEX ix_code ON person (code)")

    found = look.found("""
        self.execute("ALTER TABLE person ADD CONSTRAINT uq_code UNIQUE USING INDEX ix_code")
        """)

    assert "unique-under-lock" not in found
