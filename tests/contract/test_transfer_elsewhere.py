"""Chunks that are copied by threads, processes and a Dask cluster; who is killed costs a chunk."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests import conftest, databases
from tests.crash import transferring
from whimbrel import errors, events
from whimbrel.transfers import cluster, door, helpers
from whimbrel.transfers import transfer as transferring_

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 60

pairs = pytest.mark.parametrize(("source", "target"), transferring.PAIRS)
some_pairs = pytest.mark.parametrize(
    ("source", "target"),
    [
        ("sqlite", "postgresql"),
        ("postgresql", "mariadb"),
        ("mariadb", "sqlite"),
        ("mariadb", "mariadb"),
    ],
)


@pytest.fixture
def here(request: pytest.FixtureRequest, new_database: conftest.NewDatabase) -> databases.Database:
    """A full source of the pair."""
    database = new_database(request.getfixturevalue("source"))
    with databases.Raw(database) as raw:
        transferring.filled(raw)
    return database


def copied(
    here: databases.Database,
    there: databases.Database,
    executor: Executor,
    tell: events.Listener = events.nobody,
) -> transferring_.Transfer:
    """Make the transfer by an executor."""
    asked = transferring.request(here.url, there.url, executor=executor)
    done = transferring_.transfer(asked, tell=tell)
    if done.verification is not None:
        done.verification.close()
    return done


def undisturbed(here: databases.Database, there: databases.Database) -> dict[str, object]:
    """Return what the transfer makes without anybody's help."""
    transferring.go(transferring.request(here.url, there.url))
    return transferring.state(there)


class Killer:
    """Kills somebody when so many chunks are copied."""

    def __init__(self, kill: Callable[[], None], *, at: int = 3) -> None:
        self._kill = kill
        self._left = at
        self.killed = False

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.ChunkCopied):
            self._left -= 1
            if not self._left:
                self._kill()
                self.killed = True


# --- this machine ---------------------------------------------------------------------------------


@pairs
def test_threads_of_the_users_copy_the_same(
    source: str, target: str, here: databases.Database, new_database: conftest.NewDatabase
) -> None:
    expected = undisturbed(here, new_database(target))
    there = new_database(target)

    with ThreadPoolExecutor(3) as executor:
        done = copied(here, there, executor)

    assert done.equal
    assert expected == transferring.state(there)


@some_pairs
def test_a_process_that_is_killed_costs_its_chunk(
    source: str, target: str, here: databases.Database, new_database: conftest.NewDatabase
) -> None:
    expected = undisturbed(here, new_database(target))
    there = new_database(target)
    crew = helpers.Helpers(2)
    killer = Killer(lambda: os.kill(min(_children()), signal.SIGKILL))
    before = _children()

    try:
        done = copied(here, there, crew, tell=killer)
    finally:
        crew.shutdown(cancel_futures=True)

    assert done.equal
    assert killer.killed
    assert expected == transferring.state(there)
    assert before == _children()


def _children() -> set[int]:
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                words = Path(f"/proc/{child}/cmdline").read_bytes()
                if b"whimbrel.transfers.helpers" in words:
                    found.add(int(child))
    return found


@pytest.mark.parametrize(("source", "target"), [("sqlite", "postgresql")])
def test_a_pool_that_breaks_ends_the_attempt_and_the_next_one_goes_on(
    source: str, target: str, here: databases.Database, new_database: conftest.NewDatabase
) -> None:
    expected = undisturbed(here, new_database(target))
    there = new_database(target)
    pool = ProcessPoolExecutor(2, get_context("spawn"))
    killer = Killer(lambda: os.kill(next(iter(pool._processes)), signal.SIGKILL))

    with pytest.raises(errors.TransferFailed) as failed:
        copied(here, there, pool, tell=killer)
    pool.shutdown()
    done = transferring.go(transferring.request(here.url, there.url))

    assert "the workers that copy rows have disappeared" == failed.value.what
    assert "BrokenProcessPool" in str(failed.value.cause)
    assert done.resumed
    assert expected == transferring.state(there)


