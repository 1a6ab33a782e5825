"""A real streaming replica of PostgreSQL beside a primary of its own, for tests of lag.

Both are started and stopped by the test that asks for them, in about two seconds; they are not
the servers of the test run, which have no replicas.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg

from tests import servers

NAME: Final = "pg2"
_CATCH_UP_SECONDS: Final = 20
_SETTINGS: Final = (
    "max_connections=200",
    "fsync=off",
    "hot_standby=on",
    # So soon it connects again, and tells how far it is.
    "wal_retrieve_retry_interval=100ms",
    "wal_receiver_status_interval=1s",
)


@dataclass(kw_only=True)
class Pair:
    """A primary and the replica that follows it."""

    primary: servers.Server
    replica: servers.Server
    _process: subprocess.Popen[bytes]

    def pause(self) -> None:
        """Let the replica receive and no longer replay, until `resume`."""
        with contextlib.closing(servers.connect(self.replica.url)) as connection:
            connection.execute("SELECT pg_wal_replay_pause()")
            _wait(lambda: _value(connection, "SELECT pg_get_wal_replay_pause_state()") == "paused")

    def resume(self) -> None:
        """Let the replica replay again."""
        with contextlib.closing(servers.connect(self.replica.url)) as connection:
            connection.execute("SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Wait until the replica has replayed all that the primary has written so far."""
        with (
            contextlib.closing(servers.connect(self.primary.url)) as primary,
            contextlib.closing(servers.connect(self.replica.url)) as replica,
        ):
            here = _value(primary, "SELECT pg_current_wal_lsn()::text")
            question = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
            _wait(lambda: replica.execute(question, (here,)).fetchone() == (True,))

    def stop_replica(self) -> None:
        """End the replica at once, as a failing machine would."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def running(engine_id: str = "postgresql") -> Iterator[Pair]:
    """Run a primary and its replica inside the block, or raise servers.Unavailable."""
    with contextlib.ExitStack() as stack:
        primary = stack.enter_context(servers.running(engine_id))
        folder = stack.enter_context(servers.workspace(memory=True))
        programs = servers._reachable(servers.postgresql_programs(servers._MAJOR[engine_id]), stack)
        _let_in(primary)
        data = servers._own_folder(folder / "data")
        place = urlsplit(primary.url)
        reach = ["-h", place.hostname, "-p", place.port, "-U", place.username]
        copy = [programs / "pg_basebackup", *reach, "-D", data, "-R", "-X", "stream", "-c", "fast"]
        servers._call(copy, log=folder / "copy.log")

        def launch(port: int) -> tuple[list[object], str]:
            command = [programs / "postgres", "-D", data, "-k", folder, "-h", "127.0.0.1"]
            command += ["-p", port, "-c", f"cluster_name={NAME}"]
            for setting in _SETTINGS:
                command += ["-c", setting]
            return command, f"postgresql://{place.username}@127.0.0.1:{port}/postgres"

        url, process = servers._launch(launch, folder / "server.log")
        stack.callback(servers._stop, process)
        replica = servers.Server(
            engine_id=engine_id,
            kind="postgresql",
            version=primary.version,
            url=url,
            socket=str(folder),
            pid=process.pid,
        )
        pair = Pair(primary=primary, replica=replica, _process=process)
        pair.catch_up()
        yield pair


def _let_in(primary: servers.Server) -> None:
    """Allow the primary to be copied and followed: `all` databases does not mean replication."""
    with contextlib.closing(servers.connect(primary.url)) as connection:
        rules = Path(str(_value(connection, "SHOW hba_file")))
        with rules.open("a") as file:
            file.write("host replication all 127.0.0.1/32 trust\n")
        connection.execute("SELECT pg_reload_conf()")


def _value(connection: psycopg.Connection, sql: str) -> object:
    row = connection.execute(sql).fetchone()
    return row[0] if row else None


def _wait(ready: Callable[[], object]) -> None:
    until = time.monotonic() + _CATCH_UP_SECONDS
    while not ready():
        if time.monotonic() > until:
            raise TimeoutError("the replica does not follow")
        time.sleep(0.02)
