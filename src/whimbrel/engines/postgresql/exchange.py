"""Give two tables each other's names on PostgreSQL, and move what belongs to the name.

Everything here happens in the caller's transaction, under locks that he has taken: nobody sees a
moment between. Tables are known by their numbers inside the server, names are read again by
everybody; so what shall follow the name (views, foreign keys of others, triggers, rights, counters,
names of indexes) is moved by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from whimbrel import tables
from whimbrel.engines import base, mirroring, mirrors
from whimbrel.engines.postgresql import newtable

# A foreign key whose rows have not been looked at again since it refers to another table.
UNPROVEN: Final = "whimbrel unproven: "
_REFERRING: Final = """
SELECT DISTINCT c.relname::text
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
 WHERE k.contype = 'f' AND k.confrelid = to_regclass(%s) AND k.conparentid = 0
   AND k.conrelid NOT IN (to_regclass(%s), to_regclass(%s))
   AND c.relnamespace = current_schema()::regnamespace
 ORDER BY 1
"""
_KEYS_OF_OTHERS: Final = """
SELECT c.relname::text, k.conname::text, pg_get_constraintdef(k.oid), k.convalidated,
       coalesce(obj_description(k.oid, 'pg_constraint'), '')
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
 WHERE k.contype = 'f' AND k.confrelid = to_regclass(%s) AND k.conparentid = 0
   AND k.conrelid NOT IN (to_regclass(%s), to_regclass(%s))
 ORDER BY 1, 2
"""
_VIEWS: Final = """
SELECT DISTINCT v.oid, format('%%I.%%I', n.nspname, v.relname), pg_get_viewdef(v.oid),
       v.reloptions::text[]
  FROM pg_depend d
  JOIN pg_rewrite r ON r.oid = d.objid
  JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
  JOIN pg_namespace n ON n.oid = v.relnamespace
 WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
   AND d.refobjid = to_regclass(%s)
 ORDER BY 1
"""
_TRIGGERS: Final = """
SELECT t.tgname::text, pg_get_triggerdef(t.oid), t.tgenabled::text,
       coalesce(obj_description(t.oid, 'pg_trigger'), '')
  FROM pg_trigger t
 WHERE t.tgrelid = to_regclass(%s) AND NOT t.tgisinternal AND t.tgname !~ '^~?whimbrel_'
 ORDER BY t.oid
"""
_STATES: Final = {
    "O": "ENABLE",
    "A": "ENABLE ALWAYS",
    "R": "ENABLE REPLICA",
    "D": "DISABLE",
}
# Counters that belong to a column: of a default ('a'), of an identity ('i').
_COUNTERS: Final = """
SELECT a.attname::text, s.oid::regclass::text, d.deptype::text
  FROM pg_depend d
  JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
   AND d.refobjid = to_regclass(%s) AND d.deptype IN ('a', 'i')
"""
_MARKED: Final = f"""
SELECT x.relname::text, substr(obj_description(x.oid, 'pg_class'), {len(newtable.MARK) + 1})
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
 WHERE i.indrelid = to_regclass(%s)
   AND starts_with(obj_description(x.oid, 'pg_class'), '{newtable.MARK}')
 ORDER BY 1
"""
_UNPROVEN_KEYS: Final = f"""
SELECT c.relname::text, k.conname::text,
       substr(obj_description(k.oid, 'pg_constraint'), {len(UNPROVEN) + 1})
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
 WHERE k.contype = 'f' AND k.confrelid = to_regclass(%s)
   AND starts_with(obj_description(k.oid, 'pg_constraint'), '{UNPROVEN}')
 ORDER BY 1, 2