@pytest.mark.parametrize(("source", "target"), [("postgresql", "mariadb")])
def test_sessions_of_workers_end_by_themselves(
    source: str, target: str, here: databases.Database, new_database: conftest.NewDatabase
) -> None:
    there = new_database(target)
    counting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"

    with ThreadPoolExecutor(2) as executor, databases.Raw(here) as raw:
        copied(here, there, executor)
        held = raw.value(counting)
        _wait(lambda: raw.value(counting) == 1)

    assert held == 3  # one for each worker, and our own


def _wait(until: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, f"it takes longer than {seconds} s"
        time.sleep(0.1)


# --- many machines --------------------------------------------------------------------------------


class Cluster:
    """A Dask scheduler and workers, each a process on loopback."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = (folder / "log").open("wb")
        self._file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        _wait(self._file.exists, SECONDS)
        self.address = str(json.loads(self._file.read_text())["address"])

    def _start(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", what, "--scheduler-file", self._file, *options]
        process = subprocess.Popen(
            [*map(str, command), "--no-dashboard"],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        self.processes.append(process)
        return process

    def more(self, count: int) -> None:
        """Start workers, and wait until they are known."""
        import distributed

        self.workers += [
            self._start(
                "worker", "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny",
                "--local-directory", str(self._folder),
            )
            for _ in range(count)
        ]  # fmt: skip
        with distributed.Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(len(self.workers), timeout=SECONDS)

    def close(self) -> None:
        """End all of them, at once."""
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        self._log.close()


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster with two workers."""
    pytest.importorskip("distributed", reason="pip install 'whimbrel[cluster]'")
    made = Cluster(tmp_path)
    try:
        made.more(2)
        yield made
    finally:
        made.close()


@pytest.mark.slow
@some_pairs
def test_a_worker_of_a_cluster_that_is_killed_costs_its_chunk(
    source: str,
    target: str,
    here: databases.Database,
    new_database: conftest.NewDatabase,
    dask: Cluster,
) -> None:
    expected = undisturbed(here, new_database(target))
    there = new_database(target)
    killer = Killer(dask.workers[0].kill)

    with cluster.executor(dask.address) as executor:
        done = copied(here, there, executor, tell=killer)

    assert done.equal
    assert killer.killed
    assert expected == transferring.state(there)


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), [("postgresql", "postgresql")])
def test_a_cluster_whose_workers_all_die_goes_on_when_there_are_others(
    source: str,
    target: str,
    here: databases.Database,
    new_database: conftest.NewDatabase,
    dask: Cluster,
) -> None:
    expected = undisturbed(here, new_database(target))
    there = new_database(target)
    late = threading.Thread(target=dask.more, args=(1,))

    def kill() -> None:
        for worker in dask.workers:
            worker.kill()
        dask.workers.clear()
        late.start()

    with cluster.executor(dask.address) as executor:
        done = copied(here, there, executor, tell=Killer(kill))
    late.join()

    assert done.equal
    assert expected == transferring.state(there)


@pytest.mark.slow
def test_a_cluster_without_workers_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="pip install 'whimbrel[cluster]'")
    made = Cluster(tmp_path)

    try:
        with (
            pytest.raises(errors.ClusterUnavailable) as refused,
            cluster.executor(made.address),
        ):
            pass
    finally:
        made.close()

    assert "no worker has come to it" == refused.value.cause


def test_an_address_where_nobody_is_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="pip install 'whimbrel[cluster]'")
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1)

    with pytest.raises(errors.ClusterUnavailable), cluster.executor("tcp://127.0.0.1:9"):
        pass


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(errors.MissingExtra) as missing, cluster.executor("tcp://127.0.0.1:9"):
        pass

    assert "whimbrel[cluster]" in str(missing.value)


def test_a_password_of_the_environment_does_not_travel(
    project: conftest.ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "correct horse")
    project.config('[databases.shop]\nurl = "postgresql://app:${SHOP_PASSWORD}@db1/shop"\n')

    asked = door.request("shop", "sqlite:///copy.db", folder=project.path)

    assert b"correct" not in pickle.dumps((asked.source, asked.target))
