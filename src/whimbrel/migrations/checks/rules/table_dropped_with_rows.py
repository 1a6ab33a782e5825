"""A table that is dropped while it has rows."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class TableDroppedWithRows(rule.Rule):
    """Code that is still running may ask for it, and its rows go."""

    slug = "table-dropped-with-rows"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.DropTable):
            if seen.settled and at.rows(seen):
                yield at.error(
                    self.slug,
                    seen,
                    f"table {seen.table} is dropped, and it has {at.many(seen)}",
                    "what still reads it fails at once",
                    instead="let the application stop using it first; when nothing reads it:\n"
                    f'self.accept("{self.slug}", reason="not read since …")',
                    warning=not at.large(seen),
                )
