"""What the profilers of all engines have in common: which queries are sent, what becomes of them.

An engine says how each question is written in its SQL (`Answers`). Here it is asked in up to
three steps: one aggregate query over the table, in which a cheap condition (`suspect`) may stand
for many dear ones; the exact counts, only of what was suspicious; the first keys, only of what
was found. Whether values fit is decided in `schema/losses`.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

from whimbrel import tables
from whimbrel.engines import base, codec, forms, portable
from whimbrel.engines.forms import Family, Form
from whimbrel.engines.portable import Domain, Facts, Plain, Question
from whimbrel.engines.portable import Sameness as Sameness

#: Questions that are answered by a number in its own field of Facts.
MEASURES: Final = frozenset({Question.RANGE, Question.DIGITS, Question.LONGEST, Question.KINDS})
#: Questions that are answered by how many rows have such a value.
TROUBLES: Final = frozenset(Question) - MEASURES
#: Questions beside which it is said how many values are NULL.
COUNTS_NULLS: Final = frozenset({Question.NULL, Question.KINDS})

TEXTUAL: Final = frozenset({Family.TEXT, Family.OTHER, Family.JSON})
NUMBERS: Final = frozenset({Family.INTEGER, Family.BOOLEAN, Family.DECIMAL, Family.FLOAT})
MOMENTS: Final = frozenset({Family.DATE, Family.DATETIME, Family.INSTANT})
CLOCKS: Final = frozenset({Family.TIME, Family.DATETIME, Family.INSTANT})

# --- shapes of the texts of `forms`, in words that every engine's patterns know ------------------

_YEAR: Final = "[0-9]{0,2}[0-9]{2}"
#: A date that exists; what is beyond the year 9999 repeats every 10000 years.
REAL_DAY: Final = (
    f"({_YEAR}[0-9]{{2}}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    "|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    f"|({_YEAR}(0[48]|[2468][048]|[13579][26])|[0-9]{{0,2}}([02468][048]|[13579][26])00)-02-29)"
)
ZERO_DAY: Final = "([0-9]+-00-|[0-9]+-[0-9]{2}-00|0+-)"
LATE_YEAR: Final = "[0-9]*[1-9][0-9]{4}-"
OUTSIDE_DAY: Final = "(-|2[4-9]:|[3-9][0-9]:|[0-9]{3}:)"
FINE: Final = "[.][0-9]{7}"
ENDLESS: Final = ("infinity", "-infinity")
INFINITE: Final = ("Infinity", "-Infinity")

# What is shown of a value: so many bytes are read, so many characters shown.
_READ_BYTES: Final = 400
_SHOWN_CHARACTERS: Final = 80
# What the columns of our own subqueries are called.
_MARK: Final = "whimbrel_key"
# Some servers take no more columns of a result.
_MOST_EXPRESSIONS: Final = 400
# What reads texts as something else is long; nobody should have to parse more at once.
_MOST_CHARACTERS: Final = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A column, or an expression over its table: SQL that reads it, what it is, what is asked."""

    name: str
    sql: str
    column: tables.FoundColumn
    form: Form
    asked: frozenset[Question]

    @property
    def family(self) -> Family:
        """What its values are."""
        return self.form.family


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """How an engine answers what is asked of one subject.

    `measures` are aggregates by what they measure (a field of Facts, "kind:text", or a name that
    only the engine's own `finish` reads). `troubles` are conditions; a question that is in
    neither cannot come up, and its answer is 0. `suspect` is a condition, cheaper than those, that
    is true wherever one of them is. With `pooled` it is SQL that may be looked at together with
    that of other subjects (see `SqlProfiler.pool`). With `late` the measures show whether there
    can be troubles at all (see `SqlProfiler.doubtful`).
    """

    measures: Mapping[str, str] = field(default_factory=dict)
    troubles: Mapping[Question, str] = field(default_factory=dict)
    suspect: str = ""
    pooled: str = ""
    late: bool = False


# What is asked of more columns in one query is more than servers take: 1,664 values, or 2,000.
_MOST_COLUMNS: Final = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Rows that a question about a whole table is about: how many, and the first of them."""

    rows: int = 0
    keys: tuple[tuple[tuple[str, ...], str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A subject with its answers, while it is asked about."""

    subject: Subject
    answers: Answers


