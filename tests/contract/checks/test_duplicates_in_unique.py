"""The check duplicates-in-unique."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_values_that_are_there_twice_forbid_a_unique_index(look):
    found = look.found('self.create_index("person", "age", unique=True)')

    assert "error" == found.get("duplicates-in-unique")


@each_engine
def test_values_that_differ_allow_it(look):
    found = look.found('self.create_index("person", "code", unique=True)')

    assert "duplicates-in-unique" not in found
