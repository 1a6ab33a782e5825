"""Many rows at once on SQLite: one prepared statement, and values as SQLite keeps them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from whimbrel import tables as shapes
from whimbrel.engines import base, bulk
from whimbrel.engines.sqlite import tokens, types

if TYPE_CHECKING:
    from whimbrel.engines.sqlite import session as sessions

# The driver writes these as they are.
_PLAIN: Final[frozenset[type]] = frozenset({int, str, bytes, bool, type(None)})
# Beyond this many zeros a number is no longer written out.
_MOST_ZEROS: Final = 400
_INTEGERS: Final = range(-(2**63), 2**63)


class SqliteBulk(base.Bulk):
    """Reads lazily and writes by one statement that is prepared once."""

    def __init__(self, session: sessions.SqliteSession) -> None:
        self._session = session

    def read(self, sql: str, params: Sequence[object], *, max_bytes: int) -> base.Fetched:
        self._session.begin()
        with self._driving():
            cursor = self._session.driver.execute(sql, tuple(params))
            try:
                rows, more = bulk.gather(cursor.fetchmany, max_bytes=max_bytes)
                columns = tuple(str(column[0]) for column in cursor.description or ())
            finally:
                cursor.close()
        return base.Fetched(columns=columns, rows=rows, more=more)

    def insert(self, table: shapes.Table, columns: Sequence[str], rows: Sequence[base.Row]) -> int:
        names = ", ".join(map(tokens.quote, columns))
        marks = ", ".join("?" for _ in columns)
        sql = f"INSERT INTO {tokens.quote(table.name)} ({names}) VALUES ({marks})"
        return self._send(sql, table, columns, rows)

    def update(
        self,
        table: shapes.Table,
        key: Sequence[str],
        columns: Sequence[str],
        rows: Sequence[base.Row],
    ) -> int:
        # The values stand in the rows after the key, and in the statement before it.
        values = ", ".join(
            f"{tokens.quote(name)} = ?{at}" for at, name in enumerate(columns, len(key) + 1)
        )
        found = " AND ".join(f"{tokens.quote(name)} IS ?{at}" for at, name in enumerate(key, 1))
        sql = f"UPDATE {tokens.quote(table.name)} SET {values} WHERE {found}"
        return self._send(sql, table, (*key, *columns), rows)

    def _send(
        self, sql: str, table: shapes.Table, names: Sequence[str], rows: Sequence[base.Row]
    ) -> int:
        if not rows:
            return 0
        self._session.begin()
        driver = self._session.driver
        with self._driving(), bulk.all_or_none(self._session, driver.execute):
            try:
                return driver.executemany(sql, _adapted(rows, names, table)).rowcount
            except OverflowError as error:
                raise bulk.Unstorable(str(error)) from error

    @contextmanager
    def _driving(self) -> Iterator[None]:
        with bulk.driving(self._session), self._session.driving():
            yield


def _adapted(
    rows: Sequence[base.Row], names: Sequence[str], table: shapes.Table
) -> Iterable[Sequence[object]]:
    """Return rows whose values the driver writes exactly; raise Unstorable."""
    changed = False
    columns: list[Sequence[object]] = []
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        if set(map(type, values)) <= _PLAIN:
            columns.append(values)
            continue
        changed = True
        exact = _exact_in(table, name)
        columns.append(bulk.by_kind(values, {**_WRITES, Decimal: exact}))
    return zip(*columns, strict=True) if changed else rows


def _same(value: object) -> object:
    return value


def _number(value: float) -> float:
    if value != value:
        raise bulk.refuse(value, "SQLite keeps NaN as NULL")
    return value


def _moment(value: dt.datetime) -> str:
    return value.isoformat(" ")


def _exact_in(table: shapes.Table, name: str) -> Callable[[Decimal], str]:
    """Return how a decimal is written into a column: as its digits, if they stay."""
    declared = table.column(name).type.upper() if table.has(name) else ""
    affinity = types.affinity(declared)

    def write(value: Decimal) -> str:
        if not value.is_finite():
            raise bulk.refuse(value, "it is no finite number")
        exponent = value.as_tuple().exponent
        long = not isinstance(exponent, int) or abs(exponent) > _MOST_ZEROS
        text = str(value) if long else format(value, "f")
        if not _kept(value, affinity):
            raise bulk.refuse(
                value, f"column {name} ({declared or 'without a type'}) would round its digits"
            )
        return text

    return write


def _kept(value: Decimal, affinity: types.Affinity) -> bool:
    if affinity in (types.Affinity.TEXT, types.Affinity.BLOB):
        return True
    if Decimal(repr(float(value))) == value:
        return True
    if affinity is types.Affinity.REAL:
        return False
    return value == value.to_integral_value() and int(value) in _INTEGERS


_WRITES: Final[dict[type, bulk.Write]] = {
    **dict.fromkeys(_PLAIN, _same),
    float: _number,
    dt.datetime: _moment,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    uuid.UUID: str,
    bytearray: bytes,
    memoryview: bytes,
    dict: bulk.document,
    list: bulk.document,
}
