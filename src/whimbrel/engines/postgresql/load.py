"""Rows enter PostgreSQL through COPY.

Most fields go straight into their columns. Where a column does not read the text in which values
are carried (bits, arrays, bytes for a text), or could cut or round it in silence, the rows go
through a temporary table of texts, from which one INSERT makes values of them and refuses what
would change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from whimbrel import tables
from whimbrel.engines import blocks, bulk, codec, transport
from whimbrel.engines.forms import Family
from whimbrel.engines.postgresql import codec as codecs

if TYPE_CHECKING:
    import psycopg

    from whimbrel.engines.postgresql import session as sessions

_SETTINGS: Final = {
    "standard_conforming_strings": "on",
    # Money is written with a point.
    "lc_monetary": "C",
    "synchronous_commit": "off",
}
_STAGE: Final = "whimbrel_load"
_PADDED: Final = ("character", "bpchar")
_MICROSECONDS: Final = 6
_CLOCK: Final = re.compile(r"(date|datetime|timestamp|time)\b")


class PostgresLoader(transport.Loader):
    """Writes by COPY."""

    formats = (transport.Format.COPY,)

    def __init__(self, session: sessions.PostgresSession) -> None:
        self._session = session
        self._codec = codecs.PostgresCodec(session)

    def prepare(self) -> None:
        # Also that a moment without a zone is one of UTC, and that dates are years first.
        self._codec.prepare()
        for name, value in _SETTINGS.items():
            self._session.execute(f"SET SESSION {name} = '{value}'")
        self._session.commit()

    def load(
        self,
        table: tables.Table,
        carried: Sequence[transport.Carried],
        blocks: Iterable[transport.Block],
        format: transport.Format,
    ) -> int:
        if format is not transport.Format.COPY:
            raise ValueError(f"rows written as {format.value} are not read here")
        self._session.begin()
        target = self._session.engine.quote(table.name)
        with bulk.driving(self._session), self._session.driver.cursor() as cursor:
            if not carried:
                return _empty_rows(cursor, target, blocks)
            names = ", ".join(self._session.engine.quote(one.column.name) for one in carried)
            made = [self._made(at, one) for at, one in enumerate(carried)]
            if not any(made):
                return _copied(cursor, f"{target} ({names})", blocks)
            return self._staged(cursor, f"{target} ({names})", carried, made, blocks)

    def encoded(
        self, carried: Sequence[transport.Carried], rows: Sequence[codec.Texts]
    ) -> transport.Block:
        return blocks.copied(carried, rows)

    # --- by way of a table of texts -------------------------------------------------------------

    def _staged(
        self,
        cursor: psycopg.Cursor,
        target: str,
        carried: Sequence[transport.Carried],
        made: Sequence[str],
        found: Iterable[transport.Block],
    ) -> int:
        """Write rows into a temporary table, then from there."""
        columns = [
            # What needs no look is what its column is at once.
            f"c{at} {'text' if sql else one.column.type}"
            for at, (one, sql) in enumerate(zip(carried, made, strict=True))
        ]
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{_STAGE}")
        cursor.execute(f"CREATE TEMPORARY TABLE {_STAGE} ({', '.join(columns)}) ON COMMIT DROP")
        count = _copied(cursor, f"pg_temp.{_STAGE}", found)
        values = ", ".join(sql or f"c{at}" for at, sql in enumerate(made))
        cursor.execute(
            f"INSERT INTO {target} OVERRIDING SYSTEM VALUE SELECT {values} FROM pg_temp.{_STAGE}"
        )
        written = cursor.rowcount
        cursor.execute(f"DROP TABLE pg_temp.{_STAGE}")
        return blocks.all_taken(count, written)

    def _made(self, at: int, one: transport.Carried) -> str:
        """Return SQL that makes a value of column `c…`, empty where the column does it itself."""
        kind = self._codec.kind(one.column.type)
        family, own = one.value.form.family, kind.form.family
        # More than 64 bits are a text of their own.
        bits = kind.name == "bit" and own is Family.INTEGER
        indirect = (
            bits
            or (kind.element is not None and family is Family.JSON)
            or (family is Family.BINARY and own is not Family.BINARY)
        )
        if not indirect and not (blocks.rounds(one) and self._could_change(one)):
            return ""
        text = f"c{at}"
        if blocks.as_bytes(one):
            text = f"substr({text}, 3)"
        if bits:
            # A cast would leave the highest bits out.
            outside = f"{text}::numeric NOT BETWEEN 0 AND {2**kind.length - 1}"
            text = _unless(outside, text)
        if not indirect:
            return f"CAST({self._looked_at(text, one)} AS {one.column.type})"
        return self._codec.given(one.column, one.value.form).replace("%s", text).replace("%%", "%")

    def _could_change(self, one: transport.Carried) -> bool:
        """Whether a column of such a type takes more than it keeps."""
        name, length, _ = blocks.named(one.column.type)
        match self._codec.kind(one.column.type).form.family:
            case Family.DATETIME | Family.INSTANT | Family.TIME:
                # Servers have no more digits, if it is a server that says so.
                known = bool(_CLOCK.match(one.value.column.type))
                return not known if length is None else length < _MICROSECONDS
            case Family.DECIMAL | Family.TEXT:
                return length is not None
            case Family.FLOAT:
                # A number of eight bytes in a column of four, or more digits than a float has.
                return name == "real" or one.value.form.family is not Family.FLOAT
            case _:
                return False  # a number that is not whole is refused

    def _looked_at(self, text: str, one: transport.Carried) -> str:
        """Return SQL for a text that its column refuses where it would keep something else."""
        kind = self._codec.kind(one.column.type)
        type_ = one.column.type
        match kind.form.family:
            case Family.DECIMAL:
                changes = f"{text}::numeric <> {text}::{type_}"
            case Family.FLOAT if one.value.form.family is Family.FLOAT:
                changes = f"{text}::float8 <> {text}::{type_}::float8"
            case Family.FLOAT:
                changes = f"{text}::numeric <> {text}::{type_}::text::numeric"
            case Family.TEXT:
                changes = f"char_length({text}) > {blocks.named(type_)[1]}"
                if kind.name in _PADDED:
                    changes += f" OR right({text}, 1) = ' '"
            case _:
                digits = blocks.fractions(one.column, unsaid=_MICROSECONDS)
                changes = f"{text} ~ '[.][0-9]{{{digits}}}[0-9]*[1-9]'"
        return _unless(changes, text)


def _unless(changes: str, text: str) -> str:
    """Return SQL for a text that is an error, with the text in its words, under a condition."""
    complaint = f"('no value of the column: ' || {text})::bigint::text"
    return f"CASE WHEN {changes} THEN {complaint} ELSE {text} END"


def _copied(cursor: psycopg.Cursor, target: str, found: Iterable[transport.Block]) -> int:
    """Send blocks by COPY and return how many rows were taken."""
    count = 0
    with cursor.copy(f"COPY {target} FROM STDIN (ENCODING 'UTF8')") as copy:
        for block in found:
            copy.write(blocks.sent(block))
            count += block.rows
    return blocks.all_taken(count, cursor.rowcount)


def _empty_rows(cursor: psycopg.Cursor, target: str, found: Iterable[transport.Block]) -> int:
    """Write rows of which nothing is given."""
    count = sum(block.rows for block in found)
    cursor.execute(f"INSERT INTO {target} SELECT FROM generate_series(1, {count})")
    return blocks.all_taken(count, cursor.rowcount)
