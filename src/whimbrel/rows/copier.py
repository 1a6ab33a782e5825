"""Copy one chunk of rows from one database into another, once.

A chunk is one transaction of the target: its rows, the rows put aside, and the note in the ledger
that it is copied are committed together. It can be copied by anybody anywhere who can reach both
databases (`Task` can be sent to another process): who comes second finds the note and does
nothing. Which chunks there are, and who copies them, is the work of `transfers`.

Rows pass as blocks that the source's own SQL has written. Where a rule changes rows in Python, or
a block is refused by the target, they pass as texts of values instead, so that the one row that
cannot be written is found, by halving, and put aside.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, tables
from whimbrel.engines import base, bulk, codec, forms, transport
from whimbrel.journal import chunks, parts
from whimbrel.rows import changed, kept

# So many rows at a time pass through Python.
TEXT_ROWS: Final = 1_000
_Read = TypeVar("_Read", bound=Iterator[object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One chunk: what is read, where it goes, and its place in the ledger.

    `written` are the columns of the target in the order in which they are written; the same as
    those of the cargo, unless `change` makes others of them. `key` are places in the cargo that
    name a row. `room` is how many more rows may be put aside. `careful` passes rows as texts.
    `looked` is the position of the source, and `moment` the ledger's name of it, at which was
    proven what is proven of values.
    """

    run: int
    position: int
    chunk: int
    flow: str
    cargo: transport.Cargo
    table: tables.Table
    written: tuple[transport.Carried, ...]
    key: tuple[int, ...] = ()
    change: changed.Change | None = None
    room: int = 0
    careful: bool = False
    looked: str = ""
    moment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of a chunk; `already` if it had been copied before."""

    position: int
    chunk: int
    read: int
    written: int
    rejected: int
    size: int = 0
    seconds: float = 0.0
    already: bool = False
    dropped: int = 0
    cleansed: tuple[changed.Cleansed, ...] = ()


class SourceFailed(Exception):
    """Reading failed, not writing; the driver's error is the cause."""


