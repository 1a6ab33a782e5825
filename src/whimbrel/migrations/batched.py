"""Steps in batches at the desks: how they are prepared, done, handed out, and found too large.

The rows themselves are the work of `rows/`; what differs between the desks is only who commits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from whimbrel import errors
from whimbrel.engines import base
from whimbrel.journal import parts
from whimbrel.migrations import operations as ops
from whimbrel.migrations import speech as speeches
from whimbrel.pacing import RowsConfig
from whimbrel.rows import loop, pace, walker, work, workers


class TooLarge(BaseException):
    """A table is too large for one transaction; not an Exception, so that nobody catches it."""

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.table = table


def is_large(made: work.Work, session: base.Session, config: RowsConfig) -> bool:
    """Whether a table has more rows than may stay in a migration's own transaction."""
    return made.way.at_most(session, config.small_table) > config.small_table


def refuse_uncuttable(made: work.Work, session: base.Session, config: RowsConfig) -> None:
    """Raise NoKey for a large table that nothing can be cut by."""
    if not made.way.key.columns and is_large(made, session, config):
        raise errors.NoKey(made.table.name, engine=session.engine.title)


def refuse_without_transactions(operation: ops.RowsOperation, session: base.Session) -> None:
    """Refuse tables whose rows could not be committed together with their checkpoint."""
    without = session.engine.without_transactions(session)
    for table in (operation.written, operation.walked):
        if table.casefold() in without:
            raise errors.RefusedError(
                f"table {table!r} has no transactions, so a batch and its checkpoint cannot be "
                "committed together",
                remedy="give it an engine with transactions first, for example:  "
                f"ALTER TABLE {table} ENGINE=InnoDB",
            )


def step(
    operation: ops.RowsOperation,
    made: work.Work,
    *,
    setting: workers.Setting,
    engine: base.Engine,
    migration: str,
    run: int,
    position: int,
    tell: Callable[..., None],
    clock: object,
) -> workers.Step:
    """Return the step that an operation is, with the configuration's word where it says none."""
    config = setting.config
    asked = operation.workers or config.workers
    parallel = operation.parallel and engine.can.parallel_writers
    return workers.Step(
        migration=migration,
        run=run,
        position=position,
        task=made,
        max_rejects=config.max_rejects if operation.max_rejects is None else operation.max_rejects,
        setting=setting,
        workers=asked if parallel and made.way.key.columns else 1,
        tell=tell,
        clock=clock,  # type: ignore[arg-type]
    )


def speech(engine: base.Engine, catalog: base.Catalog, read: str) -> speeches.Speech:
    """Return how a migration's SQL is said to an engine."""
    return speeches.Speech(engine=engine, catalog=catalog, read=read)


class HandedOut:
    """A loop over batches that is under way at a desk."""

    def __init__(self, loops: list[loop.Loop], finish: Callable[[], None]) -> None:
        self._loops = loops
        self._finish = finish
        self.now: loop.Loop | None = None
        self.failed = False
        self.left = False

    def __iter__(self) -> Iterator[loop.Batch]:
        try:
            for current in self._loops:
                self.now = current
                while not current.finished:
                    batch = current.hand_out()
                    if batch.rows:
                        yield batch
                    current.keep()
        except GeneratorExit:
            # `break`, or an error that leaves the loop: whoever comes next at the desk decides.
            self.left = True
            raise
        self.now = None
        self._finish()

    def close(self) -> None:
        """Keep what a loop did that was left by `break`, and end the step there."""
        current, self.now = self.now, None
        if current is None:
            return
        if self.failed:
            current.drop()
            raise errors.RefusedError(
                "a batch failed, and the migration went on as if it had not",
                left="the batches before it stay done",
                remedy="handle the error inside the loop by self.savepoint(), or let it pass",
            )
        current.keep(last=True)
        self._finish()


def loops(
    made: work.Work,
    rows: list[parts.PartRow],
    scope: walker.Scope,
    course: walker.Course,
    config: RowsConfig,
) -> list[loop.Loop]:
    """Return one loop for each part that is not done."""
    if not isinstance(made, work.Reading):
        raise TypeError(f"nothing is read by {made!r}")
    return [
        loop.Loop(made, part, scope, course, pace.Sizer(config, rate=course.rate, first=part.size))
        for part in rows
        if part.status != parts.State.DONE.value
    ]
