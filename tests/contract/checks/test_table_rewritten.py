"""The check table-rewritten."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_cluster_holds_a_large_table_while_it_is_written_anew(look):
    found = look.found('self.execute("CLUSTER person USING person_pkey")')

    assert "error" == found.get("table-rewritten")


@each_engine
def test_a_small_one_is_written_in_a_moment(look):
    found = look.found('self.execute("CLUSTER city USING city_pkey")')

    assert "table-rewritten" not in found
