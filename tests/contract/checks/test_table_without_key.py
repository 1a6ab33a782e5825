"""The check table-without-key."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_a_table_without_a_key_is_walked_by_nobody(look):
    found = look.found('self.create_table("log", [self.column("line", "text")])')

    assert "warning" == found.get("table-without-key")


@each_engine
def test_a_table_with_a_key_is_fine(look):
    found = look.found("""
        key = self.column("id", "bigint", primary_key=True)
        self.create_table("log", [key, self.column("line", "text")])
        """)

    assert "table-without-key" not in found
