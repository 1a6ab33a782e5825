"""Measure Whimbrel against what its users would do without it, and write the page about it.

    python -m bench.run [--rows N]… [--engine NAME]… [--only COMPARISON]… [--repeat N]

What was measured is kept in `.cache/bench`; the page shows the newest timing of everything, so
that one engine can be measured again alone.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence

from bench import backfill, comparing, copy_rows, page, places, results, transform
from tests import servers

COMPARISONS = (*backfill.COMPARISONS, *copy_rows.COMPARISONS, *transform.COMPARISONS)
NAMES = tuple(comparison.name for comparison in COMPARISONS)
ROWS = (1_000_000, 4_000_000)


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for; return the exit code."""
    asked = _parser().parse_args(arguments)
    chosen = [c for c in COMPARISONS if not asked.only or c.name in asked.only]
    missing = 0
    for engine in asked.engine or places.ENGINES:
        try:
            _measure_on(engine, chosen, asked.rows or ROWS, repeat=asked.repeat)
        except servers.Unavailable as no:
            _tell(f"{engine}: not measured, because {no}")
            missing += 1
    text = page.tables(results.read())
    print(text)
    if not asked.no_page:
        page.write(text)
        _tell(f"written into {page.PAGE.relative_to(places.ROOT)}")
    return 1 if missing else 0


def _measure_on(
    engine: str, chosen: Sequence[comparing.Comparison], sizes: Sequence[int], *, repeat: int
) -> None:
    with places.opened(engine) as place:
        _tell(place.title)
        wanted = sorted({rows for c in chosen for rows in ([c.rows] if c.rows else sizes)})
        for rows in wanted:
            began = time.monotonic()
            place.load(rows)
            _tell(f"{rows:,} lines loaded in {time.monotonic() - began:.0f} s")
            for comparison in chosen:
                if rows == comparison.rows or (comparison.rows is None and rows in sizes):
                    timings = comparing.measure(comparison, place, rows, repeat=repeat, tell=_tell)
                    results.keep(place, timings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench", description="How fast Whimbrel moves rows, against other ways."
    )
    parser.add_argument("--rows", type=int, action="append", help="lines of TPC-H, several times")
    parser.add_argument("--engine", choices=places.ENGINES, action="append")
    parser.add_argument("--only", choices=NAMES, action="append")
    parser.add_argument("--repeat", type=int, default=3, help="timings of each; the best counts")
    parser.add_argument("--no-page", action="store_true", help="leave the page as it is")
    return parser


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers end with us
    sys.exit(main(sys.argv[1:]))
