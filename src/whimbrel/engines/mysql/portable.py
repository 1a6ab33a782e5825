"""What MySQL's types mean, and which of them holds the values of another engine's.

Which family a type has is said by `texts`, so that whatever is offered can also be compared:

    moments with a zone        datetime(6) in UTC: TIMESTAMP begins in 1970 and ends in 2038
    texts                      longtext, whose 4 GB hold what TEXT (64 KB) would refuse; a key is
                               a varchar that an index takes
    texts compared by bytes    a binary collation that does not pad, so that keys stay as unique
    decimals without limits    decimal(65,30) or another scale that holds all digits, else a text
    a type that nobody else    a text, as its own engine writes the values
    has

What MariaDB does in another way is in its own folder.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from whimbrel import errors, tables
from whimbrel.engines import base, portable, typed
from whimbrel.engines.forms import Family
from whimbrel.engines.mysql import session as sessions
from whimbrel.engines.mysql import texts
from whimbrel.engines.portable import Domain, Facts, Meaning, Offer, Question

# Both servers have the same types, nearly.
RELATED: Final = frozenset({"mysql", "mariadb"})

_TYPE: Final = re.compile(r"(?P<name>[a-z]\w*)\s*(?:\((?P<args>.*)\))?(?P<rest>.*)", re.S)
_NAMED: Final = re.compile(
    r"[a-z]\w*( *\( *(\d+( *, *\d+)?|'([^'\\]|''|\\.)*'( *, *'([^'\\]|''|\\.)*')*) *\))?"
    r"( +(signed|unsigned|zerofill))*",
    re.I,
)
_WORD: Final = re.compile(r"'((?:[^'\\]|''|\\.)*)'", re.S)
_ESCAPED: Final = re.compile(r"''|\\(.)", re.S)
_ESCAPES: Final = {"n": "\n", "r": "\r", "0": "\0", "t": "\t", "Z": "\x1a", "b": "\b"}
_INTEGERS: Final = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
# Bytes that the four sizes of texts and blobs hold.
_TIERS: Final = (
    ("tiny{}", 2**8 - 1),
    ("{}", 2**16 - 1),
    ("medium{}", 2**24 - 1),
    ("long{}", 2**32 - 1),
)
_TEXTS: Final = {name.format("text"): size for name, size in _TIERS}
_BLOBS: Final = {name.format("blob"): size for name, size in _TIERS}
_CLOCKS: Final = {"time": Family.TIME, "datetime": Family.DATETIME, "timestamp": Family.INSTANT}
_SYNONYMS: Final = {
    "integer": "int",
    "int1": "tinyint",
    "int2": "smallint",
    "int3": "mediumint",
    "middleint": "mediumint",
    "int4": "int",
    "int8": "bigint",
    "bool": "tinyint(1)",
    "boolean": "tinyint(1)",
    "numeric": "decimal",
    "dec": "decimal",
    "fixed": "decimal",
    "real": "double",
    "double precision": "double",
    "float4": "float",
    "float8": "double",
    "character": "char",
    "character varying": "varchar",
    "varcharacter": "varchar",
    "nchar": "char",
    "nvarchar": "varchar",
    "national char": "char",
    "national varchar": "varchar",
    "long": "mediumtext",
    "long varchar": "mediumtext",
}
_SYNONYM: Final = re.compile(rf"({'|'.join(sorted(_SYNONYMS, key=len, reverse=True))})(?=$|[ (])")
_SHAPES: Final = frozenset(
    {
        *("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring"),
        *("multipolygon", "geometrycollection", "geomcollection"),
    }
)
_ADDRESSES: Final = {"inet4": 15, "inet6": 45}
_YEARS: Final = (1901, 2155)

_UTF8_BYTES: Final = 4
# What an index takes of a column: 3072 bytes.
_KEY_OCTETS: Final = 3_072
_KEY_CHARACTERS: Final = _KEY_OCTETS // _UTF8_BYTES
_KEY_SIZES: Final = (255, _KEY_CHARACTERS)
_MOST_FIXED: Final = 255
_MOST_VARBINARY: Final = 16_383
_MOST_PRECISION, _MOST_SCALE = 65, 30
# Numbers that stand in a text are read up to a thousand characters.
_TEXT_DIGITS: Final = (499, 499)
_SINGLE_BITS: Final = 24
_UUID_OCTETS: Final = 16
_LABEL_CHARACTERS: Final = 255
_MOST_LABELS: Final = 65_535
# How long the texts of types are that nobody else has, as far as that is known.
_SHORT: Final = {
    "inet": 50,
    "cidr": 50,
    "macaddr": 17,
    "macaddr8": 23,
    "time with time zone": 32,
    "pg_lsn": 17,
    "inet4": 15,
    "inet6": 45,
}
# Texts as they are, no blanks put behind them; then the best that older servers have.
_BINARY: Final = ("utf8mb4_nopad_bin", "utf8mb4_0900_bin", "utf8mb4_bin")
# Without case, but with accents.
_WITHOUT_CASE: Final = (
    "utf8mb4_0900_as_ci",
    "utf8mb4_uca1400_nopad_as_ci",
    "utf8mb4_unicode_520_nopad_ci",
    "utf8mb4_unicode_520_ci",
    "utf8mb4_unicode_ci",
)
_ENDINGS: Final = ("_ai_ci", "_as_ci", "_as_cs", "_bin", "_cs", "_ci")
_FULL_NAMES: Final = """
SELECT COUNT(*) FROM information_schema.columns
 WHERE table_schema = 'information_schema' AND column_name = 'FULL_COLLATION_NAME'
   AND table_name = 'COLLATION_CHARACTER_SET_APPLICABILITY'
