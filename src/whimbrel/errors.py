"""Every error Whimbrel raises, as facts; the text that people read is made here, once.

    WhimbrelError
    ├── UsageError              the caller can fix it: a name, an option, a file
    │   ├── BadUrl, UnknownDatabase, BadConfig, MissingExtra, MissingSecret
    │   ├── BadMigrationFile, UnknownMigration, DependencyCycle, ManyHeads
    │   ├── UnknownType, BadColumn, BadParameters, Irreversible
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
    │   └── ValueNotStorable, ValueNotReadable
    ├── DatabaseUnavailable     no session: server down, wrong password, no such database
    └── MigrationFailed         a migration stopped; carries what is done and what is left

Each class has a slug; `whimbrel explain SLUG` shows its page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from whimbrel import words

_LABELS = ("where", "database", "object", "left", "cause", "to do")
_INDENT = 10


class WhimbrelError(Exception):
    """Say what happened, where, what is left, why, and what to do."""

    slug = "whimbrel-error"
    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        database: str | None = None,
        object: str | None = None,
        left: str | None = None,
        cause: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.database = database
        self.object = object
        self.left = left
        self.cause = cause
        self.remedy = remedy
        super().__init__(what)

    @property
    def facts(self) -> dict[str, str]:
        """Return the labelled facts in the order in which they are read."""
        values = (self.where, self.database, self.object, self.left, self.cause, self.remedy)
        return {label: value for label, value in zip(_LABELS, values, strict=True) if value}

    def as_json(self) -> dict[str, str]:
        """Return the same facts as fields, for `--json`."""
        return {
            "error": self.slug,
            "what": self.what,
            **{k.replace(" ", "_"): v for k, v in self.facts.items()},
        }

    def __str__(self) -> str:
        lines = [self.what]
        for label, value in self.facts.items():
            first, *rest = value.splitlines() or [""]
            lines.append(f"  {label:<{_INDENT - 1}} {first}".rstrip())
            lines.extend(f"  {'':<{_INDENT}}{line}".rstrip() for line in rest)
        lines.append(f"  {'[' + self.slug + ']':>80}")
        return "\n".join(lines)


def names(values: Iterable[str], *, limit: int = 20) -> str:
    """Join names for a sentence, the first `limit` of them."""
    known = list(values)
    if not known:
        return "(none)"
    more = f" … and {len(known) - limit:,} more" if len(known) > limit else ""
    return ", ".join(known[:limit]) + more


# --- the caller can fix it ------------------------------------------------------------------


class UsageError(WhimbrelError):
    """Something the caller asked for cannot be; the caller can correct it."""

    slug = "usage-error"
    exit_code = 2


class BadUrl(UsageError):
    slug = "bad-url"

    def __init__(self, url: str, *, why: str, known: Sequence[str]) -> None:
        super().__init__(
            f"cannot use {url!r} as a database URL: {why}",
            remedy="write one of: " + "  ".join(known),
        )


class UnknownDatabase(UsageError):
    slug = "unknown-database"

    def __init__(self, alias: str, *, known: Sequence[str], config: str) -> None:
        super().__init__(
            f"no database is called {alias!r}",
            where=config,
            object=f"known: {names(known)}",
            remedy="use one of these names, or a URL:  --database URL",
        )


class BadConfig(UsageError):
    slug = "bad-config"

    def __init__(self, what: str, *, where: str, remedy: str) -> None:
        super().__init__(what, where=where, remedy=remedy)


class MissingSecret(UsageError):
    slug = "missing-secret"

    def __init__(self, variable: str, *, where: str) -> None:
        super().__init__(
            f"the environment variable {variable} is not set",
            where=where,
            remedy=f"set it:  export {variable}=…",
        )


class MissingExtra(UsageError):
    slug = "missing-extra"

    def __init__(self, package: str, *, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the package {package}, which is not installed",
            remedy=f"pip install 'whimbrel[{extra}]'",
        )


class BadMigrationFile(UsageError):
    slug = "bad-migration-file"

    def __init__(self, path: str, *, why: str, cause: str | None = None, remedy: str) -> None:
        super().__init__(
            f"cannot use the migration file {path}: {why}",
            where=path,
            left="nothing was changed",
            cause=cause,
            remedy=remedy,
        )


class UnknownMigration(UsageError):
    slug = "unknown-migration"

    def __init__(self, wanted: str, *, known: Sequence[str], where: str) -> None:
        super().__init__(
            f"no migration is called {wanted!r}",
            where=where,
            object=f"known: {names(known, limit=8)}",
            remedy="see all of them:  whimbrel status",
        )


class DependencyCycle(UsageError):
    slug = "dependency-cycle"

    def __init__(self, cycle: Sequence[str], *, where: str) -> None:
        super().__init__(
            "migrations depend on each other in a circle",
            where=where,
            object=" → ".join(cycle),
            left="nothing was changed",
            remedy="take one of these names out of the other's depends_on",
        )


class ManyHeads(UsageError):
    slug = "many-heads"

    def __init__(self, heads: Sequence[str], *, where: str) -> None:
        super().__init__(
            f"{len(heads)} migrations are the last one, each on its own branch",
            where=where,
            object=names(heads),
            left="nothing was changed",
            remedy="join the branches:  whimbrel new merge_branches --merge\n"
            f"or run one branch only:  whimbrel up --to {heads[0]}",
        )


class UnknownType(UsageError):
    slug = "unknown-type"

    def __init__(self, type_name: str, *, column: str, known: Sequence[str]) -> None:
        super().__init__(
            f"column {column!r} has the unknown type {type_name!r}",
            object=f"known types: {names(known)}",
            remedy="use one of the known types",
        )


class BadColumn(UsageError):
    slug = "bad-column"

    def __init__(self, column: str, *, why: str, remedy: str) -> None:
        super().__init__(f"column {column!r} cannot be built: {why}", remedy=remedy)


class BadParameters(UsageError):
    slug = "bad-parameters"

    def __init__(self, what: str, *, sql: str, remedy: str) -> None:
        super().__init__(
            what,
            object=_short(sql),
            remedy=remedy,
        )


class Irreversible(UsageError):
    slug = "irreversible"

    def __init__(self, operation: str, *, why: str, remedy: str) -> None:
        super().__init__(f"{operation} cannot be reversed: {why}", remedy=remedy)
        self.operation = operation


class SqlNotTranslatable(UsageError):
    slug = "sql-not-translatable"

    def __init__(self, construct: str, *, sql: str, read: str, write: str, why: str) -> None:
        super().__init__(
            f"{construct} has no translation from {read} to {write}",
            object=_short(sql),
            left="nothing was changed by this statement",
            cause=why,
            remedy="write this statement with the migration's verbs, or once per engine:\n"
            'if self.engine == "…": self.execute(…, dialect="…")',
        )
        self.construct = construct


class SqlNotUnderstood(UsageError):
    slug = "sql-not-understood"

    def __init__(self, sql: str, *, dialect: str, cause: str) -> None:
        super().__init__(
            f"this is not {dialect} SQL",
            object=_short(sql),
            left="nothing was changed by this statement",
            cause=cause,
            remedy="correct the statement, or say what it is written in:  "
            'sql_dialect = "…"  in whimbrel.toml or on the migration',
        )


class UnknownSlug(UsageError):
    slug = "unknown-slug"

    def __init__(self, slug: str, *, near: Sequence[str]) -> None:
        super().__init__(
            f"there is no page called {slug!r}",
            object=f"near: {names(near)}" if near else None,
            remedy="see all of them:  whimbrel explain",
        )


# --- we will not do it ----------------------------------------------------------------------


class RefusedError(WhimbrelError):
    """We will not do this, because it could lose data or cannot be right."""

    slug = "refused"


class TableNotFound(RefusedError):
    slug = "table-not-found"

    def __init__(self, table: str, *, known: Sequence[str]) -> None:
        super().__init__(
            f"table {table!r} does not exist",
            object=f"tables: {names(known)}",
            remedy="correct the name, or create the table in an earlier migration",
        )


class TableExists(RefusedError):
    slug = "table-exists"

    def __init__(self, table: str) -> None:
        super().__init__(
            f"table {table!r} exists already",
            remedy="choose another name; or, if this database was made before Whimbrel,\n"
            "declare it as the starting point:  whimbrel baseline",
        )


class ColumnNotFound(RefusedError):
    slug = "column-not-found"

    def __init__(self, table: str, column: str, *, known: Sequence[str]) -> None:
        super().__init__(
            f"column {table}.{column} does not exist",
            object=f"table {table!r} has: {names(known)}",
            remedy="correct the name, or add the column in an earlier migration",
        )


class ColumnExists(RefusedError):
    slug = "column-exists"

    def __init__(self, table: str, column: str) -> None:
        super().__init__(
            f"column {table}.{column} exists already",
            remedy="choose another name, or use change_column",
        )


class ColumnInUse(RefusedError):
    slug = "column-in-use"

    def __init__(self, table: str, column: str, *, used_by: Sequence[str]) -> None:
        super().__init__(
            f"cannot remove {table}.{column}: other columns depend on the same objects",
            object=f"used by: {names(used_by)}",
            remedy="remove these first, in the same migration:  self.remove_index(…), "
            "self.remove_constraint(…),\n"
            'self.execute("DROP VIEW …"); and make again what should stay',
        )


class ObjectNotFound(RefusedError):
    slug = "object-not-found"

    def __init__(self, kind: str, name: str, *, table: str, known: Sequence[str]) -> None:
        super().__init__(
            f"{kind} {name} does not exist on table {table!r}",
            object=f"the table has: {names(known)}",
            remedy="correct the name; without a name we look for one on exactly these columns",
        )


class NullsPresent(RefusedError):
    slug = "nulls-in-not-null"

    def __init__(
        self,
        table: str,
        column: str,
        *,
        nulls: int,
        rows: int,
        first_keys: Sequence[str],
        update: str,
    ) -> None:
        keys = f"\nfirst: {', '.join(first_keys)}" if first_keys else ""
        super().__init__(
            f"cannot make {table}.{column} NOT NULL: {nulls:,} of {rows:,} rows are NULL",
            object=f"table {table}, column {column}{keys}",
            remedy="fill them before, in the same migration:\n"
            f"self.execute('{update}')\n"
            "or leave the column nullable",
        )
        self.nulls = nulls


class NotNullWithoutDefault(RefusedError):
    slug = "not-null-without-default"

    def __init__(self, table: str, column: str, *, rows: int) -> None:
        super().__init__(
            f"cannot add {table}.{column}: it is NOT NULL, has no default, and the table has rows",
            object=f"table {table}, {rows:,} rows",
            remedy="give the column a default:  default=…\n"
            "or add it nullable, fill it, then change_column(…, null=False)",
        )


class ValuesDoNotFit(RefusedError):
    slug = "value-does-not-fit"

    def __init__(
        self, table: str, column: str, *, wanted: str, values: int, examples: Sequence[str]
    ) -> None:
        super().__init__(
            f"{words.count(values, 'value')} of {table}.{column} cannot be stored unchanged "
            f"as {wanted}",
            object="first: " + "   ".join(examples),
            remedy="change these values before, in the same migration, or choose a wider type;\n"
            "if the loss is meant:  change_column(…, accept_loss=True)",
        )


class RebuildRefused(RefusedError):
    slug = "rebuild-refused"

    def __init__(self, table: str, *, why: str, remedy: str) -> None:
        super().__init__(f"table {table!r} cannot be rebuilt: {why}", remedy=remedy)


class ForeignKeysBroken(RefusedError):
    slug = "foreign-keys-broken"

    def __init__(self, broken: Sequence[str]) -> None:
        super().__init__(
            "rows would refer to rows that do not exist",
            object="\n".join(broken),
            remedy="delete or correct these rows in the migration, before it ends;\n"
            "ON DELETE and ON UPDATE actions do not fire in a migration that rebuilds a table",
        )


class HistoryEdited(RefusedError):
    slug = "history-edited"

    def __init__(self, migration: str, *, path: str, applied: str, was: str, now: str) -> None:
        super().__init__(
            f"migration {migration} was edited after it had been applied",
            where=path,
            object=f"applied {applied} with fingerprint {was[:8]}…, the file is now {now[:8]}…",
            left="nothing was changed",
            remedy=f"put the file back:  git log -p {path}\n"
            "and write a new migration for the change:  whimbrel new NAME\n"
            f"if the edit was harmless (a comment):  whimbrel accept {migration}",
        )


class HistoryMissing(RefusedError):
    slug = "history-missing"

    def __init__(self, migrations: Sequence[str], *, where: str) -> None:
        super().__init__(
            f"{len(migrations)} applied migrations have no file",
            where=where,
            object=names(migrations),
            left="nothing was changed",
            remedy="bring the files back (another branch checked out?)\n"
            f"or, if they were removed on purpose:  whimbrel accept {migrations[0]}",
        )


class OutOfOrder(RefusedError):
    slug = "out-of-order"

    def __init__(self, migrations: Sequence[str], *, after: str, where: str) -> None:
        super().__init__(
            f"{len(migrations)} pending migrations come before one that is applied",
            where=where,
            object=f"{names(migrations)}  before  {after}",
            left="nothing was changed",
            remedy="run them all the same:  whimbrel up --out-of-order\n"
            "or give them a later name (only while no database has applied them)",
        )


class HalfDone(RefusedError):
    slug = "half-done"

    def __init__(self, migration: str, *, direction: str, done: int, remedy: str) -> None:
        super().__init__(
            f"migration {migration} is half done: {done} steps of its {direction} are applied",
            left="nothing was changed now",
            remedy=remedy,
        )


class StepChanged(RefusedError):
    slug = "step-changed"

    def __init__(
        self, migration: str, *, position: int, was: str, now: str, taking_back: bool = False
    ) -> None:
        again = "whimbrel down" if taking_back else "whimbrel up"
        way_out = "" if taking_back else "\nor take the finished steps back:  whimbrel down"
        super().__init__(
            f"migration {migration} no longer asks for what it asked before, at step {position}",
            object=f"then: {_short(was)}\nnow:  {_short(now)}",
            left="nothing was changed now",
            remedy="put the finished steps back as they were when it was interrupted, "
            f"then:  {again}{way_out}",
        )


class StepUnclear(RefusedError):
    slug = "step-unclear"

    def __init__(self, migration: str, *, position: int, step: str, why: str) -> None:
        super().__init__(
            f"cannot tell whether step {position} of {migration} happened before the interruption",
            object=_short(step),
            left="nothing was changed now",
            cause=why,
            remedy="look at the database, then say which it is:\n"
            f"whimbrel resolve {migration} {position} --done      it happened\n"
            f"whimbrel resolve {migration} {position} --not-done  it did not",
        )


class LockHeld(RefusedError):
    slug = "lock-held"

    def __init__(self, holder: str, *, database: str, note: str) -> None:
        super().__init__(
            "another run holds the lock on this database",
            database=database,
            object=holder,
            left="nothing was changed",
            remedy=f"wait until it ends:  whimbrel status\n{note}",
        )


class LockLost(RefusedError):
    slug = "lock-lost"

    def __init__(self, *, database: str) -> None:
        super().__init__(
            "this run lost its lock on the database to another one",
            database=database,
            left="what was not committed is rolled back",
            remedy="see who is at work:  whimbrel history",
        )


class JournalTooNew(RefusedError):
    slug = "journal-too-new"

    def __init__(self, *, found: int, known: int, database: str) -> None:
        super().__init__(
            f"the journal in this database has version {found}; this Whimbrel knows {known}",
            database=database,
            left="nothing was changed",
            remedy="pip install --upgrade whimbrel",
        )


class MemoryExceeded(RefusedError):
    slug = "memory-exceeded"

    def __init__(self, *, used: str, limit: str) -> None:
        super().__init__(
            f"this process needs {used} of memory, and it may have {limit}",
            object="batches were made smaller down to one row",
            left="what was committed stays; the rest is safe to resume",
            remedy="allow it more:  --max-memory SIZE   or in whimbrel.toml:  max_memory\n"
            "or hold less in the migration itself: what it keeps of every row adds up",
        )


class NoKey(RefusedError):
    slug = "no-key"

    def __init__(self, table: str, *, engine: str) -> None:
        super().__init__(
            f"table {table!r} cannot be cut in batches: nothing tells its rows apart",
            object=f"{table} has no primary key and no unique key whose columns are NOT NULL and "
            f"can be walked in order on {engine}",
            remedy="give it one first, in a migration of its own:  self.execute(…)\n"
            "or change it by one statement:  self.execute(…)",
        )


class RowFailed(RefusedError):
    slug = "row-failed"

    def __init__(
        self, table: str, *, key: str, cause: str, rejected: int, max_rejects: int, by: str = ""
    ) -> None:
        allowed = (
            f"{words.count(rejected, 'row')} before it went to the rejects, and max_rejects is "
            f"{max_rejects:,}"
            if max_rejects
            else "max_rejects is 0: no row may fail"
        )
        super().__init__(
            f"a row of {table!r} cannot be changed{by}",
            object=f"{key}; {allowed}",
            cause=cause,
            remedy="correct the row or the migration, then:  whimbrel up\n"
            "or let so many rows go to the rejects, with their values:  max_rejects=… in the verb",
        )


class RunCancelled(RefusedError):
    slug = "run-cancelled"

    def __init__(self, run: int, *, by: str) -> None:
        super().__init__(
            f"run {run} was cancelled" + (f" by {by}" if by else ""),
            remedy="go on where it stopped:  whimbrel up\nor take it back:  whimbrel down",
        )


class ModelTransactionOpen(RefusedError):
    slug = "model-transaction-open"

    def __init__(self, model_side: str, *, remedy: str) -> None:
        super().__init__(
            f"a transaction of the models is still open: {model_side}",
            left="nothing was changed by it",
            remedy=remedy,
        )


class ModelTransactionLost(RefusedError):
    slug = "model-transaction-lost"

    def __init__(self, cause: str) -> None:
        super().__init__(
            "the server took back the whole transaction when a model's statement failed",
            left="what this transaction had changed is gone; nothing more was sent after it",
            cause=cause,
            remedy="run the migration again; where the failure was caught (try … except),\n"
            "do not go on after it: the rows before it would be missing",
        )


class ModelCallRefused(RefusedError):
    slug = "model-call-refused"

    def __init__(self, what: str, *, why: str, remedy: str) -> None:
        super().__init__(f"{what} cannot be done inside a migration", cause=why, remedy=remedy)


class DecimalNotExact(RefusedError):
    slug = "decimal-not-exact"

    def __init__(self, table: str, column: str, *, value: str, type_name: str) -> None:
        digits, _, places = value.lstrip("-").partition(".")
        super().__init__(
            f"column {table}.{column} cannot keep every digit of a decimal",
            object=f"value {value}, column type {type_name or '(none)'}",
            left="this row was not written",
            remedy="give the column room for it, earlier in the same migration:\n"
            f'self.change_column("{table}", "{column}", "decimal", '
            f"precision={len(digits + places)}, scale={len(places)})\n"
            "or round the value",
        )


class ValueNotStorable(RefusedError):
    slug = "value-not-storable"

    def __init__(self, type_name: str) -> None:
        super().__init__(
            f"a value of type {type_name} cannot be kept in the journal exactly",
            remedy="let the query return it as text:  CAST(column AS …)",
        )


class ValueNotReadable(RefusedError):
    slug = "value-not-readable"

    def __init__(self, text: str, *, cause: str) -> None:
        super().__init__(
            "a value in the journal cannot be read",
            object=_short(text, width=120),
            left="nothing was changed now",
            cause=cause,
            remedy="it may come from a newer version:  pip install --upgrade whimbrel",
        )


# --- no session -----------------------------------------------------------------------------


class DatabaseUnavailable(WhimbrelError):
    """There is no session: the server is down, the password wrong, the file unreadable."""

    slug = "database-unavailable"

    def __init__(self, *, database: str, cause: str, remedy: str) -> None:
        super().__init__(
            "cannot open the database",
            database=database,
            left="nothing was changed",
            cause=cause,
            remedy=remedy,
        )


# --- half-way -------------------------------------------------------------------------------


class MigrationFailed(WhimbrelError):
    """A migration stopped with an error; says what stays applied and how to go on."""

    slug = "migration-failed"

    def __init__(
        self,
        what: str,
        *,
        where: str | None,
        database: str,
        object: str | None = None,
        left: str,
        cause: str,
        remedy: str,
        resumable: bool,
        slug: str | None = None,
    ) -> None:
        super().__init__(
            what,
            where=where,
            database=database,
            object=object,
            left=left,
            cause=cause,
            remedy=remedy,
        )
        self.resumable = resumable
        self.exit_code = 3 if resumable else 1
        if slug:
            self.slug = slug


def _short(sql: str, *, width: int = 300) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= width else text[: width - 1] + "…"
