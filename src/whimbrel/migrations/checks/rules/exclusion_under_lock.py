"""An exclusion constraint, which nobody can add beside readers and writers."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class ExclusionUnderLock(rule.Rule):
    """Its index is built under the table's strongest lock."""

    slug = "exclusion-under-lock"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.AddExclusion):
            change = seen.change
            if isinstance(change, changes.AddExclusion) and at.large(seen):
                yield at.error(
                    self.slug,
                    seen,
                    f"exclusion constraint {change.name}: readers and writers of {seen.table} wait",
                    f"its index is built over {at.many(seen)} under the lock, and it has no NOT "
                    "VALID",
                    instead="make a table that has the constraint, copy the rows in batches, and "
                    "rename",
                )
