"""What PostgreSQL's types mean, and which of them holds the values of another engine's.

Which family a type has is said by `texts`, so that whatever is offered can also be compared:

    a date and time without zone    timestamp, never timestamptz: no zone is guessed
    whole numbers of 64 bits        bigint, or numeric(20) if there are some that it cannot hold
    JSON                            jsonb; json only for \\u0000 and halves of surrogate pairs,
                                    which jsonb has no room for
    an enumeration                  a type of its own; a set of words a text with a check, because
                                    that is how its values are written everywhere
    a type that nobody else has     text, as its own engine writes the values
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
from whimbrel.engines.portable import Domain, Facts, Meaning, Offer, Question
from whimbrel.engines.postgresql import session as sessions

ENGINE: Final = "postgresql"

_TYPE: Final = re.compile(
    r"(?P<name>.+?)(?:\((?P<args>-?\d+(?:,-?\d+)?)\))?(?P<zone> with(?:out)? time zone)?"
)
_INTEGERS: Final = {"smallint": 16, "integer": 32, "bigint": 64}
_PLAIN: Final = {
    "boolean": Family.BOOLEAN,
    "bytea": Family.BINARY,
    "date": Family.DATE,
    "uuid": Family.UUID,
}
_CLOCKS: Final = {
    "time without time zone": Family.TIME,
    "timestamp without time zone": Family.DATETIME,
    "timestamp with time zone": Family.INSTANT,
}
# Types whose texts are words: how many bytes each has at most.
_WORDS: Final = {"name": 63, '"char"': 4}
_MOST_BITS: Final = 64
_NUL_AND_BYTES: Final = frozenset({Question.NUL, Question.NOT_UTF8, Question.NOT_TEXT})
_NEVER: Final = {
    Family.TEXT: _NUL_AND_BYTES,
    Family.OTHER: _NUL_AND_BYTES,
    Family.JSON: _NUL_AND_BYTES,
    Family.DATE: frozenset({Question.ZERO_DATE}),
    Family.TIME: frozenset({Question.FINE_FRACTION}),
    Family.DATETIME: frozenset({Question.ZERO_DATE, Question.FINE_FRACTION}),
    Family.INSTANT: frozenset({Question.ZERO_DATE, Question.FINE_FRACTION}),
}
_NO_NUL: Final = frozenset({Question.JSON_NUL, Question.JSON_SURROGATE})
_NO_JSON: Final = (Question.NOT_JSON, Question.NUL, Question.NOT_UTF8, Question.NOT_TEXT)
_NOT_INTEGERS: Final = (
    Question.NOT_NUMBER,
    Question.NOT_WHOLE,
    Question.NAN,
    Question.INFINITE,
    Question.NEGATIVE_ZERO,
)
# What types are that nobody else has; the others are asked for.
_TEXTS_OF: Final = {
    "interval": "a span of time",
    "time": "a time of day with a zone",
    "inet": "an address",
    "cidr": "a network",
    "macaddr": "a hardware address",
    "macaddr8": "a hardware address",
    "tsvector": "words for a search",
    "tsquery": "a search",
    "xml": "a document of XML",
    "point": "a point",
    "line": "a line",
    "lseg": "a part of a line",
    "box": "a box",
    "path": "a path",
    "polygon": "a polygon",
    "circle": "a circle",
    "pg_lsn": "a place in the log",
    "int4range": "a range",
    "int8range": "a range",
    "numrange": "a range",
    "tsrange": "a range",
    "tstzrange": "a range",
    "daterange": "a range",
}

# A type by its name: what it is, and of what.
_LOOKED_UP: Final = """
SELECT t.typtype::text, t.typcategory::text, format_type(t.typbasetype, t.typtypmod),
       CASE WHEN t.typelem <> 0 AND t.typlen = -1 THEN format_type(t.typelem, NULL) END,
       t.typname::text,
       array(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid
              ORDER BY e.enumsortorder)
  FROM pg_type t WHERE t.oid = to_regtype(%s)
"""
_ARGUMENTS: Final = re.compile(r"\([^()]*\)")
_SHOWN: Final = "SELECT format_type(%s::oid, %s::int)"
_LOOSE: Final = """
SELECT bool_or(NOT collisdeterministic) FROM pg_collation WHERE collname = %s
"""
# The names of columns are those of several versions.
_LEVEL: Final = """
SELECT min(substring(coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale',
                              c.collcollate) FROM 'ks-level([1-4])'))
  FROM pg_collation c WHERE c.collname = %s
