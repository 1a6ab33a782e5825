"""The check orphans-in-foreign-key."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_a_row_that_refers_to_nothing_forbids_a_foreign_key(look):
    found = look.found('self.add_foreign_key("person", "city_id", "city", "id")')

    assert "error" == found.get("orphans-in-foreign-key")


@each_engine
def test_rows_that_refer_to_something_allow_it(look):
    found = look.found('self.add_foreign_key("city", "id", "person", "id")')

    assert "orphans-in-foreign-key" not in found
