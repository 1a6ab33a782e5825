"""What changes of schema cost on PostgreSQL: the lock levels of its manual, by version."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from whimbrel import tables
from whimbrel.engines import base, sqltext, tolls
from whimbrel.engines.tolls import NOBODY, Toll, Work

_ALL: Final = "readers and writers"
_WRITERS: Final = "writers"
_EXCLUSIVE: Final = "ACCESS EXCLUSIVE"
# Words of a default that are no functions, and values of which one serves all rows.
_STEADY: Final = frozenset(
    {"now", "current_timestamp", "current_date", "current_time", "localtimestamp", "localtime",
     "transaction_timestamp", "statement_timestamp", "current_user", "session_user", "cast",
     "array", "row", "coalesce", "nullif", "greatest", "least", "interval", "case", "numeric",
     "decimal", "varchar", "char", "character", "varying", "bit", "timestamp", "time"}
)  # fmt: skip
_VOLATILE: Final = """
SELECT p.proname FROM pg_proc p WHERE p.proname = ANY(%s) AND p.provolatile = 'v'
"""
_PROVEN: Final = """
SELECT pg_get_expr(conbin, conrelid, true) FROM pg_constraint
 WHERE conrelid = to_regclass(%s) AND contype = 'c' AND convalidated
"""
_PARTED: Final = "SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(%s)"
_SIZED: Final = re.compile(
    r"([a-z ]+?)\s*(?:\((\d+)(?:\s*,\s*(\d+))?\))?\s*( with(?:out)? time zone)?"
)
_NAMES: Final = {
    "varchar": "character varying", "char": "character", "decimal": "numeric", "int": "integer",
    "int4": "integer", "int8": "bigint", "int2": "smallint", "bool": "boolean",
    "timestamptz": "timestamp with time zone", "timetz": "time with time zone",
}  # fmt: skip


class PostgresTolls(tolls.Tolls):
    """The locks that statements take, and whether rows are read or written under them."""

    longest_name = 63
    cuts_names = True
    whole_numbers = (
        ("smallint", 2**15 - 1), ("integer", 2**31 - 1), ("bigint", 2**63 - 1),
    )  # fmt: skip

    harmless_words = frozenset(
        {"VALIDATE", "OWNER", "ENABLE", "DISABLE", "STATISTICS", "STORAGE", "COMPRESSION",
         "REPLICA", "FILLFACTOR", "RESET", "INHERIT", "SCHEMA", "ATTACH", "DEFAULT", "CLUSTER"}
    )  # fmt: skip

    def __init__(self, session: base.Session) -> None:
        self._session = session
        version = session.connection.dialect.server_version_info or (0,)
        self._version = int(version[0])

    def beside(self, table: str) -> bool:
        # Of a partitioned table each partition has to be seen to by itself.
        rows = self._session.fetch(_PARTED, [self._session.engine.quote(table)])
        return not (rows and rows[0][0])

    def create_index(self, table: str, index: tables.Index, *, concurrently: bool = False) -> Toll:
        if concurrently:
            return Toll(lock="SHARE UPDATE EXCLUSIVE", waits="", work=Work.READ)
        columns = ", ".join(f'"{c}"' for c in index.columns if isinstance(c, str))
        unique = ", unique=True" if index.unique else ""
        instead = (
            "build it beside the writers, in a migration of its own:\n"
            "transactional = False\n"
            f'self.create_index("{table}", [{columns}]{unique}, name="{index.name}", '
            "concurrently=True)"
        )
        return Toll(lock="SHARE", waits=_WRITERS, work=Work.READ, instead=instead)

    def drop_index(self, table: str, name: str, *, concurrently: bool = False) -> Toll:
        if concurrently:
            return Toll(lock="SHARE UPDATE EXCLUSIVE", waits="", work=Work.NOTHING)
        return Toll(
            lock=_EXCLUSIVE,
            waits=_ALL,
            work=Work.NOTHING,
            instead="drop it without a lock, in a migration of its own:\n"
            "transactional = False\n"
            f'self.remove_index("{table}", name="{name}", concurrently=True)',
        )

    def add_column(self, table: str, column: tables.FoundColumn) -> Toll:
        work = Work.NOTHING
        steps = [f'self.add_column("{table}", "{column.name}", "…")']
        if column.auto_increment or (column.generated is not None and column.stored):
            work = Work.WRITE
        elif column.default is not None and (self._version < 11 or self.volatile(column.default)):
            work = Work.WRITE
            name, default = column.name, column.default
            told = f'self.change_column("{table}", "{name}", "…", default=sql("{default}"))'
            fill = f'{{"{name}": "{default}"}}, where="{name} IS NULL"'
            steps += [told, f'self.backfill("{table}", {fill})']
        instead = ""
        if work is Work.WRITE and column.generated is not None:
            instead = (
                "add a plain column, fill it in batches, and keep it by a trigger or the "
                "application:\n"
                + steps[0]
                + f'\nself.backfill("{table}", {{"{column.name}": "{column.generated}"}})'
            )
        elif work is Work.WRITE and column.auto_increment:
            name = f"{table}_{column.name}_seq"
            where = f"{self._name(table)}.{self._name(column.name)}"
            made = tolls.executed(f"CREATE SEQUENCE {self._name(name)} OWNED BY {where}")
            told = tolls.executed(
                f"ALTER TABLE {self._name(table)} ALTER {self._name(column.name)} "
                f"SET DEFAULT nextval('{self._name(name)}')"
            )
            fill = f'{{"{column.name}": "nextval(\'{self._name(name)}\')"}}'
            instead = (
                "add it nullable, let a sequence fill new rows, and number the others in "
                f'batches:\n{steps[0]}\n{made}\n{told}\nself.backfill("{table}", {fill}, '
                f'where="{column.name} IS NULL")'
            )
        elif work is Work.WRITE:
            instead = "add it empty, then the default, then fill it in batches:\n" + "\n".join(
                steps
            )
        return Toll(lock=_EXCLUSIVE, waits=_ALL, work=work, instead=instead)

    def change_type(self, table: tables.Table, column: str, type_: str) -> Toll:
        old = table.column(column).type
        work = Work.NOTHING if self._only_wider(old, type_) else Work.WRITE
        if work is Work.NOTHING and any(column in check.sql for check in table.checks):
            work = Work.READ  # its checks are asked of every row again
        instead = tolls.by_a_new_column(table.name, column, type_) if work else ""
        return Toll(lock=_EXCLUSIVE, waits=_ALL, work=work, instead=instead)

    def _only_wider(self, old: str, new: str) -> bool:
        """Whether values stay as they are on disk, so that only the catalog changes."""
        was, now = split(old), split(new)
        if was == now:
            return True
        if (was[0], now[0]) in {("character varying", "text"), ("cidr", "inet")}:
            return True
        if (was[0], now[0]) == ("text", "character varying"):
            return now[1] is None
        times = {"timestamp with time zone", "timestamp", "timestamp without time zone"}
        if was[0] in times and now[0] in times and was[0] != now[0]:
            zone = str(self._session.fetch("SELECT current_setting('TimeZone')")[0][0])
            return self._version >= 12 and zone.upper() in {"UTC", "ETC/UTC"} and was[1] == now[1]
        if was[0] != now[0]:
            return False
        if was[0] in {"character varying", "bit varying"} | times | {"interval"}:
            return now[1] is None or (was[1] is not None and now[1] >= was[1])
        if was[0] == "numeric":
            return now[1] is None or (was[1] is not None and now[1] >= was[1] and now[2] == was[2])
        return False

    def set_not_null(self, table: tables.Table, column: str) -> Toll:
        quoted = self._session.engine.quote(table.name)
        proof = {f"{column} is not null", f'"{column}" is not null'}
        proven = {str(row[0]).strip("()").lower() for row in self._session.fetch(_PROVEN, [quoted])}
        work = Work.NOTHING if self._version >= 12 and proof & proven else Work.READ
        name, alter = f"{column}_not_null", f"ALTER TABLE {self._name(table.name)}"
        here, check = self._name(column), self._name(f"{column}_not_null")
        return Toll(
            lock=_EXCLUSIVE,
            waits=_ALL,
            work=work,
            instead=_by_steps(
                "prove it first, while others write",
                f"{alter} ADD CONSTRAINT {check} CHECK ({here} IS NOT NULL) NOT VALID",
                f"{alter} VALIDATE CONSTRAINT {check}",
                f"{alter} ALTER {here} SET NOT NULL",
            )
            + f'\nself.remove_constraint("{table.name}", "{name}")',
        )

    def add_foreign_key(self, table: str, key: tables.ForeignKey, *, checked: bool = True) -> Toll:
        here, there = self._names(key.columns), self._names(key.ref_columns)
        name = self._name(key.name or tables.constraint_name("fk", table, key.columns))
        alter = f"ALTER TABLE {self._name(table)}"
        refers = f"REFERENCES {self._name(key.ref_table)} ({there})"
        return Toll(
            lock="SHARE ROW EXCLUSIVE",
            waits=_WRITERS,
            work=Work.READ if checked else Work.NOTHING,
            instead=_by_steps(
                "add it unchecked, then check it while others write",
                f"{alter} ADD CONSTRAINT {name} FOREIGN KEY ({here}) {refers} NOT VALID",
                f"{alter} VALIDATE CONSTRAINT {name}",
            ),
        )

    def add_check(self, table: str, check: tables.Check, *, checked: bool = True) -> Toll:
        name = self._name(check.name or tables.constraint_name("ck", table, ["new"]))
        alter = f"ALTER TABLE {self._name(table)}"
        return Toll(
            lock=_EXCLUSIVE,
            waits=_ALL,
            work=Work.READ if checked else Work.NOTHING,
            instead=_by_steps(
                "add it unchecked, then check it while others write",
                f"{alter} ADD CONSTRAINT {name} CHECK ({check.sql}) NOT VALID",
                f"{alter} VALIDATE CONSTRAINT {name}",
            ),
        )

    def add_unique(self, table: str, unique: tables.Unique, *, by_index: bool = False) -> Toll:
        columns = ", ".join(f'"{c}"' for c in unique.columns)
        name = unique.name or tables.constraint_name("uq", table, unique.columns)
        taken = tolls.executed(
            f"ALTER TABLE {self._name(table)} ADD CONSTRAINT {self._name(name)} "
            f"UNIQUE USING INDEX {self._name(name)}"
        )
        return Toll(
            lock=_EXCLUSIVE,
            waits=_ALL,
            work=Work.NOTHING if by_index else Work.READ,
            instead="build its index beside the writers, then let the constraint take it over:\n"
            "transactional = False\n"
            f'self.create_index("{table}", [{columns}], unique=True, name="{name}", '
            f"concurrently=True)\n{taken}",
        )

    def add_primary_key(self, table: str, columns: Sequence[str]) -> Toll:
        listed = ", ".join(f'"{c}"' for c in columns)
        taken = tolls.executed(
            f"ALTER TABLE {self._name(table)} ADD PRIMARY KEY USING INDEX "
            f"{self._name(f'{table}_pkey')}"
        )
        return Toll(
            lock=_EXCLUSIVE,
            waits=_ALL,
            work=Work.READ,
            instead="make the columns NOT NULL, build the index beside the writers, then let the "
            "key take it over:\ntransactional = False\n"
            f'self.create_index("{table}", [{listed}], unique=True, name="{table}_pkey", '
            f"concurrently=True)\n{taken}",
        )

    def _name(self, name: str) -> str:
        """Return a name as SQL, quoted where it has to be."""
        return self._session.engine.sa_dialect().identifier_preparer.quote(name)

    def _names(self, names: Sequence[str]) -> str:
        return ", ".join(map(self._name, names))

    def volatile(self, expression: str) -> bool:
        found = sqltext.significant(expression, "postgres")
        called = {
            token.text.strip('"').lower()
            for token, after in zip(found, [*found[1:], None], strict=True)
            if after is not None and after.text == "("
        } - _STEADY
        if not called:
            return False
        return bool(self._session.fetch(_VOLATILE, [sorted(called)]))

    def other(self, words: Sequence[str]) -> Toll | None:
        upper = [word.upper() for word in words]
        if "CONCURRENTLY" in upper:
            return NOBODY
        instead = ""
        match upper:
            case ["REINDEX", *_]:
                instead = "say it with CONCURRENTLY, in a migration with:  transactional = False"
                return Toll(lock="SHARE", waits=_WRITERS, work=Work.READ, instead=instead)
            case ["VACUUM", *rest] if "FULL" in rest:
                instead = "VACUUM without FULL holds nobody up; an online repack gives space back"
            case ["CLUSTER", *_]:
                instead = "an online repack orders a table without holding it"
            case ["REFRESH", "MATERIALIZED", *_]:
                instead = "say it with CONCURRENTLY; the view needs a unique index for that"
            case ["ALTER", "TABLE", *rest] if "DETACH" in rest:
                return Toll(
                    lock=_EXCLUSIVE, waits=_ALL, work=Work.READ,
                    instead="say it with CONCURRENTLY, in a migration with:  transactional = False",
                )  # fmt: skip
            case ["ALTER", "TABLE", *rest] if {"TABLESPACE", "LOGGED", "UNLOGGED"} & set(rest):
                instead = "move it in a quiet hour, or by an online repack"
            case ["LOCK", *_]:
                return Toll(
                    lock=_EXCLUSIVE, waits=_ALL, work=Work.READ,
                    instead="leave it out: each verb takes the lock that it needs",
                )  # fmt: skip
            case _:
                return None
        return Toll(lock=_EXCLUSIVE, waits=_ALL, work=Work.WRITE, instead=instead)

    def adds_enum_value(self, words: Sequence[str]) -> str | None:
        upper = [word.upper() for word in words]
        if upper[:2] != ["ALTER", "TYPE"] or "VALUE" not in upper or "ADD" not in upper:
            return None
        return next((word.strip("'") for word in words if word.startswith("'")), None)

    def enum_values_wait(self) -> bool:
        return True

    def no_use(self, words: Sequence[str], *, in_transaction: bool) -> str:
        upper = [word.upper() for word in words]
        if upper[:2] == ["SET", "LOCAL"] and not in_transaction:
            return "SET LOCAL ends with its own step, because each step commits by itself"
        return ""

    def worse_type(self, type_: str) -> str:
        first = split(type_)[0]
        if first == "json":
            return "json has no equality, so DISTINCT and UNION fail; use jsonb"
        if first == "money":
            return "money depends on the server's locale; use numeric"
        if first == "character":
            return "char(n) is padded with blanks, which vanish in comparisons; use varchar or text"
        if first == "time with time zone":
            return "a zone without a date means little; use timestamp with time zone"
        return ""


def _by_steps(words: str, *statements: str) -> str:
    """Return statements as a migration says them in which each commits by itself."""
    lines = "\n".join(map(tolls.executed, statements))
    return f"{words}; each line commits by itself:\ntransactional = False\n{lines}"


def split(type_: str) -> tuple[str, int | None, int | None]:
    """Return a type's name, as the catalog writes it, and its two numbers."""
    found = _SIZED.fullmatch(" ".join(type_.lower().split()))
    if found is None:
        return type_.lower(), None, None
    name = found[1].strip() + (found[4] or "")
    name = _NAMES.get(name, name)
    scale = int(found[3]) if found[3] else (0 if name == "numeric" and found[2] else None)
    return name, int(found[2]) if found[2] else None, scale
