"""Functions of dates and times, and `date + INTERVAL`.

On SQLite dates are texts: functions of ours read them strictly, and stop at what is no date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from whimbrel.engines.translate import calls, casts, formats, kinds
from whimbrel.engines.translate.calls import Call, Templates, Writer, Written, rule
from whimbrel.engines.translate.kinds import Kind

_ZONE: Final = "times without a zone are those of the database session's time zone"
# What PostgreSQL and SQLite call MySQL's units.
_UNITS: Final = frozenset({"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"})
_DAYS: Final = frozenset({"YEAR", "QUARTER", "MONTH", "WEEK", "DAY"})

# --- now --------------------------------------------------------------------------------------


@rule(
    args=(0, 1),
    gives=Kind.DATETIME,
    mysql="NOW CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP SYSDATE",
    postgres="NOW CURRENT_TIMESTAMP LOCALTIMESTAMP STATEMENT_TIMESTAMP CLOCK_TIMESTAMP",
)
def now(call: Call) -> Written:
    if call.args:
        call.refuse("write it without a number of decimals")
    call.writer.note(_ZONE)
    if call.target == "sqlite":
        return "DATETIME('now', 'localtime')"
    if call.target == "mysql":
        return "NOW()"
    # A whole second, of the statement's beginning and not the transaction's.
    return "DATE_TRUNC('second', CAST(STATEMENT_TIMESTAMP() AS TIMESTAMP))"


@rule(args=0, gives=Kind.DATETIME, mysql="UTC_TIMESTAMP", sqlite="CURRENT_TIMESTAMP")
def utc_now(call: Call) -> Templates:
    return {
        "mysql": "UTC_TIMESTAMP()",
        "postgres": "DATE_TRUNC('second', STATEMENT_TIMESTAMP() AT TIME ZONE 'UTC')",
        "sqlite": "DATETIME('now')",
    }


@rule(args=0, gives=Kind.DATE, mysql="CURDATE CURRENT_DATE", postgres="CURRENT_DATE")
def today(call: Call) -> Templates:
    call.writer.note(_ZONE)
    return {
        "mysql": "CURDATE()",
        "postgres": "CAST(STATEMENT_TIMESTAMP() AS DATE)",
        "sqlite": "DATE('now', 'localtime')",
    }


@rule(args=0, gives=Kind.DATE, mysql="UTC_DATE", sqlite="CURRENT_DATE")
def utc_today(call: Call) -> Templates:
    return {
        "mysql": "UTC_DATE()",
        "postgres": "CAST(STATEMENT_TIMESTAMP() AT TIME ZONE 'UTC' AS DATE)",
        "sqlite": "DATE('now')",
    }


# --- SQLite's own ------------------------------------------------------------------------------


def _is_now(call: Call, index: int) -> bool:
    return (call.literal(index) or "").lower() == "now"


@rule(args=1, gives=Kind.DATE, sqlite="DATE")
def sqlite_date(call: Call) -> Written:
    if _is_now(call, 0):
        return utc_today(call)
    return casts.as_day(call.writer, call.args[0])


@rule(args=1, gives=Kind.DATETIME, sqlite="DATETIME")
def sqlite_datetime(call: Call) -> Written:
    if _is_now(call, 0):
        return utc_now(call)
    if call.target == "mysql":
        return f"CAST({call.value(0)} AS DATETIME)"
    return f"DATE_TRUNC('second', {casts.as_moment(call.writer, call.args[0])})"


_STRFTIME: Final = {"Y": "%Y", "m": "%m", "d": "%d", "H": "%H", "M": "%i", "S": "%s", "%": "%%"}


@rule(args=2, gives=Kind.TEXT, sqlite="STRFTIME")
def strftime(call: Call) -> Written:
    format = call.literal(0)
    codes = re.findall(r"%(.?)", format or "")
    if format is None or _is_now(call, 1) or not set(codes) <= set(_STRFTIME):
        call.refuse("it has a rule for literal formats of %Y %m %d %H %M %S, and not for 'now'")
    shape = re.sub(r"%(.)", lambda match: _STRFTIME[match[1]], format)
    if call.target == "mysql":
        return f"DATE_FORMAT({call.value(1)}, {calls.quoted(shape, 'mysql')})"
    return _formatted(call.args[1], shape, call)


# --- parts ------------------------------------------------------------------------------------

_PARTS: Final[Mapping[str, tuple[str, str]]] = {
    # name: MySQL's function, PostgreSQL's expression
    "YEAR": ("YEAR({0})", "EXTRACT(YEAR FROM {0})"),
    "QUARTER": ("QUARTER({0})", "EXTRACT(QUARTER FROM {0})"),
    "MONTH": ("MONTH({0})", "EXTRACT(MONTH FROM {0})"),
    "DAY": ("DAY({0})", "EXTRACT(DAY FROM {0})"),
    "HOUR": ("HOUR({0})", "EXTRACT(HOUR FROM {0})"),
    "MINUTE": ("MINUTE({0})", "EXTRACT(MINUTE FROM {0})"),
    "SECOND": ("SECOND({0})", "TRUNC(EXTRACT(SECOND FROM {0}))"),
    "DAYOFYEAR": ("DAYOFYEAR({0})", "EXTRACT(DOY FROM {0})"),
    "DAYOFWEEK": ("DAYOFWEEK({0})", "EXTRACT(DOW FROM {0}) + 1"),
    "WEEKDAY": ("WEEKDAY({0})", "EXTRACT(ISODOW FROM {0}) - 1"),
    "ISOWEEK": ("WEEK({0}, 3)", "EXTRACT(WEEK FROM {0})"),
}


def _part(call: Call, part: str) -> str:
    node = call.args[0]
    if call.target == "sqlite":
        ours = call.writer.need("whimbrel_date_part")
        return f"{ours}('{part.lower()}', {call.value(0)})"
    mysql, postgres = _PARTS[part]
    if call.target == "mysql":
        return mysql.format(call.value(0))
    return f"CAST({postgres.format(casts.as_moment(call.writer, node))} AS INTEGER)"


def _declare(part: str, *, mysql: str = "", postgres: str = "") -> None:
    @rule(args=1, gives=Kind.INTEGER, mysql=mysql, postgres=postgres)
    def write(call: Call) -> Written:
        return _part(call, part)


for _unit_name in ("YEAR", "QUARTER", "MONTH", "HOUR", "MINUTE"):
    _declare(
        _unit_name, mysql=f"{_unit_name} EXTRACT_{_unit_name}", postgres=f"EXTRACT_{_unit_name}"
    )
_declare("DAY", mysql="DAY DAYOFMONTH EXTRACT_DAY", postgres="EXTRACT_DAY")
# A second has decimals in PostgreSQL, and EXTRACT(WEEK …) counts from Sundays in MySQL.
_declare("SECOND", mysql="SECOND EXTRACT_SECOND")
_declare("DAYOFYEAR", mysql="DAYOFYEAR", postgres="EXTRACT_DOY")
_declare("DAYOFWEEK", mysql="DAYOFWEEK")
_declare("WEEKDAY", mysql="WEEKDAY")
_declare("ISOWEEK", mysql="WEEKOFYEAR", postgres="EXTRACT_WEEK")


@rule(args=2, gives=Kind.INTEGER, mysql="WEEK")
def week(call: Call) -> Written:
    if call.integer(1) != 3:
        call.refuse(calls.WHY_NOT["WEEK"])
    return _part(call, "ISOWEEK")


@rule(args=2, gives=Kind.INTEGER, postgres="DATE_PART")
def date_part(call: Call) -> Written:
    part = (call.literal(0) or "").upper()
    if part not in _PARTS or part == "SECOND":
        call.refuse("it has a rule for years to minutes; write EXTRACT(YEAR FROM x)")
    return _part(Call(call.name, call.args[1:], call.writer), part)


@rule(args=1, gives=Kind.TEXT, mysql="DAYNAME")
def dayname(call: Call) -> Written:
    return _formatted(call.args[0], "%W", call)


@rule(args=1, gives=Kind.TEXT, mysql="MONTHNAME")
def monthname(call: Call) -> Written:
    return _formatted(call.args[0], "%M", call)


@rule(args=1, gives=Kind.DATE, mysql="LAST_DAY")
def last_day(call: Call) -> Written:
    if call.target == "sqlite":
        return f"{call.writer.need('whimbrel_last_day')}({call.value(0)})"
    month = f"DATE_TRUNC('month', {casts.as_moment(call.writer, call.args[0])})"
    return f"CAST({month} + INTERVAL '1 month' - INTERVAL '1 day' AS DATE)"


_TRUNCATED: Final = {
    "year": "%Y-01-01 00:00:00",
    "month": "%Y-%m-01 00:00:00",
    "day": "%Y-%m-%d 00:00:00",
    "hour": "%Y-%m-%d %H:00:00",
    "minute": "%Y-%m-%d %H:%i:00",
    "second": "%Y-%m-%d %H:%i:%s",
}


@rule(args=2, gives=Kind.DATETIME, postgres="DATE_TRUNC")
def date_trunc(call: Call) -> Written:
    format = _TRUNCATED.get((call.literal(0) or "").lower())
    if format is None:
        call.refuse("it has a rule for: " + ", ".join(_TRUNCATED))
    if call.target == "sqlite":
        return _formatted(call.args[1], format, call)
    return f"CAST(DATE_FORMAT({call.value(1)}, '{format}') AS DATETIME)"


@rule(args=1, gives=Kind.DATE, mysql="DATE")
def date(call: Call) -> Written:
    return casts.as_day(call.writer, call.args[0])


# --- formats ----------------------------------------------------------------------------------


def _formatted(node: exp.Expr, format: str, call: Call) -> str:
    if call.target == "sqlite":
        ours = call.writer.need("whimbrel_date_format")
        return f"{ours}({call.writer.value(node)}, {calls.quoted(format, 'sqlite')})"
    pattern = formats.to_postgres(format)
    if pattern is None:
        call.refuse("%U, %u, %V, %X, %w have no counterpart in PostgreSQL; %v, %x, %W have")
    moment = casts.as_moment(call.writer, node)
    return f"TO_CHAR({moment}, {calls.quoted(pattern, 'postgres')})"


@rule(args=2, gives=Kind.TEXT, mysql="DATE_FORMAT")
def date_format(call: Call) -> Written:
    format = call.literal(1)
    if format is None:
        call.refuse("write the format as a literal")
    return _formatted(call.args[0], format, call)


@rule(args=2, gives=Kind.TEXT, postgres="TO_CHAR")
def to_char(call: Call) -> Written:
    if call.kind(0) not in (None, *kinds.MOMENTS):
        call.refuse("it has a rule for dates only")
    format = formats.from_postgres(call.literal(1) or "")
    if not format:
        call.refuse("it has a rule for formats of YYYY, MM, DD, HH24, MI, SS and signs")
    if call.target == "mysql":
        return f"DATE_FORMAT({call.value(0)}, {calls.quoted(format, 'mysql')})"
    return _formatted(call.args[0], format, call)


def _read_kind(call: Call) -> Kind:
    format = call.literal(1) or ""
    return Kind.DATETIME if formats.has_time(format) else Kind.DATE


@rule(args=2, gives=_read_kind, mysql="STR_TO_DATE")
def str_to_date(call: Call) -> Written:
    format = call.literal(1)
    reading = formats.reading(format) if format is not None else None
    if format is None or reading is None:
        call.refuse(
            "it has a rule for literal formats of %Y %y %m %c %d %e %H %k %i %s %S %T %M %b"
        )
    if not formats.is_whole_date(format):
        call.refuse("the format has to have a year, a month and a day")
    if call.target == "sqlite":
        ours = call.writer.need("whimbrel_str_to_date")
        return f"{ours}({call.value(0)}, {calls.quoted(format, 'sqlite')})"
    text = call.text(0)
    read = f"TO_TIMESTAMP({text}, {calls.quoted(reading.postgres, 'postgres')})"
    read = f"CAST({read} AS {'TIMESTAMP' if formats.has_time(format) else 'DATE'})"
    # PostgreSQL overlooks what does not fit the format; this does not, and stops as MySQL does.
    return (
        f"CASE WHEN {text} ~ {calls.quoted(reading.regexp, 'postgres')} THEN {read} "
        f"WHEN {text} IS NOT NULL THEN CAST('no date of the format: ' || {text} AS "
        f"{'TIMESTAMP' if formats.has_time(format) else 'DATE'}) END"
    )


# --- seconds since 1970 -----------------------------------------------------------------------


@rule(args=(0, 1), gives=Kind.DECIMAL, mysql="UNIX_TIMESTAMP")
def unix_timestamp(call: Call) -> Written:
    if not call.args:
        return {
            "postgres": "CAST(FLOOR(EXTRACT(EPOCH FROM STATEMENT_TIMESTAMP())) AS BIGINT)",
            "sqlite": "CAST(STRFTIME('%s', 'now') AS INTEGER)",
        }
    call.writer.note(_ZONE)
    if call.target == "sqlite":
        return f"{call.writer.need('whimbrel_unix_timestamp')}({call.value(0)})"
    moment = casts.as_moment(call.writer, call.args[0])
    seconds = f"EXTRACT(EPOCH FROM CAST({moment} AS TIMESTAMPTZ))"
    # Before 1970 MySQL gives NULL.
    return f"CASE WHEN {seconds} >= 0 THEN {seconds} END"


@rule(
    args=(1, 2),
    gives=lambda call: Kind.DATETIME if len(call.args) == 1 else Kind.TEXT,
    mysql="FROM_UNIXTIME",
)
def from_unixtime(call: Call) -> Written:
    call.writer.note(_ZONE)
    if call.target == "sqlite":
        moment = f"{call.writer.need('whimbrel_from_unixtime')}({call.value(0)})"
    else:
        seconds = call.value(0)
        moment = f"CASE WHEN {seconds} >= 0 THEN CAST(TO_TIMESTAMP({seconds}) AS TIMESTAMP) END"
    if len(call.args) == 1:
        return moment
    format = call.literal(1)
    pattern = formats.to_postgres(format) if format is not None else None
    if format is None or pattern is None:
        call.refuse("write the format as a literal, without %U %u %V %X %w")
    if call.target == "sqlite":
        ours = call.writer.need("whimbrel_date_format")
        return f"{ours}({moment}, {calls.quoted(format, 'sqlite')})"
    return f"TO_CHAR({moment}, {calls.quoted(pattern, 'postgres')})"


# --- calculating ------------------------------------------------------------------------------


@rule(args=2, gives=Kind.INTEGER, mysql="DATEDIFF")
def datediff(call: Call) -> Written:
    if call.target == "sqlite":
        return f"{call.writer.need('whimbrel_datediff')}({call.value(0)}, {call.value(1)})"
    one, other = (casts.as_day(call.writer, node) for node in call.args)
    return f"{_dated(one, call.args[0])} - {_dated(other, call.args[1])}"


def _dated(text: str, node: exp.Expr) -> str:
    # A literal alone has no type in PostgreSQL, and '…' - '…' is nothing.
    return text if text.startswith("CAST(") else f"CAST({text} AS DATE)"


def _unit(node: exp.Expr, call: Call) -> str:
    word = str(node.this.this if isinstance(node, exp.Column) else node.this).upper()
    unit = word.removeprefix("SQL_TSI_")
    if unit not in _UNITS:
        call.refuse(f"it has no rule for the unit {word}")
    return unit


@rule(args=3, gives=Kind.INTEGER, mysql="TIMESTAMPDIFF")
def timestampdiff(call: Call) -> Written:
    unit = _unit(call.args[0], call)
    if call.target == "sqlite":
        ours = call.writer.need("whimbrel_timestampdiff")
        return f"{ours}('{unit.lower()}', {call.value(1)}, {call.value(2)})"
    start, end = (casts.as_moment(call.writer, node) for node in call.args[1:])
    seconds = {"WEEK": 604800, "DAY": 86400, "HOUR": 3600, "MINUTE": 60, "SECOND": 1}
    if unit in seconds:
        passed = f"EXTRACT(EPOCH FROM {end} - {start})"
        return f"CAST(TRUNC({passed} / {seconds[unit]}) AS BIGINT)"
    return f"CAST(TRUNC(({_months(start, end)}) / {_MONTHS[unit]}.0) AS BIGINT)"


_MONTHS: Final = {"YEAR": 12, "QUARTER": 3, "MONTH": 1}


def _months(start: str, end: str) -> str:
    """Write the whole months between two moments: one less if day and time are not reached."""

    def number(moment: str) -> str:
        return f"(EXTRACT(YEAR FROM {moment}) * 12 + EXTRACT(MONTH FROM {moment}))"

    def rest(moment: str) -> str:
        return f"TO_CHAR({moment}, 'DDHH24MISSUS')"

    return (
        f"{number(end)} - {number(start)} - "
        f"CASE WHEN {end} >= {start} AND {rest(end)} < {rest(start)} THEN 1 "
        f"WHEN {end} < {start} AND {rest(end)} > {rest(start)} THEN -1 ELSE 0 END"
    )


@rule(args=3, gives=lambda call: _sum_kind(call.writer, call.args[2]), mysql="TIMESTAMPADD")
def timestampadd(call: Call) -> Written:
    unit = exp.var(_unit(call.args[0], call))
    return _moved(call.writer, call.args[2], call.args[1], unit, "+")


def _sum_kind(writer: Writer, node: exp.Expr) -> Kind | None:
    kind = writer.kind(node)
    return Kind.DATETIME if kind is Kind.DATETIME else None


def _date_add(call: Call, sign: str) -> Written:
    amount = call.args[1]
    if not isinstance(amount, exp.Interval):
        if call.name in ("ADDDATE", "SUBDATE"):
            return _moved(call.writer, call.args[0], amount, exp.var("DAY"), sign)
        call.refuse("write INTERVAL behind the comma:  INTERVAL 1 DAY")
    return _by_interval(call.writer, call.args[0], amount, sign)


@rule(args=2, gives=lambda call: _sum_kind(call.writer, call.args[0]), mysql="DATE_ADD ADDDATE")
def date_add(call: Call) -> Written:
    return _date_add(call, "+")


@rule(args=2, gives=lambda call: _sum_kind(call.writer, call.args[0]), mysql="DATE_SUB SUBDATE")
def date_sub(call: Call) -> Written:
    return _date_add(call, "-")


def sum_of_moment(writer: Writer, node: exp.Expr) -> str | None:
    """Write `date + INTERVAL …` and its like, or return None for a sum of other things."""
    left, right = node.this, node.expression
    if isinstance(right, exp.Interval) and isinstance(node, (exp.Add, exp.Sub)):
        return _by_interval(writer, left, right, "+" if isinstance(node, exp.Add) else "-")
    if isinstance(left, exp.Interval) and isinstance(node, exp.Add):
        return _by_interval(writer, right, left, "+")
    return None


def _by_interval(writer: Writer, moment: exp.Expr, interval: exp.Interval, sign: str) -> str:
    writer.only(interval, "this", "unit")
    unit = interval.args.get("unit")
    if unit is None:
        writer.source.refuse("an INTERVAL of several units", "add one unit at a time")
    return _moved(writer, moment, interval.this, unit, sign)


def _moved(writer: Writer, moment: exp.Expr, amount: exp.Expr, unit: exp.Expr, sign: str) -> str:
    word = str(unit.this if isinstance(unit, exp.Var) else unit).upper().removesuffix("S")
    if word not in _UNITS:
        writer.source.refuse(f"INTERVAL of {word}", "write one of: " + ", ".join(sorted(_UNITS)))
    number = _amount(writer, amount)
    # A date moved is a date in MySQL, a datetime in PostgreSQL.
    widened = writer.read == "postgres" and writer.kind(moment) is not Kind.DATETIME
    if writer.target == "sqlite":
        at = casts.as_moment(writer, moment) if widened else writer.value(moment)
        ours = writer.need("whimbrel_date_add")
        return f"{ours}({at}, {'-' * (sign == '-')}{number}, '{word.lower()}')"
    if writer.target == "mysql":
        at = casts.as_moment(writer, moment) if widened else writer.value(moment)
        function = "DATE_ADD" if sign == "+" else "DATE_SUB"
        return f"{function}({at}, INTERVAL {number} {word})"
    step = {"QUARTER": "3 months", "WEEK": "7 days"}.get(word, f"1 {word.lower()}")
    moved = f"{casts.as_moment(writer, moment)} {sign} {number} * INTERVAL '{step}'"
    kind = _moment_kind(writer, moment)
    if kind is Kind.DATE and word in _DAYS:
        return f"CAST({moved} AS DATE)"
    if kind is None and word in _DAYS:
        writer.note("a date moved by days is a datetime here, where its column's type is not known")
    return moved


def _moment_kind(writer: Writer, node: exp.Expr) -> Kind | None:
    inner = calls.plain(node)
    if isinstance(inner, exp.Literal) and inner.is_string:
        return Kind.DATE if len(str(inner.this)) == len("2020-01-31") else Kind.DATETIME
    return writer.kind(node)


def _amount(writer: Writer, node: exp.Expr) -> str:
    inner = calls.plain(node)
    if isinstance(inner, exp.Literal):
        text = str(inner.this).strip()
        if not text.lstrip("-").isdigit():
            writer.source.refuse(f"INTERVAL {text!r}", "write a whole number of one unit")
        return f"({text})" if text.startswith("-") else text
    if writer.target == "postgres":
        return f"CAST({writer.value(node)} AS INTEGER)"
    if writer.kind(node) is not Kind.INTEGER and writer.target == "sqlite":
        return f"{writer.need('whimbrel_integer')}({writer.value(node)}, 0)"
    return writer.operand(node)
