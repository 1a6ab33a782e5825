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
    │   ├── NoKey, RowFailed, RunCancelled, MemoryExceeded, UndoConflicts
    │   ├── RowsOvertaken
    │   ├── ModelTransactionOpen, ModelTransactionLost, ModelCallRefused, DecimalNotExact
    │   ├── ValueNotStorable, ValueNotReadable
    │   ├── TransferRefused, TargetNotEmpty, TransferHalfDone, ClusterUnavailable,
    │   ├── ScratchNotMade
    │   ├── ValidationFailed, RepairRefused, CheckFailed
    │   ├── BackupToolMissing, BackupBroken, RestoreRefused, RestoreUnfinished
    │   ├── NotOnline, LiveChangeOpen, NoLiveChange, WrongPhase, RowsAstray, WouldLose
    │   ├── CannotFollow, NotFollowed
    │   └── DualWriteRefused
    ├── DatabaseUnavailable     no session: server down, wrong password, no such database
    ├── RepairFailed            a repair stopped half-way; what it had committed stays
    ├── TransferFailed          a transfer stopped; what is committed stays, and it can go on
    ├── BackupFailed            there is no backup; the database is as it was
    ├── RestoreFailed           a restore stopped, or what it made is not what the backup says
    ├── MigrationFailed         a migration stopped; carries what is done and what is left
    ├── LockNotHad              a lock was not to be had in all its time; it can go on later
    ├── DualWriteFailed         the second side did not take a write; neither side was changed
    ├── ReadFailed              a database was not read to the end
    ├── CaptureLost, SourceAltered   a source cannot be followed any further
    ├── CutoverFailed           a cutover stopped before the switch; it can be made again
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
    BackupFailed,
    CaptureLost,
    CutoverFailed,
    DualWriteFailed,
    LockNotHad,
    MigrationFailed,
    ReadFailed,
    RepairFailed,
    ReportChanged,
    ReportNotWritten,
    RestoreFailed,
    SourceAltered,
    TransferFailed,
)
from whimbrel.errors.refused import (
    BackupBroken,
    BackupToolMissing,
    CannotFollow,
    CheckFailed,
    ClusterUnavailable,
    ColumnExists,
    ColumnInUse,
    ColumnNotFound,
    DecimalNotExact,
    DualWriteRefused,
    ForeignKeysBroken,
    HalfDone,
    HistoryEdited,
    HistoryMissing,
    JournalTooNew,
    LiveChangeOpen,
    LockHeld,
    LockLost,
    MemoryExceeded,
    ModelCallRefused,
    ModelTransactionLost,
    ModelTransactionOpen,
    NoKey,
    NoLiveChange,
    NotFollowed,
    NotNullWithoutDefault,
    NotOnline,
    NullsPresent,
    ObjectNotFound,
    OutOfOrder,
    RebuildRefused,
    RepairRefused,
    RestoreRefused,
    RestoreUnfinished,
    RowFailed,
    RowsAstray,
    RowsOvertaken,
    RunCancelled,
    ScratchNotMade,
    StepChanged,
    StepUnclear,
    TableExists,
    TableNotFound,
    TargetNotEmpty,
    TransferHalfDone,
    TransferRefused,
    UndoConflicts,
    ValidationFailed,
    ValueNotReadable,
    ValueNotStorable,
    ValuesDoNotFit,
    WouldLose,
    WrongPhase,
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
    "BackupBroken",
    "BackupFailed",
    "BackupToolMissing",
    "BadColumn",
    "BadConfig",
    "BadMapping",
    "BadMigrationFile",
    "BadParameters",
    "BadRule",
    "BadUrl",
    "CannotFollow",
    "CaptureLost",
    "CheckFailed",
    "ClusterUnavailable",
    "ColumnExists",
    "ColumnInUse",
    "ColumnNotFound",
    "CutoverFailed",
    "DatabaseUnavailable",
    "DecimalNotExact",
    "DependencyCycle",
    "DualWriteFailed",
    "DualWriteRefused",
    "ForeignKeysBroken",
    "HalfDone",
    "HistoryEdited",
    "HistoryMissing",
    "Irreversible",
    "JournalTooNew",
    "LiveChangeOpen",
    "LockHeld",
    "LockLost",
    "LockNotHad",
    "ManyHeads",
    "MemoryExceeded",
    "MigrationFailed",
    "MissingExtra",
    "MissingSecret",
    "ModelCallRefused",
    "ModelTransactionLost",
    "ModelTransactionOpen",
    "NoKey",
    "NoLiveChange",
    "NotComparable",
    "NotFollowed",
    "NotNullWithoutDefault",
    "NotOnline",
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
    "RestoreFailed",
    "RestoreRefused",
    "RestoreUnfinished",
    "RowFailed",
    "RowsAstray",
    "RowsOvertaken",
    "RunCancelled",
    "ScratchNotMade",
    "SourceAltered",
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
    "UndoConflicts",
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
    "WouldLose",
    "WrongPhase",
    "names",
]
