"""A report as values: what was compared or changed, and what became of it.

Nothing here knows where the facts come from or how they are drawn. There are no fractions among
them: times are whole milliseconds, shares are text, so that a report is the same text everywhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from whimbrel import words
from whimbrel.reports.shown import Shown

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Kind(StrEnum):
    """What a report is about."""

    VERIFICATION = "verification"
    MIGRATION = "migration"
    TRANSFER = "transfer"
    ASSESSMENT = "assessment"


class Outcome(StrEnum):
    """What is known of a table after comparing."""

    EQUAL = "equal"
    DIFFERENT = "different"
    MOVING = "moving"
    ONLY_SOURCE = "only in source"
    ONLY_TARGET = "only in target"
    NOT_COMPARED = "not compared"


class Tone(StrEnum):
    """How a verdict is meant."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database, and the moment of it that was read; its URL has no password."""

    role: str
    url: str
    engine: str
    version: str = ""
    position: str = ""
    snapshot: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A pair of columns: how they were compared, and in how many rows they differ."""

    source: str
    target: str
    compared_as: str
    tolerance: str | None = None
    notes: tuple[str, ...] = ()
    different: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A column of an example; where only one side has the row, the other value is None."""

    column: str
    source: Shown | None = None
    target: Shown | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A value with the name of its column."""

    column: str
    value: Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A row that differs."""

    kind: str
    key: tuple[Named, ...]
    cells: tuple[Cell, ...]
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table, or a pair of them, after comparing; counts that nobody knows are None."""

    name: str
    outcome: Outcome
    source: str | None = None
    target: str | None = None
    why: str = ""
    key: tuple[str, ...] = ()
    rows_source: int | None = None
    rows_target: int | None = None
    fingerprint_source: str | None = None
    fingerprint_target: str | None = None
    only_source: int = 0
    only_target: int = 0
    changed: int = 0
    moving: int = 0
    settled: int = 0
    rewritten: int = 0
    sample: str | None = None
    where_source: str = ""
    where_target: str = ""
    columns: tuple[Column, ...] = ()
    columns_only_source: tuple[str, ...] = ()
    columns_only_target: tuple[str, ...] = ()
    columns_left_out: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    milliseconds: int = 0
    notes: tuple[str, ...] = ()

    @property
    def differences(self) -> int:
        """Return how many rows differ."""
        return self.only_source + self.only_target + self.changed

    @property
    def rate(self) -> int | None:
        """Return the rows of the longer side per second."""
        rows = max(self.rows_source or 0, self.rows_target or 0)
        return round(rows * 1000 / self.milliseconds) if rows and self.milliseconds else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a migration, or `times` of them in a row that ask for the same.

    Counts that nobody knows are None.
    """

    position: int
    what: str
    status: str
    times: int = 1
    kind: str = ""
    table: str = ""
    sql: tuple[str, ...] = ()
    statements: int = 0
    rows: int | None = None
    read: int | None = None
    rejected: int = 0
    batches: int = 0
    retries: int = 0
    milliseconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One migration of a run; `run` is its number in the journal."""

    id: str
    direction: str
    status: str
    doc: str = ""
    run: int | None = None
    attempts: int = 1
    one_transaction: bool = False
    started_at: str = ""
    milliseconds: int | None = None
    rows: int = 0
    rejected: int = 0
    error: str = ""
    steps: tuple[Step, ...] = ()
    steps_left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A column that a live change writes, and the expression over the other shape it gets."""

    column: str
    made_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A phase of a live change that was come to, and how long that took."""

    name: str
    milliseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveChange:
    """What this command did of a live change.

    `mode` says where the two shapes are; `up` has the columns of the new shape, `down` those of
    the old one. `filled` is how many rows were filled in batches; `compared` rows in so many
    `ranges` were compared in both shapes, of which `refilled` were different and filled once more
    and `different` stayed so. Of locks that were not to be had at once, `waits` is how many there
    were, `tries` how often they were asked for in vain, `longest` the longest wait. `lossy` is how
    many rows going back would change or lose, `first` the keys of some; None where it cannot be
    taken back any more, or nobody could look. `way_back` says it in words.
    """

    migration: str
    table: str
    mode: str
    up: tuple[Mapped, ...] = ()
    down: tuple[Mapped, ...] = ()
    phases: tuple[Phase, ...] = ()
    filled: int = 0
    compared: int = 0
    ranges: int = 0
    refilled: int = 0
    different: int = 0
    waits: int = 0
    tries: int = 0
    longest: int = 0
    blockers: tuple[str, ...] = ()
    way_back: str = ""
    lossy: int | None = None
    first: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether rows were compared, and all of them are the same in both shapes."""
        return self.ranges > 0 and not self.different


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many rows a table has; `why` says why nobody knows, or how sure the number is."""

    rows: int | None = None
    exact: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The rows of a table before and after."""

    table: str
    before: Count
    after: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values of a column at one moment; lengths are in characters, None for no texts."""

    rows: int
    nulls: int
    shortest: int | None = None
    longest: int | None = None
    average: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The values of a column before and after (or in source and target), or why not."""

    table: str
    column: str
    before: Values | None = None
    after: Values | None = None
    before_why: str = ""
    after_why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A piece of work that was done: when it ended, since the start, and how long it took."""

    at: int
    took: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """How fast rows went; `points` in the order of their end, in milliseconds."""

    title: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What came of the rows of one table, or of one stream of rows into it.

    `written` are all that are in the target because of it, `before` those of them that an earlier
    attempt had copied, `dropped` those that a rule left out because it was told to.
    """

    name: str
    source: str
    target: str
    read: int
    written: int
    rejected: int = 0
    dropped: int = 0
    before: int = 0
    bytes: int = 0
    chunks: int = 0
    milliseconds: int = 0

    @property
    def rate(self) -> int | None:
        """Return the rows of this attempt per second."""
        rows = self.written - self.before
        return round(rows * 1000 / self.milliseconds) if rows > 0 and self.milliseconds else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made in the target, of one kind."""

    kind: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotConverted:
    """Something of the source that the target does not have, why, and its own text."""

    kind: str
    name: str
    table: str = ""
    why: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A value that was found, and the key of its row."""

    key: tuple[Shown, ...]
    value: Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a conversion loses, and who accepted it.

    `verdict` is "accepted" (a rule took it) or "noted" (no value changes); `examples` are the
    first rows that have it.
    """

    table: str
    column: str
    what: str
    values: int | None = None
    accepted: str = ""
    verdict: str = "accepted"
    examples: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleansed:
    """Values that a rule changed on their way."""

    table: str
    column: str
    rule: str
    values: int
    examples: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A row that was put aside, with its values."""

    table: str
    reason: str
    key: tuple[Shown, ...] = ()
    row: tuple[Named, ...] = ()
    migration: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why rows of a table were put aside, and how many."""

    table: str
    reason: str
    rows: int
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A rule that was checked."""

    rule: str
    passed: bool
    when: str = ""
    severity: str = "error"
    table: str = ""
    says: str = ""
    rows: int | None = None
    examples: tuple[str, ...] = ()

    @property
    def forbids(self) -> bool:
        """Whether it failed and that counts."""
        return not self.passed and self.severity == "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """Rows that were put right."""

    table: str
    action: str
    rows: int
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number that stands beside a verdict."""

    label: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What all of it comes to, in a word, in a sentence and in numbers."""

    tone: Tone
    word: str
    says: str
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of it. `started_at` is a moment as the journal writes it; what is not there is empty.

    `rejected` counts all rejects, of which `rejects` has the first; `reasons` counts them all.
    `miscounted` are tables, in words, that have another number of rows than were written,
    `not_made` is what the target's server refused while it was being made.
    """

    kind: Kind
    title: str
    command: str
    whimbrel: str
    started_at: str
    milliseconds: int
    by: str
    databases: tuple[Database, ...] = ()
    tables: tuple[Table, ...] = ()
    migrations: tuple[Migration, ...] = ()
    live_changes: tuple[LiveChange, ...] = ()
    copied: tuple[Copied, ...] = ()
    made: tuple[Made, ...] = ()
    not_converted: tuple[NotConverted, ...] = ()
    not_made: tuple[NotConverted, ...] = ()
    counted: tuple[Counted, ...] = ()
    profiles: tuple[Profile, ...] = ()
    sides: tuple[str, str] = ("before", "after")
    throughput: tuple[Throughput, ...] = ()
    validation: tuple[Validation, ...] = ()
    losses: tuple[Loss, ...] = ()
    cleansed: tuple[Cleansed, ...] = ()
    rejected: int = 0
    rejects: tuple[Reject, ...] = ()
    reasons: tuple[Reason, ...] = ()
    miscounted: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()
    stopped: str = ""
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Return what all of it comes to."""
        if self.kind is Kind.VERIFICATION:
            return _compared(self)
        if self.kind is Kind.TRANSFER:
            return _transferred(self)
        return _migrated(self)

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values, the verdict among them."""
        values = _plain(self)
        if not isinstance(values, dict):
            raise TypeError("a report is an object")
        return {**values, "verdict": _plain(self.verdict)}


