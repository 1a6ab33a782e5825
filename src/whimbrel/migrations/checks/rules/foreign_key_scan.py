"""A foreign key that is checked for every row while it is added."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class ForeignKeyScan(rule.Rule):
    """Writers of both tables wait meanwhile."""

    slug = "foreign-key-scan"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.AddForeignKey):
            change = seen.change
            if isinstance(change, changes.AddForeignKey):
                looked = change.checked and not change.beside
                toll = at.tolls.add_foreign_key(seen.table, change.key, checked=looked)
                here = ", ".join(change.key.columns)
                doing = f"foreign key ({here}) to {change.key.ref_table}"
                yield from at.held(self.slug, seen, toll, doing)
