"""Compare a table on MariaDB with the same one on PostgreSQL: ours against reladiff's.

    python -m bench.verify [--rows N] [--repeat N]

The yardstick is one scan that hashes all rows, alone on each server; nobody who reads all rows
can be faster than the slower of the two. Everybody has two sessions on each side.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Final

from bench import child, comparing, page, places, results
from bench.contestants import COMPARISON, ONE_ROW, PAIR, RELADIFF, SCAN

ROWS: Final = 3_000_000
JOBS: Final = 2


def main(arguments: Sequence[str]) -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="bench.verify", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--no-page", action="store_true", help="leave the page as it is")
    asked = parser.parse_args(arguments)
    measure(asked.rows, repeat=asked.repeat, tell=_tell)
    text = page.tables(results.read())
    print(text)
    if not asked.no_page:
        page.write(text)
    return 0


def measure(rows: int, *, repeat: int, tell: comparing.Tell) -> None:
    """Load both servers, and time everybody in turn."""
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(places.opened("mariadb"))
        target = stack.enter_context(places.opened("postgresql"))
        for place in (source, target):
            place.load(rows)
            place.fresh()
        urls = source.url, target.url
        found: dict[tuple[str, str], list[child.Measured]] = {}

        def timed(pair: str, who: str, run: Callable[[], child.Measured]) -> None:
            measured = run()
            found.setdefault((pair, who), []).append(measured)
            tell(f"{COMPARISON:<12}{rows:>10,}  {pair} {who:<28}{measured.seconds:9.2f} s")

        for _ in range(repeat):
            for place in (source, target):
                timed(
                    place.engine, SCAN, lambda url=place.url: child.run("verify_child", "scan", url)
                )
            timed(PAIR, comparing.WHIMBREL, lambda: child.run("verify_child", "equal", *urls, JOBS))
            if importlib.util.find_spec("reladiff"):
                timed(PAIR, RELADIFF, lambda: child.run("reladiff_child", *urls, JOBS))
        middle = rows // 2
        target.execute(f"UPDATE {places.TABLE} SET l_tax = l_tax + 0.01 WHERE id = {middle}")
        target.settle(places.TABLE)
        for _ in range(repeat):
            timed(PAIR, ONE_ROW, lambda: child.run("verify_child", "differs", *urls, JOBS, middle))
        for place in (source, target):
            results.keep(place, [_timing(rows, *one) for one in found.items()])


def _timing(
    rows: int, who: tuple[str, str], measured: Sequence[child.Measured]
) -> comparing.Timing:
    return comparing.Timing(
        engine=who[0],
        comparison=COMPARISON,
        rows=rows,
        contestant=who[1],
        seconds=min(one.seconds for one in measured),
        all_seconds=tuple(round(one.seconds, 3) for one in measured),
        peak_bytes=max(one.peak_bytes or 0 for one in measured) or None,
    )


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers end with us
    sys.exit(main(sys.argv[1:]))
