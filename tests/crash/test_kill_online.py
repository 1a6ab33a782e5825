"""SIGKILL of live changes under load, of their servers, and an answer that gets lost.

After each, the same command again or `online revert`: what the application was told is there, and
nothing of the live change is left. `make campaign` kills 100 times on each engine
(WHIMBREL_KILLS: kills of one kind of change on one engine).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest

from tests import conftest, databases, engines, proxies, servers
from tests.crash import living
from tests.load import application, deadlocks, scenes, worker
from whimbrel.engines import registry
from whimbrel.journal import live

KILLS = int(os.environ.get("WHIMBREL_KILLS", "1"))
# Light enough to leave the runner a share of the machine.
RATE = 120.0
exhaustively = pytest.mark.exhaustive

KINDS = [
    pytest.param(name, marks=() if name in (scenes.RENAME, scenes.TYPE) else exhaustively)
    for name in scenes.KINDS
]


@contextlib.contextmanager
def loaded(stage: living.Stage) -> Iterator[application.Application]:
    """Have a light load inside the block."""
    connections = 4
    wish = application.Wish(connections=connections, each=30, idle=300, rate=RATE)
    base = stage.scene.fill(stage.raw, connections=connections, each=30, idle=300)
    with application.running(stage.scene, stage.database, base, wish) as app:
        yield app


def is_open(stage: living.Stage) -> bool:
    """Whether a live change has been begun, by the journal."""
    session = registry.open_session(stage.database.url, read_only=True)
    try:
        notes = live.Live(session)
        return notes.exists() and notes.find(living.MIGRATION) is not None
    finally:
        session.close()


def claim(stage: living.Stage, app: application.Application, *ages: str, at: str) -> None:
    """Claim that everything is there, with the application at rest; then it works on."""
    app.rest()
    stage.claim_equal(app.so_far(), *ages, at=at)
    if ages == ("old",):
        assert stage.left() == [], at
    app.speak(worker.OLD)


def settled(stage: living.Stage, app: application.Application, *, back: bool, at: str) -> None:
    """Go on with what was killed, or go back at once; then be where it began."""
    if not back:
        stage.run(living.UP)
        claim(stage, app, "old", "new", at=at)
    if is_open(stage):
        stage.run(living.REVERT)
    claim(stage, app, "old", at=at)


@pytest.mark.crash
@pytest.mark.parametrize("name", KINDS)
def test_a_live_change_that_is_killed_goes_on_or_goes_back(
    name: str,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: conftest.OpenRaw,
) -> None:
    stage = living.Stage(name, project, database, raw(database))
    chance = random.Random(f"{name} {database.engine_id} {KILLS}")
    killed = 0
    with loaded(stage) as app:
        began, ended = stage.run(living.UP)
        last = stage.run.events
        stage.run(living.REVERT)
        claim(stage, app, "old", at="undisturbed")
        for number in range(20 * KILLS):
            if killed >= 2 * KILLS:
                break
            # Half of them at an event, the others at any moment; going back is killed, too.
            at = chance.randint(1, last) if number % 2 else 0
            moment = chance.uniform(0, ended - began)
            where = f"kill {number}: up, at event {at} of {last} or after {moment:.2f} s"
            killed += dies(stage, living.UP, at, moment)
            back = chance.random() < 0.5
            if back and chance.random() < 0.5 and is_open(stage):
                moment = chance.uniform(0, (ended - began) / 3)
                where += f", then back, killed after {moment:.2f} s"
                killed += dies(stage, living.REVERT, 0, moment)
                stage.run(living.REVERT) if is_open(stage) else None
            settled(stage, app, back=back, at=where)
        report = app.end()

    print(f"{database.kind} {name}: {killed} kills; {report}")
    assert report.ledger.unknown == []
    assert killed >= KILLS
    deadlocks.tell(report.failures, database.kind)


def dies(stage: living.Stage, what: str, at: int, moment: float) -> bool:
    """Kill a command at an event, or after a moment; False if it ended before."""
    process = stage.run.start(what, kill_at=at)
    if not at:
        process.join(moment)
        process.kill()
    return not stage.run.ended(process)


# --- an answer that is lost -----------------------------------------------------------------------


@pytest.mark.crash
@engines.only("postgresql", "mariadb")
@pytest.mark.parametrize("number", range(1 if KILLS == 1 else 8))
def test_the_answer_to_the_exchange_gets_lost(
    number: int,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: conftest.OpenRaw,
) -> None:
    stage = living.Stage(scenes.TYPE, project, database, raw(database))
    chance = random.Random(f"{number} {database.engine_id}")
    word = b"RENAME" if database.kind == "mariadb" else b"COMMIT"
    # On PostgreSQL several transactions come before that of the exchange: another each time.
    share = 1.0 if database.kind == "mariadb" else 0.3
    mischief = proxies.Mischief(chance=chance, swallows=1, share=share, word=word)
    with loaded(stage) as app, proxies.before(database.url, mischief) as detour:
        stage.run(living.UP, "verified")
        with contextlib.suppress(AssertionError):  # it may end with the lost connection
            stage.run.ended(stage.run.start(living.UP, url=detour))
        settled(stage, app, back=False, at="the answer was lost")
        failures = app.so_far().failures

    assert mischief.swallowed == 1
    deadlocks.tell(failures, database.kind)


# --- the server itself ----------------------------------------------------------------------------


class Doomed:
    """A server of our own that is killed and started again, with what it had promised to keep."""

    def __init__(self, server: servers.Server) -> None:
        self.server = server
        self._pid = server.pid or 0
        raw = Path(f"/proc/{self._pid}/cmdline").read_bytes()
        self._command = [part.decode() for part in raw.split(b"\0") if part]
        self._folder = Path(f"/proc/{self._pid}/cwd").resolve()
        self._process: subprocess.Popen[bytes] | None = None

    def kill(self) -> None:
        """Kill it, and start it again."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)  # else it still counts as running
        self._process = None
        until = time.monotonic() + 30
        while True:
            if self._process is not None:
                self._process.wait(10)
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                **servers._as_user(),  # type: ignore[call-overload]
            )
            self._pid = self._process.pid
            while self._process.poll() is None:
                with contextlib.suppress(psycopg.OperationalError, pymysql.err.OperationalError):
                    servers.connect(self.server.url).close()
                    return
                time.sleep(0.05)
            # Those whom the dead one had started may still be there for a moment.
            assert time.monotonic() < until, "the server does not start again"
            time.sleep(0.1)

    def end(self) -> None:
        """End the one that was started again."""
        if self._process is not None:
            self._process.send_signal(servers._stop_signal(self._command[0]))
            self._process.wait(30)


