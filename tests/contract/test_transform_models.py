"""transform() with ActiveRecord models: the same rows as save() writes one by one."""

from __future__ import annotations

import datetime as dt
import logging
import os
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Optional

import pytest
from rhosocial.activerecord.backend.type_adapter import BaseSQLTypeAdapter
from rhosocial.activerecord.base import FieldProxy, UseAdapter
from rhosocial.activerecord.field import (
    OptimisticLockMixin,
    SoftDeleteMixin,
    TimestampMixin,
    UUIDMixin,
)
from rhosocial.activerecord.interface import ModelEvent
from rhosocial.activerecord.model import ActiveRecord

from tests import engines, model_stage, staging

NOON = dt.datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=dt.UTC)

modes = pytest.mark.parametrize("config", ["", staging.BATCHES], ids=["inside", "in batches"])
helpers = pytest.mark.parametrize("processes", [0, 2])


class Commas(BaseSQLTypeAdapter):
    """Keeps a list as a text with commas."""

    def __init__(self) -> None:
        super().__init__()
        self._register_type(list, str)

    def _do_to_database(self, value: Any, target_type: type, options: Any) -> Any:
        return ",".join(value)

    def _do_from_database(self, value: Any, target_type: type, options: Any) -> Any:
        return value.split(",") if value else []


@pytest.fixture(autouse=True)
def no_log() -> Iterator[None]:
    """Upstream logs every statement to stderr outside of migrations: not in these tests."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def stage(project, database, raw) -> Iterator[model_stage.ModelStage]:
    made = model_stage.ModelStage(project, database, raw(database))
    yield made
    made.close()


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be noon for the mixins that keep times."""

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return NOON

    monkeypatch.setattr("rhosocial.activerecord.field.timestamp.datetime", Clock)


# --- the same as save() -------------------------------------------------------------------------


@engines.every_version
@modes
@helpers
def test_new_rows_are_those_that_save_would_write(stage, config, processes):
    model_stage.fill(stage, "person")
    for table in ("one_by_one", "at_once"):
        stage.table(table)
    old, one, at_once = map(stage.person, ("person", "one_by_one", "at_once"))
    stage.project.config(config)

    def change(person, kind):
        values = person.model_dump(exclude={"id"})
        return kind(**values | {"name": person.name.upper(), "email": person.name[:3]})

    def one_by_one(_):
        for person in old.query().order_by(old.c.id).all():
            change(person, one).save()

    stage.up(one_by_one)
    written = stage.up(
        lambda m: m.transform(old, at_once, lambda p: change(p, at_once), processes=processes)
    )

    assert 13 == written
    assert stage.fingerprint("one_by_one") == stage.fingerprint("at_once")


@engines.every_version
@modes
@helpers
def test_changes_in_place_are_those_that_save_would_write(stage, config, processes):
    model_stage.fill(stage, "one_by_one", "at_once")
    one, at_once = map(stage.person, ("one_by_one", "at_once"))
    stage.project.config(config)

    def change(person):
        if person.id % 2:
            person.name = person.name.upper()
        if person.id % 3 == 0:
            person.data = {**(person.data or {}), "new": [person.id]}
            person.born = dt.datetime(2025, 1, 2, 3, 4, 5)
            person.code = uuid.UUID(int=person.id)
            person.email = None
        if person.id % 5 == 0:
            person.amount = Decimal("1.50")
            person.day = dt.date(2000, 1, 1)
            person.raw = b"new"
        return person

    def one_by_one(_):
        return sum(bool(change(p).save()) for p in one.query().order_by(one.c.id).all())

    saved = stage.up(one_by_one)
    written = stage.up(lambda m: m.transform(at_once, at_once, change, processes=processes))

    assert saved == written
    assert stage.fingerprint("one_by_one") == stage.fingerprint("at_once")


@modes
def test_what_the_function_is_given_is_what_the_model_s_own_query_gives(stage, config):
    model_stage.fill(stage, "person")
    model = stage.person("person")
    stage.project.config(config)
    seen: list[Any] = []

    queried = stage.up(lambda _: [p.model_dump() for p in model.query().order_by(model.c.id).all()])
    stage.up(lambda m: m.transform(model, model, lambda person: seen.append(person)))

    assert queried == [person.model_dump() for person in seen]
    assert {(True, False, False)} == {(p.is_from_db, p.is_dirty, p.is_new_record) for p in seen}


