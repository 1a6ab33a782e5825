"""A unique index or key over values that are there twice."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class DuplicatesInUnique(rule.Rule):
    """The rows are asked before anything is sent."""

    slug = "duplicates-in-unique"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.CreateIndex, changes.AddUnique, changes.AddPrimaryKey):
            columns = _columns(seen.change)
            if not columns or seen.found is None or not all(map(seen.found.has, columns)):
                continue
            names, table = at.quote(*columns), at.quote(seen.real)
            some = " AND ".join(f"{at.quote(name)} IS NOT NULL" for name in columns)
            rows = at.ask(
                seen,
                f"SELECT {names}, count(*) FROM {table} WHERE {some} GROUP BY {names} "
                f"HAVING count(*) > 1 ORDER BY {names} LIMIT 5",
            )
            if rows:
                yield at.error(
                    self.slug,
                    seen,
                    f"{seen.table} ({', '.join(columns)}) is to be unique, and values are there "
                    "twice",
                    f"first, with how often: {at.first(rows)}",
                    instead=f"see them all:  SELECT {names}, count(*) FROM {table} "
                    f"GROUP BY {names} HAVING count(*) > 1\n"
                    "and decide which stay, in an earlier migration:  self.delete_rows(…)",
                )


def _columns(change: changes.Change) -> tuple[str, ...]:
    if isinstance(change, changes.CreateIndex):
        index = change.index
        plain = tuple(column for column in index.columns if isinstance(column, str))
        partly = index.where or any(index.lengths) or len(plain) < len(index.columns)
        return plain if index.unique and not partly else ()
    if isinstance(change, changes.AddUnique):
        return change.unique.columns
    return change.columns if isinstance(change, changes.AddPrimaryKey) else ()
