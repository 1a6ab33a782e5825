"""Lines of COPY that SQLite itself writes, a page of rows as one value, as far as that is exact.

A page is some rows in the order of their rowids. With its lines SQLite says of how many rows it
can vouch for every value: that it is of the type it should be, and a moment, or a float of few
digits. Where that is not all of them, or a text has a byte that is in no UTF-8, the page is read
once more and written by `fields`, which knows every value; where that happens often, all that is
left is.

Nothing that a text can hold is a sign here: between fields, between rows and for NULL stand bytes
that are in no UTF-8, and they are counted. So backslashes and tabs are looked for in a whole page
at once, and most pages have none.
"""

from __future__ import annotations

import functools
import random
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel.engines import transport
from whimbrel.engines.forms import Family
from whimbrel.engines.sqlite import tokens, types
from whimbrel.engines.sqlite.types import Affinity

# So large a page should be, and so large it may be before it is read in another way.
PAGE_BYTES: Final = 2**18
MOST_BYTES: Final = 2**24
MOST_ROWS: Final = 2_000

_FIELD, _NULL, _ROW = b"\xff", b"\xfe", b"\xfd"
_SIGNS: Final = bytes.maketrans(_FIELD + _ROW, b"\t\n")
# Beyond so many decimal places a float is not looked at.
_MOST_PLACES: Final = 6
# Smaller ones than with these are written with an exponent.
_PLAIN_PLACES: Final = 4
_EXACT_DIGITS: Final = 14
_NAME: Final = re.compile(r'"(?:[^"]|"")*"')
_MOMENTS: Final = {
    Family.DATE: "date",
    Family.TIME: "time",
    Family.DATETIME: "datetime",
    Family.INSTANT: "datetime",
}
_NUMBERS: Final = frozenset({Family.DECIMAL, Family.FLOAT})
_SEARCH: Final = re.compile(r"SEARCH .+ USING INTEGER PRIMARY KEY \(rowid>\?.*")
_WALK: Final = re.compile(r"(CO-ROUTINE|MATERIALIZE|SCAN) .+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """How the pages of a cargo are read: a query with the last rowid, and how many rows."""

    sql: str
    rowid: str
    fields: int

    def lines(self, row: tuple[int, int, int | None, int | None, bytes | None]) -> bytes | None:
        """Return the lines of a page, None if SQLite does not vouch for all of them."""
        rows, _, sound, nulls, data = row
        if sound != rows or data is None:
            return None
        if (
            data.count(_FIELD) != rows * (self.fields - 1)
            or data.count(_ROW) != rows - 1
            or data.count(_NULL) != nulls
        ):
            return None
        if b"\\" in data:
            data = data.replace(b"\\", b"\\\\")
        for letter, escaped in ((b"\t", b"\\t"), (b"\n", b"\\n"), (b"\r", b"\\r")):
            if letter in data:
                data = data.replace(letter, escaped)
        data = data.translate(_SIGNS)
        return (data.replace(_NULL, b"\\N") if nulls else data) + b"\n"


def plan(driver: sqlite3.Connection, cargo: transport.Cargo) -> Pages | None:
    """Return how a cargo is read in pages, None if it cannot be."""
    if cargo.order or not cargo.carried or not _NAME.fullmatch(cargo.source):
        return None
    if not all(map(_is_written, cargo.carried)):
        return None
    if driver.execute("PRAGMA encoding").fetchone()[0] != "UTF-8":
        return None
    rowid = _rowid(driver, tokens.unquoted(cargo.source))
    if rowid is None:
        return None
    places = _places(driver, cargo, rowid)
    if places is None or (any(places) and not _writes_floats(sqlite3.sqlite_version)):
        return None
    pages = Pages(sql=_query(cargo, rowid, places), rowid=rowid, fields=len(cargo.carried))
    return pages if _is_a_walk(driver, pages.sql, cargo.params) else None


def _is_written(one: transport.Carried) -> bool:
    form = one.value.form
    plain = not (form.typed or form.padded) and form.scale is None
    known = form.family in (Family.INTEGER, Family.BOOLEAN, Family.TEXT, Family.JSON)
    if form.family in _NUMBERS:
        known = types.affinity(one.value.column.type) is not Affinity.TEXT
    return plain and bool(_NAME.fullmatch(one.value.sql)) and (known or form.family in _MOMENTS)


def _rowid(driver: sqlite3.Connection, table: str) -> str | None:
    """Return a name of the rowid of a table that has one, and no column of that name."""
    known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ? AND rootpage > 0"
    if driver.execute(known, (table,)).fetchone() is None:
        return None
    columns = driver.execute(f"PRAGMA table_xinfo({tokens.quote(table)})").fetchall()
    taken = {tokens.fold(str(row[1])) for row in columns}
    for name in ("_rowid_", "rowid", "oid"):
        if name in taken:
            continue
        try:
            driver.execute(f"SELECT {name} FROM {tokens.quote(table)} LIMIT 0").close()
        except sqlite3.OperationalError:
            return None  # WITHOUT ROWID
        return name
    return None


def _is_a_walk(driver: sqlite3.Connection, sql: str, params: Sequence[object]) -> bool:
    """Whether a page is found by its first rowid, and nothing has to be sorted."""
    plan = driver.execute(f"EXPLAIN QUERY PLAN {sql}", (*params, 0, 1)).fetchall()
    steps = [str(row[3]) for row in plan]
    found = [step for step in steps if _SEARCH.fullmatch(step)]
    return len(found) == 1 and all(_SEARCH.fullmatch(s) or _WALK.fullmatch(s) for s in steps)


# --- floats -----------------------------------------------------------------------------------


def _places(driver: sqlite3.Connection, cargo: transport.Cargo, rowid: str) -> list[int] | None:
    """Return how many decimal places the floats of each column have, by the first rows.

    None says that there are floats which are no short decimal numbers.
    """
    at = [i for i, one in enumerate(cargo.carried) if one.value.form.family in _NUMBERS]
    places = [0] * len(cargo.carried)
    if not at:
        return places
    values = ", ".join(cargo.carried[i].value.sql for i in at)
    where = f" WHERE ({cargo.where})" if cargo.where else ""
    sql = f"SELECT {values} FROM {cargo.source}{where} ORDER BY {rowid} LIMIT 200"
    before, driver.text_factory = driver.text_factory, bytes
    try:
        rows = driver.execute(sql, tuple(cargo.params)).fetchall()
    finally:
        driver.text_factory = before
    for i, column in zip(at, zip(*rows, strict=True), strict=False):
        floats = {value for value in column if isinstance(value, float)}
        behind = [repr(value).partition(".")[2] for value in floats]
        if any(not digits.isdecimal() for digits in behind):
            return None
        # What was not among the first rows may have two, as money has.
        places[i] = max([2, *map(len, behind)])
        if places[i] > _MOST_PLACES:
            return None
    return places


@functools.lru_cache(4)
def _writes_floats(version: str) -> bool:
    """Whether this SQLite writes decimal numbers of few digits as they are meant."""
    del version  # what it says of floats depends on how it was built, and on nothing else
    chosen = random.Random(7)
    numbers = [
        chosen.randrange(10 ** chosen.randrange(1, _EXACT_DIGITS)) / 10**places + 0.0
        for places in range(1, _MOST_PLACES + 1)
        for _ in range(150)
    ]
    with sqlite3.connect(":memory:") as driver:
        found = [driver.execute("SELECT ? || ''", (one,)).fetchone()[0] for one in numbers]
    driver.close()
    return all(
        written == repr(number)
        for number, written in zip(numbers, found, strict=True)
        if number >= 0.0001
    )


def _exact(value: str, places: int, affinity: Affinity) -> str:
    """Return a condition: a float is the one nearest to a decimal number of so many places.

    Both numbers of the quotient are exact, so that it is that float; it has few enough digits
    that no shorter number has the same one. Texts and bytes are equal to no number.
    """
    scale, most = 10**places, 10 ** (_EXACT_DIGITS - places)
    condition = (
        f"{value} < {most} AND {value} > -{most} "
        f"AND CAST(round({value} * {scale}) AS INTEGER) / {scale}.0 = {value}"
    )
    if affinity is Affinity.BLOB:
        condition += f" AND {value} <> 0"  # which may have a sign
    if places > _PLAIN_PLACES:
        condition += f" AND ({value} = 0 OR abs({value}) >= 0.0001)"
    return condition


# --- SQL --------------------------------------------------------------------------------------


def _query(cargo: transport.Cargo, rowid: str, places: Sequence[int]) -> str:
    sound = " AND ".join(
        _sound(one, count) for one, count in zip(cargo.carried, places, strict=True)
    )
    nulls = " + ".join(f"({one.value.sql} IS NULL)" for one in cargo.carried if _may_be_null(one))
    where = f"({cargo.where}) AND " if cargo.where else ""
    return (
        f"SELECT count(*), max(r), sum(k), sum(n), group_concat(l, {_sign(_ROW)}) "
        f"FROM (SELECT {rowid} AS r, ({sound}) AS k, {nulls or 0} AS n, {_line(cargo)} AS l "
        f"FROM {cargo.source} WHERE {where}{rowid} > ? ORDER BY {rowid} LIMIT ?)"
    )


def _sign(sign: bytes) -> str:
    return f"CAST(x'{sign.hex()}' AS TEXT)"


def _may_be_null(one: transport.Carried) -> bool:
    return one.value.column.null


def _line(cargo: transport.Cargo) -> str:
    """Return SQL for a line: numbers and moments by one call, which would cut texts at a NUL."""
    parts: list[str] = []
    run: list[str] = []
    for one in cargo.carried:
        piece = _piece(one)
        if _may_be_null(one):
            piece = f"ifnull({piece}, {_sign(_NULL)})"
        if one.value.form.family in (Family.TEXT, Family.JSON):
            _close(run, parts)
            parts.append(piece)
        else:
            run.append(piece)
    _close(run, parts)
    return f" || {_sign(_FIELD)} || ".join(parts)


def _close(run: list[str], parts: list[str]) -> None:
    if run:
        shape = _FIELD.join([b"%s"] * len(run))
        parts.append(f"printf({_sign(shape)}, {', '.join(run)})")
        run.clear()


def _piece(one: transport.Carried) -> str:
    value, affinity = one.value.sql, types.affinity(one.value.column.type)
    if one.value.form.family not in _NUMBERS or affinity in (Affinity.INTEGER, Affinity.NUMERIC):
        return value
    # A whole number is written with .0 if it is a float.
    return f"CASE typeof({value}) WHEN 'real' THEN rtrim(rtrim({value}, '0'), '.') ELSE {value} END"


def _sound(one: transport.Carried, places: int) -> str:
    """Return a condition: the value is of its family, and written as its text is."""
    value, family = one.value.sql, one.value.form.family
    affinity = types.affinity(one.value.column.type)
    if family in _NUMBERS:
        condition = f"typeof({value}) = 'integer'"
        if family is Family.FLOAT:
            condition += f" AND {value} BETWEEN -1000000000000 AND 1000000000000"
        condition += f" OR {_exact(value, places, affinity)}"
    elif family in _MOMENTS:
        condition = f"{_MOMENTS[family]}({value}) = {value}"
    else:
        kind = "text" if family in (Family.TEXT, Family.JSON) else "integer"
        condition = f"typeof({value}) = '{kind}'"
    return f"({value} IS NULL OR {condition})" if _may_be_null(one) else f"({condition})"
