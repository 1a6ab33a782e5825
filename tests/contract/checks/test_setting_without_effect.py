"""The check setting-without-effect."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_set_local_ends_with_its_own_step_where_each_commits_by_itself(look):
    found = look.found(
        """
        self.execute("SET LOCAL work_mem = '64MB'")
        self.add_column("city", "b", "integer")
        """,
        attributes="transactional = False",
    )

    assert "error" == found.get("setting-without-effect")


@each_engine
def test_in_one_transaction_it_holds_to_the_end(look):
    found = look.found("""
        self.execute("SET LOCAL work_mem = '64MB'")
        self.add_column("city", "b", "integer")
        """)

    assert "setting-without-effect" not in found
