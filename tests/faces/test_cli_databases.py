"""The command line on real databases: what people do, in the order in which they do it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from tests import engines, servers
from tests.faces.shell import bash, command, on_terminal, python
from whimbrel.cli import app

FIRST = "20260101_101500_make_city"
SECOND = "20260102_090000_fill_city"

MAKE = '''\
from whimbrel import Migration


class MakeCity(Migration):
    """Make the table of cities."""

    def up(self):
        self.create_table("city", [
            self.column("id", "integer", primary_key=True),
            self.column("name", "string", length=50),
        ])

    def down(self):
        self.drop_table("city")
'''
FILL = '''\
from whimbrel import Migration


class FillCity(Migration):
    """Fill it."""

    def up(self):
        self.add_column("city", "people", "integer")
        for number in range(1, 71):
            self.execute(
                "INSERT INTO city (id, name, people) VALUES (:id, :name, 0)",
                {"id": number, "name": f"city {number}"},
            )
        print("seventy cities are there")

    def down(self):
        self.execute("DELETE FROM city")
        self.remove_column("city", "people")
'''


@dataclass(frozen=True, slots=True)
class Done:
    """What a command wrote, and how it ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(autouse=True)
def _no_other_database(monkeypatch):
    monkeypatch.delenv("WHIMBREL_DATABASE_URL", raising=False)


@pytest.fixture
def cities(project, database):
    """A project of two migrations, and its database by the name of `main`."""
    project.migration(FIRST, MAKE)
    project.migration(SECOND, FILL)
    project.config(f'[databases.main]\nurl = "{database.url}"\n')
    return project


@pytest.fixture
def run(cities, monkeypatch, capsys):
    """Run `whimbrel` in the project, in this process: a new one for each would take minutes."""
    monkeypatch.chdir(cities.path)

    def run_(*arguments):
        capsys.readouterr()
        code = app.main(arguments)
        told = capsys.readouterr()
        return Done(code, told.out, told.err)

    return run_


@pytest.fixture
def read_only(cities, run, raw, database):
    """Run `whimbrel` on the same database, which may not be written."""
    if database.kind == "postgresql":
        setting = "SET default_transaction_read_only = on"
        raw(database).execute(f"ALTER DATABASE {database.name} {setting}")
        yield run
        return
    if database.kind == "sqlite":
        raw(database).execute("CREATE TABLE something (id INTEGER)")
        database.file.chmod(0o444)
        database.file.parent.chmod(0o555)
        yield run if os.geteuid() != 0 else _bound_by_rights(cities.path)
        database.file.parent.chmod(0o755)
        return
    reader = f"reader_{database.name}"
    raw(database).execute(f"CREATE USER {reader}@'%' IDENTIFIED BY 'reader'")
    raw(database).execute(f"GRANT SELECT ON {database.name}.* TO {reader}@'%'")
    url = f"{database.kind}://{reader}:reader@{database.url.rpartition('@')[2]}"
    yield lambda *arguments: run(*arguments, "-d", url)
    raw(database).execute(f"DROP USER {reader}@'%'")


def _bound_by_rights(folder):
    """Run `whimbrel` as a root that the rights of files bind."""
    bound = ["setpriv", "--bounding-set=-dac_override", "--"]
    if shutil.which("setpriv") is None or subprocess.run([*bound, "true"], check=False).returncode:
        pytest.skip("nothing is read-only for root, and setpriv cannot change that here")
    start = " ".join(bound)
    return lambda *arguments: bash(f"{start} whimbrel {' '.join(arguments)}", cwd=folder)


def documents(done):
    """Return the JSON lines of a command."""
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- the usual way --------------------------------------------------------------------------


def test_up_and_down_and_what_is_shown_between(run, raw, database):
    before = run("status")
    up = run("up")
    rows = raw(database).value("SELECT count(*) FROM city")
    again = run("up")
    after = run("status")
    down = run("down")
    rest = run("status")

    assert [0] * 6 == [done.returncode for done in (before, up, again, after, down, rest)]
    assert "2 pending" == before.stdout.splitlines()[-1]
    assert 70 == rows
    assert "nothing to do: 2 migrations are applied\n" == again.stdout
    assert "2 applied" == after.stdout.splitlines()[-1]
    assert "took back 1 migration in" in down.stdout.splitlines()[-1]
    assert "1 applied, 1 pending" == rest.stdout.splitlines()[-1]


