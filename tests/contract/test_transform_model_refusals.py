"""transform() with ActiveRecord models: what is refused by name, and that nothing was written."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from rhosocial.activerecord.interface import ModelEvent
from rhosocial.activerecord.interface.update import IUpdateBehavior
from rhosocial.activerecord.model import ActiveRecord, AsyncActiveRecord

from tests import databases, model_stage, staging
from whimbrel import errors

helpers = pytest.mark.parametrize("processes", [0, 2])


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


class AfterSave:
    def after_save(self, is_new: bool) -> None: ...


class OwnSave:
    def save(self) -> int:
        return super().save()


class WaitsForInsert:
    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.on(ModelEvent.AFTER_INSERT, WaitsForInsert.tell)
        self.on(ModelEvent.AFTER_UPDATE, WaitsForInsert.tell)

    @staticmethod
    def tell(record: Any, **_: Any) -> None: ...


class OnlyIfOpen(IUpdateBehavior):
    def get_update_conditions(self) -> Any:
        return [self.__class__.c.flag == True]  # noqa: E712

    def get_update_expressions(self) -> Any:
        return {}


class Counts(IUpdateBehavior):
    def get_update_conditions(self) -> Any:
        return []

    def get_update_expressions(self) -> Any:
        return {"size": self.__class__.c.size + 1}


@pytest.mark.parametrize(
    ("mixin", "named", "in_place"),
    [
        (AfterSave, r"AfterSave\.after_save\(\) would not be called", False),
        (AfterSave, r"AfterSave\.after_save\(\) would not be called", True),
        (OwnSave, r"OwnSave\.save\(\) is its own", False),
        (WaitsForInsert, r"tell\(\) waits for AFTER_INSERT", False),
        (WaitsForInsert, r"tell\(\) waits for AFTER_UPDATE", True),
        (OnlyIfOpen, r"OnlyIfOpen\.get_update_conditions\(\) adds a condition", True),
        (Counts, r"column size is given SQL", True),
    ],
)
def test_what_save_does_beyond_is_refused_by_name(stage, mixin, named, in_place):
    model_stage.fill(stage, "person")
    stage.table("copy")
    old, new, same = (
        stage.person("person"), stage.person("copy", mixin), stage.person("person", mixin),
    )  # fmt: skip

    def change(person):
        person.name = "changed"
        return person

    def call(m):
        if in_place:
            return m.transform(same, same, change)
        return m.transform(old, new, lambda p: new(name=p.name))

    with pytest.raises(errors.WhimbrelError, match=named):
        stage.up(call)

    assert 0 == stage.raw.value("SELECT count(*) FROM copy")
    assert 0 == stage.raw.value("SELECT count(*) FROM person WHERE name = 'changed'")


def another(model):
    return lambda person: model(name=person.name)


def keyless(person):
    person.id = None
    return person


def rekeyed(person):
    person.id += 100
    return person


def changed_inside(person):
    if person.data is not None:
        person.data["more"] = 1
    return person


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (another, "another instance than it was given"),
        (lambda _: lambda person: {"name": "x"}, "returned a dict for the row id = 1"),
        (lambda _: lambda person: [person], "returned a list for the row id = 1"),
        (lambda _: keyless, r"Person\.id, the key of the row"),
        (lambda _: rekeyed, r"Person\.id, the key of the row"),
        (lambda _: changed_inside, r"changed Person\.data inside"),
    ],
)
def test_in_place_the_instance_itself_comes_back_with_its_key(stage, make, said):
    model_stage.fill(stage, "person")
    model = stage.person("person")
    before = stage.fingerprint("person")

    with pytest.raises(errors.WhimbrelError, match=said):
        stage.up(lambda m: m.transform(model, model, make(model)))

    assert before == stage.fingerprint("person")


def test_one_table_is_named_one_way(stage):
    model_stage.fill(stage, "person")
    model, again = stage.person("person"), stage.person("person")

    for target in (again, "person"):
        with pytest.raises(errors.WhimbrelError, match="named in two ways"):
            stage.up(lambda m, target=target: m.transform(model, target, lambda person: person))
        for file in stage.project.migrations.glob("*.py"):
            file.unlink()


def test_an_instance_is_no_row_of_another_table(stage):
    model_stage.fill(stage, "person")
    stage.table("copy")
    old, new = stage.person("person"), stage.person("copy")

    for target in (new, "copy"):
        with pytest.raises(errors.WhimbrelError, match="returned a Person for the row id = 1"):
            stage.up(lambda m, target=target: m.transform(old, target, lambda person: person))
        if stage.kind == "mysql":  # step by step: the step is there, and has another target now
            break
        for file in stage.project.migrations.glob("*.py"):
            file.unlink()

    assert 0 == stage.raw.value("SELECT count(*) FROM copy")


def test_a_record_that_is_in_the_database_already_is_not_inserted_again(stage):
    model_stage.fill(stage, "person")
    stage.raw.execute("CREATE TABLE name (id integer PRIMARY KEY)")
    stage.raw.execute("INSERT INTO name VALUES (1)")
    model = stage.person("person")
    found = []

    def call(m):
        found.append(model.query().where(model.c.id == 1).one())
        return m.transform("name", model, lambda row: found[-1])

    with pytest.raises(errors.WhimbrelError, match="is in the database already"):
        stage.up(call)

    assert 13 == stage.raw.value("SELECT count(*) FROM person")


@helpers
@pytest.mark.parametrize("kept", [False, True], ids=["asked", "kept"])
def test_models_send_nothing_inside_the_function(stage, processes, kept):
    model_stage.fill(stage, "person")
    stage.table("copy")
    old, new = stage.person("person"), stage.person("copy")
    backends = []

    def call(m):
        backends.append(old.backend())
        return m.transform(old, new, ask, processes=processes)

    def ask(person):
        if kept:
            return backends[-1].fetch_all("SELECT 1")
        return new(name=old.query().one().name)

    with pytest.raises(errors.WhimbrelError, match="inside the function"):
        stage.up(call)

    assert 0 == stage.raw.value("SELECT count(*) FROM copy")


def test_models_send_nothing_inside_the_function_in_a_worker_either(stage):
    model_stage.fill(stage, "person")
    stage.table("copy")
    old, new = stage.person("person"), stage.person("copy")
    stage.project.config(staging.BATCHES)

    with pytest.raises(errors.WhimbrelError, match="inside the function"):
        stage.up(
            lambda m: m.transform(
                old, new, lambda person: new(name=old.query().one().name), workers=2
            )
        )


def test_a_model_of_another_database_is_refused(stage, new_database):
    stage.table("person")
    elsewhere = new_database("sqlite")
    with databases.Raw(elsewhere) as other:
        other.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT)")
    model = stage.person("person")
    stage.configure(model, elsewhere)

    with pytest.raises(errors.WhimbrelError, match="of another database"):
        stage.up(lambda m: m.transform(model, model, lambda person: person))


def test_what_is_no_model_or_not_one_for_this_is_refused(stage):
    class Later(AsyncActiveRecord):
        __table_name__ = "person"
        __logger_name__ = f"people.{next(model_stage.numbers)}"

    class Elsewhere(ActiveRecord):
        __table_name__ = "person"
        __schema_name__ = "other"
        __logger_name__ = f"people.{next(model_stage.numbers)}"

    stage.table("person")
    for source, said in (
        (Later, "asynchronous"),
        (Elsewhere, "schema 'other'"),
        (int, "not <class"),
    ):
        with pytest.raises(errors.WhimbrelError, match=said):
            stage.up(lambda m, source=source: m.transform(source, "person", lambda row: row))
        for file in stage.project.migrations.glob("*.py"):
            file.unlink()


def test_a_query_of_its_own_that_cannot_be_cut_is_refused(stage):
    model_stage.fill(stage, "person")
    model = stage.person("person")
    model.query = classmethod(lambda cls: super(model, cls).query().where(cls.c.name == "Ada"))

    with pytest.raises(errors.WhimbrelError, match=r"Person\.query\(\) chooses rows"):
        stage.up(lambda m: m.transform(model, model, lambda person: person))
