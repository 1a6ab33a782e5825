"""How rules are written: by methods in Python, or by sections of whimbrel.toml.

Both give the same `Rule`s; what cannot be meant is refused here, names of tables and columns
where the rule is asked.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from whimbrel import config as configs
from whimbrel import errors, tables
from whimbrel.engines import judge
from whimbrel.proof import rules
from whimbrel.proof.rules import Check, Rule

Names = str | Sequence[str]
Number = int | float | Decimal
Bound = Number | dt.date | dt.time

_COMMON: Final = ("name", "severity", "message", "limit")


class Rulebook:
    """Collects rules; each method adds one.

    Every method also takes `name`, `message`, `severity` ("error" or "warning") and `limit` (how
    many offending rows are shown); those about the rows of a table take `where`.
    """

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def __call__(
        self,
        sql: str,
        params: Sequence[object] | Mapping[str, object] | None = None,
        **options: Any,
    ) -> None:
        """Expect that a query returns no rows."""
        self._add(Check.NO_ROWS, {"sql": sql, "params": params, **options})

    def no_rows(
        self,
        sql: str,
        params: Sequence[object] | Mapping[str, object] | None = None,
        **options: Any,
    ) -> None:
        """Expect that a query returns no rows."""
        self._add(Check.NO_ROWS, {"sql": sql, "params": params, **options})

    def rows(
        self,
        table: str,
        *,
        exactly: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        same_as: str | None = None,
        **options: Any,
    ) -> None:
        """Expect a number of rows, or as many as another table has or a query counts."""
        self._add(
            Check.ROWS,
            {"table": table, "exactly": exactly, "at_least": at_least, "at_most": at_most,
             "same_as": same_as, **options},
        )  # fmt: skip

    def not_null(self, table: str, columns: Names, **options: Any) -> None:
        """Expect that columns are never NULL."""
        self._add(Check.NOT_NULL, {"table": table, "columns": columns, **options})

    def unique(
        self, table: str, columns: Names, *, ignore_case: bool = False, **options: Any
    ) -> None:
        """Expect that no two rows have the same values in columns."""
        given = {"table": table, "columns": columns, "ignore_case": ignore_case, **options}
        self._add(Check.UNIQUE, given)

    def refers(
        self,
        table: str,
        columns: Names,
        *,
        to: str,
        to_columns: Names | None = None,
        **options: Any,
    ) -> None:
        """Expect that columns hold what is in columns of a table: its primary key by default."""
        given = {"table": table, "columns": columns, "to": to, "to_columns": to_columns}
        self._add(Check.REFERS, {**given, **options})

    def between(
        self,
        table: str,
        column: str,
        least: Bound | None = None,
        most: Bound | None = None,
        **options: Any,
    ) -> None:
        """Expect numbers, dates or times between two bounds, which belong to it."""
        given = {"table": table, "columns": column, "least": least, "most": most}
        self._add(Check.BETWEEN, {**given, **options})

    def length(
        self,
        table: str,
        column: str,
        *,
        at_least: int | None = None,
        at_most: int | None = None,
        exactly: int | None = None,
        **options: Any,
    ) -> None:
        """Expect texts of so many characters, or so many bytes in a binary column."""
        self._add(
            Check.LENGTH,
            {"table": table, "columns": column, "at_least": at_least, "at_most": at_most,
             "exactly": exactly, **options},
        )  # fmt: skip

    def matches(self, table: str, column: str, pattern: str, **options: Any) -> None:
        """Expect texts in which a regular expression is found."""
        self._add(Check.MATCHES, {"table": table, "columns": column, "pattern": pattern, **options})

    def one_of(self, table: str, column: str, values: Sequence[object], **options: Any) -> None:
        """Expect no other values than these."""
        self._add(Check.ONE_OF, {"table": table, "columns": column, "values": values, **options})

    def same_rows(
        self, table: str, *, by: Names = (), was_table: str | None = None, **options: Any
    ) -> None:
        """Expect as many rows as before the migration, also for each value of `by`."""
        given = {"table": table, "by": by, "was_table": was_table}
        self._add(Check.SAME_ROWS, {**given, **options})

    def same_sum(
        self,
        table: str,
        value: str | tables.Sql,
        *,
        by: Names = (),
        tolerance: Number | None = None,
        was_table: str | None = None,
        was: str | tables.Sql | None = None,
        **options: Any,
    ) -> None:
        """Expect the same sum of a column or expression as before the migration."""
        self._add(
            Check.SAME_SUM,
            {"table": table, "value": value, "by": by, "tolerance": tolerance,
             "was_table": was_table, "was": was, **options},
        )  # fmt: skip

    def _add(self, check: Check, options: Mapping[str, object]) -> None:
        given = {name: value for name, value in options.items() if value is not None}
        try:
            rule = made(check, given)
        except judge.Unfit as unfit:
            raise errors.BadRule(check, why=str(unfit), place=_place()) from None
        self.rules.append(dataclasses.replace(rule, place=_place()))


def _place() -> str:
    """Return file:line of the code that wrote a rule."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return f"{configs.shown(Path(frame.f_code.co_filename))}:{frame.f_lineno}"


