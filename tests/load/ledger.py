"""What must be in the database, by what it has acknowledged, and what differs from that.

Each row belongs to one connection, which alone writes it: so its state is known exactly. Some
rows are written by all of them, by additions only, of which the sum is known. An operation whose
answer never came may have happened or not, but not half of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

# Ids of one connection's rows: from its number times this on. Number 0 are the rows of all.
SPAN: Final = 1_000_000
# So many additions without an answer are tried in every combination.
_MANY: Final = 14


class Row(NamedTuple):
    """A row as the application thinks of it; `ver` counts how often it was written."""

    id: int
    ver: int
    value: str | None
    slot: int
    note: str | None = None
    team: int | None = None
    tally: int = 0
    badge: bool = False


class Fault(StrEnum):
    """What can be wrong with a row."""

    LOST = "lost"  # it was acknowledged, and is not there
    RESURRECTED = "resurrected"  # it was deleted, and is there
    INVENTED = "invented"  # nobody ever wrote it
    STALE = "stale"  # it lacks a later write
    DOUBLED = "doubled"  # something was written twice
    WRONG = "wrong"  # as many writes, but other values
    HALF = "half"  # of an operation without an answer, a part is there


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row that is not what it must be."""

    fault: Fault
    id: int
    expected: object
    found: object

    def __str__(self) -> str:
        return f"{self.fault} {self.id}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """An operation that got no answer: what its rows were, and what they would be."""

    name: str
    before: Mapping[int, Row | None]
    after: Mapping[int, Row | None]
    added: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What one connection, or all of them, have done."""

    rows: dict[int, Row] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    # By row of all: the sum of what was added, and how often.
    added: dict[int, tuple[int, int]] = field(default_factory=dict)
    unknown: list[Unknown] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def acknowledged(self) -> int:
        """How many operations were acknowledged."""
        return sum(self.counts.values())

    def note(self, name: str, after: Mapping[int, Row | None], added: Mapping[int, int]) -> None:
        """Remember what an acknowledged operation has left."""
        self.counts[name] = self.counts.get(name, 0) + 1
        for id_, row in after.items():
            if row is None:
                self.rows.pop(id_, None)
                self.gone.add(id_)
            else:
                self.rows[id_] = row
                self.gone.discard(id_)
        for id_, delta in added.items():
            total, often = self.added.get(id_, (0, 0))
            self.added[id_] = (total + delta, often + 1)

    def doubt(self, name: str, after: Mapping[int, Row | None], added: Mapping[int, int]) -> None:
        """Remember an operation without an answer; its rows are touched no more."""
        before = {id_: self.rows.pop(id_, None) for id_ in after}
        self.unknown.append(Unknown(name=name, before=before, after=dict(after), added=dict(added)))

    def join(self, other: Ledger) -> None:
        """Take in what another connection has done, to other rows."""
        self.rows.update(other.rows)
        self.gone |= other.gone
        self.unknown += other.unknown
        for name, count in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        for id_, (total, often) in other.added.items():
            mine, before = self.added.get(id_, (0, 0))
            self.added[id_] = (mine + total, before + often)


def differences(ledger: Ledger, found: Mapping[int, Row]) -> list[Difference]:
    """Return every row that is not as the ledger has it."""
    doubtful = {id_ for one in ledger.unknown for id_ in one.after}
    wrong: list[Difference] = []
    for id_, row in ledger.rows.items():
        if id_ in doubtful:
            continue
        if id_ < SPAN:
            wrong += _shared(ledger, row, found.get(id_))
        else:
            wrong += _compared(row, found.get(id_))
    for id_ in found.keys() - ledger.rows.keys() - doubtful:
        fault = Fault.RESURRECTED if id_ in ledger.gone else Fault.INVENTED
        wrong.append(Difference(fault=fault, id=id_, expected=None, found=found[id_]))
    for one in ledger.unknown:
        wrong += _doubted(one, found)
    return sorted(wrong, key=lambda one: one.id)


def _compared(row: Row, found: Row | None) -> Iterator[Difference]:
    if row == found:
        return
    if found is None:
        fault = Fault.LOST
    elif found.ver < row.ver:
        fault = Fault.STALE
    elif found.ver > row.ver:
        fault = Fault.DOUBLED
    else:
        fault = Fault.WRONG
    yield Difference(fault=fault, id=row.id, expected=row, found=found)


def _shared(ledger: Ledger, row: Row, found: Row | None) -> Iterator[Difference]:
    """Compare a row to which all have added, with every combination of the unknown."""
    total, often = ledger.added.get(row.id, (0, 0))
    row = row._replace(ver=row.ver + often, tally=row.tally + total)
    unsure = [one.added[row.id] for one in ledger.unknown if row.id in one.added]
    if found is None or not unsure:
        yield from _compared(row, found)
        return
    extra = found.ver - row.ver
    possible = (
        # Too many to try them all: how often it was written must do.
        0 <= extra <= len(unsure)
        if len(unsure) > _MANY
        else 0 <= extra <= len(unsure)
        and found.tally - row.tally in map(sum, itertools.combinations(unsure, extra))
    )
    if not possible or found._replace(ver=row.ver, tally=row.tally) != row:
        yield from _compared(row, found)


def _doubted(one: Unknown, found: Mapping[int, Row]) -> Iterator[Difference]:
    ways = (one.before, one.after)
    if not any(all(found.get(id_) == row for id_, row in way.items()) for way in ways):
        seen = {id_: found.get(id_) for id_ in one.after}
        yield Difference(
            fault=Fault.HALF,
            id=min(one.after, default=0),
            expected=(one.name, *map(dict, ways)),
            found=seen,
        )


def told(wrong: Iterable[Difference], most: int = 10) -> str:
    """Return differences as lines, with how many there are of each fault."""
    all_ = list(wrong)
    counts = {fault: sum(one.fault is fault for one in all_) for fault in Fault}
    head = ", ".join(f"{count} {fault}" for fault, count in counts.items() if count)
    return "\n".join([head or "nothing", *(f"  {one}" for one in all_[:most])])
