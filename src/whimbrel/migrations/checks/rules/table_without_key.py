"""A new table without a primary key."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class TableWithoutKey(rule.Rule):
    """Its rows cannot be told apart: no batches, no comparing, no replication by row."""

    slug = "table-without-key"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.seen:
            change = seen.change
            if isinstance(change, changes.CreateTable) and not change.primary_key:
                yield at.warning(
                    self.slug,
                    seen,
                    f"table {seen.table} has no primary key",
                    "its rows cannot be told apart: they are not walked in batches, compared or "
                    "replicated one by one",
                    instead='give it one:  self.column("id", "bigint", primary_key=True, '
                    "auto_increment=True)",
                )
