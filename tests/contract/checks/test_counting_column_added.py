"""The check counting-column-added."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql", "mariadb")

COUNTING = {"postgresql": "bigserial", "mariadb": "bigint AUTO_INCREMENT UNIQUE"}


@each_engine
def test_a_counting_column_numbers_every_row_under_a_lock(look):
    counting = COUNTING[look.database.kind]

    found = look.found(f'self.execute("ALTER TABLE person ADD COLUMN n {counting}")')

    assert "error" == found.get("counting-column-added")


@each_engine
def test_a_plain_column_stands_in_the_catalog(look):
    found = look.found('self.execute("ALTER TABLE person ADD COLUMN n bigint")')

    assert "counting-column-added" not in found
