"""Rebuild a table, where SQLite's ALTER TABLE cannot say what is meant, without losing anything.

SQLite's documented procedure (https://www.sqlite.org/lang_altertable.html#otheralter) as
statements for the migration's own transaction. The new table is made from the old one's edited
text; indexes and triggers come back from their own texts, all else is left alone.

The old table steps aside, instead of a new one taking its name at the end: the new text is then
stored as it is, and statistics stay. That other tables, views and triggers go on meaning the old
name takes both `foreign_keys = OFF` (before the transaction) and `legacy_alter_table = ON`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel.engines import base
from whimbrel.engines.sqlite import catalog, text, tokens

# The first statement of every rebuild, by which one is known.
GUARD: Final = base.Statement(
    sql="PRAGMA foreign_keys",
    reason="a rebuild with foreign keys on would fire ON DELETE actions and empty other tables",
    must_be=0,
    otherwise="a table is to be rebuilt while foreign keys are on; SQLite switches them off only "
    "outside of a transaction, so the migration has to begin with the rebuild known: plan it again",
)
_LOCK: Final = "all writers of the database wait while every row is copied"
_ROWID: Final = f"{base.OUR_PREFIX}rowid"
_STATISTICS: Final = ("sqlite_stat1", "sqlite_stat4")


def is_rebuild(statements: Sequence[base.Statement]) -> bool:
    """Whether a rebuild is among these statements."""
    return any(s.sql == GUARD.sql and s.must_be == GUARD.must_be for s in statements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """One table, the text it shall have, and the indexes that go with what is taken away."""

    source: catalog.SqliteCatalog
    table: str
    sql: str
    gone: frozenset[str] = frozenset()
    questions: tuple[base.Statement, ...] = ()

    def statements(self, *, by_copy: bool = False) -> tuple[base.Statement, ...]:
        """Return the rebuild; `by_copy` writes the rows twice.

        That is for a table whose own text calls it by its name, as in CHECK (t.a > 0): it
        cannot be renamed while other tables keep the name.
        """
        found = self.source.object(self.table)
        if found is None:
            raise text.NotUnderstoodError(f"there is no table {self.table!r}")
        old, new = text.parse(found.sql or ""), text.parse(self.sql)
        copied = [
            c.name for c in new.columns if not c.clause(text.Rule.GENERATED) and old.find(c.name)
        ]
        rowid = None if new.rowid_alias else text.rowid_word(old, new)
        steps = self._out_and_in(old, copied, rowid) if by_copy else self._aside(copied, rowid)
        return (
            GUARD,
            *self.questions,
            *steps,
            *self._sequence(old, new),
            *(self._statistics() if by_copy else ()),
            self._ask(f"DROP TABLE {self._old}", "what is left has been copied"),
            *self._texts("index"),
            *self._texts("trigger"),
            self._nothing_left(),
        )

    # --- the table and its rows -------------------------------------------------------------

    def _aside(self, copied: list[str], rowid: str | None) -> Iterator[base.Statement]:
        """Let the old table step aside and fill a new one from it."""
        yield self._ask("PRAGMA legacy_alter_table = ON", "no other object follows the new name")
        yield self._ask(f"ALTER TABLE {self._name} RENAME TO {self._old}", "step aside")
        yield self._ask("PRAGMA legacy_alter_table = OFF", "as it was")
        yield self._ask(self.sql, f"table {self.table} as it shall be")
        yield from self._fill(copied, rowid, source_rowid=rowid)

    def _out_and_in(
        self, old: text.TableText, copied: list[str], rowid: str | None
    ) -> Iterator[base.Statement]:
        """Copy the rows out, make the table anew, copy them in."""
        # Columns without a type keep every value as it is.
        columns = [*([_ROWID] if rowid else []), *copied]
        listed = ", ".join(tokens.quote(c) for c in columns)
        values = ", ".join([*([rowid] if rowid else []), *map(tokens.quote, copied)])
        yield self._ask(f"CREATE TABLE {self._old} ({listed})", "for the rows meanwhile")
        yield base.Statement(
            sql=f"INSERT INTO {self._old} ({listed}) SELECT {values} FROM {self._name}",
            reason="copy every row out",
            lock=_LOCK,
        )
        if old.counts:
            yield self._ask(self._rename_sequence(self.table, self._plain_old), "keep the counter")
        for table in self._kept_statistics():
            yield self._ask(
                f"UPDATE {table} SET tbl = {_literal(self._plain_old)} "
                f"WHERE tbl = {_literal(self.table)}",
                "keep the statistics",
            )
        yield self._ask(f"DROP TABLE {self._name}", "all rows have been copied")
        yield self._ask(self.sql, f"table {self.table} as it shall be")
        yield from self._fill(copied, rowid, source_rowid=_ROWID)

    def _fill(
        self, copied: list[str], rowid: str | None, *, source_rowid: str | None
    ) -> Iterator[base.Statement]:
        names = [tokens.quote(name) for name in copied]
        into = ", ".join([*([rowid] if rowid else []), *names])
        values = ", ".join([*([source_rowid or ""] if rowid else []), *names])
        yield base.Statement(
            # OR ABORT: no ON CONFLICT clause of the table may leave a row out or change it.
            sql=f"INSERT OR ABORT INTO {self._name} ({into}) SELECT {values} FROM {self._old}",
            reason="copy every row",
            lock=_LOCK,
        )
        yield base.Statement(
            sql=f"SELECT (SELECT count(*) FROM {self._old}) - (SELECT count(*) FROM {self._name})",
            reason="every row has been copied",
            must_be=0,
            otherwise=f"not every row of {self.table} was copied into its rebuilt table",
        )

    # --- what hangs on it -------------------------------------------------------------------

    def _sequence(self, old: text.TableText, new: text.TableText) -> Iterator[base.Statement]:
        """Give the counter of AUTOINCREMENT back: it may be beyond the highest key."""
        if old.counts and new.counts:
            yield self._ask(
                f"DELETE FROM sqlite_sequence WHERE name = {_literal(self.table)}",
                "what the copy counted",
            )
            yield self._ask(
                self._rename_sequence(self._plain_old, self.table), "keys are never given out twice"
            )

    def _rename_sequence(self, name: str, to: str) -> str:
        return f"UPDATE sqlite_sequence SET name = {_literal(to)} WHERE name = {_literal(name)}"

    def _statistics(self) -> Iterator[base.Statement]:
        for table in self._kept_statistics():
            yield self._ask(
                f"UPDATE {table} SET tbl = {_literal(self.table)} "
                f"WHERE tbl = {_literal(self._plain_old)}",
                "keep the statistics",
            )

    def _kept_statistics(self) -> list[str]:
        return [name for name in _STATISTICS if self.source.has(name)]

    def _texts(self, kind: str) -> Iterator[base.Statement]:
        for o in self.source.attached(self.table, kind):
            if o.name not in self.gone:
                yield self._ask(o.sql or "", f"{kind} {o.name}, from its own text")

    def _nothing_left(self) -> base.Statement:
        return base.Statement(
            sql=f"SELECT count(*) FROM sqlite_master WHERE instr(sql, {_literal(self._old)})",
            reason="nothing refers to the old table",
            must_be=0,
            otherwise=f"something would still refer to the old table of {self.table}",
        )

    # --- words ------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return tokens.quote(self.table)

    @property
    def _plain_old(self) -> str:
        return f"{base.OUR_PREFIX}old_{self.table}"

    @property
    def _old(self) -> str:
        return tokens.quote(self._plain_old)

    def _ask(self, sql: str, reason: str) -> base.Statement:
        return base.Statement(sql=sql, reason=reason)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