def test_up_tells_each_step_once_with_rows_and_seconds(run):
    done = run("up")

    told = re.sub(r"\d+(\.\d+)? m?s\b", "SECONDS", done.stdout)
    lines = [" ".join(line.split()) for line in told.splitlines()]
    insert = "INSERT INTO city (id, name, people) VALUES"
    assert (0, "") == (done.returncode, done.stderr)
    assert [
        FIRST,
        "1/1 create table city SECONDS",
        "applied in SECONDS",
        SECOND,
        "1/71 add column city.people SECONDS",
    ] == lines[1:6]
    assert lines[6].startswith(f"2/71 {insert}")
    assert lines[6].endswith("1 row SECONDS")
    assert "seventy cities are there" in lines
    assert any(line.startswith(f"71/71 the same × 69: {insert}") for line in lines)
    assert any(line.endswith("69 rows SECONDS") for line in lines)
    assert "applied 2 migrations in SECONDS · 70 rows changed by SQL" == lines[-1]


def test_nothing_is_drawn_into_a_pipe(run):
    told = "".join(run(*c).stdout for c in (["plan"], ["up"], ["status"], ["history"]))

    assert "\x1b" not in told
    assert "\r" not in told


def test_plan_shows_the_sql_and_changes_nothing(run, raw, database):
    plan = run("plan")
    status = run("status")

    assert (0, "") == (plan.returncode, plan.stderr)
    assert f"up · 2 migrations · {database.engine.title.split()[0]} · " in plan.stdout
    assert "CREATE TABLE" in plan.stdout
    assert "VALUES (:id, :name, 0)  × 70\n" in plan.stdout
    assert "seventy cities" not in plan.stdout
    assert "2 pending" == status.stdout.splitlines()[-1]


def test_plan_as_a_script_folds_loops_into_a_comment(run):
    script = run("plan", "--sql").stdout

    live = [line for line in script.splitlines() if line and not line.startswith("--")]
    assert "× 70" in script
    assert not any("INSERT" in line for line in live)
    assert any(line.startswith("CREATE TABLE") for line in live)


def test_a_script_is_free_of_what_a_file_prints_while_it_is_read(run, cities):
    cities.migration(FIRST, MAKE + 'print("read")\n')

    script = run("plan", "--sql")

    assert "read\n" == script.stderr
    assert "read" not in script.stdout.splitlines()


def test_plan_of_the_way_back(run):
    run("up")

    plan = run("plan", "down", "--json")

    (only,) = json.loads(plan.stdout)["migrations"]
    assert (SECOND, "down") == (only["migration"], only["direction"])
    assert ["DELETE FROM city"] == only["steps"][0]["sql"]


def test_up_by_number_and_as_far_as_one(run):
    one = run("up", "1", "--json")
    to = run("up", "--to", "fill_city", "--json")

    assert [FIRST] == documents(one)[-1]["migrations"]
    assert [SECOND] == documents(to)[-1]["migrations"]


def test_down_without_a_number_takes_back_the_last_one(run):
    run("up")

    first = documents(run("down", "--json"))[-1]
    second = documents(run("down", "--json"))[-1]
    third = run("down")

    assert ([SECOND], [FIRST]) == (first["migrations"], second["migrations"])
    assert (0, "nothing to do: no migration is applied\n") == (third.returncode, third.stdout)


def test_down_to_nothing(run):
    run("up")

    done = run("down", "--to", "0", "--json")

    assert [SECOND, FIRST] == documents(done)[-1]["migrations"]


def test_quiet_runs_say_nothing(run):
    told = [run(*c, "--quiet") for c in (["up"], ["down"], ["baseline"])]

    assert [(0, "", "")] == [
        *{(done.returncode, done.stdout.replace("seventy cities are there\n", ""), done.stderr)
          for done in told}
    ]  # fmt: skip


def test_history_shows_the_newest_runs_first_and_says_if_there_are_more(run):
    run("up")
    run("down")

    all_ = run("history")
    one = run("history", "--limit", "1")
    fields = json.loads(run("history", "--limit", "2", "--json").stdout)

    lines = all_.stdout.splitlines()
    assert ["down", "up", "up"] == [line.split()[4] for line in lines[1:]]
    assert [SECOND, SECOND, FIRST] == [line.split()[6] for line in lines[1:]]
    assert "there are older ones:  whimbrel history --limit 5" == one.stdout.splitlines()[-1]
    assert (True, ["down", "up"]) == (fields["more"], [r["direction"] for r in fields["runs"]])


