"""The new table of a mirror on MySQL and MariaDB: the new shape, with the old one's options.

Foreign keys get no names, so that the server makes some: those go with the table when its name
changes, while a name of its own can be in the database only once.
"""

from __future__ import annotations

import re
from typing import Final

from whimbrel import tables
from whimbrel.engines import base, mirrors
from whimbrel.engines import building as builders
from whimbrel.engines.mysql import catalog, columns

_COUNTER: Final = re.compile(r" AUTO_INCREMENT=\d+")
_KEPT: Final = re.compile(r" (?:DEFAULT CHARSET|COLLATE)=\S+")


def statement(
    shape: mirrors.Shape, builder: builders.Builder, *, named_checks: bool
) -> base.Statement:
    """Return what makes the new table of two."""
    new, quote = shape.new, builder.quote
    parts = [f"{quote(column.name)} {_definition(column)}" for column in new.columns]
    if new.primary_key:
        parts.append(f"PRIMARY KEY ({builder.quoted(new.primary_key)})")
    parts += [
        f"UNIQUE KEY {quote(unique.name or '')} ({builder.quoted(unique.columns)})"
        for unique in new.uniques
    ]
    parts += [index.sql or _index(index, builder) for index in new.indexes]
    parts += [
        builder.check_text(check) if named_checks else f"CHECK ({check.sql})"
        for check in new.checks
    ]
    parts += [_foreign_key(shape, key, builder) for key in new.foreign_keys]
    body = ",\n  ".join(parts)
    return base.Statement(
        sql=f"CREATE TABLE {quote(new.name)} (\n  {body}\n){_options(shape, builder)}",
        reason="rows are written to it beside those of the old one",
        lock="nobody waits",
    )


def _definition(column: tables.FoundColumn) -> str:
    now = columns.parse(column.definition or column.type)
    now.null = column.null
    if not now.null and (now.default or "").upper() == "NULL":
        now.default = None
    if column.collation and not now.collation:
        now.character_set, now.collation = None, column.collation
    return now.render()


def _index(index: tables.Index, builder: builders.Builder) -> str:
    word = "UNIQUE KEY" if index.unique else "KEY"
    return f"{word} {builder.quote(index.name)} ({builder.index_parts(index)})"


def _foreign_key(shape: mirrors.Shape, key: tables.ForeignKey, builder: builders.Builder) -> str:
    itself = shape.mode is mirrors.Mode.TABLE and key.ref_table == shape.old.name
    text = (
        f"FOREIGN KEY ({builder.quoted(key.columns)}) REFERENCES "
        f"{builder.quote(shape.new.name if itself else key.ref_table)} "
        f"({builder.quoted(key.ref_columns)})"
    )
    for event, action in (("DELETE", key.on_delete), ("UPDATE", key.on_update)):
        if action:
            text += f" ON {event} {action}"
    return text


def _options(shape: mirrors.Shape, builder: builders.Builder) -> str:
    """Return what stands behind the parentheses: with the old table's, but its counter."""
    shown = shape.old.sql or ""
    tail = _COUNTER.sub("", shown[catalog.ends(shown)[1] + 2 :]) if shown else " ENGINE=InnoDB"
    if shape.mode is mirrors.Mode.TABLE and shape.new.comment == shape.old.comment:
        return tail
    kept = "".join(_KEPT.findall(tail.partition("\n")[0].partition(" COMMENT=")[0]))
    comment = f" COMMENT={builder.text(shape.new.comment)}" if shape.new.comment else ""
    return f" ENGINE=InnoDB{kept}{comment}"
