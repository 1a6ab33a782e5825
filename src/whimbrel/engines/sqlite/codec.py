"""Rows of SQLite as `codec` writes them: SQLite reads, Python writes the texts and hashes them.

SQLite has no hash function, and its columns hold values of any type. Values are fetched as they
are, a few hundred rows at a time, written column by column by `texts`, hashed and summed. What is
needed inside of SQL (conditions, the order of a stream) are functions on the connection, which
call the same code.

Measured with a table of 3 columns and one of 17 (lineitem of TPC-H), in million rows a second:

    rows fetched and nothing done with them      2.2      0.53
    sums                                         0.77     0.20
    sums of typed values                         0.65     0.16
    texts of rows by SQL, hashed here            0.90     0.17
    the same, hashed by an aggregate function    0.88     0.15

Texts by SQL gain little, and nothing where there are many columns; and SQL would have to trust
SQLite's own reading of floats. Two threads are no faster than one: Python works on one at a time.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import sqlite3
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from whimbrel import errors, tables
from whimbrel.engines import bulk, codec, forms
from whimbrel.engines.sqlite import declared, texts, tokens, types
from whimbrel.engines.sqlite import session as sessions

try:
    # For texts as short as rows are, it takes half the time of the one in hashlib.
    from _md5 import md5 as _md5  # type: ignore[import-not-found]
except ImportError:
    _md5 = functools.partial(hashlib.md5, usedforsecurity=False)

Row = tuple[texts.Stored, ...]
_Given = TypeVar("_Given")
_Factory = Callable[[bytes], str]

# More would outgrow the processor's caches, and keep the collector of garbage busy.
_CHUNK_ROWS: Final = 250
# Rows that are large are not held in such numbers.
_CHUNK_BYTES: Final = 4_000_000
_FIRST_ROWS: Final = 10
_SAMPLE: Final = 8
# SQLite lets a function have 100 arguments; a value takes three.
_VALUES_A_CALL: Final = 30

_LOW_BITS: Final = bytes(byte & 15 for byte in range(256))
_MOST_DIGITS: Final = 15


class SqliteCodec(codec.Codec):
    """Writes and sums up the rows of one connection."""

    def __init__(self, session: sessions.SqliteSession) -> None:
        self._session = session
        self._driver = session.driver
        _register(self._driver)

    def prepare(self) -> None:
        """Do nothing: no setting of SQLite changes what is read."""

    # --- what columns are -------------------------------------------------------------------

    def form(self, table: tables.Table, column: tables.FoundColumn) -> forms.Form:
        """Return what the declared type says; a value may be of any other type all the same."""
        stores = types.affinity(column.type).value
        return forms.Form(family=declared.family(column.type), typed=True, stores=stores)

    def described(
        self, table: tables.Table, expression: str, *, query: str = ""
    ) -> tables.FoundColumn:
        if query:
            table = self._of_query(table, query)
        self._check(table, expression, query)
        plain = expression.strip()
        read = [token for token in tokens.read(plain) if token.means]
        if len(read) == 1 and read[0].sort in (tokens.Sort.WORD, tokens.Sort.NAME):
            for column in table.columns:
                if tokens.same(column.name, tokens.unquoted(plain)):
                    return dataclasses.replace(column, name=expression)
        return tables.FoundColumn(name=expression, type=declared.cast_type(read), null=True)

    def _of_query(self, table: tables.Table, query: str) -> tables.Table:
        """Return a table with the columns of a query, of no type: SQLite does not tell theirs."""
        try:
            cursor = self._driver.execute(f"SELECT * FROM ({query}) LIMIT 0")
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise errors.RefusedError(
                f"SQLite does not understand the query {table.name!r}",
                cause=str(error),
                remedy="correct it; it is SQL of the source",
            ) from error
        names = [str(column[0]) for column in cursor.description]
        cursor.close()
        found = tuple(tables.FoundColumn(name=name, type="", null=True) for name in names)
        return table.replace(columns=found)

    def _check(self, table: tables.Table, expression: str, query: str = "") -> None:
        why = declared.unusable(table, expression)
        if not why:
            # In a condition, because there SQLite refuses sums over rows.
            source = f"({query})" if query else tokens.quote(table.name)
            sql = f"SELECT ({expression}) FROM {source} WHERE ({expression}) IS NOT NULL LIMIT 0"
            try:
                self._driver.execute(sql).close()
            except (sqlite3.Error, sqlite3.Warning) as error:
                why = str(error)
        if why:
            raise errors.RefusedError(
                f"{expression!r} cannot be compared: SQLite does not understand it",
                object=f"table {table.name!r}",
                cause=why,
                remedy="write an expression over the columns of this table",
            )

    # --- texts ------------------------------------------------------------------------------

    def text(self, value: codec.Value) -> str:
        # A function of ours cannot return a text that is no UTF-8: it returns its bytes.
        return f"CAST(whimbrel_text({_passed(value)}) AS TEXT)"

    def octets(self, value: codec.Value) -> str:
        return f"whimbrel_octets({_passed(value)})"

    def given(self, column: tables.FoundColumn, form: forms.Form) -> str:
        call = f"whimbrel_given('{texts.spec(form)}', '{declared.kept(column.type)}', ?)"
        return (
            "(SELECT CASE substr(v, 1, 1) WHEN x'74' THEN CAST(substr(v, 2) AS TEXT) "
            f"WHEN x'62' THEN substr(v, 2) ELSE v END FROM (SELECT {call} AS v))"
        )

    def literal(self, column: tables.FoundColumn, form: forms.Form, text: bytes | None) -> str:
        if text is None:
            return "NULL"
        made = texts.value(form, texts.read(text), declared.kept(column.type))
        if isinstance(made, str):
            if made.isprintable():
                return "'" + made.replace("'", "''") + "'"
            # NUL would end a text in quotes, and what is no UTF-8 cannot be sent in one.
            encoding = str(self._driver.execute("PRAGMA encoding").fetchone()[0])
            return f"CAST(x'{_Functions(encoding).out(made).hex()}' AS TEXT)"
        if isinstance(made, bytes):
            return f"x'{made.hex()}'"
        return repr(made).replace("inf", "9e999")

    def _listed(self, rows: Sequence[str]) -> str:
        return "VALUES " + super()._listed(rows)

    # --- rows -------------------------------------------------------------------------------

    def total(self, scan: codec.Scan) -> codec.Sum:
        return self._read(lambda factory: self._total(scan, factory))

    def _total(self, scan: codec.Scan, factory: _Factory) -> codec.Sum:
        rows = high = low = 0
        for chunk in self._chunks(_selection(scan), scan.params, factory):
            digests = _hashed(_parts(scan.values, chunk))
            lanes = _lanes(digests)
            # A lane is the upper 60 bits: what the lower 4 add up to is taken off again.
            rest = digests.translate(_LOW_BITS)
            rows += len(chunk)
            high += (sum(lanes[::2]) - sum(rest[7::16])) >> 4
            low += (sum(lanes[1::2]) - sum(rest[15::16])) >> 4
        return codec.Sum(rows=rows, high=high, low=low)

    def buckets(self, scan: codec.Scan, digits: int) -> dict[int, codec.Sum]:
        return self._read(lambda factory: self._buckets(scan, digits, factory))

    def _buckets(self, scan: codec.Scan, digits: int, factory: _Factory) -> dict[int, codec.Sum]:
        if not 0 < digits <= _MOST_DIGITS:
            raise ValueError(f"buckets are counted by 1 to {_MOST_DIGITS} digits, not {digits}")
        cut = 64 - 4 * digits
        found: dict[int, list[int]] = {}
        for chunk in self._chunks(_selection(scan), scan.params, factory):
            parts = [list(column) for column in _parts(scan.values, chunk)]
            lanes = keys = _lanes(_hashed(parts))
            if scan.key:
                keys = _lanes(_hashed([parts[place] for place in scan.key]))
            for key, high, low in zip(keys[::2], lanes[::2], lanes[1::2], strict=True):
                sums = found.setdefault(key >> cut, [0, 0, 0])
                sums[0] += 1
                sums[1] += high >> 4
                sums[2] += low >> 4
        return {
            bucket: codec.Sum(rows=rows, high=high, low=low)
            for bucket, (rows, high, low) in sorted(found.items())
        }

    def rows(self, scan: codec.Scan) -> list[codec.Texts]:
        return self._read(lambda factory: self._rows(scan, factory))

    def _rows(self, scan: codec.Scan, factory: _Factory) -> list[codec.Texts]:
        found: list[codec.Texts] = []
        for chunk in self._chunks(_selection(scan), scan.params, factory):
            found += _texts(scan.values, chunk)
        return found

    def stream(
        self, scan: codec.Scan, *, digits: int = 0, only: Collection[int] | None = None
    ) -> Iterator[tuple[str, codec.Texts]]:
        if only is not None and not only:
            return
        hashed = _key_hash([scan.values[place] for place in scan.key] or scan.values)
        where = [f"({scan.where})"] if scan.where else []
        if only is not None and digits:
            wanted = ", ".join(f"'{bucket:0{digits}x}'" for bucket in sorted(only))
            where.append(f"substr({hashed}, 1, {digits}) IN ({wanted})")
        # SQLite sorts in a temporary file when there are many.
        sql = _selection(scan, before=f"{hashed}, ", where=" AND ".join(where)) + " ORDER BY 1"
        chunks = self._chunks(sql, scan.params, texts.read)
        while True:
            with self._driving():
                chunk = next(chunks, None)
            if chunk is None:
                return
            hashes = [str(row[0]) for row in chunk]
            yield from zip(hashes, _texts(scan.values, [r[1:] for r in chunk]), strict=True)

    # --- reading ----------------------------------------------------------------------------

    def _read(self, work: Callable[[_Factory], _Given]) -> _Given:
        """Do work that reads rows, by the driver's own decoding, which is the fastest."""
        with self._driving():
            try:
                return work(str)
            except sqlite3.OperationalError as error:
                if not str(error).startswith("Could not decode"):
                    raise
            return work(texts.read)

    def _chunks(self, sql: str, params: Sequence[object], factory: _Factory) -> Iterator[list[Row]]:
        """Yield rows, some at a time; others use the connection in between."""
        with self._decoding(factory):
            cursor = self._driver.execute(sql, tuple(params))
        try:
            size = _FIRST_ROWS
            while True:
                with self._decoding(factory):
                    rows = cursor.fetchmany(size)
                if not rows:
                    return
                yield rows
                size = _next_size(rows)
        finally:
            cursor.close()

    @contextmanager
    def _decoding(self, factory: _Factory) -> Iterator[None]:
        before, self._driver.text_factory = self._driver.text_factory, factory
        try:
            yield
        finally:
            self._driver.text_factory = before

    @contextmanager
    def _driving(self) -> Iterator[None]:
        with bulk.driving(self._session), self._session.driving():
            yield


