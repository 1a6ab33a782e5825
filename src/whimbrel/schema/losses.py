"""Whether the values that are there fit the types they are to enter; what does not, by name.

Which questions have to be asked follows from what a type means and what another one takes
(`asked`); the engines' profilers answer them; `judge` says what follows. Whatever does not fit is
refused unless a rule takes it: nothing is clipped, rounded or left out in silence.

Keys and references are judged by `profile_keys`: rows that the target's keys would take for the
same, rows that refer to nothing, NULL in primary keys, conditions that do not hold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final

from whimbrel import tables, words
from whimbrel.engines import base, portable, profiling, typed
from whimbrel.engines.forms import Family, Form
from whimbrel.engines.portable import Domain, Facts, Meaning, Offer, Question

Keys = tuple[tuple[tuple[str, ...], str], ...]


class Verdict(Enum):
    """What follows from a loss."""

    REFUSED = "refused"  # nothing moves until a rule says what to do
    ACCEPTED = "accepted"  # a rule of the user's takes it
    NOTED = "noted"  # no value changes; the column is something else from now on


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Something about a column that the target cannot keep.

    `what` is a short name ("zero date", "too long", "no longer an enumeration"), `says` one
    sentence, `remedy` what the user can do, `rows` how many rows have it (None if it is not about
    values), `keys` the first of them with their values.
    """

    table: str
    column: str
    what: str
    verdict: Verdict
    says: str
    remedy: str = ""
    rows: int | None = None
    keys: tuple[tuple[tuple[str, ...], str], ...] = ()


# --- what has to be asked -------------------------------------------------------------------

_LARGEST: Final = Decimal("1.7976931348623157e308")
_LARGEST_SINGLE: Final = Decimal("3.4028235677973366e38")
_UTF8_BYTES: Final = 4
_UUID_CHARACTERS: Final = 36


def asked(
    meaning: Meaning,
    domain: Domain,
    *,
    needs: AbstractSet[Question] = frozenset(),
    null: bool = True,
) -> frozenset[Question]:
    """Return what has to be asked of values of this type before they may enter that domain.

    Nothing that the types alone exclude. `needs` are the questions of whoever chooses the type;
    `null` says that the target takes NULL.
    """
    found = {*needs, *(domain.refuses - meaning.never)}
    if _narrower(_ends(meaning), (domain.least, domain.most), least=True):
        found.add(Question.RANGE)
    if _narrower(_digits(meaning), (domain.digits_before, domain.digits_behind)):
        found.add(Question.DIGITS)
    if _narrower(_sizes(meaning), (domain.characters, domain.octets)):
        found.add(Question.LONGEST)
    if not null:
        found.add(Question.NULL)
    return frozenset(found)


Number = int | Decimal | None


def _narrower(
    own: tuple[Number, Number], other: tuple[Number, Number], *, least: bool = False
) -> bool:
    """Whether the second of two limits is one that the first does not keep by itself."""
    for place, (mine, theirs) in enumerate(zip(own, other, strict=True)):
        if theirs is None:
            continue
        if mine is None:
            return True
        if mine < theirs if least and place == 0 else mine > theirs:
            return True
    return False


def _ends(meaning: Meaning) -> tuple[Number, Number]:
    """Return the least and the greatest number of a type, None where it says nothing."""
    if meaning.typed:
        return None, None
    match meaning.family:
        case Family.BOOLEAN:
            return 0, 1
        case Family.INTEGER:
            return typed.limits(meaning.bits or 64, unsigned=meaning.unsigned)
        case Family.DECIMAL if meaning.precision is not None:
            most = Decimal(10) ** (meaning.precision - (meaning.scale or 0))
            return (Decimal(0) if meaning.unsigned else -most), most
        case Family.FLOAT:
            most = _LARGEST_SINGLE if meaning.single else _LARGEST
            return -most, most
        case _:
            return None, None


