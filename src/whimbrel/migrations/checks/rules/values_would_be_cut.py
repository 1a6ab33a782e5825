"""A change of type in which values would not come back as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from whimbrel import words
from whimbrel.migrations.checks import changes, finding, rule, scene, watch


class ValuesWouldBeCut(rule.Rule):
    """The values are asked, where the verb knows what would be lost."""

    slug = "values-would-be-cut"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.Retype):
            change = seen.change
            if not isinstance(change, changes.Retype) or seen.found is None:
                continue
            if change.lossy:
                rows = at.ask(seen, f"SELECT count(*) FROM ({change.lossy}) AS lossy")
                lost = int(str(rows[0][0])) if rows else 0
            else:
                lost = _too_long(at, seen, change)
            if lost:
                yield at.error(
                    self.slug,
                    seen,
                    f"{words.count(lost, 'value')} of {seen.table}.{change.column} "
                    f"{'does' if lost == 1 else 'do'} not fit into {change.type}",
                    "they would be refused, or come back as something else",
                    instead="convert what can be, and say what becomes of the rest:\n"
                    f'self.convert_column("{seen.table}", "{change.column}", "…", '
                    'invalid="reject")',
                    verb=bool(change.lossy),
                )


def _too_long(at: scene.Scene, seen: watch.Sighting, change: changes.Retype) -> int:
    """Return how many texts are longer than the new type lets them be."""
    length = re.fullmatch(r"(?:varchar|character varying|char|character)\s*\((\d+)\)", change.type)
    if length is None or not seen.raw or seen.found is None or not seen.found.has(change.column):
        return 0
    name, table = at.quote(change.column), at.quote(seen.real)
    rows = at.ask(seen, f"SELECT count(*) FROM {table} WHERE char_length({name}) > {length[1]}")
    return int(str(rows[0][0])) if rows else 0
