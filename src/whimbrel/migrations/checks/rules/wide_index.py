"""A plain index on more than three columns."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class WideIndex(rule.Rule):
    """It is about as large as the table, and seldom used beyond its first columns."""

    slug = "wide-index"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.CreateIndex):
            change = seen.change
            if not isinstance(change, changes.CreateIndex) or not at.large(seen):
                continue
            if not change.index.unique and len(change.index.columns) > 3:
                count = len(change.index.columns)
                yield at.warning(
                    self.slug,
                    seen,
                    f"index {change.index.name} on {seen.table} has {count} columns",
                    "it is about as large as the table, every write has to keep it, and queries "
                    "seldom "
                    "use more than the first two or three columns",
                    instead="begin with the columns that tell most rows apart, and leave the "
                    "others out",
                )
