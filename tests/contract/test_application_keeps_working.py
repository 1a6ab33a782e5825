"""An application works on the table that is filled, on every engine: nobody gets in the way."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pymysql
import pytest

from tests import conftest, databases, engines
from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines.sqlite import files
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]

FAILURES = (sqlite3.Error, psycopg.Error, pymysql.Error)
MIGRATION = """
from whimbrel import Migration


class Fill(Migration):
    def up(self):
        self.backfill("number", {"n": "n + 1"})
"""
SMALL = "[rows]\nsmall_table = 100\nfirst_rows = 50\nlargest_rows = 100\n"
# What the application adds to a row, so that it can be told from what the backfill adds.
ITS_OWN = 1000


def fill(raw: databases.Raw, rows: int) -> None:
    """Make a table `number` with rows 1 to `rows`, n being 0."""
    raw.execute("CREATE TABLE number (id int NOT NULL PRIMARY KEY, n int NOT NULL)")
    for start in range(0, rows, 1000):
        values = ", ".join(f"({n}, 0)" for n in range(start + 1, min(start + 1000, rows) + 1))
        raw.execute(f"INSERT INTO number VALUES {values}")


def prepare(
    project: conftest.ProjectFolder, raw: databases.Raw, rows: int, config: str = SMALL
) -> None:
    """Make the table, and a project whose migration adds 1 to each row, in batches."""
    fill(raw, rows)
    project.migration("20260101_000000_fill", MIGRATION)
    project.config(config)


def up(
    project: conftest.ProjectFolder,
    database: databases.Database,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> None:
    """Run the migration."""
    projects.open_project(folder=project.path, database=database.url, tell=tell, clock=clock).up()


# --- an application that reads and writes -----------------------------------------------------


class Application(threading.Thread):
    """Changes, inserts and deletes rows, one in a transaction, until it is told to end.

    It keeps count of what it did, for comparing; nothing that it does may fail.
    """

    def __init__(self, database: databases.Database, rows: int, number: int) -> None:
        super().__init__(name=f"application {number}")
        self.database = database
        self.added: Counter[int] = Counter()
        self.inserted: set[int] = set()
        self.deleted: set[int] = set()
        self.failures: list[str] = []
        self._end = threading.Event()
        self._chance = random.Random(number)
        # Each has rows of its own to delete, and keys of its own to insert.
        self._mine = [n for n in range(1, rows + 1) if n % 7 == number]
        self._chance.shuffle(self._mine)
        self._others = [n for n in range(1, rows + 1) if n % 7 > 1]
        self._next = 10 * rows + number

    @property
    def done(self) -> int:
        """How many statements it has sent."""
        return self.added.total() + len(self.inserted) + len(self.deleted)

    def end(self) -> None:
        """Let it end after the statement it is at."""
        self._end.set()
        self.join()

    def run(self) -> None:
        with databases.Raw(self.database) as raw:
            while not self._end.wait(0.002):
                try:
                    self._work(raw)
                except FAILURES as error:
                    self.failures.append(str(error))

    def _work(self, raw: databases.Raw) -> None:
        match self._chance.randrange(8):
            case 0:
                raw.execute(f"INSERT INTO number VALUES ({self._next}, 0)")
                self.inserted.add(self._next)
                self._next += 2
            case 1 if self._mine:
                raw.execute(f"DELETE FROM number WHERE id = {self._mine[-1]}")
                self.deleted.add(self._mine.pop())
            case _:
                row = self._chance.choice(self._others)
                raw.execute(f"UPDATE number SET n = n + {ITS_OWN} WHERE id = {row}")
                self.added[row] += 1


@contextlib.contextmanager
def applications(database: databases.Database, rows: int) -> Iterator[list[Application]]:
    """Have two of them at work inside the block."""
    working = [Application(database, rows, number) for number in (0, 1)]
    for each in working:
        each.start()
    try:
        yield working
    finally:
        for each in working:
            each.end()


def test_every_row_is_done_once_while_an_application_writes(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    rows = 4000
    prepare(project, raw(database), rows, SMALL + "workers = 2\n")
    done = []

    def tell(event: events.Event) -> None:
        if isinstance(event, events.BatchDone):
            done.append(event.read)
            time.sleep(0.005)  # so that the application gets to some rows before us

    with applications(database, rows) as both:
        while not all(each.done for each in both):
            time.sleep(0.01)
        up(project, database, tell)

    found = dict(raw(database).execute("SELECT id, n FROM number"))
    added = both[0].added + both[1].added
    deleted = both[0].deleted | both[1].deleted
    inserted = both[0].inserted | both[1].inserted
    assert [] == both[0].failures + both[1].failures
    assert min(each.done for each in both) > 20
    assert len(done) >= 40
    assert {n for n in range(1, rows + 1) if n not in deleted} | inserted == set(found)
    expected = {n: 1 + ITS_OWN * added[n] for n in found if n <= rows}
    assert expected == {n: value for n, value in found.items() if n <= rows}
    # Those that came before the upper end was fixed are done too, those that came later are not.
    assert {found[n] for n in inserted} <= {0, 1}


SLOWLY = """
import time

