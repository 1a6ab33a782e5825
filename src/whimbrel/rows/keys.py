"""A table as ranges of its key: which key, where to cut, and how a range is said in SQL.

What is done with the rows of a range is `work`'s, when and in what size `pace`'s.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import tables
from whimbrel.engines import base

Values = tuple[object, ...]

# More parts than workers: who is finished early takes the next one.
PARTS_PER_WORKER: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a table is walked by: columns that tell its rows apart, never NULL, in order.

    `address` means the engine's own address of a row, for a table without such columns. Without
    any columns the table cannot be cut: all of it is one batch.
    """

    columns: tuple[str, ...]
    integer: bool = False
    address: bool = False

    def __str__(self) -> str:
        return ", ".join(self.columns) or "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Rows with a key above `lower` and up to `upper`; None is no limit."""

    lower: Values | None = None
    upper: Values | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where a batch ends: at the key `upper`, or (None) with the range itself.

    `rows` is how many rows it has where they were counted, `width` how many numbers lie in it
    where they were not.
    """

    upper: Values | None
    rows: int | None = None
    width: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A piece of SQL and its parameters, in the driver's own style."""

    sql: str
    params: Values = ()


def choose(table: tables.Table, engine: base.Engine) -> Key:
    """Return the key a table is walked by; one without columns if nothing tells its rows apart.

    The primary key before unique ones, fewer columns before more; columns that may be NULL and
    types whose order is not that of their comparison are no keys.
    """
    candidates = [table.primary_key] if table.primary_key else []
    others = [unique.columns for unique in table.uniques]
    others += [
        tuple(str(column) for column in index.columns)
        for index in table.indexes
        if index.unique
        and index.where is None
        and index.valid
        and not any(index.lengths)
        and all(isinstance(column, str) for column in index.columns)
    ]
    candidates += sorted(others, key=len)
    for columns in candidates:
        found = [table.column(name) for name in columns]
        if all(not c.null and not _unordered(c.type, engine) for c in found):
            integer = len(found) == 1 and is_integer(found[0].type)
            return Key(columns=tuple(columns), integer=integer)
    address = engine.can.row_address
    if address is None or table.has(address):
        return Key(columns=())
    return Key(columns=(address,), address=True)


def _words(type_: str) -> str:
    return type_.lower().split("(", 1)[0].strip()


def _unordered(type_: str, engine: base.Engine) -> bool:
    return _words(type_) in engine.can.no_keys


def is_integer(type_: str) -> bool:
    """Whether a type of any engine holds whole numbers, as far as its name tells."""
    return any(word in _words(type_).split() for word in _INTEGERS)


_INTEGERS: Final = ("integer", "int", "bigint", "smallint", "mediumint", "tinyint")


