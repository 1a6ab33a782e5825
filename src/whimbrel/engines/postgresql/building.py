"""How PostgreSQL makes a table for rows: bare at first, keys behind them.

A foreign key is added NOT VALID, for which no row is read, and validated by itself, while others
may write.
"""

from __future__ import annotations

import re
from typing import Final

from whimbrel import tables
from whimbrel.engines import building, defaults
from whimbrel.engines.building import CannotSay, Said, Step
from whimbrel.engines.defaults import Part
from whimbrel.engines.forms import Family

_COUNTS: Final = ("smallint", "integer", "bigint", "int2", "int4", "int8", "int")
# Without an order: neither a key nor an index of theirs is a tree.
_UNORDERED: Final = re.compile(
    r"(json|xml|point|line|lseg|box|path|polygon|circle|geometry|geography)\b(?!.*\[\])"
)
# What no expression of an index or a generated column may call: the result depends on settings.
_UNSTEADY: Final = re.compile(
    r"\b(to_char|to_date|to_timestamp|concat|concat_ws|format|now|random|gen_random_uuid|age)\s*\("
    r"|\b(current_date|current_time|current_timestamp|localtime|localtimestamp|clock_timestamp)\b"
    r"|\bAS (TEXT|DATE|TIMESTAMP)\)",
    re.IGNORECASE,
)
_VIRTUAL_SINCE: Final = (18,)
_TEXT_FORMS: Final = {
    Part.MOMENT: "YYYY-MM-DD HH24:MI:SS",
    Part.DAY: "YYYY-MM-DD",
    Part.TIME: "HH24:MI:SS",
}