@dataclass(kw_only=True)
class _Tally:
    read: int = 0
    written: int = 0
    size: int = 0
    dropped: int = 0
    rejects: list[parts.Reject] = field(default_factory=list)
    cleansed: dict[tuple[str, str], changed.Cleansed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Both databases as one worker holds them: a session each, and what reads and writes."""

    source: base.Session
    unloader: transport.Unloader
    target: base.Session
    loader: transport.Loader
    moment: str

    @classmethod
    def of(cls, source: base.Session, target: base.Session, *, moment: str) -> Ends:
        """Return both ends; the loader of the target has to be prepared already."""
        return cls(
            source=source,
            unloader=source.engine.unloader(source),
            target=target,
            loader=target.engine.loader(target),
            moment=moment,
        )


def copy(
    ends: Ends,
    task: Task,
    *,
    tries: int = 1,
    check: Callable[[], None] | None = None,
    clock: clocks.Clock = clocks.SYSTEM,
) -> Done:
    """Copy a chunk and commit it with its note, or raise and leave nothing of it.

    `check` is called before the commit (does the run still hold its lock?). Raises RowFailed when
    more rows would be put aside than there is room for, SourceFailed when reading failed, or the
    target's own error. After an error of the commit itself nobody knows whether it happened: the
    ledger does, whoever asks it by a new session.
    """
    if any(one.plain for one in task.cargo.carried) and not _is_proven(ends, task):
        task = dataclasses.replace(task, cargo=transport.unproven(task.cargo))
    if not task.careful and task.change is None:
        try:
            return _once(ends, task, tries=tries, check=check, clock=clock)
        except bulk.Unstorable:
            pass
        except Exception as error:
            if isinstance(error, SourceFailed | errors.WhimbrelError):
                raise
            if ends.target.engine.fault(error) is not base.Fault.DATA:
                raise
        # Some row of it was not taken: once more, to find out which.
        task = dataclasses.replace(task, careful=True)
    return _once(ends, task, tries=tries, check=check, clock=clock)


def _is_proven(ends: Ends, task: Task) -> bool:
    """Whether the moment that is read here is surely the one at which values were looked at.

    A session begins just after it has read the position that its moment is named by.
    """
    source = ends.source
    return ends.moment == task.moment and source.engine.position(source) == task.looked


def _once(
    ends: Ends,
    task: Task,
    *,
    tries: int,
    check: Callable[[], None] | None,
    clock: clocks.Clock,
) -> Done:
    started = clock.seconds()
    ledger = chunks.Chunks(ends.target, task.run, clock)
    tally = _Tally()
    ends.target.begin()
    try:
        ledger.claim(task.position, task.chunk, ends.moment)
        if task.careful or task.change is not None:
            _Slow(ends, task, tally).copy()
        else:
            _fast(ends, task, tally)
        seconds = clock.seconds() - started
        ledger.reject(task.position, task.chunk, tally.rejects)
        ledger.finish(
            task.position,
            task.chunk,
            chunks.Copied(
                read=tally.read,
                written=tally.written,
                rejected=len(tally.rejects),
                tries=tries,
                seconds=seconds,
                dropped=tally.dropped,
                size=tally.size,
                cleansed=changed.dump(tally.cleansed.values()),
            ),
        )
        if check is not None:
            check()
        ends.target.commit()
    except chunks.AlreadyCopied:
        ends.target.rollback()
        return _found(ledger, task)
    except BaseException:
        if not ends.target.gone:
            ends.target.rollback()
        raise
    return Done(
        position=task.position,
        chunk=task.chunk,
        read=tally.read,
        written=tally.written,
        rejected=len(tally.rejects),
        size=tally.size,
        seconds=seconds,
        dropped=tally.dropped,
        cleansed=tuple(tally.cleansed.values()),
    )


def _found(ledger: chunks.Chunks, task: Task) -> Done:
    note = ledger.done(task.position, task.chunk)
    if note is None:
        raise errors.RefusedError(
            f"chunk {task.chunk} of {task.flow} has no note in the ledger any more",
            left="nothing of it was written now",
            remedy="another run works on this target: see  whimbrel history",
        )
    return Done(
        position=task.position,
        chunk=task.chunk,
        read=note.rows_read,
        written=note.rows_written,
        rejected=note.rows_rejected,
        size=note.bytes,
        already=True,
        dropped=note.rows_dropped,
        cleansed=tuple(changed.load(note.cleansed)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What came of rows that were written beside other changes of one transaction."""

    read: int
    written: int
    dropped: int
    rejects: tuple[parts.Reject, ...]


def bring(ends: Ends, task: Task) -> Brought:
    """Write rows in the transaction that is open; nothing is noted and nothing committed.

    Raises RowFailed when more rows would be put aside than there is room for, SourceFailed when
    reading failed, or the target's own error.
    """
    task = dataclasses.replace(task, cargo=transport.unproven(task.cargo))
    if not task.careful and task.change is None:
        tally = _Tally()
        nested = ends.target.connection.begin_nested()
        try:
            _fast(ends, task, tally)
        except Exception as error:
            if nested.is_active and not ends.target.gone:
                nested.rollback()
            unstorable = isinstance(error, bulk.Unstorable)
            if isinstance(error, SourceFailed | errors.WhimbrelError):
                raise
            if not unstorable and ends.target.engine.fault(error) is not base.Fault.DATA:
                raise
        else:
            nested.commit()
            return _brought(tally)
    tally = _Tally()
    _Slow(ends, task, tally).copy()
    return _brought(tally)


def _brought(tally: _Tally) -> Brought:
    return Brought(
        read=tally.read,
        written=tally.written,
        dropped=tally.dropped,
        rejects=tuple(tally.rejects),
    )


# --- as blocks ------------------------------------------------------------------------------


def _fast(ends: Ends, task: Task, tally: _Tally) -> None:
    format_ = transport.agreed(ends.unloader, ends.loader)
    with _letting_go(ends.unloader.blocks(task.cargo, format_)) as read:
        blocks = _counted(ends, read, tally)
        tally.written = ends.loader.load(task.table, task.written, blocks, format_)
    if tally.written != tally.read:
        raise errors.RefusedError(
            f"{tally.read:,} rows were read and {tally.written:,} written",
            object=f"chunk {task.chunk} of {task.flow}",
            left="nothing of the chunk was written",
            remedy="look for triggers or rules of the target's table that leave rows out",
        )


def _counted(
    ends: Ends, blocks: Iterator[transport.Block], tally: _Tally
) -> Iterator[transport.Block]:
    while True:
        with _reading(ends):
            block = next(blocks, None)
        if block is None:
            return
        tally.read += block.rows
        tally.size += len(block.data)
        yield block


@contextlib.contextmanager
def _letting_go(read: _Read) -> Iterator[_Read]:
    """Stop reading where something fails, so that the source's session can be used again."""
    try:
        yield read
    except BaseException:
        if isinstance(read, Generator):
            # What has failed first is what counts.
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                read.close()
        raise


class _reading:
    """Tell what reading raises from what writing raises."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends

    def __enter__(self) -> None:
        """Begin to read."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(
            error, errors.WhimbrelError | bulk.Unstorable
        ):
            raise SourceFailed(self._ends.source.engine.cause(error)) from error


