"""What can happen while Whimbrel works, as frozen facts told to listeners.

Listeners draw, write or count; nothing in the library prints. `progress.py` folds these
events into what all faces show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A command begins to work through some migrations."""

    direction: str
    migrations: tuple[str, ...]
    database: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStarted(Event):
    """A migration begins; `steps` is how many its plan had, None where it was undecided."""

    migration: str
    direction: str
    steps: int | None
    resumed_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """A step is about to be recorded and done."""

    migration: str
    position: int
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementSent(Event):
    """A statement is about to be sent; the journal says "about to" where that is needed."""

    migration: str
    position: int
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementDone(Event):
    """The server answered; the journal may not know it yet."""

    migration: str
    position: int
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone(Event):
    """A step is done, and (in a migration that commits by steps) committed with its note."""

    migration: str
    position: int
    step: str
    rows: int | None
    seconds: float
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsStarted(Event):
    """A step begins to work through a table in batches, or goes on with it.

    `total` is about how many rows the table has, None if nobody knows; `done` how many were
    read in an earlier attempt.
    """

    migration: str
    position: int
    table: str
    total: int | None
    done: int
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TooLarge(Event):
    """A table turned out too large for one transaction: the migration begins again, by steps."""

    migration: str
    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDone(Event):
    """A batch is done (and, in a migration that commits by steps, committed).

    `read` and `written` count the rows of this batch, `size` is that of the next one.
    """

    migration: str
    position: int
    part: int
    read: int
    written: int
    rejected: int
    seconds: float
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRows(Event):
    """Rows read or written through models since the migration began, in all."""

    migration: str
    written: int
    read: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationDone(Event):
    """A migration is applied (or taken back) and its history written."""

    migration: str
    direction: str
    seconds: float
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStopped(Event):
    """A migration failed or was interrupted."""

    migration: str
    direction: str
    resumable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDone(Event):
    """All asked migrations are through."""

    direction: str
    migrations: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyStarted(Event):
    """Two databases are about to be compared; `tables` are pairs, by the source's name."""

    source: str
    target: str
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsCompared(Event):
    """So many more rows of a table are compared; `total` is about how many it has."""

    table: str
    rows: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAgain(Event):
    """Rows that differed were looked at again; so many still differ, so many keep changing."""

    table: str
    look: int
    different: int
    moving: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableVerified(Event):
    """A table is compared; `outcome` as in `proof.findings.Outcome`."""

    table: str
    outcome: str
    rows: int
    differences: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyDone(Event):
    """All tables are compared."""

    equal: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairStarted(Event):
    """Rows of the target are about to be changed; `rows` is how many, as planned."""

    database: str
    tables: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsRepaired(Event):
    """More rows of a table are changed and committed; `action` is insert, update or delete."""

    table: str
    action: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairDone(Event):
    """A repair is through, and its tables were compared again."""

    rows: int
    equal: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStarted(Event):
    """Tables are about to be made and filled; by name, with about how many rows each has.

    `resumed` says that an earlier attempt has done a part of it.
    """

    source: str
    target: str
    tables: tuple[tuple[str, int | None], ...]
    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChanged(Event):
    """A table, key, index, view, … of the target is made; `kind` and `name` say which."""

    kind: str
    table: str | None
    name: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCutInChunks(Event):
    """A table is about to be copied, or to be gone on with; `done` rows were copied before."""

    table: str
    chunks: int
    done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkCopied(Event):
    """A chunk of a table is copied and committed; `size` is its bytes, about."""

    table: str
    chunk: int
    rows: int
    rejected: int
    size: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCopied(Event):
    """All rows of a table are copied."""

    table: str
    rows: int
    rejected: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferDone(Event):
    """A transfer is through; `equal` is None where it was not verified."""

    rows: int
    rejected: int
    equal: bool | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapesNamed(Event):
    """What a live change makes of a table, before its next part is done.

    `mode` says where the two shapes are. `up` pairs each column of the new shape that triggers
    write with its expression over the old one, `down` each of the old with one over the new.
    """

    migration: str
    table: str
    mode: str
    up: tuple[tuple[str, str], ...]
    down: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseDone(Event):
    """A live change has come to a phase: expanded, mirrored, backfilled, verified, swapped, …"""

    migration: str
    table: str
    phase: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LockAwaited(Event):
    """A lock was not to be had at once, and is asked for again: by whom it is held, in words."""

    migration: str
    table: str
    tries: int
    waited: float
    blockers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapesCompared(Event):
    """A range of a table was compared in both shapes.

    `astray` rows were filled once more; `left` of them were different still.
    """

    migration: str
    table: str
    rows: int
    astray: int
    left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking(Event):
    """An assessment has come to its next part: `what` is looked at, of so many tables."""

    what: str
    tables: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowingStarted(Event):
    """Changes of the source are noted and will be brought to the target; by which way."""

    source: str
    target: str
    how: str
    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesApplied(Event):
    """A round of changes is in the target, and committed: rows deleted, and written."""

    changes: int
    deleted: int
    written: int
    rejected: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowingLag(Event):
    """How far the target is behind: changes that are not there yet, and the age of the oldest."""

    changes: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CutoverStep(Event):
    """A step of a cutover is done; `writes_stopped` says whether the application stands still."""

    step: str
    seconds: float
    writes_stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CutoverDone(Event):
    """The target has taken over; so many seconds nobody could write."""

    standstill: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed(Event):
    """Something that the user should know once, and that stops nothing."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Event):
    """Work waits for something; says what."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxDelivered(Event):
    """What a key has waiting in the outbox is on the other side; `lag` is how long it waited."""

    pair: str
    key: str
    rows: int
    seconds: float
    lag: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxFailed(Event):
    """The other side did not take a row of the outbox; it is tried again, unless it is `dead`."""

    pair: str
    key: str
    tries: int
    dead: bool
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowDiffered(Event):
    """A shadow read found a row that is another one on the other side; `fields` are named."""

    pair: str
    key: str
    missing: bool
    fields: tuple[str, ...]


Listener = Callable[[Event], None]


def nobody(event: Event) -> None:
    """Listen to nothing."""
