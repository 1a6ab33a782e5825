"""The check enum-value-in-transaction."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_a_value_cannot_be_used_in_the_transaction_that_adds_it(look):
    look.raw.execute("CREATE TYPE mood AS ENUM ('sad')")
    look.raw.execute("CREATE TABLE felt (m mood)")

    found = look.found("""
        self.execute("ALTER TYPE mood ADD VALUE 'calm'")
        self.execute("INSERT INTO felt VALUES ('calm')")
        """)

    assert "error" == found.get("enum-value-in-transaction")


@each_engine
def test_where_each_step_commits_by_itself_it_can(look):
    look.raw.execute("CREATE TYPE mood AS ENUM ('sad')")
    look.raw.execute("CREATE TABLE felt (m mood)")

    found = look.found(
        """
        self.execute("ALTER TYPE mood ADD VALUE 'calm'")
        self.execute("INSERT INTO felt VALUES ('calm')")
        """,
        attributes="transactional = False",
    )

    assert "enum-value-in-transaction" not in found
