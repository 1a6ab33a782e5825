"""Put rows through a function, and turn what it returns into rows that can be written.

Nothing here knows a database, so that helper processes can do it too. Reading and writing is
the work of `through`; what a row looks like to the function is a `Form`.
"""

from __future__ import annotations

import abc
import copy
import datetime as dt
import operator
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set, ValuesView
from dataclasses import dataclass
from decimal import Decimal
from itertools import compress
from pathlib import Path
from typing import Any, Final

from whimbrel import errors, tables
from whimbrel.engines import base
from whimbrel.rows import work

Columns = tuple[str, ...]
Made = Mapping[str, object]
Pick = Callable[[Any], base.Row]

# A function may make many rows of one: so many are written before it is asked for more.
_MOST_ROWS: Final = 10_000
_LONGEST_REASON: Final = 2_000
# What can hold several rows; a model can be iterated too, over its fields.
_SEVERAL: Final = (Sequence, Set, Iterator, ValuesView)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped:
    """What became of some rows: rows to be written, by their columns, and those that failed.

    A row to be changed in place begins with the values of its key. `failed` has the places of
    rows that the function failed for, and why.
    """

    groups: Sequence[tuple[Columns, list[base.Row]]]
    failed: Sequence[tuple[int, str]] = ()


class NotARow(Exception):
    """The function returned something that is no row."""

    def __init__(self, made: object) -> None:
        super().__init__(type(made).__name__)
        self.made = made


# --- what a row is to the function --------------------------------------------------------------


class Form(abc.ABC):
    """What a row of a table is to the function."""

    wanted: str  # as errors call it

    @abc.abstractmethod
    def reader(self, columns: Columns) -> Callable[[base.Row], object]:
        """Return what makes the function's argument of a row with these columns."""

    @abc.abstractmethod
    def is_row(self, made: object) -> bool:
        """Say whether the function returned one row, and not several or something else."""

    @abc.abstractmethod
    def new(self, made: Any) -> Made:
        """Return the columns of a row that is to be inserted."""

    @abc.abstractmethod
    def changed(self, given: Any, made: Any) -> Made:
        """Return the columns that differ from those of the row that was given."""


class Dicts(Form):
    """Rows as dicts."""

    wanted = "a row (a dict)"

    def __init__(self, table: tables.Table) -> None:
        self._table = table

    def reader(self, columns: Columns) -> Callable[[base.Row], dict[str, object]]:
        loose = [
            name
            for name in columns
            if not (self._table.has(name) and _is_fixed(self._table.column(name).type))
        ]
        if not loose:
            return lambda row: dict(zip(columns, row, strict=True))

        def read(row: base.Row) -> dict[str, object]:
            given = dict(zip(columns, row, strict=True))
            for name in loose:
                # What can be changed inside is copied, or the change could not be seen.
                if type(given[name]) not in _FIXED:
                    given[name] = copy.deepcopy(given[name])
            return given

        return read

    def is_row(self, made: object) -> bool:
        return isinstance(made, Mapping)

    def new(self, made: Made) -> Made:
        return made

    def changed(self, given: Made, made: Made) -> Made:
        raise errors.WhimbrelError("dicts are compared with the row itself")


# Types whose values cannot be changed inside, and the first words of columns that have them.
_FIXED: Final = frozenset(
    {type(None), bool, int, float, str, bytes, Decimal, uuid.UUID}
    | {dt.date, dt.datetime, dt.time, dt.timedelta}
)
_FIXED_WORDS: Final = frozenset(
    {"integer", "int", "bigint", "smallint", "mediumint", "tinyint", "text", "varchar", "char"}
    | {"character", "numeric", "decimal", "real", "double", "float", "boolean", "bool", "date"}
    | {"datetime", "timestamp", "time", "uuid", "blob", "bytea"}
)


def _is_fixed(type_: str) -> bool:
    words = type_.lower().split("(", 1)[0].split()
    return bool(words) and words[0] in _FIXED_WORDS and "[" not in type_


