"""Require that no row of a table fulfils a condition; refuse with their number and first keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from whimbrel import errors, words
from whimbrel.engines import base as engines
from whimbrel.migrations.operations import base

_EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Require(base.Operation):
    """A question to the rows, asked before something is changed that could not be taken back.

    `condition` gives the rows that must not be, when it is asked for: it may be written in a
    dialect that has to be translated. `shown` are the columns that tell which rows they are;
    `allowed` is how many there may be; `say` makes the error of their number and examples.
    """

    table: str
    name: str
    condition: Callable[[], str] = field(repr=False, compare=False)
    shown: tuple[str, ...] = ()
    allowed: int = 0
    why: str
    remedy: str
    say: Callable[[int, list[str]], errors.WhimbrelError] | None = field(
        default=None, repr=False, compare=False
    )

    @property
    def kind(self) -> base.Kind:
        return base.Kind.DATA  # asked when its turn comes, unlike a query, which plans ask too

    def describe(self) -> str:
        return f"check that {self.name}"

    def content(self) -> str:
        return f"Require({self.table}, {self.name})"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        table = ddl.engine.quote(self.table)
        count = "count(*)"
        if self.allowed:
            count = f"CASE WHEN count(*) <= {self.allowed} THEN 0 ELSE count(*) END"
        return (
            engines.Statement(
                sql=f"SELECT {count} FROM {table} WHERE {self.condition()}",
                reason=self.name,
                must_be=0,
            ),
        )

    def refused(self, session: engines.Session, answer: object) -> errors.WhimbrelError:
        """Return the error for so many rows, with the first of them."""
        quote = session.engine.quote
        columns = ", ".join(map(quote, self.shown)) or "*"
        found = session.fetch(
            f"SELECT {columns} FROM {quote(self.table)} WHERE {self.condition()} LIMIT {_EXAMPLES}"
        )
        first = [
            ", ".join(f"{name} = {value!r}" for name, value in zip(self.shown, row, strict=True))
            for row in (found if self.shown else [])
        ]
        count = int(str(answer))
        if self.say is not None:
            return self.say(count, first)
        return errors.RefusedError(
            f"{words.count(count, 'row')} of {self.table!r} {self.why}",
            object="first: " + "   ".join(first) if first else None,
            left="nothing of this step stays",
            remedy=self.remedy,
        )