class SqlProfiler(portable.Profiler):
    """A profiler whose database answers in queries; the session's codec writes values as texts."""

    def __init__(self, session: base.Session, coder: codec.Codec) -> None:
        self._session = session
        self._coder = coder

    # --- what an engine says ------------------------------------------------------------------

    @abc.abstractmethod
    def answers(self, table: tables.Table, subject: Subject) -> Answers:
        """Return how what is asked of a subject is answered."""

    @abc.abstractmethod
    def ask(self, sql: str) -> list[base.Row]:
        """Return the rows of a query without parameters, in the transaction that is open."""

    @abc.abstractmethod
    def counted(self, condition: str) -> str:
        """Return the aggregate that counts the rows for which a condition is true."""

    @abc.abstractmethod
    def cut(self, octets: str, length: int) -> str:
        """Return the first bytes of some bytes."""

    @abc.abstractmethod
    def alike(self, value: codec.Value, sameness: Sameness) -> str:
        """Return what is the same for values that the target takes for the same; NULL for NULL."""

    def pool(self, pooled: Sequence[tuple[str, frozenset[Question]]]) -> str:
        """Return an aggregate over the pooled parts of several subjects, with what is asked.

        It is more than `harmless` if there is a trouble in any of them; the measures of each have
        it as "pooled".
        """
        return self.counted(" OR ".join(f"({part})" for part, _ in pooled))

    #: What the aggregate of a pool may be without any trouble.
    harmless = 0

    def doubtful(self, subject: Subject, measured: Mapping[str, object]) -> bool:
        """Whether measures leave it open that there are troubles."""
        return True

    def number(self, table: tables.Table, subject: Subject) -> str:
        """Return the number that a value is or is read as, NULL for what is none."""
        return subject.sql

    def again(
        self,
        table: tables.Table,
        subject: Subject,
        measured: Mapping[str, object],
        counts: Mapping[Question, int],
    ) -> Mapping[str, str | int]:
        """Return aggregates to be asked after all, as what is known by now shows.

        A number is what is known without asking.
        """
        return {}

    # --- the contract -------------------------------------------------------------------------

    def facts(
        self,
        table: tables.Table,
        asked: Mapping[str, frozenset[Question]],
        *,
        where: str = "",
        key: tuple[str, ...] = (),
    ) -> dict[str, Facts]:
        """Return the facts of columns, or of expressions over the table, by their names.

        `where` is a condition in the database's SQL, for a part of the table; parts are put
        together by `merged`.
        """
        if not asked:
            return {}
        if len(asked) > _MOST_COLUMNS:
            several = list(asked.items())
            return {
                name: found
                for at in range(0, len(several), _MOST_COLUMNS)
                for name, found in self.facts(
                    table, dict(several[at : at + _MOST_COLUMNS]), where=where, key=key
                ).items()
            }
        plans = []
        for name, questions in asked.items():
            subject = self.subject(table, name, questions)
            plans.append(_Plan(subject=subject, answers=self.answers(table, subject)))
        self._session.begin()
        source = self._from(table, where)
        rows, measured, counts = self._first(plans, source)
        more = [
            (measured[name], measure, sql)
            for name, subject in ((plan.subject.name, plan.subject) for plan in plans)
            for measure, sql in self.again(table, subject, measured[name], counts[name]).items()
        ]
        queries = [(known, measure, sql) for known, measure, sql in more if isinstance(sql, str)]
        answers = self._row([sql for _, _, sql in queries], source)
        for (known, measure, _), value in zip(queries, answers, strict=True):
            known[measure] = value
        for known, measure, value in more:
            if isinstance(value, int):
                known[measure] = value
        return {
            plan.subject.name: self._fact(
                table, plan, rows, measured[plan.subject.name], counts[plan.subject.name],
                where, key,
            )
            for plan in plans
        }  # fmt: skip

    def told(self, subject: Subject, rows: int, measured: Mapping[str, object]) -> Facts:
        """Return the facts of a column without any trouble but NULL, from its measures."""
        return self._made(subject, rows, measured, {})

    def subject(self, table: tables.Table, name: str, asked: frozenset[Question]) -> Subject:
        """Return what is asked about: the column of this name, or else an expression."""
        if table.has(name):
            column, sql = table.column(name), self._session.engine.quote(name)
        else:
            column, sql = self._coder.described(table, name), f"({name})"
        form = self._coder.form(table, column)
        return Subject(name=name, sql=sql, column=column, form=form, asked=asked)

    # --- the three steps ----------------------------------------------------------------------

    def _first(
        self, plans: Sequence[_Plan], source: str
    ) -> tuple[int, dict[str, dict[str, object]], dict[str, dict[Question, int]]]:
        """Ask for everything in one query, and exactly where that was suspicious."""
        aggregates: list[str] = ["COUNT(*)"]
        # What each aggregate is: of which subject, and a measure, a trouble or a suspicion.
        places: list[tuple[tuple[str, ...], str | Question | None]] = []

        def add(sql: str, names: tuple[str, ...], what: str | Question | None) -> None:
            aggregates.append(sql)
            places.append((names, what))

        late: set[str] = set()
        pooled: list[_Plan] = []
        for plan in plans:
            name, answers = plan.subject.name, plan.answers
            for measure, sql in answers.measures.items():
                add(sql, (name,), measure)
            if plan.subject.asked & COUNTS_NULLS and plan.subject.column.null:
                add(f"COUNT({plan.subject.sql})", (name,), "there")
            if answers.troubles and answers.late:
                late.add(name)
            if answers.troubles and answers.pooled:
                pooled.append(plan)
            elif answers.troubles and answers.suspect and not answers.late:
                add(self.counted(answers.suspect), (name,), None)
            elif not answers.late:
                for question, condition in answers.troubles.items():
                    add(self.counted(condition), (name,), question)
        together = tuple(plan.subject.name for plan in pooled)
        if pooled:
            parts = [(plan.answers.pooled, frozenset(plan.answers.troubles)) for plan in pooled]
            add(self.pool(parts), together, None)
        rows, *values = self._row(aggregates, source)
        measured: dict[str, dict[str, object]] = {plan.subject.name: {} for plan in plans}
        counts: dict[str, dict[Question, int]] = {plan.subject.name: {} for plan in plans}
        doubted: set[str] = set()
        for (names, what), value in zip(places, values, strict=True):
            if isinstance(what, Question):
                counts[names[0]][what] = _whole(value)
            elif what is not None:
                measured[names[0]][what] = value
            else:
                for name in names:
                    measured[name]["pooled"] = value
                # What is pooled is a level, a suspicion a count: even one value is too many.
                if _whole(value) > (self.harmless if names == together else 0):
                    doubted |= {*names}
        for plan in plans:
            name = plan.subject.name
            if name in late and self.doubtful(plan.subject, measured[name]):
                doubted.add(name)
        self._exactly([plan for plan in plans if plan.subject.name in doubted], counts, source)
        return _whole(rows), measured, counts

    def _exactly(
        self,
        plans: Sequence[_Plan],
        counts: Mapping[str, dict[Question, int]],
        source: str,
    ) -> None:
        """Count the troubles of what was suspicious."""
        asked = [(plan, question) for plan in plans for question in plan.answers.troubles]
        if not asked:
            return
        conditions = []
        for plan, question in asked:
            suspect, trouble = plan.answers.suspect, plan.answers.troubles[question]
            # Servers and SQLite look at the dear part only where the cheap one is true.
            conditions.append(self.counted(f"({suspect}) AND ({trouble})" if suspect else trouble))
        for (plan, question), count in zip(asked, self._row(conditions, source), strict=True):
            counts[plan.subject.name][question] = _whole(count)

    def _row(self, aggregates: Sequence[str], source: str) -> list[object]:
        """Return the values of aggregates, in as few queries as can be."""
        found: list[object] = []
        for some in _shares(aggregates):
            found += self.ask(f"SELECT {', '.join(some)} FROM {source}")[0]
        return found

    def _from(self, table: tables.Table, where: str, *more: str) -> str:
        conditions = " AND ".join(f"({one})" for one in (where, *more) if one)
        name = self._session.engine.quote(table.name)
        return f"{name} WHERE {conditions}" if conditions else name

    def _fact(
        self,
        table: tables.Table,
        plan: _Plan,
        rows: int,
        measured: Mapping[str, object],
        counted: Mapping[Question, int],
        where: str,
        key: tuple[str, ...],
    ) -> Facts:
        subject = plan.subject
        found = self._made(subject, rows, measured, counted)
        keys = {}
        for question, count in found.counts.items():
            if count:
                condition = plan.answers.troubles.get(question, f"{subject.sql} IS NULL")
                source = self._from(table, where, condition)
                keys[question] = self._keys(table, subject, source, key)
        return dataclasses.replace(found, keys=keys)

    def _made(
        self,
        subject: Subject,
        rows: int,
        measured: Mapping[str, object],
        counted: Mapping[Question, int],
    ) -> Facts:
        counts = {one: counted.get(one, 0) for one in subject.asked & TROUBLES}
        nulls = None
        if subject.asked & COUNTS_NULLS:
            nulls = rows - _whole(measured["there"]) if "there" in measured else 0
        if Question.NULL in counts:
            counts[Question.NULL] = nulls or 0
        ranged, digits = Question.RANGE in subject.asked, Question.DIGITS in subject.asked
        longest = Question.LONGEST in subject.asked
        least, most = (decimal(measured.get(one)) for one in ("least", "most"))
        before = None
        if digits and subject.family not in CLOCKS | MOMENTS:
            before = max((_digits(one) for one in (least, most) if one is not None), default=0)
            before = max(before, _whole(measured.get("digits_before")))
        return Facts(
            rows=rows,
            nulls=nulls,
            least=least if ranged else None,
            most=most if ranged else None,
            digits_before=before,
            digits_behind=_whole(measured.get("digits_behind")) if digits else None,
            characters=_whole(measured.get("characters")) if longest else None,
            octets=_whole(measured.get("octets")) if longest else None,
            kinds={
                name.removeprefix("kind:"): _whole(count)
                for name, count in measured.items()
                if Question.KINDS in subject.asked and name.startswith("kind:") and _whole(count)
            },
            counts=counts,
        )

    # --- the first keys -----------------------------------------------------------------------

    def _keys(
        self, table: tables.Table, subject: Subject, source: str, key: Sequence[str]
    ) -> tuple[tuple[tuple[str, ...], str], ...]:
        """Return the first rows of a source: their keys and a value, as people read them."""
        named = [self.subject(table, name, frozenset()) for name in key]
        shown = [*named, subject]
        texts = ", ".join(self._shown(one) for one in shown)
        order = f" ORDER BY {', '.join(one.sql for one in named)}" if named else ""
        sql = f"SELECT {texts} FROM {source}{order} LIMIT {portable.KEYS_KEPT}"
        rows = []
        for row in self.ask(sql):
            read = [readable(one.form, text) for one, text in zip(named, row, strict=False)]
            rows.append((tuple(read), readable(subject.form, row[-1], kind=subject.form.typed)))
        return tuple(rows)

    def _shown(self, subject: Subject) -> str:
        value = codec.Value(sql=subject.sql, column=subject.column, form=subject.form)
        return self.cut(self._coder.octets(value), _READ_BYTES)

    # --- beyond the limits of a type ----------------------------------------------------------

    def beyond(
        self,
        table: tables.Table,
        domains: Mapping[str, Domain],
        *,
        where: str = "",
        key: tuple[str, ...] = (),
    ) -> dict[str, dict[Question, Found]]:
        """Return the rows whose values are outside of the limits of a type, column by column.

        For columns of which RANGE, DIGITS or LONGEST has shown that some do not fit.
        """
        asked: list[tuple[Subject, Question, str]] = []
        for name, domain in domains.items():
            subject = self.subject(table, name, frozenset())
            for question, condition in self._outside(table, subject, domain).items():
                asked.append((subject, question, condition))
        found: dict[str, dict[Question, Found]] = {name: {} for name in domains}
        if not asked:
            return found
        self._session.begin()
        source = self._from(table, where)
        counts = self._row([self.counted(condition) for _, _, condition in asked], source)
        for (subject, question, condition), count in zip(asked, counts, strict=True):
            if _whole(count):
                bad = self._from(table, where, condition)
                found[subject.name][question] = Found(
                    rows=_whole(count), keys=self._keys(table, subject, bad, key)
                )
        return found

    def _outside(
        self, table: tables.Table, subject: Subject, domain: Domain
    ) -> dict[Question, str]:
        found = {}
        number = self.number(table, subject)
        ends = [
            f"{number} {sign} {end:f}"
            for end, sign in ((domain.least, "<"), (domain.most, ">"))
            if end is not None
        ]
        if ends:
            found[Question.RANGE] = " OR ".join(ends)
        text = self.decimal_text(subject)
        digits = []
        if domain.digits_before is not None:
            end = f"1{'0' * domain.digits_before}"
            # No ABS(), which the smallest whole number of 64 bits may not have.
            digits.append(f"{number} >= {end} OR {number} <= -{end}")
        if domain.digits_behind is not None:
            digits.append(f"{self.behind(text)} > {domain.digits_behind}")
        if digits:
            found[Question.DIGITS] = " OR ".join(digits)
        sizes = zip(self.sizes(subject), (domain.characters, domain.octets), strict=True)
        lengths = [f"{size} > {most}" for size, most in sizes if most is not None]
        if lengths:
            found[Question.LONGEST] = " OR ".join(lengths)
        return found

    def decimal_text(self, subject: Subject) -> str:
        """Return a text in which the digits behind the point can be counted."""
        family = subject.family if subject.family in CLOCKS else Family.DECIMAL
        return self.reading(subject, family)

    @abc.abstractmethod
    def behind(self, text: str) -> str:
        """Return how many digits stand behind the point in a text."""

    @abc.abstractmethod
    def sizes(self, subject: Subject) -> tuple[str, str]:
        """Return characters and bytes of a value as it is carried."""

    def reading(self, subject: Subject, family: Family) -> str:
        """Return the text of a value in the form of a family, "!…" for what is none."""
        form = subject.form if family is subject.family else Form(family=family)
        if family is Family.DECIMAL:
            form = Form(family=family)
        return self._coder.text(codec.Value(sql=subject.sql, column=subject.column, form=form))

    # --- keys, references, conditions ---------------------------------------------------------

    def duplicates(
        self,
        table: tables.Table,
        values: Sequence[tuple[str, Form, Sameness]],
        *,
        nulls_alike: bool = False,
        where: str = "",
        key: tuple[str, ...] = (),
    ) -> Found:
        """Return rows that a unique key of the target would take for the same as another row.

        `values` are the columns of the key, each with the form that it is carried in and what the
        target takes for the same. The rows of one kind count all but the first.
        """
        self._session.begin()
        parts, there = [], []
        for name, form, sameness in values:
            subject = self.subject(table, name, frozenset())
            value = codec.Value(sql=subject.sql, column=subject.column, form=form)
            parts.append(self.alike(value, sameness))
            there.append(f"{subject.sql} IS NOT NULL")
        condition = "" if nulls_alike else " AND ".join(there)
        names = [f"{_MARK}{at}" for at in range(len(parts))]
        listed = ", ".join(f"{part} AS {name}" for part, name in zip(parts, names, strict=True))
        inner = f"SELECT {listed} FROM {self._from(table, where, condition)}"
        groups = (
            f"SELECT COUNT(*) AS many FROM ({inner}) AS each_row "
            f"GROUP BY {', '.join(names)} HAVING COUNT(*) > 1"
        )
        count = _whole(self.ask(f"SELECT SUM(many - 1) FROM ({groups}) AS kinds")[0][0])
        if not count:
            return Found()
        return Found(rows=count, keys=self._clashing(table, values, parts, where, condition, key))

    def _clashing(
        self,
        table: tables.Table,
        values: Sequence[tuple[str, Form, Sameness]],
        parts: Sequence[str],
        where: str,
        condition: str,
        key: Sequence[str],
    ) -> tuple[tuple[tuple[str, ...], str], ...]:
        """Return some rows of the first kinds of which there is more than one."""
        shown = [self.subject(table, name, frozenset()) for name, _, _ in values]
        named = [self.subject(table, name, frozenset()) for name in key]
        source = self._from(table, where, condition)
        one = ", ".join(parts)
        texts = ", ".join(self._shown(each) for each in (*named, *shown))
        marks = [f"{_MARK}{at}" for at in range(len(parts))]
        listed = ", ".join(f"{part} AS {mark}" for part, mark in zip(parts, marks, strict=True))
        # Kinds are found first; only their rows are read as texts.
        kinds = (
            f"SELECT {listed} FROM {source} GROUP BY {one} HAVING COUNT(*) > 1 "
            f"LIMIT {portable.KEYS_KEPT}"
        )
        same = " AND ".join(
            self.same_or_null(part, f"kinds.{mark}")
            for part, mark in zip(parts, marks, strict=True)
        )
        name = self._session.engine.quote(table.name)
        conditions = " AND ".join(f"({each})" for each in (where, condition) if each)
        sql = (
            f"SELECT {texts} FROM {name}, ({kinds}) AS kinds WHERE {same}"
            + (f" AND {conditions}" if conditions else "")
            + f" ORDER BY {', '.join(f'kinds.{mark}' for mark in marks)}"
            + "".join(f", {each.sql}" for each in named)
            + f" LIMIT {portable.KEYS_KEPT}"
        )
        rows = []
        for row in self.ask(sql):
            read = [readable(e.form, t) for e, t in zip((*named, *shown), row, strict=True)]
            rows.append((tuple(read[: len(named)]), ", ".join(read[len(named) :])))
        return tuple(rows)

    def same_or_null(self, one: str, other: str) -> str:
        """Return a condition: both are equal, or both NULL."""
        return f"({one} = {other} OR ({one} IS NULL AND {other} IS NULL))"

    def orphans(
        self,
        table: tables.Table,
        reference: tables.ForeignKey,
        parent: tables.Table,
        values: Sequence[Form],
        *,
        where: str = "",
        parent_where: str = "",
        key: tuple[str, ...] = (),
    ) -> Found:
        """Return rows that refer to a row that is not there.

        `values` are the forms in which the columns of the reference are carried: two values are
        the same if their texts are, since that is what the target compares. With a NULL in it a
        reference refers to nothing.
        """
        self._session.begin()
        exact = Sameness()
        own: list[tuple[str, str]] = []
        theirs: list[tuple[str, str]] = []
        for name, other, form in zip(reference.columns, reference.ref_columns, values, strict=True):
            for side, column, parts in ((table, name, own), (parent, other, theirs)):
                subject = self.subject(side, column, frozenset())
                value = codec.Value(sql=subject.sql, column=subject.column, form=form)
                parts.append((subject.sql, self.alike(value, exact)))
        listed = ", ".join(f"{part} AS {_MARK}{at}" for at, (_, part) in enumerate(theirs))
        there = " AND ".join(f"{sql} IS NOT NULL" for sql, _ in theirs)
        parents = f"SELECT DISTINCT {listed} FROM {self._from(parent, parent_where, there)}"
        same = " AND ".join(f"{part} = parents.{_MARK}{at}" for at, (_, part) in enumerate(own))
        name = self._session.engine.quote(table.name)
        condition = " AND ".join(
            [*(f"{sql} IS NOT NULL" for sql, _ in own), f"parents.{_MARK}0 IS NULL"]
            + ([f"({where})"] if where else [])
        )
        source = f"{name} LEFT JOIN ({parents}) AS parents ON {same} WHERE {condition}"
        count = _whole(self.ask(f"SELECT COUNT(*) FROM {source}")[0][0])
        if not count:
            return Found()
        return Found(rows=count, keys=self._together(table, reference.columns, source, key))

    def breaking(
        self,
        table: tables.Table,
        condition: str,
        *,
        where: str = "",
        key: tuple[str, ...] = (),
    ) -> Found:
        """Return rows for which a CHECK is false, and those that a condition is true for."""
        self._session.begin()
        source = self._from(table, where, f"NOT ({condition})")
        count = _whole(self.ask(f"SELECT COUNT(*) FROM {source}")[0][0])
        if not count:
            return Found()
        return Found(rows=count, keys=self._together(table, (), source, key))

    def _together(
        self, table: tables.Table, columns: Sequence[str], source: str, key: Sequence[str]
    ) -> tuple[tuple[tuple[str, ...], str], ...]:
        """Return the first rows of a source: their keys, and some columns as people read them."""
        named = [self.subject(table, name, frozenset()) for name in key]
        shown = [self.subject(table, name, frozenset()) for name in columns]
        texts = ", ".join(self._shown(one) for one in (*named, *shown)) or "NULL"
        order = f" ORDER BY {', '.join(one.sql for one in named)}" if named else ""
        rows = []
        for row in self.ask(f"SELECT {texts} FROM {source}{order} LIMIT {portable.KEYS_KEPT}"):
            read = [readable(e.form, t) for e, t in zip((*named, *shown), row, strict=False)]
            rows.append((tuple(read[: len(named)]), ", ".join(read[len(named) :])))
        return tuple(rows)


