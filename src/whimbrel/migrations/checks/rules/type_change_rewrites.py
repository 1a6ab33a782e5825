"""A change of type for which a large table is read or written anew."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class TypeChangeRewrites(rule.Rule):
    """Some changes are in the catalog alone; this one is not."""

    slug = "type-change-rewrites"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.Retype):
            change = seen.change
            if not isinstance(change, changes.Retype) or seen.found is None:
                continue
            if not seen.found.has(change.column):
                continue
            toll = at.tolls.change_type(seen.found, change.column, change.type)
            old = seen.found.column(change.column).type
            doing = f"column {change.column} from {old} to {change.type}"
            yield from at.held(self.slug, seen, toll, doing)
