"""Fill a column with the values of another one, converted, in batches."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Final

from whimbrel import errors, tables
from whimbrel.engines import base as engines
from whimbrel.engines import phrases
from whimbrel.journal import parts
from whimbrel.migrations import speech as speeches
from whimbrel.migrations.operations import rows
from whimbrel.pacing import RowsConfig
from whimbrel.rows import keys, work

_MAX_BYTES: Final = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What becomes of a column's values: `using`, in the migration's dialect, or by their text.

    A value that is not NULL and for which `using` gives NULL does not convert.
    """

    table: str
    column: str
    using: str | None
    found: tables.FoundColumn | None = field(repr=False)
    wanted: tables.Column

    def said(self, speech: speeches.Speech) -> phrases.Conversion:
        """Return the conversion in the engine's own SQL; raise UsageError if nobody can say it."""
        if self.using is not None:
            value = rows.spoken_value(speech, self.table, self.using)
            assigned = speech.engine.phrases.assigned(value, self.wanted)
            return phrases.Conversion(valid=f"{value} IS NOT NULL", value=assigned)
        made = None
        if self.found is not None:
            made = speech.engine.phrases.conversion(self.old(speech), self.found, self.wanted)
        if made is None:
            type_ = self.found.type if self.found else "its type"
            raise errors.UsageError(
                f"how {self.table}.{self.column} goes from {type_} to {self.wanted.type} has to "
                "be said",
                remedy='give an expression:  using="…"',
            )
        return made

    def old(self, speech: speeches.Speech) -> str:
        """Return the column that is converted."""
        return f"{speech.engine.quote(self.table)}.{speech.engine.quote(self.column)}"

    def misfits(self, speech: speeches.Speech) -> str:
        """Return a condition: the row has a value that does not convert."""
        return f"{self.old(speech)} IS NOT NULL AND NOT coalesce({self.said(speech).valid}, FALSE)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertValues(rows.RowsOperation):
    """What convert_column does with the rows.

    A value that does not convert becomes `instead` (SQL, or None for NULL); with `rejects` its
    row is put aside, and the new column stays NULL there.
    """

    rule: Rule
    into: str
    instead: str | None = None
    rejects: bool = False

    @property
    def walked(self) -> str:
        return self.rule.table

    @property
    def columns_written(self) -> tuple[str, ...]:
        return (self.into,)

    def describe(self) -> str:
        return f"convert {self.rule.table}.{self.rule.column} to {self.rule.wanted.type}"

    def task(self, speech: speeches.Speech, config: RowsConfig) -> work.Work:
        table = speech.catalog.table(self.walked)
        made, old = self.rule.said(speech), self.rule.old(speech)
        sql = (
            f"UPDATE {speech.engine.quote(self.walked)} SET {speech.engine.quote(self.into)} = "
            f"CASE WHEN {made.valid} THEN {made.value} WHEN {old} IS NULL THEN NULL "
            f"ELSE {self.instead or 'NULL'} END"
        )
        return Conversion(
            table=table,
            way=rows.way_through(table, speech.engine),
            sql=sql,
            misfits=self.rule.misfits(speech) if self.rejects else None,
            reason=f"{self.rule.column} is no {self.rule.wanted.type}",
            made=self.into,
        )

    def preview(self, made: work.Work) -> tuple[str, ...]:
        return (made.shown(),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion(work.Statement):
    """One UPDATE for each range; the rows that fulfil `misfits` are rejected for a reason."""

    misfits: str | None
    reason: str
    made: str

    def run(self, session: engines.Session, range_: keys.Range, rows: int) -> work.Done:
        done = super(Conversion, self).run(session, range_, rows)
        if self.misfits is None:
            return done
        inside = keys.Range(lower=range_.lower, upper=done.reached or range_.upper)
        fetched = self._fetch(session, inside, "", where=self.misfits, max_bytes=_MAX_BYTES)
        rejects = [
            parts.Reject(
                table=self.table.name,
                key=self._key_of(fetched, row) if self.way.key.columns else (),
                reason=self.reason,
                row={k: v for k, v in self._dict_of(fetched, row).items() if k != self.made},
            )
            for row in fetched.rows
        ]
        return dataclasses.replace(done, rejects=rejects)
