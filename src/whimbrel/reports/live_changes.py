"""What a command did of live changes, by what it told, and whether they can be taken back.

The journal keeps the phase and the shapes; how many rows were compared in how many ranges, and
who was waited for, is said while it happens and nowhere else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from whimbrel import clock as clocks
from whimbrel import config, events
from whimbrel.engines import base
from whimbrel.migrations import live
from whimbrel.online import looking
from whimbrel.reports import report as reports

# So many who held a lock are named.
_MOST_BLOCKERS: Final = 10
_COMPLETE, _REVERTED = "complete", "reverted"


@dataclass(slots=True, kw_only=True)
class _Change:
    """One live change as its events tell it."""

    facts: reports.LiveChange
    phases: list[reports.Phase] = field(default_factory=list)
    batched: set[int] = field(default_factory=set)
    blockers: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    waiting_since: float | None = None
    filling: bool = False

    def add(self, **more: int) -> None:
        """Count something."""
        sums = {name: getattr(self.facts, name) + number for name, number in more.items()}
        self.facts = dataclasses.replace(self.facts, **sums)


class Log:
    """What was told of live changes while a command went on."""

    def __init__(self, *, clock: clocks.Clock) -> None:
        self._clock = clock
        self._found: dict[str, _Change] = {}
        self._now: _Change | None = None

    @property
    def migrations(self) -> tuple[str, ...]:
        """Return the live changes that were worked on, in order."""
        return tuple(self._found)

    def add(self, event: events.Event) -> None:
        """Remember what an event says of a live change."""
        if isinstance(event, events.ShapesNamed):
            self._begin(event)
        elif isinstance(event, events.MigrationStarted) and event.migration not in self._found:
            self._now = None
        one = self._now
        if one is None:
            return
        if not isinstance(event, events.LockAwaited | events.Waiting):
            self._waited(one)
        match event:
            case events.MigrationStarted():
                one.filling = event.direction == "live"
            case events.PhaseDone():
                took = round(event.seconds * 1000)
                one.phases.append(reports.Phase(name=event.phase, milliseconds=took))
            case events.BatchDone() if one.filling:
                one.batched.add(event.position)
                one.add(filled=event.written)
            case events.StepDone() if one.filling and event.position not in one.batched:
                one.add(filled=event.rows or 0)
            case events.ShapesCompared():
                one.add(compared=event.rows, ranges=1, refilled=event.astray, different=event.left)
            case events.LockAwaited():
                self._awaited(one, event)
            case events.Noticed():
                one.said.append(event.what)

    def changes(self, states: Mapping[str, looking.State] | None) -> tuple[reports.LiveChange, ...]:
        """Return what was done; `states` has those that are open now, None if nobody could look."""
        return tuple(self._change(one, states) for one in self._found.values())

    def _begin(self, event: events.ShapesNamed) -> None:
        def mapped(pairs: tuple[tuple[str, str], ...]) -> tuple[reports.Mapped, ...]:
            return tuple(
                reports.Mapped(column=column, made_of=config.hidden(text)) for column, text in pairs
            )

        if event.migration not in self._found:
            facts = reports.LiveChange(
                migration=event.migration,
                table=event.table,
                mode=event.mode,
                up=mapped(event.up),
                down=mapped(event.down),
            )
            self._found[event.migration] = _Change(facts=facts, filling=True)
        self._now = self._found[event.migration]

    def _awaited(self, one: _Change, event: events.LockAwaited) -> None:
        if one.waiting_since is None:
            one.waiting_since = self._clock.seconds() - event.waited
            one.add(waits=1)
        one.add(tries=1)
        for blocker in event.blockers:
            who = config.hidden(blocker)
            if who not in one.blockers and len(one.blockers) < _MOST_BLOCKERS:
                one.blockers.append(who)

    def _waited(self, one: _Change) -> None:
        """Count a wait that is over."""
        if one.waiting_since is None:
            return
        waited = round((self._clock.seconds() - one.waiting_since) * 1000)
        one.facts = dataclasses.replace(one.facts, longest=max(one.facts.longest, waited))
        one.waiting_since = None

    def _change(
        self, one: _Change, states: Mapping[str, looking.State] | None
    ) -> reports.LiveChange:
        self._waited(one)
        facts = dataclasses.replace(
            one.facts, phases=tuple(one.phases), blockers=tuple(one.blockers)
        )
        ended = one.phases[-1].name if one.phases else ""
        if ended == _COMPLETE:
            return _said(facts, "it is complete: the old shape is gone", *one.said)
        if ended == _REVERTED:
            return _said(facts, "it was taken back: the new shape is gone", *one.said)
        state = states.get(facts.migration) if states is not None else None
        if state is None:
            why = "nobody could look" if states is None else "it is not open"
            return _said(facts, f"not known: {why}", *one.said)
        if state.doing is not None:
            return _said(facts, f"{state.doing} was begun, and is to be finished", *one.said)
        return dataclasses.replace(
            _said(facts, _way_back(state), *one.said),
            lossy=state.lossy,
            first=state.first,
            columns=state.columns,
        )


def look(
    session: base.Session, clock: clocks.Clock, migrations: tuple[str, ...]
) -> dict[str, looking.State]:
    """Return those of these live changes that are open now."""
    if not migrations:
        return {}
    rows = [row for row in live.rows(session, clock) if row.migration in migrations]
    found = looking.states(session, rows, compare=False)
    return {one.migration: one for one in found}


def _way_back(state: looking.State) -> str:
    if state.lossy is None:
        return "going back loses nothing: only the old shape is written to"
    if not state.lossy:
        return "going back loses nothing"
    return "going back would change or lose rows"


def _said(facts: reports.LiveChange, *words: str) -> reports.LiveChange:
    return dataclasses.replace(facts, way_back="; ".join(words))
