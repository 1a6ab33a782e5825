"""Stand in for a model's backend: it speaks as upstream's does, over a line to the migration.

A guest backend is a copy of the model's own one with another connection: the same dialect and
adapters, and never a connect, a commit, a rollback or a second try. What becomes of a statement
is decided at the other end of the line, in `guests.py`.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NoReturn, Protocol

from whimbrel import errors
from whimbrel.engines import sqltext
from whimbrel.migrations import answers

# A class or an object of upstream, which publishes no types.
Upstream = Any

# What a guest would log is told by its exceptions, and its values are nobody's business.
_SILENT: Final = logging.Logger(__name__)
_SILENT.disabled = True

# Why a guest may not end or hide the migration's own transaction, its plan or its settings.
REASONS: Final[Mapping[sqltext.Kind, tuple[str, str]]] = {
    sqltext.Kind.TRANSACTION: (
        "the transaction is the migration's, which commits it together with its journal",
        "nest one:  with Model.transaction(): …",
    ),
    sqltext.Kind.DDL: (
        "a change of the schema has to be a step of the migration",
        "use the migration's verbs, or  self.execute(…)",
    ),
    sqltext.Kind.SESSION: (
        "the session is the migration's, and its settings hold for every later step",
        "say it as a step of the migration:  self.execute(…)",
    ),
}
_TRANSACTION = REASONS[sqltext.Kind.TRANSACTION]
_LENT = (
    "the connection is the migration's, which lends it to the models",
    "leave connections alone in up() and down()",
)
_OVER = (
    "it was lent the connection of a migration that is over",
    "ask the model for its backend again:  Model.backend()",
)
_SCRIPT = (
    "it commits, and its statements cannot be journalled one by one",
    "send them one by one:  self.execute(…)",
)


def refuse(what: str, reason: tuple[str, str]) -> NoReturn:
    """Raise ModelCallRefused."""
    why, remedy = reason
    raise errors.ModelCallRefused(what, why=why, remedy=remedy)


def refuse_after_the_end() -> NoReturn:
    """Raise ModelCallRefused to a guest that was kept longer than its migration."""
    refuse("a statement through this backend", _OVER)


class Line(Protocol):
    """What a guest is connected to."""

    def answer(self, sql: str, params: answers.Params) -> answers.Answer:
        """Return what a statement gives."""

    def savepoint(self, verb: str, name: str, *, release: bool = False) -> None:
        """Make, release or go back to a savepoint; `release` it after going back."""

    def catch_up(self, schema: str | None, table: str, columns: Sequence[str]) -> None:
        """Be told the columns that an INSERT will fill."""


def make(owner: Upstream, line: Line) -> Upstream:
    """Return a guest in place of a model's own backend."""
    from rhosocial.activerecord.backend.transaction import TransactionState

    guest: Upstream = object.__new__(_kind(Guest, type(owner)))
    guest.__dict__.update(owner.__dict__)  # its config, dialect and adapters
    guest._line = line
    guest._connection = Connection(line)
    guest._cursor = guest._introspector = guest._transaction_manager = None
    guest._logger = _SILENT
    # Asking the owner for a manager could make it connect; asking the guest cannot.
    manager_kind = type(owner._transaction_manager or guest.transaction_manager)
    manager = _kind(_Transactions, manager_kind)(guest, _SILENT)
    manager._transaction_level = 1
    manager._state = TransactionState.ACTIVE
    guest._transaction_manager = manager
    return guest


_kinds: Final[dict[tuple[type, type], Any]] = {}


def _kind(first: type, kind: type) -> Any:
    """Return the class of a guest: what it does otherwise, before upstream's own."""
    key = (first, kind)
    if key not in _kinds:
        _kinds[key] = type(f"Guest{kind.__name__}", key, {"__module__": __name__})
    return _kinds[key]


# --- the backend ------------------------------------------------------------------------------


class Guest:
    """Comes first in the bases of a guest backend."""

    _line: Line
    _connection: Connection | None
    _transaction_manager: Any
    _suggestions: dict[type, Any] | None = None

    def connect(self) -> NoReturn:
        if self._connection is None:
            refuse_after_the_end()
        refuse("connect() of a model's backend", _LENT)

    def context(self) -> NoReturn:
        refuse("context() of a model's backend", _LENT)

    def disconnect(self) -> None:
        # Also called when it is garbage, and when the migration is over.
        self._connection = None

    def is_connected(self) -> bool:
        return self._connection is not None

    def ping(self, reconnect: bool = True) -> bool:
        return self._connection is not None

    def introspect_and_adapt(self) -> None:
        """The owner has done that."""

    def _get_cursor(self) -> Cursor:
        if self._connection is None:
            self.connect()
        return self._connection.cursor()

    # Upstream commits after every statement that is outside of its own transactions, rolls
    # everything back after a failure, and repeats a statement on a new connection. Not here.

    @property
    def in_transaction(self) -> bool:
        return True

    def _handle_auto_commit(self) -> None: ...

    def _handle_auto_commit_if_needed(self) -> None: ...

    def _try_rollback_transaction(self) -> None: ...

    def _reconnect(self) -> bool:
        return False

    def _is_connection_error(self, error: Exception) -> bool:
        return False

    def _is_connection_error_message(self, message: str) -> bool:
        return False

    def executescript(self, sql_script: str) -> NoReturn:
        refuse("executescript() of a model's backend", _SCRIPT)

    def set_pragma(self, pragma_key: str, pragma_value: object) -> NoReturn:
        refuse("set_pragma() of a model's backend", REASONS[sqltext.Kind.SESSION])

    def log(self, level: int, message: str, *args: object, **options: object) -> None: ...

    def summarize_log_data(self, data: object) -> None:
        """Nothing is logged, and summing up the values would take a third of the time."""

    def insert(self, options: Any) -> Any:
        self._line.catch_up(options.schema_name, options.table, list(options.data))
        return super().insert(options)  # type: ignore[misc]

    def bulk_insert(self, options: Any) -> Any:
        self._line.catch_up(options.schema_name, options.table, options.columns)
        return super().bulk_insert(options)  # type: ignore[misc]

    def get_default_adapter_suggestions(self) -> dict[type, Any]:
        # Upstream asks for them twice for every row, and some backends look up 40 types each time.
        if self._suggestions is None:
            found = dict(super().get_default_adapter_suggestions())  # type: ignore[misc]
            if Decimal in found:
                found[Decimal] = (_ExactDecimals(found[Decimal][0]), Decimal)
            self._suggestions = found
        return self._suggestions