"""
_ENDLESS_NUMERIC: Final = 140_000
_MOST_PRECISION: Final = 1_000
_MOST_CHARACTERS: Final = 10_485_760
_LABEL_BYTES: Final = 63
_NAMED: Final = re.compile(r'[A-Za-z_"][\w .,"()\[\]-]*')


class PostgresConverter(portable.Converter):
    """Asks the catalog for types that somebody has made."""

    def __init__(self, session: base.Session) -> None:
        self._session = sessions.ours(session)
        self._known: dict[str, Meaning] = {}
        self._loose: dict[str, bool] = {}
        self._endless = self._session.driver.info.server_version >= _ENDLESS_NUMERIC

    # --- what types mean ------------------------------------------------------------------------

    def meaning(self, table: tables.Table, column: tables.FoundColumn) -> Meaning:
        """Return what a type means; of a domain what the type beneath it does."""
        found = self._meaning(column.type)
        if column.collation is None:
            return found
        loose = found.family is Family.TEXT and self._is_loose(column.collation)
        return dataclasses.replace(
            found, collation=column.collation, insensitive=found.insensitive or loose
        )

    def sameness(self, meaning: Meaning) -> portable.Sameness:
        if meaning.type.casefold() == "citext":
            return portable.Sameness(cased=False)
        if meaning.family is not Family.TEXT or not meaning.insensitive or not meaning.collation:
            return portable.Sameness()
        (row,) = self._session.fetch(_LEVEL, [meaning.collation])
        level = str(row[0] or "")
        return portable.Sameness(cased=level not in ("1", "2"), accented=level != "1")

    def _meaning(self, type_: str) -> Meaning:
        if type_ not in self._known:
            self._known[type_] = builtin(type_) or self._looked_up(type_)
        return self._known[type_]

    def _is_loose(self, collation: str) -> bool:
        """Whether a collation takes texts for equal that are not."""
        if collation not in self._loose:
            self._loose[collation] = bool(self._session.fetch(_LOOSE, [collation])[0][0])
        return self._loose[collation]

    def _looked_up(self, type_: str) -> Meaning:
        found = self._session.fetch(_LOOKED_UP, [_ARGUMENTS.sub("", type_)])
        if not found:
            return _other(type_)
        sort, category, base_type, element, name, labels = found[0]
        if sort == "d":
            return self._of_domain(type_, str(base_type))
        if sort == "e":
            words = tuple(str(label) for label in _list(labels))
            return _made(Family.TEXT, type_, values=words, own=type_)
        if category == "A" and element is not None:
            return self._array(type_, self._meaning(str(element)))
        if name == "citext":
            return _made(Family.TEXT, type_, insensitive=True, own="citext")
        notes = {
            "c": ("a composite type: its parts stand in one text",),
            "r": ("a range: only a text from now on",),
            "m": ("a set of ranges: only a text from now on",),
        }.get(str(sort), (f"{type_} is only a text from now on",))
        return dataclasses.replace(_other(type_), notes=notes)

    def _of_domain(self, type_: str, base_type: str) -> Meaning:
        beneath = self._meaning(base_type)
        note = f"the domain {type_} is not kept, with its checks and its default: only {base_type}"
        return dataclasses.replace(beneath, type=type_, notes=(note, *beneath.notes))

    def _array(self, type_: str, element: Meaning) -> Meaning:
        if element.family in (Family.JSON, Family.OTHER) or element.element is not None:
            note = f"an array of {element.type}: its elements stand in one text"
            return dataclasses.replace(_other(type_), notes=(note,))
        return _made(
            Family.JSON,
            type_,
            element=element,
            own=type_,
            never=_NUL_AND_BYTES | _NO_NUL,
            notes=(f"an array of {element.type}: a list in a JSON document from now on",),
        )

    # --- what is offered ------------------------------------------------------------------------

    def needs(self, meaning: Meaning, *, key: bool) -> frozenset[Question]:
        if meaning.engine == ENGINE:
            return frozenset()
        asked = typed.asked(meaning)
        match meaning.family:
            case Family.INTEGER if meaning.own == "tinyint(1)":
                asked |= {Question.NOT_BOOLEAN}
            case Family.INTEGER if typed.size(meaning) >= _MOST_BITS:
                # With the kinds it is said whether there is any number at all.
                asked |= {Question.RANGE, Question.KINDS}
            case Family.TIME:
                asked |= {Question.TIME_BEYOND_DAY}
            case Family.JSON:
                asked |= _NO_NUL
            case _:
                pass
        return asked - meaning.never

    def offer(self, meaning: Meaning, facts: Facts, *, table: str, column: str, key: bool) -> Offer:
        if meaning.engine == ENGINE:
            return Offer(type=meaning.type, family=meaning.family, collation=meaning.collation)
        settled, notes = typed.settled(meaning, facts)
        chosen = self._chosen(settled, facts, tables.constraint_name("enum", table, [column]))
        return Offer(
            type=chosen.type,
            family=chosen.means.family,
            domain=self._domain(chosen.means, typed.origin(meaning, chosen.means.family)),
            notes=(*meaning.notes, *notes, *chosen.notes),
            checks=chosen.checks,
            creates=chosen.creates,
        )

    def _chosen(self, meaning: Meaning, facts: Facts, name: str) -> _Chosen:
        match meaning.family:
            case Family.INTEGER:
                return _integer(meaning, facts)
            case Family.DECIMAL:
                return _numeric(meaning)
            case Family.FLOAT:
                return _choice("real" if meaning.single else "double precision")
            case Family.BOOLEAN:
                return _choice("boolean")
            case Family.BINARY:
                return _choice("bytea")
            case Family.DATE:
                return _choice("date")
            case Family.TIME if facts.counts.get(Question.TIME_BEYOND_DAY):
                return _choice("text", "has times of day beyond a day, which no time takes")
            case Family.TIME | Family.DATETIME | Family.INSTANT:
                return _clock(meaning)
            case Family.JSON:
                return _json(meaning, facts)
            case Family.UUID:
                return _choice("uuid")
            case Family.OTHER:
                return _choice("text")
            case Family.TEXT if meaning.values and meaning.many:
                return _set(meaning)
            case Family.TEXT if meaning.values:
                return self._enumeration(meaning, name)
            case Family.TEXT:
                return _text(meaning)

    def _enumeration(self, meaning: Meaning, name: str) -> _Chosen:
        words = _literals(meaning.values)
        means = _made(Family.TEXT, "text", values=meaning.values)
        notes = _text(meaning).notes
        if any(len(word.encode()) > _LABEL_BYTES for word in meaning.values):
            note = f"a check keeps its words, some of them longer than {_LABEL_BYTES} bytes"
            check = f"{{column}} IN ({typed.in_check(words)})"
            return _Chosen(type="text", means=means, notes=(note, *notes), checks=(check,))
        quoted = self._session.engine.quote(name)
        made = f"CREATE TYPE {quoted} AS ENUM ({words})"
        return _Chosen(type=quoted, means=means, notes=notes, creates=((name, made),))

    # --- what types take ------------------------------------------------------------------------

    def wished(self, type_: str, meaning: Meaning) -> Offer:
        """Return what a type takes; the server is asked how it calls it."""
        if meaning.engine == ENGINE and meaning.type == type_:
            return Offer(type=type_, family=meaning.family, collation=meaning.collation)
        means = self._meaning(self._named(type_))
        typed.check_meets(meaning, means, type_)
        return Offer(
            type=type_,
            family=means.family,
            domain=self._domain(means, meaning),
            notes=meaning.notes,
        )

    def _named(self, type_: str) -> str:
        """Return a type as the catalog writes it."""
        if not _NAMED.fullmatch(type_) or "--" in type_:
            raise _unknown(type_, "that is not the name of a type")
        import psycopg

        was = self._session.in_transaction
        self._session.begin()
        driver = self._session.driver
        try:
            with driver.transaction(force_rollback=True), driver.cursor() as cursor:
                # What CREATE TABLE would say of it, without one.
                cursor.execute(f"SELECT CAST(NULL AS {type_}) LIMIT 0".encode())
                result = cursor.pgresult
                number, modifier = (result.ftype(0), result.fmod(0)) if result else (0, -1)
                row = cursor.execute(_SHOWN, (number, modifier)).fetchone()
        except psycopg.Error as error:
            raise _unknown(type_, self._session.engine.cause(error)) from error
        finally:
            if not was and not self._session.gone:
                self._session.rollback()
        return str(row[0]) if row else type_

    def _domain(self, means: Meaning, meaning: Meaning) -> Domain:
        """Return what a type takes of the values of another one."""

        def refusing(*troubles: Question) -> frozenset[Question]:
            return typed.refusing(meaning, *troubles)

        match means.family:
            case Family.INTEGER:
                least, most = typed.limits(means.bits or 64, unsigned=means.unsigned)
                return Domain(
                    least=Decimal(least), most=Decimal(most), refuses=refusing(*_NOT_INTEGERS)
                )
            case Family.BOOLEAN:
                return Domain(refuses=refusing(Question.NOT_BOOLEAN))
            case Family.DECIMAL:
                return self._of_numeric(means, meaning)
            case Family.FLOAT if means.single and not meaning.single:
                raise typed.unfit(
                    meaning, means.type, "four bytes would round numbers", remedy="name: double"
                )
            case Family.FLOAT:
                return typed.approximate(meaning, means.type)
            case Family.TEXT | Family.OTHER:
                return _of_text(means, meaning)
            case Family.BINARY:
                return Domain(refuses=refusing(Question.NOT_BYTES))
            case Family.DATE:
                return Domain(refuses=_of_dates(meaning, Question.NOT_DATE))
            case Family.TIME:
                return Domain(
                    digits_behind=_seconds(means, meaning),
                    refuses=refusing(
                        Question.NOT_TIME, Question.TIME_BEYOND_DAY, Question.FINE_FRACTION
                    ),
                )
            case Family.DATETIME:
                return Domain(
                    digits_behind=_seconds(means, meaning),
                    refuses=_of_dates(
                        meaning, Question.NOT_MOMENT, Question.FINE_FRACTION, Question.ZONED
                    ),
                )
            case Family.INSTANT:
                return Domain(
                    digits_behind=_seconds(means, meaning),
                    refuses=_of_dates(meaning, Question.NOT_MOMENT, Question.FINE_FRACTION),
                )
            case Family.JSON if means.own == "json":
                return Domain(refuses=refusing(*_NO_JSON))
            case Family.JSON:
                return Domain(refuses=refusing(*_NO_JSON, *_NO_NUL))
            case Family.UUID:
                return Domain(refuses=refusing(Question.NOT_UUID))

    def _of_numeric(self, means: Meaning, meaning: Meaning) -> Domain:
        troubles = {Question.NOT_NUMBER, Question.NEGATIVE_ZERO}
        before: int | None = None
        behind: int | None = None
        if means.precision is not None:
            if (means.scale or 0) < 0:
                raise typed.unfit(
                    meaning, means.type, "it rounds in silence", remedy="name a scale of 0 or more"
                )
            before, behind = typed.whole(means.precision, means.scale or 0)
        if means.precision is not None or not self._endless:
            troubles.add(Question.INFINITE)
        return Domain(
            digits_before=before,
            digits_behind=behind,
            refuses=typed.refusing(meaning, *troubles),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """A type that is chosen, what it means, and what has to be said about it."""

    type: str
    means: Meaning
    notes: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    creates: tuple[tuple[str, str], ...] = ()


def _choice(type_: str, *notes: str) -> _Chosen:
    found = builtin(type_)
    return _Chosen(type=_short(type_), means=found or _other(type_), notes=notes)


# --- built-in types -----------------------------------------------------------------------------


def builtin(type_: str) -> Meaning | None:
    """Return what a type means as format_type() writes it, None for what has to be asked."""
    found = _TYPE.fullmatch(type_)
    if found is None:
        return None
    name = found["name"] + (found["zone"] or "")
    numbers = [int(part) for part in (found["args"] or "").split(",") if part]
    first = numbers[0] if numbers else None
    if name in _INTEGERS:
        return _made(Family.INTEGER, type_, bits=_INTEGERS[name])
    if name in _PLAIN:
        return _made(_PLAIN[name], type_)
    if name in _CLOCKS:
        fraction = typed.MICROSECONDS if first is None else first
        return _made(_CLOCKS[name], type_, fraction=fraction)
    if name in ("bit", "bit varying"):
        return _bits(name, type_, first)
    match name:
        case "oid":
            return _made(Family.INTEGER, type_, bits=32, unsigned=True, own=name)
        case "numeric" if first is None:
            return _made(Family.DECIMAL, type_)
        case "numeric":
            scale = numbers[1] if len(numbers) > 1 else 0
            never = frozenset({Question.INFINITE})
            return _made(Family.DECIMAL, type_, precision=first, scale=scale, never=never)
        case "real":
            return _made(Family.FLOAT, type_, single=True)
        case "double precision":
            return _made(Family.FLOAT, type_)
        case "text":
            return _made(Family.TEXT, type_)
        case "character varying":
            return _made(Family.TEXT, type_, length=first)
        case "character" | "bpchar":
            # Blanks at the end are no part of the value.
            never = _NUL_AND_BYTES | {Question.TRAILING_BLANKS}
            length = first if name == "bpchar" or first else 1
            return _made(Family.TEXT, type_, length=length, fixed=True, never=never)
        case "name" | '"char"':
            return _made(Family.TEXT, type_, length=_WORDS[name], own=name)
        case "json":
            return _made(Family.JSON, type_, own=name, never=_NUL_AND_BYTES | {Question.NOT_JSON})
        case "jsonb":
            never = _NUL_AND_BYTES | _NO_NUL | {Question.NOT_JSON}
            return _made(Family.JSON, type_, own=name, never=never)
        case "money":
            note = "an amount of money: a text as the source writes it, with its currency"
            return dataclasses.replace(_other(type_), notes=(note,))
        case _ if _ARGUMENTS.sub("", name).split(" ")[0] in _TEXTS_OF:
            sort = _ARGUMENTS.sub("", name).split(" ")[0]
            note = f"{_TEXTS_OF[sort]}: only a text from now on"
            return dataclasses.replace(_other(type_), notes=(note,))
        case _:
            return None


def _bits(name: str, type_: str, length: int | None) -> Meaning:
    if name == "bit" and (length or 1) <= _MOST_BITS:
        return _made(Family.INTEGER, type_, bits=length or 1, unsigned=True, own="bit")
    note = "a string of bits: a text of 0 and 1 from now on"
    return _made(Family.TEXT, type_, length=length, own=name, notes=(note,))


def _made(
    family: Family,
    type_: str,
    *,
    bits: int | None = None,
    unsigned: bool = False,
    length: int | None = None,
    fixed: bool = False,
    precision: int | None = None,
    scale: int | None = None,
    fraction: int | None = None,
    single: bool = False,
    values: tuple[str, ...] = (),
    element: Meaning | None = None,
    insensitive: bool = False,
    own: str = "",
    never: frozenset[Question] | None = None,
    notes: tuple[str, ...] = (),
) -> Meaning:
    if never is None:
        never = _NEVER.get(family, frozenset())
        never |= {Question.STRAY_WORD} if values else frozenset()
    return Meaning(
        family=family,
        bits=bits,
        unsigned=unsigned,
        length=length,
        fixed=fixed,
        precision=precision,
        scale=scale,
        fraction=fraction,
        single=single,
        values=values,
        element=element,
        insensitive=insensitive,
        own=own,
        engine=ENGINE,
        type=type_,
        never=never,
        notes=notes,
    )


def _other(type_: str) -> Meaning:
    """Return a type whose values only its own engine knows."""
    # Whatever its length or precision is.
    name = _ARGUMENTS.sub("", type_)
    return _made(Family.OTHER, type_, own=name, notes=(f"{name}: only a text from now on",))


def _list(labels: object) -> list[object]:
    return list(labels) if isinstance(labels, (list, tuple)) else []


# --- the type for a meaning ---------------------------------------------------------------------


def _integer(meaning: Meaning, facts: Facts) -> _Chosen:
    if meaning.own == "tinyint(1)" and typed.free(facts, Question.NOT_BOOLEAN):
        return _choice("boolean", "all its numbers are 0 and 1")
    if meaning.unsigned and meaning.bits == 1:
        return _choice("boolean")
    notes: tuple[str, ...] = ()
    if meaning.own == "bit":
        notes = ("bits are a number from now on",)
    elif meaning.unsigned:
        notes = ("takes numbers below zero, too",)
    size = typed.size(meaning)
    for name, bits in _INTEGERS.items():
        if size < bits:
            return _choice(name, *notes)
    if typed.within(facts, *typed.limits(_MOST_BITS)):
        return _choice("bigint", *notes, "takes no numbers beyond 9223372036854775807")
    return _choice("numeric(20,0)", *notes)


def _numeric(meaning: Meaning) -> _Chosen:
    precision, scale = meaning.precision, meaning.scale or 0
    notes = ("takes numbers below zero, too",) if meaning.unsigned else ()
    if precision is None or precision > _MOST_PRECISION or not 0 <= scale <= precision:
        return _choice("numeric", *notes)
    return _choice(f"numeric({precision},{scale})", *notes)


def _clock(meaning: Meaning) -> _Chosen:
    name = {
        Family.TIME: "time{} without time zone",
        Family.DATETIME: "timestamp{} without time zone",
        Family.INSTANT: "timestamp{} with time zone",
    }[meaning.family]
    fraction = meaning.fraction
    whole = fraction is None or fraction >= typed.MICROSECONDS
    return _choice(name.format("" if whole else f"({fraction})"))


def _json(meaning: Meaning, facts: Facts) -> _Chosen:
    if any(facts.counts.get(one) for one in _NO_NUL - meaning.never):
        return _choice("json", "json, because jsonb takes no \\u0000 and no half surrogate pairs")
    return _choice(
        "jsonb",
        "keeps what a document says, not how it is written: neither the order of members, nor any "
        "but the last of those with the same name",
    )


def _text(meaning: Meaning) -> _Chosen:
    notes: tuple[str, ...] = ()
    if meaning.insensitive:
        notes = ("compares with case now, so that unique keys let more in",)
    length = meaning.length
    if length is None or length > _MOST_CHARACTERS:
        return _choice("text", *notes)
    name = "character" if meaning.fixed else "character varying"
    return _choice(f"{name}({max(length, 1)})", *notes)


def _set(meaning: Meaning) -> _Chosen:
    words = typed.in_check(_literals(meaning.values))
    check = f"string_to_array({{column}}, ',') <@ ARRAY[{words}]::text[]"
    note = "a set of words: they stand in one text, a comma between, and a check keeps them"
    chosen = _choice("text", note, *_text(meaning).notes)
    return dataclasses.replace(
        chosen, checks=(check,), means=dataclasses.replace(chosen.means, values=meaning.values)
    )


def _literals(words: tuple[str, ...]) -> str:
    return ", ".join("'" + word.replace("'", "''") + "'" for word in words)


def _short(type_: str) -> str:
    """Return a type in the words that people use."""
    if type_.startswith("timestamp") and type_.endswith(" with time zone"):
        return type_.removesuffix(" with time zone").replace("timestamp", "timestamptz")
    return (
        type_.removesuffix(" without time zone")
        .replace("character varying", "varchar")
        .replace("character", "char")
    )


# --- what a type takes --------------------------------------------------------------------------


def _of_text(means: Meaning, meaning: Meaning) -> Domain:
    troubles = {Question.NUL, Question.NOT_UTF8, Question.NOT_TEXT}
    if means.fixed and not meaning.fixed:
        troubles.add(Question.TRAILING_BLANKS)
    if means.values and meaning.values:
        troubles.add(Question.STRAY_WORD)
    limited = means.family is Family.TEXT and not means.own.startswith("bit")
    return Domain(
        characters=means.length if limited else None,
        refuses=typed.refusing(meaning, *troubles),
    )


def _of_dates(meaning: Meaning, *troubles: Question) -> frozenset[Question]:
    found = typed.refusing(meaning, Question.ZERO_DATE, *troubles)
    if meaning.engine in ("mysql", "mariadb"):
        # What comes before the year 1 there is a year 0, which nobody else has.
        found |= typed.refusing(meaning, Question.BEFORE_CHRIST)
    return found


def _seconds(means: Meaning, meaning: Meaning) -> int | None:
    """Return how many digits of a second a type keeps, None if no value can have more."""
    kept = typed.MICROSECONDS if means.fraction is None else means.fraction
    there = typed.MICROSECONDS if meaning.fraction is None else meaning.fraction
    return None if there <= kept else kept


def _unknown(type_: str, cause: str) -> errors.UsageError:
    return errors.UsageError(
        f"there is no type {type_!r} on the target",
        cause=cause,
        left="nothing was changed",
        remedy="name a type as CREATE TABLE takes it there",
    )
