"""The check type-change-rewrites."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql", "mariadb")


@each_engine
def test_another_type_writes_the_table_anew(look):
    found = look.found('self.change_column("person", "age", "bigint")')

    assert "error" == found.get("type-change-rewrites")


@each_engine
def test_a_longer_varchar_changes_the_catalog_alone(look):
    found = look.found('self.change_column("person", "name", "string", length=50)')

    assert "type-change-rewrites" not in found
