"""ActiveRecord models as guests on a migration's connection and transaction, on every engine."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import logging
import sys
import threading
import types
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Optional

import pytest
import sqlalchemy as sa
from rhosocial.activerecord.backend import errors as upstream
from rhosocial.activerecord.backend.options import BulkInsertOptions
from rhosocial.activerecord.base import FieldProxy
from rhosocial.activerecord.model import ActiveRecord, AsyncActiveRecord

from tests import databases, engines
from whimbrel import errors
from whimbrel.engines import base, registry, sqltext
from whimbrel.migrations import guests

LONG = Decimal("12345678901234567.123456789100")
SHORT = Decimal("0.1000000000000000055")
MOMENT = dt.datetime(2024, 2, 29, 1, 2, 3)

# Upstream gives a logger its handler once, which would write to another test's stderr.
_numbers = itertools.count()

_KEY = {
    "sqlite": "INTEGER PRIMARY KEY",
    "postgresql": "SERIAL PRIMARY KEY",
    "mysql": "INTEGER AUTO_INCREMENT PRIMARY KEY",
}
_COLUMNS = """
    id {key}, name VARCHAR(64) NOT NULL UNIQUE, amount {decimal}, born {moment}, data {json}
"""
_TYPES = {
    "sqlite": {"decimal": "TEXT", "moment": "DATETIME", "json": "TEXT"},
    "postgresql": {"decimal": "NUMERIC(45, 25)", "moment": "TIMESTAMP", "json": "JSONB"},
    "mysql": {"decimal": "DECIMAL(45, 25)", "moment": "DATETIME(6)", "json": "JSON"},
}


# --- the stage ----------------------------------------------------------------------------------


class Sends:
    """A runner's port that lets everything through."""

    def __init__(self) -> None:
        self.log: list[tuple[str, guests.Params]] = []

    def through(
        self, sql: str, params: guests.Params, send: Callable[[], guests.Answer]
    ) -> guests.Answer:
        self.log.append((sql, params))
        return send()

    @property
    def statements(self) -> list[str]:
        return [sql for sql, _ in self.log]


class Plans(Sends):
    """A port that asks and never changes anything."""

    def __init__(self, dialect: str) -> None:
        super().__init__()
        self.dialect = dialect

    def through(
        self, sql: str, params: guests.Params, send: Callable[[], guests.Answer]
    ) -> guests.Answer:
        self.log.append((sql, params))
        if sqltext.kind(sql, self.dialect) is sqltext.Kind.QUERY:
            return send()
        return guests.planned_answer(sql, params)


class Records(Sends):
    """A port that writes every answer down as the journal does."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[str] = []

    def through(
        self, sql: str, params: guests.Params, send: Callable[[], guests.Answer]
    ) -> guests.Answer:
        answer = super().through(sql, params, send)
        self.answers.append(guests.answer_to_json(answer))
        return answer


class Replays(Sends):
    """A port that answers from what another one wrote down, and sends nothing."""

    def __init__(self, answers: list[str]) -> None:
        super().__init__()
        self._answers = iter(answers)

    def through(
        self, sql: str, params: guests.Params, send: Callable[[], guests.Answer]
    ) -> guests.Answer:
        self.log.append((sql, params))
        return guests.answer_from_json(next(self._answers))


class Stage:
    """A session on a database, and models that are configured for databases."""

    def __init__(self, database: databases.Database) -> None:
        self.database = database
        self.kind = "mysql" if database.kind == "mariadb" else database.kind
        self.session = registry.open_session(database.url)
        self.port = Sends()
        self._backends: list[Any] = []

    def create(self, name: str = "person", *, session: base.Session | None = None) -> None:
        columns = _COLUMNS.format(key=_KEY[self.kind], **_TYPES[self.kind])
        (session or self.session).execute(f"CREATE TABLE {name} ({columns})")

    def person(
        self,
        *bases: type,
        table: str = "person",
        brand: str | None = None,
        database: databases.Database | None = None,
        configure: bool = True,
    ) -> Any:
        """Return a new model class, with a connection of its own."""

        class Person(*bases, ActiveRecord):  # type: ignore[misc]
            __table_name__ = table
            __logger_name__ = f"people.{next(_numbers)}"
            c: ClassVar[FieldProxy] = FieldProxy()
            id: Optional[int] = None  # noqa: UP045  (as upstream's own documentation writes)
            name: str
            amount: Optional[Decimal] = None  # noqa: UP045
            born: Optional[dt.datetime] = None  # noqa: UP045
            data: Optional[dict] = None  # noqa: UP045

        if configure:
            config, kind = upstream_backend(database or self.database, brand)
            Person.configure(config, kind)
            self._backends.append(Person.__backend__)
        return Person

    def models_on(
        self, port: Any = None, **options: Any
    ) -> contextlib.AbstractContextManager[guests.Guests]:
        return guests.models_on(self.session, port or self.port, **options)

    def names(self) -> list[object]:
        return [row[0] for row in self.session.fetch("SELECT name FROM person ORDER BY id")]

    def close(self) -> None:
        with contextlib.suppress(sa.exc.DBAPIError, sa.exc.PendingRollbackError):
            self.session.rollback()
        self.session.close()
        for backend in self._backends:
            backend.disconnect()


def upstream_backend(database: databases.Database, brand: str | None = None) -> tuple[Any, type]:
    """Return upstream's configuration of a database, and its class of backend."""
    if database.kind == "sqlite":
        from rhosocial.activerecord.backend.impl.sqlite import SQLiteBackend
        from rhosocial.activerecord.backend.impl.sqlite.config import SQLiteConnectionConfig

        return SQLiteConnectionConfig(database=str(database.file)), SQLiteBackend
    url = sa.make_url(database.url)
    place = {
        "host": url.host,
        "port": url.port or 3306,
        "database": url.database,
        "username": url.username,
        "password": url.password,
    }
    if database.kind == "postgresql":
        from rhosocial.activerecord.backend.impl.postgres import (
            PostgresBackend,
            PostgresConnectionConfig,
        )

        return PostgresConnectionConfig(**place), PostgresBackend
    if (brand or database.kind) == "mysql":
        from rhosocial.activerecord.backend.impl.mysql import MySQLBackend, MySQLConnectionConfig

        return MySQLConnectionConfig(**place), MySQLBackend
    from rhosocial.activerecord.backend.impl.mariadb import (
        MariaDBBackend,
        MariaDBConnectionConfig,
    )

    return MariaDBConnectionConfig(**place, ssl_disabled=True), MariaDBBackend


