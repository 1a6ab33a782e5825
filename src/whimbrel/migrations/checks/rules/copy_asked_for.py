"""A statement that itself asks the server to keep writers out."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class CopyAskedFor(rule.Rule):
    """ALGORITHM=COPY or LOCK=SHARED where the server may know a better way."""

    slug = "copy-asked-for"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.Other):
            change = seen.change
            if not isinstance(change, changes.Other) or not at.large(seen):
                continue
            if at.tolls.asks_copy(change.words):
                yield at.error(
                    self.slug,
                    seen,
                    f"writers of {seen.table} wait because the statement asks for it",
                    f"it names ALGORITHM=COPY or a LOCK, and the table has {at.many(seen)}",
                    instead="ask for what fails rather than waits:  ALGORITHM=INPLACE, LOCK=NONE",
                )
