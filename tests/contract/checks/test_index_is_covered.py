"""The check index-is-covered."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_an_index_that_another_one_begins_with_answers_nothing_new(look):
    look.raw.execute("CREATE INDEX ix_age_name ON person (age, name)")

    found = look.found('self.create_index("person", "age")')

    assert "warning" == found.get("index-is-covered")


@each_engine
def test_the_beginning_of_an_index_is_not_its_second_column(look):
    look.raw.execute("CREATE INDEX ix_age_name ON person (age, name)")

    found = look.found('self.create_index("person", "name")')

    assert "index-is-covered" not in found
