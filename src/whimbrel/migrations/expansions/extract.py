"""extract_table: columns of a table become a table of their own, each combination once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from whimbrel import errors, tables
from whimbrel.migrations import operations as ops
from whimbrel.migrations.expansions import common

if TYPE_CHECKING:
    from whimbrel.migrations import desk as desks

# A column of the new table, there only while it is filled: what makes a combination the same.
SAME: Final = "whimbrel_same"
_BYTES: Final = 32  # of SHA-256


def extract(
    desk: desks.Desk,
    source: str,
    columns: tuple[str, ...],
    into: str,
    *,
    foreign_key: str,
    key: str,
    key_type: str,
    keep: bool,
    on_delete: tables.Action | None,
    workers: int | None,
) -> int:
    """Do it; return how many rows the new table has got."""
    described = _described(desk, source, columns, into, foreign_key, key, keep)
    counting = tables.Column(name=key, type=key_type, primary_key=True, auto_increment=True)
    same = tables.Column(name=SAME, type="binary", length=_BYTES, null=False, unique=True)
    desk.perform(
        ops.CreateTable(
            table=tables.NewTable(
                name=into,
                columns=(counting, *map(tables.like, described), same),
                primary_key=(key,),
            )
        )
    )
    quote, phrases = desk.engine.quote, desk.engine.phrases
    fingerprint = phrases.fingerprint(described, source)
    there = f"{quote(into)} AS whimbrel_there"
    its_key, its_same = f"whimbrel_there.{quote(key)}", f"whimbrel_there.{quote(SAME)}"
    reference = phrases.column(source, foreign_key)
    rows = desk.perform(
        ops.ExtractRows(
            source=source, target=into, columns=columns, same=SAME, fingerprint=fingerprint
        )
    )
    desk.perform(ops.AddColumn(table=source, column=tables.Column(name=foreign_key, type=key_type)))
    desk.perform(
        ops.Backfill(
            table=source,
            columns={
                foreign_key: f"SELECT {its_key} FROM {there} WHERE {its_same} = {fingerprint}"
            },
            native=True,
            workers=workers,
        )
    )
    index = tables.Index(
        name=tables.constraint_name("ix", source, [foreign_key]), columns=(foreign_key,)
    )
    desk.perform(ops.CreateIndex(table=source, index=index))
    desk.perform(
        ops.AddForeignKey(
            table=source,
            key=tables.ForeignKey(
                name=tables.constraint_name("fk", source, [foreign_key]),
                columns=(foreign_key,),
                ref_table=into,
                ref_columns=(key,),
                on_delete=on_delete,
            ),
        )
    )
    # Asked of every row: what is removed next has to be in the new table, to the byte.
    common.require_filled(
        desk,
        common.look(desk, source).table,
        lambda: (
            f"NOT EXISTS (SELECT 1 FROM {there} "
            f"WHERE {its_key} = {reference} AND {its_same} = {fingerprint})"
        ),
        name=f"each row of {source} finds its {', '.join(columns)} in {into}",
        max_rejects=0,
    )
    desk.perform(ops.RemoveColumn(table=into, column=SAME))
    if not keep:
        for found in described:
            desk.perform(
                ops.RemoveColumn(
                    table=source,
                    column=found.name,
                    was=tables.like(found),
                    refill=f"SELECT whimbrel_there.{quote(found.name)} FROM {there} "
                    f"WHERE {its_key} = {reference}",
                    native=True,
                )
            )
    return cast("int", rows)


def _described(
    desk: desks.Desk,
    source: str,
    columns: tuple[str, ...],
    into: str,
    foreign_key: str,
    key: str,
    keep: bool,
) -> list[tables.FoundColumn]:
    """Return the columns as the catalog describes them; raise what forbids to extract them."""
    if not columns or len(set(columns)) < len(columns):
        raise errors.UsageError(
            "extract_table needs columns, each once", remedy='extract_table("…", ["a", "b"], …)'
        )
    if key in columns or into == source:
        raise errors.UsageError(
            f"{into!r} cannot have {key!r} as its key: it is one of the columns"
            if key in columns
            else f"{into!r} cannot be made of itself",
            remedy='choose another name:  key="…"  into="…"',
        )
    if desk.recording:
        # On the way back the columns are found where they went.
        return [common.look(desk, into).table.column(name) for name in columns]
    facts = common.look(desk, source)
    described = [facts.table.column(name) for name in columns]
    if facts.table.has(foreign_key):
        raise errors.ColumnExists(source, foreign_key)
    if not keep:
        common.refuse_in_the_way(facts, columns, "extract_table")
    return [_plain(column) for column in described]


def _plain(column: tables.FoundColumn) -> tables.FoundColumn:
    if column.auto_increment or column.generated is not None:
        raise errors.RefusedError(
            f"{column.name} counts by itself or is computed, and cannot be taken out",
            left="nothing was changed",
            remedy="leave it out of the columns",
        )
    return column
