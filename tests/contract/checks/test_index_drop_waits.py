"""The check index-drop-waits."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_dropping_an_index_of_a_large_table_waits_for_every_query(look):
    look.raw.execute("CREATE INDEX ix_age ON person (age)")

    found = look.found('self.remove_index("person", name="ix_age")')

    assert "warning" == found.get("index-drop-waits")


@each_engine
def test_dropping_an_index_of_a_small_table_is_done_in_a_moment(look):
    look.raw.execute("CREATE INDEX ix_name ON city (name)")

    found = look.found('self.remove_index("city", name="ix_name")')

    assert "index-drop-waits" not in found
