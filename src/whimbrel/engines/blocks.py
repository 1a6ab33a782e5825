"""What unloaders and loaders have in common: fields and tuples written in Python, rows in blocks.

How rows are written by a database's own SQL is in engines/*/unload.py, how they are taken in
engines/*/load.py; the formats are those of `transport`. All here goes by what a column's type is
called, which for these questions means the same wherever it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from whimbrel import errors, tables
from whimbrel.engines import bulk, codec, forms, transport
from whimbrel.engines.forms import Family

_TYPE: Final = re.compile(r"\s*([a-z]+)[^(]*(?:\(\s*(\d+)\s*(?:,\s*(-?\d+)\s*)?\))?.*", re.I | re.S)
_BYTES: Final = re.compile(r"bytea|.*binary|.*blob")
# What is kept as a database's own bytes, and travels as these.
_SHAPES: Final = re.compile(
    r"(geometry|point|linestring|polygon|multi(point|linestring|polygon)|geom(etry)?collection"
    r"|vector)\b",
    re.I,
)
_FLOATS: Final = frozenset({"double", "float", "real"})
_DECIMALS: Final = frozenset({"numeric", "decimal"})
_TEXTS: Final = frozenset({"char", "varchar", "character"})
_CLOCKS: Final = frozenset({"timestamp", "datetime", "time"})
_WHOLE: Final = frozenset({"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year"})
_EXACT_IN_FLOATS: Final = frozenset({"tinyint", "smallint"})
_PLAIN_DIGITS: Final = re.compile(rb"[0-9a-f]{32}")
_UNQUOTED: Final = (Family.INTEGER, Family.BOOLEAN)

_ESCAPED: Final = re.compile(rb"[\\\t\n\r]")
_ESCAPES: Final = {b"\\": b"\\\\", b"\t": b"\\t", b"\n": b"\\n", b"\r": b"\\r"}
# One row of TUPLES: what is in quotes may hold anything, and quotes in it are doubled.
_TUPLE: Final = re.compile(rb"\((?:[^'()]++|'[^']*+')*+\)")

# How many rows are joined at a time, so that a row costs little more than its bytes.
JOINED_ROWS: Final = 4_000
# Few rows at first: nobody knows yet how large they are.
_FIRST_ROWS: Final = 10


# --- what columns are --------------------------------------------------------------------------


def named(type_: str) -> tuple[str, int | None, int | None]:
    """Return the first word of a type, and the one or two numbers in its parentheses."""
    found = _TYPE.fullmatch(type_)
    if found is None:
        return "", None, None
    first, second = (int(part) if part else None for part in (found[2], found[3]))
    return found[1].lower(), first, second


def as_bytes(carried: transport.Carried) -> bool:
    """Whether a value is written as bytes (\\x… or x'…'), and not as a text."""
    match carried.value.form.family:
        case Family.BINARY:
            return True
        case Family.UUID:
            return bool(_BYTES.fullmatch(named(carried.column.type)[0]))
        case Family.OTHER:
            # There a point is bytes, elsewhere it is a text.
            own = carried.value.form.own.startswith("mysql ")
            return own and bool(_SHAPES.match(carried.value.column.type))
        case _:
            return False


def as_written(carried: transport.Carried) -> bool:
    """Whether a number may go as its own database writes it: the column makes a number of it.

    1.50 and 1.5, 1e+20 and 1e20 are two texts of one number. Writing the shorter one costs more
    than anything else in a row.
    """
    name = named(carried.column.type)[0]
    match carried.value.form.family:
        case Family.FLOAT:
            return name in _FLOATS
        case Family.DECIMAL:
            return name in _DECIMALS
        case _:
            return False


def rounds(carried: transport.Carried) -> bool:
    """Whether the column could cut or round what comes, as far as the two types can say.

    They say nothing of it where a database refuses by itself: a text that is too long, a number
    that is too large.
    """
    if carried.fits:
        return False
    source, column = named(carried.value.column.type), named(carried.column.type)
    family = carried.value.form.family
    if column[0] in _DECIMALS:
        known = source[0] in _DECIMALS and source[1] is not None
        return family not in _UNQUOTED and not (known and (source[2] or 0) <= (column[2] or 0))
    if column[0] in _FLOATS:
        if family is Family.FLOAT:
            # A real is of four bytes here and of eight there.
            return column[0] != "double"
        return source[0] not in _EXACT_IN_FLOATS
    if column[0] in _WHOLE:
        return family in (Family.DECIMAL, Family.FLOAT)
    if column[0] in _TEXTS:
        known = source[0] in _TEXTS and source[1] is not None and column[1] is not None
        return family is Family.TEXT and not (known and (source[1] or 0) <= (column[1] or 0))
    return column[0] in _CLOCKS and family in (Family.DATETIME, Family.INSTANT, Family.TIME)


def fractions(column: tables.FoundColumn, *, unsaid: int) -> int | None:
    """Return how many digits of a second a column keeps, `unsaid` where its type does not say."""
    name, digits, _ = named(column.type)
    if name not in _CLOCKS:
        return None
    return unsaid if digits is None else digits


# --- values written in Python ------------------------------------------------------------------


def checked(carried: transport.Carried, text: bytes) -> bytes:
    """Return the text, or raise Unstorable if it stands for an odd value."""
    form = carried.value.form
    if forms.odd(form, text):
        raise bulk.Unstorable(
            f"a value for {carried.column.name!r} is no {form.family.value}: "
            "the column would keep something else"
        )
    return text


def _worded(carried: transport.Carried, text: bytes) -> bytes:
    """Return a text as columns of texts are wont to keep it."""
    if carried.value.form.family is Family.UUID and _PLAIN_DIGITS.fullmatch(text):
        return b"-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return text


def field(carried: transport.Carried, text: bytes | None) -> bytes:
    """Return a value's text as a field of COPY."""
    if text is None:
        return b"\\N"
    text = checked(carried, text)
    if as_bytes(carried):
        return b"\\\\x" + text
    text = _worded(carried, text)
    if _ESCAPED.search(text):
        return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)
    return text