@pytest.fixture(autouse=True)
def no_log():
    """Upstream logs every statement to stderr outside of migrations: not in these tests."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def stage(database) -> Iterator[Stage]:
    with contextlib.closing(Stage(database)) as made:
        yield made


@pytest.fixture
def person(stage):
    """A table that is not committed yet, and the model of it."""
    model = stage.person()
    stage.create()
    return model


# --- one connection, one transaction ----------------------------------------------------------


@engines.every_version
def test_a_model_writes_into_the_migrations_own_transaction(stage, person, raw):
    with stage.models_on():
        person(name="Ada", amount=LONG, born=MOMENT, data={"é": [1, None]}).save()
        seen = person.query().where(person.c.name == "Ada").one()
    outside = raw(stage.database)

    assert (1, "Ada", LONG, {"é": [1, None]}) == (seen.id, seen.name, seen.amount, seen.data)
    assert MOMENT == seen.born.replace(tzinfo=None)
    assert ["Ada"] == stage.names()
    with contextlib.suppress(Exception):  # where the table itself is still unseen
        assert [] == outside.execute("SELECT * FROM person")
    stage.session.commit()
    assert [("Ada",)] == outside.execute("SELECT name FROM person")


def test_what_models_wrote_is_rolled_back_with_the_migration(stage, person, raw):
    stage.session.commit()
    with stage.models_on():
        person(name="Ada").save()
        person.bulk_create([person(name="Bob"), person(name="Cid")])

    stage.session.rollback()

    assert [] == raw(stage.database).execute("SELECT * FROM person")


def test_the_migrations_rows_are_seen_by_models_and_the_reverse(stage, person):
    stage.session.execute("INSERT INTO person (name) VALUES ('Ada')")

    with stage.models_on():
        found = person.find_one({"name": "Ada"})
        found.name = "Ada L."
        found.save()

    assert ["Ada L."] == stage.names()


def test_every_statement_passes_the_port_in_the_drivers_own_style(stage, person):
    with stage.models_on():
        person(name="50 % of Ada").save()
        person.query().where(f"name LIKE '50 {percent(stage)}' AND id = ?", (1,)).all()
        person.backend().execute_many(
            f"UPDATE person SET name = {mark(stage)} WHERE id = {mark(stage)}", [("Bob", 1)] * 2
        )

    insert, select, *updates = stage.port.log
    assert insert[0].startswith("INSERT INTO")
    assert ("50 % of Ada", "Bob") == (insert[1][-1] or insert[1][0], updates[0][1][0])
    assert (1,) == select[1]
    assert 2 == len(updates)
    assert ["Bob"] == stage.names()


def percent(stage: Stage) -> str:
    """As the user of each backend has to write it."""
    return "%%" if stage.kind == "postgresql" else "%"


def mark(stage: Stage) -> str:
    return "?" if stage.kind == "sqlite" else "%s"


def test_after_the_migration_a_model_has_its_own_connection_again(stage, person, raw):
    own = person.backend()
    stage.session.commit()

    with stage.models_on():
        guest = person.backend()
        query = person.query()
    person(name="Ada").save()

    assert own is person.backend()
    assert own is not guest
    assert [] == stage.port.log
    assert ["Ada"] == [found.name for found in query.all()]
    assert [("Ada",)] == raw(stage.database).execute("SELECT name FROM person")
    with pytest.raises(errors.ModelCallRefused, match="is over"):
        guest.fetch_all("SELECT 1")
    with pytest.raises(upstream.TransactionError, match="is over"):
        guest.begin_transaction()


def test_an_error_leaves_nothing_behind_but_the_model_as_it_was(stage, person):
    own = person.backend()

    with pytest.raises(KeyError), stage.models_on():
        person(name="Ada").save()
        raise KeyError("the migration's own")

    assert own is person.backend()


def test_a_model_in_another_thread_keeps_its_own_connection(stage, person):
    stage.session.commit()
    seen = []

    def count() -> None:
        other = stage.person()
        seen.append((other.query().count(), hasattr(other, "find")))
        other.__backend__.disconnect()

    with stage.models_on():
        person(name="Ada").save()
        thread = threading.Thread(target=count)
        thread.start()
        thread.join()

    assert [(0, False)] == seen


def test_a_thread_that_was_given_the_migrations_context_is_refused(stage, person):
    import contextvars

    failures = []

    def save() -> None:
        try:
            person(name="Ada").save()
        except upstream.DatabaseError as error:
            failures.append(str(error))

    with stage.models_on():
        person.backend()
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(save,))
        thread.start()
        thread.join()

    assert "in another thread cannot be done inside a migration" in failures[0]
    assert [] == stage.names()


def test_a_model_that_finds_its_backend_itself_is_a_guest_too(stage):
    class Finds:
        @classmethod
        def backend(cls) -> Any:
            return cls.__backend__

    model = stage.person(Finds)
    stage.create()

    with stage.models_on():
        model(name="Ada").save()

    assert ["Ada"] == stage.names()


def test_models_that_share_a_backend_share_the_guest(stage, person):
    other = stage.person(configure=False)
    other.__backend__ = person.__backend__

    with stage.models_on():
        person(name="Ada").save()
        other(name="Bob").save()

        assert person.backend() is other.backend()
    assert ["Ada", "Bob"] == stage.names()


def test_a_backend_that_was_kept_in_a_variable_is_a_guest_all_the_same(stage, person, raw):
    kept = person.__backend__
    stage.session.commit()

    with stage.models_on():
        kept.execute("INSERT INTO person (name) VALUES ('Ada')")
        kept.execute_many(f"INSERT INTO person (name) VALUES ({mark(stage)})", [("Bob",)])
        with pytest.raises(KeyError), kept.transaction():
            kept.execute("INSERT INTO person (name) VALUES ('lost')")
            raise KeyError
        seen = kept.fetch_all("SELECT name FROM person ORDER BY id")
        with pytest.raises(errors.ModelCallRefused):
            kept.commit_transaction()
    stage.session.rollback()

    assert ["Ada", "Bob"] == [row["name"] for row in seen]
    assert [] == kept.fetch_all("SELECT * FROM person")


def test_a_backend_that_upstreams_context_names_is_a_guest_too(stage, person):
    stage.session.commit()
    person.__backend__.disconnect()

    with person.__backend__.context(), stage.models_on():
        person(name="Ada").save()
        assert 1 == person.query().count()

    assert ["Ada"] == stage.names()


# --- nested transactions ------------------------------------------------------------------------


def test_a_models_transaction_nests_and_is_taken_back_alone(stage, person):
    with stage.models_on() as guest:
        person(name="before").save()
        with pytest.raises(KeyError), person.transaction():
            person(name="lost").save()
            with person.transaction():
                person(name="lost with it").save()
            assert 1 == guest.open_savepoints
            raise KeyError
        with person.transaction():
            person(name="after").save()
            with pytest.raises(KeyError), person.transaction():
                person(name="lost inside").save()
                raise KeyError
            person(name="after it").save()

        assert 0 == guest.open_savepoints
    assert ["before", "after", "after it"] == stage.names()


def test_savepoints_of_a_model_end_with_the_transaction_around_them(stage, person):
    with stage.models_on():
        manager = person.backend().transaction_manager
        with person.transaction():
            person(name="kept").save()
            name = manager.savepoint()
            person(name="lost").save()
            manager.rollback_to(name)
            person(name="kept too").save()
        with pytest.raises(KeyError), person.transaction():
            person(name="gone").save()
            manager.savepoint()
            person(name="gone with it").save()
            raise KeyError

    assert ["kept", "kept too"] == stage.names()


def test_many_failed_transactions_do_not_pile_up(stage, person):
    with stage.models_on():
        for _ in range(300):
            with pytest.raises(KeyError), person.transaction():
                raise KeyError
        person(name="Ada").save()

    assert ["Ada"] == stage.names()
    opened = sum(sql.startswith("SAVEPOINT") for sql in stage.port.statements)
    assert 300 == opened


def test_a_transaction_that_a_migration_forgets_to_end_is_refused(stage, person):
    with pytest.raises(errors.ModelTransactionOpen, match="did not end it"), stage.models_on():
        person.backend().begin_transaction()
        person(name="Ada").save()


REFUSED: dict[str, Callable[[Any], object]] = {
    "commit": lambda backend: backend.commit_transaction(),
    "rollback": lambda backend: backend.rollback_transaction(),
    "raw commit": lambda backend: backend.connection.commit(),
    "raw rollback": lambda backend: backend.connection.rollback(),
    "close": lambda backend: backend.connection.close(),
    "connect": lambda backend: backend.connect(),
    "context": lambda backend: backend.context().__enter__(),
    "script": lambda backend: backend.executescript("SELECT 1; SELECT 2"),
    "COMMIT": lambda backend: backend.execute("COMMIT"),
    "rollback in lower case": lambda backend: backend.execute("  rollback"),
    "BEGIN behind a comment": lambda backend: backend.execute("/* so */ BEGIN"),
    "DDL": lambda backend: backend.execute("CREATE TABLE other (id INTEGER)"),
    "DROP": lambda backend: backend.execute("DROP TABLE person"),
    "setting": lambda backend: backend.execute("SET names = 'x'"),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_what_would_end_or_bypass_the_migrations_transaction_is_refused(stage, person, call):
    with stage.models_on():
        person(name="Ada").save()
        with pytest.raises(errors.ModelCallRefused) as refused:
            call(person.backend())
        person(name="Bob").save()

    assert refused.value.remedy
    assert ["Ada", "Bob"] == stage.names()
    assert 2 == len(stage.port.log)


def test_our_own_words_are_not_wrapped_in_upstreams(stage, person):
    class Refuses(Sends):
        def through(self, sql, params, send):
            raise errors.TableNotFound("person", known=["people"])

    with pytest.raises(errors.TableNotFound) as raised, stage.models_on(Refuses()):
        person(name="Ada").save()

    assert raised.value.__cause__ is None


def test_a_refusal_that_a_migration_swallows_is_raised_at_its_end(stage, person):
    class Refuses(Sends):
        def through(self, sql, params, send):
            raise errors.TableNotFound("person", known=["people"])

    port = Refuses()
    with pytest.raises(errors.TableNotFound), stage.models_on(port):
        for name in ("Ada", "Bob"):
            with contextlib.suppress(upstream.DatabaseError):
                person(name=name).save()


# --- failures -------------------------------------------------------------------------------------


@engines.every_version
def test_a_statement_that_fails_raises_upstreams_error_and_the_migration_can_go_on(stage, person):
    with stage.models_on():
        person(name="Ada").save()
        with pytest.raises(upstream.IntegrityError, match=r"(?i)unique|duplicate"):
            person(name="Ada").save()
        with pytest.raises(upstream.DatabaseError, match=r"(?i)no_such_table|nosuch"):
            person.backend().fetch_all("SELECT * FROM no_such_table")
        with pytest.raises(upstream.DatabaseError):
            person.backend().fetch_all("SELEC 1")
        person(name="Bob").save()

    assert ["Ada", "Bob"] == stage.names()
    assert stage.session.in_transaction


def test_a_row_can_be_skipped_inside_a_nested_transaction(stage, person):
    with stage.models_on():
        for name in ("Ada", "Ada", "Bob"):
            with contextlib.suppress(upstream.IntegrityError), person.transaction():
                person(name=name).save()

    assert ["Ada", "Bob"] == stage.names()


@engines.only("postgresql", "mariadb")
def test_a_lost_connection_is_not_replaced_by_another_one(stage, person, raw):
    number = {
        "postgresql": "SELECT pg_backend_pid()",
        "mysql": "SELECT CONNECTION_ID()",
    }[stage.kind]
    kill = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}[stage.kind]
    stage.session.commit()

    with pytest.raises(errors.ModelTransactionLost) as lost, stage.models_on():
        person(name="Ada").save()
        raw(stage.database).execute(kill.format(stage.session.fetch(number)[0][0]))
        for name in ("Bob", "Cid"):
            with contextlib.suppress(upstream.DatabaseError):
                person(name=name).save()

    assert lost.value.cause
    assert [] == raw(stage.database).execute("SELECT * FROM person")


@engines.only("mariadb")
def test_a_deadlock_that_a_migration_swallows_stops_it(stage, person, raw):
    stage.session.execute("INSERT INTO person (id, name) VALUES (1, 'a'), (2, 'b')")
    stage.session.commit()
    other = raw(stage.database)
    other.execute("SET autocommit = 0")
    other.execute("UPDATE person SET name = 'other b' WHERE id = 2")
    # The victim is the transaction that has changed less.
    other.execute("INSERT INTO person (name) VALUES ('x'), ('y'), ('z')")

    with pytest.raises(errors.ModelTransactionLost, match="took back"), stage.models_on():
        first = person.find_one(1)
        first.name = "ours"
        first.save()
        waiting = threading.Thread(
            target=other.execute, args=("UPDATE person SET name = 'other a' WHERE id = 1",)
        )
        waiting.start()
        second = person.find_one(2)
        second.name = "ours too"
        with pytest.raises(upstream.DeadlockError):
            second.save()
        waiting.join()
        other.execute("COMMIT")
        with contextlib.suppress(upstream.DatabaseError):
            person(name="after it").save()


# --- keys ----------------------------------------------------------------------------------------


@engines.every_version
def test_a_record_keeps_the_key_it_was_given(stage, person):
    with stage.models_on() as guest:
        stranger = person(name="stranger")
        stranger.save()
        copied = person(id=77, name="copied")
        copied.save()
        copied.name = "copied and renamed"
        copied.save()
        following = person(name="following")
        following.save()

    assert [(1, "stranger"), (77, "copied and renamed"), (78, "following")] == stage.session.fetch(
        "SELECT id, name FROM person ORDER BY id"
    )
    assert 78 == following.id
    assert {"person": "id"} == guest.explicit_keys


@engines.every_version
def test_a_list_of_new_records_may_mix_given_keys_and_none(stage, person):
    people = [
        person(name="a"),
        person(id=50, name="b"),
        person(name="c"),
        person(id=40, name="d"),
    ]

    with stage.models_on() as guest:
        made = person.bulk_create(people)
        person(name="e").save()

    by_name = dict(stage.session.fetch("SELECT name, id FROM person"))
    assert (50, 40) == (by_name["b"], by_name["d"])
    assert {p.name: p.id for p in made} == {n: i for n, i in by_name.items() if n != "e"}
    assert ["a", "b", "c", "d"] == [p.name for p in made]
    assert min(by_name["a"], by_name["c"], by_name["e"]) > 50
    assert {"person": "id"} == guest.explicit_keys


@engines.only("postgresql")
def test_the_counter_of_a_table_in_another_schema_is_moved_too(stage):
    model = stage.person()
    model.__schema_name__ = "app 2"
    stage.session.execute('CREATE SCHEMA "app 2"')
    stage.create('"app 2".person')

    with stage.models_on() as guest:
        model(id=5, name="Ada").save()
        following = model(name="Bob")
        following.save()
        model(id=9, name="Cid").save()
    stage.session.execute("""INSERT INTO "app 2".person (name) VALUES ('Dan')""")

    assert 6 == following.id
    assert [(10,)] == stage.session.fetch('SELECT max(id) FROM "app 2".person')
    assert {} == guest.explicit_keys


def test_a_mixed_list_is_inserted_as_a_whole_or_not_at_all(stage, person):
    people = [person(name="a"), person(id=50, name="b"), person(name="b"), person(id=1, name="d")]

    with stage.models_on(), pytest.raises(upstream.IntegrityError):
        person.bulk_create(people)

    assert [] == stage.names()
    assert all(p.is_new_record for p in people)


def test_the_records_that_do_not_validate_are_counted_in_the_callers_list(stage, person):
    people = [person(name="a"), person(id=50, name="b"), person(name="c"), person(id=1, name="d")]
    people[2].name = None

    with stage.models_on(), pytest.raises(upstream.BulkValidationError) as invalid:
        person.bulk_create(people)

    assert [2] == [place for place, _ in invalid.value.errors]
    assert [] == stage.names()


def test_more_records_than_a_statement_takes_parameters_are_inserted(stage, person):
    with stage.models_on():
        person.bulk_create([person(name=f"{number:05}") for number in range(14_000)])

    assert [(14_000,)] == stage.session.fetch("SELECT count(*) FROM person")


def test_models_of_other_databases_keep_upstreams_ways(stage, person, new_database):
    other = new_database(stage.database.engine_id)
    with contextlib.closing(Stage(other)) as away:
        away.create()
        away.session.commit()
        theirs = away.person()
        stage.session.commit()

        with stage.models_on() as guest:
            theirs(name="theirs").save()
            person(name="ours").save()
        stage.session.rollback()

        assert ["theirs"] == away.names()
        assert [] == stage.names()
        assert {} == guest.explicit_keys == guest.elsewhere


# --- values --------------------------------------------------------------------------------------


@engines.every_version
def test_decimals_keep_every_digit(stage, person):
    def read(name: str) -> Decimal:
        return person.find_one({"name": name}).amount

    with stage.models_on():
        person(name="saved", amount=LONG).save()
        person.bulk_create([person(name="bulk", amount=SHORT), person(name="none")])
        changed = person.find_one({"name": "none"})
        changed.amount = -LONG
        changed.save()
        person.backend().bulk_insert(
            BulkInsertOptions(table="person", columns=["name", "amount"], rows=[["raw", LONG]])
        )
        both = [person.find_one({"name": "saved"}), person.find_one({"name": "bulk"})]
        both[0].amount, both[1].amount = SHORT, LONG
        person.bulk_update(both, ["amount"])
        person.backend().execute_many(
            f"UPDATE person SET amount = {mark(stage)} WHERE name = {mark(stage)}",
            [(SHORT, "raw")],
        )

        amounts = [read("saved"), read("bulk"), read("none"), read("raw")]

    assert [SHORT, LONG, -LONG, SHORT] == amounts
    stored = stage.session.fetch("SELECT amount FROM person ORDER BY id")
    assert [SHORT, LONG, -LONG, SHORT] == [Decimal(str(value)) for (value,) in stored]


@engines.only("sqlite")
@pytest.mark.parametrize("declared", ["NUMERIC", "DECIMAL(40, 12)", "REAL", "INTEGER"])
def test_a_decimal_that_its_column_would_round_is_refused(stage, declared):
    stage.session.execute(
        f"CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, amount {declared}, born, data)"
    )
    model = stage.person()
    fits = [Decimal("0.1"), Decimal("-1.50"), Decimal(2**53), None]

    with stage.models_on():
        for number, amount in enumerate(fits):
            model(name=str(number), amount=amount).save()
        for write in (
            lambda: model(name="x", amount=LONG).save(),
            lambda: model.bulk_create([model(name="x"), model(name="y", amount=SHORT)]),
            lambda: model.backend().execute("INSERT INTO person VALUES (9, '', ?, 1, 1)", (LONG,)),
        ):
            with pytest.raises((errors.DecimalNotExact, upstream.DatabaseError)) as refused:
                write()
            assert "cannot keep every digit" in str(refused.value)
        first = model.find_one(1)
        first.amount = LONG
        with pytest.raises(upstream.DatabaseError, match="cannot keep every digit"):
            first.save()
        # Only what is stored counts, not what is compared.
        assert [] == model.query().where(model.c.amount == LONG).all()

    stored = stage.session.fetch("SELECT amount FROM person ORDER BY id")
    assert fits == [None if value is None else Decimal(str(value)) for (value,) in stored]


@engines.only("sqlite")
def test_a_column_without_a_type_keeps_a_decimal_as_text(stage):
    stage.session.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, name, amount, born, data)")
    model = stage.person()

    with stage.models_on():
        model(name="Ada", amount=LONG).save()

    assert [(str(LONG), "text")] == stage.session.fetch("SELECT amount, typeof(amount) FROM person")


@engines.only("sqlite")
def test_times_keep_the_format_that_models_write_outside_of_migrations(stage, person):
    stage.session.commit()
    person(name="outside", born=MOMENT).save()

    with stage.models_on():
        person(name="inside", born=MOMENT).save()

    assert [("2024-02-29T01:02:03",)] * 2 == stage.session.fetch("SELECT born FROM person")


# --- whose database, whose locks ---------------------------------------------------------------


@engines.only("sqlite")
def test_a_database_is_the_same_by_whatever_path_it_is_reached(stage, tmp_path, monkeypatch):
    from rhosocial.activerecord.backend.impl.sqlite import SQLiteBackend
    from rhosocial.activerecord.backend.impl.sqlite.config import SQLiteConnectionConfig

    file = stage.database.file
    stage.create()
    stage.session.commit()
    link = tmp_path / "link.db"
    link.symlink_to(file)
    monkeypatch.chdir(file.parent)
    paths = {"link": (str(link), False), "relative": (file.name, False)}
    paths["uri"] = (f"file:{file}?mode=rw", True)

    for name, (path, uri) in paths.items():
        model = stage.person(configure=False)
        model.__backend__ = SQLiteBackend(
            connection_config=SQLiteConnectionConfig(database=path, uri=uri)
        )
        with stage.models_on():
            model(name=name).save()
        assert model.__backend__._connection is None  # nothing has made it connect

    assert list(paths) == stage.names()


@engines.only("sqlite")
def test_databases_in_memory_are_never_the_same(stage):
    from rhosocial.activerecord.backend.impl.sqlite import SQLiteBackend
    from rhosocial.activerecord.backend.impl.sqlite.config import SQLiteConnectionConfig

    stage.create()
    model = stage.person(configure=False)
    model.configure(SQLiteConnectionConfig(database=":memory:"), SQLiteBackend)
    stage._backends.append(model.__backend__)
    columns = _COLUMNS.format(key=_KEY["sqlite"], **_TYPES["sqlite"])
    model.backend().execute(f"CREATE TABLE person ({columns})")

    with stage.models_on():
        model(name="in memory").save()

    assert [] == stage.names()
    assert 1 == model.query().count()


def test_an_open_transaction_of_a_model_is_refused_before_anything_waits_for_it(stage, person):
    stage.session.commit()

    with person.transaction():
        person(name="Ada").save()
        with pytest.raises(errors.ModelTransactionOpen) as refused, stage.models_on():
            pytest.fail("the block was entered")

    assert "commit it, or roll it back" in refused.value.remedy
    with stage.models_on():
        assert 1 == person.query().count()


@engines.only("sqlite", "postgresql")
def test_a_transaction_begun_behind_upstreams_back_is_refused_too(stage, person):
    stage.session.commit()
    connection = person.backend().connection
    connection.execute("BEGIN")

    with pytest.raises(errors.ModelTransactionOpen), stage.models_on():
        pytest.fail("the block was entered")
    connection.execute("ROLLBACK")


@engines.only("mariadb")
def test_a_model_that_only_read_holds_no_lock_against_the_migration(stage, person):
    stage.session.commit()
    person.query().all()  # leaves a transaction open: MariaDB's backend has no autocommit
    stage.session.execute("SET lock_wait_timeout = 2")

    with stage.models_on():
        stage.session.execute("ALTER TABLE person ADD COLUMN more INTEGER")
        person(name="Ada").save()

    assert [("Ada",)] == stage.session.fetch("SELECT name FROM person WHERE more IS NULL")


@engines.only("mariadb")
def test_rows_that_a_models_own_connection_has_not_committed_yet_are_kept(stage, person):
    stage.session.commit()
    # Upstream commits after every call but this one.
    person.backend().execute_many("INSERT INTO person (name) VALUES (%s)", [("Ada",)])

    with stage.models_on():
        assert ["Ada"] == [found.name for found in person.query().all()]


@engines.only("postgresql", "mariadb")
def test_a_model_that_has_not_connected_yet_is_recognised(stage):
    stage.create()
    config, kind = upstream_backend(stage.database)
    model = stage.person(configure=False)
    model.__backend__ = kind(connection_config=config)
    stage._backends.append(model.__backend__)

    with stage.models_on():
        model(name="Ada").save()

    assert ["Ada"] == stage.names()


@engines.only("postgresql", "mariadb")
def test_a_model_whose_connection_died_meanwhile_does_not_stop_a_migration(stage, person, raw):
    stage.session.commit()
    kill = {
        "postgresql": "SELECT pg_terminate_backend({})",
        "mysql": "KILL {}",
    }[stage.kind]
    number = {"postgresql": "SELECT pg_backend_pid() AS n", "mysql": "SELECT CONNECTION_ID() AS n"}
    own = person.backend().fetch_one(number[stage.kind])["n"]
    raw(stage.database).execute(kill.format(own))

    with stage.models_on():
        person(name="Ada").save()

    assert ["Ada"] == stage.names()


def test_an_asynchronous_model_of_the_database_is_refused(stage):
    config, sync = upstream_backend(stage.database)
    # Named as upstream's, because its own ones want drivers that nothing else here needs.
    kind = type(f"Async{sync.__name__}", (), {"config": config, "_connection": None})

    class Slow(AsyncActiveRecord):
        __table_name__ = "person"
        id: Optional[int] = None  # noqa: UP045

    Slow.__backend__ = kind()

    with (
        pytest.raises(errors.ModelCallRefused, match="asynchronous model Slow"),
        stage.models_on(),
    ):
        Slow.backend()


# --- planning and resuming ---------------------------------------------------------------------


def changes(model: Any) -> list[object]:
    """Change rows in every way a model has; return what the model believes afterwards."""
    first = model(name="first", amount=LONG, born=MOMENT, data={"a": 1})
    first.save()
    first.name = "first again"
    given = model(id=1000, name="given")
    given.save()
    many = model.bulk_create([model(name="x"), model(name="y"), model(id=1001, name="z")])
    many[0].name = "x again"
    model.bulk_update(many[:2], ["name"])
    with contextlib.suppress(KeyError), model.transaction():
        model(name="lost").save()
        raise KeyError
    counts = [first.save(), model.bulk_delete(many[1:]), given.delete()]
    return [*counts, first.id, many[0].id, given.id, first.is_new_record, first.is_dirty]


@engines.every_version
def test_a_plan_answers_every_change_and_makes_none(stage, person, raw):
    stage.session.execute("INSERT INTO person (name) VALUES ('there')")
    stage.session.commit()
    before = raw(stage.database).execute("SELECT * FROM person")
    sessions = registry.open_session(stage.database.url, read_only=True)
    told = []

    for _ in range(2):
        port = Plans(stage.session.engine.dialect)
        with guests.models_on(sessions, port) as guest:
            believed = changes(person)
            found = [p.name for p in person.find().limit(10).offset(0).all()]
        told.append((believed, found, port.log, guest.explicit_keys))
    sessions.close()

    (believed, found, _, explicit), again = told
    assert (believed, found) == again[:2]
    assert told[0][2] == again[2]
    assert [1, 2, 1] == believed[:3]
    assert believed[3] < 0
    assert believed[4] < 0
    assert ["there"] == found
    assert {"person": "id"} == explicit
    assert before == raw(stage.database).execute("SELECT * FROM person")


def test_a_plan_does_not_change_other_databases_either(stage, person, new_database, raw):
    other = new_database(stage.database.engine_id)
    stage.session.commit()
    with contextlib.closing(Stage(other)) as away:
        away.create()
        away.session.execute("INSERT INTO person (name) VALUES ('there')")
        away.session.commit()
        theirs = away.person()

        with stage.models_on(Plans(stage.session.engine.dialect), planning=True) as guest:
            seen = [p.name for p in theirs.query().all()]
            changes(theirs)

        assert ["there"] == seen == away.names()
        assert 5 < guest.elsewhere["person"]


@engines.every_version
def test_recorded_answers_lead_a_model_the_same_way_without_sending_anything(stage, person):
    recorder = Records()
    with stage.models_on(recorder):
        first = changes(person)
        first_seen = [p.model_dump() for p in person.query().order_by("id").all()]
    replayer = Replays(recorder.answers)
    rows = stage.session.fetch("SELECT * FROM person ORDER BY id")

    with stage.models_on(replayer):
        second = changes(person)
        second_seen = [p.model_dump() for p in person.query().order_by("id").all()]

    assert (first, first_seen) == (second, second_seen)
    assert recorder.log == replayer.log
    assert rows == stage.session.fetch("SELECT * FROM person ORDER BY id")


@engines.only("mariadb")
def test_a_plan_does_not_even_commit_for_a_model(stage, person, raw):
    stage.session.commit()
    person.backend().execute_many("INSERT INTO person (name) VALUES (%s)", [("Ada",)])

    with stage.models_on(Plans("mysql"), planning=True):
        person.query().all()

    assert [] == raw(stage.database).execute("SELECT * FROM person")


# --- what users were promised ------------------------------------------------------------------


def test_the_promised_calls_exist_inside_a_migration_only(stage, person):
    assert not hasattr(person, "find")
    with pytest.raises(ValueError, match="name"):
        person()

    with stage.models_on():
        blank = person()
        blank.name = "Ada"
        blank.save()
        found = person.find().where(person.c.name == "Ada").one()
        unset = person()
        with pytest.raises(upstream.ValidationError, match="name"):
            unset.save()
        with pytest.raises(AttributeError):
            _ = unset.name

    assert blank.id == found.id
    assert not hasattr(person, "find")
    with pytest.raises(ValueError, match="name"):
        person()


def test_a_page_without_an_order_follows_the_primary_key(stage, person):
    with stage.models_on():
        person.bulk_create([person(name=str(number)) for number in range(20)])
        # An updated row moves to the end of PostgreSQL's table.
        stage.session.execute("UPDATE person SET name = 'moved' WHERE id = 1")
        pages = [
            [p.id for p in query().limit(5).offset(start).all()]
            for query in (person.find, person.query)
            for start in range(0, 20, 5)
        ]
        newest = person.find().order_by((person.c.id, "DESC")).limit(1).all()

    assert [*range(1, 21), *range(1, 21)] == [number for page in pages for number in page]
    assert [20] == [p.id for p in newest]


def test_nothing_is_logged_to_stderr(stage, capfd):
    model = stage.person()
    stage.create()
    logging.disable(logging.NOTSET)
    capfd.readouterr()

    with stage.models_on():
        inside = stage.person(configure=False)  # its logger does not exist yet
        inside.__backend__ = model.__backend__
        for kind in (model, inside):
            kind(name=f"secret {kind is model}").save()
            with contextlib.suppress(upstream.IntegrityError):
                kind(name="secret True").save()
            with kind.transaction():
                kind.query().all()

    assert ("", "") == capfd.readouterr()
    stage.session.commit()
    model.query().all()
    assert "SELECT * FROM" in capfd.readouterr().err


# --- the backend for MySQL, which also speaks to MariaDB ---------------------------------------


@engines.only("mariadb")
def test_models_of_the_mysql_backend_are_guests_as_well(stage):
    model = stage.person(brand="mysql")
    stage.create()

    with stage.models_on() as guest:
        model(name="50 % of Ada", amount=LONG, born=MOMENT, data={"é": 1}).save()
        with pytest.raises(upstream.IntegrityError, match="Unique constraint"):
            model(name="50 % of Ada").save()
        seen = model.query().where("name LIKE '50 %' AND id = ?", (1,)).one()
        model.bulk_create([model(name="b"), model(id=40, name="c"), model(name="d")])
        with contextlib.suppress(KeyError), model.transaction():
            model(name="lost").save()
            raise KeyError

    assert (LONG, {"é": 1}) == (seen.amount, seen.data)
    assert {"person": "id"} == guest.explicit_keys
    assert [(1, "50 % of Ada"), (40, "c"), (41, "b"), (42, "d")] == stage.session.fetch(
        "SELECT id, name FROM person ORDER BY id"
    )


# --- the documented example ---------------------------------------------------------------------


class ByHand:
    """As much of a migration as the example needs."""

    session: base.Session

    def column(self, name: str, type_name: str, **options: Any) -> sa.Column[Any]:
        kinds = {
            "integer": sa.Integer(),
            "string": sa.String(options.get("length")),
            "json": sa.JSON(),
            "datetime": sa.DateTime(),
        }
        return sa.Column(
            name,
            kinds[type_name],
            primary_key=options.get("primary_key", False),
            nullable=options.get("null", not options.get("primary_key")),
        )

    def create_table(self, name: str, columns: list[sa.Column[Any]]) -> None:
        self.session.begin()
        sa.Table(name, sa.MetaData(), *columns).create(self.session.connection)

    def drop_table(self, name: str) -> None:
        self.session.execute(f"DROP TABLE {self.session.engine.quote(name)}")


@engines.every_version
def test_the_documented_example_runs_to_the_letter(stage, shared, monkeypatch, raw):
    columns = "id {}, username VARCHAR(64), email VARCHAR(255), address VARCHAR(255), "
    columns += "phone VARCHAR(40), theme VARCHAR(20), notifications_enabled BOOLEAN, "
    columns += "created_at {m}, updated_at {m}"
    moment = _TYPES[stage.kind]["moment"]
    stage.session.execute(f"CREATE TABLE old_user ({columns.format(_KEY[stage.kind], m=moment)})")
    for number in range(2_500):
        stage.session.execute(
            f"INSERT INTO old_user (username, email, address, theme, created_at) VALUES "
            f"('user {number}', 'e{number}@example.org', 'Straße {number}', NULL, "
            "'2024-01-01 01:02:03')"
        )
    stage.session.commit()
    config, kind = upstream_backend(stage.database)
    example = load_example(shared / "examples" / "migrate_user_data.py", monkeypatch, config, kind)
    example.session = stage.session

    with stage.models_on():
        example.up()
    count = stage.session.fetch("SELECT count(*), min(id), max(id) FROM new_user")
    row = raw_row(stage)
    stage.session.rollback()

    assert [(2_500, 1, 2_500)] == count
    assert ("user 2499", "e2499@example.org", "Straße 2499") == row
    if stage.session.engine.can.transactional_ddl:
        with pytest.raises(Exception, match="new_user"):
            raw(stage.database).execute("SELECT * FROM new_user")
    else:
        assert [] == raw(stage.database).execute("SELECT * FROM new_user")
        with stage.models_on():
            example.down()


def raw_row(stage: Stage) -> tuple[object, ...]:
    address = {
        "sqlite": "json_extract(profile_data, '$.address')",
        "postgresql": "profile_data ->> 'address'",
        "mysql": "JSON_UNQUOTE(JSON_EXTRACT(profile_data, '$.address'))",
    }[stage.kind]
    return stage.session.fetch(f"SELECT username, email, {address} FROM new_user WHERE id = 2500")[
        0
    ]


def load_example(path: Path, monkeypatch: Any, config: Any, kind: type) -> ByHand:
    """Run the file as it is; only the two modules that it imports are ours."""

    class OldUser(ActiveRecord):
        __table_name__ = "old_user"
        id: Optional[int] = None  # noqa: UP045
        username: str
        email: str
        address: Optional[str] = None  # noqa: UP045
        phone: Optional[str] = None  # noqa: UP045
        theme: Optional[str] = None  # noqa: UP045
        notifications_enabled: Optional[bool] = None  # noqa: UP045
        created_at: Optional[dt.datetime] = None  # noqa: UP045
        updated_at: Optional[dt.datetime] = None  # noqa: UP045

    class NewUser(ActiveRecord):
        __table_name__ = "new_user"
        id: Optional[int] = None  # noqa: UP045
        username: str
        email: str
        profile_data: Optional[dict] = None  # noqa: UP045
        created_at: Optional[dt.datetime] = None  # noqa: UP045
        updated_at: Optional[dt.datetime] = None  # noqa: UP045

    OldUser.configure(config, kind)
    NewUser.__backend__ = OldUser.__backend__
    modules = {
        "rhosocial.activerecord.migration": {"Migration": ByHand},
        "app": {},
        "app.models": {"OldUser": OldUser, "NewUser": NewUser},
    }
    for name, contents in modules.items():
        module = types.ModuleType(name)
        module.__dict__.update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    scope: dict[str, Any] = {"__name__": "migrate_user_data"}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), scope)
    example: ByHand = scope["MigrateUserData"]()
    return example
