"""Let ActiveRecord models work as guests on a migration's own connection and transaction.

Inside `models_on` a model whose database is the session's gets a guest in place of its backend
(`guest_backend.py`), by wrappers around upstream's classes (`patches.py`). Every statement of a
guest passes through the runner's port, and what the port sends runs on the session's connection.
What an engine says differently is in `engines/*/models.py`.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from whimbrel import errors
from whimbrel.engines import base, changes, sqltext
from whimbrel.engines import models as engine_models
from whimbrel.migrations import answers, guest_backend, patches, quiet
from whimbrel.migrations.answers import (
    Answer,
    Params,
    Port,
    answer_from_json,
    answer_to_json,
    planned_answer,
)
from whimbrel.migrations.guest_backend import Upstream

__all__ = [
    "Answer",
    "Guests",
    "Params",
    "Port",
    "answer_from_json",
    "answer_to_json",
    "hosts",
    "models_on",
    "planned_answer",
    "standing_in_for",
]

# The database whose copy is worked on, while that is so.
_ORIGINAL: contextvars.ContextVar[base.Session | None] = contextvars.ContextVar(
    "whimbrel_original", default=None
)


@contextlib.contextmanager
def standing_in_for(original: base.Session) -> Iterator[None]:
    """Let models of `original` work on the session of a copy, and never on the original.

    Models of other databases may read inside the block, and are refused what they would change.
    """
    token = _ORIGINAL.set(original)
    try:
        yield
    finally:
        _ORIGINAL.reset(token)


@contextlib.contextmanager
def models_on(
    session: base.Session,
    port: Port,
    *,
    planning: bool | None = None,
    taken_back: bool = False,
) -> Iterator[Guests]:
    """Make models of the session's database guests on it, in this thread, for the block.

    While planning (as on a read-only session, if it is not said) models of other databases are
    watched too: they read, and change nothing. Where everything is `taken_back` afterwards they
    may read, and are refused what could not be taken back. Raises ModelTransactionOpen before
    the block if a model's own connection is in a transaction, and after it whatever
    `Guests.check` has found.
    """
    guests = Guests(
        session,
        port,
        planning=session.read_only if planning is None else planning,
        taken_back=taken_back,
    )
    try:
        with patches.hosting(guests), answers.made_up_afresh():
            if patches.is_there():
                guests.settle_all(patches.all_models())
            yield guests
        guests.end()
    except BaseException as error:
        refusal = _refusal_in(error)
        if refusal is None:
            raise
        # Upstream has wrapped our own words into an error of the database.
        raise refusal from None
    finally:
        guests.leave()


def _refusal_in(error: BaseException) -> errors.WhimbrelError | None:
    """Return our own error out of upstream's, or None if there is none in it."""
    if not type(error).__module__.startswith("rhosocial.activerecord."):
        return None
    inner = error.__cause__
    while inner is not None and not isinstance(inner, errors.WhimbrelError):
        inner = inner.__cause__
    return inner


