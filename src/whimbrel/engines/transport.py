"""How rows leave one database and enter another: as blocks that the source's own SQL has written.

A value is carried as the text by which it is compared (`forms`, `codec`), so that what cannot be
said in that text is not carried, and what is carried can be proven. The source's SELECT writes
those texts in the form that the target reads; Python passes blocks of bytes on.

    COPY     lines of fields, a tab between, a line feed behind each row; NULL is \\N; in fields
             \\\\ \\t \\n \\r stand for a backslash, a tab, a line feed, a carriage return
             (PostgreSQL's COPY, text format). Binary values are \\x and hexadecimal digits, so
             that the field begins with two backslashes and an x as it is sent.
    TUPLES   (…),(…),(…) as they stand behind VALUES in an INSERT of MySQL and MariaDB under
             NO_BACKSLASH_ESCAPES: whole numbers bare, all else in single quotes with quotes in it
             doubled, binary values as x'…', NULL
    VALUES   rows of values as the driver gives and takes them, for a target that is a file beside
             the source's

What both sides agree on is which column goes where and in which form; the target's catalog says
what it makes of the text. A text that stands for an odd value ("!…", the byte 0xFF) never goes
into a column of text in silence: whoever plans finds out before, and both ends refuse it.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from whimbrel import tables
from whimbrel.engines import codec, portable

# How large a block is, about: what Python holds of a table at a time.
BLOCK_BYTES: Final = 2**20

Row = tuple[object, ...]


class Format(Enum):
    """How a block is written."""

    COPY = "copy"
    TUPLES = "tuples"
    VALUES = "values"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One column on its way: what is read and in which form, and the column that it enters.

    `value.form` is the form that is carried: that in which the two columns are compared, without
    rules that make unequal values equal (`padded`). For a column of the same type on the same
    engine that has no portable form (an array, a range, an interval) it is OTHER: its own text.

    `fits` says that every value that is there has been looked at and the column keeps it as it is;
    without it a loader looks again where the column could cut or round, which takes time.
    `plain` is what is proven of these values, at the moment that is read and at no other.
    """

    value: codec.Value
    column: tables.FoundColumn
    fits: bool = False
    plain: portable.Plain | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cargo:
    """Rows to be read: from where, what of each, which.

    `source` is SQL for what stands behind FROM, as beside parameters: a quoted table, or a
    subquery in parentheses with a name. `where` is a condition in the driver's own style with its
    parameters, empty for all rows. `order` is SQL to order by, empty for any order.
    """

    source: str
    carried: tuple[Carried, ...]
    where: str = ""
    params: tuple[object, ...] = ()
    order: str = ""


def unproven(cargo: Cargo) -> Cargo:
    """Return the same rows, of which nothing is proven."""
    carried = tuple(dataclasses.replace(one, plain=None) for one in cargo.carried)
    return dataclasses.replace(cargo, carried=carried)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some rows, written in a format; `data` are bytes, or a list of rows for VALUES."""

    data: bytes | list[Row]
    rows: int


class Unloader(abc.ABC):
    """Reads rows of one session, inside the transaction that is open, in constant memory."""

    #: What it can write, fastest first.
    formats: tuple[Format, ...]

    @abc.abstractmethod
    def blocks(
        self, cargo: Cargo, format: Format, *, block_bytes: int = BLOCK_BYTES
    ) -> Iterator[Block]:
        """Yield the rows as blocks of about so many bytes; one row that is larger is one block.

        Every row that the condition holds for is in exactly one block, whole: an engine that cuts
        what is too long without saying so is asked again in smaller pieces or refused
        (RefusedError). Raises the driver's errors as `bulk.driving` does.
        """

    @abc.abstractmethod
    def texts(self, cargo: Cargo, *, rows: int = 1_000) -> Iterator[list[codec.Texts]]:
        """Yield the same rows as the texts of their values in the forms carried, some at a time."""


class Loader(abc.ABC):
    """Writes rows into one table at a time, inside the transaction that is open."""

    #: What it can read, fastest first.
    formats: tuple[Format, ...]
    #: Whether foreign keys do nothing at all in a session that is prepared, neither refuse nor
    #: cascade; elsewhere those that are there already are heeded.
    keys_rest = False

    @abc.abstractmethod
    def prepare(self) -> None:
        """Set what loading depends on for this session; no transaction may be open.

        Strict: a value that does not fit fails, whatever the server's own settings are. Foreign
        keys are not checked row by row, zero in a counting column stays zero, and a commit need
        not wait for the disk where the engine allows that for one session.
        """

    @abc.abstractmethod
    def load(
        self,
        table: tables.Table,
        carried: Sequence[Carried],
        blocks: Iterable[Block],
        format: Format,
    ) -> int:
        """Write blocks of rows and return how many rows the database says it took.

        `carried` names the columns of the target, in the order of the fields. If it fails, none
        or some rows have been written: the caller takes the transaction (or savepoint) back.
        Raises the driver's error, as `bulk.driving` does; what kind of fault it is, the engine
        says. Never IGNOREs, clips or rounds in silence.
        """

    @abc.abstractmethod
    def encoded(self, carried: Sequence[Carried], rows: Sequence[codec.Texts]) -> Block:
        """Write texts of values as a block in the first of `formats`.

        Raises `bulk.Unstorable` for a text that stands for an odd value.
        """


def agreed(unloader: Unloader, loader: Loader) -> Format:
    """Return the format that both know, the loader's fastest first."""
    return next(one for one in loader.formats if one in unloader.formats)
