"""Compare two databases, or two tables: the same, or down to the row that differs.

Both sides are read in one snapshot each, by several sessions. What differs while databases are
being written to is looked at again (`again`). How one pair of tables is compared is the work of
`differ`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from whimbrel import clock as clocks
from whimbrel import errors, events, tables
from whimbrel.engines import base, codec, forms
from whimbrel.proof import again, differ, findings, pairs, sides

Open = Callable[[], base.Session]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """How a comparison was made, so that it can be made again and its target be repaired.

    `writing` opens a session on the target that may write.
    """

    source: Open
    target: Open
    writing: Open | None
    wanted: pairs.Wanted
    options: differ.Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What is known after comparing two databases.

    `spool` has every difference, by the place of its table in `tables`, until it is closed.
    """

    source: findings.Database
    target: findings.Database
    tables: tuple[findings.TableResult, ...]
    started_at: str
    seconds: float
    notes: tuple[str, ...] = ()
    spool: findings.Spool = field(repr=False, compare=False)
    origin: Origin | None = field(default=None, repr=False, compare=False)

    @property
    def equal(self) -> bool:
        """Whether nothing differs in what was compared."""
        return all(table.equal for table in self.tables)

    @property
    def rows(self) -> int:
        """Return how many rows were compared, on the side that has more of each table."""
        return sum(max(table.source.rows, table.target.rows) for table in self.tables)

    @property
    def differences(self) -> int:
        """Return how many rows differ."""
        return sum(table.counts.differences for table in self.tables)

    def as_json(self) -> dict[str, object]:
        """Return it as plain values, with the examples but not every difference."""
        return {
            "equal": self.equal,
            "source": self.source.as_json(),
            "target": self.target.as_json(),
            "started_at": self.started_at,
            "seconds": round(self.seconds, 3),
            "rows": self.rows,
            "differences": self.differences,
            "notes": list(self.notes),
            "tables": [table.as_json() for table in self.tables],
        }

    def every_difference(self) -> Iterator[tuple[findings.TableResult, findings.Difference]]:
        """Yield all differences, table by table."""
        for place, table in enumerate(self.tables):
            for found in self.spool.read(place):
                yield table, found

    def __enter__(self) -> Verification:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the differences on disk; the rest stays as it is."""
        self.spool.close()


def verify(
    source: Open,
    target: Open,
    *,
    wanted: pairs.Wanted | None = None,
    options: differ.Options | None = None,
    writing: Open | None = None,
    source_side: sides.Side | None = None,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> Verification:
    """Compare two databases that are opened by `source` and `target`, which only read.

    `writing` is only kept, for a repair of the target. With `source_side` the source is read at
    the moment of those sessions, which stay open, and differences are not looked at again.

    Raises TableNotFound, ColumnNotFound, AmbiguousMatch, NotComparable, DatabaseUnavailable.
    """
    origin = Origin(
        source=source,
        target=target,
        writing=writing,
        wanted=wanted or pairs.Wanted(),
        options=options or differ.Options(),
    )
    run = _Run(source, target, origin.wanted, origin.options, tell, clock, source_side)
    found = run.verification()
    return dataclasses.replace(found, origin=origin)


class _Run:
    def __init__(
        self,
        source: Open,
        target: Open,
        wanted: pairs.Wanted,
        options: differ.Options,
        tell: events.Listener,
        clock: clocks.Clock,
        source_side: sides.Side | None = None,
    ) -> None:
        self._opens = (source, target)
        self._given = source_side
        self._wanted = wanted
        self._options = options
        self._clock = clock
        self._listener = tell
        self._telling = threading.Lock()
        self._spool = findings.Spool()

    def _tell(self, event: events.Event) -> None:
        # Several tables are compared at once; a listener hears one thing after the other.
        with self._telling:
            self._listener(event)

    def verification(self) -> Verification:
        started, since = self._clock.now(), self._clock.seconds()
        try:
            with self._opened() as ends:
                facts = [self._database(end) for end in ends]
                matched, made = self._pairs(ends)
                titles = tuple(pair.title for pair in made)
                self._tell(
                    events.VerifyStarted(source=facts[0].url, target=facts[1].url, tables=titles)
                )
                results = self._compared(made, ends)
                results = self._looked_again(results, ends)
                results += self._lonely(matched, ends)
                notes = tuple(dict.fromkeys(note for end in ends for note in end.notes))
        except BaseException:
            self._spool.close()
            raise
        seconds = self._clock.seconds() - since
        verification = Verification(
            source=facts[0],
            target=facts[1],
            tables=tuple(results),
            started_at=clocks.stamp(started),
            seconds=seconds,
            notes=notes,
            spool=self._spool,
        )
        self._tell(events.VerifyDone(equal=verification.equal, seconds=seconds))
        return verification

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[sides.Side, sides.Side]]:
        """Open both sides, and end them whatever happens."""
        with contextlib.ExitStack() as stack:
            ends = [] if self._given is None else [self._given]
            for open_session in self._opens[len(ends) :]:
                end = sides.Side(open_session, seats=self._options.jobs)
                stack.callback(end.abandon)
                ends.append(end)
            yield ends[0], ends[1]

    def _database(self, end: sides.Side) -> findings.Database:
        def look(seat: sides.Seat) -> findings.Database:
            return findings.Database(
                url=seat.session.url,
                engine=seat.engine.name,
                title=seat.engine.title,
                version=seat.engine.version(seat.session),
                position=seat.snapshot.position,
                kind=seat.snapshot.kind,
                at=clocks.stamp(self._clock.now()),
            )

        return end.run(look)

    # --- what is compared ---------------------------------------------------------------------

    def _pairs(
        self, ends: tuple[sides.Side, sides.Side]
    ) -> tuple[pairs.Matched, list[findings.TablePair]]:
        known = [end.run(lambda seat: seat.engine.catalog(seat.session).tables()) for end in ends]
        matched = pairs.match_tables(known[0], known[1], self._wanted)
        if not matched.pairs and not matched.lone_source and not matched.lone_target:
            raise errors.NothingToCompare("the source", "the target")
        made = []
        for one, other in matched.pairs:
            made.append(self._pair(ends, one, other))
        return matched, made

    def _pair(
        self, ends: tuple[sides.Side, sides.Side], one: str, other: str
    ) -> findings.TablePair:
        """Match the columns of two tables."""
        return pairs.pair(_end(ends[0], one), _end(ends[1], other), self._wanted)

    # --- comparing ----------------------------------------------------------------------------

    def _compared(
        self, made: Sequence[findings.TablePair], ends: tuple[sides.Side, sides.Side]
    ) -> list[findings.TableResult]:
        # No more tables at once than sessions on either side: two that each wait for a session
        # which the other one has would wait for ever.
        at_once = min(end.seats for end in ends)
        with ThreadPoolExecutor(at_once, "whimbrel-tables") as pool:
            futures = [
                pool.submit(self._table, place, pair, ends) for place, pair in enumerate(made)
            ]
            try:
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for end in ends:
                    end.interrupt()
                raise

    def _table(
        self, place: int, pair: findings.TablePair, ends: tuple[sides.Side, sides.Side]
    ) -> findings.TableResult:
        since = self._clock.seconds()
        examples: list[findings.Difference] = []

        def found(block: Sequence[findings.Difference]) -> None:
            room = self._options.examples - len(examples)
            examples.extend(block[: max(0, room)])
            self._spool.add(place, block)

        comparison = differ.Comparison()
        if pair.columns:
            comparison = differ.Differ(
                pair, ends[0], ends[1], options=self._options, found=found, tell=self._tell
            ).run()
        else:
            # The names of the tables are all that they have in common.
            comparison.source = codec.Sum(rows=ends[0].run(_counting(pair.source.name)))
            comparison.target = codec.Sum(rows=ends[1].run(_counting(pair.target.name)))
        counts = comparison.counts
        different = counts.differences or not pair.alike
        seconds = self._clock.seconds() - since
        outcome = findings.Outcome.DIFFERENT if different else findings.Outcome.EQUAL
        notes = [*pair.notes, *comparison.notes]
        if counts.rewritten:
            notes.append(f"{counts.rewritten:,} rows are equal by value and written differently")
        self._tell(
            events.TableVerified(
                table=pair.title,
                outcome=outcome.value,
                rows=max(comparison.source.rows, comparison.target.rows),
                differences=counts.differences,
                seconds=seconds,
            )
        )
        return findings.TableResult(
            name=pair.title,
            outcome=outcome,
            pair=pair,
            source=comparison.source,
            target=comparison.target,
            counts=counts,
            examples=tuple(examples),
            sample=comparison.sample,
            seconds=seconds,
            notes=tuple(notes),
        )

    def _lonely(
        self, matched: pairs.Matched, ends: tuple[sides.Side, sides.Side]
    ) -> list[findings.TableResult]:
        results = []
        for end, names, outcome in (
            (ends[0], matched.lone_source, findings.Outcome.ONLY_SOURCE),
            (ends[1], matched.lone_target, findings.Outcome.ONLY_TARGET),
        ):
            for name in names:
                rows = codec.Sum(rows=end.run(_counting(name)))
                here = outcome is findings.Outcome.ONLY_SOURCE
                results.append(
                    findings.TableResult(
                        name=name,
                        outcome=outcome,
                        source=rows if here else codec.NOTHING,
                        target=codec.NOTHING if here else rows,
                    )
                )
        return results

    # --- while it is being written to ---------------------------------------------------------

    def _looked_again(
        self,
        results: list[findings.TableResult],
        ends: tuple[sides.Side, sides.Side],
    ) -> list[findings.TableResult]:
        """Look again at what differs, if either database has been written to since."""
        places = [place for place, one in enumerate(results) if one.counts.differences]
        if not places or self._options.looks < 1:
            return results
        if self._given is not None or not any(_moved(end) for end in ends):
            return results
        looker = again.Looker(
            opens=self._opens,
            options=self._options,
            spool=self._spool,
            tell=self._tell,
            clock=self._clock,
        )
        after = looker.look({place: results[place] for place in places})
        return [after.get(place, one) for place, one in enumerate(results)]


class _Described:
    """What the codec of a side says of columns, in the thread of its session."""

    def __init__(self, side: sides.Side) -> None:
        self._side = side

    def form(self, table: tables.Table, column: tables.FoundColumn) -> forms.Form:
        return self._side.run(lambda seat: seat.codec.form(table, column))

    def described(self, table: tables.Table, expression: str) -> tables.FoundColumn:
        return self._side.run(lambda seat: seat.codec.described(table, expression))


def _end(side: sides.Side, name: str) -> pairs.End:
    def look(seat: sides.Seat) -> pairs.End:
        table = seat.engine.catalog(seat.session).table(name)
        return pairs.End(engine=seat.engine, codec=_Described(side), table=table)

    return side.run(look)


def _counting(table: str) -> Callable[[sides.Seat], int]:
    def count(seat: sides.Seat) -> int:
        rows = seat.session.fetch(f"SELECT count(*) FROM {seat.engine.quote(table)}")
        return int(str(rows[0][0]))

    return count


def _moved(end: sides.Side) -> bool:
    """Whether the database was written to since its snapshot."""
    return end.now() != end.snapshot.position
