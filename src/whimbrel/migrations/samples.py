"""A few rows of a step, as they were before it and as they are after it.

Taken inside the step's own transaction, for who wants to see what a migration makes of real
rows. A sample is never worth a failure: where rows cannot be found again, there is none, and
`Look.note` says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, NamedTuple, Self

import sqlalchemy as sa

from whimbrel import errors, tables
from whimbrel.engines import base, changes, sqltext
from whimbrel.migrations import operations as ops
from whimbrel.migrations import speech as speeches
from whimbrel.migrations.operations import rows as row_operations
from whimbrel.rows import keys, work

ROWS: Final = 3
# More are looked at beforehand, because some may be rejected.
_CANDIDATES: Final = 8
_MAX_BYTES: Final = 4_000_000
# With one of these, other rows than those of its WHERE may be meant.
_NOT_PLAIN: Final = frozenset({"FROM", "JOIN", "USING", "ORDER", "LIMIT", "RETURNING", "WITH"})

Values = Mapping[str, object]
Params = Sequence[object] | Mapping[str, object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One row of a table: `before` is None for a new one, `after` for one that goes.

    Of a row that stays, both hold the columns that differ, none if none does. `source` is the
    row from which a new one was made, if that is known.
    """

    table: str
    key: Values
    before: Values | None
    after: Values | None
    source: Values | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A row and its key."""

    key: keys.Values
    row: Values


class Pair(NamedTuple):
    """A row of a source, and what is expected to become of it."""

    key: keys.Values
    source: Values
    new: Values


class Look:
    """What was seen before a step; `after` looks again."""

    note = ""

    def after(self, rejected: Sequence[keys.Values] = ()) -> list[Sample]:
        """Return what became of the rows; those of these keys were put aside."""
        return []


class Nothing(Look):
    """There is nothing to be seen, for a reason."""

    def __init__(self, note: str) -> None:
        self.note = note


def of_rows(
    session: base.Session,
    operation: ops.RowsOperation,
    made: work.Work,
    speech: speeches.Speech,
    *,
    limit: int | None,
) -> Look:
    """Look at the first rows that a step in batches will touch, before it does.

    `limit` is how many rows the step is given.
    """
    if isinstance(operation, ops.Batches):
        return Look()
    looking = _Looking(session)
    with looking:
        if operation.written == operation.walked:
            if not made.way.key.columns or made.way.key.address:
                return _unfindable(made.table.name)
            return _Changed(looking, made.way, looking.first(made, limit))
        target = speech.catalog.table(operation.written)
        if isinstance(operation, ops.CopyRows):
            pairs = list(looking.computed(operation, made, speech, limit))
        else:
            # What a function returns is not known yet; most keep the key.
            pairs = [Pair(found.key, found.row, found.row) for found in looking.first(made, limit)]
        computed = isinstance(operation, ops.CopyRows)
        return _New(looking, target, pairs, computed=computed)
    return Nothing(looking.failure)


def of_statement(session: base.Session, operation: ops.Execute, catalog: base.Catalog) -> Look:
    """Look at the first rows that a plain UPDATE, DELETE or INSERT will touch, before it does."""
    dialect = session.engine.dialect
    change = changes.read(operation.sent, dialect)
    table = catalog.find(change.table[0]) if len(change.table) == 1 else None
    if table is None:
        return Look()
    looking = _Looking(session)
    with looking:
        if change.verb == "INSERT":
            return _New(looking, table, [], computed=False)
        if change.verb in ("UPDATE", "DELETE"):
            way = looking.way(table)
            condition = _condition(operation, change.verb, dialect)
            if condition is None:
                return Look()
            if not way.key.columns or way.key.address:
                return _unfindable(table.name)
            return _Changed(looking, way, looking.having(way, condition))
        return Look()
    return Nothing(looking.failure)


def _unfindable(table: str) -> Look:
    return Nothing(f"no sample: {table} has no key by which its rows could be found again")


# --- the two kinds --------------------------------------------------------------------------


class _Changed(Look):
    """Rows that are changed or deleted where they are."""

    def __init__(self, looking: _Looking, way: keys.Walkway, found: Sequence[_Found]) -> None:
        self._looking = looking
        self._way = way
        self._found = found

    def after(self, rejected: Sequence[keys.Values] = ()) -> list[Sample]:
        samples: list[Sample] = []
        with self._looking:
            for found in self._found:
                if found.key not in rejected and len(samples) < ROWS:
                    now = self._looking.by_key(self._way, found.key)
                    samples.append(self._sample(found, now))
        self.note = self._looking.failure
        return samples

    def _sample(self, found: _Found, now: Values | None) -> Sample:
        key = dict(zip(self._way.key.columns, found.key, strict=True))
        if now is None:
            return Sample(table=self._way.table, key=key, before=found.row, after=None)
        differing = [
            name for name in found.row if name in now and not _same(found.row[name], now[name])
        ]
        return Sample(
            table=self._way.table,
            key=key,
            before={name: found.row[name] for name in differing},
            after={name: now[name] for name in differing},
        )


class _New(Look):
    """Rows that are written into a table, beside what they are made of.

    Shown is only what was not there before: rows that have the key that is expected for one of
    the first rows of the source, or else those behind the key that was the last.
    """

    def __init__(
        self,
        looking: _Looking,
        target: tables.Table,
        pairs: Sequence[Pair],
        *,
        computed: bool,
    ) -> None:
        self._looking = looking
        self._computed = computed
        self._way = looking.way(target)
        self._walkable = bool(self._way.key.columns) and not self._way.key.address
        self._end = self._way.end(looking.session) if self._walkable else None
        self._pairs = [pair for pair in pairs if self._found(pair) is None]

    def after(self, rejected: Sequence[keys.Values] = ()) -> list[Sample]:
        pairs = [pair for pair in self._pairs if pair.key not in rejected]
        samples: list[Sample] = []
        with self._looking:
            samples = self._paired(pairs) or self._behind_the_end()
        self.note = self._looking.failure
        if samples or self._walkable or self.note:
            return samples
        if not self._computed:
            self.note = f"no sample: {self._way.table} has no key by which new rows could be told"
            return []
        # As they were handed to a table in which nothing finds them again.
        return [
            Sample(table=self._way.table, key={}, before=None, after=pair.new, source=pair.source)
            for pair in pairs[:ROWS]
        ]

    def _found(self, pair: Pair) -> Values | None:
        """Return the row that has the key expected for one of the source's."""
        columns = self._way.key.columns
        if not self._walkable or not all(name in pair.new for name in columns):
            return None
        return self._looking.by_key(self._way, tuple(pair.new[name] for name in columns))

    def _paired(self, pairs: Sequence[Pair]) -> list[Sample]:
        samples: list[Sample] = []
        for pair in pairs:
            row = self._found(pair) if len(samples) < ROWS else None
            if row is not None:
                samples.append(self._sample(row, pair.source))
        return samples

    def _behind_the_end(self) -> list[Sample]:
        if not self._walkable:
            return []
        query = self._way.selection("*", keys.Range(lower=self._end))
        found = self._looking.read(f"{query.sql} LIMIT {ROWS}", query.params)
        return [self._sample(row, None) for row in found]

    def _sample(self, row: Values, source: Values | None) -> Sample:
        key = {name: row[name] for name in self._way.key.columns if name in row}
        return Sample(table=self._way.table, key=key, before=None, after=row, source=source)


