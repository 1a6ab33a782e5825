"""What was measured, kept from one call to the next: the newest timing of everything."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from collections.abc import Sequence
from typing import Final

from bench import comparing, lines, places

_FILE: Final = lines.CACHE / "results.json"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All timings, and on what they were taken."""

    timings: tuple[comparing.Timing, ...] = ()
    titles: dict[str, str] = dataclasses.field(default_factory=dict)
    machine: str = ""

    def find(self, engine: str, comparison: str, rows: int, who: str) -> comparing.Timing | None:
        """Return the timing of a contestant, if it was taken."""
        wanted = (engine, comparison, rows, who)
        return next((timing for timing in self.timings if _key(timing) == wanted), None)

    def sizes(self, comparison: str) -> list[int]:
        """Return with how many lines a comparison was made."""
        return sorted({one.rows for one in self.timings if one.comparison == comparison})


def read() -> Results:
    """Return what was measured until now."""
    if not _FILE.exists():
        return Results()
    known = json.loads(_FILE.read_text(encoding="utf-8"))
    timings = tuple(
        comparing.Timing(**{**one, "all_seconds": tuple(one["all_seconds"])})
        for one in known.pop("timings")
    )
    return Results(timings=timings, **known)


def keep(place: places.Place, timings: Sequence[comparing.Timing]) -> None:
    """Add timings; older ones of the same are forgotten."""
    before = read()
    new = {_key(timing) for timing in timings}
    kept = [timing for timing in before.timings if _key(timing) not in new]
    after = Results(
        timings=(*kept, *timings),
        titles={**before.titles, place.engine: place.title},
        machine=_machine(),
    )
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    _FILE.write_text(json.dumps(dataclasses.asdict(after), indent=1), encoding="utf-8")


def _key(timing: comparing.Timing) -> tuple[str, str, int, str]:
    return timing.engine, timing.comparison, timing.rows, timing.contestant


def _machine() -> str:
    """Say on what was measured, without saying where."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()}, "
        f"Python {platform.python_version()}"
    )
