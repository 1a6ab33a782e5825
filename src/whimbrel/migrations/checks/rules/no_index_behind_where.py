"""A statement that looks for rows of a large table without an index."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel import tables
from whimbrel.migrations.checks import changes, finding, rule, scene


class NoIndexBehindWhere(rule.Rule):
    """Each time it is sent it reads the whole table."""

    slug = "no-index-behind-where"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.WriteRows, changes.ReadRows):
            change = seen.change
            if not isinstance(change, changes.WriteRows | changes.ReadRows) or not change.by:
                continue
            table = seen.found
            if table is None or not at.large(seen) or not any(map(table.has, change.by)):
                continue
            if _first_columns(table).isdisjoint(change.by):
                listed = ", ".join(change.by)
                yield at.warning(
                    self.slug,
                    seen,
                    f"rows of {seen.table} are looked for by {listed}, and no index begins with "
                    "that",
                    f"{at.many(seen)} are read each time it is sent",
                    instead="index it before:  "
                    f'self.create_index("{seen.table}", "{change.by[0]}")\n'
                    "or, to change rows, go by the key:  "
                    f'self.backfill("{seen.table}", {{…}}, where="…")',
                )


def _first_columns(table: tables.Table) -> set[str]:
    """Return the columns with which an index or key of a table begins."""
    parts = [index.columns for index in table.indexes if not index.where]
    parts += [unique.columns for unique in table.uniques]
    parts += [table.primary_key]
    return {part[0] for part in parts if part and isinstance(part[0], str)}
