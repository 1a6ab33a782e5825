"""Two databases of which one follows the other, for tests of following and cutting over."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import whimbrel
from tests import databases
from whimbrel import events
from whimbrel.transfers import follow as following

# Each engine is followed by each other once.
PAIRS: Final = (
    ("mariadb", "postgresql"),
    ("postgresql", "mariadb"),
    ("sqlite", "postgresql"),
    ("postgresql", "sqlite"),
    ("mariadb", "sqlite"),
    ("sqlite", "mariadb"),
)
TABLES: Final = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, v VARCHAR(200), u INTEGER UNIQUE);
CREATE TABLE child (
  a VARCHAR(20) NOT NULL, b INTEGER NOT NULL, parent INTEGER, d DECIMAL(9, 2),
  PRIMARY KEY (a, b),
  FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE
);
"""
_SEEN: Final = (
    "SELECT id, v, u FROM parent ORDER BY id",
    "SELECT a, b, parent, d * 100 FROM child ORDER BY b, parent, d",
)


def prepared(raw: databases.Raw, rows: int = 12) -> None:
    """Make the tables in a database that is to be followed, with some rows."""
    if raw.database.kind == "sqlite":
        raw.execute("PRAGMA journal_mode = wal")
        raw.execute("PRAGMA foreign_keys = ON")
    raw.script(TABLES)
    for at in range(1, rows + 1):
        raw.execute(f"INSERT INTO parent VALUES ({at}, 'v{at}', {at})")
        raw.execute(f"INSERT INTO child VALUES ('a{at}', {at}, {at}, 1.25)")


def seen(raw: databases.Raw) -> list[list[tuple[object, ...]]]:
    """Return the rows of both tables as plain values."""
    return [
        [tuple(int(v) if _number(v) else v for v in row) for row in raw.execute(sql)]
        for sql in _SEEN
    ]


def _number(value: Any) -> bool:
    return value is not None and not isinstance(value, str)


def level(
    source: databases.Database, target: databases.Database, **options: Any
) -> following.Followed:
    """Follow until all is brought that had changed by then."""
    return whimbrel.follow(source.url, target.url, until_level=True, **options)


class Follower:
    """Somebody who follows in a thread of his own, until he is told to stop."""

    def __init__(self, source: databases.Database, target: databases.Database, **options: Any):
        self.told: list[events.Event] = []
        self.done: following.Followed | None = None
        self.error: BaseException | None = None
        self._ends = (source.url, target.url)
        self._options = options
        self._stop = threading.Event()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.done = whimbrel.follow(*self._ends, tell=self._tell, **self._options)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error
        finally:
            self._begun.set()

    def _tell(self, event: events.Event) -> None:
        self.told.append(event)
        if isinstance(event, events.FollowingStarted):
            self._begun.set()
        if self._stop.is_set():
            raise KeyboardInterrupt

    def wait(self, seconds: float = 60) -> None:
        """Wait until rows are copied and changes are brought."""
        assert self._begun.wait(seconds)
        assert self.error is None, self.error

    def stop(self) -> None:
        """Stop as Ctrl-C does."""
        self._stop.set()
        self.join()

    def join(self, seconds: float = 60) -> None:
        """Wait until he has stopped."""
        self._thread.join(seconds)
        assert not self._thread.is_alive()


@contextlib.contextmanager
def writing(
    database: databases.Database, work: Callable[[databases.Raw, int], None]
) -> Iterator[list[int]]:
    """Let somebody write inside the block, again and again; yield how often he has."""
    stop, done = threading.Event(), [0]

    def run() -> None:
        with databases.Raw(database) as raw:
            if database.kind == "sqlite":
                raw.execute("PRAGMA foreign_keys = ON")
            while not stop.is_set():
                work(raw, done[0])
                done[0] += 1

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join(60)
