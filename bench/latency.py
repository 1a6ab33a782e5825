"""Measure how an application fares while a backfill runs, and write it into the page about pace.

    python -m bench.latency [--engine NAME]… [--rows N] [--rounds N] [--no-page]

An application works at a fixed rate on the table that is filled: pgbench on PostgreSQL, `load`
elsewhere. Each of its transactions is timed from the moment it was due. The ways to fill the
column take turns, each on a fresh table; what counts is what fell into the time of the batches.
"""

from __future__ import annotations

import abc
import argparse
import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import lines, places, results
from tests import servers

PAGE: Final = places.ROOT / "docs" / "explanation" / "pace.md"
_FILE: Final = lines.CACHE / "latency.json"
_BEGIN: Final = "<!-- what follows is written by bench.latency -->"
_END: Final = "<!-- what stands before is written by bench.latency -->"

ALONE: Final = "no backfill"
ONE_UPDATE: Final = "one UPDATE"
_SET: Final = "abalance * 2 + bid"
_WARM_UP_SECONDS: Final = 2.0
_ALONE_SECONDS: Final = 15.0
# So much of what a server can do with two clients is asked of it, by a pool of connections: who
# waits for a row keeps no others from their work.
_SHARE: Final = 0.6
_CLIENTS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One transaction of the application: when it was due, and how much later it was done."""

    due: float
    seconds: float
    kind: str
    failed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one way did to the transactions of one kind, over all rounds."""

    engine: str
    way: str
    kind: str
    rate: float
    rows: int
    seconds: float  # of the backfill, the median of the rounds, of two the longer
    latencies: tuple[float, ...] = field(repr=False)
    failed: int = 0

    def at(self, share: float) -> float:
        """Return the latency that this share of the transactions stayed below."""
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


class Subject(abc.ABC):
    """A database with a table `table` to fill, and an application that works on it."""

    engine: str
    title: str
    table = "accounts"

    def __init__(self, place: places.Place, rows: int) -> None:
        self.place = place
        self.rows = rows

    @abc.abstractmethod
    def fresh(self) -> None:
        """Put the table back as it was, with a new column `points` that is empty."""

    @abc.abstractmethod
    @contextlib.contextmanager
    def application(self) -> Iterator[list[Done]]:
        """Let the application work inside the block; the list is full after it."""
        yield []

    @property
    @abc.abstractmethod
    def rates(self) -> dict[str, float]:
        """The transactions of each kind in a second."""

    def one_update(self) -> None:
        """Fill the column by one statement."""
        with contextlib.closing(places.plain(self.place)) as connection:
            cursor = connection.cursor()
            for sql in ("BEGIN", f"UPDATE {self.table} SET points = {_SET}", "COMMIT"):
                cursor.execute(sql)
            cursor.close()

    def check(self) -> None:
        """Raise unless every row is filled."""
        empty = self.place.value(f"SELECT count(*) FROM {self.table} WHERE points IS NULL")
        if empty:
            raise AssertionError(f"{empty} rows were not filled")


# --- the application ------------------------------------------------------------------------


@contextlib.contextmanager
def _load(url: str, rows: int, threads: Sequence[str]) -> Iterator[list[Done]]:
    """Let `bench.load` work inside the block."""
    done: list[Done] = []
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.load", url, str(rows), *threads],
            cwd=places.ROOT,
            stdin=subprocess.PIPE,
            stdout=told,
        )
        try:
            yield done
        finally:
            process.communicate()
        told.seek(0)
        for line in told:
            due, seconds, _, kind, failed = json.loads(line)
            done.append(Done(due=due, seconds=seconds, kind=kind, failed=failed))


