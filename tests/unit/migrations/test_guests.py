"""Guests without a database: made-up answers, answers in the journal, and what it all costs."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from decimal import Decimal

import pytest

from whimbrel import errors
from whimbrel.migrations import answers, guests

INSERT = 'INSERT INTO "person" ("name", "id") VALUES (?, ?), (?, ?) RETURNING "id", "name"'


# --- made-up answers ------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def afresh():
    with answers.made_up_afresh():
        yield


def test_generated_keys_are_made_up_and_negative():
    first = guests.planned_answer("INSERT INTO t (a) VALUES (%s) RETURNING id", ["x"])
    second = guests.planned_answer("INSERT INTO t (a) VALUES (%s), (%s)", ["x", "y"])

    assert (("id",), ((-1,),), 1) == (first.columns, first.rows, first.changed)
    # As MySQL tells them: the first of the block, the others follow it upwards.
    assert (None, (), 2, -3) == (second.columns, second.rows, second.changed, second.last_id)


def test_given_values_are_answered_as_they_were_given():
    answer = guests.planned_answer(INSERT, ["Ada", 7, "Bob", None])

    assert ((7, "Ada"), (None, "Bob")) == answer.rows


@pytest.mark.parametrize(
    ("sql", "columns", "rows"),
    [
        ("INSERT INTO t (a, b) VALUES (?, now()) RETURNING *", ("a", "b"), ((5, -1),)),
        ("INSERT INTO t DEFAULT VALUES RETURNING id", ("id",), ((-1,),)),
        ("UPDATE t SET a = ? WHERE id IN (?, ?) RETURNING id", ("id",), ((-2,), (-1,))),
        ("DELETE FROM t WHERE id = ? RETURNING t.id AS gone", ("gone",), ((-1,),)),
    ],
)
def test_what_a_change_returns_is_made_up(sql, columns, rows):
    answer = guests.planned_answer(sql, [5, 1, 2])

    assert (columns, rows, len(rows)) == (answer.columns, answer.rows, answer.changed)


@pytest.mark.parametrize("sql", ["CALL clean_up()", "SAVEPOINT a", ""])
def test_what_changes_no_rows_is_answered_with_nothing(sql):
    answer = guests.planned_answer(sql, None)

    assert guests.Answer(columns=None, rows=(), changed=0, last_id=None) == answer


def test_named_parameters_are_no_reason_to_fail():
    answer = guests.planned_answer("INSERT INTO t (a) VALUES (%(a)s) RETURNING a", {"a": 1})

    assert ((-1,),) == answer.rows


def test_the_same_migration_is_planned_the_same_way_each_time():
    def keys() -> list[object]:
        with answers.made_up_afresh():
            return [guests.planned_answer(INSERT, [1, 2, 3, 4]).last_id for _ in range(3)]

    assert keys() == keys()


# --- answers in the journal -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        guests.Answer(columns=None, rows=(), changed=-1, last_id=None),
        guests.Answer(columns=("a", "b"), rows=((1, Decimal("1.10")),), changed=1, last_id=2**62),
        guests.Answer(columns=("a",), rows=(), changed=0, last_id=0),
    ],
)
def test_an_answer_comes_back_from_the_journal_as_it_was(answer):
    assert answer == guests.answer_from_json(guests.answer_to_json(answer))


def test_an_answer_with_a_value_that_cannot_be_kept_is_refused():
    answer = guests.Answer(columns=("a",), rows=((object(),),), changed=1, last_id=None)

    with pytest.raises(errors.ValueNotStorable, match="object"):
        guests.answer_to_json(answer)


@pytest.mark.parametrize("text", ["[]", "1", '{"list":[]}', "[1,2,3]"])
def test_what_is_no_answer_is_not_taken_for_one(text):
    with pytest.raises(errors.ValueNotReadable):
        guests.answer_from_json(text)


# --- what upstream has to keep --------------------------------------------------------------------


def test_upstream_still_has_every_private_name_that_guests_rely_on():
    from rhosocial.activerecord.backend import base as backends
    from rhosocial.activerecord.backend import transaction
    from rhosocial.activerecord.connection import pool
    from rhosocial.activerecord.interface import model
    from rhosocial.activerecord.query import ActiveQuery

    from rhosocial.activerecord import base

    relied_on = {
        base.BaseActiveRecord: ["backend", "_prepare_save_data", "bulk_create", "get_logger"],
        base.AsyncBaseActiveRecord: ["backend"],
        model.ActiveRecordBase: ["__init__", "primary_key_fields", "primary_key_columns"],
        ActiveQuery: ["all", "order_by"],
        pool: ["get_current_backend"],
        backends.StorageBackend: [
            *("execute", "execute_many", "insert", "bulk_insert", "transaction"),
            *("begin_transaction", "commit_transaction", "rollback_transaction", "context"),
            *("_get_cursor", "_handle_auto_commit", "_handle_auto_commit_if_needed"),
            *("in_transaction", "transaction_manager", "summarize_log_data", "log"),
            *("introspect_and_adapt", "get_default_adapter_suggestions"),
        ],
        transaction.TransactionManager: [
            *("begin", "commit", "rollback", "_get_savepoint_name", "transaction_level"),
            *("_do_begin", "_do_commit", "_do_rollback", "_do_create_savepoint"),
            *("_do_release_savepoint", "_do_rollback_savepoint"),
        ],
    }

    gone = [
        f"{getattr(owner, '__name__', owner)}.{name}"
        for owner, names in relied_on.items()
        for name in names
        if not hasattr(owner, name)
    ]

    assert [] == gone


# --- what it costs, and when it begins ------------------------------------------------------------

PRELUDE = """
import contextlib, os, sqlite3, sys, tempfile
import sqlalchemy as sa
from whimbrel.engines import base, registry
from whimbrel.migrations import guests

