"""Measure what data steps touch, before and after: rows of tables, NULLs and lengths of columns.

One query for the rows of a table and one for its columns, and only where that is cheap: a report
must not slow down what it reports. What was left out says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from whimbrel import tables, words
from whimbrel.engines import base, sqltext
from whimbrel.migrations import plan as plans
from whimbrel.reports import report as reports

# Up to so many rows are counted one by one; of more, the server is asked for its guess.
COUNTED_ROWS: Final = 1_000_000
# In tables up to so many rows, columns are looked at.
PROFILED_ROWS: Final = 100_000
# So many tables, and so many columns of one, at most.
MOST_TABLES: Final = 50
MOST_COLUMNS: Final = 40
# One query takes no longer, where a server lets itself be told.
SECONDS: Final = 2.0

NOT_THERE: Final = "not there"
# Kinds of steps that change rows.
DATA: Final = frozenset({"data", "rows", "model"})
_TEXTS: Final = ("char", "text", "clob", "string", "enum")
_NO_LENGTHS: Final = ("binary", "blob", "bytea")
_BEFORE_A_NAME: Final = frozenset({"INTO", "UPDATE", "FROM", "ONLY", "TABLE", "IGNORE"})
_AFTER_SET: Final = frozenset({"WHERE", "FROM", "RETURNING", "LIMIT", "ORDER"})
# Between the verb and the name of its table.
_SKIPPED: Final = frozenset({"OR", "REPLACE", "ABORT", "FAIL", "ROLLBACK", "LOW_PRIORITY"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A table that a plan writes, and which columns; None is all of them."""

    table: str
    columns: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured at one moment, by table, and by table and column."""

    counts: Mapping[str, reports.Count]
    values: Mapping[tuple[str, str], reports.Values]
    why: Mapping[tuple[str, str], str]


NOTHING: Final = Measured(counts={}, values={}, why={})


# --- what is written ------------------------------------------------------------------------


def written(plan: plans.Plan, dialect: str) -> list[Written]:
    """Return the tables whose rows a plan changes, as far as its statements name them."""
    found: dict[str, set[str] | None] = {}
    for migration in plan.migrations:
        for step in migration.steps:
            if step.kind not in DATA:
                continue
            for sql in step.statements:
                named = target(sql, dialect)
                if named is None:
                    continue
                known = found.setdefault(named.table, set())
                if named.columns is None:
                    found[named.table] = None
                elif known is not None:
                    known.update(named.columns)
    return [
        Written(table=table, columns=None if columns is None else tuple(sorted(columns)))
        for table, columns in found.items()
    ]


def target(sql: str, dialect: str) -> Written | None:
    """Return the table that a statement writes, or None if it does not say so plainly."""
    tokens = sqltext.significant(sql, dialect)
    verb = tokens[0].word if tokens else ""
    if verb not in {"INSERT", "UPDATE", "DELETE", "REPLACE"}:
        return None
    at = 1
    while at < len(tokens) and tokens[at].word in _BEFORE_A_NAME | _SKIPPED:
        at += 1
    if at >= len(tokens) or tokens[at].sort not in (sqltext.Sort.NAME, sqltext.Sort.WORD):
        return None
    if at + 1 < len(tokens) and tokens[at + 1].text == ".":
        return None  # a table of another schema or database
    columns: tuple[str, ...] | None = None
    if verb == "UPDATE":
        columns = _assigned(tokens[at + 1 :])
    if verb == "DELETE":
        columns = ()
    return Written(table=_name(tokens[at]), columns=columns)


def _assigned(tokens: Sequence[sqltext.Token]) -> tuple[str, ...] | None:
    """Return the columns before each `=` of a SET; None where they are not plain names."""
    start = next((at for at, token in enumerate(tokens) if token.word == "SET"), None)
    if start is None:
        return None
    names: list[str] = []
    depth, expected = 0, True
    after = [*tokens[start + 2 :], None]
    for token, behind in zip(tokens[start + 1 :], after, strict=True):
        if expected:
            plain = token.sort in (sqltext.Sort.NAME, sqltext.Sort.WORD)
            if not plain or behind is None or behind.text != "=":
                return None
            names.append(_name(token))
            expected = False
            continue
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.text == ",":
            expected = True
        if depth == 0 and token.word in _AFTER_SET:
            break
    return tuple(names)


def _name(token: sqltext.Token) -> str:
    if token.sort is not sqltext.Sort.NAME:
        return token.text
    mark = token.text[-1]
    return token.text[1:-1].replace(mark * 2, mark)


# --- measuring ------------------------------------------------------------------------------


def measure(session: base.Session, chosen: Iterable[Written]) -> Measured:
    """Count the rows of tables, and look at the columns of those that are small."""
    catalog = session.engine.catalog(session)
    counts: dict[str, reports.Count] = {}
    values: dict[tuple[str, str], reports.Values] = {}
    why: dict[tuple[str, str], str] = {}
    for one in list(chosen)[:MOST_TABLES]:
        table = catalog.find(one.table)
        if table is None:
            counts[one.table] = reports.Count(why=NOT_THERE)
            why.update({(one.table, name): NOT_THERE for name in one.columns or ()})
            continue
        counts[one.table] = count(session, table.name)
        named = _profiled(table, one)
        for name in set(one.columns or ()) - set(named):
            if not table.has(name):
                why[one.table, name] = NOT_THERE
        rows = counts[one.table].rows
        if rows is None or rows > PROFILED_ROWS:
            limit = f"more than {PROFILED_ROWS:,} rows: not looked at"
            why.update({(one.table, name): limit for name in named})
            continue
        try:
            for name, found in profile(session, table, named).items():
                values[one.table, name] = found
        except sa.exc.DBAPIError as error:
            session.rollback()
            said = f"not looked at: {session.engine.cause(error)[:120]}"
            why.update({(one.table, name): said for name in named})
    session.rollback()
    return Measured(counts=counts, values=values, why=why)


def _profiled(table: tables.Table, one: Written) -> list[str]:
    if one.columns is not None:
        return [name for name in one.columns if table.has(name)][:MOST_COLUMNS]
    return [column.name for column in table.columns][:MOST_COLUMNS]


def count(session: base.Session, table: str) -> reports.Count:
    """Return the rows of a table: counted, or beyond a limit about how many the server says."""
    name = sa.table(sa.sql.quoted_name(table, quote=True))
    inside = sa.select(sa.literal_column("1")).select_from(name).limit(COUNTED_ROWS + 1).subquery()
    try:
        with session.engine.limited(session, SECONDS):
            rows = session.connection.execute(sa.select(sa.func.count()).select_from(inside))
            found = int(rows.scalar() or 0)
        if found <= COUNTED_ROWS:
            return reports.Count(rows=found)
        guess = session.engine.estimate(session, table)
    except sa.exc.DBAPIError as error:
        session.rollback()
        return reports.Count(why=f"not counted: {session.engine.cause(error)[:120]}")
    why = f"more than {COUNTED_ROWS:,}: what the server estimates"
    if guess is None:
        return reports.Count(why=f"more than {words.count(COUNTED_ROWS, 'row')}")
    return reports.Count(rows=max(guess, found), exact=False, why=why)


def profile(
    session: base.Session, table: tables.Table, columns: Sequence[str]
) -> dict[str, reports.Values]:
    """Return NULLs and lengths of columns, by one query; the driver's errors pass through."""
    if not columns:
        return {}
    asked: list[sa.ColumnElement[Any]] = [sa.func.count()]
    for name in columns:
        column: sa.ColumnClause[Any] = sa.column(sa.sql.quoted_name(name, quote=True))
        asked.append(sa.func.count(column))
        if _has_lengths(table.column(name).type):
            length = sa.func.char_length(sa.cast(column, sa.Text))
            asked += [sa.func.min(length), sa.func.max(length), sa.func.avg(length)]
    source = sa.table(sa.sql.quoted_name(table.name, quote=True))
    with session.engine.limited(session, SECONDS):
        row = session.connection.execute(sa.select(*asked).select_from(source)).one()
    answers = iter(row)
    rows = int(next(answers))
    found: dict[str, reports.Values] = {}
    for name in columns:
        nulls = rows - int(next(answers))
        lengths: tuple[int | None, ...] = (None, None, None)
        if _has_lengths(table.column(name).type):
            lengths = tuple(_whole(next(answers)) for _ in range(3))
        found[name] = reports.Values(
            rows=rows, nulls=nulls, shortest=lengths[0], longest=lengths[1], average=lengths[2]
        )
    return found


