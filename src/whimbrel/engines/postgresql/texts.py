"""What PostgreSQL's types are, and SQL for the texts of their values (see `forms`).

The expressions are pieces for concat(), which writes every type by its own output function: a
cast to text would cost as much again. None of them ever raises, whatever the value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from whimbrel.engines import phrases
from whimbrel.engines.forms import Family, Form

_TYPE: Final = re.compile(
    r"(?P<name>.+?)(?:\((?P<args>-?\d+(?:,-?\d+)?)\))?(?P<zone> with(?:out)? time zone)?"
)
_ARGUMENTS: Final = re.compile(r"\([^()]*\)")
_FAMILIES: Final = {
    "smallint": Family.INTEGER,
    "integer": Family.INTEGER,
    "bigint": Family.INTEGER,
    "oid": Family.INTEGER,
    "numeric": Family.DECIMAL,
    "real": Family.FLOAT,
    "double precision": Family.FLOAT,
    "boolean": Family.BOOLEAN,
    "text": Family.TEXT,
    "character varying": Family.TEXT,
    "character": Family.TEXT,
    "bpchar": Family.TEXT,
    '"char"': Family.TEXT,
    "name": Family.TEXT,
    "citext": Family.TEXT,
    "bit varying": Family.TEXT,
    "bytea": Family.BINARY,
    "date": Family.DATE,
    "time without time zone": Family.TIME,
    "timestamp without time zone": Family.DATETIME,
    "timestamp with time zone": Family.INSTANT,
    "json": Family.JSON,
    "jsonb": Family.JSON,
    "uuid": Family.UUID,
}
# How a type is called that neither cuts nor pads.
_WITHOUT_LENGTH: Final = {
    "character": "bpchar",
    "character varying": "text",
    "bit": "bit varying",
}
_PADDED: Final = ("character", "bpchar")
_MOST_BITS: Final = 64
_NAME_BYTES: Final = 63
_CHARACTER_BYTES: Final = 4
# What to_json says exactly, element by element: a null among JSON documents would be two things.
_ELEMENTS: Final = frozenset(Family) - {Family.JSON, Family.OTHER}

# --- what text is read as a value of another family ---------------------------------------------

_SIGNED: Final = "^[+-]?[0-9]+$"
_NUMBER: Final = "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$"
# Beyond this a number is not looked at: the server has limits of its own.
_MOST_DIGITS: Final = 1_000
_WORDS: Final = "'NaN', 'Infinity', '-Infinity'"
# Between these a number is read as a double that is neither nothing nor endless.
_SMALLEST: Final = "2.4703282292062328e-324"
_LARGEST: Final = "1.79769313486231580793e308"
# Where a short number can lie halfway between two doubles: an odd number of 54 bits times a power
# of two that is a multiple of 5^k, k <= 23, as well.
_FIRST_HALF: Final = "1e16"
_LAST_HALF: Final = "1e40"
_ENDLESS: Final = "'infinity', '-infinity'"
# Months and days 00 are what other servers keep of a date that is not known.
_DAY: Final = "[0-9]{4,6}-(0[0-9]|1[0-2])-([0-2][0-9]|3[01])"
_MINUTE: Final = "([01][0-9]|2[0-3]):[0-5][0-9]"
_SECOND: Final = ":[0-5][0-9]([.][0-9]*)?"
# Days that exist, for those that have to be computed with.
_REAL_DAY: Final = (
    "(([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8])))"
    "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)"
)
_OFFSET: Final = "[+-][0-9]{2}(:?[0-5][0-9])?"
_UUID: Final = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}"
_END_OF_TIME: Final = "294276-12-31"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type: its name without arguments, its length, and what its values are.

    The length is that of BIT and CHAR, 0 where there is none.
    """

    name: str
    form: Form
    length: int = 0
    element: Kind | None = None


