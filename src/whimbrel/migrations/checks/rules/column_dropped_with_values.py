"""A column that is removed while it has values."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class ColumnDroppedWithValues(rule.Rule):
    """Code that is still running may ask for it, and its values go."""

    slug = "column-dropped-with-values"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.DropColumn):
            change = seen.change
            if not isinstance(change, changes.DropColumn) or seen.found is None:
                continue
            name, table = at.quote(change.column), at.quote(seen.real)
            rows = at.ask(seen, f"SELECT 1 FROM {table} WHERE {name} IS NOT NULL LIMIT 1")
            if rows:
                yield at.error(
                    self.slug,
                    seen,
                    f"column {seen.table}.{change.column} is removed, and it has values",
                    f"what still reads it fails at once; the table has {at.many(seen)}",
                    instead="let the application stop using it first; when nothing reads it:\n"
                    f'self.accept("{self.slug}", reason="not read since …")',
                    warning=not at.large(seen),
                )
