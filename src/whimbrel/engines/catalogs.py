"""What a database says that it contains, and what it will contain after planned steps.

What the engines' own catalogs say is in engines/*/catalog.py.
"""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whimbrel import errors
from whimbrel import tables as shapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One SQL text with its reason.

    `alone` marks what cannot run in a transaction. A statement with `must_be` asks a question:
    its first value has to equal `must_be`, or the run stops with `otherwise`.
    """

    sql: str
    reason: str = ""
    lock: str = ""
    alone: bool = False
    must_be: object = None
    otherwise: str = ""


class Catalog(abc.ABC):
    """What the database says that it contains. Tables of ours are never listed."""

    @abc.abstractmethod
    def tables(self) -> list[str]:
        """Return the names of the tables, sorted."""

    @abc.abstractmethod
    def find(self, name: str) -> shapes.Table | None:
        """Return the table, or None."""

    def table(self, name: str) -> shapes.Table:
        """Return the table, or raise TableNotFound."""
        found = self.find(name)
        if found is None:
            raise errors.TableNotFound(name, known=self.tables())
        return found

    def every(self) -> dict[str, shapes.Table]:
        """Return all tables by their names; of many in far fewer queries than one by one."""
        return {name: self.table(name) for name in self.tables()}

    @abc.abstractmethod
    def texts(self) -> dict[str, str]:
        """Return the text of every object (tables, indexes, views, triggers, …) by its name."""

    def heirs(self) -> Mapping[str, tuple[str, bool]]:
        """Return tables whose rows are also read as those of another: its name, and whether it is
        a partition of that.
        """
        return {}

    def unproven(self, table: str) -> frozenset[str]:
        """Return the names of a table's constraints that do not hold yet for all of its rows.

        An index that is still to become a unique constraint is among them.
        """
        return frozenset()

    def triggers(self, table: str) -> list[str]:
        """Return the names of the triggers of a table, sorted."""
        return []

    def signature(self) -> str:
        """Return a SHA-256 over `texts`: equal before and after means that nothing changed."""
        digest = hashlib.sha256()
        for name, text in sorted(self.texts().items()):
            digest.update(f"{len(name)}:{name}{len(text)}:{text}".encode())
        return digest.hexdigest()


class Planned(Catalog):
    """A catalog as it will be after planned steps; it never writes to the database.

    `put` is told what a step makes of a table, `apply` which statements it sends: an engine
    uses whichever serves it better. `exact` says whether raw SQL that changes the schema is
    followed too.
    """

    exact = False

    @abc.abstractmethod
    def put(self, name: str, table: shapes.Table | None) -> None:
        """Remember that the table will be so, or (None) that it will not exist."""

    @abc.abstractmethod
    def apply(self, statements: Sequence[Statement]) -> None:
        """Remember that these statements will have been sent."""

    @abc.abstractmethod
    def touched(self) -> frozenset[str]:
        """Return the names of tables that differ from the real database."""


class Overlay(Planned):
    """Planned tables laid over the real catalog, in memory."""

    def __init__(self, real: Catalog) -> None:
        self._real = real
        self._over: dict[str, shapes.Table | None] = {}

    def tables(self) -> list[str]:
        gone = {name for name, table in self._over.items() if table is None}
        new = {name for name, table in self._over.items() if table is not None}
        return sorted((set(self._real.tables()) | new) - gone)

    def find(self, name: str) -> shapes.Table | None:
        if name in self._over:
            return self._over[name]
        return self._real.find(name)

    def texts(self) -> dict[str, str]:
        return self._real.texts()

    def unproven(self, table: str) -> frozenset[str]:
        return self._real.unproven(table)

    def put(self, name: str, table: shapes.Table | None) -> None:
        self._over[name] = table

    def apply(self, statements: Sequence[Statement]) -> None:
        """Statements change nothing here: `put` has been told the same."""

    def touched(self) -> frozenset[str]:
        return frozenset(self._over)
