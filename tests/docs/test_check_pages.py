"""Every check has its page, which begins with what it finds and ends with how to go on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from whimbrel.migrations.checks import checker

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "reference" / "checks"
TESTS = ROOT / "tests" / "contract" / "checks"
RULES = ROOT / "src" / "whimbrel" / "migrations" / "checks" / "rules"
PARTS = ["Why", "What is fine", "What to do"]

each_check = pytest.mark.parametrize("slug", checker.slugs())


def first_sentence(slug):
    return " ".join((PAGES / f"{slug}.md").read_text().split("\n\n")[1].split())


def test_every_check_has_a_page_a_test_and_a_file_and_none_is_left_over():
    names = {slug.replace("-", "_") for slug in checker.slugs()}

    assert set(checker.slugs()) == {page.stem for page in PAGES.glob("*.md")} - {"index"}
    assert names == {file.stem.removeprefix("test_") for file in TESTS.glob("test_*.py")}
    assert names == {file.stem for file in RULES.glob("*.py")} - {"__init__"}


@each_check
def test_the_page_of_a_check_has_all_its_parts(slug):
    text = (PAGES / f"{slug}.md").read_text()

    assert text.startswith(f"# {slug}\n\n")
    assert f"\n  [{slug}]\n```" in text
    assert PARTS == re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert f'self.accept("{slug}", reason=' in text


def test_the_index_lists_each_check_with_its_first_sentence():
    listed = dict(re.findall(r"^- \[([\w-]+)\]\([\w-]+\.md\): (.+)$", index(), re.MULTILINE))

    assert {slug: first_sentence(slug) for slug in checker.slugs()} == listed


def index():
    return (PAGES / "index.md").read_text()
