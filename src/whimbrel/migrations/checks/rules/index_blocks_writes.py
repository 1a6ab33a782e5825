"""An index that is built while writers of a large table wait."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class IndexBlocksWrites(rule.Rule):
    """Building an index reads the whole table under a lock."""

    slug = "index-blocks-writes"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.CreateIndex):
            change = seen.change
            if isinstance(change, changes.CreateIndex):
                toll = at.tolls.create_index(
                    seen.table, change.index, concurrently=change.concurrently
                )
                yield from at.held(self.slug, seen, toll, f"index {change.index.name}")