@modes
def test_explicit_keys_are_kept_and_the_counter_follows(stage, config):
    model_stage.fill(stage, "person")
    stage.table("copy")
    old, new = stage.person("person"), stage.person("copy")
    stage.project.config(config)

    stage.up(lambda m: m.transform(old, new, lambda p: new(id=p.id * 10, name=p.name)))
    stage.raw.execute("INSERT INTO copy (name) VALUES ('next')")

    assert [(n * 10,) for n in range(1, 14)] == stage.raw.execute(
        "SELECT id FROM copy WHERE name <> 'next' ORDER BY id"
    )
    assert 131 == stage.raw.value("SELECT id FROM copy WHERE name = 'next'")


@modes
@helpers
def test_tables_and_models_can_be_mixed(stage, config, processes):
    model_stage.fill(stage, "person")
    stage.table("by_model")
    stage.raw.execute(
        "CREATE TABLE plain (id integer PRIMARY KEY, name varchar(64), n decimal(5, 1))"
    )
    model, made = stage.person("person"), stage.person("by_model")
    stage.project.config(config)

    def several(person):
        assert isinstance(person.data, dict | None)
        for sign in (1, -1):
            yield {"id": sign * person.id, "name": person.name, "n": (person.data or {}).get("n")}

    to_table = stage.up(lambda m: m.transform(model, "plain", several, processes=processes))
    to_model = stage.up(
        lambda m: m.transform(
            "plain",
            made,
            lambda row: made(name=row["name"], size=row["id"]) if row["id"] > 0 else None,
            processes=processes,
        )
    )

    assert (26, 13) == (to_table, to_model)
    assert stage.raw.execute("SELECT name FROM person ORDER BY id") == stage.raw.execute(
        "SELECT name FROM by_model ORDER BY size"
    )


def test_a_batched_function_gets_instances(stage):
    model_stage.fill(stage, "person")
    stage.table("copy")
    old, new = stage.person("person"), stage.person("copy")
    stage.project.config(staging.BATCHES)

    def shout(persons):
        for person in persons:
            person.name = person.name.upper()
        return persons

    copied = stage.up(
        lambda m: m.transform(
            old, new, lambda persons: [new(name=p.name) for p in persons], batched=True
        )
    )
    changed = stage.up(lambda m: m.transform(new, new, shout, batched=True))

    assert (13, 12) == (copied, changed)
    assert 11 == stage.raw.value("SELECT count(*) FROM copy WHERE name LIKE 'P%'") + 1


def test_a_field_with_an_adapter_of_its_own_is_read_and_written_by_it(stage):
    class Tagged(ActiveRecord):
        __table_name__ = "person"
        __logger_name__ = f"people.{next(model_stage.numbers)}"
        id: Optional[int] = None  # noqa: UP045
        name: str
        tags: Annotated[list, UseAdapter(Commas(), str)]

    stage.table("person")
    stage.configure(Tagged)
    stage.raw.execute("INSERT INTO person (name, tags) VALUES ('Ada', 'a,b'), ('Bob', NULL)")
    seen = []

    def add(person):
        seen.append(person.tags)
        person.name = "changed"
        return person

    stage.up(lambda m: m.transform(Tagged, Tagged, add, where="tags IS NOT NULL"))

    assert [["a", "b"]] == seen
    assert [("changed", "a,b"), ("Bob", None)] == stage.raw.execute(
        "SELECT name, tags FROM person ORDER BY id"
    )


# --- mixins and hooks ---------------------------------------------------------------------------


