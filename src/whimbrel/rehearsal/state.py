"""What a database is at a moment, as values that can be kept: its catalog, and sums of its rows.

The sums are those of `engines/codec`: equal exactly when the rows are, computed by the database.
By them two moments of one database are compared, of which only the later is still there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from whimbrel import errors, tables, words
from whimbrel.engines import base, codec, sqltext
from whimbrel.proof import pairs

# A wide table is summed as a whole alone: each column is one more walk through all rows.
MOST_COLUMNS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Sums over the rows of a table, and over each of its columns together with the key.

    `why` says why nobody knows; `keyless` that rows are not told apart.
    """

    whole: codec.Sum = codec.NOTHING
    columns: Mapping[str, codec.Sum] = dataclasses.field(default_factory=dict)
    keyless: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A database at a moment."""

    tables: Mapping[str, tables.Table]
    rows: Mapping[str, Rows]
    things: Mapping[tuple[str, str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is not as it was.

    `column` is "" where it is about a whole table; `kind` is catalog, order or rows.
    """

    kind: str
    table: str
    what: str
    column: str = ""

    def __str__(self) -> str:
        name = f"{self.table}.{self.column}" if self.column else self.table
        return f"{name}: {self.what}" if name else self.what

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "kind": self.kind,
            "table": self.table,
            "column": self.column or None,
            "what": self.what,
        }


CATALOG: Final = "catalog"
ORDER: Final = "order"
ROWS: Final = "rows"


def read(session: base.Session, *, deep: Collection[str] | None = None) -> State:
    """Read the state of a session's database; `deep` are tables whose columns are summed, too.

    None is all of them. Names are compared without regard to case.
    """
    engine = session.engine
    catalog = engine.catalog(session)
    known = {name: catalog.table(name) for name in catalog.tables()}
    things = {
        (one.kind.value, one.table or "", one.name): _plain(one.sql or one.body, engine.dialect)
        for one in engine.inventory(session).things()
        if not one.spans  # others may change it meanwhile
    }
    session.rollback()
    wanted = None if deep is None else {name.casefold() for name in deep}
    coder = engine.codec(session)
    coder.prepare()
    rows = {}
    for name, table in known.items():
        inside = wanted is None or name.casefold() in wanted
        rows[name] = _rows(session, coder, table, deep=inside)
        session.rollback()
    shapes = {name: _plainly(table, engine.dialect) for name, table in known.items()}
    return State(tables=shapes, rows=rows, things=things)


def _plain(sql: str, dialect: str) -> str:
    """Return SQL as it is compared: a name is the same in any quotes, blanks mean nothing."""
    try:
        found = sqltext.significant(sql, dialect)
    except errors.WhimbrelError:
        return " ".join(sql.split())
    name = sqltext.Sort.NAME
    return " ".join(one.text[1:-1] if one.sort is name else one.text for one in found)


def _plainly(table: tables.Table, dialect: str) -> tables.Table:
    """Return a table without what only says how it was written down."""

    def plain(sql: str | None) -> str | None:
        return None if sql is None else _plain(sql, dialect)

    return dataclasses.replace(
        table,
        sql=None,
        columns=tuple(
            dataclasses.replace(one, definition=None, generated=plain(one.generated))
            for one in table.columns
        ),
        checks=tuple(
            dataclasses.replace(one, sql=_plain(one.sql, dialect)) for one in table.checks
        ),
        indexes=tuple(
            dataclasses.replace(
                one,
                sql=None,
                where=plain(one.where),
                columns=tuple(
                    tables.Sql(_plain(each.text, dialect)) if isinstance(each, tables.Sql) else each
                    for each in one.columns
                ),
            )
            for one in table.indexes
        ),
    )


def _rows(session: base.Session, coder: codec.Codec, table: tables.Table, *, deep: bool) -> Rows:
    end = pairs.End(engine=session.engine, codec=coder, table=table)
    values = {one.name: end.value(one.name) for one in table.columns}
    # By name: a column that was removed and added again stands at the end.
    found = {name: value for name, value in sorted(values.items()) if value is not None}
    name = table.name
    try:
        whole = coder.total(codec.Scan(table=name, values=tuple(found.values())))
        columns: dict[str, codec.Sum] = {}
        if deep and len(found) <= MOST_COLUMNS:
            keys = [found[key] for key in table.primary_key if key in found]
            for column, value in found.items():
                scan = codec.Scan(table=name, values=(*keys, value))
                columns[column] = coder.total(scan)
    except errors.WhimbrelError as error:
        return Rows(why=error.what)
    return Rows(whole=whole, columns=columns, keyless=not table.primary_key)


# --- comparing ------------------------------------------------------------------------------


def compare(before: State, after: State) -> list[Change]:
    """Return what is not as it was, in words; nothing if all of it is."""
    return [*_catalog(before, after), *_data(before, after)]


