"""Say of live changes that are open how far they are, and whether going back loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base, mirrors
from whimbrel.journal import live as notes
from whimbrel.migrations import live
from whimbrel.online import change as changes
from whimbrel.online import moves, patience, shapes


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One live change as `whimbrel online status` shows it.

    `phase` is the last one that is done, since `since`; `doing` is "complete" or "revert" where
    one of them was begun. `astray` is how many rows differ in both shapes, None where there are
    not both yet. `lossy` is how many rows going back would change or lose, `first` the keys of
    some of them, and `columns` what the old shape cannot say. `blockers` hold locks on the table.
    """

    migration: str
    table: str
    mode: str
    phase: str
    doing: str | None
    began_at: str
    since: str
    triggers: str
    astray: int | None = None
    lossy: int | None = None
    first: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()

    @property
    def lossless(self) -> bool | None:
        """Whether going back loses nothing; None where nobody can tell."""
        return None if self.lossy is None else self.lossy == 0

    @property
    def to_do(self) -> str:
        """The command that goes on."""
        if self.doing is not None:
            return f"whimbrel online {self.doing} {self.migration}"
        if self.phase == live.OPEN:
            return f"whimbrel online complete {self.migration}"
        return "whimbrel up"

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "migration": self.migration,
            "table": self.table,
            "mode": self.mode,
            "phase": self.phase,
            "doing": self.doing,
            "began_at": self.began_at,
            "since": self.since,
            "triggers": self.triggers,
            "rows_astray": self.astray,
            "lossless": self.lossless,
            "rows_lossy": self.lossy,
            "first_lossy": list(self.first),
            "columns_lossy": list(self.columns),
            "blockers": list(self.blockers),
            "to_do": self.to_do,
        }


def states(
    session: base.Session, rows: Sequence[notes.LiveRow], *, compare: bool = True
) -> list[State]:
    """Return the live changes that are open, as they are now.

    Without `compare` nobody counts rows that differ in both shapes.
    """
    return [_state(session, row, compare=compare) for row in rows]


def chosen(rows: Sequence[notes.LiveRow], wanted: str | None) -> list[notes.LiveRow]:
    """Return the live changes that are meant; raise NoLiveChange."""
    if wanted is None:
        return list(rows)
    found = [row for row in rows if row.migration == wanted]
    if not found:
        raise errors.NoLiveChange(wanted, known=[row.migration for row in rows])
    return found


def _state(session: base.Session, row: notes.LiveRow, *, compare: bool) -> State:
    change = changes.from_json(row.facts)
    mirror = session.engine.mirror(session)
    presence = mirror.presence(change.shape) if change.mirrored else mirrors.Presence.NONE
    session.rollback()
    astray = lossy = None
    first: list[str] = []
    if presence is mirrors.Presence.WHOLE and row.doing is None:
        filled = moves.ORDER[row.phase] >= moves.ORDER[moves.BACKFILLED]
        # Before the rows are filled they are all astray; that is no news.
        astray = shapes.count(session, change) if filled and compare else None
        lossy, first = shapes.lossy(session, change, filled=filled)
        session.rollback()
    elif not change.mirrored:
        lossy = 0
    return State(
        migration=row.migration,
        table=change.table,
        mode=change.mode.value,
        phase=row.phase,
        doing=row.doing,
        began_at=row.began_at,
        since=row.since,
        triggers=presence.value if change.mirrored else "not needed",
        astray=astray,
        lossy=lossy,
        first=tuple(first),
        columns=tuple(shapes.losing(change)) if lossy else (),
        blockers=_blockers(session, change),
    )


def _blockers(session: base.Session, change: changes.Change) -> tuple[str, ...]:
    try:
        found = session.engine.mirror(session).blockers(change.table)
    except sa.exc.DBAPIError:
        return ()  # a right is missing: then nobody is named
    finally:
        session.rollback()
    return tuple(map(patience.described, found))
