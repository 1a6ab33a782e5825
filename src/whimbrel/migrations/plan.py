"""A plan is a value: what a run will do, step by step, before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel import errors, words
from whimbrel.migrations.checks import finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeps:
    """What a step will keep so that it can be given back.

    About how many rows and bytes (None: seen while running), and for how long, in words; `most`
    says that there are no more, and may be far less.
    """

    rows: int | None
    bytes: int | None
    time: str
    most: bool = False

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {"rows": self.rows, "bytes": self.bytes, "time": self.time}

    def __str__(self) -> str:
        if self.rows is None:
            return f"keeps what it changes, for {self.time}"
        size = f", {words.size(self.bytes)}" if self.bytes is not None else ""
        about = "at most" if self.most else "about"
        return f"keeps {about} {words.count(self.rows, 'row')}{size}, for {self.time}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step.

    `times` is how often the same statement came from the same line of a loop, 0 in a loop over
    batches, where that is seen while running. `rows` is about how many rows a step in batches
    works through, None if that is not known; `keeps` what it keeps for the way back. `tables` are
    those it touches, `waits` says who waits meanwhile ("", "writers", "readers and writers"), and
    `work` what it goes through while they do: "nothing" but the catalog, or it "reads" or "writes"
    the whole table.
    """

    position: int
    kind: str
    words: str
    statements: tuple[str, ...]
    lock: str
    reversible: bool
    irreversible_because: str = ""
    where: str = ""
    times: int = 1
    done: bool = False
    note: str = ""
    rows: int | None = None
    keeps: Keeps | None = None
    tables: tuple[str, ...] = ()
    waits: str = ""
    work: str = "nothing"

    def as_json(self) -> dict[str, object]:
        """Return the step as plain values."""
        return {
            "position": self.position,
            "kind": self.kind,
            "step": self.words,
            "sql": list(self.statements),
            "lock": self.lock,
            "reversible": self.reversible,
            "irreversible_because": self.irreversible_because,
            "where": self.where,
            "times": self.times,
            "done": self.done,
            "note": self.note,
            "rows": self.rows,
            "keeps": self.keeps.as_json() if self.keeps else None,
            "tables": list(self.tables),
            "waits": self.waits,
            "work": self.work,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationPlan:
    """One migration; `undecided` says why the rest is decided while running, if it is.

    `too_large` is the table because of which it is not one transaction, if there is one.
    `beside` is the table whose users go on meanwhile, for which steps commit one by one.
    `rules_before` and `rules_after` are what will be asked around it, in words; `findings` is
    what the checks have to say of it.
    """

    id: str
    direction: str
    doc: str
    whole: bool
    rebuilds: bool
    reversible: bool
    steps: tuple[PlannedStep, ...]
    undecided: str | None = None
    problem: errors.WhimbrelError | None = None
    resumes: bool = False
    too_large: str = ""
    beside: str = ""
    rules_before: tuple[str, ...] = ()
    rules_after: tuple[str, ...] = ()
    findings: tuple[finding.Finding, ...] = ()
    live: bool = False

    @property
    def count(self) -> int | None:
        """How many steps there are, or None while that is undecided."""
        return None if self.undecided else sum(step.times for step in self.steps)

    def as_json(self) -> dict[str, object]:
        """Return the plan of this migration as plain values."""
        return {
            "migration": self.id,
            "direction": self.direction,
            "doc": self.doc,
            "one_transaction": self.whole,
            "rebuilds_table": self.rebuilds,
            "reversible": self.reversible,
            "resumes": self.resumes,
            "live": self.live,
            "too_large_for_one_transaction": self.too_large or None,
            "beside_users_of": self.beside or None,
            "rules_before": list(self.rules_before),
            "steps": [step.as_json() for step in self.steps],
            "rules_after": list(self.rules_after),
            "findings": [one.as_json() for one in self.findings],
            "undecided": self.undecided,
            "problem": self.problem.as_json() if self.problem else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one command will do to one database."""

    database: str
    engine: str
    direction: str
    migrations: tuple[MigrationPlan, ...]

    @property
    def problem(self) -> errors.WhimbrelError | None:
        """The first thing that forbids this plan, or None."""
        return next((m.problem for m in self.migrations if m.problem), None)

    @property
    def refused(self) -> bool:
        """Whether `up` does not begin because of what the checks found."""
        return any(one.refuses for m in self.migrations if not m.resumes for one in m.findings)

    def of(self, migration: str) -> MigrationPlan | None:
        """Return the plan of one migration."""
        return next((m for m in self.migrations if m.id == migration), None)

    def as_json(self) -> dict[str, object]:
        """Return the plan as plain values."""
        return {
            "database": self.database,
            "engine": self.engine,
            "direction": self.direction,
            "migrations": [migration.as_json() for migration in self.migrations],
        }
