"""Give new numbers to the keys of rows, before any row is copied.

All rows whose keys are to be numbered are read once in the order of their keys. What has a number
keeps it, so that this can be begun again at any time, and chunks that are copied twice, or at once,
find the same ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

from whimbrel.engines import base, codec
from whimbrel.proof import sides
from whimbrel.rows import changed, keys
from whimbrel.transfers import cargo, changing, remap

_ROWS: Final = 5_000


def uses_of(bound: cargo.Bound) -> tuple[remap.KeyUse, ...]:
    """Return the columns of a flow whose keys are numbered, or refer to such."""
    return bound.change.keys if isinstance(bound.change, changing.Rules) else ()


def number(
    side: sides.Side, flows: Sequence[cargo.Bound], open_target: Callable[[], base.Session]
) -> None:
    """Number the keys of all flows that give keys, each piece committed."""
    every = [use for bound in flows for use in uses_of(bound)]
    if not every:
        return
    session = open_target()
    try:
        remap.KeyMap().ensure(session, every)
        session.commit()
    finally:
        session.close()
    for bound in flows:
        if any(use.assigns for use in uses_of(bound)):
            side.run(lambda seat, bound=bound: _numbered(seat, bound, open_target))  # type: ignore[misc]


def _numbered(
    seat: sides.Seat, bound: cargo.Bound, open_target: Callable[[], base.Session]
) -> None:
    names = [one.column.name for one in bound.read]
    order = ", ".join(bound.read[at].value.sql for at in bound.key)
    whole = dataclasses.replace(bound.cargo(None, keys.Range()), order=order)
    unloader = seat.engine.unloader(seat.session)
    session = open_target()
    try:
        for rows in unloader.texts(whole, rows=_ROWS):
            session.begin()
            given = [_row(names, row) for row in rows]
            change = bound.change
            if change is not None:
                remap.number(remap.KeyMap(), session, uses_of(bound), change, given)
            session.commit()
    finally:
        session.close()


def _row(names: Sequence[str], row: codec.Texts) -> changed.Texts:
    return {
        name: None if text is None else text.decode("utf-8", "surrogateescape")
        for name, text in zip(names, row, strict=True)
    }
