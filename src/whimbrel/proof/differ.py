"""Compare two tables: sums of hashes first, and only where they differ the rows themselves.

A table with a key of whole numbers is read in ranges of it, by the index; a range that differs is
cut again and again until its rows are few enough to be fetched (as Percona's and Datafold's tools
do it). Every other table is read once in full, its rows counted in buckets by the hash of their
key, so that neither order nor collation matters; rows of buckets that differ come in the order of
their hashes and are merged. What the rows of one key have in common is the work of `matching`.
"""

from __future__ import annotations

import itertools
import math
import queue
import random
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from whimbrel import events
from whimbrel.engines import codec, forms
from whimbrel.proof import findings, matching, sides
from whimbrel.rows import keys

# A range is cut into so many at once.
_FAN: Final = 32
# Rows per bucket that are aimed at; a bucket that differs is fetched whole.
_BUCKET_ROWS: Final = 1_000
_MOST_DIGITS: Final = 4
# So many buckets can be asked for by their numbers.
_MOST_NAMED: Final = 500
_BLOCK: Final = 500
_SAMPLE_RANGE: Final = 1_000
# Fetches under way on each side.
_AHEAD: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a comparison goes about.

    `chunk_rows` are hashed by one statement, `fetch_rows` rows at most are fetched at once from
    each side. `examples` differences per table are kept at hand. `sample` is a share of the rows
    below 1, or a number of rows. `looks` is how often differences between databases that are
    being written to are looked at again: after `pause` seconds, then twice as many, and so on.
    """

    jobs: int = 2
    chunk_rows: int = 100_000
    fetch_rows: int = 4_096
    examples: int = 100
    sample: float | None = None
    seed: int = 0
    looks: int = 3
    pause: float = 0.25


@dataclass(slots=True, kw_only=True)
class Comparison:
    """What has been found of one pair so far."""

    source: codec.Sum = codec.NOTHING
    target: codec.Sum = codec.NOTHING
    counts: findings.Counts = field(default_factory=findings.Counts)
    sample: float | None = None
    notes: list[str] = field(default_factory=list)


class Differ:
    """Compares one pair of tables; what differs goes to `found`, in blocks."""

    def __init__(
        self,
        pair: findings.TablePair,
        source: sides.Side,
        target: sides.Side,
        *,
        options: Options,
        found: Callable[[Sequence[findings.Difference]], None],
        tell: events.Listener = events.nobody,
    ) -> None:
        self.pair = pair
        self.options = options
        self._sides = (source, target)
        self._found = found
        self._tell = tell
        self._so_far = Comparison()
        # After a cut in which most parts differed, hashing again would be a waste.
        self._mostly_different = False
        self._fetch_rows = _fetchable(pair, options.fetch_rows)
        self._scans = (
            codec.Scan(
                table=pair.source.name,
                values=tuple(one.source for one in pair.columns),
                key=matching.naming(pair),
            ),
            codec.Scan(
                table=pair.target.name,
                values=tuple(one.target for one in pair.columns),
                key=matching.naming(pair),
            ),
        )
        self._walks = (pair.walk_source, pair.walk_target)
        self._wheres = (pair.where_source, pair.where_target)

    def run(self) -> Comparison:
        """Compare, and return the sums and counts."""
        if self.pair.walk_source:
            self._by_ranges()
        else:
            self._by_buckets()
        return self._so_far

    # --- what is read -------------------------------------------------------------------------

    def _scan(self, which: int, seat: sides.Seat, range_: keys.Range | None = None) -> codec.Scan:
        """Return a scan of one side, of a range or of all."""
        conditions: list[str] = []
        params: tuple[object, ...] = ()
        if self._wheres[which]:
            conditions.append(f"({seat.engine.beside_parameters(self._wheres[which])}\n)")
        if range_ is not None:
            inside = self._walkway(which, seat).condition(range_)
            if inside.params:
                conditions.append(inside.sql)
                params = inside.params
        one = self._scans[which]
        return codec.Scan(
            table=one.table,
            values=one.values,
            key=one.key,
            where=" AND ".join(conditions),
            params=params,
        )

    def _walkway(self, which: int, seat: sides.Seat) -> keys.Walkway:
        columns = self._walks[which]
        key = keys.Key(columns=columns, integer=len(columns) == 1)
        return keys.Walkway(seat.engine, self._scans[which].table, key)

    def _estimate(self) -> int:
        def look(which: int) -> Callable[[sides.Seat], int]:
            table = self._scans[which].table
            return lambda seat: seat.engine.estimate(seat.session, table) or 0

        futures = [side.submit(look(which)) for which, side in enumerate(self._sides)]
        return max(future.result() for future in futures)

    # --- ranges of a key ----------------------------------------------------------------------

    def _by_ranges(self) -> None:
        estimate = self._estimate()
        ranges = self._first_ranges(estimate)
        suspects = []
        for range_, sums in self._totals(ranges):
            self._so_far.source += sums[0]
            self._so_far.target += sums[1]
            self._tell(
                events.RowsCompared(
                    table=self.pair.title, rows=max(sums[0].rows, sums[1].rows), total=estimate
                )
            )
            if sums[0] != sums[1]:
                suspects.append((range_, max(sums[0].rows, sums[1].rows), _fuller(sums)))
        self._fetch(self._narrow(suspects))

    def _first_ranges(self, estimate: int) -> list[keys.Range]:
        chunk = self.options.chunk_rows
        share = self._share(estimate)
        if share is not None:
            chunk = min(chunk, max(_SAMPLE_RANGE // 10, min(_SAMPLE_RANGE, estimate // 20 or 1)))
        count = max(1, math.ceil(estimate / chunk))
        # Cut where there are more rows, so that no range on either side gets out of hand.
        ranges = self._sides[0].run(lambda seat: self._walkway(0, seat).parts(seat.session, count))
        if not ranges:
            ranges = self._sides[1].run(
                lambda seat: self._walkway(1, seat).parts(seat.session, count)
            )
        if not ranges:
            return [keys.Range()]
        # No row is outside: both ends are open.
        cuts = [range_.upper for range_ in ranges[:-1]]
        bounds = [None, *cuts, None]
        made = [keys.Range(lower=lower, upper=upper) for lower, upper in itertools.pairwise(bounds)]
        if share is None or len(made) == 1:
            return made
        chosen = max(1, round(len(made) * share))
        self._so_far.sample = chosen / len(made)
        picked = sorted(random.Random(self.options.seed).sample(range(len(made)), chosen))
        return [made[place] for place in picked]

    def _share(self, estimate: int) -> float | None:
        sample = self.options.sample
        if sample is None:
            return None
        share = sample if sample < 1 else sample / max(estimate, 1)
        return share if share < 1 else None

    def _totals(
        self, ranges: Sequence[keys.Range]
    ) -> Iterator[tuple[keys.Range, tuple[codec.Sum, codec.Sum]]]:
        """Yield each range with its sums; both sides go through all of them on their own."""
        futures = [
            tuple(side.submit(self._total(which, range_)) for which, side in enumerate(self._sides))
            for range_ in ranges
        ]
        for range_, (ours, theirs) in zip(ranges, futures, strict=True):
            yield range_, (ours.result(), theirs.result())

    def _total(self, which: int, range_: keys.Range) -> Callable[[sides.Seat], codec.Sum]:
        return lambda seat: seat.codec.total(self._scan(which, seat, range_))

    def _narrow(self, suspects: Sequence[tuple[keys.Range, int, int]]) -> Iterator[keys.Range]:
        """Cut ranges that differ until they can be fetched; yield those."""
        waiting = list(reversed(suspects))
        while waiting:
            range_, rows, fuller = waiting.pop()
            if rows <= self._fetch_rows:
                yield range_
                continue
            if self._mostly_different:
                yield from self._cut(range_, fuller, self._fetch_rows)
                continue
            step = max(self._fetch_rows // 2, math.ceil(rows / _FAN))
            parts = self._cut(range_, fuller, step)
            if len(parts) == 1:
                # Its rows are all on the side that was not counted, or share one key.
                yield range_
                continue
            narrower = [
                (part, max(sums[0].rows, sums[1].rows), _fuller(sums))
                for part, sums in self._totals(parts)
                if sums[0] != sums[1]
            ]
            self._mostly_different = 2 * len(narrower) > len(parts)
            waiting.extend(reversed(narrower))

    def _cut(self, range_: keys.Range, which: int, step: int) -> list[keys.Range]:
        """Cut a range into parts of so many rows, as one side counts them."""
        cuts = self._sides[which].run(
            lambda seat: self._walkway(which, seat).steps(seat.session, range_, step)
        )
        bounds = [range_.lower, *(cut for cut in cuts if cut != range_.upper), range_.upper]
        return [keys.Range(lower=lower, upper=upper) for lower, upper in itertools.pairwise(bounds)]

    def _fetch(self, ranges: Iterable[keys.Range]) -> None:
        """Compare the rows of ranges, some of them read ahead."""
        ahead: list[tuple[Future[list[codec.Texts]], Future[list[codec.Texts]]]] = []
        for range_ in ranges:
            ahead.append(
                (
                    self._sides[0].submit(self._rows(0, range_)),
                    self._sides[1].submit(self._rows(1, range_)),
                )
            )
            if len(ahead) >= _AHEAD:
                self._compared(*ahead.pop(0))
        for futures in ahead:
            self._compared(*futures)

    def _rows(
        self, which: int, range_: keys.Range | None = None
    ) -> Callable[[sides.Seat], list[codec.Texts]]:
        return lambda seat: seat.codec.rows(self._scan(which, seat, range_))

    def _compared(self, ours: Future[list[codec.Texts]], theirs: Future[list[codec.Texts]]) -> None:
        self._keep(matching.compare(self.pair, ours.result(), theirs.result()))

    def _keep(self, found: Iterable[findings.Difference | int]) -> None:
        block = []
        for one in found:
            if isinstance(one, int):
                self._so_far.counts.rewritten += one
                continue
            self._so_far.counts.add(one)
            block.append(one)
            if len(block) >= _BLOCK:
                self._found(block)
                block = []
        if block:
            self._found(block)

    # --- buckets of hashes --------------------------------------------------------------------

    def _by_buckets(self) -> None:
        estimate = self._estimate()
        if self._share(estimate) is not None:
            self._so_far.notes.append(
                "no sample was taken: without a key of whole numbers all rows are read anyway"
            )
        digits = _digits(estimate)
        futures = [
            side.submit(self._buckets(which, digits)) for which, side in enumerate(self._sides)
        ]
        ours, theirs = (future.result() for future in futures)
        self._so_far.source = sum(ours.values(), codec.NOTHING)
        self._so_far.target = sum(theirs.values(), codec.NOTHING)
        rows = max(self._so_far.source.rows, self._so_far.target.rows)
        self._tell(events.RowsCompared(table=self.pair.title, rows=rows, total=rows))
        differ = {
            bucket
            for bucket in ours.keys() | theirs.keys()
            if ours.get(bucket) != theirs.get(bucket)
        }
        if not differ:
            return
        if self._scans[0].key:
            self._keep(self._merged(differ, digits))
        else:
            # Nothing has the same text on both sides by which rows could come in one order.
            everything = [side.submit(self._rows(at)) for at, side in enumerate(self._sides)]
            self._compared(everything[0], everything[1])

    def _buckets(self, which: int, digits: int) -> Callable[[sides.Seat], dict[int, codec.Sum]]:
        if digits == 0:
            return lambda seat: {0: seat.codec.total(self._scan(which, seat))}
        return lambda seat: seat.codec.buckets(self._scan(which, seat), digits)

    def _merged(self, buckets: Collection[int], digits: int) -> Iterator[findings.Difference | int]:
        """Yield what differs, from the rows of both sides in the order of their keys' hashes."""
        named = buckets if digits and len(buckets) <= _MOST_NAMED else None
        stop = threading.Event()
        streams = [
            _Stream(side, self._stream(which, named, digits), stop)
            for which, side in enumerate(self._sides)
        ]
        try:
            ours, theirs = (one.groups() for one in streams)
            yield from self._zipped(ours, theirs)
        finally:
            stop.set()

    def _stream(
        self, which: int, named: Collection[int] | None, digits: int
    ) -> Callable[[sides.Seat], Iterator[tuple[str, codec.Texts]]]:
        return lambda seat: seat.codec.stream(
            self._scan(which, seat), digits=digits if named is not None else 0, only=named
        )

    def _zipped(
        self,
        ours: Iterator[tuple[str, matching.Group]],
        theirs: Iterator[tuple[str, matching.Group]],
    ) -> Iterator[findings.Difference | int]:
        one, other = next(ours, None), next(theirs, None)
        while one is not None or other is not None:
            if other is None or (one is not None and one[0] < other[0]):
                if one is not None:
                    yield from matching.compare(self.pair, one[1].elements(), ())
                one = next(ours, None)
            elif one is None or other[0] < one[0]:
                yield from matching.compare(self.pair, (), other[1].elements())
                other = next(theirs, None)
            else:
                if one[1] != other[1]:
                    yield from matching.compare(self.pair, one[1].elements(), other[1].elements())
                one, other = next(ours, None), next(theirs, None)


