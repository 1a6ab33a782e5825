"""The contract of what an engine says differently when ActiveRecord models run as guests.

Guests themselves (their backend, their cursor, their transactions) are the work of
`migrations/guests.py`; the folders beside this file hold each engine's facts about upstream's
backend and about the two drivers: ours, and the one that the model brought along.
"""

from __future__ import annotations

import abc
import importlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from whimbrel.engines import base

# A backend of upstream, or a driver's connection or cursor: none of them publishes its types.
Owner = Any
Driver = Any

# engine -> module that holds MODELS; imported only when a model is there.
_ROOMS: Final[dict[str, str]] = {
    "sqlite": "whimbrel.engines.sqlite.models",
    "postgresql": "whimbrel.engines.postgresql.models",
    "mysql": "whimbrel.engines.mysql.models",
    "mariadb": "whimbrel.engines.mysql.models",
}
# How the names of upstream's backends begin -> what their SQL is written in.
_DIALECTS: Final[dict[str, str]] = {
    "SQLite": "sqlite",
    "Postgres": "postgres",
    "MySQL": "mysql",
    "MariaDB": "mysql",
}


def of(engine: base.Engine) -> Models:
    """Return the facts of an engine."""
    models: Models = importlib.import_module(_ROOMS[engine.name]).MODELS
    return models


def serves(engine: base.Engine, owner: Owner) -> bool:
    """Say whether a backend of upstream speaks to this kind of engine."""
    return any(name.startswith(engine.can.models) for name in _names(owner))


def dialect(owner: Owner) -> str:
    """Return the dialect in which a backend of upstream writes."""
    found = (
        written
        for name in _names(owner)
        for prefix, written in _DIALECTS.items()
        if name.startswith(prefix)
    )
    return next(found, "sqlite")


def is_async(owner: Owner) -> bool:
    """Say whether a backend of upstream is an asynchronous one."""
    return any(kind.__name__.startswith("Async") for kind in type(owner).__mro__)


def _names(owner: Owner) -> list[str]:
    return [kind.__name__.removeprefix("Async") for kind in type(owner).__mro__]


class Models(abc.ABC):
    """What one engine says differently. `owner` is a model's own backend."""

    # How many placeholders one statement may have; None where the driver writes values itself.
    most_parameters: int | None = None
    # Types (lower case) that the driver reads as objects, where rows in bulk are read as text.
    documents: frozenset[str] = frozenset()
    # Upstream gives times that are stored without a zone the zone UTC.
    makes_up_zones = False

    @abc.abstractmethod
    def errors(self) -> tuple[type[Exception], ...]:
        """Return what our driver raises when a statement fails."""

    @abc.abstractmethod
    def may_be_same(self, owner: Owner, session: base.Session) -> bool:
        """Say whether the owner's database may be the session's, from its settings alone."""

    @abc.abstractmethod
    def is_same(self, owner: Owner, session: base.Session, *, ask: bool) -> bool | None:
        """Say whether the owner's database is the session's; None: that cannot be known.

        Nothing is asked of the owner unless it is connected, or `ask` allows it to connect.
        """

    @abc.abstractmethod
    def own_errors(self, owner: Owner) -> tuple[type[Exception], ...]:
        """Return what the owner's driver raises when a statement fails."""

    @abc.abstractmethod
    def identity(self, owner: Owner) -> tuple[object, ...]:
        """Return what the owner, which is connected, is connected to."""

    @abc.abstractmethod
    def open_transaction(self, owner: Owner) -> bool:
        """Say whether somebody has begun a transaction on the owner's connection."""

    def in_utc(self, owner: Owner) -> None:
        """Let times without a zone be UTC on the owner's connection, where that is a question."""

    def settle(self, owner: Owner) -> None:
        """Make the owner's own connection hold no locks; it is in no transaction."""

    def adapt(self, owner: Owner) -> None:
        """Make the owner know its server's version, without changing anything there."""
        owner.introspect_and_adapt()

    def statement(self, sql: str, params: Sequence[object]) -> str:
        """Return a statement for our driver; it was written for the owner's."""
        return sql

    def parameter(self, value: object) -> object:
        """Return a value that our driver stores exactly."""
        return value

    def check_exact(self, session: base.Session, sql: str, params: Sequence[object]) -> None:
        """Raise DecimalNotExact if a column would round one of the values."""

    def send(self, cursor: Driver, sql: str, params: object) -> None:
        """Execute on a cursor of ours; if it fails, the transaction is as it was before."""
        if params is None:
            cursor.execute(sql)
        else:
            cursor.execute(sql, params)

    def advance(self, session: base.Session, schema: str, table: str, column: str) -> None:
        """Move the counter of a key column of another schema past the keys that are there."""

    def native(self, error: Exception, owner: Owner) -> Exception:
        """Return the error as the owner's driver would have raised it."""
        return error

    def lost_transaction(self, error: Exception, connection: Driver) -> bool:
        """Say whether the failure ended our whole transaction, and not the statement alone."""
        return False


def ask(session: base.Session, sql: str) -> base.Row:
    """Return the first row of a query, and leave no transaction open for it."""
    was_open = session.in_transaction
    row = session.fetch(sql)[0]
    if not was_open:
        session.rollback()
    return row


def has_active_manager(owner: Owner) -> bool:
    """Say whether upstream's own transaction manager is in a transaction."""
    manager = owner._transaction_manager
    return manager is not None and bool(manager.is_active)


def decimals(params: Sequence[object]) -> list[tuple[int, Decimal]]:
    """Return the finite decimals among the values, with their positions."""
    return [
        (position, value)
        for position, value in enumerate(params)
        if isinstance(value, Decimal) and value.is_finite()
    ]
