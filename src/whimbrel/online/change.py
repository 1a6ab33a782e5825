"""A live change as a value: what is there before and after it, and how one is made of the other.

It is what the journal keeps while the change is open: the migration's file is not asked again,
for what it says was about a table that has changed since. How it is read from a migration is the
work of `reading`, what is done of it in which order that of `moves`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from whimbrel import tables
from whimbrel.engines import mirrors
from whimbrel.migrations.operations import look_up

Part = tables.Index | tables.Unique | tables.ForeignKey | tables.Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An index or constraint that the change makes on a table.

    It is made as `part`; `name` is what it is called in the end, which may be another one's name
    until that goes. An `early` one forbids nothing that was allowed before, so that it is made
    while the old shape is in use; the others wait for the end.
    """

    part: Part
    name: str
    early: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A question for values of the old shape that the new one would not keep as they are."""

    column: str
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One live change of one table.

    `before` is the table as it was, `after` as the migration leaves it. Of a change in place,
    `added` are the new columns as they are in the end, `removed` the old ones that go; `made` are
    the indexes and constraints that come, `gone` those that go. `kept` says of removed columns
    whether, or for how long, their values are kept. For a table beside, `after` is that table.
    """

    shape: mirrors.Shape
    before: tables.Table
    after: tables.Table
    added: tuple[tables.FoundColumn, ...] = ()
    removed: tuple[str, ...] = ()
    made: tuple[Made, ...] = ()
    gone: tuple[Part, ...] = ()
    kept: Mapping[str, bool | str | None] = dataclasses.field(default_factory=dict)
    losses: tuple[Loss, ...] = ()

    @property
    def mode(self) -> mirrors.Mode:
        """Where the two shapes are."""
        return self.shape.mode

    @property
    def table(self) -> str:
        """The table that is changed."""
        return self.before.name

    @property
    def mirrored(self) -> bool:
        """Whether anything has to be kept in step."""
        return bool(self.shape.up or self.shape.down)

    @property
    def nothing_goes(self) -> bool:
        """Whether nothing is left to do once the new shape is there."""
        late = any(not one.early or one.part.name != one.name for one in self.made)
        required = any(opened(column, self.shape.up) != column for column in self.added)
        in_place = self.mode is mirrors.Mode.COLUMNS
        return in_place and not (self.mirrored or self.removed or self.gone or late or required)

    def named(self, table: str) -> bool:
        """Whether this is a table of the change, by any of its names."""
        names = {self.before.name, self.after.name, self.shape.new.name, self.shape.parked}
        return table in names


# --- as plain values --------------------------------------------------------------------------


def as_json(change: Change) -> dict[str, object]:
    """Return it as plain values, for the journal."""
    shape = change.shape
    return {
        "mode": shape.mode.value,
        "old": _table(shape.old),
        "new": _table(shape.new),
        "key": [list(pair) for pair in shape.key],
        "up": dict(shape.up),
        "down": dict(shape.down),
        "parked": shape.parked,
        "before": _table(change.before),
        "after": _table(change.after),
        "added": [tables.part_to_json(column) for column in change.added],
        "removed": list(change.removed),
        "made": [
            {"part": tables.part_to_json(one.part), "name": one.name, "early": one.early}
            for one in change.made
        ],
        "gone": [tables.part_to_json(part) for part in change.gone],
        "kept": dict(change.kept),
        "losses": [[loss.column, loss.query] for loss in change.losses],
    }


def from_json(known: Mapping[str, object]) -> Change:
    """Read what `as_json` gave."""
    facts = cast("Mapping[str, list[object]]", known)
    texts = cast("Mapping[str, Mapping[str, str]]", known)
    shape = mirrors.Shape(
        mode=mirrors.Mode(str(known["mode"])),
        old=_read(known["old"]),
        new=_read(known["new"]),
        key=tuple((str(a), str(b)) for a, b in cast("list[list[str]]", known["key"])),
        up=dict(texts["up"]),
        down=dict(texts["down"]),
        parked=str(known["parked"]),
    )
    return Change(
        shape=shape,
        before=_read(known["before"]),
        after=_read(known["after"]),
        added=tuple(cast("tables.FoundColumn", _part(one)) for one in facts["added"]),
        removed=tuple(map(str, facts["removed"])),
        made=tuple(_made(one) for one in cast("list[Mapping[str, object]]", facts["made"])),
        gone=tuple(cast("Part", _part(one)) for one in facts["gone"]),
        kept=dict(cast("Mapping[str, bool | str | None]", known["kept"])),
        losses=tuple(
            Loss(column=column, query=query)
            for column, query in cast("list[list[str]]", known["losses"])
        ),
    )


def _table(table: tables.Table) -> dict[str, object]:
    return {
        **look_up.as_json(table),
        "primary_key": list(table.primary_key),
        "primary_key_name": table.primary_key_name,
        "comment": table.comment,
        "sql": table.sql,
    }


def _read(known: object) -> tables.Table:
    facts = cast("Mapping[str, object]", known)
    return look_up.from_json(facts).replace(
        primary_key_name=facts["primary_key_name"], comment=facts["comment"], sql=facts["sql"]
    )


def _part(known: object) -> tables.Part:
    return tables.part_from_json(cast("Mapping[str, object]", known))


def _made(known: Mapping[str, object]) -> Made:
    part = cast("Part", _part(known["part"]))
    return Made(part=part, name=str(known["name"]), early=bool(known["early"]))


def opened(column: tables.FoundColumn, up: Mapping[str, str]) -> tables.FoundColumn:
    """Return a new column as it is added: one that is filled may be NULL until it is."""
    return dataclasses.replace(column, null=True) if column.name in up else column


def parts(table: tables.Table) -> Sequence[Part]:
    """Return the indexes and constraints of a table."""
    return (*table.indexes, *table.uniques, *table.foreign_keys, *table.checks)
