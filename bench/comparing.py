"""What a comparison is, and how it is measured: in turn, several times, the best counts.

The best is what the work takes; what it took longer at other times, the machine did for others.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import child, places

# The yardstick of a comparison, and who is measured with it.
ONE_STATEMENT: Final = "one statement"
WHIMBREL: Final = "Whimbrel"
_MIGRATIONS: Final = Path(__file__).resolve().parent / "migrations"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One way to do the work."""

    name: str
    run: Callable[[places.Place], child.Measured]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The same work on the same rows, done by several contestants.

    `outcome` is asked after each of them: who has another answer than the first has done something
    else. `in_place` says that the lines themselves are changed. `rows` is how many lines there
    are; None means as many as are asked for.
    """

    name: str
    contestants: tuple[Contestant, ...]
    outcome: str
    targets: tuple[str, ...] = ()
    in_place: bool = False
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What a contestant needed."""

    engine: str
    comparison: str
    rows: int
    contestant: str
    seconds: float
    all_seconds: tuple[float, ...]
    peak_bytes: int | None = None


class Unequal(Exception):
    """Two contestants have not done the same."""


def measure(
    comparison: Comparison, place: places.Place, rows: int, *, repeat: int, tell: Tell
) -> list[Timing]:
    """Let the contestants work in turn, `repeat` times, on fresh tables each time."""
    found: dict[str, list[child.Measured]] = {c.name: [] for c in comparison.contestants}
    outcome: object = None
    renew = place.fresh
    for _ in range(repeat):
        for contestant in comparison.contestants:
            renew()
            renew = place.fresh if comparison.in_place else place.emptied
            for statement in comparison.targets:
                place.execute(statement.format(key=place.key, json=place.json))
            place.settle()
            measured = contestant.run(place)
            tell(
                f"{comparison.name:<12}{rows:>10,}  {contestant.name:<24}{measured.seconds:9.2f} s"
            )
            found[contestant.name].append(measured)
            done = place.rows(comparison.outcome)
            outcome = outcome or done
            if done != outcome:
                raise Unequal(f"{contestant.name} made {done}, not {outcome}")
    return [
        Timing(
            engine=place.engine,
            comparison=comparison.name,
            rows=rows,
            contestant=name,
            seconds=min(one.seconds for one in all_),
            all_seconds=tuple(round(one.seconds, 3) for one in all_),
            peak_bytes=max((one.peak_bytes or 0 for one in all_), default=0) or None,
        )
        for name, all_ in found.items()
    ]


def one_statement(sql: str) -> Contestant:
    """Return the contestant who sends it all as one statement, in one transaction."""

    def run(place: places.Place) -> child.Measured:
        return plainly(place, lambda execute: [execute(each) for each in ("BEGIN", sql, "COMMIT")])

    return Contestant(name=ONE_STATEMENT, run=run)


def whimbrel(migration: str) -> Contestant:
    """Return Whimbrel, with a project that has one of our migrations in it."""
    return Contestant(name=WHIMBREL, run=lambda place: _up(place, migration))


def _up(place: places.Place, migration: str) -> child.Measured:
    with tempfile.TemporaryDirectory(prefix="whimbrel-bench-") as folder:
        files = Path(folder) / "migrations"
        files.mkdir()
        shutil.copy(_MIGRATIONS / f"{migration}.py", files / f"20260101_000000_{migration}.py")
        place.leave()
        return child.run("whimbrel_up", folder, place.url)


def plainly(
    place: places.Place, work: Callable[[Callable[[str], object]], object]
) -> child.Measured:
    """Time work with the plain driver, connecting included; each statement commits by itself."""
    place.leave()
    began = time.perf_counter()
    with (
        contextlib.closing(places.plain(place)) as connection,
        contextlib.closing(connection.cursor()) as cursor,
    ):
        work(cursor.execute)
    return child.Measured(seconds=time.perf_counter() - began)


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
