"""SQL inside of a schema (checks, indexes, computed columns), written for the target.

Nothing is guessed: what has no translation, or would mean something else on the types that the
target's columns have, is not converted, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from whimbrel import errors
from whimbrel.engines import building, portable, sqltext, translate
from whimbrel.schema import made


class NoTranslation(Exception):
    """An expression cannot be had on the target; the text says why."""


@dataclass(slots=True)
class Lookup:
    """Where tables and columns of the source are on the target (`translate.Names`).

    Tables that become none, or several, are not known here, and neither are columns that no
    column of the target is a copy of.
    """

    wanted: Mapping[str, made.Wanted]
    types: Mapping[tuple[str, str], str]
    views: dict[str, str] = field(default_factory=dict)
    nullable_columns: Mapping[tuple[str, str], bool] = field(default_factory=dict)

    def table(self, name: str) -> str | None:
        """Return a table's or view's name on the target, by that on the source or the target."""
        if name in self.views:
            return self.views[name]
        found = self.wanted.get(name) or self.wanted.get(_alike(name, self.wanted) or "")
        if found is None:
            return name if name in self._targets or name in self.views.values() else None
        return found.target

    def column(self, table: str, name: str) -> str | None:
        """Return the name of the column that a source's column is copied into.

        `table` is one of the target.
        """
        found = self._targets.get(table)
        if found is None:
            return None
        copies = {c.source: c.name for c in found.columns if c.source is not None}
        return copies.get(name) or copies.get(_alike(name, copies) or "")

    @property
    def _targets(self) -> Mapping[str, made.Wanted]:
        return {one.target: one for one in self.wanted.values()}

    def type(self, table: str, column: str) -> str | None:
        """Return the type of a target's column."""
        return self.types.get((table, column))

    def nullable(self, table: str, column: str) -> bool:
        """Whether a target's column may hold NULL."""
        return self.nullable_columns.get((table, column), True)


def _alike(name: str, known: Iterable[str]) -> str | None:
    found = [one for one in known if one.lower() == name.lower()]
    return found[0] if len(found) == 1 else None


@dataclass(slots=True)
class Writer:
    """Writes expressions of one pair of databases."""

    read: str
    write: str
    lookup: Lookup
    builder: building.Builder
    offers: Mapping[tuple[str, str], portable.Offer]
    notes: list[str] = field(default_factory=list)

    def expression(
        self,
        wanted: made.Wanted,
        sql: str,
        *,
        what: str,
        condition: bool = False,
        into: str | None = None,
    ) -> str:
        """Return an expression over a table's columns, or raise NoTranslation."""
        used = self.used(wanted, sql)
        for name in used:
            target = next((c.name for c in wanted.columns if c.source == name), None)
            if target is None:
                raise NoTranslation(f"{name}, which it speaks of, is not on the target")
            offer = self.offers[wanted.target, target]
            if not self.builder.compares(offer.type, offer.family):
                raise NoTranslation(
                    f"{target} is kept as a text there, and would be compared as one"
                )
        if self.read == self.write and all(
            c.name == c.source for c in wanted.columns if c.source in used
        ):
            return sql
        try:
            written = translate.expression(
                sql,
                read=self.read,
                write=self.write,
                table=wanted.target,
                names=self.lookup,
                condition=condition,
                into=into,
            )
        except (errors.SqlNotTranslatable, errors.SqlNotUnderstood) as error:
            raise NoTranslation(reason(error)) from None
        if written.functions:
            raise NoTranslation(
                "it needs functions that are there only while Whimbrel is connected"
            )
        self.notes += [f"{what}: {note}" for note in written.notes]
        return written.sql

    def used(self, wanted: made.Wanted, sql: str) -> list[str]:
        """Return the source's columns that an expression speaks of."""
        words = {
            token.text.strip('"`[]').casefold() for token in sqltext.significant(sql, self.read)
        }
        return [c.name for c in wanted.source.columns if c.name.casefold() in words]


def reason(error: errors.WhimbrelError) -> str:
    """Return in one line why something was not translated."""
    return f"{error.what}: {error.cause}" if error.cause else error.what


def bare(sql: str, dialect: str) -> str:
    """Return an expression without parentheses around all of it."""
    text = sql.strip()
    while text.startswith("(") and text.endswith(")"):
        depth = 0
        tokens = sqltext.significant(text, dialect)
        for at, token in enumerate(tokens):
            depth += (token.text == "(") - (token.text == ")")
            if depth == 0 and at < len(tokens) - 1:
                return text
        text = text[1:-1].strip()
    return text
