"""A counting key that has used up most of its numbers."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class KeyRunsOut(rule.Rule):
    """Past the last number no row can be inserted."""

    slug = "key-runs-out"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        told: set[str] = set()
        for seen in at.each(changes.Change):
            table = seen.found
            if table is None or seen.real in told or not at.rows(seen):
                continue
            told.add(seen.real)
            for column in table.columns:
                top = dict(at.tolls.whole_numbers).get(column.type.split("(")[0].split(" ")[0])
                if top is None or not (
                    column.auto_increment or table.primary_key == (column.name,)
                ):
                    continue
                if "unsigned" in column.type:
                    top = 2 * top + 1
                name = at.quote(column.name)
                rows = at.watch.ask(f"SELECT max({name}) FROM {at.quote(seen.real)}")
                highest = int(str(rows[0][0])) if rows and rows[0][0] is not None else 0
                if highest > top * _SHARE:
                    yield at.warning(
                        self.slug,
                        seen,
                        f"{seen.table}.{column.name} has reached {highest:,} of {top:,}",
                        f"{column.type} ends there, and then no row can be inserted",
                        instead="make room while there is time:\n"
                        f'self.change_column("{seen.table}", "{column.name}", "bigint")',
                    )


_SHARE = 0.7
