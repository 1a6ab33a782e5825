"""Whimbrel and the plainest way, moving a table into another database in a process of their own."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path
from typing import Final

from bench import child, lines, places
from tests import servers

_BLOCK: Final = 1 << 20


def transfer(source: str, target: str, jobs: str, verify: str) -> None:
    """Let Whimbrel do it; insist that everything arrived."""
    import whimbrel

    done = whimbrel.transfer(
        source, target, tables=[places.TABLE], jobs=int(jobs), verify=verify == "verify"
    )
    if not done.ok or (verify == "verify" and not done.equal):
        raise SystemExit("not everything arrived")


def copy(file: str, target: str) -> None:
    """Send a prepared file by COPY."""
    with (
        contextlib.closing(servers.connect(target)) as connection,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {places.TABLE} FROM STDIN") as sent,
        Path(file).open("rb") as read,
    ):
        while block := read.read(_BLOCK):
            sent.write(block)


def load_data(file: str, target: str) -> None:
    """Send a prepared file by LOAD DATA."""
    with contextlib.closing(places.loader(target)) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE {places.TABLE} CHARACTER SET utf8mb4"
        )


def executemany(file: str, target: str) -> None:
    """Send a prepared file by executemany."""
    marks = ", ".join("?" * (len(lines.NAMES) + 1))
    with (
        contextlib.closing(sqlite3.connect(target.removeprefix("sqlite:///"))) as connection,
        Path(file).open(encoding="utf-8", newline="\n") as read,
        connection,
    ):
        connection.executemany(
            f"INSERT INTO {places.TABLE} VALUES ({marks})",
            (
                [None if field == "\\N" else field for field in line[:-1].split("\t")]
                for line in read
            ),
        )


def _imported(source: str, target: str) -> None:
    """Import what a transfer between these two needs: that is not in the time (see `child`)."""
    from whimbrel.engines import registry
    from whimbrel.transfers import door as door

    registry.parse(source)
    registry.parse(target)


if __name__ == "__main__":
    _WAYS: Final = {
        "transfer": transfer,
        "copy": copy,
        "load_data": load_data,
        "executemany": executemany,
    }
    what, *rest = sys.argv[1:]
    if what == "transfer":
        _imported(*rest[:2])
    child.tell(lambda: _WAYS[what](*rest))
