"""Write rows of one table of the target so that they become those of the source.

Values are the source's texts, made values again by the target's codec. A row is only changed or
deleted if it still has the values that were seen: that is part of each statement's condition, and
the number of rows that it hit has to be right. What was written is read again before it is
committed. Transactions, the order of things, and what to do about a failure are `repair`'s.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
import secrets
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from whimbrel.engines import base, codec, forms
from whimbrel.proof import findings, repair_plan

# Rows of one statement; fewer where they have many values, or long ones.
STATEMENT_ROWS: Final = 500
_STATEMENT_PARAMETERS: Final = 25_000
_STATEMENT_BYTES: Final = 1_000_000
# Where rows are compared with the key of each other, many statements are faster than a large one.
_MATCHED_ROWS: Final = 100
_MOST_MATCHES: Final = 30_000
_VALUE_SHOWN: Final = 60
_LENGTH: Final = re.compile(r"\(\s*(\d+)\s*\)")
_NUMBERS: Final = frozenset({forms.Family.INTEGER, forms.Family.DECIMAL, forms.Family.FLOAT})

Difference = findings.Difference
Seen = dict[codec.Texts, list[codec.Texts]]


class Missed(Exception):
    """A statement hit another number of rows than it should have."""


class Kept(Exception):
    """The database keeps another value than it was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sql:
    """A piece of a statement with its parameters."""

    text: str
    params: tuple[object, ...] = ()


def joined(parts: Iterable[Sql], between: str) -> Sql:
    """Return pieces as one."""
    found = list(parts)
    return Sql(
        text=between.join(one.text for one in found),
        params=tuple(itertools.chain.from_iterable(one.params for one in found)),
    )


def chunks(scope: repair_plan.Scope, found: Iterable[Difference]) -> Iterator[list[Difference]]:
    """Yield rows in portions that fit into a statement."""
    most = STATEMENT_ROWS
    if scope.alone:
        most = 1  # half a statement could not be taken back
    chunk: list[Difference] = []
    params = length = 0
    for one in found:
        more = 2 * len(scope.pair.columns) + len(one.columns) * (1 + len(one.key)) + len(one.key)
        weight = sum(len(text or b"") for texts in (one.source, one.target) for text in texts or ())
        full = (
            len(chunk) >= most
            or params + more > _STATEMENT_PARAMETERS
            or length + weight > _STATEMENT_BYTES
        )
        if chunk and full:
            yield chunk
            chunk, params, length = [], 0, 0
        chunk.append(one)
        params, length = params + more, length + weight
    if chunk:
        yield chunk


