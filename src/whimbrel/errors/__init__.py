"""Every error Whimbrel raises, as facts; the text that people read is made here, once.

    WhimbrelError
    ├── UsageError              the caller can fix it: a name, an option, a file
    │   ├── BadUrl, UnknownDatabase, BadConfig, MissingExtra, MissingSecret
    │   ├── BadMigrationFile, UnknownMigration, DependencyCycle, ManyHeads
    │   ├── UnknownType, BadColumn, BadParameters, Irreversible
    │   ├── NotComparable, AmbiguousMatch, NothingToCompare
    │   ├── BadRule, BadMapping
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
    │   ├── TransferRefused, TargetNotEmpty, TransferHalfDone, ClusterUnavailable
    │   └── ValidationFailed, RepairRefused
    ├── DatabaseUnavailable     no session: server down, wrong password, no such database
    ├── RepairFailed            a repair stopped half-way; what it had committed stays
    ├── TransferFailed          a transfer stopped; what is committed stays, and it can go on
    ├── MigrationFailed         a migration stopped; carries what is done and what is left
    ├── ReadFailed              a database was not read to the end
    └── ReportNotWritten, ReportChanged

Each class has a slug; `whimbrel explain SLUG` shows its page.
"""

from __future__ import annotations

from whimbrel.errors.base import (
    DatabaseUnavailable,
    RefusedError,
    UsageError,
    WhimbrelError,
    names,
)
from whimbrel.errors.failed import (
    MigrationFailed,
    ReadFailed,
    RepairFailed,
    ReportChanged,
    ReportNotWritten,
    TransferFailed,
)
from whimbrel.errors.refused import (
    ClusterUnavailable,
    ColumnExists,
    ColumnInUse,
    ColumnNotFound,
    DecimalNotExact,
    ForeignKeysBroken,
    HalfDone,
    HistoryEdited,
    HistoryMissing,
    JournalTooNew,
    LockHeld,
    LockLost,
    MemoryExceeded,
    ModelCallRefused,
    ModelTransactionLost,
    ModelTransactionOpen,
    NoKey,
    NotNullWithoutDefault,
    NullsPresent,
    ObjectNotFound,
    OutOfOrder,
    RebuildRefused,
    RepairRefused,
    RowFailed,
    RunCancelled,
    StepChanged,
    StepUnclear,
    TableExists,
    TableNotFound,
    TargetNotEmpty,
    TransferHalfDone,
    TransferRefused,
    ValidationFailed,
    ValueNotReadable,
    ValueNotStorable,
    ValuesDoNotFit,
)
from whimbrel.errors.usage import (
    AmbiguousMatch,
    BadColumn,
    BadConfig,
    BadMapping,
    BadMigrationFile,
    BadParameters,
    BadRule,
    BadUrl,
    DependencyCycle,
    Irreversible,
    ManyHeads,
    MissingExtra,
    MissingSecret,
    NotComparable,
    NothingToCompare,
    SqlNotTranslatable,
    SqlNotUnderstood,
    UnknownDatabase,
    UnknownMigration,
    UnknownSlug,
    UnknownType,
)

__all__ = [
    "AmbiguousMatch",
    "BadColumn",
    "BadConfig",
    "BadMapping",
    "BadMigrationFile",
    "BadParameters",
    "BadRule",
    "BadUrl",
    "ClusterUnavailable",
    "ColumnExists",
    "ColumnInUse",
    "ColumnNotFound",
    "DatabaseUnavailable",
    "DecimalNotExact",
    "DependencyCycle",
    "ForeignKeysBroken",
    "HalfDone",
    "HistoryEdited",
    "HistoryMissing",
    "Irreversible",
    "JournalTooNew",
    "LockHeld",
    "LockLost",
    "ManyHeads",
    "MemoryExceeded",
    "MigrationFailed",
    "MissingExtra",
    "MissingSecret",
    "ModelCallRefused",
    "ModelTransactionLost",
    "ModelTransactionOpen",
    "NoKey",
    "NotComparable",
    "NotNullWithoutDefault",
    "NothingToCompare",
    "NullsPresent",
    "ObjectNotFound",
    "OutOfOrder",
    "ReadFailed",
    "RebuildRefused",
    "RefusedError",
    "RepairFailed",
    "RepairRefused",
    "ReportChanged",
    "ReportNotWritten",
    "RowFailed",
    "RunCancelled",
    "SqlNotTranslatable",
    "SqlNotUnderstood",
    "StepChanged",
    "StepUnclear",
    "TableExists",
    "TableNotFound",
    "TargetNotEmpty",
    "TransferFailed",
    "TransferHalfDone",
    "TransferRefused",
    "UnknownDatabase",
    "UnknownMigration",
    "UnknownSlug",
    "UnknownType",
    "UsageError",
    "ValidationFailed",
    "ValueNotReadable",
    "ValueNotStorable",
    "ValuesDoNotFit",
    "WhimbrelError",
    "names",
]
