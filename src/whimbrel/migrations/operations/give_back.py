"""Give back what a step overwrote or deleted, from the tables in which it was kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from whimbrel import errors, tables
from whimbrel.engines import base as engines
from whimbrel.migrations import speech as speeches
from whimbrel.migrations import stores
from whimbrel.migrations.operations import base, rows
from whimbrel.pacing import RowsConfig
from whimbrel.rows import keys, work

# What becomes of a value that somebody changed since: nothing is done, it goes, or it stays.
REFUSE: Final = "refuse"
OLD: Final = "old"
NEW: Final = "new"
POLICIES: Final = (REFUSE, OLD, NEW)

_FIRST: Final = 5
_LONGEST: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Returning(rows.RowsOperation):
    """What the ways to give something back have in common.

    `later` are stores of later steps: what they have of a row is given back before.
    """

    store: stores.Store
    policy: str = REFUSE
    later: tuple[stores.Store, ...] = ()

    @property
    def walked(self) -> str:
        return self.store.table

    @property
    def parallel(self) -> bool:
        return False

    def content(self) -> str:
        return f"{type(self).__name__}({self.store.was}, {self.store.table})"

    def conflicts(self, engine: engines.Engine, *, inside: str = "") -> str:
        """Return the query for the rows that somebody changed since, without its columns.

        Those that a later step has kept, too, are its own to ask about.
        """
        raise NotImplementedError

    def refuse_conflicts(self, session: engines.Session, *, now: bool = False) -> None:
        """Raise UndoConflicts if values were changed since, unless a policy was chosen.

        With `now` what later steps had kept has been given back already.
        """
        if self.policy != REFUSE:
            return
        query = self.conflicts(session.engine)
        if not now:
            if not self._comparable(session):
                return  # a step before gives the column its type back, and then it is asked
            if self.store.retyped is not None:
                table = session.engine.quote(self.store.table)
                query = f"FROM {table} WHERE {self.store.overtaken(session.engine)}"
            query += self._not_later(session.engine)
        count = int(str(session.fetch(f"SELECT count(*) {query}")[0][0]))
        if count:
            raise errors.UndoConflicts(self.walked, rows=count, first=self._shown(session, query))

    def _comparable(self, session: engines.Session) -> bool:
        """Whether the columns have the types with which the step left them."""
        catalog, store = session.engine.catalog(session), self.store
        found = catalog.find(store.table)
        left = catalog.find(store.made or store.now or store.was)
        if found is None or left is None:
            return True
        names = [column.name for column in store.values if found.has(column.name)]
        return all(found.column(name).type == left.column(name).type for name in names)

    def _not_later(self, engine: engines.Engine) -> str:
        quote = engine.quote
        return "".join(
            f" AND NOT EXISTS (SELECT 1 FROM {quote(one.was)} whimbrel_l WHERE "
            f"{one.joined(engine, quote(self.walked), 'whimbrel_l')})"
            for one in self.later
        )

    def _shown(self, session: engines.Session, query: str) -> list[str]:
        """Return the first rows in conflict: key, the values that are there, those from before."""
        engine, store = session.engine, self.store
        quote = engine.quote
        table, was = quote(store.table), quote(store.was)
        names = [column.name for column in store.values]
        wanted = [f"{table}.{quote(k)}" for k in store.key]
        wanted += [f"{table}.{quote(n)}" for n in names]
        wanted += [
            f"(SELECT whimbrel_o.{quote(n)} FROM {was} whimbrel_o WHERE "
            f"{store.joined(engine, 'whimbrel_o', table)})"
            for n in names
        ]
        order = ", ".join(wanted[: len(store.key)])
        found = session.fetch(f"SELECT {', '.join(wanted)} {query} ORDER BY {order} LIMIT {_FIRST}")
        shown = []
        for row in found:
            key = row[: len(store.key)]
            present, before = row[len(key) : len(key) + len(names)], row[len(key) + len(names) :]
            differing = [
                f"{name} is {_value(one)}, was {_value(other)}"
                for name, one, other in zip(names, present, before, strict=True)
                if one != other or type(one) is not type(other)
            ]
            which = ", ".join(f"{n} {v}" for n, v in zip(store.key, key, strict=True))
            shown.append(f"{which}: {'; '.join(differing)}")
        return shown

    def notices(self, session: engines.Session) -> list[str]:
        """Return what a person should know of it once it is done."""
        return []


def _value(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveBack(Returning):
    """Values that were overwritten, or those of a column that was removed."""

    @property
    def columns_written(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.store.values)

    def describe(self) -> str:
        names = ", ".join(self.columns_written)
        return f"give back {self.walked}.{names}"

    def conflicts(self, engine: engines.Engine, *, inside: str = "") -> str:
        store = self.store
        if not store.now:
            return f"FROM {engine.quote(store.table)} WHERE 1 = 0"
        return (
            f"FROM {engine.quote(store.table)} WHERE {inside}EXISTS (SELECT 1 FROM "
            f"{store.both(engine)} AND {store.conflict(engine)})"
        )

    def task(self, speech: speeches.Speech, config: RowsConfig) -> work.Work:
        engine, store = speech.engine, self.store
        found = speech.catalog.table(self.walked)
        table = engine.quote(store.table)
        if not store.now:
            source = (
                f"{engine.quote(store.was)} whimbrel_w WHERE "
                f"{store.joined(engine, table, 'whimbrel_w')}"
            )
        else:
            source = store.both(engine)
        sets, matters = [], []
        for column in store.values:
            c = engine.quote(column.name)
            value = f"whimbrel_w.{c}"
            if store.now:
                due = store.changed(engine, column)
                if self.policy != OLD or stores.follows(column):
                    due += f" AND {store.ours(engine, column)}"
                value = f"CASE WHEN {due} THEN {value} ELSE {table}.{c} END"
                matters.append(f"({due})")
            sets.append(f"{c} = (SELECT {value} FROM {source})")
        known = {column.name for column in store.values}
        for column in found.columns:
            if stores.follows(column) and column.name not in known:
                # Said, it stays as it is.
                sets.append(f"{engine.quote(column.name)} = {engine.quote(column.name)}")
        exists = f"EXISTS (SELECT 1 FROM {source}"
        exists += f" AND ({' OR '.join(matters)}))" if matters else ")"
        return _GivesValues(
            table=found,
            way=store.way(engine),
            where=exists,
            sql=f"UPDATE {table} SET {', '.join(sets)} WHERE {exists}",
            operation=self,
        )

    def preview(self, made: work.Work) -> tuple[str, ...]:
        return (made.shown(),)

    def notices(self, session: engines.Session) -> list[str]:
        engine, store = session.engine, self.store
        table, was = engine.quote(store.table), engine.quote(store.was)
        gone = session.fetch(
            f"SELECT count(*) FROM {was} WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE "
            f"{store.joined(engine, table, was)})"
        )[0][0]
        said = []
        if gone:
            said.append(f"rows of {store.table} whose old values are kept are gone: {gone:,}")
        if not store.now:
            came = session.fetch(
                f"SELECT count(*) FROM {table} WHERE NOT EXISTS (SELECT 1 FROM {was} WHERE "
                f"{store.joined(engine, was, table)})"
            )[0][0]
            if came:
                names = ", ".join(self.columns_written)
                said.append(
                    f"rows of {store.table} that had no {names} before, or came since: {came:,}"
                )
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class _GivesValues(work.Statement):
    """One UPDATE for each range; conflicts that came meanwhile stop it."""

    operation: GiveBack

    def run(self, session: engines.Session, range_: keys.Range, rows: int) -> work.Done:
        done = super(_GivesValues, self).run(session, range_, rows)
        if self.operation.policy == REFUSE and self.operation.store.now:
            inside = keys.Range(lower=range_.lower, upper=done.reached or range_.upper)
            query = self.operation.conflicts(session.engine)
            sent = self.way.within(f"SELECT count(*) {query} AND ", inside)
            count = int(str(session.fetch(sent.sql, sent.params or None)[0][0]))
            if count:
                raise errors.UndoConflicts(
                    self.table.name, rows=count, first=self.operation._shown(session, query)
                )
        return done

    def one(
        self, session: engines.Session, range_: keys.Range
    ) -> tuple[keys.Values, work.RowDict] | None:
        return _first_kept(self, session, range_)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveRows(Returning):
    """Rows that were deleted."""

    def describe(self) -> str:
        return f"give back rows of {self.walked}"

    def conflicts(self, engine: engines.Engine, *, inside: str = "") -> str:
        store = self.store
        table = engine.quote(store.table)
        if not store.key:
            return f"FROM {table} WHERE 1 = 0"
        other = " OR ".join(f"NOT ({store.back(engine, c)})" for c in store.values) or "1 = 0"
        return (
            f"FROM {table} WHERE {inside}EXISTS (SELECT 1 FROM {engine.quote(store.was)} "
            f"whimbrel_w WHERE {store.joined(engine, table, 'whimbrel_w')} AND ({other}))"
        )

    def task(self, speech: speeches.Speech, config: RowsConfig) -> work.Work:
        engine, store = speech.engine, self.store
        found = speech.catalog.table(self.walked)
        table, was = engine.quote(store.table), engine.quote(store.was)
        where = "1 = 1"
        if store.key:
            where = (
                f"NOT EXISTS (SELECT 1 FROM {table} whimbrel_t WHERE "
                f"{store.joined(engine, 'whimbrel_t', was)})"
            )
        identity = engine.override_identity
        update = ""
        if store.key and store.values and self.policy == OLD:
            sets = ", ".join(
                f"{engine.quote(c.name)} = (SELECT whimbrel_w.{engine.quote(c.name)} FROM {was} "
                f"whimbrel_w WHERE {store.joined(engine, table, 'whimbrel_w')})"
                for c in store.values
            )
            update = (
                f"UPDATE {table} SET {sets} WHERE EXISTS (SELECT 1 FROM {was} whimbrel_w WHERE "
                f"{store.joined(engine, table, 'whimbrel_w')})"
            )
        return _GivesRows(
            table=found,
            way=store.way(engine),
            where=where,
            sql=f"INSERT INTO {table} ({store.named(engine)}){identity} "
            f"SELECT {store.named(engine)} FROM {was} WHERE {where}",
            explicit=any(column.auto_increment for column in found.columns),
            update=update,
            operation=self,
        )

    def preview(self, made: work.Work) -> tuple[str, ...]:
        return (made.shown(),)


@dataclass(frozen=True, slots=True, kw_only=True)
class _GivesRows(work.Statement):
    """One INSERT for each range, after what `update` does to rows whose keys are taken."""

    update: str
    operation: GiveRows

    def run(self, session: engines.Session, range_: keys.Range, rows: int) -> work.Done:
        session.engine.defer_foreign_keys(session)
        cut = self.way.cut(session, range_, rows, counted=True)
        inside = keys.Range(lower=range_.lower, upper=cut.upper or range_.upper)
        if self.operation.policy == REFUSE and self.operation.store.key:
            query = self.operation.conflicts(session.engine)
            sent = self.way.within(f"SELECT count(*) {query} AND ", inside)
            count = int(str(session.fetch(sent.sql, sent.params or None)[0][0]))
            if count:
                raise errors.UndoConflicts(
                    self.table.name, rows=count, first=self.operation._shown(session, query)
                )
        if self.update:
            sent = self.way.within(f"{self.update} AND ", inside)
            session.execute(sent.sql, sent.params or None)
        return super(_GivesRows, self).run(session, range_, rows)

    def one(
        self, session: engines.Session, range_: keys.Range
    ) -> tuple[keys.Values, work.RowDict] | None:
        return _first_kept(self, session, range_)


def _first_kept(
    made: work.Work, session: engines.Session, range_: keys.Range
) -> tuple[keys.Values, work.RowDict] | None:
    """Return key and values of the first row of a range, as they are kept."""
    names = made.way.names
    query = made.way.selection(f"{names}, {made.way.engine.quote(made.way.table)}.*", range_)
    fetched = session.engine.bulk(session).read(f"{query.sql} LIMIT 1", query.params, max_bytes=1)
    if not fetched.rows:
        return None
    width = len(made.way.key.columns)
    row = fetched.rows[0]
    return tuple(row[:width]), dict(zip(fetched.columns[width:], row[width:], strict=True))


def policy(word: str) -> str:
    """Return what to do about conflicts, as people say it; raise UsageError."""
    if word not in POLICIES:
        raise errors.UsageError(
            f"{word!r} is not what can be done about conflicts",
            remedy=f"use one of: {', '.join(POLICIES)}",
        )
    return word


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveTable(base.Operation):
    """A table that was dropped, as it was, without its foreign keys; `texts` come after it."""

    table: tables.Table
    store: str
    texts: tuple[str, ...] = ()

    def describe(self) -> str:
        return f"give back table {self.table.name}"

    def content(self) -> str:
        return f"GiveTable({self.store}, {self.table.name})"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        if ddl.catalog.find(self.table.name) is not None:
            raise errors.TableExists(self.table.name)
        after = (engines.Statement(sql=text) for text in self.texts)
        return (*ddl.return_table(self.table, self.store), *after)

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        return catalog.find(self.table.name) is not None

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        keys = self.table.foreign_keys if ddl.keeps_as_copy() else ()
        planned.put(self.table.name, self.table.replace(foreign_keys=keys))
