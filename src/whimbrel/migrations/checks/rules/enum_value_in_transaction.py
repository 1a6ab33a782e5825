"""A value that is added to a type and used in the same transaction."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class EnumValueInTransaction(rule.Rule):
    """The server lets it be used only after the commit."""

    slug = "enum-value-in-transaction"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        if not at.whole or not at.tolls.enum_values_wait():
            return
        added: list[str] = []
        for seen in at.seen:
            change = seen.change
            value = None
            if isinstance(change, changes.Other):
                value = at.tolls.adds_enum_value(change.words)
            used = next((one for one in added if f"'{one}'" in seen.words), None)
            if value is not None:
                added.append(value)
            elif used is not None:
                yield at.error(
                    self.slug,
                    seen,
                    f"the value '{used}' is used in the transaction that adds it",
                    "a new value of a type can be used only after the transaction has ended",
                    instead="let each step commit by itself:  transactional = False",
                )