class _ExactDecimals:
    """Upstream's adapter for decimals, without its way through float when writing."""

    def __init__(self, adapter: Upstream) -> None:
        self._adapter = adapter
        self.supported_types = adapter.supported_types

    def to_database(self, value: object, target_type: type, options: object = None) -> object:
        return value

    def from_database(self, value: object, target_type: type, options: object = None) -> object:
        return self._adapter.from_database(value, target_type, options)


# --- its connection and cursor ------------------------------------------------------------------


class Connection:
    """What a guest backend finds where its connection was."""

    closed = broken = autocommit = False

    def __init__(self, line: Line) -> None:
        self._line = line

    def cursor(self, *, dictionary: bool = False) -> Cursor:
        return Cursor(self._line, dictionary=dictionary)

    def execute(self, sql: str, params: answers.Params = None) -> Cursor:
        return self.cursor().execute(sql, params)

    def is_connected(self) -> bool:
        return True

    def commit(self) -> NoReturn:
        refuse("commit() of a model's connection", _TRANSACTION)

    def rollback(self) -> NoReturn:
        refuse("rollback() of a model's connection", _TRANSACTION)

    def close(self) -> NoReturn:
        refuse("close() of a model's connection", _LENT)


class Cursor:
    """A cursor of PEP 249 whose contents are answers: all that upstream's backends touch."""

    def __init__(self, line: Line, *, dictionary: bool = False) -> None:
        self.arraysize = 1
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.description: list[tuple[object, ...]] | None = None
        self.statusmessage: str | None = None
        self._line = line
        self._dictionary = dictionary
        self._rows: Iterator[tuple[object, ...]] = iter(())

    @property
    def with_rows(self) -> bool:
        return self.description is not None

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(str(column[0]) for column in self.description or ())

    def execute(self, sql: str, params: answers.Params = None) -> Cursor:
        answer = self._line.answer(sql, params)
        self.rowcount, self.lastrowid = answer.changed, answer.last_id
        self._rows = iter(answer.rows)
        self.description = None
        if answer.columns is not None:
            self.description = [(name, *[None] * 6) for name in answer.columns]
        return self

    def executemany(self, sql: str, many: Sequence[answers.Params]) -> Cursor:
        # One by one: each is a statement of its own for the journal and for the plan.
        changed = 0
        for params in many:
            changed += max(0, self.execute(sql, params).rowcount)
        self.rowcount = changed
        return self

    def fetchone(self) -> Any:
        return next(iter(self), None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return list(itertools.islice(self, size or self.arraysize))

    def fetchall(self) -> list[Any]:
        return list(self)

    def __iter__(self) -> Iterator[Any]:
        if not self._dictionary:
            return self._rows
        names = self.column_names
        return (dict(zip(names, row, strict=True)) for row in self._rows)

    def nextset(self) -> None:
        """There is one result set, never a second."""

    def close(self) -> None:
        self._rows = iter(())

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


# --- its transactions ---------------------------------------------------------------------------


class _Transactions:
    """Comes first in the bases of a guest's transaction manager: it only nests, by savepoints."""

    _backend: Guest
    _transaction_level: int
    _active_savepoints: list[str]

    def _get_savepoint_name(self, level: int) -> str:
        # Not upstream's SP_n, which `savepoint()` uses too: MySQL keeps one of a name.
        return f"whimbrel_model_{level}"

    def commit(self) -> None:
        self._close("commit")
        super().commit()  # type: ignore[misc]

    def rollback(self) -> None:
        self._close("rollback")
        super().rollback()  # type: ignore[misc]

    def _close(self, what: str) -> None:
        """Forget the savepoints made inside the innermost transaction: they end with it."""
        if self._transaction_level <= 1:
            refuse(f"{what} of the outermost transaction", _TRANSACTION)
        name = self._get_savepoint_name(self._transaction_level - 1)
        while self._active_savepoints and self._active_savepoints[-1] != name:
            self._active_savepoints.pop()

    def _do_begin(self) -> NoReturn:
        refuse("beginning a transaction", _TRANSACTION)

    _do_commit = _do_rollback = _do_begin

    def _do_create_savepoint(self, name: str) -> None:
        self._backend._line.savepoint("SAVEPOINT", name)

    def _do_release_savepoint(self, name: str) -> None:
        self._backend._line.savepoint("RELEASE SAVEPOINT", name)

    def _do_rollback_savepoint(self, name: str) -> None:
        # Else every nested transaction that fails would leave its savepoint around the next.
        is_own = name == self._get_savepoint_name(self._transaction_level)
        self._backend._line.savepoint("ROLLBACK TO SAVEPOINT", name, release=is_own)
