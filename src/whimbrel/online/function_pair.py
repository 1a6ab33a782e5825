"""Dual writes of plain functions: repositories that take a connection and a value.

The pair is called in place of the old function. What the other side needs is the value itself,
kept as JSON in the outbox where it cannot be written at once; it is written in the order in which
values of a key were committed, each exactly once in effect.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import owners
from whimbrel.online import comparing, outbox, pair, shadow, switch

Write = Callable[[sa.Connection, Any], object]
Read = Callable[[sa.Connection, Any], Any]
Convert = Callable[[Any], Any]


class FunctionPair(pair.Pair):
    """Two functions that write the same thing to two places; call it as you called the old one.

    Several of one `name` (one that saves, one that deletes) share their order and their settings:
    `also` adds them.
    """

    def __init__(
        self,
        old: Write,
        new: Write,
        mapping: Convert | None,
        *,
        name: str,
        back: Convert | None,
        key: Callable[[Any], object],
        databases: Sequence[sa.Engine],
        options: pair.Options,
        tell: events.Listener = events.nobody,
        clock: clocks.Clock = clocks.SYSTEM,
    ) -> None:
        if len(databases) > 2 or not all(isinstance(one, sa.Engine) for one in databases):
            raise errors.UsageError(
                "databases are one or two engines of SQLAlchemy",
                remedy="databases=[engine] for one that has both sides, [old, new] otherwise",
            )
        self._engines = {switch.OLD: databases[0], switch.NEW: databases[-1]}
        super().__init__(
            name,
            same_database=databases[0] is databases[-1],
            options=options,
            tell=tell,
            clock=clock,
        )
        self._watchers: list[shadow.Shadow] = []
        self._operations: dict[str, _Operation] = {}
        self._key = key
        self._main = self.also(old, new, mapping, back=back)

    def also(
        self,
        old: Write,
        new: Write,
        mapping: Convert | None = None,
        *,
        back: Convert | None = None,
        key: Callable[[Any], object] | None = None,
    ) -> Callable[[sa.Connection, Any], object]:
        """Add another function and its counterpart; return what to call in its place."""
        name = getattr(old, "__name__", "write")
        if name in self._operations:
            raise errors.UsageError(
                f"{self.name!r} has a function {name!r} already",
                remedy="give it another name: what waits in the outbox is known by it",
            )
        operation = _Operation(
            pair=self,
            name=name,
            writes={switch.OLD: old, switch.NEW: new},
            converts={switch.OLD: mapping, switch.NEW: back},
            key=key or self._key,
        )
        self._operations[name] = operation
        return operation

    def __call__(self, connection: sa.Connection, value: Any) -> object:
        """Write a value to the leading side, and see to it that the other one gets it."""
        return self._main(connection, value)

    def reading(
        self,
        old: Read,
        new: Read,
        convert: Convert | None = None,
        *,
        rate: float,
        show_values: bool = False,
    ) -> Callable[[sa.Connection, Any], Any]:
        """Return what reads as the leading function does, and compares a share of what it read.

        `convert` makes of what the old one returns what the new one should. The comparison is made
        in a thread, on connections of its own.
        """
        watcher = shadow.Shadow(
            self.metrics, rate=rate, found=functools.partial(self._differs, show_values)
        )
        self._watchers.append(watcher)

        def read(connection: sa.Connection, asked: Any) -> Any:
            side = self._side_of(connection)
            if watcher.chosen():
                reads = (old, new, convert or (lambda value: value))
                watcher.offer(functools.partial(self._look_again, reads, asked))
            return (old if side == switch.OLD else new)(connection, asked)

        return read

    def finish_shadow(self) -> None:
        """Wait until all reads that were chosen have been compared."""
        for watcher in self._watchers:
            watcher.finish()

    def close(self) -> None:
        super().close()
        for watcher in self._watchers:
            watcher.stop()
        self._watchers.clear()

    def _look_again(
        self, reads: tuple[Read, Read, Convert], asked: Any
    ) -> tuple[comparing.Verdict, comparing.Look]:
        def look() -> comparing.Look:
            waits = any(one.pending or one.dead or not one.writes for one in self.status())
            with self._engines[switch.OLD].connect() as connection:
                expected = reads[2](reads[0](connection, asked))
            with self._engines[switch.NEW].connect() as connection:
                found = reads[1](connection, asked)
            return comparing.Look(
                key=_text(asked, "what is asked for"),
                expected=_fields(expected),
                found=_fields(found),
                waits=waits,
            )

        return comparing.settle(look, clock=self._clock)

    def _side_of(self, connection: sa.Connection) -> str:
        """Return the side that a read is of; in one database that is the one that leads."""
        if not self.same_database:
            return self._side(connection, None)
        settings = switch.read(owners.Connected(connection), self.name, lock=False)
        return self._side(connection, settings)

    def call(self, operation: _Operation, connection: sa.Connection, value: Any) -> object:
        """Write a value by one of the functions."""
        if not isinstance(connection, sa.Connection):
            raise errors.UsageError(
                f"{operation.name} was called with {type(connection).__name__} instead of a "
                "connection of SQLAlchemy",
                remedy="of a session it is:  session.connection()",
            )
        hand = owners.Connected(connection)
        alone = not hand.in_transaction
        with hand.whole():
            settings = switch.read(hand, self.name)
            side = self._side(connection, settings)
            settings = self.settled(hand, side)
            done = operation.writes[side](connection, value)
            with self._timed():
                queued = self._mirrored(hand, operation, side, value, settings)
        if queued and alone:
            self.soon()
        elif queued and self.options.deliver == pair.BACKGROUND:
            self.start()
        return done

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Begin a transaction on the leading side, and deliver once it is committed."""
        leads = self.leads
        with self._engines[leads].begin() as connection:
            yield connection
        self.soon()

    def _side(self, connection: sa.Connection, settings: switch.Settings | None) -> str:
        """Return the side that a connection is of."""
        if self.same_database:
            return switch.OLD if settings is None else settings.leads
        for side, engine in self._engines.items():
            if connection.engine is engine or connection.engine.url == engine.url:
                return side
        raise errors.UsageError(
            f"the connection is of neither database of {self.name!r}",
            remedy="take it from one of the engines that dual_write() was given",
        )

    def _mirrored(
        self,
        hand: owners.Connected,
        operation: _Operation,
        side: str,
        value: Any,
        settings: switch.Settings,
    ) -> bool:
        key = _text(operation.key(value), "its key")
        waits = not settings.writes or not self.same_database
        if not waits:
            waits = outbox.is_waiting(hand, pair=self.name, side=side, key=key)
        if waits:
            outbox.put(
                hand,
                pair=self.name,
                side=side,
                operation=operation.name,
                key=key,
                payload=_text(operation.converted(side, value), f"what {operation.name} is given"),
                clock=self._clock,
            )
            self.metrics.count("queued" if settings.writes else "off")
            return settings.writes
        other = switch.NEW if side == switch.OLD else switch.OLD
        try:
            operation.writes[other](hand.connection, operation.converted(side, value))
        except Exception as error:
            name = getattr(operation.writes[other], "__name__", other)
            cause = f"{type(error).__name__}: {hand.engine.cause(error)}"
            raise errors.DualWriteFailed(self.name, side=name, cause=cause) from error
        self.metrics.count("both")
        return False

    # --- what a pair says -----------------------------------------------------------------------

    def check_way(self, leads: str) -> None:
        missing = [
            one.name
            for one in self._operations.values()
            if leads == switch.NEW and one.converts[switch.OLD] and not one.converts[switch.NEW]
        ]
        if missing:
            raise errors.BadMapping(
                f"there is no way back for {errors.names(missing)} of {self.name!r}",
                remedy="say what the old function is given:  dual_write(…, back=function)",
            )

    @contextlib.contextmanager
    def hands(self, side: str) -> Iterator[owners.Hand]:
        try:
            connection = self._engines[side].connect()
        except sa.exc.DBAPIError as error:
            raise pair.Unreachable(f"{type(error).__name__}: {error.orig}") from error
        with connection:
            yield owners.Connected(connection)

    def is_there(self, hand: owners.Hand) -> bool:
        if not isinstance(hand, owners.Connected) or hand.connection.invalidated:
            return False
        try:
            with hand.whole():
                hand.rows(sa.select(sa.literal(1)))
        except sa.exc.DBAPIError:
            return False
        return True

    def bring(
        self, lead: owners.Hand, follow: owners.Hand, head: outbox.Waiting
    ) -> tuple[int, bool]:
        if not isinstance(follow, owners.Connected) or head.payload is None:
            raise TypeError("a function writes a value on a connection of SQLAlchemy")
        operation = self._operations.get(head.operation)
        if operation is None:
            raise LookupError(f"{self.name!r} has no function {head.operation!r} (any more)")
        other = switch.NEW if head.side == switch.OLD else switch.OLD
        write, value = operation.writes[other], json.loads(head.payload)
        if self.same_database:
            with lead.whole():
                taken = outbox.take_out(lead, head, head.id)
                if taken:
                    write(follow.connection, value)
            return taken, bool(taken)
        with follow.whole():
            written = outbox.fence(follow, head, f"#{head.id}", head.id, self._clock)
            if written:
                write(follow.connection, value)
        with lead.whole():
            return outbox.take_out(lead, head, head.id), written


