"""SQL of one dialect, written in another: `translate("…", read="mysql", write="postgres")`.

sqlglot reads; everything that is written comes from rules of ours, each of which says what it
means on every engine. What has no rule is refused by name, before anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel import errors
from whimbrel.engines.translate.names import CatalogNames as CatalogNames
from whimbrel.engines.translate.names import Names as Names

__all__ = ["CatalogNames", "Names", "Translation", "translate"]

_FAMILIES = {
    "mysql": "mysql",
    "mariadb": "mysql",
    "postgres": "postgres",
    "postgresql": "postgres",
    "sqlite": "sqlite",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """A statement in another dialect.

    `functions` have to be registered on the SQLite connection that runs it; `notes` say where
    the two engines may still give different results. Placeholders without a name have become
    `:1`, `:2`, …, in the order in which they were written.
    """

    sql: str
    functions: frozenset[str]
    notes: tuple[str, ...]


def translate(sql: str, *, read: str, write: str, names: Names | None = None) -> Translation:
    """Write a statement in another dialect, or raise SqlNotTranslatable saying what has no rule.

    `names` says how tables and columns are really spelled, and of what type columns are.
    """
    read, write = _FAMILIES[read], _FAMILIES[write]
    if read == write:
        return Translation(sql=sql, functions=frozenset(), notes=())
    # sqlglot takes a tenth of a second to load; commands that translate nothing do without.
    from whimbrel.engines.translate import statements

    try:
        text, functions, notes = statements.write(sql, read=read, write=write, names=names)
    except RecursionError:
        raise errors.SqlNotTranslatable(
            "a statement nested so deeply",
            sql=sql,
            read=read,
            write=write,
            why="write it in parts, by WITH or in several statements",
        ) from None
    return Translation(sql=text, functions=frozenset(functions), notes=tuple(notes))
