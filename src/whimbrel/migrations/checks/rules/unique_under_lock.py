"""A unique constraint that builds its index under a lock."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel import tables
from whimbrel.migrations.checks import changes, finding, rule, scene


class UniqueUnderLock(rule.Rule):
    """Readers wait too, unlike with a plain index."""

    slug = "unique-under-lock"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.AddUnique, changes.AddColumn):
            change = seen.change
            if isinstance(change, changes.AddUnique):
                toll = at.tolls.add_unique(seen.table, change.unique, by_index=change.by_index)
                doing = f"unique constraint on ({', '.join(change.unique.columns)})"
                yield from at.held(self.slug, seen, toll, doing)
            elif isinstance(change, changes.AddColumn) and change.unique:
                unique = tables.Unique(name=None, columns=(change.column.name,))
                toll = at.tolls.add_unique(seen.table, unique)
                yield from at.held(self.slug, seen, toll, f"unique column {change.column.name}")
