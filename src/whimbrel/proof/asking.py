"""Ask a database whether a rule holds: one statement over the table, and one more if it does not.

All of it is the engine's own SQL. NULL offends against nothing but `not_null`; collations decide
nothing. What follows from an answer is up to whoever asks.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, TypeVar

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, tables, words
from whimbrel.engines import base, judge, sqltext
from whimbrel.engines.judge import Asked, Kind
from whimbrel.proof import rules
from whimbrel.proof.rules import Check, Outcome, Rule, When
from whimbrel.rows import keys

# Sums by more groups than these are no longer kept beside each other.
MOST_GROUPS: Final = 10_000
_MOST_BYTES: Final = 2_000_000
_LONGEST_VALUE: Final = 500
_NAME: Final = re.compile(r"\w+")

_T = TypeVar("_T")
# Of each group (its values as a JSON list) the number of rows, or the sum as exact digits.
Measure = Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What was found: `found` is empty where the rule holds."""

    rows: int | None = None
    offending: int | None = None
    found: str = ""
    first: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """The rows that a rule is about, and what tells them apart."""

    table: tables.Table
    source: str
    where: str
    key: keys.Key

    def having(self, *conditions: str) -> str:
        """Return the WHERE of a statement, with the rule's own condition in it."""
        parts = [one for one in (self.where, *conditions) if one]
        return f" WHERE {' AND '.join(parts)}" if parts else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Asks rules on one session; `read` is the dialect that their SQL is written in.

    Who has read the catalog already gives it as `known`.
    """

    session: base.Session
    read: str
    clock: clocks.Clock = clocks.SYSTEM
    known: base.Catalog | None = None
    catalog: base.Catalog = field(init=False)

    def __post_init__(self) -> None:
        found = self.known or self.session.engine.catalog(self.session)
        object.__setattr__(self, "catalog", found)

    @property
    def _engine(self) -> base.Engine:
        return self.session.engine

    @property
    def _judge(self) -> judge.Judge:
        return self._engine.judge

    # --- the front --------------------------------------------------------------------------

    def ask(self, rule: Rule, when: When, measured: Mapping[str, Measure] | None = None) -> Outcome:
        """Return how a rule turns out; raise BadRule, TableNotFound, ColumnNotFound.

        `measured` is what `measure` had given before the migration, by the rule's identity.
        """
        started = self.clock.seconds()
        answer = self._guarded(rule, lambda: self._answer(rule, measured))
        return Outcome(
            rule=rule.title,
            check=rule.check.value,
            says=rule.says,
            when=when.value,
            severity=rule.severity.value,
            passed=not answer.found,
            table=rule.table,
            columns=rule.columns,
            rows=answer.rows,
            offending=answer.offending,
            found=answer.found,
            message=rule.message,
            first=answer.first,
            seconds=self.clock.seconds() - started,
            place=rule.place,
        )

    def measure(self, rule: Rule) -> Measure:
        """Return what a rule about what is kept will be compared with after the migration."""
        table = rule.was_table or rule.table
        value = rule.was_value or rule.value
        return self._guarded(rule, lambda: self._measure(rule, table, value))

    def _guarded(self, rule: Rule, ask: Callable[[], _T]) -> _T:
        """Let errors say which rule they are about."""
        try:
            return ask()
        except judge.Unfit as unfit:
            raise errors.BadRule(rule.says, why=str(unfit), place=rule.place or None) from None
        except sa.exc.DBAPIError as error:
            if self.session.gone:
                raise
            self.session.rollback()
            raise errors.BadRule(
                rule.says,
                why="the database does not understand what it asks, or may not answer",
                place=rule.place or None,
                cause=self._engine.cause(error),
            ) from error
        except errors.WhimbrelError as error:
            error.where = error.where or rule.place or None
            raise

    def _answer(self, rule: Rule, measured: Mapping[str, Measure] | None) -> _Answer:
        match rule.check:
            case Check.ROWS:
                return self._rows(rule)
            case Check.UNIQUE:
                return self._unique(rule)
            case Check.REFERS:
                return self._refers(rule)
            case Check.NO_ROWS:
                return self._no_rows(rule)
            case Check.SAME_ROWS | Check.SAME_SUM:
                return self._kept(rule, measured)
            case _:
                return self._each(rule)

    # --- row by row -------------------------------------------------------------------------

    def _each(self, rule: Rule) -> _Answer:
        """Ask a condition of every row."""
        scope = self._scope(rule)
        columns = [scope.table.column(name) for name in rule.columns]
        offends = self._offends(rule, columns)
        counted = self._send(
            Asked(
                sql=f"SELECT count(*), coalesce(sum(CASE WHEN {offends.sql} THEN 1 ELSE 0 END), 0)"
                f" FROM {scope.source}{scope.having()}",
                params=offends.params,
            )
        )
        rows, offending = (int(str(value)) for value in counted[0])
        if not offending:
            return _Answer(rows=rows, offending=0)
        names = _shown(scope.key, rule.columns)
        listed = ", ".join(self._column(name, scope.key) for name in names)
        first = self._send(
            Asked(
                sql=f"SELECT {listed} FROM {scope.source}{scope.having(offends.sql)}"
                f"{self._order(scope.key)} LIMIT {rule.limit}",
                params=offends.params,
            )
        )
        does = "is" if offending == 1 else "are"
        said = {
            Check.NOT_NULL: f"{does} NULL",
            Check.BETWEEN: f"{does} not {rules.bounds(rule.least, rule.most)}",
            Check.LENGTH: f"{'has' if offending == 1 else 'have'} not "
            f"{rules.bounds(rule.least, rule.most, 'character')}",
            Check.MATCHES: f"{'does' if offending == 1 else 'do'} not match {rule.pattern}",
            Check.ONE_OF: f"{does} none of {errors.names(map(repr, rule.allowed), limit=8)}",
        }[rule.check]
        return _Answer(
            rows=rows,
            offending=offending,
            found=f"{offending:,} of {rules.rows(rows)} {does} wrong: "
            f"{rule.table}.{', '.join(rule.columns)} {said}"
            if rule.check is not Check.NOT_NULL
            else f"{offending:,} of {rules.rows(rows)} {said} in "
            f"{rule.table}.{', '.join(rule.columns)}",
            first=_named(names, first),
        )

    def _offends(self, rule: Rule, columns: Sequence[tables.FoundColumn]) -> Asked:
        """Return when a row offends."""
        values = [self._quoted(column.name) for column in columns]
        if rule.check is Check.NOT_NULL:
            return Asked(sql=f"({' OR '.join(f'{value} IS NULL' for value in values)})")
        column, value = columns[0], values[0]
        try:
            match rule.check:
                case Check.BETWEEN:
                    least, most = _bound(rule.least), _bound(rule.most)
                    return self._judge.outside(column, value, least, most)
                case Check.LENGTH:
                    least_, most_ = _count(rule.least), _count(rule.most)
                    return self._judge.misshapen(column, value, least_, most_)
                case Check.MATCHES:
                    return self._judge.unlike(column, value, rule.pattern)
                case _:
                    return self._judge.none_of(column, value, rule.allowed)
        except judge.Unfit as unfit:
            raise judge.Unfit(f"{rule.table}.{column.name} ({column.type}): {unfit}") from None

    # --- several rows -----------------------------------------------------------------------

    def _rows(self, rule: Rule) -> _Answer:
        scope = self._scope(rule)
        rows = self._number(f"SELECT count(*) FROM {scope.source}{scope.having()}")
        if not rule.other:
            least, most = _count(rule.least), _count(rule.most)
            wrong = (least is not None and rows < least) or (most is not None and rows > most)
            found = f"{rule.table} has {rules.rows(rows)}" if wrong else ""
            return _Answer(rows=rows, found=found)
        if self.catalog.find(rule.other) is not None or _NAME.fullmatch(rule.other):
            name = self.catalog.table(rule.other).name
            other = self._number(f"SELECT count(*) FROM {self._quoted(name)}")
        else:
            name = "the query"
            other = self._number(self._query(rule.other, None, beside=False)[0])
        found = f"{rule.table} has {rules.rows(rows)}, {name} {other:,}" if rows != other else ""
        return _Answer(rows=rows, found=found)

    def _unique(self, rule: Rule) -> _Answer:
        scope = self._scope(rule)
        columns = [scope.table.column(name) for name in rule.columns]
        same = [
            self._judge.folded(column, self._quoted(column.name))
            if rule.ignore_case and self._judge.kind(column) in {Kind.TEXT, Kind.ANY, Kind.OTHER}
            else self._judge.exact(column, self._quoted(column.name))
            for column in columns
        ]
        having = scope.having(*(f"{self._quoted(name)} IS NOT NULL" for name in rule.columns))
        rows = self._number(f"SELECT count(*) FROM {scope.source}{scope.having()}")
        groups, offending = (
            int(str(value))
            for value in self._send(
                Asked(
                    sql="SELECT count(*), coalesce(sum(whimbrel_n), 0) FROM (SELECT count(*) AS "
                    f"whimbrel_n FROM {scope.source}{having} GROUP BY {', '.join(same)} "
                    "HAVING count(*) > 1) AS several"
                )
            )[0]
        )
        if not groups:
            return _Answer(rows=rows, offending=0)
        names = _shown(scope.key, rule.columns)
        inner = [f"{self._column(n, scope.key)} AS whimbrel_c{i}" for i, n in enumerate(names)]
        inner += [f"{one} AS whimbrel_v{i}" for i, one in enumerate(same)]
        order = [f"whimbrel_v{i}" for i in range(len(same))]
        order += [f"whimbrel_c{i}" for i in range(len(scope.key.columns))]
        listed = ", ".join(f"whimbrel_c{i}" for i in range(len(names)))
        first = self._send(
            Asked(
                sql=f"SELECT {listed} FROM (SELECT {', '.join(inner)}, count(*) OVER "
                f"(PARTITION BY {', '.join(same)}) AS whimbrel_n FROM {scope.source}{having}) "
                f"AS several WHERE whimbrel_n > 1 ORDER BY {', '.join(order)} LIMIT {rule.limit}"
            )
        )
        times = "comes" if groups == 1 else "come"
        return _Answer(
            rows=rows,
            offending=offending,
            found=f"{words.count(groups, 'value')} of {rule.table}.{', '.join(rule.columns)} "
            f"{times} more than once, in {rules.rows(offending)}",
            first=_named(names, first),
        )

    def _refers(self, rule: Rule) -> _Answer:
        scope = self._scope(rule)
        parent = self.catalog.table(rule.to)
        to = rule.to_columns or parent.primary_key
        if len(to) != len(rule.columns):
            raise judge.Unfit(
                f"the primary key of {rule.to} is ({', '.join(to) or 'none'}); say which columns "
                "are meant by to_columns"
            )
        pairs = [
            (scope.table.column(name), parent.column(key))
            for name, key in zip(rule.columns, to, strict=True)
        ]
        names = _shown(scope.key, rule.columns)
        here = [f"{self._column(n, scope.key)} AS whimbrel_c{i}" for i, n in enumerate(names)]
        there: list[str] = []
        plain = True
        for number, (column, key) in enumerate(pairs):
            mine, theirs = self._alike(column, key)
            here.append(f"{mine} AS whimbrel_v{number}")
            there.append(theirs)
            plain = plain and theirs == self._quoted(key.name)
        source = self._quoted(parent.name)
        if plain and _is_key(parent, to):
            found = [f"p.{self._quoted(name)}" for name in to]
            target = source
        else:
            # Every value once: it can be looked up, and nothing is found twice.
            found = [f"p.whimbrel_k{i}" for i in range(len(to))]
            listed = ", ".join(f"{one} AS whimbrel_k{i}" for i, one in enumerate(there))
            target = f"(SELECT DISTINCT {listed} FROM {source})"
        joined = (
            f"(SELECT {', '.join(here)} FROM {scope.source}{scope.having()}) AS c "
            f"LEFT JOIN {target} AS p ON "
            + " AND ".join(f"{one} = c.whimbrel_v{i}" for i, one in enumerate(found))
        )
        said = [f"c.whimbrel_v{i} IS NOT NULL" for i in range(len(to))]
        orphan = " AND ".join([*said, f"{found[0]} IS NULL"])
        rows, offending = (
            int(str(value))
            for value in self._send(
                Asked(
                    sql=f"SELECT count(*), coalesce(sum(CASE WHEN {orphan} THEN 1 ELSE 0 END), 0) "
                    f"FROM {joined}"
                )
            )[0]
        )
        if not offending:
            return _Answer(rows=rows, offending=0)
        listed = ", ".join(f"c.whimbrel_c{i}" for i in range(len(names)))
        order = ", ".join(f"c.whimbrel_c{i}" for i in range(len(scope.key.columns)))
        first = self._send(
            Asked(
                sql=f"SELECT {listed} FROM {joined} WHERE {orphan}"
                f"{f' ORDER BY {order}' if order else ''} LIMIT {rule.limit}"
            )
        )
        verb = "refers" if offending == 1 else "refer"
        return _Answer(
            rows=rows,
            offending=offending,
            found=f"{offending:,} of {rules.rows(rows)} {verb} to nothing: "
            f"{rule.table}.{', '.join(rule.columns)} is not in {rule.to}.{', '.join(to)}",
            first=_named(names, first),
        )

    def _alike(self, column: tables.FoundColumn, key: tables.FoundColumn) -> tuple[str, str]:
        """Return two columns so that equal values are equal, by their texts if need be."""
        mine, theirs = self._quoted(column.name), self._quoted(key.name)
        if self._judge.kind(column) is self._judge.kind(key):
            same = (self._judge.exact(column, mine), self._judge.exact(key, theirs))
            # How long a text may be decides how it is written.
            if column.type == key.type or (mine, theirs) == same:
                return same
            if Kind.TEXT is not self._judge.kind(key):
                return same
        return self._judge.text(column, mine), self._judge.text(key, theirs)

    def _no_rows(self, rule: Rule) -> _Answer:
        sql, params = self._query(rule.sql, rule.params, beside=True)
        got = self._engine.bulk(self.session).read(sql, params, max_bytes=_MOST_BYTES)
        count, more = len(got.rows), ""
        if got.more:
            counted = self._counted(sql, params)
            count, more = (counted, "") if counted is not None else (count, "more than ")
        if not count:
            return _Answer(offending=0)
        verb = "is" if count == 1 else "are"
        return _Answer(
            offending=count,
            found=f"there {verb} {more}{rules.rows(count)} where there should be none",
            first=_named(got.columns, got.rows[: rule.limit]),
        )

    def _counted(self, sql: str, params: Sequence[object]) -> int | None:
        """Return how many rows a query has, None if it cannot be a part of another one."""
        try:
            with self.session.connection.begin_nested():
                counted = f"SELECT count(*) FROM ({sql}\n) AS whimbrel_rows"
                return int(str(self.session.fetch(counted, params or None)[0][0]))
        except sa.exc.DBAPIError:
            return None  # two columns of one name

    # --- what is kept -----------------------------------------------------------------------

    def _measure(self, rule: Rule, table: str, value: str) -> Measure:
        scope = self._scope(rule, table)
        groups = [
            self._judge.text(scope.table.column(name), self._quoted(name)) for name in rule.by
        ]
        counted = "count(*)"
        if rule.check is Check.SAME_SUM:
            counted = self._judge.total(self._value(scope.table, value))
        grouped = f" GROUP BY {', '.join(groups)}" if groups else ""
        rows = self._send(
            Asked(
                sql=f"SELECT {', '.join([*groups, counted])} FROM {scope.source}{scope.having()}"
                f"{grouped} LIMIT {MOST_GROUPS + 1}"
            )
        )
        if len(rows) > MOST_GROUPS:
            raise judge.Unfit(
                f"{', '.join(rule.by)} has more than {MOST_GROUPS:,} values; choose columns with "
                "fewer, or leave them out"
            )
        return {
            json.dumps([_word(one) for one in row[:-1]]): None if row[-1] is None else str(row[-1])
            for row in rows
        }

    def _value(self, table: tables.Table, value: str) -> str:
        """Return a column or an expression over a table."""
        if table.has(value) or _NAME.fullmatch(value):
            column = table.column(value)
            if self._judge.kind(column) not in {Kind.NUMBER, Kind.ANY, Kind.OTHER}:
                holds = self._judge.kind(column).value
                raise judge.Unfit(f"{table.name}.{value} holds {holds}, which have no sum")
            return self._quoted(value)
        if self.read == self._engine.dialect:
            return _bracketed(value)
        said = self._said(
            f"SELECT {_bracketed(value)} AS whimbrel_value FROM "
            f"{sqltext.quote(table.name, self.read)}"
        )
        return said.removeprefix("SELECT ").rsplit(" AS ", 1)[0]

    def _kept(self, rule: Rule, measured: Mapping[str, Measure] | None) -> _Answer:
        before = (measured or {}).get(rule.identity)
        if before is None:
            raise judge.Unfit(
                "it compares with what was before the migration, and that was not measured: the "
                "rule was not there when the migration began"
            )
        now = self._measure(rule, rule.table, rule.value)
        most = rule.tolerance if isinstance(rule.tolerance, Decimal) else Decimal(0)
        changed = [
            (group, before.get(group), now.get(group))
            for group in dict.fromkeys([*before, *now])
            if abs(_digits(before.get(group)) - _digits(now.get(group))) > most
        ]
        if not changed:
            return _Answer(offending=0 if rule.by else None)
        first = tuple(
            {**dict(zip(rule.by, json.loads(group), strict=True)),
             "before": _short(was), "now": _short(is_)}
            for group, was, is_ in changed[: rule.limit]
        )  # fmt: skip
        what = f"the sum of {rule.table}.{rule.value}"
        if rule.check is Check.SAME_ROWS:
            what = f"the number of rows of {rule.table}"
        if rule.by:
            found = f"{what} is another for {words.count(len(changed), 'value')} of \
{', '.join(rule.by)}"
            return _Answer(offending=len(changed), found=found, first=first)
        _, was, is_ = changed[0]
        return _Answer(found=f"{what} was {_short(was)} and is {_short(is_)}", first=first)

    # --- SQL --------------------------------------------------------------------------------

    def _scope(self, rule: Rule, name: str = "") -> _Scope:
        table = self.catalog.table(name or rule.table)
        where = rule.where
        if where and self.read != self._engine.dialect:
            said = self._said(
                f"SELECT 1 FROM {sqltext.quote(table.name, self.read)} "
                f"WHERE {_bracketed(where)} AND 1 = 1"
            )
            where = said.split(" WHERE ", 1)[1]
        return _Scope(
            table=table,
            source=self._quoted(table.name),
            where=_bracketed(where) if where else "",
            key=keys.choose(table, self._engine),
        )

    def _query(
        self,
        sql: str,
        params: Sequence[object] | Mapping[str, object] | None,
        *,
        beside: bool,
    ) -> tuple[str, list[object]]:
        """Return a user's own query in the engine's dialect, and its values."""
        if len(sqltext.statements(sql, self.read)) != 1:
            raise judge.Unfit("it is not one statement")
        text, values = sql.strip().rstrip(";"), params
        if self.read != self._engine.dialect:
            if params is not None:
                text, values = sqltext.bind(text, params, self.read, "named")
            text = self._said(text)
        if sqltext.kind(text, self._engine.dialect) is not sqltext.Kind.QUERY:
            raise judge.Unfit("it is not a query")
        if values is None or not beside:
            return text, []
        style = "qmark" if self._engine.paramstyle == "qmark" else "format"
        sent, bound = sqltext.bind(text, values, self._engine.dialect, style)
        return sent, list(bound or ())

    def _said(self, sql: str) -> str:
        from whimbrel.engines import translate  # heavy, and most projects never need it

        names = translate.CatalogNames(self.catalog)
        write = self._engine.dialect
        return translate.translate(sql, read=self.read, write=write, names=names).sql

    def _send(self, asked: Asked) -> list[base.Row]:
        if not asked.params:
            return self.session.fetch(asked.sql)
        sql = self._engine.beside_parameters(asked.sql)
        return self.session.fetch(sql.replace(judge.MARK, self._engine.placeholder), asked.params)

    def _number(self, sql: str) -> int:
        rows = self.session.fetch(sql)
        try:
            return int(str(rows[0][0]))
        except (IndexError, ValueError):
            raise judge.Unfit("the query gives no number") from None

    def _quoted(self, name: str) -> str:
        return self._engine.quote(name)

    def _column(self, name: str, key: keys.Key) -> str:
        return name if key.address and name in key.columns else self._quoted(name)

    def _order(self, key: keys.Key) -> str:
        names = ", ".join(self._column(name, key) for name in key.columns)
        return f" ORDER BY {names}" if names else ""


# --- small things -----------------------------------------------------------------------------


def _shown(key: keys.Key, columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*key.columns, *columns]))


def _named(names: Sequence[str], rows: Sequence[base.Row]) -> tuple[Mapping[str, object], ...]:
    return tuple(
        {name: _plain(value) for name, value in zip(names, row, strict=True)} for row in rows
    )


def _plain(value: object) -> object:
    """Return a value as JSON keeps it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        text = f"0x{bytes(value).hex()}"
    elif isinstance(value, dt.datetime):
        text = value.isoformat(" ")
    else:
        text = str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _word(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    return str(value)


def _digits(value: str | None) -> Decimal:
    """Return a sum as a number; of no rows it is 0."""
    return Decimal(0) if value is None else Decimal(value)


def _short(value: str | None) -> str:
    """Return a sum without zeros behind its digits."""
    text = format(_digits(value), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _bound(bound: object) -> judge.Bound | None:
    if isinstance(bound, int) and not isinstance(bound, bool):
        return Decimal(bound)
    return bound  # type: ignore[return-value]


def _count(bound: object) -> int | None:
    return bound if isinstance(bound, int) else None


def _is_key(table: tables.Table, columns: Sequence[str]) -> bool:
    """Whether no two rows of a table have the same values in these columns."""
    wanted = set(columns)
    if table.primary_key and wanted == set(table.primary_key):
        return True
    return any(set(unique.columns) == wanted for unique in table.uniques)


def _bracketed(text: str) -> str:
    """Return an expression in parentheses, which a comment at its end does not swallow."""
    return f"({text}\n)" if "--" in text or "#" in text else f"({text})"
