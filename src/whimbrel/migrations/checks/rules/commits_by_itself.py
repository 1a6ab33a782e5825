"""Rows changed by SQL before a change of schema, where each commits by itself."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class CommitsByItself(rule.Rule):
    """If the later step fails, the rows stay changed."""

    slug = "commits-by-itself"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        if at.tolls.one_transaction:
            return
        changed: set[str] = set()
        for seen in at.each(changes.Change):
            change = seen.change
            if isinstance(change, changes.WriteRows) and change.sql:
                changed.add(seen.table)
            elif seen.table in changed and not isinstance(
                change, changes.WriteRows | changes.ReadRows | changes.Truncate
            ):
                changed.discard(seen.table)
                yield at.warning(
                    self.slug,
                    seen,
                    f"the rows of {seen.table} that were changed before are committed by this step",
                    "the server commits before each change of schema: if this or a later step "
                    "fails, they "
                    "stay changed; Whimbrel goes on behind them when it is run again",
                    instead="change the schema first, or the rows in a migration of their own",
                )
