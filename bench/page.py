"""The page that shows what was measured, with a table for each promise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from bench import comparing, contestants, copy_rows, online, places, results, transform

PAGE: Final = places.ROOT / "docs" / "reference" / "benchmarks.md"
_BEGIN: Final = "<!-- what follows is written by make bench -->"
_END: Final = "<!-- what stands before is written by make bench -->"

_NOTHING: Final = "Not measured yet."

_VERBS: Final = {
    "backfill": "backfill",
    "copy_rows": "copy_rows, 8 columns",
    "copy_narrow": "copy_rows, 2 columns",
}
_FLAT: Final = {**_VERBS, "transform": "transform"}


def tables(found: results.Results) -> str:
    """Return the tables as Markdown."""
    servers = "; ".join(found.titles[e] for e in places.ENGINES if e in found.titles)
    parts = [
        f"{servers}. {found.machine}.",
        "### Against one statement",
        *_table(
            ("", "engine", "rows", comparing.ONE_STATEMENT, "Whimbrel", "ratio"),
            _against_one_statement(found),
        ),
        "### Against OFFSET",
        *_table(
            ("engine", "rows", comparing.ONE_STATEMENT, "Whimbrel", copy_rows.OFFSET_LOOP),
            _against_offset(found),
        ),
        "### Against models, one by one",
        *_table(
            ("engine", transform.MODELS, transform.QUIET_MODELS, "Whimbrel", "ratio"),
            _against_models(found),
        ),
        "### Two tables of two engines, compared",
        *_table(
            ("", "engine", "rows", "time", "against the slower scan", "peak memory"),
            _compared(found),
        ),
        "### A table moved from one engine to another",
        *_table(
            ("", "engine", "rows", "time", "against the file", "peak memory"),
            _moved(found),
        ),
        "### A database of many tables assessed",
        *_table(("what", "engine", "tables", "time", "peak memory"), _assessed(found)),
        "### A type changed under an application",
        *_table(online.HEAD, online.rows()),
        "### The same for any number of rows",
        *_table(
            ("", "engine", "rows", "time per row, against", "peak memory"),
            _flat(found),
        ),
    ]
    return "\n".join(_spaced(parts))


def write(text: str) -> None:
    """Put the tables into the page, between its marks."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(_BEGIN)
    known, _, after = rest.partition(_END)
    text = merged(known.strip(), text)
    PAGE.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}", encoding="utf-8")


def merged(known: str, fresh: str) -> str:
    """Return fresh tables; what was not measured this time stays as the page knows it."""
    head, *sections = _sections(fresh)
    kept_head, *kept = _sections(known)
    by_title = {section.partition("\n")[0]: section for section in kept}
    made = [
        by_title.get(section.partition("\n")[0], section) if _NOTHING in section else section
        for section in sections
    ]
    # Who has measured no server cannot say which one the other tables are of.
    return "\n\n".join([kept_head if head.startswith(". ") and kept_head else head, *made])


def _sections(text: str) -> list[str]:
    """Return what stands before the first heading, and each heading with what follows it."""
    return [part.strip() for part in re.split(r"^(?=### )", text, flags=re.MULTILINE)]


def _against_one_statement(found: results.Results) -> Iterator[Sequence[str]]:
    for name, verb in _VERBS.items():
        for engine in places.ENGINES:
            for rows in found.sizes(name):
                one = found.find(engine, name, rows, comparing.ONE_STATEMENT)
                ours = found.find(engine, name, rows, comparing.WHIMBREL)
                if one and ours:
                    ratio = f"{ours.seconds / one.seconds:.2f}"
                    title = found.titles[engine]
                    yield verb, title, f"{rows:,}", _seconds(one), _seconds(ours), ratio


def _against_offset(found: results.Results) -> Iterator[Sequence[str]]:
    rows = copy_rows.OFFSET_ROWS
    for engine in places.ENGINES:
        timings = [
            found.find(engine, "offset", rows, who)
            for who in (comparing.ONE_STATEMENT, comparing.WHIMBREL, copy_rows.OFFSET_LOOP)
        ]
        if all(timings):
            yield found.titles[engine], f"{rows:,}", *map(_seconds, timings)


