"""MySQL and MariaDB write rows in forms, hash them and sum up the hashes.

What a value's text is made of is in `texts`.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from typing import TYPE_CHECKING, Any, Final

from whimbrel import errors, tables
from whimbrel.engines import base, bulk, codec, forms, sqlcodec
from whimbrel.engines.mysql import texts

if TYPE_CHECKING:
    from whimbrel.engines.mysql import session as sessions

_BINARY_CHARSET: Final = 63
_HASH: Final = "@whimbrel_hash"


class MysqlCodec(sqlcodec.SqlCodec):
    """Computes everything in one query each."""

    def __init__(self, session: sessions.MysqlSession) -> None:
        super().__init__(session)
        self._driver = session
        self._texts_of = texts.Texts()
        self._hashes_once = True
        # Which columns are JSON is said by their table.
        self._kinds: dict[tables.FoundColumn, texts.Kind] = {}

    def prepare(self) -> None:
        """Set what texts depend on, for the session."""
        self._driver.send("SET SESSION time_zone = '+00:00'")
        self._driver.send(
            "SET SESSION sql_mode = REPLACE(@@sql_mode, 'PAD_CHAR_TO_FULL_LENGTH', '')"
        )

    # --- what columns are -----------------------------------------------------------------------

    def form(self, table: tables.Table, column: tables.FoundColumn) -> forms.Form:
        self._kinds[column] = texts.kind(table, column)
        return self._kinds[column].form

    def kind(self, column: tables.FoundColumn) -> texts.Kind:
        """Return what a column is, as its table said or else by its type alone."""
        found = self._kinds.get(column)
        if found is None:
            found = texts.kind(tables.Table(name="", columns=(column,)), column)
        return found

    def described(
        self, table: tables.Table, expression: str, *, query: str = ""
    ) -> tables.FoundColumn:
        engine = self._session.engine
        sql = f"SELECT ({expression}) FROM {self._source(table, query)} LIMIT 0"
        driver_error = self._session.connection.dialect.loaded_dbapi.Error
        with self._as_it_was():
            self._session.begin()
            try:
                with self._driver.driver.cursor() as cursor:
                    cursor.execute(sql)
                    fields = cursor._result.fields
            except driver_error as error:
                if engine.fault(error) is base.Fault.GONE:
                    raise
                raise self._not_understood(table, expression, engine.cause(error)) from error
        if len(fields) != 1:
            raise self._not_understood(table, expression, "it is not one value")
        return tables.FoundColumn(name=expression, type=_type_of(fields[0]), null=True)

    # --- texts ----------------------------------------------------------------------------------

    def text(self, value: codec.Value) -> str:
        return f"CAST({self.piece(value)} AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_bin"

    def octets(self, value: codec.Value) -> str:
        return f"CAST({self.piece(value)} AS BINARY)"

    def piece(self, value: codec.Value) -> str:
        """Return SQL whose output is the text of a value, as cheap as can be."""
        of = self.kind(value.column)
        return self._texts_of.piece(value.sql, of, value.column, value.form)

    def given(self, column: tables.FoundColumn, form: forms.Form) -> str:
        return texts.given(self.kind(column), form)

    def literal(self, column: tables.FoundColumn, form: forms.Form, text: bytes | None) -> str:
        return texts.literal(self.kind(column), form, text)

    # --- rows -----------------------------------------------------------------------------------

    def _hash(self, values: Sequence[codec.Value]) -> str:
        # Not CONCAT_WS: what is too large is NULL and has to make the whole row NULL.
        return "MD5(CONCAT(" + ", '|', ".join(map(self._part, values)) + "))"

    def _part(self, value: codec.Value) -> str:
        """Return arguments of CONCAT for a value in a row's text."""
        piece = self.piece(value)
        if value.form.bare:
            part = f"MD5({piece})" if value.form.long else piece
            return f"IF({value.sql} IS NULL, '', {part})" if value.column.null else part
        part = f"LENGTH({piece}), ':', {piece}"
        return f"IF({value.sql} IS NULL, '', CONCAT({part}))" if value.column.null else part

    def _summed(self, scan: codec.Scan, digits: int) -> list[base.Row]:
        if self._hashes_once:
            # No row has been hashed yet: whoever reads the variable too early finds NULL.
            self._driver.send(f"SET {_HASH} = NULL")
            rows = self._ask(self._sums(scan, digits, once=True), scan.params)
            if all(hashes == read for _, _, hashes, _, _, read in rows):
                return [row[:5] for row in rows]
            self._hashes_once = False
        return self._ask(self._sums(scan, digits, once=False), scan.params)

    def _sums(self, scan: codec.Scan, digits: int, *, once: bool) -> str:
        """Return the query for the sums.

        The hash of a row is kept in a variable for its lanes, which costs half of hashing it
        twice: derived tables would be merged, or written to disk. The servers compute what is
        selected from left to right but do not promise it: hence the count of what was read.
        """
        row = self._hash(scan.values)
        bucket, grouped = "NULL", ""
        if digits:
            bucket = f"CAST(LEFT({self._hash(self._key(scan))}, {digits}) AS BINARY)"
            grouped = " GROUP BY 1 ORDER BY NULL"
        hash_, read = (f"{_HASH} := {row}", _HASH) if once else (row, row)
        high, low = (
            f"SUM(CAST(CONV({digits}, 16, 10) AS UNSIGNED))"
            for digits in (f"LEFT({read}, 15)", f"SUBSTR({read}, 17, 15)")
        )
        seen = f", COUNT({_HASH})" if once else ""
        return (
            f"SELECT {bucket}, COUNT(*), COUNT({hash_}), {high}, {low}{seen} "
            f"FROM {self._from(scan)}{grouped}"
        )

    def _texts(self, scan: codec.Scan) -> list[str]:
        found = [f"CAST({self.piece(value)} AS BINARY)" for value in scan.values]
        return [*found, " + ".join(f"({value.sql} IS NULL)" for value in scan.values)]

    def _chosen(self, key: str, digits: int, buckets: Collection[int]) -> str:
        chosen = ", ".join(f"'{bucket:0{digits}x}'" for bucket in sorted(buckets))
        return f"LEFT({key}, {digits}) IN ({chosen})"

    def _ordered(self, key: str) -> str:
        return "1"

    def _read(self, key: str) -> str:
        return f"CAST({key} AS BINARY)"

    def lost(self, what: str) -> errors.RefusedError:
        most = self._driver.send("SELECT @@max_allowed_packet")[0][0]
        return errors.RefusedError(
            f"{what} is too large for the database to write as text",
            database=self._session.url,
            cause=f"its text is longer than max_allowed_packet, which is {most} bytes",
            remedy="raise max_allowed_packet on the server (the most is 1 GB) and connect again",
        )

    # --- the driver -----------------------------------------------------------------------------

    def _ask(self, sql: str, params: Sequence[object]) -> list[base.Row]:
        self._session.begin()
        with bulk.driving(self._session), self._driver.driver.cursor() as cursor:
            cursor.execute(sql, tuple(params))
            return list(cursor.fetchall())

    def _stream(self, sql: str, params: Sequence[object]) -> Generator[base.Row, None, None]:
        import pymysql.cursors

        self._session.begin()
        streaming = pymysql.cursors.SSCursor
        with bulk.driving(self._session), self._driver.driver.cursor(streaming) as cursor:
            cursor.execute(sql, tuple(params))
            yield from cursor


