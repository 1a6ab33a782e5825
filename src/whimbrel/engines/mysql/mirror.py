"""A mirror on MySQL and MariaDB: when its triggers come and go, and when the tables change places.

What the triggers say is in `mirrored`, what the new table is in `newtable`, what stands in the way
in `standing`, how locks are waited for in `waiting`. Every statement here commits by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from whimbrel import tables
from whimbrel.engines import base, mirroring, mirrors
from whimbrel.engines.mysql import mirrored, newtable, referrers, sameness, standing, waiting
from whimbrel.engines.mysql import session as sessions

_PRESENT: Final = """
SELECT trigger_name, event_object_table FROM information_schema.triggers
 WHERE trigger_schema = DATABASE() AND LEFT(trigger_name, CHAR_LENGTH('{prefix}')) = '{prefix}'
"""
_TABLES: Final = """
SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()
"""
_DEFAULTS: Final = """
SELECT column_name FROM information_schema.columns
 WHERE table_schema = DATABASE() AND table_name = %s AND column_default IS NOT NULL
"""
_TIED: Final = """
SELECT 1 FROM information_schema.referential_constraints
 WHERE constraint_schema = DATABASE() AND constraint_name = %s
"""
_MADE: Final = """
SELECT create_time FROM information_schema.tables
 WHERE table_schema = DATABASE() AND table_name = %s
"""
_COUNTER: Final = """
SELECT auto_increment FROM information_schema.tables
 WHERE table_schema = DATABASE() AND table_name = %s
