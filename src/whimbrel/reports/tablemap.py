"""Draw the map of a database: tables in columns by what they need, a line for each reference.

What a table needs stands to its left. Tables of one column are put in such an order that lines
cross little (the mean place of what they are tied to, a few times over). Circles are marked, and
so is what refers to itself. Everything is text in the page; nothing needs a script.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import markupsafe

from whimbrel.schema import dependencies

_LETTER: Final = 7.6
_HEIGHT: Final = 28
_DOWN: Final = 12
_ACROSS: Final = 96
_BETWEEN: Final = 28
_MARGIN: Final = 24
_PADDING: Final = 12
_LEAST_WIDTH: Final = 72
_LONGEST: Final = 40
# A column that would be longer is broken into several.
_MOST_IN_COLUMN: Final = 28
_SWEEPS: Final = 6
_GAP_OF_PARTS: Final = 56


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A table or view with its place on the map."""

    name: str
    x: int
    y: int
    width: int
    kind: str

    @property
    def middle(self) -> int:
        """How far down its lines begin and end."""
        return self.y + _HEIGHT // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A map as SVG, its size, and what stands on it."""

    svg: str
    width: int
    height: int
    boxes: tuple[Box, ...]


def draw(
    graph: dependencies.Graph,
    *,
    tones: Mapping[str, str] | None = None,
    says: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
) -> Drawn:
    """Draw a graph; `tones` colour tables, `says` is told of them, `links` lead to more."""
    boxes = _placed(graph)
    lines = [*_lines(graph, boxes)]
    nodes = [
        _node(box, graph, (tones or {}).get(name, ""), (says or {}).get(name, ""),
              (links or {}).get(name, ""))
        for name, box in boxes.items()
    ]  # fmt: skip
    width = max((box.x + box.width for box in boxes.values()), default=0) + _MARGIN + _BETWEEN
    height = max((box.y + _HEIGHT for box in boxes.values()), default=0) + _MARGIN
    svg = (
        f'<svg class="map" id="map" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="Map of the tables">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto-start-reverse"><path d="M0 0.5L7.5 4L0 7.5z"/></marker>'
        f"</defs><g>{''.join(lines)}</g><g>{''.join(nodes)}</g></svg>"
    )
    return Drawn(svg=svg, width=width, height=height, boxes=tuple(boxes.values()))


# --- places ------------------------------------------------------------------------------------


def _placed(graph: dependencies.Graph) -> dict[str, Box]:
    """Return where everything stands: what is tied to others in columns, the rest below."""
    alone = set(graph.alone)
    tied = {name for view in graph.views for name in view.reads} & alone
    alone -= tied
    known = {*graph.tables, *(view.name for view in graph.views)}
    columns = [[name for name in level if name not in alone] for level in graph.levels]
    columns = [column for column in columns if column]
    columns += _levels_of_views(graph)
    needs = _needs(graph, known)
    columns = _ordered(columns, needs)
    kinds = {view.name: "view" for view in graph.views}
    boxes: dict[str, Box] = {}
    x, lowest = _MARGIN, _MARGIN
    tallest = max((min(len(column), _MOST_IN_COLUMN) for column in columns), default=0)
    for column in columns:
        parts = math.ceil(len(column) / _MOST_IN_COLUMN)
        each = math.ceil(len(column) / parts)
        for start in range(0, len(column), each):
            some = column[start : start + each]
            width = max(_width(name) for name in some)
            for at, name in enumerate(some):
                y = _MARGIN + (2 * at + tallest - len(some)) * (_HEIGHT + _DOWN) // 2
                kind = kinds.get(name, "table")
                boxes[name] = Box(name=name, x=x, y=y, width=width, kind=kind)
                lowest = max(lowest, y + _HEIGHT)
            x += width + (_BETWEEN if start + each < len(column) else _ACROSS)
    top = lowest + _GAP_OF_PARTS if boxes else _MARGIN
    boxes.update(_grid(sorted(alone), top=top, room=max(x - _ACROSS, 900)))
    return boxes


def _grid(names: Sequence[str], *, top: int, room: int) -> dict[str, Box]:
    """Return places of tables that nothing is tied to, in lines from left to right."""
    found: dict[str, Box] = {}
    x, y = _MARGIN, top
    for name in names:
        width = _width(name)
        if x > _MARGIN and x + width > room:
            x, y = _MARGIN, y + _HEIGHT + _DOWN
        found[name] = Box(name=name, x=x, y=y, width=width, kind="table")
        x += width + _BETWEEN
    return found


def _levels_of_views(graph: dependencies.Graph) -> list[list[str]]:
    """Return views in columns: one that reads another one stands behind it."""
    reads = {view.name: view.reads for view in graph.views}
    depth: dict[str, int] = {}
    for _ in range(len(reads) + 1):
        changed = False
        for name, others in reads.items():
            found = max((depth.get(one, 0) + 1 for one in others if one in reads), default=0)
            if depth.get(name) != found and found <= len(reads):
                depth[name], changed = found, True
        if not changed:
            break
    levels = sorted(set(depth.values()))
    return [[name for name in reads if depth[name] == level] for level in levels]