# --- looking --------------------------------------------------------------------------------


class _Looking:
    """Reads rows in a savepoint: what fails here must not end the migration's transaction."""

    def __init__(self, session: base.Session) -> None:
        self.session = session
        self.engine = session.engine
        self.failure = ""

    def __enter__(self) -> Self:
        self._savepoint = self.session.connection.begin_nested()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Let the driver's errors and ours end the block, and be no more than a note."""
        if self.session.gone or not self._savepoint.is_active:
            return False
        if error is None:
            self._savepoint.commit()
            return False
        self._savepoint.rollback()
        driver = self.session.connection.dialect.loaded_dbapi.Error
        if not isinstance(
            error, (sa.exc.DBAPIError, driver, errors.RefusedError, errors.UsageError)
        ):
            return False
        said = error.what if isinstance(error, errors.WhimbrelError) else None
        self.failure = f"no sample: {said or self.engine.cause(error)}"
        return True

    def way(self, table: tables.Table) -> keys.Walkway:
        """Return how a table is walked."""
        return row_operations.way_through(table, self.engine)

    def read(self, sql: str, params: Sequence[object]) -> list[Values]:
        """Return rows as dicts."""
        fetched = self.engine.bulk(self.session).read(sql, params, max_bytes=_MAX_BYTES)
        return [dict(zip(fetched.columns, row, strict=True)) for row in fetched.rows]

    def by_key(self, way: keys.Walkway, key: keys.Values) -> Values | None:
        """Return the row with a key, if it is there."""
        engine = self.engine
        table = engine.beside_parameters(engine.quote(way.table))
        names = (engine.beside_parameters(engine.quote(name)) for name in way.key.columns)
        same = " AND ".join(f"{name} = {engine.placeholder}" for name in names)
        found = self.read(f"SELECT * FROM {table} WHERE {same}", key)
        return found[0] if found else None

    def first(self, made: work.Work, limit: int | None) -> list[_Found]:
        """Return the first rows that matter to some work, among the `limit` it is given."""
        upper = made.way.boundary(self.session, keys.Range(), limit) if limit else None
        found: list[_Found] = []
        lower: keys.Values | None = None
        while len(found) < _CANDIDATES:
            one = made.one(self.session, keys.Range(lower=lower, upper=upper))
            if one is None:
                break
            lower = one[0]
            found.append(_Found(key=one[0], row=one[1]))
        return found

    def computed(
        self,
        operation: ops.CopyRows,
        made: work.Work,
        speech: speeches.Speech,
        limit: int | None,
    ) -> Iterator[Pair]:
        """Return the first rows of a source with what the expressions of a copy give for each."""
        if not made.way.key.columns:
            return
        columns = ", ".join(
            f"{row_operations.bracketed(text)} AS {speech.quote(name)}"
            for name, text in operation.columns.items()
        )
        sql = speech.say(f"SELECT {columns} FROM {speech.quote(operation.source)}")
        lower: keys.Values | None = None
        for found in self.first(made, limit):
            # One row at a time: an alias may be called like the key, and order by another.
            query = made.way.within(f"{sql} WHERE ", keys.Range(lower=lower, upper=found.key))
            rows = self.read(query.sql, query.params)
            lower = found.key
            if len(rows) == 1:
                yield Pair(found.key, found.row, rows[0])

    def having(self, way: keys.Walkway, condition: tuple[str, Sequence[object]]) -> list[_Found]:
        """Return the first rows that fulfil the condition of a statement."""
        where, params = condition
        table = self.engine.quote(way.table)
        table = self.engine.beside_parameters(table) if params else table
        names = self.engine.beside_parameters(way.names) if params else way.names
        sql = f"SELECT * FROM {table}{where} ORDER BY {names} LIMIT {ROWS}"
        rows = self.read(sql, params)
        return [_Found(key=tuple(row[name] for name in way.key.columns), row=row) for row in rows]


