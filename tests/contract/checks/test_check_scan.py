"""The check check-scan."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql", "mariadb")


@each_engine
def test_a_check_is_asked_of_every_row_under_a_lock(look):
    found = look.found('self.add_check("person", "age >= 0")')

    assert "error" == found.get("check-scan")


@each_engine
def test_a_check_of_a_small_table_is_asked_in_a_moment(look):
    found = look.found('self.add_check("city", "id > 0")')

    assert "check-scan" not in found
