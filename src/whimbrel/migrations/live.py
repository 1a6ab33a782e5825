"""What migrations know of live changes: that there are some, and who does them.

How one is done is the work of `online`, which stands above this room; it comes in by its name
when the first migration asks for it.
"""

from __future__ import annotations

import abc
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from whimbrel import clock as clocks
from whimbrel import errors, pacing
from whimbrel.engines import base
from whimbrel.journal import journal, live
from whimbrel.migrations import keeping, loader
from whimbrel.migrations import plan as plans

if TYPE_CHECKING:
    from whimbrel.migrations import runner

_HOME: Final = "whimbrel.online.conductor"

# The phases of a live change, in order: the names that `--until` takes.
PHASES: Final = ("expanded", "mirrored", "backfilled", "verified", "swapped")
# From here on the window is open in which it can be taken back.
OPEN: Final = "swapped"
COMPLETE, REVERT = "complete", "revert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked of live changes: to stop after a phase, to be completed at once.

    `accept_loss` lets going back change or lose rows; what they have is kept then.
    """

    until: str | None = None
    complete: bool = False
    accept_loss: bool = False

    def __post_init__(self) -> None:
        if self.until is not None and self.until not in PHASES:
            raise errors.UsageError(
                f"{self.until!r} is no phase of a live change",
                remedy=f"use one of: {', '.join(PHASES)}",
            )
        if self.until not in {None, OPEN} and self.complete:
            raise errors.UsageError(
                "a live change cannot stop half-way and be complete",
                remedy="leave out --until or --complete",
            )


NOTHING: Final = Wish()


class Conductor(abc.ABC):
    """Plans and does live changes; `wish` says how far."""

    @abc.abstractmethod
    def plan(
        self,
        session: base.Session,
        file: loader.MigrationFile,
        planned: base.Planned,
        row: live.LiveRow | None,
        *,
        sql_dialect: str | None,
        config: pacing.OnlineConfig,
        keep: keeping.Time,
        wish: Wish,
    ) -> plans.MigrationPlan | None:
        """Say what is left of it to do; None where nobody can be at the table yet."""

    @abc.abstractmethod
    def plan_back(
        self,
        session: base.Session,
        file: loader.MigrationFile,
        row: live.LiveRow,
        *,
        wish: Wish,
    ) -> plans.MigrationPlan:
        """Say what taking it back will do."""

    @abc.abstractmethod
    def up(
        self,
        working: runner.Runner,
        file: loader.MigrationFile,
        config: pacing.OnlineConfig,
        wish: Wish,
    ) -> None:
        """Take it as far as it is to go."""

    @abc.abstractmethod
    def complete(
        self, working: runner.Runner, file: loader.MigrationFile, config: pacing.OnlineConfig
    ) -> None:
        """Remove the old shape, once all code uses the new one."""

    @abc.abstractmethod
    def revert(
        self,
        working: runner.Runner,
        file: loader.MigrationFile,
        config: pacing.OnlineConfig,
        wish: Wish,
    ) -> None:
        """Take it back."""


def conductor() -> Conductor:
    """Return who does live changes."""
    return cast("Conductor", importlib.import_module(_HOME).CONDUCTOR)


def going(known: Sequence[journal.MigrationRow], wish: Wish) -> list[str]:
    """Return the live changes that `up` goes on with."""
    states = {journal.Applied.GOING_LIVE.value}
    if wish.complete:
        states.add(journal.Applied.LIVE.value)
    return [row.id for row in known if row.status in states]


def rows(session: base.Session, clock: clocks.Clock) -> list[live.LiveRow]:
    """Return the live changes that are open, as far as the journal knows any."""
    notes = live.Live(session, clock)
    return notes.read() if notes.exists() else []


def refuse_dry(plan: plans.Plan) -> None:
    """Raise RefusedError for a live change, which no transaction could take back."""
    for one in plan.migrations:
        if one.live:
            raise errors.RefusedError(
                f"{one.id} is a live change, which goes through several transactions",
                database=plan.database,
                left="nothing was changed",
                remedy="see its phases with their SQL and locks:  whimbrel plan\n"
                "or try it on a copy:  whimbrel rehearse",
            )


def refuse_touching(plan: plans.MigrationPlan, open_: Sequence[tuple[str, str]]) -> None:
    """Raise LiveChangeOpen if a migration touches a table of which a live change is open.

    `open_` pairs migrations with the tables that they change.
    """
    touched = {name.casefold() for step in plan.steps for name in step.tables}
    for migration, table in open_:
        if migration != plan.id and table.casefold() in touched:
            raise errors.LiveChangeOpen(plan.id, table=table, live=migration)