@pytest.fixture
def doomed(database: databases.Database) -> Iterator[tuple[Doomed, databases.Database]]:
    """A server that may be killed, and a database in it; not the one of the other tests."""
    with servers.running(database.engine_id, durable=True) as server:
        made = Doomed(server)
        with contextlib.closing(servers.connect(server.url)) as connection:
            connection.cursor().execute("CREATE DATABASE doomed")
        try:
            yield (
                made,
                databases.Database(
                    engine_id=database.engine_id,
                    kind=database.kind,
                    url=server.database_url("doomed"),
                ),
            )
        finally:
            made.end()


@pytest.mark.crash
@engines.only("postgresql", "mariadb")
@pytest.mark.parametrize("until", ["verified", "swapped"])
@pytest.mark.parametrize("number", range(1 if KILLS == 1 else 5))
def test_the_server_is_killed_in_the_middle(
    number: int,
    until: str,
    project: conftest.ProjectFolder,
    doomed: tuple[Doomed, databases.Database],
) -> None:
    server, database = doomed
    chance = random.Random(f"{number} {until} {database.engine_id}")
    with databases.Raw(database) as raw:
        stage = living.Stage(scenes.TYPE, project, database, raw)
        if until == "swapped":
            stage.run(living.UP, "verified")
        with loaded(stage) as app:
            process = stage.run.start(living.UP, until)
            process.join(chance.uniform(0.05, 0.6))
            server.kill()
            with contextlib.suppress(AssertionError):  # it has lost its server
                stage.run.ended(process)
            with databases.Raw(database) as after:
                stage.raw = after
                app.until(20)
                settled(stage, app, back=bool(number % 2), at=f"server killed, {until}")
                report = app.end()

    host = urlsplit(database.url).scheme
    print(f"{host} until {until}: {report}")