def _needs(graph: dependencies.Graph, known: set[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set() for name in known}
    for one in graph.references:
        if not one.itself:
            found[one.table].add(one.ref_table)
    for view in graph.views:
        found[view.name] |= {name for name in view.reads if name in known}
    return found


def _ordered(columns: Sequence[Sequence[str]], needs: Mapping[str, set[str]]) -> list[list[str]]:
    """Return columns in orders in which lines cross little."""
    found = [list(column) for column in columns]
    tied: dict[str, set[str]] = {name: set(others) for name, others in needs.items()}
    for name, others in needs.items():
        for other in others:
            tied[other].add(name)
    for sweep in range(_SWEEPS):
        way = found if sweep % 2 == 0 else found[::-1]
        for column in way:
            places = {name: (at + 0.5) / len(one) for one in found for at, name in enumerate(one)}
            column.sort(key=_mean(tied, places))
    return found


def _mean(
    tied: Mapping[str, set[str]], places: Mapping[str, float]
) -> Callable[[str], tuple[float, str]]:
    def of(name: str) -> tuple[float, str]:
        others = [places[one] for one in tied[name] if one in places]
        return (sum(others) / len(others) if others else places[name], name)

    return of


def _width(name: str) -> int:
    return max(_LEAST_WIDTH, round(min(len(name), _LONGEST) * _LETTER) + 2 * _PADDING)


# --- drawing -----------------------------------------------------------------------------------


def _node(box: Box, graph: dependencies.Graph, tone: str, says: str, link: str) -> str:
    circle = any(box.name in one.tables for one in graph.cycles)
    kinds = ["node", box.kind, *([tone] if tone else []), *(["circular"] if circle else [])]
    shown = box.name if len(box.name) <= _LONGEST else f"{box.name[: _LONGEST - 1]}…"
    name = markupsafe.escape(box.name)
    told = f"{name}\n{markupsafe.escape(says)}" if says else f"{name}"
    itself = any(one.itself for one in graph.of(box.name)) if box.kind == "table" else False
    loop = ""
    if itself:
        right, y = box.x + box.width, box.middle
        loop = (
            f'<path class="line circular" d="M{right} {y - 6}c22 -10 22 22 0 12" '
            'marker-end="url(#tip)"/>'
        )
    inner = (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{_HEIGHT}" '
        f'rx="{14 if box.kind == "view" else 5}"/>'
        f'<text x="{box.x + _PADDING}" y="{box.middle + 5}">{markupsafe.escape(shown)}</text>'
    )
    if link:
        inner = f'<a href="{markupsafe.escape(link)}">{inner}</a>'
    classes = " ".join(kinds)
    return f'<g class="{classes}" data-name="{name}"><title>{told}</title>{loop}{inner}</g>'


def _lines(graph: dependencies.Graph, boxes: Mapping[str, Box]) -> Iterator[str]:
    circular = {(o.table, o.ref_table) for cycle in graph.cycles for o in cycle.references}
    drawn: set[tuple[str, str]] = set()
    for one in graph.references:
        pair = (one.table, one.ref_table)
        if one.itself or pair in drawn:
            continue
        drawn.add(pair)
        together = [o for o in graph.of(one.table) if o.ref_table == one.ref_table]
        kinds = ["line"]
        if pair in circular:
            kinds.append("circular")
        if all(o.optional for o in together):
            kinds.append("optional")
        said = "\n".join(str(o) for o in together)
        yield _line(boxes[one.table], boxes[one.ref_table], kinds, said)
    for view in graph.views:
        for name in view.reads:
            if name in boxes:
                said = f"{view.name} reads {name}"
                yield _line(boxes[view.name], boxes[name], ["line", "reads"], said)


def _line(start: Box, end: Box, kinds: Sequence[str], said: str) -> str:
    """Draw a line from what needs to what is needed."""
    if start.x > end.x + end.width:
        a, b = start.x, end.x + end.width
        pull = max(40, (a - b) // 2)
        first, last = a - pull, b + pull
    else:
        # Beside each other in one column: around their right.
        a, b = start.x + start.width, end.x + end.width
        pull = 34 + min(60, abs(start.y - end.y) // 8)
        first, last = a + pull, b + pull
    way = f"M{a} {start.middle}C{first} {start.middle} {last} {end.middle} {b} {end.middle}"
    names = f'data-from="{markupsafe.escape(start.name)}" data-to="{markupsafe.escape(end.name)}"'
    return (
        f'<path class="{" ".join(kinds)}" d="{way}" {names} marker-end="url(#tip)">'
        f"<title>{markupsafe.escape(said)}</title></path>"
    )
