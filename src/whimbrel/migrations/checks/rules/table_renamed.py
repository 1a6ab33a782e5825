"""A table that is renamed while code reads it by its old name."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class TableRenamed(rule.Rule):
    """Old and new code cannot run side by side."""

    slug = "table-renamed"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.RenameTable):
            change = seen.change
            if isinstance(change, changes.RenameTable) and at.rows(seen):
                yield at.error(
                    self.slug,
                    seen,
                    f"table {seen.table} becomes {change.to}",
                    "what is running reads the old name, and fails from this moment until it is "
                    "replaced",
                    instead="leave a view behind under the old name, in the same migration:\n"
                    f'self.execute("CREATE VIEW {seen.table} AS SELECT * FROM {change.to}")\n'
                    "and, since no verb can say that it may be read through it:\n"
                    f'self.accept("{self.slug}", reason="a view keeps the old name")',
                    warning=not at.large(seen),
                )
