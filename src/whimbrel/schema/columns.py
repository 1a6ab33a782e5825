"""Columns of the target: types as they were offered, defaults, computed and counting ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from whimbrel import tables
from whimbrel.engines import building, defaults, portable, translate
from whimbrel.engines.forms import Family
from whimbrel.schema import expressions, made
from whimbrel.schema.losses import Loss, Verdict
from whimbrel.schema.made import NotConverted


@dataclass(slots=True)
class Columns:
    """Makes the columns of tables, one table after the other."""

    source: building.Builder
    target: building.Builder
    writer: expressions.Writer
    meanings: Mapping[tuple[str, str], portable.Meaning]
    offers: Mapping[tuple[str, str], portable.Offer]
    not_converted: list[NotConverted] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # Sequences that were met, with the columns that count by them.
    _counted: dict[str, str] = field(default_factory=dict)

    def of(self, wanted: made.Wanted) -> tuple[tables.FoundColumn, ...]:
        """Return the columns as the target will have them; what counts is decided later."""
        counting = self.source.counting(wanted.source)
        return tuple(self._column(wanted, column, counting) for column in wanted.columns)

    def _column(
        self, wanted: made.Wanted, column: made.WantedColumn, counting: frozenset[str]
    ) -> tables.FoundColumn:
        offer = self.offers[wanted.target, column.name]
        was = column.found
        if column.source is not None:
            was = wanted.source.column(column.source)
        found = tables.FoundColumn(
            name=column.name, type=offer.type, null=True, collation=offer.collation
        )
        if was is None:
            return found
        key = was.name in wanted.source.primary_key and column.source is not None
        if key and was.null and was.name not in counting:
            self._note(
                wanted,
                column,
                "NULL in a key",
                "a primary key takes no NULL there, and here it may",
            )
        found = dataclasses.replace(
            found, null=was.null and not key, comment=self._comment(wanted, column, was)
        )
        if was.generated is not None and column.source is not None:
            return self._generated(wanted, column, was, found)
        if was.name in counting and column.source is not None:
            self._sequence(wanted, column, was)
            return dataclasses.replace(found, auto_increment=True)
        if was.default is not None:
            found = dataclasses.replace(found, default=self._default(wanted, column, was))
        if moment := self.source.on_update(was):
            self._lose(
                "on update",
                wanted,
                was.name,
                "no row notes by itself when it was changed; a trigger can",
                f"ON UPDATE {moment}",
                proposal=self.target.touching(wanted.target, column.name),
            )
        return found

    def _comment(
        self, wanted: made.Wanted, column: made.WantedColumn, was: tables.FoundColumn
    ) -> str | None:
        comment = was.comment or None
        if comment and self.target.comment_too_long(comment, of_table=False):
            why = f"{self.target.title} has no comments as long"
            self._lose("comment", wanted, was.name, why, comment)
            return None
        return comment

    def table_comment(self, wanted: made.Wanted) -> str | None:
        """Return the comment of a table."""
        comment = wanted.source.comment or None
        if comment and self.target.comment_too_long(comment, of_table=True):
            why = f"{self.target.title} has no comments as long"
            self._lose("comment", wanted, wanted.source.name, why, comment)
            return None
        return comment

    # --- computed columns -----------------------------------------------------------------------

    def _generated(
        self,
        wanted: made.Wanted,
        column: made.WantedColumn,
        was: tables.FoundColumn,
        found: tables.FoundColumn,
    ) -> tables.FoundColumn:
        sql = expressions.bare(was.generated or "", self.writer.read)
        others = {c.name for c in wanted.source.columns if c.generated is not None}
        try:
            text = self.writer.expression(
                wanted, sql, what=f"{wanted.target}.{column.name}", into=found.type
            )
            if why := self.target.unsteady(text):
                raise expressions.NoTranslation(why)
            if others & set(self.writer.used(wanted, sql)) and not self.target.computes_twice:
                raise expressions.NoTranslation("it is computed from another computed column")
            indexed = _indexed(wanted.source, was.name)
            computed = dataclasses.replace(found, generated=text, stored=was.stored)
            said = self.target.generated(self._beside(wanted, computed), computed)
            stored = self.target.stored(computed, indexed=indexed)
        except (expressions.NoTranslation, building.CannotSay) as no:
            self._lose(
                "generated column",
                wanted,
                was.name,
                f"{no}; its values are copied, and not computed from now on",
                sql,
            )
            return found
        if said.note:
            self._note(wanted, column, "computed column", said.note)
        null = found.null or not self.target.generated_not_null
        if null and not found.null:
            self._lose("not null", wanted, was.name, "no computed column is declared so there", sql)
        return dataclasses.replace(computed, generated=said.sql, stored=stored, null=null)

    def _beside(self, wanted: made.Wanted, column: tables.FoundColumn) -> tables.Table:
        """Return a table of one column, beside those that count."""
        counting = self.source.counting(wanted.source)
        others = [
            tables.FoundColumn(name=c.name, type="", null=False, auto_increment=True)
            for c in wanted.columns
            if c.source in counting
        ]
        return tables.Table(name=wanted.target, columns=(column, *others))

    # --- defaults -------------------------------------------------------------------------------

    def _sequence(
        self, wanted: made.Wanted, column: made.WantedColumn, was: tables.FoundColumn
    ) -> None:
        """Say it if a column shares its numbers with another one."""
        read = translate.default(was.default, read=self.writer.read) if was.default else None
        if not isinstance(read, defaults.Counted):
            return
        here = f"{wanted.target}.{column.name}"
        first = self._counted.setdefault(read.sequence, here)
        if first != here:
            self._lose(
                "shared sequence",
                wanted,
                was.name,
                f"it counts by itself, and no longer together with {first}",
                was.default or "",
            )

    def _default(
        self, wanted: made.Wanted, column: made.WantedColumn, was: tables.FoundColumn
    ) -> str | None:
        offer = self.offers[wanted.target, column.name]
        meaning = self.meanings.get((wanted.target, column.name))
        sql = was.default or ""
        read = translate.default(sql, read=self.writer.read)
        if read is None:
            return None
        asked = building.Column(
            type=offer.type,
            family=offer.family,
            instant=meaning is not None and meaning.family is Family.INSTANT,
        )
        try:
            if meaning is not None and meaning.family is Family.OTHER:
                raise building.CannotSay("no default of such a type is known to mean the same")
            if isinstance(read, defaults.Formula):
                text = self.writer.expression(
                    wanted,
                    expressions.bare(read.sql, self.writer.read),
                    what=f"{wanted.target}.{column.name}",
                    into=offer.type,
                )
                read = defaults.Formula(sql=text)
            said = self.target.default(read, asked)
        except (expressions.NoTranslation, building.CannotSay) as no:
            self._lose("default", wanted, was.name, f"{no}; the column has none there", sql)
            return None
        if said.note:
            self._note(wanted, column, "default", said.note)
        return said.sql

    # --- counting -------------------------------------------------------------------------------

    def counted(self, wanted: made.Wanted, table: tables.Table) -> tables.Table:
        """Return a table whose keys are known, with those columns counting that can."""
        for column in table.columns:
            if not column.auto_increment:
                continue
            type_ = self.target.counting_type(table, column)
            why = self.target.cannot_count(table, column)
            changed = dataclasses.replace(
                column, type=column.type if why else type_, auto_increment=why is None
            )
            table = table.replace(
                columns=tuple(changed if c.name == column.name else c for c in table.columns)
            )
            if why:
                was = next((c.source for c in wanted.columns if c.name == column.name), None)
                here = ("shared sequence", wanted.source.name, was)
                self.not_converted = [
                    one for one in self.not_converted if (one.kind, one.table, one.name) != here
                ]
                self._lose("counting column", wanted, was or column.name, why, "")
        return table

    # --- what is said about it ------------------------------------------------------------------

    def _lose(
        self,
        kind: str,
        wanted: made.Wanted,
        name: str,
        why: str,
        text: str,
        proposal: str = "",
    ) -> None:
        self.not_converted.append(
            NotConverted(
                kind=kind,
                name=name,
                table=wanted.source.name,
                why=why,
                text=text,
                proposal=proposal,
            )
        )

    def _note(self, wanted: made.Wanted, column: made.WantedColumn, what: str, says: str) -> None:
        self.losses.append(
            Loss(
                table=wanted.target,
                column=column.name,
                what=what,
                verdict=Verdict.NOTED,
                says=says,
            )
        )


def _indexed(table: tables.Table, column: str) -> bool:
    """Whether a column is part of a key or an index."""
    parts: list[tuple[str | tables.Sql, ...]] = [table.primary_key]
    parts += [unique.columns for unique in table.uniques]
    parts += [index.columns for index in table.indexes]
    return any(column in part for part in parts)
