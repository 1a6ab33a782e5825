"""A database looked at before it is moved: what is found, that it holds, that nothing stays."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import pytest

import whimbrel
from tests import conftest, databases, engines
from tests.contract import test_sample_databases as samples
from whimbrel import errors
from whimbrel.engines import registry
from whimbrel.rehearsal import assessment, proposing, timing
from whimbrel.transfers import door

ENGINES = ("sqlite", "postgresql", "mariadb")
BY_NAME = {(one.name, one.engine): one for one in samples.SAMPLES}

SHOP = {
    "sqlite": """
CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT NOT NULL, lead INTEGER REFERENCES person (id));
CREATE TABLE person (id INTEGER PRIMARY KEY, team INTEGER NOT NULL REFERENCES team (id),
  boss INTEGER REFERENCES person (id), mail TEXT, kind TEXT, UNIQUE (mail));
CREATE TABLE note (said TEXT, person INTEGER);
CREATE INDEX ix_kind ON person (kind);
CREATE INDEX ix_kind_team ON person (kind, team);
CREATE VIEW who AS SELECT p.id, t.name FROM person p JOIN team t ON t.id = p.team;
""",
    "postgresql": """
CREATE TABLE team (id integer PRIMARY KEY, name text NOT NULL, lead integer);
CREATE TABLE person (id integer PRIMARY KEY, team integer NOT NULL REFERENCES team (id),
  boss integer REFERENCES person (id), mail text, kind text, UNIQUE (mail));
ALTER TABLE team ADD FOREIGN KEY (lead) REFERENCES person (id);
CREATE TABLE note (said text, person integer);
CREATE INDEX ix_kind ON person (kind);
CREATE INDEX ix_kind_team ON person (kind, team);
CREATE VIEW who AS SELECT p.id, t.name FROM person p JOIN team t ON t.id = p.team;
""",
    "mariadb": """
CREATE TABLE team (id integer PRIMARY KEY, name varchar(40) NOT NULL, `lead` integer);
CREATE TABLE person (id integer PRIMARY KEY, team integer NOT NULL, boss integer,
  mail varchar(40), kind varchar(20), UNIQUE (mail),
  FOREIGN KEY (team) REFERENCES team (id), FOREIGN KEY (boss) REFERENCES person (id));
