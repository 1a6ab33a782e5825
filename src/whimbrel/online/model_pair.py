"""Dual writes of ActiveRecord models: what save() and delete() change is written to both sides.

The wrappers are put on the two model classes alone. What was written is read again from the
leading table in the same transaction, so that defaults, triggers and expressions are carried over
as they came out; the other side gets that row, through the mapping.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import models, owners
from whimbrel.online import (
    comparing,
    guard,
    mappings,
    model_sides,
    outbox,
    pair,
    reconcile,
    shadow,
    switch,
)

Upstream = Any

# The row itself is what is delivered: it is read when its turn comes.
ROW: Final = "row"


class Unit:
    """The keys that one call has written to the leading side."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, Any]] = {}
        # How records were before, in case the whole call is taken back.
        self.before: list[tuple[Upstream, dict[str, Any], dict[str, Any]]] = []


class ModelPair(pair.Pair):
    """Two models that hold the same rows."""

    def __init__(
        self,
        old: Upstream,
        new: Upstream,
        mapping: Mapping[str, mappings.Source],
        *,
        name: str,
        back: Mapping[str, mappings.Source],
        key: Mapping[str, str],
        options: pair.Options,
        tell: events.Listener = events.nobody,
        clock: clocks.Clock = clocks.SYSTEM,
        keep_mismatches: int = 20,
    ) -> None:
        for model in (old, new):
            _check_model(model)
        self.sides = {
            switch.OLD: model_sides.Side(old, switch.OLD),
            switch.NEW: model_sides.Side(new, switch.NEW),
        }
        self._unit: contextvars.ContextVar[Unit | None] = contextvars.ContextVar(
            f"whimbrel_unit_{name}", default=None
        )
        # Backends of our own that nobody uses at the moment.
        self._free: dict[str, list[Upstream]] = {switch.OLD: [], switch.NEW: []}
        self._free_lock = threading.Lock()
        self._originals: list[tuple[Upstream, str, Any]] = []
        self._shadow: shadow.Shadow | None = None
        self._reads: list[tuple[Upstream, Any]] = []
        same = owners.identity(old.backend()) == owners.identity(new.backend())
        super().__init__(
            name,
            same_database=same,
            options=options,
            tell=tell,
            clock=clock,
            keep_mismatches=keep_mismatches,
        )
        if same and old.table_name() == new.table_name():
            raise errors.UsageError(
                f"{old.__name__} and {new.__name__} are models of the same table",
                remedy="for two columns of one table use a live change:  online = True",
            )
        there = self._key(key)
        mine, theirs = self.sides[switch.OLD], self.sides[switch.NEW]
        theirs.key = tuple(there)
        # A key that the other side counts by itself is its own affair.
        counted = set(new.primary_key_fields()) - set(there) if new.__pk_auto_generated__ else ()
        mapping = {**dict.fromkeys(counted), **mapping}
        self.forward = mappings.made(
            mapping,
            fields=theirs.fields,
            source_fields=mine.fields,
            required=theirs.required,
            key=there,
            what=f"the mapping of {self.name!r}",
        )
        self._back_said = {
            **mappings.inverted(mapping, fields=mine.fields, others=theirs.fields),
            **back,
        }
        self._back_key = {old_field: new_field for new_field, old_field in there.items()}
        self._backward: mappings.Direction | None = None

    # --- what a pair says -----------------------------------------------------------------------

    def way(self, side: str) -> mappings.Direction:
        """Return how the other side's rows are made of those of a side."""
        if side == switch.OLD:
            return self.forward
        if self._backward is None:
            mine, theirs = self.sides[switch.OLD], self.sides[switch.NEW]
            self._backward = mappings.made(
                self._back_said,
                fields=mine.fields,
                source_fields=theirs.fields,
                required=mine.required,
                key=self._back_key,
                what=f"the way back of {self.name!r}",
            )
        return self._backward

    def check_way(self, leads: str) -> None:
        self.way(leads)

    def before_leading(self, side: str) -> None:
        model = self.sides[side].model
        if not model.__pk_auto_generated__ or model.is_composite_pk():
            return
        with self.hands(side) as hand, hand.whole():
            if isinstance(hand, owners.Owned):
                column = model.primary_key_columns()[0]
                hand.advance(model.schema_name(), model.table_name(), column)

    @contextlib.contextmanager
    def hands(self, side: str) -> Iterator[owners.Hand]:
        with self._free_lock:
            backend = self._free[side].pop() if self._free[side] else None
        try:
            backend = backend or owners.another(self.sides[side].model.__backend__)
            hand = owners.Owned(backend)
            hand.wake()
        except Exception as error:
            raise pair.Unreachable(f"{type(error).__name__}: {error}") from error
        with guard.ours():
            yield hand
        # After a failure the connection is left to itself.
        with self._free_lock:
            self._free[side].append(backend)

    def is_there(self, hand: owners.Hand) -> bool:
        return isinstance(hand, owners.Owned) and hand.is_there()

    def close(self) -> None:
        super().close()
        self._stop_shadow()
        for model, name, original in reversed(self._originals):
            if original is None:
                delattr(model, name)
            else:
                setattr(model, name, original)
        self._originals.clear()
        for side in self.sides.values():
            guard.leave(side)
        with self._free_lock:
            for free in self._free.values():
                for backend in free:
                    backend.disconnect()
                free.clear()

    # --- delivery -------------------------------------------------------------------------------

    def bring(
        self, lead: owners.Hand, follow: owners.Hand, head: outbox.Waiting
    ) -> tuple[int, bool]:
        if not isinstance(lead, owners.Owned) or not isinstance(follow, owners.Owned):
            raise TypeError("a model is written on a backend of a model")
        mine = self.sides[head.side]
        key = mine.read_key(head.key)
        if self.same_database:
            with lead.whole():
                # Locked, so that nobody writes to both sides between reading and writing.
                row = mine.read(lead, key, lock=lead.engine.row_lock)
                up_to = outbox.newest(lead, head)
                self._write(follow, head.side, key, row)
                return outbox.take_out(lead, head, up_to), True
        with lead.whole():
            up_to = outbox.newest(lead, head)
        with lead.whole():  # another one: its moment is later than what is counted above
            row = mine.read(lead, key)
        with follow.whole():
            written = outbox.fence(follow, head, head.key_hash, up_to, self._clock)
            if written:
                self._write(follow, head.side, key, row)
        with lead.whole():
            return outbox.take_out(lead, head, up_to), written

    def _write(
        self, hand: owners.Owned, side: str, key: mappings.Values, row: mappings.Values | None
    ) -> None:
        way = self.way(side)
        other = self.sides[switch.NEW if side == switch.OLD else switch.OLD]
        if row is None:
            other.remove(hand, way.key_of(key))
        else:
            other.write(hand, way.key_of(row), way.values(row))

    # --- comparing ------------------------------------------------------------------------------

    def look(
        self, lead: owners.Hand, follow: owners.Hand, side: str, key: mappings.Values
    ) -> comparing.Look:
        """Read a row on both sides; say what differs."""
        if not isinstance(lead, owners.Owned) or not isinstance(follow, owners.Owned):
            raise TypeError("a model is read on a backend of a model")
        mine = self.sides[side]
        other = self.sides[switch.NEW if side == switch.OLD else switch.OLD]
        way, text = self.way(side), mine.key_text(key)
        with lead.looking():
            row = mine.read(lead, key)
            waits = outbox.is_waiting(lead, pair=self.name, side=side, key=text, lock=False)
        with follow.looking():
            there = other.read(follow, way.key_of(key))
        made = None if row is None else way.values(row)
        expected = None
        if made is not None:
            expected = {name: other.typed(name, value) for name, value in made.items()}
        return comparing.Look(key=text, expected=expected, found=there, waits=waits)

    def reconcile(
        self,
        *,
        repair: bool = False,
        databases: tuple[str, str] | None = None,
        expressions: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> comparing.Reconciled:
        return reconcile.reconcile(
            self,
            repair=repair,
            databases=databases,
            expressions=expressions,
            folder=folder,
            tell=self._tell,
            clock=self._clock,
        )

    def shadow(self, rate: float, *, show_values: bool = False) -> None:
        """Compare a share of the records that are read with the other side; 0 ends it.

        With `show_values` the mismatches that are kept hold the values that differ.
        """
        self._stop_shadow()
        if not rate:
            return
        self._shadow = shadow.Shadow(
            self.metrics, rate=rate, found=functools.partial(self._differs, show_values)
        )
        for side in self.sides.values():
            self._wrap_reads(side)

    def _wrap_reads(self, side: model_sides.Side) -> None:
        model = side.model
        original = model.create_from_database.__func__

        @functools.wraps(original)
        def create_from_database(kind: Upstream, row: Mapping[str, Any]) -> Upstream:
            record = original(kind, row)
            watcher = self._shadow
            if watcher is not None and kind.table_name() == side.table and watcher.chosen():
                key = {name: getattr(record, name, None) for name in side.key}
                if None not in key.values():
                    watcher.offer(functools.partial(self._look_again, side.name, key))
            return record

        self._reads.append((model, vars(model).get("create_from_database")))
        model.create_from_database = classmethod(create_from_database)

    def _look_again(
        self, side: str, key: mappings.Values
    ) -> tuple[comparing.Verdict, comparing.Look]:
        other = switch.NEW if side == switch.OLD else switch.OLD
        with self.hands(side) as lead, self.hands(other) as follow:
            with lead.looking():
                settings = switch.read(lead, self.name, lock=False)
            verdict, look = comparing.settle(
                functools.partial(self.look, lead, follow, side, key), clock=self._clock
            )
            if settings is None or not settings.writes or settings.leads != side:
                # Nobody has promised that they are equal.
                verdict = comparing.Verdict.BEHIND
            return verdict, look

    def finish_shadow(self) -> None:
        """Wait until all reads that were chosen have been compared."""
        if self._shadow is not None:
            self._shadow.finish()

    def _stop_shadow(self) -> None:
        watcher, self._shadow = self._shadow, None
        if watcher is not None:
            watcher.stop()
        for model, original in reversed(self._reads):
            if original is None:
                del model.create_from_database
            else:
                model.create_from_database = original
        self._reads.clear()

    # --- writes of the application --------------------------------------------------------------

    def install(self) -> None:
        """Put the wrappers on both models."""
        for side in self.sides.values():
            guard.watch(side)
            self._wrap(side, "save", self._saved)
            self._wrap(side, "delete", self._deleted)
            if hasattr(side.model, "restore"):
                self._wrap(side, "restore", self._restored)
            for name in ("bulk_create", "bulk_update", "bulk_delete"):
                self._wrap(side, name, self._bulk, of_class=True)

    def _wrap(
        self,
        side: model_sides.Side,
        name: str,
        wrapper: Callable[..., Any],
        *,
        of_class: bool = False,
    ) -> None:
        model = side.model
        original = getattr(model, name)
        function = original.__func__ if of_class else original

        @functools.wraps(function)
        def wrapped(subject: Upstream, *args: Any, **options: Any) -> Any:
            kind = subject if of_class else type(subject)
            if kind.table_name() != side.table:  # a subclass with rows of its own
                return function(subject, *args, **options)
            call = functools.partial(function, subject, *args, **options)
            return wrapper(side, subject, call, *args)

        self._originals.append((model, name, vars(model).get(name)))
        setattr(model, name, classmethod(wrapped) if of_class else wrapped)

    def _saved(self, side: model_sides.Side, record: Upstream, call: Callable[[], int]) -> int:
        if not record.is_new_record and not record.is_dirty:
            return call()
        with self.unit(side) as unit:
            unit.before.append(_as_it_is(record))
            count = call()
            if count:
                self._note(side, unit, record)
            return count

    def _restored(self, side: model_sides.Side, record: Upstream, call: Callable[[], int]) -> int:
        with self.unit(side) as unit:
            unit.before.append(_as_it_is(record))
            count = call()
            self._note(side, unit, record)
            return count

    def _deleted(self, side: model_sides.Side, record: Upstream, call: Callable[[], int]) -> int:
        if record.is_new_record:
            return call()
        with self.unit(side) as unit:
            unit.before.append(_as_it_is(record))
            self._note(side, unit, record)
            return call()

    def _bulk(
        self,
        side: model_sides.Side,
        model: Upstream,
        call: Callable[[], Any],
        records: Sequence[Upstream] = (),
        *_: Any,
    ) -> Any:
        with self.unit(side) as unit:
            unit.before += [_as_it_is(record) for record in records]
            for record in records:
                if not record.is_new_record:
                    self._note(side, unit, record)
            done = call()
            for record in records:
                if not record.is_new_record and all(
                    value is not None for value in side.key_of(record).values()
                ):
                    self._note(side, unit, record)
            return done

    def _note(self, side: model_sides.Side, unit: Unit, record: Upstream) -> None:
        key = side.key_of(record)
        empty = [name for name, value in key.items() if value is None]
        if empty:
            raise errors.DualWriteRefused(
                f"a {side} has no {', '.join(empty)}",
                why="rows of the two sides are told apart by it",
                remedy="give it one before it is saved",
            )
        unit.keys[side.key_text(key)] = key

    @contextlib.contextmanager
    def unit(self, side: model_sides.Side) -> Iterator[Unit]:
        """Do what is in the block, and write what it noted to the second side, or neither."""
        outer = self._unit.get()
        if outer is not None:
            yield outer  # a call inside of another one, which writes for both
            return
        backend = side.model.backend()
        hand = owners.Owned(backend)
        alone = not hand.in_transaction
        unit, queued = Unit(), False
        token = self._unit.set(unit)
        try:
            with guard.ours(), hand.whole():
                settings = self.settled(hand, side.name)
                yield unit
                with self._timed():
                    queued = self._mirrored(hand, side, unit, settings)
        except BaseException:
            for record, values, hidden in unit.before:
                record.__dict__.update(values)
                for name, value in hidden.items():
                    setattr(record, name, value)
            raise
        finally:
            self._unit.reset(token)
        if queued and alone:
            self.soon()
        elif queued:
            self._soon_after(backend)

    def _mirrored(
        self, hand: owners.Owned, side: model_sides.Side, unit: Unit, settings: switch.Settings
    ) -> bool:
        """Write to the second side, or to the outbox; say whether it was the outbox."""
        queued = False
        for text, key in unit.keys.items():
            waits = not settings.writes or not self.same_database
            if not waits:
                waits = outbox.is_waiting(hand, pair=self.name, side=side.name, key=text)
            if waits:
                outbox.put(
                    hand,
                    pair=self.name,
                    side=side.name,
                    operation=ROW,
                    key=text,
                    payload=None,
                    clock=self._clock,
                )
                queued = True
                self.metrics.count("queued" if settings.writes else "off")
                continue
            try:
                # What is committed by now: the transaction may read an earlier moment, in which a
                # row is still there that somebody else has deleted.
                row = side.read(hand, key, lock=hand.engine.row_share)
                self._write(hand, side.name, key, row)
            except Exception as error:
                other = self.sides[switch.NEW if side.name == switch.OLD else switch.OLD]
                cause = f"{type(error).__name__}: {hand.engine.cause(error)}"
                raise errors.DualWriteFailed(self.name, side=str(other), cause=cause) from error
            self.metrics.count("both")
        return queued and settings.writes

    def _soon_after(self, backend: Upstream) -> None:
        """Deliver once the application's own transaction is committed."""
        from rhosocial.activerecord.backend.transaction import TransactionEvent

        manager = backend.transaction_manager
        waits = f"whimbrel_waits_{self.name}"
        if getattr(manager, waits, False):
            return

        def ended(*_: Any, **__: Any) -> None:
            setattr(manager, waits, False)
            manager.off(TransactionEvent.AFTER_COMMIT, committed)
            manager.off(TransactionEvent.AFTER_ROLLBACK, ended)

        def committed(*_: Any, **__: Any) -> None:
            ended()
            self.soon()

        setattr(manager, waits, True)
        manager.on(TransactionEvent.AFTER_COMMIT, committed)
        manager.on(TransactionEvent.AFTER_ROLLBACK, ended)

    def _key(self, said: Mapping[str, str]) -> dict[str, str]:
        """Return which field of the new side tells a row apart that a key of the old one is."""
        old, new = self.sides[switch.OLD], self.sides[switch.NEW]
        key = dict(said) or dict(zip(new.key, old.key, strict=False))
        right = sorted(key.values()) == sorted(old.key) and set(key) <= set(new.fields)
        if not right or len(old.key) != len(key):
            raise errors.BadMapping(
                f"the key of {old} ({', '.join(old.key)}) is not found again in {new} "
                f"({', '.join(new.key)})",
                remedy='say which fields of the new side hold it:  key={"legacy_id": "id"}',
            )
        return key


def _as_it_is(record: Upstream) -> tuple[Upstream, dict[str, Any], dict[str, Any]]:
    hidden = {
        "_is_from_db": record._is_from_db,
        "_dirty_fields": set(record._dirty_fields),
        "_original_values": dict(record._original_values),
    }
    return record, dict(record.__dict__), hidden


def _check_model(model: Upstream) -> None:
    if models.is_async(model.__backend__):
        raise errors.DualWriteRefused(
            f"{model.__name__} is an asynchronous model",
            why="dual writes are made for synchronous ones; its writes would not be noticed",
            remedy="use a synchronous model of the same table, or dual_write() of two functions,\n"
            "or triggers:  whimbrel transfer OLD NEW --follow",
        )