@helpers
def test_timestamps_are_set_as_save_sets_them(stage, noon, processes):
    kind = {"sqlite": "DATETIME", "postgresql": "TIMESTAMPTZ", "mysql": "DATETIME(6)"}[stage.kind]
    more = f", created_at {kind}, updated_at {kind}"
    for table in ("one_by_one", "at_once"):
        stage.table(table, more)
    stage.table("person")
    plain = stage.person("person")
    plain(name="Ada").save()
    plain.__backend__.disconnect()
    one, at_once = (stage.person(t, TimestampMixin) for t in ("one_by_one", "at_once"))
    old = stage.person("person")

    def one_by_one(_):
        one(name="Ada").save()

    stage.up(one_by_one)
    stage.up(
        lambda m: m.transform(
            old, at_once, lambda person: at_once(name=person.name), processes=processes
        )
    )
    names = ("id", "name", "created_at", "updated_at")
    inserted = stage.fingerprint("one_by_one", *names), stage.fingerprint("at_once", *names)

    def rename(person):
        person.name = "Ada L."
        return person

    for table in ("one_by_one", "at_once"):
        stage.raw.execute(
            f"UPDATE {table} SET created_at = '2020-01-01 00:00:00', "
            "updated_at = '2020-01-01 00:00:00'"
        )
    stage.up(lambda _: [rename(person).save() for person in one.query().all()])
    stage.up(lambda m: m.transform(at_once, at_once, rename, processes=processes))

    assert inserted[0] == inserted[1]
    assert stage.fingerprint("one_by_one", *names) == stage.fingerprint("at_once", *names)
    assert 0 == stage.raw.value("SELECT count(*) FROM at_once WHERE updated_at = created_at")


@helpers
def test_versions_are_counted_as_save_counts_them(stage, processes):
    for table in ("one_by_one", "at_once"):
        stage.table(table, ", version INTEGER NOT NULL DEFAULT 1")
        stage.raw.execute(
            f"INSERT INTO {table} (name, version) VALUES ('Ada', 1), ('Bob', 7), ('Cid', 3)"
        )
    one, at_once = (stage.person(t, OptimisticLockMixin) for t in ("one_by_one", "at_once"))

    def change(person):
        if person.name != "Cid":
            person.name = person.name.upper()
        return person

    stage.up(lambda _: [change(person).save() for person in one.query().all()])
    stage.up(lambda m: m.transform(at_once, at_once, change, processes=processes))

    names = ("id", "name", "version")
    assert stage.fingerprint("one_by_one", *names) == stage.fingerprint("at_once", *names)
    assert [(2,), (8,), (3,)] == stage.raw.execute("SELECT version FROM at_once ORDER BY id")


def test_new_versions_begin_as_save_begins_them(stage):
    for table in ("one_by_one", "at_once"):
        stage.table(table, ", version INTEGER NOT NULL")
    model_stage.fill(stage, "person")
    one, at_once = (stage.person(t, OptimisticLockMixin) for t in ("one_by_one", "at_once"))
    old = stage.person("person")

    def one_by_one(_):
        for person in old.query().order_by(old.c.id).all():
            one(name=person.name).save()

    stage.up(one_by_one)
    stage.up(lambda m: m.transform(old, at_once, lambda p: at_once(name=p.name)))

    names = ("id", "name", "version")
    assert stage.fingerprint("one_by_one", *names) == stage.fingerprint("at_once", *names)


@modes
def test_rows_that_the_model_counts_as_deleted_are_not_given(stage, config):
    stage.table(
        "person", f", deleted_at {'TIMESTAMPTZ' if stage.kind == 'postgresql' else 'DATETIME'}"
    )
    stage.raw.execute(
        "INSERT INTO person (name, deleted_at) "
        "VALUES ('Ada', NULL), ('Bob', '2020-01-01 00:00:00'), "
        "('Cid', NULL), ('Dora', NULL)"
    )
    model = stage.person("person", SoftDeleteMixin)
    stage.project.config(config)
    seen = []

    stage.up(
        lambda m: m.transform(model, model, lambda p: seen.append(p.name), where="name <> 'Dora'")
    )

    assert ["Ada", "Cid"] == seen


