"""How well a rehearsal on few rows says what many rows take: `python -m bench.forecast`.

    python -m bench.forecast [--engine NAME]… [--few N] [--many N]

A step of each sort is rehearsed on a copy of `--few` lines and done for real on `--many`. Steps
whose real time is below a tenth of a second are shown, and not judged.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench import places
from tests import servers
from whimbrel.migrations import project as projects
from whimbrel.rehearsal import forecast, rehearse

FACTOR: Final = 1.5
_JUDGED_SECONDS: Final = 0.1
_MIGRATION: Final = Path(__file__).parent / "migrations" / "forecast.py"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One step: what was expected, how long it took."""

    engine: str
    step: str
    expected: float
    real: float

    @property
    def factor(self) -> float:
        """Return how far the forecast was off, 1 if it was right."""
        high, low = max(self.expected, self.real), min(self.expected, self.real)
        return high / low if low > 0 else float("inf")

    @property
    def judged(self) -> bool:
        """Whether the step took long enough to say something."""
        return self.real >= _JUDGED_SECONDS


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for; return 1 if a forecast was further off than it may be."""
    parser = argparse.ArgumentParser(prog="python -m bench.forecast")
    parser.add_argument("--engine", action="append", choices=places.ENGINES)
    parser.add_argument("--few", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    asked = parser.parse_args(arguments)
    found: list[Outcome] = []
    for engine in asked.engine or places.ENGINES:
        try:
            for one in _measured(engine, asked.few, asked.many):
                found.append(one)
                _tell(one)
        except servers.Unavailable as no:
            print(f"{engine}: not measured, because {no}", file=sys.stderr)
    worst = max((one.factor for one in found if one.judged), default=0.0)
    print(f"furthest off: {worst:.2f} times; it may be {FACTOR}")
    return 1 if worst > FACTOR else 0


def _tell(one: Outcome) -> None:
    judged = f"{one.factor:.2f} times" if one.judged else "not judged"
    print(
        f"{one.engine:10}  {one.step[:44]:44}  expected {one.expected:8.2f} s  "
        f"real {one.real:8.2f} s  {judged}",
        flush=True,
    )


def _measured(engine: str, few: int, many: int) -> Iterator[Outcome]:
    with places.opened(engine) as place, tempfile.TemporaryDirectory() as folder:
        migrations = Path(folder) / "migrations"
        migrations.mkdir()
        shutil.copy(_MIGRATION, migrations / "20260101_000000_forecast.py")
        _load(place, few)
        small = projects.open_project(folder=folder, database=place.url)
        done = rehearse.of_project(small, rehearse.Options())
        if not done.ready:
            raise SystemExit(f"{engine}: the rehearsal is {done.verdict}")
        _load(place, many)
        large = projects.open_project(folder=folder, database=place.url)
        with forecast.Keeping(large, rehearsed=forecast.measured(done)):
            large.up()
        for step in large.run().steps:
            kept = step.expected
            if kept is not None and kept.likely is not None:
                yield Outcome(
                    engine=engine,
                    step=step.step.step,
                    expected=kept.likely,
                    real=kept.seconds,
                )


def _load(place: places.Place, rows: int) -> None:
    """Leave so many lines in the database, and nothing else."""
    place.load(rows)
    place.fresh()
    if place.engine != "sqlite":
        place.execute(f"DROP TABLE {places.KEPT}")
    place.leave()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
