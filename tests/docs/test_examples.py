"""The projects in examples/ run as their pages say, and the demo's proofs notice what is wrong."""

from __future__ import annotations

import datetime
import importlib
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests import databases
from whimbrel.migrations import project as projects

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
DEMO = EXAMPLES / "demo"
FEW = 400

# The legacy tables for engines that do not read SQLite's own DDL.
LEGACY_TABLES = (
    "CREATE TABLE places (id INTEGER PRIMARY KEY, {columns})",
    """CREATE TABLE capitals (
           country VARCHAR(2) PRIMARY KEY,
           place_id INTEGER NOT NULL,
           FOREIGN KEY (place_id) REFERENCES places (id) ON DELETE CASCADE)""",
    """CREATE VIEW capital_names AS
           SELECT capitals.country, places.name
             FROM capitals JOIN places ON places.id = capitals.place_id""",
)


@pytest.fixture(scope="module")
def demo() -> SimpleNamespace:
    """The demo's own modules, which lie beside run.py and are no package."""
    names = ("legacy", "proof", "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DEMO))
        modules: dict[str, ModuleType] = {name: importlib.import_module(name) for name in names}
    for name in names:
        del sys.modules[name]
    return SimpleNamespace(**modules)


@pytest.fixture(scope="module")
def few(demo: SimpleNamespace) -> object:
    """Some hundred places from all over the world."""
    return demo.legacy.source(FEW)


def build(demo: SimpleNamespace, raw: databases.Raw, source: object) -> None:
    """Make the legacy tables on any engine."""
    if raw.database.kind == "sqlite":
        raw.script(demo.legacy.SCHEMA)
    else:
        text = "LONGTEXT" if raw.database.kind in ("mariadb", "mysql") else "TEXT"
        columns = ", ".join(f"{name} {text}" for name in demo.legacy.PLACES[1:])
        for statement in LEGACY_TABLES:
            raw.execute(statement.format(columns=columns))
    mark = "?" if raw.database.kind == "sqlite" else "%s"
    for table, rows in (
        ("places", demo.legacy.places(source)),
        ("capitals", demo.legacy.capitals(source)),
    ):
        for row in rows:
            raw.execute(f"INSERT INTO {table} VALUES ({', '.join([mark] * len(row))})", row)


def legacy_contents(raw: databases.Raw) -> object:
    """Return all legacy rows, with their columns in order, as plain values."""
    if raw.database.file is not None:
        columns = raw.execute(
            "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('places')"
        )
    else:
        columns = raw.execute(
            "SELECT column_name, data_type, is_nullable, column_default "
            "FROM information_schema.columns WHERE table_name = 'places' "
            "AND table_schema IN (current_schema(), 'public') ORDER BY ordinal_position"
            if raw.database.kind == "postgresql"
            else "SELECT column_name, column_type, is_nullable, column_default "
            "FROM information_schema.columns WHERE table_name = 'places' "
            "AND table_schema = database() ORDER BY ordinal_position"
        )
    return (
        columns,
        raw.execute("SELECT * FROM places ORDER BY id"),
        raw.execute("SELECT * FROM capitals ORDER BY country"),
        raw.execute("SELECT * FROM capital_names ORDER BY country"),
    )


def open_copy(example: str, folder: Path, url: str) -> projects.Project:
    """Copy an example, so that nothing is left in the original, and open it."""
    shutil.copytree(EXAMPLES / example, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return projects.open_project(folder=folder, database=url)


# --- quickstart -----------------------------------------------------------------------------


def test_the_quickstart_goes_up_down_and_up_again(database, raw, tmp_path):
    project = open_copy("quickstart", tmp_path / "project", database.url)
    look = "SELECT first_name, last_name FROM customers ORDER BY id"
    names = [("Ada", "Lovelace"), ("Grace", "Hopper"), ("Katherine", "Johnson")]

    project.up()
    above = raw(database).execute(look)
    project.down()
    below = raw(database).execute("SELECT full_name FROM customers ORDER BY id")
    project.down()
    project.up()

    assert names == above
    assert [(f"{first} {last}",) for first, last in names] == below
    assert names == raw(database).execute(look)


# --- demo -----------------------------------------------------------------------------------


def test_the_demo_goes_up_down_and_up_again_and_loses_nothing(database, raw, tmp_path, demo, few):
    build(demo, raw(database), few)
    project = open_copy("demo", tmp_path / "project", database.url)
    before = legacy_contents(raw(database))

    project.up()
    above = demo.proof.against(raw(database).execute, few)
    project.down(to="base")
    after = legacy_contents(raw(database))
    project.up()
    again = demo.proof.against(raw(database).execute, few)

    assert [] == above.wrong
    assert few.names + len(few.cities) == above.names
    assert before == after
    assert above == again


def test_the_demo_is_planned_wholly_before_it_runs(database, raw, tmp_path, demo, few):
    build(demo, raw(database), few)
    project = open_copy("demo", tmp_path / "project", database.url)

    plan = project.plan()

    assert 8 == len(plan.migrations)
    assert [] == [m.id for m in plan.migrations if m.undecided or m.problem]


@pytest.mark.slow
def test_make_demo_proves_everything_and_ends_with_zero(tmp_path):
    command = [sys.executable, DEMO / "run.py", "--folder", tmp_path / "demo", "--places", "3000"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    environment.pop("FORCE_COLOR", None)

    done = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", check=False
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "" == done.stderr
    assert "Nothing was lost" in done.stdout
    assert "paused, it stood still" in done.stdout
    assert "killed by SIGKILL in the middle of a batch" in done.stdout
    assert "was changed exactly once" in done.stdout
    assert "WRONG" not in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.slow
def test_make_demo_draws_its_progress_on_a_terminal(tmp_path):
    command = [sys.executable, DEMO / "run.py", "--folder", tmp_path / "demo", "--places", "3000"]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TERM": "xterm", "COLUMNS": "120"}

    process = subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    drawn = read_to_the_end(ours)

    assert 0 == process.wait(), drawn[-2000:]
    assert re.search(r"━╌+ [1-9]\d?% of about [\d,]+ rows · [\d,]+ rows/s · \d+ s left", drawn)
    assert "% of about" in drawn.partition("waiting: paused by")[0]
    assert "Nothing was lost" in drawn
    # Somebody killed was drawing; the cursor that it had hidden is shown again.
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")


def read_to_the_end(terminal: int) -> str:
    """Return what is written on a pseudo-terminal until its last writer has gone."""
    found = []
    while True:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # Linux says so that nobody is left on the other side
            break
        if not piece:
            break
        found.append(piece)
    os.close(terminal)
    return b"".join(found).decode("utf-8")


@pytest.mark.slow
def test_the_demo_ends_with_one_when_a_migration_loses_something(
    tmp_path, demo, monkeypatch, capfd
):
    broken = Path(shutil.copytree(DEMO, tmp_path / "broken"))
    (file,) = broken.glob("migrations/*_date_the_entries.py")
    text = file.read_text("utf-8")
    assert text.count("substr(entered, 1, 4)") == 1
    file.write_text(text.replace("substr(entered, 1, 4)", "'2004'"), "utf-8")
    # Every entry is of the year 2004 where there are few countries; so one is made older.
    monkeypatch.setattr(demo.legacy, "FIRST_DAY", datetime.date(2003, 12, 31))
    monkeypatch.setattr(demo.run, "HERE", broken)
    monkeypatch.setattr(
        sys, "argv", ["run.py", "--folder", str(tmp_path / "work"), "--places", "400"]
    )
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))

    code = demo.run.main()

    said = capfd.readouterr().out
    assert 1 == code
    assert "rows of places differ" in said
    assert "Nothing was lost" not in said


def test_the_demo_does_not_write_into_a_folder_that_is_somebody_elses(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")

    done = subprocess.run(
        [sys.executable, DEMO / "run.py", "--folder", tmp_path],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert 1 == done.returncode
    assert "is not empty" in done.stderr
    assert ["thesis.txt"] == [path.name for path in tmp_path.iterdir()]


# --- the demo's proofs ----------------------------------------------------------------------

DAMAGE = {
    "a name is gone": "DELETE FROM place_names WHERE id = 7",
    "a name is there twice": "INSERT INTO place_names "
    "SELECT NULL, place_id, 9999, name, search_form, version FROM place_names WHERE id = 7",
    "a name belongs to another place": "UPDATE place_names SET place_id = -1, position = 1 "
    "WHERE id = 7",
    "two names changed places": "UPDATE place_names SET position = 100 - position "
    "WHERE place_id = (SELECT max(place_id) FROM place_names WHERE position > 1)",
    "one letter is another one": "UPDATE place_names SET name = name || ' ' WHERE id = 7",
    "all names are gone": "DELETE FROM place_names",
    "a place has lost its own name": "DELETE FROM place_names WHERE position = 0 AND id = 7",
    "a name was not made searchable": "UPDATE place_names SET search_form = '', version = 1 "
    "WHERE id = 7",
    "a name was done twice": "UPDATE place_names SET version = version + 1 WHERE id = 7",
    "a place is gone": "DELETE FROM places WHERE id = (SELECT max(id) FROM places)",
    "a place is new": "INSERT INTO places SELECT id + 1, name, region, population, entered, "
    "country_code, time_zone_id, latitude, longitude, is_capital FROM places "
    "WHERE id = (SELECT max(id) FROM places)",
    "a population is a little larger": "UPDATE places SET population = population + 1 "
    "WHERE population = 24874500",
    "a population is forgotten": "UPDATE places SET population = NULL WHERE population = 24874500",
    "an unknown population is none": "UPDATE places SET population = 0 WHERE population IS NULL",
    "a population is a text": "UPDATE places SET population = '1 ' || population",
    "a coordinate is rounded": "UPDATE places SET latitude = round(latitude, 2)",
    "the south is the north": "UPDATE places SET latitude = abs(latitude)",
    "a country is another one": "UPDATE places SET country_code = 'AD' "
    "WHERE id = (SELECT max(id) FROM places)",
    "nobody is a capital": "UPDATE places SET is_capital = 0",
}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory, demo: SimpleNamespace, few: object) -> Path:
    """A migrated demo database, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    file = folder / "geonames.db"
    demo.legacy.build(file, few)
    open_copy("demo", folder / "project", f"sqlite:///{file}").up()
    return file


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_proof_against_the_package_notices_that(damage, migrated, tmp_path, demo, few):
    file = Path(shutil.copy(migrated, tmp_path))

    with closing(sqlite3.connect(file)) as connection:
        sound = demo.proof.against(connection.execute, few)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("DROP TRIGGER capitals_stay")
        connection.execute(DAMAGE[damage])
        damaged = demo.proof.against(connection.execute, few)

    assert [] == sound.wrong
    assert [] != damaged.wrong


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        ("UPDATE places SET population = 5 WHERE id = 1", "rows of places differ"),
        ("UPDATE places SET name = NULL WHERE id = 1", "rows of places differ"),
        ("DELETE FROM places WHERE id = 1", "rows of places differ"),
        ("DELETE FROM capitals", "rows of capitals differ"),
        ("UPDATE sqlite_sequence SET seq = 1", "rows of sqlite_sequence differ"),
        ("ALTER TABLE places ADD COLUMN more TEXT", "rows of places differ"),
        ("ALTER TABLE places RENAME COLUMN region TO area", "rows of places differ"),
        ("CREATE TABLE more (id INTEGER)", "table more is new"),
        ("DROP TABLE capitals", "table capitals is gone"),
        ("DROP TRIGGER capitals_stay", "trigger capitals_stay was"),
        ("DROP VIEW capital_names", "view capital_names was"),
        ("DROP INDEX places_by_name", "index places_by_name was"),
    ],
)
def test_the_comparison_with_before_notices(change, noticed, tmp_path, demo, few):
    file = tmp_path / "geonames.db"
    demo.legacy.build(file, few)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE places SET id = 1 WHERE id = (SELECT min(id) FROM places)")
    before = demo.proof.contents(file)

    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(change)
    found = demo.proof.differences(before, demo.proof.contents(file))

    assert any(noticed in line for line in found), found


def test_the_comparison_with_before_leaves_our_own_tables_out(tmp_path, demo, few):
    file = tmp_path / "geonames.db"
    demo.legacy.build(file, few)
    before = demo.proof.contents(file)

    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE whimbrel_runs (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        connection.execute("INSERT INTO whimbrel_runs DEFAULT VALUES")
    after = demo.proof.contents(file)

    assert [] == demo.proof.differences(before, after)
    assert before.checksum == after.checksum


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE place_names SET version = version + 1 WHERE id = 7",
        "UPDATE place_names SET version = 1 WHERE id = 7",
        "DELETE FROM place_names WHERE id = 7",
        "UPDATE whimbrel_batches SET rows_read = rows_read + 1",
        "UPDATE whimbrel_batches SET finished_at = 'later'",
    ],
)
def test_the_check_for_exactly_once_notices(damage, migrated, tmp_path, demo, few):
    file = Path(shutil.copy(migrated, tmp_path))
    at_kill = demo.proof.checkpoint(file)
    check = demo.run.Demo(tmp_path, few)

    check.exactly_once(at_kill)
    sound = list(check.wrong)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(damage)
    check.exactly_once(at_kill)

    assert at_kill.rows == at_kill.done == few.names + len(few.cities)
    assert [] == sound
    assert [] != check.wrong


def test_the_plan_is_shortened_to_migrations_and_steps_that_go_through_rows(demo):
    plan = """\
up · 1 migration · SQLite · sqlite:///geonames.db

20260518_100000_mark_capitals  Every place says whether it is a capital.
  step by step, because table places is too large for one transaction
  1  add column places.is_capital
     ALTER TABLE "places" ADD COLUMN "is_capital" BOOLEAN DEFAULT 0 NOT NULL
  2  backfill places.is_capital
     UPDATE "places" SET "is_capital" = (TRUE) WHERE "id" > :after AND "id" <= :upto
     about 34,006 rows, in batches by id

nothing was changed; do it:  whimbrel up"""

    shown = demo.run.shortened(plan.splitlines())

    assert [line for line in plan.splitlines() if "add column" not in line and '"' not in line] == (
        shown
    )


# --- the page -------------------------------------------------------------------------------


def test_the_page_of_examples_names_each_of_them():
    projects_here = {file.parent.name for file in EXAMPLES.glob("*/whimbrel.toml")}
    titles = re.findall(r"^## (\w+)$", (EXAMPLES / "README.md").read_text("utf-8"), re.M)

    assert sorted(projects_here) == sorted(titles)


def test_the_page_of_examples_names_each_migration_of_the_demo():
    page = (EXAMPLES / "README.md").read_text("utf-8")
    names = [path.stem[len("20260504_090000_") :] for path in (DEMO / "migrations").glob("*.py")]

    assert [] == [name for name in names if f"`{name}`" not in page]


def test_the_page_of_examples_gives_the_real_counts(demo):
    page = (EXAMPLES / "README.md").read_text("utf-8")
    source = demo.legacy.source()

    assert f"{len(source.cities):,} real places with {source.names:,} alternate names" in page