def test_history_of_a_new_database_is_empty(run):
    assert "nothing was run here yet" == run("history").stdout.splitlines()[-1]


def test_without_migrations_the_next_step_is_named(run, cities):
    for file in cities.migrations.iterdir():
        file.unlink()

    status, up = run("status"), run("up")

    assert "there are no migrations yet; make one:  whimbrel new NAME" in status.stdout
    assert "there are no migrations yet; make one:  whimbrel new NAME" in up.stdout


# --- for programs ---------------------------------------------------------------------------


def test_up_is_a_stream_of_events_that_ends_with_the_result(run):
    done = run("up", "--json")

    lines = documents(done)
    names = [line.get("event") for line in lines]
    last = lines[-1]
    assert 0 == done.returncode
    assert ["run-started", "migration-started"] == names[:2]
    assert 72 == names.count("step-done")
    assert ("done", [FIRST, SECOND], 70) == (last["result"], last["migrations"], last["rows"])
    assert "seventy cities are there\n" == done.stderr


def test_a_failure_is_the_last_line_of_the_stream(run, cities, database):
    cities.migration(SECOND, FILL.replace('print("seventy', 'raise ValueError("seventy'))

    done = run("up", "--json")

    last = documents(done)[-1]
    whole = database.kind in {"sqlite", "postgresql"}
    assert (1 if whole else 3) == done.returncode == last["exit_code"]
    assert "migration-failed" == last["error"]
    assert "ValueError: seventy cities are there" == last["cause"]
    assert "" == done.stderr


def test_status_gives_every_field(run):
    run("up", "1")

    status = json.loads(run("status", "--json").stdout)

    first, second = status["migrations"]
    assert (FIRST, "applied", "Make the table of cities.") == (
        first["id"],
        first["state"],
        first["doc"],
    )
    assert first["applied_at"] is not None
    assert (SECOND, "pending", None) == (second["id"], second["state"], second["applied_at"])


# --- what people say ------------------------------------------------------------------------


def test_baseline_declares_without_running(run, raw, database):
    raw(database).execute("CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR(50))")

    done = run("baseline", "--to", "make_city")
    status = run("status")
    up = run("up")

    assert (0, 0) == (done.returncode, up.returncode)
    assert [f"  {FIRST}", "declared 1 migration as applied; nothing was run"] == (
        done.stdout.splitlines()
    )
    assert "1 baseline, 1 pending" == status.stdout.splitlines()[-1]


def test_an_edited_file_is_refused_shown_and_accepted(run, cities):
    run("up")
    cities.migration(FIRST, MAKE + "# a comment\n")

    refused = run("up")
    status = run("status")
    accepted = run("accept", "make_city")
    again = run("up")

    assert (1, 1, 0, 0) == tuple(done.returncode for done in (refused, status, accepted, again))
    assert f"migration {FIRST} was edited after it had been applied" in refused.stderr
    assert "edited: see:  whimbrel explain history-edited" in status.stdout
    assert f"{FIRST} is accepted as its file is now\n" == accepted.stdout


def test_a_missing_file_is_refused_and_shown(run, cities):
    run("up")
    (cities.migrations / f"{FIRST}.py").unlink()

    refused, status = run("up"), run("status")
    accepted, after = run("accept", FIRST), run("status")

    assert [1, 1, 0, 0] == [d.returncode for d in (refused, status, accepted, after)]
    assert f"missing  {FIRST}" in status.stdout
    assert FIRST in refused.stderr
    assert f"{FIRST} is no longer in the history; its file is gone\n" == accepted.stdout
    assert FIRST not in after.stdout


def test_a_late_file_is_refused_and_runs_when_told_to(run, cities):
    run("up")
    cities.migration("20251231_000000_late", MAKE.replace('"city"', '"late"'))

    refused, planned, done = run("up"), run("plan", "--out-of-order"), run("up", "--out-of-order")

    assert (1, 0, 0) == (refused.returncode, planned.returncode, done.returncode)
    assert "20251231_000000_late" in refused.stderr


