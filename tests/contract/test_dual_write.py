"""Dual writes of models: both sides in one transaction, or an outbox between two databases."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest

import whimbrel
from tests import dual, model_stage
from whimbrel import errors, events
from whimbrel.online import dual_write as doors
from whimbrel.online import outbox, switch

AMOUNT = Decimal("12345678901234567.1234567891")


@pytest.fixture
def same(database, raw):
    """Both tables in one database."""
    with dual.staged(database, database, raw) as stage:
        yield stage


@pytest.fixture
def apart(database, new_database, raw):
    """The tables in two databases of one engine."""
    with dual.staged(database, new_database(database.engine_id), raw) as stage:
        yield stage


@pytest.fixture(params=["one database", "two databases"])
def stage(request, database, new_database, raw):
    """Both: the tables in one database, and in two."""
    other = database if request.param == "one database" else new_database(database.engine_id)
    with dual.staged(database, other, raw) as made:
        yield made


@pytest.fixture
def pair_of():
    made = []

    def make(stage, **options):
        given = {"name": "users", "back": dual.BACK, **options}
        made.append(whimbrel.dual_write(stage.Old, stage.New, dual.MAPPING, **given))
        return made[-1]

    yield make
    for one in made:
        one.close()


def write_all_kinds(stage):
    """Insert, update, delete, one by one and many at once."""
    ada = stage.Old(name="Ada Lovelace", email="ada@example.org", amount=AMOUNT)
    ada.save()
    plato = stage.Old(name="Plato")
    plato.save()
    grace = stage.Old(name="Grace Hopper é 🦤 '\\ %s ?")
    grace.save()
    ada.email = None
    ada.save()
    grace.name = "Grace Murray"
    grace.save()
    plato.delete()
    stage.Old.bulk_create([stage.Old(name=f"B {n}") for n in range(4)])
    many = stage.Old.query().where("name LIKE ?", ("B %",)).all()
    for one in many:
        one.email = f"{one.name}@example.org"
    stage.Old.bulk_update(many, ["email"])
    stage.Old.bulk_delete(many[:2])


def test_in_one_database_every_write_is_on_both_sides(same, pair_of):
    users = pair_of(same)

    write_all_kinds(same)

    assert 4 == len(same.old())
    assert same.old() == same.new()
    assert (0, 0) == (same.waiting(), users.metrics.snapshot().queued)


def test_between_two_databases_every_write_gets_there(apart, pair_of):
    users = pair_of(apart)

    write_all_kinds(apart)

    assert 4 == len(apart.old())
    assert apart.old() == apart.new()
    assert 0 == apart.waiting()
    assert not users.same_database


# --- the application's own transactions -----------------------------------------------------


def test_what_the_application_takes_back_is_taken_back_on_both_sides(stage, pair_of):
    pair_of(stage)
    with pytest.raises(ZeroDivisionError), stage.Old.transaction():
        stage.Old(name="Ada Lovelace").save()
        raise ZeroDivisionError
    with stage.Old.transaction():
        stage.Old(name="Grace Hopper").save()
        with pytest.raises(ZeroDivisionError), stage.Old.transaction():
            stage.Old(name="Plato").save()
            raise ZeroDivisionError

    assert ["Grace Hopper"] == [row[1] for row in stage.old()]
    assert stage.old() == stage.new()


def test_nothing_is_delivered_before_the_application_has_committed(apart, pair_of):
    pair_of(apart)

    with apart.Old.transaction():
        apart.Old(name="Ada Lovelace").save()
        apart.Old(name="Grace Hopper").save()
        inside = apart.new()

    assert [] == inside
    assert (2, 0) == (len(apart.new()), apart.waiting())
    assert apart.old() == apart.new()


def test_a_write_that_the_second_side_does_not_take_is_not_made_at_all(same, pair_of):
    pair_of(same)
    kept = same.Old(name="Ada Lovelace", email="a@example.org")
    kept.save()
    kept.email = "x" * 100  # 64 are allowed on the other side
    fresh = same.Old(name="Grace Hopper", email="x" * 100)
    if same.old_database.kind == "sqlite":
        same.raw_new.execute(
            "CREATE TRIGGER no BEFORE UPDATE ON new_user WHEN length(NEW.email) > 64 "
            "BEGIN SELECT RAISE(ABORT, 'too long'); END"
        )
        same.raw_new.execute(
            "CREATE TRIGGER nor BEFORE INSERT ON new_user WHEN length(NEW.email) > 64 "
            "BEGIN SELECT RAISE(ABORT, 'too long'); END"
        )

    for record in (kept, fresh):
        with pytest.raises(errors.DualWriteFailed, match="neither side was changed"):
            record.save()
    again = same.Old(name="Plato")
    with same.Old.transaction():
        again.save()
        with pytest.raises(errors.DualWriteFailed):
            fresh.save()
        same.Old(name="Zeno").save()

    assert [("Ada Lovelace", "a@example.org"), ("Plato", None), ("Zeno", None)] == [
        row[1:3] for row in same.old()
    ]
    assert same.old() == same.new()
    assert (True, {"email"}) == (fresh.is_new_record, kept.dirty_fields)
    assert fresh.id is None


# --- what goes past the models --------------------------------------------------------------


def test_statements_that_would_go_past_it_are_refused(same, pair_of):
    users = pair_of(same)
    same.Old(name="Ada Lovelace").save()
    before = same.old()

    with pytest.raises(errors.DualWriteRefused, match="UPDATE would change rows of 'old_user'"):
        same.Old.query().where("id > ?", (0,)).update_all({"name": "nobody"})
    with pytest.raises(errors.DualWriteRefused, match="DELETE"):
        same.Old.query().where("id > ?", (0,)).delete_all()
    with pytest.raises(errors.DualWriteRefused, match="DELETE"):
        same.Old.backend().execute("DELETE FROM old_user")
    with pytest.raises(errors.DualWriteRefused, match="the new side of 'users' is not written"):
        same.New(first_name="a", last_name="b").save()
    same.Old.backend().fetch_all("WITH them AS (SELECT * FROM old_user) SELECT * FROM them")
    users.close()
    same.Old.backend().execute("UPDATE old_user SET mail = name")

    assert [(row[0], row[1], row[1], row[3]) for row in before] == same.old()


def test_a_mapping_that_leaves_something_open_is_refused(same):
    with pytest.raises(errors.BadMapping, match="made of: first_name, last_name"):
        whimbrel.dual_write(same.Old, same.New, name="users")
    with pytest.raises(errors.BadMapping, match="fields that there are not: nickname"):
        whimbrel.dual_write(same.Old, same.New, {"nickname": "name"}, name="users")
    with pytest.raises(errors.BadMapping, match="is not found again"):
        whimbrel.dual_write(same.Old, same.New, dual.MAPPING, name="users", key={"email": "name"})


# --- the switch -----------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["row", "environment"])
def test_while_it_is_off_one_side_is_written_and_the_other_gets_it_later(
    way, stage, pair_of, monkeypatch
):
    users = pair_of(stage)
    stage.Old(name="Ada Lovelace").save()
    if way == "row":
        users.off()
    else:
        monkeypatch.setenv(switch.VARIABLE, "others, users")
    write_all_kinds(stage)
    meanwhile, waiting = stage.new(), stage.waiting()
    stopped = users.deliver().stopped
    monkeypatch.delenv(switch.VARIABLE, raising=False)
    users.on()

    assert (["Ada Lovelace"], "it is switched off") == ([row[1] for row in meanwhile], stopped)
    assert waiting > 4
    assert stage.old() == stage.new()
    assert 0 == stage.waiting()


def test_while_something_of_a_row_waits_later_writes_of_it_wait_too(same, pair_of):
    users = pair_of(same, deliver="elsewhere")
    users.off()
    ada = same.Old(name="Ada Byron")
    ada.save()
    users.on()
    ada.name = "Ada Lovelace"
    ada.save()
    same.Old(name="Plato").save()

    counted = users.metrics.snapshot()
    before = same.new()
    users.deliver()

    assert (1, 1, 1) == (counted.off, counted.queued, counted.both)
    assert ["Plato"] == [row[1] for row in before]
    assert same.old() == same.new()


def test_the_other_side_can_lead_and_the_first_follow(stage, pair_of):
    users = pair_of(stage)
    stage.Old(name="Ada Lovelace", amount=AMOUNT).save()

    users.lead("new")
    stage.New(first_name="Grace", last_name="Hopper").save()
    found = stage.New.find_one({"first_name": "Ada"})
    found.email = "ada@example.org"
    found.save()
    with pytest.raises(errors.DualWriteRefused, match="the old side of 'users'"):
        stage.Old(name="Plato").save()

    assert ("new", 2) == (users.leads, len(stage.old()))
    assert "ada@example.org" == stage.old()[0][2]
    assert stage.old() == stage.new()


def test_a_side_does_not_lead_before_it_has_everything(apart, pair_of):
    users = pair_of(apart, options=doors.Options(tries=1))
    apart.Old(name="Ada Lovelace").save()
    apart.raw_new.execute("ALTER TABLE new_user RENAME TO elsewhere")
    apart.Old(name="Grace Hopper").save()

    with pytest.raises(errors.DualWriteRefused, match="1 writes to the other side"):
        users.lead("new")
    apart.Old(name="Plato").save()

    assert ("old", 3) == (users.leads, len(apart.old()))


def test_without_a_way_back_the_new_side_does_not_lead(same, pair_of):
    users = pair_of(same, back={})

    with pytest.raises(errors.BadMapping, match="made of: name"):
        users.lead("new")

    assert "old" == users.leads


# --- delivery -------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["deleted", "renamed"])
def test_a_row_that_somebody_else_has_written_meanwhile_is_not_written_as_it_was(
    what, same, pair_of
):
    """A transaction may read an earlier moment; both sides have what was committed last."""
    pair_of(same)
    same.Old(name="Ada Byron").save()

    def meanwhile():
        if what == "deleted":
            same.raw_old.execute("DELETE FROM old_user")
            same.raw_new.execute("DELETE FROM new_user")
        else:
            same.raw_old.execute("UPDATE old_user SET name = 'Ada Lovelace'")
            same.raw_new.execute("UPDATE new_user SET last_name = 'Lovelace'")

    ada = same.Old.query().one()
    alone = same.raw_old.database.kind == "sqlite"  # nobody else writes while a transaction is open
    if alone:
        meanwhile()
    with same.Old.transaction():
        if not alone:
            ada = same.Old.query().one()
            meanwhile()
        if what == "deleted":
            ada.delete()
        else:
            # To the server this changes nothing: the row is as it was written by somebody else.
            ada.name = "Ada Lovelace"
            ada.save()

    assert same.old() == same.new()
    assert len(same.old()) == (0 if what == "deleted" else 1)


def test_what_the_other_side_refuses_is_tried_again_and_then_kept(apart, pair_of):
    told = []
    options = doors.Options(tries=3, first_wait_seconds=0.0)
    users = pair_of(apart, options=options, tell=told.append)
    apart.raw_new.execute("ALTER TABLE new_user RENAME TO elsewhere")
    apart.Old(name="Ada Lovelace").save()
    for _ in range(4):
        users.deliver()
    letters = users.dead_letters()
    apart.raw_new.execute("ALTER TABLE elsewhere RENAME TO new_user")
    nothing = users.deliver()
    again = users.retry()
    users.deliver()

    failed = [event for event in told if isinstance(event, events.OutboxFailed)]
    assert [(1, False), (2, False), (3, True)] == [(one.tries, one.dead) for one in failed]
    assert [("dead", 3)] == [(one.status, one.tries) for one in letters]
    assert "new_user" in letters[0].error
    assert (0, 1) == (nothing.rows, again)
    assert apart.old() == apart.new()
    assert (1, 3) == (users.metrics.snapshot().dead, users.metrics.snapshot().failures)


def test_an_application_goes_on_while_the_other_side_cannot_be_reached(apart, pair_of, monkeypatch):
    users = pair_of(apart, options=doors.Options(tries=1))
    opened = users.hands

    def unreachable(side):
        if side == "new":
            raise_unreachable()
        return opened(side)

    monkeypatch.setattr(users, "hands", unreachable)
    apart.Old(name="Ada Lovelace").save()
    apart.Old(name="Grace Hopper").save()
    done = users.deliver()
    status = users_status(users, opened)
    monkeypatch.setattr(users, "hands", opened)
    users.deliver()

    assert ("down", 2, 0) == (done.stopped, status.pending, status.dead)
    assert apart.old() == apart.new()


def raise_unreachable():
    from whimbrel.online import pair

    raise pair.Unreachable("down")


def users_status(users, opened):
    with opened("old") as hand, hand.whole():
        return outbox.statuses(hand)[0]


def test_an_older_write_that_comes_late_changes_nothing(apart, pair_of):
    users = pair_of(apart, deliver="elsewhere")
    ada = apart.Old(name="Ada Byron")
    ada.save()
    with users.hands("old") as lead, users.hands("new") as follow:
        with lead.whole():
            late = outbox.heads(lead, pair="users", side="old", limit=1, clock=users._clock)[0]
        ada.name = "Ada Lovelace"
        ada.save()
        users.deliver()
        stale = users.sides["old"].read(lead, {"id": ada.id}) | {"name": "Ada Byron"}
        with follow.whole():
            allowed = outbox.fence(follow, late, late.key_hash, late.id, users._clock)
    fresh = apart.new()

    assert (False, "Ada Byron") == (allowed, stale["name"])
    assert [(ada.id, "Ada Lovelace", None, None)] == fresh


def test_what_was_written_but_not_noted_is_not_written_twice(apart, pair_of, monkeypatch):
    users = pair_of(apart, options=doors.Options(deliver="elsewhere", lease_seconds=0.05))
    apart.Old(name="Ada Lovelace").save()

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "take_out", die)
        with pytest.raises(Killed):
            users.deliver()
    written = apart.new()
    threading.Event().wait(0.1)  # the lease of the one that was killed
    done = users.deliver()

    assert (1, 1, 1) == (len(written), done.rows, done.overtaken)
    assert apart.old() == apart.new()
    assert 0 == apart.waiting()


def test_a_thread_delivers_if_it_is_asked_to(apart, pair_of):
    users = pair_of(apart, options=doors.Options(deliver="background", every_seconds=0.02))
    for n in range(5):
        apart.Old(name=f"A {n}").save()
    for _ in range(200):
        if not apart.waiting():
            break
        threading.Event().wait(0.05)
    users.stop()

    assert apart.old() == apart.new()
    assert 5 == users.metrics.snapshot().delivered


# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["the same", "sqlite", "postgresql", "mariadb"])
def test_values_of_all_kinds_come_out_as_they_went_in(other, database, new_database, raw):
    target = database if other == "the same" else new_database(other)
    old, new = dual.bags(database, target, raw)
    bags = whimbrel.dual_write(old, new, name="bags")
    try:
        for person in model_stage.people(old):
            person.save()
        found = bags.reconcile()
        looks = []
        with bags.hands("old") as lead, bags.hands("new") as follow:
            for key in bags.sides["old"].keys(lead, 100):
                looks.append(bags.look(lead, follow, "old", key))
        first = dict(looks[0].found)
    finally:
        bags.close()
        for model in (old, new):
            model.__backend__.disconnect()

    assert (13, 0, True) == (found.rows, found.behind, found.equal)
    assert [()] * 13 == [look.different for look in looks]
    assert ("Ada é 🦤 '\\ %s ?", b"\0\xff'\\") == (first["name"], first["raw"])
    assert {"é": [1, None, {"deep": "'\\\""}], "n": 1.5} == first["data"]
