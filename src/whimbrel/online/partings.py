"""Compare indexes and constraints before and after a change in place: which come, which go.

What stands on a renamed column is made again on the new one, under another name as long as the
old one has its own. What is new and forbids something waits until old code has gone.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from whimbrel import tables
from whimbrel.engines import ddl as ddls
from whimbrel.online import change as changes

Part = changes.Part
# What engines write differently around the same names.
_MARKS: Final = re.compile(r"[`\"\[\]()\s]")


def compared(
    before: tables.Table,
    after: tables.Table,
    *,
    removed: Sequence[str],
    renamed: Mapping[str, str],
    rename: Callable[[str], str],
) -> tuple[tuple[changes.Made, ...], tuple[Part, ...]]:
    """Return what comes, and what goes; `rename` writes new names into an expression."""
    old = set(removed)
    there = [_bare(part) for part in changes.parts(before)]
    # What a rename makes of the parts that are there: the same again, on the new column.
    followed = [_renamed(part, renamed, rename) for part in there]
    taken = {part.name for part in there if part.name}
    made: list[changes.Made] = []
    wanted: list[Part] = []
    for found in changes.parts(after):
        part = _renamed(_bare(found), renamed, rename)
        wanted.append(part)
        if part in there:
            continue
        inherited = any(_same(part, one) for one in followed)
        name = part.name or _named(before.name, part)
        here = name if name not in taken else _for_now(name)
        forbids = not isinstance(part, tables.Index) or part.unique
        early = inherited or not forbids
        made.append(changes.Made(part=dataclasses.replace(part, name=here), name=name, early=early))
    gone = []
    for part in there:
        if part in wanted:
            continue
        columns = columns_of(before, part)
        alone = columns <= old and len(columns) == 1
        if alone and not isinstance(part, tables.ForeignKey):
            continue  # it goes with its column
        gone.append(part)
    # A key may stand on an index.
    gone.sort(key=lambda part: not isinstance(part, tables.ForeignKey))
    return tuple(made), tuple(gone)


def _same(one: Part, other: Part) -> bool:
    """Whether two parts say the same, however their conditions are written."""
    if isinstance(one, tables.Check) and isinstance(other, tables.Check):
        return one.name == other.name and _plain(one.sql) == _plain(other.sql)
    return one == other


def _plain(text: str) -> str:
    return _MARKS.sub("", text).casefold()


def columns_of(table: tables.Table, part: Part) -> set[str]:
    """Return the columns that an index or constraint is about."""
    match part:
        case tables.Index():
            named = ddls.mentioned(table, part.where or "")
            for column in part.columns:
                named |= {column} if isinstance(column, str) else ddls.mentioned(table, column.text)
            return named
        case tables.Check():
            return ddls.mentioned(table, part.sql)
    return set(part.columns)


def _bare(part: Part) -> Part:
    """Return a part without the server's own text of it, which names columns too."""
    return dataclasses.replace(part, sql=None) if isinstance(part, tables.Index) else part


def _renamed(part: Part, renamed: Mapping[str, str], rename: Callable[[str], str]) -> Part:
    def name(column: str) -> str:
        return renamed.get(column, column)

    match part:
        case tables.Index():
            columns = tuple(
                name(one) if isinstance(one, str) else tables.Sql(rename(one.text))
                for one in part.columns
            )
            where = rename(part.where) if part.where else part.where
            return dataclasses.replace(part, columns=columns, where=where)
        case tables.Check():
            return dataclasses.replace(part, sql=rename(part.sql))
    return dataclasses.replace(part, columns=tuple(map(name, part.columns)))


def _named(table: str, part: Part) -> str:
    prefix = {"Index": "ix", "Unique": "uq", "ForeignKey": "fk", "Check": "ck"}
    columns = [] if isinstance(part, tables.Check) else [str(c) for c in part.columns]
    return tables.constraint_name(prefix[type(part).__name__], table, columns)


def _for_now(name: str) -> str:
    """Return the name that something has until the old one of its name goes."""
    return tables.constraint_name("live", name, ())
