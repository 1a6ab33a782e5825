"""A column that is renamed while code reads it by its old name."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class ColumnRenamed(rule.Rule):
    """Old and new code cannot run side by side."""

    slug = "column-renamed"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.RenameColumn):
            change = seen.change
            if isinstance(change, changes.RenameColumn) and at.rows(seen):
                yield at.error(
                    self.slug,
                    seen,
                    f"column {seen.table}.{change.column} becomes {change.to}",
                    "what is running reads the old name, and fails from this moment until it is "
                    "replaced",
                    instead="let both be there for a while:\n"
                    f'self.add_column("{seen.table}", "{change.to}", "…")\n'
                    f'self.backfill("{seen.table}", {{"{change.to}": "{change.column}"}})\n'
                    "and remove the old one when nothing reads it; or, if nothing runs meanwhile:\n"
                    f'self.accept("{self.slug}", reason="the application is stopped")',
                    warning=not at.large(seen),
                )
