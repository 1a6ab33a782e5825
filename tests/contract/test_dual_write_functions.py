"""Dual writes of plain functions that take a connection and a value."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

import whimbrel
from tests import dual
from whimbrel import errors
from whimbrel.online import dual_write as doors
from whimbrel.online import outbox

SAVE_OLD = sa.text("INSERT INTO old_user (id, name, mail) VALUES (:id, :name, :mail)")
SAVE_NEW = sa.text(
    "INSERT INTO new_user (id, first_name, last_name, email) VALUES (:id, :first, :last, :mail)"
)


def save_old(connection, user):
    connection.execute(sa.text("DELETE FROM old_user WHERE id = :id"), {"id": user["id"]})
    connection.execute(SAVE_OLD, user)
    return user["id"]


def save_new(connection, user):
    connection.execute(sa.text("DELETE FROM new_user WHERE id = :id"), {"id": user["id"]})
    connection.execute(SAVE_NEW, user)


def delete_old(connection, user):
    connection.execute(sa.text("DELETE FROM old_user WHERE id = :id"), user)


def delete_new(connection, user):
    connection.execute(sa.text("DELETE FROM new_user WHERE id = :id"), user)


def to_new(user):
    first, _, last = user["name"].partition(" ")
    return {"id": user["id"], "first": first, "last": last, "mail": user["mail"]}


def to_old(user):
    return {"id": user["id"], "name": f"{user['first']} {user['last']}", "mail": user["mail"]}


def user(number, name, mail=None):
    return {"id": number, "name": name, "mail": mail}


@pytest.fixture(params=["one database", "two databases"])
def stage(request, database, new_database, raw):
    other = database if request.param == "one database" else new_database(database.engine_id)
    with dual.staged(database, other, raw) as made:
        yield made


@pytest.fixture
def engines_of():
    made = []

    def make(stage):
        databases = dict.fromkeys([stage.old_database.url, stage.new_database.url])
        both = {stage.old_database.url: stage.old_database, stage.new_database.url: None}
        both[stage.new_database.url] = stage.new_database
        made.extend(dual.sa_engine(both[url]) for url in databases)
        return made[-len(databases) :]

    yield make
    for one in made:
        one.dispose()


def paired(databases, **options):
    return whimbrel.dual_write(
        save_old,
        save_new,
        to_new,
        **{
            "name": "users",
            "key": lambda user: user["id"],
            "back": to_old,
            "databases": databases,
            **options,
        },
    )


def test_what_one_function_writes_the_other_writes_too(stage, engines_of):
    databases = engines_of(stage)
    save = paired(databases)
    delete = save.also(delete_old, delete_new)

    with save.transaction() as connection:
        given = save(connection, user(1, "Ada Byron"))
        save(connection, user(2, "Plato of Athens", "é 🦤 '\\ % :x"))
        save(connection, user(3, "Grace Hopper"))
        delete(connection, user(2, ""))
        save(connection, user(1, "Ada Lovelace"))
    with databases[0].connect() as connection:
        save(connection, user(4, "Zeno Z"))

    assert 1 == given
    assert ["Ada Lovelace", "Grace Hopper", "Zeno Z"] == [row[1] for row in stage.old()]
    assert stage.old() == stage.new()
    assert 0 == stage.waiting()


def test_what_is_taken_back_was_never_there(stage, engines_of):
    databases = engines_of(stage)
    save = paired(databases)

    with pytest.raises(ZeroDivisionError), databases[0].begin() as connection:
        save(connection, user(1, "Ada Lovelace"))
        raise ZeroDivisionError
    with databases[0].begin() as connection:
        with pytest.raises(ZeroDivisionError), connection.begin_nested():
            save(connection, user(2, "Plato P"))
            raise ZeroDivisionError
        save(connection, user(3, "Grace Hopper"))
    save.deliver()

    assert ["Grace Hopper"] == [row[1] for row in stage.old()]
    assert stage.old() == stage.new()


def test_a_savepoint_is_never_the_whole_transaction(stage, engines_of):
    databases = engines_of(stage)
    save = paired(databases)

    with pytest.raises(ZeroDivisionError), databases[0].connect() as connection:
        connection.execute(sa.text("SELECT 1"))  # a transaction in which nothing was changed yet
        save(connection, user(1, "Ada Lovelace"))
        raise ZeroDivisionError

    assert ([], []) == (stage.old(), stage.new())


def test_values_of_a_key_arrive_in_their_order_while_one_cannot(stage, engines_of):
    save = paired(engines_of(stage), options=doors.Options(deliver="elsewhere", tries=2))
    save.off()
    with save.transaction() as connection:
        for number, name in ((1, "Ada Byron"), (2, "Plato P"), (1, "Ada Lovelace")):
            save(connection, user(number, name))
    stage.raw_new.execute("INSERT INTO new_user VALUES (9, 'a', 'b', NULL, NULL)")
    save.on()
    broken = save._operations["save_old"].writes

    def refuse(connection, value):
        if value["last"] == "Byron":
            raise ValueError("not this one")
        save_new(connection, value)

    broken["new"] = refuse
    first = save.deliver()
    save.options = doors.Options(deliver="elsewhere", tries=1)
    save.retry()
    stage.raw_old.execute("UPDATE whimbrel_outbox SET next_try = '2000'")
    save.deliver()
    between = [row[1] for row in stage.new()]
    letters = save.dead_letters()
    broken["new"] = save_new
    save.retry()
    save.deliver()

    # On a slow machine the next try may be due already.
    assert 1 == first.rows
    assert first.failed >= 1
    assert ["Plato P", "a b"] == between
    assert [("dead", "ValueError: not this one")] == [(one.status, one.error) for one in letters]
    assert ["Ada Lovelace", "Plato P"] == [row[1] for row in stage.new()][:2]
    assert 0 == stage.waiting()


def test_the_new_function_can_lead(stage, engines_of):
    databases = engines_of(stage)
    save = paired(databases)
    with save.transaction() as connection:
        save(connection, user(1, "Ada Lovelace"))

    save.lead("new")
    with save.transaction() as connection:
        save(connection, to_new(user(2, "Grace Hopper")))

    assert ["Ada Lovelace", "Grace Hopper"] == [row[1] for row in stage.new()]
    assert stage.old() == stage.new()


def test_a_value_is_written_once_even_if_the_note_of_it_was_lost(stage, engines_of, monkeypatch):
    save = paired(engines_of(stage), options=doors.Options(deliver="elsewhere", lease_seconds=0.01))
    calls = []
    save._operations["save_old"].writes["new"] = lambda connection, value: (
        calls.append(value["id"]),
        save_new(connection, value),
    )
    save.off()
    with save.transaction() as connection:
        save(connection, user(1, "Ada Lovelace"))
    save.on()

    class Killed(BaseException):
        pass

    taken = outbox.take_out

    def die(*arguments):
        taken(*arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "take_out", die)
        with pytest.raises(Killed):
            save.deliver()
    stage.raw_old.execute("UPDATE whimbrel_outbox SET claimed_until = '2000'")
    save.deliver()

    assert [1] == calls
    assert stage.old() == stage.new()
    assert 0 == stage.waiting()


def test_what_cannot_be_kept_is_refused_before_it_is_written(stage, engines_of):
    databases = engines_of(stage)
    save = whimbrel.dual_write(
        save_old,
        save_new,
        lambda value: {**to_new(value), "tags": {1, 2}},
        name="users",
        key=lambda value: value["id"],
        databases=databases,
    )
    save.off()
    with databases[0].connect() as connection:
        with pytest.raises(errors.UsageError, match="cannot be kept as JSON"):
            save(connection, user(1, "Ada Lovelace"))
        with pytest.raises(errors.UsageError, match="instead of a connection of SQLAlchemy"):
            save("connection", user(1, "Ada Lovelace"))
    with pytest.raises(errors.BadMapping, match="no way back for save_old"):
        save.check_way("new")

    assert [] == stage.old()


def find_old(connection, number):
    found = connection.execute(sa.text("SELECT name FROM old_user WHERE id = :id"), {"id": number})
    return found.scalar()


def find_new(connection, number):
    found = connection.execute(
        sa.text("SELECT first_name, last_name FROM new_user WHERE id = :id"), {"id": number}
    ).first()
    return None if found is None else f"{found[0]} {found[1]}"


def test_shadow_reads_compare_what_two_functions_return(stage, engines_of):
    databases = engines_of(stage)
    save = paired(databases)
    with save.transaction() as connection:
        for number, name in ((1, "Ada Lovelace"), (2, "Grace Hopper"), (3, "Plato P")):
            save(connection, user(number, name))
    find = save.reading(find_old, find_new, rate=1.0)
    stage.raw_new.execute("UPDATE new_user SET last_name = 'Secret' WHERE id = 2")

    with databases[0].connect() as connection:
        read = [find(connection, number) for number in (1, 2, 9)]
    save.finish_shadow()
    counted = save.metrics.snapshot()
    save.close()

    assert ["Ada Lovelace", "Grace Hopper", None] == read
    assert (3, 1, 0) == (counted.compared, counted.mismatches, counted.shadow_errors)
    assert ("2", {"value": None}) == (
        counted.first_mismatches[0].key,
        dict(counted.first_mismatches[0].fields),
    )


def test_functions_need_a_key_and_databases():
    with pytest.raises(errors.UsageError, match="two functions need a key"):
        whimbrel.dual_write(save_old, save_new, name="users")
    with pytest.raises(errors.UsageError, match="no name of a dual write"):
        whimbrel.dual_write(save_old, save_new, name="a b")
    with pytest.raises(errors.UsageError, match="no way to deliver"):
        whimbrel.dual_write(save_old, save_new, name="users", deliver="sometimes")
