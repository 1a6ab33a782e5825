"""Rows of a large table that are changed while the same transaction holds it."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class RowsUnderALock(rule.Rule):
    """A change of schema keeps its lock until the commit."""

    slug = "rows-under-a-lock"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        if not at.whole or not at.tolls.one_transaction:
            return
        held: dict[str, str] = {}
        for seen in at.each(changes.Change):
            change = seen.change
            if isinstance(change, changes.WriteRows) and change.sql and at.large(seen):
                if seen.table in held:
                    yield at.error(
                        self.slug,
                        seen,
                        f"rows of {seen.table} are changed in the transaction that changes its "
                        "schema",
                        f"the lock of {held[seen.table]!r} stays until the commit, and "
                        f"{at.many(seen)} are worked through meanwhile",
                        instead="let each step commit by itself:  transactional = False\n"
                        "or change the rows in a migration of their own",
                    )
            elif isinstance(change, _HOLDING):
                held.setdefault(seen.table, seen.words[:60])


_HOLDING = (
    changes.AddColumn,
    changes.DropColumn,
    changes.RenameColumn,
    changes.Retype,
    changes.SetNotNull,
    changes.AddCheck,
    changes.AddUnique,
    changes.AddPrimaryKey,
)
