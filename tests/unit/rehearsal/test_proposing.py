"""Proposed rules as text: what TOML reads from it is what was proposed."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from whimbrel.rehearsal import assessment, proposing


def proposal(name: str, found: str = "", **options: object) -> assessment.Proposal:
    return assessment.Proposal(
        name=name, check="unique", options=options, says="", why="a key", found=found
    )


def test_rules_that_hold_are_sections_and_others_are_comments():
    text = proposing.toml(
        [
            proposal("a", table="t", columns=["x", "y"]),
            proposal("b", "2 rows\nare wrong", table="u"),
        ]
    )

    assert {"validate": {"a": {"check": "unique", "table": "t", "columns": ["x", "y"]}}} == (
        tomllib.loads(text)
    )
    assert "# does not hold yet: 2 rows are wrong\n# [validate.b]\n" in text


def test_two_rules_of_one_name_have_two_sections():
    text = proposing.toml([proposal("a", table="t"), proposal("a", table="u")])

    assert ["a", "a_2"] == list(tomllib.loads(text)["validate"])


def test_no_rules_are_no_text():
    assert "" == proposing.toml([])


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(table=TEXTS, columns=st.lists(TEXTS, min_size=1), number=st.integers(0, 10**12))
def test_any_names_and_words_come_back(table, columns, number):
    text = proposing.toml([proposal("one", table=table, columns=columns, at_least=number)])

    (said,) = tomllib.loads(text)["validate"].values()
    assert {"check": "unique", "table": table, "columns": columns, "at_least": number} == said
