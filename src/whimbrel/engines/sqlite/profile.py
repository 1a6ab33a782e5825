"""What values a table of SQLite really holds, of whatever type, in whatever column.

SQLite itself says at once whether a value is of the expected type and shape, which nearly all
are; the rest is looked at by Python, one value after the other, in the words of `texts`. Columns
of which every value is what its type says need none of this: a glance is enough (`glance`), which
takes less than half of the time.

Measured on half a million rows of lineitem, with SQLite 3.40, in seconds; reading alone is 0.04:

    typeof() of eight columns                            0.15
    the same by GROUP BY of them                         1.29
    three dates: date(x, '+0 days') is x / by GLOB       0.21 / 0.22
    five texts: other than ASCII, by GLOB                0.53
    five texts: other than ASCII, one call of Python     0.17
    digits behind the point of one column, in Python     0.10 to 0.40
    the same by dividing whole numbers                   0.05
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from whimbrel import tables
from whimbrel.engines import base, bulk, codec, portable, profiling
from whimbrel.engines.forms import Family, Form
from whimbrel.engines.portable import Question
from whimbrel.engines.sqlite import codec as coders
from whimbrel.engines.sqlite import glance, text, texts, troubles

if TYPE_CHECKING:
    from whimbrel.engines.sqlite import session as sessions

_KINDS: Final = ("integer", "real", "text", "blob")
# SQLite lets a function have 100 arguments.
_MOST_ARGUMENTS: Final = 100
# A glance asks several values of each column, and a result has no more than 2,000.
_MOST_GLANCED: Final = 150


class SqliteProfiler(profiling.SqlProfiler):
    """Asks by filtered counts; what is odd goes through functions on the connection."""

    def __init__(self, session: sessions.SqliteSession) -> None:
        super().__init__(session, coders.SqliteCodec(session))
        self._driver = session.driver
        self._sqlite = session
        self._plain = str(self._driver.execute("PRAGMA encoding").fetchone()[0])
        _register(self._driver, self._plain)

    def ask(self, sql: str) -> list[base.Row]:
        before = self._driver.text_factory
        with bulk.driving(self._session), self._sqlite.driving():
            # The least of some values may be a text that is no UTF-8.
            self._driver.text_factory = texts.read
            try:
                return [tuple(row) for row in self._driver.execute(sql).fetchall()]
            finally:
                self._driver.text_factory = before

    # --- what is plain ------------------------------------------------------------------------

    def facts(
        self,
        table: tables.Table,
        asked: Mapping[str, frozenset[Question]],
        *,
        where: str = "",
        key: tuple[str, ...] = (),
    ) -> dict[str, portable.Facts]:
        """Return the facts of columns or expressions, of columns that are plain in one glance."""
        known = self._glanced(table, asked, where)
        rest = {name: questions for name, questions in asked.items() if name not in known}
        known |= super().facts(table, rest, where=where, key=key)
        return {name: known[name] for name in asked}

    def _glanced(
        self, table: tables.Table, asked: Mapping[str, frozenset[Question]], where: str
    ) -> dict[str, portable.Facts]:
        source = self._walkable(table, where)
        names = [name for name in asked if table.has(name)]
        if source is None or not names or len(names) > _MOST_GLANCED:
            return {}
        subjects = [self.subject(table, name, asked[name]) for name in names]
        self._session.begin()
        rows, found = glance.look(self._asked, self._driver, subjects, source)
        return {
            name: dataclasses.replace(self.told(one.subject, rows, one.measured), plain=one.plain)
            for name, one in found.items()
        }

    def _walkable(self, table: tables.Table, where: str) -> glance.Source | None:
        """Return a table as it can be walked over by its hidden numbers, None if it has none."""
        if self._plain != "UTF-8" or not table.sql:
            return None
        try:
            read = text.parse(table.sql)
        except text.NotUnderstoodError:
            return None
        rowid, alias = text.rowid_word(read), read.rowid_alias
        if rowid is None:
            return None
        quote = self._session.engine.quote
        return glance.Source(
            quote(table.name), rowid, where, alias=None if alias is None else quote(alias)
        )

    def _asked(self, sql: str, params: Sequence[object]) -> list[tuple[object, ...]]:
        before = self._driver.text_factory
        with bulk.driving(self._session), self._sqlite.driving():
            self._driver.text_factory = bytes
            try:
                return self._driver.execute(sql, params).fetchall()
            except sqlite3.DataError as error:
                raise glance.TooLargeError from error
            finally:
                self._driver.text_factory = before

    # --- what SQLite says ---------------------------------------------------------------------

    def counted(self, condition: str) -> str:
        return f"COUNT(*) FILTER (WHERE {condition})"

    def cut(self, octets: str, length: int) -> str:
        return f"substr({octets}, 1, {length})"

    def alike(self, value: codec.Value, sameness: profiling.Sameness) -> str:
        flags = "".join(str(int(f)) for f in (sameness.padded, sameness.cased, sameness.accented))
        return f"whimbrel_alike('{flags}', {self._coder.octets(value)})"

    def same_or_null(self, one: str, other: str) -> str:
        return f"{one} IS {other}"

    def pool(self, pooled: Sequence[tuple[str, frozenset[Question]]]) -> str:
        groups = [
            ", ".join(sql for sql, _ in pooled[at : at + _MOST_ARGUMENTS])
            for at in range(0, len(pooled), _MOST_ARGUMENTS)
        ]
        levels = [f"max(whimbrel_level({group}))" for group in groups]
        return levels[0] if len(levels) == 1 else f"max({', '.join(levels)})"

    # Other characters than those of ASCII.
    harmless = troubles.WIDE

    # --- what is asked of a column ------------------------------------------------------------

    def answers(self, table: tables.Table, subject: profiling.Subject) -> profiling.Answers:
        found = {}
        for question in sorted(subject.asked & profiling.TROUBLES, key=lambda one: one.name):
            condition = self._trouble(table, subject, question)
            if condition:
                found[question] = condition
        pooled = f"CAST({_v(subject)} AS BLOB)" if self._pools(subject) else ""
        late = bool(pooled) or (subject.family in profiling.NUMBERS and bool(found))
        return profiling.Answers(
            measures=self._measures(subject, late=late),
            troubles=found,
            suspect="" if pooled else self._suspect(subject, frozenset(found)),
            pooled=pooled,
            late=late,
        )

    def _pools(self, subject: profiling.Subject) -> bool:
        """Whether a look at its bytes and at how many texts there are shows any trouble."""
        asked = subject.asked & profiling.TROUBLES - {Question.NULL}
        words = {Question.NUL, Question.NOT_UTF8}
        plain = words <= asked <= words | {Question.NOT_TEXT}
        return plain and subject.family in profiling.TEXTUAL and self._plain == "UTF-8"

    def _measures(self, subject: profiling.Subject, *, late: bool) -> Mapping[str, str]:
        value = _v(subject)
        found: dict[str, str] = {}
        numeric = subject.family in profiling.NUMBERS
        if numeric and (late or subject.asked & {Question.RANGE, Question.DIGITS}):
            found |= {"least": f"min({value})", "most": f"max({value})"}
        elif subject.asked & {Question.RANGE, Question.DIGITS}:
            found |= self._read_numbers(subject)
        if Question.DIGITS in subject.asked and numeric:
            found["digits_behind"] = f"max({_places(value, subject.form.scale)})"
        if Question.LONGEST in subject.asked:
            characters, octets = self.sizes(subject)
            if self._pools(subject):
                found["octets"] = f"max(length(CAST({value} AS BLOB)))"
            else:
                found |= {"characters": f"max({characters})", "octets": f"max({octets})"}
        if late or Question.KINDS in subject.asked:
            kind = _expected(subject)
            found[f"kind:{kind}"] = self.counted(f"typeof({value}) = '{kind}'")
            found["present"] = f"COUNT({value})" if subject.column.null else "COUNT(*)"
        return found

    def doubtful(self, subject: profiling.Subject, measured: Mapping[str, object]) -> bool:
        if not measured["present"]:
            return False
        pure = measured[f"kind:{_expected(subject)}"] == measured["present"]
        if subject.family in profiling.TEXTUAL:
            return not pure
        if not _finite(measured) or (subject.family is not Family.DECIMAL and not pure):
            return True
        asked = subject.asked
        if subject.family in {Family.DECIMAL, Family.FLOAT} and asked & _OF_FRACTIONS:
            return True
        least, most = (cast("float", measured[one]) for one in ("least", "most"))
        outside = Question.NOT_BOOLEAN in asked and not 0 <= least <= most <= 1
        return outside or (Question.NEGATIVE in asked and least < 0)

    def _read_numbers(self, subject: profiling.Subject) -> dict[str, str]:
        """Return exact aggregates over what is read as numbers, by Python."""
        text = self.reading(subject, Family.DECIMAL)
        found = {"least": f"whimbrel_least({text})", "most": f"whimbrel_most({text})"}
        if Question.DIGITS in subject.asked:
            clocks = self.decimal_text(subject)
            found["digits_behind"] = f"max({self.behind(clocks)})"
        return found

    def again(
        self,
        table: tables.Table,
        subject: profiling.Subject,
        measured: Mapping[str, object],
        counts: Mapping[Question, int],
    ) -> Mapping[str, str | int]:
        found: dict[str, str | int] = {}
        value = _v(subject)
        numeric = subject.family in profiling.NUMBERS
        if numeric and "most" in measured:
            if not _finite(measured):
                # Words sort behind all numbers: some are there.
                found |= self._read_numbers(subject)
            elif measured.get("digits_behind") == _MANY_PLACES:
                found["digits_behind"] = f"whimbrel_digits({value})"
        if "present" not in measured:
            return found
        kind, present = _expected(subject), cast("int", measured["present"])
        mixed = measured[f"kind:{kind}"] != present
        if Question.LONGEST in subject.asked and self._pools(subject):
            found |= self._sizes_after(subject, measured, counts, mixed=mixed)
        if mixed and numeric and _finite(measured) and kind == "real":
            found["kind:integer"] = present - cast("int", measured["kind:real"])
        elif mixed:
            for one in _KINDS:
                found[f"kind:{one}"] = self.counted(f"typeof({value}) = '{one}'")
        return found

    def _sizes_after(
        self,
        subject: profiling.Subject,
        measured: Mapping[str, object],
        counts: Mapping[Question, int],
        *,
        mixed: bool,
    ) -> dict[str, str | int]:
        """Return how long texts are once it is known what is in them."""
        if mixed or counts.get(Question.NUL) or counts.get(Question.NOT_UTF8):
            characters, octets = self.sizes(subject)
            return {"characters": f"max({characters})", "octets": f"max({octets})"}
        if measured.get("pooled"):
            return {"characters": f"max(length({_v(subject)}))"}
        return {"characters": cast("int | None", measured["octets"]) or 0}

    def number(self, table: tables.Table, subject: profiling.Subject) -> str:
        text = self.reading(subject, Family.DECIMAL)
        value = _v(subject)
        read = f"whimbrel_number({text})"
        return f"(CASE WHEN typeof({value}) IN ('integer', 'real') THEN {value} ELSE {read} END)"

    def behind(self, text: str) -> str:
        return f"CASE WHEN instr({text}, '.') THEN length({text}) - instr({text}, '.') ELSE 0 END"

    def sizes(self, subject: profiling.Subject) -> tuple[str, str]:
        value = _v(subject)
        own = "blob" if subject.family is Family.BINARY else "text"
        characters, octets = (
            f"whimbrel_size('{what}', typeof({value}), {_exact(value)})"
            for what in ("characters", "octets")
        )
        if self._plain != "UTF-8":
            return characters, octets
        if own == "blob":
            size = f"CASE typeof({value}) WHEN 'blob' THEN length({value}) ELSE"
            return f"{size} {characters} END", f"{size} {octets} END"
        # length() ends at a NUL.
        ends = f"typeof({value}) <> 'text' OR instr({value}, char(0))"
        length = f"CASE typeof({value}) WHEN 'text' THEN length(CAST({value} AS BLOB))"
        return (
            f"CASE WHEN {ends} THEN {characters} ELSE length({value}) END",
            f"{length} ELSE {octets} END",
        )

    def reading(self, subject: profiling.Subject, family: Family) -> str:
        # Without the letter of its type: as what it is carried.
        value = codec.Value(sql=subject.sql, column=subject.column, form=Form(family=family))
        return self._coder.text(value)

    # --- troubles -----------------------------------------------------------------------------

    def _trouble(self, table: tables.Table, subject: profiling.Subject, question: Question) -> str:
        """Return the condition for a trouble, "" if there can be none."""
        value = _v(subject)
        if question is Question.NULL:
            return ""
        if question is Question.NOT_BYTES:
            return f"typeof({value}) NOT IN ('blob', 'null')"
        if question is Question.NOT_TEXT:
            return f"typeof({value}) = 'blob'"
        if question is Question.STRAY_WORD:
            return self._stray_word(table, subject)
        if question not in troubles.CAN_BE[subject.family]:
            return ""
        call = f"'{question.name}', '{subject.family.value}', typeof({value}), {_exact(value)}"
        condition = f"whimbrel_trouble({call})"
        if question is Question.NUL and subject.family in profiling.TEXTUAL:
            return f"typeof({value}) = 'text' AND instr({value}, char(0)) > 0"
        if question is Question.TRAILING_BLANKS:
            return (
                f"typeof({value}) = 'text' AND substr(CAST({value} AS BLOB), -1) = x'20'"
                if (self._plain == "UTF-8")
                else condition
            )
        return f"{value} IS NOT NULL AND {condition}"

    def _stray_word(self, table: tables.Table, subject: profiling.Subject) -> str:
        if not table.has(subject.name):
            return ""
        converter = self._session.engine.converter(self._session)
        words = converter.meaning(table, subject.column).values
        if not words:
            return ""
        listed = ", ".join("'" + word.replace("'", "''") + "'" for word in words)
        return f"{_v(subject)} COLLATE BINARY NOT IN ({listed})"

    def _suspect(self, subject: profiling.Subject, asked: frozenset[Question]) -> str:
        """Return what is true wherever there is a trouble, and said by SQLite itself."""
        value = _v(subject)
        match subject.family:
            case Family.INTEGER | Family.BOOLEAN | Family.DECIMAL | Family.FLOAT:
                return _odd_number(value, subject.family, asked)
            case Family.DATE:
                shape = f"date({value}, '+0 days') IS NOT {value} COLLATE BINARY"
            case Family.DATETIME | Family.INSTANT if Question.NOT_DATE not in asked:
                day = f"date({value}, '+0 days') IS NOT {value} COLLATE BINARY"
                shape = f"datetime({value}, '+0 days') IS NOT {value} COLLATE BINARY AND {day}"
            case Family.TIME:
                return (
                    f"{value} IS NOT NULL AND (typeof({value}) <> 'text' "
                    f"OR time({value}, '+0 days') IS NOT {value} COLLATE BINARY)"
                )
            case _:
                return ""
        # No text of another type is equal to what date() gives; that of NULL is NULL.
        return f"{shape} OR {value} < '0001-01-01'"


def _v(subject: profiling.Subject) -> str:
    return f"({subject.sql})"


def _exact(value: str) -> str:
    # As its bytes: the driver can pass no text that is no UTF-8.
    return f"CASE typeof({value}) WHEN 'text' THEN CAST({value} AS BLOB) ELSE {value} END"


def _finite(measured: Mapping[str, object]) -> bool:
    """Whether all values are numbers: words sort behind them, and bytes behind words."""
    ends = (measured["least"], measured["most"])
    return all(isinstance(end, int | float | None) for end in ends) and not any(
        isinstance(end, float) and end - end != 0 for end in ends
    )


# More digits than these are counted by Python.
_MOST_PLACES: Final = 6
_MANY_PLACES: Final = 99
_OF_FRACTIONS: Final = frozenset({Question.NOT_WHOLE, Question.NOT_BOOLEAN, Question.NEGATIVE_ZERO})


def _places(value: str, scale: int | None) -> str:
    """Return how many digits a number has behind the point.

    A double is written with so many digits exactly if it is the one next to a whole number divided
    by that power of ten, which is what the division gives.
    """
    arms = [f"WHEN typeof({value}) = 'integer' THEN 0"]
    for places in range(min(2 if scale is None else scale, _MOST_PLACES) + 1):
        power = f"1{'0' * places}.0"
        whole = (
            f"CAST({value} * {power} + (CASE WHEN {value} < 0 THEN -0.5 ELSE 0.5 END) AS INTEGER)"
        )
        arms.append(f"WHEN {whole} / {power} = {value} THEN {places}")
    # Beyond, whole numbers are not exact any more.
    return (
        f"CASE WHEN {value} NOT BETWEEN -1e9 AND 1e9 THEN {_MANY_PLACES} {' '.join(arms)} "
        f"ELSE {_MANY_PLACES} END"
    )


def _expected(subject: profiling.Subject) -> str:
    """Return of which type most values will be."""
    match subject.family:
        case Family.INTEGER | Family.BOOLEAN:
            return "integer"
        case Family.FLOAT | Family.DECIMAL:
            return "real"
        case Family.BINARY:
            return "blob"
        case _:
            return "text"


def _odd_number(value: str, family: Family, asked: frozenset[Question]) -> str:
    whole = family in {Family.INTEGER, Family.BOOLEAN}
    proper = {True: "'integer', 'null'", False: "'integer', 'real', 'null'"}[whole]
    if family is Family.FLOAT:
        proper = "'real', 'null'"
    odd = [f"typeof({value}) NOT IN ({proper})"]
    if asked & {Question.INFINITE, Question.NAN} and not whole:
        # abs() fails for the smallest whole number.
        odd.append(f"{value} IN (9e999, -9e999)")
    if Question.NEGATIVE in asked:
        odd.append(f"{value} < 0")
    if Question.NEGATIVE_ZERO in asked and not whole:
        odd.append(f"{value} = 0 AND typeof({value}) = 'real'")
    if Question.NOT_BOOLEAN in asked:
        odd.append(f"{value} NOT IN (0, 1)")
    if Question.NOT_WHOLE in asked and not whole:
        odd.append(f"{value} <> CAST({value} AS INTEGER)")
    return " OR ".join(odd)


# --- functions on the connection ------------------------------------------------------------


def _register(driver: sqlite3.Connection, encoding: str) -> None:
    """Make the functions known, once: SQLite replaces none while a statement runs."""
    known = "SELECT 1 FROM pragma_function_list WHERE name = 'whimbrel_trouble'"
    if driver.execute(known).fetchone():
        return
    seen = troubles.Troubles(encoding)
    functions: Mapping[str, tuple[int, Callable[..., int | float | bytes | None]]] = {
        "whimbrel_level": (-1, troubles.level),
        "whimbrel_trouble": (4, seen.has),
        "whimbrel_size": (3, seen.size),
        "whimbrel_alike": (2, troubles.alike),
        "whimbrel_number": (1, troubles.number),
    }
    for name, (arguments, function) in functions.items():
        driver.create_function(name, arguments, function, deterministic=True)
    driver.create_aggregate("whimbrel_digits", 1, troubles.Digits)
    driver.create_aggregate("whimbrel_least", 1, troubles.Least)  # type: ignore[arg-type]
    driver.create_aggregate("whimbrel_most", 1, troubles.Most)  # type: ignore[arg-type]
