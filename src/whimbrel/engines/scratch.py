"""Databases that are made to be thrown away: where they lie, how they are made, found and dropped.

Whose they are and when they go is for `rehearsal/scratch` to say; the engines' folders say how.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

# The name of each begins so; nothing else is ever dropped.
PREFIX: Final = "whimbrel_scratch_"

READERS_AND_WRITERS: Final = "readers and writers"
WRITERS: Final = "writers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A lock that somebody holds on a table: its mode, and who would wait for it.

    `waits` is "" if nobody would, else "writers" or "readers and writers".
    """

    table: str
    mode: str
    waits: str


class Scratches(abc.ABC):
    """The scratch databases of one server, or of one folder; sessions stay open until `close`."""

    @property
    @abc.abstractmethod
    def place(self) -> str:
        """Where they lie, as people may see it."""

    @abc.abstractmethod
    def make(self, name: str) -> None:
        """Make an empty database in which text is encoded and sorted as in the source."""

    def copy(self, name: str) -> bool:
        """Fill a database that was made with all of the source, of one moment; False if it cannot.

        The source is only read.
        """
        return False

    @abc.abstractmethod
    def url(self, name: str) -> sa.URL:
        """Return the URL of one of them."""

    @abc.abstractmethod
    def names(self) -> list[str]:
        """Return the names of all that are there, whoever made them."""

    @abc.abstractmethod
    def busy(self, name: str) -> bool:
        """Whether somebody has a session in it, as far as that can be seen."""

    @abc.abstractmethod
    def drop(self, name: str) -> None:
        """Drop one of them, with whatever sessions are in it; nothing if it is not there."""

    def size(self) -> int | None:
        """Return about how many bytes a copy of the source takes; None if that is not known."""
        return None

    def room(self) -> int | None:
        """Return how many bytes are free where they lie; None if that is not known."""
        return None

    def locks(self, name: str) -> list[Held] | None:
        """Return the locks on tables that others hold in it now; None if nobody can tell."""
        return None

    @abc.abstractmethod
    def close(self) -> None:
        """End the sessions that were opened."""