def _digits(meaning: Meaning) -> tuple[Number, Number]:
    """Return the digits before and behind the point that a type has room for."""
    if meaning.typed:
        return None, None
    match meaning.family:
        case Family.BOOLEAN:
            return 1, 0
        case Family.INTEGER:
            _, most = typed.limits(meaning.bits or 64, unsigned=meaning.unsigned)
            return len(str(most)), 0
        case Family.DECIMAL if meaning.precision is not None:
            return typed.whole(meaning.precision, meaning.scale or 0)
        case Family.DATE:
            return 0, 0
        case Family.TIME | Family.DATETIME | Family.INSTANT:
            return 0, meaning.fraction
        case _:
            return None, None


def _sizes(meaning: Meaning) -> tuple[Number, Number]:
    """Return the characters and the bytes that a value can have."""
    if meaning.typed:
        return None, None
    match meaning.family:
        case Family.TEXT if meaning.values:
            lengths = [len(word) for word in meaning.values]
            longest = sum(lengths) + len(lengths) - 1 if meaning.many else max(lengths)
            return longest, longest * _UTF8_BYTES
        case Family.TEXT if meaning.length is not None:
            return meaning.length, meaning.length * _UTF8_BYTES
        case Family.BINARY if meaning.length is not None:
            return meaning.length, meaning.length
        case Family.UUID:
            return _UUID_CHARACTERS, _UUID_CHARACTERS
        case Family.INTEGER | Family.BOOLEAN:
            least, _ = typed.limits(meaning.bits or 64)
            return len(str(least)), len(str(least))
        case Family.DECIMAL if meaning.precision is not None:
            size = max(meaning.precision, meaning.scale or 0) + 3
            return size, size
        case _:
            return None, None


# --- what does not fit ----------------------------------------------------------------------


def unfit(domain: Domain, facts: Facts) -> frozenset[Question]:
    """Return the questions by whose answers some values do not fit."""
    found = {one for one in domain.refuses if facts.counts.get(one)}
    if _below(facts.least, domain.least) or _above(facts.most, domain.most):
        found.add(Question.RANGE)
    if _above(facts.digits_before, domain.digits_before) or _above(
        facts.digits_behind, domain.digits_behind
    ):
        found.add(Question.DIGITS)
    if _above(facts.characters, domain.characters) or _above(facts.octets, domain.octets):
        found.add(Question.LONGEST)
    return frozenset(found)


def _above(found: Number, most: Number) -> bool:
    return found is not None and most is not None and found > most


def _below(found: Number, least: Number) -> bool:
    return found is not None and least is not None and found < least


