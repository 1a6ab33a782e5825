"""A live change of the load's application, by a runner in a process of its own.

The runner may be killed at an event that it tells, or at any moment from outside.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests import conftest, databases
from tests.crash import child
from tests.load import application, deadlocks, ledger, mirrored, scenes
from whimbrel import events
from whimbrel.engines import registry
from whimbrel.journal import tables as journal
from whimbrel.migrations import live
from whimbrel.migrations import project as projects

MIGRATION: Final = "20260101_000000_change"
UP, COMPLETE, REVERT = "up", "complete", "revert"
# Batches of so few rows that there are many of them.
_CONFIG: Final = "[rows]\nsmall_table = 1\nfirst_rows = 50\nlargest_rows = 200\n"
# SQLite has one writer at a time: who comes again at once leaves the others no moment. Servers are
# given all they can do in the campaign; else there is a machine to be shared with other tests.
HARD: Final = "WHIMBREL_LOAD" in os.environ
RATES: Final = {
    "sqlite": 200.0,
    "postgresql": None if HARD else 800.0,
    "mariadb": None if HARD else 800.0,
}

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "tests.crash.living",
        "whimbrel.online.conductor",
        *(f"whimbrel.engines.{name}.engine" for name in registry.names()),
        "whimbrel.engines.translate",
    ]
)
_SECONDS: Final = 600.0 if HARD else 120.0


# --- the runner -------------------------------------------------------------------------------


def _work(folder: Path, url: str, what: str, until: str | None, kill_at: int) -> None:
    faulthandler.enable()
    count = 0

    def tell(event: events.Event) -> None:
        nonlocal count
        count += 1
        if isinstance(event, events.LockAwaited):
            with (folder / "awaited").open("a", encoding="utf-8") as file:
                file.write(f"{what}: try {event.tries}, {event.waited:.1f} s: {event.blockers}\n")
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        opened = projects.open_project(folder=folder, database=url, tell=tell)
        if what == UP:
            opened.wish = live.Wish(until=until)
            child.when_free(opened.up)
        elif what == COMPLETE:
            child.when_free(lambda: opened.complete(MIGRATION))
        else:
            child.when_free(lambda: opened.revert(MIGRATION))
    except BaseException as error:  # noqa: BLE001 - told by the parent
        said = f"{what} {until or ''}: {error}\n{traceback.format_exc(limit=-6)}"
        (folder / "said").write_text(said, encoding="utf-8")
        raise SystemExit(1) from None
    (folder / "events").write_text(str(count), encoding="utf-8")


@dataclass(slots=True)
class Runner:
    """Runs commands of a live change, each in a process that may be killed."""

    folder: Path
    url: str

    def start(
        self, what: str, until: str | None = None, *, kill_at: int = 0, url: str | None = None
    ) -> multiprocessing.process.BaseProcess:
        """Start a command and leave it running."""
        (self.folder / "said").unlink(missing_ok=True)
        given = (self.folder, url or self.url, what, until, kill_at)
        process = _CONTEXT.Process(target=_work, args=given)
        process.start()
        return process

    def __call__(self, what: str, until: str | None = None) -> tuple[float, float]:
        """Run a command to its end; return from when to when."""
        began = time.monotonic()
        self.ended(self.start(what, until))
        ended = time.monotonic()
        print(f"  {what} {until or ''}: from {began:.2f} to {ended:.2f}")
        return began, ended

    def ended(self, process: multiprocessing.process.BaseProcess) -> bool:
        """Wait for the end of a command; False if it was killed."""
        process.join(_SECONDS)
        if process.is_alive():
            os.kill(process.pid or 0, signal.SIGABRT)  # faulthandler says where it is
            process.join()
            awaited = self.folder / "awaited"
            waits = awaited.read_text(encoding="utf-8") if awaited.exists() else "for no lock"
            raise AssertionError(f"the runner still works after {_SECONDS:.0f} s, waiting {waits}")
        if process.exitcode == -signal.SIGKILL:
            return False
        said = self.folder / "said"
        assert process.exitcode == 0, said.read_text(encoding="utf-8") if said.exists() else ""
        return True

    @property
    def events(self) -> int:
        """How many events the last command has told that ended."""
        return int((self.folder / "events").read_text(encoding="utf-8"))


# --- the whole ------------------------------------------------------------------------------------


class Stage:
    """The application's tables, a project with the live change, and its runner."""

    def __init__(
        self,
        name: str,
        project: conftest.ProjectFolder,
        database: databases.Database,
        raw: databases.Raw,
    ) -> None:
        self.database, self.raw = database, raw
        self.scene = scenes.scene(name, database.kind)
        if database.kind == "sqlite":
            raw.execute("PRAGMA journal_mode = WAL")
        self.scene.create(raw)
        project.config(_CONFIG)
        project.migration(MIGRATION, self.scene.migration)
        self.run = Runner(project.path, database.url)

    def load(self, *, each: int = 40, idle: int = 400) -> tuple[ledger.Ledger, application.Wish]:
        """Fill the tables; return what is there, and the application that fits."""
        kind = self.database.kind
        wish = application.Wish(
            connections=application.CONNECTIONS[kind], each=each, idle=idle, rate=RATES[kind]
        )
        base = self.scene.fill(
            self.raw, connections=wish.connections, each=wish.each, idle=wish.idle
        )
        return base, wish

    def tables(self) -> dict[str, dict[str, str]]:
        """Return, for code of each age that finds its shape, which table has it."""
        columns = set(self._columns("person"))
        if self.scene.name == scenes.TYPE:
            found = {}
            for name in self._ours():
                if name.startswith(("whimbrel_old", "whimbrel_new")):
                    age = "old" if name.startswith("whimbrel_old") else "new"
                    found[age] = {"table": name}
            here = "new" if "old" in found else "old"
            return {**found, here: {}} if found else {"old": {}, "new": {}}
        ages = {}
        if set(self.scene.old.columns) <= columns:
            ages["old"] = {}
        if self.scene.new.beside:
            if scenes.has_table(self.raw, scenes.BESIDE):
                ages["new"] = {}
        elif set(self.scene.new.columns) <= columns:
            ages["new"] = {}
        return ages

    def _ours(self) -> list[str]:
        query = {
            "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
            "postgresql": "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
        }.get(
            self.database.kind,
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
        )
        return [str(name) for (name,) in self.raw.execute(query)]

    def _columns(self, table: str) -> Sequence[str]:
        if self.database.kind == "sqlite":
            return [str(row[1]) for row in self.raw.execute(f"PRAGMA table_info({table})")]
        here = "DATABASE()" if self.database.kind == "mariadb" else "current_schema()"
        query = (
            "SELECT column_name FROM information_schema.columns "
            f"WHERE table_name = '{table}' AND table_schema = {here}"
        )
        return [str(name) for (name,) in self.raw.execute(query)]

    def claim_equal(self, report: application.Report, *ages: str, at: str) -> None:
        """Claim that these shapes are there, and have what the ledger has, and nothing failed."""
        if report.failures:
            print(*report.failures[:10], mirrored.circle(self.raw), sep="\n")
        assert deadlocks.other(report.failures, self.database.kind) == [], at
        assert report.surprises == [], at
        there = self.tables()
        assert set(ages) <= set(there), at
        wrong = {
            age: ledger.told(report.wrong(self.scene.found(self.raw, age, **there[age])))
            for age in ages
        }
        assert wrong == dict.fromkeys(ages, "nothing"), at
        if self.scene.new.beside and "new" in ages:
            assert self.scene.strays(self.raw) == [], at

    def left(self) -> list[str]:
        """Return what of a live change is still in the database, beside our own memory."""
        ours = {*journal.METADATA.tables, *_MEMORY}
        found = (str(name) for (name,) in mirrored.left(self.raw))
        return sorted(
            name
            for name in found
            if not any(name == one or name.startswith(f"{one}_") for one in ours)
            and "autoindex" not in name
        )


# Beside the journal, what lives as long as it does.
_MEMORY: Final = ("whimbrel_lock", "whimbrel_undo")
