"""A change for which a whole large table has to be built anew, step by step."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class TableRebuilt(rule.Rule):
    """The engine's ALTER TABLE cannot say it, so that all rows are copied."""

    slug = "table-rebuilt"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        told: set[tuple[int, str]] = set()
        for seen in at.each(changes.Change):
            key = (seen.position, seen.table)
            if not seen.rebuilds or key in told or not at.large(seen):
                continue
            told.add(key)
            yield at.warning(
                self.slug,
                seen,
                f"table {seen.table} is built anew, and writers of the whole database wait",
                f"{at.many(seen)} are copied, and the file needs room for them twice",
                instead="put all changes of the table into one migration, and run it in a quiet "
                "hour",
            )