def _shares(aggregates: Sequence[str]) -> Iterator[list[str]]:
    """Yield aggregates as many at a time as one query can have."""
    some: list[str] = []
    size = 0
    for one in aggregates:
        size += len(one)
        if some and (len(some) >= _MOST_EXPRESSIONS or size > _MOST_CHARACTERS):
            yield some
            some, size = [], len(one)
        some.append(one)
    if some:
        yield some


# --- values of answers ----------------------------------------------------------------------


def decimal(value: object) -> Decimal | None:
    """Return an answer as a finite number, None for what is none."""
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    try:
        number = Decimal(repr(value) if isinstance(value, float) else str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _whole(value: object) -> int:
    number = decimal(value)
    return 0 if number is None else int(number)


def _digits(number: Decimal) -> int:
    """Return how many digits stand before the point; 0.5 has none."""
    whole = number.copy_abs().to_integral_value(rounding="ROUND_DOWN")
    return len(f"{whole:f}") if whole else 0


def readable(form: Form, text: object, *, kind: bool = False) -> str:
    """Return a text of a form as people read it, on one line, not too long.

    With `kind` a value of a column of any type says of which type it is.
    """
    if text is None:
        return "NULL"
    raw = text if isinstance(text, bytes) else str(text).encode("utf-8", "surrogateescape")
    words = forms.shown(form, raw, kind=kind) or ""
    words = "".join(_visible(letter) for letter in words)
    if len(words) > _SHOWN_CHARACTERS:
        return f"{words[: _SHOWN_CHARACTERS - 1]}…"
    return words


def _visible(letter: str) -> str:
    if letter.isprintable():
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else letter


# --- parts of a table -----------------------------------------------------------------------


def merged(parts: Iterable[Facts]) -> Facts:
    """Return the facts of one column of a table from those of its parts, in their order."""
    every = list(parts)
    if len(every) == 1:
        return every[0]
    return Facts(
        rows=sum(one.rows for one in every),
        nulls=_sum(one.nulls for one in every),
        least=min((one.least for one in every if one.least is not None), default=None),
        most=max((one.most for one in every if one.most is not None), default=None),
        digits_before=_most(one.digits_before for one in every),
        digits_behind=_most(one.digits_behind for one in every),
        characters=_most(one.characters for one in every),
        octets=_most(one.octets for one in every),
        kinds=_sums(one.kinds for one in every),
        counts=_sums(one.counts for one in every),
        keys=_joined(one.keys for one in every),
        plain=_plain(every),
    )


def unproven(found: Mapping[str, Facts]) -> dict[str, Facts]:
    """Return facts without what is proven of the moment at which they were read."""
    return {name: dataclasses.replace(one, plain=None) for name, one in found.items()}


def _plain(every: Sequence[Facts]) -> Plain | None:
    """Return what is proven of all parts, None where something is not."""
    proofs = [one.plain for one in every if one.rows]
    there = [one for one in proofs if one is not None]
    if not there or len(there) < len(proofs):
        return None
    return Plain(
        nulls=any(one.nulls for one in there),
        special=any(one.special for one in there),
        digits=max(one.digits for one in there),
    )


def _sum(values: Iterable[int | None]) -> int | None:
    there = [value for value in values if value is not None]
    return sum(there) if there else None


def _most(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


_Name = TypeVar("_Name")


def _sums(parts: Iterable[Mapping[_Name, int]]) -> dict[_Name, int]:
    found: dict[_Name, int] = {}
    for part in parts:
        for name, count in part.items():
            found[name] = found.get(name, 0) + count
    return found


def _joined(
    parts: Iterable[Mapping[Question, tuple[tuple[tuple[str, ...], str], ...]]],
) -> dict[Question, tuple[tuple[tuple[str, ...], str], ...]]:
    found: dict[Question, tuple[tuple[tuple[str, ...], str], ...]] = {}
    for part in parts:
        for question, keys in part.items():
            found[question] = (*found.get(question, ()), *keys)[: portable.KEYS_KEPT]
    return found
