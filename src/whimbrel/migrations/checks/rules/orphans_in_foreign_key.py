"""A foreign key over rows that refer to nothing."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class OrphansInForeignKey(rule.Rule):
    """The rows are asked before anything is sent."""

    slug = "orphans-in-foreign-key"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.AddForeignKey):
            change = seen.change
            if not isinstance(change, changes.AddForeignKey) or not change.checked:
                continue
            key, there = change.key, change.key.ref_columns
            if len(there) != len(key.columns):
                continue
            table, other = at.quote(seen.real), at.quote(key.ref_table)
            same = " AND ".join(
                f"there.{at.quote(a)} = here.{at.quote(b)}"
                for a, b in zip(there, key.columns, strict=True)
            )
            some = " AND ".join(f"here.{at.quote(name)} IS NOT NULL" for name in key.columns)
            names = ", ".join(f"here.{at.quote(name)}" for name in key.columns)
            rows = at.ask(
                seen,
                f"SELECT {names}, count(*) FROM {table} AS here WHERE {some} AND NOT EXISTS "
                f"(SELECT 1 FROM {other} AS there WHERE {same}) GROUP BY {names} ORDER BY "
                f"{names} LIMIT 5",
            )
            if rows:
                here = ", ".join(key.columns)
                yield at.error(
                    self.slug,
                    seen,
                    f"{seen.table} ({here}) is to refer to {key.ref_table}, and rows refer to "
                    "nothing",
                    f"first, with how often: {at.first(rows)}",
                    instead="decide what they mean, in an earlier migration:\n"
                    f'self.delete_rows("{seen.table}", where="{key.columns[0]} NOT IN '
                    f'(SELECT {there[0]} FROM {key.ref_table})")\n'
                    f'or:  self.backfill("{seen.table}", {{"{key.columns[0]}": "NULL"}}, '
                    'where="…")',
                )
