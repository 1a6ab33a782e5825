"""split_column and merge_columns: new columns, filled from old ones, which go."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from whimbrel import errors, tables, words
from whimbrel.migrations import operations as ops
from whimbrel.migrations.expansions import common
from whimbrel.migrations.operations import rows

if TYPE_CHECKING:
    from whimbrel.migrations import desk as desks


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A column to be made, and the expression that fills it."""

    column: tables.Column
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A column to be removed; `refill` brings its values back, `was` is its type if known."""

    name: str
    was: tables.Column | None = None
    refill: str | None = None


def reshape(
    desk: desks.Desk,
    table: str,
    new: Sequence[New],
    gone: Sequence[Gone],
    *,
    verb: str,
    accept_loss: bool,
    max_rejects: int | None,
    workers: int | None,
) -> int:
    """Make columns, fill them, remove others; return how many rows were filled."""
    facts = common.look(desk, table)
    before = not desk.recording
    if before:
        for one in gone:
            facts.table.column(one.name)
        common.refuse_in_the_way(facts, [one.name for one in gone], verb)
    for made in new:
        desk.perform(ops.AddColumn(table=table, column=common.opened(made.column)))
    done = desk.perform(
        ops.Backfill(
            table=table,
            columns={made.column.name: made.expression for made in new},
            max_rejects=max_rejects,
            workers=workers,
        )
    )
    for made in new:
        # A trial on a sample leaves the other rows empty.
        if common.opened(made.column) != made.column and desk.setting.sample is None:
            final = dataclasses.replace(made.column, unique=False)
            desk.perform(ops.ChangeColumn(table=table, column=final))
    if not gone:
        return cast("int", done)
    _require_filled(desk, facts.table, new, max_rejects)
    for one in gone:
        if one.refill is not None and before and not accept_loss:
            _require_same(desk, facts.table, one.name, one.refill, max_rejects)
    for one in gone:
        operation = ops.RemoveColumn(table=table, column=one.name, was=one.was, refill=one.refill)
        desk.perform(operation)
    return cast("int", done)


def _require_filled(
    desk: desks.Desk, table: tables.Table, new: Sequence[New], max_rejects: int | None
) -> None:
    # Only a column that is NULL unless it is filled can tell.
    telling = [made for made in new if made.column.nullable and made.column.default in _NOTHING]
    if not telling:
        return
    speech = desk.speech()
    quote = speech.engine.quote

    def condition() -> str:
        return " OR ".join(
            f"({quote(made.column.name)} IS NULL AND "
            f"{rows.spoken_value(speech, table.name, made.expression)} IS NOT NULL)"
            for made in telling
        )

    filled = ", ".join(made.column.name for made in telling)
    common.require_filled(
        desk, table, condition, name=f"{table.name}.{filled} is filled", max_rejects=max_rejects
    )


_NOTHING = (tables.UNSET, None)


def _require_same(
    desk: desks.Desk, table: tables.Table, column: str, refill: str, max_rejects: int | None
) -> None:
    """Refuse to remove a column whose values would not come back as they are."""
    speech = desk.speech()
    found = table.column(column)
    old = speech.engine.quote(column)

    def condition() -> str:
        back = rows.spoken_value(speech, table.name, refill)
        return f"NOT ({speech.engine.phrases.same(found, old, back)})"

    def refused(count: int, first: list[str]) -> errors.WhimbrelError:
        return errors.RefusedError(
            f"{words.count(count, 'value')} of {table.name}.{column} would not come back as they "
            f"are from {refill!r}",
            object="first: " + "   ".join(first),
            left="nothing was removed",
            remedy="correct the expression or these values, keep the column (keep=True), or say "
            "that it is meant:  accept_loss=True",
        )

    desk.perform(
        ops.Require(
            table=table.name,
            name=f"{table.name}.{column} can be brought back",
            condition=condition,
            shown=(*common.key_of(table), column),
            allowed=common.allowed(desk, max_rejects),
            why="would not come back",
            remedy="",
            say=refused,
        )
    )
