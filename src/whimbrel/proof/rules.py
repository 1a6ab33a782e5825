"""Rules about rows, as values: what each says, how it turned out, and the events that tell it.

How rules are written is `rulebook`'s, how they are asked `asking`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from whimbrel import errors, events, words
from whimbrel.engines import judge

DEFAULT_LIMIT: Final = 10
_VALUE_WIDTH: Final = 80
_SQL_WIDTH: Final = 120


class Severity(StrEnum):
    """What a rule that fails means."""

    ERROR = "error"  # it stops what was to be done
    WARNING = "warning"  # it is told, and stops nothing


class Check(StrEnum):
    """What a rule asks."""

    ROWS = "rows"
    NOT_NULL = "not_null"
    UNIQUE = "unique"
    REFERS = "refers"
    BETWEEN = "between"
    LENGTH = "length"
    MATCHES = "matches"
    ONE_OF = "one_of"
    NO_ROWS = "no_rows"
    SAME_ROWS = "same_rows"
    SAME_SUM = "same_sum"


# They compare what is with what was, and so are about a migration.
KEPT: Final = frozenset({Check.SAME_ROWS, Check.SAME_SUM})


class When(StrEnum):
    """When a rule was asked."""

    BEFORE = "before"
    AFTER = "after"
    ALONE = "alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; which of the later fields mean something is the check's to say.

    `place` is where it is written. `least`, `most` bound rows, values or characters. `other` is
    the table or query that a number of rows is compared with, `to` and `to_columns` what columns
    refer to. `value` is what is summed: a column, or an SQL expression; `was_table` and
    `was_value` are what it was called before the migration.
    """

    check: Check
    name: str = ""
    severity: Severity = Severity.ERROR
    message: str = ""
    table: str = ""
    columns: tuple[str, ...] = ()
    where: str = ""
    limit: int = DEFAULT_LIMIT
    place: str = ""
    least: judge.Bound | int | None = None
    most: judge.Bound | int | None = None
    ignore_case: bool = False
    pattern: str = ""
    allowed: tuple[object, ...] = ()
    other: str = ""
    to: str = ""
    to_columns: tuple[str, ...] = ()
    sql: str = ""
    params: Sequence[object] | Mapping[str, object] | None = None
    value: str = ""
    by: tuple[str, ...] = ()
    tolerance: judge.Bound | None = None
    was_table: str = ""
    was_value: str = ""

    @property
    def title(self) -> str:
        """Return its name, or what it says."""
        return self.name or self.says

    @property
    def kept(self) -> bool:
        """Whether it compares with what was before."""
        return self.check in KEPT

    @property
    def says(self) -> str:
        """Return the rule in words."""
        where = f" (where {' '.join(self.where.split())})" if self.where else ""
        return f"{self._says()}{where}"

    def _says(self) -> str:
        columns = f"{self.table}.{', '.join(self.columns)}"
        match self.check:
            case Check.ROWS if self.other:
                other = " ".join(self.other.split())
                return f"{self.table} has as many rows as {_clipped(other)}"
            case Check.ROWS:
                return f"{self.table} has {bounds(self.least, self.most, 'row')}"
            case Check.NOT_NULL:
                return f"{columns} is never NULL"
            case Check.UNIQUE:
                aside = ", upper and lower case being one" if self.ignore_case else ""
                return f"{columns} is unique{aside}"
            case Check.REFERS:
                keys = ", ".join(self.to_columns)
                return f"{columns} is in {self.to}{f'.{keys}' if keys else ''}"
            case Check.BETWEEN:
                return f"{columns} is {bounds(self.least, self.most)}"
            case Check.LENGTH:
                return f"{columns} has {bounds(self.least, self.most, 'character')}"
            case Check.MATCHES:
                return f"{columns} matches {self.pattern}"
            case Check.ONE_OF:
                return f"{columns} is one of {errors.names(map(repr, self.allowed), limit=8)}"
            case Check.NO_ROWS:
                return f"no rows: {_clipped(self.sql)}"
            case Check.SAME_ROWS:
                return f"{self.table} has as many rows as before{self._by()}"
            case Check.SAME_SUM:
                return f"the sum of {self.table}.{self.value} is as before{self._by()}"

    def _by(self) -> str:
        return f", by {', '.join(self.by)}" if self.by else ""

    @property
    def identity(self) -> str:
        """Return what two attempts have in common that ask for the same measurement."""
        table = self.was_table or self.table
        value = self.was_value or self.value
        return "|".join([self.check, table, value, ",".join(self.by), self.where])