def test_resolve_wants_a_step_that_is_in_doubt(run):
    run("up")

    done = run("resolve", "fill_city", "1", "--done")

    assert 2 == done.returncode
    assert f"step 1 of {SECOND} is not in doubt" in done.stderr


# --- what goes wrong ------------------------------------------------------------------------


def test_a_migration_that_raises_says_where_and_what_is_left(run, cities, database):
    cities.migration(
        SECOND, FILL.replace("        for", '        raise OSError("no")\n        for')
    )

    done = run("up")
    status = run("status")

    whole = database.kind in {"sqlite", "postgresql"}
    assert (1 if whole else 3) == done.returncode
    assert f"migration {SECOND} failed at step 1" in done.stderr
    assert f"migrations/{SECOND}.py:9" in done.stderr
    assert "  stopped\n" in done.stdout
    if whole:
        assert f"nothing of {SECOND} stays" in done.stderr
        assert 0 == status.returncode
    else:
        assert "half up: go on:  whimbrel up   or take it back:  whimbrel down" in status.stdout
        assert 1 == status.returncode


def test_a_half_done_migration_goes_on_when_it_is_corrected(run, cities, raw, database):
    cities.migration(
        SECOND, FILL.replace("        print", '        raise OSError("no")\n        print')
    )
    run("up")
    cities.migration(SECOND, FILL)

    done = run("up")

    assert 0 == done.returncode, done.stderr
    assert 70 == raw(database).value("SELECT count(*) FROM city")


def test_a_migration_cannot_end_python(run, cities):
    cities.migration(
        SECOND, FILL.replace("        for", "        raise SystemExit(0)\n        for")
    )

    done = run("up")

    assert done.returncode in {1, 3}
    assert "sys.exit" in done.stderr


def test_a_syntax_error_names_file_and_line(run, cities):
    cities.migration(SECOND, "class Fill(:\n")

    for arguments in (["plan"], ["up"], ["status"]):
        done = run(*arguments)
        assert 2 == done.returncode
        assert f"migrations/{SECOND}.py:1" in done.stderr
        assert "SyntaxError" in done.stderr


def test_two_heads_are_refused_with_the_way_out(run, cities):
    text = MAKE.replace("    def up", f'    depends_on = ["{FIRST}"]\n\n    def up')
    cities.migration(SECOND, text.replace('"city"', '"a"'))
    cities.migration("20260103_000000_other", text.replace('"city"', '"b"'))

    refused, one = run("up"), run("up", "--to", SECOND)

    assert (2, 0) == (refused.returncode, one.returncode)
    assert "whimbrel new merge_branches --merge" in refused.stderr


def test_a_migration_that_does_not_exist_is_told(run):
    done = run("up", "--to", "nowhere")

    assert 2 == done.returncode
    assert "no migration is called 'nowhere'" in done.stderr


def test_a_refused_plan_touches_nothing(run, cities):
    cities.migration(SECOND, FILL.replace('"city", "people"', '"citty", "people"'))

    plan, up, status = run("plan"), run("up"), run("status")

    assert (1, 1, 0) == (plan.returncode, up.returncode, status.returncode)
    assert "table 'citty' does not exist" in plan.stderr
    assert "table 'citty' does not exist" in up.stderr
    assert "2 pending" == status.stdout.splitlines()[-1]


def test_a_database_that_may_not_be_written_is_told(cities, read_only):
    done = read_only("up")
    looked = read_only("status")

    assert (1, 0) == (done.returncode, looked.returncode), done.stderr + looked.stderr
    assert "Traceback" not in done.stderr
    assert "2 pending" == looked.stdout.splitlines()[-1]


def test_a_reader_that_leaves_does_not_stop_the_migration(cities, raw, database):
    done = bash("whimbrel up | head -n 1; exit ${PIPESTATUS[0]}", cwd=cities.path)

    assert (0, "", 1) == (done.returncode, done.stderr, len(done.stdout.splitlines()))
    assert 70 == raw(database).value("SELECT count(*) FROM city")


# --- secrets --------------------------------------------------------------------------------