from whimbrel import Migration


class Fill(Migration):
    def up(self):
        self.transform("number", "number", slowly)


def slowly(row):
    time.sleep(0.001)
    return {**row, "n": row["n"] + 1}
"""


@pytest.mark.slow
@engines.only("sqlite")
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_no_writer_of_a_file_starves_beside_long_batches(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw, journal: str
) -> None:
    raw(database).execute(f"PRAGMA journal_mode = {journal}")
    prepare(project, raw(database), 6000)
    project.migration("20260101_000000_fill", SLOWLY)
    # Half a second with the file locked, then the next one, twelve times: a machine that is busy
    # with other tests may let one of them miss some of the gaps between.
    project.config("[rows]\nsmall_table = 100\nfirst_rows = 500\n")

    with applications(database, 6000) as both:
        time.sleep(0.1)
        before = [each.done for each in both]
        up(project, database)
        during = [each.done - already for each, already in zip(both, before, strict=True)]

    assert [] == both[0].failures + both[1].failures
    # Each got in while the batches ran, and none ran out of patience, which would be a failure.
    assert min(during) > 0
    expected = both[0].added.total() + both[1].added.total()
    assert expected == raw(database).value(f"SELECT sum(n / {ITS_OWN}) FROM number")


# --- somebody holds a row of the next batch ---------------------------------------------------


class Holder:
    """Somebody with a transaction open that holds a row; on SQLite it holds the file."""

    def __init__(self, raw: databases.Raw, row: int) -> None:
        self._raw = raw
        self._row = row

    def hold(self) -> None:
        """Begin it."""
        self._raw.execute("BEGIN")
        self._raw.execute(f"UPDATE number SET n = n + {ITS_OWN} WHERE id = {self._row}")

    def let_go(self) -> None:
        """Commit it."""
        self._raw.execute("COMMIT")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let batches on a file that is held try again sooner than after five seconds."""
    monkeypatch.setattr(files.connect, "__kwdefaults__", {"mode": "rwc", "timeout": 1.0})


