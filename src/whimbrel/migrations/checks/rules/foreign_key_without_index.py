"""A foreign key whose columns no index begins with."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class ForeignKeyWithoutIndex(rule.Rule):
    """Each delete of a row that is referred to reads the whole table that refers."""

    slug = "foreign-key-without-index"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        if at.tolls.indexes_references:
            return
        indexed = {
            (one.table, one.change.index.columns[: len(one.change.index.columns)])
            for one in at.seen
            if isinstance(one.change, changes.CreateIndex)
        }
        for seen in at.each(changes.AddForeignKey):
            change, table = seen.change, seen.found
            if not isinstance(change, changes.AddForeignKey) or table is None or not at.large(seen):
                continue
            columns = change.key.columns
            parts = [index.columns for index in table.indexes] + [u.columns for u in table.uniques]
            parts += [table.primary_key, *(made for name, made in indexed if name == seen.table)]
            if not any(part[: len(columns)] == columns for part in parts):
                listed = ", ".join(f'"{name}"' for name in columns)
                yield at.warning(
                    self.slug,
                    seen,
                    f"{seen.table} ({', '.join(columns)}) refers to {change.key.ref_table}, and "
                    "no index "
                    "begins with that",
                    f"each row deleted from {change.key.ref_table} reads {at.many(seen)}",
                    instead=f'index it:  self.create_index("{seen.table}", [{listed}])',
                )
