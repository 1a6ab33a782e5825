"""Rows of a portable backup: lines of fields, read as texts and summed up as a database would.

A line is that of `engines/transport` (COPY), but each field is the very text by which its value is
compared (`engines/codec`), whatever type the column has. So the sum over the lines of a file is
the sum that the database gave of the rows, if nothing was lost between the two.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import tables
from whimbrel.engines import base, blocks, codec, transport
from whimbrel.engines.forms import Family
from whimbrel.transfers import cargo

# A column that takes any text: whatever is read from it is written in full.
_ANY: Final = "text"
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_MEANT: Final = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"\\": b"\\"}
_NULL: Final = b"\\N"
_BYTES: Final = len(b"\\\\x")
# So many lines are split at a time.
_LINES: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A table as it is carried: its columns that hold values of their own, and which rows.

    `where` leaves out the rows of its heirs. `read` is how a dump carries it, `written` how it
    enters its table again.
    """

    table: tables.Table
    columns: tuple[str, ...]
    values: tuple[codec.Value, ...]
    where: str

    @property
    def read(self) -> tuple[transport.Carried, ...]:
        """How values leave: each as its whole text."""
        return tuple(
            transport.Carried(value=one, column=dataclasses.replace(one.column, type=_ANY))
            for one in self.values
        )

    @property
    def written(self) -> tuple[transport.Carried, ...]:
        """How values come back: the columns are those that they have left."""
        return tuple(
            transport.Carried(value=one, column=one.column, fits=True) for one in self.values
        )

    def cargo(self, engine: base.Engine) -> transport.Cargo:
        """Return what an unloader reads."""
        return transport.Cargo(
            source=engine.beside_parameters(engine.quote(self.table.name)),
            carried=self.read,
            where=self.where,
        )

    def scan(self) -> codec.Scan:
        """Return what a codec sums up."""
        return codec.Scan(table=self.table.name, values=self.values, where=self.where)


def columns_of(table: tables.Table) -> tuple[str, ...]:
    """Return the columns that hold values of their own."""
    return tuple(column.name for column in table.columns if column.generated is None)


def rows_of(
    engine: base.Engine,
    coder: codec.Codec,
    table: tables.Table,
    *,
    own_rows: bool,
    columns: Sequence[str] | None = None,
) -> Rows:
    """Return how a table is carried, its columns in an order; raise NotComparable for the rest."""
    values = []
    for name in columns_of(table) if columns is None else columns:
        column = table.column(name)
        form = dataclasses.replace(coder.form(table, column), padded=False)
        form = cargo.carried_form(
            form,
            form,
            own_text=column.type.endswith("[]"),
            what=f"{table.name}.{column.name}",
        )
        sql = engine.beside_parameters(engine.quote(column.name))
        values.append(codec.Value(sql=sql, column=column, form=form))
    where = engine.beside_parameters(engine.own_rows(table.name)) if own_rows else ""
    return Rows(
        table=table,
        columns=tuple(one.column.name for one in values),
        values=tuple(values),
        where=where,
    )


# --- lines -------------------------------------------------------------------------------------


def whole(parts: Iterable[bytes]) -> Iterator[transport.Block]:
    """Yield blocks of whole lines; a file that ends within one is broken (ValueError)."""
    rest = b""
    for part in parts:
        end = part.rfind(b"\n") + 1
        if not end:
            rest += part
            continue
        data = rest + part[:end]
        rest = part[end:]
        yield transport.Block(data=data, rows=data.count(b"\n"))
    if rest:
        raise ValueError("it ends in the middle of a line")


def texts(carried: Sequence[transport.Carried], data: bytes) -> Iterator[list[codec.Texts]]:
    """Yield lines as the texts of their values, some at a time; raise ValueError for odd ones."""
    for columns, count in _columns(carried, data):
        yield list(zip(*columns, strict=True)) if columns else [()] * count


def summed(carried: Sequence[transport.Carried], found: Iterable[transport.Block]) -> codec.Sum:
    """Return the sum over lines, as the database's codec would give it of their rows."""
    rows = high = low = 0
    parts = [_part(one) for one in carried]
    for block in found:
        for columns, count in _columns(carried, blocks.sent(block)):
            rows += count
            if not columns:
                continue
            joined = zip(*(list(map(part, column)) for part, column in zip(parts, columns,
                                                                            strict=True)),
                         strict=True)  # fmt: skip
            digests = b"".join([_md5(b"|".join(row)) for row in joined])
            lanes = struct.unpack(f">{2 * count}Q", digests)
            high += sum([lane >> 4 for lane in lanes[::2]])
            low += sum([lane >> 4 for lane in lanes[1::2]])
    return codec.Sum(rows=rows, high=high, low=low)


def _columns(
    carried: Sequence[transport.Carried], data: bytes
) -> Iterator[tuple[list[Sequence[bytes | None]], int]]:
    lines = data.split(b"\n")
    lines.pop()
    readers = [_reader(one) for one in carried]
    for start in range(0, len(lines), _LINES):
        some = lines[start : start + _LINES]
        if not carried:
            if any(some):
                raise ValueError("a line has fields where there are no columns")
            yield [], len(some)
            continue
        split = [line.split(b"\t") for line in some]
        if set(map(len, split)) != {len(carried)}:
            raise ValueError(f"a line has not {len(carried):,} fields")
        columns = zip(*split, strict=True)
        yield (
            [list(map(read, column)) for read, column in zip(readers, columns, strict=True)],
            len(some),
        )


def _reader(one: transport.Carried) -> Callable[[bytes], bytes | None]:
    """Return what makes a text of a field."""
    if not one.value.form.typed:
        if blocks.as_bytes(one):
            return _digits
        if one.value.form.family is Family.UUID:
            return _undashed
    return _plain


def _plain(field: bytes) -> bytes | None:
    if b"\\" not in field:
        return field
    if field == _NULL:
        return None
    return _ESCAPED.sub(lambda found: _MEANT[found[1]], field)


def _digits(field: bytes) -> bytes | None:
    # Not every server writes digits in small letters.
    return None if field == _NULL else field[_BYTES:].lower()


def _undashed(field: bytes) -> bytes | None:
    return None if field == _NULL else field.replace(b"-", b"")


def _part(one: transport.Carried) -> Callable[[bytes | None], bytes]:
    """Return what makes of a text its part in that of a row (`codec.encode`)."""
    form = one.value.form
    if form.long:
        return _of_long
    return _of_bare if form.bare else _of_any


def _of_long(text: bytes | None) -> bytes:
    return b"" if text is None else hashlib.md5(text, usedforsecurity=False).hexdigest().encode()


def _of_bare(text: bytes | None) -> bytes:
    return text or b""


def _of_any(text: bytes | None) -> bytes:
    return b"" if text is None else b"%d:%b" % (len(text), text)


def _md5(text: bytes) -> bytes:
    return hashlib.md5(text, usedforsecurity=False).digest()