# --- from options to a rule -------------------------------------------------------------------


def _text(value: object) -> str:
    if isinstance(value, tables.Sql):
        return value.text
    if isinstance(value, str) and value.strip():
        return value
    raise judge.Unfit(f"has to be a text, not {value!r}")


def _names(value: object) -> tuple[str, ...]:
    found = (value,) if isinstance(value, str) else value
    if isinstance(found, list | tuple) and all(isinstance(one, str) and one for one in found):
        return tuple(found)
    raise judge.Unfit(f"has to be a name or a list of names, not {value!r}")


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise judge.Unfit(f"has to be a whole number from 0 on, not {value!r}")


def _limit(value: object) -> int:
    if _count(value) > 0:
        return _count(value)
    raise judge.Unfit("has to be at least 1")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise judge.Unfit(f"has to be true or false, not {value!r}")


def _bound(value: object) -> judge.Bound:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        found = Decimal(str(value))
        if found.is_finite():
            return found
    if isinstance(value, dt.date | dt.time):
        return value
    raise judge.Unfit(f"has to be a number, a date or a time, not {value!r}")


def _number(value: object) -> judge.Bound:
    bound = _bound(value)
    if isinstance(bound, Decimal) and bound >= 0:
        return bound
    raise judge.Unfit(f"has to be a number from 0 on, not {value!r}")


def _severity(value: object) -> rules.Severity:
    try:
        return rules.Severity(str(value))
    except ValueError:
        raise judge.Unfit(f'has to be "error" or "warning", not {value!r}') from None


