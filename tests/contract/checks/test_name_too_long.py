"""The check name-too-long."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql", "mariadb")


@each_engine
def test_a_name_that_is_too_long_is_cut_or_refused(look):
    found = look.found(f'self.create_index("city", "name", name="{70 * "n"}")')

    assert "error" == found.get("name-too-long")


@each_engine
def test_a_name_that_just_fits_is_kept(look):
    found = look.found(f'self.create_index("city", "name", name="{63 * "n"}")')

    assert "name-too-long" not in found
