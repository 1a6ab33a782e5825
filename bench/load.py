"""An application at work: small transactions at a fixed rate, each timed from when it was due.

    python -m bench.load URL ROWS [write | read]=RATE…

runs until its standard input ends, then prints one line for each transaction. Whoever is held up
does the transactions of that time afterwards; they count as late, as they would to their users.
One thread with a connection of its own does the writes of one `write=…`, and so on.
"""

from __future__ import annotations

import json
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

import pymysql

from tests import servers

_READ: Final = "SELECT abalance FROM accounts WHERE aid = {place}"
_ADD: Final = "UPDATE accounts SET abalance = abalance + {place} WHERE aid = {place}"
_NOTE: Final = "INSERT INTO history (aid, delta) VALUES ({place}, {place})"

# When it was due, how late it was done, how long it took by itself, what it was, what failed.
Line = tuple[float, float, float, str, str]
Transaction = Callable[[int, int], object]


def main(url: str, rows: str, *threads: str) -> None:
    """Work at these rates until standard input ends, then tell."""
    end = threading.Event()
    told: list[list[Line]] = []
    workers = []
    for thread in threads:
        kind, _, rate = thread.partition("=")
        told.append([])
        arguments = (url, int(rows), kind, float(rate), end, told[-1])
        workers.append(threading.Thread(target=_work, args=arguments))
        workers[-1].start()
    try:
        sys.stdin.read()
    finally:
        end.set()
    for worker in workers:
        worker.join()
    for line in sorted(line for lines in told for line in lines):
        print(json.dumps(line))


def _work(
    url: str, rows: int, kind: str, rate: float, end: threading.Event, lines: list[Line]
) -> None:
    chance = random.Random()
    done = _transactions(url)[kind]
    due = time.time() + chance.random() / rate
    while not end.wait(max(0.0, due - time.time())):
        began, failed = time.time(), ""
        try:
            done(chance.randint(1, rows), chance.randint(-5000, 5000))
        except (sqlite3.Error, pymysql.Error) as error:
            failed = str(error)
        now = time.time()
        lines.append((due, now - due, now - began, kind, failed))
        due += 1 / rate


def _transactions(url: str) -> dict[str, Transaction]:
    """Return what a thread can do, on a connection of its own."""
    return _on_a_file(url) if url.startswith("sqlite:") else _on_a_server(url)


def _on_a_file(url: str) -> dict[str, Transaction]:
    # As Python's documentation shows it: five seconds of patience, `with` commits.
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))

    def write(aid: int, delta: int) -> None:
        with connection:
            connection.execute(_ADD.format(place="?"), (delta, aid))
            connection.execute(_NOTE.format(place="?"), (aid, delta))

    def read(aid: int, _: int) -> object:
        return connection.execute(_READ.format(place="?"), (aid,)).fetchone()

    return {"write": write, "read": read}


def _on_a_server(url: str) -> dict[str, Transaction]:
    connection = servers.connect(url)
    cursor = connection.cursor()

    def write(aid: int, delta: int) -> None:
        try:
            cursor.execute("BEGIN")
            cursor.execute(_ADD.format(place="%s"), (delta, aid))
            cursor.execute(_READ.format(place="%s"), (aid,))
            cursor.execute(_NOTE.format(place="%s"), (aid, delta))
            cursor.execute("COMMIT")
        except pymysql.Error:
            connection.rollback()
            raise

    def read(aid: int, _: int) -> object:
        cursor.execute(_READ.format(place="%s"), (aid,))
        return cursor.fetchone()

    return {"write": write, "read": read}


if __name__ == "__main__":
    main(*sys.argv[1:])
