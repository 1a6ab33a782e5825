"""The check nulls-in-required."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql", "mariadb")


@each_engine
def test_rows_with_null_forbid_not_null(look):
    found = look.found('self.change_column("person", "note", "string", length=40, null=False)')

    assert "error" == found.get("nulls-in-required")


@each_engine
def test_a_column_without_null_may_become_not_null(look):
    found = look.found('self.change_column("person", "code", "string", length=40, null=False)')

    assert "nulls-in-required" not in found
