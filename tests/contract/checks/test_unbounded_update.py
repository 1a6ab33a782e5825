"""The check unbounded-update."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_one_update_of_all_rows_of_a_large_table_holds_them_all(look):
    found = look.found('self.execute("UPDATE person SET age = age + 1")')

    assert "error" == found.get("unbounded-update")


@each_engine
def test_one_that_names_its_rows_does_not(look):
    found = look.found('self.execute("UPDATE person SET age = age + 1 WHERE id < 5")')

    assert "unbounded-update" not in found
