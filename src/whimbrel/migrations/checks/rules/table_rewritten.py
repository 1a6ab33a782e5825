"""A statement that goes through, or writes anew, a whole large table under a lock."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class TableRewritten(rule.Rule):
    """VACUUM FULL, CLUSTER, REINDEX, CONVERT TO CHARACTER SET, LOCK and their like."""

    slug = "table-rewritten"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.Other):
            change = seen.change
            if isinstance(change, changes.Other):
                toll = at.tolls.other(change.words)
                if toll is not None:
                    doing = " ".join(change.words[:3])
                    yield from at.held(self.slug, seen, toll, doing)