def kind(type_: str) -> Kind | None:
    """Return what a type is as format_type() writes it, None for types that have to be asked."""
    found = _TYPE.fullmatch(type_)
    if found is None:
        return None
    name = found["name"] + (found["zone"] or "")
    numbers = [int(part) for part in (found["args"] or "").split(",") if part]
    if name == "bit":
        bits = numbers[0] if numbers else 1
        family = Family.INTEGER if bits <= _MOST_BITS else Family.TEXT
        return Kind(name=name, length=bits, form=Form(family=family))
    if name not in _FAMILIES:
        return None
    family = _FAMILIES[name]
    scale = None
    if family is Family.DECIMAL and numbers:
        scale = max(numbers[1], 0) if len(numbers) > 1 else 0
    return Kind(
        name=name,
        form=Form(family=family, scale=scale, padded=name in _PADDED),
        length=numbers[0] if name == "character" and numbers else 0,
    )


def other(type_: str) -> Kind:
    """Return a type whose values are compared only with those of the same type."""
    # Whatever its length or precision is.
    name = _ARGUMENTS.sub("", type_)
    return Kind(name=name, form=Form(family=Family.OTHER, own=f"postgresql {name}"))


def array(element: Kind, type_: str) -> Kind:
    """Return an array: a JSON document, if its elements can stand in one."""
    if element.form.family not in _ELEMENTS or element.element is not None:
        return other(type_)
    return Kind(name=type_, form=Form(family=Family.JSON), element=element)


def enum(type_: str) -> Kind:
    """Return an enumeration, whose values are words."""
    return Kind(name=type_, form=Form(family=Family.TEXT))


class Texts:
    """Writes pieces, for a database of this encoding."""

    def __init__(self, encoding: str) -> None:
        # What has no encoding is taken as it is.
        self._wire = encoding if encoding == "SQL_ASCII" else "UTF8"
        self._plain = encoding == self._wire

    def length(self, sql: str, piece: str, of: Kind, form: Form) -> str:
        """Return SQL for the length of a value's text in bytes of UTF-8."""
        if form.family is Family.BINARY and of.form.family is Family.BINARY:
            return f"octet_length({sql}) * 2"
        if form.family is Family.TEXT and of.length and self._plain:
            # As many bytes as characters: then none of them takes more than one.
            return (
                f"CASE WHEN octet_length({sql}) = {of.length} THEN length({sql}) "
                f"ELSE octet_length(({piece})::text) END"
            )
        return f"octet_length({self._utf8(piece)})"

    def md5(self, text: str) -> str:
        """Return SQL for the MD5 of the UTF-8 of a text."""
        return f"md5({self._utf8(text)})"

    def octets(self, text: str) -> str:
        """Return SQL for a text as bytes of UTF-8."""
        return f"convert_to({text}, '{self._wire}')"

    def _utf8(self, text: str) -> str:
        return text if self._plain else self.octets(text)

    def piece(self, sql: str, of: Kind, form: Form) -> str:
        """Return SQL whose output is the text of a value."""
        own, wanted = of.form.family, form.family
        if own is Family.TEXT and wanted is not Family.TEXT:
            return self._read(_text(sql), wanted)
        match wanted:
            case Family.INTEGER | Family.BOOLEAN:
                return _integer(sql, of)
            case Family.DECIMAL:
                return _decimal(sql, of, form.scale)
            case Family.FLOAT:
                return _float(sql, of)
            case Family.DATETIME | Family.INSTANT:
                return _moment(sql, of)
            case Family.BINARY:
                return f"encode({sql}, 'hex')"
            case Family.UUID:
                return _uuid(sql, of)
            case Family.TEXT:
                return _padded(sql, of, padded=form.padded)
            case Family.JSON:
                return _array(sql) if of.element else f"({sql})::text"
            case Family.OTHER if of.name == "money":
                return f"({sql})::numeric::text"  # its own text depends on a setting
            case Family.OTHER:
                return _own_text(sql, of)
            case _:
                return f"({sql})"

    # --- a text, read as what the other side is -------------------------------------------------

    def _read(self, text: str, wanted: Family) -> str:
        match wanted:
            case Family.BINARY:
                return f"encode({self.octets(text)}, 'hex')"
            case Family.INTEGER:
                arms = _whole(text)
            case Family.BOOLEAN:
                arms = (
                    f"WHEN lower({text}) IN ({phrases.texts(phrases.YES)}) THEN '1' "
                    f"WHEN lower({text}) IN ({phrases.texts(phrases.NO)}) THEN '0' {_whole(text)}"
                )
            case Family.DECIMAL:
                arms = (
                    f"WHEN {text} IN ({_WORDS}) THEN {text} "
                    f"WHEN {_like(text, _NUMBER)} THEN trim_scale({text}::numeric)::text"
                )
            case Family.FLOAT:
                arms = _double(text)
            case Family.DATE:
                arms = f"WHEN {text} ~ '^{_DAY}( BC)?$' OR {text} IN ({_ENDLESS}) THEN {text}"
            case Family.TIME:
                arms = (
                    f"WHEN {text} ~ '^-?[0-9]{{2,3}}:[0-5][0-9]$' THEN {text} || ':00' "
                    f"WHEN {text} ~ '^-?[0-9]{{2,3}}:[0-5][0-9]{_SECOND}$' THEN {_cut(text)}"
                )
            case Family.DATETIME:
                arms = _moments(text)
            case Family.INSTANT:
                arms = f"{_moments(text)} {_moments_of_utc(text)} {_moved(text)}"
            case Family.UUID:
                arms = f"WHEN {text} ~ '^({_UUID})$' THEN lower(replace({text}, '-', ''))"
            case _:
                return text
        return f"CASE {arms} ELSE '!t' || encode({self.octets(text)}, 'hex') END"