def bounds(least: object, most: object, noun: str = "") -> str:
    """Return two bounds in words, perhaps as numbers of something."""
    if noun:
        last = most if most is not None else least
        return f"{bounds(least, most)} {noun if last == 1 else f'{noun}s'}"
    if least is not None and least == most:
        return f"exactly {shown_bound(least)}"
    if most is None:
        return f"at least {shown_bound(least)}"
    if least is None:
        return f"at most {shown_bound(most)}"
    return f"between {shown_bound(least)} and {shown_bound(most)}"


def shown_bound(bound: object) -> str:
    """Return a bound as people write it."""
    return f"{bound:,}" if isinstance(bound, int) else str(bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one rule turned out.

    `says` is the rule in words, `found` what was found where it does not hold. `rows` is how many
    were looked at, `offending` how many of them offend (None where that means nothing); `first`
    are the first of these: the key and the values that the rule is about, by name.
    """

    rule: str
    check: str
    says: str
    when: str
    severity: str
    passed: bool
    table: str
    columns: tuple[str, ...]
    rows: int | None
    offending: int | None
    found: str
    message: str
    first: tuple[Mapping[str, object], ...]
    seconds: float
    place: str = ""

    @property
    def forbids(self) -> bool:
        """Whether it stops what was to be done."""
        return not self.passed and self.severity == Severity.ERROR

    @property
    def examples(self) -> tuple[str, ...]:
        """Return the first offending rows as people read them."""
        return tuple(
            "  ".join(f"{name} {shown(value)}" for name, value in row.items()) for row in self.first
        )

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "rule": self.rule,
            "check": self.check,
            "rule_says": self.says,
            "when": self.when,
            "severity": self.severity,
            "passed": self.passed,
            "table": self.table,
            "columns": list(self.columns),
            "rows": self.rows,
            "offending": self.offending,
            "says": self.words if not self.passed else self.says,
            "message": self.message,
            "first": [dict(row) for row in self.first],
            "examples": list(self.examples),
            "seconds": round(self.seconds, 6),
            "where": self.place,
        }

    @property
    def words(self) -> str:
        """Return what was found, with the message of whoever wrote the rule before it."""
        return ": ".join(filter(None, [self.message, self.found]))


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChecked(events.Event):
    """A rule was asked; `migration` is empty where it was asked on its own."""

    migration: str
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """How the rules of a database turned out."""

    database: str
    engine: str
    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The rules that do not hold and are errors."""
        return tuple(one for one in self.outcomes if one.forbids)

    @property
    def warnings(self) -> tuple[Outcome, ...]:
        """The rules that do not hold and are only told."""
        return tuple(one for one in self.outcomes if not one.passed and not one.forbids)

    @property
    def exit_code(self) -> int:
        """0 if no rule that is an error fails, else 1."""
        return int(bool(self.failed))

    def as_json(self) -> dict[str, object]:
        """Return it as plain values, nothing left out."""
        return {
            "database": self.database,
            "engine": self.engine,
            "passed": not self.failed,
            "rules": [one.as_json() for one in self.outcomes],
            "failed": len(self.failed),
            "warnings": len(self.warnings),
            "seconds": round(self.seconds, 6),
            "exit_code": self.exit_code,
        }


def failure(outcomes: Sequence[Outcome], *, of: int) -> errors.ValidationFailed:
    """Return the error for rules that do not hold."""
    lines = []
    for one in outcomes:
        lines.append(f"{one.rule}: {one.words}" if one.rule != one.says else one.words)
        if one.examples:
            lines.append(f"  first: {'   '.join(one.examples[:3])}")
    return errors.ValidationFailed(
        failed=len(outcomes), of=of, found=lines, place=outcomes[0].place or None
    )


def told(outcome: Outcome) -> str:
    """Return in one sentence how a rule turned out."""
    if outcome.passed:
        return outcome.rule
    return outcome.words if outcome.rule == outcome.says else f"{outcome.rule}: {outcome.words}"


def shown(value: object) -> str:
    """Return a value as people read it in SQL, long ones cut."""
    if value is None:
        return "NULL"
    text = f"'{value}'" if isinstance(value, str) else str(value)
    text = text.replace("\r", "\\r").replace("\n", "\\n")
    return text if len(text) <= _VALUE_WIDTH else f"{text[: _VALUE_WIDTH - 1]}…"


def _clipped(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= _SQL_WIDTH else f"{text[: _SQL_WIDTH - 1]}…"


def rows(count: int) -> str:
    """Return a number of rows in words."""
    return words.count(count, "row")
