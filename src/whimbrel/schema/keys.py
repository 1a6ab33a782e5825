"""Keys, indexes, checks and foreign keys of the target.

A part that the target has no like for is listed with the reason; one that would be stricter or
looser than it was is never made in silence.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from whimbrel import tables
from whimbrel.engines import building, portable
from whimbrel.schema import expressions, made, naming
from whimbrel.schema.losses import Loss, Verdict
from whimbrel.schema.made import NotConverted

Offers = Mapping[tuple[str, str], portable.Offer]
#: Ways to keep an index that are a tree, or as good as one.
_TREES = frozenset({"", "btree", "hash"})


@dataclass(slots=True)
class Keys:
    """Makes what stands on the columns of tables; tables have to come in one order, always."""

    target: building.Builder
    source: building.Builder
    writer: expressions.Writer
    names: naming.Names
    offers: Offers
    not_converted: list[NotConverted] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def kept(self, wanted: made.Wanted, table: tables.Table) -> tables.Table:
        """Return the table with its primary key, unique constraints and indexes."""
        table = self._primary_key(wanted, table)
        uniques = tuple(
            filter(None, (self._unique(wanted, table, u) for u in wanted.source.uniques))
        )
        table = table.replace(uniques=uniques)
        indexes = tuple(
            filter(None, (self._index(wanted, table, i) for i in wanted.source.indexes))
        )
        return table.replace(indexes=indexes)

    # --- keys and indexes -----------------------------------------------------------------------

    def _primary_key(self, wanted: made.Wanted, table: tables.Table) -> tables.Table:
        key = wanted.source.primary_key
        if not key:
            return table
        columns = self._columns(wanted, key)
        try:
            if columns is None:
                raise building.CannotSay("not all of its columns are on the target")
            keyed = table.replace(primary_key=columns)
            self.target.fit_primary_key(keyed)
        except building.CannotSay as no:
            self._lose("primary key", "primary key", wanted, str(no), ", ".join(key))
            return table
        wished = wanted.source.primary_key_name
        if wished is None and not self.target.names_primary_keys:
            return keyed
        name = self.names.take(
            wished or self.target.primary_key_name(table.name),
            kind="index",
            table=table.name,
            columns=columns,
            prefix="pk",
        )
        return keyed.replace(primary_key_name=name)

    def _unique(
        self, wanted: made.Wanted, table: tables.Table, unique: tables.Unique
    ) -> tables.Unique | None:
        columns = self._columns(wanted, unique.columns)
        try:
            if columns is None:
                raise building.CannotSay("not all of its columns are on the target")
            fitted = self.target.fit_unique(table, tables.Unique(name=None, columns=columns))
        except building.CannotSay as no:
            self._lose("unique", unique.name or "", wanted, str(no), ", ".join(unique.columns))
            return None
        self._extras("unique", unique.name or "", wanted, unique.extras)
        name = self.names.take(
            unique.name, kind="index", table=table.name, columns=columns, prefix="uq"
        )
        return dataclasses.replace(_as_unique(fitted.part), name=name)

    def _index(
        self, wanted: made.Wanted, table: tables.Table, index: tables.Index
    ) -> tables.Index | None:
        text = index.sql or ", ".join(
            part.text if isinstance(part, tables.Sql) else part for part in index.columns
        )
        noted = len(self.writer.notes)
        try:
            if not index.valid:
                raise building.CannotSay("it is broken on the source: it was never finished")
            if index.method not in _TREES:
                raise building.CannotSay(f"an index of the sort {index.method} is of one engine")
            read = self._read_index(wanted, table, index)
            fitted = self.target.fit_index(table, read)
        except (building.CannotSay, expressions.NoTranslation) as no:
            self._lose("index", index.name, wanted, str(no), text)
            del self.writer.notes[noted:]
            return None
        self._extras("index", index.name, wanted, index.extras)
        part = fitted.part
        if not isinstance(part, tables.Index):
            raise TypeError(f"no index: {part!r}")
        named = [c for c in part.columns if isinstance(c, str)] or ["expression"]
        name = self.names.take(
            index.name, kind="index", table=table.name, columns=named, prefix="ix"
        )
        self.notes += [f"index {name} of {table.name}: {note}" for note in fitted.notes]
        return dataclasses.replace(part, name=name)

    def _read_index(
        self, wanted: made.Wanted, table: tables.Table, index: tables.Index
    ) -> tables.Index:
        columns: list[str | tables.Sql] = []
        what = f"index {index.name} of {table.name}"
        for column in index.columns:
            if isinstance(column, str):
                found = self._columns(wanted, (column,))
                if found is None:
                    raise building.CannotSay(f"{column} is not on the target")
                columns += found
                continue
            sql = expressions.bare(column.text, self.writer.read)
            if sql == "expression":
                raise building.CannotSay("its expression is not known")
            columns.append(tables.Sql(self.writer.expression(wanted, sql, what=what)))
        where = None
        if index.where:
            sql = expressions.bare(index.where, self.writer.read)
            try:
                where = self.writer.expression(wanted, sql, what=what, condition=True)
            except expressions.NoTranslation:
                if self.target.partial_indexes or index.unique:
                    raise
                where = sql  # is only named in the note that it is not kept to
        return tables.Index(
            name=index.name,
            columns=tuple(columns),
            unique=index.unique,
            where=where,
            lengths=index.lengths,
            descending=index.descending if any(index.descending) else (),
        )

    def _extras(self, kind: str, name: str, wanted: made.Wanted, extras: Sequence[str]) -> None:
        for extra in extras:
            why = "it is not said there: the rest of it is made"
            self._lose(extra.split(" (")[0].lower(), name, wanted, why, extra)

    # --- checks ---------------------------------------------------------------------------------

    def checks(self, wanted: made.Wanted, table: tables.Table) -> tuple[tables.Check, ...]:
        """Return the checks of the source, and those that the target's types need."""
        found: list[tables.Check] = []
        for check in self.source.checks(wanted.source):
            sql = expressions.bare(check.sql, self.writer.read)
            name = check.name or ""
            try:
                text = self.writer.expression(
                    wanted,
                    sql,
                    what=f"check {name} of {table.name}".replace("  ", " "),
                    condition=True,
                )
                made_ = self.target.fit_check(table, tables.Check(name=check.name, sql=text))
            except (expressions.NoTranslation, building.CannotSay) as no:
                self._lose("check", name, wanted, str(no), sql)
                continue
            found.append(made_)
        named = [
            dataclasses.replace(
                check,
                name=self.names.take(
                    check.name,
                    kind="check",
                    table=table.name,
                    columns=self._speaks_of(table, check.sql),
                    prefix="ck",
                ),
            )
            for check in found
        ]
        for column in table.columns:
            for condition in self.offers[table.name, column.name].checks:
                sql = condition.replace("{column}", self.target.quote(column.name))
                name = self.names.take(
                    None, kind="check", table=table.name, columns=[column.name], prefix="en"
                )
                named.append(tables.Check(name=name, sql=sql))
        return tuple(named)

    def _speaks_of(self, table: tables.Table, sql: str) -> list[str]:
        return [c.name for c in table.columns if self.target.quote(c.name) in sql or c.name in sql]

    # --- foreign keys ---------------------------------------------------------------------------

    def foreign_keys(
        self,
        wanted: made.Wanted,
        table: tables.Table,
        everything: Mapping[str, tuple[made.Wanted, tables.Table]],
    ) -> tuple[tables.ForeignKey, ...]:
        """Return the foreign keys of a table; `everything` is by the source's names."""
        found = []
        for key in wanted.source.foreign_keys:
            text = f"({', '.join(key.columns)}) → {key.ref_table} ({', '.join(key.ref_columns)})"
            try:
                fitted = self._foreign_key(wanted, table, key, everything)
            except building.CannotSay as no:
                self._lose("foreign key", key.name or "", wanted, str(no), text)
                continue
            part = fitted.part
            if not isinstance(part, tables.ForeignKey):
                raise TypeError(f"no foreign key: {part!r}")
            for what, why in (*_of_some_columns(key), *fitted.lost):
                self._lose(f"foreign key {what}", key.name or "", wanted, why, text)
            name = self.names.take(
                key.name, kind="foreign key", table=table.name, columns=part.columns, prefix="fk"
            )
            found.append(dataclasses.replace(part, name=name))
        return tuple(found)

    def _foreign_key(
        self,
        wanted: made.Wanted,
        table: tables.Table,
        key: tables.ForeignKey,
        everything: Mapping[str, tuple[made.Wanted, tables.Table]],
    ) -> building.Fitted:
        columns = self._columns(wanted, key.columns)
        if columns is None:
            raise building.CannotSay("not all of its columns are on the target")
        there = everything.get(key.ref_table) or next(
            (pair for name, pair in everything.items() if name.lower() == key.ref_table.lower()),
            None,
        )
        if there is None:
            raise building.CannotSay(f"{key.ref_table} is not on the target, or in several tables")
        parent_wanted, parent = there
        ref_columns = self._columns(parent_wanted, key.ref_columns)
        if ref_columns is None or len(ref_columns) != len(columns):
            raise building.CannotSay(f"not all of the columns of {key.ref_table} are on the target")
        self._check_parent(parent, ref_columns)
        for name, ref in zip(columns, ref_columns, strict=True):
            child, other = table.column(name), parent.column(ref)
            if not self.target.joinable(child, other):
                raise building.CannotSay(
                    f"{name} is a {child.type} there, and {parent.name}.{ref} a {other.type}"
                )
        return self.target.fit_foreign_key(
            table,
            dataclasses.replace(
                key,
                name=None,
                columns=columns,
                ref_table=parent.name,
                ref_columns=ref_columns,
                on_delete=_action(key.on_delete),
                on_update=_action(key.on_update),
            ),
        )

    def _check_parent(self, parent: tables.Table, columns: tuple[str, ...]) -> None:
        wanted = set(columns)
        keys = [parent.primary_key, *(unique.columns for unique in parent.uniques)]
        keys += [
            tuple(c for c in index.columns if isinstance(c, str))
            for index in parent.indexes
            if index.unique and not index.where and not index.lengths
            and not any(isinstance(c, tables.Sql) for c in index.columns)
        ]  # fmt: skip
        if any(set(key) == wanted and len(key) == len(columns) for key in keys if key):
            return
        first = [*keys, *(index.columns for index in parent.indexes)]
        if not self.target.refers_to_keys and any(
            tuple(part)[: len(columns)] == columns for part in first
        ):
            return
        raise building.CannotSay(
            f"{', '.join(columns)} is no key of {parent.name} there, which a foreign key needs"
        )

    # --- helpers --------------------------------------------------------------------------------

    def _columns(self, wanted: made.Wanted, names: Sequence[str]) -> tuple[str, ...] | None:
        """Return the target's columns that these are copied into; None if not all of them are."""
        copies = {c.source: c.name for c in wanted.columns if c.source is not None}
        lowered = {name.lower(): copy for name, copy in copies.items()}
        found = [copies.get(name) or lowered.get(name.lower()) for name in names]
        return tuple(name for name in found if name) if all(found) else None

    def _lose(self, kind: str, name: str, wanted: made.Wanted, why: str, text: str) -> None:
        self.not_converted.append(
            NotConverted(kind=kind, name=name, table=wanted.source.name, why=why, text=text)
        )


