"""Many rows at once on PostgreSQL: a cursor of the server's, COPY, a temporary table.

JSON is read as its text, so that no digit and no key of it gets lost; a dict or a list is
written as JSON, unless its column is an array. An interval is a timedelta where that says all
of it, and its text otherwise.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from whimbrel import tables as shapes
from whimbrel.engines import base, bulk

if TYPE_CHECKING:
    import psycopg

    from whimbrel.engines.postgresql import session as sessions

_CURSOR: Final = "whimbrel_rows"
_QUERIES: Final = ("SELECT", "VALUES", "TABLE", "WITH")
_OURS: Final = (dict, list, dt.timedelta, uuid.UUID)
_JSON: Final = ("json", "jsonb")
# The rows are there by their keys; the planner, who does not know how many rows the temporary
# table has, would rather read the other one whole.
_BY_KEY: Final = """
SELECT current_setting('enable_hashjoin'), current_setting('enable_mergejoin'),
       set_config('enable_hashjoin', %s, true), set_config('enable_mergejoin', %s, true)
"""
_BASE_TYPE: Final = """
WITH RECURSIVE types AS (
    SELECT t.oid, t.typbasetype FROM pg_type t WHERE t.oid = %s::regtype
     UNION ALL
    SELECT b.oid, b.typbasetype FROM types JOIN pg_type b ON b.oid = types.typbasetype
)
SELECT format_type(oid, NULL) FROM types WHERE typbasetype = 0
"""


class PostgresBulk(base.Bulk):
    """Reads by a server's cursor and writes by COPY."""

    def __init__(self, session: sessions.PostgresSession) -> None:
        self._session = session

    # --- reading ----------------------------------------------------------------------------

    def read(self, sql: str, params: Sequence[object], *, max_bytes: int) -> base.Fetched:
        self._session.begin()
        with bulk.driving(self._session), self._cursor(sql) as cursor:
            _lose_nothing(cursor)
            cursor.execute(sql, tuple(params) or None)
            rows, more = bulk.gather(cursor.fetchmany, max_bytes=max_bytes)
            columns = tuple(column.name for column in cursor.description or ())
        return base.Fetched(columns=columns, rows=rows, more=more)

    def _cursor(self, sql: str) -> psycopg.Cursor[Any] | psycopg.ServerCursor[Any]:
        if sql.lstrip(" \t\n(").upper().startswith(_QUERIES):
            return self._session.driver.cursor(_CURSOR, scrollable=False)
        return self._session.driver.cursor()  # DELETE … RETURNING has no cursor of the server's

    # --- writing ----------------------------------------------------------------------------

    def insert(self, table: shapes.Table, columns: Sequence[str], rows: Sequence[base.Row]) -> int:
        if not rows:
            return 0
        self._session.begin()
        quote = self._session.engine.quote
        with bulk.driving(self._session), self._session.driver.cursor() as cursor:
            return self._copy(
                cursor,
                f"{quote(table.name)} ({', '.join(map(quote, columns))})",
                self._adapted(table, columns, rows),
            )

    def update(
        self,
        table: shapes.Table,
        key: Sequence[str],
        columns: Sequence[str],
        rows: Sequence[base.Row],
    ) -> int:
        if not rows:
            return 0
        self._session.begin()
        quote = self._session.engine.quote
        target = quote(table.name)
        keys = {f"k{at}": quote(name) for at, name in enumerate(key)}
        values = {f"v{at}": quote(name) for at, name in enumerate(columns)}
        taken = ", ".join(f"{name} AS {short}" for short, name in (keys | values).items())
        new = ", ".join(f"{name} = w.{short}" for short, name in values.items())
        found = " AND ".join(f"t.{name} = w.{short}" for short, name in keys.items())
        with bulk.driving(self._session), self._session.driver.cursor() as cursor:
            # It takes the types of the table; it must not outlive the statement, or a type that
            # is dropped later would still be in use.
            cursor.execute(
                f"CREATE TEMPORARY TABLE {_CURSOR} ON COMMIT DROP AS "
                f"SELECT {taken} FROM {target} WITH NO DATA"
            )
            self._copy(cursor, f"pg_temp.{_CURSOR}", self._adapted(table, (*key, *columns), rows))
            before = cursor.execute(_BY_KEY, ("off", "off")).fetchone() or ("on", "on")
            cursor.execute(
                f"UPDATE {target} AS t SET {new} FROM pg_temp.{_CURSOR} AS w WHERE {found}"
            )
            changed = cursor.rowcount
            cursor.execute(_BY_KEY, before[:2])
            cursor.execute(f"DROP TABLE pg_temp.{_CURSOR}")
        return changed

    def _copy(
        self, cursor: psycopg.Cursor[Any], target: str, rows: Sequence[Sequence[object]]
    ) -> int:
        with cursor.copy(f"COPY {target} FROM STDIN") as copy:
            write = copy.write_row
            for row in rows:
                write(row)
        return cursor.rowcount

    # --- values -----------------------------------------------------------------------------

    def _adapted(
        self, table: shapes.Table, names: Sequence[str], rows: Sequence[base.Row]
    ) -> Sequence[Sequence[object]]:
        """Return rows whose values the driver writes exactly; raise Unstorable."""
        changed = False
        columns: list[Sequence[object]] = []
        for name, values in zip(names, zip(*rows, strict=True), strict=True):
            kinds = set(map(type, values))
            type_ = table.column(name).type if table.has(name) else ""
            if type_ not in _JSON and not any(issubclass(kind, _OURS) for kind in kinds):
                columns.append(values)
                continue
            changed = True
            if type_ not in _JSON and any(issubclass(kind, list) for kind in kinds):
                type_ = self._base_type(type_)
            columns.append([_written(value, type_) for value in values])
        return list(zip(*columns, strict=True)) if changed else rows

    def _base_type(self, type_: str) -> str:
        """Return what a domain is made of; a list is an array in one, and JSON in another."""
        if not type_ or type_.endswith("]"):
            return type_
        found = self._session.driver.execute(_BASE_TYPE, (type_,)).fetchone()
        return str(found[0]) if found else type_


def _written(value: object, type_: str) -> object:
    if isinstance(value, dt.timedelta):
        return bulk.span(value)
    if isinstance(value, uuid.UUID):
        return str(value)  # the driver leaves out what a column of texts would miss
    if type_.endswith("]") and isinstance(value, list):
        element = type_[: type_.index("[")]
        return [_written(item, type_ if isinstance(item, list) else element) for item in value]
    if isinstance(value, (dict, list)):
        return bulk.document(value)
    if type_ in _JSON and isinstance(value, bool):
        return bulk.document(value)
    return value


def _lose_nothing(cursor: psycopg.Cursor[Any] | psycopg.ServerCursor[Any]) -> None:
    import psycopg
    from psycopg.types import datetime, string

    class Interval(datetime.IntervalLoader):
        """A timedelta where it says all of an interval; months and mixed signs stay a text."""

        def load(self, data: bytes | bytearray | memoryview) -> Any:
            text = bytes(data).decode()
            try:
                value = super().load(data)
            except (NotImplementedError, psycopg.DataError):
                return text
            return value if bulk.span(value) == text else text

    for name in ("json", "jsonb"):
        cursor.adapters.register_loader(name, string.TextLoader)
    cursor.adapters.register_loader("interval", Interval)