class Guests:
    """The models of one migration: who is a guest, and whether what they did may be committed."""

    def __init__(
        self, session: base.Session, port: Port, *, planning: bool, taken_back: bool = False
    ) -> None:
        self.session = session
        self.port = port
        self.planning = planning
        self._taken_back = taken_back
        self._original = _ORIGINAL.get()
        # table -> key column into which models wrote keys of their own (for after_models).
        self.explicit_keys: dict[str, str] = {}
        # table -> how often a plan left out a change that models make in another database.
        self.elsewhere: dict[str, int] = {}
        self._refusal: errors.WhimbrelError | None = None
        self._lost: Exception | None = None
        # (schema, table) -> key column whose counter does not know of explicit keys yet.
        self._behind: dict[tuple[str | None, str], str] = {}
        self._thread = threading.get_ident()
        self._over = False
        self._backends: dict[int, tuple[Upstream, Upstream | None]] = {}

    @functools.cached_property
    def facts(self) -> engine_models.Models:
        """Return what the session's engine says differently."""
        return engine_models.of(self.session.engine)

    @property
    def open_savepoints(self) -> int:
        """Return how many transactions of models (savepoints, that is) are open."""
        guests = [guest for _, guest in self._backends.values() if guest is not None]
        return sum(guest._transaction_manager.transaction_level - 1 for guest in guests)

    def check(self) -> None:
        """Raise why nothing more may be sent or committed, if there is a reason.

        A migration may have caught an error that it cannot go on after; it must not be
        committed as if nothing had happened.
        """
        if self._refusal is not None:
            raise self._refusal
        if self._lost is not None:
            cause = self.session.engine.cause(self._lost)
            raise errors.ModelTransactionLost(cause) from self._lost

    def end(self) -> None:
        """Leave the session as it may be committed, or raise why it may not."""
        self.check()
        if self.open_savepoints:
            raise errors.ModelTransactionOpen(
                "the migration began it and did not end it",
                remedy="end it with commit_transaction(), or write:  with Model.transaction(): …",
            )
        for schema, table in [key for key in self._behind if key[0] is not None]:
            self._advance(schema, table)  # those of no schema are the runner's, in explicit_keys

    def settle_all(self, models: Sequence[Upstream]) -> None:
        """Make models' own connections hold no locks on this database."""
        for model in models:
            quiet.hush(model.get_logger())
            owner = getattr(model, "__backend__", None)
            if owner is None or owner._connection is None or engine_models.is_async(owner):
                continue
            if self._is_ours(owner, ask=False):
                self.backend_of(owner)

    def leave(self) -> None:
        """Take the connection back from the guests; their models have their own again."""
        self._over = True
        for _, guest in self._backends.values():
            if guest is not None:
                guest.disconnect()

    # --- what the wrappers ask (patches.Host) ---------------------------------------------------

    def backend_of(self, owner: Upstream) -> Upstream:
        """Return the guest in place of a backend of this database, or the backend itself."""
        if isinstance(owner, guest_backend.Guest):
            return owner
        if id(owner) not in self._backends:
            self._check_lent()
            self._backends[id(owner)] = (owner, self._invite(owner))
        return self._backends[id(owner)][1] or owner

    def refuse_async(self, owner: Upstream, model: Upstream) -> None:
        """Raise ModelCallRefused if an asynchronous model may be of this database."""
        places = [self.session, *([self._original] if self._original is not None else [])]
        same = engine_models.serves(self.session.engine, owner) and any(
            self.facts.may_be_same(owner, one) for one in places
        )
        if not same and not self._taken_back and self._original is None:
            return
        raise errors.ModelCallRefused(
            f"a statement of the asynchronous model {model.__name__}",
            why="its connection would not be the migration's: its changes would be committed "
            "apart, and it could wait for the migration's own locks for ever",
            remedy="use a synchronous model of the same table, or SQL:  self.execute(…)",
        )

    def save_data(self, record: Upstream, data: dict[str, Any]) -> dict[str, Any]:
        """Add the key that a new record was given, which upstream would drop."""
        model = type(record)
        if not isinstance(model.backend(), guest_backend.Guest):
            return data
        fields, columns = model.primary_key_fields(), model.primary_key_columns()
        for name, column in zip(fields, columns, strict=True):
            value = getattr(record, name, None)
            if value is None:
                continue
            data.setdefault(name, value)
            if len(fields) == 1 and type(value) is int:
                self._behind[model.schema_name(), model.table_name()] = column
                if model.schema_name() is None:
                    self.explicit_keys[model.table_name()] = column
        return data

    def bulk_create(
        self,
        create: Callable[..., Any],
        model: Upstream,
        records: list[Upstream],
        batch_size: int | None,
    ) -> None:
        """Insert records, some of which may have a key and some not: all or none of them.

        Upstream takes the columns of all from the first one; the others' keys would be dropped.
        """
        if not isinstance(model.backend(), guest_backend.Guest):
            create(records, batch_size=batch_size)
            return
        if batch_size is None and self.facts.most_parameters is not None:
            batch_size = max(1, self.facts.most_parameters // len(model.model_fields))
        groups: dict[tuple[bool, ...], list[int]] = {}
        for place, record in enumerate(records):
            given = tuple(getattr(record, k, None) is not None for k in model.primary_key_fields())
            groups.setdefault(given, []).append(place)
        if len(groups) == 1:
            create(records, batch_size=batch_size)
            return
        try:
            with model.transaction():
                # Given keys first: the counter has to be past them before it makes new ones.
                for _, places in sorted(groups.items(), reverse=True):
                    _create_group(create, records, places, batch_size)
        except BaseException:
            for record in records:
                record._is_from_db = False
            raise

    # --- who is a guest -------------------------------------------------------------------------

    def _is_ours(self, owner: Upstream, *, ask: bool) -> bool | None:
        if not engine_models.serves(self.session.engine, owner):
            return False
        ours = self.facts.is_same(owner, self.session, ask=ask)
        if not ours and self._original is not None:
            return self.facts.is_same(owner, self._original, ask=ask)
        return ours

    def _invite(self, owner: Upstream) -> Upstream | None:
        if not self._is_ours(owner, ask=True):
            watched = self.planning or self._taken_back or self._original is not None
            return self._made(owner, _Watched(self, owner)) if watched else None
        if self.facts.open_transaction(owner):
            raise errors.ModelTransactionOpen(
                f"a model's own connection ({type(owner).__name__}) is in a transaction on the "
                "database that is migrated",
                remedy="commit it, or roll it back, before the migration begins: the migration\n"
                "could wait for its locks for ever, and would not see its rows",
            )
        if not self.planning:
            self.facts.settle(owner)
        self.facts.adapt(owner)
        return self._made(owner, _Hosted(self, owner))

    def _made(self, owner: Upstream, line: guest_backend.Line) -> Upstream:
        patches.forward(owner)
        return guest_backend.make(owner, line)

    def _check_lent(self) -> None:
        if self._over:
            guest_backend.refuse_after_the_end()
        if threading.get_ident() != self._thread:
            raise errors.ModelCallRefused(
                "a statement of a model in another thread",
                why="the migration's connection belongs to the thread that runs it",
                remedy="call the model in up() itself, not in a thread that it starts",
            )

    def refuse_elsewhere(self, table: str) -> None:
        """Refuse a change in another database for good, unless it is only planned."""
        if self.planning:
            return
        self._refusal = errors.RefusedError(
            f"a model changes table {table!r} of another database, which commits by itself",
            remedy="try it on copies of both databases; nothing there is taken back",
        )
        raise self._refusal

    # --- statements -----------------------------------------------------------------------------

    def _before_statement(self, sql: str, dialect: str) -> None:
        self._check_lent()
        self.check()
        first = sql.split(None, 1)[0].upper() if sql.strip() else ""
        if first in _PLAIN:
            return
        try:
            kind = sqltext.kind(sql, dialect)
        except errors.SqlNotUnderstood:
            return  # the server will say what it thinks of it
        # Upstream's own call for deferred constraints; it ends with the transaction.
        if kind in guest_backend.REASONS and sql.upper().split()[:2] != ["SET", "CONSTRAINTS"]:
            guest_backend.refuse(f"{first} through a model's backend", guest_backend.REASONS[kind])

    def _through(self, sql: str, params: Params, send: Callable[[], Answer]) -> Answer:
        try:
            return self.port.through(sql, params, send)
        except errors.WhimbrelError as refusal:
            self._refusal = refusal
            raise

    def _send(self, *statements: str, params: Params = None, savepoints: bool = False) -> Answer:
        """Run statements on the session's connection; return what the last one gives."""
        by_itself = _commits_by_itself(self.session)
        if not by_itself:
            self.session.begin()
        connection = self.session.connection.connection.driver_connection
        if connection is None:
            raise errors.ModelTransactionLost("the connection is closed")
        with contextlib.closing(connection.cursor()) as cursor:
            try:
                for sql in statements:
                    if savepoints:
                        cursor.execute(sql)
                    else:
                        self.facts.send(cursor, sql, params)
                return _read(cursor)
            except self.facts.errors() as error:
                loses = not self.planning and not by_itself
                if loses and self.facts.lost_transaction(error, connection):
                    self._lost = error
                raise

    def _catch_up(self, schema: str | None, table: str, columns: Sequence[str]) -> None:
        """Move a table's counter past explicit keys before it hands out one of its own."""
        column = self._behind.get((schema, table))
        if column is not None and column not in columns:
            self._advance(schema, table)

    def _advance(self, schema: str | None, table: str) -> None:
        column = self._behind.pop((schema, table))
        if self.planning:
            return
        if schema is None:
            self.session.engine.after_models(self.session, {table: column})
        else:
            self.facts.advance(self.session, schema, table, column)


# What needs no closer look: neither the schema nor the transaction can be meant.
_PLAIN = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})


