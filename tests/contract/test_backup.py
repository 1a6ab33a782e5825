"""A backup is made, the database damaged, the backup restored: all is as it was, on each engine.

What is compared is what the catalogs say and what the plain drivers read; nothing of a backup's
own sums. What happens to those who are killed is in `tests/crash/test_kill_restore`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import conftest, databases, engines, servers
from tests.contract import test_sample_databases as samples
from tests.contract import test_version_upgrade as everything
from whimbrel import errors
from whimbrel.engines import backups as tools
from whimbrel.engines import base, registry
from whimbrel.journal import journal, restoring
from whimbrel.rehearsal import backup as making
from whimbrel.rehearsal import manifest as manifests
from whimbrel.rehearsal import portable, scratch
from whimbrel.rehearsal import restore as restoring_

BY_NAME = {(one.name, one.engine): one for one in samples.SAMPLES}
WAYS = pytest.mark.parametrize("way", [manifests.PORTABLE, manifests.NATIVE])
OF_SERVERS = engines.only("postgresql", "mariadb")


@pytest.fixture(autouse=True)
def _programs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the programs of the very server be found that the tests have started."""
    wanted = {"postgresql": 16, "postgresql18": 18}
    if "database" not in request.fixturenames:
        return
    engine_id = request.getfixturevalue("database").engine_id
    if engine_id in wanted:
        with contextlib.suppress(servers.Unavailable):
            programs = servers.postgresql_programs(wanted[engine_id])
            monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def needed(database: databases.Database) -> None:
    """Skip where the server's own programs are not installed."""
    names = {
        "postgresql": ("pg_dump", "pg_restore", "psql"),
        "mariadb": ("mariadb-dump", "mariadb"),
        "mysql": ("mysqldump", "mysql"),
    }
    missing = [name for name in names.get(database.kind, ()) if tools.found(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed here")


def with_history(database: databases.Database) -> None:
    """Give a database a journal, with a run in it."""
    with contextlib.closing(registry.open_session(database.url)) as session:
        notes = journal.Journal(session)
        notes.ensure()
        notes.put_migration(
            "20260101_000000_first",
            status=journal.Applied.APPLIED,
            fingerprint="f" * 64,
            who="ana",
            run=None,
        )
        session.commit()


def state(
    database: databases.Database, raw: databases.Raw, *, rows: bool = True
) -> dict[str, object]:
    """Return what the catalog says, all rows, what counts would give, and our own history."""
    return {
        "texts": everything.listing.said(database),
        "rows": everything.rows(raw) if rows else {},
        "history": raw.execute("SELECT id, status, applied_by FROM whimbrel_migrations"),
        "sequences": _numbers(raw),
    }


def _numbers(raw: databases.Raw) -> dict[str, object]:
    """Return what sequences would give next, without counting on."""
    if raw.database.kind != "postgresql":
        return {}
    found = raw.execute(
        "SELECT c.relname, s.seqincrement FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid "
        "WHERE c.relnamespace = 'public'::regnamespace"
    )
    return {
        str(name): raw.execute(
            f'SELECT last_value + CASE WHEN is_called THEN {step} ELSE 0 END FROM "{name}"'
        )
        for name, step in sorted(found)
    }


def of_tables(database: databases.Database, raw: databases.Raw) -> dict[str, object]:
    """Return the same without what views give, which may be in any order or need functions."""
    with contextlib.closing(registry.open_session(database.url)) as session:
        names = {
            name: session.engine.quote(name) for name in session.engine.catalog(session).tables()
        }
    rows = {
        name: sorted(map(repr, raw.execute(f"SELECT * FROM {quoted}")))
        for name, quoted in names.items()
    }
    return {**state(database, raw, rows=False), "tables": rows}


def damage(raw: databases.Raw) -> None:
    """Change rows, drop a table with rows, and make something that was not there."""
    kind = raw.database.kind
    quote = "`" if kind == "mariadb" else '"'
    with contextlib.closing(registry.open_session(raw.database.url)) as session:
        tables = session.engine.catalog(session).tables()
        session.rollback()
    if kind == "mariadb":
        raw.execute("SET foreign_key_checks = 0")
    gone = 0
    for name in tables:
        if gone < 3:
            cascade = " CASCADE" if kind == "postgresql" else ""
            with contextlib.suppress(Exception):  # another table stands on it
                raw.execute(f"DROP TABLE {quote}{name}{quote}{cascade}")
                gone += 1
    assert gone
    raw.execute("CREATE TABLE stray (id int)")
    raw.execute("INSERT INTO stray VALUES (1)")
    raw.execute("DELETE FROM whimbrel_migrations")


def saved(database: databases.Database, folder: Path, **more: object) -> making.Backup:
    """Make a backup of a database in a folder."""
    return making.backup(database.url, into=folder, folder=folder.parent, **more)  # type: ignore[arg-type]


def put_back(
    name: str, database: databases.Database, folder: Path, **more: object
) -> restoring_.Restored:
    """Restore a backup of a folder."""
    return restoring_.restore(
        name,
        into=database.url,
        backups_in=folder,
        folder=folder.parent,
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Path]:
    """A folder for backups; when a test ends nothing half-written is in it."""
    folder = tmp_path / "backups"
    yield folder
    if folder.exists():
        assert [] == [one.name for one in folder.iterdir() if one.name.startswith(".")]


# --- as it was ---------------------------------------------------------------------------------


@WAYS
@engines.without("mysql")
def test_one_of_everything_is_as_it_was(database, raw, shelf, way, needed):
    everything.full(database, raw)
    with_history(database)
    before = state(database, raw(database))
    made = saved(database, shelf, way=way, verify="restore")
    damage(raw(database))

    done = put_back(made.name, database, shelf, existing="replace")

    assert done.ok
    assert "table stray" in " ".join(done.dropped) or "public.stray" in " ".join(done.dropped)
    after = state(database, raw(database))
    if (database.kind, way) == ("postgresql", "native"):
        # pg_dump gives an heir its parent's columns first.
        for one in (before, after):
            one["texts"] = {k: v for k, v in one["texts"].items() if ".crooked." not in f".{k}."
                            and not k.startswith("column crooked")}  # fmt: skip
            one["rows"].pop("crooked", None)
    assert before == after


@WAYS
@pytest.mark.parametrize(
    "sample",
    [
        "chinook",
        pytest.param("sakila", marks=pytest.mark.exhaustive),
        pytest.param("northwind", marks=pytest.mark.exhaustive),
    ],
)
@engines.without("mysql")
def test_real_databases_are_as_they_were(database, raw, shared, shelf, sample, way, needed):
    samples.load(BY_NAME[sample, database.kind], database, raw, shared)
    with_history(database)
    before = of_tables(database, raw(database))
    made = saved(database, shelf, way=way)
    damage(raw(database))

    done = put_back(made.name, database, shelf, existing="replace")

    assert (True, ()) == (done.ok, done.manifest.missing)
    assert before == of_tables(database, raw(database))


@WAYS
@engines.without("mysql")
def test_a_backup_goes_into_another_database(
    database, new_database, raw, shared, shelf, way, needed
):
    there = new_database(database.engine_id)
    samples.load(BY_NAME["chinook", database.kind], database, raw, shared)
    with_history(database)
    made = saved(database, shelf, way=way)

    done = put_back(made.name, there, shelf)

    assert (done.ok, done.dropped) == (True, ())
    assert state(database, raw(database)) == state(there, raw(there))
    assert {"whimbrel_migrations", "whimbrel_runs"} <= set(done.compared)


@engines.without("mysql")
def test_runs_are_numbered_on_behind_a_restore(database, new_database, raw, shelf):
    there = new_database(database.engine_id)
    with_history(database)
    with contextlib.closing(registry.open_session(database.url)) as session:
        _run(session)
    made = saved(database, shelf, way="portable")
    put_back(made.name, there, shelf)

    with contextlib.closing(registry.open_session(there.url)) as session:
        number = _run(session)

    assert 2 == number


def _run(session: base.Session) -> int:
    holder = base.Holder(run="r", who="ana", host="here", pid=1, command="test", started_at="now")
    number = journal.Journal(session).begin_run(
        "first", direction="up", by_steps=False, holder=holder, fingerprint="f"
    )
    session.commit()
    return number


# --- while others write --------------------------------------------------------------------------


@WAYS
@engines.without("mysql")
def test_a_backup_is_of_one_moment_while_others_write(
    database, new_database, raw, shelf, way, needed
):
    there = new_database(database.engine_id)
    with databases.Raw(database) as writer:
        if database.kind == "sqlite":
            writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE one (id int PRIMARY KEY)")
        writer.execute("CREATE TABLE two (id int PRIMARY KEY)")
        for first in range(0, 20_000, 1_000):
            rows = ", ".join(f"({n})" for n in range(first, first + 1_000))
            writer.execute(f"INSERT INTO one VALUES {rows}")
            writer.execute(f"INSERT INTO two VALUES {rows}")
    written, stop = [], threading.Event()

    def write() -> None:
        with databases.Raw(database) as writer:
            number = 20_000
            while not stop.is_set():
                # Both or neither: a backup that is not of one moment has one of the two.
                writer.execute("BEGIN")
                writer.execute(f"INSERT INTO one VALUES ({number})")
                writer.execute(f"INSERT INTO two VALUES ({number})")
                writer.execute("COMMIT")
                written.append(number)
                number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        made = saved(database, shelf, way=way, verify="restore")
    finally:
        stop.set()
        thread.join()
    put_back(made.name, there, shelf)

    assert written
    pairs = raw(there).execute("SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM two)")
    (ones, twos) = pairs[0]
    assert ones == twos
    assert 20_000 <= int(str(ones)) <= 20_000 + len(written)
    assert {"one": ones, "two": twos} == {
        one.name: one.rows for one in made.manifest.tables if not one.own
    }


# --- what is refused -----------------------------------------------------------------------------


@pytest.fixture
def small(database: databases.Database, raw: conftest.OpenRaw) -> databases.Database:
    """A database with a table and a row."""
    raw(database).execute("CREATE TABLE t (id int PRIMARY KEY, said varchar(20))")
    raw(database).execute("INSERT INTO t VALUES (1, 'one')")
    return database


@engines.without("mysql")
def test_a_target_that_is_not_empty_is_refused(small, raw, shelf):
    made = saved(small, shelf, way="portable")
    raw(small).execute("INSERT INTO t VALUES (2, 'two')")

    with pytest.raises(errors.RestoreRefused) as refused:
        put_back(made.name, small, shelf)

    assert "is not empty" in refused.value.what
    assert [(1,), (2,)] == raw(small).execute("SELECT id FROM t ORDER BY id")


@pytest.mark.parametrize(("kind", "other"), [("sqlite", "postgresql"), ("postgresql", "mariadb")])
def test_another_engine_is_refused(new_database, raw, shelf, kind, other):
    database, there = new_database(kind), new_database(other)
    raw(database).execute("CREATE TABLE t (id int)")
    made = saved(database, shelf, way="portable")

    with pytest.raises(errors.RestoreRefused) as refused:
        put_back(made.name, there, shelf, existing="replace")

    assert "this is a backup of" in refused.value.what
    assert "whimbrel transfer" in (refused.value.remedy or "")


@engines.without("mysql")
def test_a_file_that_was_changed_is_found_before_anything_is_touched(small, raw, shelf):
    made = saved(small, shelf, way="portable")
    file = next(made.folder.glob("rows/*.gz"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)

    with pytest.raises(errors.BackupBroken) as broken:
        put_back(made.name, small, shelf, existing="replace")

    assert (f"rows/{file.name} was changed: it is not what its hash says",) == broken.value.wrong
    assert [(1, "one")] == raw(small).execute("SELECT * FROM t")


@engines.only("sqlite")
@pytest.mark.parametrize("key", ["engine", "database", "tables"])
def test_a_manifest_that_was_changed_is_refused(small, raw, shelf, key):
    made = saved(small, shelf)
    file = made.folder / manifests.FILE
    said = json.loads(file.read_text(encoding="utf-8"))
    said[key] = [] if key == "tables" else "another"
    file.write_text(json.dumps(said), encoding="utf-8")

    with pytest.raises(errors.BackupBroken, match="this backup is not as it was made") as broken:
        put_back(made.name, small, shelf, existing="replace")

    assert "manifest.json was changed" in broken.value.wrong[0]


@engines.without("mysql")
def test_rows_that_are_not_those_of_the_manifest_are_not_taken(small, new_database, raw, shelf):
    there = new_database(small.engine_id)
    made = saved(small, shelf, way="portable")
    # Somebody has made new rows, and new hashes: only the fingerprints know.
    table = next(one for one in made.manifest.tables if one.name == "t")
    with gzip.open(made.folder / table.file, "wb") as file:
        file.write(b"i:1\tt:two\n" if small.kind == "sqlite" else b"1\ttwo\n")
    _sealed_again(made.folder)

    with pytest.raises(errors.RestoreFailed) as failed:
        put_back(made.name, there, shelf)

    assert "the rows of t are not those that it had" == failed.value.cause
    if small.kind == "mariadb":
        assert 3 == failed.value.exit_code
        session = registry.open_session(there.url)
        with contextlib.closing(session), pytest.raises(errors.RestoreUnfinished):
            restoring.check(session)
        return
    with contextlib.closing(registry.open_session(there.url)) as session:
        assert [] == session.engine.catalog(session).tables()


def _sealed_again(folder: Path) -> None:
    manifest = manifests.read(folder)
    files = tuple(manifests.file_of(folder, one.name) for one in manifest.files)
    dataclasses.replace(manifest, files=files).write(folder)


@OF_SERVERS
def test_a_wrong_password_is_told_without_a_word_of_it(database, shelf):
    assert database.secret_url is not None
    wrong = database.secret_url.replace("S3cret", "wr0ng-s3cret")

    with pytest.raises(errors.DatabaseUnavailable) as failed:
        making.backup(wrong, into=shelf, folder=shelf.parent)

    assert "wr0ng-s3cret" not in str(failed.value)
    assert not shelf.exists() or not list(shelf.iterdir())


@OF_SERVERS
def test_no_password_stands_on_a_command_line_or_in_a_backup(
    database, raw, shelf, needed, monkeypatch
):
    raw(database).execute("CREATE TABLE t (id int)")
    commands = []
    real = subprocess.Popen

    def watched(command, **more):
        commands.append([*map(str, command)])
        return real(command, **more)

    monkeypatch.setattr(subprocess, "Popen", watched)
    if database.kind == "postgresql":
        raw(database).execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC")
    made = making.backup(database.secret_url, into=shelf, folder=shelf.parent)

    assert [one for one in commands if "dump" in one[0]]
    assert not [one for one in commands if "S3cret" in " ".join(one)]
    assert "S3cret" not in (made.folder / manifests.FILE).read_text(encoding="utf-8")


@OF_SERVERS
@pytest.mark.parametrize("there_is", ["nothing", "an old one"])
def test_without_the_servers_programs_the_portable_way_is_offered(
    small, shelf, tmp_path, monkeypatch, there_is
):
    programs = tmp_path / "programs"
    programs.mkdir()
    if there_is == "an old one":
        said = {"postgresql": "pg_dump (PostgreSQL) 9.6.1",
                "mariadb": "mariadb-dump Ver 10.13 Distrib 5.5.1-MariaDB"}[small.kind]  # fmt: skip
        for name in ("pg_dump", "mariadb-dump", "mariadb", "mysqldump", "mysql"):
            (programs / name).write_text(f"#!/bin/sh\necho '{said}'\n", encoding="utf-8")
            (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))

    with pytest.raises(errors.BackupToolMissing) as missing:
        saved(small, shelf)

    expected = "not on the PATH" if there_is == "nothing" else "and the server is"
    assert expected in (missing.value.cause or "")
    assert "whimbrel backup --way portable" in (missing.value.remedy or "")
    monkeypatch.setenv("PATH", os.defpath)
    assert saved(small, shelf, way="portable").manifest.rows == 1


# --- room ----------------------------------------------------------------------------------------


@pytest.fixture
def tiny() -> Iterator[Path]:
    """A disk of 300 KB."""
    folder = Path("/dev/shm") / f"whimbrel-tiny-{os.getpid()}"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("a small disk can be mounted by root alone")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


@WAYS
@engines.without("mysql")
def test_a_full_disk_leaves_nothing(database, raw, shelf, tiny, way, needed, monkeypatch):
    raw(database).execute("CREATE TABLE t (id int PRIMARY KEY, said varchar(200))")
    for first in range(0, 16_000, 500):
        rows = ", ".join(f"({n}, '{os.urandom(60).hex()}')" for n in range(first, first + 500))
        raw(database).execute(f"INSERT INTO t VALUES {rows}")
    if database.kind == "mariadb":
        # The server's own figures of sizes come some seconds late.
        raw(database).execute("ANALYZE TABLE t")

    with pytest.raises(errors.BackupFailed) as refused:
        saved(database, tiny, way=way)
    # Nobody knows before how far rows can be packed, nor what others write to that disk.
    monkeypatch.setattr("whimbrel.rehearsal.shelf.Shelf.free", lambda self: 2**40)
    with pytest.raises(errors.BackupFailed) as failed:
        saved(database, tiny, way=way)

    assert "there is not enough room for a backup" == refused.value.what
    assert "full" in str(failed.value.cause).lower() or "space" in str(failed.value.cause).lower()
    assert [] == list(tiny.iterdir())
    assert 1 == len(raw(database).execute("SELECT id FROM t WHERE id = 15999"))


@engines.only("sqlite")
@WAYS
def test_a_target_on_a_full_disk_stays_as_it_was(database, raw, shelf, tiny, way):
    raw(database).execute("CREATE TABLE t (id int PRIMARY KEY, said text)")
    for n in range(200):
        raw(database).execute("INSERT INTO t VALUES (?, ?)", (n, os.urandom(2_000).hex()))
    made = saved(database, shelf, way=way)
    target = tiny / "app.db"

    with pytest.raises(errors.RestoreFailed) as failed:
        restoring_.restore(made.name, into=f"sqlite:///{target}", backups_in=shelf)

    assert "full" in str(failed.value.cause)
    assert "the target is as it was before" == failed.value.left
    assert [] == list(tiny.iterdir())


# --- what is left behind -------------------------------------------------------------------------


@OF_SERVERS
def test_what_dead_trials_have_left_is_swept(small, raw, shelf):
    there = scratch.Owner(host=scratch._host(), pid=2**22 + 1, born=1, made_at=0x10000000)
    name = there.name()
    raw(small).execute(f"CREATE DATABASE {name}")

    saved(small, shelf, way="portable", verify="restore")

    assert name not in _databases(raw(small))


def _databases(raw: databases.Raw) -> list[str]:
    sql = "SELECT datname FROM pg_database" if raw.database.kind == "postgresql" else (
        "SELECT schema_name FROM information_schema.schemata"
    )  # fmt: skip
    return [str(row[0]) for row in raw.execute(sql)]


@engines.only("sqlite")
def test_a_wal_database_stays_one_and_has_one_file(database, raw, tmp_path, shelf):
    raw(database).execute("PRAGMA journal_mode = WAL")
    raw(database).execute("CREATE TABLE t (id int)")
    made = saved(database, shelf)
    target = tmp_path / "new" / "app.db"
    target.parent.mkdir()

    restoring_.restore(made.name, into=f"sqlite:///{target}", backups_in=shelf)

    assert ["app.db"] == [one.name for one in target.parent.iterdir()]
    with databases.Raw(
        databases.Database(engine_id="sqlite", kind="sqlite", url=f"sqlite:///{target}")
    ) as restored:
        assert "wal" == restored.value("PRAGMA journal_mode")


@engines.only("sqlite")
def test_whoever_has_the_file_open_sees_what_was_restored(small, raw, shelf):
    made = saved(small, shelf)
    raw(small).execute("DELETE FROM t")

    put_back(made.name, small, shelf, existing="replace")

    assert [(1, "one")] == raw(small).execute("SELECT * FROM t")


@engines.only("mariadb")
def test_half_a_restore_is_not_taken_for_a_database(small, new_database, raw, shelf, monkeypatch):
    there = new_database(small.engine_id)
    made = saved(small, shelf, way="portable")

    def stops(*given: object, **more: object) -> None:
        raise tools.ToolFailed("somebody pulled the plug")

    monkeypatch.setattr(portable, "_fill_table", stops)
    with pytest.raises(errors.RestoreFailed) as failed:
        put_back(made.name, there, shelf)
    monkeypatch.undo()

    assert failed.value.resumable
    session = registry.open_session(there.url)
    with contextlib.closing(session), pytest.raises(errors.RestoreUnfinished):
        journal.Journal(session).ensure()
    with pytest.raises(errors.RestoreUnfinished):
        saved(there, shelf)
    done = put_back(made.name, there, shelf)
    assert (True, True) == (done.ok, done.again)
    assert [(1, "one")] == raw(there).execute("SELECT * FROM t")
