"""The check type-better-not."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_json_has_no_equality(look):
    found = look.found('self.execute("ALTER TABLE city ADD COLUMN facts json")')

    assert "warning" == found.get("type-better-not")


@each_engine
def test_jsonb_has(look):
    found = look.found('self.execute("ALTER TABLE city ADD COLUMN facts jsonb")')

    assert "type-better-not" not in found
