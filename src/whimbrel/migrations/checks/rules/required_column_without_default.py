"""A new NOT NULL column without a default, in a table that has rows."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class RequiredColumnWithoutDefault(rule.Rule):
    """No value can stand in the rows that are there."""

    slug = "required-column-without-default"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.AddColumn):
            change = seen.change
            if not isinstance(change, changes.AddColumn):
                continue
            column = change.column
            filled = (
                column.default is not None or column.auto_increment or column.generated is not None
            )
            if not column.null and not filled and seen.settled and at.rows(seen):
                yield at.error(
                    self.slug,
                    seen,
                    f"column {seen.table}.{column.name} is NOT NULL, has no default, and the "
                    "table has "
                    f"{at.many(seen)}",
                    "the server refuses it, or writes an empty text or 0 into every row",
                    instead="add it nullable, fill it, then require it:\n"
                    f'self.add_column("{seen.table}", "{column.name}", "…")\n'
                    f'self.backfill("{seen.table}", {{"{column.name}": "…"}})\n'
                    f'self.change_column("{seen.table}", "{column.name}", "…", null=False)',
                    verb=not seen.raw,
                )
