"""A check constraint that rows do not keep."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel import words
from whimbrel.migrations.checks import changes, finding, rule, scene


class RowsBreakCheck(rule.Rule):
    """The rows are counted before anything is sent."""

    slug = "rows-break-check"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.AddCheck):
            change = seen.change
            if not isinstance(change, changes.AddCheck) or not change.checked:
                continue
            table, condition = at.quote(seen.real), change.check.sql
            rows = at.ask(seen, f"SELECT count(*) FROM {table} WHERE NOT ({condition})")
            broken = int(str(rows[0][0])) if rows else 0
            if broken:
                yield at.error(
                    self.slug,
                    seen,
                    f"{words.count(broken, 'row')} of {seen.table} "
                    f"{'does' if broken == 1 else 'do'} not keep the check {condition}",
                    "the server refuses the constraint as long as they are there",
                    instead=f"see them:  SELECT * FROM {table} WHERE NOT ({condition})\n"
                    f'and correct them before:  self.backfill("{seen.table}", {{…}}, '
                    f'where="NOT ({condition})")',
                )
