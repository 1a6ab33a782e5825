"""The check unbounded-delete."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_one_delete_of_all_rows_of_a_large_table_holds_them_all(look):
    found = look.found('self.execute("DELETE FROM person")')

    assert "error" == found.get("unbounded-delete")


@each_engine
def test_one_that_goes_in_batches_does_not(look):
    found = look.found('self.delete_rows("person")')

    assert "unbounded-delete" not in found
