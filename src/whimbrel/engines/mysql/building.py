"""How MySQL makes a table for rows: with its primary key, by which InnoDB keeps them.

Other keys and indexes follow the rows, the foreign keys of a table in one ALTER, since each one
would read all rows again.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Final

from whimbrel import tables
from whimbrel.engines import building, defaults
from whimbrel.engines.building import CannotSay, Said, Step
from whimbrel.engines.defaults import Part
from whimbrel.engines.forms import Family
from whimbrel.engines.mysql import columns as definitions

#: How many bytes of a row an index of InnoDB holds, and of one column in it.
LONGEST_KEY: Final = 3072
_BYTES_PER_CHARACTER: Final = {
    "latin1": 1, "ascii": 1, "binary": 1, "utf8mb3": 3, "utf8": 3, "ucs2": 2,
}  # fmt: skip
_WIDEST_CHARACTER: Final = 4
# What has no length of its own and so needs one in an index.
_LONG: Final = re.compile(r"(tiny|medium|long)?(text|blob)|json")
_SPATIAL: Final = re.compile(r"(multi)?(point|linestring|polygon)|geometry(collection)?")
_SIZE: Final = re.compile(r"\((\d+)")
_COUNTS: Final = re.compile(r"(tiny|small|medium|big)?int|integer")
_NUMBER_BYTES: Final = 8
_COMMENTS: Final = {True: 2048, False: 1024}
_COUNTING: Final = "AUTO_INCREMENT"
_KEY: Final = "primary key"


class MysqlBuilder(building.Builder):
    """Names have 64 characters; those of indexes belong to one table."""

    longest_name = 64
    names_in_characters = True
    folds_columns = True
    key_names = "database"
    check_names = "database"
    refers_to_keys = False
    partial_indexes = False
    #: A default on TEXT, BLOB and JSON has to be an expression.
    expression_defaults = True
    #: Indexes on expressions.
    functional_indexes = True
    #: A unique key may be of any length.
    long_unique = False

    def __init__(
        self,
        title: str,
        quote: Callable[[str], str],
        version: tuple[int, ...] = (),
        *,
        folds_tables: bool = False,
    ) -> None:
        super().__init__(title, quote, version)
        self.folds_tables = folds_tables

    # --- what its own tables say ----------------------------------------------------------------

    def checks(self, table: tables.Table) -> tuple[tables.Check, ...]:
        inline = [
            tables.Check(name=None, sql=said[1:-1])
            for column in table.columns
            if column.definition
            and (said := definitions.parse(column.definition).check)
            # What the server itself says of JSON, which is a text there.
            and said.replace(" ", "").lower() != f"(json_valid({self.quote(column.name)}))".lower()
        ]
        return (*table.checks, *inline)

    def on_update(self, column: tables.FoundColumn) -> str | None:
        return definitions.parse(column.definition).on_update if column.definition else None

    # --- what can be said -----------------------------------------------------------------------

    def bad_name(self, name: str) -> str | None:
        if name != name.rstrip(" "):
            return f"{self.title} has no names that end with a blank"
        if any(ord(character) > 0xFFFF for character in name):
            return f"{self.title} has no names with such characters"
        return super().bad_name(name)

    def cannot_count(self, table: tables.Table, column: tables.FoundColumn) -> str | None:
        if not _COUNTS.match(column.type.lower()):
            return f"a column of the type {column.type} cannot count by itself"
        if not self._leads(table, column.name):
            return "only the first column of a key counts by itself here"
        counting = [c.name for c in table.columns if c.auto_increment and c.name != column.name]
        others = [name for name in counting if self._leads(table, name)]
        if others:
            return f"only one column of a table counts by itself here, and {others[0]} does"
        return None

    def _leads(self, table: tables.Table, column: str) -> tables.Index | tables.Unique | str | None:
        """Return the key or index that begins with a column, the primary key as a word."""
        if table.primary_key[:1] == (column,):
            return _KEY
        parts: list[tables.Index | tables.Unique] = [*table.uniques, *table.indexes]
        return next((part for part in parts if part.columns[:1] == (column,)), None)

    def joinable(self, child: tables.FoundColumn, parent: tables.FoundColumn) -> bool:
        one, other = _base(child.type), _base(parent.type)
        if one != other:
            return False
        return "char" not in one or (child.collation or "") == (parent.collation or "")

    def fit_check(self, table: tables.Table, check: tables.Check) -> tables.Check:
        counting = next((c.name for c in table.columns if c.auto_increment), None)
        if counting is not None and self.quote(counting) in check.sql:
            raise CannotSay(f"no check may speak of {counting}, which counts by itself")
        return check

    def generated(self, table: tables.Table, column: tables.FoundColumn) -> Said:
        counting = next((c.name for c in table.columns if c.auto_increment), None)
        if counting is not None and self.quote(counting) in (column.generated or ""):
            raise CannotSay(f"no column is computed from {counting}, which counts by itself")
        return super().generated(table, column)

    def fit_primary_key(self, table: tables.Table) -> None:
        self._whole(table, table.primary_key)

    def fit_unique(self, table: tables.Table, unique: tables.Unique) -> building.Fitted:
        if not self.long_unique:
            self._whole(table, unique.columns)
        return building.Fitted(part=unique)

    def _whole(self, table: tables.Table, names: Sequence[str]) -> None:
        self._bounded(table, names, [self._size(table.column(name)) for name in names])

    def fit_index(self, table: tables.Table, index: tables.Index) -> building.Fitted:
        notes: list[str] = []
        if index.where:
            if index.unique:
                raise CannotSay(
                    "there is no index on some rows here, and on all of them it would refuse more"
                )
            notes.append(f"it is on all rows, not only where {index.where}")
        if any(isinstance(column, tables.Sql) for column in index.columns):
            if not self.functional_indexes:
                raise CannotSay("there is no index on an expression here")
            return building.Fitted(
                part=dataclasses.replace(index, where=None, sql=None), notes=tuple(notes)
            )
        named = [column for column in index.columns if isinstance(column, str)]
        lengths = list(index.lengths) or [None] * len(named)
        sizes = [
            self._size(table.column(n), length) for n, length in zip(named, lengths, strict=True)
        ]
        if index.unique:
            if not self.long_unique:
                self._bounded(table, named, sizes)
        else:
            lengths = self._shortened(table, named, lengths, sizes, notes)
        made = dataclasses.replace(
            index,
            where=None,
            lengths=tuple(lengths) if any(lengths) else (),
            sql=None,
            extras=(),
            method="",
        )
        return building.Fitted(part=made, notes=tuple(notes))

    def _bounded(
        self, table: tables.Table, names: Sequence[str], sizes: Sequence[int | None]
    ) -> None:
        for name, size in zip(names, sizes, strict=True):
            if size is None:
                kind = table.column(name).type
                raise CannotSay(f"{name} is a {kind}, of which only a beginning can be a key")
        if sum(size or 0 for size in sizes) > LONGEST_KEY:
            raise CannotSay(f"it would be longer than {LONGEST_KEY} bytes")

    def _shortened(
        self,
        table: tables.Table,
        names: Sequence[str],
        lengths: Sequence[int | None],
        sizes: Sequence[int | None],
        notes: list[str],
    ) -> list[int | None]:
        """Return lengths with which the index is short enough; each new one is noted."""
        if None not in sizes and sum(size or 0 for size in sizes) <= LONGEST_KEY:
            return list(lengths)
        known = sum(
            size for size in sizes if size is not None and size <= LONGEST_KEY // len(sizes)
        )
        long = sum(size is None or size > LONGEST_KEY // len(sizes) for size in sizes)
        room = (LONGEST_KEY - known) // max(long, 1)
        found: list[int | None] = []
        for name, length, size in zip(names, lengths, sizes, strict=True):
            column = table.column(name)
            if size is not None and size <= LONGEST_KEY // len(sizes):
                found.append(length)
                continue
            if _SPATIAL.fullmatch(_word(column.type)) or self._indexless(column):
                raise CannotSay(f"a {column.type} cannot be in an index with others")
            most = min(room // self._character(column), 255)
            found.append(most)
            notes.append(
                f"it is on the first {most} of {name}: keys have at most {LONGEST_KEY} bytes"
            )
        return found

    def _indexless(self, column: tables.FoundColumn) -> bool:
        return _word(column.type) == "json"

    def _size(self, column: tables.FoundColumn, length: int | None = None) -> int | None:
        """Return how many bytes a column has in an index; None if that is not bounded."""
        word = _word(column.type)
        if length is not None:
            return length * self._character(column)
        if _LONG.fullmatch(word) or _SPATIAL.fullmatch(word):
            return None
        size = _SIZE.search(column.type)
        if word in ("varchar", "char"):
            return int(size[1] if size else 1) * self._character(column)
        if word in ("varbinary", "binary"):
            return int(size[1] if size else 1)
        if word in ("decimal", "numeric"):
            return int(size[1]) // 2 + 2 if size else _NUMBER_BYTES
        return _NUMBER_BYTES if word != "uuid" else 16

    def _character(self, column: tables.FoundColumn) -> int:
        word = _word(column.type)
        if "blob" in word or "binary" in word:
            return 1
        charset = (column.collation or "").split("_")[0]
        return _BYTES_PER_CHARACTER.get(charset, _WIDEST_CHARACTER)

    def fit_foreign_key(self, table: tables.Table, key: tables.ForeignKey) -> building.Fitted:
        lost: list[tuple[str, str]] = []
        changes: dict[str, tables.Action | None] = {}
        never_null = any(not table.column(name).null for name in key.columns)
        for event, action in (("on_delete", key.on_delete), ("on_update", key.on_update)):
            what = event.replace("_", " ")
            if action == "SET DEFAULT":
                changes[event] = None
                lost.append((f"{what} set default", "InnoDB refuses it; such a change is refused"))
            elif action == "SET NULL" and never_null:
                changes[event] = None
                lost.append((f"{what} set null", "a column of it cannot be NULL"))
        if key.deferrable:
            lost.append(("deferrable", "it is checked at each row, not when a transaction commits"))
        if key.full and len(key.columns) > 1:
            lost.append(("match full", "some of its columns may be NULL here"))
        made = dataclasses.replace(
            key,
            deferrable=False,
            immediate=False,
            full=False,
            on_delete=changes.get("on_delete", key.on_delete),
            on_update=changes.get("on_update", key.on_update),
        )
        return building.Fitted(part=made, lost=tuple(lost))

    # --- statements -----------------------------------------------------------------------------

    def create(self, table: tables.Table) -> tuple[str, ...]:
        parts = [f"{self.quote(c.name)} {self._definition(c)}" for c in table.columns]
        if table.primary_key:
            parts.append(f"PRIMARY KEY ({self.quoted(table.primary_key)})")
        early = self._early(table)
        if isinstance(early, tables.Unique):
            parts.append(
                f"UNIQUE KEY {self.quote(early.name or '')} ({self.quoted(early.columns)})"
            )
        elif isinstance(early, tables.Index):
            word = "UNIQUE KEY" if early.unique else "KEY"
            parts.append(f"{word} {self.quote(early.name)} ({self.index_parts(early)})")
        parts += [self.check_text(check) for check in table.checks]
        body = ",\n  ".join(parts)
        comment = f" COMMENT={self.text(table.comment)}" if table.comment else ""
        sql = (
            f"CREATE TABLE {self.quote(table.name)} (\n  {body}\n) "
            f"ENGINE=InnoDB DEFAULT CHARSET=utf8mb4{comment}"
        )
        return (sql,)

    def _early(self, table: tables.Table) -> tables.Index | tables.Unique | None:
        """Return the index that has to be there from the start, for a column that counts."""
        for column in table.columns:
            if column.auto_increment:
                found = self._leads(table, column.name)
                return None if isinstance(found, str) else found
        return None

    def _definition(self, column: tables.FoundColumn) -> str:
        generated = column.generated is not None
        return definitions.Definition(
            type=column.type,
            collation=column.collation,
            null=column.null or (generated and not self.generated_not_null),
            default=column.default,
            auto_increment=column.auto_increment,
            comment=self.text(column.comment) if column.comment else None,
            generated=f"({column.generated})" if generated else None,
            stored=column.stored,
        ).render()

    def later(self, table: tables.Table) -> tuple[Step, ...]:
        early, name = self._early(table), self.quote(table.name)
        steps = [
            _step("unique", unique.name or "", f"ALTER TABLE {name} ADD {self.unique_text(unique)}")
            for unique in table.uniques
            if unique != early
        ]
        for index in table.indexes:
            if index != early:
                steps.append(_step("index", index.name, self.index_text(table.name, index)))
        return tuple(steps)

    def foreign_keys(self, table: tables.Table) -> tuple[Step, ...]:
        if not table.foreign_keys:
            return ()
        added = ",\n  ".join(f"ADD {self.foreign_key_text(key)}" for key in table.foreign_keys)
        statements = (
            # A session that loads rows has it off, and keys would be believed unseen.
            "SET SESSION foreign_key_checks = 1",
            f"ALTER TABLE {self.quote(table.name)}\n  {added}",
        )
        names = tuple(key.name or "" for key in table.foreign_keys)
        return (Step(kind="foreign key", names=names, statements=statements),)

    def comment_too_long(self, comment: str, *, of_table: bool) -> bool:
        return len(comment) > _COMMENTS[of_table]

    # --- words ----------------------------------------------------------------------------------

    def text(self, text: str) -> str:
        return super().text(text).replace("\\", "\\\\")

    def boolean(self, value: bool, column: building.Column) -> str:
        return f"b'{int(value)}'" if _word(column.type) == "bit" else str(int(value))

    def constant(self, value: defaults.Constant, column: building.Column) -> str:
        if _word(column.type) == "bit" and value.number is not None:
            return f"b'{int(value.number):b}'"
        literal = super().constant(value, column)
        if self.expression_defaults and _LONG.fullmatch(_word(column.type)):
            return f"({literal})"
        return literal

    def now(self, now: defaults.Now, column: building.Column) -> Said:
        size = _SIZE.search(column.type)
        digits = size[1] if size else ""
        keeps_zone = _word(column.type) == "timestamp"
        in_utc = (now.utc or column.instant) and not keeps_zone
        match column.family, now.part:
            case Family.INSTANT | Family.DATETIME, Part.MOMENT:
                if in_utc:
                    return Said(sql=f"(utc_timestamp({digits}))")
                return Said(sql=f"CURRENT_TIMESTAMP({digits})" if digits else "CURRENT_TIMESTAMP")
            case Family.DATE, Part.MOMENT | Part.DAY:
                return Said(sql="(utc_date())" if in_utc else "(curdate())")
            case Family.TIME, Part.MOMENT | Part.TIME:
                return Said(sql=f"({'utc_time' if in_utc else 'curtime'}({digits}))")
            case Family.TEXT, part if now.utc:
                word = {Part.MOMENT: "timestamp", Part.DAY: "date", Part.TIME: "time"}[part]
                return Said(sql=f"(CAST(utc_{word}() AS CHAR))")
        raise CannotSay(f"the present moment is written in another way in a {column.type}")

    def new_uuid(self, column: building.Column) -> Said:
        if column.family not in (Family.UUID, Family.TEXT) or _word(column.type) == "binary":
            raise CannotSay(f"a {column.type} holds no UUID as a text")
        return Said(sql="(uuid())", note="new UUIDs are made from the time (version 1)")


def _step(kind: str, name: str, sql: str) -> Step:
    return Step(kind=kind, names=(name,), statements=(sql,))


def _word(type_: str) -> str:
    """Return `varchar` of `VARCHAR(20) …`."""
    return re.split(r"[ (]", type_.strip().lower(), maxsplit=1)[0]


def _base(type_: str) -> str:
    """Return what of a type the two ends of a foreign key have to share."""
    word = _word(type_)
    word = {"integer": "int", "numeric": "decimal", "dec": "decimal", "bool": "tinyint"}.get(
        word, word
    )
    if word in ("varchar", "char"):
        return "char"
    if word in ("varbinary", "binary"):
        return "binary"
    if word == "decimal":
        return type_.lower().replace(" ", "")
    unsigned = " unsigned" if "unsigned" in type_.lower() else ""
    return word + unsigned
