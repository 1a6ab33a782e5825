"""Transfers that are stopped, and a world that has changed when they go on."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests import conftest, databases, servers
from tests.crash import transferring
from tests.faces import shell
from whimbrel import errors, events
from whimbrel.engines import registry
from whimbrel.transfers import door, remote
from whimbrel.transfers import plan as planning
from whimbrel.transfers import transfer as transferring_

pairs = pytest.mark.parametrize(("source", "target"), transferring.PAIRS)
targets = pytest.mark.parametrize(
    ("source", "target"),
    [("postgresql", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "mariadb")],
)


@pytest.fixture
def here(request: pytest.FixtureRequest, new_database: conftest.NewDatabase) -> databases.Database:
    """A full source of the pair."""
    database = new_database(request.getfixturevalue("source"))
    with databases.Raw(database) as raw:
        transferring.filled(raw)
    return database


class Stopping:
    """Presses Ctrl-C at an event."""

    def __init__(self, at: Callable[[events.Event], bool]) -> None:
        self._at = at
        self.told: list[events.Event] = []

    def __call__(self, event: events.Event) -> None:
        self.told.append(event)
        # Threads tell, too; Ctrl-C reaches the main one only.
        if threading.current_thread() is threading.main_thread() and self._at(event):
            raise KeyboardInterrupt


def nth(kind: type[events.Event], number: int) -> Callable[[events.Event], bool]:
    """Return what is true of the n-th event of a kind."""
    left = [number]

    def at(event: events.Event) -> bool:
        left[0] -= isinstance(event, kind)
        return left[0] == 0 and isinstance(event, kind)

    return at


MOMENTS: dict[str, Callable[[], Callable[[events.Event], bool]]] = {
    "among rows": lambda: nth(events.ChunkCopied, 4),
    "when tables are full": lambda: nth(events.TableCopied, 5),
    "while comparing": lambda: nth(events.VerifyStarted, 1),
}


def interrupted(here: databases.Database, there: databases.Database, moment: str) -> Stopping:
    """Begin a transfer and stop it."""
    stopping = Stopping(MOMENTS[moment]())
    with pytest.raises(KeyboardInterrupt):
        transferring_.transfer(transferring.request(here.url, there.url), tell=stopping)
    return stopping


# --- Ctrl-C ---------------------------------------------------------------------------------------


@pairs
def test_ctrl_c_finishes_what_is_under_way_and_the_same_request_goes_on(
    source: str, target: str, here: databases.Database, new_database: conftest.NewDatabase
) -> None:
    undisturbed, there = new_database(target), new_database(target)
    transferring.go(transferring.request(here.url, undisturbed.url))

    interrupted(here, there, "among rows")
    with databases.Raw(there) as raw:
        left = dict(raw.execute("SELECT status, count(*) FROM whimbrel_parts GROUP BY status"))
        status = raw.value("SELECT status FROM whimbrel_runs")
    done = transferring.go(transferring.request(here.url, there.url))

    assert {"done", "pending"} == set(left)
    # Four were told of; what was under way is there as well.
    assert left["done"] >= 4
    assert "failed" == status
    assert done.resumed
    assert transferring.state(undisturbed) == transferring.state(there)


MANY = 60_000
TABLES = 8


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@targets
def test_the_command_line_stops_in_order_and_goes_on(
    number: signal.Signals,
    source: str,
    target: str,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
    tmp_path: Path,
) -> None:
    here, there = new_database(source), new_database(target)
    many(raw(here))
    command = ("transfer", here.url, there.url, "--jobs", "1", "--no-report")
    process = subprocess.Popen(
        [sys.executable, "-m", "whimbrel", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(shell.SRC), "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    begun(there, process)
    process.send_signal(number)
    said = process.communicate(timeout=60)[0]
    copied = raw(there).value("SELECT count(*) FROM whimbrel_parts WHERE status = 'done'")
    again = shell.command(*command, cwd=tmp_path)

    assert 130 == process.returncode, said
    assert "stopped before the end" in said
    assert "run the same command again" in said
    assert 1 <= copied < TABLES
    assert 0 == again.returncode, again.stdout + again.stderr
    assert "done, and equal" in again.stdout
    counts = {raw(there).value(f"SELECT count(*) FROM big_{n}") for n in range(TABLES)}
    assert {MANY} == counts


def many(raw: databases.Raw) -> None:
    """Make tables that take a while to copy."""
    with contextlib.suppress(Exception):
        raw.execute("BEGIN")
    for number in range(TABLES):
        raw.execute(f"CREATE TABLE big_{number} (id int PRIMARY KEY, word varchar(80))")
        raw.execute(
            f"INSERT INTO big_{number} WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL "
            f"SELECT id + 1 FROM n WHERE id < {MANY}) SELECT id, 'a word or two of it' FROM n"
        )
    with contextlib.suppress(Exception):
        raw.execute("COMMIT")


def begun(there: databases.Database, process: subprocess.Popen[str]) -> None:
    """Wait until a chunk is copied."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()[0]
        with contextlib.suppress(Exception), databases.Raw(there) as raw:
            if raw.value("SELECT count(*) FROM whimbrel_parts WHERE status = 'done'"):
                return
        time.sleep(0.02)
    raise AssertionError("no chunk is copied")


