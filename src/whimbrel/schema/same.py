"""The schema of one database made again on the same engine, by the server's own texts.

What comes before what is said by `inventory.parted`: types, sequences and routines stand between
the tables that they need and those that need them; views, rules and what else reads tables or
acts on rows comes behind everything. What is not wanted to act on a copy is not our judgement:
triggers are made as they were, and an inventory says of what it leaves asleep.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from whimbrel import tables as shapes
from whimbrel.engines import base, inventory
from whimbrel.engines.inventory import Kind, TableText, Thing
from whimbrel.schema.made import Action, MadeTable, NotConverted, Schema

_NO_TEXT: Final[Mapping[Kind, str]] = {
    Kind.PRIVILEGE: "rights and owners belong to the server; grant them there",
    Kind.SCHEMA: "only the schema of the session is moved",
    Kind.VIRTUAL_TABLE: "its rows are kept by a module; make it again there and fill it",
}
# What acts by itself, on statements or by the clock: not before all others are there.
_BEHIND_ALL: Final = frozenset({Kind.EVENT, Kind.TRIGGER})


def copy_schema(
    texts: Mapping[str, TableText],
    things: Sequence[Thing],
    *,
    tables: Mapping[str, shapes.Table],
    counters: Mapping[str, Sequence[str]] | None = None,
) -> Schema:
    """Return what makes these tables and things again as they were.

    `texts` are those of the tables to be made, `tables` what the source's catalog says of them,
    `counters` their columns that count by themselves. What no table needs may be refused by the
    server without harm to the rest.
    """
    early, late = inventory.parted(things, texts)
    needed = _needed(texts, things)
    known = {(one.name, one.statements): one for one in things if one.sql}
    counting = counters or {}
    made: list[MadeTable] = []
    waiting: list[Action] = []
    for name, statements in early:
        text = texts.get(name)
        if text is not None and statements == text.create:
            made.append(_table(name, text, tables[name], tuple(counting.get(name, ())), waiting))
            waiting = []
        else:
            thing = known[name, statements]
            waiting.append(_action(thing, optional=thing.name not in needed))
    if made:
        # Keys and indexes may need what no other table does.
        made[-1] = dataclasses.replace(made[-1], before=(*made[-1].before, *waiting))
    behind = [known[one] for one in late]
    return Schema(
        tables=tuple(made),
        before=() if made else tuple(waiting),
        last=(
            *(_action(one, optional=True) for one in behind if not _acts(one)),
            *(action for name in texts for action in _last(name, texts[name])),
            *(_action(one, optional=True) for one in behind if _acts(one)),
        ),
        not_converted=tuple(_lost(texts, things)),
        notes=tuple(f"{one.kind.value} {one.name}: {one.note}" for one in things if one.note),
    )


def _acts(thing: Thing) -> bool:
    return thing.table is None and thing.kind in _BEHIND_ALL


def _lost(texts: Mapping[str, TableText], things: Sequence[Thing]) -> Iterator[NotConverted]:
    views = {one.name for one in things if one.kind in (Kind.VIEW, Kind.MATERIALIZED_VIEW)}
    for thing in things:
        # The text of a table has all that belongs to it.
        if thing.table in texts or (thing.sql and (thing.table is None or thing.table in views)):
            continue
        why = _NO_TEXT.get(thing.kind, "it has no text by which it could be made again")
        yield NotConverted(
            kind=thing.kind.value, name=thing.name, table=thing.table, why=why, text=thing.sql
        )


def _needed(texts: Mapping[str, TableText], things: Sequence[Thing]) -> set[str]:
    """Return what tables need of things, and these of others."""
    needs = {thing.name: thing.needs for thing in things}
    found: set[str] = set()
    asked = [name for text in texts.values() for name in text.needs]
    while asked:
        name = asked.pop()
        if name not in found:
            found.add(name)
            asked += needs.get(name, ())
    return found


def _action(thing: Thing, *, optional: bool) -> Action:
    return Action(
        kind=thing.kind.value,
        table=thing.table or thing.name,
        name=thing.name,
        statements=tuple(base.Statement(sql=sql) for sql in thing.statements),
        optional=optional,
        # A setting that no catalog lists.
        repeatable=thing.kind is Kind.OTHER,
    )


def _table(
    name: str,
    text: TableText,
    table: shapes.Table,
    counters: tuple[str, ...],
    needed: Sequence[Action],
) -> MadeTable:
    create = Action(
        kind="table",
        table=name,
        name=name,
        statements=tuple(base.Statement(sql=sql) for sql in text.create),
    )
    return MadeTable(
        source=name,
        target=table,
        before=(*needed, create),
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
