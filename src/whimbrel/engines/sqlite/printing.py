"""Rows written by SQLite itself, for columns whose values are proven to be plain.

One call of printf() writes a whole line, in a third of the time that Python takes to fetch the
values and to write them. What it writes is what `texts` would write of the same values, letter by
letter, because the profiler has looked at all of them (`glance`); nothing else is written so.

    whole numbers      %d
    decimals           %.9g with as many digits as the longest has: no zeros at the end, no point
    days, moments      %s
    texts              %s; escaped where there is anything to be escaped
    with NULL          %s of what stands for NULL, or of the value
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Sequence
from typing import Final

from whimbrel.engines import transport
from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Plain
from whimbrel.engines.sqlite import declared

#: So many digits of a number are those that SQLite writes, wherever it runs.
MOST_DIGITS: Final = 14
#: So many of them behind the point; of smaller numbers it writes an exponent.
MOST_PLACES: Final = 4

# SQLite lets a function have 100 arguments.
_MOST_ARGUMENTS: Final = 90
_WHOLE: Final = frozenset({Family.INTEGER, Family.BOOLEAN})
# What a column is declared as, and the forms in which its plain values have the same text.
_SAME_TEXT: Final = {
    Family.INTEGER: frozenset({Family.INTEGER, Family.DECIMAL}),
    Family.BOOLEAN: frozenset({Family.BOOLEAN, Family.INTEGER, Family.DECIMAL}),
    Family.DECIMAL: frozenset({Family.DECIMAL}),
    Family.TEXT: frozenset({Family.TEXT}),
    Family.DATE: frozenset({Family.DATE}),
    Family.DATETIME: frozenset({Family.DATETIME, Family.INSTANT}),
    Family.INSTANT: frozenset({Family.INSTANT}),
}


def can(carried: transport.Carried) -> bool:
    """Whether SQLite itself may write a column."""
    form, plain = carried.value.form, carried.plain
    if plain is None or form.typed or form.scale is not None or form.padded:
        return False
    return form.family in _SAME_TEXT.get(declared.family(carried.value.column.type), frozenset())


def line(carried: Sequence[transport.Carried], format: transport.Format, *, whole: bool) -> str:
    """Return SQL for neighbouring fields of a row, or for a whole row with its brackets or end."""
    copy = format is transport.Format.COPY
    between = "\t" if copy else ","
    parts = []
    for at in range(0, len(carried), _MOST_ARGUMENTS):
        some = [_field(one, copy=copy) for one in carried[at : at + _MOST_ARGUMENTS]]
        before = between if at else "(" if whole and not copy else ""
        last = at + _MOST_ARGUMENTS >= len(carried)
        behind = ("\n" if copy else ")") if last and whole else ""
        shape = before + between.join(spec for spec, _ in some) + behind
        parts.append(f"printf({_literal(shape)}, {', '.join(sql for _, sql in some)})")
    return " || ".join(parts)


def _field(carried: transport.Carried, *, copy: bool) -> tuple[str, str]:
    """Return how printf() reads a field, and the field."""
    value, family = f"({carried.value.sql})", carried.value.form.family
    plain = carried.plain or Plain()
    source = declared.family(carried.value.column.type)
    quoted = not copy and family not in _WHOLE
    if source is Family.DECIMAL:
        spec = f"%.{plain.digits}g"
    elif source in _WHOLE:
        spec = "%d"
    elif not plain.special:
        spec = "%s"
    elif copy:
        spec, value = "%s", _escaped(value)
    else:
        spec = "%q"
    around = "'" if quoted else ""
    if not plain.nulls:
        return f"{around}{spec}{around}", value
    null = "'\\N'" if copy else "'NULL'"
    if spec == "%s" and not quoted:
        return "%s", f"ifnull({value}, {null})"
    if spec == "%d" and not quoted:
        return "%s", f"ifnull({value}, {null})"
    written = f"printf({_literal(f'{around}{spec}{around}')}, {value})"
    return "%s", f"CASE WHEN {value} IS NULL THEN {null} ELSE {written} END"


def _escaped(value: str) -> str:
    for mark, letter in (("92", "\\"), ("9", "t"), ("10", "n"), ("13", "r")):
        value = f"replace({value}, char({mark}), '\\{letter}')"
    return value


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# --- what SQLite writes ---------------------------------------------------------------------


@functools.cache
def writes_exactly() -> bool:
    """Whether this SQLite writes numbers of few digits as they are read; tried once.

    It writes the digits of a double one by one, by multiplying with ten. A number that is the
    double next to one of so few digits is off by less than a unit of its 16th; what the steps add
    to that stays far below half a unit of the 14th, by which it is rounded. Other ways of writing
    them would show in some of thousands.
    """
    driver = sqlite3.connect(":memory:")
    try:
        return all(_writes(driver, number) for number in _samples())
    finally:
        driver.close()


def _samples() -> list[tuple[float, int]]:
    """Return numbers, each with its digits."""
    found = []
    for places in range(1, MOST_PLACES + 1):
        for step in (1, 7, 9_973, 99_999_989, 9_999_999_967):
            for number in (*range(-20, 0), *range(1, 150)):
                digits = len(str(abs(step * number))) + places
                found.append((step * number / 10**places, min(digits, MOST_DIGITS)))
    return found


def _writes(driver: sqlite3.Connection, sample: tuple[float, int]) -> bool:
    number, digits = sample
    (text,) = driver.execute("SELECT printf(?, ?)", (f"%.{digits}g", number)).fetchone()
    return str(text) == repr(number).removesuffix(".0")
