"""convert_column: a new column beside the old one, filled with its values converted, swapped.

The old column goes last, so that until then everything can be taken back.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from whimbrel import errors, tables
from whimbrel.engines import ddl as ddls
from whimbrel.migrations import operations as ops
from whimbrel.migrations.expansions import common
from whimbrel.migrations.operations import convert_values, look_up

if TYPE_CHECKING:
    from whimbrel.migrations import desk as desks

REFUSE, NULL, DEFAULT, REJECT = "refuse", "null", "default", "reject"
_TEXTS: Final = ("string", "text")
_NOTHING: Final = (tables.UNSET, None)
# What an index on plain columns says of them, in the engines that keep its text.
_PLAIN: Final = re.compile(r"CREATE (UNIQUE )?INDEX .+? ON .+?\s*(USING btree )?\(([^()]*)\)", re.S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """What becomes of values that do not convert; `instead` is SQL."""

    rule: str
    instead: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """The old type, and the expression over the converted column that gives the old values."""

    was: common.Type | None
    reverse: str | None


def convert(
    desk: desks.Desk,
    table: str,
    wanted: tables.Column,
    *,
    using: str | None,
    invalid: Invalid,
    back: WayBack,
    max_rejects: int | None,
    workers: int | None,
) -> int:
    """Do it; return how many rows were converted or looked at."""
    column = wanted.name
    facts = common.look(desk, table)
    found = facts.table.column(column)
    _refuse_options(wanted, found, invalid, recording=desk.recording)
    if not desk.recording:
        _refuse_in_the_way(facts, wanted)
    new = tables.constraint_name("whimbrel_new", column, ())
    old = tables.constraint_name("whimbrel_old", column, ())
    rule = convert_values.Rule(table=table, column=column, using=using, found=found, wanted=wanted)
    if not desk.recording:
        rule.said(desk.speech())  # nobody can say it: then before anything is changed
    if invalid.rule == REFUSE:
        _require_convertible(desk, facts.table, rule)
    temporary = _temporary(wanted, found, new)
    desk.perform(ops.AddColumn(table=table, column=temporary))
    # What is refused has been looked for; it can only come while this goes on.
    rejects = 0 if invalid.rule == REFUSE else max_rejects
    done = desk.perform(
        ops.ConvertValues(
            rule=rule,
            into=new,
            instead=invalid.instead,
            rejects=invalid.rule in {REFUSE, REJECT},
            max_rejects=rejects,
            workers=workers,
        )
    )
    _require_filled(desk, facts.table, rule, new)
    indexes = [index for index in facts.table.indexes if column in index.columns]
    uniques = [unique for unique in facts.table.uniques if column in unique.columns]
    for index in indexes:
        desk.perform(ops.RemoveIndex(table=table, name=index.name, was=index))
    for unique in uniques:
        desk.perform(ops.RemoveConstraint(table=table, name=unique.name, was=unique))
    desk.perform(ops.RenameColumn(table=table, column=column, to=old))
    desk.perform(ops.RenameColumn(table=table, column=new, to=column))
    final = _final(wanted, found, temporary)
    if final is not None and desk.setting.sample is None:
        desk.perform(ops.ChangeColumn(table=table, column=final))
    for index in indexes:
        desk.perform(ops.CreateIndex(table=table, index=index))
    for unique in uniques:
        desk.perform(ops.AddUnique(table=table, unique=unique))
    desk.perform(_removal(desk, table, old, wanted, back))
    return cast("int", done)


# --- columns --------------------------------------------------------------------------------


def _temporary(wanted: tables.Column, found: tables.FoundColumn, name: str) -> tables.Column:
    """Return the new column as it is filled: NULL, no default, no check yet."""
    comment = found.comment if wanted.comment is None else wanted.comment
    made = dataclasses.replace(
        wanted, name=name, null=True, default=tables.UNSET, comment=comment or None
    )
    if wanted.type == "enum":
        longest = max(len(value) for value in wanted.values)
        made = dataclasses.replace(made, type="string", values=(), length=longest)
    return made


def _final(
    wanted: tables.Column, found: tables.FoundColumn, temporary: tables.Column
) -> tables.Column | None:
    """Return what the column has to become once it is filled, or None if it is that."""
    null = found.null if wanted.null is None else wanted.null
    if null and wanted.default in _NOTHING and wanted.type == temporary.type:
        return None
    return dataclasses.replace(wanted, null=None if null else False)


def _removal(
    desk: desks.Desk, table: str, old: str, wanted: tables.Column, back: WayBack
) -> ops.RemoveColumn:
    if back.was is None:
        return ops.RemoveColumn(table=table, column=old, refill=back.reverse)
    was = common.typed(old, back.was)
    if back.reverse is not None:
        return ops.RemoveColumn(table=table, column=old, was=was, refill=back.reverse)
    value = desk.engine.phrases.column(table, wanted.name)
    found = desk.ddl.found(wanted, table=table)
    made = desk.engine.phrases.conversion(value, found, was) if was.type in _TEXTS else None
    if made is None:
        raise errors.UsageError(
            f"how {table}.{wanted.name} goes back from {wanted.type} to {was.type} has to be said",
            remedy='give an expression over the converted column:  reverse="…"',
        )
    return ops.RemoveColumn(table=table, column=old, was=was, refill=made.value, native=True)


# --- refusing -------------------------------------------------------------------------------


def _refuse_options(
    wanted: tables.Column, found: tables.FoundColumn, invalid: Invalid, *, recording: bool
) -> None:
    if wanted.primary_key or wanted.auto_increment or wanted.unique or wanted.generated is not None:
        raise errors.BadColumn(
            wanted.name,
            why="convert_column does not make a column generated, unique, a key or counting",
            remedy="convert it, then use the verb for that",
        )
    if recording:
        return
    stays = found.null is False and wanted.null is not True
    if stays and invalid.rule in {NULL, REJECT}:
        raise errors.UsageError(
            f"{wanted.name} is NOT NULL, and values that do not convert would be NULL",
            remedy="let it be NULL:  null=True\nor give a value:  instead=…",
        )
    if found.default is not None and wanted.default is tables.UNSET:
        raise errors.UsageError(
            f"{wanted.name} has the default {found.default}, and nothing says what it becomes",
            remedy="say it:  default=…  (None for no default)",
        )


def _refuse_in_the_way(facts: look_up.Facts, wanted: tables.Column) -> None:
    """Refuse what stands on the column and cannot be made again on the converted one."""
    table, column = facts.table, wanted.name
    found = table.column(column)
    enum = tables.constraint_name("en", table.name, [column])
    way: list[str] = []
    if column in table.primary_key:
        way.append("the primary key")
    for index in table.indexes:
        if _names_it(table, index, column) and not _made_again(facts, index):
            way.append(f"index {index.name}")
    for unique in table.uniques:
        if column in unique.columns and (unique.name is None or unique.name in facts.stay):
            way.append(f"unique constraint {unique.name or unique.columns}")
    way += [
        f"foreign key {key.name or key.columns}"
        for key in table.foreign_keys
        if column in key.columns or (key.ref_table == table.name and column in key.ref_columns)
    ]
    way += [
        f"check {check.name or check.sql}"
        for check in table.checks
        if column in ddls.mentioned(table, check.sql) and check.name != enum
    ]
    way += [
        f"generated column {other.name}"
        for other in table.columns
        if other.generated is not None and column in ddls.mentioned(table, other.generated)
    ]
    way += [
        f"foreign key {key.name or key.columns} of {other}"
        for other, key in facts.referrers
        if column in key.ref_columns
    ]
    if found.auto_increment or found.generated is not None:
        way.append("that it counts by itself or is computed")
    if way:
        raise errors.RefusedError(
            f"cannot convert {table.name}.{column}: what stands on it cannot be made again",
            object=errors.names(way),
            left="nothing was changed",
            remedy="remove these before, and make again after what should stay:  "
            "self.remove_index(…), self.remove_constraint(…)",
        )


def _names_it(table: tables.Table, index: tables.Index, column: str) -> bool:
    named = ddls.mentioned(table, index.where or "")
    for part in index.columns:
        named |= {part} if isinstance(part, str) else ddls.mentioned(table, part.text)
    return column in named


def _made_again(facts: look_up.Facts, index: tables.Index) -> bool:
    """Whether an index says nothing but its columns, so that it fits another type too."""
    plain = all(isinstance(part, str) for part in index.columns)
    if not plain or index.where or any(index.lengths) or index.name in facts.stay:
        return False
    if index.sql is None:
        return True
    text = _PLAIN.fullmatch(index.sql.strip())
    if text is None:
        return False
    words = [part.strip().strip('"`[]') for part in text[3].split(",")]
    return words == list(index.columns)


# --- checking -------------------------------------------------------------------------------


def _require_convertible(desk: desks.Desk, table: tables.Table, rule: convert_values.Rule) -> None:
    speech = desk.speech()

    def refused(count: int, first: list[str]) -> errors.WhimbrelError:
        error = errors.ValuesDoNotFit(
            table.name,
            rule.column,
            wanted=rule.wanted.type,
            values=count,
            examples=first,
        )
        error.remedy = (
            "change these values before, say how they convert (using=…), or what becomes of "
            'them:\ninvalid="null", invalid="reject", or instead=…'
        )
        return error

    desk.perform(
        ops.Require(
            table=table.name,
            name=f"every {table.name}.{rule.column} converts to {rule.wanted.type}",
            condition=lambda: rule.misfits(speech),
            shown=(*common.key_of(table), rule.column),
            why="do not convert",
            remedy="",
            say=refused,
        )
    )


def _require_filled(
    desk: desks.Desk, table: tables.Table, rule: convert_values.Rule, new: str
) -> None:
    speech = desk.speech()

    def condition() -> str:
        made = rule.said(speech)
        return (
            f"{speech.engine.quote(new)} IS NULL AND {rule.old(speech)} IS NOT NULL "
            f"AND coalesce({made.valid}, FALSE)"
        )

    common.require_filled(
        desk, table, condition, name=f"{table.name}.{rule.column} is converted", max_rejects=0
    )