def unanswered(meaning: Meaning, domain: Domain, facts: Facts) -> frozenset[Question]:
    """Return the questions that decide whether values fit, and that the facts say nothing of."""
    if typed.empty(facts):
        return frozenset()
    numbers = facts.least is not None or facts.counts or facts.kinds or facts.nulls is not None
    answers = {
        Question.RANGE: facts.least is not None or bool(numbers),
        Question.DIGITS: facts.digits_behind is not None,
        Question.LONGEST: facts.characters is not None,
    }
    return frozenset(
        one
        for one in asked(meaning, domain)
        if not answers.get(one, one in facts.counts) and one not in {Question.KINDS, Question.NULL}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """A trouble in words: its short name, what values do, rules of cleansing that take it."""

    what: str
    one: str
    many: str
    rules: tuple[str, ...] = ()


def _said(what: str, one: str, many: str, *rules: str) -> _Said:
    return _Said(what=what, one=one, many=many, rules=rules)


_REJECT: Final = '{ misfit = "reject" }'
_NULL: Final = '{ misfit = "null" }'
_ZERO: Final = ('{ zero_dates = "null" }', '{ zero_dates = "first" }')
_WORDS: Final[Mapping[Question, _Said]] = {
    Question.NUL: _said(
        "NUL", "has a character NUL in it", "have a character NUL in them", '"strip_control"'
    ),
    Question.NOT_UTF8: _said(
        "no UTF-8", "is no UTF-8", "are no UTF-8", '{ repair = "cp1252" }', _NULL, _REJECT
    ),
    Question.ZERO_DATE: _said(
        "zero date",
        "is a date without a day, a month or a year",
        "are dates without a day, a month or a year",
        *_ZERO,
    ),
    Question.BEFORE_CHRIST: _said(
        "before Christ", "lies before the year 1", "lie before the year 1"
    ),
    Question.BEYOND_9999: _said(
        "beyond 9999", "lies after the year 9999", "lie after the year 9999"
    ),
    Question.INFINITE_DATE: _said(
        "endless date",
        "is a date without end",
        "are dates without end",
        '{ null_if = ["infinity", "-infinity"] }',
    ),
    Question.TIME_BEYOND_DAY: _said(
        "time beyond a day",
        "is no time of a day, but a span below 0 or of 24 hours or more",
        "are no times of a day, but spans below 0 or of 24 hours or more",
    ),
    Question.FINE_FRACTION: _said(
        "fine fraction",
        "has digits of a second below the microsecond",
        "have digits of a second below the microsecond",
    ),
    Question.NAN: _said("NaN", "is NaN", "are NaN", '{ null_if = ["NaN"] }'),
    Question.INFINITE: _said(
        "infinity", "is infinite", "are infinite", '{ null_if = ["Infinity", "-Infinity"] }'
    ),
    Question.NEGATIVE_ZERO: _said("negative zero", "is a negative zero", "are negative zeros"),
    Question.NEGATIVE: _said("negative", "is below zero", "are below zero"),
    Question.NOT_BOOLEAN: _said(
        "no boolean", "is neither 0 nor 1", "are neither 0 nor 1", '"boolean"'
    ),
    Question.STRAY_WORD: _said(
        "stray word",
        "is none of the words of the enumeration",
        "are none of the words of the enumeration",
        '"empty_to_null"',
    ),
    Question.NOT_JSON: _said("no JSON", "is no JSON", "are no JSON", _NULL, _REJECT),
    Question.JSON_NUL: _said(
        "NUL in JSON", "has \\u0000 in it", "have \\u0000 in them", '"strip_control"'
    ),
    Question.JSON_SURROGATE: _said(
        "half a surrogate pair",
        "has half a surrogate pair in it",
        "have half a surrogate pair in them",
    ),
    Question.JSON_DIGITS: _said(
        "digits in JSON",
        "has a number in it that would be rounded",
        "have numbers in them that would be rounded",
    ),
    Question.NOT_UUID: _said("no UUID", "is no UUID", "are no UUIDs", _NULL, _REJECT),
    Question.NOT_NUMBER: _said(
        "no number", "is no number", "are no numbers", '"number"', _NULL, _REJECT
    ),
    Question.NOT_WHOLE: _said(
        "not whole", "is no whole number", "are no whole numbers", _NULL, _REJECT
    ),
    Question.NOT_DATE: _said("no date", "is no date", "are no dates", '"date"', _NULL, _REJECT),
    Question.NOT_MOMENT: _said(
        "no date and time",
        "is no date and time",
        "are no dates and times",
        '"date"',
        _NULL,
        _REJECT,
    ),
    Question.NOT_TIME: _said("no time", "is no time", "are no times", _NULL, _REJECT),
    Question.ZONED: _said(
        "time zone", "names a time zone of its own", "name time zones of their own"
    ),
    Question.NOT_TEXT: _said("bytes", "is bytes and no text", "are bytes and no texts"),
    Question.NOT_BYTES: _said(
        "no bytes", "is a text or a number and no bytes", "are texts or numbers and no bytes"
    ),
    Question.TRAILING_BLANKS: _said(
        "trailing blanks", "ends with a blank", "end with blanks", '"trim"'
    ),
    Question.NULL: _said("NULL", "is NULL", "are NULL", "{ default = … }", '"required"'),
}
_LIMITS: Final[Mapping[Question, _Said]] = {
    Question.RANGE: _said("out of range", "is out of range", "are out of range"),
    Question.DIGITS: _said("too many digits", "has too many digits", "have too many digits"),
    Question.LONGEST: _said("too long", "is too long", "are too long"),
}


def judge(
    table: str,
    column: str,
    meaning: Meaning,
    offer: Offer,
    facts: Facts,
    *,
    null: bool,
    accepted: AbstractSet[Question] = frozenset(),
) -> list[Loss]:
    """Return what a column loses when it enters the type offered for it.

    `null` says that the target's column takes NULL, `accepted` what rules of the user's take.
    What would have to be known and was never asked is refused, too.
    """
    found = [*unfit(offer.domain, facts)]
    if not null and facts.nulls:
        found.append(Question.NULL)
    order = [*Question]
    losses = []
    for question in sorted(found, key=order.index):
        taken = question in accepted
        losses.append(
            Loss(
                table=table,
                column=column,
                what=_word(question).what,
                verdict=Verdict.ACCEPTED if taken else Verdict.REFUSED,
                says=_sentence(table, column, offer, facts, question),
                remedy="" if taken else _remedy(column, question, offer),
                rows=_count(facts, question),
                keys=facts.keys.get(question, ()),
            )
        )
    unknown = unanswered(meaning, offer.domain, facts) - set(accepted)
    if unknown:
        losses.append(_unknown(table, column, offer, unknown))
    losses += [
        Loss(table=table, column=column, what="type", verdict=Verdict.NOTED, says=note)
        for note in offer.notes
    ]
    return losses


def with_beyond(facts: Facts, found: Mapping[Question, profiling.Found]) -> Facts:
    """Return facts that also say which rows are beyond limits, as a profiler's `beyond` found."""
    counts = {**facts.counts, **{one: each.rows for one, each in found.items()}}
    keys = {**facts.keys, **{one: each.keys for one, each in found.items()}}
    return dataclasses.replace(facts, counts=counts, keys=keys)


def counted(
    session: base.Session,
    table: tables.Table,
    found: Mapping[str, tuple[Domain, Facts]],
    *,
    where: str = "",
) -> dict[str, Facts]:
    """Return facts of columns that also say how many values are beyond the limits of a domain.

    Reads in the transaction that is open, and only where some are.
    """
    far = {
        name: domain
        for name, (domain, facts) in found.items()
        if _LIMITS.keys() & unfit(domain, facts)
    }
    if not far:
        return {name: facts for name, (_, facts) in found.items()}
    rows = _profiler(session).beyond(table, far, where=where, key=_naming(table))
    return {name: with_beyond(facts, rows.get(name, {})) for name, (_, facts) in found.items()}


def what(question: Question) -> str:
    """Return the short name of what a question asks for."""
    return _word(question).what


def trouble(table: str, column: str, question: Question, facts: Facts) -> str:
    """Return in a sentence how many values have a trouble, and the first of them."""
    said, count = _word(question), _count(facts, question) or 0
    does = said.one if count == 1 else said.many
    return f"{words.count(count, 'value')} of {table}.{column} {does}" + first(
        facts.keys.get(question, ())
    )


def _word(question: Question) -> _Said:
    return _WORDS[question] if question in _WORDS else _LIMITS[question]


def _count(facts: Facts, question: Question) -> int | None:
    if question is Question.NULL:
        return facts.nulls
    return facts.counts.get(question)


def _sentence(table: str, column: str, offer: Offer, facts: Facts, question: Question) -> str:
    said, count = _word(question), _count(facts, question)
    if count is None:
        subject = f"{table}.{column} does not fit {offer.type}"
    else:
        does = said.one if count == 1 else said.many
        subject = f"{words.count(count, 'value')} of {table}.{column} {does}"
        if question not in _LIMITS:
            subject += f", which {offer.type} cannot keep"
            if question is Question.NULL:
                subject = f"{words.count(count, 'value')} of {table}.{column} {does}"
                subject += ", and the target's column is NOT NULL"
    return subject + _measured(offer.domain, facts, question) + first(facts.keys.get(question, ()))


def _measured(domain: Domain, facts: Facts, question: Question) -> str:
    """Return what was found and what is allowed, for limits."""
    match question:
        case Question.RANGE:
            found = f"from {_plain(facts.least)} to {_plain(facts.most)}"
            allowed = _between(domain.least, domain.most)
            return f": its values go {found}, the type takes {allowed}"
        case Question.DIGITS:
            found = _points(facts.digits_before, facts.digits_behind)
            allowed = _points(domain.digits_before, domain.digits_behind)
            return f": its values have up to {found}, the type takes {allowed}"
        case Question.LONGEST:
            parts = []
            for size, most, noun in (
                (facts.characters, domain.characters, "character"),
                (facts.octets, domain.octets, "byte"),
            ):
                if _above(size, most) and size is not None and most is not None:
                    parts.append(f"{words.count(size, noun)}, the type takes {most:,}")
            return f": the longest has {' and '.join(parts)}"
        case _:
            return ""


def _plain(number: Decimal | None) -> str:
    return "?" if number is None else f"{number:f}"


def _between(least: Decimal | None, most: Decimal | None) -> str:
    if least is None:
        return f"at most {_plain(most)}"
    if most is None:
        return f"at least {_plain(least)}"
    return f"{_plain(least)} to {_plain(most)}"


def _points(before: int | None, behind: int | None) -> str:
    parts = []
    if before is not None:
        parts.append(f"{words.count(before, 'digit')} before the point")
    if behind is not None:
        parts.append(
            f"{behind} behind it" if parts else f"{words.count(behind, 'digit')} behind it"
        )
    return " and ".join(parts)


_IN_A_SENTENCE: Final = 3


def first(keys: Keys) -> str:
    """Return the first rows as they end a sentence: "; the first: 7 → '2020-00-00'"."""
    shown = []
    for key, value in keys[:_IN_A_SENTENCE]:
        named = ", ".join(key)
        quoted = f"'{value}'" if value else ""
        shown.append(f"{named} → {quoted}" if named and quoted else named or quoted)
    return f"; the first: {', '.join(shown)}" if shown else ""


def _remedy(column: str, question: Question, offer: Offer) -> str:
    """Return what can be done: rules of cleansing, another type, fewer rows."""
    lines = []
    rules = _word(question).rules
    if rules:
        lines.append("let a rule take them:  " + "  or  ".join(_rule(column, r) for r in rules))
    if question is Question.NULL:
        return "\n".join(lines)
    lines.append(
        f"or name another type:  types = {{ {_name(column)} = {_wider(question, offer)} }}"
    )
    lines.append("or leave these rows out:  where = …")
    return "\n".join(lines).removeprefix("or ")


def _rule(column: str, rule: str) -> str:
    return f"cleanse = {{ {_name(column)} = [{rule}] }}"


def _name(column: str) -> str:
    """Return a column's name as a key of whimbrel.toml."""
    if column and all(c.isascii() and (c.isalnum() or c in "_-") for c in column):
        return column
    return '"' + column.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _wider(question: Question, offer: Offer) -> str:
    if question in {Question.RANGE, Question.DIGITS, Question.NEGATIVE, Question.NOT_WHOLE}:
        return '"numeric"' if offer.family is not Family.FLOAT else '"text"'
    if question in {Question.NUL, Question.NOT_UTF8, Question.NOT_TEXT, Question.LONGEST}:
        return '"…"'
    return '"text"'


def _unknown(table: str, column: str, offer: Offer, questions: AbstractSet[Question]) -> Loss:
    asked_ = ", ".join(sorted(question.value for question in questions))
    return Loss(
        table=table,
        column=column,
        what="not known",
        verdict=Verdict.REFUSED,
        says=f"whether all values of {table}.{column} fit {offer.type} is not known, "
        f"since this was not asked of them: {asked_}",
        remedy="plan again; the values may have changed since the type was chosen",
    )


# --- keys, references, conditions -----------------------------------------------------------


def profile_keys(
    session: base.Session,
    table: tables.Table,
    *,
    parents: Mapping[str, tables.Table],
    carried: Mapping[str, Form] | None = None,
    same: Mapping[str, profiling.Sameness] | None = None,
    nulls_alike: AbstractSet[tuple[str, ...]] = frozenset(),
    checks: bool = False,
    plain: AbstractSet[str] = frozenset(),
    where: str = "",
) -> list[Loss]:
    """Return what rows offend keys, references and conditions of their own table on the target.

    Reads in the transaction that is open. `parents` are tables by their names, those that go
    along. `carried` says in which form columns are carried and `same` which texts the target's
    keys take for the same; only keys with such columns can have copies, the source keeps the
    others apart. `nulls_alike` are keys (as tuples of columns) in which NULL is like NULL. With
    `checks` the conditions of the table are tried, too, for sources that may not have. Columns that
    take values of any type, and are known to have whole numbers alone, are `plain`.
    """
    profiler = _profiler(session)
    carried, same = carried or {}, same or {}
    key = _naming(table)

    def form(name: str) -> Form:
        if name in carried:
            return carried[name]
        own = profiler.subject(table, name, frozenset()).form
        return dataclasses.replace(own, typed=False)

    found = list(_null_keys(profiler, table, where, key))
    for name, columns in _unique_keys(table):
        doubtful = [
            one
            for one in columns
            if one in same or (one not in plain and _any_type(profiler, table, one))
        ]
        if not doubtful and columns not in nulls_alike:
            continue
        values = [(one, form(one), same.get(one, profiling.Sameness())) for one in columns]
        copies = profiler.duplicates(
            table, values, nulls_alike=columns in nulls_alike, where=where, key=key
        )
        if copies.rows:
            found.append(duplicated(table.name, columns, name, copies))
    for reference in table.foreign_keys:
        parent = parents.get(reference.ref_table)
        if parent is None:
            continue
        forms_ = [form(one) for one in reference.columns]
        lost = profiler.orphans(table, reference, parent, forms_, where=where, key=key)
        if lost.rows:
            found.append(orphaned(table.name, reference, lost))
    if checks:
        for check in table.checks:
            broken = profiler.breaking(table, check.sql, where=where, key=key)
            if broken.rows:
                found.append(broken_check(table.name, check, broken))
    return found


def profile_copies(
    session: base.Session,
    table: tables.Table,
    target: tables.Table,
    plain: Mapping[str, str],
    same: Mapping[str, portable.Sameness],
    *,
    where: str = "",
) -> list[Loss]:
    """Return rows that the unique keys of a table that is there would take for the same.

    `plain` has the source's columns by those of the target, `same` what collations of the target
    take for the same. Keys of which a column has no source are left to the database.
    """
    profiler = _profiler(session)
    exact = portable.Sameness()
    own = {frozenset(columns) for _, columns in _unique_keys(table)}
    found = []
    for name, columns in _unique_keys(target):
        if not set(columns) <= plain.keys():
            continue
        sources = [plain[one] for one in columns]
        alike = [same.get(one, exact) for one in columns]
        if frozenset(sources) in own and all(one == exact for one in alike):
            continue
        values = [
            (of, dataclasses.replace(profiler.subject(table, of, frozenset()).form, typed=False), s)
            for of, s in zip(sources, alike, strict=True)
        ]
        copies = profiler.duplicates(table, values, where=where, key=_naming(table))
        if copies.rows:
            found.append(duplicated(table.name, sources, name, copies))
    return found


def _profiler(session: base.Session) -> profiling.SqlProfiler:
    profiler: portable.Profiler = session.engine.profiler(session)
    if not isinstance(profiler, profiling.SqlProfiler):
        raise TypeError(f"not a profiler that can ask about keys: {profiler!r}")
    return profiler


def _naming(table: tables.Table) -> tuple[str, ...]:
    if table.primary_key:
        return table.primary_key
    return next((one.columns for one in table.uniques), ())


def _unique_keys(table: tables.Table) -> list[tuple[str, tuple[str, ...]]]:
    """Return the keys of a table by name, each set of columns once."""
    found: dict[tuple[str, ...], str] = {}
    if table.primary_key:
        found[table.primary_key] = "primary key"
    for unique in table.uniques:
        found.setdefault(unique.columns, unique.name or "unique key")
    for index in table.indexes:
        plain = tuple(one for one in index.columns if isinstance(one, str))
        whole = len(plain) == len(index.columns) and not index.where and not any(index.lengths)
        if index.unique and whole:
            found.setdefault(plain, index.name)
    return [(name, columns) for columns, name in found.items()]


def _any_type(profiler: profiling.SqlProfiler, table: tables.Table, column: str) -> bool:
    return profiler.subject(table, column, frozenset()).form.typed


def _null_keys(
    profiler: profiling.SqlProfiler, table: tables.Table, where: str, key: tuple[str, ...]
) -> list[Loss]:
    """Return NULL in the primary key, which some sources allow."""
    open_ = [one for one in table.primary_key if table.column(one).null]
    facts = profiler.facts(
        table, {one: frozenset({Question.NULL}) for one in open_}, where=where, key=key
    )
    return [
        Loss(
            table=table.name,
            column=column,
            what="NULL in the primary key",
            verdict=Verdict.REFUSED,
            says=f"{words.count(one.nulls, 'row')} of {table.name} "
            f"{'has' if one.nulls == 1 else 'have'} NULL in the primary key ({column})"
            + first(one.keys[Question.NULL]),
            remedy=f"give them values:  {_rule(column, '{ default = … }')}\n"
            "or leave these rows out:  where = …",
            rows=one.nulls,
            keys=one.keys[Question.NULL],
        )
        for column, one in facts.items()
        if one.nulls
    ]


def duplicated(table: str, columns: Sequence[str], name: str, found: profiling.Found) -> Loss:
    """Return what copies of a key mean, which the target would take for the same."""
    listed = ", ".join(columns)
    one = found.rows == 1
    return Loss(
        table=table,
        column=listed,
        what="duplicate key",
        verdict=Verdict.REFUSED,
        says=f"{words.count(found.rows, 'row')} of {table} {'is a copy' if one else 'are copies'} "
        f"of another one to the target, by {name} ({listed})" + first(found.keys),
        remedy="say which of them stays:  deduplicate = …\nor leave them out:  where = …",
        rows=found.rows,
        keys=found.keys,
    )


def orphaned(table: str, reference: tables.ForeignKey, found: profiling.Found) -> Loss:
    """Return what rows mean that refer to nothing."""
    listed = ", ".join(reference.columns)
    one = found.rows == 1
    return Loss(
        table=table,
        column=listed,
        what="orphan",
        verdict=Verdict.REFUSED,
        says=f"{words.count(found.rows, 'row')} of {table} {'refers' if one else 'refer'} to "
        f"{'a row' if one else 'rows'} of {reference.ref_table} that "
        f"{'is' if one else 'are'} not there ({listed})" + first(found.keys),
        remedy=f"add the missing rows of {reference.ref_table} to the source, or delete these\n"
        "or leave them out:  where = …",
        rows=found.rows,
        keys=found.keys,
    )


def broken_check(table: str, check: tables.Check, found: profiling.Found) -> Loss:
    """Return what rows mean that a condition does not hold for."""
    name = check.name or check.sql
    return Loss(
        table=table,
        column="",
        what="broken check",
        verdict=Verdict.REFUSED,
        says=f"{words.count(found.rows, 'row')} of {table} "
        f"{'breaks' if found.rows == 1 else 'break'} the check {name}" + first(found.keys),
        remedy="correct these rows in the source\nor leave them out:  where = …",
        rows=found.rows,
        keys=found.keys,
    )