"""
_COLLATIONS: Final = (
    "SELECT {} FROM information_schema.collation_character_set_applicability "
    "WHERE character_set_name IS NOT NULL"
)

_NO_BYTES: Final = frozenset({Question.NOT_UTF8, Question.NOT_TEXT})
_NO_ENDS: Final = frozenset({Question.INFINITE_DATE, Question.BEYOND_9999})
_NO_ODD_NUMBERS: Final = frozenset({Question.NAN, Question.INFINITE})
_NEVER: Final = {
    Family.TEXT: _NO_BYTES,
    Family.OTHER: _NO_BYTES | {Question.NUL},
    Family.DECIMAL: _NO_ODD_NUMBERS | {Question.NEGATIVE_ZERO},
    Family.FLOAT: _NO_ODD_NUMBERS,
    Family.DATE: _NO_ENDS,
    Family.TIME: frozenset({Question.FINE_FRACTION}),
    Family.DATETIME: _NO_ENDS | {Question.FINE_FRACTION},
    Family.INSTANT: _NO_ENDS | {Question.FINE_FRACTION, Question.BEFORE_CHRIST},
    Family.JSON: _NO_BYTES | {Question.NUL, Question.NOT_JSON, Question.JSON_SURROGATE},
}
_NOT_INTEGERS: Final = (
    Question.NOT_NUMBER,
    Question.NOT_WHOLE,
    Question.NAN,
    Question.INFINITE,
    Question.NEGATIVE_ZERO,
)
_NOT_DECIMALS: Final = (
    Question.NOT_NUMBER,
    Question.NAN,
    Question.INFINITE,
    Question.NEGATIVE_ZERO,
)

_NO_ACCENTS: Final = re.compile(
    r"^[a-z0-9]+_(?:general|unicode|unicode_520|0900_ai|(?:uca1400_)?(?:nopad_)?ai|"
    r"(?:general|unicode|unicode_520)_nopad)_ci$"
)


class MysqlConverter(portable.Converter):
    """Asks the server for its collations."""

    #: JSON is kept as the server's own values, which rounds numbers.
    rounds_json = True

    def __init__(self, session: base.Session) -> None:
        self._session = sessions.ours(session)
        self._engine = session.engine.name
        self._known_collations: frozenset[str] | None = None
        self._zero_dates: bool | None = None

    # --- what types mean ------------------------------------------------------------------------

    def meaning(self, table: tables.Table, column: tables.FoundColumn) -> Meaning:
        of = texts.kind(table, column)
        if of.form.family is Family.JSON and of.name == "longtext":
            found = Meaning(family=Family.JSON, own="json", never=_NEVER[Family.JSON])
        else:
            found = meant(column.type)
        if found.own == "tinyint(1)" and column.auto_increment:
            found = dataclasses.replace(found, own="")
        collation = column.collation
        return dataclasses.replace(
            found,
            engine=self._engine,
            type="json" if found.family is Family.JSON else column.type,
            never=found.never | ({Question.JSON_DIGITS} if column.type == "json" else set()),
            collation=None if found.family is Family.JSON else collation,
            insensitive=found.family is Family.TEXT and (collation or "").endswith("_ci"),
        )

    def sameness(self, meaning: Meaning) -> portable.Sameness:
        name = (meaning.collation or "").casefold()
        if meaning.family is not Family.TEXT or not name:
            return portable.Sameness()
        return portable.Sameness(
            padded=not ("nopad" in name or "_0900_" in name or name == "binary"),
            cased=not name.endswith("_ci"),
            # In those of one language letters with accents may be letters of their own.
            accented=_NO_ACCENTS.search(name) is None,
        )

    # --- what is offered ------------------------------------------------------------------------

    def needs(self, meaning: Meaning, *, key: bool) -> frozenset[Question]:
        if meaning.engine in RELATED:
            return frozenset()
        asked = typed.asked(meaning)
        match meaning.family:
            case Family.DECIMAL if meaning.precision is None or _decimal(meaning) is None:
                asked |= {Question.DIGITS}
            case Family.INTEGER if meaning.typed:
                asked |= {Question.DIGITS}
            case Family.TEXT if meaning.own == "any":
                asked |= {Question.DIGITS, Question.NEGATIVE_ZERO}
            case _:
                pass
        long = meaning.length is None or meaning.length > _KEY_CHARACTERS
        if key and long and meaning.family in (Family.TEXT, Family.BINARY, Family.OTHER):
            asked |= {Question.LONGEST}
        return asked - meaning.never

    def offer(self, meaning: Meaning, facts: Facts, *, table: str, column: str, key: bool) -> Offer:
        if meaning.engine in RELATED:
            return self._own(meaning, facts, key=key)
        settled, notes = typed.settled(meaning, facts)
        chosen = self._chosen(settled, facts, key=key)
        return self._offered(meaning, settled, chosen, notes)

    def _offered(
        self, meaning: Meaning, settled: Meaning, chosen: Chosen, notes: tuple[str, ...]
    ) -> Offer:
        means = meant(chosen.type)
        collation = None
        if means.family is Family.TEXT:
            collation, said = self._collation(settled)
            notes = (*notes, *said)
        domain = self._domain(means, typed.origin(meaning, means.family))
        if chosen.digits is not None:
            before, behind = chosen.digits
            # They are read as numbers all the same.
            odd = {Question.NOT_NUMBER} if meaning.own != "any" else set()
            if meaning.family is Family.INTEGER:
                odd |= {Question.NOT_WHOLE, Question.NAN, Question.INFINITE}
            domain = dataclasses.replace(
                domain,
                digits_before=before,
                digits_behind=behind,
                refuses=domain.refuses | typed.refusing(meaning, *odd),
            )
        if settled.family is Family.BOOLEAN:
            refuses = typed.refusing(meaning, Question.NOT_BOOLEAN)
            domain = dataclasses.replace(domain, refuses=domain.refuses | refuses)
        return Offer(
            type=chosen.type,
            family=means.family,
            domain=domain,
            collation=collation,
            notes=(*meaning.notes, *notes, *chosen.notes),
            checks=chosen.checks,
        )

    def _own(self, meaning: Meaning, facts: Facts, *, key: bool) -> Offer:
        """Offer a type of this engine, or of the one that is nearly the same."""
        known = meaning.engine == self._engine or not self._lacks(meaning)
        if not known:
            return self._offered(meaning, meaning, self._chosen(meaning, facts, key=key), ())
        type_ = meaning.type
        if meaning.values and "\\" in type_:
            name = "set" if meaning.many else "enum"
            type_ = f"{name}({_literals(meaning.values)})"
        notes: tuple[str, ...] = ()
        collation = meaning.collation
        domain = Domain()
        if meaning.engine != self._engine:
            collation, notes = self._related(meaning.collation)
            if meaning.family is Family.JSON:
                domain = self._domain(meant("json"), meaning)
        return Offer(
            type=type_, family=meaning.family, collation=collation, notes=notes, domain=domain
        )

    def _lacks(self, meaning: Meaning) -> bool:
        """Whether this server has no type of that name."""
        return meaning.family is Family.UUID or meaning.own in _ADDRESSES

    def _chosen(self, meaning: Meaning, facts: Facts, *, key: bool) -> Chosen:
        match meaning.family:
            case Family.INTEGER:
                return _integer(meaning)
            case Family.DECIMAL:
                return _numeric(meaning, facts)
            case Family.FLOAT:
                return Chosen(type="float" if meaning.single else "double")
            case Family.BOOLEAN:
                return Chosen(type="tinyint(1)")
            case Family.BINARY:
                return _bytes(meaning, facts, key=key)
            case Family.DATE:
                return Chosen(type="date")
            case Family.TIME | Family.DATETIME:
                return _clock(meaning.family.value, meaning)
            case Family.INSTANT:
                return _clock("datetime", meaning, "moments in UTC: TIMESTAMP ends in 2038")
            case Family.JSON:
                return Chosen(type="json")
            case Family.UUID:
                return self._uuid()
            case Family.OTHER:
                return _other(meaning, facts, key=key)
            case Family.TEXT if meaning.values:
                return _enumeration(meaning)
            case Family.TEXT:
                return _text(meaning, facts, key=key)

    def _uuid(self) -> Chosen:
        return Chosen(type="char(36)", notes=("a UUID is a text of 36 characters here",))

    # --- collations -----------------------------------------------------------------------------

    def _collations(self) -> frozenset[str]:
        if self._known_collations is None:
            full = self._session.send(_FULL_NAMES)[0][0]
            sql = _COLLATIONS.format("full_collation_name" if full else "collation_name")
            found = (str(row[0]) for row in self._session.send(sql))
            self._known_collations = frozenset(found)
        return self._known_collations

    def _collation(self, meaning: Meaning) -> tuple[str | None, tuple[str, ...]]:
        """Return the collation that compares as the source does, and how it differs."""
        wanted = _WITHOUT_CASE if meaning.insensitive else _BINARY
        for name in wanted:
            if name not in self._collations():
                continue
            if meaning.insensitive:
                return name, (f"compares without case by {name}, which knows more than A to Z",)
            if name == _BINARY[-1]:
                return name, ("blanks at the end do not count in comparisons",)
            return name, ()
        return None, ("compares as the table does",)

    def _related(self, collation: str | None) -> tuple[str | None, tuple[str, ...]]:
        """Return a collation of the other server, or the nearest that this one has."""
        if collation is None or collation in self._collations():
            return collation, ()
        ending = next((end for end in _ENDINGS if collation.endswith(end)), "")
        ending = {"_ci": "_ai_ci", "_cs": "_as_cs"}.get(ending, ending)
        near = (f"utf8mb4_0900{ending}", f"utf8mb4_uca1400_nopad{ending}", *_WITHOUT_CASE)
        wanted = _BINARY if ending == "_bin" else near
        found = next((name for name in wanted if name in self._collations()), None)
        return found, (f"there is no {collation} here: compares by {found or 'the default'}",)

    # --- what types take ------------------------------------------------------------------------

    def wished(self, type_: str, meaning: Meaning) -> Offer:
        """Return what a type takes, which is named as CREATE TABLE has it."""
        if meaning.engine == self._engine and meaning.type == type_:
            return Offer(type=type_, family=meaning.family, collation=meaning.collation)
        name = _canonical(type_)
        if not _NAMED.fullmatch(name):
            raise _unknown(type_, "that is not the name of a type")
        means = dataclasses.replace(meant(name), engine=self._engine, type=name)
        if means.family is Family.OTHER and means.own not in (*_SHAPES, *_ADDRESSES, "vector"):
            raise _unknown(type_)
        if name in ("varchar", "varbinary"):
            raise _unknown(type_, f"it needs a length, as {name}(40)")
        typed.check_meets(meaning, means, type_)
        if means.family is Family.BINARY and means.fixed and not _same_bytes(means, meaning):
            raise typed.unfit(
                meaning, type_, "shorter values would be filled up", remedy="name: varbinary(n)"
            )
        collation: str | None = None
        notes: tuple[str, ...] = ()
        if means.family is Family.TEXT:
            collation, notes = self._collation(meaning)
        return Offer(
            type=type_,
            family=means.family,
            domain=self._domain(means, meaning),
            collation=collation,
            notes=(*meaning.notes, *notes),
        )

    def _domain(self, means: Meaning, meaning: Meaning) -> Domain:
        """Return what a type takes of the values of another one."""

        def refusing(*troubles: Question) -> frozenset[Question]:
            return typed.refusing(meaning, *troubles)

        match means.family:
            case Family.INTEGER if means.own == "year":
                least, most = _YEARS
            case Family.INTEGER:
                least, most = typed.limits(means.bits or 64, unsigned=means.unsigned)
            case Family.DECIMAL:
                before, behind = typed.whole(means.precision or 10, means.scale or 0)
                troubles: set[Question] = set(_NOT_DECIMALS)
                if means.unsigned:
                    troubles.add(Question.NEGATIVE)
                return Domain(
                    digits_before=before, digits_behind=behind, refuses=refusing(*troubles)
                )
            case Family.FLOAT:
                return _of_floats(means, meaning)
            case Family.TEXT | Family.OTHER:
                return _of_text(means, meaning)
            case Family.BINARY:
                # No server sends as much as the largest of them takes.
                octets = None if means.length == _BLOBS["longblob"] else means.length
                return Domain(octets=octets, refuses=refusing(Question.NOT_BYTES))
            case Family.DATE:
                return Domain(refuses=refusing(Question.NOT_DATE, *self._dates()))
            case Family.TIME:
                return Domain(
                    digits_behind=_seconds(means, meaning),
                    refuses=refusing(Question.NOT_TIME, Question.FINE_FRACTION),
                )
            case Family.DATETIME | Family.INSTANT:
                troubles = {Question.NOT_MOMENT, Question.FINE_FRACTION, *self._dates()}
                if means.family is Family.DATETIME and meaning.family is not Family.INSTANT:
                    troubles.add(Question.ZONED)
                return Domain(digits_behind=_seconds(means, meaning), refuses=refusing(*troubles))
            case Family.JSON:
                troubles = {Question.NOT_JSON, Question.JSON_SURROGATE, *_NO_BYTES}
                if self.rounds_json:
                    troubles.add(Question.JSON_DIGITS)
                return Domain(refuses=refusing(*troubles))
            case Family.UUID:
                return Domain(refuses=refusing(Question.NOT_UUID))
            case _:
                return Domain()
        return Domain(least=Decimal(least), most=Decimal(most), refuses=refusing(*_NOT_INTEGERS))

    def _dates(self) -> frozenset[Question]:
        """Return which dates the server refuses."""
        if self._zero_dates is None:
            mode = str(self._session.send("SELECT @@sql_mode")[0][0])
            self._zero_dates = "NO_ZERO" not in mode
        refused = _NO_ENDS | {Question.BEFORE_CHRIST}
        return refused if self._zero_dates else refused | {Question.ZERO_DATE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A type that is chosen, and what has to be said about it; `digits` are those of a text."""

    type: str
    notes: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    digits: tuple[int, int] | None = None


