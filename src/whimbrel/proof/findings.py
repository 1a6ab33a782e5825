"""What a comparison found: facts per table and row, and a spool for as many as there may be.

Values are the texts of `engines.forms`. Comparing is `differ`'s work, putting it right `repair`'s.
"""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from whimbrel import tables
from whimbrel.engines import codec, forms


class Kind(Enum):
    """How a row differs."""

    ONLY_SOURCE = "only in source"
    ONLY_TARGET = "only in target"
    CHANGED = "changed"


class Outcome(Enum):
    """What is known of a table after comparing."""

    EQUAL = "equal"
    DIFFERENT = "different"
    MOVING = "moving"  # what differs keeps changing while it is looked at
    ONLY_SOURCE = "only in source"
    ONLY_TARGET = "only in target"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPair:
    """Two columns (or expressions) that are compared, and how."""

    source: codec.Value
    target: codec.Value
    source_name: str
    target_name: str
    form: forms.Form
    tolerance: forms.Tolerance | None = None

    def same(self, one: bytes | None, other: bytes | None) -> bool:
        """Whether two texts count as the same value here."""
        return forms.same(self.form, one, other, self.tolerance)

    def shown(self, text: bytes | None) -> str | None:
        """Return a text as people read it; None is NULL."""
        return forms.shown(self.form, text)

    def both_shown(self, one: bytes | None, other: bytes | None) -> tuple[str | None, str | None]:
        """Return two texts as people read them; with their types where nothing else differs."""
        said = self.shown(one), self.shown(other)
        if said[0] != said[1]:
            return said
        return forms.shown(self.form, one, kind=True), forms.shown(self.form, other, kind=True)

    @property
    def exact(self) -> bool:
        """Whether equal values have equal texts, so that rows can be told apart by it."""
        return self.form.family is not forms.Family.JSON and self.tolerance is None


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePair:
    """Two tables that are compared.

    `key` are places in `columns` that name a row on both sides; without any, rows are counted as
    they are. `walk_source` and `walk_target` are columns of both keys by which ranges can be read
    from an index, none if they cannot. `lone_source` and `lone_target` are columns that the other
    side has not, `incomparable` says which of both have nothing in common.
    """

    source: tables.Table
    target: tables.Table
    columns: tuple[ColumnPair, ...]
    key: tuple[int, ...] = ()
    walk_source: tuple[str, ...] = ()
    walk_target: tuple[str, ...] = ()
    where_source: str = ""
    where_target: str = ""
    said: str = ""
    lone_source: tuple[str, ...] = ()
    lone_target: tuple[str, ...] = ()
    incomparable: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def alike(self) -> bool:
        """Whether every column has a partner that it can be compared with."""
        return not (self.lone_source or self.lone_target or self.incomparable)

    @property
    def title(self) -> str:
        """Return the name of the source's table, and the target's where it is another."""
        if self.source.name == self.target.name:
            return self.source.name
        return f"{self.source.name} = {self.target.name}"

    @property
    def key_names(self) -> tuple[str, ...]:
        """Return the names of the key's columns, as the source calls them."""
        return tuple(self.columns[place].source_name for place in self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row that differs: the texts on both sides, and the places of columns that differ.

    One that is `moving` was another at each look.
    """

    kind: Kind
    key: codec.Texts
    source: codec.Texts | None = None
    target: codec.Texts | None = None
    columns: tuple[int, ...] = ()
    moving: bool = False

    def as_json(self, pair: TablePair) -> dict[str, object]:
        """Return it with the values as people read them."""
        named: dict[str, object] = {
            pair.columns[place].source_name: pair.columns[place].shown(text)
            for place, text in zip(pair.key, self.key, strict=True)
        }
        row: dict[str, object] = {"kind": self.kind.value, "key": named}
        if self.kind is Kind.CHANGED and self.source is not None and self.target is not None:
            row["columns"] = [
                {
                    "source": pair.columns[place].source_name,
                    "target": pair.columns[place].target_name,
                    "in_source": said[0],
                    "in_target": said[1],
                }
                for place in self.columns
                for said in [pair.columns[place].both_shown(self.source[place], self.target[place])]
            ]
            return row
        texts = self.source if self.kind is Kind.ONLY_SOURCE else self.target
        if texts is not None:
            in_source = self.kind is Kind.ONLY_SOURCE
            row["values"] = {
                (one.source_name if in_source else one.target_name): one.shown(text)
                for one, text in zip(pair.columns, texts, strict=True)
            }
        return row


@dataclass(slots=True, kw_only=True)
class Counts:
    """How many rows differ, by kind and by column; grows while a table is compared.

    `rewritten` rows are equal by value, though not by their text; `settled` ones differed at
    first and were equal when looked at again, `moving` ones were different each time.
    """

    only_source: int = 0
    only_target: int = 0
    changed: int = 0
    rewritten: int = 0
    settled: int = 0
    moving: int = 0
    by_column: dict[int, int] = field(default_factory=dict)

    @property
    def differences(self) -> int:
        """Return how many rows differ."""
        return self.only_source + self.only_target + self.changed

    def add(self, found: Difference) -> None:
        """Count one row that differs."""
        match found.kind:
            case Kind.ONLY_SOURCE:
                self.only_source += 1
            case Kind.ONLY_TARGET:
                self.only_target += 1
            case Kind.CHANGED:
                self.changed += 1
        for place in found.columns:
            self.by_column[place] = self.by_column.get(place, 0) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TableResult:
    """What is known of one table, or of a pair of them.

    `pair` is None where one side has no such table. `sample` is the share of the source's rows
    that was compared, None for all of them. Seconds are those of the clock on the wall.
    """

    name: str
    outcome: Outcome
    pair: TablePair | None = None
    source: codec.Sum = codec.NOTHING
    target: codec.Sum = codec.NOTHING
    counts: Counts = field(default_factory=Counts)
    examples: tuple[Difference, ...] = ()
    sample: float | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether nothing differs in what was compared."""
        return self.outcome is Outcome.EQUAL

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        pair = self.pair
        row: dict[str, object] = {
            "table": self.name,
            "source": pair.source.name if pair else None,
            "target": pair.target.name if pair else None,
            "outcome": self.outcome.value,
            "rows": {"source": self.source.rows, "target": self.target.rows},
            "fingerprint": {"source": str(self.source), "target": str(self.target)},
            "only_in_source": self.counts.only_source,
            "only_in_target": self.counts.only_target,
            "changed": self.counts.changed,
            "equal_but_written_differently": self.counts.rewritten,
            "settled": self.counts.settled,
            "moving": self.counts.moving,
            "sample": self.sample,
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
        }
        if pair is None:
            # One side has nothing to be compared with.
            del row["fingerprint"], row["source"], row["target"]
            return row
        row["key"] = list(pair.key_names)
        row["columns"] = [
            {
                "source": one.source_name,
                "target": one.target_name,
                "compared_as": one.form.family.value,
                "tolerance": str(one.tolerance) if one.tolerance else None,
                "notes": list(one.form.notes),
                "different": self.counts.by_column.get(place, 0),
            }
            for place, one in enumerate(pair.columns)
        ]
        row["columns_only_in_source"] = list(pair.lone_source)
        row["columns_only_in_target"] = list(pair.lone_target)
        row["columns_incomparable"] = list(pair.incomparable)
        row["columns_left_out"] = list(pair.left_out)
        row["where"] = {
            "source": pair.said or pair.where_source,
            "target": pair.said if pair.said and pair.where_target else pair.where_target,
        }
        row["examples"] = [found.as_json(pair) for found in self.examples]
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One side of a comparison: which database, at which moment."""

    url: str
    engine: str
    title: str
    version: str
    position: str
    kind: str
    at: str

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "url": self.url,
            "engine": self.engine,
            "version": self.version,
            "snapshot": {"position": self.position, "kind": self.kind, "at": self.at},
        }


# --- a spool --------------------------------------------------------------------------------

_KINDS: Final = tuple(Kind)
_MOVING: Final = b"m"


def pack(texts: codec.Texts | None) -> bytes:
    """Write texts as bytes; `unpack` reads them."""
    if texts is None:
        return b""
    parts = [b"-" if text is None else b"%d:%s" % (len(text), text) for text in texts]
    return b"+" + b"".join(parts)


def unpack(data: bytes) -> codec.Texts | None:
    """Read what `pack` wrote."""
    if not data:
        return None
    texts: list[bytes | None] = []
    at = 1
    while at < len(data):
        if data[at : at + 1] == b"-":
            texts.append(None)
            at += 1
            continue
        text, at = _cut(data, at)
        texts.append(text)
    return tuple(texts)


def _cut(data: bytes, at: int) -> tuple[bytes, int]:
    """Return what stands behind its length at a place, and the place behind it."""
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1 : end], end


def _written(found: Difference) -> bytes:
    columns = ",".join(map(str, found.columns)).encode()
    kind = b"%d%s" % (_KINDS.index(found.kind), _MOVING if found.moving else b"")
    parts = (kind, columns, pack(found.key), pack(found.source), pack(found.target))
    return b"".join(b"%d:%s" % (len(part), part) for part in parts)


def _read(data: bytes) -> Iterator[Difference]:
    at = 0
    while at < len(data):
        parts = []
        for _ in range(5):
            part, at = _cut(data, at)
            parts.append(part)
        kind, columns, key, source, target = parts
        yield Difference(
            kind=_KINDS[int(kind.removesuffix(_MOVING))],
            key=unpack(key) or (),
            source=unpack(source),
            target=unpack(target),
            columns=tuple(int(place) for place in columns.split(b",") if place),
            moving=kind.endswith(_MOVING),
        )


class Spool:
    """Differences on disk, so that their number is no matter.

    They lie in blocks, one after the other, in a temporary file without a name that ends with us;
    where the blocks of each table are is kept in memory.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="whimbrel-", buffering=0)  # noqa: SIM115
        # Whoever only asked whether all is equal may forget to close it.
        self.close = weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._blocks: dict[int, list[tuple[int, int, int]]] = {}

    def add(self, place: int, found: Sequence[Difference]) -> None:
        """Keep differences of the table at `place`."""
        if not found:
            return
        data = b"".join(map(_written, found))
        with self._lock:
            at = self._file.seek(0, os.SEEK_END)
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
            self._blocks.setdefault(place, []).append((at, len(data), len(found)))

    def clear(self, place: int) -> None:
        """Forget the differences of a table; their room on disk is not used again."""
        with self._lock:
            self._blocks.pop(place, None)

    def count(self, place: int) -> int:
        """Return how many differences of a table are kept."""
        return sum(count for _, _, count in self._blocks.get(place, ()))

    def read(self, place: int, *, kind: Kind | None = None) -> Iterator[Difference]:
        """Yield the differences of a table in the order in which they were found."""
        for at, size, _ in tuple(self._blocks.get(place, ())):
            with self._lock:
                self._file.seek(at)
                data = b""
                while len(data) < size:
                    data += self._file.read(size - len(data))
            for found in _read(data):
                if kind is None or found.kind is kind:
                    yield found
