"""SIGKILL in backups and restores, at random moments; the same command again; the same end.

A killed backup is never found as one, and what it left is gone after the next. A killed restore,
given again, ends with what the backup is of, read by the plain driver; before that, nobody takes a
half of it for the whole. `make campaign` kills more often (WHIMBREL_KILLS).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest

from tests import conftest, databases, servers
from tests.crash import transferring
from whimbrel import errors
from whimbrel.engines import backups as tools
from whimbrel.engines import registry
from whimbrel.journal import journal
from whimbrel.rehearsal import backup as making
from whimbrel.rehearsal import manifest as manifests
from whimbrel.rehearsal import restore as restoring
from whimbrel.rehearsal import shelf

KILLS = int(os.environ.get("WHIMBREL_KILLS", "18"))
CASES = [
    (engine, way)
    for engine in ("sqlite", "postgresql", "mariadb")
    for way in ("portable", "native")
]
PER_CASE = max(2, KILLS // (2 * len(CASES)))
_SECONDS = 60
_CONTEXT = multiprocessing.get_context("forkserver")

cases = pytest.mark.parametrize(("engine", "way"), CASES)


@pytest.fixture
def full(
    engine: str, way: str, new_database: conftest.NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> databases.Database:
    """A full database, with the programs of its server on the PATH."""
    database = new_database(engine)
    if engine == "postgresql":
        with contextlib.suppress(servers.Unavailable):
            programs = servers.postgresql_programs(16)
            monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    names = {"postgresql": ("pg_dump", "psql"), "mariadb": ("mariadb-dump", "mariadb")}
    missing = [name for name in names.get(engine, ()) if tools.found(name) is None]
    if way == "native" and missing:
        pytest.skip(f"{', '.join(missing)} is not installed here")
    with databases.Raw(database) as raw:
        transferring.filled(raw)
    with contextlib.closing(registry.open_session(database.url)) as session:
        journal.Journal(session).ensure()
    return database


def state(database: databases.Database) -> dict[str, object]:
    """Return what the catalog says and all rows, by the plain driver."""
    with contextlib.closing(registry.open_session(database.url, read_only=True)) as session:
        catalog = session.engine.catalog(session)
        texts, tables = dict(catalog.texts()), catalog.tables()
    quote = "`" if database.kind == "mariadb" else '"'
    with databases.Raw(database) as raw:
        rows = {
            name: sorted(map(repr, raw.execute(f"SELECT * FROM {quote}{name}{quote}")))
            for name in tables
        }
    return {"texts": texts, "rows": rows}


# --- children ------------------------------------------------------------------------------------


def _backup(path: str, url: str, folder: str, way: str) -> None:
    os.environ["PATH"] = path
    making.backup(url, into=folder, folder=folder, way=way)


def _restore(path: str, url: str, folder: str, name: str) -> None:
    os.environ["PATH"] = path
    restoring.restore(name, into=url, backups_in=folder, folder=folder, existing="replace")


def child(work: object, *given: str) -> multiprocessing.process.BaseProcess:
    process = _CONTEXT.Process(target=work, args=(os.environ["PATH"], *given))
    process.start()
    return process


def timed(work: object, *given: str) -> float:
    began = time.monotonic()
    process = child(work, *given)
    process.join(_SECONDS)
    assert 0 == process.exitcode
    return time.monotonic() - began


def killed(seconds: float, work: object, *given: str) -> bool:
    """Kill a child after some seconds; False if it had ended before."""
    process = child(work, *given)
    process.join(seconds)
    alive = process.is_alive()
    process.kill()
    process.join()
    return alive


def again(name: str, database: databases.Database, folder: Path) -> restoring.Restored:
    """Give the same command again, as soon as the server has noticed that the other is dead."""
    end = time.monotonic() + _SECONDS
    while True:
        try:
            return restoring.restore(
                name, into=database.url, backups_in=folder, folder=folder, existing="replace"
            )
        except (errors.LockHeld, errors.DatabaseUnavailable, errors.RestoreFailed):
            # A statement of the dead one may still hold what we need.
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


# --- claims --------------------------------------------------------------------------------------


@pytest.mark.crash
@cases
def test_a_killed_backup_is_none_and_leaves_nothing(
    engine: str, way: str, full: databases.Database, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    timed(_backup, full.url, str(folder), way)  # loads what is loaded once
    seconds = timed(_backup, full.url, str(folder), way)
    before = state(full)
    chance = random.Random(f"backup {engine} {way}")
    kills = 0

    for _ in range(10 * PER_CASE):
        if kills >= PER_CASE:
            break
        kills += killed(chance.uniform(0, seconds), _backup, full.url, str(folder), way)
        for one in shelf.Shelf(folder).listed():
            # What has a name is whole.
            assert one.manifest is not None
            assert [] == manifests.wrong_files(one.folder, one.manifest)
    making.backup(full.url, into=folder, folder=folder, way=way)

    assert kills >= PER_CASE
    assert [] == [one.name for one in folder.iterdir() if one.name.startswith(".")]
    assert before == state(full)


@pytest.mark.crash
@cases
def test_a_killed_restore_ends_the_same(
    engine: str,
    way: str,
    full: databases.Database,
    new_database: conftest.NewDatabase,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "backups"
    made = making.backup(full.url, into=folder, folder=tmp_path, way=way)
    expected = state(full)
    with databases.Raw(full) as raw:
        raw.execute("CREATE TABLE stray (id int)")
    damaged = state(full)
    timed(_restore, new_database(engine).url, str(folder), made.name)
    seconds = timed(_restore, new_database(engine).url, str(folder), made.name)
    chance = random.Random(f"restore {engine} {way}")
    kills = 0

    for _ in range(10 * PER_CASE):
        if kills >= PER_CASE:
            break
        with databases.Raw(full) as raw:
            raw.execute("CREATE TABLE IF NOT EXISTS stray (id int)")
        kills += killed(chance.uniform(0, seconds), _restore, full.url, str(folder), made.name)
        if engine == "sqlite":
            assert state(full) in (expected, damaged)
        again(made.name, full, folder)

        assert expected == state(full)

    assert kills >= PER_CASE
    assert [] == [one.name for one in folder.iterdir() if one.name.startswith(".")]
    if full.file is not None:
        beside = [one.name for one in full.file.parent.iterdir() if "restoring" in one.name]
        assert [] == beside