# --- what a type is by its name -----------------------------------------------------------------


def meant(type_: str) -> Meaning:
    """Return what a type means as the catalog writes it."""
    found = _TYPE.fullmatch(type_.strip().lower())
    if found is None:
        return Meaning(family=Family.OTHER, own=type_, type=type_)
    name, rest = found["name"], found["rest"]
    words = _words(type_) if name in ("enum", "set") else ()
    args = (found["args"] or "").split(",")
    numbers = [int(part) for part in args if part.strip().isdigit()] if not words else []
    made = _of_name(name, numbers, unsigned="unsigned" in rest or "zerofill" in rest)
    if words:
        made = Meaning(family=Family.TEXT, values=words, many=name == "set", own=name)
    notes = ("zeros in front of its numbers are not shown any more",)
    never = _NEVER.get(made.family, frozenset())
    if made.unsigned:
        never |= {Question.NEGATIVE}
    if made.fixed and made.family is Family.TEXT:
        never |= {Question.TRAILING_BLANKS}
    if made.many:
        never |= {Question.STRAY_WORD}
    return dataclasses.replace(
        made,
        type=type_,
        never=made.never | never,
        notes=notes if "zerofill" in rest else made.notes,
    )


def _of_name(name: str, numbers: list[int], *, unsigned: bool) -> Meaning:
    first = numbers[0] if numbers else None
    if name in _INTEGERS:
        boolean = name == "tinyint" and first == 1 and not unsigned
        own = "tinyint(1)" if boolean else ""
        return Meaning(family=Family.INTEGER, bits=_INTEGERS[name], unsigned=unsigned, own=own)
    if name in _CLOCKS:
        return Meaning(family=_CLOCKS[name], fraction=first or 0)
    if name in _TEXTS:
        return Meaning(family=Family.TEXT, own=name)
    if name in _BLOBS:
        return Meaning(family=Family.BINARY, length=_BLOBS[name])
    match name:
        case "year":
            return Meaning(family=Family.INTEGER, bits=16, unsigned=True, own="year")
        case "bit":
            return Meaning(family=Family.INTEGER, bits=first or 1, unsigned=True, own="bit")
        case "decimal":
            scale = numbers[1] if len(numbers) > 1 else 0
            precision = 10 if first is None else first
            return Meaning(
                family=Family.DECIMAL, precision=precision, scale=scale, unsigned=unsigned
            )
        case "float" if first is not None and len(numbers) == 1 and first > _SINGLE_BITS:
            return Meaning(family=Family.FLOAT, unsigned=unsigned)
        case "float":
            return Meaning(family=Family.FLOAT, single=True, unsigned=unsigned)
        case "double":
            return Meaning(family=Family.FLOAT, unsigned=unsigned)
        case "char" | "varchar":
            length = 1 if first is None and name == "char" else first
            return Meaning(family=Family.TEXT, length=length, fixed=name == "char")
        case "binary" | "varbinary":
            length = 1 if first is None and name == "binary" else first
            return Meaning(family=Family.BINARY, length=length, fixed=name == "binary")
        case "date":
            return Meaning(family=Family.DATE)
        case "json":
            return Meaning(family=Family.JSON, own="json")
        case "uuid":
            return Meaning(family=Family.UUID)
        case _ if name in _SHAPES:
            note = "a shape: hexadecimal digits of its SRID (four bytes) and its WKB in a text"
            return Meaning(family=Family.OTHER, own=name, notes=(note,))
        case _ if name in _ADDRESSES:
            return Meaning(family=Family.OTHER, own=name, notes=("an address: a text from now on",))
        case _:
            note = f"{name}: only a text from now on"
            return Meaning(family=Family.OTHER, own=name, notes=(note,))


