"""Look again at what differs between databases that are being written to.

A difference may only mean that one side was a moment ahead. It is real when two looks, each with
new snapshots, find the same values; it is gone when the rows are equal; and what is another one
at each look is moving, which is neither.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import clock as clocks
from whimbrel import events
from whimbrel.engines import base, codec
from whimbrel.proof import differ, findings, lookup, matching, sides

# Beyond this the whole table is compared again; rows are looked up so many at once.
_MOST_LOOKED_UP: Final = 5_000
_AT_ONCE: Final = 200

_Found = dict[codec.Texts, tuple[findings.Difference, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """Looks again at the differences of tables: a few rows by their keys, many as a whole."""

    opens: tuple[Callable[[], base.Session], Callable[[], base.Session]]
    options: differ.Options
    spool: findings.Spool
    tell: events.Listener
    clock: clocks.Clock

    def look(self, tables: Mapping[int, findings.TableResult]) -> dict[int, findings.TableResult]:
        """Return the results after looking again, by place; the spool holds what is left."""
        watched = {place: self._watched(place, result) for place, result in tables.items()}
        pause = self.options.pause
        for look in range(1, self.options.looks + 1):
            self.clock.sleep(pause)
            pause *= 2
            with self._opened() as ends:
                for one in watched.values():
                    if one.unclear:
                        one.look(ends)
                        self.tell(
                            events.LookedAgain(
                                table=one.pair.title,
                                look=look,
                                different=one.different,
                                moving=one.moving,
                            )
                        )
            if not any(one.unclear for one in watched.values()):
                break
        return {place: one.result() for place, one in watched.items()}

    def _watched(self, place: int, result: findings.TableResult) -> _Rows | _Whole:
        if result.counts.differences <= _MOST_LOOKED_UP:
            known = list(self.spool.read(place))
            if result.pair and lookup.possible(result.pair, [one.key for one in known]):
                return _Rows(self, place, result, known)
        return _Whole(self, place, result)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[sides.Side, sides.Side]]:
        with contextlib.ExitStack() as stack:
            ends = []
            for open_session in self.opens:
                end = sides.Side(open_session)
                stack.callback(end.abandon)
                ends.append(end)
            yield ends[0], ends[1]


class _Watched:
    """One table that is looked at again."""

    def __init__(self, looker: Looker, place: int, result: findings.TableResult) -> None:
        if result.pair is None:
            raise ValueError(f"{result.name} is compared with nothing")
        self.pair = result.pair
        self.unclear = True
        self.moving = 0
        self.settled = 0
        self._looker = looker
        self._place = place
        self._result = result

    def result(self) -> findings.TableResult:
        """Return the result with what is left."""
        spool = self._looker.spool
        counts = findings.Counts(
            rewritten=self._result.counts.rewritten, settled=self.settled, moving=self.moving
        )
        for one in spool.read(self._place):
            counts.add(one)
        examples = itertools.islice(spool.read(self._place), self._looker.options.examples)
        return _replaced(self._result, self.pair, counts, tuple(examples))


class _Rows(_Watched):
    """Looked at row by row: those that differ the same at two looks are done with."""

    def __init__(
        self,
        looker: Looker,
        place: int,
        result: findings.TableResult,
        known: Sequence[findings.Difference],
    ) -> None:
        super().__init__(looker, place, result)
        self._stable: _Found = {}
        self._before = _by_key(known)

    @property
    def different(self) -> int:
        """How many rows still differ."""
        return _count(self._stable) + self.moving

    def look(self, ends: tuple[sides.Side, sides.Side]) -> None:
        """Compare the rows that are not clear yet once more."""
        before, now = self._before, self._now(ends)
        self.settled += sum(len(found) for key, found in before.items() if key not in now)
        self._stable |= {key: found for key, found in now.items() if before[key] == found}
        self._before = {key: found for key, found in now.items() if key not in self._stable}
        self.moving = _count(self._before)
        self.unclear = bool(self._before)

    def _now(self, ends: tuple[sides.Side, sides.Side]) -> _Found:
        wanted = list(self._before)
        found: list[findings.Difference] = []
        for at in range(0, len(wanted), _AT_ONCE):
            keys = wanted[at : at + _AT_ONCE]
            rows = [
                end.submit(_looking_up(self.pair, which, keys)) for which, end in enumerate(ends)
            ]
            matches = matching.compare(self.pair, rows[0].result(), rows[1].result())
            found += [one for one in matches if isinstance(one, findings.Difference)]
        return _by_key(found)

    def result(self) -> findings.TableResult:
        left = [one for found in self._stable.values() for one in found]
        left += [
            dataclasses.replace(one, moving=True)
            for found in self._before.values()
            for one in found
        ]
        self._looker.spool.clear(self._place)
        self._looker.spool.add(self._place, left)
        return super().result()


class _Whole(_Watched):
    """Compared as a whole: too many rows differ, or nothing names them."""

    def __init__(self, looker: Looker, place: int, result: findings.TableResult) -> None:
        super().__init__(looker, place, result)
        self._before = {_digest(one) for one in looker.spool.read(place)}

    @property
    def different(self) -> int:
        """How many rows still differ."""
        return len(self._before)

    def look(self, ends: tuple[sides.Side, sides.Side]) -> None:
        """Compare the table once more."""
        spool, now = self._looker.spool, set[bytes]()
        spool.clear(self._place)

        def found(block: Sequence[findings.Difference]) -> None:
            digests = [_digest(one) for one in block]
            now.update(digests)
            marked = [
                dataclasses.replace(one, moving=digest not in self._before)
                for one, digest in zip(block, digests, strict=True)
            ]
            spool.add(self._place, marked)

        differ.Differ(self.pair, *ends, options=self._looker.options, found=found).run()
        self.settled += len(self._before - now)
        self.moving = len(now - self._before)
        self.unclear = bool(self.moving)
        self._before = now


def _replaced(
    result: findings.TableResult,
    pair: findings.TablePair,
    counts: findings.Counts,
    examples: tuple[findings.Difference, ...],
) -> findings.TableResult:
    outcome = findings.Outcome.EQUAL
    if counts.differences > counts.moving or not pair.alike:
        outcome = findings.Outcome.DIFFERENT
    elif counts.moving:
        outcome = findings.Outcome.MOVING
    notes = list(result.notes)
    if counts.settled:
        notes.append(
            f"{counts.settled:,} rows differed in the first snapshots and were equal when looked "
            "at again; numbers of rows and fingerprints are those of the first"
        )
    if counts.moving:
        notes.append(f"{counts.moving:,} rows were different at each look")
    return dataclasses.replace(
        result, outcome=outcome, counts=counts, examples=examples, notes=tuple(notes)
    )


def _looking_up(
    pair: findings.TablePair, which: int, keys: Sequence[codec.Texts]
) -> Callable[[sides.Seat], list[codec.Texts]]:
    return lambda seat: lookup.rows(pair, which, seat, keys)


def _by_key(found: Sequence[findings.Difference]) -> _Found:
    groups: dict[codec.Texts, list[findings.Difference]] = {}
    for one in found:
        groups.setdefault(one.key, []).append(one)
    return {key: tuple(sorted(group, key=_digest)) for key, group in groups.items()}


def _count(found: _Found) -> int:
    return sum(map(len, found.values()))


def _digest(one: findings.Difference) -> bytes:
    text = b"|".join(
        (
            one.kind.value.encode(),
            *(findings.pack(texts) for texts in (one.key, one.source, one.target)),
        )
    )
    return hashlib.sha256(text).digest()[:16]
