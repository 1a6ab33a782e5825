"""Rows that were chosen, and all that they refer to: a set of rows that is closed.

The database itself says which row a reference means, by its own rules of comparing; here is kept
which rows there are already. The keys are kept in memory, up to a bound: the source is only read.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from whimbrel import errors
from whimbrel.proof import sides
from whimbrel.rehearsal import keyed
from whimbrel.schema import dependencies

# So many keys are kept in memory.
MOST_ROWS: Final = 3_000_000


class Closure:
    """Rows of several tables, each with everything that it refers to."""

    def __init__(
        self,
        side: sides.Side,
        shapes: Mapping[str, keyed.Keyed],
        references: Iterable[dependencies.Reference],
        *,
        most: int = MOST_ROWS,
    ) -> None:
        self._side = side
        self._shapes = shapes
        self._most = most
        self._of: dict[str, list[dependencies.Reference]] = {}
        for one in references:
            if one.table in shapes and one.ref_table in shapes:
                self._of.setdefault(one.table, []).append(one)
        self._waiting: dict[str, list[keyed.Key] | None] = {}
        #: How many rows there are in it.
        self.count = 0
        #: The keys of each table, in the order in which they came.
        self.rows: dict[str, dict[keyed.Key, None]] = {name: {} for name in shapes}
        #: Tables of which every row is in it.
        self.whole: set[str] = set()

    def add(self, table: str, keys: Iterable[keyed.Key]) -> None:
        """Add rows; what they refer to comes with `close`."""
        if table in self.whole:
            return
        known = self.rows[table]
        new = [key for key in dict.fromkeys(keys) if key not in known]
        if not new:
            return
        self.count += len(new)
        if self.count > self._most:
            raise errors.RefusedError(
                f"the subset would have more than {self._most:,} rows",
                object=f"table {table!r}",
                left="nothing was written",
                remedy="ask for fewer rows; so many are a transfer:  whimbrel transfer",
            )
        known.update(dict.fromkeys(new))
        waiting = self._waiting.setdefault(table, [])
        if waiting is not None:
            waiting += new

    def add_whole(self, table: str, rows: int) -> None:
        """Add every row of a table, of which there are so many."""
        if table not in self.whole:
            self.whole.add(table)
            self.count += rows - len(self.rows[table])
            self.rows[table] = {}
            self._waiting[table] = None

    def close(self) -> None:
        """Add what the rows refer to, and what that refers to, until nothing is missing."""
        while self._waiting:
            table = min(self._waiting)
            keys = self._waiting.pop(table)
            references = [one for one in self._of.get(table, ()) if one.ref_table not in self.whole]
            for batch in _batches(keys):
                for reference in references:
                    self._follow(reference, batch)

    def astray(self, table: str) -> int:
        """Return how many rows refer to something that there is not, in the source neither."""
        found: set[keyed.Key] = set()
        child = self._shapes[table]
        keys = None if table in self.whole else list(self.rows[table])
        for batch in _batches(keys):
            for reference in self._of.get(table, ()):

                def look(
                    seat: sides.Seat,
                    reference: dependencies.Reference = reference,
                    batch: Sequence[keyed.Key] | None = batch,
                ) -> list[keyed.Key]:
                    condition = child.condition(seat, batch)
                    lost = dangling(seat, reference)
                    return child.found(seat, f"({condition}) AND {lost}" if condition else lost)

                found.update(self._side.run(look))
        return len(found)

    def _follow(self, reference: dependencies.Reference, batch: Sequence[keyed.Key] | None) -> None:
        if reference.ref_table in self.whole:
            return
        child, parent = self._shapes[reference.table], self._shapes[reference.ref_table]

        def look(seat: sides.Seat) -> list[keyed.Key]:
            return parent.found(seat, referred(seat, reference, child, batch))

        self.add(reference.ref_table, self._side.run(look))


def referred(
    seat: sides.Seat,
    reference: dependencies.Reference,
    child: keyed.Keyed,
    batch: Sequence[keyed.Key] | None,
) -> str:
    """Return the condition for rows that are referred to by some others, None for all of these.

    A reference with a NULL in it is none: no row is equal to it.
    """
    quote = seat.engine.quote
    own = ", ".join(quote(name) for name in reference.columns)
    other = ", ".join(quote(name) for name in reference.ref_columns)
    if len(reference.columns) > 1:
        other = f"({other})"
    condition = child.condition(seat, batch)
    where = f" WHERE {condition}" if condition else ""
    return f"{other} IN (SELECT {own} FROM {quote(child.name)}{where})"


def dangling(seat: sides.Seat, reference: dependencies.Reference) -> str:
    """Return the condition for rows whose reference is whole and leads to nothing."""
    quote = seat.engine.quote
    own = [quote(name) for name in reference.columns]
    other = [quote(name) for name in reference.ref_columns]
    whole = " AND ".join(f"{name} IS NOT NULL" for name in own)
    there = " AND ".join(f"{name} IS NOT NULL" for name in other)
    names = f"({', '.join(own)})" if len(own) > 1 else own[0]
    inner = f"SELECT {', '.join(other)} FROM {quote(reference.ref_table)} WHERE {there}"
    return f"{whole} AND {names} NOT IN ({inner})"


def _batches(keys: Sequence[keyed.Key] | None) -> Iterable[Sequence[keyed.Key] | None]:
    if keys is None:
        return [None]
    size = keyed.KEYS_A_QUERY
    return (
        list(itertools.islice(keys, start, start + size)) for start in range(0, len(keys), size)
    )
