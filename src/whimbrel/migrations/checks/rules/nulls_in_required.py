"""A column that becomes NOT NULL, or a key, while rows have NULL in it."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel import words
from whimbrel.migrations.checks import changes, finding, rule, scene


class NullsInRequired(rule.Rule):
    """The rows are counted before anything is sent."""

    slug = "nulls-in-required"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.SetNotNull, changes.AddPrimaryKey):
            change = seen.change
            columns: tuple[str, ...] = ()
            if isinstance(change, changes.SetNotNull):
                columns = (change.column,)
            elif isinstance(change, changes.AddPrimaryKey):
                columns = change.columns
            for column in columns:
                if seen.found is None or not seen.found.has(column):
                    continue
                name, table = at.quote(column), at.quote(seen.real)
                rows = at.ask(seen, f"SELECT count(*) FROM {table} WHERE {name} IS NULL")
                nulls = int(str(rows[0][0])) if rows else 0
                if nulls:
                    yield at.error(
                        self.slug,
                        seen,
                        f"{seen.table}.{column} is to be NOT NULL, and {words.count(nulls, 'row')} "
                        f"{'is' if nulls == 1 else 'are'} NULL",
                        "the server refuses it, or on some settings writes an empty text or 0",
                        instead="fill them before:\n"
                        f'self.backfill("{seen.table}", {{"{column}": "…"}}, '
                        f'where="{column} IS NULL")',
                        verb=not seen.raw,
                    )
