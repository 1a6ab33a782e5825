"""A new column whose default is worked out for each row."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class VolatileDefault(rule.Rule):
    """The table is written anew, under a lock."""

    slug = "volatile-default"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.AddColumn):
            change = seen.change
            if not isinstance(change, changes.AddColumn):
                continue
            column = change.column
            if column.default is None or column.auto_increment or column.generated is not None:
                continue
            toll = at.tolls.add_column(seen.table, column)
            doing = f"column {column.name} with the default {column.default}"
            yield from at.held(self.slug, seen, toll, doing)