class Walkway:
    """How one table is walked on one engine: its SQL, made once."""

    def __init__(self, engine: base.Engine, table: str, key: Key) -> None:
        self.engine = engine
        self.table = table
        self.key = key
        self._columns = [name if key.address else engine.quote(name) for name in key.columns]
        self._names = ", ".join(self._columns)
        # As they stand beside parameters.
        self._compared = [engine.beside_parameters(column) for column in self._columns]
        # Whether most numbers between two keys are keys themselves; learnt while walking.
        self._dense = True
        self._order = f" ORDER BY {self._names}" if key.columns else ""
        self._place = engine.placeholder
        self._from = engine.quote(table)

    # --- a range, in SQL ----------------------------------------------------------------------

    def condition(self, range_: Range) -> Condition:
        """Return what is true of the rows in a range."""
        parts: list[str] = []
        params: list[object] = []
        for values, compare in ((range_.lower, ">"), (range_.upper, "<=")):
            if values is not None:
                sql, given = self._compare(compare, values)
                parts.append(sql)
                params.extend(given)
        return Condition(sql=" AND ".join(parts) or "1 = 1", params=tuple(params))

    def _compare(self, compare: str, values: Values) -> tuple[str, list[object]]:
        if len(values) == 1:
            return f"{self._compared[0]} {compare} {self._place}", [values[0]]
        if self.engine.can.row_values:
            places = ", ".join([self._place] * len(values))
            return f"({', '.join(self._compared)}) {compare} ({places})", list(values)
        return self._written_out(compare, self._compared, values)

    def _written_out(
        self, compare: str, columns: Sequence[str], values: Sequence[object]
    ) -> tuple[str, list[object]]:
        """Write (a, b) > (x, y) so that an index on a, b serves: a >= x AND (a > x OR …)."""
        column, value = columns[0], values[0]
        if len(columns) == 1:
            return f"{column} {compare} {self._place}", [value]
        strict = compare.rstrip("=")
        rest, given = self._written_out(compare, columns[1:], values[1:])
        sql = f"{column} {strict}= {self._place} AND ({column} {strict} {self._place} OR {rest})"
        return f"({sql})", [value, value, *given]

    def selection(self, columns: str, range_: Range, *, where: str | None = None) -> Condition:
        """Return a query for the rows of a range, in the order of the key."""
        own = f"({where}\n) AND " if where else ""
        return self.within(f"SELECT {columns} FROM {self._from} WHERE {own}", range_, self._order)

    def within(self, before: str, range_: Range, after: str = "") -> Condition:
        """Return SQL that ends in a condition, with the range written behind it."""
        inside = self.condition(range_)
        if not inside.params:
            return Condition(sql=f"{before}{inside.sql}{after}")
        # The names in the range's own text may hold a percent sign, too.
        text = f"{before}\0{after}"
        return Condition(
            sql=self.engine.beside_parameters(text).replace("\0", inside.sql),
            params=inside.params,
        )

    @property
    def names(self) -> str:
        """The columns of the key as SQL."""
        return self._names

    def shown(self) -> str:
        """Return the condition of a batch as people read it in a plan."""
        if not self._columns:
            return "1 = 1"
        names = self._names if len(self._columns) == 1 else f"({self._names})"
        return f"{names} > :after AND {names} <= :upto"

    # --- where to cut -------------------------------------------------------------------------

    def end(self, session: base.Session) -> Values | None:
        """Return the last key there is, or None for an empty table."""
        order = ", ".join(f"{column} DESC" for column in self._columns)
        rows = session.fetch(f"SELECT {self._names} FROM {self._from} ORDER BY {order} LIMIT 1")
        return rows[0] if rows else None

    def start(self, session: base.Session) -> Values | None:
        """Return the first key there is, or None for an empty table."""
        rows = session.fetch(
            f"SELECT {self._names} FROM {self._from} ORDER BY {self._names} LIMIT 1"
        )
        return rows[0] if rows else None

    def cut(self, session: base.Session, range_: Range, rows: int, *, counted: bool) -> Cut:
        """Return where the next batch of a range ends: at most `rows` rows into it.

        A single integer is cut by arithmetic while its numbers are dense, which costs nothing;
        everything else, or with `counted`, by looking at the key of the row itself.
        """
        if self.key.integer and self._dense and not counted:
            lower = self._lower(session, range_)
            upper = range_.upper
            if lower is not None and upper is not None and isinstance(upper[0], int):
                at = lower + rows
                if at >= upper[0]:
                    return Cut(upper=None, width=upper[0] - lower)
                return Cut(upper=(at,), width=at - lower)
        found = self.boundary(session, range_, rows)
        if found is None or found == range_.upper:
            return Cut(upper=None)
        if self.key.integer and (lower := self._lower(session, range_)) is not None:
            self._dense = 2 * rows > int(str(found[0])) - lower
        return Cut(upper=found, rows=rows)

    def _lower(self, session: base.Session, range_: Range) -> int | None:
        """Return the number below the first of a range."""
        if range_.lower is not None:
            return range_.lower[0] if isinstance(range_.lower[0], int) else None
        start = self.start(session)
        return start[0] - 1 if start is not None and isinstance(start[0], int) else None

    def learn(self, cut: Cut, rows: int) -> None:
        """Learn from how many rows there were in a cut that was made by arithmetic."""
        if cut.width is not None and 2 * rows < cut.width:
            self._dense = False

    def boundary(self, session: base.Session, range_: Range, rows: int) -> Values | None:
        """Return the key of the row that is `rows` rows into a range, or None if it has fewer."""
        if not self._columns:
            return None
        query = self.selection(self._names, range_)
        found = session.fetch(f"{query.sql} LIMIT 1 OFFSET {rows - 1}", query.params or None)
        return found[0] if found else None

    def steps(self, session: base.Session, range_: Range, rows: int) -> list[Values]:
        """Return the key of every row that is a multiple of `rows` rows into a range."""
        query = self.within(
            f"SELECT {self._names} FROM (SELECT {self._names}, row_number() OVER "
            f"(ORDER BY {self._names}) AS whimbrel_n FROM {self._from} WHERE ",
            range_,
            f") AS counted WHERE whimbrel_n % {rows} = 0 ORDER BY {self._names}",
        )
        return session.fetch(query.sql, query.params or None)

    def count(self, session: base.Session, range_: Range) -> int:
        """Return how many rows a range has."""
        query = self.within(f"SELECT count(*) FROM {self._from} WHERE ", range_)
        return int(str(session.fetch(query.sql, query.params or None)[0][0]))

    def at_most(self, session: base.Session, limit: int) -> int:
        """Return how many rows the table has, counted up to one above a limit."""
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {self._from} LIMIT {limit + 1}) AS few"
        return int(str(session.fetch(sql)[0][0]))

    def parts(self, session: base.Session, count: int) -> list[Range]:
        """Cut the table, as it is now, into about `count` ranges; none for an empty table.

        A single integer is cut by arithmetic, everything else by counting along the key. The
        upper end is that of now: rows that come later with a higher key are not walked.
        """
        if not self._columns:
            return [Range()]
        end = self.end(session)
        if end is None:
            return []
        cuts: list[Values] = []
        if count > 1:
            cuts = self._cut_integer(session, end, count) if self.key.integer else []
            if not cuts:
                cuts = self._cut_by_counting(session, count)
        bounds: list[Values | None] = [None, *[cut for cut in cuts if cut != end], end]
        return [Range(lower=a, upper=b) for a, b in itertools.pairwise(bounds)]

    def _cut_integer(self, session: base.Session, end: Values, count: int) -> list[Values]:
        start = self.start(session)
        if start is None or not isinstance(start[0], int) or not isinstance(end[0], int):
            return []
        first, last = start[0], end[0]
        width = (last - first + 1) / count
        if width < 1:
            return []
        return [(first + round(width * number) - 1,) for number in range(1, count)]

    def _cut_by_counting(self, session: base.Session, count: int) -> list[Values]:
        total = int(str(session.fetch(f"SELECT count(*) FROM {self._from}")[0][0]))
        step = total // count
        if step < 1:
            return []
        # Sent without parameters, so a plain percent sign is the remainder on every engine.
        rows = session.fetch(
            f"SELECT {self._names} FROM (SELECT {self._names}, row_number() OVER "
            f"(ORDER BY {self._names}) AS whimbrel_n FROM {self._from}) AS counted "
            f"WHERE whimbrel_n % {step} = 0 ORDER BY {self._names}"
        )
        return rows[: count - 1]
