"""Read what a statement changes: which column of which table each of its values goes to.

Only what ActiveRecord backends write is understood (INSERT … VALUES, UPDATE … SET, DELETE, each
with RETURNING); in anything else there is nothing to be found, and nothing is raised.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

from whimbrel.engines import sqltext
from whimbrel.engines.sqltext import Sort, Token

_CHANGES = frozenset({"INSERT", "REPLACE", "UPDATE", "DELETE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a statement changes.

    `cells` holds, for every row of VALUES and every column, which placeholder fills it (None:
    an expression). `targets` maps a placeholder to the column that takes its value. `rows` is
    how many rows VALUES has, or for UPDATE and DELETE how many keys are named.
    """

    verb: str = ""
    table: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    cells: tuple[tuple[int | None, ...], ...] = ()
    targets: dict[int, str] = field(default_factory=dict)
    returning: tuple[str, ...] | None = None
    rows: int = 1

    def places(self, columns: tuple[str, ...]) -> dict[int, str]:
        """Return which of these columns takes each placeholder of VALUES."""
        return {
            mark: column
            for row in self.cells
            for column, mark in zip(columns, row, strict=False)
            if mark is not None
        }


@functools.lru_cache(maxsize=256)
def read(sql: str, dialect: str | None = None) -> Change:
    """Return what a statement changes; an empty Change if it changes no rows."""
    found = _numbered(sqltext.significant(sql, dialect))
    start = next((at for at, token, depth in found if depth == 0 and token.word in _CHANGES), None)
    if start is None:
        return Change()
    verb = found[start][1].word
    marks = _marks(found)
    body, returning = _cut(found[start + 1 :], "RETURNING")
    names = _names(returning) if returning is not None else None
    if verb in ("INSERT", "REPLACE"):
        return _insert(verb, body, names, marks)
    if verb == "UPDATE":
        return _update(verb, body, names, marks)
    _, rest = _cut(body, "FROM")
    return Change(verb=verb, table=_table(rest or [])[0], returning=names, rows=_keys(body))


# One token: its place, itself, and how many parentheses are open around it.
_Placed = tuple[int, Token, int]


def _numbered(tokens: list[Token]) -> list[_Placed]:
    placed, depth = [], 0
    for at, token in enumerate(tokens):
        depth -= token.text == ")"
        placed.append((at, token, depth))
        depth += token.text == "("
    return placed


def _cut(found: list[_Placed], word: str) -> tuple[list[_Placed], list[_Placed] | None]:
    """Return what stands before and behind a word outside of all parentheses."""
    for index, (_, token, depth) in enumerate(found):
        if depth == 0 and token.word == word:
            return found[:index], found[index + 1 :]
    return found, None


def _split(found: list[_Placed], depth: int = 0) -> Iterator[list[_Placed]]:
    """Yield what stands between the commas."""
    part: list[_Placed] = []
    for placed in found:
        if placed[2] == depth and placed[1].text == ",":
            yield part
            part = []
        else:
            part.append(placed)
    if part:
        yield part


def _unquoted(token: Token) -> str:
    if token.sort is not Sort.NAME:
        return token.text
    mark = token.text[-1]
    return token.text[1:-1].replace(mark * 2, mark)


def _names(found: list[_Placed]) -> tuple[str, ...]:
    """Return the name of every item: its alias, or the last part of `table.column`."""
    return tuple(_unquoted(part[-1][1]) for part in _split(found) if part)


def _table(found: list[_Placed]) -> tuple[tuple[str, ...], list[_Placed]]:
    """Return a name in its parts, and what stands behind it."""
    parts: list[str] = []
    for index, (_, token, _) in enumerate(found):
        if index % 2 == 0 and token.sort in (Sort.NAME, Sort.WORD):
            parts.append(_unquoted(token))
        elif index % 2 == 0 or token.text != ".":
            return tuple(parts), found[index:]
    return tuple(parts), []


def _groups(found: list[_Placed]) -> Iterator[list[_Placed]]:
    """Yield what each outermost pair of parentheses holds, until something else follows."""
    group: list[_Placed] = []
    for placed in found:
        _, token, depth = placed
        if depth == 0 and token.text == ")":
            yield group
            group = []
        elif depth == 0 and token.text not in ("(", ","):
            return
        elif depth:
            group.append(placed)


def _insert(
    verb: str,
    found: list[_Placed],
    returning: tuple[str, ...] | None,
    marks: dict[int, int],
) -> Change:
    _, behind = _cut(found, "INTO")
    table, rest = _table(found if behind is None else behind)
    head, values = _cut(rest, "VALUES")
    columns = next((_names([(a, t, 0) for a, t, _ in group]) for group in _groups(head)), ())
    cells = tuple(
        tuple(marks.get(cell[0][0]) if len(cell) == 1 else None for cell in _split(group, depth=1))
        for group in _groups(values or [])
    )
    change = Change(
        verb=verb,
        table=table,
        columns=columns,
        cells=cells,
        returning=returning,
        rows=len(cells) or 1,
    )
    return dataclasses.replace(change, targets=change.places(columns))


def _update(
    verb: str,
    found: list[_Placed],
    returning: tuple[str, ...] | None,
    marks: dict[int, int],
) -> Change:
    before, behind = _cut(found, "SET")
    assignments, _ = _cut(_cut(behind or [], "WHERE")[0], "FROM")
    targets: dict[int, str] = {}
    columns: list[str] = []
    for part in _split(assignments):
        name, _ = _table(part)
        if name:
            columns.append(name[-1])
            targets.update({marks[at]: name[-1] for at, _, _ in part if at in marks})
    return Change(
        verb=verb,
        table=_table(before)[0],
        columns=tuple(columns),
        targets=targets,
        returning=returning,
        rows=_keys(found),
    )


def _marks(found: list[_Placed]) -> dict[int, int]:
    """Return which placeholder, counted from 0, stands at which place."""
    places = (at for at, token, _ in found if token.sort is Sort.MARK)
    return {at: number for number, at in enumerate(places)}


def _keys(found: list[_Placed]) -> int:
    """Return how many values the last `IN (?, ?)` lists, or 1 without one."""
    for index in range(len(found) - 1, 0, -1):
        if found[index][1].text == "(" and found[index - 1][1].word == "IN":
            depth = found[index][2]
            inside = found[index + 1 :]
            end = next((i for i, p in enumerate(inside) if p[2] == depth), len(inside))
            return max(1, sum(token.sort is Sort.MARK for _, token, _ in inside[:end]))
    return 1
