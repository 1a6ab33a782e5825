"""How much room tables and indexes take on an engine, and which indexes nobody reads.

Everything here is what a server says of itself, read in a few queries for all tables; what it does
not say is None, never zero.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """The bytes of a table's rows, and of all its indexes."""

    rows: int | None = None
    indexes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """An index: its bytes, and how often it was read since the server began to count."""

    table: str
    index: str
    size: int | None = None
    reads: int | None = None


class Weights(abc.ABC):
    """Asks one session's database."""

    @abc.abstractmethod
    def tables(self) -> Mapping[str, Weight]:
        """Return how large tables are, by their names."""

    @abc.abstractmethod
    def indexes(self) -> list[Use]:
        """Return what is known of the indexes."""

    def since(self) -> str:
        """Return since when reads are counted, in words; empty if nobody counts."""
        return ""
