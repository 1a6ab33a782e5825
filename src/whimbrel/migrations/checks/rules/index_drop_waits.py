"""An index of a large table that is dropped under its strongest lock."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class IndexDropWaits(rule.Rule):
    """Short by itself, but it waits for every query, and everyone waits behind it."""

    slug = "index-drop-waits"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.DropIndex):
            change = seen.change
            if not isinstance(change, changes.DropIndex) or not at.large(seen):
                continue
            toll = at.tolls.drop_index(seen.table, change.name, concurrently=change.concurrently)
            if toll.waits and toll.instead:
                yield at.warning(
                    self.slug,
                    seen,
                    f"dropping index {change.name}: {toll.waits} of {seen.table} wait behind it",
                    f"it takes {toll.lock}, for which it waits until the longest query has ended",
                    instead=toll.instead,
                )