def _words(type_: str) -> tuple[str, ...]:
    """Return the words of an enumeration, which the catalog writes with backslashes."""

    def plain(found: re.Match[str]) -> str:
        return "'" if found[1] is None else _ESCAPES.get(found[1], found[1])

    return tuple(_ESCAPED.sub(plain, word) for word in _WORD.findall(type_))


def _canonical(type_: str) -> str:
    """Return a type that a user has named as the catalog would write it, about."""
    head, bracket, tail = type_.strip().partition("(")
    name = " ".join(head.lower().split())
    name = _SYNONYM.sub(lambda found: _SYNONYMS[found[1]], name, count=1)
    if bracket and name.endswith(")"):
        name = name.partition("(")[0]
    return f"{name}{bracket}{tail}"


# --- the type for a meaning ---------------------------------------------------------------------


def _integer(meaning: Meaning) -> Chosen:
    if meaning.own == "bit" and meaning.bits:
        return Chosen(type=f"bit({meaning.bits})")
    bits = meaning.bits or 64
    name = next(name for name, size in _INTEGERS.items() if size >= bits)
    return Chosen(type=f"{name} unsigned" if meaning.unsigned else name)


def _decimal(meaning: Meaning) -> str | None:
    """Return the decimal type with these digits, None if there is none."""
    if meaning.precision is None:
        return None
    before, behind = typed.whole(meaning.precision, meaning.scale or 0)
    if before + behind > _MOST_PRECISION or behind > _MOST_SCALE:
        return None
    return f"decimal({before + behind},{behind})"


