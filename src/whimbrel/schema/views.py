"""Views of the source for the target, each behind those that it reads; and what is no table.

A view is translated whole or not at all. Triggers, routines and their like are never translated:
they are listed with the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from whimbrel import errors, tables
from whimbrel.engines import base, building, inventory, translate
from whimbrel.engines.inventory import Kind, Thing
from whimbrel.schema import expressions, made
from whimbrel.schema.made import Action, NotConverted

_WHY: Final[Mapping[Kind, str]] = {
    Kind.MATERIALIZED_VIEW: "no other engine keeps the rows of a view; make it a table or a view",
    Kind.TRIGGER: "what it does is written in the language of one engine",
    Kind.ROUTINE: "what it does is written in the language of one engine",
    Kind.SEQUENCE: "it belongs to no column; columns count by themselves there",
    Kind.TYPE: "no column of the tables is of this type",
    Kind.DOMAIN: "columns are of the type below it; its checks are not theirs",
    Kind.EXTENSION: "extensions are of one engine",
    Kind.COLLATION: "collations have other names and rules there",
    Kind.POLICY: "who sees which rows is said in the language of one engine",
    Kind.RULE: "rules are of one engine",
    Kind.EVENT: "what happens by the clock is set up in another way there",
    Kind.INDEX: "an index of this sort is of one engine",
    Kind.CONSTRAINT: "a constraint of this sort is of one engine",
    Kind.VIRTUAL_TABLE: "its rows are kept by a module of one engine",
    Kind.PARTITION: "no table is part of another one there",
    Kind.TABLE_OPTION: "it says how one engine keeps the rows",
    Kind.PRIVILEGE: "who may do what is said in other words there",
    Kind.SCHEMA: "only the schema of the session is moved",
    Kind.OTHER: "nothing there is known to be the same",
}


# What tables say themselves, too.
_PARTS: Final = frozenset({Kind.INDEX, Kind.CONSTRAINT})
# What a part that is made does not say any more.
_LOOSER: Final = {"WITHOUT OVERLAPS": "its columns are unique there, but spans of time may overlap"}
# What has a name of its own, and may have things of its own.
_ALONE: Final = frozenset({Kind.VIEW, Kind.MATERIALIZED_VIEW, Kind.VIRTUAL_TABLE})


@dataclass(slots=True)
class Views:
    """Makes views and comments on them."""

    target: building.Builder
    writer: expressions.Writer
    database: str | None
    not_converted: list[NotConverted] = field(default_factory=list)

    def actions(self, things: Sequence[Thing]) -> tuple[Action, ...]:
        """Return what makes the views that can be made, in their order."""
        views = {thing.name: thing for thing in things if thing.kind is Kind.VIEW}
        needed: dict[str, Collection[str]] = {}
        for view in views.values():
            try:
                needed[view.name] = translate.sources(view.body or view.sql, read=self.writer.read)
            except errors.WhimbrelError:
                needed[view.name] = view.needs
        ordered = inventory.arranged(
            [(name, self._among(views, needed[name]), view) for name, view in views.items()]
        )
        found: list[Action] = []
        for view in ordered:
            found += self._view(view, needed[view.name], views)
        return tuple(found)

    def _among(self, views: Mapping[str, Thing], names: Collection[str]) -> list[str]:
        lowered = {name.lower(): name for name in views}
        return [lowered[name.lower()] for name in names if name.lower() in lowered]

    def _view(
        self, view: Thing, needed: Collection[str], views: Mapping[str, Thing]
    ) -> list[Action]:
        lookup = self.writer.lookup
        known = set(self._among(views, needed))
        for name in sorted(needed):
            view_name = next((v for v in known if v.lower() == name.lower()), None)
            there = lookup.views.get(view_name) if view_name else lookup.table(name)
            if there is None:
                self._lose(view, f"{name}, which it reads, is not on the target")
                return []
        if why := self.target.bad_name(view.name):
            self._lose(view, why)
            return []
        if lookup.table(view.name) is not None:
            self._lose(view, "a table has its name there")
            return []
        try:
            written = translate.view(
                view.name,
                view.body,
                read=self.writer.read,
                write=self.writer.write,
                names=lookup,
                columns=view.columns,
                database=self.database,
            )
        except (errors.SqlNotTranslatable, errors.SqlNotUnderstood) as error:
            self._lose(view, expressions.reason(error))
            return []
        lookup.views[view.name] = view.name
        self.writer.notes += [f"view {view.name}: {note}" for note in written.notes]
        # Not every engine looks at a view before it is read.
        read = f"SELECT * FROM {self.target.quote(view.name)} LIMIT 0"
        statements = (base.Statement(sql=written.sql), base.Statement(sql=read))
        found = [
            Action(
                kind="view",
                table=view.name,
                name=view.name,
                statements=statements,
                optional=True,
            )
        ]
        if view.comment:
            said = self.target.comment_view(view.name, view.comment)
            if said is None:
                why = f"{self.target.title} has no comments on views"
                self.not_converted.append(
                    NotConverted(
                        kind="comment", name=view.name, table=None, why=why, text=view.comment
                    )
                )
            else:
                found.append(
                    Action(
                        kind="comment",
                        table=view.name,
                        name=view.name,
                        statements=tuple(base.Statement(sql=sql) for sql in said),
                        optional=True,
                        repeatable=True,
                    )
                )
        return found

    def _lose(self, view: Thing, why: str) -> None:
        self.not_converted.append(
            NotConverted(
                kind="view", name=view.name, table=None, why=why, text=view.sql or view.body
            )
        )


def others(
    things: Sequence[Thing],
    wanted: Sequence[made.Wanted],
    listed: Sequence[NotConverted],
) -> list[NotConverted]:
    """Return what is no table and no view, and so is not on the target, each once."""
    here = {one.source.name for one in wanted} | {t.name for t in things if t.kind in _ALONE}
    columns = [column for one in wanted for column in one.source.columns]
    parts = {(one.source.name, name) for one in wanted for name in _parts(one.source)}
    already = {(one.kind, one.name, one.table) for one in listed}
    found: list[NotConverted] = []
    for thing in things:
        if thing.table is not None and thing.table not in here:
            continue
        if thing.kind is Kind.VIEW or (thing.kind.value, thing.name, thing.table) in already:
            continue
        why = _WHY[thing.kind]
        if thing.kind in _PARTS and (thing.table, thing.name) in parts:
            looser = [says for words, says in _LOOSER.items() if words in thing.sql]
            if not looser:
                continue  # made with its table, or listed there
            why = looser[0]
        if thing.name.startswith("ON UPDATE ") and any(
            one.kind == "on update" and thing.name.endswith(f" of {one.name}") for one in listed
        ):
            continue  # listed with what can take its place
        if thing.kind is Kind.TYPE and any(_names(column.type, thing.name) for column in columns):
            continue  # the type of the target says what it said
        if thing.kind is Kind.SEQUENCE and any(
            thing.name in (column.default or "") for column in columns
        ):
            continue  # the column counts by itself
        found.append(
            NotConverted(
                kind=thing.kind.value,
                name=thing.name,
                table=thing.table,
                why=why,
                text=thing.sql,
            )
        )
    return found


def _names(type_: str, name: str) -> bool:
    return type_.removesuffix("[]").split(".")[-1].strip('"') == name.split(".")[-1].strip('"')


def _parts(table: tables.Table) -> list[str | None]:
    """Return the names of a table's keys, indexes and checks."""
    return [
        *(index.name for index in table.indexes),
        *(unique.name for unique in table.uniques),
        *(key.name for key in table.foreign_keys),
        *(check.name for check in table.checks),
    ]