def item(carried: transport.Carried, text: bytes | None) -> bytes:
    """Return a value's text as an item of TUPLES."""
    if text is None:
        return b"NULL"
    text = checked(carried, text)
    if as_bytes(carried):
        return b"x'" + text + b"'"
    if carried.value.form.family in _UNQUOTED:
        return text
    return b"'" + _worded(carried, text).replace(b"'", b"''") + b"'"


def copied(carried: Sequence[transport.Carried], rows: Sequence[codec.Texts]) -> transport.Block:
    """Return rows of texts as a block of COPY."""
    lines = (b"\t".join(map(field, carried, row)) + b"\n" for row in rows)
    return transport.Block(data=b"".join(lines), rows=len(rows))


def tupled(carried: Sequence[transport.Carried], rows: Sequence[codec.Texts]) -> transport.Block:
    """Return rows of texts as a block of TUPLES."""
    lines = (b"(" + b",".join(map(item, carried, row)) + b")" for row in rows)
    return transport.Block(data=b",".join(lines), rows=len(rows))


# --- blocks ------------------------------------------------------------------------------------


def gathered(
    parts: Iterable[tuple[bytes, int]], *, block_bytes: int, between: bytes = b""
) -> Iterator[transport.Block]:
    """Yield blocks of parts, each of which is some whole rows and their number."""
    pending: list[bytes] = []
    size = count = 0
    for data, rows in parts:
        if pending and size + len(data) > block_bytes:
            yield transport.Block(data=between.join(pending), rows=count)
            pending, size, count = [], 0, 0
        pending.append(data)
        size += len(data) + len(between)
        count += rows
    if pending:
        yield transport.Block(data=between.join(pending), rows=count)


def fetched(
    fetch: Callable[[int], Sequence[Sequence[bytes | None]]], *, rows: int
) -> Iterator[Sequence[Sequence[bytes | None]]]:
    """Yield what a cursor has, so many rows at a time or fewer: about a block's bytes."""
    step = min(rows, _FIRST_ROWS)
    while part := fetch(step):
        yield part
        size = sum(len(value) for row in part for value in row if isinstance(value, bytes))
        fitting = transport.BLOCK_BYTES * len(part) // (size + 1)
        step = max(1, min(step * 4, rows, fitting))


def rows_of(data: bytes) -> Iterator[bytes]:
    """Yield the rows of a block of TUPLES, each with its parentheses."""
    for found in _TUPLE.finditer(data):
        yield found[0]


def sent(block: transport.Block) -> bytes:
    """Return a block's bytes, or raise TypeError if it holds rows of values."""
    if isinstance(block.data, bytes):
        return block.data
    raise TypeError("this format is written as bytes, not as rows of values")


def all_taken(sent: int, taken: int) -> int:
    """Return how many rows were taken, or raise RefusedError if it is another number."""
    if sent != taken:
        raise errors.RefusedError(
            f"of {sent:,} rows the database took {taken:,}",
            left="the transaction is open, and is to be taken back",
            remedy="look for triggers or rules of the table that leave rows out",
        )
    return taken