def _against_models(found: results.Results) -> Iterator[Sequence[str]]:
    for engine in places.ENGINES:
        ours = [
            found.find(engine, "transform", rows, comparing.WHIMBREL)
            for rows in found.sizes("transform")
        ]
        loops = [
            found.find(engine, "models", transform.MODEL_ROWS, who)
            for who in (transform.MODELS, transform.QUIET_MODELS)
        ]
        if ours and ours[0] and all(loops):
            rate = ours[0].rows / ours[0].seconds
            ratios = " / ".join(f"{rate / (one.rows / one.seconds):.0f}" for one in loops if one)
            yield found.titles[engine], *map(_rate, loops), _rate(ours[0]), ratios


def _compared(found: results.Results) -> Iterator[Sequence[str]]:
    for rows in found.sizes(contestants.COMPARISON):
        scans = [
            found.find(engine, contestants.COMPARISON, rows, contestants.SCAN)
            for engine in ("mariadb", "postgresql")
        ]
        slower = max((one.seconds for one in scans if one), default=0.0)
        entrants = [
            *scans,
            *(
                found.find(contestants.PAIR, contestants.COMPARISON, rows, who)
                for who in (comparing.WHIMBREL, contestants.ONE_ROW, contestants.RELADIFF)
            ),
        ]
        for one in entrants:
            if one is not None and slower:
                title = found.titles.get(one.engine, "MariaDB and PostgreSQL")
                memory = f"{(one.peak_bytes or 0) / 1e6:.0f} MB"
                against = f"{one.seconds / slower:.2f}"
                yield one.contestant, title, f"{rows:,}", _seconds(one), against, memory


def _moved(found: results.Results) -> Iterator[Sequence[str]]:
    known = [one for one in found.timings if one.comparison == contestants.MOVED]
    for pair in dict.fromkeys(one.engine for one in known):
        for rows in found.sizes(contestants.MOVED):
            file = found.find(pair, contestants.MOVED, rows, contestants.FILE)
            for one in known:
                if one.engine == pair and one.rows == rows and file is not None:
                    memory = f"{(one.peak_bytes or 0) / 1e6:.0f} MB"
                    against = f"{one.seconds / file.seconds:.2f}"
                    title = pair.replace("-", " → ")
                    yield one.contestant, title, f"{rows:,}", _seconds(one), against, memory


def _assessed(found: results.Results) -> Iterator[Sequence[str]]:
    for one in found.timings:
        if one.comparison == contestants.ASSESSED:
            memory = f"{(one.peak_bytes or 0) / 1e6:.0f} MB"
            yield one.contestant, found.titles[one.engine], f"{one.rows:,}", _seconds(one), memory


def _flat(found: results.Results) -> Iterator[Sequence[str]]:
    for name, verb in _FLAT.items():
        sizes = found.sizes(name)
        for engine in places.ENGINES:
            for rows in sizes:
                first = found.find(engine, name, sizes[0], comparing.WHIMBREL)
                ours = found.find(engine, name, rows, comparing.WHIMBREL)
                if first and ours:
                    growth = (ours.seconds / ours.rows) / (first.seconds / first.rows)
                    memory = f"{(ours.peak_bytes or 0) / 1e6:.0f} MB"
                    yield verb, found.titles[engine], f"{rows:,}", f"{growth:.2f}", memory


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> list[str]:
    """Return a table whose numbers stand at the right; nothing for one without rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return [_NOTHING]
    words = head.index("engine") + 1
    rule = ["---"] * words + ["---:"] * (len(head) - words)
    return ["\n".join([f"| {' | '.join(head)} |", f"| {' | '.join(rule)} |", *lines])]


def _spaced(parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        if part is not parts[0]:
            yield ""
        yield part


def _seconds(timing: comparing.Timing | None) -> str:
    return f"{timing.seconds:.2f} s" if timing else "–"


def _rate(timing: comparing.Timing | None) -> str:
    return f"{timing.rows / timing.seconds:,.0f} rows/s" if timing else "–"
