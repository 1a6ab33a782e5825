"""The check rows-break-check."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_rows_that_do_not_keep_a_check_forbid_it(look):
    found = look.found('self.add_check("person", "age > 0")')

    assert "error" == found.get("rows-break-check")


@each_engine
def test_a_check_that_all_rows_keep_or_do_not_know_is_allowed(look):
    found = look.found('self.add_check("person", "age >= 0")')

    assert "rows-break-check" not in found