def _same(one: object, other: object) -> bool:
    if type(one) is not type(other):
        return False
    # A NaN is no reason to show a row as changed.
    return one == other or (one != one and other != other)


def _condition(
    operation: ops.Execute, verb: str, dialect: str
) -> tuple[str, Sequence[object]] | None:
    """Return the WHERE of `UPDATE t SET …` or `DELETE FROM t` with its values; None for others."""
    sent = operation.sent
    found = sqltext.significant(sent, dialect)
    words = [token.word for token in found[:4]]
    if verb == "UPDATE":
        plain = words[0] == verb and words[2:3] == ["SET"]
    else:
        plain = words[:2] == [verb, "FROM"] and words[3:] in ([], ["WHERE"], [";"])
    if not plain:
        return None
    at, depth = None, 0
    for place, token in enumerate(found):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.word == "WHERE" and at is None:
            at = place
        elif depth == 0 and place > 1 and token.word in _NOT_PLAIN:
            return None
    if at is None:
        return "", ()
    before = sum(token.sort is sqltext.Sort.MARK for token in found[:at])
    marks = [token for token in found[at:] if token.sort is sqltext.Sort.MARK]
    return _bound(sent, found[at].start, marks, before, operation.sent_params)


def _bound(
    sent: str,
    start: int,
    marks: Sequence[sqltext.Token],
    before: int,
    params: Params,
) -> tuple[str, Sequence[object]] | None:
    """Return the end of a statement with the values of its placeholders, in their order."""
    text, values = sent[start:].rstrip().rstrip(";"), list[object]()
    if params is None:
        return f" {text}\n", ()
    if not isinstance(params, Mapping):
        given = list(params)
        if len(given) != before + len(marks):
            return None
        if marks:
            return f" {text}\n", given[before:]
        # Without values the driver reads no doubled percent sign.
        return (f" {text}\n", ()) if "%" not in text else None
    for mark in reversed(marks):
        name = mark.text[2:-2]
        if name not in params:
            return None
        at = mark.start - start
        text = f"{text[:at]}%s{text[at + len(mark.text) :]}"
        values.insert(0, params[name])
    return (f" {text}\n", values) if values or "%" not in text else None
