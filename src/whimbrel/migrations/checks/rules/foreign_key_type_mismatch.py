"""A foreign key whose two sides have different types."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class ForeignKeyTypeMismatch(rule.Rule):
    """Values may exist on one side that the other cannot hold, and the index may not be used."""

    slug = "foreign-key-type-mismatch"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.AddForeignKey):
            change, table = seen.change, seen.found
            if not isinstance(change, changes.AddForeignKey) or table is None:
                continue
            other = at.engine.catalog(at.watch.session).find(change.key.ref_table)
            if other is None:
                continue
            for here, there in zip(change.key.columns, change.key.ref_columns, strict=False):
                if not table.has(here) or not other.has(there):
                    continue
                one, two = table.column(here).type, other.column(there).type
                if _family(one) != _family(two):
                    yield at.warning(
                        self.slug,
                        seen,
                        f"{seen.table}.{here} is {one} and refers to "
                        f"{other.name}.{there}, which is {two}",
                        "the day will come on which one side holds a value that the other cannot",
                        instead=f'give both one type before:  self.change_column("{seen.table}", '
                        f'"{here}", "…")',
                    )


def _family(type_: str) -> str:
    """Return a type without its size: what differs in size alone can still be compared."""
    first = type_.lower().partition("(")[0].strip()
    return {"int": "integer", "character varying": "varchar"}.get(first, first)