def _numeric(meaning: Meaning, facts: Facts) -> Chosen:
    exact = _decimal(meaning)
    if exact is not None:
        return Chosen(type=exact)
    before, behind = facts.digits_before or 0, facts.digits_behind or 0
    most_before = _MOST_PRECISION - _MOST_SCALE
    note = "takes 65 digits, {} of them behind the point"
    if before <= most_before and behind <= _MOST_SCALE:
        wide = f"decimal({_MOST_PRECISION},{_MOST_SCALE})"
        return Chosen(type=wide, notes=(note.format(_MOST_SCALE),))
    if before + behind <= _MOST_PRECISION and behind <= _MOST_SCALE:
        scale = _MOST_PRECISION - before
        return Chosen(type=f"decimal({_MOST_PRECISION},{scale})", notes=(note.format(scale),))
    if meaning.typed and _all_floats(facts):
        return Chosen(type="double", notes=("has floats that are too large for a decimal",))
    return Chosen(
        type="longtext",
        notes=("a number is a text here: some have more digits than any decimal takes",),
        digits=_TEXT_DIGITS,
    )


def _all_floats(facts: Facts) -> bool:
    """Whether a float of eight bytes holds every number as it is."""
    kinds = {kind for kind, count in facts.kinds.items() if count}
    return bool(kinds) and typed.floats(facts, kinds)