"""
# What a row that is there may hold, and what makes it another one when it is copied.
_LEFT_OUT: Final = frozenset(
    {"NO_ZERO_DATE", "NO_ZERO_IN_DATE", "TRADITIONAL", "PAD_CHAR_TO_FULL_LENGTH", ""}
)
_KEEPS_ZERO: Final = "NO_AUTO_VALUE_ON_ZERO"


class MysqlMirror(mirrors.Mirror):
    """Triggers that know tables by their names, and a RENAME of both at once."""

    #: The server takes limits of time in the statement (SET STATEMENT … FOR).
    limits_in_statement = False
    #: One trigger can take the place of another one in one statement.
    replaces_triggers = False
    #: Names of checks are those of their table, and may be in another one too.
    named_checks = False
    #: Since when rows that are locked can be left out.
    skips_since: tuple[int, int] = (8, 0)
    #: What locks rows that are read, so that SKIP LOCKED may follow.
    shares = "FOR SHARE"
    #: What is said for a shape.
    texts: type[mirrored.Texts] = mirrored.Texts
    #: Where the server keeps the numbers of tables.
    numbers = "innodb_tables"

    def __init__(self, session: base.Session) -> None:
        self._session = session
        self._mysql = sessions.ours(session)
        self._locks = waiting.Locks(session, names_limits=self.limits_in_statement)
        self._referrers = referrers.Referrers(session, self._locks)

    def obstacles(self, shape: mirrors.Shape) -> list[mirrors.Obstacle]:
        texts = self._texts(shape, swapped=False)
        return standing.Standing(self._session, shape, texts, self._referrers).all()

    def create(self, shape: mirrors.Shape) -> tuple[base.Statement, ...]:
        if shape.mode is mirrors.Mode.COLUMNS:
            return ()
        builder = self._session.engine.builder(self._session)
        return (newtable.statement(shape, builder, named_checks=self.named_checks),)

    # --- triggers -------------------------------------------------------------------------------

    def described(self, shape: mirrors.Shape) -> list[str]:
        return [
            f"{trigger.name} {trigger.when} ON {self._quote(trigger.table)} FOR EACH ROW"
            for trigger in self._texts(shape).triggers()
        ]

    def install(self, shape: mirrors.Shape, *, seconds: float) -> None:
        texts = self._texts(shape)
        made = [(trigger.table, trigger) for trigger in texts.triggers()]
        lent = texts.lent()
        with (
            self._locks.alone_with(self._both(texts), seconds=seconds),
            self._modes(),
        ):
            tie = texts.tie()
            if tie and not self._tied(texts):
                self._mysql.send(f"ALTER TABLE {self._quote(texts.new)} ADD {tie}")
            for table, trigger in made:
                name = self._quote(trigger.name)
                word = "CREATE OR REPLACE" if self.replaces_triggers else "CREATE"
                if not self.replaces_triggers:
                    self._mysql.send(f"DROP TRIGGER IF EXISTS {name}")
                self._mysql.send(
                    f"{word} TRIGGER {name} {trigger.when} ON {self._quote(table)} "
                    f"FOR EACH ROW {trigger.body}"
                )
            # Not before the triggers are there that know what such a value means.
            for column, value in lent.items():
                said = self._default(shape.old.column(column), value)
                self._mysql.send(
                    f"ALTER TABLE {self._quote(texts.old)} "
                    f"ALTER COLUMN {self._quote(column)} SET DEFAULT {said}"
                )

    def remove(self, shape: mirrors.Shape, *, seconds: float) -> None:
        if shape.mode is mirrors.Mode.TABLE:
            self._referrers.settle(shape, seconds=seconds)
            if self.swapped(shape):
                self._referrers.name_own(shape, seconds=seconds)
        present = self._present(shape)
        texts = self._texts(shape)
        lent = self._lent_still(texts)
        tied = self._tied(texts)
        locked = sorted(
            set(present.values())
            | ({texts.old} if lent else set())
            | ({texts.old, texts.new} if tied else set())
        )
        if not locked:
            return
        with self._locks.alone_with(locked, seconds=seconds):
            for column in lent:
                self._mysql.send(
                    f"ALTER TABLE {self._quote(texts.old)} "
                    f"ALTER COLUMN {self._quote(column)} DROP DEFAULT"
                )
            for name in sorted(present):
                self._mysql.send(f"DROP TRIGGER IF EXISTS {self._quote(name)}")
            if tied:
                self._mysql.send(
                    f"ALTER TABLE {self._quote(texts.new)} "
                    f"DROP FOREIGN KEY {self._quote(texts.tie_name)}"
                )

    def presence(self, shape: mirrors.Shape) -> mirrors.Presence:
        texts = self._texts(shape)
        wanted = {trigger.name: trigger.table for trigger in texts.triggers()}
        present = self._present(shape)
        if not present:
            return mirrors.Presence.NONE
        whole = present == wanted and len(self._lent_still(texts)) == len(texts.lent())
        whole = whole and (texts.tie() is None or self._tied(texts))
        return mirrors.Presence.WHOLE if whole else mirrors.Presence.PART

    @contextmanager
    def unmirrored(self) -> Iterator[None]:
        self._mysql.send(f"SET {mirrored.UNMIRRORED} = 1")
        try:
            yield
        finally:
            if not self._session.gone:
                self._mysql.send(f"SET {mirrored.UNMIRRORED} = NULL")

    def _texts(self, shape: mirrors.Shape, *, swapped: bool | None = None) -> mirrored.Texts:
        engine = self._session.engine
        return self.texts(
            shape,
            engine.quote,
            engine.dialect,
            swapped=self.swapped(shape) if swapped is None else swapped,
            referred=shape.mode is mirrors.Mode.TABLE and bool(self._referrers.all(shape)),
            skips=" SKIP LOCKED" if self._skips() else "",
            share=self.shares if self._skips() else "LOCK IN SHARE MODE",
        )

    def _skips(self) -> bool:
        """Whether the server can leave out rows that somebody else has locked."""
        version = self._session.connection.dialect.server_version_info or ()
        return tuple(version[:2]) >= self.skips_since

    def _both(self, texts: mirrored.Texts) -> list[str]:
        return list(dict.fromkeys((texts.old, texts.new)))

    def _present(self, shape: mirrors.Shape) -> dict[str, str]:
        """Return the triggers of a mirror that are there, and their tables."""
        rows = self._mysql.send(_PRESENT.format(prefix=mirroring.name(shape, "")))
        return {str(name): str(table) for name, table in rows}

    def _lent_still(self, texts: mirrored.Texts) -> list[str]:
        """Return the columns that have the default still that was lent to them."""
        lent = texts.lent()
        if not lent:
            return []
        rows = self._ask(_DEFAULTS, texts.old)
        return [name for name in lent if any(str(row[0]) == name for row in rows)]

    def _default(self, column: tables.FoundColumn, value: str) -> str:
        """Return a default as a column of this type takes it: long ones take expressions alone."""
        return f"({value})" if sameness.is_long(column.type) else value

    def _tied(self, texts: mirrored.Texts) -> bool:
        """Whether the key is there that ties rows of two tables together."""
        return bool(self._ask(_TIED, texts.tie_name))

    @contextmanager
    def _modes(self) -> Iterator[None]:
        """Let triggers be made that copy every value as it is, and refuse to cut any."""
        before = str(self._mysql.send("SELECT @@sql_mode")[0][0])
        self._mysql.send(f"SET SESSION sql_mode = '{self._faithful(before)}'")
        try:
            yield
        finally:
            if not self._session.gone:
                self._mysql.send(f"SET SESSION sql_mode = '{before}'")

    @staticmethod
    def _faithful(modes: str) -> str:
        kept = [mode for mode in modes.split(",") if mode not in _LEFT_OUT]
        return ",".join([*kept, _KEEPS_ZERO] if _KEEPS_ZERO not in kept else kept)

    # --- rows -----------------------------------------------------------------------------------

    def fill(self, shape: mirrors.Shape, condition: str) -> str:
        modes = self._faithful(str(self._mysql.send("SELECT @@sql_mode")[0][0]))
        texts = self._texts(shape)
        # What it reads it does not wait for; in another table there may be more to wait for.
        waits = shape.mode is mirrors.Mode.COLUMNS and self._skips()
        return self._under(modes, texts.fill(condition), waits=waits)

    def _under(self, modes: str, sql: str, *, waits: bool) -> str:
        """Return a statement that runs with these modes, and leaves the session as it was.

        Without a wait it is never in a circle of waits: it fails, and is tried again.
        """
        verb, _, rest = sql.partition(" ")
        return f"{verb} /*+ SET_VAR(sql_mode = '{modes}') */ {rest}"

    def astray(self, shape: mirrors.Shape, condition: str) -> str:
        return self._texts(shape).astray(condition)

    def lossy(self, shape: mirrors.Shape) -> str:
        return self._texts(shape).lossy()

    # --- places ---------------------------------------------------------------------------------

    def swap(self, shape: mirrors.Shape, *, seconds: float) -> None:
        old, new, parked = shape.old.name, shape.new.name, shape.parked
        if shape.mode is mirrors.Mode.TABLE and not self.swapped(shape):
            self._count_on(new, after=old, seconds=seconds)
            self._analyze(new)
            with self._referrers.moved(shape, old, new, seconds=seconds):
                self._rename([(old, parked), (new, old)], seconds=seconds)

    def unswap(self, shape: mirrors.Shape, *, seconds: float) -> None:
        old, new, parked = shape.old.name, shape.new.name, shape.parked
        if shape.mode is mirrors.Mode.TABLE and self.swapped(shape):
            self._count_on(parked, after=old, seconds=seconds)
            self._analyze(parked)
            with self._referrers.moved(shape, old, parked, seconds=seconds):
                self._rename([(old, new), (parked, old)], seconds=seconds)

    def swapped(self, shape: mirrors.Shape) -> bool:
        if shape.mode is not mirrors.Mode.TABLE:
            return False
        names = {str(row[0]) for row in self._mysql.send(_TABLES)}
        return shape.parked in names and shape.new.name not in names

    def blockers(self, table: str) -> list[mirrors.Blocker]:
        said = self._locks.holders([table])
        return self._locks.transactions() if said is None else said

    def identity(self, table: str) -> str:
        rows = self._ask("SELECT CAST(CONVERT(%s USING filename) AS BINARY)", table)
        own = self._mysql.send("SELECT CAST(CONVERT(DATABASE() USING filename) AS BINARY)")
        name = b"/".join((_bytes(own[0][0]), _bytes(rows[0][0]))).decode("ascii", "replace")
        if standing.may_see_all(self._mysql):
            found = self._ask(
                f"SELECT table_id FROM information_schema.{self.numbers} WHERE name = %s", name
            )
            if found:
                return f"table {found[0][0]}"
        return f"made {self._ask(_MADE, table)[0][0]}"

    def _rename(self, pairs: list[tuple[str, str]], *, seconds: float) -> None:
        said = ", ".join(f"{self._quote(one)} TO {self._quote(two)}" for one, two in pairs)
        names = [one for one, _ in pairs]
        self._locks.send(f"RENAME TABLE {said}", names, seconds=seconds)

    def _count_on(self, table: str, *, after: str, seconds: float) -> None:
        """Let a table count on from where another one is."""
        ahead, here = self._counter(after), self._counter(table)
        if ahead is not None and here is not None and here < ahead:
            self._locks.send(
                f"ALTER TABLE {self._quote(table)} AUTO_INCREMENT = {ahead}",
                [table],
                seconds=seconds,
            )

    def _analyze(self, table: str) -> None:
        """Let the server know what is in a table before everybody asks for it.

        RENAME reads again what was noted of it, perhaps when it was empty: statements would then
        read, and lock, all of it.
        """
        self._mysql.send(f"ANALYZE NO_WRITE_TO_BINLOG TABLE {self._quote(table)}")

    def _counter(self, table: str) -> int | None:
        """Return the next number that a table would give by itself, None if it gives none."""
        value = self._ask(_COUNTER, table)[0][0]
        return None if value is None else int(str(value))

    # --- words ----------------------------------------------------------------------------------

    def _ask(self, sql: str, *params: str) -> list[base.Row]:
        with self._mysql.driver.cursor() as cursor:
            cursor.execute(sql, params)
            return [tuple(row) for row in cursor.fetchall()]

    def _quote(self, name: str) -> str:
        return self._session.engine.quote(name)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
