"""Put rows of a table that refers to itself in order: parents before their children.

Otherwise each pass over them would get only one generation further. The rows are on disk, in
memory is who is whose parent.
"""

from __future__ import annotations

import itertools
import tempfile
from array import array
from collections.abc import Sequence
from typing import IO, Final

from whimbrel import tables
from whimbrel.engines import codec
from whimbrel.proof import findings, repair_plan

Difference = findings.Difference

# More are left in the order in which they were found: it takes about 200 bytes for each.
MOST_ROWS: Final = 300_000
_BLOCK: Final = 500
_NOBODY: Final = -1


def own_key(scope: repair_plan.Scope) -> tables.ForeignKey | None:
    """Return the foreign key by which a table refers to itself, if all of it was compared."""
    names = {one.target_name for one in scope.pair.columns}
    for child in scope.children:
        if child.table == scope.pair.target.name and names >= {
            *child.key.columns,
            *child.key.ref_columns,
        }:
            return child.key
    return None


def in_order(
    scope: repair_plan.Scope, key: tables.ForeignKey, kind: findings.Kind, spool: findings.Spool
) -> findings.Spool:
    """Return inserts parents first, deletes children first, in a spool of their own."""
    place = {one.target_name: at for at, one in enumerate(scope.pair.columns)}
    own = [place[name] for name in key.ref_columns]
    parent = [place[name] for name in key.columns]
    named: dict[bytes, int] = {}
    parents: list[bytes | None] = []
    begins = array("q", [0])
    ordered = findings.Spool()
    try:
        with tempfile.TemporaryFile(prefix="whimbrel-") as file:
            for number, one in enumerate(spool.read(scope.place, kind=kind)):
                texts = one.source if one.source is not None else one.target or ()
                name = _named(texts, own)
                if name is not None:
                    named[name] = number
                parents.append(_named(texts, parent))
                begins.append(begins[-1] + file.write(_written(one)))
            numbers = _line(named, parents)
            if kind is repair_plan.DELETE:
                numbers.reverse()
            rows = (_read(file, begins, number, kind) for number in numbers)
            while block := list(itertools.islice(rows, _BLOCK)):
                ordered.add(scope.place, block)
    except BaseException:
        ordered.close()
        raise
    return ordered


def _named(texts: codec.Texts, places: Sequence[int]) -> bytes | None:
    chosen = tuple(texts[place] for place in places)
    return None if None in chosen else findings.pack(chosen)


def _line(named: dict[bytes, int], parents: Sequence[bytes | None]) -> list[int]:
    """Return the numbers of rows, each after its parent; those of circles come last."""
    ahead = array("q", (named.get(name, _NOBODY) if name else _NOBODY for name in parents))
    children: dict[int, list[int]] = {}
    line = []
    for number, before in enumerate(ahead):
        if before in (_NOBODY, number):
            line.append(number)
        else:
            children.setdefault(before, []).append(number)
    for number in line:  # grows while it is read: generation after generation
        line.extend(children.pop(number, ()))
    line.extend(sorted(itertools.chain.from_iterable(children.values())))
    return line


def _written(one: Difference) -> bytes:
    columns = ",".join(map(str, one.columns)).encode()
    packed = (one.key, one.source, one.target)
    return findings.pack((*map(findings.pack, packed), columns))


def _read(file: IO[bytes], begins: array[int], number: int, kind: findings.Kind) -> Difference:
    file.seek(begins[number])
    key, source, target, columns = findings.unpack(
        file.read(begins[number + 1] - begins[number])
    ) or (None, None, None, None)
    return Difference(
        kind=kind,
        key=findings.unpack(key or b"") or (),
        source=findings.unpack(source or b""),
        target=findings.unpack(target or b""),
        columns=tuple(int(place) for place in (columns or b"").split(b",") if place),
    )
