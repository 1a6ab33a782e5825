"""The ledger of a transfer: which chunk of which table is copied, and at which moment it was read.

Chunks are kept among the parts of steps (`parts`): a chunk is a part that is done whole. Its note
is written in the transaction of its rows, so that it is there exactly when they are. `owner` is
the moment of the source that its rows are of. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel.engines import base
from whimbrel.journal import parts, tables

MOMENT_CHARACTERS: Final = 64


class AlreadyCopied(Exception):
    """Somebody else has copied a chunk: its note is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What came of a chunk; `seconds` are those of the attempt that did it.

    `cleansed` is what rules changed, as the text of `rows.changed`.
    """

    read: int
    written: int
    rejected: int
    tries: int
    seconds: float
    dropped: int = 0
    size: int = 0
    cleansed: str | None = None


class Chunks:
    """The chunks of one run, in the journal of one session's database."""

    def __init__(
        self, session: base.Session, run: int, clock: clocks.Clock = clocks.SYSTEM
    ) -> None:
        self._parts = parts.Parts(session, run, clock)
        self._connection = session.connection
        self._run = run
        self._clock = clock

    def read(self, position: int) -> list[parts.PartRow]:
        """Return the chunks of a step, in order."""
        return self._parts.read(position)

    def write(
        self, position: int, ranges: Sequence[tuple[parts.Key | None, parts.Key | None]]
    ) -> None:
        """Write the chunks of a new step."""
        self._parts.write(position, ranges)

    def forget(self) -> None:
        """Take back all chunks of a run that nobody goes on with: none can be copied any more."""
        self._connection.execute(sa.delete(tables.PARTS).where(tables.PARTS.c.run == self._run))

    def claim(self, position: int, chunk: int, moment: str) -> None:
        """Say that this transaction copies a chunk; raise AlreadyCopied if one has.

        Whoever copies the same chunk at this time waits here until we have committed.
        """
        columns = tables.PARTS.c
        changed = self._connection.execute(
            sa.update(tables.PARTS)
            .where(
                columns.run == self._run,
                columns.position == position,
                columns.part == chunk,
                columns.status != parts.State.DONE.value,
            )
            .values(
                status=parts.State.RUNNING.value,
                owner=moment[:MOMENT_CHARACTERS],
                batches=columns.batches + 1,
            )
        ).rowcount
        if changed != 1:
            raise AlreadyCopied

    def finish(self, position: int, chunk: int, copied: Copied) -> None:
        """Write that a chunk is copied."""
        columns = tables.PARTS.c
        now = clocks.stamp(self._clock.now())
        self._connection.execute(
            sa.update(tables.PARTS)
            .where(
                columns.run == self._run,
                columns.position == position,
                columns.part == chunk,
            )
            .values(
                status=parts.State.DONE.value,
                rows_read=copied.read,
                rows_written=copied.written,
                rows_rejected=copied.rejected,
                batches=1,
                retries=copied.tries - 1,
                size=copied.read,
                seconds=copied.seconds,
                updated_at=now,
                rows_dropped=copied.dropped,
                bytes=copied.size,
                cleansed=copied.cleansed,
            )
        )

    def open_again(self, position: int, chunk: int) -> None:
        """Write that a chunk has to be copied once more: its rows are gone in this transaction."""
        columns = tables.PARTS.c
        own = (
            columns.run == self._run,
            columns.position == position,
            columns.part == chunk,
        )
        self._connection.execute(
            sa.update(tables.PARTS)
            .where(*own)
            .values(
                status=parts.State.PENDING.value,
                rows_read=0,
                rows_written=0,
                rows_rejected=0,
                batches=0,
                rows_dropped=0,
                bytes=0,
                cleansed=None,
            )
        )
        rejects = tables.REJECTS.c
        self._connection.execute(
            sa.delete(tables.REJECTS).where(
                rejects.run == self._run, rejects.position == position, rejects.part == chunk
            )
        )

    def confirm(self, position: int, chunk: int, moment: str) -> None:
        """Write that a chunk's rows are those of this moment, too."""
        columns = tables.PARTS.c
        self._connection.execute(
            sa.update(tables.PARTS)
            .where(columns.run == self._run, columns.position == position, columns.part == chunk)
            .values(owner=moment[:MOMENT_CHARACTERS])
        )

    def done(self, position: int, chunk: int) -> parts.PartRow | None:
        """Return a chunk's note if it is copied."""
        columns = tables.PARTS.c
        found = self._connection.execute(
            sa.select(columns.status).where(
                columns.run == self._run, columns.position == position, columns.part == chunk
            )
        ).scalar()
        if found != parts.State.DONE.value:
            return None
        return next(row for row in self.read(position) if row.part == chunk)

    def reject(self, position: int, chunk: int, rejects: Sequence[parts.Reject]) -> None:
        """Keep the rows of a chunk that were not written."""
        self._parts.reject(position, chunk, 1, rejects)

    def rejected(self) -> int:
        """Return how many rows this run has put aside so far."""
        columns = tables.REJECTS.c
        return int(
            self._connection.execute(
                sa.select(sa.func.count()).where(columns.run == self._run)
            ).scalar_one()
        )
