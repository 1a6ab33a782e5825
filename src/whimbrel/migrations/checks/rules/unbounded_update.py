"""One UPDATE for all rows of a large table."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class UnboundedUpdate(rule.Rule):
    """All its rows stay locked until it has ended, and nothing of it can be resumed."""

    slug = "unbounded-update"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.WriteRows):
            change = seen.change
            if not isinstance(change, changes.WriteRows) or not change.sql or change.bounded:
                continue
            if change.verb == "UPDATE" and at.large(seen):
                yield at.error(
                    self.slug,
                    seen,
                    f"one UPDATE writes {at.many(seen)} of {seen.table}",
                    "they stay locked until the last one is written, the log grows by all of "
                    "them, and "
                    "if it is interrupted it begins anew",
                    instead="go in batches:\n"
                    f'self.backfill("{seen.table}", {{"column": "expression"}})',
                )
