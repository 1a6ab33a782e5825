"""One DELETE for all rows of a large table."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class UnboundedDelete(rule.Rule):
    """All its rows stay locked until it has ended, and nothing of it can be resumed."""

    slug = "unbounded-delete"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.WriteRows):
            change = seen.change
            if not isinstance(change, changes.WriteRows) or not change.sql or change.bounded:
                continue
            if change.verb == "DELETE" and at.large(seen):
                yield at.error(
                    self.slug,
                    seen,
                    f"one DELETE removes {at.many(seen)} of {seen.table}",
                    "they stay locked until the last one is gone, the log grows by all of them, "
                    "and if "
                    "it is interrupted it begins anew",
                    instead=f'go in batches:\nself.delete_rows("{seen.table}")\n'
                    "or, if the table is to be empty:  self.execute('TRUNCATE TABLE "
                    f"{seen.table}')",
                )
