"""DROP TABLE … CASCADE, which takes along what refers to the table."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class DropCascades(rule.Rule):
    """Views and foreign keys of others go without being named."""

    slug = "drop-cascades"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.DropTable):
            change = seen.change
            if isinstance(change, changes.DropTable) and change.cascade:
                yield at.warning(
                    self.slug,
                    seen,
                    f"table {seen.table} is dropped with CASCADE",
                    "views and foreign keys that stand on it go too, whichever they are on that "
                    "server",
                    instead="name what goes, and leave CASCADE out, so that the rest is refused",
                )