def _text(sql: str) -> str:
    # Some collations refuse patterns; in this one letters are what they are.
    return f'(({sql})::text COLLATE "C")'


def _like(text: str, pattern: str) -> str:
    return f"length({text}) <= {_MOST_DIGITS} AND {text} ~ '{pattern}'"


def _whole(text: str) -> str:
    return f"WHEN {_like(text, _SIGNED)} THEN {text}::numeric::text"


def _double(text: str) -> str:
    # One CASE in the other: nothing else says what is computed first.
    number = f"abs({text}::numeric)"
    return (
        f"WHEN {text} IN ({_WORDS}) THEN {text} "
        f"WHEN CASE WHEN {_like(text, _NUMBER)} "
        f"THEN {number} = 0 OR {number} BETWEEN {_SMALLEST} AND {_LARGEST} END "
        f"THEN {_shortest(f'{text}::float8')} "
        f"WHEN CASE WHEN {_like(text, _NUMBER)} THEN {number} < 1 END "
        f"THEN CASE WHEN left({text}, 1) = '-' THEN '-0' ELSE '0' END"
    )


def _cut(text: str) -> str:
    """Return a time without zeros at the end of its fraction."""
    return f"CASE WHEN strpos({text}, '.') > 0 THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"


def _moments(text: str) -> str:
    """Return the arms for what has no zone."""
    before = f"left({text}, -3)"
    return (
        f"WHEN {text} IN ({_ENDLESS}) THEN {text} "
        f"WHEN {text} ~ '^{_DAY}$' THEN {text} || ' 00:00:00' "
        f"WHEN {text} ~ '^{_DAY} BC$' THEN {before} || ' 00:00:00 BC' "
        f"WHEN {text} ~ '^{_DAY}[T ]{_MINUTE}$' THEN {_spaced(text)} || ':00' "
        f"WHEN {text} ~ '^{_DAY}[T ]{_MINUTE}{_SECOND}$' THEN {_cut(_spaced(text))} "
        f"WHEN {text} ~ '^{_DAY}[T ]{_MINUTE}{_SECOND} BC$' "
        f"THEN {_cut(_spaced(before))} || ' BC'"
    )


def _moments_of_utc(text: str) -> str:
    moment = _spaced(f"rtrim(rtrim({text}, 'Zz'), ' ')")
    return (
        f"WHEN {text} ~ '^{_DAY}[T ]{_MINUTE} ?[Zz]$' THEN {moment} || ':00' "
        f"WHEN {text} ~ '^{_DAY}[T ]{_MINUTE}{_SECOND} ?[Zz]$' THEN {_cut(moment)}"
    )


def _spaced(text: str) -> str:
    return f"replace({text}, 'T', ' ')"


