"""The page about [rows] has every key, with the default that really holds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from whimbrel import pacing

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "rows-settings.md"
ROW = re.compile(r"^\| `(\w+)` \| `([^`]+)` \|", re.MULTILINE)


def written() -> dict[str, str]:
    return dict(ROW.findall(PAGE.read_text(encoding="utf-8")))


def test_every_key_of_rows_has_its_line_and_no_other_has():
    assert set(pacing.KEYS) == set(written())


@pytest.mark.parametrize("key", pacing.KEYS)
def test_the_default_on_the_page_is_the_one_that_holds(key):
    shown = tomllib.loads(f"value = {written()[key]}")["value"]

    assert getattr(pacing.DEFAULTS, key) == pacing.read(key, shown)
