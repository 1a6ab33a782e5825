"""What notices which rows of a database change, so that another one can follow.

What is told is keys, not values: who follows reads the rows that are there now and writes or
removes them in the other database. So it may be told twice, late, or in another order, and comes
out the same. This is the contract; the engines' folders have the ways there are (`how`).
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from whimbrel import tables

TRIGGERS, LOG = "triggers", "log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A table that is followed, and the columns that name its rows."""

    table: tables.Table
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What has changed between two positions.

    `keys` has, by table, the keys of rows that may have come, changed or gone: each a tuple of
    texts as the engine's codec writes them, once. `emptied` are tables of which every row may have
    gone (TRUNCATE). `altered` are tables whose schema is not the one from before. `upto` is what
    is given to `forget` when all of it is done, and committed, on the other side. `more` says that
    something had changed by then that is not among it.
    """

    keys: Mapping[str, Sequence[tuple[bytes, ...]]]
    upto: str
    emptied: frozenset[str] = frozenset()
    altered: Mapping[str, str] = field(default_factory=dict)
    changes: int = 0
    more: bool = False
    oldest: str | None = None

    @property
    def nothing(self) -> bool:
        """Whether nothing has changed."""
        return not self.keys and not self.emptied and not self.altered


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far behind one is: changes that are not read yet, and the age of the oldest."""

    changes: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a database, or a table of it, cannot be followed, and what to do about it."""

    what: str
    remedy: str
    object: str = ""


class Capture(abc.ABC):
    """One way to notice changes, on one session of the database that is followed.

    `name` tells several apart (two targets of one source); it is a short word of letters,
    digits and underscores. Everything may be called again after a crash anywhere.
    """

    how: str

    @abc.abstractmethod
    def obstacles(self, tables_: Sequence[Followed]) -> list[Obstacle]:
        """Return why it would not work, before anything is made."""

    @abc.abstractmethod
    def start(self, name: str, tables_: Sequence[Followed], *, seconds: float) -> None:
        """Begin to notice; what is there already is left or completed.

        Whoever takes a snapshot after it has returned misses nothing: no transaction is left that
        has written unnoticed and is not in that snapshot.
        """

    @abc.abstractmethod
    def read(self, name: str, *, limit: int) -> Changed:
        """Return what has changed and is not forgotten yet, about `limit` changes at most.

        The values are to be read after this has returned.
        """

    @abc.abstractmethod
    def forget(self, name: str, upto: str) -> None:
        """Forget what `read` has told up to there, and commit; nothing that came later."""

    @abc.abstractmethod
    def lag(self, name: str) -> Lag:
        """Return how much is not read yet."""

    @abc.abstractmethod
    def stop(self, name: str, *, seconds: float) -> None:
        """Notice no more, and remove whatever was made for it."""

    @abc.abstractmethod
    def presence(self, name: str) -> bool:
        """Whether it is begun, by the database."""
