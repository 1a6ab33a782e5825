"""A repair that is killed anywhere leaves a target that the next one makes equal."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from tests import databases
from tests.conftest import NewDatabase, OpenRaw
from tests.crash import child
from whimbrel import events
from whimbrel.proof import door, repair, repair_log

_CONTEXT = multiprocessing.get_context("forkserver")
_SECONDS = 60
_ROWS = 1_100

TABLES = (
    (
        "CREATE TABLE customers "
        "(id INT PRIMARY KEY, email VARCHAR(80) NOT NULL UNIQUE, seat INT UNIQUE)"
    ),
    (
        "CREATE TABLE an_order (id INT PRIMARY KEY, customer_id INT NOT NULL, v VARCHAR(20), "
        "FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE)"
    ),
    "CREATE TABLE heap (v VARCHAR(20))",
)


def _work(source: str, target: str, log: str, kill_at: int, moment: str) -> None:
    """Repair, and die at one moment: after a commit, or just before one."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(event: events.Event) -> None:
        if isinstance(event, events.RowsRepaired) and moment == "after a commit":
            step()

    class Dying(repair_log.Log):
        def flush(self) -> None:
            super().flush()
            if moment == "before a commit":
                step()

    repair_log.Log = Dying  # type: ignore[misc]
    with door.verify(source, target, looks=0) as verification:
        child.when_free(lambda: repair.repair(verification, log=Path(log), tell=tell))


def dies(ends: tuple[str, str], log: Path, kill_at: int, moment: str) -> bool:
    process = _CONTEXT.Process(target=_work, args=(*ends, str(log), kill_at, moment))
    process.start()
    process.join(_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        raise AssertionError(f"the repair still works after {_SECONDS} s")
    if process.exitcode == -signal.SIGKILL:
        return True
    assert process.exitcode == 0, f"the repair ended with {process.exitcode}"
    return False


def fill(end: databases.Raw, shift: int, first: int, salt: str) -> None:
    """Customers whose numbers and seats are shifted, with an order each."""
    numbers = range(first, first + _ROWS)
    for table, row in (
        ("customers", lambda n: f"({n}, 'mail{n - shift}', {n + shift})"),
        ("an_order", lambda n: f"({n - shift}, {n}, '{salt}{n % 3}')"),
        ("heap", lambda n: f"('{salt}{n % 7}')"),
    ):
        values = ", ".join(map(row, numbers))
        end.execute(f"INSERT INTO {table} VALUES {values}")


@pytest.mark.parametrize("moment", ["after a commit", "before a commit"])
def test_a_repair_that_is_killed_again_and_again_comes_to_its_end(
    moment: str,
    database: databases.Database,
    new_database: NewDatabase,
    raw: OpenRaw,
    tmp_path: Path,
) -> None:
    source = new_database("sqlite")
    for end in (source, database):
        for table in TABLES:
            raw(end).execute(table)
    fill(raw(source), shift=700, first=701, salt="s")
    fill(raw(database), shift=0, first=1, salt="t")
    raw(database).execute("INSERT INTO customers VALUES (9999999, 'gone', NULL)")
    ends = source.url, database.url

    kills = 0
    # Each life ends a little later than the one before, and begins with what that has left.
    while dies(ends, tmp_path / f"{kills}.jsonl", 1 + kills, moment):
        kills += 1
        assert kills < 60

    assert kills > 4
    with door.verify(*ends, looks=0) as after:
        assert after.equal, json.dumps(after.as_json(), indent=1)
    changes = [
        json.loads(line)
        for file in tmp_path.glob("*.jsonl")
        for line in file.read_text().splitlines()
    ]
    # No order was lost with its customer: none had to be inserted again.
    assert not [one for one in changes if one["table"] == "an_order" and one["action"] == "insert"]
    assert [one for one in changes if one["table"] == "customers" and one["action"] == "delete"]
