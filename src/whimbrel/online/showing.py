"""A live change as a plan: its phases as steps, each with its SQL, its lock and its reason."""

from __future__ import annotations

from whimbrel import pacing, words
from whimbrel.engines import base
from whimbrel.migrations import live, loader
from whimbrel.migrations import operations as ops
from whimbrel.migrations import plan as plans
from whimbrel.online import change as changes
from whimbrel.online import moves, ranges, steps


def plan(
    session: base.Session,
    file: loader.MigrationFile,
    change: changes.Change,
    *,
    reached: str,
    config: pacing.OnlineConfig,
    wish: live.Wish,
    resumes: bool,
) -> plans.MigrationPlan:
    """Return what is left of the way, as far as it is wished."""
    last = moves.ORDER[wish.until or live.OPEN]
    shown = [
        _step(session, change, number, move, config=config,
              done=moves.ORDER[move.phase] <= moves.ORDER[reached])
        for number, move in enumerate(moves.forward(change), start=1)
        if moves.ORDER[move.phase] <= last
    ]  # fmt: skip
    if wish.until is None and (wish.complete or change.nothing_goes):
        shown += [
            _step(session, change, len(shown) + number, move, config=config)
            for number, move in enumerate(moves.contract(change, _ddl(session)), start=1)
        ]
    return _plan(file, "up", shown, resumes=resumes)


def back(
    session: base.Session, file: loader.MigrationFile, change: changes.Change
) -> plans.MigrationPlan:
    """Return what taking it back does."""
    way = moves.backward(change, session.engine.catalog(session), session.engine.can)
    shown = [
        _step(session, change, number, move, config=pacing.ONLINE)
        for number, move in enumerate(way, start=1)
    ]
    return _plan(file, "down", shown, resumes=False)


def _plan(
    file: loader.MigrationFile,
    direction: str,
    shown: list[plans.PlannedStep],
    *,
    resumes: bool,
) -> plans.MigrationPlan:
    return plans.MigrationPlan(
        id=file.id,
        direction=direction,
        doc=file.doc,
        whole=False,
        rebuilds=False,
        reversible=True,
        steps=tuple(shown),
        resumes=resumes,
        live=True,
    )


def _step(
    session: base.Session,
    change: changes.Change,
    number: int,
    move: moves.Move,
    *,
    config: pacing.OnlineConfig,
    done: bool = False,
) -> plans.PlannedStep:
    rows = None
    if move.operations and isinstance(move.operations[0], steps.Fill):
        rows = session.engine.estimate(session, change.table)
    return plans.PlannedStep(
        position=number,
        kind="rows" if rows is not None else "ddl",
        words=f"{move.phase}: {move.words}",
        statements=tuple(_statements(session, change, move)),
        lock=_lock(change, move, config),
        reversible=move.phase != moves.COMPLETE,
        irreversible_because="the old shape is gone then" if move.phase == moves.COMPLETE else "",
        done=done,
        note=_reason(move),
        rows=rows,
        tables=(change.table,),
    )


def _statements(session: base.Session, change: changes.Change, move: moves.Move) -> list[str]:
    mirror, shape = session.engine.mirror(session), change.shape
    try:
        match move.kind:
            case moves.Kind.INSTALL:
                # Their bodies are long, and say the same as the shapes' expressions.
                return [f"-- trigger {one}" for one in mirror.described(shape)]
            case moves.Kind.CREATE:
                return [statement.sql for statement in mirror.create(shape)]
            case moves.Kind.VERIFY:
                return [mirror.astray(shape, _condition(session, change))]
            case moves.Kind.OPERATION if isinstance(move.operations[0], steps.Fill):
                return [mirror.fill(shape, _condition(session, change))]
            case moves.Kind.OPERATION | moves.Kind.REMOVE:
                return _of_operations(session, move)
            case moves.Kind.SWAP:
                return [
                    f"-- {change.table} gets the name {shape.parked}",
                    f"-- {shape.new.name} gets the name {change.table}, and what others mean by it",
                ]
    finally:
        session.rollback()
    return []


def _ddl(session: base.Session) -> base.Ddl:
    return session.engine.ddl(session.engine.catalog(session))


def _condition(session: base.Session, change: changes.Change) -> str:
    way = ranges.way(change.table, change.shape, session.engine, change.shape.old)
    return way.shown()


def _of_operations(session: base.Session, move: moves.Move) -> list[str]:
    """Return the SQL of verbs as far as the tables are there already that they speak of."""
    from whimbrel import errors

    ddl = session.engine.ddl(session.engine.planned(session))
    said: list[str] = []
    for operation in move.operations:
        if isinstance(operation, ops.RowsOperation):
            continue
        try:
            said += [statement.sql for statement in operation.statements(ddl)]
        except errors.RefusedError:
            return said
    return said


def _lock(change: changes.Change, move: moves.Move, config: pacing.OnlineConfig) -> str:
    """Return who waits, in words."""
    at_most = words.duration(config.lock_seconds)
    match move.kind:
        case moves.Kind.VERIFY:
            return "nobody waits"
        case moves.Kind.CREATE:
            return "nobody waits: it is new"
        case moves.Kind.OPERATION if isinstance(move.operations[0], steps.Fill):
            return "the rows of one batch, while it is written"
        case moves.Kind.DROP:
            return "nobody waits"
    return f"{change.table} for a moment; gives up after {at_most} and tries again"


_REASONS = {
    moves.EXPANDED: "room for the new shape, which nobody uses yet",
    moves.MIRRORED: "from here on what old code writes is also there for new code, and back",
    moves.BACKFILLED: "the rows that were there before the triggers",
    moves.VERIFIED: "nothing goes on before every row is the same in both shapes",
    moves.SWAPPED: "in one instant; from here on it can be taken back by `whimbrel online revert`",
    moves.COMPLETE: "the old shape goes",
    moves.REVERTED: "the new shape goes",
}


def _reason(move: moves.Move) -> str:
    if move.kind is moves.Kind.OPERATION and not isinstance(move.operations[0], steps.Fill):
        return "" if move.phase != moves.EXPANDED else _REASONS[move.phase]
    return _REASONS[move.phase]
