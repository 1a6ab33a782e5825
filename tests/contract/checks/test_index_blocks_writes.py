"""The check index-blocks-writes."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_an_index_of_a_large_table_keeps_writers_out(look):
    found = look.found('self.create_index("person", "age")')

    assert "error" == found.get("index-blocks-writes")


@each_engine
def test_an_index_of_a_small_table_or_one_built_concurrently_does_not(look):
    found = look.found('self.create_index("city", "name")')

    assert "index-blocks-writes" not in found
