"""The check stored-column-added."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql", "mariadb")


@each_engine
def test_a_stored_column_is_written_into_every_row(look):
    found = look.found('self.add_column("person", "twice", "integer", generated="age * 2")')

    assert "error" == found.get("stored-column-added")


@each_engine
def test_a_small_table_is_written_in_a_moment(look):
    found = look.found('self.add_column("city", "twice", "integer", generated="id * 2")')

    assert "stored-column-added" not in found
