"""Compare both sides of a dual write, and repair the second from the leading one.

Where the mapping is names and SQL, both databases are compared and repaired by `proof/`. What
functions make of a row cannot be said in SQL: then the rows are read, put through the mapping, and
those that differ are written again through the outbox, in their order with all other writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Protocol

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import owners
from whimbrel.online import comparing, mappings, model_sides, outbox, switch

if TYPE_CHECKING:
    from pathlib import Path

    from whimbrel.proof import repair as repairs

_ROWS_AT_ONCE: Final = 200
_MOST_EXAMPLES: Final = 20


class Both(Protocol):
    """What is asked of a dual write of models."""

    name: str
    sides: dict[str, model_sides.Side]

    @property
    def leads(self) -> str: ...

    def way(self, side: str) -> mappings.Direction: ...

    def hands(self, side: str) -> AbstractContextManager[owners.Hand]: ...

    def look(
        self, lead: owners.Hand, follow: owners.Hand, side: str, key: mappings.Values
    ) -> comparing.Look: ...

    def deliver(self) -> object: ...


def reconcile(
    users: Both,
    *,
    repair: bool = False,
    databases: tuple[str, str] | None = None,
    expressions: Mapping[str, str] | None = None,
    folder: Path | None = None,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> comparing.Reconciled:
    """Compare both sides of a dual write of models, and repair the second one if asked to.

    With `databases` (names or URLs of the old and the new one) they are compared inside the
    databases; what functions of the mapping make has to be said in SQL of the leading side then,
    by field:  expressions={"first_name": "split_part(name, ' ', 1)"}. Without, rows are read and
    put through the mapping.

    Raises UsageError, DualWriteRefused, and what `verify` raises.
    """
    users.deliver()
    if databases is not None:
        return _proven(users, databases, expressions or {}, repair, folder, tell, clock)
    if expressions:
        raise errors.UsageError(
            "expressions are for comparing inside of databases",
            remedy='say which:  reconcile(users, databases=("old", "new"), expressions={…})',
        )
    return _Walk(users, repair=repair, clock=clock).go()


# --- inside the databases -------------------------------------------------------------------


def _proven(
    users: Both,
    databases: tuple[str, str],
    expressions: Mapping[str, str],
    wanted: bool,
    folder: Path | None,
    tell: events.Listener,
    clock: clocks.Clock,
) -> comparing.Reconciled:
    from whimbrel.proof import door
    from whimbrel.proof import repair as repairing

    leads = users.leads
    side, other = users.sides[leads], users.sides[_other(leads)]
    way = users.way(leads)
    unsaid = [
        name
        for name, source in way.sources.items()
        if not isinstance(source, str) and name not in expressions
    ]
    if unsaid:
        raise errors.UsageError(
            f"what functions make cannot be compared inside of databases: {errors.names(unsaid)}",
            remedy="say it in SQL of the leading side:  expressions={"
            f'"{unsaid[0]}": "…"}}\nor leave databases out: rows are read and put through them',
        )
    columns = {
        expressions.get(name) or side.column(str(source)): other.column(name)
        for name, source in way.sources.items()
    }
    ends = databases if leads == switch.OLD else databases[::-1]
    with door.verify(
        ends[0],
        ends[1],
        tables={side.table: other.table},
        columns={side.table: columns},
        key={side.table: [side.column(name) for name in way.key.values()]},
        folder=folder,
        tell=tell,
        clock=clock,
    ) as found:
        done: repairs.Repaired | None = None
        if wanted and not found.equal:
            done = repairing.repair(found, tell=tell)
        table = found.tables[0]
        return comparing.Reconciled(
            pair=users.name,
            leads=leads,
            rows=table.source.rows,
            different=table.counts.changed,
            missing=table.counts.only_source,
            extra=table.counts.only_target,
            behind=table.counts.moving,
            repaired=done.rows if done is not None else 0,
            left=found.differences if done is None else 0 if done.equal else _left(done),
        )


def _left(done: repairs.Repaired) -> int:
    return (done.after.differences if done.after is not None else 0) or done.left or 1


# --- through the mapping --------------------------------------------------------------------


class _Walk:
    """Reads all rows of both sides by their keys, and compares them one by one."""

    def __init__(self, users: Both, *, repair: bool, clock: clocks.Clock) -> None:
        self._users = users
        self._repair = repair
        self._clock = clock
        self._leads = users.leads
        self._rows = 0
        self._behind = 0
        self._wrong: dict[str, tuple[dict[str, Any], comparing.Look]] = {}

    def go(self) -> comparing.Reconciled:
        users, leads = self._users, self._leads
        users.way(leads)
        with users.hands(leads) as lead, users.hands(_other(leads)) as follow:
            if not isinstance(lead, owners.Owned) or not isinstance(follow, owners.Owned):
                raise TypeError("a model is read on a backend of a model")
            self._walk(lead, follow)
            kinds = [_kind(look) for _, look in self._wrong.values()]
            left = self._repaired(lead, follow) if self._repair else len(self._wrong)
        return comparing.Reconciled(
            pair=users.name,
            leads=leads,
            rows=self._rows,
            different=kinds.count("different"),
            missing=kinds.count("missing"),
            extra=kinds.count("extra"),
            behind=self._behind,
            repaired=len(self._wrong) - left,
            left=left,
            examples=tuple(
                look.mismatch(show_values=False)
                for _, look in list(self._wrong.values())[:_MOST_EXAMPLES]
            ),
        )

    def _walk(self, lead: owners.Owned, follow: owners.Owned) -> None:
        mine, other = self._users.sides[self._leads], self._users.sides[_other(self._leads)]
        for key in mine.keys(lead, _ROWS_AT_ONCE):
            self._rows += 1
            self._look(lead, follow, key)
        there = {theirs: name for name, theirs in self._users.way(self._leads).key.items()}
        for key in other.keys(follow, _ROWS_AT_ONCE, by=tuple(there.values())):
            back = {theirs: key[name] for theirs, name in there.items()}
            if None in back.values():
                raise errors.DualWriteRefused(
                    f"rows of {other.table!r} have no {', '.join(there.values())}",
                    why="they cannot be of any row of the leading side",
                    remedy="remove them, or give them their key",
                )
            with lead.looking():
                is_there = mine.read(lead, back) is not None
            if not is_there:
                self._look(lead, follow, back)

    def _look(self, lead: owners.Owned, follow: owners.Owned, key: dict[str, Any]) -> None:
        verdict, look = comparing.settle(
            lambda: self._users.look(lead, follow, self._leads, key), clock=self._clock
        )
        if verdict is comparing.Verdict.BEHIND:
            self._behind += 1
        elif verdict is comparing.Verdict.DIFFERENT:
            self._wrong[look.key] = (key, look)

    def _repaired(self, lead: owners.Owned, follow: owners.Owned) -> int:
        """Write what differs again, through the outbox; return how many rows differ still."""
        with lead.whole():
            for text in self._wrong:
                outbox.put(
                    lead,
                    pair=self._users.name,
                    side=self._leads,
                    operation="row",
                    key=text,
                    payload=None,
                    clock=self._clock,
                )
        self._users.deliver()
        left = 0
        for key, _ in self._wrong.values():
            verdict, _ = comparing.settle(
                lambda key=key: self._users.look(lead, follow, self._leads, key),  # type: ignore[misc]
                clock=self._clock,
            )
            left += verdict is not comparing.Verdict.EQUAL
        return left


def _kind(look: comparing.Look) -> str:
    if look.found is None:
        return "missing"
    return "extra" if look.expected is None else "different"


def _other(side: str) -> str:
    return switch.NEW if side == switch.OLD else switch.OLD
