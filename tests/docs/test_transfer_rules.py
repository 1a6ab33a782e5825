"""The pages about rules of a transfer: every rule and option is there, and examples are read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from whimbrel import config
from whimbrel.rows import cleanse
from whimbrel.transfers import rulebook

DOCS = Path(__file__).resolve().parents[2] / "docs"
REFERENCE = (DOCS / "reference/transfer-rules.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "how-to/cleanse-legacy-data.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECTION = re.compile(r"^### (\w+)\n(.*?)(?=^#|\Z)", re.DOTALL | re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    return [body for name, body in FENCE.findall(page) if name == language]


def read(text: str, folder: Path) -> rulebook.Mapping:
    (folder / "whimbrel.toml").write_text(text, encoding="utf-8")
    (said,) = config.read(folder / "whimbrel.toml").transfers.values()
    return rulebook.read(said)


def test_every_rule_has_its_section_and_no_other():
    assert list(cleanse.RULES) == sorted(
        dict(SECTION.findall(REFERENCE)), key=list(cleanse.RULES).index
    )


@pytest.mark.parametrize("name", cleanse.RULES)
def test_every_option_of_a_rule_is_named(name):
    rule = cleanse.RULES[name]
    text = dict(SECTION.findall(REFERENCE))[name]

    options = [one for one in rule.takes if one not in (rule.main, "invalid")]
    assert [] == [one for one in options if f"{one} =" not in text]
    taking = REFERENCE.partition("It is an option of")[2].partition(".")[0]
    assert ("invalid" in rule.takes) == (f"`{name}`" in taking)


def test_every_option_of_a_table_and_of_a_transfer_is_listed():
    rows = set(re.findall(r"^\| `(\w+)` \|", REFERENCE, re.MULTILINE))

    assert set() == {*rulebook._OPTIONS, *rulebook._TRANSFER, "function"} - rows


@pytest.mark.parametrize("text", [*blocks(REFERENCE, "toml"), *blocks(HOW_TO, "toml")])
def test_what_is_shown_in_toml_is_read(text, tmp_path):
    made = read(text, tmp_path)

    assert made.entries or made.cleanse


def test_toml_and_python_say_the_same(tmp_path):
    (shown,) = blocks(REFERENCE, "toml")
    (code,) = blocks(REFERENCE, "python")
    names: dict[str, object] = {"rulebook": rulebook}
    exec(code.replace("import whimbrel", "").replace("whimbrel.Mapping", "rulebook.Mapping"), names)

    written, there = names["rules"], read(shown, tmp_path)

    assert isinstance(written, rulebook.Mapping)
    assert there.entries == written.entries
    assert (there.name, there.exclude, there.rename) == (
        written.name, written.exclude, written.rename,
    )  # fmt: skip


def test_the_function_that_is_shown_does_what_it_says():
    (code,) = blocks(HOW_TO, "python")
    names: dict[str, object] = {}
    exec(code, names)
    customer = names["customer"]
    assert callable(customer)

    row = {"name": "Ann Lee", "email": "a@b.de"}
    assert {**row, "first_name": "Ann", "last_name": "Lee"} == customer(row)
    assert customer({"name": "x", "email": "t@example.com"}) is None
