"""Rows enter MySQL and MariaDB through LOAD DATA LOCAL where the server lets them, or INSERT.

LOAD DATA reads twice as fast as INSERT of many rows. With LOCAL it makes warnings of all errors,
and goes on: here a single one, or a row that is not counted, is an error again, and whoever called
takes the transaction back. Where a column could cut, round or exchange a value without a word, the
value is looked at on its way: by an expression of LOAD DATA, or in a temporary table from which
one INSERT reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final

from whimbrel import tables
from whimbrel.engines import blocks, bulk, codec, transport
from whimbrel.engines.forms import Family
from whimbrel.engines.mysql import codec as codecs
from whimbrel.engines.mysql import faults, wire

if TYPE_CHECKING:
    from whimbrel.engines.mysql import session as sessions

# All that would otherwise change values, and nothing of what the server's own settings may hold:
# dates with zeros are values that a column of this server can have.
_MODES: Final = (
    "STRICT_TRANS_TABLES",
    "STRICT_ALL_TABLES",
    "NO_ENGINE_SUBSTITUTION",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_AUTO_VALUE_ON_ZERO",
    "NO_BACKSLASH_ESCAPES",
)
_STAGE: Final = "whimbrel_load"
_PATIENCE_SECONDS: Final = 3_600
_PACKET_BYTES: Final = 2**18
# Room in a packet for what stands around the rows.
_AROUND_BYTES: Final = 1_024
# What the server fills up with zeros, and years that it takes for others.
_FILLED: Final = re.compile(r"binary\((\d+)\)", re.I)
_LAST_SHORT_YEAR: Final = 99
_WORD: Final = re.compile(r"'((?:[^']|'')*)'")
_WIDEST: Final = "DECIMAL(65, 30)"
_NOTED: Final = 1265


class _Way(Enum):
    """By which way rows come: what their texts are by then."""

    LOADED = "fields of LOAD DATA"
    INSERTED = "tuples of an INSERT"
    STAGED = "tuples of an INSERT into a table of texts"


class MysqlLoader(transport.Loader):
    """Writes by LOAD DATA LOCAL, or statements of many rows."""

    keys_rest = True

    def __init__(self, session: sessions.MysqlSession) -> None:
        self._session = session
        self._codec = codecs.MysqlCodec(session)
        local = wire.offers(session.driver) and session.send("SELECT @@local_infile")[0][0]
        copy, tuples = transport.Format.COPY, transport.Format.TUPLES
        self.formats = (copy, tuples) if local else (tuples,)
        self._room = int(str(session.send("SELECT @@max_allowed_packet")[0][0])) - _AROUND_BYTES

    def prepare(self) -> None:
        send = self._session.send
        send(f"SET SESSION sql_mode = '{','.join(_MODES)}'")
        send("SET SESSION time_zone = '+00:00'")
        send(
            "SET SESSION foreign_key_checks = 0, unique_checks = 1, sql_notes = 1, "
            f"max_error_count = 64, net_read_timeout = {_PATIENCE_SECONDS}"
        )

    def load(
        self,
        table: tables.Table,
        carried: Sequence[transport.Carried],
        blocks: Iterable[transport.Block],
        format: transport.Format,
    ) -> int:
        if format not in self.formats:
            raise ValueError(f"rows written as {format.value} are not read here")
        self._session.begin()
        target = self._session.engine.quote(table.name)
        with bulk.driving(self._session):
            if format is transport.Format.COPY and carried:
                return self._loaded(target, carried, blocks)
            if format is transport.Format.COPY:
                return self._inserted(f"{target} ()", _empty_tuples(blocks))
            return self._tupled(target, carried, blocks)

    def encoded(
        self, carried: Sequence[transport.Carried], rows: Sequence[codec.Texts]
    ) -> transport.Block:
        if self.formats[0] is transport.Format.COPY:
            return blocks.copied(carried, rows)
        return blocks.tupled(carried, rows)

    # --- LOAD DATA ------------------------------------------------------------------------------

    def _loaded(
        self,
        target: str,
        carried: Sequence[transport.Carried],
        found: Iterable[transport.Block],
    ) -> int:
        places, made = [], []
        for at, one in enumerate(carried):
            name = self._session.engine.quote(one.column.name)
            sql = self._made(f"@w{at}", one, _Way.LOADED)
            places.append(f"@w{at}" if sql else name)
            if sql:
                made.append(f"{name} = {sql}")
        set_ = f" SET {', '.join(made)}" if made else ""
        # The name is ours, no file's: what is read is what we send.
        sql = (
            f"LOAD DATA LOCAL INFILE 'whimbrel' INTO TABLE {target} CHARACTER SET utf8mb4 "
            f"FIELDS TERMINATED BY x'09' ENCLOSED BY '' ESCAPED BY x'5C' "
            f"LINES STARTING BY '' TERMINATED BY x'0A' ({', '.join(places)}){set_}"
        )
        count = [0]
        loaded = wire.load(
            self._session.driver,
            sql,
            _counted(found, count),
            packet_bytes=min(_PACKET_BYTES, self._room),
        )
        self._refuse_warnings(loaded.warnings)
        return blocks.all_taken(count[0], loaded.rows)

    # --- INSERT ---------------------------------------------------------------------------------

    def _tupled(
        self,
        target: str,
        carried: Sequence[transport.Carried],
        found: Iterable[transport.Block],
    ) -> int:
        quote = self._session.engine.quote
        into = f"{target} ({', '.join(quote(one.column.name) for one in carried)})"
        if not any(self._made(f"c{at}", one, _Way.INSERTED) for at, one in enumerate(carried)):
            return self._inserted(into, found)
        columns = [f"c{at} {_staged_type(one)}" for at, one in enumerate(carried)]
        values = ", ".join(
            self._made(f"c{at}", one, _Way.STAGED) or f"c{at}" for at, one in enumerate(carried)
        )
        # Neither statement commits.
        self._send(f"DROP TEMPORARY TABLE IF EXISTS {_STAGE}")
        self._send(f"CREATE TEMPORARY TABLE {_STAGE} ({', '.join(columns)}) ENGINE=InnoDB")
        count = 0
        for block in found:
            self._inserted(_STAGE, [block])
            taken = self._send(f"INSERT INTO {into} SELECT {values} FROM {_STAGE}")
            count += blocks.all_taken(block.rows, taken)
            self._send(f"DELETE FROM {_STAGE}")
        self._send(f"DROP TEMPORARY TABLE {_STAGE}")
        return count

    def _inserted(self, into: str, found: Iterable[transport.Block]) -> int:
        head = f"INSERT INTO {into} VALUES ".encode()
        count = 0
        for block in found:
            taken = 0
            for rows in self._fitting(blocks.sent(block), self._room - len(head)):
                taken += self._send(head + rows)
            count += blocks.all_taken(block.rows, taken)
        return count

    def _fitting(self, data: bytes, room: int) -> Iterator[bytes]:
        """Yield the rows of a block in parts that the server takes in one statement."""
        if len(data) <= room:
            yield data
            return
        pending: list[bytes] = []
        size = 0
        for row in blocks.rows_of(data):
            if len(row) > room:
                raise _too_large()
            if pending and size + len(row) > room:
                yield b",".join(pending)
                pending, size = [], 0
            pending.append(row)
            size += len(row) + 1
        yield b",".join(pending)

    def _send(self, sql: str | bytes) -> int:
        with self._session.driver.cursor() as cursor:
            taken = int(cursor.execute(sql))
            warnings = cursor.warning_count
        if not isinstance(sql, str) or sql.startswith("INSERT"):
            self._refuse_warnings(warnings)
        return taken

    def _refuse_warnings(self, count: int) -> None:
        """Raise the first thing that the server has noted, as it would have raised it itself."""
        if not count:
            return
        from pymysql import err

        noted = self._session.send("SHOW WARNINGS LIMIT 1")
        code, text = (int(str(noted[0][1])), str(noted[0][2])) if noted else (_NOTED, "a warning")
        raise err.DataError(code, text)

    # --- values ---------------------------------------------------------------------------------

    def _made(self, text: str, one: transport.Carried, way: _Way) -> str:
        """Return SQL that makes a value of a text, empty where the column does it itself."""
        kind = self._codec.kind(one.column)
        given = text
        if blocks.as_bytes(one):
            if way is _Way.LOADED:
                # What is no bytes would be NULL.
                wrong = f"IF({text} IS NULL, NULL, {_complaint(text)})"
                given = f"COALESCE(UNHEX(SUBSTR({text}, 3)), {wrong})"
            if kind.form.family is Family.TEXT and not _is_utf8(one.column):
                given = f"CONVERT({given} USING utf8mb4)"
        elif kind.name in ("bit", "year") and way is not _Way.INSERTED:
            # A text is taken for these bits, and '0' for the year 2000.
            given = f"CAST({text} AS UNSIGNED)"
            given = f"IF(LEFT({text}, 1) = '-', {_complaint(text)}, {given})"
        changes = self._changes(given if blocks.as_bytes(one) else text, one)
        if changes:
            return f"IF({changes}, {_complaint(text)}, {given})"
        return given if given != text else ""

    def _changes(self, text: str, one: transport.Carried) -> str:
        """Return a condition on what the column would change without a word; often there is none.

        What the same type kept there it keeps here.
        """
        column = one.column
        if one.fits or one.value.column.type == column.type:
            return ""
        kind = self._codec.kind(column)
        if length := _FILLED.fullmatch(column.type):
            return f"LENGTH({text}) <> {length[1]}"
        if kind.name in ("enum", "set"):
            return _no_member(text, kind.name, column.type)
        if kind.name == "year":
            return f"{text} BETWEEN 1 AND {_LAST_SHORT_YEAR}"
        changes = self._rounds(text, one) if blocks.rounds(one) else ""
        if kind.form.family is Family.FLOAT:
            # A zero below zero is a zero here.
            return " OR ".join(filter(None, (f"{text} = '-0'", changes)))
        return changes

    def _rounds(self, text: str, one: transport.Carried) -> str:
        kind = self._codec.kind(one.column)
        match kind.form.family:
            case Family.FLOAT if one.value.form.family is not Family.FLOAT:
                kept = f"CONCAT(CAST({text} AS {kind.name.upper()}) + 0e0)"
                return f"CAST({text} AS {_WIDEST}) <> CAST({kept} AS {_WIDEST})"
            case Family.FLOAT if kind.name != "double":
                return f"{text} * 1e0 <> CAST({text} AS FLOAT)"
            case Family.INTEGER:
                return f"{text} REGEXP '[.][0-9]*[1-9]|e-'"
            case Family.TEXT if kind.name == "char":
                return f"RIGHT({text}, 1) = ' '"
            case Family.DATETIME | Family.INSTANT | Family.TIME:
                digits = blocks.fractions(one.column, unsaid=0)
                return f"{text} REGEXP '[.][0-9]{{{digits}}}[0-9]*[1-9]'"
            case _:
                return ""  # the server notes it


def _complaint(text: str) -> str:
    """Return SQL that is an error wherever it is computed, with the value in its words."""
    return f"CAST(CONCAT('no value of the column: ', {text}) AS SIGNED)"


def _no_member(text: str, name: str, type_: str) -> str:
    """Return the condition that a text is none of the words as they are written.

    One that differs in case would become the word, and a number the word at that place.
    """
    words = [word.replace("''", "'") for word in _WORD.findall(type_)]
    if name == "enum":
        known = ", ".join(f"x'{word.encode().hex()}'" for word in words)
        return f"CAST({text} AS BINARY) NOT IN ({known})"
    known = "|".join(re.escape(word) for word in words).replace("'", "''")
    return f"CONCAT({text}, ',') COLLATE utf8mb4_bin NOT REGEXP '^(({known}),)*$' AND {text} <> ''"


def _is_utf8(column: tables.FoundColumn) -> bool:
    return (column.collation or "").startswith("utf8mb4_")


def _staged_type(one: transport.Carried) -> str:
    if blocks.as_bytes(one):
        return "LONGBLOB"
    return "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"


def _counted(found: Iterable[transport.Block], count: list[int]) -> Iterator[bytes]:
    for block in found:
        count[0] += block.rows
        yield blocks.sent(block)


def _empty_tuples(found: Iterable[transport.Block]) -> Iterator[transport.Block]:
    """Yield rows of which nothing is given as tuples."""
    for block in found:
        if block.rows:
            yield transport.Block(data=b",".join([b"()"] * block.rows), rows=block.rows)


def _too_large() -> Exception:
    from pymysql import err

    error: Exception = err.DataError(
        faults.TOO_LARGE, "Got a packet bigger than 'max_allowed_packet' bytes"
    )
    return error