"""


def referring(session: base.Session, old: str, new: str) -> list[str]:
    """Return the other tables whose foreign keys refer to one of two tables."""
    one, two = session.engine.quote(old), session.engine.quote(new)
    found = session.fetch(_REFERRING, [one, one, two]) + session.fetch(_REFERRING, [two, one, two])
    return sorted({str(row[0]) for row in found})


def exchange(session: base.Session, shape: mirrors.Shape, *, back: bool) -> None:
    """Exchange names and all that follows them; `back` takes it back."""
    _Exchange(session, shape, back=back).run()


def forget(session: base.Session, shape: mirrors.Shape) -> None:
    """Take away what an exchange had left to find its way back."""
    quote = session.engine.quote
    table = quote(shape.old.name)
    for index, _ in session.fetch(_MARKED, [table]):
        session.execute(f"COMMENT ON INDEX {quote(str(index))} IS NULL")
    prove(session, shape)


def prove(session: base.Session, shape: mirrors.Shape) -> None:
    """Let the server look at rows whose foreign keys refer to another table since the exchange.

    Nobody waits for it but who wants to change these tables.
    """
    quote = session.engine.quote
    for child, key, comment in session.fetch(_UNPROVEN_KEYS, [quote(shape.old.name)]):
        table, name = quote(str(child)), quote(str(key))
        session.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
        session.execute(f"COMMENT ON CONSTRAINT {name} ON {table} IS {_text(str(comment))}")


class _Exchange:
    def __init__(self, session: base.Session, shape: mirrors.Shape, *, back: bool) -> None:
        self._session = session
        self._quote: Callable[[str], str] = session.engine.quote
        self._shape = shape
        self._back = back
        # The table that has the name now, and the one that gets it.
        self._name = shape.old.name
        self._here, self._there = shape.old.name, shape.new.name
        self._aside = shape.parked
        if back:
            self._there, self._aside = shape.parked, shape.new.name

    def run(self) -> None:
        """Exchange. Texts that name the table are read before, and said again after."""
        self._count_on()
        rights = newtable.rights(
            self._session, self._here, self._target().replace(name=self._there)
        )
        views = self._session.fetch(_VIEWS, [self._quoted(self._here)])
        triggers = self._session.fetch(_TRIGGERS, [self._quoted(self._here)])
        keys = self._session.fetch(
            _KEYS_OF_OTHERS, [self._quoted(t) for t in (self._here, self._here, self._there)]
        )
        for sql in rights:
            self._send(sql)
        for child, key, *_ in keys:
            self._send(f"ALTER TABLE {self._quote(str(child))} DROP CONSTRAINT {self._q(key)}")
        self._send(f"ALTER TABLE {self._quoted(self._here)} RENAME TO {self._q(self._aside)}")
        self._send(f"ALTER TABLE {self._quoted(self._there)} RENAME TO {self._q(self._name)}")
        self._index_names()
        for row in triggers:
            self._trigger(*map(str, row))
        for child, key, text, proven, comment in keys:
            self._foreign_key(str(child), str(key), str(text), bool(proven), str(comment))
        for _, view, text, options in views:
            with_ = f" WITH ({', '.join(map(str, options))})" if isinstance(options, list) else ""
            self._send(f"CREATE OR REPLACE VIEW {view}{with_} AS {text}")

    def _target(self) -> tables.Table:
        return self._shape.old if self._back else self._shape.new

    def _send(self, sql: str) -> None:
        self._session.execute(sql)

    def _quoted(self, table: str) -> str:
        return self._quote(table)

    def _q(self, name: object) -> str:
        return self._quote(str(name))

    # --- counters ---------------------------------------------------------------------------------

    def _count_on(self) -> None:
        """Let the other table's counters go on where this one's are, and own what both share."""
        way = mirroring.forward(self._shape, dialect="postgres", quote=self._quote)
        names = {c: way.copies(c) or c for c in way.written}
        if self._back:
            names = {one: column for column, one in names.items()}
        mine = {str(c): (str(s), str(k)) for c, s, k in self._counters(self._here)}
        theirs = {str(c): (str(s), str(k)) for c, s, k in self._counters(self._there)}
        target = self._target()
        for column in (c.name for c in target.columns):
            source = names.get(column, column)
            if source not in mine and column not in theirs:
                continue
            if source in mine and column not in theirs and mine[source][1] == "a":
                # One sequence for both: it stays when the other table goes.
                owner = f"{self._quoted(self._there)}.{self._quote(column)}"
                self._send(f"ALTER SEQUENCE {mine[source][0]} OWNED BY {owner}")
                continue
            if column not in theirs:
                continue
            counters = [theirs[column][0], *([mine[source][0]] if source in mine else [])]
            self._advance(counters, column)

    def _counters(self, table: str) -> list[base.Row]:
        return self._session.fetch(_COUNTERS, [self._quoted(table)])

    def _advance(self, counters: list[str], column: str) -> None:
        table, name = self._quoted(self._there), self._quote(column)
        last = ", ".join(
            f"(SELECT CASE WHEN is_called THEN last_value END FROM {counter})"
            for counter in counters
        )
        self._session.fetch(
            f"SELECT setval(%s, m.top, true) FROM (SELECT greatest({last}, "
            f"(SELECT max({name})::int8 FROM {table})) AS top) AS m WHERE m.top IS NOT NULL",
            [counters[0]],
        )

    # --- names ------------------------------------------------------------------------------------

    def _index_names(self) -> None:
        """Exchange names of indexes: the comment of each of the new table's has the other one."""
        table = self._quoted(self._aside if self._back else self._name)
        for index, other in self._session.fetch(_MARKED, [table]):
            found = self._session.fetch("SELECT to_regclass(%s) IS NOT NULL", [self._q(other)])
            for_now = self._q(mirroring.name(self._shape, "n"))
            if found[0][0]:
                self._send(f"ALTER INDEX {self._q(other)} RENAME TO {for_now}")
            self._send(f"ALTER INDEX {self._q(index)} RENAME TO {self._q(other)}")
            if found[0][0]:
                self._send(f"ALTER INDEX {for_now} RENAME TO {self._q(index)}")
            self._send(f"COMMENT ON INDEX {self._q(other)} IS {_text(newtable.MARK + str(index))}")

    # --- what hangs on the name -------------------------------------------------------------------

    def _trigger(self, name: str, text: str, state: str, comment: str) -> None:
        """Let a user's trigger work on the table that has the name, and not on the other one."""
        table = self._quoted(self._name)
        there = {str(row[0]) for row in self._session.fetch(_TRIGGERS, [table])}
        if name not in there:
            self._send(text)
            if comment:
                self._send(f"COMMENT ON TRIGGER {self._q(name)} ON {table} IS {_text(comment)}")
        self._send(f"ALTER TABLE {table} {_STATES[state]} TRIGGER {self._q(name)}")
        self._send(f"ALTER TABLE {self._quoted(self._aside)} DISABLE TRIGGER {self._q(name)}")

    def _foreign_key(self, child: str, key: str, text: str, proven: bool, comment: str) -> None:
        """Let a foreign key refer to the table that has the name; its rows are looked at later."""
        table, name = self._quoted(child), self._q(key)
        sql = text if not proven else f"{text} NOT VALID"
        self._send(f"ALTER TABLE {table} ADD CONSTRAINT {name} {sql}")
        said = comment.removeprefix(UNPROVEN)
        unproven = proven or comment.startswith(UNPROVEN)
        if unproven or said:
            said = (UNPROVEN if unproven else "") + said
            self._send(f"COMMENT ON CONSTRAINT {name} ON {table} IS {_text(said)}")


def _text(comment: str) -> str:
    """Return a comment as a literal; none is NULL."""
    if not comment:
        return "NULL"
    return "E'" + comment.replace("\\", "\\\\").replace("'", "''") + "'"
