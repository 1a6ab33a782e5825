"""The tables that hold what steps overwrite or remove: how they are made, filled, and asked.

A step that overwrites values has two of them: the values before, and those it wrote, each with
the key of its row. A change of a column's type has three: what it wrote as it is then, too. All of
it is SQL of the database; no value passes through Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from whimbrel import errors, tables, words
from whimbrel.engines import base, ddl
from whimbrel.journal import kept
from whimbrel.rows import keys, through

_Facts = Mapping[str, object]
# How a row of the table, of what was and of what was written is called in our SQL.
_WAS, _NOW = "whimbrel_w", "whimbrel_n"


def name(run: int, position: int) -> str:
    """Return the name of the table that holds what a step overwrote or removed."""
    return f"{kept.STORES}{run}_{position}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One foreign key: its columns, and those it refers to, of which rows are kept in `parent`.

    `alike` says that both compare texts in the same way.
    """

    parent: str
    columns: tuple[str, ...]
    referred: tuple[str, ...]
    alike: bool = True

    def picks(self, engine: base.Engine, table: str, parent: str, where: str = "") -> str:
        """Return the condition that a row of `table` (SQL) refers to one that is kept."""
        quote = engine.quote
        mine = [f"{table}.{quote(name_)}" for name_ in self.columns]
        theirs = [f"{parent}.{quote(name_)}" for name_ in self.referred]
        own = f"{where} AND " if where else ""
        if self.alike:
            left = mine[0] if len(mine) == 1 else f"({', '.join(mine)})"
            some = f" WHERE {where}" if where else ""
            return f"{left} IN (SELECT {', '.join(theirs)} FROM {parent}{some})"
        # The column that is referred to says how texts are compared: it comes first.
        same = " AND ".join(f"{b} = {a}" for a, b in zip(mine, theirs, strict=True))
        return f"EXISTS (SELECT 1 FROM {parent} WHERE {own}{same})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Along:
    """What is kept of another table whose rows a deletion takes along, or (`now`) changes."""

    store: Store
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A foreign key of a table by which no row may go along, for it could not be kept."""

    table: str
    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Where something of `table` is kept: columns `columns`, by the columns `key`.

    `now` is the table with the values that the step wrote, "" where it wrote none. Without a key
    whole rows are kept, in no order. `retyped` is the one column as a change of its type leaves it:
    `made` has what it is then, and `now` what that is once the column has its old type again.
    `along` is what is kept of other tables, parents before children.
    """

    was: str
    now: str
    table: str
    key: tuple[str, ...]
    integer: bool
    columns: tuple[tables.FoundColumn, ...]
    key_columns: tuple[tables.FoundColumn, ...] = ()
    retyped: tables.FoundColumn | None = None
    along: tuple[Along, ...] = ()

    @property
    def made(self) -> str:
        """The table with the values as a change of the type leaves them, "" where there is none."""
        return f"{self.was}_made" if self.retyped is not None else ""

    @property
    def names(self) -> tuple[str, ...]:
        """The tables."""
        return (*self._own, *(name_ for one in self.along for name_ in one.store.names))

    @property
    def _own(self) -> tuple[str, ...]:
        return (self.was, *filter(None, (self.now, self.made)))

    # --- as plain values ----------------------------------------------------------------------

    def as_json(self) -> dict[str, object]:
        """Return it as plain values, for the journal."""
        return {
            "now": self.now,
            "key": list(self.key),
            "integer": self.integer,
            "columns": [tables.part_to_json(column) for column in self.columns],
            "key_columns": [tables.part_to_json(column) for column in self.key_columns],
            "retyped": [tables.part_to_json(one) for one in (self.retyped,) if one is not None],
            "along": [
                {"was": one.store.was, "table": one.store.table, "store": one.store.as_json()}
                for one in self.along
            ],
        }

    @classmethod
    def read(cls, row: kept.KeptRow) -> Store:
        """Read what `as_json` gave."""
        return cls._of(row.store, row.table_name, cast("_Facts", row.facts["store"]))

    @classmethod
    def _of(cls, was: str, table: str, facts: _Facts) -> Store:
        along = cast("list[_Facts]", facts.get("along", []))
        others = [
            cls._of(str(one["was"]), str(one["table"]), cast("_Facts", one["store"]))
            for one in along
        ]
        return cls(
            was=was,
            now=str(facts["now"]),
            table=table,
            key=tuple(cast("list[str]", facts["key"])),
            integer=bool(facts["integer"]),
            columns=_columns(facts["columns"]),
            key_columns=_columns(facts["key_columns"]),
            retyped=next(iter(_columns(facts.get("retyped", []))), None),
            along=tuple(Along(store=one, links=()) for one in others),
        )

    # --- as tables ----------------------------------------------------------------------------

    def way(self, engine: base.Engine) -> keys.Walkway:
        """Return how what is kept is walked, by the key of its rows."""
        if self.key:
            return keys.Walkway(engine, self.was, keys.Key(columns=self.key, integer=self.integer))
        bare = tables.Table(name=self.was, columns=self.columns)
        return keys.Walkway(engine, self.was, keys.choose(bare, engine))

    def creating(self, ddl_: base.Ddl) -> tuple[base.Statement, ...]:
        """Return the statements that make the tables, whatever an earlier attempt left."""
        return tuple(
            base.Statement(sql=sql, reason="keeps what the step overwrites or removes")
            for name_ in self._own
            for sql in (f"DROP TABLE IF EXISTS {ddl_.engine.quote(name_)}", self._sql(ddl_, name_))
        ) + tuple(statement for one in self.along for statement in one.store.creating(ddl_))

    def dropping(self, ddl_: base.Ddl) -> tuple[base.Statement, ...]:
        """Return the statements that drop the tables, if they are there."""
        quote = ddl_.engine.quote
        return tuple(base.Statement(sql=f"DROP TABLE IF EXISTS {quote(n)}") for n in self.names)

    def filling(self, ddl_: base.Ddl) -> base.Statement:
        """Return the statement that keeps all of the table, or of a column, that goes."""
        engine = ddl_.engine
        sql = (
            f"INSERT INTO {engine.quote(self.was)} ({self.named(engine)}) "
            f"SELECT {self.named(engine)} FROM {engine.quote(self.table)}"
        )
        # What the column is for new rows it will be for these, too.
        bare = [c for c in self.values if (c.default or "NULL").upper() == "NULL"]
        if self.key and len(self.values) == len(bare) == 1:
            sql += f" WHERE {engine.quote(bare[0].name)} IS NOT NULL"
        return base.Statement(sql=sql, reason="keeps what is removed")

    def trying(self, ddl_: base.Ddl) -> tuple[base.Statement, ...]:
        """Return what keeps the values that a change of the type would not bring back.

        The change, and the change back, are done to copies first. No table has a second name
        here: while tables are locked, some servers know them by one alone.
        """
        new = self.retyped
        if new is None:
            raise errors.WhimbrelError("nothing is tried where no type is changed")
        engine, (old,) = ddl_.engine, self.values
        quote = engine.quote
        table, was, made, now = map(quote, (self.table, self.was, self.made, self.now))
        c = quote(old.name)
        key = ", ".join(map(quote, self.key))
        same = engine.phrases.same
        there = ddl_.cast(c, new.type)
        back = ddl_.cast(there, old.type)
        # Where a conversion can be said, what comes back by itself need not be copied at all.
        lost = "" if back == c else f" AND NOT ({same(old, c, back)})"
        some = f"WHERE {c} IS NOT NULL{lost}"
        every = [
            f"INSERT INTO {was} ({key}, {c}) SELECT {key}, {c} FROM {table} {some}",
            f"INSERT INTO {made} ({key}, {c}) SELECT {key}, {there} FROM {was}",
            f"INSERT INTO {now} ({key}, {c}) SELECT {key}, {ddl_.cast(c, old.type)} FROM {made}",
        ]
        itself = f"{self.joined(engine, now, was)} AND {same(old, f'{was}.{c}', f'{now}.{c}')}"
        every.append(f"DELETE FROM {was} WHERE EXISTS (SELECT 1 FROM {now} WHERE {itself})")
        for one in (made, now):
            mine = self.joined(engine, was, one)
            every.append(f"DELETE FROM {one} WHERE NOT EXISTS (SELECT 1 FROM {was} WHERE {mine})")
        why = "keeps what would not come back"
        return tuple(base.Statement(sql=sql, reason=why) for sql in every)

    def _sql(self, ddl_: base.Ddl, name_: str) -> str:
        if not isinstance(ddl_, ddl.TextDdl):
            raise errors.WhimbrelError("this engine makes no tables by SQL text")
        in_key = [plain(column, null=False) for column in self.key_columns]
        others = [
            plain(column, null=True) for column in self.columns if column.name not in self.key
        ]
        if self.retyped is not None and name_ == self.made:
            others = [plain(self.retyped, null=True)]
        parts = [
            f"{ddl_.quote(one.name)} {ddl_.definition(tables.like(one), table=name_)}"
            for one in (*in_key, *others)
        ]
        if self.key:
            parts.append(f"PRIMARY KEY ({ddl_.quoted(self.key)})")
        options = ddl_.table_options(tables.NewTable(name=name_, columns=()))
        body = ",\n  ".join(parts)
        return f"CREATE TABLE {ddl_.quote(name_)} (\n  {body}\n){options}"

    # --- SQL ----------------------------------------------------------------------------------

    def named(self, engine: base.Engine) -> str:
        """Return the columns as SQL: those of the key, then the others."""
        return ", ".join(map(engine.quote, self.all_names))

    @property
    def all_names(self) -> tuple[str, ...]:
        """The names of all columns that are kept, the key's first."""
        return (*self.key, *(c.name for c in self.columns if c.name not in self.key))

    @property
    def values(self) -> tuple[tables.FoundColumn, ...]:
        """The columns beside the key."""
        return tuple(column for column in self.columns if column.name not in self.key)

    def joined(self, engine: base.Engine, one: str, other: str) -> str:
        """Return the condition that two of the tables (as SQL) speak of the same row."""
        names = map(engine.quote, self.key)
        return " AND ".join(f"{one}.{name_} = {other}.{name_}" for name_ in names)

    def changed(self, engine: base.Engine, column: tables.FoundColumn) -> str:
        """Return the condition that the step changed a column of a row."""
        c = engine.quote(column.name)
        return f"NOT ({engine.phrases.same(column, f'{_NOW}.{c}', f'{_WAS}.{c}')})"

    def ours(self, engine: base.Engine, column: tables.FoundColumn) -> str:
        """Return the condition that a column still is what the step wrote."""
        c = engine.quote(column.name)
        own = f"{engine.quote(self.table)}.{c}"
        return engine.phrases.same(column, own, f"{_NOW}.{c}")

    def overtaken(self, engine: base.Engine) -> str:
        """Return the condition that a column is not what a change of its type made of it."""
        if self.retyped is None:
            return "1 = 0"
        quote = engine.quote
        table, made, c = quote(self.table), quote(self.made), quote(self.retyped.name)
        same = engine.phrases.same(self.retyped, f"{table}.{c}", f"{made}.{c}")
        return (
            f"EXISTS (SELECT 1 FROM {made} WHERE {self.joined(engine, table, made)} "
            f"AND NOT ({same}))"
        )

    def back(self, engine: base.Engine, column: tables.FoundColumn) -> str:
        """Return the condition that a column is what it was before the step."""
        c = engine.quote(column.name)
        return engine.phrases.same(column, f"{engine.quote(self.table)}.{c}", f"{_WAS}.{c}")

    def conflict(self, engine: base.Engine) -> str:
        """Return the condition that somebody changed what the step had changed.

        What the server sets at every change says only that there was one.
        """
        parts = [
            f"({self.changed(engine, column)} AND NOT ({self.ours(engine, column)}) "
            f"AND NOT ({self.back(engine, column)}))"
            for column in self.values
            if not follows(column)
        ]
        return f"({' OR '.join(parts) or '1 = 0'})"

    def both(self, engine: base.Engine) -> str:
        """Return what stands behind FROM for the values before and after of the row at hand."""
        quote = engine.quote
        return (
            f"{quote(self.was)} {_WAS} JOIN {quote(self.now)} {_NOW} ON "
            f"{self.joined(engine, _NOW, _WAS)} WHERE "
            f"{self.joined(engine, quote(self.table), _WAS)}"
        )


