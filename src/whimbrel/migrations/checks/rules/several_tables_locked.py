"""One transaction that changes the schema of several large tables."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class SeveralTablesLocked(rule.Rule):
    """Its locks add up, and whoever takes them in another order waits for it, or it for him."""

    slug = "several-tables-locked"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        if not at.whole or not at.tolls.one_transaction:
            return
        held: list[str] = []
        for seen in at.each(*_LOCKING):
            if at.large(seen) and seen.table not in held:
                held.append(seen.table)
                if len(held) == 2:
                    yield at.warning(
                        self.slug,
                        seen,
                        f"one transaction holds {held[0]} and {held[1]}",
                        "each is held until all steps are done, and with the application's own "
                        "transactions that may end in a deadlock",
                        instead="let each step commit by itself:  transactional = False\n"
                        "or give each table a migration of its own",
                    )


_LOCKING = (
    changes.AddColumn,
    changes.DropColumn,
    changes.RenameColumn,
    changes.RenameTable,
    changes.Retype,
    changes.SetNotNull,
    changes.AddForeignKey,
    changes.AddCheck,
    changes.AddUnique,
    changes.AddPrimaryKey,
    changes.DropTable,
)