class _Stream:
    """Rows of one side, read by a session in its own thread, some blocks ahead."""

    def __init__(
        self,
        side: sides.Side,
        read: Callable[[sides.Seat], Iterator[tuple[str, codec.Texts]]],
        stop: threading.Event,
    ) -> None:
        self._blocks: queue.Queue[list[tuple[str, codec.Texts]] | None] = queue.Queue(maxsize=4)
        self._stop = stop
        self._done = side.submit(lambda seat: self._pour(read(seat)))

    def _pour(self, rows: Iterator[tuple[str, codec.Texts]]) -> None:
        try:
            block: list[tuple[str, codec.Texts]] = []
            for row in rows:
                block.append(row)
                if len(block) >= _BLOCK:
                    if not self._put(block):
                        return
                    block = []
            self._put(block)
        finally:
            self._put(None)

    def _put(self, block: list[tuple[str, codec.Texts]] | None) -> bool:
        while not self._stop.is_set():
            try:
                self._blocks.put(block, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def groups(self) -> Iterator[tuple[str, matching.Group]]:
        """Yield the rows of each hash, equal ones counted."""
        hash_, group = "", Counter[codec.Texts]()
        while (block := self._blocks.get()) is not None:
            for one, texts in block:
                if one != hash_:
                    if group:
                        yield hash_, group
                    hash_, group = one, Counter()
                group[texts] += 1
        self._done.result()
        if group:
            yield hash_, group


def _fuller(sums: tuple[codec.Sum, codec.Sum]) -> int:
    return int(sums[1].rows > sums[0].rows)


def _digits(rows: int) -> int:
    if rows <= _BUCKET_ROWS * 4:
        return 0
    return min(_MOST_DIGITS, math.ceil(math.log(rows / _BUCKET_ROWS, 16)))


# Values of these may be of any length: fewer of their rows are kept in memory at once.
_WIDE: Final = frozenset(
    {forms.Family.TEXT, forms.Family.BINARY, forms.Family.JSON, forms.Family.OTHER}
)


def _fetchable(pair: findings.TablePair, rows: int) -> int:
    """Return how many rows may be fetched at once, by how wide they may be."""
    if any(one.form.long for one in pair.columns):
        return min(rows, 64)
    if any(one.form.family in _WIDE and _unlimited(one) for one in pair.columns):
        return min(rows, 1_024)
    return rows


def _unlimited(one: findings.ColumnPair) -> bool:
    return not any("(" in value.column.type for value in (one.source, one.target))
