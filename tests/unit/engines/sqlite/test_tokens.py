"""SQLite's SQL as tokens."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.engines.sqlite import tokens

HARD = [
    "",
    "a'b''c'd",
    '"a""b"`c``d`[e]f]',
    "x'00ff' X'' 1e5 .5 0x1F 1_000 é$1 表",
    "/* a -- b */ -- c */\n/* open",
    "'open",
    '"open',
    "a--b\r\nc",
    "\ufeffCREATE",
    "a->>'$.b' <> -1",
]


@pytest.mark.parametrize("sql", HARD)
def test_the_tokens_joined_are_the_text(sql: str) -> None:
    assert sql == "".join(token.text for token in tokens.read(sql))


@given(st.text(alphabet="ab'\"`[]-/*\n (),x0é$", max_size=40))
def test_the_tokens_of_any_text_joined_are_the_text(sql: str) -> None:
    found = tokens.read(sql)

    assert sql == "".join(token.text for token in found)
    assert [token.start for token in found] == [
        sum(len(t.text) for t in found[:position]) for position in range(len(found))
    ]


def test_what_stands_in_strings_and_comments_is_one_token() -> None:
    found = tokens.read("'a, (b' /* c, ( */ \"d, (\" [e, (] `f, (` x'01' -- g, (")

    assert [
        ("STRING", "'a, (b'"),
        ("COMMENT", "/* c, ( */"),
        ("NAME", '"d, ("'),
        ("NAME", "[e, (]"),
        ("NAME", "`f, (`"),
        ("BLOB", "x'01'"),
        ("COMMENT", "-- g, ("),
    ] == [(t.sort.name, t.text) for t in found if t.sort is not tokens.Sort.SPACE]


@pytest.mark.parametrize(
    ("written", "name"),
    [("a", "a"), ('"a""b"', 'a"b'), ("`a``b`", "a`b"), ("[a b]", "a b"), ("'it''s'", "it's")],
)
def test_a_name_is_read_from_every_kind_of_quotes(written: str, name: str) -> None:
    assert name == tokens.unquoted(written)


def test_names_are_compared_as_the_engine_compares_them() -> None:
    assert tokens.same("Order", "oRDER")
    assert not tokens.same("É", "é")


@pytest.mark.parametrize("name", ["a", "Name", "order_id", "select", "key", "a b", "é", "1a", ""])
def test_a_plain_name_means_the_same_with_and_without_quotes(name: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t ({tokens.quote(name)}, other)")
        connection.execute("INSERT INTO t VALUES (1, 2)")
        try:
            as_it_is = connection.execute(f"SELECT {name} FROM t").fetchall()
        except sqlite3.OperationalError:
            as_it_is = []

    if tokens.is_plain(name):
        assert [(1,)] == as_it_is


def test_names_of_columns_are_found_in_an_expression() -> None:
    found = tokens.names_in("lower(Name) || [a b] || 'text' || \"q\" IS NOT NULL AND date > 5")

    assert {"name", "a b", "q", "date"} == found


def test_the_canonical_text_leaves_out_layout_and_style_of_quotes_only() -> None:
    canonical = tokens.canonical

    assert canonical("CREATE TABLE [t](\n a  INT)") == canonical('CREATE TABLE "t" ( a INT )')
    assert canonical("a /* x */") != canonical("a")
    assert canonical("DEFAULT 'a  b'") != canonical("DEFAULT 'a b'")
    assert canonical('"Order Details"') == canonical("[Order Details]")
    assert canonical('"select"') != canonical("select")


def test_the_first_word_is_found_behind_comments() -> None:
    assert "ALTER" == tokens.first_word("/* why */ -- because\n alter TABLE t")
    assert "" == tokens.first_word(" -- nothing")