def test_a_batch_waits_for_a_row_that_somebody_holds_says_so_and_goes_on(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    prepare(project, raw(database), 500)
    reasons, batches, read, noted = [], [], [], []

    with databases.Raw(database) as holding:
        holder = Holder(holding, 400)

        def tell(event: events.Event) -> None:
            if isinstance(event, events.BatchDone):
                batches.append(event)
                if len(batches) == 1:
                    holder.hold()
            elif isinstance(event, events.Waiting):
                reasons.append(event.reason)
                read.append(sum(batch.read for batch in batches))
                if len(reasons) == 2:
                    noted.append(raw(database).value("SELECT max(waiting) FROM whimbrel_parts"))
                    holder.let_go()

        up(project, database, tell)

    assert 2 <= len(reasons) <= 3
    assert all("another session holds what this batch needs" in reason for reason in reasons)
    assert 1 == len(set(read))
    assert 0 < read[0] < 400
    # Where the file itself is held, nothing can be written into it for others to see.
    assert [None if database.kind == "sqlite" else reasons[0]] == noted
    assert [(1, 499), (1 + ITS_OWN, 1)] == raw(database).execute(
        "SELECT n, count(*) FROM number GROUP BY n ORDER BY n"
    )
    assert [(0, 500)] == raw(database).execute(
        "SELECT count(waiting), sum(rows_read) FROM whimbrel_parts"
    )


def test_a_row_that_is_held_too_long_stops_the_run_and_it_can_go_on_later(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    prepare(project, raw(database), 500, SMALL + "lock_retries = 1\n")
    batches, stopped = [], []

    with databases.Raw(database) as holding:
        holder = Holder(holding, 400)

        def tell(event: events.Event) -> None:
            if isinstance(event, events.BatchDone):
                batches.append(event)
                if len(batches) == 1:
                    holder.hold()
            elif isinstance(event, events.MigrationStopped):
                stopped.append(event.resumable)
                # Only now: on SQLite a lock that cannot be given back lives as long as its process.
                holder.let_go()

        with pytest.raises(errors.WhimbrelError) as failed:
            up(project, database, tell)
    before = sum(batch.read for batch in batches)

    up(project, database, tell)

    assert "lock" in str(failed.value).lower()
    assert "whimbrel up" in str(failed.value)
    assert [True] == stopped
    assert 0 < before < 400
    assert 500 == sum(batch.read for batch in batches)
    assert [(1, 499), (1 + ITS_OWN, 1)] == raw(database).execute(
        "SELECT n, count(*) FROM number GROUP BY n ORDER BY n"
    )


@engines.without("sqlite")  # whoever writes there is alone
def test_a_deadlock_with_the_application_does_not_end_the_run(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    prepare(project, raw(database), 500, "[rows]\nsmall_table = 100\nfirst_rows = 500\n")
    victims: list[str] = []
    waits: list[str] = []

    def cross() -> None:
        """Hold the last row of the batch, then want its first."""
        with databases.Raw(database) as other:
            for _ in range(10):
                try:
                    other.execute("BEGIN")
                    other.execute(f"UPDATE number SET n = n + {ITS_OWN} WHERE id = 490")
                    held.set()
                    time.sleep(0.3)
                    other.execute(f"UPDATE number SET n = n + {ITS_OWN} WHERE id = 10")
                    other.execute("COMMIT")
                except FAILURES as error:
                    victims.append(str(error))
                    other.execute("ROLLBACK")
                else:
                    return

    held = threading.Event()
    application = threading.Thread(target=cross)

    def tell(event: events.Event) -> None:
        if isinstance(event, events.RowsStarted):
            application.start()
            held.wait()
        elif isinstance(event, events.Waiting):
            waits.append(event.reason)

    up(project, database, tell)
    application.join()

    assert victims or waits
    assert [(1, 498), (1 + ITS_OWN, 2)] == raw(database).execute(
        "SELECT n, count(*) FROM number GROUP BY n ORDER BY n"
    )


# --- no faster, and not now -------------------------------------------------------------------


class OwnClock(clocks.Clock):
    """A clock that stands until somebody sleeps, and then goes by at least `stride` seconds."""

    def __init__(self, moment: datetime, *, stride: float = 0.0) -> None:
        self.moment = moment
        self.stride = stride
        self._began = moment

    def now(self) -> datetime:
        return self.moment

    def seconds(self) -> float:
        return (self.moment - self._began).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=max(seconds, self.stride))


def test_rows_go_at_the_rate_that_is_allowed(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    allowed = 500
    prepare(project, raw(database), 1200, SMALL + f"max_rows_per_second = {allowed}\n")
    ends: list[tuple[float, int]] = []

    def tell(event: events.Event) -> None:
        if isinstance(event, events.BatchDone):
            ends.append((time.monotonic(), event.read))

    up(project, database, tell)

    # From the end of the first batch to the end of the last, and the rows of that time.
    rate = sum(read for _, read in ends[1:]) / (ends[-1][0] - ends[0][0])
    assert 1200 == sum(read for _, read in ends)
    assert 0.9 * allowed <= rate <= 1.1 * allowed


def test_a_long_wait_for_the_rate_is_told(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    config = "[rows]\nsmall_table = 10\nmax_rows_per_second = 0.1\n"
    prepare(project, raw(database), 20, config)
    clock = OwnClock(datetime(2026, 11, 23, 10, 0, tzinfo=UTC))
    reasons = []

    def tell(event: events.Event) -> None:
        if isinstance(event, events.Waiting):
            reasons.append(event.reason)

    up(project, database, tell, clock)

    assert {"the rows per second that are allowed"} == set(reasons)
    # Ten seconds for each row; nothing is waited for behind the first and the last.
    assert 180 <= clock.seconds() <= 180 * 1.1
    assert 20 == raw(database).value("SELECT sum(n) FROM number")


def test_nothing_begins_outside_the_allowed_hours(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    hours = 'allowed_hours = ["22:00-22:10"]\ntimezone = "UTC"\nmax_rows_per_second = 0.05\n'
    prepare(project, raw(database), 40, f"[rows]\nsmall_table = 10\n{hours}")
    clock = OwnClock(datetime(2026, 11, 23, 21, 50, tzinfo=UTC), stride=1.9)
    reasons, moments = [], []

    def tell(event: events.Event) -> None:
        if isinstance(event, events.BatchDone):
            moments.append(clock.moment)
            clock.stride = 1.9
        elif isinstance(event, events.Waiting):
            reasons.append(event.reason)
            clock.stride = 60.0 if "outside" in event.reason else 1.9

    up(project, database, tell, clock)

    outside = "outside the allowed hours 22:00-22:10, until 22:00"
    assert outside in reasons
    assert moments[0] >= datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
    assert {22} == {moment.hour for moment in moments}
    assert all(moment.minute <= 10 for moment in moments)
    # In ten minutes there is time for 30 rows: the others come a day later.
    assert {23, 24} == {moment.day for moment in moments}
    assert 40 == raw(database).value("SELECT sum(n) FROM number")