def test_a_password_is_never_shown(run, cities, database):
    if database.secret_url is None:
        pytest.skip("this database has no users")
    cities.config("")
    cities.migration(
        SECOND, FILL.replace("        print", '        raise OSError("no")\n        print')
    )
    told = []

    for arguments in (
        ["status"], ["plan"], ["plan", "--sql"], ["up"], ["up", "--json"], ["history", "--json"],
        ["up", "--traceback"], ["down", "--json"], ["nonsense"], ["up", "--nonsense"],
    ):  # fmt: skip
        done = run(*arguments, "-d", database.secret_url)
        told += [done.stdout, done.stderr]

    text = "".join(told)
    assert "***" in text
    for secret in (servers.SECRET_PASSWORD, quote(servers.SECRET_PASSWORD, safe="")):
        assert secret not in text


# --- on a terminal --------------------------------------------------------------------------


def test_a_terminal_gets_colour_and_a_live_line(cities):
    shown = on_terminal("up", cwd=cities.path)

    assert 0 == shown.code
    assert "\x1b[32mapplied\x1b[0m" in shown.raw
    assert "\x1b[2m  1 of 2 · between two steps\x1b[0m\r" in shown.raw
    assert shown.raw.rindex("\x1b[?25h") > shown.raw.rindex("\x1b[?25l")
    assert "seventy cities are there\n" in shown.text
    assert "applied 2 migrations in" in shown.text.splitlines()[-1]


def test_what_a_migration_writes_goes_above_what_is_drawn(cities):
    talking = (
        'import sys; print("one"); print("\\033[31mtwo", file=sys.stderr); '
        'print("th", end=""); print("ree", end="")'
    )
    cities.migration(SECOND, FILL.replace('print("seventy cities are there")', talking))

    shown = on_terminal("up", cwd=cities.path)

    lines = shown.text.splitlines()
    assert 0 == shown.code
    assert {"one", "two"} <= set(lines)
    assert "three" in lines
    assert "\x1b[31mtwo" in shown.raw


def test_no_color_means_plain_lines_on_a_terminal_too(cities):
    shown = on_terminal("up", cwd=cities.path, env={"NO_COLOR": "1"})

    assert 0 == shown.code
    assert "\x1b" not in shown.raw


def test_an_error_on_a_terminal_has_a_red_headline_and_its_own_words(cities):
    shown = on_terminal("up", "--to", "nowhere", cwd=cities.path)

    assert 2 == shown.code
    assert "\x1b[1;31mno migration is called 'nowhere'\x1b[0m" in shown.raw
    assert "  to do     see all of them:  whimbrel status\n" in shown.text


# --- the other name -------------------------------------------------------------------------


def test_activerecord_users_have_the_same_commands(cities, database):
    def ran(*arguments):
        module = "rhosocial.activerecord.migration"
        return python("-W", "error", "-m", module, *arguments, cwd=cities.path)

    made, up, status, down = ran("create", "third"), ran("up", "2"), ran("status"), ran("down", "1")

    assert [0] * 4 == [done.returncode for done in (made, up, status, down)], up.stderr
    assert made.stdout.endswith("_third.py\n")
    assert "2 applied, 1 pending" == status.stdout.splitlines()[-1]
    assert "took back 1 migration" in down.stdout


# --- models ---------------------------------------------------------------------------------

MODELS = """\
from __future__ import annotations

from rhosocial.activerecord.backend.impl.sqlite import SQLiteBackend
from rhosocial.activerecord.backend.impl.sqlite.config import SQLiteConnectionConfig
from rhosocial.activerecord.model import ActiveRecord


class City(ActiveRecord):
    __table_name__ = "city"
    __primary_key__ = "id"
    id: int | None = None
    name: str = ""


City.configure(SQLiteConnectionConfig(database="FILE"), SQLiteBackend)
"""
BY_MODELS = """\
from app.models import City
from rhosocial.activerecord.migration import Migration


class ByModels(Migration):
    def up(self):
        for number in range(250):
            City(name=f"city {number}").save()

    def down(self):
        self.execute("DELETE FROM city")
"""


@engines.only("sqlite")
def test_rows_through_models_are_counted_and_leave_no_log(cities, database):
    cities.migration(SECOND, BY_MODELS)
    (cities.path / "app").mkdir()
    (cities.path / "app" / "models.py").write_text(
        MODELS.replace("FILE", str(database.file)), encoding="utf-8"
    )

    done = command("up", cwd=cities.path)

    lines = done.stdout.splitlines()
    assert (0, "") == (done.returncode, done.stderr)
    assert "  through models: 250 rows written" in lines
    assert lines[-1].endswith("250 rows written through models")