class _Hosted:
    """The line of a guest to the session's connection, through the runner's port."""

    def __init__(self, guests: Guests, owner: Upstream) -> None:
        self._guests = guests
        self._owner = owner
        self._facts = guests.facts

    def answer(self, sql: str, params: Params) -> Answer:
        guests = self._guests
        guests._before_statement(sql, guests.session.engine.dialect)
        if isinstance(params, Sequence) and params:
            self._facts.check_exact(guests.session, sql, params)
            sql = self._facts.statement(sql, params)
            params = tuple(map(self._facts.parameter, params))
        bound = params or None
        try:
            return guests._through(sql, bound, lambda: guests._send(sql, params=bound))
        except self._facts.errors() as error:
            native = self._facts.native(error, self._owner)
            if native is error:
                raise
            raise native from error

    def savepoint(self, verb: str, name: str, *, release: bool = False) -> None:
        guests = self._guests
        guests._check_lent()
        guests.check()
        quoted = guests.session.engine.quote(name)
        sql = [f"{verb} {quoted}"]
        if release:
            sql.append(f"RELEASE SAVEPOINT {quoted}")
        guests._through(sql[0], None, lambda: guests._send(*sql, savepoints=True))

    def catch_up(self, schema: str | None, table: str, columns: Sequence[str]) -> None:
        self._guests._catch_up(schema, table, columns)


