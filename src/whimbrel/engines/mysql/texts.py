"""What MySQL's types are, and SQL for the texts of their values (see `forms`).

The expressions are pieces for CONCAT(), which writes numbers and dates by itself. None of them
raises, whatever the value; those that can be NULL for a value that is not are too large for the
server, which `codec` finds out. No backslash is in them: sql_mode says what it means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import tables
from whimbrel.engines import phrases
from whimbrel.engines.forms import Family, Form

_TYPE: Final = re.compile(
    r"(?P<name>[a-z]+\d?)(?: precision)?(?:\((?P<args>.*)\))?(?P<rest>.*)", re.S
)
_FAMILIES: Final = {
    "tinyint": Family.INTEGER,
    "smallint": Family.INTEGER,
    "mediumint": Family.INTEGER,
    "int": Family.INTEGER,
    "integer": Family.INTEGER,
    "bigint": Family.INTEGER,
    "year": Family.INTEGER,
    "bit": Family.INTEGER,
    "decimal": Family.DECIMAL,
    "float": Family.FLOAT,
    "double": Family.FLOAT,
    "char": Family.TEXT,
    "varchar": Family.TEXT,
    "tinytext": Family.TEXT,
    "text": Family.TEXT,
    "mediumtext": Family.TEXT,
    "longtext": Family.TEXT,
    "enum": Family.TEXT,
    "set": Family.TEXT,
    "binary": Family.BINARY,
    "varbinary": Family.BINARY,
    "tinyblob": Family.BINARY,
    "blob": Family.BINARY,
    "mediumblob": Family.BINARY,
    "longblob": Family.BINARY,
    "date": Family.DATE,
    "time": Family.TIME,
    "datetime": Family.DATETIME,
    "timestamp": Family.INSTANT,
    "json": Family.JSON,
    "uuid": Family.UUID,
}
_LONG: Final = frozenset({"mediumtext", "longtext", "mediumblob", "longblob", "json"})
_SHAPES: Final = frozenset(
    {
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
        "geomcollection",
        "vector",
    }
)
_UTF8: Final = "utf8mb4_"

_INTEGER: Final = "[+-]?[0-9]+"
_PLAIN: Final = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)"
_NUMBER: Final = f"{_PLAIN}([eE][+-]?[0-9]{{1,3}})?"
_MOST_DIGITS: Final = 1_000
_WORDS: Final = ("NaN", "Infinity", "-Infinity")
_LARGEST: Final = "1.7976931348623157e308"
_WRITTEN_LARGEST: Final = "1[.]7976931348623157(0[0-9]*)?e[+]?308"
_MICROSECONDS: Final = 6
_ENDLESS: Final = ("infinity", "-infinity")
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
_UUID: Final = "([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32})"
_UUID_LENGTH: Final = 36
# A SET of the array of its members.
_MEMBERS: Final = """
(SELECT IF(MAX(p) IS NULL, NULL, COALESCE(GROUP_CONCAT(member), ''))
   FROM (SELECT %s AS p) AS given
   LEFT JOIN JSON_TABLE(p, '$[*]' COLUMNS (member VARCHAR(255) PATH '$')) AS members ON 1 = 1)
""".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type: its name, the numbers in it, and what its values are."""

    name: str
    form: Form
    numbers: tuple[int, ...] = ()
    zerofill: bool = False


def kind(table: tables.Table, column: tables.FoundColumn) -> Kind:
    """Return what a column is."""
    if _is_json(table, column):
        return Kind(name="longtext", form=Form(family=Family.JSON, long=True))
    found = _TYPE.match(column.type.lower())
    name = found["name"] if found else column.type
    if found is None or name not in _FAMILIES:
        return Kind(name=name, form=Form(family=Family.OTHER, own=f"mysql {name}"))
    args, rest = found["args"] or "", found["rest"]
    plain = name not in ("enum", "set")
    numbers = (
        tuple(int(part) for part in args.split(",") if part.strip().isdigit()) if plain else ()
    )
    family = _FAMILIES[name]
    scale = None
    if family is Family.DECIMAL:
        scale = numbers[1] if len(numbers) > 1 else 0
    return Kind(
        name=name,
        form=Form(family=family, scale=scale, padded=name == "char", long=name in _LONG),
        numbers=numbers,
        zerofill="zerofill" in rest,
    )


