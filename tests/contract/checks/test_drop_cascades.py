"""The check drop-cascades."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_cascade_drops_what_is_not_named(look):
    found = look.found('self.execute("DROP TABLE city CASCADE")')

    assert "warning" == found.get("drop-cascades")


@each_engine
def test_without_it_what_stands_on_a_table_is_refused(look):
    found = look.found('self.execute("DROP TABLE city")')

    assert "drop-cascades" not in found
