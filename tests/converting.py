"""Convert the schema of one database for another one, and make it there, by the real servers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from tests import databases
from whimbrel import tables
from whimbrel.engines import base, inventory, portable, registry
from whimbrel.schema import convert


@dataclass(frozen=True, slots=True)
class Ends:
    """Two databases, with a session on each."""

    source: base.Session
    target: base.Session

    @property
    def found(self) -> dict[str, tables.Table]:
        """Return the tables that the source has."""
        return tables_of(self.source)

    @property
    def there(self) -> dict[str, tables.Table]:
        """Return the tables that the target has."""
        return tables_of(self.target)


def tables_of(session: base.Session) -> dict[str, tables.Table]:
    """Return the tables of a database by their names."""
    catalog = session.engine.catalog(session)
    found = {name: catalog.table(name) for name in catalog.tables()}
    session.rollback()
    return found


@contextlib.contextmanager
def ends(source: databases.Database, target: databases.Database) -> Iterator[Ends]:
    """Open both databases."""
    with contextlib.ExitStack() as stack:
        opened = []
        for database in (source, target):
            session = registry.open_session(database.url)
            stack.callback(session.close)
            opened.append(session)
        yield Ends(*opened)


@dataclass(slots=True)
class Wishes:
    """What a test asks for beside the plain schema."""

    rename: Callable[[str], str] = field(default=lambda name: name)
    leave_out: frozenset[str] = frozenset()


def wanted(ends: Ends, wishes: Wishes | None = None) -> list[convert.Wanted]:
    """Ask for every table of the source, as it is."""
    wishes = wishes or Wishes()
    return [
        convert.Wanted(
            source=table,
            target=wishes.rename(name),
            columns=tuple(
                convert.WantedColumn(name=wishes.rename(column.name), source=column.name)
                for column in table.columns
            ),
        )
        for name, table in ends.found.items()
        if name not in wishes.leave_out
    ]


def converted(
    ends: Ends,
    asked: Sequence[convert.Wanted] | None = None,
    *,
    things: Sequence[inventory.Thing] = (),
    database: str | None = None,
) -> convert.Schema:
    """Convert the schema; types are chosen as for empty tables."""
    asked = wanted(ends) if asked is None else asked
    source, target = ends.source.engine, ends.target.engine
    reading, writing = source.converter(ends.source), target.converter(ends.target)
    meanings, offers = {}, {}
    for one in asked:
        for column in one.columns:
            if column.source is None:
                continue
            place = one.target, column.name
            meaning = reading.meaning(one.source, one.source.column(column.source))
            meanings[place] = meaning
            offers[place] = writing.offer(
                meaning,
                portable.Facts(rows=0),
                table=one.target,
                column=column.name,
                key=_is_key(one.source, column.source),
            )
    for session in (ends.source, ends.target):
        session.rollback()
    made = convert.convert(
        asked,
        source=source,
        target=target,
        meanings=meanings,
        offers=offers,
        things=things,
        builder=target.builder(ends.target),
        database=database,
    )
    ends.target.rollback()
    return made


def _is_key(table: tables.Table, column: str) -> bool:
    parts: list[tuple[str | tables.Sql, ...]] = [table.primary_key]
    parts += [unique.columns for unique in table.uniques]
    parts += [index.columns for index in table.indexes]
    parts += [key.columns for key in table.foreign_keys]
    return any(column in part for part in parts)


def actions(schema: convert.Schema) -> list[convert.Action]:
    """Return all actions in their order."""
    found = list(schema.before)
    for step in ("before", "after", "foreign_keys", "validate"):
        for table in schema.tables:
            found += getattr(table, step)
    return [*found, *schema.last]


def make(session: base.Session, schema: convert.Schema) -> list[convert.NotConverted]:
    """Send every statement, and insist that each action is then seen to have happened.

    Return what the server refused of that which it may refuse.
    """
    refused: list[convert.NotConverted] = []
    catalog = session.engine.catalog(session)
    for action in actions(schema):
        assert not action.present(catalog), action
        try:
            _send(session, action)
        except sa.exc.DBAPIError as error:
            if not action.optional:
                raise
            session.rollback()
            refused.append(convert.refused(action, session.engine.cause(error)))
            continue
        assert action.repeatable or action.present(catalog), action
        session.rollback()
    return refused


def _send(session: base.Session, action: convert.Action) -> None:
    for statement in action.statements:
        result = session.execute(statement.sql)
        if statement.otherwise:
            assert result.rows is not None
            assert statement.must_be == result.rows[0][0], statement.otherwise
    session.commit()