# --- as texts -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Text:
    """A row to be written, and the row it was made of."""

    row: codec.Texts
    origin: codec.Texts


class _Slow:
    """Copies a chunk row by row where it has to, many at once where it can."""

    def __init__(self, ends: Ends, task: Task, tally: _Tally) -> None:
        self._ends = ends
        self._task = task
        self._tally = tally
        self._read = [one.column.name for one in task.cargo.carried]
        self._format = ends.loader.formats[0]

    def copy(self) -> None:
        with _letting_go(self._ends.unloader.texts(self._task.cargo, rows=TEXT_ROWS)) as texts:
            while True:
                with _reading(self._ends):
                    rows = next(texts, None)
                if rows is None:
                    return
                self._tally.read += len(rows)
                self._write(self._changed(rows))

    # --- what rules make of rows ------------------------------------------------------------

    def _changed(self, rows: Sequence[codec.Texts]) -> list[_Text]:
        change = self._task.change
        if change is None:
            return [_Text(row, row) for row in rows]
        made: list[_Text] = []
        names = [one.column.name for one in self._task.written]
        given = [
            {name: _decoded(text) for name, text in zip(self._read, row, strict=True)}
            for row in rows
        ]
        came = change.within(self._ends.target, change.apply(given), given)
        for reject in came.rejected:
            self._reject(rows[reject.place], reject.reason, rule=reject.rule)
        self._tally.dropped += came.dropped
        tally = self._tally
        tally.cleansed = changed.together(tally.cleansed.values(), came.cleansed)
        origins = came.origins or range(len(came.rows))
        for place, new in zip(origins, came.rows, strict=True):
            made.append(_Text(tuple(_encoded(new.get(name)) for name in names), rows[place]))
        return made

    # --- writing, halving -------------------------------------------------------------------

    def _write(self, rows: Sequence[_Text]) -> None:
        if not rows:
            return
        target = self._ends.target
        nested = target.connection.begin_nested()
        try:
            block = self._ends.loader.encoded(self._task.written, [one.row for one in rows])
            written = self._ends.loader.load(
                self._task.table, self._task.written, [block], self._format
            )
            if written != len(rows):
                raise errors.RefusedError(
                    f"the database took {written:,} of {len(rows):,} rows",
                    object=f"table {self._task.table.name!r}",
                )
        except Exception as error:
            if nested.is_active and not target.gone:
                nested.rollback()
            unstorable = isinstance(error, bulk.Unstorable)
            if not unstorable and target.engine.fault(error) is not base.Fault.DATA:
                raise
            if len(rows) == 1:
                said = str(error) if unstorable else target.engine.cause(error)
                self._reject(rows[0].origin, said, made=rows[0].row)
                return
        else:
            nested.commit()
            self._tally.written += written
            self._tally.size += len(block.data)
            return
        half = len(rows) // 2
        self._write(rows[:half])
        self._write(rows[half:])

    # --- putting aside ----------------------------------------------------------------------

    def _reject(
        self,
        row: codec.Texts,
        reason: str,
        *,
        rule: str | None = None,
        made: codec.Texts | None = None,
    ) -> None:
        """Put aside a row as it was read; `made` is what was to be written, if it came so far."""
        carried = self._task.cargo.carried
        shown = {
            one.value.column.name: forms.shown(one.value.form, text)
            for one, text in zip(carried, row, strict=True)
        }
        key = tuple(forms.shown(carried[at].value.form, row[at]) for at in self._task.key)
        again = (
            kept.dump(self._task.table.name, carried, row, as_read=True)
            if made is None
            else kept.dump(self._task.table.name, self._task.written, made)
        )
        reject = parts.Reject(
            table=self._task.flow, key=key, reason=reason, row=dict(shown), rule=rule, again=again
        )
        if len(self._tally.rejects) >= self._task.room:
            names = [carried[at].value.column.name for at in self._task.key]
            said = ", ".join(f"{n} = {v!r}" for n, v in zip(names, key, strict=True))
            failed = errors.RowFailed(
                self._task.flow,
                key=said or ", ".join(f"{n} = {v!r}" for n, v in list(shown.items())[:3]),
                cause=reason,
                rejected=len(self._tally.rejects),
                max_rejects=self._task.room,
                verb="written",
                remedy="correct the row in the source, or give a rule for it, then run the same "
                "command again\n"
                "or let so many rows go to the rejects, with their values:  --max-rejects N",
            )
            failed.database = self._ends.target.url
            raise failed
        self._tally.rejects.append(reject)


def _decoded(text: bytes | None) -> str | None:
    return None if text is None else text.decode("utf-8", "surrogateescape")


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")