def _clock(name: str, meaning: Meaning, *notes: str) -> Chosen:
    fraction = typed.MICROSECONDS if meaning.fraction is None else meaning.fraction
    return Chosen(type=f"{name}({fraction})" if fraction else name, notes=notes)


def _bytes(meaning: Meaning, facts: Facts, *, key: bool) -> Chosen:
    length = meaning.length
    if key and (length is None or length > _KEY_OCTETS):
        for size in (_MOST_FIXED, _KEY_OCTETS):
            if typed.empty(facts) or (facts.octets is not None and facts.octets <= size):
                return Chosen(type=f"varbinary({size})", notes=(_shortened(size, "bytes"),))
        return Chosen(type="longblob", notes=(_PREFIX,))
    if length is not None and length <= _MOST_VARBINARY:
        fixed = meaning.fixed and length <= _MOST_FIXED
        return Chosen(type=f"{'binary' if fixed else 'varbinary'}({max(length, 1)})")
    if length is not None:
        return Chosen(type=next(name for name, size in _BLOBS.items() if length <= size))
    return Chosen(type="longblob")


def _other(meaning: Meaning, facts: Facts, *, key: bool) -> Chosen:
    short = _SHORT.get(meaning.own)
    if short is not None:
        return Chosen(type=f"varchar({short})")
    return _text(meaning, facts, key=key)


