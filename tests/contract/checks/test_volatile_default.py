"""The check volatile-default."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql", "mariadb")


@each_engine
def test_a_default_that_differs_from_row_to_row_writes_the_table_anew(look):
    found = look.found("""
        random = "gen_random_uuid()" if self.engine == "postgresql" else "uuid()"
        self.add_column("person", "token", "uuid", default=sql(random))
        """)

    assert "error" == found.get("volatile-default")


@each_engine
def test_a_default_that_is_the_same_for_all_rows_stands_in_the_catalog(look):
    found = look.found('self.add_column("person", "token", "integer", default=5)')

    assert "volatile-default" not in found
