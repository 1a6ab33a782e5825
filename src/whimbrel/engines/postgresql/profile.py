"""What values a table of PostgreSQL really holds.

Its texts hold no NUL and its types no word that is none of an enumeration: that is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from whimbrel import errors, tables
from whimbrel.engines import base, bulk, codec, phrases, profiling
from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Question
from whimbrel.engines.postgresql import codec as coders

if TYPE_CHECKING:
    from whimbrel.engines.postgresql import session as sessions

_ONE: Final = "[0-7][0-9a-f]"
_MORE: Final = "[89ab][0-9a-f]"
# Bytes of UTF-8, in hexadecimal digits.
_UTF8: Final = (
    f"^({_ONE}|(c[2-9a-f]|d[0-9a-f]){_MORE}|e0[ab][0-9a-f]{_MORE}|ed[89][0-9a-f]{_MORE}"
    f"|e[1-9abcef]({_MORE}){{2}}|f0[9ab][0-9a-f]({_MORE}){{2}}|f[1-3]({_MORE}){{3}}"
    f"|f48[0-9a-f]({_MORE}){{2}})*$"
)
_PAIR: Final = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF: Final = r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
# Since this version the server says of a text whether it is JSON.
_IS_JSON: Final = 160000
_INFINITE_NUMERIC: Final = 140000
_JSON_NUMBER: Final = "(-?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?)"
_MARKS: Final = "[\u0300-\u036f]"
_PLAIN: Final = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})


class PostgresProfiler(profiling.SqlProfiler):
    """Asks by filtered counts: one scan, which the server may share among its processes."""

    def __init__(self, session: sessions.PostgresSession) -> None:
        super().__init__(session, coders.PostgresCodec(session))
        self._driver = session
        self._encoding = session.driver.info.parameter_status("server_encoding") or "UTF8"
        self._version = session.driver.info.server_version

    def ask(self, sql: str) -> list[base.Row]:
        with bulk.driving(self._session), self._driver.driver.cursor(binary=True) as cursor:
            return list(cursor.execute(sql.encode(self._driver.driver.info.encoding)).fetchall())

    def counted(self, condition: str) -> str:
        return f"COUNT(*) FILTER (WHERE {condition})"

    def cut(self, octets: str, length: int) -> str:
        return f"substring({octets} FROM 1 FOR {length})"

    def alike(self, value: codec.Value, sameness: profiling.Sameness) -> str:
        text = self._coder.text(value)
        if sameness.padded:
            text = f"rtrim({text}, ' ')"
        if not sameness.cased:
            text = f'lower({text} COLLATE pg_catalog."default")'
        if not sameness.accented:
            text = f"regexp_replace(normalize({text}, NFKD), '{_MARKS}', '', 'g')"
        return f'({text}) COLLATE "C"'

    def same_or_null(self, one: str, other: str) -> str:
        return f"{one} IS NOT DISTINCT FROM {other}"

    # --- what is asked of a column ------------------------------------------------------------

    def answers(self, table: tables.Table, subject: profiling.Subject) -> profiling.Answers:
        troubles = {}
        for question in sorted(subject.asked & profiling.TROUBLES, key=lambda one: one.name):
            condition = self._trouble(subject, question)
            if condition:
                troubles[question] = condition
        return profiling.Answers(measures=self._measures(table, subject), troubles=troubles)

    def _measures(self, table: tables.Table, subject: profiling.Subject) -> Mapping[str, str]:
        found = {}
        numeric = subject.family in profiling.NUMBERS | {Family.TEXT}
        if subject.asked & {Question.RANGE, Question.DIGITS} and numeric:
            number = self.number(table, subject)
            finite = self._finite(subject, number)
            found["least"] = f"min({number}){finite}"
            found["most"] = f"max({number}){finite}"
        pointed = (numeric or subject.family in profiling.CLOCKS) and (
            subject.family not in {Family.INTEGER, Family.BOOLEAN}
        )
        if Question.DIGITS in subject.asked and pointed:
            found["digits_behind"] = f"max({self.behind(self.decimal_text(subject))})"
        if Question.LONGEST in subject.asked:
            characters, octets = self.sizes(subject)
            found |= {"characters": f"max({characters})", "octets": f"max({octets})"}
        return found

    def number(self, table: tables.Table, subject: profiling.Subject) -> str:
        name = subject.column.type.partition("(")[0]
        if subject.family in profiling.NUMBERS and name in _PLAIN:
            return subject.sql
        if subject.family is Family.FLOAT:
            return f"({subject.sql})::float8"
        family = Family.INTEGER if subject.family is Family.BOOLEAN else Family.DECIMAL
        text = self.reading(subject, family)
        if subject.family in profiling.NUMBERS:
            return f"({text})::numeric"
        words = phrases.texts(("NaN", *profiling.INFINITE))
        return (
            f"CASE WHEN left({text}, 1) <> '!' AND {text} NOT IN ({words}) "
            f"THEN ({text})::numeric END"
        )

    def _finite(self, subject: profiling.Subject, number: str) -> str:
        if subject.family not in {Family.FLOAT, Family.DECIMAL}:
            return ""
        return f" FILTER (WHERE NOT ({self._endless(subject)} OR {subject.sql} = 'NaN'))"

    def _endless(self, subject: profiling.Subject) -> str:
        if subject.family is Family.DECIMAL and self._version < _INFINITE_NUMERIC:
            return "false"
        return f"{subject.sql} IN ({phrases.texts(profiling.INFINITE)})"

    def behind(self, text: str) -> str:
        return (
            f"CASE WHEN strpos({text}, '.') > 0 "
            f"THEN length({text}) - strpos({text}, '.') ELSE 0 END"
        )

    def sizes(self, subject: profiling.Subject) -> tuple[str, str]:
        if subject.family is Family.BINARY:
            return f"octet_length({subject.sql})", f"octet_length({subject.sql})"
        text = self.reading(subject, subject.family)
        if self._encoding in ("UTF8", "SQL_ASCII"):
            return f"length({text})", f"octet_length({text})"
        return f"length({text})", f"octet_length(convert_to({text}, 'UTF8'))"

    # --- troubles -----------------------------------------------------------------------------

    def _trouble(self, subject: profiling.Subject, question: Question) -> str:
        """Return the condition for a trouble, "" if there can be none."""
        match subject.family:
            case Family.INTEGER | Family.BOOLEAN | Family.DECIMAL | Family.FLOAT:
                return self._of_number(subject, question)
            case Family.DATE | Family.DATETIME | Family.INSTANT:
                return self._of_moment(subject, question)
            case Family.TIME:
                late = question is Question.TIME_BEYOND_DAY
                return f"{subject.sql} = '24:00:00'" if late else ""
            case Family.TEXT:
                return self._of_text(subject, question)
            case Family.BINARY:
                return self._of_bytes(subject, question)
            case Family.JSON:
                return self._of_json(subject, question)
            case Family.OTHER if question is Question.NOT_UTF8:
                return self._of_text(subject, question)
            case _:
                return ""

    def _of_number(self, subject: profiling.Subject, question: Question) -> str:
        value, family = subject.sql, subject.family
        open_ = family in {Family.FLOAT, Family.DECIMAL}
        bits = subject.column.type.startswith("bit")
        number = self.number(tables.Table(name="", columns=()), subject) if bits else value
        match question:
            case Question.NAN if open_:
                return f"{value} = 'NaN'"
            case Question.INFINITE if open_:
                endless = self._endless(subject)
                return "" if endless == "false" else endless
            case Question.NEGATIVE_ZERO if family is Family.FLOAT:
                return f"{value} = 0 AND ({value})::text = '-0'"
            case Question.NEGATIVE if family is not Family.BOOLEAN and not bits:
                return f"{value} < 0"
            case Question.NOT_BOOLEAN if family is not Family.BOOLEAN:
                return f"{number} NOT IN (0, 1)"
            case Question.NOT_WHOLE if family is Family.FLOAT:
                return f"{value} <> trunc(({value})::float8)"
            case Question.NOT_WHOLE if family is Family.DECIMAL:
                return f"{value} <> trunc({value})"
            case _:
                return ""

    def _of_moment(self, subject: profiling.Subject, question: Question) -> str:
        value = subject.sql
        first, late = "0001-01-01", "10000-01-01"
        if subject.family is Family.INSTANT:
            first, late = f"{first} 00:00:00+00", f"{late} 00:00:00+00"
        match question:
            case Question.BEFORE_CHRIST:
                return f"{value} < '{first}' AND isfinite({value})"
            case Question.BEYOND_9999:
                return f"{value} >= '{late}' AND isfinite({value})"
            case Question.INFINITE_DATE:
                return f"NOT isfinite({value})"
            case Question.NOT_DATE if subject.family is Family.DATETIME:
                return f"isfinite({value}) AND date_trunc('day', {value}) <> {value}"
            case Question.NOT_DATE if subject.family is Family.INSTANT:
                local = f"({value} AT TIME ZONE 'UTC')"
                return f"isfinite({value}) AND date_trunc('day', {local}) <> {local}"
            case _:
                return ""

    def _of_bytes(self, subject: profiling.Subject, question: Question) -> str:
        value = subject.sql
        match question:
            case Question.NUL:
                return f"position('\\x00'::bytea IN {value}) > 0"
            case Question.NOT_UTF8:
                return f"encode({value}, 'hex') !~ '{_UTF8}'"
            case Question.NOT_UUID:
                return f"octet_length({value}) <> 16"
            case _:
                return ""

    def _of_json(self, subject: profiling.Subject, question: Question) -> str:
        if question is Question.JSON_DIGITS:
            return _rounded(f'(({subject.sql})::text COLLATE "C")')
        if subject.column.type == "jsonb" or subject.column.type.endswith("]"):
            return ""  # both have read what stands behind a backslash
        text = f'(({subject.sql})::text COLLATE "C")'
        # A backslash that is itself escaped says nothing about what follows it.
        plain = f"replace({text}, '{_backslashes(2)}', '--')"
        match question:
            case Question.JSON_NUL:
                return f"strpos({plain}, '{_backslashes(1)}u0000') > 0"
            case Question.JSON_SURROGATE:
                return f"regexp_replace({plain}, '{_PAIR}', '', 'g') ~ '{_HALF}'"
            case _:
                return ""

    def _of_text(self, subject: profiling.Subject, question: Question) -> str:

        def read(family: Family) -> str:
            return self.reading(subject, family)

        def odd(family: Family) -> str:
            return f"left({read(family)}, 1) = '!'"

        moment = read(Family.INSTANT)
        match question:
            case Question.NOT_UTF8 if self._encoding == "SQL_ASCII":
                return f"encode(convert_to(({subject.sql})::text, 'SQL_ASCII'), 'hex') !~ '{_UTF8}'"
            case Question.TRAILING_BLANKS if not subject.form.padded:
                return f"right(({subject.sql})::text, 1) = ' '"
            case Question.ZERO_DATE:
                return f"{moment} ~ '^{profiling.ZERO_DAY}'"
            case Question.BEFORE_CHRIST:
                return f"right({moment}, 3) = ' BC'"
            case Question.BEYOND_9999:
                return f"{moment} ~ '^{profiling.LATE_YEAR}'"
            case Question.INFINITE_DATE:
                return f"{moment} IN ({phrases.texts(profiling.ENDLESS)})"
            case Question.FINE_FRACTION:
                fine = f"~ '{profiling.FINE}'"
                clock = read(Family.TIME)
                return (
                    f"left({moment}, 1) <> '!' AND {moment} {fine} "
                    f"OR left({clock}, 1) <> '!' AND {clock} {fine}"
                )
            case Question.NOT_DATE:
                return f"{odd(Family.DATE)} OR {_unreal(read(Family.DATE))}"
            case Question.NOT_MOMENT:
                return f"{odd(Family.INSTANT)} OR {_unreal(moment)}"
            case Question.ZONED:
                return f"left({moment}, 1) <> '!' AND {odd(Family.DATETIME)}"
            case Question.NOT_TIME:
                return odd(Family.TIME)
            case Question.TIME_BEYOND_DAY:
                return f"{read(Family.TIME)} ~ '^{profiling.OUTSIDE_DAY}'"
            case Question.NOT_UUID:
                return odd(Family.UUID)
            case Question.NOT_JSON:
                return self._no_json(subject)
            case Question.JSON_NUL | Question.JSON_SURROGATE | Question.JSON_DIGITS:
                return self._of_json(subject, question)
            case _:
                return self._of_number_as_text(subject, question)

    def _of_number_as_text(self, subject: profiling.Subject, question: Question) -> str:
        number, whole = (
            self.reading(subject, family) for family in (Family.DECIMAL, Family.INTEGER)
        )
        match question:
            case Question.NOT_NUMBER:
                return f"left({number}, 1) = '!'"
            case Question.NOT_WHOLE:
                words = phrases.texts(("NaN", *profiling.INFINITE))
                return (
                    f"left({whole}, 1) = '!' AND left({number}, 1) <> '!' "
                    f"AND {number} NOT IN ({words})"
                )
            case Question.NAN:
                return f"{number} = 'NaN'"
            case Question.INFINITE:
                return f"{number} IN ({phrases.texts(profiling.INFINITE)})"
            case Question.NEGATIVE:
                return f"left({number}, 1) = '-'"
            case Question.NEGATIVE_ZERO:
                return f"{self.reading(subject, Family.FLOAT)} = '-0'"
            case Question.NOT_BOOLEAN:
                return f"{self.reading(subject, Family.BOOLEAN)} NOT IN ('0', '1')"
            case _:
                return ""

    def _no_json(self, subject: profiling.Subject) -> str:
        if self._version < _IS_JSON:
            raise errors.RefusedError(
                f"{self._session.engine.title} before version 16 cannot say whether the texts of "
                f"{subject.name!r} are JSON",
                database=self._session.url,
                remedy="let the column stay a text",
            )
        return f"({subject.sql})::text IS NOT JSON"


def _unreal(text: str) -> str:
    """Return whether a day of which all parts are there does not exist."""
    part = f"split_part({text}, ' ', 1)"
    return (
        f"left({text}, 1) <> '!' AND {text} NOT IN ({phrases.texts(profiling.ENDLESS)}) "
        f"AND {part} !~ '^{profiling.ZERO_DAY}' AND {part} !~ '^{profiling.REAL_DAY}$'"
    )


def _rounded(text: str) -> str:
    """Return whether a number in a document fits neither 64 bits nor a double."""
    two = _backslashes(2)
    bare = f"""regexp_replace({text}, '"([^"{two}]|{two}.)*"', '', 'g')"""
    number = "m.found[1]::numeric"
    return (
        f"EXISTS (SELECT FROM regexp_matches({bare}, '{_JSON_NUMBER}', 'g') AS m(found) WHERE "
        "CASE WHEN m.found[1] ~ '[eE][+-]?[0-9]{4}' OR length(m.found[1]) > 1000 THEN true "
        f"WHEN abs({number}) > 1.7976931348623157e308 THEN true "
        f"WHEN {number} <> 0 AND abs({number}) < 2.3e-308 THEN true "
        f"WHEN m.found[1] ~ '^-?[0-9]+$' AND {number} >= -9223372036854775808 "
        f"AND {number} <= 18446744073709551615 THEN false "
        f"ELSE {number} <> m.found[1]::float8::text::numeric END)"
    )


def _backslashes(count: int) -> str:
    # In a plain literal they are what they are, as standard_conforming_strings has it.
    return "\\" * count
