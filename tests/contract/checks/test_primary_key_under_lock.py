"""The check primary-key-under-lock."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_a_primary_key_builds_its_index_under_a_lock(look):
    look.raw.execute("ALTER TABLE person DROP CONSTRAINT person_pkey")

    found = look.found('self.execute("ALTER TABLE person ADD PRIMARY KEY (id)")')

    assert "error" == found.get("primary-key-under-lock")


@each_engine
def test_a_key_of_a_small_table_is_built_in_a_moment(look):
    look.raw.execute("ALTER TABLE city DROP CONSTRAINT city_pkey")

    found = look.found('self.execute("ALTER TABLE city ADD PRIMARY KEY (id)")')

    assert "primary-key-under-lock" not in found