# --- a source that is written to between two attempts -------------------------------------------


def write(raw: databases.Raw) -> None:
    """Change, insert and delete before and behind whatever has been copied."""
    last = transferring.ROWS
    for n in (5, last // 2, last - 1):
        raw.execute(f"UPDATE item SET price = 0.25 WHERE id = {3 * n}")
        raw.execute(f"UPDATE line SET said = 'another' WHERE id = {n // 2}")
        raw.execute(f"UPDATE word SET said = 'another' WHERE code = 'w{n // 3}'")
        raw.execute(f"DELETE FROM item WHERE id = {3 * n + 30}")
        raw.execute(f"DELETE FROM word WHERE code = 'w{n // 3 + 1}'")
        raw.execute(f"INSERT INTO item VALUES ({3 * n + 1}, 7, {n}, 1.00)")
        raw.execute(f"INSERT INTO line VALUES ({n}, 1, 'new')")
        raw.execute(f"INSERT INTO word VALUES ('n{n}', 'l9', 'new')")
    raw.execute(f"INSERT INTO item VALUES (-5, 7, 1, 1.00), ({9 * last}, 14, 1, 1.00)")
    raw.execute("INSERT INTO blank VALUES (1, 'now')")
    # Two customers far from each other change their unique addresses.
    far = 7 * (last // 4)
    one, other = (str(raw.value(f"SELECT email FROM customer WHERE id = {id}")) for id in (7, far))
    for id, email in ((7, "between"), (far, one), (7, other)):
        raw.execute(f"UPDATE customer SET email = '{email}' WHERE id = {id}")
    # And one its key, which its orders do not survive.
    raw.execute("DELETE FROM item WHERE customer_id = 70")
    raw.execute(f"UPDATE customer SET id = {7 * last} WHERE id = 70")


@pytest.mark.parametrize(
    "kind", [events.TransferStarted, events.TableCutInChunks, events.TableCopied]
)
@pytest.mark.parametrize(
    ("source", "target"),
    [("sqlite", "postgresql"), ("postgresql", "mariadb"), ("mariadb", "sqlite")],
)
def test_what_is_written_meanwhile_is_not_in_it(
    source: str,
    target: str,
    kind: type[events.Event],
    here: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    undisturbed, there = new_database(target), new_database(target)
    if source == "sqlite":
        raw(here).execute("PRAGMA journal_mode = WAL")  # else nobody can write
    transferring.go(transferring.request(here.url, undisturbed.url))
    at = nth(kind, 1)

    def tell(event: events.Event) -> None:
        if at(event):
            with databases.Raw(here) as writing:
                write(writing)

    done = transferring_.transfer(transferring.request(here.url, there.url), tell=tell)
    done.verification.close()

    assert done.equal
    assert not done.resumed
    assert transferring.state(undisturbed) == transferring.state(there)


@pytest.mark.exhaustive
@pytest.mark.parametrize("moment", MOMENTS)
@pairs
def test_what_was_copied_before_becomes_what_it_is_now(
    source: str,
    target: str,
    moment: str,
    here: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    undisturbed, there = new_database(target), new_database(target)
    interrupted(here, there, moment)
    write(raw(here))
    transferring.go(transferring.request(here.url, undisturbed.url))
    asked = transferring.request(here.url, there.url)

    if (source, target, moment) == ("sqlite", "sqlite", "while comparing"):
        # A trigger is there already, which would be set off by every row that is copied again.
        with pytest.raises(errors.TransferHalfDone, match="no_blank"):
            transferring.go(asked)
        return
    told: list[events.Event] = []
    done = transferring_.transfer(asked, tell=told.append)

    assert done.equal
    assert done.resumed
    assert transferring.state(undisturbed) == transferring.state(there)
    assert [one for one in told if isinstance(one, events.Noticed) and "again" in one.what]


@pytest.mark.parametrize(("source", "target"), [("sqlite", "postgresql"), ("sqlite", "mariadb")])
def test_chunks_that_did_not_change_are_not_copied_again(
    source: str,
    target: str,
    here: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    there = new_database(target)
    interrupted(here, there, "when tables are full")
    raw(here).execute("UPDATE customer SET born = '2001-01-01' WHERE id = 70")
    told: list[events.Event] = []

    done = transferring_.transfer(transferring.request(here.url, there.url), tell=told.append)

    assert done.equal
    # One chunk of it, and the table with a rule, whose rows cannot be compared.
    assert {"customer", "item"} == {e.table for e in told if isinstance(e, events.ChunkCopied)}
    assert 1 == sum(isinstance(e, events.ChunkCopied) and e.table == "customer" for e in told)


@pytest.mark.parametrize(
    ("source", "target"),
    [("postgresql", "mariadb"), ("postgresql", "sqlite"), ("mariadb", "postgresql")],
)
def test_rows_that_others_of_the_users_refer_to_are_not_deleted(
    source: str,
    target: str,
    here: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    there = new_database(target)
    door.transfer(here.url, there.url, schema_only=True)
    fill = dataclasses.replace(transferring.OPTIONS, existing=planning.Existing.FILL)
    asked = transferring.request(here.url, there.url, fill)
    with pytest.raises(KeyboardInterrupt):
        transferring_.transfer(asked, tell=Stopping(MOMENTS["when tables are full"]()))
    write(raw(here))

    if target == "postgresql":
        with pytest.raises(errors.TransferHalfDone, match="of_customer of item"):
            transferring.go(asked)
        return
    done = transferring.go(asked)

    assert done.equal
    with databases.Raw(there) as looked:
        assert [] == looked.execute(
            "SELECT * FROM item WHERE customer_id NOT IN (SELECT id FROM customer)"
        )


@pytest.mark.parametrize(("source", "target"), [("sqlite", "postgresql")])
def test_more_rejects_than_may_be_stop_whoever_goes_on(
    source: str, target: str, here: databases.Database, new_database: conftest.NewDatabase
) -> None:
    there = new_database(target)
    interrupted(here, there, "when tables are full")
    stricter = dataclasses.replace(transferring.OPTIONS, max_rejects=0)

    with pytest.raises(errors.TransferFailed, match="1 rows could not be written"):
        transferring_.transfer(transferring.request(here.url, there.url, stricter))


# --- others ---------------------------------------------------------------------------------------


@targets
def test_a_second_transfer_into_the_same_target_is_refused(
    source: str, target: str, here: databases.Database, new_database: conftest.NewDatabase
) -> None:
    there = new_database(target)
    asked = transferring.request(here.url, there.url)
    at_work, go_on = threading.Event(), threading.Event()

    def tell(event: events.Event) -> None:
        if isinstance(event, events.ChunkCopied) and not at_work.is_set():
            at_work.set()
            go_on.wait(60)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(transferring_.transfer, asked, tell=tell)
        at_work.wait(60)
        try:
            with pytest.raises(errors.LockHeld) as refused:
                transferring_.transfer(transferring.request(here.url, there.url))
        finally:
            go_on.set()
        done = first.result()
    done.verification.close()

    assert f"(pid {os.getpid()})" in str(refused.value)
    assert done.equal


_SESSIONS = {
    "postgresql": "SELECT pid FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY pid",
    "mariadb": "SELECT id FROM information_schema.processlist "
    "WHERE db = DATABASE() AND id <> CONNECTION_ID() ORDER BY id",
}
_END = {"postgresql": "SELECT pg_terminate_backend({})", "mariadb": "KILL {}"}


def end_all(database: databases.Database, *, but: int = 0) -> None:
    """End sessions on a database, as a server does that is restarted; `but` so many stay."""
    with databases.Raw(database) as raw:
        numbers = [row[0] for row in raw.execute(_SESSIONS[database.kind])]
        for number in numbers[: len(numbers) - but]:
            with contextlib.suppress(Exception):  # it may have ended meanwhile
                raw.execute(_END[database.kind].format(number))


@pytest.mark.exhaustive
@pytest.mark.parametrize("existing", [planning.Existing.REFUSE, planning.Existing.REPLACE])
@pytest.mark.parametrize("number", [1, 4, 9])
@pytest.mark.parametrize(("source", "target"), [("sqlite", "postgresql"), ("sqlite", "mariadb")])
def test_a_target_that_ends_all_sessions_is_come_back_to(
    number: int,
    existing: planning.Existing,
    source: str,
    target: str,
    here: databases.Database,
    new_database: conftest.NewDatabase,
) -> None:
    undisturbed, there = new_database(target), new_database(target)
    transferring.go(transferring.request(here.url, undisturbed.url))
    if existing is planning.Existing.REPLACE:
        with databases.Raw(there) as raw:
            raw.execute("CREATE TABLE line (old int)")
    options = dataclasses.replace(transferring.OPTIONS, existing=existing)
    at = nth(events.ChunkCopied, number)

    def tell(event: events.Event) -> None:
        if at(event):
            end_all(there)

    done = transferring_.transfer(transferring.request(here.url, there.url, options), tell=tell)
    done.verification.close()

    assert done.equal
    assert transferring.state(undisturbed) == transferring.state(there)


@pytest.mark.parametrize("number", [1, 4])
@pytest.mark.parametrize(
    ("source", "target"), [("postgresql", "sqlite"), ("mariadb", "sqlite"), ("mariadb", "mariadb")]
)
def test_a_source_that_ends_all_sessions_is_come_back_to(
    number: int,
    source: str,
    target: str,
    here: databases.Database,
    new_database: conftest.NewDatabase,
) -> None:
    """And what was written to it meanwhile is in the target: all is of one moment again."""
    undisturbed, there = new_database(target), new_database(target)
    at = nth(events.ChunkCopied, number)

    def tell(event: events.Event) -> None:
        if at(event):
            with databases.Raw(here) as raw:
                write(raw)
            end_all(here)

    done = transferring_.transfer(transferring.request(here.url, there.url), tell=tell)
    done.verification.close()
    transferring.go(transferring.request(here.url, undisturbed.url))

    assert done.equal
    assert transferring.state(undisturbed) == transferring.state(there)


@pytest.mark.parametrize(
    ("source", "target"), [("postgresql", "sqlite"), ("mariadb", "postgresql")]
)
def test_a_session_of_the_source_that_ends_leaves_its_work_to_the_others(
    source: str, target: str, here: databases.Database, new_database: conftest.NewDatabase
) -> None:
    """And all is of the moment at which it began, whatever was written since."""
    undisturbed, there = new_database(target), new_database(target)
    transferring.go(transferring.request(here.url, undisturbed.url))
    at = nth(events.ChunkCopied, 2)
    told: list[events.Event] = []

    def tell(event: events.Event) -> None:
        told.append(event)
        if at(event):
            with databases.Raw(here) as raw:
                write(raw)
            end_all(here, but=1)

    done = transferring_.transfer(transferring.request(here.url, there.url), tell=tell)
    done.verification.close()

    assert done.equal
    # Who meets the end of a session outside of a chunk begins the attempt anew, at the same moment;
    # what was on its way is then copied again. That no row is there twice is claimed below.
    attempts: list[list[tuple[str, int]]] = []
    for one in told:
        if isinstance(one, events.TransferStarted):
            attempts.append([])
        elif isinstance(one, events.ChunkCopied):
            attempts[-1].append((one.table, one.chunk))
    assert len(attempts) <= 2
    # Where the server let nobody keep everyone still, sessions may have begun a little apart.
    apart = any("a little apart" in note for note in done.notes)
    assert apart or all(len(copied) == len(set(copied)) for copied in attempts)
    # Counters are of no moment: whoever asks again is told how far they have counted by then.
    assert without_counters(undisturbed) == without_counters(there)


class _Recording(Executor):
    """Keeps what it was given to do."""

    def __init__(self) -> None:
        self.orders: list[remote.Order] = []
        self._pool = ThreadPoolExecutor(1)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.orders.append(args[0])
        return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._pool.shutdown(wait, cancel_futures=cancel_futures)


def without_counters(there: databases.Database) -> dict[str, object]:
    """Return what is there; to ask a counter is to change it."""
    found = transferring.state(there)
    return {name: value for name, value in found.items() if name not in {"next", "sequence"}}


@targets
def test_who_still_copies_for_a_transfer_that_was_replaced_writes_nothing(
    source: str,
    target: str,
    here: databases.Database,
    new_database: conftest.NewDatabase,
) -> None:
    there = new_database(target)
    with _Recording() as forgotten, pytest.raises(KeyboardInterrupt):
        transferring_.transfer(
            transferring.request(here.url, there.url, executor=forgotten),
            tell=Stopping(MOMENTS["among rows"]()),
        )
    options = dataclasses.replace(transferring.OPTIONS, existing=planning.Existing.REPLACE)
    done = transferring.go(transferring.request(here.url, there.url, options))
    before = without_counters(there)

    refusals = []
    for order in forgotten.orders:
        with pytest.raises(errors.RefusedError) as refused:
            remote.work(order)
        refusals.append(refused.value)

    assert done.equal
    assert not done.resumed
    assert len(refusals) > 4
    assert before == without_counters(there)


# --- a full disk --------------------------------------------------------------------------------


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system with little room, where servers may write, too."""
    with servers.workspace(memory=False) as folder:
        place = folder / "small"
        place.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=600k,mode=0777", "tmpfs", place],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip("a small file system can only be mounted by root")
        try:
            yield place
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize(("source", "target"), [("sqlite", "sqlite"), ("postgresql", "sqlite")])
def test_a_full_disk_stops_it_and_with_more_room_it_goes_on(
    source: str,
    target: str,
    here: databases.Database,
    new_database: conftest.NewDatabase,
    small_disk: Path,
) -> None:
    undisturbed = new_database(target)
    transferring.go(transferring.request(here.url, undisturbed.url))
    file = small_disk / "target.db"
    there = databases.Database(engine_id="sqlite", kind="sqlite", url=f"sqlite:///{file}")

    with pytest.raises(errors.TransferFailed) as failed:
        transferring_.transfer(transferring.request(here.url, there.url))
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    done = transferring.go(transferring.request(here.url, there.url))

    assert "full" in str(failed.value.cause)
    assert done.equal
    assert done.resumed
    assert transferring.state(undisturbed) == transferring.state(there)


@pytest.mark.parametrize(("source", "target"), [("sqlite", "postgresql")])
def test_a_full_disk_of_a_server_stops_it_and_with_more_room_it_goes_on(
    source: str,
    target: str,
    here: databases.Database,
    new_database: conftest.NewDatabase,
    small_disk: Path,
) -> None:
    undisturbed = new_database(target)
    transferring.go(transferring.request(here.url, undisturbed.url))
    # A server of its own: what is done to its disk is not done to other tests.
    with servers.running("postgresql") as server:
        there = on_small_disk(server, small_disk)
        with pytest.raises(errors.TransferFailed) as failed:
            transferring_.transfer(transferring.request(here.url, there.url))
        subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
        done = transferring.go(transferring.request(here.url, there.url))
        found = transferring.state(there)

    assert "No space left on device" in str(failed.value.cause)
    assert done.equal
    assert transferring.state(undisturbed) == found


def on_small_disk(server: servers.Server, place: Path) -> databases.Database:
    """Return a database of PostgreSQL that makes its tables there."""
    home = place / "space"
    home.mkdir()
    owner = place.parent.stat()
    os.chown(home, owner.st_uid, owner.st_gid)
    with contextlib.closing(servers.connect(server.url)) as admin:
        admin.execute(f"CREATE TABLESPACE small LOCATION '{home}'")
        admin.execute("CREATE DATABASE shop")
        admin.execute("ALTER DATABASE shop SET default_tablespace = 'small'")
    return databases.Database(
        engine_id="postgresql", kind="postgresql", url=server.database_url("shop")
    )


# --- what the front door says ---------------------------------------------------------------------


def test_the_front_door_goes_on_as_well(
    new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database("sqlite"), new_database("postgresql")
    transferring.filled(raw(here), 400)
    with pytest.raises(KeyboardInterrupt):
        door.transfer(here.url, there.url, tell=Stopping(nth(events.TableCopied, 2)))

    done = door.transfer(here.url, there.url)
    session = registry.open_session(there.url)
    holder = session.engine.lock(session, door.clocks.SYSTEM).held_by()
    session.close()

    assert done.equal
    assert done.resumed
    assert holder is None
