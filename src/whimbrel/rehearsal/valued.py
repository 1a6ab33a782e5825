"""Look at the values of tables: how many are NULL, how large, and which are not as they should be.

What is asked of a column follows from what its type means; the engines' profilers answer. Of a
large table only parts are looked at, spread over its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import tables, words
from whimbrel.engines import portable, profiling
from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Question
from whimbrel.proof import sides
from whimbrel.rehearsal import assessment
from whimbrel.rows import keys
from whimbrel.schema import losses
from whimbrel.transfers import reading

#: Tables with more rows are looked at in parts.
SAMPLE_ROWS: Final = 200_000
_PARTS: Final = 8

_DATES: Final = frozenset(
    {Question.ZERO_DATE, Question.BEFORE_CHRIST, Question.BEYOND_9999, Question.INFINITE_DATE}
)
_NUMBERS: Final = frozenset({Question.NAN, Question.INFINITE})
_TEXTS: Final = frozenset({Question.NUL, Question.NOT_UTF8})
# By what a column is declared to hold: troubles that its values can have.
_ASKED: Final[Mapping[Family, frozenset[Question]]] = {
    Family.INTEGER: frozenset({Question.NOT_NUMBER, Question.NOT_WHOLE}),
    Family.BOOLEAN: frozenset({Question.NOT_NUMBER, Question.NOT_BOOLEAN}),
    Family.DECIMAL: frozenset({Question.NOT_NUMBER}) | _NUMBERS,
    Family.FLOAT: frozenset({Question.NOT_NUMBER}) | _NUMBERS,
    Family.TEXT: frozenset({Question.NOT_TEXT, Question.STRAY_WORD}) | _TEXTS,
    Family.BINARY: frozenset({Question.NOT_BYTES}),
    Family.DATE: frozenset({Question.NOT_DATE}) | _DATES,
    Family.TIME: frozenset({Question.NOT_TIME, Question.TIME_BEYOND_DAY}),
    Family.DATETIME: frozenset({Question.NOT_MOMENT}) | _DATES,
    Family.INSTANT: frozenset({Question.NOT_MOMENT}) | _DATES,
    Family.JSON: frozenset({Question.NOT_JSON, Question.JSON_NUL, Question.JSON_SURROGATE})
    | _TEXTS,
    Family.UUID: frozenset({Question.NOT_UUID}),
    Family.OTHER: _TEXTS,
}
_SIZED: Final = frozenset({Family.TEXT, Family.BINARY, Family.JSON, Family.OTHER})
_COUNTED: Final = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT})
# These are what a type allows, and a trouble only for whoever cannot take them.
_HINTS: Final = frozenset(
    {
        Question.INFINITE_DATE,
        Question.TIME_BEYOND_DAY,
        Question.NAN,
        Question.INFINITE,
        Question.BEFORE_CHRIST,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look at a table gave: its facts by column, and the rows that were looked at."""

    table: str
    meanings: Mapping[str, portable.Meaning]
    facts: Mapping[str, portable.Facts]
    rows: int | None
    whole: bool
    findings: tuple[assessment.Finding, ...]


def asked(meaning: portable.Meaning, *, wanted: bool) -> frozenset[Question]:
    """Return what is asked of a column of such a type; nothing if no values are `wanted`."""
    if not wanted:
        return frozenset()
    found = {Question.KINDS} | (_ASKED.get(meaning.family, frozenset()) - meaning.never)
    if not meaning.type:
        found = {Question.KINDS}  # nobody has said what it is to hold
    if not meaning.values:
        found.discard(Question.STRAY_WORD)
    if meaning.family in _SIZED:
        found.add(Question.LONGEST)
    if meaning.family in _COUNTED:
        found.add(Question.RANGE)
    return frozenset(found)


def look(
    seat: sides.Seat,
    table: tables.Table,
    parents: Mapping[str, tables.Table],
    *,
    rows: int | None,
    sample: int = SAMPLE_ROWS,
    wanted: bool = True,
) -> Looked:
    """Look at the values of one table, in the transaction that is open."""
    columns = [(table, column) for column in table.columns]
    meanings = {
        column.name: meaning
        for (_, column), meaning in zip(columns, reading.meanings(seat, columns), strict=True)
    }
    questions = {name: asked(meaning, wanted=wanted) for name, meaning in meanings.items()}
    questions = {name: one for name, one in questions.items() if one}
    if not questions:
        return Looked(
            table=table.name, meanings=meanings, facts={}, rows=None, whole=False, findings=()
        )
    where = _part(seat, table, rows, sample)
    profiler = seat.engine.profiler(seat.session)
    key = table.primary_key or next((one.columns for one in table.uniques), ())
    facts = profiler.facts(table, questions, where=where, key=key)
    found = [*_troubles(table, meanings, facts)]
    if not seat.engine.can.trusted_keys:
        plain = frozenset(name for name, one in facts.items() if {*one.kinds} <= {"integer"})
        found += [
            _of_loss(loss)
            for loss in losses.profile_keys(
                seat.session, table, parents=parents, checks=True, plain=plain, where=where
            )
        ]
    found += _alike(seat, table, meanings, where=where, key=key)
    return Looked(
        table=table.name,
        meanings=meanings,
        facts=facts,
        rows=next(iter(facts.values())).rows,
        whole=not where,
        findings=tuple(found),
    )


