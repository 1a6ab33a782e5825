"""The check wide-index."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_an_index_on_four_columns_is_about_as_large_as_the_table(look):
    found = look.found('self.create_index("person", ["name", "age", "note", "code"])')

    assert "warning" == found.get("wide-index")


@each_engine
def test_three_columns_are_fine(look):
    found = look.found('self.create_index("person", ["name", "age", "note"])')

    assert "wide-index" not in found
