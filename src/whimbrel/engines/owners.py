"""Speak on somebody else's connection: a backend of an ActiveRecord model, or SQLAlchemy's.

What is said are SQLAlchemy's constructs, or text with `?` for each value. Whoever owns the
connection owns its transaction; what is written to keep two sides in step is the work of
`online/`.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import logging
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol, cast

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base, models, registry

# Numbers that the server counts, and never gives a second time.
COUNTING: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COUNTED: Final = {"sqlite_autoincrement": True, **base.TABLE_OPTIONS}

# What our own connections do is told by metrics and events; a log of it would hold values.
_SILENT: Final = logging.Logger(__name__)
_SILENT.disabled = True

# Savepoints have names of their own: one engine keeps only the last of a name.
_numbers: Final = itertools.count(1)


class Hand(Protocol):
    """What runs statements inside a transaction of somebody else."""

    engine: base.Engine

    def rows(self, statement: sa.Executable) -> list[base.Row]:
        """Return the rows of a query."""

    def run(self, statement: sa.Executable) -> int:
        """Run a statement that changes rows; return how many."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def whole(self) -> contextlib.AbstractContextManager[None]:
        """Do all of the block or nothing of it, also inside an open transaction."""

    def looking(self) -> contextlib.AbstractContextManager[None]:
        """Only read in the block, on a connection of our own, and leave nothing open."""