def _has_lengths(type_: str) -> bool:
    named = type_.casefold()
    if any(word in named for word in _NO_LENGTHS):
        return False
    return not named or any(word in named for word in _TEXTS)


def _whole(value: object) -> int | None:
    return None if value is None else round(float(str(value)))


# --- before and after -----------------------------------------------------------------------


def counted(before: Measured, after: Measured) -> tuple[reports.Counted, ...]:
    """Return the rows of each table before and after."""
    unknown = reports.Count(why="not measured")
    return tuple(
        reports.Counted(
            table=table,
            before=before.counts.get(table, unknown),
            after=after.counts.get(table, unknown),
        )
        for table in dict.fromkeys((*before.counts, *after.counts))
    )


def profiles(before: Measured, after: Measured) -> tuple[reports.Profile, ...]:
    """Return the values of each column before and after."""
    names = dict.fromkeys((*before.values, *after.values, *before.why, *after.why))
    return tuple(
        reports.Profile(
            table=table,
            column=column,
            before=before.values.get((table, column)),
            after=after.values.get((table, column)),
            before_why=_why(before, table, column),
            after_why=_why(after, table, column),
        )
        for table, column in sorted(names)
    )


def _why(side: Measured, table: str, column: str) -> str:
    """Return why nothing is known of a column, nothing where something is."""
    if (table, column) in side.values:
        return ""
    return side.why.get((table, column), "not measured" if side is NOTHING else NOT_THERE)
