"""How a dropped table comes back on SQLite: made again from its text, filled from the copy.

Under another name it would keep its foreign keys and names, and views would follow it; so it is
not renamed.
"""

from __future__ import annotations

from collections.abc import Callable

from whimbrel import errors, tables
from whimbrel.engines import base


def return_table(
    table: tables.Table, store: str, quote: Callable[[str], str]
) -> tuple[base.Statement, ...]:
    """Return the statements; raise RefusedError where nobody knows what the table was."""
    if table.sql is None:
        raise errors.RefusedError(f"the text of table {table.name} is not known")
    names = ", ".join(quote(c.name) for c in table.columns if c.generated is None)
    filling = f"INSERT INTO {quote(table.name)} ({names}) SELECT {names} FROM {quote(store)}"
    return (
        base.Statement(sql=table.sql),
        base.Statement(sql=filling),
        *(base.Statement(sql=index.sql) for index in table.indexes if index.sql),
    )