class Connected:
    """The connection of a program that works with SQLAlchemy."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.engine = of_dialect(connection.dialect)

    def rows(self, statement: sa.Executable) -> list[base.Row]:
        return [tuple(row) for row in self.connection.execute(statement)]

    def run(self, statement: sa.Executable) -> int:
        return self.connection.execute(statement).rowcount

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction()

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        if not self.in_transaction:
            with self.connection.begin():
                yield
            return
        driver = self.connection.connection.driver_connection
        if getattr(driver, "in_transaction", True) is False:
            # The standard library's driver begins with the first change only: a savepoint before
            # it would be the whole transaction, and releasing it would commit.
            self.connection.exec_driver_sql("BEGIN")
        with self.connection.begin_nested():
            yield

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.connection.rollback()


class Owned:
    """The backend of a model: its statements are part of the application's transaction."""

    def __init__(self, owner: models.Owner) -> None:
        self.owner = owner
        self.engine = of(owner)
        self._dialect = _positional(self.engine)

    def rows(self, statement: sa.Executable) -> list[base.Row]:
        sql, values = self._compiled(statement)
        return [tuple(row.values()) for row in self.fetch(sql, values)]

    def run(self, statement: sa.Executable) -> int:
        return self.send(*self._compiled(statement))

    def fetch(
        self, sql: str, values: Sequence[object] = (), adapters: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Return the rows of a query by the names of their columns."""
        rows: list[dict[str, Any]] = self.owner.fetch_all(
            sql, tuple(map(self._exact, values)) or None, column_adapters=adapters
        )
        return rows

    def send(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run text that changes rows; return how many."""
        # Not by upstream's execute(), which may roll everything back if the statement fails.
        owner = self.owner
        if owner._connection is None:
            owner.connect()
        known = owner.get_default_adapter_suggestions()
        sent = tuple(map(self._exact, values))
        prepared = owner.prepare_parameters(sent, [known.get(type(value)) for value in sent])
        cursor = owner._get_cursor()
        cursor = (
            owner._execute_query(cursor, *owner._prepare_sql_and_params(sql, prepared)) or cursor
        )
        return int(cursor.rowcount)

    def advance(self, schema: str | None, table: str, column: str) -> None:
        """Move the counter of a key past the keys that are there."""
        said = cast("base.Session", _Said(self))
        if schema is None:
            self.engine.after_models(said, {table: column})
        else:
            models.of(self.engine).advance(said, schema, table, column)

    def wake(self) -> None:
        """Connect again if the connection has ended; no transaction is open."""
        if not self.is_there():
            self.owner.disconnect()
            self.owner.connect()
            models.of(self.engine).in_utc(self.owner)

    def is_there(self) -> bool:
        """Say whether the server still answers."""
        if self.owner._connection is None:
            return False
        try:
            cursor = self.owner._get_cursor()
            self.owner._execute_query(cursor, "SELECT 1", None)
            cursor.fetchall()
        except Exception:  # noqa: BLE001 - drivers raise classes of their own
            return False
        return True

    @property
    def in_transaction(self) -> bool:
        return bool(self.owner.in_transaction)

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        if not self.in_transaction:
            with self.owner.transaction():
                yield
            return
        # Not upstream's own nested transactions: some roll everything back and go on by
        # themselves when a statement inside of them fails.
        name = f"whimbrel_dual_write_{next(_numbers)}"
        self._say(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            # If upstream has rolled everything back by itself there is nothing to go back to.
            with contextlib.suppress(*models.of(self.engine).own_errors(self.owner)):
                self._say(f"ROLLBACK TO SAVEPOINT {name}")
                self._say(f"RELEASE SAVEPOINT {name}")
            raise
        self._say(f"RELEASE SAVEPOINT {name}")

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        try:
            yield
        finally:
            models.of(self.engine).settle(self.owner)

    def _say(self, sql: str) -> None:
        self.owner._execute_query(self.owner._get_cursor(), sql, None)

    def _compiled(self, statement: sa.Executable) -> tuple[str, list[object]]:
        if not isinstance(statement, sa.ClauseElement):
            raise TypeError(f"{type(statement).__name__} is no statement")
        compiled = statement.compile(
            dialect=self._dialect, compile_kwargs={"render_postcompile": True}
        )
        names = getattr(compiled, "positiontup", None) or ()  # a change of schema has none
        values = (compiled.construct_params() if names else None) or {}
        return str(compiled), [values[name] for name in names]

    def _exact(self, value: object) -> object:
        # Upstream would send it as a float on most engines.
        if isinstance(value, Decimal) and value.is_finite():
            return format(value, "f")
        return value


class _Said:
    """What an engine's own statements need of a session."""

    def __init__(self, hand: Owned) -> None:
        self.engine = hand.engine
        self._hand = hand

    def execute(self, sql: str, values: Sequence[object]) -> None:
        self._hand.fetch(sql, values)


def of(owner: models.Owner) -> base.Engine:
    """Return the engine that a backend of upstream speaks to; raise RefusedError if unknown."""
    for name in registry.names():
        engine = registry.by_name(name)
        if models.serves(engine, owner):
            return engine
    raise errors.RefusedError(
        f"{type(owner).__name__} is no backend of an engine that Whimbrel knows",
        remedy="see which engines there are:  whimbrel explain bad-url",
    )


def of_dialect(dialect: sa.Dialect) -> base.Engine:
    """Return the engine of a connection of SQLAlchemy; raise RefusedError if unknown."""
    really = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
    if really not in registry.names():
        raise errors.RefusedError(
            f"{dialect.name} is no engine that Whimbrel knows",
            remedy="see which engines there are:  whimbrel explain bad-url",
        )
    return registry.by_name(really)


def identity(owner: models.Owner) -> tuple[object, ...]:
    """Return what the server says a backend is connected to, equal for equal databases."""
    engine = of(owner)
    return (engine.can.models, *models.of(engine).identity(owner))


def another(owner: models.Owner) -> models.Owner:
    """Return a backend with a connection of its own to the same database."""
    config = copy.copy(owner.config)
    if hasattr(config, "check_same_thread"):
        config.check_same_thread = False  # threads take turns with it
    made = type(owner)(connection_config=config)
    made.logger = _SILENT
    made.introspect_and_adapt()
    # Between two databases a time without a zone means the same in both.
    models.of(of(made)).in_utc(made)
    return made


def _positional(engine: base.Engine) -> sa.Dialect:
    """Return a dialect that writes values as upstream's drivers take them."""
    kind: Any = type(engine.sa_dialect())
    style = "qmark" if engine.paramstyle == "qmark" else "format"
    dialect: sa.Dialect = kind(paramstyle=style)
    return dialect