def _text(meaning: Meaning, facts: Facts, *, key: bool) -> Chosen:
    length = None if meaning.family is Family.OTHER else meaning.length
    if length is not None and length <= _KEY_CHARACTERS:
        fixed = meaning.fixed and length <= _MOST_FIXED
        return Chosen(type=f"{'char' if fixed else 'varchar'}({max(length, 1)})")
    if key:
        for size in _KEY_SIZES:
            if typed.shorter(facts, size):
                note = _shortened(size, "characters")
                return Chosen(type=f"varchar({size})", notes=(note,))
        return Chosen(type="longtext", notes=(_PREFIX,))
    if length is None:
        return Chosen(type="longtext")
    # As varchar it would count against the 65,535 bytes that a row can have.
    type_ = next(name for name, size in _TEXTS.items() if length * _UTF8_BYTES <= size)
    return Chosen(type=type_, checks=(f"char_length({{column}}) <= {length}",))


def _shortened(size: int, what: str) -> str:
    return f"takes {size} {what}, so that an index can hold it"


_PREFIX: Final = "has values too long for an index, which can hold the first 3072 bytes of each"


def _enumeration(meaning: Meaning) -> Chosen:
    words = meaning.values
    usable = all(
        word == word.rstrip(" ")
        and len(word) <= _LABEL_CHARACTERS
        and "\0" not in word
        # The catalog, and every dump with it, has ? for characters of four bytes.
        and not any(map(_unseen, word))
        for word in words
    )
    if meaning.many or not usable or len(words) > _MOST_LABELS:
        longest = max(len(word) for word in words)
        return Chosen(
            type=f"varchar({max(longest, 1)})",
            checks=(f"{{column}} IN ({_literals(words)})",),
            notes=("a check keeps its words: an ENUM would not take them as they are",),
        )
    return Chosen(type=f"enum({_literals(words)})")


