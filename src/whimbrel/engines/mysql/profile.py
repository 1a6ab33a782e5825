"""What values a table of MySQL or MariaDB really holds.

Measured on half a million rows of lineitem, with MariaDB 10.11, in seconds; counting alone is 0.08:

    three dates        DAY() = 0 OR MONTH() = 0 OR YEAR() = 0      0.19
                       TO_DAYS(), which has no number for them     0.14
                       TO_DAYS() of all of them, counted once      0.11
    NUL in five texts  LOCATE() in each, in its collation          0.33
                       LOCATE() in each, as bytes                  0.24
                       LOCATE() in all of them together, as bytes  0.16
    all of it at once                                              0.21

So dates and short texts are looked at together; which of them it is is asked if there is any.
What sql_mode says does not matter: nothing here compares with a date that is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from whimbrel import tables
from whimbrel.engines import base, bulk, codec, phrases, profiling
from whimbrel.engines.forms import Family
from whimbrel.engines.mysql import codec as coders
from whimbrel.engines.mysql import portable, texts
from whimbrel.engines.portable import Question

if TYPE_CHECKING:
    from whimbrel.engines.mysql import session as sessions

# What MariaDB takes for UTF-8, and nobody else does: the halves of surrogate pairs.
_HALVES: Final = b"\\xED[\\xA0-\\xBF]"
_SUSPECTS: Final = b"[\\x00\\xED]"
_ENDS: Final = "[.][0-9]{7}"
_UTF8: Final = ("utf8", "ascii", "latin1")
_WIDE: Final = ("ucs2", "utf16", "utf16le", "utf32")
# So large may the texts be together that are looked at as one.
_POOLED_BYTES: Final = 30_000
_POOLED_TYPES: Final = frozenset({"char", "varchar"})
_CHARACTER_BYTES: Final = 4
# Days since the year 0; the year 1 begins with this one.
_FIRST_DAY: Final = 366
# What MariaDB takes for JSON, and nobody else does, is of words only: its structure is right.
_STRING: Final = r'"(?>[^"\\\x00-\x1f]+|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+"'
_NO_JSON: Final = r'["\\\x00-\x08\x0b\x0c\x0e-\x1f]|[0-9][.]([^0-9]|$)|(^|[^0-9.eE+-])[.]'
_ANY_STRING: Final = r'"(?>[^"\\]+|\\.)*+"'
# Whole numbers that 64 bits may not hold, others that a double may round.
_MANY_DIGITS: Final = r"[0-9]{19}|(?=[0-9.]*[.eE])[0-9]([.]?[0-9]){15}"
_OF_JSON: Final = frozenset(
    {Question.NOT_JSON, Question.JSON_NUL, Question.JSON_SURROGATE, Question.JSON_DIGITS}
)
_PAIR: Final = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF: Final = r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}"


class MysqlProfiler(profiling.SqlProfiler):
    """Asks by counts of what is not NULL, which cost less than sums."""

    def __init__(self, session: sessions.MysqlSession) -> None:
        super().__init__(session, coders.MysqlCodec(session))
        self._driver = session
        self._lax = bool(getattr(session.connection.dialect, "is_mariadb", False))

    def ask(self, sql: str) -> list[base.Row]:
        with bulk.driving(self._session), self._driver.driver.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def counted(self, condition: str) -> str:
        return f"COUNT(IF({condition}, 1, NULL))"

    def cut(self, octets: str, length: int) -> str:
        return f"SUBSTRING({octets}, 1, {length})"

    def alike(self, value: codec.Value, sameness: profiling.Sameness) -> str:
        text = self._coder.text(value)
        if sameness.padded:
            text = f"TRIM(TRAILING ' ' FROM {text})"
        if not sameness.cased:
            text = f"LOWER({text})"
        if not sameness.accented:
            # Equal in this collation, equal by these bytes, which sort as it does.
            text = f"WEIGHT_STRING({text} COLLATE utf8mb4_unicode_520_ci)"
        # Grouping reads no more than the beginning of a value.
        return f"UNHEX(MD5(CAST({text} AS BINARY)))"

    def same_or_null(self, one: str, other: str) -> str:
        return f"{one} <=> {other}"

    def pool(self, pooled: Sequence[tuple[str, frozenset[Question]]]) -> str:
        proper = [sql for sql, asked in pooled if Question.ZERO_DATE in asked]
        words = [sql for sql, asked in pooled if Question.ZERO_DATE not in asked]
        if words:
            # With the first of them the whole is bytes.
            every = ", ".join([f"CAST({words[0]} AS BINARY)", *words[1:]])
            if any(Question.NOT_UTF8 in asked for _, asked in pooled):
                proper.append(f"NOT CONCAT({every}) REGEXP {_hex(_SUSPECTS)}")
            else:
                proper.append(f"NOT LOCATE(0x00, CONCAT({every}))")
        return self.counted(f"({' AND '.join(proper)}) IS NOT TRUE")

    # --- what is asked of a column ------------------------------------------------------------

    def answers(self, table: tables.Table, subject: profiling.Subject) -> profiling.Answers:
        of = texts.kind(table, subject.column)
        troubles = {}
        for question in sorted(subject.asked & profiling.TROUBLES, key=lambda one: one.name):
            condition = self._trouble(subject, of, question)
            if condition:
                troubles[question] = condition
        return profiling.Answers(
            measures=self._measures(table, subject),
            troubles=troubles,
            pooled=self._pooled(subject, of, frozenset(troubles)),
        )

    def _pooled(
        self, subject: profiling.Subject, of: texts.Kind, asked: frozenset[Question]
    ) -> str:
        """Return a text, or a condition on a date, by which any trouble can be seen."""
        if asked == {Question.ZERO_DATE} and self._lax:
            proper = f"TO_DAYS({subject.sql}) >= {_FIRST_DAY}"
            return f"COALESCE({proper}, {subject.sql} IS NULL)" if subject.column.null else proper
        wanted = {Question.NUL, Question.NOT_UTF8} if self._lax else {Question.NUL}
        charset = (subject.column.collation or "").partition("_")[0]
        short = of.name in _POOLED_TYPES and sum(of.numbers) * _CHARACTER_BYTES <= _POOLED_BYTES
        if not asked or not asked <= wanted or not short or not charset.startswith(_UTF8):
            return ""
        return f"IFNULL({subject.sql}, '')" if subject.column.null else subject.sql

    def _measures(self, table: tables.Table, subject: profiling.Subject) -> Mapping[str, str]:
        found: dict[str, str] = {}
        numeric = subject.family in profiling.NUMBERS | {Family.TEXT}
        if subject.asked & {Question.RANGE, Question.DIGITS} and numeric:
            number = self.number(table, subject)
            found |= {"least": f"MIN({number})", "most": f"MAX({number})"}
        pointed = (numeric or subject.family in profiling.CLOCKS) and (
            subject.family not in {Family.INTEGER, Family.BOOLEAN}
        )
        if Question.DIGITS in subject.asked and pointed:
            found["digits_behind"] = f"MAX({self.behind(self.decimal_text(subject))})"
        if Question.DIGITS in subject.asked and subject.family is Family.TEXT:
            # As a number it would end at 35 digits.
            text = self.reading(subject, Family.DECIMAL)
            whole = f"TRIM(LEADING '0' FROM SUBSTRING_INDEX({_bare(text)}, '.', 1))"
            found["digits_before"] = f"MAX(IF({_is_number(text)}, CHAR_LENGTH({whole}), 0))"
        if Question.LONGEST in subject.asked:
            characters, octets = self.sizes(subject)
            found |= {"characters": f"MAX({characters})", "octets": f"MAX({octets})"}
        return found

    def number(self, table: tables.Table, subject: profiling.Subject) -> str:
        of = texts.kind(table, subject.column)
        if subject.family is Family.FLOAT:
            return f"({subject.sql} * 1e0)"
        if subject.family in profiling.NUMBERS:
            return (
                f"({subject.sql} + 0)" if of.zerofill or of.name in ("year", "bit") else subject.sql
            )
        text = self.reading(subject, Family.DECIMAL)
        return f"IF({_is_number(text)}, CAST({text} AS DECIMAL(65, 30)), NULL)"

    def behind(self, text: str) -> str:
        return f"IF(LOCATE('.', {text}) > 0, CHAR_LENGTH({text}) - LOCATE('.', {text}), 0)"

    def sizes(self, subject: profiling.Subject) -> tuple[str, str]:
        value, collation = subject.sql, subject.column.collation or ""
        if subject.family is Family.BINARY:
            return f"LENGTH({value})", f"LENGTH({value})"
        if subject.family in profiling.TEXTUAL and collation.startswith(("utf8", "ascii")):
            return f"CHAR_LENGTH({value})", f"LENGTH({value})"
        text = self.reading(subject, subject.family)
        return f"CHAR_LENGTH({text})", f"LENGTH({text})"

    # --- troubles -----------------------------------------------------------------------------

    def _trouble(self, subject: profiling.Subject, of: texts.Kind, question: Question) -> str:
        """Return the condition for a trouble, "" if there can be none."""
        match subject.family:
            case Family.INTEGER | Family.BOOLEAN | Family.DECIMAL | Family.FLOAT:
                return self._of_number(subject, question)
            case Family.DATE | Family.DATETIME | Family.INSTANT:
                return self._of_moment(subject, question)
            case Family.TIME if question is Question.TIME_BEYOND_DAY:
                return f"{subject.sql} < '00:00:00' OR {subject.sql} >= '24:00:00'"
            case Family.TEXT:
                return self._of_text(subject, of, question)
            case Family.BINARY:
                return self._of_bytes(subject, question)
            case Family.JSON:
                return self._of_json(subject, question)
            case _:
                return ""

    def _of_number(self, subject: profiling.Subject, question: Question) -> str:
        value = self.number(tables.Table(name="", columns=(subject.column,)), subject)
        match question:
            case Question.NEGATIVE_ZERO if subject.family is Family.FLOAT:
                return f"{value} = 0 AND LEFT(CONCAT({value}), 1) = '-'"
            case Question.NEGATIVE if "unsigned" not in subject.column.type:
                return f"{value} < 0"
            case Question.NOT_BOOLEAN:
                return f"{value} NOT IN (0, 1)"
            case Question.NOT_WHOLE if subject.family is Family.DECIMAL and subject.form.scale:
                return f"{value} <> TRUNCATE({value}, 0)"
            case Question.NOT_WHOLE if subject.family is Family.FLOAT:
                return f"{value} <> TRUNCATE({value}, 0)"
            case _:
                return ""

    def _of_moment(self, subject: profiling.Subject, question: Question) -> str:
        value = subject.sql
        match question:
            case Question.ZERO_DATE if self._lax:
                there = f"{value} IS NOT NULL"
                return f"COALESCE(TO_DAYS({value}) < {_FIRST_DAY}, {there})"
            case Question.ZERO_DATE:
                return f"DAY({value}) = 0 OR MONTH({value}) = 0 OR YEAR({value}) = 0"
            case Question.NOT_DATE if subject.family is not Family.DATE:
                return f"TIME({value}) <> '00:00:00'"
            case _:
                return ""

    def _of_bytes(self, subject: profiling.Subject, question: Question) -> str:
        value = subject.sql
        match question:
            case Question.NUL:
                return f"LOCATE(0x00, {value}) > 0"
            case Question.NOT_UTF8:
                same = f"CAST(CONVERT({value} USING utf8mb4) AS BINARY) = CAST({value} AS BINARY)"
                invalid = f"{value} IS NOT NULL AND NOT COALESCE({same}, 0)"
                return f"({invalid}) OR {_halves(value)}" if self._lax else invalid
            case Question.NOT_UUID:
                return f"LENGTH({value}) <> 16"
            case _:
                return ""

    def _of_text(self, subject: profiling.Subject, of: texts.Kind, question: Question) -> str:
        value, collation = subject.sql, subject.column.collation or ""
        read = {family: self.reading(subject, family) for family in _READ}
        odd = {family: f"LEFT({text}, 1) = '!'" for family, text in read.items()}
        moment, clock = read[Family.INSTANT], read[Family.TIME]
        match question:
            case Question.NUL:
                charset = collation.partition("_")[0]
                wide = charset in _WIDE
                octets = f"CONVERT({value} USING utf8mb4)" if wide else value
                return f"LOCATE(0x00, CAST({octets} AS BINARY)) > 0"
            case Question.NOT_UTF8:
                return self._not_utf8(value, collation.partition("_")[0])
            case Question.TRAILING_BLANKS if of.name != "char":
                return f"CAST(RIGHT({texts.utf8(value, subject.column)}, 1) AS BINARY) = 0x20"
            case Question.STRAY_WORD if of.name == "enum":
                stray = f"({value} + 0) = 0"
                # The catalog has ? for what it cannot show: characters of four bytes.
                if "?" not in subject.column.type:
                    return stray
                words = portable.meant(subject.column.type).values
                listed = ", ".join(f"x'{word.encode().hex()}'" for word in words)
                octets = f"CAST({texts.utf8(value, subject.column)} AS BINARY)"
                return f"{stray} OR {octets} NOT IN ({listed})"
            case Question.ZERO_DATE:
                return f"{moment} REGEXP '^{profiling.ZERO_DAY}'"
            case Question.BEFORE_CHRIST:
                return f"RIGHT({moment}, 3) = ' BC'"
            case Question.BEYOND_9999:
                return f"{moment} REGEXP '^{profiling.LATE_YEAR}'"
            case Question.INFINITE_DATE:
                return f"{moment} IN ({phrases.texts(profiling.ENDLESS)})"
            case Question.FINE_FRACTION:
                return (
                    f"LEFT({moment}, 1) <> '!' AND {moment} REGEXP '{_ENDS}' "
                    f"OR LEFT({clock}, 1) <> '!' AND {clock} REGEXP '{_ENDS}'"
                )
            case Question.NOT_DATE:
                return f"{odd[Family.DATE]} OR {_unreal(read[Family.DATE])}"
            case Question.NOT_MOMENT:
                return f"{odd[Family.INSTANT]} OR {_unreal(moment)}"
            case Question.ZONED:
                return f"LEFT({moment}, 1) <> '!' AND {odd[Family.DATETIME]}"
            case Question.NOT_TIME:
                return odd[Family.TIME]
            case Question.TIME_BEYOND_DAY:
                return f"{clock} REGEXP '^{profiling.OUTSIDE_DAY}'"
            case Question.NOT_UUID:
                return odd[Family.UUID]
            case _ if question in _OF_JSON:
                return self._of_json(subject, question)
            case _:
                return _of_number_as_text(read, question)

    def _not_utf8(self, value: str, charset: str) -> str:
        if charset.startswith("utf8"):
            return _halves(value) if self._lax else ""
        if charset.startswith(_UTF8) or not charset:
            return ""
        there = f"CONVERT(CONVERT({value} USING utf8mb4) USING {charset})"
        same = f"CAST({there} AS BINARY) = CAST({value} AS BINARY)"
        return f"{value} IS NOT NULL AND NOT COALESCE({same}, 0)"

    def _of_json(self, subject: profiling.Subject, question: Question) -> str:
        text = texts.utf8(subject.sql, subject.column)
        # A backslash that is itself escaped says nothing about what follows it.
        plain = f"REPLACE({text}, {_word(chr(92) * 2)}, '--')"
        escaped = f"LOCATE({_word(chr(92))}, {text}) > 0"
        match question:
            case Question.JSON_NUL:
                return f"{escaped} AND LOCATE({_word(chr(92) + 'u0000')}, {plain}) > 0"
            case Question.JSON_SURROGATE:
                left = f"REGEXP_REPLACE({plain}, {_word(_PAIR)}, '')"
                return f"{escaped} AND {left} REGEXP {_word(_HALF)}"
            case Question.JSON_DIGITS:
                bare = f"REGEXP_REPLACE({text}, {_word(_ANY_STRING)}, '')"
                return f"{bare} REGEXP {_word(_MANY_DIGITS)}"
            case Question.NOT_JSON:
                invalid = f"NOT JSON_VALID({text})"
                if not self._lax:
                    return "" if subject.column.type == "json" else invalid
                left = f"REGEXP_REPLACE({text}, {_word(_STRING)}, '0')"
                return f"{invalid} OR {left} REGEXP {_word(_NO_JSON)}"
            case _:
                return ""


_READ: Final = (
    *(Family.DATE, Family.TIME, Family.DATETIME, Family.INSTANT, Family.UUID),
    *(Family.INTEGER, Family.BOOLEAN, Family.DECIMAL, Family.FLOAT),
)
_WORDS: Final = phrases.texts(("NaN", *profiling.INFINITE))


def _of_number_as_text(read: Mapping[Family, str], question: Question) -> str:
    number, whole = read[Family.DECIMAL], read[Family.INTEGER]
    match question:
        case Question.NOT_NUMBER:
            return f"LEFT({number}, 1) = '!'"
        case Question.NOT_WHOLE:
            return f"LEFT({whole}, 1) = '!' AND {_is_number(number)}"
        case Question.NAN:
            return f"{number} = 'NaN'"
        case Question.INFINITE:
            return f"{number} IN ({phrases.texts(profiling.INFINITE)})"
        case Question.NEGATIVE:
            return f"LEFT({number}, 1) = '-'"
        case Question.NEGATIVE_ZERO:
            return f"{read[Family.FLOAT]} = '-0'"
        case Question.NOT_BOOLEAN:
            return f"{read[Family.BOOLEAN]} NOT IN ('0', '1')"
        case _:
            return ""


def _is_number(text: str) -> str:
    return f"LEFT({text}, 1) <> '!' AND {text} NOT IN ({_WORDS})"


def _bare(text: str) -> str:
    return f"TRIM(LEADING '-' FROM {text})"


def _unreal(text: str) -> str:
    """Return whether a day of which all parts are there does not exist."""
    part = f"SUBSTRING_INDEX({text}, ' ', 1)"
    return (
        f"LEFT({text}, 1) <> '!' AND {text} NOT IN ({phrases.texts(profiling.ENDLESS)}) "
        f"AND {part} NOT REGEXP '^{profiling.ZERO_DAY}' "
        f"AND {part} NOT REGEXP '^{profiling.REAL_DAY}$'"
    )


def _halves(value: str) -> str:
    octets = f"CAST({value} AS BINARY)"
    return f"(LOCATE(0xED, {octets}) > 0 AND {octets} REGEXP {_hex(_HALVES)})"


def _hex(pattern: bytes) -> str:
    """Return a pattern for bytes, whatever sql_mode makes of backslashes."""
    return f"0x{pattern.hex()}"


def _word(text: str) -> str:
    """Return a text of the one collation that texts here have, without its backslashes."""
    return f"_utf8mb4 0x{text.encode().hex()} COLLATE utf8mb4_bin"