def validations(outcomes: Iterable[Mapping[str, object]]) -> tuple[Validation, ...]:
    """Return the outcomes of rules, which come as `proof.rules.Outcome.as_json()`."""
    return tuple(_validation(one) for one in outcomes)


def _validation(given: Mapping[str, object]) -> Validation:
    def text(name: str) -> str:
        return str(given.get(name) or "")

    offending, examples = given.get("offending"), given.get("examples")
    return Validation(
        rule=text("rule") or text("rule_says"),
        passed=given.get("passed") is True,
        when=text("when"),
        severity=text("severity") or "error",
        table=text("table"),
        says="" if given.get("passed") is True else text("says"),
        rows=offending if isinstance(offending, int) else None,
        examples=tuple(map(str, examples)) if isinstance(examples, list | tuple) else (),
    )


# --- verdicts -------------------------------------------------------------------------------


def _compared(report: Report) -> Verdict:
    tables = report.tables
    of = words.count(len(tables), "table")
    wrong = [t for t in tables if t.outcome in _WRONG]
    moving = [t for t in tables if t.outcome is Outcome.MOVING]
    left = [t for t in tables if t.outcome is Outcome.NOT_COMPARED]
    rows = sum(max(t.rows_source or 0, t.rows_target or 0) for t in tables)
    differences = sum(t.differences for t in tables)
    figures = (
        Figure(label="tables compared", number=len(tables) - len(left)),
        Figure(label="rows compared", number=rows),
        Figure(label="rows that differ", number=differences),
    )
    failed = sum(one.forbids for one in report.validation)
    if report.stopped:
        return Verdict(
            tone=Tone.BAD, word="Stopped", says="the comparison was not finished", figures=figures
        )
    if wrong:
        says = f"{len(wrong):,} of {of}"
        return Verdict(tone=Tone.BAD, word="Different", says=says, figures=figures)
    if failed:
        says = f"{words.count(failed, 'rule')} of {len(report.validation):,}"
        return Verdict(tone=Tone.BAD, word="Rules broken", says=says, figures=figures)
    if moving:
        says = f"{len(moving):,} of {of} kept changing while being compared"
        return Verdict(tone=Tone.WARNING, word="Still moving", says=says, figures=figures)
    if left or not tables:
        says = f"{len(left):,} of {of} could not be compared" if tables else "nothing was compared"
        return Verdict(tone=Tone.WARNING, word="Not proven", says=says, figures=figures)
    sampled = sum(t.sample is not None for t in tables)
    if sampled:
        says = f"no difference in what was looked at: {sampled:,} of {of} by a sample"
        return Verdict(tone=Tone.WARNING, word="Equal in a sample", says=says, figures=figures)
    all_of = "the one table" if len(tables) == 1 else f"all {of}"
    return Verdict(tone=Tone.GOOD, word="Equal", says=f"{all_of}, row by row", figures=figures)


