"""The check exclusion-under-lock."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_an_exclusion_constraint_has_no_way_beside_the_writers(look):
    found = look.found("""
        self.execute("ALTER TABLE person ADD CONSTRAINT ex EXCLUDE USING btree (code WITH =)")
        """)

    assert "error" == found.get("exclusion-under-lock")


@each_engine
def test_one_on_a_small_table_is_built_in_a_moment(look):
    found = look.found("""
        self.execute("ALTER TABLE city ADD CONSTRAINT ex EXCLUDE USING btree (id WITH =)")
        """)

    assert "exclusion-under-lock" not in found
