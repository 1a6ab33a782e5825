"""A new index with which another one begins already."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel import tables
from whimbrel.migrations.checks import changes, finding, rule, scene


class IndexIsCovered(rule.Rule):
    """It costs at each write, and answers nothing that the other does not."""

    slug = "index-is-covered"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.CreateIndex):
            change, table = seen.change, seen.found
            if not isinstance(change, changes.CreateIndex) or table is None:
                continue
            new = change.index
            if new.unique or new.where or new.method or any(new.lengths) or any(new.descending):
                continue
            others = [
                (i.name, i.columns) for i in table.indexes if _plain(i) and i.name != new.name
            ]
            others += [(str(u.name), u.columns) for u in table.uniques]
            others += [("the primary key", table.primary_key)] if table.primary_key else []
            for name, columns in others:
                if new.columns and columns[: len(new.columns)] == new.columns:
                    yield at.warning(
                        self.slug,
                        seen,
                        f"index {new.name} on {seen.table} is the beginning of {name}",
                        "every write has one index more to keep, and no query becomes faster",
                        instead="leave it out",
                    )
                    break


def _plain(index: tables.Index) -> bool:
    partly = index.where or index.method or any(index.lengths) or any(index.descending)
    return index.valid and not partly