def _is_json(table: tables.Table, column: tables.FoundColumn) -> bool:
    """Whether a text is declared as JSON where that is no type: by a check that it is valid."""
    if column.type.lower() != "longtext":
        return False
    name = column.name.replace("`", "``")
    valid = f"json_valid(`{name}`)"
    texts = [check.sql.lower() for check in table.checks]
    texts.append((column.definition or "").lower())
    return any(valid.lower() in text for text in texts)


class Texts:
    """Writes pieces."""

    def piece(self, sql: str, of: Kind, column: tables.FoundColumn, form: Form) -> str:
        """Return SQL whose output is the text of a value."""
        own, wanted = of.form.family, form.family
        if own is Family.TEXT and wanted is not Family.TEXT:
            return self._read(f"CONVERT({sql} USING utf8mb4)", of, wanted)
        match wanted:
            case Family.INTEGER | Family.BOOLEAN:
                return _integer(sql, of)
            case Family.DECIMAL:
                return _decimal(sql, of, form.scale)
            case Family.FLOAT:
                return _float(sql, of)
            case Family.TIME:
                return _clock(sql, of)
            case Family.DATETIME | Family.INSTANT if own is Family.DATE:
                return f"CONCAT({sql}, ' 00:00:00')"
            case Family.DATETIME | Family.INSTANT:
                return _clock(sql, of)
            case Family.BINARY:
                return f"LOWER(HEX({sql}))"
            case Family.UUID:
                return _uuid(sql, of)
            case Family.TEXT:
                return _text(sql, of, column, padded=form.padded)
            case Family.JSON:
                return utf8(sql, column)
            case Family.OTHER:
                return _text(sql, of, column, padded=False)
            case _:
                return sql

    # --- a text, read as what the other side is -------------------------------------------------

    def _read(self, text: str, of: Kind, wanted: Family) -> str:
        match wanted:
            case Family.JSON:
                return _list(text) if of.name == "set" else text
            case Family.BINARY:
                return f"LOWER(HEX({text}))"
            case Family.INTEGER:
                arms = _whole(text)
            case Family.BOOLEAN:
                arms = (
                    f"WHEN {_one_of(f'LOWER({text})', phrases.YES)} THEN '1' "
                    f"WHEN {_one_of(f'LOWER({text})', phrases.NO)} THEN '0' {_whole(text)}"
                )
            case Family.DECIMAL:
                arms = (
                    f"WHEN {_like(text, _PLAIN)} THEN {_fixed(text)} "
                    f"WHEN {_like(text, _NUMBER)} THEN {_spread(text)} "
                    f"WHEN {_one_of(text, _WORDS)} THEN {text}"
                )
            case Family.FLOAT:
                arms = _double(text)
            case Family.DATE:
                day = f"{_matches(text, f'{_DAY}( BC)?')} OR {_one_of(text, _ENDLESS)}"
                arms = f"WHEN {day} THEN {text}"
            case Family.TIME:
                minute = "-?[0-9]{2,3}:[0-5][0-9]"
                arms = (
                    f"WHEN {_matches(text, minute)} THEN CONCAT({text}, ':00') "
                    f"WHEN {_matches(text, minute + _SECOND)} THEN {_cut_any(text)}"
                )
            case Family.DATETIME:
                arms = _moments(text)
            case Family.INSTANT:
                arms = f"{_moments(text)} {_moments_of_utc(text)} {_moved(text)}"
            case Family.UUID:
                arms = f"WHEN {_matches(text, _UUID)} THEN LOWER(REPLACE({text}, '-', ''))"
            case _:
                return text
        return f"CASE {arms} ELSE CONCAT('!t', LOWER(HEX({text}))) END"


def utf8(sql: str, column: tables.FoundColumn) -> str:
    """Return a text as UTF-8 with every character, in the one collation that all of a row have."""
    if not (column.collation or "").startswith(_UTF8):
        sql = f"CONVERT({sql} USING utf8mb4)"
    return f"({sql} COLLATE utf8mb4_bin)"


