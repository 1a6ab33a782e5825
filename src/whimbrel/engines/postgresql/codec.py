"""PostgreSQL writes rows in forms, hashes them and sums up the hashes.

What a value's text is made of is in `texts`.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from whimbrel import errors, tables
from whimbrel.engines import base, bulk, codec, forms, sqlcodec
from whimbrel.engines.postgresql import texts

if TYPE_CHECKING:
    import psycopg

    from whimbrel.engines.postgresql import session as sessions

_SETTINGS: Final = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmloption": "content",
}
# A type by its name: what it is, and of what.
_TYPE: Final = """
SELECT t.typtype::text, t.typcategory::text, format_type(t.typbasetype, t.typtypmod),
       CASE WHEN t.typelem <> 0 AND t.typlen = -1 THEN format_type(t.typelem, NULL) END,
       t.typname::text
  FROM pg_type t WHERE t.oid = to_regtype(%s)
"""
_SHOWN_TYPE: Final = "SELECT format_type(%s::oid, %s::int)"
_CURSOR: Final = "whimbrel_codec"
_FETCHED_ROWS: Final = 2_000
# The server takes no more arguments of a function.
_MOST_ARGUMENTS: Final = 90


class PostgresCodec(sqlcodec.SqlCodec):
    """Computes everything in one query each."""

    def __init__(self, session: sessions.PostgresSession) -> None:
        super().__init__(session)
        self._driver = session
        self._kinds: dict[str, texts.Kind] = {}
        info = session.driver.info
        self._texts_of = texts.Texts(info.parameter_status("server_encoding") or "UTF8")

    def prepare(self) -> None:
        """Set what texts depend on; no transaction may be open, or it would take them back."""
        if self._session.in_transaction:
            raise errors.RefusedError("a transaction is open where none may be")
        for name, value in _SETTINGS.items():
            self._session.execute(f"SET SESSION {name} = '{value}'")
        self._session.commit()

    # --- what columns are -----------------------------------------------------------------------

    def form(self, table: tables.Table, column: tables.FoundColumn) -> forms.Form:
        return self.kind(column.type).form

    def kind(self, type_: str) -> texts.Kind:
        """Return what a type is, which may have to be asked."""
        if type_ not in self._kinds:
            self._kinds[type_] = texts.kind(type_) or self._looked_up(type_)
        return self._kinds[type_]

    def _looked_up(self, type_: str) -> texts.Kind:
        with self._as_it_was():
            found = self._ask(_TYPE, [type_])
        if not found:
            return texts.other(type_)
        sort, category, base_type, element, name = (
            part.decode() if isinstance(part, bytes) else None for part in found[0]
        )
        if sort == "d" and base_type:
            return self.kind(base_type)
        if sort == "e":
            return texts.enum(type_)
        if category == "A" and element:
            return texts.array(self.kind(element), type_)
        if name == "citext":
            return texts.enum(type_)
        return texts.other(type_)

    def described(
        self, table: tables.Table, expression: str, *, query: str = ""
    ) -> tables.FoundColumn:
        sql = f"SELECT ({expression}) FROM {self._source(table, query)}"
        with self._as_it_was():
            self._session.begin()
            with bulk.driving(self._session), self._driver.driver.transaction(force_rollback=True):
                # Prepared, it is one statement, and is not run.
                self._parsed(table, expression, sql)
                found = self._driver.driver.pgconn.describe_prepared(b"")
                if found.nfields != 1:
                    raise self._not_understood(table, expression, "it is not one value")
            type_ = self._ask(_SHOWN_TYPE, [found.ftype(0), found.fmod(0)])[0][0]
        name = type_.decode() if isinstance(type_, bytes) else "unknown"
        return tables.FoundColumn(name=expression, type=name, null=True)

    def _parsed(self, table: tables.Table, expression: str, sql: str) -> None:
        import psycopg

        driver = self._driver.driver
        result = driver.pgconn.prepare(b"", sql.encode(driver.info.encoding))
        if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
            said = result.get_error_message(driver.info.encoding)
            raise self._not_understood(table, expression, " ".join(said.split()))

    # --- texts ----------------------------------------------------------------------------------

    def text(self, value: codec.Value) -> str:
        return f'({self.piece(value)})::text COLLATE "C"'

    def octets(self, value: codec.Value) -> str:
        return f"convert_to({self.text(value)}, 'UTF8')"

    def piece(self, value: codec.Value) -> str:
        """Return SQL whose output is the text of a value, as cheap as can be."""
        return self._texts_of.piece(value.sql, self.kind(value.column.type), value.form)

    def given(self, column: tables.FoundColumn, form: forms.Form) -> str:
        return texts.given(self.kind(column.type), form)

    def bytes_literal(self, data: bytes) -> str:
        return f"decode('{data.hex()}', 'hex')"

    def literal(self, column: tables.FoundColumn, form: forms.Form, text: bytes | None) -> str:
        return texts.literal(self.kind(column.type), form, text)

    # --- rows -----------------------------------------------------------------------------------

    def _hash(self, values: Sequence[codec.Value]) -> str:
        """Return SQL for the hash of a row.

        concat_ws() takes values as they are, which costs 0.7 of joining them with bars between;
        but it would leave a NULL out, which is nothing to concat().
        """
        parts: list[str] = []
        for null, group in itertools.groupby(values, key=lambda value: value.column.null):
            pieces = list(map(self._part, group))
            parts += _between_bars(pieces) if null else pieces
        return self._texts_of.md5(_joined(parts))

    def _part(self, value: codec.Value) -> str:
        """Return a value in a row's text, NULL where it is NULL."""
        piece = self.piece(value)
        if value.form.long:
            return self._texts_of.md5(f"({piece})::text")
        if value.form.bare:
            return piece
        length = self._texts_of.length(value.sql, piece, self.kind(value.column.type), value.form)
        return f"({length})::text || ':' || ({piece})::text"

    def _summed(self, scan: codec.Scan, digits: int) -> list[base.Row]:
        row = self._hash(scan.values)
        inner, bucket, grouped = f"('x' || {row})::bit(128) AS h", "NULL", ""
        if digits:
            # As a number: bits have no hashing, so that all rows would be sorted.
            grouped = " GROUP BY 1"
            if scan.key:
                key = f"left({self._hash(self._key(scan))}, {digits})"
                inner += f", ('x' || {key})::bit({4 * digits})::bigint AS b"
                bucket = "b"
            else:
                bucket = f"substring(h from 1 for {4 * digits})::bigint"
        # OFFSET keeps the subquery one of its own, so that each row is hashed once. Digits cut
        # from bits cost 0.4 of those that are cut from text and read as numbers.
        sql = (
            f"SELECT {bucket}, count(*), count(h), sum(substring(h from 1 for 60)::bigint), "
            "sum(substring(h from 65 for 60)::bigint) "
            f"FROM (SELECT {inner} FROM {self._from(scan)} OFFSET 0) AS s{grouped}"
        )
        return self._ask(sql, scan.params)

    def _texts(self, scan: codec.Scan) -> list[str]:
        nulls = [f"(({value.sql}) IS NULL)::int" for value in scan.values]
        return [*map(self.text, scan.values), " + ".join(nulls)]

    def _chosen(self, key: str, digits: int, buckets: Collection[int]) -> str:
        chosen = ", ".join(f"'{bucket:0{digits}x}'" for bucket in sorted(buckets))
        return f"left({key}, {digits}) IN ({chosen})"

    def _read(self, key: str) -> str:
        return f'{key} COLLATE "C"'

    def _ordered(self, key: str) -> str:
        return "1"

    # --- the driver -----------------------------------------------------------------------------

    def _ask(self, sql: str, params: Sequence[object]) -> list[base.Row]:
        self._session.begin()
        with bulk.driving(self._session), self._driver.driver.cursor() as cursor:
            as_bytes(cursor)
            return list(cursor.execute(sql, tuple(params)).fetchall())

    def _stream(self, sql: str, params: Sequence[object]) -> Generator[base.Row, None, None]:
        self._session.begin()
        with (
            bulk.driving(self._session),
            self._driver.driver.cursor(_CURSOR, scrollable=False) as cursor,
        ):
            as_bytes(cursor)
            cursor.itersize = _FETCHED_ROWS
            cursor.execute(sql, tuple(params))
            yield from cursor


def as_bytes(cursor: psycopg.Cursor[Any] | psycopg.ServerCursor[Any]) -> None:
    """Let texts come as the bytes that they are."""
    from psycopg import pq
    from psycopg.types import string

    cursor.format = pq.Format.BINARY
    cursor.adapters.register_loader("text", string.ByteaBinaryLoader)


def _between_bars(pieces: Sequence[str]) -> Iterator[str]:
    """Yield texts of pieces that can be NULL, some of them at a time."""
    for at in range(0, len(pieces), _MOST_ARGUMENTS // 2):
        some = pieces[at : at + _MOST_ARGUMENTS // 2]
        if len(some) == 1:
            yield f"coalesce(({some[0]})::text, '')"
        else:
            yield "concat(" + ", '|', ".join(some) + ")"


def _joined(parts: Sequence[str]) -> str:
    """Return one text of parts that are never NULL."""
    if len(parts) == 1:
        return f"({parts[0]})::text"
    if len(parts) <= _MOST_ARGUMENTS:
        return f"concat_ws('|', {', '.join(parts)})"
    some = [parts[at : at + _MOST_ARGUMENTS] for at in range(0, len(parts), _MOST_ARGUMENTS)]
    return _joined(list(map(_joined, some)))
