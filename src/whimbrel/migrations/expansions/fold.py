"""fold_table: columns of a table that others refer to go back to the rows that refer to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from whimbrel import errors, tables
from whimbrel.migrations import operations as ops
from whimbrel.migrations.expansions import common
from whimbrel.migrations.operations import look_up

if TYPE_CHECKING:
    from whimbrel.migrations import desk as desks

_WHOLE = ("int", "integer", "bigint", "smallint", "mediumint", "tinyint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """What is folded: `columns` maps new names to those of the source, `on` target to source.

    `by_key` says that the columns of `on` are nothing but a reference, which goes with the source.
    """

    target: tables.Table
    source: tables.Table
    columns: Mapping[str, str]
    on: Mapping[str, str]
    by_key: bool
    key: tables.ForeignKey | None


def fold(
    desk: desks.Desk,
    target: str,
    source: str,
    columns: Mapping[str, str],
    *,
    foreign_key: tuple[str, ...],
    on: Mapping[str, str],
    drop: bool,
    accept_loss: bool,
    workers: int | None,
) -> int:
    """Do it; return how many rows were filled."""
    if desk.recording and drop:
        raise errors.Irreversible(
            f"fold_table({target!r}, {source!r})",
            why=f"{source} is gone, with its keys",
            remedy="write up() and down():  self.extract_table(…) makes it again, with new keys\n"
            "or keep it:  drop=False",
        )
    here, there = common.look(desk, target), common.look(desk, source)
    made = _fold(here, there, columns, foreign_key, on)
    asked = _Questions(desk, made)
    for name in made.columns:
        if here.table.has(name) and not desk.recording:
            raise errors.ColumnExists(target, name)
    if drop:
        _refuse_other_references(there, made)
        if not accept_loss:
            _refuse_left_over(made)
    helper = _index_for(made)
    if helper is not None:
        desk.perform(ops.CreateIndex(table=source, index=helper))
    asked.one_each()
    if drop and not accept_loss:
        asked.none_unreferred()
        asked.none_dangling()
    for name, column in made.columns.items():
        like = tables.like(made.source.column(column), name=name, null=True)
        desk.perform(ops.AddColumn(table=target, column=like))
    quote = desk.engine.quote
    done = desk.perform(
        ops.Backfill(
            table=target,
            columns={
                name: f"SELECT whimbrel_there.{quote(column)} FROM {asked.there} WHERE {asked.join}"
                for name, column in made.columns.items()
            },
            native=True,
            workers=workers,
        )
    )
    if drop:
        asked.all_there()
        _drop(desk, made)
    elif helper is not None:
        desk.perform(ops.RemoveIndex(table=source, name=helper.name, was=helper))
    return cast("int", done)


def _fold(
    here: look_up.Facts,
    there: look_up.Facts,
    columns: Mapping[str, str],
    foreign_key: tuple[str, ...],
    on: Mapping[str, str],
) -> Fold:
    if bool(foreign_key) == bool(on) or not columns:
        raise errors.UsageError(
            "fold_table needs columns, and either foreign_key or on",
            remedy='fold_table("customer", "city", ["name"], foreign_key="city_id")',
        )
    if here.table.name == there.table.name:
        raise errors.UsageError(
            f"{here.table.name!r} cannot be folded into itself", remedy="name two tables"
        )
    mine = tuple(on) or foreign_key
    for column in mine:
        here.table.column(column)
    key = next(
        (
            k
            for k in here.table.foreign_keys
            if k.columns == mine and k.ref_table == there.table.name
        ),
        None,
    )
    theirs = tuple(on.values()) or (key.ref_columns if key else there.table.primary_key)
    if len(theirs) != len(mine):
        raise errors.UsageError(
            f"{', '.join(mine)} does not fit the key of {there.table.name!r}: "
            f"{', '.join(theirs) or 'it has none'}",
            remedy='say which columns belong together:  on={"city_code": "code"}',
        )
    for column in (*theirs, *columns.values()):
        there.table.column(column)
    return Fold(
        target=here.table,
        source=there.table,
        columns=dict(columns),
        on=dict(zip(mine, theirs, strict=True)),
        by_key=not on,
        key=key,
    )


def _refuse_other_references(there: look_up.Facts, made: Fold) -> None:
    others = [
        f"{key.name or 'foreign key'} of {table} ({', '.join(key.columns)})"
        for table, key in there.referrers
        if table != made.target.name or key.columns != tuple(made.on)
    ]
    if others:
        raise errors.RefusedError(
            f"cannot drop {made.source.name!r}: other foreign keys refer to it",
            object=errors.names(others),
            left="nothing was changed",
            remedy="remove these first:  self.remove_foreign_key(…)\n"
            "or keep the table:  drop=False",
        )


def _refuse_left_over(made: Fold) -> None:
    """Refuse to drop a table with columns that nobody has asked for."""
    kept = set(made.columns.values())
    if made.by_key:
        # A number that only says which row is meant has no meaning without the row.
        kept |= {
            name
            for name in made.on.values()
            if made.source.column(name).auto_increment
            or made.source.column(name).type.lower().split("(")[0].split(" ")[0] in _WHOLE
        }
    else:
        kept |= set(made.on.values())
    left = [column.name for column in made.source.columns if column.name not in kept]
    if left:
        raise errors.RefusedError(
            f"{made.source.name!r} has columns that would be lost with it",
            object=errors.names(left),
            left="nothing was changed",
            remedy="fold them too, keep the table (drop=False), or say that they may go:  "
            "accept_loss=True",
        )


def _index_for(made: Fold) -> tables.Index | None:
    """Return an index that the source needs for its rows to be found, if it has none."""
    wanted = set(made.on.values())
    known = [made.source.primary_key, *(u.columns for u in made.source.uniques)]
    known += [tuple(map(str, i.columns)) for i in made.source.indexes if i.valid and not i.where]
    if any(set(columns[: len(wanted)]) == wanted for columns in known):
        return None
    columns = tuple(made.on.values())
    name = tables.constraint_name("ix", made.source.name, [*columns, "whimbrel"])
    return tables.Index(name=name, columns=columns)


def _drop(desk: desks.Desk, made: Fold) -> None:
    target, mine = made.target.name, tuple(made.on)
    single = made.by_key and len(mine) == 1
    if made.key is not None and not single:
        desk.perform(
            ops.RemoveConstraint(table=target, name=made.key.name, columns=mine, was=made.key)
        )
        # The server's own index of that name goes with the key.
        made_by_server = {made.key.name}
    else:
        made_by_server = set()
    if made.by_key:
        for index in made.target.indexes if not single else ():
            if index.columns == mine and index.name not in made_by_server:
                desk.perform(ops.RemoveIndex(table=target, name=index.name, was=index))
        for column in mine:
            desk.perform(ops.RemoveColumn(table=target, column=column))
    desk.perform(ops.DropTable(table=made.source.name))


class _Questions:
    """What is asked of the rows before something goes."""

    def __init__(self, desk: desks.Desk, made: Fold) -> None:
        self._desk = desk
        self._made = made
        phrases, quote = desk.engine.phrases, desk.engine.quote
        self._target = made.target.name
        self.there = f"{quote(made.source.name)} AS whimbrel_there"
        self.join = " AND ".join(
            f"whimbrel_there.{quote(theirs)} = {phrases.column(self._target, mine)}"
            for mine, theirs in made.on.items()
        )
        self._here = f"{quote(self._target)} AS whimbrel_here"
        self._joined = " AND ".join(
            f"whimbrel_here.{quote(mine)} = {phrases.column(made.source.name, theirs)}"
            for mine, theirs in made.on.items()
        )

    def _require(
        self,
        table: tables.Table,
        name: str,
        condition: Callable[[], str],
        *,
        why: str,
        remedy: str,
        shown: tuple[str, ...] | None = None,
    ) -> None:
        self._desk.perform(
            ops.Require(
                table=table.name,
                name=name,
                condition=condition,
                shown=common.key_of(table) if shown is None else shown,
                why=why,
                remedy=remedy,
            )
        )

    def one_each(self) -> None:
        """Refuse several rows of the source for one of the target: all but one would be lost."""
        if self._made.key is not None and set(self._made.on.values()) == set(
            self._made.source.primary_key
        ):
            return
        source = self._made.source.name
        self._require(
            self._made.target,
            f"each row of {self._target} finds one row of {source} at most",
            lambda: f"(SELECT count(*) FROM {self.there} WHERE {self.join}) > 1",
            why=f"find several rows of {source!r}",
            remedy="make these one before, or fold by other columns:  on={…}",
        )

    def none_unreferred(self) -> None:
        """Refuse rows of the source that nobody refers to: they would go with the table."""
        self._require(
            self._made.source,
            f"each row of {self._made.source.name} is referred to",
            lambda: f"NOT EXISTS (SELECT 1 FROM {self._here} WHERE {self._joined})",
            why=f"are referred to by no row of {self._target!r}, and would be lost",
            remedy="delete them before (self.delete_rows), keep the table (drop=False), "
            "or say that they may go:  accept_loss=True",
        )

    def none_dangling(self) -> None:
        """Refuse rows of the target whose reference leads nowhere: it would be forgotten."""
        if self._made.key is not None or not self._made.by_key:
            return
        phrases = self._desk.engine.phrases
        given = " AND ".join(
            f"{phrases.column(self._target, mine)} IS NOT NULL" for mine in self._made.on
        )
        self._require(
            self._made.target,
            f"each reference of {self._target} leads to a row of {self._made.source.name}",
            lambda: f"{given} AND NOT EXISTS (SELECT 1 FROM {self.there} WHERE {self.join})",
            why=f"refer to rows that {self._made.source.name!r} does not have",
            remedy="correct these before, keep the table (drop=False), or say that they may go:  "
            "accept_loss=True",
        )

    def all_there(self) -> None:
        """Refuse to go on unless every value is in the target, to the byte."""
        found = [self._made.source.column(name) for name in self._made.columns.values()]
        theirs = self._desk.engine.phrases.fingerprint(found, "whimbrel_there")
        renamed = [
            dataclasses.replace(self._made.source.column(column), name=name)
            for name, column in self._made.columns.items()
        ]
        mine = self._desk.engine.phrases.fingerprint(renamed, self._target)
        common.require_filled(
            self._desk,
            self._made.target,
            lambda: f"EXISTS (SELECT 1 FROM {self.there} WHERE {self.join} AND {theirs} <> {mine})",
            name=f"each row of {self._target} has the values of {self._made.source.name}",
            max_rejects=0,
        )
