"""The check required-column-without-default."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_a_required_column_needs_a_value_for_the_rows_that_are_there(look):
    found = look.found('self.execute("ALTER TABLE city ADD COLUMN b integer NOT NULL")')

    assert "error" == found.get("required-column-without-default")


@each_engine
def test_with_a_default_it_has_one(look):
    found = look.found("""
        self.execute("ALTER TABLE city ADD COLUMN b integer NOT NULL DEFAULT 0")
        """)

    assert "required-column-without-default" not in found