def _action(said: tables.Action | None) -> tables.Action | None:
    """Return what a foreign key does, as every engine has it."""
    return None if said is None or said == "NO ACTION" or "(" in said else said


def _of_some_columns(key: tables.ForeignKey) -> list[tuple[str, str]]:
    """Return (what, why) of actions that are on some columns of a key: SET NULL (a)."""
    why = "it is on all columns of the key or on none there; such a change is refused"
    events = (("on delete", key.on_delete), ("on update", key.on_update))
    return [(f"{event} {said.lower()}", why) for event, said in events if said and "(" in said]


def _as_unique(part: tables.Index | tables.Unique | tables.ForeignKey) -> tables.Unique:
    if not isinstance(part, tables.Unique):
        raise TypeError(f"no unique constraint: {part!r}")
    return part


# --- types of both ends -------------------------------------------------------------------------


def agreed(
    wanted: Sequence[made.Wanted], offers: Offers, target: building.Builder
) -> tuple[dict[tuple[str, str], portable.Offer], list[Loss]]:
    """Return offers by which a column can refer to the one that it refers to.

    Where the two ends would not be of one type on the target, the referring one takes that of
    the other, whose values it has; a type that the user has named stays.
    """
    found = dict(offers)
    losses: dict[tuple[str, str], Loss] = {}
    by_source: dict[str, list[made.Wanted]] = {}
    for one in wanted:
        by_source.setdefault(one.source.name.lower(), []).append(one)
    links = [
        link
        for one in wanted
        for key in one.source.foreign_keys
        for link in _links(one, key, by_source)
    ]
    # A chain of references takes its types from the far end, link by link.
    for _ in range(len(links)):
        changed = False
        for child, parent, named in links:
            own, other = found[child], found[parent]
            if child == parent or named or own.type == other.type:
                continue
            if target.joinable(_as_column(child, own), _as_column(parent, other)):
                continue
            found[child] = dataclasses.replace(other, notes=own.notes)
            losses[child] = Loss(
                table=child[0],
                column=child[1],
                what="type of a foreign key",
                verdict=Verdict.NOTED,
                says=f"it is {other.type} there and not {own.type}, as is "
                f"{parent[0]}.{parent[1]}, which it refers to",
            )
            changed = True
        if not changed:
            break
    return found, list(losses.values())


def _links(
    one: made.Wanted, key: tables.ForeignKey, by_source: Mapping[str, list[made.Wanted]]
) -> list[tuple[tuple[str, str], tuple[str, str], bool]]:
    parents = by_source.get(key.ref_table.lower(), [])
    if len(parents) != 1:
        return []
    copies = {c.source.lower(): c for c in one.columns if c.source is not None}
    others = {c.source.lower(): c for c in parents[0].columns if c.source is not None}
    found = []
    for name, ref in zip(key.columns, key.ref_columns, strict=False):
        child, parent = copies.get(name.lower()), others.get(ref.lower())
        if child is not None and parent is not None:
            ends = (one.target, child.name), (parents[0].target, parent.name)
            found.append((*ends, child.type is not None))
    return found


def _as_column(place: tuple[str, str], offer: portable.Offer) -> tables.FoundColumn:
    return tables.FoundColumn(name=place[1], type=offer.type, null=True, collation=offer.collation)