folder = tempfile.mkdtemp()
path = os.path.join(folder, "app.db")
with contextlib.closing(sqlite3.connect(path)) as made:
    made.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT)")
with open(os.path.join(folder, "people.py"), "w") as file:
    file.write('''
from typing import Optional
from rhosocial.activerecord.model import ActiveRecord
from rhosocial.activerecord.backend.impl.sqlite import SQLiteBackend
from rhosocial.activerecord.backend.impl.sqlite.config import SQLiteConnectionConfig

class Person(ActiveRecord):
    __table_name__ = "person"
    id: Optional[int] = None
    name: str

config = SQLiteConnectionConfig(database=PATH)
Person.__backend__ = SQLiteBackend(connection_config=config)
'''.replace("PATH", repr(path)))
sys.path.insert(0, folder)

class Sends:
    log = []
    def through(self, sql, params, send):
        self.log.append(sql)
        return send()

session = registry.open_session("sqlite:///" + path)
"""


def run(program: str) -> list[str]:
    """Run a program in a Python of its own, in which nothing has been imported yet."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout.split()


def test_without_models_nothing_of_upstream_is_imported():
    told = run("""
        with guests.models_on(session, Sends()):
            pass
        print([name for name in sys.modules if name.startswith("rhosocial.")])
        print(sum("whimbrel" in type(finder).__module__ for finder in sys.meta_path))
    """)

    assert ["[]", "0"] == told


def test_a_model_that_a_migration_itself_imports_first_is_a_guest():
    told = run("""
        with guests.models_on(session, Sends()):
            from people import Person
            blank = Person()
            blank.name = "Ada"
            blank.save()
            print(Person.find().limit(1).offset(0).all()[0].name, len(Sends.log))
            print(type(Person.__backend__._connection).__name__)
        session.rollback()
        print(session.fetch("SELECT count(*) FROM person")[0][0], hasattr(Person, "find"))
    """)

    assert ["Ada", "2", "NoneType", "0", "False"] == told


def test_a_hushed_import_of_models_tells_nothing_and_is_heard_again_afterwards():
    told = run("""
        import io
        from whimbrel.migrations import patches
        sys.stderr = heard = io.StringIO()
        with patches.hushed():
            from people import Person
            Person.configure(Person.__backend__.config, type(Person.__backend__))
        inside = heard.getvalue()
        Person.query().all()
        print(repr(inside), "SELECT" in heard.getvalue())
        Person.__backend__.disconnect()
    """)

    assert ["''", "True"] == told


def test_other_modules_are_imported_as_ever_meanwhile():
    told = run("""
        with guests.models_on(session, Sends()):
            import colorsys
            from rhosocial.activerecord.base import BaseActiveRecord
        import inspect
        source = inspect.getsource(sys.modules["rhosocial.activerecord.base"])
        print(colorsys.__name__, "BaseActiveRecord" in source)
    """)

    assert ["colorsys", "True"] == told


def test_models_that_were_imported_before_are_untouched_until_a_migration_runs():
    told = run("""
        from people import Person
        before = Person.__dict__.get("backend"), Person.backend
        with guests.models_on(session, Sends()):
            pass
        print(Person.backend() is Person.__backend__)
        try:
            Person()
        except ValueError:
            print("validated")
    """)

    assert ["True", "validated"] == told
