"""The check foreign-key-without-index."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql")


@each_engine
def test_columns_that_refer_want_an_index(look):
    found = look.found('self.add_foreign_key("person", "city_id", "city", "id")')

    assert "warning" == found.get("foreign-key-without-index")


@each_engine
def test_an_index_that_the_same_migration_makes_will_do(look):
    found = look.found("""
        self.create_index("person", "city_id")
        self.add_foreign_key("person", "city_id", "city", "id")
        """)

    assert "foreign-key-without-index" not in found