class _Operation:
    """One function of the old side and its counterpart."""

    def __init__(
        self,
        *,
        pair: FunctionPair,
        name: str,
        writes: dict[str, Write],
        converts: dict[str, Convert | None],
        key: Callable[[Any], object],
    ) -> None:
        self.pair = pair
        self.name = name
        self.writes = writes
        self.converts = converts
        self.key = key

    def __call__(self, connection: sa.Connection, value: Any) -> object:
        return self.pair.call(self, connection, value)

    def converted(self, side: str, value: Any) -> Any:
        """Return what the other side's function is given."""
        convert = self.converts[side]
        return value if convert is None else convert(value)


def _fields(value: Any) -> dict[str, Any] | None:
    """Return what a function has read by names, so that it can be said what differs."""
    if value is None:
        return None
    return dict(value) if isinstance(value, Mapping) else {"value": value}


def _text(value: object, what: str) -> str:
    """Write a value as JSON; raise UsageError if it would come back as another one."""
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise errors.UsageError(
            f"{what} cannot be kept as JSON",
            cause=str(error),
            remedy="make it of texts, numbers, lists and dictionaries in the mapping",
        ) from error
    if json.loads(text) != value and not isinstance(value, tuple):
        raise errors.UsageError(
            f"{what} would come back from JSON as another value",
            remedy="names of dictionaries are texts, and lists are no tuples",
        )
    return text