def _type_of(field: Any) -> str:
    """Return the type of a result's column as the catalog would write it."""
    from pymysql.constants import FIELD_TYPE, FLAG

    code, flags = field.type_code, field.flags
    binary = field.charsetnr == _BINARY_CHARSET
    unsigned = " unsigned" if flags & FLAG.UNSIGNED else ""
    integers = {
        FIELD_TYPE.TINY: "tinyint",
        FIELD_TYPE.SHORT: "smallint",
        FIELD_TYPE.INT24: "mediumint",
        FIELD_TYPE.LONG: "int",
        FIELD_TYPE.LONGLONG: "bigint",
    }
    times = {
        FIELD_TYPE.TIME: "time",
        FIELD_TYPE.DATETIME: "datetime",
        FIELD_TYPE.TIMESTAMP: "timestamp",
    }
    blobs = (FIELD_TYPE.TINY_BLOB, FIELD_TYPE.BLOB, FIELD_TYPE.MEDIUM_BLOB, FIELD_TYPE.LONG_BLOB)
    if code in integers:
        return integers[code] + unsigned
    if code in (FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL):
        return (
            f"decimal({field.length - (field.scale > 0) - (not unsigned)},{field.scale}){unsigned}"
        )
    if code in times:
        return f"{times[code]}({field.scale})" if field.scale else times[code]
    if code == FIELD_TYPE.FLOAT:
        return "float"
    if code == FIELD_TYPE.DOUBLE:
        # Where its text would have so many digits behind the point only.
        return "double" if field.scale >= 31 else f"double({field.length},{field.scale})"
    if code in (FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE):
        return "date"
    if code == FIELD_TYPE.YEAR:
        return "year(4)"
    if code == FIELD_TYPE.BIT:
        return f"bit({field.length})"
    if code == FIELD_TYPE.JSON:
        return "json"
    if code == FIELD_TYPE.GEOMETRY:
        return "geometry"
    if code in blobs:
        return "longblob" if binary else "longtext"
    if flags & FLAG.SET:
        return "set"
    if flags & FLAG.ENUM:
        return "enum"
    if binary:
        return f"varbinary({field.length})"
    # An expression of that type may end with blanks, the column does not.
    return "char" if code == FIELD_TYPE.STRING and field.org_name else "varchar"
