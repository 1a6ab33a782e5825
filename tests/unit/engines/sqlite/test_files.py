"""Opening a file that a killed writer left in the middle of a transaction."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from pathlib import Path

from whimbrel.engines import registry

_ROWS = 40_000


def _write_and_die(file: str) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA cache_size = 10")  # so that pages reach the file before the end
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE t SET name = name || name")
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_read_only_session_opens_a_file_whose_writer_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "hot.db"
    with sqlite3.connect(file) as made:
        made.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
        made.executemany("INSERT INTO t (name) VALUES (?)", [("x" * 50,)] * _ROWS)
    made.close()
    process = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(str(file),))
    process.start()
    process.join(30)
    left = Path(f"{file}-journal").exists()

    session = registry.open_session(f"sqlite:///{file}", read_only=True)
    rows = session.fetch("SELECT count(*), max(length(name)) FROM t")
    session.close()

    assert left, "the killed writer left no journal: the test shows nothing"
    assert [(_ROWS, 50)] == rows
