"""The outbox: what has still to be written to the second side, in the leading database.

A row is written in the application's own transaction, so that it is there exactly if what it is
about is there. Taking rows out and writing them to the other side is the work of `delivery.py`;
here is only how they lie in their table, and who may take them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel.engines import base, owners

METADATA: Final = sa.MetaData()
_OPTIONS: Any = base.TABLE_OPTIONS
_COUNTED: Any = owners.COUNTED

PENDING: Final = "pending"
DEAD: Final = "dead"

# One row for each write that the other side has still to get. `key_hash` is what rows are kept
# in order by; `payload` is None where the row of the key is read again when it is delivered.
OUTBOX: Final = sa.Table(
    f"{base.OUR_PREFIX}outbox",
    METADATA,
    sa.Column("id", owners.COUNTING, primary_key=True, autoincrement=True),
    sa.Column("pair", sa.String(128), nullable=False),
    sa.Column("side", sa.String(8), nullable=False),
    sa.Column("operation", sa.String(128), nullable=False),
    sa.Column("key_hash", sa.String(64), nullable=False),
    sa.Column("key_text", base.LONG_TEXT, nullable=False),
    sa.Column("payload", base.LONG_TEXT),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_try", sa.String(32), nullable=False),
    sa.Column("claimed_by", sa.String(255)),
    sa.Column("claimed_until", sa.String(32)),
    sa.Column("error", base.LONG_TEXT),
    sa.Column("written_at", sa.String(32), nullable=False),
    # An index that comes with its table.
    sa.UniqueConstraint("pair", "side", "key_hash", "id"),
    **_COUNTED,
)

# In the database that is written to: what was delivered, committed with what was written. An
# older write of a row that comes late is known by it, and so is one that comes twice.
DELIVERED: Final = sa.Table(
    f"{base.OUR_PREFIX}delivered",
    METADATA,
    sa.Column("pair", sa.String(128), primary_key=True),
    sa.Column("side", sa.String(8), primary_key=True),
    sa.Column("mark", sa.String(80), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("delivered_at", sa.String(32), nullable=False),
    **_OPTIONS,
)

# In both databases: which side leads, and whether the other one is written to.
SETTINGS: Final = sa.Table(
    f"{base.OUR_PREFIX}dual_writes",
    METADATA,
    sa.Column("pair", sa.String(128), primary_key=True),
    sa.Column("setting", sa.String(16), primary_key=True),
    sa.Column("value", sa.String(16), nullable=False),
    sa.Column("changed_at", sa.String(32), nullable=False),
    sa.Column("changed_by", sa.String(255), nullable=False),
    **_OPTIONS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A row of the outbox."""

    id: int
    pair: str
    side: str
    operation: str
    key_hash: str
    key: str
    payload: str | None
    status: str
    tries: int
    next_try: str
    error: str | None
    written_at: str

    def as_json(self) -> dict[str, object]:
        """Return it as plain values, without what is to be written."""
        return {
            "id": self.id,
            "pair": self.pair,
            "side": self.side,
            "operation": self.operation,
            "key": json.loads(self.key),
            "status": self.status,
            "tries": self.tries,
            "next_try": self.next_try,
            "error": self.error,
            "written_at": self.written_at,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What of a pair is still in the outbox; `since` is when the oldest of it was written."""

    pair: str
    side: str
    leads: str
    writes: bool
    pending: int
    dead: int
    since: str | None

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "pair": self.pair,
            "side": self.side,
            "leads": self.leads,
            "writes": self.writes,
            "pending": self.pending,
            "dead": self.dead,
            "since": self.since,
        }


_COLUMNS: Final = (
    OUTBOX.c.id,
    OUTBOX.c.pair,
    OUTBOX.c.side,
    OUTBOX.c.operation,
    OUTBOX.c.key_hash,
    OUTBOX.c.key_text,
    OUTBOX.c.payload,
    OUTBOX.c.status,
    OUTBOX.c.tries,
    OUTBOX.c.next_try,
    OUTBOX.c.error,
    OUTBOX.c.written_at,
)


def hashed(key: str) -> str:
    """Return what stands for a key of any length."""
    return hashlib.sha256(key.encode()).hexdigest()


def me() -> str:
    """Return who changes a setting or takes rows."""
    return f"{socket.gethostname()}:{os.getpid()}"[:255]


def create(hand: owners.Hand) -> None:
    """Make the tables of ours that are not there; on a connection of its own."""
    for table in METADATA.sorted_tables:
        hand.run(sa.schema.CreateTable(table, if_not_exists=True))


def put(
    hand: owners.Hand,
    *,
    pair: str,
    side: str,
    operation: str,
    key: str,
    payload: str | None,
    clock: clocks.Clock,
) -> None:
    """Write a row, in the transaction that is open."""
    now = clocks.stamp(clock.now())
    hand.run(
        sa.insert(OUTBOX).values(
            pair=pair,
            side=side,
            operation=operation,
            key_hash=hashed(key),
            key_text=key,
            payload=payload,
            status=PENDING,
            tries=0,
            next_try=now,
            written_at=now,
        )
    )


def is_waiting(hand: owners.Hand, *, pair: str, side: str, key: str, lock: bool = True) -> bool:
    """Say whether something of a key has not been delivered yet.

    With `lock` it stays so until the transaction ends, and what others have just committed counts.
    """
    asked = (
        sa.select(OUTBOX.c.id)
        .where(OUTBOX.c.pair == pair, OUTBOX.c.side == side, OUTBOX.c.key_hash == hashed(key))
        .limit(1)
    )
    return bool(hand.rows(asked.with_for_update(read=True) if lock else asked))


def heads(
    hand: owners.Hand, *, pair: str, side: str, limit: int, clock: clocks.Clock
) -> list[Waiting]:
    """Return the oldest row of each key, of those that are due and that nobody has taken."""
    now = clocks.stamp(clock.now())
    first = (
        sa.select(sa.func.min(OUTBOX.c.id).label("id"))
        .where(OUTBOX.c.pair == pair, OUTBOX.c.side == side)
        .group_by(OUTBOX.c.key_hash)
        .subquery()
    )
    asked = (
        sa.select(*_COLUMNS)
        .join(first, first.c.id == OUTBOX.c.id)
        .where(
            OUTBOX.c.status == PENDING,
            OUTBOX.c.next_try <= now,
            sa.or_(OUTBOX.c.claimed_until.is_(None), OUTBOX.c.claimed_until < now),
        )
        .order_by(OUTBOX.c.id)
        .limit(limit)
    )
    return [_waiting(row) for row in hand.rows(asked)]


def claim(hand: owners.Hand, head: Waiting, *, seconds: float, clock: clocks.Clock) -> bool:
    """Take a key for so many seconds, by its oldest row; say whether nobody else had it."""
    now = clock.now()
    until = clocks.stamp(now + dt.timedelta(seconds=seconds))
    taken = hand.run(
        sa.update(OUTBOX)
        .where(
            OUTBOX.c.id == head.id,
            OUTBOX.c.status == PENDING,
            sa.or_(OUTBOX.c.claimed_until.is_(None), OUTBOX.c.claimed_until < clocks.stamp(now)),
        )
        .values(claimed_by=me(), claimed_until=until)
    )
    return taken == 1


def newest(hand: owners.Hand, head: Waiting) -> int:
    """Return the number of the last row that is there of a key."""
    asked = sa.select(sa.func.max(OUTBOX.c.id).label("id")).where(*_same_key(head))
    return int(str(hand.rows(asked)[0][0]))


def take_out(hand: owners.Hand, head: Waiting, up_to: int) -> int:
    """Remove the rows of a key up to a number, which are delivered; return how many."""
    return hand.run(sa.delete(OUTBOX).where(*_same_key(head), OUTBOX.c.id <= up_to))


def failed(
    hand: owners.Hand,
    head: Waiting,
    *,
    error: str,
    wait: float,
    dead: bool,
    counted: bool,
    clock: clocks.Clock,
) -> None:
    """Note why a row could not be delivered, and when it is tried again, if it is."""
    hand.run(
        sa.update(OUTBOX)
        .where(OUTBOX.c.id == head.id)
        .values(
            tries=OUTBOX.c.tries + (1 if counted else 0),
            status=DEAD if dead else PENDING,
            next_try=clocks.stamp(clock.now() + dt.timedelta(seconds=wait)),
            error=error,
            claimed_by=None,
            claimed_until=None,
        )
    )


def fence(hand: owners.Hand, head: Waiting, mark: str, version: int, clock: clocks.Clock) -> bool:
    """Note on the side that is written to what comes now; False: that or newer was there."""
    here = (DELIVERED.c.pair == head.pair, DELIVERED.c.side == head.side, DELIVERED.c.mark == mark)
    asked = sa.select(DELIVERED.c.version).where(*here).with_for_update()
    found = hand.rows(asked)
    now = clocks.stamp(clock.now())
    if found:
        if int(str(found[0][0])) >= version:
            return False
        hand.run(sa.update(DELIVERED).where(*here).values(version=version, delivered_at=now))
        return True
    hand.run(
        sa.insert(DELIVERED).values(
            pair=head.pair, side=head.side, mark=mark, version=version, delivered_at=now
        )
    )
    return True


def forget_delivered(hand: owners.Hand, *, pair: str, before: dt.datetime) -> int:
    """Remove notes of what was delivered long ago; return how many."""
    return hand.run(
        sa.delete(DELIVERED).where(
            DELIVERED.c.pair == pair, DELIVERED.c.delivered_at < clocks.stamp(before)
        )
    )


def retry(hand: owners.Hand, *, pair: str | None, ids: Sequence[int], clock: clocks.Clock) -> int:
    """Let rows that were given up be tried again, at once; return how many."""
    chosen = sa.update(OUTBOX).where(OUTBOX.c.status == DEAD)
    if pair is not None:
        chosen = chosen.where(OUTBOX.c.pair == pair)
    if ids:
        chosen = chosen.where(sa.or_(*(OUTBOX.c.id == one for one in ids)))
    return hand.run(chosen.values(status=PENDING, tries=0, next_try=clocks.stamp(clock.now())))


def dead(hand: owners.Hand, *, pair: str | None, limit: int) -> list[Waiting]:
    """Return rows that were given up, the oldest first."""
    asked = sa.select(*_COLUMNS).where(OUTBOX.c.status == DEAD)
    if pair is not None:
        asked = asked.where(OUTBOX.c.pair == pair)
    return [_waiting(row) for row in hand.rows(asked.order_by(OUTBOX.c.id).limit(limit))]


def statuses(hand: owners.Hand) -> list[Status]:
    """Return what is known of each pair in this database."""
    settings: dict[str, dict[str, str]] = {}
    asked = sa.select(SETTINGS.c.pair, SETTINGS.c.setting, SETTINGS.c.value)
    for pair, setting, value in hand.rows(asked):
        settings.setdefault(str(pair), {})[str(setting)] = str(value)
    counts: dict[tuple[str, str], dict[str, tuple[int, str]]] = {}
    counted = sa.select(
        OUTBOX.c.pair,
        OUTBOX.c.side,
        OUTBOX.c.status,
        sa.func.count().label("rows"),
        sa.func.min(OUTBOX.c.written_at).label("since"),
    ).group_by(OUTBOX.c.pair, OUTBOX.c.side, OUTBOX.c.status)
    for pair, side, status, rows, since in hand.rows(counted):
        counts.setdefault((str(pair), str(side)), {})[str(status)] = (int(str(rows)), str(since))
    for pair in settings:
        if not any(pair == name for name, _ in counts):
            counts[pair, settings[pair].get("leads", "old")] = {}
    return [
        Status(
            pair=pair,
            side=side,
            leads=settings.get(pair, {}).get("leads", "old"),
            writes=settings.get(pair, {}).get("writes", "on") == "on",
            pending=found.get(PENDING, (0, ""))[0],
            dead=found.get(DEAD, (0, ""))[0],
            since=min((since for _, since in found.values()), default=None),
        )
        for (pair, side), found in sorted(counts.items())
    ]


def _same_key(head: Waiting) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        OUTBOX.c.pair == head.pair,
        OUTBOX.c.side == head.side,
        OUTBOX.c.key_hash == head.key_hash,
    )


def _waiting(row: base.Row) -> Waiting:
    id_, pair, side, operation, key_hash, key, payload, status, tries, next_try, error, at = row
    return Waiting(
        id=int(str(id_)),
        pair=str(pair),
        side=str(side),
        operation=str(operation),
        key_hash=str(key_hash),
        key=str(key),
        payload=None if payload is None else str(payload),
        status=str(status),
        tries=int(str(tries)),
        next_try=str(next_try),
        error=None if error is None else str(error),
        written_at=str(at),
    )