ALTER TABLE team ADD FOREIGN KEY (`lead`) REFERENCES person (id);
CREATE TABLE note (said varchar(200), person integer);
CREATE INDEX ix_kind ON person (kind);
CREATE INDEX ix_kind_team ON person (kind, team);
CREATE VIEW who AS SELECT p.id, t.name FROM person p JOIN team t ON t.id = p.team;
""",
}
ROWS = """
INSERT INTO team (id, name) VALUES (1, 'a'), (2, 'b');
INSERT INTO person (id, team, boss, mail, kind)
VALUES {people};
INSERT INTO note VALUES ('x', 1), ('y', 2);
"""


def people(count: int = 40) -> str:
    kinds = ("cook", "clerk", "pilot")
    return ", ".join(
        f"({at}, {at % 2 + 1}, {'NULL' if at == 1 else 1}, 'p{at}@example.org', '{kinds[at % 3]}')"
        for at in range(1, count + 1)
    )


@pytest.fixture
def shop(database: databases.Database, raw: conftest.OpenRaw) -> databases.Database:
    raw(database).script(SHOP[database.kind] + ROWS.format(people=people()))
    return database


def table(found: assessment.Assessment, name: str) -> assessment.Table:
    return next(one for one in found.tables if one.name == name)


def contents(url: str) -> tuple[str, list[str]]:
    """Return what a database says that it contains."""
    with contextlib.closing(registry.open_session(url, read_only=True)) as session:
        catalog = session.engine.catalog(session)
        return catalog.signature(), catalog.tables()


# --- the inventory ------------------------------------------------------------------------------


def test_the_catalog_read_at_once_is_that_read_table_by_table(shop: databases.Database) -> None:
    with contextlib.closing(registry.open_session(shop.url, read_only=True)) as session:
        catalog = session.engine.catalog(session)
        every = catalog.every()

        one_by_one = {name: catalog.table(name) for name in catalog.tables()}

    assert list(one_by_one) == list(every)
    assert one_by_one == every


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("sample", ["sakila", "chinook", "northwind"])
def test_real_catalogs_read_at_once_are_those_read_table_by_table(
    sample: str, engine: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw,
    shared: Path,
) -> None:  # fmt: skip
    database = new_database(engine)
    samples.load(BY_NAME[sample, engine], database, raw, shared)

    with contextlib.closing(registry.open_session(database.url, read_only=True)) as session:
        catalog = session.engine.catalog(session)
        every = catalog.every()
        assert {name: catalog.table(name) for name in catalog.tables()} == every


def test_the_inventory_says_what_is_there(shop: databases.Database) -> None:
    before = contents(shop.url)

    found = whimbrel.assess(shop.url)

    assert {"note", "person", "team"} == {one.name for one in found.tables}
    person = table(found, "person")
    assert (40, True, 40) == (person.rows, person.exact, person.looked_at)
    assert ("id",) == person.primary_key
    assert 2 == person.foreign_keys
    assert ("note",) == found.without_key
    assert 44 == found.rows
    counts = found.counts()
    assert (3, 1) == (counts["table"], counts["view"])
    columns = {one.name: one for one in person.columns}
    assert (1, 0) == (columns["boss"].nulls, columns["mail"].nulls)
    assert ("1", "40") == (columns["id"].least, columns["id"].most)
    assert len("p40@example.org") == columns["mail"].longest
    assert before == contents(shop.url)


def test_sizes_are_those_of_the_engine(shop: databases.Database) -> None:
    found = whimbrel.assess(shop.url)

    person = table(found, "person")
    assert (person.size or 0) > 0
    assert (person.index_size or 0) > 0
    assert (found.size or 0) >= (person.size or 0) + (person.index_size or 0)


def test_an_index_that_another_one_contains_is_named(shop: databases.Database) -> None:
    found = whimbrel.assess(shop.url)

    named = {(one.table, one.name): one.why for one in found.unused}
    assert "ix_kind_team begins with the same columns" == named["person", "ix_kind"]
    why = named.get(("person", "ix_kind_team"), "it was never read")
    assert "it was never read" == why  # where somebody counts


@engines.only("postgresql")
def test_an_index_that_is_read_is_not_called_unused(
    shop: databases.Database, raw: conftest.OpenRaw
) -> None:
    raw(shop).execute("SET enable_seqscan = off")
    for _ in range(3):
        raw(shop).execute("SELECT id FROM person WHERE kind = 'cook' AND team = 1")
    raw(shop).execute("SELECT pg_stat_force_next_flush()")

    found = whimbrel.assess(shop.url)

    assert found.since
    assert ("person", "ix_kind_team") not in {(one.table, one.name) for one in found.unused}


def test_circles_and_the_order_are_told(shop: databases.Database) -> None:
    found = whimbrel.assess(shop.url)

    (circle,) = found.graph.cycles
    assert ("person", "team") == circle.tables
    assert {"boss", "lead"} == {one.columns[0] for one in circle.optional}
    (view,) = found.graph.views
    assert ("who", ("person", "team")) == (view.name, view.reads)
    reasons = [one.says for one in table(found, "team").reasons]
    assert any(one.startswith("it is in a circle: person -> ") for one in reasons)


def test_an_empty_database_is_no_error(database: databases.Database, raw: conftest.OpenRaw) -> None:
    raw(database)

    found = whimbrel.assess(database.url)

    assert ((), (), ()) == (found.tables, found.findings, found.rules)
    assert found.as_json()["tables"] == []


def test_without_values_no_row_is_read(shop: databases.Database) -> None:
    found = whimbrel.assess(shop.url, values=False)

    person = table(found, "person")
    assert (False, None) == (person.exact, person.looked_at)
    assert {None} == {one.nulls for one in person.columns}
    assert ((), (), ()) == (found.findings, found.paces, found.rules)
    assert "no values were looked at" in found.notes


def test_of_a_large_table_parts_are_looked_at(
    database: databases.Database, raw: conftest.OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE log (id integer PRIMARY KEY, n integer)")
    for start in range(0, 20_000, 5_000):
        rows = ", ".join(f"({at}, {at})" for at in range(start, start + 5_000))
        raw(database).execute(f"INSERT INTO log VALUES {rows}")
    if database.kind != "sqlite":
        raw(database).execute("ANALYZE log" if database.kind == "postgresql" else
                              "ANALYZE TABLE log")  # fmt: skip

    found = whimbrel.assess(database.url, sample=1_000)

    log = table(found, "log")
    assert not log.exact
    assert 500 <= (log.looked_at or 0) <= 2_500
    assert 15_000 <= (log.rows or 0) <= 25_000
    n = next(one for one in log.columns if one.name == "n")
    assert ("0", "19999") == (n.least, n.most)
    assert any("only parts were looked at" in one for one in found.notes)
    assert not [one for one in found.rules if one.options["table"] == "log"]


# --- dirty values -------------------------------------------------------------------------------


def findings(found: assessment.Assessment) -> dict[tuple[str, str, str], int]:
    return {(one.table, one.column, one.what): one.rows for one in found.findings}


def test_orphans_are_found_by_name_with_their_keys(
    shop: databases.Database, raw: conftest.OpenRaw
) -> None:
    if shop.kind == "postgresql":
        pytest.skip("PostgreSQL lets no row refer to nothing, whoever asks")
    off = "PRAGMA foreign_keys = OFF" if shop.kind == "sqlite" else "SET foreign_key_checks = 0"
    raw(shop).execute(off)
    raw(shop).execute("INSERT INTO person (id, team, boss) VALUES (91, 7, 1), (92, 8, 1)")

    found = whimbrel.assess(shop.url)

    assert {("person", "team", "orphan"): 2} == findings(found)
    (orphans,) = found.findings
    assert [("91",), ("92",)] == [key for key, _ in orphans.examples]
    broken = [one for one in found.rules if not one.holds]
    assert [("refers", ["team"])] == [(one.check, one.options["columns"]) for one in broken]


@engines.only("sqlite")
def test_values_of_the_wrong_type_are_found(
    database: databases.Database, raw: conftest.OpenRaw
) -> None:
    raw(database).script(
        """
        CREATE TABLE odd (id INTEGER PRIMARY KEY, born DATE, price DECIMAL(10, 2), said TEXT,
                          free, note TEXT);
        INSERT INTO odd VALUES (1, '2020-01-31', 1.5, 'a', 1, 'a'),
          (2, '2020-02-31', 'much', 'b', 'x', 'b'), (3, 'yesterday', 2, x'ff00', 2, 'c'),
          (4, '0000-00-00', 3, 'd', x'00', 'd');
        """
    )

    found = findings(whimbrel.assess(database.url))

    assert 2 == found["odd", "born", "no date"]
    assert 1 == found["odd", "born", "zero date"]
    assert 1 == found["odd", "price", "no number"]
    assert 1 == found["odd", "said", "bytes"]
    assert 1 == found["odd", "free", "mixed types"]
    assert not [key for key in found if key[1] == "note"]


@engines.only("mariadb")
def test_zero_dates_and_stray_words_are_found(
    database: databases.Database, raw: conftest.OpenRaw
) -> None:
    raw(database).script(
        """
        CREATE TABLE odd (id integer PRIMARY KEY, born date, kind enum('a', 'b'));
        SET sql_mode = '';
        INSERT INTO odd VALUES (1, '0000-00-00', 'a'), (2, '2020-00-00', 'c'), (3, NULL, 'b');
        """
    )

    found = whimbrel.assess(database.url)

    assert {("odd", "born", "zero date"): 2, ("odd", "kind", "stray word"): 1} == findings(found)
    assert "2 values of odd.born are dates without a day" in found.findings[0].says


@engines.only("postgresql")
def test_what_only_few_engines_take_is_a_hint(
    database: databases.Database, raw: conftest.OpenRaw
) -> None:
    raw(database).script(
        """
        CREATE TABLE odd (id integer PRIMARY KEY, n double precision, born date);
        INSERT INTO odd VALUES (1, 'NaN', 'infinity'), (2, 'Infinity', '0044-03-15 BC'),
          (3, 1, NULL);
        """
    )

    found = whimbrel.assess(database.url)

    assert {
        ("odd", "n", "NaN"): 1,
        ("odd", "n", "infinity"): 1,
        ("odd", "born", "endless date"): 1,
        ("odd", "born", "before Christ"): 1,
    } == findings(found)
    assert ((), 4) == (found.dirty, len(found.findings))


@engines.only("sqlite", "postgresql")
def test_keys_that_a_looser_collation_takes_for_the_same_are_hinted_at(
    shop: databases.Database, raw: conftest.OpenRaw
) -> None:
    raw(shop).execute("INSERT INTO person (id, team, mail) VALUES (93, 1, 'P7@Example.org')")

    found = whimbrel.assess(shop.url)

    assert {("person", "mail", "nearly duplicate"): 1} == findings(found)
    assert found.findings[0].hint


# --- what a transfer would do -------------------------------------------------------------------

PAIRS = [("mariadb", "postgresql"), ("postgresql", "sqlite"), ("sqlite", "mariadb")]


@pytest.mark.parametrize(
    "sample",
    [
        "sakila",
        pytest.param("chinook", marks=pytest.mark.exhaustive),
        pytest.param("northwind", marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_an_assessment_says_what_the_transfer_then_does(
    sample: str, source: str, target: str, new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw, shared: Path,
) -> None:  # fmt: skip
    here, there = new_database(source), new_database(target)
    samples.load(BY_NAME[sample, source], here, raw, shared)
    raw(there)  # a file that is there
    before = contents(here.url)

    found = whimbrel.assess(here.url, to=there.url)

    assert before == contents(here.url)
    assert [] == contents(there.url)[1]
    done = whimbrel.transfer(here.url, there.url, verify=False)
    assert found.plan is not None
    assert done.plan.not_converted == found.plan.not_converted
    assert done.plan.losses == found.plan.losses
    assert done.plan.notes == found.plan.notes
    assert types(done.plan) == types(found.plan)
    assert {one.name for one in done.tables} == {one.table for one in found.paces}
    assert all(one.written for one in found.paces if one.rows_measured)


def types(plan: object) -> dict[tuple[str, str], str]:
    return {
        (flow.flow.target, column.name): column.type
        for flow in plan.flows  # type: ignore[attr-defined]
        for column in flow.columns
    }


def test_what_the_transfer_refuses_is_said_in_the_same_words(
    new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database("sqlite"), new_database("postgresql")
    raw(here).script(
        "CREATE TABLE odd (id INTEGER PRIMARY KEY, born DATE);"
        "INSERT INTO odd VALUES (1, '2020-01-31'), (2, 'yesterday');"
    )

    found = whimbrel.assess(here.url, to=there.url)

    with pytest.raises(errors.TransferRefused) as refused:
        whimbrel.transfer(here.url, there.url)
    said = [one.says for one in found.refusals]
    assert said
    assert all(one in str(refused.value) for one in said)
    assert assessment.Grade.HARD is table(found, "odd").grade


def test_a_target_that_is_not_empty_is_noted_and_left_as_it_is(
    shop: databases.Database, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    there = new_database("sqlite" if shop.kind != "sqlite" else "postgresql")
    raw(there).execute("CREATE TABLE person (id integer PRIMARY KEY)")
    before = contents(there.url)

    found = whimbrel.assess(shop.url, to=there.url)

    assert any(one.startswith("the target is not empty") for one in found.notes)
    assert found.plan is not None
    assert before == contents(there.url)


def test_the_same_database_is_no_target(shop: databases.Database) -> None:
    with pytest.raises(errors.UsageError, match="the same one"):
        whimbrel.assess(shop.url, to=shop.url)


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mysql"])
def test_only_a_server_can_say_what_a_server_takes(engine: str, shop: databases.Database) -> None:
    with pytest.raises(errors.UsageError, match="only a server can say") as refused:
        whimbrel.assess(shop.url, to=engine)

    assert f"--to {engine}://" in str(refused.value)


def test_an_engine_without_a_server_can_be_asked_for(shop: databases.Database) -> None:
    found = whimbrel.assess(shop.url, to="sqlite")

    assert found.plan is not None
    assert found.target is not None
    assert "SQLite" == found.target.title


# --- times --------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ENGINES)
def test_times_are_measured_by_writing_and_nothing_of_it_stays(
    target: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database("sqlite"), new_database(target)
    raw(here).script("CREATE TABLE big (id INTEGER PRIMARY KEY, said TEXT); CREATE TABLE small (a)")
    raw(here).execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
        "INSERT INTO big SELECT i, 'row ' || i FROM n"
    )
    raw(here).execute("INSERT INTO small VALUES (1), (2)")
    raw(there)

    found = whimbrel.assess(here.url, to=there.url)

    paces = {one.table: one for one in found.paces}
    big, small = paces["big"], paces["small"]
    assert (timing.SAMPLE_ROWS, 50_000) == (big.rows_measured, big.rows)
    assert (big.written, big.together, small.together) == (True, False, True)
    assert 0 < (big.least or 0) < (big.expected or 0) < (big.most or 0)
    assert (big.expected or 0) >= 2 * big.milliseconds_measured
    assert found.notes == ()
    assert [] == contents(there.url)[1]
    assert not leftovers(raw(there))


@engines.only("mariadb")
def test_what_a_killed_assessment_left_in_the_target_is_taken_away(
    database: databases.Database, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here = new_database("sqlite")
    raw(here).script("CREATE TABLE one (a); INSERT INTO one VALUES (1)")
    raw(database).execute("CREATE TABLE assessed_by_whimbrel_0123456789ab (a integer)")
    raw(database).execute("CREATE TABLE assessed_by_whimbrel_kept (a integer)")

    whimbrel.assess(here.url, to=database.url)

    assert ["assessed_by_whimbrel_kept"] == leftovers(raw(database))


def leftovers(raw: databases.Raw) -> list[str]:
    sql = {
        "sqlite": "SELECT name FROM sqlite_master",
        "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
        "mariadb": "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = DATABASE()",
    }[raw.database.kind]
    names = [str(row[0]) for row in raw.execute(sql)]
    return sorted(name for name in names if name.startswith("assessed"))


# --- rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("sample", ["sakila", "chinook", "northwind"])
def test_proposed_rules_can_be_pasted_and_hold(
    sample: str, engine: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw,
    shared: Path, project: conftest.ProjectFolder,
) -> None:  # fmt: skip
    database = new_database(engine)
    samples.load(BY_NAME[sample, engine], database, raw, shared)

    found = whimbrel.assess(database.url, times=False)

    project.config(f'[databases.main]\nurl = "{database.url}"\n\n{proposing.toml(found.rules)}')
    asked = whimbrel.validate(folder=project.path)
    assert len([one for one in found.rules if one.holds]) == len(asked.outcomes)
    assert len(asked.outcomes) > len(found.tables)
    assert [] == [one.says for one in asked.outcomes if not one.passed]


def test_rules_say_what_the_values_show(shop: databases.Database) -> None:
    found = whimbrel.assess(shop.url)

    own = [one for one in found.rules if one.options["table"] == "person"]
    said = {(one.check, *listed(one.options.get("columns", [None]))): one for one in own}
    assert ["clerk", "cook", "pilot"] == said["one_of", "kind"].options["values"]
    assert ("refers", "team") in said
    assert ("unique", "mail") in said
    assert ("matches", "mail") in said
    assert ("not_null", "kind") in said
    assert ("not_null", "boss") not in said
    assert 40 == said["rows", None].options["at_least"]


def listed(names: object) -> list[object]:
    assert isinstance(names, list)
    return names


# --- one moment ---------------------------------------------------------------------------------


def test_the_moment_that_was_looked_at_is_told(shop: databases.Database) -> None:
    found = whimbrel.assess(shop.url)

    assert found.position
    assert found.snapshot
    assert dataclasses.replace(found).as_json()["snapshot"] == {
        "position": found.position, "kind": found.snapshot,
    }  # fmt: skip


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(errors.DatabaseUnavailable):
        whimbrel.assess(f"sqlite:///{tmp_path}/none.db")

    assert [] == list(tmp_path.iterdir())


def test_a_target_file_that_is_not_there_is_not_made(
    tmp_path: Path, shop: databases.Database
) -> None:
    found = whimbrel.assess(shop.url, to=f"sqlite:///{tmp_path}/none.db")

    assert found.plan is not None
    assert [] == list(tmp_path.iterdir())


def test_the_plan_is_that_of_a_dry_run(shop: databases.Database) -> None:
    target = "sqlite:///never_there.db"

    found = whimbrel.assess(shop.url, to=target)

    assert found.plan is not None
    assert (
        door.plan_transfer(shop.url, target).as_json()["tables"] == (found.plan.as_json()["tables"])
    )
