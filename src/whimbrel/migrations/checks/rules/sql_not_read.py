"""A change of a large table that no rule knows."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class SqlNotRead(rule.Rule):
    """It is run as it is written; what it holds up, nobody here has looked at."""

    slug = "sql-not-read"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.Other):
            change = seen.change
            if not isinstance(change, changes.Other) or not at.large(seen):
                continue
            words = tuple(word.upper() for word in change.words)
            if words[:2] != ("ALTER", "TABLE") or at.tolls.asks_copy(words):
                continue
            if at.tolls.other(words) is None and not at.tolls.harmless(words):
                yield at.warning(
                    self.slug,
                    seen,
                    f"nobody here knows what this does to {seen.table}: "
                    f"{at.watch.spoken(change.words)}",
                    f"it is run as it is written, on {at.many(seen)}, whatever lock it takes",
                    instead="say it by a verb, if there is one; or look it up, and accept it:\n"
                    f'self.accept("{self.slug}", reason="…")',
                )
