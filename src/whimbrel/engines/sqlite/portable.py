"""What SQLite's declared types mean, and which of them holds the values of another engine's.

A column holds values of any type whatever it declares, so that most meanings are `typed`: what
they are is said by the values (see `engines/typed`). What is declared decides two things: how
values are kept (its affinity, `types`) and how they are read (its family, `declared`). Offered is
only what keeps every value as it is:

    decimals                 DECIMAL(p,s) up to 15 digits, which is all that NUMERIC affinity
                             keeps; beyond them DECIMAL_TEXT, a text that is read as a decimal
    a JSON document          JSON_TEXT: under JSON a document like 1.10 would become a number
    moments with a zone      TIMESTAMPTZ, in UTC
    unsigned 64 bits         BIGINT, or DECIMAL_TEXT(20, 0) if there are larger ones
    words, sets of words     VARCHAR with a check
    lengths                  are said, but nothing keeps them
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
from whimbrel.engines.sqlite import declared, text, types

ENGINE: Final = "sqlite"

_NAMED: Final = re.compile(
    r"(?P<name>[A-Za-z_][\w ]*?)\s*(?:\(\s*(?P<args>[+-]?\d+(?:\s*,\s*[+-]?\d+)?)\s*\)\s*)?"
)
# What people mean by names of whole numbers; every other one is of 64 bits.
_BITS: Final = {
    "TINYINT": 8,
    "SMALLINT": 16,
    "INT2": 16,
    "MEDIUMINT": 24,
    "INT4": 32,
    "YEAR": 16,
}
_UNSIGNED: Final = "UNSIGNED"
_LEAST, _MOST = typed.limits(64)
_INTEGERS: Final = ((8, "TINYINT"), (16, "SMALLINT"), (32, "INTEGER"), (64, "BIGINT"))
_PLAIN: Final = {
    Family.BOOLEAN: "BOOLEAN",
    Family.BINARY: "BLOB",
    Family.DATE: "DATE",
    Family.TIME: "TIME",
    Family.DATETIME: "DATETIME",
    Family.INSTANT: "TIMESTAMPTZ",
    Family.JSON: "JSON_TEXT",
    Family.UUID: "UUID",
    Family.OTHER: "TEXT",
}
_NEVER: Final = {
    # Columns of numbers keep no sign of 0.
    Family.FLOAT: frozenset({Question.NEGATIVE_ZERO}),
}
_STRICT_ANY: Final = "ANY"
_WITHOUT_CASE: Final = "NOCASE"


class SqliteConverter(portable.Converter):
    """Reads declared types; nothing has to be asked."""

    def __init__(self, session: base.Session) -> None:
        self._session = session
        self._strict: dict[str, bool] = {}

    # --- what types mean ------------------------------------------------------------------------

    def meaning(self, table: tables.Table, column: tables.FoundColumn) -> Meaning:
        found = meant(column.type)
        name = column.type.strip().upper()
        collation = column.collation
        return dataclasses.replace(
            found,
            # In a table that is strict values are of the types that it declares.
            typed=not self._is_strict(table) or name == _STRICT_ANY,
            collation=collation,
            insensitive=(collation or "").upper() == _WITHOUT_CASE,
        )

    def _is_strict(self, table: tables.Table) -> bool:
        if not table.sql:
            return False
        if table.sql not in self._strict:
            try:
                self._strict[table.sql] = text.parse(table.sql).strict
            except text.NotUnderstoodError:
                self._strict[table.sql] = False
        return self._strict[table.sql]

    # --- what is offered ------------------------------------------------------------------------

    def needs(self, meaning: Meaning, *, key: bool) -> frozenset[Question]:
        if meaning.engine == ENGINE or meaning.family is not Family.INTEGER:
            return frozenset()
        if meaning.own == "tinyint(1)":
            return frozenset({Question.NOT_BOOLEAN})
        # With the kinds it is said whether there is any number at all.
        beyond = {Question.RANGE, Question.KINDS} if typed.size(meaning) >= 64 else set()
        return frozenset(beyond)

    def offer(self, meaning: Meaning, facts: Facts, *, table: str, column: str, key: bool) -> Offer:
        if meaning.engine == ENGINE:
            return Offer(type=meaning.type, family=meaning.family, collation=meaning.collation)
        chosen = _chosen(meaning, facts, key=key)
        means = meant(chosen.type)
        notes = chosen.notes
        collation = None
        if means.family is Family.TEXT and meaning.insensitive:
            collation = _WITHOUT_CASE
            notes = (*notes, "compares A to Z without case, all other letters with it")
        return Offer(
            type=chosen.type,
            family=means.family,
            domain=_domain(means, meaning),
            collation=collation,
            notes=(*meaning.notes, *notes),
            checks=chosen.checks,
        )

    def wished(self, type_: str, meaning: Meaning) -> Offer:
        """Return what a declared type takes, by its affinity and the words in it."""
        if meaning.engine == ENGINE and meaning.type == type_:
            return Offer(type=type_, family=meaning.family, collation=meaning.collation)
        if type_.strip() and not _NAMED.fullmatch(type_.strip()):
            raise errors.UsageError(
                f"there is no type {type_!r} on the target",
                left="nothing was changed",
                remedy="name a type as CREATE TABLE takes it there",
            )
        means = meant(type_)
        typed.check_meets(meaning, means, type_ or "a column without a type")
        domain = _domain(means, meaning)
        kept = types.affinity(type_)
        if means.family is Family.DECIMAL and kept is not types.Affinity.TEXT:
            domain = _of_floats(means, meaning, domain)
        return Offer(type=type_, family=means.family, domain=domain, notes=meaning.notes)


# --- what a type is by its words ----------------------------------------------------------------


def meant(type_: str) -> Meaning:
    """Return what a declared type means."""
    family = declared.family(type_)
    found = _NAMED.fullmatch(type_.strip())
    name = " ".join((found["name"] if found else type_).upper().split())
    args = found["args"] if found else None
    numbers = [abs(int(part)) for part in args.split(",")] if args else []
    first = numbers[0] if numbers else None
    made = Meaning(family=family, engine=ENGINE, type=type_, typed=True)
    match family:
        case Family.INTEGER:
            unsigned = _UNSIGNED in name.split()
            plain = " ".join(word for word in name.split() if word != _UNSIGNED)
            bits = _BITS.get(plain, 64)
            # All of SQLite's numbers have a sign, also those that say otherwise.
            made = dataclasses.replace(made, bits=bits, unsigned=unsigned and bits < 64)
        case Family.DECIMAL if first is not None:
            scale = numbers[1] if len(numbers) > 1 else 0
            made = dataclasses.replace(made, precision=first, scale=scale)
        case Family.TEXT if name in ("", _STRICT_ANY):
            made = dataclasses.replace(made, own="any")
        case Family.TEXT if "CHAR" in name:
            made = dataclasses.replace(made, length=first)
        case Family.TEXT if name in ("POINT", "MULTIPOINT", "XML", "INET", "CIDR", "INTERVAL"):
            made = dataclasses.replace(made, own=name.lower())
        case _:
            pass
    return dataclasses.replace(made, never=_NEVER.get(family, frozenset()))


# --- the type for a meaning ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """A type that is chosen, and what has to be said about it."""

    type: str
    notes: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


def _chosen(meaning: Meaning, facts: Facts, *, key: bool) -> _Chosen:
    match meaning.family:
        case Family.INTEGER:
            return _integer(meaning, facts, key=key)
        case Family.DECIMAL:
            return _decimal(meaning)
        case Family.FLOAT:
            return _Chosen(type="FLOAT" if meaning.single else "DOUBLE")
        case Family.TEXT if meaning.values:
            return _enumeration(meaning)
        case Family.TEXT if meaning.length is not None and not meaning.own:
            name = "CHAR" if meaning.fixed else "VARCHAR"
            note = "the length is said, but nothing keeps it"
            return _Chosen(type=f"{name}({max(meaning.length, 1)})", notes=(note,))
        case Family.TEXT:
            return _Chosen(type="TEXT")
        case Family.INSTANT:
            return _Chosen(type=_PLAIN[Family.INSTANT], notes=("moments are texts, in UTC",))
        case family:
            return _Chosen(type=_PLAIN[family])


def _integer(meaning: Meaning, facts: Facts, *, key: bool) -> _Chosen:
    if meaning.own == "tinyint(1)" and typed.free(facts, Question.NOT_BOOLEAN):
        return _Chosen(type="BOOLEAN", notes=("all its numbers are 0 and 1",))
    if meaning.unsigned and meaning.bits == 1:
        return _Chosen(type="BOOLEAN")
    if typed.size(meaning) >= 64 and not typed.within(facts, _LEAST, _MOST):
        note = "has numbers of more than 63 bits: they are texts, and compare and sort as such"
        return _Chosen(type="DECIMAL_TEXT(20, 0)", notes=(note,))
    if key:
        # Under this name alone a primary key is the row's own number.
        return _Chosen(type="INTEGER")
    size = typed.size(meaning)
    return _Chosen(type=next((name for bits, name in _INTEGERS if size < bits), "BIGINT"))


def _decimal(meaning: Meaning) -> _Chosen:
    if meaning.precision is None:
        return _Chosen(type="DECIMAL_TEXT", notes=(_AS_TEXT,))
    before, behind = typed.whole(meaning.precision, meaning.scale or 0)
    digits = f"({before + behind}, {behind})"
    if before + behind <= types.EXACT_DIGITS:
        return _Chosen(type=f"DECIMAL{digits}")
    return _Chosen(type=f"DECIMAL_TEXT{digits}", notes=(_AS_TEXT,))


_AS_TEXT: Final = "a number is a text, to keep all its digits, and compares and sorts as such"


def _enumeration(meaning: Meaning) -> _Chosen:
    words = meaning.values
    if not meaning.many:
        longest = max(map(len, words))
        check = f"{{column}} IN ({', '.join(map(_literal, words))})"
        return _Chosen(
            type=f"VARCHAR({max(longest, 1)})", checks=(check,), notes=("a check keeps its words",)
        )
    # What is left of ,a,b, when every word is taken out, each with the comma behind it.
    left = "',' || {column} || ','"
    for word in words:
        left = f"replace({left}, {_literal(f',{word},')}, ',')"
    note = "a set of words: they stand in one text, a comma between, and a check keeps them"
    return _Chosen(type="TEXT", checks=(f"{{column}} = '' OR {left} = ','",), notes=(note,))


def _literal(word: str) -> str:
    return typed.in_check("'" + word.replace("'", "''") + "'")


# --- what a type takes --------------------------------------------------------------------------


def _domain(means: Meaning, meaning: Meaning) -> Domain:
    """Return what a type takes of the values of another engine's."""

    def refusing(*troubles: Question) -> frozenset[Question]:
        return typed.refusing(meaning, *troubles)

    match means.family:
        case Family.INTEGER:
            troubles = (Question.NOT_NUMBER, Question.NOT_WHOLE, Question.NEGATIVE_ZERO)
            numbers = (Question.NAN, Question.INFINITE)
            return Domain(
                least=Decimal(_LEAST), most=Decimal(_MOST), refuses=refusing(*troubles, *numbers)
            )
        case Family.BOOLEAN:
            return Domain(refuses=refusing(Question.NOT_BOOLEAN))
        case Family.DECIMAL:
            return Domain(refuses=refusing(Question.NOT_NUMBER, Question.NEGATIVE_ZERO))
        case Family.FLOAT:
            found = typed.approximate(meaning, means.type)
            return dataclasses.replace(found, refuses=found.refuses | refusing(*_LOST_FLOATS))
        case Family.DATE:
            # The texts of dates are read up to the year 999999.
            return Domain(refuses=refusing(Question.NOT_DATE, Question.BEYOND_9999))
        case Family.TIME:
            return Domain(refuses=refusing(Question.NOT_TIME))
        case Family.DATETIME | Family.INSTANT:
            return Domain(refuses=refusing(Question.NOT_MOMENT))
        case Family.UUID:
            return Domain(refuses=refusing(Question.NOT_UUID))
        case _:
            stray = {Question.STRAY_WORD} if meaning.values else set()
            return Domain(refuses=refusing(*stray))


_LOST_FLOATS: Final = (Question.NAN, Question.NEGATIVE_ZERO)


def _of_floats(means: Meaning, meaning: Meaning, domain: Domain) -> Domain:
    """Return which decimals a column keeps that makes floats of them."""
    precision = means.precision if meaning.precision is None else meaning.precision
    if meaning.family is Family.INTEGER:
        return dataclasses.replace(domain, least=Decimal(_LEAST), most=Decimal(_MOST))
    if meaning.family is not Family.DECIMAL:
        return domain
    if precision is None:
        raise typed.unfit(
            meaning,
            means.type,
            f"it would round numbers of more than {types.EXACT_DIGITS} digits",
            remedy="name: DECIMAL_TEXT",
        )
    scale = (means.scale if meaning.precision is None else meaning.scale) or 0
    before, behind = typed.whole(precision, scale)
    if before + behind > types.EXACT_DIGITS:
        before, behind = max(types.EXACT_DIGITS - behind, 0), min(behind, types.EXACT_DIGITS)
    return dataclasses.replace(domain, digits_before=before, digits_behind=behind)