def _part(seat: sides.Seat, table: tables.Table, rows: int | None, sample: int) -> str:
    """Return a condition for a part of a large table, spread over its key; empty for all of it."""
    if rows is None or rows <= sample:
        return ""
    key = keys.choose(table, seat.engine)
    if not key.integer and not key.address:
        return ""
    way = keys.Walkway(seat.engine, table.name, key)
    first, last = way.start(seat.session), way.end(seat.session)
    least, most = (None if end is None else end[0] for end in (first, last))
    if not isinstance(least, int) or not isinstance(most, int):
        return ""
    width = (most - least + 1) / _PARTS
    share = max(1, round(width * sample / rows))
    column = way.names
    pieces = []
    for at in range(_PARTS):
        start = least + round(width * at)
        pieces.append(f"{column} BETWEEN {start} AND {start + share - 1}")
    # The last keys are often the strangest.
    pieces[-1] = f"{column} BETWEEN {most - share + 1} AND {most}"
    return " OR ".join(pieces)


def _troubles(
    table: tables.Table,
    meanings: Mapping[str, portable.Meaning],
    facts: Mapping[str, portable.Facts],
) -> Iterator[assessment.Finding]:
    for name, one in facts.items():
        meaning = meanings[name]
        for question in Question:
            count = one.counts.get(question)
            if count:
                yield assessment.Finding(
                    table=table.name,
                    column=name,
                    what=losses.what(question),
                    rows=count,
                    says=losses.trouble(table.name, name, question, one),
                    examples=one.keys.get(question, ()),
                    hint=question in _HINTS,
                )
        kinds = {kind: many for kind, many in one.kinds.items() if many}
        # Whole numbers are kept so wherever fractions may be.
        mixed = len(kinds) > 1 and not kinds.keys() <= {"integer", "real"}
        if meaning.typed and mixed and not any(one.counts.values()):
            listed = ", ".join(f"{many:,} {kind}" for kind, many in sorted(kinds.items()))
            yield assessment.Finding(
                table=table.name,
                column=name,
                what="mixed types",
                rows=min(kinds.values()),
                says=f"{table.name}.{name} has values of several types: {listed}",
            )


def _of_loss(loss: losses.Loss) -> assessment.Finding:
    return assessment.Finding(
        table=loss.table,
        column=loss.column,
        what=loss.what,
        rows=loss.rows or 0,
        says=loss.says,
        examples=loss.keys,
    )


def _alike(
    seat: sides.Seat,
    table: tables.Table,
    meanings: Mapping[str, portable.Meaning],
    *,
    where: str,
    key: tuple[str, ...],
) -> Iterator[assessment.Finding]:
    """Yield unique texts that many a collation would take for the same."""
    profiler = seat.engine.profiler(seat.session)
    if not isinstance(profiler, profiling.SqlProfiler):
        return
    loose = profiling.Sameness(padded=True, cased=False, accented=False)
    for name, columns in _text_keys(table, meanings):
        values = []
        for column in columns:
            subject = profiler.subject(table, column, frozenset())
            is_text = meanings[column].family is Family.TEXT
            values.append((column, subject.form, loose if is_text else profiling.Sameness()))
        found = profiler.duplicates(table, values, where=where, key=key)
        if found.rows:
            listed = ", ".join(columns)
            does = "differs" if found.rows == 1 else "differ"
            yield assessment.Finding(
                table=table.name,
                column=listed,
                what="nearly duplicate",
                rows=found.rows,
                says=f"{words.count(found.rows, 'value')} of {table.name} ({listed}) {does} from "
                "another one by letter case, accents or blanks at the end alone: they are the "
                f"same under a collation that knows none of these ({name})"
                + losses.first(found.keys),
                examples=found.keys,
                hint=True,
            )


def unique_keys(table: tables.Table) -> list[tuple[str, tuple[str, ...]]]:
    """Return the keys of a table by name, each set of columns once; the primary key first."""
    candidates: list[tuple[str, tuple[str, ...]]] = [("the primary key", table.primary_key)]
    candidates += [(unique.name or "a unique key", unique.columns) for unique in table.uniques]
    for index in table.indexes:
        plain = tuple(one for one in index.columns if isinstance(one, str))
        whole = len(plain) == len(index.columns) and not index.where and not any(index.lengths)
        if index.unique and whole:
            candidates.append((index.name, plain))
    found: dict[tuple[str, ...], str] = {}
    for name, columns in candidates:
        if columns:
            found.setdefault(columns, name)
    return [(name, columns) for columns, name in found.items()]


def _text_keys(
    table: tables.Table, meanings: Mapping[str, portable.Meaning]
) -> Iterator[tuple[str, Sequence[str]]]:
    for name, columns in unique_keys(table):
        texts = [one for one in columns if meanings[one].family is Family.TEXT]
        if any(not meanings[one].values for one in texts):
            yield name, columns