def _moved(text: str) -> str:
    """Return the arm for a moment with an offset; the fraction stays what it is."""
    seconds = f"CASE WHEN substr({text}, 17, 1) = ':' THEN substr({text}, 17, 3) ELSE '' END"
    offset = f"replace(substring({text} from '[+-][0-9:]+$'), ':', '')"
    hours, rest = f"substr({offset}, 2, 2)::int", f"nullif(substr({offset}, 4), '')::int"
    sign = f"CASE left({offset}, 1) WHEN '-' THEN -1 ELSE 1 END"
    span = f"{sign} * ({hours} * 60 + coalesce({rest}, 0)) * interval '1 minute'"
    whole = f"((left({text}, 16) || {seconds})::timestamp - ({span}))::text"
    fraction = f"rtrim(rtrim(substring({text} from '[.][0-9]*'), '0'), '.')"
    return (
        f"WHEN {text} ~ '^{_REAL_DAY}[T ]{_MINUTE}({_SECOND})? ?{_OFFSET}$' "
        f"AND left({text}, 4) <> '0000' THEN {whole} || coalesce({fraction}, '')"
    )


# --- values of the family's own ---------------------------------------------------------------


def _integer(sql: str, of: Kind) -> str:
    if of.name == "boolean":
        return f"({sql})::int"
    if of.name != "bit":
        return f"({sql})"
    if of.length < _MOST_BITS:
        return f"({sql})::bigint"
    number = f"({sql})::bigint::numeric"
    return f"CASE WHEN {number} < 0 THEN {number} + 18446744073709551616 ELSE {number} END"


def _decimal(sql: str, of: Kind, scale: int | None) -> str:
    if of.form.family is Family.FLOAT:
        # The cast alone would round to 15 digits.
        return f"trim_scale(({_shortest(f'({sql})::float8')})::numeric)"
    if of.form.family is not Family.DECIMAL:
        return _integer(sql, of)
    if scale is not None and scale == of.form.scale:
        return f"({sql})"
    return f"({sql})" if of.form.scale == 0 else f"trim_scale({sql})"


def _float(sql: str, of: Kind) -> str:
    return _shortest(f"({sql})::float8" if of.name == "real" else f"({sql})")


def _shortest(number: str) -> str:
    """Return the server's own text, where it takes another one beyond 1e-4 and 1e15."""
    return (
        f"CASE WHEN {number} >= 1e-4 AND {number} < 1e15 OR {number} = 0 "
        f"OR {number} <= -1e-4 AND {number} > -1e15 THEN {number}::text "
        f"WHEN abs({number}) >= 1e-15 AND abs({number}) < 1 "
        f"THEN {number}::text::numeric::text "
        f"WHEN abs({number}) >= {_FIRST_HALF} AND abs({number}) < {_LAST_HALF} "
        f"THEN {_fewest(number)} "
        f"ELSE replace({number}::text, 'e+', 'e') END"
    )


def _fewest(number: str) -> str:
    """Return the text of a large number, where the server's own may have a digit too many.

    It never writes a number that lies halfway between two doubles, though it reads it as the even
    one of them, as everybody does.
    """
    arms = ""
    for places in (14, 15):
        text = f"to_char({number}, '9.{'9' * places}EEEE')"
        short = f"regexp_replace(ltrim({text}), '[.]?0*e[+]', 'e')"
        arms += f"WHEN {text}::float8 = {number} THEN {short} "
    return f"CASE {arms}ELSE replace({number}::text, 'e+', 'e') END"


def _moment(sql: str, of: Kind) -> str:
    if of.form.family is Family.INSTANT:
        return f"(({sql}) AT TIME ZONE 'UTC')"
    if of.form.family is not Family.DATE:
        return f"({sql})"
    # A date can be far beyond all timestamps.
    return (
        f"CASE WHEN {sql} < '{_END_OF_TIME}' OR {sql} = 'infinity' THEN ({sql})::timestamp::text "
        f"ELSE ({sql})::text || ' 00:00:00' END"
    )


def _uuid(sql: str, of: Kind) -> str:
    if of.form.family is Family.UUID:
        return f"replace(({sql})::text, '-', '')"
    value = f"encode({sql}, 'hex')"
    return f"CASE WHEN octet_length({sql}) = 16 THEN {value} ELSE '!b' || {value} END"


def _own_text(sql: str, of: Kind) -> str:
    """Return a value as its type writes it; a cast alone says the mask of a single address, too."""
    return f"abbrev({sql})" if of.name == "inet" else f"({sql})::text"


