"""Every error Whimbrel raises, as facts; the text that people read is made here, once.

    WhimbrelError
    ├── UsageError              the caller can fix it: a name, an option, a file
    │   ├── BadUrl, UnknownDatabase, BadConfig, MissingExtra, MissingSecret
    │   ├── BadMigrationFile, UnknownMigration, DependencyCycle, ManyHeads
    │   ├── UnknownType, BadColumn, BadParameters, Irreversible
    │   ├── NotComparable, AmbiguousMatch, NothingToCompare
    │   ├── BadRule
    │   └── SqlNotTranslatable, SqlNotUnderstood, UnknownSlug
    ├── RefusedError            we will not do it; nothing was changed by it
    │   ├── TableNotFound, TableExists, ColumnNotFound, ColumnExists, ColumnInUse,
    │   ├── ObjectNotFound
    │   ├── NullsPresent, NotNullWithoutDefault, ValuesDoNotFit,
    │   ├── RebuildRefused, ForeignKeysBroken
    │   ├── HistoryEdited, HistoryMissing, OutOfOrder, HalfDone, StepChanged, StepUnclear
    │   ├── LockHeld, LockLost, JournalTooNew
    │   ├── NoKey, RowFailed, RunCancelled, MemoryExceeded
    │   ├── ModelTransactionOpen, ModelTransactionLost, ModelCallRefused, DecimalNotExact
    │   ├── ValueNotStorable, ValueNotReadable
    │   └── ValidationFailed, RepairRefused
    ├── DatabaseUnavailable     no session: server down, wrong password, no such database
    ├── RepairFailed            a repair stopped half-way; what it had committed stays
    ├── MigrationFailed         a migration stopped; carries what is done and what is left
    └── ReportNotWritten, ReportChanged

Each class has a slug; `whimbrel explain SLUG` shows its page.
"""

from __future__ import annotations

from whimbrel.errors.base import (
    DatabaseUnavailable as DatabaseUnavailable,
)
from whimbrel.errors.base import (
    RefusedError as RefusedError,
)
from whimbrel.errors.base import (
    UsageError as UsageError,
)
from whimbrel.errors.base import (
    WhimbrelError as WhimbrelError,
)
from whimbrel.errors.base import (
    names as names,
)
from whimbrel.errors.failed import (
    MigrationFailed as MigrationFailed,
)
from whimbrel.errors.failed import (
    RepairFailed as RepairFailed,
)
from whimbrel.errors.failed import (
    ReportChanged as ReportChanged,
)
from whimbrel.errors.failed import (
    ReportNotWritten as ReportNotWritten,
)
from whimbrel.errors.refused import (
    ColumnExists as ColumnExists,
)
from whimbrel.errors.refused import (
    ColumnInUse as ColumnInUse,
)
from whimbrel.errors.refused import (
    ColumnNotFound as ColumnNotFound,
)
from whimbrel.errors.refused import (
    DecimalNotExact as DecimalNotExact,
)
from whimbrel.errors.refused import (
    ForeignKeysBroken as ForeignKeysBroken,
)
from whimbrel.errors.refused import (
    HalfDone as HalfDone,
)
from whimbrel.errors.refused import (
    HistoryEdited as HistoryEdited,
)
from whimbrel.errors.refused import (
    HistoryMissing as HistoryMissing,
)
from whimbrel.errors.refused import (
    JournalTooNew as JournalTooNew,
)
from whimbrel.errors.refused import (
    LockHeld as LockHeld,
)
from whimbrel.errors.refused import (
    LockLost as LockLost,
)
from whimbrel.errors.refused import (
    MemoryExceeded as MemoryExceeded,
)
from whimbrel.errors.refused import (
    ModelCallRefused as ModelCallRefused,
)
from whimbrel.errors.refused import (
    ModelTransactionLost as ModelTransactionLost,
)
from whimbrel.errors.refused import (
    ModelTransactionOpen as ModelTransactionOpen,
)
from whimbrel.errors.refused import (
    NoKey as NoKey,
)
from whimbrel.errors.refused import (
    NotNullWithoutDefault as NotNullWithoutDefault,
)
from whimbrel.errors.refused import (
    NullsPresent as NullsPresent,
)
from whimbrel.errors.refused import (
    ObjectNotFound as ObjectNotFound,
)
from whimbrel.errors.refused import (
    OutOfOrder as OutOfOrder,
)
from whimbrel.errors.refused import (
    RebuildRefused as RebuildRefused,
)
from whimbrel.errors.refused import (
    RepairRefused as RepairRefused,
)
from whimbrel.errors.refused import (
    RowFailed as RowFailed,
)
from whimbrel.errors.refused import (
    RunCancelled as RunCancelled,
)
from whimbrel.errors.refused import (
    StepChanged as StepChanged,
)
from whimbrel.errors.refused import (
    StepUnclear as StepUnclear,
)
from whimbrel.errors.refused import (
    TableExists as TableExists,
)
from whimbrel.errors.refused import (
    TableNotFound as TableNotFound,
)
from whimbrel.errors.refused import (
    ValidationFailed as ValidationFailed,
)
from whimbrel.errors.refused import (
    ValueNotReadable as ValueNotReadable,
)
from whimbrel.errors.refused import (
    ValueNotStorable as ValueNotStorable,
)
from whimbrel.errors.refused import (
    ValuesDoNotFit as ValuesDoNotFit,
)
from whimbrel.errors.usage import (
    AmbiguousMatch as AmbiguousMatch,
)
from whimbrel.errors.usage import (
    BadColumn as BadColumn,
)
from whimbrel.errors.usage import (
    BadConfig as BadConfig,
)
from whimbrel.errors.usage import (
    BadMigrationFile as BadMigrationFile,
)
from whimbrel.errors.usage import (
    BadParameters as BadParameters,
)
from whimbrel.errors.usage import (
    BadRule as BadRule,
)
from whimbrel.errors.usage import (
    BadUrl as BadUrl,
)
from whimbrel.errors.usage import (
    DependencyCycle as DependencyCycle,
)
from whimbrel.errors.usage import (
    Irreversible as Irreversible,
)
from whimbrel.errors.usage import (
    ManyHeads as ManyHeads,
)
from whimbrel.errors.usage import (
    MissingExtra as MissingExtra,
)
from whimbrel.errors.usage import (
    MissingSecret as MissingSecret,
)
from whimbrel.errors.usage import (
    NotComparable as NotComparable,
)
from whimbrel.errors.usage import (
    NothingToCompare as NothingToCompare,
)
from whimbrel.errors.usage import (
    SqlNotTranslatable as SqlNotTranslatable,
)
from whimbrel.errors.usage import (
    SqlNotUnderstood as SqlNotUnderstood,
)
from whimbrel.errors.usage import (
    UnknownDatabase as UnknownDatabase,
)
from whimbrel.errors.usage import (
    UnknownMigration as UnknownMigration,
)
from whimbrel.errors.usage import (
    UnknownSlug as UnknownSlug,
)
from whimbrel.errors.usage import (
    UnknownType as UnknownType,
)
