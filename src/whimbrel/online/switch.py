"""Which side leads, and whether the other one is written to: rows that every write looks at.

They lie in both databases, so that a write asks its own alone. The kill switch is also in the
environment, for when the database cannot be reached by whoever has to switch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel.engines import owners
from whimbrel.online import outbox

OLD: Final = "old"
NEW: Final = "new"
# Whoever leads is being changed: nobody may write until it is done.
NOBODY: Final = "nobody"
ON: Final = "on"
OFF: Final = "off"

# Names of pairs, with commas between them, whose second side is not written to; * is all.
VARIABLE: Final = "WHIMBREL_DUAL_WRITE_OFF"

_LEADS: Final = "leads"
_WRITES: Final = "writes"
_TABLE: Final = outbox.SETTINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for a pair now."""

    leads: str
    writes: bool


def is_off_here(pair: str) -> bool:
    """Say whether the environment switches the second side off."""
    named = {name.strip() for name in os.environ.get(VARIABLE, "").split(",")}
    return pair in named or "*" in named


def read(hand: owners.Hand, pair: str, *, lock: bool = True) -> Settings | None:
    """Return what holds, in the transaction that is open; None if the pair is not known here.

    Who leads stays so until that transaction ends, so that nobody changes it under a write. The
    switch is read without a lock: it has to work at once.
    """
    writes = (
        sa.select(_TABLE.c.value)
        .where(_TABLE.c.pair == pair, _TABLE.c.setting == _WRITES)
        .scalar_subquery()
    )
    asked = sa.select(_TABLE.c.value.label("leads"), writes.label("writes")).where(
        _TABLE.c.pair == pair, _TABLE.c.setting == _LEADS
    )
    rows = hand.rows(asked.with_for_update(read=True) if lock else asked)
    if not rows:
        return None
    leads, value = rows[0]
    return Settings(leads=str(leads), writes=value != OFF and not is_off_here(pair))


def enter(hand: owners.Hand, pair: str, *, leads: str, clock: clocks.Clock) -> None:
    """Write down a pair that is not known here."""
    for setting, value in ((_LEADS, leads), (_WRITES, ON)):
        here = (_TABLE.c.pair == pair, _TABLE.c.setting == setting)
        if not hand.rows(sa.select(_TABLE.c.value).where(*here)):
            hand.run(sa.insert(_TABLE).values(pair=pair, setting=setting, **_changed(value, clock)))


def lead(hand: owners.Hand, pair: str, side: str, clock: clocks.Clock) -> None:
    """Say who leads from now on; it waits for the transactions that are writing."""
    _set(hand, pair, _LEADS, side, clock)


def write(hand: owners.Hand, pair: str, value: str, clock: clocks.Clock) -> int:
    """Switch the second side on or off; return whether the pair is known here."""
    return _set(hand, pair, _WRITES, value, clock)


def _set(hand: owners.Hand, pair: str, setting: str, value: str, clock: clocks.Clock) -> int:
    return hand.run(
        sa.update(_TABLE)
        .where(_TABLE.c.pair == pair, _TABLE.c.setting == setting)
        .values(**_changed(value, clock))
    )


def _changed(value: str, clock: clocks.Clock) -> dict[str, str]:
    return {"value": value, "changed_at": clocks.stamp(clock.now()), "changed_by": outbox.me()}