def _text(sql: str, of: Kind, column: tables.FoundColumn, *, padded: bool) -> str:
    if of.form.family is not Family.TEXT:
        if of.name in _SHAPES:
            return f"LOWER(HEX({sql}))"
        return f"CAST({sql} AS CHAR CHARACTER SET utf8mb4)"
    text = utf8(sql, column)
    # A CHAR comes without them.
    return f"TRIM(TRAILING ' ' FROM {text})" if padded and of.name != "char" else text


def _one_of(text: str, words: Sequence[str]) -> str:
    """Return whether a text is exactly one of these words, whatever its collation."""
    digits = ", ".join(f"'{word.encode().hex().upper()}'" for word in words)
    return f"HEX({text}) IN ({digits})"


def _like(text: str, pattern: str) -> str:
    return f"CHAR_LENGTH({text}) <= {_MOST_DIGITS} AND {_matches(text, pattern)}"


def _matches(text: str, pattern: str) -> str:
    # To a pattern the end is also before a line's end: hence the sign behind the text.
    return f"CONCAT({text}, '|') COLLATE utf8mb4_bin REGEXP '^{pattern}[|]$'"


def _minus(text: str, digits: str) -> str:
    return f"IF(LEFT({text}, 1) = '-', CONCAT('-', {digits}), {digits})"


def _bare(text: str) -> str:
    """Return a number without its sign."""
    return f"TRIM(LEADING '+' FROM TRIM(LEADING '-' FROM {text}))"


def _whole(text: str) -> str:
    digits = f"TRIM(LEADING '0' FROM {_bare(text)})"
    number = f"IF({digits} = '', '0', {_minus(text, digits)})"
    return f"WHEN {_like(text, _INTEGER)} THEN {number}"


def _fixed(text: str) -> str:
    """Return a decimal without zeros that say nothing."""
    bare = _bare(text)
    whole = f"TRIM(LEADING '0' FROM SUBSTRING_INDEX({bare}, '.', 1))"
    rest = f"TRIM(TRAILING '0' FROM SUBSTR({bare}, LOCATE('.', CONCAT({bare}, '.')) + 1))"
    number = f"CONCAT(IF({whole} = '', '0', {whole}), IF({rest} = '', '', CONCAT('.', {rest})))"
    return f"IF({number} = '0', '0', {_minus(text, number)})"


def _spread(text: str) -> str:
    """Return a number with an exponent in plain digits."""
    mantissa = f"SUBSTRING_INDEX(LOWER({text}), 'e', 1)"
    exponent = f"CAST(SUBSTRING_INDEX(LOWER({text}), 'e', -1) AS SIGNED)"
    bare = _bare(mantissa)
    digits = f"REPLACE({bare}, '.', '')"
    # Where the point stands behind so many digits.
    point = f"(LOCATE('.', CONCAT({bare}, '.')) - 1 + {exponent})"
    zeros = f"CONCAT(REPEAT('0', GREATEST(0, -{point})), {digits}, "
    zeros += f"REPEAT('0', GREATEST(0, {point} - CHAR_LENGTH({digits}))))"
    plain = (
        f"CONCAT(LEFT({zeros}, GREATEST(0, {point})), '.', "
        f"SUBSTR({zeros}, GREATEST(0, {point}) + 1))"
    )
    return _fixed(f"CONCAT(IF(LEFT({text}, 1) = '-', '-', ''), {plain})")


def _double(text: str) -> str:
    number = f"({text} * 1e0)"
    # The server knows nothing beyond the largest double, which is meant if it is written so.
    largest = _matches(f"LOWER({_bare(text)})", _WRITTEN_LARGEST)
    zero = f"IF(LEFT({text}, 1) = '-', '-0', '0')"
    return (
        f"WHEN {_one_of(text, _WORDS)} THEN {text} "
        f"WHEN {_like(text, _NUMBER)} AND (ABS({number}) < {_LARGEST} OR {largest}) "
        f"THEN IF({number} = 0, {zero}, {_shortest(number)})"
    )


def _cut(sql: str) -> str:
    """Return a time without zeros at the end of its fraction, which it has."""
    return f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {sql}))"


