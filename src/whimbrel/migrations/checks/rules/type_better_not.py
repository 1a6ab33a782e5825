"""A column of a type that does less than it seems to."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel import tables
from whimbrel.migrations.checks import changes, finding, rule, scene


class TypeBetterNot(rule.Rule):
    """There is another one beside it without the trap."""

    slug = "type-better-not"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.seen:
            change = seen.change
            columns: tuple[tables.FoundColumn, ...] = ()
            if isinstance(change, changes.CreateTable):
                columns = change.columns
            elif isinstance(change, changes.AddColumn):
                columns = (change.column,)
            for column in columns:
                why = at.tolls.worse_type(column.type)
                if why:
                    yield at.warning(
                        self.slug, seen, f"column {seen.table}.{column.name} is {column.type}", why
                    )
