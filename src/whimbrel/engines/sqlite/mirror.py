"""Mirrors on SQLite: triggers that keep two shapes in step, and the exchange of two tables.

Whoever writes is alone, and DDL is part of a transaction: nothing is committed here. Which text
the triggers have is in `mirrored`, how names are exchanged in `exchange`.

A NOT NULL column that new code does not know would refuse its rows before a trigger could fill
it. While a mirror is there, the text of the table lets NULL in, and triggers do not: a change of
the text alone, which SQLite's documentation describes for exactly that, and which touches no row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from whimbrel import errors
from whimbrel.engines import base, mirroring, mirrors
from whimbrel.engines.sqlite import catalog, exchange, mirrored, text, tokens
from whimbrel.engines.sqlite import session as sessions

# What the triggers that keep NULL out are told from the others by, and whom they are for.
_REQUIRED: Final = re.compile(r"/\* whimbrel required: (.*) \*/", re.DOTALL)


class SqliteMirror(mirrors.Mirror):
    """The mirrors of one session."""

    def __init__(self, session: base.Session) -> None:
        self._session = sessions.ours(session)
        self._catalog = catalog.SqliteCatalog(self._session.driver)

    # --- before -----------------------------------------------------------------------------------

    def obstacles(self, shape: mirrors.Shape) -> list[mirrors.Obstacle]:
        found = mirroring.common_obstacles(shape, dialect="sqlite", quote=tokens.quote)
        found += _of_tables(self._catalog, shape)
        if shape.mode is mirrors.Mode.COLUMNS:
            found += _in_one_row(self._catalog, shape)
        return found

    def create(self, shape: mirrors.Shape) -> tuple[base.Statement, ...]:
        if shape.mode is mirrors.Mode.COLUMNS:
            return ()
        builder = self._session.engine.builder(self._session)
        return exchange.new_table(self._catalog, builder, shape)

    # --- triggers ---------------------------------------------------------------------------------

    def described(self, shape: mirrors.Shape) -> list[str]:
        return [
            sql.partition("\nWHEN ")[0].removeprefix("CREATE TRIGGER ")
            for sql in self._texts(shape).triggers().values()
        ]

    def install(self, shape: mirrors.Shape, *, seconds: float) -> None:
        with self._alone(seconds):
            required = self._relaxed(shape) or self._to_relax(shape)
            self._drop(shape)
            texts = self._texts(shape)
            for name, sql in texts.tables().items():
                self._send(f"DROP TABLE IF EXISTS {tokens.quote(name)}")
                self._send(sql)
            self._send(texts.fresh)
            if required:
                self._let_null_in(shape.old.name, required)
            self._make(shape, texts, required)

    def _make(self, shape: mirrors.Shape, texts: mirrored.Texts, required: tuple[str, ...]) -> None:
        note = f"\n/* whimbrel required: {'/'.join(map(tokens.quote, required))} */\nBEGIN\n"
        for sql in texts.triggers(required).values():
            self._send(sql.replace("\nBEGIN\n", note, 1) if required else sql)

    def remove(self, shape: mirrors.Shape, *, seconds: float) -> None:
        with self._alone(seconds):
            required = self._relaxed(shape)
            self._drop(shape)
            for name in self._texts(shape).tables():
                self._send(f"DROP TABLE IF EXISTS {tokens.quote(name)}")
            if required:
                self._keep_null_out(shape.old.name, required)
            if self.swapped(shape):
                # The parked table is for its rows alone by now.
                for name in self._there(shape, "index"):
                    self._send(f"DROP INDEX {tokens.quote(name)}")

    def _drop(self, shape: mirrors.Shape) -> None:
        for name in self._there(shape, "trigger"):
            self._send(f"DROP TRIGGER {tokens.quote(name)}")

    def presence(self, shape: mirrors.Shape) -> mirrors.Presence:
        texts = self._texts(shape)
        wanted = {*texts.tables(), *texts.triggers(self._relaxed(shape))}
        there = {*self._there(shape, "trigger"), *self._there(shape, "table")}
        if not there:
            return mirrors.Presence.NONE
        return mirrors.Presence.WHOLE if wanted <= there else mirrors.Presence.PART

    def _there(self, shape: mirrors.Shape, kind: str) -> list[str]:
        start = tokens.fold(mirroring.name(shape, ""))
        rows = self._catalog.rows(
            "SELECT name FROM sqlite_master WHERE type = ? ORDER BY name", [kind]
        )
        return [str(r[0]) for r in rows if tokens.fold(str(r[0])).startswith(start)]

    @contextmanager
    def unmirrored(self) -> Iterator[None]:
        """Do nothing: a trigger that finds both shapes as they should be has nothing to do."""
        yield

    def _texts(self, shape: mirrors.Shape, *, swapped: bool | None = None) -> mirrored.Texts:
        return mirrored.Texts(shape, swapped=self.swapped(shape) if swapped is None else swapped)

    # --- rows -------------------------------------------------------------------------------------

    def fill(self, shape: mirrors.Shape, condition: str) -> str:
        return self._texts(shape).fill(condition)

    def astray(self, shape: mirrors.Shape, condition: str) -> str:
        return self._texts(shape).astray(condition)

    def lossy(self, shape: mirrors.Shape) -> str:
        return self._texts(shape).lossy()

    # --- the exchange -----------------------------------------------------------------------------

    def swap(self, shape: mirrors.Shape, *, seconds: float) -> None:
        if shape.mode is mirrors.Mode.TABLE and not self.swapped(shape):
            self._exchange(shape, seconds, back=False)

    def unswap(self, shape: mirrors.Shape, *, seconds: float) -> None:
        if shape.mode is mirrors.Mode.TABLE and self.swapped(shape):
            self._exchange(shape, seconds, back=True)

    def _exchange(self, shape: mirrors.Shape, seconds: float, *, back: bool) -> None:
        with self._alone(seconds):
            self._drop(shape)
            exchange.exchange(self._session.driver, self._catalog, shape, back=back)
            self._make(shape, self._texts(shape, swapped=not back), ())

    def swapped(self, shape: mirrors.Shape) -> bool:
        if shape.mode is not mirrors.Mode.TABLE or not shape.parked:
            return False
        return self._catalog.has(shape.parked) and not self._catalog.has(shape.new.name)

    # --- the right to write -----------------------------------------------------------------------

    def blockers(self, table: str) -> list[mirrors.Blocker]:
        """Return nobody: SQLite does not tell who has the file."""
        return []

    @contextmanager
    def _alone(self, seconds: float) -> Iterator[None]:
        """Be the one who writes, or raise Busy; what fails inside the block changes nothing."""
        driver = self._session.driver
        began = not self._session.in_transaction
        if began:
            self._begin(seconds)
        driver.execute("SAVEPOINT whimbrel_mirror")
        try:
            yield
            driver.execute("RELEASE whimbrel_mirror")
        except BaseException:
            if driver.in_transaction:
                driver.execute("ROLLBACK TO whimbrel_mirror")
                driver.execute("RELEASE whimbrel_mirror")
            if began:
                self._session.rollback()
            raise

    def _begin(self, seconds: float) -> None:
        driver = self._session.driver
        before = driver.execute("PRAGMA busy_timeout").fetchone()[0]
        driver.execute(f"PRAGMA busy_timeout = {max(1, round(seconds * 1000))}")
        try:
            self._session.begin()
        except errors.DatabaseUnavailable:
            self._session.rollback()
            who = mirrors.Blocker(who="another program", seconds=seconds, what="is writing")
            raise mirrors.Busy([who]) from None
        finally:
            driver.execute(f"PRAGMA busy_timeout = {before}")

    def _send(self, sql: str) -> None:
        self._session.driver.execute(sql).close()

    # --- NOT NULL meanwhile -----------------------------------------------------------------------

    def _to_relax(self, shape: mirrors.Shape) -> tuple[str, ...]:
        """Return the columns that would refuse rows of new code before a trigger could help."""
        if shape.mode is not mirrors.Mode.COLUMNS:
            return ()
        return tuple(
            c
            for c in shape.down
            if not shape.old.column(c).null
            and shape.old.column(c).default is None
            and c not in shape.old.primary_key
        )

    def _relaxed(self, shape: mirrors.Shape) -> tuple[str, ...]:
        """Return the columns whose NOT NULL an installed mirror has taken over."""
        start = mirroring.name(shape, "")
        rows = self._catalog.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        for name, sql in rows:
            found = _REQUIRED.search(str(sql)) if str(name).startswith(start) else None
            if found:
                named = [t for t in tokens.read(found[1]) if t.sort is tokens.Sort.NAME]
                return tuple(tokens.unquoted(t.text) for t in named)
        return ()

    def _let_null_in(self, table: str, columns: tuple[str, ...]) -> None:
        found = self._read(table)
        edits = []
        for name in columns:
            column = found.find(name)
            clause = column.clause(text.Rule.NOT_NULL) if column else None
            if clause is not None:
                edits.append(text.clause_edit(found, clause))
        if edits:
            self._rewrite(table, text.edited(found.sql, edits))

    def _keep_null_out(self, table: str, columns: tuple[str, ...]) -> None:
        found = self._read(table)
        edits = []
        for name in columns:
            column = found.find(name)
            if column is not None and column.clause(text.Rule.NOT_NULL) is None:
                at = column.type_end if column.type else column.name_end
                edits.append(text.Edit(at, at, " NOT NULL"))
        if edits:
            self._rewrite(table, text.edited(found.sql, edits))

    def _read(self, table: str) -> text.TableText:
        found = self._catalog.object(table)
        if found is None:
            raise errors.TableNotFound(table, known=self._catalog.tables())
        return text.parse(found.sql or "")

    def _rewrite(self, table: str, sql: str) -> None:
        with exchange.rewriting(self._session.driver):
            self._session.driver.execute(
                "UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ? COLLATE NOCASE",
                [sql, table],
            )


# --- what stands in the way -----------------------------------------------------------------------


def _obstacle(what: str, remedy: str, object_: str) -> mirrors.Obstacle:
    return mirrors.Obstacle(slug="not-mirrored", what=what, remedy=remedy, object=object_)


def _of_tables(found: catalog.SqliteCatalog, shape: mirrors.Shape) -> Iterator[mirrors.Obstacle]:
    both = (shape.old, shape.new) if shape.mode is mirrors.Mode.BESIDE else (shape.old,)
    for table in both:
        there = found.object(table.name)
        if there is not None and there.is_virtual:
            yield _obstacle(
                f"{table.name} is a virtual table, and those have no triggers",
                "change it without online",
                table.name,
            )
        if found.shadowed(table.name):
            yield _obstacle(
                f"a temporary table hides {table.name}", "end the session that has it", table.name
            )
    if shape.mode is mirrors.Mode.COLUMNS:
        return
    way = mirroring.forward(shape, dialect="sqlite", quote=tokens.quote)
    strict = _strict(shape.new.sql)
    if strict and mirroring.may_fail(way) and any(not way.copies(c) for c in way.written):
        yield _obstacle(
            f"{shape.new.name} is STRICT, and a value of another type would fail a statement "
            "that nobody wrote for it",
            "make it STRICT in a migration after this one",
            shape.new.name,
        )
    for at, table in enumerate((shape.old, shape.new)):
        columns = {pair[at] for pair in shape.key}
        unique: list[set[object]] = [set(table.primary_key)]
        unique += [set(u.columns) for u in table.uniques]
        unique += [set(i.columns) for i in table.indexes if i.unique and not i.where]
        if columns and columns not in unique:
            yield _obstacle(
                f"({', '.join(sorted(columns))}) of {table.name} is no unique key",
                "use the columns of a primary key",
                table.name,
            )
    yield from _dangling(found, shape)
    if shape.mode is mirrors.Mode.TABLE:
        yield from exchange.hindrances(found, shape)


def _dangling(found: catalog.SqliteCatalog, shape: mirrors.Shape) -> Iterator[mirrors.Obstacle]:
    """Say if rows refer to nothing: whoever wrote them did not look, and we do."""
    if not shape.old.foreign_keys:
        return
    rows = found.rows(f"PRAGMA foreign_key_check({tokens.quote(shape.old.name)})")
    if rows:
        yield _obstacle(
            f"{len(rows):,} rows of {shape.old.name} refer to rows of {rows[0][2]} that are not "
            "there",
            "remove them, or what they refer to by, in a migration before",
            shape.old.name,
        )


def _strict(sql: str | None) -> bool:
    if sql is None:
        return False
    try:
        return text.parse(sql).strict
    except text.NotUnderstoodError:
        return False


def _in_one_row(found: catalog.SqliteCatalog, shape: mirrors.Shape) -> Iterator[mirrors.Obstacle]:
    """Return triggers of users that would fire for what ours write, and defaults like no other."""
    down = mirroring.backward(shape, dialect="sqlite", quote=tokens.quote)
    up = mirroring.forward(shape, dialect="sqlite", quote=tokens.quote)
    written = {tokens.fold(c) for c in (*up.values, *down.values)}
    for trigger in found.attached(shape.old.name, "trigger"):
        words = [t.word for t in tokens.read(trigger.sql or "") if t.means]
        head = words[: words.index("ON")] if "ON" in words else words
        if "UPDATE" not in head:
            continue
        columns = text.update_columns(trigger.sql or "")
        if not columns or columns & written:
            yield _obstacle(
                f"the trigger {trigger.name} fires when a row is updated, and would fire once more "
                "for what is written to keep both columns in step",
                f"let it fire for other columns alone (UPDATE OF …), or remove {trigger.name} in "
                "a migration before",
                trigger.name,
            )
    for name in (*up.values, *down.values):
        default = shape.old.column(name).default
        if default and mirroring.unsteady(default) and not mirroring.is_moment(default):
            yield _obstacle(
                f"the default of {name} ({default}) is another one each time, so that nobody can "
                "tell a value that was given from one that was not",
                "add the column without the default, and set it when the change is complete",
                f"{shape.old.name}.{name}",
            )
