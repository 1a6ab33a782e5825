"""Ask Whimbrel and reladiff the questions of the battery, and show who answers what.

    python -m bench.battery [--pair SOURCE-TARGET]… [--more]

The cases are those of `tests/pairs/battery.py`: tables of a hundred rows that are equal, or differ
in one of them. reladiff takes part where it is installed (`pip install reladiff psycopg2-binary
mysql-connector-python`), between the engines that it knows: SQLite is none of them. It is told the
key and the columns, and made to compare hashes instead of downloading so few rows. Each case has a
process of its own: after one that fails it could not go on.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import logging
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import whimbrel
from tests import databases, servers
from tests.pairs import battery, naming, test_battery, writing

_KNOWN_TO_RELADIFF: Final = ("postgresql", "mariadb")
_NOT_ASKED: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said of a case, and whether it is right; a crash is no answer."""

    said: str
    right: bool

    def __str__(self) -> str:
        return self.said if self.said == _NOT_ASKED or self.right else f"{self.said}  WRONG"


def main(arguments: Sequence[str]) -> int:
    """Ask about what is asked for; return the exit code."""
    asked = _parser().parse_args(arguments)
    cases = (*battery.THE_36, *battery.MORE) if asked.more else battery.THE_36
    chosen = [tuple(pair.split("-")) for pair in asked.pair] or list(writing.PAIRS)
    wrong = 0
    with servers.keeper():
        for source, target in chosen:
            wrong += _ask_all(source, target, cases)
        databases.close_admins()
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Whimbrel and reladiff on the same tables")
    known = ["-".join(pair) for pair in writing.PAIRS]
    parser.add_argument("--pair", action="append", default=[], choices=known)
    parser.add_argument("--more", action="store_true", help="also the cases beyond the 36")
    return parser


def _ask_all(source: str, target: str, cases: Sequence[battery.Case]) -> int:
    """Ask about every case between two engines, show a table; return how often Whimbrel errs."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ends = [stack.enter_context(databases.fresh(kind, folder)) for kind in (source, target)]
        raws = {end.url: stack.enter_context(databases.Raw(end)) for end in ends}
        left_out = test_battery.arrange(ends[0], ends[1], lambda end: raws[end.url], cases)
        began = time.monotonic()
        ours = _whimbrel(ends, cases, left_out)
        seconds = time.monotonic() - began
        theirs = {
            one.table: _reladiff(ends, one)
            for one in _first_of_each(cases)
            if one.table not in left_out
        }
        print(f"\n## {source} → {target}\n")
        print("| | case | truth | Whimbrel | reladiff |\n| --- | --- | --- | --- | --- |")
        rights = [0, 0, 0]
        for number, one in enumerate(_first_of_each(cases), 1):
            equal = one.case.equal_between(source, target)
            truth = "equal" if equal else "differ"
            if one.table in left_out:
                print(f"| {number} | {one.case.title} | {left_out[one.table]} | | |")
                continue
            mine, other = ours[one.table], theirs[one.table]
            print(f"| {number} | {one.case.title} | {truth} | {mine} | {other} |")
            rights[0] += 1
            rights[1] += mine.right
            rights[2] += other.right
        said = f"{rights[2]}" if _takes_part(ends) else "not asked"
        print(f"\nright of {rights[0]}: Whimbrel {rights[1]}, reladiff {said}")
        print(
            f"({len(ours)} tables, each case with every sort of key: {seconds:.1f} s)", flush=True
        )
        return sum(not answer.right for answer in ours.values())


def _first_of_each(cases: Sequence[battery.Case]) -> list[battery.Planted]:
    return [one for one in battery.planted(cases) if one.key == one.case.keys[0]]


# --- those who answer -----------------------------------------------------------------------


def _whimbrel(
    ends: Sequence[databases.Database], cases: Sequence[battery.Case], left_out: dict[str, str]
) -> dict[str, Answer]:
    verification = whimbrel.verify(ends[0].url, ends[1].url, looks=0)
    named = naming.by_table(verification)
    verdicts = {table.name: table.equal for table in verification.tables}
    verification.close()
    found = {}
    for one in battery.planted(cases):
        if one.table in left_out:
            continue
        truth = test_battery.truth(one, ends[0].kind, ends[1].kind)
        said = "equal" if verdicts[one.table] else "differ"
        right = named[one.table] == truth and verdicts[one.table] == (not truth)
        found[one.table] = Answer(said=said, right=right)
    return found


def _takes_part(ends: Sequence[databases.Database]) -> bool:
    known = all(end.kind in _KNOWN_TO_RELADIFF for end in ends)
    return known and importlib.util.find_spec("reladiff") is not None


def _reladiff(ends: Sequence[databases.Database], one: battery.Planted) -> Answer:
    if not _takes_part(ends):
        return Answer(said=_NOT_ASKED, right=False)
    truth = test_battery.truth(one, ends[0].kind, ends[1].kind)
    urls = [end.url.replace("mariadb://", "mysql://") for end in ends]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as child:
        said = child.submit(_ask_reladiff, urls, one.table, tuple(one.case.left.columns)).result()
    return Answer(said=said, right=said == ("differ" if truth else "equal"))


def _ask_reladiff(urls: Sequence[str], table: str, columns: Sequence[str]) -> str:
    import reladiff

    logging.disable(logging.CRITICAL)
    try:
        sides = [
            reladiff.connect_to_table(url, table, "k", extra_columns=tuple(columns)) for url in urls
        ]
        rows = list(reladiff.diff_tables(*sides, bisection_factor=2, bisection_threshold=10))
    except Exception as error:  # noqa: BLE001 - whatever it dies of is its answer
        return f"crash: {type(error).__name__}"
    return "differ" if rows else "equal"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