class Writer:
    """Writes and reads rows of one table, in the transaction that is open."""

    def __init__(self, session: base.Session, coder: codec.Codec, scope: repair_plan.Scope) -> None:
        self.scope = scope
        self.pair = scope.pair
        self._session = session
        self._codec = coder
        self._engine = session.engine
        self._table = self._name(self.pair.target.name)
        self._values = tuple(one.target for one in self.pair.columns)
        # Set to what they are, or the server would set them to something else.
        renewed = repair_plan.renewed(self.pair.target)
        self._steady = [
            place for place in scope.written if self.pair.columns[place].target_name in renewed
        ]
        self._wide = {place: coder.octets(value) for place, value in enumerate(self._values)}
        self._makes = {
            place: coder.given(one.target.column, one.form)
            for place, one in enumerate(self.pair.columns)
        }

    # --- pieces of SQL ------------------------------------------------------------------------

    def _name(self, name: str) -> str:
        return self._engine.beside_parameters(self._engine.quote(name))

    def _column(self, place: int) -> str:
        return self._name(self.pair.columns[place].target_name)

    def _given(self, place: int, text: bytes | None) -> Sql:
        return Sql(
            text=self._makes[place], params=(None if text is None else text.decode("utf-8"),)
        )

    def _exactly(self, place: int, text: bytes | None) -> Sql:
        """Return a condition: the text of a value is this one, byte by byte."""
        if text is None:
            return Sql(text=f"{self._column(place)} IS NULL")
        return Sql(text=f"{self._wide[place]} = {self._engine.placeholder}", params=(text,))

    def _near(self, found: Sequence[Difference]) -> Sql | None:
        """Return a condition by which an index finds rows with these keys, None without one.

        It may find more, and miss those whose values are written in another way.
        """
        if not self.pair.key or any(map(self._unreadable, found)):
            return None
        if len(self.pair.key) == 1:
            (place,) = self.pair.key
            given = joined((self._given(place, one.key[0]) for one in found), ", ")
            return Sql(text=f"{self._column(place)} IN ({given.text})", params=given.params)
        return _wrapped(joined((_wrapped(self._equal(one)) for one in found), " OR "))

    def _equal(self, one: Difference) -> Sql:
        """Return a condition: a row has this key, as the database compares."""
        parts = []
        for place, text in zip(self.pair.key, one.key, strict=True):
            given = self._given(place, text)
            parts.append(Sql(text=f"{self._column(place)} = {given.text}", params=given.params))
        return joined(parts, " AND ")

    def _unreadable(self, one: Difference) -> bool:
        """Whether a key has a value that no column takes back."""
        return any(
            text is None or forms.odd(self.pair.columns[place].form, text) or b"\xff" in text
            for place, text in zip(self.pair.key, one.key, strict=True)
        )

    def _far(self, found: Sequence[Difference], places: Sequence[int]) -> Sql | None:
        """Return a condition on the text of one column, that with the most different values."""
        texts = {
            place: {self._seen(one, place) for one in found}
            for place in places
            if all(self._seen(one, place) is not None for one in found)
        }
        if not texts:
            return None
        place = max(texts, key=lambda at: len(texts[at]))
        chosen = sorted(text for text in texts[place] if text is not None)
        marks = ", ".join([self._engine.placeholder] * len(chosen))
        return Sql(text=f"{self._wide[place]} IN ({marks})", params=tuple(chosen))

    def _seen(self, one: Difference, place: int) -> bytes | None:
        if place in self.pair.key:
            return one.key[self.pair.key.index(place)]
        return one.target[place] if one.target is not None else None

    def _match(self, one: Difference, places: Iterable[int], *, slow: bool) -> Sql:
        """Return a condition: a row has the key, and what was seen in these places."""
        chosen = dict.fromkeys((*self.pair.key, *places))
        exactly = [self._exactly(place, self._seen(one, place)) for place in chosen]
        if not slow and self.pair.key and not self._unreadable(one):
            # Texts are only made for the one row that may be meant.
            exactly.insert(0, self._equal(one))
        return _wrapped(joined(exactly, " AND "))

    def _where(
        self,
        found: Sequence[Difference],
        guards: Sequence[Collection[int]],
        *,
        slow: bool,
    ) -> Sql:
        """Return the condition that is met by these rows as they were seen, and no others."""
        conditions = []
        near = None if slow else self._near(found)
        far = self._far(found, self.pair.key or range(len(self._values)))
        if near is not None:
            conditions.append(near)
        elif far is not None:
            conditions.append(far)
        if len(self.pair.key) == 1 and far is not None and not any(guards):
            conditions.append(far)
        else:
            matches = (
                self._match(one, guard, slow=slow or near is None)
                for one, guard in zip(found, guards, strict=True)
            )
            conditions.append(_wrapped(joined(matches, " OR ")))
        if self.pair.where_target:
            text = self._engine.beside_parameters(self.pair.where_target)
            conditions.append(Sql(text=f"({text}\n)"))
        return joined(conditions, " AND ")

    # --- writing ------------------------------------------------------------------------------

    def insert(self, found: Sequence[Difference], *, without: Collection[int] = ()) -> None:
        """Insert rows of the source, all or (with an error) none; `without` these values."""
        for some in _batches(found, self._engine.rows_at_once):
            self._insert(some, without)
        if self.scope.counting is not None:
            # In the same transaction: nobody must be given a number that is taken.
            self._engine.after_models(self._session, {self.pair.target.name: self.scope.counting})

    def _insert(self, found: Sequence[Difference], without: Collection[int]) -> None:
        places = self.scope.written
        names = ", ".join(map(self._column, places))
        rows = [
            _wrapped(
                joined(
                    (
                        self._given(place, None if place in without else _source(one)[place])
                        for place in places
                    ),
                    ", ",
                )
            )
            for one in found
        ]
        given = joined(rows, ", ")
        head = f"INSERT INTO {self._table} ({names}){self._engine.override_identity}"
        taken = self._session.execute(f"{head} VALUES {given.text}", given.params).changed
        if taken != len(found):
            raise Kept(f"the database took {taken:,} of {len(found):,} rows: is it a trigger?")

    def update(
        self, found: Sequence[Difference], *, slow: bool = False, free: Collection[int] = ()
    ) -> None:
        """Set the columns that differ; those in `free` may have any value by now."""
        for some in self._portions(found):
            self._set(some, slow=slow, free=free)

    def _portions(self, found: Sequence[Difference]) -> Iterator[list[Difference]]:
        """Yield rows of statements in which each row is compared with each of their keys."""
        most = min(self._engine.rows_at_once, _MATCHED_ROWS)
        portion: list[Difference] = []
        cells = 0
        for one in found:
            cells += len(one.columns)
            if portion and (len(portion) >= most or cells * len(portion) > _MOST_MATCHES):
                yield portion
                portion, cells = [], len(one.columns)
            portion.append(one)
        yield portion

    def _set(self, found: Sequence[Difference], *, slow: bool, free: Collection[int]) -> None:
        changes: dict[int, list[Sql]] = {}
        for one in found:
            match = self._key_match(one, slow=slow)
            for place in one.columns:
                if place in self.scope.written:
                    value = self._given(place, _source(one)[place])
                    case = joined((match, value), " THEN ")
                    changes.setdefault(place, []).append(
                        Sql(text=f"WHEN {case.text}", params=case.params)
                    )
        assignments = []
        for place, cases in changes.items():
            name, every = self._column(place), joined(cases, " ")
            if len(found) == 1:
                value = self._given(place, _source(found[0])[place])
                assignments.append(Sql(text=f"{name} = {value.text}", params=value.params))
                continue
            assignments.append(
                Sql(text=f"{name} = CASE {every.text} ELSE {name} END", params=every.params)
            )
        assignments += [
            Sql(text=f"{self._column(place)} = {self._column(place)}")
            for place in self._steady
            if place not in changes and place not in self.pair.key
        ]
        self._update(found, assignments, slow=slow, free=free)

    def _key_match(self, one: Difference, *, slow: bool) -> Sql:
        """Return what tells this row from the others of its statement."""
        near = None if slow else self._near([one])
        return near if near is not None else self._match(one, (), slow=True)

    def _update(
        self,
        found: Sequence[Difference],
        assignments: Sequence[Sql],
        *,
        slow: bool,
        free: Collection[int],
    ) -> None:
        new = joined(assignments, ", ")
        guards = [[place for place in one.columns if place not in free] for one in found]
        where = self._where(found, guards, slow=slow)
        self._send(
            Sql(
                text=f"UPDATE {self._table} SET {new.text} WHERE {where.text}",
                params=(*new.params, *where.params),
            ),
            len(found),
        )

    def delete(
        self, found: Sequence[Difference], *, slow: bool = False, free: Collection[int] = ()
    ) -> None:
        """Delete rows that are still as they were seen; of rows without a key, so many copies."""
        if not self.pair.key:
            self._delete_copies(found)
            return
        for some in _batches(found, min(self._engine.rows_at_once, _MATCHED_ROWS)):
            where = self._whole(some, slow=slow, free=free)
            self._send(
                Sql(text=f"DELETE FROM {self._table} WHERE {where.text}", params=where.params),
                len(some),
            )

    def _whole(
        self, found: Sequence[Difference], *, slow: bool = False, free: Collection[int] = ()
    ) -> Sql:
        every = [place for place in range(len(self._values)) if place not in free]
        return self._where(found, [every] * len(found), slow=slow)

    def _delete_copies(self, found: Sequence[Difference]) -> None:
        wanted = Counter(one.target for one in found)
        firsts = {one.target: one for one in found}
        there = Counter(self._read(self._whole(list(firsts.values()))))
        if any(there[texts] < count for texts, count in wanted.items() if texts is not None):
            raise Missed("there are fewer rows like this by now")
        whole = [one for texts, one in firsts.items() if texts and there[texts] == wanted[texts]]
        if whole:
            where = self._whole(whole)
            self._send(
                Sql(text=f"DELETE FROM {self._table} WHERE {where.text}", params=where.params),
                sum(wanted[one.target] for one in whole),
            )
        for texts, one in firsts.items():
            if texts is None or there[texts] == wanted[texts]:
                continue
            where = self._whole([one])
            sql = self._engine.delete_copies(self.pair.target.name, where.text, wanted[texts])
            self._send(Sql(text=sql, params=where.params), wanted[texts])

    def replace(self, found: Sequence[Difference]) -> None:
        """Delete rows as they were seen and insert those of the source."""
        self.delete(found)
        self.insert(found)

    def _send(self, sql: Sql, rows: int) -> None:
        changed = self._session.execute(sql.text, sql.params).changed
        if changed != rows:
            raise Missed(f"{changed:,} of {rows:,} rows were found as they had been seen")

    # --- making room --------------------------------------------------------------------------

    def park(self, found: Sequence[Difference], *, slow: bool = False) -> frozenset[int]:
        """Take the values of unique columns out of the way; return which were changed."""
        places = {at for one in found for at in self.parked(one)}
        if not places:
            return frozenset()
        assignments = []
        for place in sorted(places):
            name = self._column(place)
            if self.pair.columns[place].target.column.null:
                assignments.append(Sql(text=f"{name} = NULL"))
                continue
            cases = [
                joined((self._key_match(one, slow=slow), self._given(place, text)), " THEN ")
                for one, text in zip(found, self._unused(place, found), strict=True)
            ]
            every = joined((Sql(text=f"WHEN {c.text}", params=c.params) for c in cases), " ")
            assignments.append(
                Sql(text=f"{name} = CASE {every.text} ELSE {name} END", params=every.params)
            )
        assignments += [
            Sql(text=f"{self._column(place)} = {self._column(place)}")
            for place in self._steady
            if place not in places and place not in self.pair.key
        ]
        self._update(found, assignments, slow=slow, free=())
        return frozenset(places)

    def parked(self, one: Difference) -> frozenset[int]:
        """Return which places of a row stand in somebody's way, or hold on to somebody."""
        if not self.pair.key:
            return frozenset()
        if one.kind is repair_plan.DELETE:
            return self.scope.parkable | self.scope.loose
        return self.scope.parkable & frozenset(one.columns)

    def _unused(self, place: int, found: Sequence[Difference]) -> list[bytes]:
        """Return values that nobody has, one for each row; the database may refuse them."""
        one = self.pair.columns[place]
        family, column = one.form.family, one.target.column
        count = len(found)
        if family in _NUMBERS:
            first = self._beyond(place)
            letter = "i:" if one.form.typed else ""
            return [f"{letter}{first + at}".encode() for at in range(count)]
        if one.form.typed:
            return [f"t:whimbrel {secrets.token_hex(12)}".encode() for _ in found]
        if family is forms.Family.UUID:
            return [uuid.uuid4().hex.encode() for _ in found]
        if family is forms.Family.BINARY:
            return [secrets.token_hex(_room(column.type, 16)).encode() for _ in found]
        if family in (forms.Family.DATE, forms.Family.DATETIME, forms.Family.INSTANT):
            first = secrets.randbelow(8_000 * 10_000)
            clock = "" if family is forms.Family.DATE else " 23:58:07"
            return [f"{_day(first + at)}{clock}".encode() for at in range(count)]
        return [secrets.token_hex(16)[: _room(column.type, 32)].encode() for _ in found]

    def _beyond(self, place: int) -> int:
        """Return a whole number above all that are there."""
        names = self.pair.columns[place].target_name, self.pair.target.name
        column, table = map(self._engine.quote, names)
        rows = self._session.fetch(f"SELECT max({column}) FROM {table}")
        try:
            top = math.ceil(Decimal(str(rows[0][0])))
        except (InvalidOperation, ValueError, OverflowError):
            top = 0
        return max(top, 0) + 1 + secrets.randbelow(1_000)

    # --- reading ------------------------------------------------------------------------------

    def _read(self, where: Sql) -> list[codec.Texts]:
        scan = codec.Scan(
            table=self.pair.target.name,
            values=self._values,
            key=self.pair.key,
            where=where.text,
            params=where.params,
        )
        return self._codec.rows(scan)

    def now(self, found: Sequence[Difference], *, slow: bool = False) -> Seen:
        """Return the rows that these keys have by now."""
        rows: Seen = {}
        for some in _batches(found, STATEMENT_ROWS if len(self.pair.key) == 1 else _MATCHED_ROWS):
            for texts in self._read(self._where(some, [()] * len(some), slow=slow)):
                rows.setdefault(tuple(texts[place] for place in self.pair.key), []).append(texts)
        return rows

    def check(
        self,
        found: Sequence[Difference],
        *,
        slow: bool = False,
        without: Collection[int] = (),
    ) -> None:
        """Raise Kept unless rows that were written are there with the values they were given."""
        if not self.pair.key:
            return  # they are only found by reading all rows, as comparing again does anyway
        there = self.now(found, slow=slow)
        if not slow and len(there) < len({one.key for one in found}):
            there = self.now(found, slow=True)
        for one in found:
            places = one.columns if one.kind is repair_plan.UPDATE else self.scope.written
            places = tuple(at for at in places if at in self.scope.written and at not in without)
            rows = there.get(one.key, [])
            if not any(self._same(one, row, places) for row in rows):
                raise Kept(self._otherwise(one, rows, places))

    def _same(self, one: Difference, row: codec.Texts, places: Iterable[int]) -> bool:
        source = _source(one)
        return all(
            forms.same(self.pair.columns[place].form, source[place], row[place]) for place in places
        )

    def settled(self, one: Difference, row: codec.Texts) -> bool:
        """Whether a row of the target is what it should be already."""
        places = one.columns if one.kind is repair_plan.UPDATE else range(len(self._values))
        return all(
            self.pair.columns[place].same(_source(one)[place], row[place]) for place in places
        )

    def moved(self, one: Difference, found: Sequence[codec.Texts]) -> str | None:
        """Return why a row is left: '' if it is right by now, None if it is as it was seen.

        `found` are the rows with its key by now.
        """
        if one.kind is repair_plan.INSERT:
            if any(self.settled(one, row) for row in found):
                return ""
            return "another row with this key is there by now" if found else None
        if one.target is None:
            return None
        if not found:
            return "" if one.kind is repair_plan.DELETE else "the row is gone by now"
        whole = one.kind is repair_plan.DELETE
        places = range(len(one.target)) if whole else one.columns
        seen = one.target
        if any(all(row[place] == seen[place] for place in places) for row in found):
            return None
        if not whole and any(self.settled(one, row) for row in found):
            return ""
        return "it has other values by now than it had when it was compared"

    def _otherwise(
        self, one: Difference, rows: Sequence[codec.Texts], places: Sequence[int]
    ) -> str:
        if not rows:
            return "the database does not show the row under its key after writing it"
        for place in places:
            column, given, kept = self.pair.columns[place], _source(one)[place], rows[0][place]
            if not forms.same(column.form, given, kept):
                return (
                    f"the column {column.target_name} does not keep "
                    f"{_shown(column, given)}: it made {_shown(column, kept)} of it"
                )
        return "the database keeps other values than it was given"

    # --- who refers to them -------------------------------------------------------------------

    def referred(
        self, found: Sequence[Difference], *, slow: bool = False
    ) -> dict[codec.Texts, repair_plan.Reference]:
        """Return keys of rows that others refer to and whose end these would not survive.

        The rows are locked until the transaction ends, so that nobody comes to refer to them.
        """
        lossy = [
            one for one in self.scope.children if one.lossy or one.table == self.pair.target.name
        ]
        if not lossy or not self.pair.key:
            return {}
        where = self._where(found, [()] * len(found), slow=slow)
        if self._engine.row_lock:
            self._session.fetch(
                f"SELECT 1 FROM {self._table} WHERE {where.text}{self._engine.row_lock}",
                where.params,
            )
        keys: dict[codec.Texts, repair_plan.Reference] = {}
        for reference in lossy:
            child = self._name(reference.table)
            both = " AND ".join(
                f"c.{self._name(mine)} = {self._table}.{self._name(theirs)}"
                for mine, theirs in zip(
                    reference.key.columns, reference.key.ref_columns, strict=True
                )
            )
            if reference.table == self.pair.target.name:
                # Who refers to himself is in nobody's way.
                both += f" AND NOT ({self._same_row(where='c')})"
            exists = Sql(text=f"EXISTS (SELECT 1 FROM {child} AS c WHERE {both})")
            for texts in self._read(joined((where, exists), " AND ")):
                keys.setdefault(tuple(texts[place] for place in self.pair.key), reference)
        return keys

    def _same_row(self, *, where: str) -> str:
        names = self.pair.target.primary_key or tuple(
            self.pair.columns[place].target_name for place in self.pair.key
        )
        return " AND ".join(
            f"{where}.{self._name(name)} = {self._table}.{self._name(name)}" for name in names
        )


def _batches(found: Sequence[Difference], size: int) -> Iterator[Sequence[Difference]]:
    return (found[at : at + size] for at in range(0, len(found), size))


def _source(one: Difference) -> codec.Texts:
    if one.source is None:
        raise ValueError(f"there is no row of the source: {one!r}")
    return one.source


def _wrapped(one: Sql) -> Sql:
    return dataclasses.replace(one, text=f"({one.text})")


def _room(type_: str, most: int) -> int:
    found = _LENGTH.search(type_)
    return min(most, int(found[1])) if found else most


def _day(number: int) -> str:
    """Return one of the last days that every engine knows; distinct for distinct numbers."""
    days = number % (8_000 * 336)
    year, rest = divmod(days, 336)
    month, day = divmod(rest, 28)
    return f"{9_999 - year:04d}-{month + 1:02d}-{day + 1:02d}"


def _shown(column: findings.ColumnPair, text: bytes | None) -> str:
    said = column.shown(text)
    if said is None:
        return "NULL"
    return repr(said if len(said) <= _VALUE_SHOWN else said[: _VALUE_SHOWN - 1] + "…")
