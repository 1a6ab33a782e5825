"""New keys for old ones: numbers that are counted in the target, UUIDs that are computed.

Which old key has become which number stands in a table of ours in the target, so that a chunk
that is copied again gives its rows the same keys, and rows of other tables find them. All keys of
a table are numbered before any row that has or names one is copied (`number`): then no order of
tables is needed, and cycles and references within a table are nothing special. A reference to a
row that is not moved has no number, and its row is put aside.
"""

from __future__ import annotations

import dataclasses
import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from whimbrel.engines import base
from whimbrel.rows import changed, values

METADATA = sa.MetaData()
_OPTIONS: Any = base.TABLE_OPTIONS
# An IN of more values is slow to plan.
_AT_ONCE: Final = 500
_NAMESPACE: Final = uuid.UUID("5a1c7d52-3f0e-5f0b-9d0e-6d1f6f4b7c11")

# One row for each old key that has a new one. A digest stands for the old key in the table's own
# key: texts are as long as they like, and collations of the target decide nothing.
KEYS = sa.Table(
    f"{base.OUR_PREFIX}keys",
    METADATA,
    sa.Column("flow", sa.String(190), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("old", base.LONG_TEXT, nullable=False),
    sa.Column("new", sa.BigInteger, nullable=False),
    **_OPTIONS,
)
# The last number that was given, for each column that is counted.
COUNTERS = sa.Table(
    f"{base.OUR_PREFIX}key_counters",
    METADATA,
    sa.Column("counter", sa.String(190), primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=False),
    **_OPTIONS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """A column of a flow whose old keys become numbers.

    `map` names the keys that belong together: the flow that gives them. `assigns` says that this
    column is where they are given, and that `counter` counts them from `start` on; otherwise it
    refers to them.
    """

    column: str
    map: str
    assigns: bool = False
    counter: str = ""
    start: int = 1


class KeyMap:
    """The old and new keys of one target; every call works inside the transaction that is open."""

    def ensure(self, session: base.Session, uses: Iterable[KeyUse] = ()) -> None:
        """Make the tables and counters that are not there; one session, before any other."""
        METADATA.create_all(session.connection, checkfirst=True)
        for use in uses:
            if use.assigns:
                self._locked(session, use)

    def lookup(self, session: base.Session, flow: str, olds: Iterable[str]) -> dict[str, int]:
        """Return the new keys of old ones; those that have none are left out."""
        return self._found(session, flow, olds, lock=False)

    def assign(self, session: base.Session, use: KeyUse, olds: Iterable[str]) -> dict[str, int]:
        """Return the new keys of old ones, giving numbers to those that have none.

        The numbers follow the order of `olds`. Whoever assigns keys of one counter keeps others
        who do from it until the transaction ends; what is taken back was never given.
        """
        wanted = list(dict.fromkeys(olds))
        last = self._locked(session, use)
        # Asked behind the lock: what others gave in the meantime is seen.
        found = self._found(session, use.map, wanted, lock=True)
        missing = [old for old in wanted if old not in found]
        if not missing:
            return found
        new = dict(zip(missing, range(last + 1, last + 1 + len(missing)), strict=True))
        session.connection.execute(
            sa.insert(KEYS),
            [
                {"flow": use.map, "digest": _digest(old), "old": _storable(old), "new": number}
                for old, number in new.items()
            ],
        )
        session.connection.execute(
            sa.update(COUNTERS)
            .where(COUNTERS.c.counter == use.counter)
            .values(last=last + len(missing))
        )
        return found | new

    def _locked(self, session: base.Session, use: KeyUse) -> int:
        """Return the last number of a counter, which nobody else can read until we are done."""
        same = COUNTERS.c.counter == use.counter
        # Written first: on some engines only who writes has the lock, on others the row.
        session.connection.execute(sa.update(COUNTERS).where(same).values(last=COUNTERS.c.last))
        query = sa.select(COUNTERS.c.last).where(same).with_for_update()
        last = session.connection.execute(query).scalar()
        if last is None:
            last = use.start - 1
            session.connection.execute(
                sa.insert(COUNTERS), [{"counter": use.counter, "last": last}]
            )
        return int(last)

    def _found(
        self, session: base.Session, flow: str, olds: Iterable[str], *, lock: bool
    ) -> dict[str, int]:
        digests = {_digest(old): old for old in olds}
        found: dict[str, int] = {}
        every = list(digests)
        for at in range(0, len(every), _AT_ONCE):
            query = sa.select(KEYS.c.digest, KEYS.c.new).where(
                KEYS.c.flow == flow, KEYS.c.digest.in_(every[at : at + _AT_ONCE])
            )
            if lock:
                query = query.with_for_update()
            for digest, new in session.connection.execute(query):
                found[digests[digest]] = int(new)
        return found


def _digest(old: str) -> str:
    return hashlib.sha256(old.encode("utf-8", "surrogateescape")).hexdigest()


def _storable(old: str) -> str:
    """Return an old key as every engine can keep it, for people; the digest is what counts."""
    words = old.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return words.replace("\0", "\\x00")


# --- rows -------------------------------------------------------------------------------------


def number(
    keys: KeyMap,
    session: base.Session,
    uses: Sequence[KeyUse],
    change: changed.Change,
    rows: Sequence[changed.Texts],
) -> int:
    """Give numbers to the keys of rows, as `change` makes them; return how many rows have one.

    To be called for all rows of a flow, in the order in which they should be numbered, before
    any row is copied; what was numbered before keeps its number.
    """
    made = change.apply(rows).rows
    for use in uses:
        if use.assigns:
            keys.assign(session, use, (k for row in made if (k := row.get(use.column)) is not None))
    return len(made)


def rewrite(
    keys: KeyMap,
    session: base.Session,
    uses: Sequence[KeyUse],
    came: changed.Changed,
    given: Sequence[changed.Texts],
) -> changed.Changed:
    """Put new keys in the place of old ones in what a change has made of the rows `given`.

    A row with a key that has no number is rejected, with all else that was made of its row.
    """
    found: dict[str, Mapping[str, int]] = {}
    for use in uses:
        olds = [key for row in came.rows if (key := row.get(use.column)) is not None]
        found[use.column] = keys.lookup(session, use.map, olds)
    origins = came.origins or list(range(len(came.rows)))
    rejected: dict[int, changed.Rejected] = {}
    rows: list[tuple[int, changed.Texts]] = []
    for place, row in zip(origins, came.rows, strict=True):
        made, missing = _renumbered(row, uses, found)
        if missing is None:
            rows.append((place, made))
        elif place not in rejected:
            rejected[place] = _rejected(missing, row, given[place], place)
    kept = [(place, row) for place, row in rows if place not in rejected]
    taken = len(came.rows) - len(kept)
    return dataclasses.replace(
        came,
        rows=[row for _, row in kept],
        origins=[place for place, _ in kept],
        rejected=[*came.rejected, *rejected.values()],
        # One row of several that a function had made takes the others with it.
        more=came.more - (taken - len(rejected)),
    )


def _renumbered(
    row: changed.Texts, uses: Sequence[KeyUse], found: Mapping[str, Mapping[str, int]]
) -> tuple[changed.Texts, KeyUse | None]:
    made = dict(row)
    for use in uses:
        old = row.get(use.column)
        if old is None:
            if use.assigns:
                return made, use
            continue
        new = found[use.column].get(old)
        if new is None:
            return made, use
        made[use.column] = str(new)
    return made, None


def _rejected(
    use: KeyUse, row: changed.Texts, given: changed.Texts, place: int
) -> changed.Rejected:
    old = row.get(use.column)
    if use.assigns:
        rule, why = "remap", "it is NULL" if old is None else "the key was not numbered before"
    else:
        rule, why = "refers", f"no row of {use.map.rpartition('/')[2]} with this key is moved"
    reason = f"{use.column} {values.shown(old)}: {why}"
    return changed.Rejected(row=given, rule=rule, reason=reason, place=place)


def uuid_of(map_: str, old: str) -> uuid.UUID:
    """Return the UUID that an old key becomes: the same one, whenever and wherever it is asked."""
    return uuid.uuid5(_NAMESPACE, f"{map_}\0{_storable(old)}")
