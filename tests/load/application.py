"""The application: all its connections at work in one process of its own.

It is told who writes (old code, new code, both), to rest, and to end; then it tells its ledger,
what failed, and how long statements took.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final

from tests import databases
from tests.load import figures, ledger, scenes, worker

CONNECTIONS: Final[Mapping[str, int]] = {"sqlite": 4, "postgresql": 16, "mariadb": 16}
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.load.application"])
_SECONDS: Final = 60.0


@dataclass(slots=True, kw_only=True)
class Report:
    """What the application has to tell at the end."""

    ledger: ledger.Ledger
    failures: list[worker.Failure] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    times: figures.Times = field(default_factory=figures.Times.empty)
    seconds: float = 0.0
    # So many connections were told that nobody may write any more.
    shut: int = 0

    def __str__(self) -> str:
        rate = self.ledger.acknowledged / (self.seconds or 1)
        return (
            f"{self.ledger.acknowledged:,} operations acknowledged ({rate:,.0f}/s), "
            f"{len(self.ledger.unknown)} without an answer, {len(self.failures)} failed; "
            f"{self.times.all()}"
        )

    def wrong(self, found: Mapping[int, ledger.Row]) -> list[ledger.Difference]:
        """Return what differs between the ledger and the rows of the database."""
        return ledger.differences(self.ledger, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What application is wanted: how many connections, what they do, how often."""

    connections: int
    each: int = 60
    idle: int = 500
    mix: Mapping[str, int] = field(default_factory=lambda: dict(worker.MIX))
    seed: int = 0
    # Operations a second in all, each timed from when it was due; without it, as many as can be.
    rate: float | None = None


class Application:
    """A running application, as its test steers it."""

    def __init__(self, wire: Connection, base: ledger.Ledger) -> None:
        self._wire = wire
        self._base = base
        self._began = time.monotonic()
        self._count = 0
        self.report: Report | None = None

    def _order(self, *order: object) -> object:
        self._wire.send(order)
        if not self._wire.poll(_SECONDS):
            raise AssertionError(f"the application does not answer to {order[0]}")
        answer = self._wire.recv()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def speak(self, *ages: str) -> None:
        """Let code of these ages write; returns when nobody works as before any more."""
        self._order("speak", ages)

    def rest(self) -> None:
        """Let nobody work; returns when all operations have ended."""
        self._order("speak", ())

    @property
    def done(self) -> int:
        """How many operations were acknowledged."""
        return int(str(self._order("count")))

    def until(self, operations: int, *, seconds: float = _SECONDS) -> None:
        """Wait for so many more acknowledged operations."""
        wanted, patience = self.done + operations, time.monotonic() + seconds
        while self.done < wanted:
            if time.monotonic() > patience:
                raise AssertionError(f"the application has done {self.done}, not {wanted}")
            time.sleep(0.01)

    def so_far(self) -> Report:
        """Return what it has done; it must be at rest."""
        return self._report("tell")

    def end(self) -> Report:
        """End it and return what it has done."""
        if self.report is None:
            self.report = self._report("end")
        return self.report

    def _report(self, order: str) -> Report:
        all_ = self._order(order)
        report = Report(ledger=ledger.Ledger(rows=dict(self._base.rows)))
        report.seconds = time.monotonic() - self._began
        report.times = figures.joined([one.times for one in all_])  # type: ignore[attr-defined]
        for told in all_:  # type: ignore[attr-defined]
            report.ledger.join(told.ledger)
            report.failures += told.failures
            report.shut += told.shut
            report.surprises += told.surprises
        return report


@contextlib.contextmanager
def running(
    scene: scenes.Scene,
    database: databases.Database,
    base: ledger.Ledger,
    wish: Wish,
    *,
    url: str | None = None,
) -> Iterator[Application]:
    """Have the application at work inside the block, with old code; `url` may be a detour."""
    here, there = _CONTEXT.Pipe()
    mine: dict[int, list[ledger.Row]] = {number: [] for number in range(1, wish.connections + 1)}
    others = ledger.Ledger()
    for row in base.rows.values():
        owner = row.id // ledger.SPAN
        if owner in mine:
            mine[owner].append(row)
        else:
            others.rows[row.id] = row
    process = _CONTEXT.Process(
        target=_main,
        args=(there, scene, url or database.url, mine, wish),
    )
    process.start()
    there.close()
    application = Application(here, others)
    try:
        application.speak(worker.OLD)
        yield application
    finally:
        with contextlib.suppress(OSError, EOFError, AssertionError):
            application.end()
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()
        here.close()


class _Orders:
    def __init__(self) -> None:
        self.now: tuple[int, Sequence[str]] = (0, ())

    def __call__(self) -> tuple[int, Sequence[str]]:
        return self.now


def _main(
    wire: Connection,
    scene: scenes.Scene,
    url: str,
    rows: Mapping[int, Sequence[ledger.Row]],
    wish: Wish,
) -> None:
    end, orders = threading.Event(), _Orders()
    rate = wish.rate / wish.connections if wish.rate else None
    workers = [
        worker.Worker(scene, url, number, mine, mix=wish.mix, seed=wish.seed, rate=rate)
        for number, mine in rows.items()
    ]
    died: list[BaseException] = []
    threads = [
        threading.Thread(target=_survive, args=(one, end, orders, died), daemon=True)
        for one in workers
    ]
    for thread in threads:
        thread.start()
    while not end.is_set():
        try:
            order, *given = wire.recv()
        except EOFError:
            end.set()
            return
        answer: object = None
        if order == "speak":
            number = orders.now[0] + 1
            orders.now = (number, given[0])
            while any(one.seen < number for one in workers) and not died:
                time.sleep(0.001)
        elif order == "count":
            answer = sum(one.done for one in workers)
        elif order == "end":
            end.set()
            for thread in threads:
                thread.join(_SECONDS)
        if order in ("tell", "end"):
            answer = [one.told for one in workers]
        wire.send(died[0] if died else answer)


def _survive(
    one: worker.Worker, end: threading.Event, orders: _Orders, died: list[BaseException]
) -> None:
    try:
        one.work(end, orders)
    except BaseException as error:  # noqa: BLE001 - told by the next answer
        died.append(AssertionError(f"a connection of the application died: {error!r}"))