def test_keys_of_uuid_models_are_made_and_kept(stage):
    kind = "UUID" if stage.kind == "postgresql" else "CHAR(36)"
    for table in ("old", "new"):
        stage.raw.execute(
            f"CREATE TABLE {table} (id {kind} NOT NULL PRIMARY KEY, name VARCHAR(64))"
        )

    def model(table):
        class Thing(UUIDMixin, ActiveRecord):
            __table_name__ = table
            __logger_name__ = f"people.{next(model_stage.numbers)}"
            __pk_auto_generated__ = False
            c: ClassVar[FieldProxy] = FieldProxy()
            name: str

        stage.configure(Thing)
        return Thing

    old, new = model("old"), model("new")
    keys = [uuid.UUID(int=n + 1) for n in range(5)]
    for key in keys:
        stage.raw.execute(f"INSERT INTO old VALUES ('{key}', 'n')")

    def rename(thing):
        thing.name = "renamed"
        return thing

    stage.up(lambda m: m.transform(old, new, lambda thing: new(id=thing.id, name="kept")))
    stage.up(lambda m: m.transform(old, new, lambda thing: new(name="made")))
    stage.up(lambda m: m.transform(old, old, rename))

    assert sorted(map(str, keys)) == sorted(
        str(key) for (key,) in stage.raw.execute("SELECT id FROM new WHERE name = 'kept'")
    )
    assert 10 == stage.raw.value("SELECT count(DISTINCT id) FROM new")
    assert [("renamed",)] == stage.raw.execute("SELECT DISTINCT name FROM old")


class Prepares:
    """Changes what is saved, and validates more than types."""

    def prepare_save_data(self, data: dict[str, Any], is_new: bool) -> dict[str, Any]:
        return data | {"email": f"{'new' if is_new else 'old'} {data.get('name')}"}

    @classmethod
    def validate_record(cls, value: Any) -> None:
        if value.name == "P3":
            raise ValueError("P3 is nobody's name")


class Listens:
    """Hooks that are called for each instance."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.on(ModelEvent.BEFORE_INSERT, Listens.stamp)
        self.on(ModelEvent.BEFORE_UPDATE, Listens.stamp)

    @staticmethod
    def stamp(record: Any, data: dict[str, Any], **_: Any) -> None:
        data["email"] = f"stamped {record.name}"


@helpers
@pytest.mark.parametrize("mixin", [Prepares, Listens])
def test_hooks_before_saving_are_called_as_save_calls_them(stage, mixin, processes):
    model_stage.fill(stage, "person")
    for table in ("one_by_one", "at_once"):
        stage.table(table)
    one, at_once = (stage.person(t, mixin) for t in ("one_by_one", "at_once"))
    old = stage.person("person")

    def one_by_one(_):
        for person in old.query().order_by(old.c.id).all():
            one(name=person.name).save()
        for person in one.query().order_by(one.c.id).all():
            person.size = 1
            person.save()

    def change(person):
        person.size = 1
        return person

    stage.up(one_by_one)
    stage.up(
        lambda m: m.transform(old, at_once, lambda p: at_once(name=p.name), processes=processes)
    )
    stage.up(lambda m: m.transform(at_once, at_once, change, processes=processes))

    assert stage.fingerprint("one_by_one") == stage.fingerprint("at_once")
    assert 13 == stage.raw.value(
        "SELECT count(*) FROM at_once WHERE mail LIKE 'old%' OR mail LIKE 'stamped%'"
    )


def test_a_record_that_is_not_valid_is_rejected_like_any_row_that_fails(stage):
    model_stage.fill(stage, "person")
    stage.table("copy")
    old, new = stage.person("person"), stage.person("copy", Prepares)
    stage.project.config(staging.BATCHES)

    def make(person):
        made = new(name=person.name.upper())
        if person.name == "p4":
            made.name = None  # the type of the field is looked at when it is saved
        return made

    written = stage.up(lambda m: m.transform(old, new, make, max_rejects=2))
    rejects = stage.rejects()

    assert 11 == written
    assert ["p3", "p4"] == [reject.row["name"] for reject in rejects]
    assert "P3 is nobody's name" in rejects[0].reason
    assert "ValidationError" in rejects[1].reason


@pytest.mark.parametrize("processes", [0, 2])
def test_several_workers_put_models_through(stage, processes):
    model_stage.fill(stage, "person")
    stage.table("copy")
    old, new = stage.person("person"), stage.person("copy")
    stage.project.config(staging.BATCHES)

    written = stage.up(
        lambda m: m.transform(
            old,
            new,
            lambda p: new(id=p.id, name=p.name, size=os.getpid()),
            workers=2,
            processes=processes,
        )
    )

    assert 13 == written
    assert stage.fingerprint("person", "id", "name") == stage.fingerprint("copy", "id", "name")
