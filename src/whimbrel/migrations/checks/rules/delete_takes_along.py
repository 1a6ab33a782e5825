"""A deletion that takes rows of other tables along, or changes them, and `down` has none of it."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations import along
from whimbrel.migrations.checks import changes, finding, rule, scene


class DeleteTakesAlong(rule.Rule):
    """Foreign keys do it: ON DELETE CASCADE, SET NULL, SET DEFAULT."""

    slug = "delete-takes-along"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.WriteRows):
            change = seen.change
            if not isinstance(change, changes.WriteRows) or change.verb != "DELETE":
                continue
            reach = along.reach(seen.real, at.engine.catalog(at.watch.session), at.engine)
            kept = not seen.raw and (change.keep or not reach.because)
            if kept or not any(map(at.watch.rows, reach.tables)):
                continue
            instead = "let nothing go along, and say that these are kept:\n" + "\n".join(
                [*reach.instead, f'self.delete_rows("{seen.table}", where="…", keep=True)']
            )
            if not reach.because:
                instead = "let a verb delete them, which keeps all of it:\n"
                instead += f'self.delete_rows("{seen.table}", where="…")'
            yield at.warning(
                self.slug,
                seen,
                f"deleting rows of {seen.table} takes rows of {reach.words} along, or changes them",
                f"down does not bring them back: {reach.because or 'SQL keeps nothing'}",
                instead=instead,
            )
