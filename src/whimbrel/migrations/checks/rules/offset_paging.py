"""A query that skips the rows it has read before, in a large table."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class OffsetPaging(rule.Rule):
    """Each page reads all pages before it again."""

    slug = "offset-paging"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.ReadRows):
            change = seen.change
            if isinstance(change, changes.ReadRows) and change.offset and at.large(seen):
                yield at.error(
                    self.slug,
                    seen,
                    f"OFFSET goes through {at.many(seen)} of {seen.table} page by page",
                    "each page reads all pages before it again, and rows that others insert or "
                    "delete "
                    "meanwhile shift the pages: some are met twice, others never",
                    instead=f'go by the key:\nfor batch in self.batches("{seen.table}"):\n    …',
                )
