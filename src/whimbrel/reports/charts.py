"""Charts of a report as SVG that stands in the page, with their numbers beside it.

A chart has no width of its own: places are percent, letters pixels, so that it can be read on a
phone and on paper. Every kind of bar has a pattern of its own beside its colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from whimbrel import words
from whimbrel.reports import report as reports

# So many rows a chart has at most; the numbers of the others are in the tables of the page.
MOST_ROWS: Final = 24
# So many pieces of time a throughput is cut into at most.
MOST_BUCKETS: Final = 48
# What is there at all is never thinner than this, in percent.
_THINNEST: Final = 0.6

_ROW: Final = 46
_BAR: Final = 14
_NAME_CHARACTERS: Final = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart: the drawing, what it says in words, and its numbers as a table."""

    id: str
    title: str
    says: str
    svg: str
    legend: tuple[tuple[str, str], ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    kind: str
    label: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bar:
    name: str
    parts: tuple[_Part, ...]

    @property
    def whole(self) -> int:
        return sum(part.number for part in self.parts)

    @property
    def odd(self) -> int:
        """Return how much of it deserves a look."""
        return sum(part.number for part in self.parts if part.kind not in _CALM)


_CALM: Final = frozenset({"equal", "written", "same"})


def all_of(report: reports.Report) -> list[Chart]:
    """Return the charts that say something for this report."""
    made = [
        _outcomes(report),
        _copied(report),
        _steps(report),
        *_throughput(report),
        *_profiles(report),
    ]
    return [chart for chart in made if chart is not None]


# --- rows by table and outcome --------------------------------------------------------------


def _outcomes(report: reports.Report) -> Chart | None:
    bars = [_Bar(name=table.name, parts=_parts(table)) for table in report.tables]
    return _stacked(
        "outcomes",
        "Rows by table and outcome",
        [bar for bar in bars if bar.whole],
        says="Each bar is all rows of a table; even one row is drawn wide enough to be seen.",
    )


def _parts(table: reports.Table) -> tuple[_Part, ...]:
    most = max(table.rows_source or 0, table.rows_target or 0)
    differ = (
        _Part(kind="changed", label="changed", number=table.changed),
        _Part(kind="source", label="only in source", number=table.only_source),
        _Part(kind="target", label="only in target", number=table.only_target),
        _Part(kind="moving", label="moving", number=table.moving),
    )
    if table.outcome is reports.Outcome.NOT_COMPARED:
        return (_Part(kind="unknown", label="not compared", number=most),)
    if table.rows_source is None or table.rows_target is None:
        return differ
    # Rows of both sides that are the same; each side alone has its own beside them.
    both = min(table.rows_source - table.only_source, table.rows_target - table.only_target)
    equal = max(0, both - table.changed - table.moving)
    return (_Part(kind="equal", label="equal", number=equal), *differ)


def _copied(report: reports.Report) -> Chart | None:
    bars = [
        _Bar(
            name=one.name,
            parts=(
                _Part(kind="written", label="written", number=one.written),
                _Part(kind="rejected", label="rejected", number=one.rejected),
                _Part(kind="same", label="left out by a rule", number=one.dropped),
            ),
        )
        for one in report.copied
    ]
    if not any(one.rejected or one.dropped for one in report.copied):
        return None  # all of it is written: the numbers say the same
    return _stacked(
        "copied",
        "What became of the rows",
        [bar for bar in bars if bar.whole],
        says="Each bar is all rows that came from the source.",
    )


def _steps(report: reports.Report) -> Chart | None:
    bars = []
    for migration in report.migrations:
        for step in migration.steps:
            if step.read is None or not step.table or step.read < (step.rows or 0):
                continue
            written = step.rows or 0
            parts = (
                _Part(kind="written", label="written", number=written),
                _Part(
                    kind="same",
                    label="read and left as they are",
                    number=max(0, step.read - written - step.rejected),
                ),
                _Part(kind="rejected", label="rejected", number=step.rejected),
            )
            bars.append(_Bar(name=f"{step.table}, step {step.position}", parts=parts))
    return _stacked(
        "steps",
        "Rows by step in batches",
        [bar for bar in bars if bar.whole],
        says="Each bar is all rows that a step read.",
    )


def _stacked(id_: str, title: str, bars: Sequence[_Bar], *, says: str) -> Chart | None:
    if not bars:
        return None
    ordered = sorted(bars, key=lambda bar: (-min(bar.odd, 1), -bar.whole))
    drawn = ordered[:MOST_ROWS]
    kinds = dict.fromkeys(
        (part.kind, part.label) for bar in bars for part in bar.parts if part.number
    )
    shapes = []
    for place, bar in enumerate(drawn):
        top = place * _ROW
        shapes += [
            _label(bar.name, top, right=f"{bar.whole:,}"),
            _track(top),
            *_segments(bar, top),
        ]
    whole = sum(bar.whole for bar in bars)
    totals = [
        f"{sum(p.number for bar in bars for p in bar.parts if p.kind == kind):,} {label}"
        for kind, label in kinds
    ]
    summary = f"{words.count(len(bars), 'bar')}, {words.count(whole, 'row')}: {', '.join(totals)}."
    labels = [label for _, label in kinds]
    return Chart(
        id=id_,
        title=title,
        says=says,
        svg=_svg(id_, title, summary, len(drawn) * _ROW - 8, shapes, list(kinds)),
        legend=tuple(kinds),
        heads=("", *labels, "rows"),
        rows=tuple(
            (
                bar.name,
                *(f"{sum(p.number for p in bar.parts if p.label == label):,}" for label in labels),
                f"{bar.whole:,}",
            )
            for bar in ordered
        ),
        left_out=_more(len(bars) - len(drawn)),
    )


def _segments(bar: _Bar, top: int) -> list[str]:
    there = [part for part in bar.parts if part.number]
    shares = [max(100 * part.number / bar.whole, _THINNEST) for part in there]
    scale = 100 / sum(shares)
    shapes, left = [], 0.0
    for part, share in zip(there, shares, strict=True):
        width = share * scale
        told = f"{bar.name}: {part.number:,} {part.label}"
        shapes.append(_rect(left, top + 22, width, _BAR, part.kind, told))
        left += width
    return shapes


# --- throughput -----------------------------------------------------------------------------


def _throughput(report: reports.Report) -> list[Chart | None]:
    return [_speed(f"speed{number}", one) for number, one in enumerate(report.throughput, start=1)]


def _speed(id_: str, of: reports.Throughput) -> Chart | None:
    if len(of.points) < 3:
        return None
    first = min(point.at - point.took for point in of.points)
    last = max(point.at for point in of.points)
    length = last - first
    if length <= 0:
        return None
    count = max(3, min(MOST_BUCKETS, len(of.points), length))
    buckets = _buckets(of.points, first, length, count)
    rates = [round(rows * 1000 * count / length) for rows in buckets]
    top = _round_up(max(rates))
    if not top:
        return None
    height, base = 140, 162
    shapes = []
    for share in (0, 50, 100):
        y = base - height * share // 100
        shapes.append(f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>')
        if share == 100:
            shapes.append(f'<text class="small" x="0" y="{y - 6}">{top:,} rows/s</text>')
    for place, rate in enumerate(rates):
        tall = height * rate / top
        told = (
            f"{_seconds(length * place // count)} to {_seconds(length * (place + 1) // count)}: "
            f"{rate:,} rows/s"
        )
        shapes.append(
            _rect(100 * place / count, base - tall, 100 / count * 0.86, tall, "written", told)
        )
    shapes += [
        f'<text class="small" x="0" y="{base + 16}">0 s</text>',
        f'<text class="small end" x="100%" y="{base + 16}">{_seconds(length)}</text>',
    ]
    rows = sum(point.rows for point in of.points)
    mean = round(rows * 1000 / length)
    summary = (
        f"{words.count(rows, 'row')} in {words.count(len(of.points), 'piece')}, "
        f"{mean:,} rows per second on average, at most {max(rates):,}."
    )
    return Chart(
        id=id_,
        title=f"Rows per second: {of.title}",
        says=f"{mean:,} rows per second on average.",
        svg=_svg(id_, f"Rows per second: {of.title}", summary, base + 22, shapes, []),
        legend=(),
        heads=("from", "to", "rows", "rows/s"),
        rows=tuple(
            (
                _seconds(length * place // count),
                _seconds(length * (place + 1) // count),
                f"{round(buckets[place]):,}",
                f"{rates[place]:,}",
            )
            for place in range(count)
        ),
    )


def _buckets(points: Sequence[reports.Point], first: int, length: int, count: int) -> list[float]:
    """Return the rows of equal pieces of time, each point spread over the time it took."""
    found = [0.0] * count
    for point in points:
        until = (point.at - first) * count / length
        since = min(until, (point.at - point.took - first) * count / length)
        if until - since < 1e-9:
            found[min(int(until), count - 1)] += point.rows
            continue
        place = int(since)
        while place < count and place < until:
            inside = min(until, place + 1) - max(since, place)
            found[place] += point.rows * inside / (until - since)
            place += 1
    return found


def _round_up(number: int) -> int:
    """Return the next number that is easily read, with one or two digits before its zeros."""
    step = 1
    while number > 10 * step:
        step *= 10
    for tenths in (12, 16, 20, 24, 30, 40, 50, 60, 80, 100):
        if number * 10 <= tenths * step:
            return max(1, tenths * step // 10) if number else 0
    return 10 * step


def _seconds(milliseconds: int) -> str:
    return words.duration(milliseconds / 1000) if milliseconds else "0 s"


# --- nulls and lengths ----------------------------------------------------------------------


def _profiles(report: reports.Report) -> list[Chart | None]:
    return [_nulls(report), _lengths(report)]


def _nulls(report: reports.Report) -> Chart | None:
    chosen = [
        one
        for one in report.profiles
        if any(side is not None and side.nulls for side in (one.before, one.after))
    ]
    if not chosen:
        return None
    drawn, shapes = chosen[:MOST_ROWS], []
    for place, one in enumerate(drawn):
        top = place * (_ROW + 8)
        shapes.append(_label(f"{one.table}.{one.column}", top, right=_null_words(one)))
        for line, (kind, side) in enumerate((("was", one.before), ("is", one.after))):
            y = top + 22 + line * 12
            shapes.append(_track(y - 22, height=9))
            if side is not None and side.nulls and side.rows:
                share = max(100 * side.nulls / side.rows, _THINNEST)
                told = f"{report.sides[line]}: {side.nulls:,} of {words.count(side.rows, 'row')}"
                shapes.append(_rect(0, y, share, 9, kind, told))
    summary = "; ".join(f"{one.table}.{one.column}: {_null_words(one)}" for one in drawn)
    return Chart(
        id="nulls",
        title="NULLs by column",
        says=f"Share of the rows that are NULL: {report.sides[0]} above, {report.sides[1]} below.",
        svg=_svg(
            "nulls", "NULLs by column", summary, len(drawn) * (_ROW + 8) - 6, shapes,
            [("was", ""), ("is", "")],
        ),
        legend=(("was", report.sides[0]), ("is", report.sides[1])),
        heads=("column", *(f"NULL {side}" for side in report.sides)),
        rows=tuple(
            (
                f"{one.table}.{one.column}",
                _of(one.before, one.before_why),
                _of(one.after, one.after_why),
            )
            for one in chosen
        ),
        left_out=_more(len(chosen) - len(drawn)),
    )  # fmt: skip


def _null_words(one: reports.Profile) -> str:
    before = "–" if one.before is None else f"{one.before.nulls:,}"
    after = "–" if one.after is None else f"{one.after.nulls:,}"
    return f"{before} → {after}"


def _of(side: reports.Values | None, why: str) -> str:
    return why if side is None else f"{side.nulls:,} of {side.rows:,}"


def _lengths(report: reports.Report) -> Chart | None:
    chosen = [
        one
        for one in report.profiles
        if any(side is not None and side.longest is not None for side in (one.before, one.after))
    ]
    if not chosen:
        return None
    drawn, shapes = chosen[:MOST_ROWS], []
    for place, one in enumerate(drawn):
        sides = (one.before, one.after)
        longest = max((side.longest or 0 for side in sides if side is not None), default=0) or 1
        top = place * (_ROW + 8)
        shapes.append(_label(f"{one.table}.{one.column}", top, right=f"up to {longest:,}"))
        for line, (kind, side) in enumerate((("was", one.before), ("is", one.after))):
            y = top + 22 + line * 12
            shapes.append(_track(y - 22, height=9))
            if side is None or side.longest is None:
                continue
            left = 100 * (side.shortest or 0) / longest
            width = max(100 * side.longest / longest - left, _THINNEST)
            left = min(left, 100 - width)
            told = f"{report.sides[line]}: {_span(side)}"
            shapes.append(_rect(left, y, width, 9, kind, told))
            if side.average is not None:
                at = min(100 * side.average / longest, 99.6)
                shapes.append(
                    f'<rect class="mean" x="{at:.2f}%" y="{y - 1}" width="2" height="11"/>'
                )
    summary = "; ".join(
        f"{one.table}.{one.column}: {_span(one.before)} {report.sides[0]}, "
        f"{_span(one.after)} {report.sides[1]}"
        for one in drawn
    )
    return Chart(
        id="lengths",
        title="Lengths of texts",
        says="From the shortest to the longest, in characters; the thin line is the average.",
        svg=_svg(
            "lengths", "Lengths of texts", summary, len(drawn) * (_ROW + 8) - 6, shapes,
            [("was", ""), ("is", "")],
        ),
        legend=(("was", report.sides[0]), ("is", report.sides[1])),
        heads=("column", *report.sides),
        rows=tuple(
            (
                f"{one.table}.{one.column}",
                _span(one.before) if one.before else one.before_why,
                _span(one.after) if one.after else one.after_why,
            )
            for one in chosen
        ),
        left_out=_more(len(chosen) - len(drawn)),
    )  # fmt: skip


def _span(side: reports.Values | None) -> str:
    if side is None or side.longest is None:
        return "none"
    average = f", {side.average:,} on average" if side.average is not None else ""
    return f"{side.shortest or 0:,} to {side.longest:,}{average}"


# --- drawing --------------------------------------------------------------------------------


def _svg(
    id_: str,
    title: str,
    summary: str,
    height: int,
    shapes: Sequence[str],
    kinds: Sequence[tuple[str, str]],
) -> str:
    patterns = "".join(_PATTERNS[kind].format(id=id_) for kind, _ in kinds if kind in _PATTERNS)
    return (
        f'<svg role="img" aria-labelledby="{id_}-title {id_}-says" width="100%" '
        f'height="{height}" class="chart chart-{id_.rstrip("0123456789")}">'
        f'<title id="{id_}-title">{escape(title)}</title>'
        f'<desc id="{id_}-says">{escape(summary)}</desc>'
        f"<defs>{patterns}</defs>"
        + "".join(shape.replace("url(#", f"url(#{id_}-") for shape in shapes)
        + "</svg>"
    )


def swatch(kind: str, chart: str) -> str:
    """Return a small square that shows how a kind is drawn, for the legend of a chart."""
    id_ = f"{chart}-swatch"
    pattern = _PATTERNS.get(kind, "").format(id=id_)
    over = f'<rect width="14" height="14" fill="url(#{id_}-{kind})"/>' if pattern else ""
    return (
        f'<svg aria-hidden="true" width="14" height="14" class="swatch"><defs>{pattern}</defs>'
        f'<rect class="k-{kind}" width="14" height="14"/>{over}</svg>'
    )


def _rect(left: float, y: float, width: float, height: float, kind: str, told: str) -> str:
    box = f'x="{left:.2f}%" y="{y:.1f}" width="{width:.2f}%" height="{height:.1f}"'
    over = f'<rect {box} fill="url(#{kind})"/>' if kind in _PATTERNS else ""
    return f'<g><title>{escape(told)}</title><rect class="k-{kind}" {box}/>{over}</g>'


def _track(top: int, *, height: int = _BAR) -> str:
    return f'<rect class="track" x="0" y="{top + 22}" width="100%" height="{height}"/>'


def _label(name: str, top: int, *, right: str) -> str:
    short = name if len(name) <= _NAME_CHARACTERS else f"{name[: _NAME_CHARACTERS - 1]}…"
    return (
        f'<text x="0" y="{top + 14}"><title>{escape(name)}</title>{escape(short)}</text>'
        f'<text class="end number" x="100%" y="{top + 14}">{escape(right)}</text>'
    )


def _more(count: int) -> str:
    return f"and {count:,} more in the table of numbers" if count > 0 else ""


def _stripes(turn: int, width: int, line: int) -> str:
    return (
        f'patternUnits="userSpaceOnUse" width="{width}" height="{width}" '
        f'patternTransform="rotate({turn})"><rect class="ink" width="{line}" height="{width}"/>'
        "</pattern>"
    )


# Each kind that is not calm is told apart by its lines, too.
_PATTERNS: Final = {
    "changed": '<pattern id="{id}-changed" ' + _stripes(45, 6, 2),
    "source": '<pattern id="{id}-source" ' + _stripes(0, 5, 2),
    "target": '<pattern id="{id}-target" ' + _stripes(90, 5, 2),
    "moving": (
        '<pattern id="{id}-moving" patternUnits="userSpaceOnUse" width="6" height="6">'
        '<circle class="ink" cx="3" cy="3" r="1.5"/></pattern>'
    ),
    "unknown": '<pattern id="{id}-unknown" ' + _stripes(135, 9, 1),
    "rejected": '<pattern id="{id}-rejected" ' + _stripes(45, 6, 2),
    "was": '<pattern id="{id}-was" ' + _stripes(45, 5, 2),
}
