"""Propose rules by which a move can be checked: what the schema promises, and what the values show.

Every rule is asked at the moment that was looked at. One that does not hold is kept with what was
found, so that nobody takes it for true. How rules are asked is the work of `proof/asking`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import errors, tables
from whimbrel.engines import base, catalogs
from whimbrel.engines.forms import Family
from whimbrel.proof import asking, rulebook, rules, sides
from whimbrel.proof.rules import Check
from whimbrel.rehearsal import assessment, valued

# So few rows show nothing.
_TELLING_ROWS: Final = 20
# A list of words is short, is used often, and each word is short.
_MOST_WORDS: Final = 8
_ROWS_A_WORD: Final = 5
_LONGEST_WORD: Final = 40
_PLAIN_NAME: Final = re.compile(r"[^A-Za-z0-9_]+")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_MAIL: Final = r"^[^@ ]+@[^@ ]+\.[^@ ]+$"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """A rule that may be proposed; one that the schema promises stays if it does not hold."""

    check: Check
    options: Mapping[str, object]
    why: str
    promised: bool = False


def propose(
    seat: sides.Seat,
    table: tables.Table,
    looked: valued.Looked,
    known: Mapping[str, tables.Table],
) -> list[assessment.Proposal]:
    """Return the rules for one table whose values were all looked at; none for others."""
    if not looked.whole or looked.rows is None:
        return []
    catalog = _Known(seat.engine.catalog(seat.session), known)
    asker = asking.Asker(session=seat.session, read=seat.engine.dialect, known=catalog)
    found = []
    for wish in _wishes(seat, table, looked, known):
        made = _asked(asker, wish)
        if made is not None:
            found.append(made)
    return found


class _Known(catalogs.Overlay):
    """A catalog that was read before, so that no rule reads it again."""

    def __init__(self, real: base.Catalog, known: Mapping[str, tables.Table]) -> None:
        super().__init__(real)
        for name, table in known.items():
            self.put(name, table)

    def tables(self) -> list[str]:
        return sorted(self._over)


def _asked(asker: asking.Asker, wish: _Wish) -> assessment.Proposal | None:
    rule = rulebook.made(wish.check, wish.options)
    try:
        outcome = asker.ask(rule, rules.When.ALONE)
    except errors.BadRule:
        return None  # not for columns of such a type
    if not outcome.passed and not wish.promised:
        return None
    return assessment.Proposal(
        name=_name(rule),
        check=wish.check.value,
        options=wish.options,
        says=rule.says,
        why=wish.why,
        found="" if outcome.passed else outcome.found,
    )


def _name(rule: rules.Rule) -> str:
    parts = [rule.table, *rule.columns, rule.check.value]
    return _PLAIN_NAME.sub("_", "_".join(parts)).strip("_").lower() or "rule"


def _wishes(
    seat: sides.Seat,
    table: tables.Table,
    looked: valued.Looked,
    known: Mapping[str, tables.Table],
) -> Iterator[_Wish]:
    name = table.name
    if looked.rows:
        yield _Wish(
            check=Check.ROWS,
            options={"table": name, "at_least": looked.rows},
            why="so many rows were there",
        )
    for _, columns in valued.unique_keys(table):
        yield _Wish(
            check=Check.UNIQUE,
            options={"table": name, "columns": list(columns)},
            why="a key of the table",
            promised=True,
        )
    for key in table.foreign_keys:
        if key.ref_table in known:
            options = {"table": name, "columns": list(key.columns), "to": key.ref_table}
            if key.ref_columns and key.ref_columns != known[key.ref_table].primary_key:
                options["to_columns"] = list(key.ref_columns)
            yield _Wish(check=Check.REFERS, options=options, why="a foreign key", promised=True)
    if looked.rows >= _TELLING_ROWS if looked.rows is not None else False:
        yield from _shown(seat, table, looked)


def _shown(seat: sides.Seat, table: tables.Table, looked: valued.Looked) -> Iterator[_Wish]:
    """Yield what the values show, which nothing promises: warnings."""
    full = [
        column.name
        for column in table.columns
        if column.null
        and column.generated is None
        and column.name in looked.facts
        and looked.facts[column.name].nulls == 0
    ]
    for column in full:
        yield _Wish(
            check=Check.NOT_NULL,
            options={"table": table.name, "columns": [column], "severity": "warning"},
            why="it takes NULL, and none is there",
        )
    references = {name for key in table.foreign_keys for name in key.columns}
    for column, facts in looked.facts.items():
        meaning = looked.meanings[column]
        number = meaning.family in (Family.INTEGER, Family.DECIMAL, Family.FLOAT)
        keyed = column in references or column in table.primary_key
        if number and not keyed and facts.least is not None and facts.least >= 0:
            yield _Wish(
                check=Check.BETWEEN,
                options={
                    "table": table.name, "columns": [column], "least": 0, "severity": "warning",
                },
                why="no value is below zero",
            )  # fmt: skip
    texts = [
        column
        for column, facts in looked.facts.items()
        if looked.meanings[column].family is Family.TEXT
        and not looked.meanings[column].values
        and 0 < (facts.characters or 0)
    ]
    for column in texts:
        if "mail" in column.lower():
            yield _Wish(
                check=Check.MATCHES,
                options={
                    "table": table.name, "columns": [column], "pattern": _MAIL,
                    "severity": "warning",
                },
                why="every value looks like an address",
            )  # fmt: skip
    short = [one for one in texts if (looked.facts[one].characters or 0) <= _LONGEST_WORD]
    for column, words in _words(seat, table, short, looked.rows or 0):
        yield _Wish(
            check=Check.ONE_OF,
            options={
                "table": table.name, "columns": [column], "values": words, "severity": "warning",
            },
            why=f"{len(words)} words are used again and again",
        )  # fmt: skip


def _words(
    seat: sides.Seat, table: tables.Table, columns: Sequence[str], rows: int
) -> Iterator[tuple[str, list[str]]]:
    """Yield columns that hold few words, with these."""
    if not columns:
        return
    quote, source = seat.engine.quote, seat.engine.quote(table.name)
    counts = ", ".join(f"COUNT(DISTINCT {quote(one)})" for one in columns)
    found = seat.session.fetch(f"SELECT {counts} FROM {source}")[0]
    for column, count in zip(columns, found, strict=True):
        if not 1 < int(str(count)) <= min(_MOST_WORDS, rows // _ROWS_A_WORD):
            continue
        name = quote(column)
        values = seat.session.fetch(
            f"SELECT DISTINCT {name} FROM {source} WHERE {name} IS NOT NULL"
        )
        words = [row[0] for row in values]
        if all(isinstance(word, str) for word in words):
            yield column, sorted(str(word) for word in words)


# --- as text -----------------------------------------------------------------------------------


def toml(proposals: Iterable[assessment.Proposal]) -> str:
    """Return rules as sections of whimbrel.toml; those that do not hold stand there as comments."""
    sections = []
    taken: set[str] = set()
    for one in proposals:
        name = one.name
        number = 1
        while name in taken:
            number += 1
            name = f"{one.name}_{number}"
        taken.add(name)
        lines = [f"[validate.{_key(name)}]", f'check = "{one.check}"']
        lines += [f"{option} = {_value(value)}" for option, value in one.options.items()]
        if one.holds:
            sections.append("\n".join([f"# {one.why}", *lines]))
        else:
            said = f"# does not hold yet: {' '.join(one.found.split())}"
            sections.append("\n".join([said, *(f"# {line}" for line in lines)]))
    return "\n\n".join(sections) + ("\n" if sections else "")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(one) for one in value)}]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    letters = (letter if letter.isprintable() else f"\\U{ord(letter):08X}" for letter in text)
    return f'"{"".join(letters)}"'