def _literals(words: tuple[str, ...]) -> str:
    return ", ".join(_literal(word) for word in words)


def _unseen(character: str) -> bool:
    return character > "\uffff"


def _literal(word: str) -> str:
    if "\\" in word or "{column}" in word or any(map(_unseen, word)):
        # What a backslash means is said by sql_mode, and || is no joining of texts.
        return f"x'{word.encode().hex()}'"
    return "'" + word.replace("'", "''") + "'"


# --- what a type takes --------------------------------------------------------------------------


def _of_text(means: Meaning, meaning: Meaning) -> Domain:
    troubles = {*_NO_BYTES}
    if means.fixed and not meaning.fixed:
        troubles.add(Question.TRAILING_BLANKS)
    if means.values and meaning.values:
        troubles.add(Question.STRAY_WORD)
    return Domain(
        characters=None if means.values else means.length,
        octets=None if means.own == "longtext" else _TEXTS.get(means.own),
        refuses=typed.refusing(meaning, *troubles),
    )


def _of_floats(means: Meaning, meaning: Meaning) -> Domain:
    if means.single and not meaning.single:
        raise typed.unfit(
            meaning, means.type, "four bytes would round numbers", remedy="name: double"
        )
    found = typed.approximate(meaning, means.type)
    # A zero below zero becomes a zero.
    refuses = typed.refusing(meaning, Question.NAN, Question.INFINITE, Question.NEGATIVE_ZERO)
    if means.unsigned:
        refuses |= typed.refusing(meaning, Question.NEGATIVE)
    return dataclasses.replace(found, refuses=found.refuses | refuses)


def _same_bytes(means: Meaning, meaning: Meaning) -> bool:
    """Whether all values have as many bytes as a type of a fixed length."""
    if meaning.family is Family.UUID:
        return means.length == _UUID_OCTETS
    return meaning.family is Family.BINARY and meaning.fixed and meaning.length == means.length


def _seconds(means: Meaning, meaning: Meaning) -> int | None:
    """Return how many digits of a second a type keeps, None if no value can have more."""
    kept = typed.MICROSECONDS if means.fraction is None else means.fraction
    there = typed.MICROSECONDS if meaning.fraction is None else meaning.fraction
    return None if there <= kept else kept


def _unknown(type_: str, cause: str = "") -> errors.UsageError:
    return errors.UsageError(
        f"there is no type {type_!r} on the target",
        cause=cause,
        left="nothing was changed",
        remedy="name a type as CREATE TABLE takes it there",
    )
