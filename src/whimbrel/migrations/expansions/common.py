"""What the expansions have in common: looking up, refusing, checking before something goes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from whimbrel import errors, tables
from whimbrel.engines import base as engines
from whimbrel.engines import ddl as ddls
from whimbrel.migrations import operations as ops
from whimbrel.migrations.operations import look_up

if TYPE_CHECKING:
    from whimbrel.migrations import desk as desks

Names = str | Sequence[str]
Type = str | tables.Column

_BIGGEST = 2**63
_EVERY = _BIGGEST - 1


def look(desk: desks.Desk, table: str, *, constraints: bool = False) -> look_up.Facts:
    """Return what a table is made of, or was when this was asked first; raise TableNotFound."""
    answer = desk.perform(ops.LookUp(table=table, constraints=constraints))
    return look_up.read(cast("Sequence[Sequence[object]]", answer))


def names(value: Names) -> tuple[str, ...]:
    """Return one name or several as several."""
    return (value,) if isinstance(value, str) else tuple(value)


def typed(name: str, type_: Type, options: Mapping[str, object] | None = None) -> tables.Column:
    """Return a column from a type's name and its options, or from a description of a column."""
    if isinstance(type_, tables.Column):
        return dataclasses.replace(type_, name=name, **(options or {}))  # type: ignore[arg-type]
    given = dict(options or {})
    if "values" in given:
        given["values"] = tuple(cast("Sequence[str]", given["values"]))
    try:
        return tables.Column(name=name, type=type_, **given)  # type: ignore[arg-type]
    except TypeError as error:
        raise errors.BadColumn(
            name,
            why=str(error).replace("Column.__init__() ", ""),
            remedy="the options are those of self.column(…)",
        ) from None


def literal(desk: desks.Desk, value: object) -> str:
    """Return a Python value, or an expression, as SQL; raise UsageError."""
    if not isinstance(desk.ddl, ddls.TextDdl):
        raise errors.WhimbrelError("this engine writes no values")
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            raise errors.UsageError(f"{value} cannot be written as SQL on every engine")
        # As a number it would be read as a float in some places.
        return desk.ddl.literal(format(value, "f"))
    if isinstance(value, int) and not -_BIGGEST <= value < _BIGGEST:
        raise errors.UsageError(
            f"{value} has more than 64 bits", remedy=f'write it as Decimal("{value}")'
        )
    known = (str, int, float, bytes, bytearray, dt.date, dt.time, dict, list, tables.Sql)
    if value is not None and not isinstance(value, known) and not hasattr(value, "hex"):
        raise errors.UsageError(
            f"a {type(value).__name__} cannot be written as SQL",
            remedy='give an SQL expression:  whimbrel.sql("…")',
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise errors.UsageError(f"{value} cannot be written as SQL on every engine")
    return desk.ddl.literal(value)


def not_ours(table: str) -> None:
    """Refuse a name that is kept for the journal."""
    if table.lower().startswith(engines.OUR_PREFIX):
        raise errors.UsageError(
            f"a table cannot be called {table!r}: names beginning with {engines.OUR_PREFIX} "
            "are those of the journal",
            remedy="choose another name",
        )


def action(word: str | None) -> tables.Action | None:
    """Read what a foreign key does, as people write it; raise UsageError."""
    if word is None:
        return None
    text = word.upper().replace("_", " ")
    for known in tables.ACTIONS:
        if known == text:
            return known
    raise errors.UsageError(
        f"{word!r} is not what a foreign key can do",
        remedy=f"use one of: {', '.join(tables.ACTIONS)}",
    )


def opened(column: tables.Column, name: str | None = None) -> tables.Column:
    """Return a column as it can be added to a table with rows, before it is filled."""
    if column.nullable or column.default not in (tables.UNSET, None):
        return dataclasses.replace(column, name=name or column.name)
    return dataclasses.replace(column, name=name or column.name, null=True)


def in_the_way(table: tables.Table, column: str) -> list[str]:
    """Return what stands on a column and would go, or lose its meaning, with it."""
    alone, shared = ddls.uses(table, column)
    kinds = {
        tables.Index: "index",
        tables.Unique: "unique constraint",
        tables.ForeignKey: "foreign key",
        tables.Check: "check",
    }
    return [f"{kinds[type(part)]} {part.name or part}" for part in alone] + shared


def refuse_in_the_way(facts: look_up.Facts, columns: Sequence[str], verb: str) -> None:
    """Refuse what removing columns would take along without a word."""
    found = []
    for name in columns:
        found += [f"{what} on {name}" for what in in_the_way(facts.table, name)]
        found += [
            f"foreign key {key.name} of {other} to {name}"
            for other, key in facts.referrers
            if name in key.ref_columns
        ]
        column = facts.table.column(name)
        if column.auto_increment:
            found.append(f"{name} counts by itself")
        if column.generated is not None:
            found.append(f"{name} is computed by the server")
    if found:
        raise errors.RefusedError(
            f"{verb} would take away what stands on columns of {facts.table.name!r}",
            object=errors.names(found),
            left="nothing was changed",
            remedy="remove these before, and make again what should stay:  self.remove_index(…), "
            "self.remove_constraint(…)\nor leave the old columns in place:  keep=True",
        )


def key_of(table: tables.Table) -> tuple[str, ...]:
    """Return the columns by which rows are named in an error."""
    return table.primary_key


def allowed(desk: desks.Desk, max_rejects: int | None) -> int:
    """Return how many rows of a step may be rejected, or left out by a trial on a sample."""
    if desk.setting.sample is not None:
        return _EVERY
    return desk.setting.config.max_rejects if max_rejects is None else max_rejects


def require_filled(
    desk: desks.Desk,
    table: tables.Table,
    condition: Callable[[], str],
    *,
    name: str,
    max_rejects: int | None,
) -> None:
    """Refuse to go on if rows came after the new columns were filled: their values would go."""
    desk.perform(
        ops.Require(
            table=table.name,
            name=name,
            condition=condition,
            shown=key_of(table),
            allowed=allowed(desk, max_rejects),
            why="came or changed while this went on, and would lose their values",
            remedy="let nobody write to the table meanwhile, and take it back:  whimbrel down\n"
            "or keep the old columns (keep=True) and remove them in a later migration",
        )
    )