_WRONG = frozenset({Outcome.DIFFERENT, Outcome.ONLY_SOURCE, Outcome.ONLY_TARGET})


def _transferred(report: Report) -> Verdict:
    compared = [t for t in report.tables if t.outcome is not Outcome.NOT_COMPARED]
    wrong = [t for t in compared if t.outcome is not Outcome.EQUAL]
    differences = sum(t.differences for t in compared)
    rows = sum(one.written for one in report.copied)
    figures = (
        Figure(label="tables", number=len(report.copied)),
        Figure(label="rows copied", number=rows),
        Figure(label="rows that differ", number=differences),
        *((Figure(label="rows rejected", number=report.rejected),) if report.rejected else ()),
    )
    of = words.count(len(report.tables), "table")
    missing = sum(t.only_source for t in wrong)
    # Rows that were put aside are missing in the target, and nothing else may be.
    only_rejects = differences == missing <= report.rejected and all(
        t.outcome is Outcome.DIFFERENT and t.differences for t in wrong
    )
    if wrong and not only_rejects:
        says = f"{len(wrong):,} of {of}"
        return Verdict(tone=Tone.BAD, word="Different", says=says, figures=figures)
    if report.miscounted:
        says = "; ".join(report.miscounted)
        return Verdict(tone=Tone.BAD, word="Miscounted", says=says, figures=figures)
    left = len(report.tables) - len(compared)
    in_part = sum(bool(t.columns_left_out) for t in compared)
    refused = words.count(len(report.not_made), "object")
    refused += " was" if len(report.not_made) == 1 else " were"
    if report.rejected:
        said = words.count(report.rejected, "row")
        were = "was" if report.rejected == 1 else "were"
        rest = "" if left else "; all others are the same on both sides"
        says = f"{said} {were} rejected{rest}"
        if report.not_made:
            says += f"; {refused} refused by the target"
        return Verdict(tone=Tone.WARNING, word="Done with rejects", says=says, figures=figures)
    if report.not_made:
        says = f"{refused} refused by the target, and {_are(len(report.not_made))} not there"
        return Verdict(tone=Tone.WARNING, word="Not all of it", says=says, figures=figures)
    if not report.copied:
        made = words.count(sum(len(one.names) for one in report.made), "object")
        return Verdict(tone=Tone.GOOD, word="Schema made", says=f"{made}, no rows", figures=figures)
    if left:
        if not compared:
            says = f"none of {of} was compared"
            return Verdict(tone=Tone.WARNING, word="Not proven", says=says, figures=figures)
        says = f"{len(compared):,} of {of} {_are(len(compared))} equal row by row; "
        says += f"{left:,} could not be compared, or {'was' if left == 1 else 'were'} not to be"
        return Verdict(tone=Tone.WARNING, word="Proven in part", says=says, figures=figures)
    if in_part:
        says = f"{of} compared row by row, {in_part:,} without the columns that rules make"
        return Verdict(tone=Tone.WARNING, word="Proven in part", says=says, figures=figures)
    all_of = "the one table" if len(compared) == 1 else f"all {of}"
    says = f"{all_of}, compared row by row"
    return Verdict(tone=Tone.GOOD, word="Transferred", says=says, figures=figures)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _migrated(report: Report) -> Verdict:
    done = [m for m in report.migrations if m.status == "done"]
    steps = sum(sum(step.times for step in m.steps) + m.steps_left_out for m in report.migrations)
    rows = sum(m.rows for m in report.migrations)
    figures = (
        Figure(label="migrations done", number=len({m.id for m in done})),
        Figure(label="steps", number=steps),
        Figure(label="rows changed", number=rows),
        *((Figure(label="rows rejected", number=report.rejected),) if report.rejected else ()),
    )
    failed = next((m for m in report.migrations if m.status == "failed"), None)
    if failed is not None:
        step = next((s for s in failed.steps if s.status not in {"done", "taken back"}), None)
        at = f", at step {step.position}" if step is not None else ""
        says = f"{failed.id}{at}"
        return Verdict(tone=Tone.BAD, word="Failed", says=says, figures=figures)
    if report.stopped:
        return Verdict(tone=Tone.BAD, word="Stopped", says=report.stopped, figures=figures)
    broken = sum(one.forbids for one in report.validation)
    if broken:
        says = f"{words.count(broken, 'rule')} of {len(report.validation):,}"
        return Verdict(tone=Tone.BAD, word="Rules broken", says=says, figures=figures)
    did = _did(report.migrations)
    count = words.count(len({m.id for m in done}), "migration")
    if report.rejected:
        said = words.count(report.rejected, "row")
        were = "was" if report.rejected == 1 else "were"
        says = f"{count} {did}, but {said} {were} rejected"
        return Verdict(tone=Tone.WARNING, word="Done with rejects", says=says, figures=figures)
    return Verdict(tone=Tone.GOOD, word="Done", says=f"{count} {did}", figures=figures)


_DID = {"up": "applied", "live": "live", "complete": "completed"}


def _did(migrations: Iterable[Migration]) -> str:
    """Say what became of all migrations; of a live change its newest part counts."""
    newest = {one.id: _DID.get(one.direction, "taken back") for one in migrations}
    found = set(newest.values())
    if "taken back" in found:
        return "taken back"
    return found.pop() if len(found) == 1 else "applied"


# --- plain values ---------------------------------------------------------------------------


def _plain(value: object) -> object:
    if isinstance(value, LiveChange):
        return {**_fields(value), "equal": value.equal}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, StrEnum):
        return value.value
    return value


def _fields(value: DataclassInstance) -> dict[str, object]:
    return {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
