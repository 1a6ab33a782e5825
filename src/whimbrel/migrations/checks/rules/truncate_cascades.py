"""TRUNCATE … CASCADE, which also empties the tables that refer to it."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class TruncateCascades(rule.Rule):
    """Their rows go without being named."""

    slug = "truncate-cascades"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        for seen in at.each(changes.Truncate):
            change = seen.change
            if isinstance(change, changes.Truncate) and change.cascade:
                others = _referring(at, seen.real)
                named = f": {', '.join(others)}" if others else ""
                yield at.error(
                    self.slug,
                    seen,
                    f"TRUNCATE {seen.table} CASCADE also empties the tables that refer to "
                    f"it{named}",
                    "all their rows go, and nothing says so when it happens",
                    instead="name each table that is to be empty, and leave CASCADE out",
                    warning=not others,
                )


def _referring(at: scene.Scene, table: str) -> list[str]:
    """Return the tables that refer to one, and have rows."""
    catalog = at.engine.catalog(at.watch.session)
    found = [catalog.find(name) for name in catalog.tables() if name != table]
    return [
        one.name
        for one in found
        if one is not None
        and any(key.ref_table == table for key in one.foreign_keys)
        and at.watch.rows(one.name)
    ]