def follows(column: tables.FoundColumn) -> bool:
    """Whether the server sets a column whenever its row is changed."""
    said = (column.definition or "").upper()
    return "ON UPDATE CURRENT_TIMESTAMP" in said or "ON UPDATE NOW" in said


def plain(column: tables.FoundColumn, *, null: bool) -> tables.FoundColumn:
    """Return a column that holds the same values, and does nothing else."""
    return tables.FoundColumn(
        name=column.name, type=column.type, null=null, collation=column.collation
    )


def _columns(parts: object) -> tuple[tables.FoundColumn, ...]:
    read = [tables.part_from_json(part) for part in cast("list[Mapping[str, object]]", parts)]
    return tuple(part for part in read if isinstance(part, tables.FoundColumn))


def of_table(
    table: tables.Table, key: keys.Key, was: str, *, columns: Sequence[str], both: bool
) -> Store:
    """Return where columns of a table are kept, with the values that are written in `both`."""
    own = () if key.address else key.columns
    return Store(
        was=was,
        now=f"{was}_now" if both else "",
        table=table.name,
        key=own,
        integer=key.integer,
        columns=tuple(table.column(name_) for name_ in columns),
        key_columns=tuple(table.column(name_) for name_ in own),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepsValues:
    """Keeps the values of a batch that are overwritten, and those that are written.

    `way` is how the table itself is walked. A row that comes out as it was is not kept.
    """

    store: Store
    way: keys.Walkway

    def before(self, session: base.Session, range_: keys.Range, where: str | None) -> int:
        # Others may still refer to the rows by foreign keys: these are not changed.
        lock = through.row_lock(session.engine)
        return _keep(session, self.store, self.way, range_, where, lock)

    def after(self, session: base.Session, range_: keys.Range, changed: int, kept_: int) -> None:
        if changed > kept_:
            raise errors.RowsOvertaken(self.store.table)
        if not kept_:
            return
        store, engine = self.store, session.engine
        quote = engine.quote
        differs = " OR ".join(f"NOT ({store.back(engine, column)})" for column in store.values)
        sent = self.way.within(
            f"INSERT INTO {quote(store.now)} ({store.named(engine)}) SELECT {store.named(engine)} "
            f"FROM {quote(store.table)} WHERE EXISTS (SELECT 1 FROM {quote(store.was)} {_WAS} "
            f"WHERE {store.joined(engine, quote(store.table), _WAS)} AND ({differs})) AND ",
            range_,
        )
        written = session.execute(sent.sql, sent.params or None).changed
        if written == kept_:
            return
        same = store.joined(engine, _NOW, quote(store.was))
        sent = self.way.within(
            f"DELETE FROM {quote(store.was)} WHERE NOT EXISTS (SELECT 1 FROM {quote(store.now)} "
            f"{_NOW} WHERE {same}) AND ",
            range_,
        )
        session.execute(sent.sql, sent.params or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepsRows:
    """Keeps the rows of a batch that are deleted, and those that foreign keys take along.

    Nobody can refer to a row any more that is locked to be deleted: what is kept then is all.
    """

    store: Store
    way: keys.Walkway
    guards: tuple[Guard, ...] = ()
    because: str = ""

    def before(self, session: base.Session, range_: keys.Range, where: str | None) -> int:
        engine = session.engine
        kept_ = _keep(session, self.store, self.way, range_, where, engine.row_lock)
        for guard in self.guards if kept_ else ():
            self._refuse(session, guard, range_)
        for one in self.store.along if kept_ else ():
            store, table = one.store, engine.quote(one.store.table)
            self._send(
                session,
                f"INSERT INTO {engine.quote(store.was)} ({store.named(engine)}) SELECT "
                f"{store.named(engine)} FROM {table} WHERE ({self._picked(engine, one, table)})"
                f"{self._not_yet(engine, store.was, store, table) if store.now else ''}"
                f"{engine.row_lock}",
                range_,
            )
        return kept_

    def after(self, session: base.Session, range_: keys.Range, changed: int, kept_: int) -> None:
        if changed > kept_:
            raise errors.RowsOvertaken(self.store.table)
        engine = session.engine
        for one in self.store.along if kept_ else ():
            store, table, was = one.store, engine.quote(one.store.table), one.store.was
            if not store.now:
                continue
            mine = (
                f"SELECT 1 FROM {engine.quote(was)} WHERE "
                f"{store.joined(engine, engine.quote(was), table)} AND "
                f"{self._picked(engine, one, engine.quote(was))}"
            )
            self._send(
                session,
                f"INSERT INTO {engine.quote(store.now)} ({store.named(engine)}) SELECT "
                f"{store.named(engine)} FROM {table} WHERE EXISTS ({mine})"
                f"{self._not_yet(engine, store.now, store, table)}",
                range_,
            )
            # Of those that were deleted in another way, whole rows are kept.
            gone = f"{self._not_yet(engine, store.now, store, engine.quote(was))}"
            self._send(
                session,
                f"DELETE FROM {engine.quote(was)} WHERE "
                f"{self._picked(engine, one, engine.quote(was))}{gone}",
                range_,
            )

    def _refuse(self, session: base.Session, guard: Guard, range_: keys.Range) -> None:
        """Refuse to let rows go along that cannot be kept."""
        engine, store = session.engine, self.store
        table, was = engine.quote(guard.table), engine.quote(store.was)
        query = f"SELECT count(*) FROM {table} WHERE {guard.link.picks(engine, table, was, chr(0))}"
        if guard.table == store.table:
            query += self._not_yet(engine, store.was, store, table)
        count = int(str(self._ask(session, query, range_)[0][0]))
        if count:
            raise errors.RefusedError(
                f"deleting rows of {store.table!r} takes {words.count(count, 'row')} of "
                f"{guard.table!r} along, or changes them, and they cannot be kept: {self.because}",
                remedy="delete these, or set what refers to NULL, by a step of its own before\n"
                "or let them go:  self.delete_rows(…, keep=False)",
            )

    def _picked(self, engine: base.Engine, one: Along, table: str) -> str:
        """Return the condition that a row refers to one of the batch; \0 stands for its range."""
        return " OR ".join(
            link.picks(
                engine,
                table,
                engine.quote(link.parent),
                "\0" if link.parent == self.store.was else "",
            )
            for link in one.links
        )

    def _not_yet(self, engine: base.Engine, name_: str, store: Store, table: str) -> str:
        there = engine.quote(name_)
        same = store.joined(engine, there, table)
        return f" AND NOT EXISTS (SELECT 1 FROM {there} WHERE {same})"

    def _send(self, session: base.Session, sql: str, range_: keys.Range) -> None:
        text, params = self._inside(session, sql, range_)
        session.execute(text, params or None)

    def _ask(self, session: base.Session, sql: str, range_: keys.Range) -> list[base.Row]:
        text, params = self._inside(session, sql, range_)
        return session.fetch(text, params or None)

    def _inside(
        self, session: base.Session, sql: str, range_: keys.Range
    ) -> tuple[str, keys.Values]:
        inside = self.store.way(session.engine).condition(range_)
        params = inside.params * sql.count("\0")
        text = session.engine.beside_parameters(sql) if params else sql
        return text.replace("\0", inside.sql), params


def _keep(
    session: base.Session,
    store: Store,
    way: keys.Walkway,
    range_: keys.Range,
    where: str | None,
    lock: str,
) -> int:
    """Copy the rows of a range, and let nobody change them until the batch is committed."""
    engine = session.engine
    own = f"({where}\n) AND " if where else ""
    sent = way.within(
        f"INSERT INTO {engine.quote(store.was)} ({store.named(engine)}) "
        f"SELECT {store.named(engine)} FROM {engine.quote(store.table)} WHERE {own}",
        range_,
        lock,
    )
    return max(session.execute(sent.sql, sent.params or None).changed, 0)