# --- from rows to rows --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaper(abc.ABC):
    """Puts rows of `table`, found again by `key`, through a function.

    `batched` hands the function a list of rows; `address` says that a row begins with its
    address, which the function does not see.
    """

    function: work.Function
    table: tables.Table
    source: Form
    key: Columns
    batched: bool = False
    address: bool = False

    @abc.abstractmethod
    def shape(self, columns: Columns, rows: Sequence[base.Row]) -> Iterator[Shaped]:
        """Yield what is to be written; raise UsageError, ColumnNotFound, BatchFailed."""

    def _reader(self, columns: Columns) -> Callable[[base.Row], object]:
        if not self.address:
            return self.source.reader(columns)
        read = self.source.reader(columns[1:])
        return lambda row: read(row[1:])

    def _all(self, columns: Columns, rows: Sequence[base.Row]) -> tuple[list[object], list[Any]]:
        """Return what a function of batches is given, and what it returns."""
        read = self._reader(columns)
        try:
            given = [read(row) for row in rows]
            made = self.function(list(given)) if given else []
            listed = [] if made is None else made
            # A generator does its work here.
            if isinstance(listed, _SEVERAL) and not isinstance(listed, str | bytes):
                return given, list(listed)
        except Exception as error:
            raise work.BatchFailed(blame(error, self.function)) from error
        raise self._wrong(made, "a batch", f"a list of rows ({self.source.wanted} each)")

    def _wrong(self, made: object, given: str, wanted: str) -> errors.UsageError:
        return errors.UsageError(
            f"the function {name_of(self.function)}() returned a {type(made).__name__} for "
            f"{given} of {self.table.name!r}",
            remedy=f"return {wanted}",
        )

    def _which(self, columns: Columns, row: base.Row) -> str:
        """Return a row as errors name it."""
        if not self.key:
            return "a row"
        return "the row " + ", ".join(
            f"{name} = {row[columns.index(name)]!r}" for name in self.key if name in columns
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Inserts(Shaper):
    """What the function returns is inserted into `target`: a row, several, or none."""

    target: tables.Table
    made: Form

    def shape(self, columns: Columns, rows: Sequence[base.Row]) -> Iterator[Shaped]:
        groups = _Groups(self._check)
        if self.batched:
            for one in self._all(columns, rows)[1]:
                self._add(groups, one, "a row of the batch")
            yield Shaped(groups=groups.take())
            return
        read, function, add = self._reader(columns), self.function, groups.add
        plain = isinstance(self.made, Dicts)
        failed: list[tuple[int, str]] = []
        for at, row in enumerate(rows):
            try:
                out = function(read(row))
                if plain and type(out) is dict:
                    add(out)
                elif out is not None:
                    self._add_all(groups, out)
            except NotARow as wrong:
                raise self._wrong(wrong.made, self._which(columns, row), self._wanted) from None
            except Exception as error:  # noqa: BLE001  (a user's function may raise anything)
                failed.append((at, blame(error, function)))
            if groups.count >= _MOST_ROWS:
                yield Shaped(groups=groups.take(), failed=failed)
                failed = []
        yield Shaped(groups=groups.take(), failed=failed)

    @property
    def _wanted(self) -> str:
        return f"{self.made.wanted}, a list of them, or None for no row"

    def _add_all(self, groups: _Groups, out: object) -> None:
        """Add one row or several; none of several, if one of them fails."""
        if self.made.is_row(out):
            groups.add(self.made.new(out))
            return
        if not isinstance(out, _SEVERAL) or isinstance(out, str | bytes):
            raise NotARow(out)
        several = []
        for one in out:
            if not self.made.is_row(one):
                raise NotARow([one] if one is None else one)
            # As it is now: a generator may fill the same dict again.
            several.append(dict(self.made.new(one)))
        for row in several:
            groups.add(row)

    def _add(self, groups: _Groups, one: object, which: str) -> None:
        if not self.made.is_row(one):
            raise self._wrong(one, which, f"a list of rows ({self.made.wanted} each)")
        try:
            groups.add(self.made.new(one))
        except Exception as error:
            raise work.BatchFailed(blame(error, self.function)) from error

    def _check(self, names: Columns) -> None:
        if not names:
            raise errors.UsageError(
                f"the function {name_of(self.function)}() returned a row without columns",
                remedy="return None for no row",
            )
        writable(self.target, names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes(Shaper):
    """What the function returns replaces the row it was given; only what differs is written."""

    def shape(self, columns: Columns, rows: Sequence[base.Row]) -> Iterator[Shaped]:
        differing = _Differing(self, columns)
        failed: list[tuple[int, str]] = []
        if self.batched:
            given, made = self._all(columns, rows)
            if len(made) != len(given):
                raise errors.UsageError(
                    f"the function {name_of(self.function)}() was given {len(given):,} rows of "
                    f"{self.table.name!r} to change in place and returned {len(made):,}",
                    remedy="return one row for each, in the same order; None leaves one as it is",
                )
            for row, before, out in zip(rows, given, made, strict=True):
                try:
                    self._add(differing, columns, row, before, out)
                except Exception as error:
                    raise work.BatchFailed(blame(error, self.function)) from error
        else:
            read, function = self._reader(columns), self.function
            for at, row in enumerate(rows):
                try:
                    before = read(row)
                    self._add(differing, columns, row, before, function(before))
                except Exception as error:  # noqa: BLE001  (as above)
                    failed.append((at, blame(error, function)))
        yield Shaped(groups=differing.groups(), failed=failed)

    def _add(
        self, differing: _Differing, columns: Columns, row: base.Row, given: object, out: object
    ) -> None:
        if out is None:
            return
        if type(out) is dict and differing.plain:
            differing.add(row, out)
        elif not self.source.is_row(out):
            raise self._wrong(
                out,
                self._which(columns, row),
                f"{self.source.wanted}, or None to leave it as it is",
            )
        elif differing.plain:
            differing.add(row, out)  # type: ignore[arg-type]
        else:
            changed = self.source.changed(given, out)
            differing.put(row, tuple(changed), tuple(changed.values()))

    def refuse_key(self, name: str) -> None:
        raise errors.RefusedError(
            f"the function {name_of(self.function)}() changes {self.table.name}.{name}, by which "
            "the table is walked",
            remedy="leave the key as it is; change it by self.execute(…)",
        )


class _Groups:
    """New rows, by the columns they name, in the order of the first of each."""

    def __init__(self, check: Callable[[Columns], None]) -> None:
        self.count = 0
        self._check = check
        self._known: dict[frozenset[str], tuple[Columns, Pick, list[base.Row]]] = {}
        self._width = -1
        self._pick: Pick = tuple
        rows: list[base.Row] = []
        self._append = rows.append

    def add(self, row: Made) -> None:
        """Add a row as it is now."""
        # Nearly always a row has the columns of the one before it.
        if len(row) == self._width:
            try:
                self._append(self._pick(row))
                self.count += 1
                return
            except KeyError:
                pass
        self._turn_to(row)
        self._append(self._pick(row))
        self.count += 1

    def _turn_to(self, row: Made) -> None:
        found = self._known.get(frozenset(row))
        if found is None:
            names = tuple(row)
            self._check(names)
            found = self._known[frozenset(row)] = (names, picker(names), [])
        names, self._pick, rows = found
        self._width, self._append = len(names), rows.append

    def take(self) -> list[tuple[Columns, list[base.Row]]]:
        """Return what there is, and begin anew."""
        groups = [(names, rows) for names, _, rows in self._known.values() if rows]
        self._known = {key: (names, pick, []) for key, (names, pick, _) in self._known.items()}
        self._width, self.count = -1, 0
        return groups


class _Differing:
    """Changed rows, by the columns that differ."""

    def __init__(self, shaper: Changes, columns: Columns) -> None:
        self.plain = isinstance(shaper.source, Dicts)
        self._shaper = shaper
        self._columns = columns
        self._at = {name: at for at, name in enumerate(columns)}
        self._width = len(columns)
        self._all = range(len(columns))
        self._pick = picker(columns)
        self._key = picker(tuple(self._at[name] for name in shaper.key))
        self._by_place: dict[tuple[int, ...], tuple[Columns, list[base.Row]]] = {}
        self._by_name: dict[Columns, list[base.Row]] = {}

    def add(self, row: base.Row, made: Made) -> None:
        """Add what a dict says of a row."""
        if len(made) == self._width:
            try:
                new = self._pick(made)
            except KeyError:
                pass
            else:
                self._add_whole(row, new)
                return
        differing = {
            name: value
            for name, value in made.items()
            if (at := self._at.get(name)) is None or differs(value, row[at])
        }
        self.put(row, tuple(differing), tuple(differing.values()))

    def _add_whole(self, row: base.Row, new: base.Row) -> None:
        # What is not even another object is the same; that is told without a loop of Python's.
        suspects = compress(self._all, map(operator.is_not, new, row))
        places = tuple([at for at in suspects if differs(new[at], row[at])])
        if not places:
            return
        found = self._by_place.get(places)
        if found is None:
            names = tuple(self._columns[at] for at in places)
            self._refuse(names)
            found = self._by_place[places] = (names, [])
        found[1].append((*self._key(row), *[new[at] for at in places]))

    def put(self, row: base.Row, names: Columns, values: base.Row) -> None:
        """Add columns of a row that differ."""
        if not names:
            return
        rows = self._by_name.get(names)
        if rows is None:
            self._refuse(names)
            rows = self._by_name[names] = []
        rows.append((*self._key(row), *values))

    def _refuse(self, names: Columns) -> None:
        for name in names:
            if name in self._shaper.key:
                self._shaper.refuse_key(name)
        writable(self._shaper.table, names)

    def groups(self) -> list[tuple[Columns, list[base.Row]]]:
        """Return what there is."""
        return [*self._by_place.values(), *self._by_name.items()]


# --- small things -------------------------------------------------------------------------------


def picker(names: Sequence[Any]) -> Pick:
    """Return what takes these items out of something, as a tuple."""
    if len(names) > 1:
        return operator.itemgetter(*names)
    return lambda of: tuple([of[name] for name in names])


# Types whose equal values are the same to every database.
_EXACT: Final = frozenset({int, str, bytes, bool, dt.date, dt.timedelta, uuid.UUID})


def differs(new: object, old: object) -> bool:
    """Say whether a value is another one: 1.0 and 1.00 are, two NaNs are not."""
    if new is old:
        return False
    kind = type(new)
    if kind is not type(old):
        return True
    return new != old if kind in _EXACT else repr(new) != repr(old)


def writable(table: tables.Table, names: Iterable[object]) -> None:
    """Raise for names that are no columns of a table, or that the server computes."""
    for name in names:
        if not isinstance(name, str):
            raise errors.UsageError(
                f"a row for {table.name!r} has the key {name!r}, which is no name of a column",
                remedy='name columns by texts:  {"column": value}',
            )
        if table.column(name).generated is not None:
            raise errors.RefusedError(
                f"{table.name}.{name} is computed by the server and cannot be written",
                remedy="leave it out; it follows the columns it is made of",
            )


def name_of(function: object) -> str:
    """Return what a function is called."""
    return str(getattr(function, "__name__", type(function).__name__))


def blame(error: Exception, function: object) -> str:
    """Return why a row failed: what was raised, on one line, and where in the function.

    Raises what is no fault of the row: an error of ours, also inside of somebody else's.
    """
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, errors.WhimbrelError):
            raise inner
        inner = inner.__cause__ or inner.__context__
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return text[:_LONGEST_REASON] + _place(error, function)


def _place(error: BaseException, function: object) -> str:
    own = getattr(function, "__code__", None)
    places = [
        (frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    theirs = [
        (file, line)
        for file, line in places
        if (file == own.co_filename if own is not None else not file.startswith(_OURS))
    ]
    return f" ({Path(theirs[-1][0]).name}:{theirs[-1][1]})" if theirs else ""


_OURS: Final = str(Path(__file__).resolve().parent.parent)
