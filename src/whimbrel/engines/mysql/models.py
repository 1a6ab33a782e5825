"""ActiveRecord models as guests on MySQL and MariaDB.

Upstream's backends use MySQL Connector and MariaDB Connector; our session uses PyMySQL. Here is
what differs between them: placeholders, and the classes of their errors.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence

from whimbrel.engines import base, models, sqltext

_IDENTITY = "SELECT DATABASE(), @@hostname, @@port, @@socket, @@datadir, @@server_id"

_LOCK_WAIT_TIMEOUT = 1205
# After these the server has rolled back everything, or is gone.
_TRANSACTION_GONE = frozenset(
    {
        1206,  # the lock table is full
        1213,  # deadlock
        1614,  # deadlock in an XA branch
        1927,  # the connection was killed
        2006,  # the server has gone away
        2013,  # the connection was lost during the query
        2055,
        4031,  # disconnected for inactivity
    }
)


class MysqlModels(models.Models):
    """What MySQL and MariaDB say differently."""

    makes_up_zones = True

    def errors(self) -> tuple[type[Exception], ...]:
        import pymysql

        return (pymysql.err.Error,)

    def may_be_same(self, owner: models.Owner, session: base.Session) -> bool:
        wanted = owner.config.database
        ours = str(models.ask(session, _IDENTITY)[0])
        # Whether case counts in names of databases is the server's affair.
        return not wanted or wanted.casefold() == ours.casefold()

    def is_same(self, owner: models.Owner, session: base.Session, *, ask: bool) -> bool | None:
        if not self.may_be_same(owner, session):
            return False
        if owner._connection is None:
            if not ask:
                return None
            owner.introspect_and_adapt()
        theirs = _ask(owner, _IDENTITY)
        if theirs is None and ask and owner.ping(reconnect=True):
            theirs = _ask(owner, _IDENTITY)
        if theirs is None:
            return None
        return [str(value) for value in theirs] == [
            str(value) for value in models.ask(session, _IDENTITY)
        ]

    def own_errors(self, owner: models.Owner) -> tuple[type[Exception], ...]:
        return (_errors(owner).Error,)

    def identity(self, owner: models.Owner) -> tuple[object, ...]:
        return tuple(map(str, _ask(owner, _IDENTITY) or (id(owner),)))

    def open_transaction(self, owner: models.Owner) -> bool:
        if models.has_active_manager(owner):
            return True
        connection = owner._connection
        # Without autocommit every SELECT opens one: `settle` ends it.
        if connection is None or not _autocommit(owner):
            return False
        return bool(getattr(connection, "in_transaction", False))

    def in_utc(self, owner: models.Owner) -> None:
        owner.execute("SET time_zone = '+00:00'")

    def settle(self, owner: models.Owner) -> None:
        # The MariaDB backend works without autocommit: after a SELECT it stays in a transaction
        # whose metadata lock would stop our ALTER TABLE. COMMIT and not ROLLBACK: upstream means
        # every statement outside of its own transactions to be kept, and some of its calls
        # (execute_many) leave the commit to the next one.
        if owner._connection is not None and not _autocommit(owner):
            try:
                owner._connection.commit()
            except _errors(owner).Error:
                owner.ping(reconnect=True)

    def statement(self, sql: str, params: Sequence[object]) -> str:
        return _for_pymysql(sql, len(params)) if params else sql

    def native(self, error: Exception, owner: models.Owner) -> Exception:
        theirs = getattr(_errors(owner), type(error).__name__, None)
        if theirs is None or len(error.args) < 2:
            return error
        number, text = error.args[:2]
        native: Exception = theirs(msg=text, errno=number)
        return native

    def lost_transaction(self, error: Exception, connection: models.Driver) -> bool:
        number = error.args[0] if error.args else None
        if number == _LOCK_WAIT_TIMEOUT:
            with connection.cursor() as cursor:
                cursor.execute("SELECT @@innodb_rollback_on_timeout")
                return bool(cursor.fetchone()[0])
        return number in _TRANSACTION_GONE or not connection.open


def _autocommit(owner: models.Owner) -> bool:
    return bool(getattr(owner.config, "autocommit", True))


def _errors(owner: models.Owner) -> models.Driver:
    """Return the module in which the owner's driver keeps its errors."""
    mariadb = any(kind.__name__.startswith("MariaDB") for kind in type(owner).__mro__)
    return importlib.import_module("mariadb" if mariadb else "mysql.connector.errors")


def _ask(owner: models.Owner, sql: str) -> tuple[object, ...] | None:
    """Return the first row of a query on the owner's connection, or None if it is dead."""
    try:
        cursor = owner._connection.cursor()
        cursor.execute(sql)
        row = tuple(cursor.fetchone())
        cursor.close()
    except _errors(owner).Error:
        return None
    return row


@functools.lru_cache(maxsize=256)
def _for_pymysql(sql: str, values: int) -> str:
    # Upstream's drivers take `?` or `%s` for a placeholder and leave every other % alone.
    rest = sql.replace("%s", "")
    if "%" not in rest and "?" not in rest:
        return sql
    return sqltext.bind(sql, [None] * values, "mysql", "format")[0]


MODELS = MysqlModels()
