"""Follow a plan's steps: what each does to which table, and what is real of that table by then."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from whimbrel import errors, tables
from whimbrel.engines import base, sqltext, tolls
from whimbrel.migrations import operations as ops
from whimbrel.migrations.checks import changes, said

# So many rows are gone through in a moment, on any machine: nobody notices a lock.
LARGE: Final = 10_000
# What the data are asked may take so long; then it is not known.
PATIENCE_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One change of a plan, at its step.

    `found` is the table as it is planned before it, `real` the name by which it is in the
    database now, "" if it is not there. `settled` says that its rows are then as they are now,
    but for the columns that are `added` by then.
    """

    change: changes.Change
    position: int
    where: str
    words: str
    raw: bool
    found: tables.Table | None
    real: str
    settled: bool
    added: frozenset[str] = frozenset()
    rebuilds: bool = False

    @property
    def table(self) -> str:
        """The table, as the migration names it."""
        return self.change.table


@dataclass(slots=True)
class _Known:
    """What is true of the tables at a moment of the plan."""

    fresh: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    added: dict[str, set[str]] = field(default_factory=dict)
    everything: bool = False


class Watch:
    """Sees every step of a plan, migration after migration."""

    def __init__(self, session: base.Session) -> None:
        self.session = session
        self.engine = session.engine
        self._tolls: tolls.Tolls | None = None
        self._known = _Known()
        self._rows: dict[str, int] = {}
        self._answers: dict[str, list[base.Row] | None] = {}
        self.sightings: list[Sighting] = []
        self.accepted: dict[str, str] = {}
        self.wrote_models = False

    @property
    def tolls(self) -> tolls.Tolls:
        """What changes cost on this server."""
        if self._tolls is None:
            self._tolls = self.engine.tolls(self.session)
        return self._tolls

    def begin(self) -> None:
        """Begin with the next migration of the plan."""
        self.sightings, self.accepted, self.wrote_models = [], {}, False

    def see(
        self,
        operation: ops.Operation,
        statements: Sequence[base.Statement],
        ddl: base.Ddl,
        *,
        position: int,
        where: str,
    ) -> None:
        """Look at one step, before its effect is planned."""
        rebuilds = self.engine.rebuilds(statements)
        asked = [self._placed(change, ddl.catalog) for change in said.changes_of(operation, ddl)]
        for change in asked:
            name = change.table
            self.sightings.append(
                Sighting(
                    change=change,
                    position=position,
                    where=where,
                    words=operation.describe(),
                    raw=isinstance(operation, ops.Execute),
                    found=self._found(ddl.catalog, name),
                    real=self._real(name),
                    settled=not self._known.everything and name not in self._known.written,
                    added=frozenset(self._known.added.get(name, ())),
                    rebuilds=rebuilds,
                )
            )
        for change in asked:
            self._follow(change)

    def models(self, sql: str) -> None:
        """Remember that models write: what rows there will be is not known any more."""
        if sqltext.kind(sql, self.engine.dialect) is not sqltext.Kind.QUERY:
            self._known.everything = True
            self.wrote_models = True

    def _found(self, catalog: base.Catalog, name: str) -> tables.Table | None:
        try:
            return catalog.find(name) if name else None
        except (errors.WhimbrelError, sa.exc.SQLAlchemyError):
            self.session.rollback()
            return None

    def _placed(self, change: changes.Change, catalog: base.Catalog) -> changes.Change:
        """Return a change with the table that it does not name itself, where that can be told."""
        if isinstance(change, changes.Other) and not change.table:
            name = self.tolls.subject(change.words)
            return changes.Other(table=name, words=change.words)
        if isinstance(change, changes.DropIndex) and not change.table:
            for name in catalog.tables():
                table = self._found(catalog, name)
                if table is not None and any(i.name == change.name for i in table.indexes):
                    return changes.DropIndex(
                        table=name, name=change.name, concurrently=change.concurrently
                    )
        return change

    def _real(self, name: str) -> str:
        if not name or name in self._known.fresh:
            return ""
        return self._known.renamed.get(name, name)

    def _follow(self, change: changes.Change) -> None:
        known = self._known
        match change:
            case changes.CreateTable():
                known.fresh.add(change.table)
                known.written.add(change.table)
            case changes.RenameTable():
                known.renamed[change.to] = self._real(change.table)
                if change.table in known.fresh:
                    known.fresh.add(change.to)
                    known.fresh.discard(change.table)
                if change.table in known.written:
                    known.written.add(change.to)
                known.added[change.to] = known.added.pop(change.table, set())
            case changes.AddColumn():
                known.added.setdefault(change.table, set()).add(change.column.name)
            case changes.DropTable():
                known.written.add(change.table)
            case changes.WriteRows() | changes.Truncate() | changes.RenameColumn():
                known.written.add(change.table)
            case changes.DropColumn() | changes.Retype() | changes.Other():
                known.written.add(change.table)

    # --- asking -------------------------------------------------------------------------------

    def rows(self, real: str) -> int:
        """Return about how many rows a table has: exactly, if it is not large."""
        if not real:
            return 0
        if real not in self._rows:
            self._rows[real] = self._count(real)
        return self._rows[real]

    def large(self, table: str) -> bool:
        """Whether a table of the plan is large, and things can be done beside its users."""
        real = self._real(table)
        return self.rows(real) >= LARGE and self.tolls.beside(real)

    def _count(self, real: str) -> int:
        name = self.engine.quote(real)
        found = self.ask(
            f"SELECT count(*) FROM (SELECT 1 AS one FROM {name} LIMIT {LARGE}) AS first_rows"
        )
        counted = int(str(found[0][0])) if found else 0
        if counted < LARGE:
            return counted
        try:
            guess = self.engine.estimate(self.session, real)
        except sa.exc.DBAPIError:
            self.session.rollback()
            guess = None
        return max(counted, guess or 0)

    def ask(self, sql: str) -> list[base.Row] | None:
        """Return the rows of a query, or None if it cannot be answered in a few seconds."""
        if sql not in self._answers:
            try:
                with self.engine.limited(self.session, PATIENCE_SECONDS):
                    self._answers[sql] = self.session.fetch(sql)
            except sa.exc.DBAPIError:
                self.session.rollback()
                self._answers[sql] = None
        return self._answers[sql]

    def spoken(self, words: Sequence[str]) -> str:
        """Return a statement's words as one text, to be shown."""
        return re.sub(r"\s*([(),])\s*", r"\1 ", " ".join(words)).strip()[:160]