def _next_size(rows: Sequence[Row]) -> int:
    """Return how many rows to fetch next, by the size of some of these."""
    sample = rows[:: max(1, len(rows) // _SAMPLE)]
    size = sum(len(v) for row in sample for v in row if isinstance(v, (str, bytes)))
    return max(1, min(_CHUNK_ROWS, _CHUNK_BYTES * len(sample) // max(size, 1)))


# --- rows as texts and hashes ---------------------------------------------------------------


def _has_words(value: codec.Value) -> bool:
    return declared.family(value.column.type) is not forms.Family.BINARY


def _column(value: codec.Value, values: Sequence[texts.Stored]) -> Sequence[str | None]:
    return texts.column(value.form, values, words=_has_words(value))


def _parts(values: Sequence[codec.Value], rows: Sequence[Row]) -> list[Iterable[str]]:
    """Return, column by column, what stands between the bars of each row."""
    if not values:
        return [[""] * len(rows)]
    columns = zip(*rows, strict=True)
    return [
        texts.parts(value.form, _column(value, column))
        for value, column in zip(values, columns, strict=True)
    ]


def _hashed(parts: Sequence[Iterable[str]]) -> bytes:
    """Return the hashes of all rows, 16 bytes each."""
    join = "|".join
    return b"".join(
        [
            _md5(join(row).encode("utf-8", "surrogateescape")).digest()
            for row in zip(*parts, strict=True)
        ]
    )


def _lanes(digests: bytes) -> tuple[int, ...]:
    """Return both halves of all hashes, each as a number of 64 bits."""
    return struct.unpack(f">{len(digests) // 8}Q", digests)


def _texts(values: Sequence[codec.Value], rows: Sequence[Row]) -> Iterable[codec.Texts]:
    if not values:
        return [()] * len(rows)
    columns = zip(*rows, strict=True)
    return zip(
        *(
            [None if text is None else texts.octets(text) for text in _column(value, column)]
            for value, column in zip(values, columns, strict=True)
        ),
        strict=True,
    )


# --- SQL ------------------------------------------------------------------------------------


def _selection(scan: codec.Scan, *, before: str = "", where: str | None = None) -> str:
    values = ", ".join(f"({value.sql})" for value in scan.values) or "NULL"
    sql = f"SELECT {before}{values} FROM {tokens.quote(scan.table)}"
    condition = scan.where if where is None else where
    return f"{sql} WHERE {condition}" if condition else sql


def _passed(value: codec.Value) -> str:
    """Return the arguments that tell a function of ours a value, and how it is written."""
    sql = f"({value.sql})"
    # As its bytes: the driver can pass no text that is no UTF-8.
    exact = f"CASE typeof({sql}) WHEN 'text' THEN CAST({sql} AS BLOB) ELSE {sql} END"
    spec = texts.spec(value.form, words=_has_words(value))
    return f"'{spec}', typeof({sql}), {exact}"


def _key_hash(values: Sequence[codec.Value]) -> str:
    groups = [
        values[start : start + _VALUES_A_CALL] for start in range(0, len(values), _VALUES_A_CALL)
    ]
    calls = [f"whimbrel_parts({', '.join(map(_passed, group))})" for group in groups]
    return f"whimbrel_hash({', '.join(calls)})"


# --- functions on the connection ------------------------------------------------------------


class _Functions:
    """What statements call; bytes come and go as the database encodes its texts."""

    def __init__(self, encoding: str) -> None:
        self._encoding = "" if encoding == "UTF-8" else encoding

    def text(self, spec: str, kind: str, value: texts.Stored) -> bytes | None:
        """Return the text of a value."""
        if value is None:
            return None
        form, words = texts.form_of(spec)
        return self.out(texts.one(form, words=words)(self._in(kind, value)))

    def octets(self, spec: str, kind: str, value: texts.Stored) -> bytes | None:
        """Return the text of a value in UTF-8, whatever the database encodes its texts in."""
        if value is None:
            return None
        form, words = texts.form_of(spec)
        return texts.octets(texts.one(form, words=words)(self._in(kind, value)))

    def parts(self, *args: texts.Stored) -> bytes:
        """Return the texts of some values as they stand in a row's."""
        found: list[str] = []
        for at in range(0, len(args), 3):
            spec, kind, value = str(args[at]), str(args[at + 1]), args[at + 2]
            form, words = texts.form_of(spec)
            write = texts.one(form, words=words)
            found += texts.parts(form, [None if value is None else write(self._in(kind, value))])
        return texts.octets("|".join(found))

    def hash(self, *parts: bytes) -> str:
        """Return the hash of a row of these parts."""
        return hashlib.md5(b"|".join(parts), usedforsecurity=False).hexdigest()

    def given(self, spec: str, kept: str, text: str | bytes | None) -> texts.Stored:
        """Return the value of a text; a text or bytes behind a letter that says which."""
        if text is None:
            return None
        read = text if isinstance(text, str) else texts.read(text)
        made = texts.value(texts.form_of(spec)[0], read, kept)
        if isinstance(made, str):
            return b"t" + self.out(made)
        return b"b" + made if isinstance(made, bytes) else made

    def _in(self, kind: str, value: int | float | str | bytes) -> int | float | str | bytes:
        if kind != "text" or not isinstance(value, bytes):
            return value
        if not self._encoding:
            return texts.read(value)
        whole = value[: len(value) & ~1].decode(self._encoding, "surrogatepass")
        return texts.read(whole.encode("utf-8", "surrogatepass"))

    def out(self, text: str) -> bytes:
        """Return a text as the database encodes it."""
        # What is no text of Unicode stays what no text can be.
        return (
            text.encode(self._encoding, "surrogatepass") if self._encoding else texts.octets(text)
        )


def _register(driver: sqlite3.Connection) -> None:
    """Make the functions known, once: SQLite replaces none while a statement runs."""
    known = "SELECT 1 FROM pragma_function_list WHERE name = 'whimbrel_given'"
    if driver.execute(known).fetchone():
        return
    made = _Functions(str(driver.execute("PRAGMA encoding").fetchone()[0]))
    driver.create_function("whimbrel_text", 3, made.text, deterministic=True)
    driver.create_function("whimbrel_octets", 3, made.octets, deterministic=True)
    driver.create_function("whimbrel_parts", -1, made.parts, deterministic=True)
    driver.create_function("whimbrel_hash", -1, made.hash, deterministic=True)
    driver.create_function("whimbrel_given", 3, made.given, deterministic=True)