def _padded(sql: str, of: Kind, *, padded: bool) -> str:
    if not of.form.padded:
        text = _own_text(sql, of)
        return f"rtrim({text}, ' ')" if padded else text
    # Both casts take the blanks away; that to a name costs half, and ends after 63 bytes.
    if 0 < of.length <= _NAME_BYTES // _CHARACTER_BYTES:
        return f"({sql})::name"
    if 0 < of.length <= _NAME_BYTES:
        return (
            f"CASE WHEN octet_length({sql}) <= {_NAME_BYTES} THEN ({sql})::name::text "
            f"ELSE ({sql})::text END"
        )
    return f"({sql})::text"


def _array(sql: str) -> str:
    # One that does not begin at 1 is written by itself, which is no JSON and equal to none.
    text = f"({sql})::text"
    return f"CASE WHEN left({text}, 1) = '[' THEN {text} ELSE to_json({sql})::text END"


# --- values of their texts --------------------------------------------------------------------


def given(of: Kind, form: Form) -> str:
    """Return SQL with one placeholder that makes a value of its text.

    Types come without their lengths and scales: a cast to those would cut in silence, where
    the column itself refuses.
    """
    if of.element:
        return _array_of(of.name)
    match of.form.family:
        case Family.INTEGER if of.name == "bit":
            return _bits(of.length)
        case Family.BINARY:
            return _from("decode(regexp_replace(p, '^!b', ''), 'hex')")
        case Family.INSTANT:
            return "(CAST(%s AS timestamp) AT TIME ZONE 'UTC')"
        case Family.TEXT:
            return _words(of, form)
        case _:
            return f"CAST(%s AS {of.name})"


def literal(of: Kind, form: Form, text: bytes | None) -> str:
    """Return SQL for a value of its text, as it stands where no parameters are."""
    if text is None:
        return "NULL"
    words = text.decode("utf-8")
    if of.name in _PLAIN_NUMBERS and _PLAIN_NUMBER.fullmatch(words):
        return words
    # Whatever the session makes of a backslash in plain quotes.
    mark = "E" if "\\" in words else ""
    quoted = words.replace("\\", "\\\\").replace("'", "''")
    before, after = (part.replace("%%", "%") for part in given(of, form).split("%s"))
    return f"{before}{mark}'{quoted}'{after}"


_PLAIN_NUMBERS: Final = frozenset({"smallint", "integer", "bigint", "numeric"})
_PLAIN_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def _words(of: Kind, form: Form) -> str:
    type_ = _WITHOUT_LENGTH.get(of.name, of.name)
    match form.family:
        case Family.TEXT | Family.JSON | Family.OTHER:
            return f"CAST(%s AS {type_})"
        case Family.BINARY:
            return _from(f"CAST({_characters('p')} AS {type_})")
        case Family.UUID:
            plain = "WHEN p ~ '^[0-9a-f]{32}$' THEN p::uuid::text "
        case _:
            plain = ""
    own = f"WHEN p LIKE '!t%%' THEN {_characters('substr(p, 3)')}"
    return _from(f"CAST(CASE {plain}{own} ELSE p END AS {type_})")


def _characters(digits: str) -> str:
    return f"convert_from(decode({digits}, 'hex'), 'UTF8')"


def _from(sql: str) -> str:
    """Return SQL that says `p` for the one placeholder."""
    return f"(SELECT {sql} FROM (SELECT CAST(%s AS text) AS p) AS given)"


def _array_of(type_: str) -> str:
    """Return SQL for an array of its JSON, or of its own text where it does not begin at 1."""
    document = f"json_to_record(json_build_object('v', p::json)) AS j(v {type_})"
    return _from(
        f"CASE WHEN p LIKE '[%%]={{%%' THEN CAST(p AS {type_}) ELSE (SELECT v FROM {document}) END"
    )


def _bits(length: int) -> str:
    if length < _MOST_BITS:
        return f"CAST(CAST(%s AS bigint) AS bit({length}))"
    number = "CAST(p AS numeric)"
    return _from(
        f"CAST(CAST(CASE WHEN {number} > 9223372036854775807 "
        f"THEN {number} - 18446744073709551616 ELSE {number} END AS bigint) AS bit({length}))"
    )
