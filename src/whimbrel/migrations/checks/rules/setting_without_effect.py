"""A setting that does nothing at the place where it stands."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class SettingWithoutEffect(rule.Rule):
    """It is taken without a word, and the statements behind it run as if it were not there."""

    slug = "setting-without-effect"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.seen:
            change = seen.change
            if isinstance(change, changes.Other):
                why = at.tolls.no_use(change.words, in_transaction=at.whole)
                if why:
                    yield at.error(
                        self.slug,
                        seen,
                        f"{' '.join(change.words)[:80]} has no effect here",
                        why,
                        instead="leave it out; verbs that rebuild a table see to it themselves\n"
                        "or let each step commit by itself:  transactional = False",
                    )