class Postgresql(Subject):
    """The tables of pgbench, and pgbench itself."""

    table = "pgbench_accounts"

    def __init__(self, place: places.Place, rows: int) -> None:
        super().__init__(place, rows)
        self.engine, self.title = place.engine, place.title
        self._pgbench = servers.postgresql_programs(servers._MAJOR[place.engine]) / "pgbench"
        self.fresh()
        self._rate = round(self._most() * _SHARE)

    @property
    def rates(self) -> dict[str, float]:
        return {"transaction": self._rate}

    def fresh(self) -> None:
        self.place.execute("DROP SCHEMA public CASCADE")
        self.place.execute("CREATE SCHEMA public")
        self._call("-i", "-q", "-s", str(self.rows // 100_000))
        self.place.execute(f"ALTER TABLE {self.table} ADD COLUMN points integer")
        self.place.execute("CHECKPOINT")

    @contextlib.contextmanager
    def application(self) -> Iterator[list[Done]]:
        done: list[Done] = []
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(
                [*self._command("-n", "-c", str(_CLIENTS), "-j", "2", "-T", "3600"),
                 "-R", str(self._rate), "-l", f"--log-prefix={folder}/log"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                yield done
            finally:
                process.send_signal(signal.SIGALRM)  # to pgbench: the time is over
                process.wait()
            for file in Path(folder).glob("log*"):
                done += [self._read(line.split()) for line in file.read_text().splitlines()]

    def _read(self, words: list[str]) -> Done:
        # client, number, microseconds since it was due, script, its end, …
        end = int(words[4]) + int(words[5]) / 1e6
        if not words[2].isdigit():
            return Done(due=end, seconds=0.0, kind="transaction", failed=words[2])
        seconds = int(words[2]) / 1e6
        return Done(due=end - seconds, seconds=seconds, kind="transaction")

    def _most(self) -> float:
        """Return how many transactions two clients can do in a second."""
        said = self._call("-n", "-c", "2", "-j", "2", "-T", "8")
        found = re.search(r"tps = ([\d.]+)", said)
        return float(found[1]) if found else 0.0

    def _command(self, *arguments: str) -> list[str]:
        return [str(self._pgbench), *arguments, "-d", self.place.url]

    def _call(self, *arguments: str) -> str:
        command = self._command(*arguments)
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


_ACCOUNTS: Final = "CREATE TABLE {name} (aid {key} NOT NULL PRIMARY KEY, bid int, \
abalance int, filler char(84), points int)"
_HISTORY: Final = "CREATE TABLE history (id {key} PRIMARY KEY {auto}, aid int, delta int)"


class Mariadb(Subject):
    """The same table as pgbench's, and threads of PyMySQL."""

    def __init__(self, place: places.Place, rows: int) -> None:
        super().__init__(place, rows)
        self.engine, self.title = place.engine, place.title
        place.execute(_ACCOUNTS.format(name="accounts_kept", key="int"))
        place.execute(
            "INSERT INTO accounts_kept SELECT seq, 1 + seq DIV 100000, 0, '', NULL "
            f"FROM seq_1_to_{rows}"
        )
        self.fresh()
        with _load(place.url, rows, ["write=100000", "write=100000"]) as done:
            time.sleep(8)
        self._rate = round(len(done) / 8 * _SHARE)

    @property
    def rates(self) -> dict[str, float]:
        return {"transaction": self._rate}

    def fresh(self) -> None:
        self.place._drop(self.place._tables() - {"accounts_kept"})
        self.place.execute(_ACCOUNTS.format(name="accounts", key="int"))
        self.place.execute("INSERT INTO accounts SELECT * FROM accounts_kept ORDER BY aid")
        self.place.execute(_HISTORY.format(key="bigint", auto="AUTO_INCREMENT"))
        self.place.settle("accounts")

    @contextlib.contextmanager
    def application(self) -> Iterator[list[Done]]:
        threads = [f"write={self._rate / _CLIENTS}"] * _CLIENTS
        with _load(self.place.url, self.rows, threads) as done:
            yield done
        done[:] = [dataclasses.replace(one, kind="transaction") for one in done]


class Sqlite(Subject):
    """A file, with one that writes and one that reads, twenty times a second each."""

    def __init__(self, place: places.Place, rows: int, *, log: bool) -> None:
        super().__init__(place, rows)
        self.engine = f"{place.engine}-{'wal' if log else 'rollback'}"
        self.title = f"{place.title}, {'WAL' if log else 'rollback journal'}"
        self._file = Path(place.url.removeprefix("sqlite:///"))
        self._kept = self._file.with_name(f"{self.engine}.db")
        with contextlib.closing(sqlite3.connect(self._kept, isolation_level=None)) as connection:
            if log:
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_ACCOUNTS.format(name="accounts", key="integer"))
            connection.execute(_HISTORY.format(key="integer", auto=""))
            connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                "INSERT INTO accounts SELECT i, 1 + i / 100000, 0, printf('%84s', ''), NULL FROM n",
                (rows,),
            )

    @property
    def rates(self) -> dict[str, float]:
        return {"write": 20.0, "read": 20.0}

    def fresh(self) -> None:
        self.place.close()
        for leftover in self._file.parent.glob(f"{self._file.name}*"):
            leftover.unlink()
        shutil.copyfile(self._kept, self._file)
        os.sync()

    @contextlib.contextmanager
    def application(self) -> Iterator[list[Done]]:
        self.place.leave()
        with _load(self.place.url, self.rows, ["write=20", "read=20"]) as done:
            yield done

    def one_update(self) -> None:
        with contextlib.closing(sqlite3.connect(self._file, timeout=60)) as connection, connection:
            connection.execute(f"UPDATE {self.table} SET points = {_SET}")


def subjects(engine: str, rows: int, stack: contextlib.ExitStack) -> Iterator[Subject]:
    """Yield what is measured on an engine; raises servers.Unavailable."""
    place = stack.enter_context(places.opened(engine))
    if engine == "sqlite":
        for log in (False, True):
            # It is so fast that there would be little to see.
            yield Sqlite(place, rows * 8, log=log)
    else:
        yield {"postgresql": Postgresql, "mariadb": Mariadb}[engine](place, rows)


# --- the ways -------------------------------------------------------------------------------

Window = tuple[float, float]


def ways(rows: int) -> dict[str, Callable[[Subject], Window]]:
    """Return the ways to fill the column, which tell when they were at it."""
    slow = rows // 25
    return {
        ALONE: _nothing,
        "Whimbrel": _whimbrel(""),
        "`target_seconds = 0.1`": _whimbrel("target_seconds = 0.1"),
        f"`max_rows_per_second = {slow:_}`": _whimbrel(f"max_rows_per_second = {slow}"),
        ONE_UPDATE: _one_update,
    }


def _nothing(subject: Subject) -> Window:
    began = time.time()
    time.sleep(_ALONE_SECONDS)
    return began, time.time()


def _one_update(subject: Subject) -> Window:
    began = time.time()
    subject.one_update()
    return began, time.time()


def _whimbrel(settings: str) -> Callable[[Subject], Window]:
    def work(subject: Subject) -> Window:
        with tempfile.TemporaryDirectory(prefix="whimbrel-bench-") as folder:
            _project(Path(folder), subject, settings)
            options = ["--quiet", "--traceback", "--project", folder]
            command = [sys.executable, "-m", "whimbrel", "up", *options]
            done = subprocess.run(
                command, cwd=places.ROOT, capture_output=True, text=True, check=False
            )
        if done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return _batches(subject)

    return work


def _project(folder: Path, subject: Subject, settings: str) -> None:
    (folder / "migrations").mkdir()
    (folder / "whimbrel.toml").write_text(
        f'[databases.main]\nurl = "{subject.place.url}"\n\n[rows]\n{settings}\n', encoding="utf-8"
    )
    (folder / "migrations" / "20260101_000000_points.py").write_text(
        "from whimbrel import Migration\n\n\nclass Points(Migration):\n    def up(self):\n"
        f'        self.backfill("{subject.table}", {{"points": "{_SET}"}})\n',
        encoding="utf-8",
    )


def _batches(subject: Subject) -> Window:
    """Return when the first batch began and the last one ended, by the journal."""
    rows = subject.place.rows(
        "SELECT finished_at, seconds FROM whimbrel_batches ORDER BY finished_at"
    )
    ends = [
        datetime.strptime(str(at), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()
        for at, _ in rows
    ]
    return ends[0] - float(str(rows[0][1])), ends[-1]


# --- measuring ------------------------------------------------------------------------------


def measure(
    subject: Subject, *, rounds: int, only: Sequence[str], tell: Callable[[str], None]
) -> list[Found]:
    """Let all ways take turns, and return what they did to the application."""
    tell(f"{subject.title}: {subject.rates} a second, {subject.rows:,} rows")
    took: dict[str, list[float]] = {}
    seen: dict[tuple[str, str], list[Done]] = {}
    for _ in range(rounds):
        for name, way in ways(subject.rows).items():
            if only and not any(part in name for part in only):
                continue
            subject.fresh()
            with subject.application() as done:
                time.sleep(_WARM_UP_SECONDS)
                began, ended = way(subject)
                time.sleep(0.5)
            if name != ALONE:
                subject.check()
            took.setdefault(name, []).append(ended - began)
            # What was due while the backfill ran, also if it was done only after it.
            counted = [one for one in done if began <= one.due <= ended]
            for kind in subject.rates:
                mine = [one for one in counted if one.kind == kind]
                seen.setdefault((name, kind), []).extend(mine)
                tell(_line(name, kind, ended - began, mine))
    return [
        Found(
            engine=subject.engine,
            way=name,
            kind=kind,
            rate=subject.rates[kind],
            rows=subject.rows,
            seconds=sorted(took[name])[len(took[name]) // 2],
            latencies=tuple(sorted(round(one.seconds, 6) for one in all_)),
            failed=sum(bool(one.failed) for one in all_),
        )
        for (name, kind), all_ in seen.items()
    ]


def _line(name: str, kind: str, seconds: float, done: Sequence[Done]) -> str:
    ordered = sorted(one.seconds for one in done) or [0.0]
    p50, p95, p99 = (ordered[int(share * len(ordered))] for share in (0.5, 0.95, 0.99))
    failed = sum(bool(one.failed) for one in done)
    return (
        f"  {name:<32}{seconds:7.1f} s  {kind:<12}{len(done):>7}  p50 {p50 * 1e3:8.1f}  "
        f"p95 {p95 * 1e3:8.1f}  p99 {p99 * 1e3:8.1f}  max {ordered[-1] * 1e3:8.1f} ms  "
        f"{failed} failed"
    )


# --- the page -------------------------------------------------------------------------------


def _keep(subject: Subject, found: Sequence[Found]) -> None:
    known = _known()
    known["machine"] = results._machine()
    known[subject.engine] = {
        "title": subject.title,
        "found": [dataclasses.asdict(one) for one in found],
    }
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    _FILE.write_text(json.dumps(known), encoding="utf-8")


def _known() -> dict[str, Any]:
    return dict(json.loads(_FILE.read_text(encoding="utf-8"))) if _FILE.exists() else {}


def tables() -> str:
    """Return what was measured as Markdown."""
    known = _known()
    parts = [f"{known.pop('machine', '')}."]
    for kept in known.values():
        found = [Found(**{**one, "latencies": tuple(one["latencies"])}) for one in kept["found"]]
        for kind in dict.fromkeys(one.kind for one in found):
            mine = [one for one in found if one.kind == kind]
            parts.append(_table(kept["title"], kind, mine))
    return "\n\n".join(parts)


def _table(title: str, kind: str, found: Sequence[Found]) -> str:
    alone = next(one for one in found if one.way == ALONE)
    rows = [
        f"**{title}**, {found[0].rows:,} rows, {found[0].rate:,.0f} {kind}s a second:",
        "",
        "| | takes | p50 | p95 | p99 | longest | p99, against none | failed |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in found:
        p50, p95, p99 = (one.at(share) for share in (0.5, 0.95, 0.99))
        takes = "" if one is alone else f"{one.seconds:.1f} s"
        ratio = "" if one is alone else f"{p99 / alone.at(0.99):,.1f}×"
        cells = [one.way, takes, *map(_ms, (p50, p95, p99, one.latencies[-1])), ratio]
        rows.append(f"| {' | '.join(cells)} | {one.failed:,} of {len(one.latencies):,} |")
    return "\n".join(rows)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds < 0.1 else f"{seconds * 1000:,.0f} ms"


def write(text: str) -> None:
    """Put the tables into the page, between its marks."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    PAGE.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}", encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="bench.latency", description="How an application fares while a backfill runs."
    )
    parser.add_argument("--engine", choices=places.ENGINES, action="append")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", default=[], help="ways with this in their name")
    parser.add_argument("--no-page", action="store_true", help="leave the page as it is")
    asked = parser.parse_args(arguments)
    missing = 0
    for engine in asked.engine or places.ENGINES:
        try:
            with contextlib.ExitStack() as stack:
                for subject in subjects(engine, asked.rows, stack):
                    found = measure(subject, rounds=asked.rounds, only=asked.only, tell=_tell)
                    if not asked.only:
                        _keep(subject, found)
        except servers.Unavailable as no:
            _tell(f"{engine}: not measured, because {no}")
            missing += 1
    if not asked.no_page and not asked.only:
        write(tables())
        _tell(f"written into {PAGE.relative_to(places.ROOT)}")
    return 1 if missing else 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
