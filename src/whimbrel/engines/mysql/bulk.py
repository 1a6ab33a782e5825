"""Many rows at once on MySQL and MariaDB: INSERT of many rows, a temporary table for updates.

Values are written into the statement here, column by column, which takes half the time of the
driver's own way; what is not written exactly is refused.
"""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from whimbrel import tables as shapes
from whimbrel.engines import base, bulk
from whimbrel.engines.mysql import faults

if TYPE_CHECKING:
    from whimbrel.engines.mysql import session as sessions

_TABLE: Final = "whimbrel_rows"
# The server is fastest with some hundred rows in a statement.
_STATEMENT_CHARACTERS: Final = 250_000
_PART_ROWS: Final = 1_000
# A character of utf8mb4 takes so many bytes at most.
_CHARACTER_BYTES: Final = 4
# Room in a packet for what stands around the rows.
_AROUND_BYTES: Final = 1_024
_MOST_ZEROS: Final = 400
_ZERO_IS_A_VALUE: Final = "NO_AUTO_VALUE_ON_ZERO"


class MysqlBulk(base.Bulk):
    """Reads row by row off the wire and writes statements of many rows."""

    def __init__(self, session: sessions.MysqlSession) -> None:
        self._session = session

    # --- reading ----------------------------------------------------------------------------

    def read(self, sql: str, params: Sequence[object], *, max_bytes: int) -> base.Fetched:
        """Return rows until they are about `max_bytes` large; at least one, if there is one.

        What a cut leaves has to be taken off the wire all the same: a LIMIT keeps it short.
        """
        import pymysql.cursors

        self._session.begin()
        streaming = pymysql.cursors.SSCursor
        with bulk.driving(self._session), self._session.driver.cursor(streaming) as cursor:
            cursor.execute(sql, tuple(params) or None)
            rows, more = bulk.gather(cursor.fetchmany, max_bytes=max_bytes)
            columns = tuple(str(column[0]) for column in cursor.description or ())
        return base.Fetched(columns=columns, rows=rows, more=more)

    # --- writing ----------------------------------------------------------------------------

    def insert(self, table: shapes.Table, columns: Sequence[str], rows: Sequence[base.Row]) -> int:
        if not rows:
            return 0
        with self._writing(), self._zeros(table, columns, rows):
            return self._insert(self._session.engine.quote(table.name), columns, rows)

    def update(
        self,
        table: shapes.Table,
        key: Sequence[str],
        columns: Sequence[str],
        rows: Sequence[base.Row],
    ) -> int:
        if not rows:
            return 0
        quote = self._session.engine.quote
        target = quote(table.name)
        keys = {f"k{at}": quote(name) for at, name in enumerate(key)}
        values = {f"v{at}": quote(name) for at, name in enumerate(columns)}
        taken = ", ".join(f"{name} AS {short}" for short, name in (keys | values).items())
        new = ", ".join(f"t.{name} = w.{short}" for short, name in values.items())
        found = " AND ".join(f"t.{name} = w.{short}" for short, name in keys.items())
        with self._writing():
            # It takes the types and the collations of the table. Neither statement commits.
            self._send(f"DROP TEMPORARY TABLE IF EXISTS {_TABLE}")
            self._send(
                f"CREATE TEMPORARY TABLE {_TABLE} ENGINE=InnoDB "
                f"SELECT {taken} FROM {target} LIMIT 0"
            )
            self._insert(_TABLE, list(keys | values), rows)
            # The rows are found by their keys, not the other way round.
            changed = self._send(
                f"UPDATE {_TABLE} AS w STRAIGHT_JOIN {target} AS t ON {found} SET {new}"
            )
            self._send(f"DROP TEMPORARY TABLE {_TABLE}")
        return changed

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._session.begin()
        with bulk.driving(self._session), bulk.all_or_none(self._session, self._send):
            yield

    @contextmanager
    def _zeros(
        self, table: shapes.Table, columns: Sequence[str], rows: Sequence[base.Row]
    ) -> Iterator[None]:
        """Keep a 0 in a column that counts by itself, where the server would count on."""
        counting = {column.name for column in table.columns if column.auto_increment}
        at = next((at for at, name in enumerate(columns) if name in counting), None)
        if at is None or all(row[at] for row in rows):
            yield
            return
        before = self._session.send("SELECT @@sql_mode")[0][0]
        self._send(f"SET sql_mode = '{before},{_ZERO_IS_A_VALUE}'")
        try:
            yield
        finally:
            self._send(f"SET sql_mode = '{before}'")

    def _insert(self, target: str, columns: Sequence[str], rows: Sequence[base.Row]) -> int:
        names = ", ".join(map(self._session.engine.quote, columns))
        head = f"INSERT INTO {target} ({names}) VALUES "
        room = int(str(self._session.send("SELECT @@max_allowed_packet")[0][0]))
        room -= _AROUND_BYTES + _CHARACTER_BYTES * len(head)
        most = min(_STATEMENT_CHARACTERS, max(room // _CHARACTER_BYTES, 1))
        changed, length = 0, 0
        pending: list[str] = []
        for row in self._texts(rows):
            if pending and length + len(row) > most:
                changed += self._send(head + ",".join(pending))
                pending, length = [], 0
            if len(row) > most and len(row.encode()) > room:
                raise _too_large()
            pending.append(row)
            length += len(row) + 1
        return changed + self._send(head + ",".join(pending))

    def _send(self, sql: str) -> int:
        with self._session.driver.cursor() as cursor:
            return int(cursor.execute(sql))

    # --- values -----------------------------------------------------------------------------

    def _texts(self, rows: Sequence[base.Row]) -> Iterator[str]:
        """Yield each row as (…, …), written some rows at a time."""
        writes = _writes(backslashes=self._backslashes())
        for start in range(0, len(rows), _PART_ROWS):
            part = rows[start : start + _PART_ROWS]
            columns = [bulk.by_kind(values, writes) for values in zip(*part, strict=True)]
            for row in zip(*columns, strict=True):
                yield f"({','.join(row)})"

    def _backslashes(self) -> bool:
        """Whether a backslash in a text is an escape, which sql_mode can say."""
        from pymysql.constants import SERVER_STATUS

        status = self._session.driver.server_status
        return not status & SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES


def conversions() -> dict[object, Any]:
    """Return how the driver reads and writes values, with dates read four times as fast."""
    from pymysql import converters
    from pymysql.constants import FIELD_TYPE

    def date(text: str) -> object:
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            return converters.convert_date(text)

    def moment(text: str) -> object:
        try:
            return dt.datetime.fromisoformat(text)
        except ValueError:
            return converters.convert_datetime(text)

    return {
        **converters.conversions,
        FIELD_TYPE.DATE: date,
        FIELD_TYPE.DATETIME: moment,
        FIELD_TYPE.TIMESTAMP: moment,
    }


def _too_large() -> Exception:
    from pymysql import err

    error: Exception = err.DataError(
        faults.TOO_LARGE, "Got a packet bigger than 'max_allowed_packet' bytes"
    )
    return error


def _writes(*, backslashes: bool) -> dict[type, bulk.Write]:
    """Return how values are written into a statement."""
    from pymysql import converters

    if backslashes:
        escape = converters.escape_string
    else:
        escape = _doubled

    def text(value: str) -> str:
        return f"'{escape(value)}'"

    def document(value: object) -> str:
        return text(bulk.document(value))

    return {**_WRITES, str: text, dict: document, list: document}


def _doubled(value: str) -> str:
    return value.replace("'", "''")


def _null(_: None) -> str:
    return "NULL"


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _integer(value: int) -> str:
    return format(value, "d")


def _double(value: float) -> str:
    if not math.isfinite(value):
        raise bulk.refuse(value, "it is no finite number")
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"  # without an exponent it would be a DECIMAL


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise bulk.refuse(value, "it is no finite number")
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _MOST_ZEROS:
        raise bulk.refuse(value, "it has too many digits")
    return format(value, "f")


def _bytes(value: bytes | bytearray | memoryview) -> str:
    return f"X'{value.hex()}'"


def _date(value: dt.date) -> str:
    return f"'{value.isoformat()}'"


def _moment(value: dt.datetime | dt.time) -> str:
    if value.tzinfo is not None:
        raise bulk.refuse(value, "it has a time zone, which no column here keeps")
    if isinstance(value, dt.datetime):
        return f"'{value.isoformat(' ')}'"
    return f"'{value.isoformat()}'"


def _span(value: dt.timedelta) -> str:
    whole = abs(value)
    minutes, seconds = divmod(whole.days * 86_400 + whole.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if value < dt.timedelta() else ""
    return f"'{sign}{hours:02d}:{minutes:02d}:{seconds:02d}.{whole.microseconds:06d}'"


def _uuid(value: uuid.UUID) -> str:
    return f"'{value}'"


_WRITES: Final[dict[type, bulk.Write]] = {
    type(None): _null,
    bool: _flag,
    int: _integer,
    float: _double,
    Decimal: _decimal,
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    dt.date: _date,
    dt.datetime: _moment,
    dt.time: _moment,
    dt.timedelta: _span,
    uuid.UUID: _uuid,
}
