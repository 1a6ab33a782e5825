"""A generated column, kept on disk, that is added to a large table."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class StoredColumnAdded(rule.Rule):
    """Its value is worked out and written for every row, under a lock."""

    slug = "stored-column-added"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.AddColumn):
            change = seen.change
            if isinstance(change, changes.AddColumn) and change.column.generated is not None:
                toll = at.tolls.add_column(seen.table, change.column)
                yield from at.held(self.slug, seen, toll, f"generated column {change.column.name}")
