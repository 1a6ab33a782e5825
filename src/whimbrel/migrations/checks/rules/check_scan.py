"""A check constraint that is asked of every row while it is added."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class CheckScan(rule.Rule):
    """The look is done under the table's strongest lock."""

    slug = "check-scan"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.AddCheck):
            change = seen.change
            if isinstance(change, changes.AddCheck):
                looked = change.checked and not change.beside
                toll = at.tolls.add_check(seen.table, change.check, checked=looked)
                yield from at.held(
                    self.slug, seen, toll, f"check {change.check.name or change.check.sql}"
                )