class PostgresBuilder(building.Builder):
    """Names have 63 bytes; those of indexes are shared by all tables of a schema."""

    longest_name = 63
    index_names = "database"
    indexes_beside_tables = True
    computes_twice = False
    bare_tables = True
    names_primary_keys = True

    def primary_key_name(self, table: str) -> str | None:
        return f"{table}_pkey"

    def cannot_count(self, table: tables.Table, column: tables.FoundColumn) -> str | None:
        if column.type.lower() not in _COUNTS:
            return f"a column of the type {column.type} cannot count by itself"
        return None

    def joinable(self, child: tables.FoundColumn, parent: tables.FoundColumn) -> bool:
        one, other = (_sort(column.type) for column in (child, parent))
        return one == other

    def unsteady(self, sql: str) -> str | None:
        found = _UNSTEADY.search(sql)
        return f"{found.group().rstrip(' (')} depends on settings of a session" if found else None

    def generated(self, table: tables.Table, column: tables.FoundColumn) -> Said:
        note = ""
        if not column.stored and self.version < _VIRTUAL_SINCE:
            note = "its value is kept on disk: this version computes none when it is read"
        return Said(sql=column.generated or "", note=note)

    def stored(self, column: tables.FoundColumn, *, indexed: bool) -> bool:
        return column.stored or indexed or self.version < _VIRTUAL_SINCE

    def fit_unique(self, table: tables.Table, unique: tables.Unique) -> building.Fitted:
        for name in unique.columns:
            self._ordered(table.column(name))
        return building.Fitted(part=unique)

    def fit_index(self, table: tables.Table, index: tables.Index) -> building.Fitted:
        columns: list[str | tables.Sql] = []
        notes: list[str] = []
        for at, column in enumerate(index.columns):
            length = index.lengths[at] if index.lengths else None
            if isinstance(column, tables.Sql):
                if why := self.unsteady(column.text):
                    raise CannotSay(why)
                columns.append(column)
                continue
            found = table.column(column)
            self._ordered(found)
            if length is None:
                columns.append(column)
                continue
            columns.append(tables.Sql(self._first(found, length)))
            notes.append(f"it is on an expression, the first {length} of {column}")
        if index.where and (why := self.unsteady(index.where)):
            raise CannotSay(why)
        made = tables.Index(
            name=index.name,
            columns=tuple(columns),
            unique=index.unique,
            where=index.where,
            descending=index.descending if any(index.descending) else (),
        )
        return building.Fitted(part=made, notes=tuple(notes))

    def _ordered(self, column: tables.FoundColumn) -> None:
        if _UNORDERED.match(column.type.lower()):
            raise CannotSay(f"values of the type {column.type} have no order, no index by value")

    def _first(self, column: tables.FoundColumn, length: int) -> str:
        name = self.quote(column.name)
        if column.type.lower() == "bytea":
            return f"substring({name} from 1 for {length})"
        return f"left({name}, {length})"

    # --- statements -----------------------------------------------------------------------------

    def create(self, table: tables.Table) -> tuple[str, ...]:
        parts = [f"{self.quote(c.name)} {self._definition(c)}" for c in table.columns]
        parts += [self.check_text(check) for check in table.checks]
        body = ",\n  ".join(parts)
        return (f"CREATE TABLE {self.quote(table.name)} (\n  {body}\n)",)

    def _definition(self, column: tables.FoundColumn) -> str:
        parts = [column.type]
        if column.collation:
            parts.append(f"COLLATE {self.quote(column.collation)}")
        if column.generated is not None:
            kind = "STORED" if column.stored else "VIRTUAL"
            parts.append(f"GENERATED ALWAYS AS ({column.generated}) {kind}")
        elif column.auto_increment:
            parts.append("GENERATED BY DEFAULT AS IDENTITY")
        elif column.default is not None:
            parts.append(f"DEFAULT {column.default}")
        if not column.null:
            parts.append("NOT NULL")
        return " ".join(parts)

    def later(self, table: tables.Table) -> tuple[Step, ...]:
        steps = []
        alter = f"ALTER TABLE {self.quote(table.name)} ADD"
        if table.primary_key:
            name = self.quote(table.primary_key_name or "")
            key = self.quoted(table.primary_key)
            sql = f"{alter} CONSTRAINT {name} PRIMARY KEY ({key})"
            steps.append(_step("primary key", table.primary_key_name or "", sql))
        for unique in table.uniques:
            steps.append(_step("unique", unique.name or "", f"{alter} {self.unique_text(unique)}"))
        for index in table.indexes:
            steps.append(_step("index", index.name, self.index_text(table.name, index)))
        return tuple(steps)

    def foreign_keys(self, table: tables.Table) -> tuple[Step, ...]:
        return tuple(
            _step(
                "foreign key",
                key.name or "",
                f"ALTER TABLE {self.quote(table.name)} ADD {self.foreign_key_text(key)} NOT VALID",
            )
            for key in table.foreign_keys
        )

    def validate(self, table: tables.Table) -> tuple[Step, ...]:
        return tuple(
            _step(
                "foreign key",
                key.name or "",
                f"ALTER TABLE {self.quote(table.name)} "
                f"VALIDATE CONSTRAINT {self.quote(key.name or '')}",
            )
            for key in table.foreign_keys
        )

    def comments(self, table: tables.Table) -> tuple[str, ...]:
        named = [(f"COLUMN {self.quote(table.name)}.{self.quote(c.name)}", c.comment)
                 for c in table.columns]  # fmt: skip
        said = [(f"TABLE {self.quote(table.name)}", table.comment), *named]
        return tuple(
            f"COMMENT ON {what} IS {self.text(comment)}" for what, comment in said if comment
        )

    def touching(self, table: str, column: str) -> str:
        name, of = self.quote(f"touch_{table}"), self.quote(table)
        return (
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
            f"BEGIN NEW.{self.quote(column)} := CURRENT_TIMESTAMP; RETURN NEW; END $$;\n"
            f"CREATE TRIGGER {name} BEFORE UPDATE ON {of} FOR EACH ROW\n"
            f"WHEN (NEW.* IS DISTINCT FROM OLD.*) EXECUTE FUNCTION {name}();"
        )

    def comment_view(self, name: str, comment: str) -> tuple[str, ...] | None:
        sql = f"COMMENT ON VIEW {self.quote(name)} IS {self.text(comment)}"
        return (sql,)

    # --- words ----------------------------------------------------------------------------------

    def text(self, text: str) -> str:
        literal = super().text(text)
        return "E" + literal.replace("\\", "\\\\") if "\\" in text else literal

    def bytes(self, digits: str) -> str:
        return f"'\\x{digits}'::bytea"

    def constant(self, value: defaults.Constant, column: building.Column) -> str:
        if value.sort is defaults.Sort.BITS and column.type.lower().startswith("bit"):
            return f"B'{value.text}'"
        return super().constant(value, column)

    def now(self, now: defaults.Now, column: building.Column) -> Said:
        utc = "(CURRENT_TIMESTAMP AT TIME ZONE 'UTC')"
        in_utc = now.utc or column.instant
        match column.family, now.part:
            case Family.INSTANT, Part.MOMENT:
                return Said(sql="CURRENT_TIMESTAMP")
            case Family.DATETIME, Part.MOMENT:
                return Said(sql=utc if in_utc else "LOCALTIMESTAMP")
            case Family.DATE, Part.MOMENT | Part.DAY:
                return Said(sql=f"({utc}::date)" if in_utc else "CURRENT_DATE")
            case Family.TIME, Part.MOMENT | Part.TIME:
                return Said(sql=f"({utc}::time)" if in_utc else "LOCALTIME")
            case Family.TEXT, part if now.utc:
                return Said(sql=f"to_char({utc}, '{_TEXT_FORMS[part]}')")
        raise CannotSay(f"the present moment is written in another way in a {column.type}")

    def new_uuid(self, column: building.Column) -> Said:
        if column.family not in (Family.UUID, Family.TEXT):
            raise CannotSay(f"a {column.type} holds no UUID")
        note = "" if column.family is Family.UUID else "in lower case, with hyphens"
        return Said(sql="gen_random_uuid()", note=note)

    def formula(self, sql: str) -> str:
        return sql


def _step(kind: str, name: str, sql: str) -> Step:
    return Step(kind=kind, names=(name,), statements=(sql,))


def _sort(type_: str) -> str:
    """Return in one word what a type can be compared with."""
    word = type_.lower().split("(")[0].strip()
    if word in (*_COUNTS, "numeric", "decimal", "real", "double precision"):
        return "number"
    if word in ("text", "character varying", "varchar", "character", "char", "bpchar"):
        return "text"
    if word.startswith(("timestamp", "date")):
        return "moment"
    return word
