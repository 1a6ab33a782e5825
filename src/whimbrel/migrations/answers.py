"""What a model's statement gives back: a value that can be sent for, journalled or made up.

How answers reach a model is the work of `guest_backend.py`, where they come from that of the
runner's desks.
"""

from __future__ import annotations

import contextvars
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from whimbrel import errors
from whimbrel.engines import changes
from whimbrel.journal import values

Params = Sequence[object] | Mapping[str, object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a cursor holds after a statement; `columns` is None where there is no result set."""

    columns: tuple[str, ...] | None
    rows: tuple[tuple[object, ...], ...]
    changed: int
    last_id: int | None


def answer_to_json(answer: Answer) -> str:
    """Write an answer for the journal, or raise ValueNotStorable."""
    return values.dump((answer.columns, answer.rows, answer.changed, answer.last_id))


def answer_from_json(text: str) -> Answer:
    """Read what `answer_to_json` wrote."""
    parts: Any = values.load(text)
    if not isinstance(parts, tuple) or len(parts) != len(dataclasses.fields(Answer)):
        raise errors.ValueNotReadable(text, cause="it is not the answer to a statement")
    columns, rows, changed, last_id = parts
    return Answer(columns=columns, rows=rows, changed=changed, last_id=last_id)


class Port(Protocol):
    """Where every statement of a guest passes; the runner has one for each way of running."""

    def through(self, sql: str, params: Params, send: Callable[[], Answer]) -> Answer:
        """Return the answer: by `send()`, from the journal, or made up while planning."""


def planned_answer(sql: str, params: Params) -> Answer:
    """Make up what a change of rows would answer, well enough for a model to go on.

    Keys that the database would generate are negative, so that they meet no real ones.
    """
    change = changes.read(sql)
    if not change.verb:
        return Answer(columns=None, rows=(), changed=0, last_id=None)
    keys = _made_up_keys(change.rows)
    last_id = keys[0] if change.verb in ("INSERT", "REPLACE") else None
    if change.returning is None:
        return Answer(columns=None, rows=(), changed=change.rows, last_id=last_id)
    columns = change.columns if change.returning == ("*",) else change.returning
    given = {name: index for index, name in enumerate(change.columns)}
    rows = []
    for number, key in enumerate(keys):
        cells = change.cells[number] if change.cells else ()
        rows.append(tuple(_cell(cells, given.get(name), params, key) for name in columns))
    return Answer(columns=columns, rows=tuple(rows), changed=change.rows, last_id=last_id)


def _cell(cells: Sequence[int | None], index: int | None, params: Params, key: int) -> object:
    place = cells[index] if index is not None and index < len(cells) else None
    if place is None or params is None or isinstance(params, Mapping):
        return key
    return params[place]


def _made_up_keys(count: int) -> list[int]:
    """Return new negative keys in growing order, as a counter would hand them out."""
    return sorted(itertools.islice(_counter.get() or _endless, count))


_endless: Final = itertools.count(-1, -1)
_counter: Final[contextvars.ContextVar[Iterator[int] | None]] = contextvars.ContextVar(
    "whimbrel_made_up_keys", default=None
)


@contextmanager
def made_up_afresh() -> Iterator[None]:
    """Make up keys from -1 again, so that the same migration is planned the same way."""
    token = _counter.set(itertools.count(-1, -1))
    try:
        yield
    finally:
        _counter.reset(token)
