"""SQL of one dialect, written in another: `translate("…", read="mysql", write="postgres")`.

sqlglot reads; everything that is written comes from rules of ours, each of which says what it
means on every engine. What has no rule is refused by name, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from whimbrel import errors
from whimbrel.engines import defaults
from whimbrel.engines.translate.names import CatalogNames as CatalogNames
from whimbrel.engines.translate.names import Names as Names

__all__ = [
    "CatalogNames",
    "Names",
    "Translation",
    "default",
    "expression",
    "sources",
    "translate",
    "view",
]

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

    return _written(
        lambda: statements.write(sql, read=read, write=write, names=names), sql, read, write
    )


def expression(
    sql: str,
    *,
    read: str,
    write: str,
    table: str,
    names: Names,
    condition: bool = False,
    into: str | None = None,
) -> Translation:
    """Write an expression over the columns of one table, as a check or an index has it.

    `table` is the table's name in `names`, `condition` says that it is true or false, `into` the
    SQL type of the column that takes its value.
    """
    read, write = _FAMILIES[read], _FAMILIES[write]
    from whimbrel.engines.translate import kinds, parts

    kind = kinds.of_type(into) if into else None
    return _written(
        lambda: parts.expression(
            sql, read=read, write=write, table=table, names=names, condition=condition, kind=kind
        ),
        sql,
        read,
        write,
    )


def view(
    name: str,
    query: str,
    *,
    read: str,
    write: str,
    names: Names,
    columns: Sequence[str] = (),
    database: str | None = None,
) -> Translation:
    """Write CREATE VIEW of a query as its own server shows it.

    `database` is the name that the server may put in front of the names of tables.
    """
    read, write = _FAMILIES[read], _FAMILIES[write]
    from whimbrel.engines.translate import parts

    return _written(
        lambda: parts.view(
            name, columns, query, read=read, write=write, names=names, database=database
        ),
        query,
        read,
        write,
    )


def sources(query: str, *, read: str) -> frozenset[str]:
    """Return the names of tables and views that a query reads, as they are written."""
    from whimbrel.engines.translate import parts

    return parts.sources(query, dialect=_FAMILIES[read])


def default(sql: str, *, read: str) -> defaults.Default | None:
    """Return what a column's default says; None for NULL."""
    from whimbrel.engines.translate import column_defaults

    return column_defaults.read(sql, _FAMILIES[read])


def _written(
    write_: Callable[[], tuple[str, Iterable[str], Iterable[str]]], sql: str, read: str, write: str
) -> Translation:
    try:
        text, functions, notes = write_()
    except RecursionError:
        raise errors.SqlNotTranslatable(
            "a statement nested so deeply",
            sql=sql,
            read=read,
            write=write,
            why="write it in parts, by WITH or in several statements",
        ) from None
    return Translation(sql=text, functions=frozenset(functions), notes=tuple(notes))
