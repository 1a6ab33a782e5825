"""The check copy-asked-for."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("mariadb")


@each_engine
def test_a_statement_that_asks_for_a_copy_keeps_writers_out(look):
    found = look.found('self.execute("ALTER TABLE person ADD COLUMN b integer, ALGORITHM=COPY")')

    assert "error" == found.get("copy-asked-for")


@each_engine
def test_one_that_asks_for_the_way_in_place_does_not(look):
    found = look.found("""
        self.execute("ALTER TABLE person ADD COLUMN b integer, ALGORITHM=INPLACE")
        """)

    assert "copy-asked-for" not in found
