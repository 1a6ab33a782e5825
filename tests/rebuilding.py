"""A database made again from an inventory's texts in an empty one, for tests."""

from __future__ import annotations

from collections.abc import Mapping

from tests import databases
from whimbrel.engines import base, inventory, registry


def _send(session: base.Session, *statements: str) -> None:
    with session.outside_transaction():
        for statement in statements:
            session.execute(statement)


def rebuild(
    source: databases.Database, target: databases.Database, rows: Mapping[str, str] | None = None
) -> None:
    """Make everything of `source` again in `target`, in the order that a transfer takes.

    `rows` are INSERT statements by table, sent when there are tables and nothing else.
    """
    there = registry.open_session(source.url, read_only=True)
    here = registry.open_session(target.url)
    try:
        found = there.engine.inventory(there)
        tables = there.engine.catalog(there).tables()
        texts = {table: found.text(table) for table in tables}
        early, late = inventory.parted(found.things(), texts)
        there.rollback()
        for _, statements in early:
            _send(here, *statements)
        for statement in (rows or {}).values():
            _send(here, statement)
        for text in texts.values():
            _send(here, *(sql for _, sql in text.after))
        for text in texts.values():
            _send(here, *(sql for _, sql in text.foreign_keys))
        for _, statements in late:
            _send(here, *statements)
        for text in texts.values():
            _send(here, *(sql for _, sql in text.last))
    finally:
        there.close()
        here.close()


def texts(database: databases.Database) -> dict[str, str]:
    """Return what the catalog says of every object."""
    session = registry.open_session(database.url, read_only=True)
    try:
        return session.engine.catalog(session).texts()
    finally:
        session.close()


def things(database: databases.Database) -> list[inventory.Thing]:
    """Return what the inventory lists."""
    session = registry.open_session(database.url, read_only=True)
    try:
        return session.engine.inventory(session).things()
    finally:
        session.close()
