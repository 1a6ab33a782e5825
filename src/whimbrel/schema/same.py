"""The schema of one database made again on the same engine, by the server's own texts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from whimbrel import tables as shapes
from whimbrel.engines import base, inventory
from whimbrel.engines.inventory import Kind, TableText, Thing
from whimbrel.schema.made import Action, MadeTable, NotConverted, Schema

# What tables may be made of: it comes before them, in its own order.
_FIRST: Final = frozenset(
    {Kind.EXTENSION, Kind.COLLATION, Kind.TYPE, Kind.DOMAIN, Kind.SEQUENCE, Kind.SCHEMA}
)


def copy_schema(
    texts: Mapping[str, TableText],
    things: Sequence[Thing],
    *,
    tables: Mapping[str, shapes.Table],
    counters: Mapping[str, Sequence[str]] | None = None,
) -> Schema:
    """Return what makes these tables and things again as they were.

    `texts` are those of the tables to be made, `tables` what the source's catalog says of them,
    `counters` their columns that count by themselves.
    """
    first, last, lost = _things(texts, things)
    ordered = inventory.arranged([(name, text.needs, name) for name, text in texts.items()])
    counting = counters or {}
    return Schema(
        tables=tuple(
            _table(name, texts[name], tables[name], tuple(counting.get(name, ())))
            for name in ordered
        ),
        before=tuple(first),
        # A trigger calls a routine; nothing needs a trigger.
        last=(*last, *(action for name in ordered for action in _last(name, texts[name]))),
        not_converted=tuple(lost),
    )


def _things(
    texts: Mapping[str, TableText], things: Sequence[Thing]
) -> tuple[list[Action], list[Action], list[NotConverted]]:
    first: list[Action] = []
    last: list[Action] = []
    lost: list[NotConverted] = []
    early = _needed(texts, things)
    for thing in things:
        if thing.table is not None and thing.table in texts:
            continue  # its table's text has it
        if not thing.statements:
            why = "it has no text by which it could be made again"
            lost.append(
                NotConverted(kind=thing.kind.value, name=thing.name, table=thing.table, why=why)
            )
            continue
        action = Action(
            kind=thing.kind.value,
            table=thing.table or thing.name,
            name=thing.name,
            statements=tuple(base.Statement(sql=sql) for sql in thing.statements),
        )
        (first if thing.kind in _FIRST or thing.name in early else last).append(action)
    return first, last, lost


def _needed(texts: Mapping[str, TableText], things: Sequence[Thing]) -> set[str]:
    """Return what tables need of things, and these of others; never what needs a table."""
    named = {thing.name: thing for thing in things}
    found: set[str] = set()
    asked = [name for text in texts.values() for name in text.needs]
    while asked:
        name = asked.pop()
        thing = named.get(name)
        if thing is None or name in found:
            continue
        found.add(name)
        asked += thing.needs
    return found


def _table(name: str, text: TableText, table: shapes.Table, counters: tuple[str, ...]) -> MadeTable:
    return MadeTable(
        source=name,
        target=table,
        before=(
            Action(
                kind="table",
                table=name,
                name=name,
                statements=tuple(base.Statement(sql=sql) for sql in text.create),
            ),
        ),
        after=_parts("key", name, text.after),
        foreign_keys=_parts("foreign key", name, text.foreign_keys),
        counters=counters,
    )


def _parts(kind: str, table: str, parts: Sequence[tuple[str, str]]) -> tuple[Action, ...]:
    return tuple(
        Action(kind=kind, table=table, name=name, statements=(base.Statement(sql=sql),))
        for name, sql in parts
    )


def _last(table: str, text: TableText) -> list[Action]:
    """Return what comes last; statements of one name, side by side, belong together."""
    found = []
    for name, group in itertools.groupby(text.last, key=lambda one: one[0]):
        statements = [sql for _, sql in group]
        kinds = [kind for kind in map(_kind, statements) if kind]
        kind = next((kind for kind in kinds if kind != "comment"), kinds[0] if kinds else "")
        found.append(
            Action(
                kind=kind or "setting",
                table=table,
                name=name,
                statements=tuple(base.Statement(sql=sql) for sql in statements),
                repeatable=kind in ("", "comment", "setting"),
            )
        )
    return found


def _kind(sql: str) -> str:
    """Return what a statement makes; '' for one that only sets something for the session."""
    words = sql.upper().split(maxsplit=4)
    if words[0] == "CREATE":
        known = {"TRIGGER", "POLICY", "RULE", "INDEX", "STATISTICS"}
        return next((word.lower() for word in words if word in known), "object")
    if words[0] == "COMMENT":
        return "comment"
    return "setting" if words[0] == "ALTER" else ""
