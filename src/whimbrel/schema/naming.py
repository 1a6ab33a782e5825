"""Names on the target: of keys and indexes so that each is the only one, of tables as they are.

What a key or an index is called matters to few; it is cut or prefixed where the target cannot
have it, and that is noted. The name of a table or column is never changed: it is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from whimbrel import errors, tables
from whimbrel.engines import building


class Names:
    """Gives out names of keys and indexes; the same ones for the same questions in one order."""

    def __init__(
        self, builder: building.Builder, beside: Collection[str], taken: Collection[str] = ()
    ) -> None:
        """`beside` are names of tables and views, `taken` others that are there already."""
        self._builder = builder
        self._taken: dict[str, set[str]] = {}
        self._shared = {self._fold(name) for name in taken}
        if builder.indexes_beside_tables:
            self._shared |= {self._fold(name) for name in beside}
        self._changed: dict[tuple[str, str], list[str]] = {}

    def take(
        self, wanted: str | None, *, kind: str, table: str, columns: Sequence[str], prefix: str
    ) -> str:
        """Return a name for a key or an index of a table that nothing else has."""
        within = {
            "index": self._builder.index_names,
            "foreign key": self._builder.key_names,
            "check": self._builder.check_names,
        }[kind]
        place = f"{kind} of {table}" if within == "table" else kind
        used = self._taken.setdefault(place, set())
        if kind == "index" and within == "database":
            used |= self._shared
        tried = wanted or tables.constraint_name(prefix, table, columns)
        if self._builder.too_long(tried):
            tried = tables.constraint_name(prefix, table, columns)
        if self._fold(tried) in used:
            tried = tables.constraint_name(table, tried, [])
        number = 2
        while self._fold(tried) in used:
            tried = tables.constraint_name(prefix, table, [*columns, str(number)])
            number += 1
        used.add(self._fold(tried))
        if wanted is not None and tried != wanted:
            self._changed.setdefault((table, kind), []).append(f"{wanted} → {tried}")
        return tried

    @property
    def notes(self) -> list[str]:
        """Say which names are others than they were, in one sentence for each table."""
        return [
            f"{kind} of {table} has another name there: {', '.join(changed)}"
            for (table, kind), changed in self._changed.items()
        ]

    def _fold(self, name: str) -> str:
        return name.casefold() if self._builder.folds_columns else name


def check(builder: building.Builder, found: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Refuse tables and columns (table, its columns) that the target cannot call so."""
    troubles: list[str] = []
    _twice([table for table, _ in found], "tables", builder.folds_tables, troubles)
    for table, columns in found:
        if why := builder.bad_name(table):
            troubles.append(f"table {table}: {why}")
        _twice(columns, f"columns of {table}", builder.folds_columns, troubles)
        for column in columns:
            if why := builder.bad_name(column):
                troubles.append(f"column {table}.{column}: {why}")
    if troubles:
        raise errors.RefusedError(
            f"{builder.title} cannot have these names",
            object="\n".join(troubles),
            left="nothing was changed",
            remedy='give them others by rules:  [transfers.NAME]  rename = { old = "new" }',
        )


def _twice(names: Sequence[str], what: str, folds: bool, troubles: list[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        key = name.casefold() if folds else name
        if key in seen:
            same = "differ in the case of letters alone" if name != seen[key] else "are one name"
            troubles.append(f"{what} {seen[key]} and {name} {same}")
        seen.setdefault(key, name)