def _cut_any(text: str) -> str:
    return f"IF(LOCATE('.', {text}) > 0, {_cut(text)}, {text})"


def _moments(text: str) -> str:
    """Return the arms for what has no zone."""
    before = f"LEFT({text}, CHAR_LENGTH({text}) - 3)"
    return (
        f"WHEN {_one_of(text, _ENDLESS)} THEN {text} "
        f"WHEN {_matches(text, _DAY)} THEN CONCAT({text}, ' 00:00:00') "
        f"WHEN {_matches(text, f'{_DAY} BC')} THEN CONCAT({before}, ' 00:00:00 BC') "
        f"WHEN {_matches(text, f'{_DAY}[T ]{_MINUTE}')} THEN CONCAT({_spaced(text)}, ':00') "
        f"WHEN {_matches(text, f'{_DAY}[T ]{_MINUTE}{_SECOND}')} "
        f"THEN {_cut_any(_spaced(text))} "
        f"WHEN {_matches(text, f'{_DAY}[T ]{_MINUTE}{_SECOND} BC')} "
        f"THEN CONCAT({_cut_any(_spaced(before))}, ' BC')"
    )


def _moments_of_utc(text: str) -> str:
    zone = f"TRIM(TRAILING 'Z' FROM TRIM(TRAILING 'z' FROM {text}))"
    moment = _spaced(f"TRIM(TRAILING ' ' FROM {zone})")
    return (
        f"WHEN {_matches(text, f'{_DAY}[T ]{_MINUTE} ?[Zz]')} THEN CONCAT({moment}, ':00') "
        f"WHEN {_matches(text, f'{_DAY}[T ]{_MINUTE}{_SECOND} ?[Zz]')} "
        f"THEN {_cut_any(moment)}"
    )


def _spaced(text: str) -> str:
    return f"REPLACE({text}, 'T', ' ')"


def _moved(text: str) -> str:
    """Return the arm for a moment with an offset; the fraction stays what it is."""
    seconds = f"IF(SUBSTR({text}, 17, 1) = ':', SUBSTR({text}, 17, 3), ':00')"
    offset = f"REPLACE(REGEXP_SUBSTR({text}, '[+-][0-9:]+$'), ':', '')"
    minutes = f"(LEFT(SUBSTR({offset}, 2), 2) * 60 + CONCAT('0', SUBSTR({offset}, 4)))"
    span = f"IF(LEFT({offset}, 1) = '-', -1, 1) * {minutes}"
    local = f"CONCAT({_spaced(f'LEFT({text}, 16)')}, {seconds})"
    # A text alone would come back with microseconds.
    whole = f"DATE_SUB(CAST({local} AS DATETIME), INTERVAL ({span}) MINUTE)"
    found = f"REGEXP_SUBSTR({text}, '[.][0-9]*')"
    fraction = f"IF(LOCATE('.', {text}) > 0, {_cut(found)}, '')"
    return (
        f"WHEN {_matches(text, f'{_REAL_DAY}[T ]{_MINUTE}({_SECOND})? ?{_OFFSET}')} "
        f"AND {whole} IS NOT NULL THEN CONCAT({whole}, {fraction})"
    )


def _list(text: str) -> str:
    """Return the members of a SET, which hold no comma, as an array."""
    members = f"REPLACE(JSON_QUOTE({text}), ',', '\", \"')"
    return f"IF({text} = '', '[]', CONCAT('[', {members}, ']'))"


# --- values of the family's own ---------------------------------------------------------------


def _integer(sql: str, of: Kind) -> str:
    # A year or a number with zeros in front is written with them; bits are no text.
    return f"({sql} + 0)" if of.zerofill or of.name in ("year", "bit") else sql


def _decimal(sql: str, of: Kind, scale: int | None) -> str:
    if of.form.family is Family.FLOAT:
        text = f"CONCAT({_float(sql, of)})"
        return f"IF(LOCATE('e', {text}) > 0, {_spread(text)}, IF({text} = '-0', '0', {text}))"
    if of.form.family is not Family.DECIMAL:
        return _integer(sql, of)
    if of.zerofill:
        sql = f"CAST({sql} AS DECIMAL({', '.join(map(str, of.numbers))}))"
    if not of.form.scale or scale == of.form.scale:
        return sql
    return _cut(sql)