class _Watched:
    """The line of a model of another database to its own connection: it only reads, to plan."""

    def __init__(self, guests: Guests, owner: Upstream) -> None:
        self._guests = guests
        self._owner = owner

    def answer(self, sql: str, params: Params) -> Answer:
        guests = self._guests
        dialect = engine_models.dialect(self._owner)
        guests._before_statement(sql, dialect)
        if sqltext.kind(sql, dialect) is not sqltext.Kind.QUERY:
            table = ".".join(changes.read(sql).table) or sql.split(None, 1)[0].upper()
            guests.refuse_elsewhere(table)
            guests.elsewhere[table] = guests.elsewhere.get(table, 0) + 1
            return planned_answer(sql, params)
        with contextlib.closing(self._owner._get_cursor()) as cursor:
            if params:
                cursor.execute(sql, params)
            else:
                cursor.execute(sql)
            return _read(cursor)

    def savepoint(self, verb: str, name: str, *, release: bool = False) -> None:
        """Nothing is changed that would have to be taken back."""

    def catch_up(self, schema: str | None, table: str, columns: Sequence[str]) -> None:
        """Nothing is inserted that a counter would have to know."""


def hosts(backend: Upstream) -> bool:
    """Say whether a model's backend is a guest on the migration's own connection."""
    return isinstance(backend, guest_backend.Guest) and isinstance(backend._line, _Hosted)


def _read(cursor: engine_models.Driver) -> Answer:
    columns: tuple[str, ...] | None = None
    rows: tuple[tuple[object, ...], ...] = ()
    if cursor.description is not None:
        columns = tuple(str(column[0]) for column in cursor.description)
        rows = tuple(tuple(row) for row in cursor.fetchall())
    last_id = getattr(cursor, "lastrowid", None)
    return Answer(columns=columns, rows=rows, changed=cursor.rowcount, last_id=last_id)


def _commits_by_itself(session: base.Session) -> bool:
    return session.connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"


def _create_group(
    create: Callable[..., Any],
    records: list[Upstream],
    places: list[int],
    batch_size: int | None,
) -> None:
    from rhosocial.activerecord.backend.errors import BulkValidationError

    try:
        create([records[place] for place in places], batch_size=batch_size)
    except BulkValidationError as error:
        # It counts in the group, and the caller in the whole list.
        told = [(places[number], text) for number, text in error.errors]
        raise BulkValidationError(told) from error