def _values(value: object) -> tuple[object, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise judge.Unfit(f"has to be a list of values, not {value!r}")
    if any(one is None for one in value):
        raise judge.Unfit("has NULL among its values, which this rule does not look at")
    plain = (str, bool, int, float, Decimal, dt.date, dt.time)
    texts = sum(isinstance(one, str) for one in value)
    if not all(isinstance(one, plain) for one in value) or texts not in (0, len(value)):
        raise judge.Unfit("has to be a list of texts, or one of numbers or dates")
    return tuple(value)


def _pattern(value: object) -> str:
    judge.pieces(_text(value))
    return _text(value)


def _params(value: object) -> Sequence[object] | Mapping[str, object]:
    if isinstance(value, Mapping | list | tuple):
        return value
    raise judge.Unfit(f"has to be a list or a table of values, not {value!r}")


# Of each option: the field of the rule, and how its value is read.
_Reader = Callable[[Any], Any]
_OPTIONS: Final[Mapping[str, tuple[str, _Reader]]] = {
    "name": ("name", _text),
    "severity": ("severity", _severity),
    "message": ("message", _text),
    "limit": ("limit", _limit),
    "table": ("table", _text),
    "columns": ("columns", _names),
    "column": ("columns", lambda value: (_text(value),)),
    "where": ("where", _text),
    "least": ("least", _bound),
    "most": ("most", _bound),
    "at_least": ("least", _count),
    "at_most": ("most", _count),
    "exactly": ("", _count),
    "ignore_case": ("ignore_case", _flag),
    "pattern": ("pattern", _pattern),
    "values": ("allowed", _values),
    "same_as": ("other", _text),
    "to": ("to", _text),
    "to_columns": ("to_columns", _names),
    "sql": ("sql", _text),
    "params": ("params", _params),
    "value": ("value", _text),
    "by": ("by", _names),
    "tolerance": ("tolerance", _number),
    "was_table": ("was_table", _text),
    "was": ("was_value", _text),
}

# Of each check: the options it has to have, and those it may have.
_CHECKS: Final[Mapping[Check, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    Check.ROWS: (("table",), ("where", "exactly", "at_least", "at_most", "same_as")),
    Check.NOT_NULL: (("table", "columns"), ("where",)),
    Check.UNIQUE: (("table", "columns"), ("where", "ignore_case")),
    Check.REFERS: (("table", "columns", "to"), ("where", "to_columns")),
    Check.BETWEEN: (("table", "columns"), ("where", "least", "most")),
    Check.LENGTH: (("table", "columns"), ("where", "at_least", "at_most", "exactly")),
    Check.MATCHES: (("table", "columns", "pattern"), ("where",)),
    Check.ONE_OF: (("table", "columns", "values"), ("where",)),
    Check.NO_ROWS: (("sql",), ("params",)),
    Check.SAME_ROWS: (("table",), ("where", "by", "was_table")),
    Check.SAME_SUM: (("table", "value"), ("where", "by", "tolerance", "was_table", "was")),
}
_ONE_COLUMN: Final = frozenset({Check.BETWEEN, Check.LENGTH, Check.MATCHES, Check.ONE_OF})
_BOUNDED: Final = frozenset({Check.BETWEEN, Check.LENGTH})


def known(check: Check) -> tuple[str, ...]:
    """Return the options that a check takes."""
    needed, others = _CHECKS[check]
    return (*needed, *others, *_COMMON)


class _UnfitOption(judge.Unfit):
    """An option is wrong; `option` says which."""

    def __init__(self, option: str, why: str) -> None:
        super().__init__(f"{option} {why}" if option else why)
        self.option = option


def made(check: Check, options: Mapping[str, object]) -> Rule:
    """Return the rule that options mean, or raise judge.Unfit."""
    needed, _ = _CHECKS[check]
    for option in options:
        if option not in known(check):
            close = difflib.get_close_matches(option, known(check), n=1)
            near = f"did you mean {close[0]}?" if close else f"it takes: {', '.join(known(check))}"
            raise _UnfitOption(option, f"is no option of {check}; {near}")
    for option in needed:
        if option not in options:
            raise _UnfitOption("", f"{check} needs {option}")
    fields: dict[str, Any] = {}
    for option, value in options.items():
        field, read = _OPTIONS[option]
        try:
            found = read(value)
        except judge.Unfit as unfit:
            raise _UnfitOption(option, str(unfit)) from None
        if option == "exactly":
            fields |= {"least": found, "most": found}
        else:
            fields[field] = found
    rule = Rule(check=check, **fields)
    _refuse(rule, options)
    return rule


def _refuse(rule: Rule, options: Mapping[str, object]) -> None:
    if rule.check in _ONE_COLUMN and len(rule.columns) != 1:
        raise _UnfitOption("columns", f"has to be one column for {rule.check}")
    if "columns" in options and not rule.columns:
        raise _UnfitOption("columns", "is empty")
    if "exactly" in options and {"at_least", "at_most"} & set(options):
        raise _UnfitOption("exactly", "says it all; leave out at_least and at_most")
    bounded = rule.least is not None or rule.most is not None
    if rule.check in _BOUNDED and not bounded:
        raise _UnfitOption("", f"{rule.check} needs a bound")
    if rule.check is Check.ROWS and bounded == bool(rule.other):
        raise _UnfitOption("", "rows needs exactly, at_least or at_most; or same_as alone")
    if rule.to_columns and len(rule.columns) != len(rule.to_columns):
        count = len(rule.columns)
        raise _UnfitOption("to_columns", f"has to name as many as columns: {count}")
    if bounded and rule.least is not None and rule.most is not None:
        _refuse_bounds(rule.least, rule.most)


def _refuse_bounds(least: Any, most: Any) -> None:
    kinds = {_sort(least), _sort(most)}
    if len(kinds) > 1:
        raise _UnfitOption("", f"the bounds are of different kinds: {least} and {most}")
    try:
        empty = least > most
    except TypeError:  # a date and a moment, or one with a zone and one without
        return
    if empty:
        raise _UnfitOption("", f"nothing is between {least} and {most}")


def _sort(bound: object) -> str:
    if isinstance(bound, dt.time):
        return "time"
    return "date" if isinstance(bound, dt.date) else "number"


# --- from the configuration -------------------------------------------------------------------

EXAMPLE: Final = """\
[validate.emails_are_there]
check = "not_null"
table = "users"
columns = ["email"]"""


def read(said: Mapping[str, configs.RuleConfig]) -> list[Rule]:
    """Return the rules of whimbrel.toml; raise BadConfig, naming the line, for a wrong one."""
    return [_read(one) for one in said.values()]


def _read(one: configs.RuleConfig) -> Rule:
    options = dict(one.said)
    options.pop("databases", None)
    word = options.pop("check", None)
    asked = [check for check in Check if check not in rules.KEPT]
    if word is None or word not in asked:
        close = difflib.get_close_matches(str(word), asked, n=1)
        what = "no check" if word is None else f"the unknown check {word!r}"
        if word in rules.KEPT:
            what = f"the check {word!r}, which compares with what was before a migration"
        raise errors.BadConfig(
            f"the rule {one.name!r} has {what}",
            where=one.line("check"),
            remedy=f"did you mean:  {close[0]}" if close else f"known: {', '.join(asked)}",
        )
    try:
        if "name" in options:
            raise _UnfitOption("name", "is what stands in the section's brackets")
        if "column" in options and "columns" not in options:
            options["columns"] = options.pop("column")
        rule = made(Check(str(word)), {**options, "name": one.name})
    except judge.Unfit as unfit:
        option = getattr(unfit, "option", "")
        takes = [name for name in known(Check(str(word))) if name != "name"]
        raise errors.BadConfig(
            f"the rule {one.name!r} cannot be meant: {unfit}",
            where=one.line(option),
            remedy=f"{word} takes: {', '.join(takes)}",
        ) from None
    return dataclasses.replace(rule, place=one.line(""))
