"""A primary key that builds its index under a lock."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class PrimaryKeyUnderLock(rule.Rule):
    """It also makes its columns NOT NULL, which looks at every row."""

    slug = "primary-key-under-lock"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.AddPrimaryKey):
            change = seen.change
            if isinstance(change, changes.AddPrimaryKey):
                toll = at.tolls.add_primary_key(seen.table, change.columns)
                yield from at.held(
                    self.slug, seen, toll, f"primary key ({', '.join(change.columns)})"
                )
