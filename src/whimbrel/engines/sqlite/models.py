"""ActiveRecord models as guests on SQLite: both sides use the standard library's driver.

Upstream's backend switches the file to WAL when it connects. That would wait for our own write
lock, so nothing here makes a model connect: whether its file is ours is told from the path.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

from whimbrel import errors
from whimbrel.engines import base, changes, models
from whimbrel.engines.sqlite import files, types

_MEMORY = ":memory:"
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


class SqliteModels(models.Models):
    """What SQLite says differently."""

    most_parameters = 32_766

    def errors(self) -> tuple[type[Exception], ...]:
        return (sqlite3.Error,)

    def may_be_same(self, owner: models.Owner, session: base.Session) -> bool:
        return _is_file(_configured(owner), session)

    def is_same(self, owner: models.Owner, session: base.Session, *, ask: bool) -> bool | None:
        # The open connection knows its file better than a relative path.
        theirs = _opened(owner) if owner._connection is not None else None
        return _is_file(theirs or _configured(owner), session)

    def own_errors(self, owner: models.Owner) -> tuple[type[Exception], ...]:
        return self.errors()

    def identity(self, owner: models.Owner) -> tuple[object, ...]:
        file = _configured(owner)
        if file is None:
            return (id(owner),)  # a database in memory belongs to one connection alone
        found = file.stat()
        return (found.st_dev, found.st_ino)

    def open_transaction(self, owner: models.Owner) -> bool:
        if models.has_active_manager(owner):
            return True
        return owner._connection is not None and bool(owner._connection.in_transaction)

    def adapt(self, owner: models.Owner) -> None:
        if owner._connection is None:
            owner.dialect.version = owner.get_server_version()

    def parameter(self, value: object) -> object:
        # The driver knows no Decimal; as a float it would keep 15 digits.
        if isinstance(value, Decimal):
            return format(value, "f") if value.is_finite() else str(value)
        return value

    def check_exact(self, session: base.Session, sql: str, params: Sequence[object]) -> None:
        wide = [(at, value) for at, value in models.decimals(params) if not _as_float(value)]
        if not wide:
            return
        change = changes.read(sql, session.engine.dialect)
        if not change.table:
            return
        declarations = _declarations(session, change.table)
        targets = change.targets if change.columns else change.places(tuple(declarations))
        for at, value in wide:
            column = targets.get(at, "")
            declared = declarations.get(column.lower())
            if declared is not None and not _kept(value, declared):
                raise errors.DecimalNotExact(
                    ".".join(change.table), column, value=format(value, "f"), type_name=declared
                )

    def lost_transaction(self, error: Exception, connection: models.Driver) -> bool:
        # A full disk, for one, makes SQLite roll back by itself.
        return not connection.in_transaction


def _is_file(theirs: Path | None, session: base.Session) -> bool:
    # On the driver's own connection: SQLAlchemy would begin a transaction, and wait for it.
    connection = session.connection.connection.driver_connection
    ours = None if connection is None else files.file_of(cast(sqlite3.Connection, connection))
    if ours is None or theirs is None:
        return False  # a database in memory belongs to one connection alone
    if ours.exists() and theirs.exists():
        return ours.samefile(theirs)
    return ours.resolve() == theirs.resolve()


def _opened(owner: models.Owner) -> Path | None:
    try:
        return files.file_of(owner._connection)
    except sqlite3.ProgrammingError:  # it belongs to another thread
        return None


def _configured(owner: models.Owner) -> Path | None:
    name = str(owner.config.database or "")
    if owner.config.uri and name.startswith("file:"):
        parts = urlsplit(name)
        if "memory" in parse_qs(parts.query).get("mode", ()) or parts.path == _MEMORY:
            return None
        name = unquote(parts.path)
    return Path(name) if name not in ("", _MEMORY) else None


def _declarations(session: base.Session, table: Sequence[str]) -> dict[str, str]:
    """Return the declared types of a table's columns, by their names in lower case."""
    *schema, name = table
    prefix = f"{session.engine.quote(schema[-1])}." if schema else ""
    rows = session.fetch(f"PRAGMA {prefix}table_info({session.engine.quote(name)})")
    return {str(row[1]).lower(): str(row[2] or "").upper() for row in rows}


def _as_float(value: Decimal) -> bool:
    """Say whether a float keeps the value."""
    return Decimal(repr(float(value))) == value


def _kept(value: Decimal, declared: str) -> bool:
    """Say whether a column of this type keeps a value that no float keeps."""
    affinity = types.affinity(declared)
    if affinity in (types.Affinity.TEXT, types.Affinity.BLOB):
        return True
    if affinity is types.Affinity.REAL:
        return False
    return value == value.to_integral_value() and _SMALLEST <= value <= _LARGEST


MODELS = SqliteModels()