def _float(sql: str, of: Kind) -> str:
    # A FLOAT alone would come with six digits, one with a number of digits with those.
    exact = of.name == "double" and not of.numbers and not of.zerofill
    return _shortest(sql if exact else f"({sql} * 1e0)")


def _shortest(number: str) -> str:
    """Return the server's own text; with a fraction it goes on without an exponent beyond 1e15."""
    digits = f"REPLACE(TRIM(LEADING '-' FROM {number}), '.', '')"
    moved = f"CONCAT(IF({number} < 0, '-', ''), INSERT({digits}, 2, 0, '.'), 'e15')"
    plain = f"ABS({number}) >= 1e15 AND LOCATE('e', {number}) = 0"
    return f"IF({plain}, {moved}, {number})"


def _clock(sql: str, of: Kind) -> str:
    # The server says of some expressions only that there can be a fraction.
    whole, always = of.numbers in ((), (0,)), of.numbers and of.numbers[0] <= _MICROSECONDS
    return sql if whole else _cut(sql) if always else _cut_any(sql)


def _uuid(sql: str, of: Kind) -> str:
    if of.form.family is Family.UUID:
        return f"REPLACE({sql}, '-', '')"
    value = f"LOWER(HEX({sql}))"
    if of.name == "binary" and of.numbers == (16,):
        return value
    return f"IF(LENGTH({sql}) = 16, {value}, CONCAT('!b', {value}))"


# --- values of their texts --------------------------------------------------------------------


def given(of: Kind, form: Form) -> str:
    """Return SQL with one placeholder that makes a value of its text.

    Beside a number a text would be compared as a float; one that is too large for its column is
    refused by it, where a cast to the column's own type would change it in silence.
    """
    match of.form.family:
        case Family.INTEGER | Family.DECIMAL:
            return f"CAST(%s AS DECIMAL(65, {of.form.scale or 0}))"
        case Family.FLOAT:
            return "(%s * 1e0)"
        case Family.BINARY:
            return "UNHEX(TRIM(LEADING '!b' FROM %s))"
        case Family.OTHER if of.name in _SHAPES:
            return "UNHEX(%s)"
        case Family.TEXT:
            return _words(of, form)
        case _:
            return "%s"


def literal(of: Kind, form: Form, text: bytes | None) -> str:
    """Return SQL for a value of its text, as it stands where no parameters are."""
    if text is None:
        return "NULL"
    if of.form.family in _PLAIN_NUMBERS and _PLAIN_NUMBER.fullmatch(text):
        return text.decode("ascii")
    # No backslash and no quote in it, whatever the session makes of those.
    quoted = f"_utf8mb4 x'{text.hex()}'" if text else "''"
    before, after = (part.replace("%%", "%") for part in given(of, form).split("%s"))
    return f"{before}{quoted}{after}"


_PLAIN_NUMBERS: Final = frozenset({Family.INTEGER, Family.DECIMAL})
_PLAIN_NUMBER: Final = re.compile(rb"-?[0-9]+(\.[0-9]+)?")


def _words(of: Kind, form: Form) -> str:
    match form.family:
        case Family.JSON if of.name == "set":
            return _MEMBERS
        case Family.TEXT | Family.JSON | Family.OTHER:
            return "%s"
        case Family.BINARY:
            return _characters("%s")
        case Family.UUID if of.numbers and of.numbers[0] < _UUID_LENGTH:
            other = "p"
        case Family.UUID:
            parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
            digits = [f"SUBSTR(p, {start}, {length})" for start, length in parts]
            other = "CONCAT(" + ", '-', ".join(digits) + ")"
        case _:
            other = "p"
    own = _characters("SUBSTR(p, 3)")
    return f"(SELECT IF(LEFT(p, 2) = '!t', {own}, {other}) FROM (SELECT %s AS p) AS given)"


def _characters(digits: str) -> str:
    return f"CONVERT(UNHEX({digits}) USING utf8mb4)"
