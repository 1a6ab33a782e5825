"""A counting column that is added to a large table."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class CountingColumnAdded(rule.Rule):
    """Every row is given a number, under a lock."""

    slug = "counting-column-added"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.AddColumn):
            change = seen.change
            if isinstance(change, changes.AddColumn) and change.column.auto_increment:
                toll = at.tolls.add_column(seen.table, change.column)
                yield from at.held(self.slug, seen, toll, f"counting column {change.column.name}")