def _catalog(before: State, after: State) -> Iterator[Change]:
    for name in sorted(before.tables.keys() | after.tables.keys()):
        was, now = before.tables.get(name), after.tables.get(name)
        if now is None:
            yield Change(kind=CATALOG, table=name, what="the table is gone")
        elif was is None:
            yield Change(kind=CATALOG, table=name, what="a table that was not there")
        else:
            yield from _table(was, now)
    for key in sorted(before.things.keys() | after.things.keys()):
        kind, table, name = key
        if key not in after.things:
            yield Change(kind=CATALOG, table=table, what=f"{kind} {name} is gone")
        elif key not in before.things:
            yield Change(kind=CATALOG, table=table, what=f"{kind} {name} was not there")
        elif before.things[key] != after.things[key]:
            yield Change(kind=CATALOG, table=table, what=f"{kind} {name} reads differently")


def _table(was: tables.Table, now: tables.Table) -> Iterator[Change]:
    name = was.name
    ours = {one.name: one for one in was.columns}
    theirs = {one.name: one for one in now.columns}
    for column in sorted(ours.keys() | theirs.keys()):
        if column not in theirs:
            yield Change(kind=CATALOG, table=name, column=column, what="the column is gone")
        elif column not in ours:
            yield Change(kind=CATALOG, table=name, column=column, what="it was not there")
        elif ours[column] != theirs[column]:
            yield Change(
                kind=CATALOG,
                table=name,
                column=column,
                what=_differs(ours[column], theirs[column]),
            )
    if ours == theirs and list(ours) != list(theirs):
        yield Change(kind=ORDER, table=name, what="its columns are in another order")
    for what, one, other in (
        ("primary key", (was.primary_key,), (now.primary_key,)),
        ("unique constraint", was.uniques, now.uniques),
        ("index", was.indexes, now.indexes),
        ("foreign key", was.foreign_keys, now.foreign_keys),
        ("check", was.checks, now.checks),
    ):
        mine, others = {_said(x): x for x in one}, {_said(x): x for x in other}
        for said in sorted(mine.keys() - others.keys()):
            yield Change(kind=CATALOG, table=name, what=f"{what} {said} is gone")
        for said in sorted(others.keys() - mine.keys()):
            yield Change(kind=CATALOG, table=name, what=f"{what} {said} was not there")
    if was.comment != now.comment:
        yield Change(kind=CATALOG, table=name, what="its comment is another")


def _said(thing: object) -> str:
    """Return a key or constraint as people know it again: its name and its columns."""
    name = getattr(thing, "name", None)
    columns = getattr(thing, "columns", thing)
    if isinstance(thing, tables.Check):
        return f"{name or ''}({' '.join(thing.sql.split())})"
    shown = ", ".join(map(str, columns)) if isinstance(columns, tuple) else str(columns)
    more = ""
    if isinstance(thing, tables.ForeignKey):
        more = f" to {thing.ref_table}({', '.join(thing.ref_columns)})"
    elif isinstance(thing, tables.Index):
        more = (
            f"{' unique' if thing.unique else ''}{f' where {thing.where}' if thing.where else ''}"
        )
    return f"{name or ''}({shown}){more}"


def _differs(was: tables.FoundColumn, now: tables.FoundColumn) -> str:
    said = []
    for field in dataclasses.fields(was):
        one, other = getattr(was, field.name), getattr(now, field.name)
        if one != other:
            said.append(f"{field.name.replace('_', ' ')} was {one!r} and is {other!r}")
    return "; ".join(said)


def _data(before: State, after: State) -> Iterator[Change]:
    for name in sorted(before.rows.keys() & after.rows.keys()):
        was, now = before.rows[name], after.rows[name]
        if was.why or now.why:
            yield Change(kind=ROWS, table=name, what=f"not compared: {was.why or now.why}")
            continue
        shared = [
            column.name
            for column in before.tables[name].columns
            if after.tables[name].has(column.name)
        ]
        same_columns = (
            len(shared) == len(before.tables[name].columns) == len(after.tables[name].columns)
        )
        if was.whole.rows != now.whole.rows:
            more = now.whole.rows - was.whole.rows
            said = f"{words.count(abs(more), 'row')} {'more' if more > 0 else 'fewer'}"
            yield Change(
                kind=ROWS,
                table=name,
                what=f"{said}: {was.whole.rows:,} before, {now.whole.rows:,} now",
            )
            continue
        if was.whole == now.whole and same_columns:
            continue
        changed = [
            column
            for column in shared
            if column in was.columns
            and column in now.columns
            and was.columns[column] != now.columns[column]
        ]
        for column in changed:
            yield Change(
                kind=ROWS, table=name, column=column, what="its values are not what they were"
            )
        if not changed and same_columns:
            yield Change(kind=ROWS, table=name, what="its rows are not what they were")
