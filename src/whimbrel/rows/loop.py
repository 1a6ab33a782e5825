"""Hand a table out batch by batch to somebody else's loop, each batch kept when the next is asked.

What the loop does with a batch is committed together with its checkpoint; what happens when a
loop is left early is decided by who drives this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from whimbrel.journal import parts
from whimbrel.rows import keys, pace, walker, work


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows of a table, in the order of its key, as dicts.

    `first` and `last` are their keys: a value, or a tuple where the key has several columns.
    """

    rows: Sequence[work.RowDict]
    keys: Sequence[object]

    @property
    def first(self) -> object:
        """The key of the first row."""
        return self.keys[0]

    @property
    def last(self) -> object:
        """The key of the last row."""
        return self.keys[-1]

    def __iter__(self) -> Iterator[work.RowDict]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class Loop:
    """Walks one part; `hand_out` opens a batch, `keep` commits it."""

    def __init__(
        self,
        task: work.Reading,
        part: parts.PartRow,
        scope: walker.Scope,
        course: walker.Course,
        sizer: pace.Sizer,
    ) -> None:
        self._task = task
        self._walker = walker.Walker(task, part, scope, course, sizer)
        self._scope = scope
        self._clock = course.clock
        self._open: tuple[work.Done, float] | None = None

    @property
    def part(self) -> parts.PartRow:
        """How far it is."""
        return self._walker.part

    @property
    def finished(self) -> bool:
        """Whether nothing is left."""
        return self.part.status == parts.State.DONE.value

    @property
    def is_open(self) -> bool:
        """Whether a batch has been handed out and not been kept yet."""
        return self._open is not None

    def hand_out(self) -> Batch:
        """Open the next batch and return its rows; perhaps none, where few of them matter."""
        self._walker.wait_until_free()
        started = self._clock.seconds()
        self._scope.begin()
        range_ = keys.Range(lower=self.part.reached, upper=self.part.upper)
        rows = self._walker.rows()
        found, given, reached, read = self._task.take(self._scope.session, range_, rows)
        self._open = (work.Done(read=read, written=len(given), reached=reached), started)
        return Batch(rows=given, keys=[key[0] if len(key) == 1 else key for key in found])

    def keep(self, *, last: bool = False) -> None:
        """Commit the open batch with its checkpoint; `last` ends the walk there."""
        if self._open is None:
            return
        (done, started), self._open = self._open, None
        if last:
            done = work.Done(read=done.read, written=done.written, reached=None)
        self._walker.keep(done, self._clock.seconds() - started)

    def drop(self) -> None:
        """Take the open batch back."""
        if self._open is not None:
            self._open = None
            self._scope.undo()
