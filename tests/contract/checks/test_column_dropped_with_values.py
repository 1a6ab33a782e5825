"""The check column-dropped-with-values."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_a_column_of_a_large_table_that_has_values_is_not_removed_without_a_word(look):
    found = look.found('self.remove_column("person", "age")')

    assert "error" == found.get("column-dropped-with-values")


@each_engine
def test_a_column_without_values_is(look):
    look.raw.execute("ALTER TABLE person ADD COLUMN gone integer")

    found = look.found('self.remove_column("person", "gone")')

    assert "column-dropped-with-values" not in found
