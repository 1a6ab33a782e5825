"""A column that becomes NOT NULL while the server looks at every row."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class NotNullScan(rule.Rule):
    """The look is done under the table's strongest lock."""

    slug = "not-null-scan"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.SetNotNull):
            change = seen.change
            if not isinstance(change, changes.SetNotNull) or seen.found is None or change.beside:
                continue
            if seen.found.has(change.column) and seen.found.column(change.column).null:
                toll = at.tolls.set_not_null(seen.found, change.column)
                yield from at.held(self.slug, seen, toll, f"NOT NULL for column {change.column}")
