"""What a transfer says of itself: counts of all attempts, what the target refused, the journal."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import whimbrel
from tests import conftest, databases
from tests.contract.test_transfer_stopped import Stopping, nth
from whimbrel import events
from whimbrel.cli import app
from whimbrel.journal import journal, tables
from whimbrel.transfers import door
from whimbrel.transfers import plan as planning
from whimbrel.transfers import transfer as transferring

ROWS = 8_000
ENGINES = ("sqlite", "postgresql", "mariadb")
# What makes it look like one of an older version.
NEW_COLUMNS = ("rows_dropped", "bytes", "cleansed")


@pytest.fixture
def letters(new_database: conftest.NewDatabase, raw: conftest.OpenRaw) -> databases.Database:
    """Texts with blanks around them."""
    database = new_database("sqlite")
    raw(database).execute("CREATE TABLE item (id integer PRIMARY KEY, n integer, said text)")
    raw(database).execute(
        f"""INSERT INTO item WITH RECURSIVE one (n) AS (
                SELECT 1 UNION ALL SELECT n + 1 FROM one WHERE n < {ROWS})
            SELECT n, n, iif(n % 10, iif(n % 2, ' ' || n || ' ', n), '-') FROM one"""
    )
    return database


def asked(
    here: databases.Database, there: databases.Database, folder: Path
) -> transferring.Request:
    """Ask for it by rules, in small chunks, one at a time."""
    (folder / "whimbrel.toml").write_text(
        '[transfers.clean.tables.item]\ncleanse = { said = ["trim", { null_if = ["-"] }] }\n'
    )
    made = door.request(here.url, there.url, rules="clean", folder=folder)
    options = planning.Options(jobs=1, chunk_rows=1_000, chunk_bytes=16_000)
    return dataclasses.replace(made, options=options)


@pytest.mark.parametrize("target", ENGINES)
def test_what_earlier_attempts_cleansed_is_counted(
    target: str, letters: databases.Database, new_database: conftest.NewDatabase, tmp_path: Path
) -> None:
    whole, there = new_database(target), new_database(target)
    expected = transferring.transfer(asked(letters, whole, tmp_path))
    with pytest.raises(KeyboardInterrupt):
        transferring.transfer(
            asked(letters, there, tmp_path), tell=Stopping(nth(events.ChunkCopied, 4))
        )

    done = transferring.transfer(asked(letters, there, tmp_path))

    (one,), (other,) = expected.tables, done.tables
    assert other.before >= 3_000
    assert {ROWS // 2, ROWS // 10} == {rule.values for rule in one.cleansed.values()}
    assert one.cleansed == other.cleansed
    assert (one.rows, one.size, one.dropped) == (other.rows, other.size, other.dropped)


@pytest.mark.parametrize("target", ENGINES)
def test_a_journal_of_version_3_is_gone_on_with(
    target: str,
    letters: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
    tmp_path: Path,
) -> None:
    there = new_database(target)
    with pytest.raises(KeyboardInterrupt):
        transferring.transfer(
            asked(letters, there, tmp_path), tell=Stopping(nth(events.ChunkCopied, 4))
        )
    for column in NEW_COLUMNS:
        raw(there).execute(f"ALTER TABLE whimbrel_parts DROP COLUMN {column}")
    raw(there).execute("UPDATE whimbrel_journal SET version = 3")
    shown = app.main(["show", "--database", there.url])

    done = transferring.transfer(asked(letters, there, tmp_path))

    assert (0, ROWS) == (shown, done.rows)
    assert tables.VERSION == raw(there).value("SELECT version FROM whimbrel_journal")
    assert journal.Status.DONE.value == raw(there).value("SELECT status FROM whimbrel_runs")


# --- what the target refuses ------------------------------------------------------------------


@pytest.fixture
def with_view(new_database: conftest.NewDatabase, raw: conftest.OpenRaw) -> databases.Database:
    """A view that one server takes and the other does not."""
    database = new_database("mariadb")
    raw(database).execute("CREATE TABLE item (id int PRIMARY KEY, n int, m int)")
    raw(database).execute("INSERT INTO item VALUES (1, 2, 3)")
    raw(database).execute("CREATE VIEW loose AS SELECT n, m, count(*) AS c FROM item GROUP BY n")
    return database


def test_what_the_target_refuses_is_named_and_the_exit_code_says_so(
    with_view: databases.Database,
    new_database: conftest.NewDatabase,
    capsys: pytest.CaptureFixture[str],
) -> None:
    there = new_database("postgresql")

    code = app.main(["transfer", with_view.url, there.url, "--no-report"])

    said = capsys.readouterr().out
    assert 1 == code
    assert "not in the target  view loose: the target refused it: column" in said
    assert said.splitlines()[-1].startswith("done, but not all: 1 object not in the target; 1 tab")


def test_what_the_target_refused_is_known_after_a_stop_and_tried_again(
    with_view: databases.Database, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    there = new_database("postgresql")
    with pytest.raises(KeyboardInterrupt):
        transferring.transfer(
            door.request(with_view.url, there.url), tell=Stopping(nth(events.VerifyStarted, 1))
        )

    done = whimbrel.transfer(with_view.url, there.url)

    (one,) = done.not_made
    assert (True, False, "loose") == (done.resumed, done.ok, one.name)
    assert one.text.startswith("CREATE VIEW")
    noted = raw(there).execute("SELECT noted FROM whimbrel_steps WHERE noted IS NOT NULL")
    assert 1 == len(noted)
