"""What we will not do; nothing was changed by it."""

from __future__ import annotations

from collections.abc import Sequence

from whimbrel import words
from whimbrel.errors.base import RefusedError, names, shortened


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
            object=f"then: {shortened(was)}\nnow:  {shortened(now)}",
            left="nothing was changed now",
            remedy="put the finished steps back as they were when it was interrupted, "
            f"then:  {again}{way_out}",
        )


class StepUnclear(RefusedError):
    slug = "step-unclear"

    def __init__(self, migration: str, *, position: int, step: str, why: str) -> None:
        super().__init__(
            f"cannot tell whether step {position} of {migration} happened before the interruption",
            object=shortened(step),
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
        self,
        table: str,
        *,
        key: str,
        cause: str,
        rejected: int,
        max_rejects: int,
        by: str = "",
        verb: str = "changed",
        remedy: str = "correct the row or the migration, then:  whimbrel up\n"
        "or let so many rows go to the rejects, with their values:  max_rejects=… in the verb",
    ) -> None:
        allowed = (
            f"{words.count(rejected, 'row')} before it went to the rejects, and max_rejects is "
            f"{max_rejects:,}"
            if max_rejects
            else "max_rejects is 0: no row may fail"
        )
        super().__init__(
            f"a row of {table!r} cannot be {verb}{by}",
            object=f"{key}; {allowed}",
            cause=cause,
            remedy=remedy,
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
            object=shortened(text, width=120),
            left="nothing was changed now",
            cause=cause,
            remedy="it may come from a newer version:  pip install --upgrade whimbrel",
        )


class ValidationFailed(RefusedError):
    slug = "validation-failed"

    def __init__(
        self, *, failed: int, of: int, found: Sequence[str], place: str | None = None
    ) -> None:
        super().__init__(
            f"{failed:,} of {words.count(of, 'rule')} {'does' if failed == 1 else 'do'} not hold",
            where=place,
            object="\n".join(found),
            remedy="correct the rows, or the rule, then:  whimbrel up",
        )


class RepairRefused(RefusedError):
    slug = "repair-refused"

    def __init__(self, why: str, *, object: str | None = None, remedy: str) -> None:
        super().__init__(
            f"the target cannot be repaired: {why}",
            object=object,
            left="nothing was changed",
            remedy=remedy,
        )


class TransferRefused(RefusedError):
    """Values or tables that the target cannot take as they are; nothing has moved."""

    slug = "transfer-refused"

    def __init__(
        self,
        problems: Sequence[str],
        *,
        database: str,
        remedy: str,
        left: str = "nothing was written to either database",
    ) -> None:
        super().__init__(
            f"{words.count(len(problems), 'thing')} cannot go into the target as they are"
            if len(problems) > 1
            else "something cannot go into the target as it is",
            database=database,
            left=left,
            cause="\n".join(problems[:_SHOWN_PROBLEMS])
            + (
                f"\n… and {len(problems) - _SHOWN_PROBLEMS:,} more"
                if len(problems) > _SHOWN_PROBLEMS
                else ""
            ),
            remedy=remedy,
        )
        self.problems = tuple(problems)


_SHOWN_PROBLEMS = 20


class ClusterUnavailable(RefusedError):
    """Nobody of a cluster is there to copy rows."""

    slug = "cluster-unavailable"

    def __init__(self, address: str, *, cause: str) -> None:
        super().__init__(
            f"there are no workers behind {address}",
            left="nothing was changed",
            cause=cause,
            remedy="start a scheduler and workers that can reach both databases:\n"
            "dask scheduler\n"
            "dask worker tcp://scheduler:8786 --nworkers 4 --nthreads 1\n"
            "or leave --cluster out",
        )


class BackupToolMissing(RefusedError):
    """A native backup needs a program of the server's own, and there is none that fits."""

    slug = "backup-tool-missing"

    def __init__(self, tool: str, *, database: str, cause: str, package: str) -> None:
        super().__init__(
            f"there is no {tool} that fits this server",
            database=database,
            left="nothing was changed, and nothing written",
            cause=cause,
            remedy=f"install it:  {package}\n"
            "or make a backup that needs no program:  whimbrel backup --way portable",
        )
        self.tool = tool


class BackupBroken(RefusedError):
    """A backup is not as it was made: nothing is restored from it."""

    slug = "backup-broken"

    def __init__(self, place: str, *, wrong: Sequence[str]) -> None:
        super().__init__(
            "this backup is not as it was made",
            where=place,
            left="nothing was changed",
            cause="\n".join(wrong[:_SHOWN_PROBLEMS]),
            remedy="take another one:  whimbrel backup --list\n"
            "or bring the folder back from where it was copied to",
        )
        self.wrong = tuple(wrong)


class RestoreRefused(RefusedError):
    """A backup does not go into this database, or nobody has said that it may."""

    slug = "restore-refused"

    def __init__(self, what: str, *, database: str, object: str | None = None, remedy: str) -> None:
        super().__init__(
            what, database=database, object=object, left="nothing was changed", remedy=remedy
        )


class RestoreUnfinished(RefusedError):
    """This database holds a part of a backup: somebody's restore did not come to its end."""

    slug = "restore-unfinished"

    def __init__(self, backup: str, *, database: str, began: str) -> None:
        super().__init__(
            f"this database holds only a part of the backup {backup!r}",
            database=database,
            object=f"its restore began at {began} and has not come to its end",
            left="nothing was changed now",
            remedy="restore it again: the part is thrown away, and all of it made anew:\n"
            f"whimbrel restore {backup}",
        )


class ScratchNotMade(RefusedError):
    """There is no scratch copy to rehearse on, or one could not be dropped."""

    slug = "scratch-not-made"

    def __init__(self, what: str, *, database: str, cause: str, remedy: str) -> None:
        super().__init__(
            what,
            database=database,
            left="the original was only read",
            cause=cause,
            remedy=remedy,
        )


class TargetNotEmpty(RefusedError):
    """The target has tables, or rows, where a transfer would write."""

    slug = "target-not-empty"

    def __init__(self, tables: Sequence[str], *, database: str, why: str, remedy: str) -> None:
        super().__init__(
            f"the target {why}: {names(tables)}",
            database=database,
            left="nothing was written",
            remedy=remedy,
        )


class TransferHalfDone(RefusedError):
    """The target holds a half-done transfer that is not the one that was asked for."""

    slug = "transfer-half-done"

    def __init__(self, title: str, *, database: str, why: str) -> None:
        super().__init__(
            f"the target holds a half-done transfer: {title}",
            database=database,
            left="its rows so far, and its notes in whimbrel_…; nothing was changed now",
            cause=why,
            remedy="finish it by the command it was begun with,\n"
            "or begin anew, dropping what it has written:  --existing replace",
        )


class UndoConflicts(RefusedError):
    """Values that a step had changed, and that would be given back, were changed since."""

    slug = "undo-conflicts"

    def __init__(self, table: str, *, rows: int, first: Sequence[str]) -> None:
        super().__init__(
            f"{words.count(rows, 'row')} of {table!r} {'was' if rows == 1 else 'were'} changed "
            "by others since, where the migration had changed them, too",
            object="first: " + "\n".join(first),
            left="none of these rows was changed",
            remedy="choose what stays, the value from before the migration or the one of now:\n"
            "whimbrel down --conflicts old\n"
            "whimbrel down --conflicts new",
        )
        self.rows = rows


class RowsOvertaken(RefusedError):
    """Others put rows among those of a step meanwhile; the same may work a moment later."""

    slug = "rows-overtaken"

    def __init__(self, table: str) -> None:
        super().__init__(
            f"others wrote rows of {table!r} between keeping what was there and changing it",
            left="nothing of this step or batch stays",
            remedy="run it again:  whimbrel up",
        )


class CheckFailed(RefusedError):
    """A check found in a migration what `up` does not begin with."""

    slug = "check-failed"

    def __init__(
        self,
        findings: Sequence[tuple[str, str, str, str]],
        *,
        migration: str,
        instead: str,
        database: str,
    ) -> None:
        """Say it of findings: the check, what happens, why, and where."""
        first, *more = findings
        others = "".join(f"\nalso [{slug}] {what}" for slug, what, _, _ in more)
        place = f", {first[3]}" if first[3] else ""
        super().__init__(
            f"[{first[0]}] {first[1]}",
            where=f"{migration}{place}",
            database=database,
            object=f"{first[2]}{others}",
            left="nothing was changed",
            remedy=(f"{instead}\n" if instead else "")
            + f'or go on all the same:  self.accept("{first[0]}", reason="…")\n'
            f"see all of it:  whimbrel check   and the page:  whimbrel explain {first[0]}",
        )
        self.checks = tuple(slug for slug, _, _, _ in findings)


class NotOnline(RefusedError):
    slug = "not-online"

    def __init__(self, migration: str, *, reasons: Sequence[str], remedy: str) -> None:
        super().__init__(
            f"{migration} cannot be done as a live change",
            object="\n".join(reasons),
            left="nothing was changed",
            remedy=remedy,
        )


class LiveChangeOpen(RefusedError):
    slug = "live-change-open"

    def __init__(self, migration: str, *, table: str, live: str) -> None:
        super().__init__(
            f"{migration} touches table {table!r}, of which a live change is open",
            object=f"live change {live}",
            left="nothing was changed",
            remedy=f"see how far it is:  whimbrel online status {live}\n"
            f"then finish it:  whimbrel online complete {live}\n"
            f"or take it back:  whimbrel online revert {live}",
        )


class NoLiveChange(RefusedError):
    slug = "no-live-change"

    def __init__(self, migration: str, *, known: Sequence[str]) -> None:
        super().__init__(
            f"no live change of {migration!r} is open",
            object=f"open: {names(known)}",
            remedy="correct the name; see what is applied:  whimbrel status",
        )


class WrongPhase(RefusedError):
    slug = "wrong-phase"

    def __init__(self, migration: str, *, phase: str, wanted: str, remedy: str) -> None:
        super().__init__(
            f"{migration} is {phase}, and cannot {wanted} now",
            left="nothing was changed",
            remedy=remedy,
        )


class RowsAstray(RefusedError):
    slug = "rows-astray"

    def __init__(
        self, table: str, *, rows: int, first: Sequence[str], why: str, remedy: str
    ) -> None:
        super().__init__(
            f"{words.count(rows, 'row')} of {table!r} {'is' if rows == 1 else 'are'} not the same "
            "in the old and the new shape",
            object="\n".join(filter(None, (f"first: {', '.join(first)}" if first else "", why))),
            left="nothing was exchanged; the triggers stay",
            remedy=remedy,
        )
        self.rows = rows


class WouldLose(RefusedError):
    slug = "would-lose"

    def __init__(
        self, migration: str, *, table: str, rows: int, first: Sequence[str], columns: Sequence[str]
    ) -> None:
        super().__init__(
            f"going back would change or lose {words.count(rows, 'row')} of {table!r}",
            object=f"the old shape cannot say what they have in: {names(columns)}\n"
            f"first: {', '.join(first)}",
            left="nothing was changed",
            remedy="change these rows, or say that it is meant; what they have is kept then:\n"
            f"whimbrel online revert {migration} --accept-loss",
        )
        self.rows = rows


class CannotFollow(RefusedError):
    """Some changes of a source could not be noticed, or not be told to the target."""

    slug = "cannot-follow"

    def __init__(self, reasons: Sequence[str], *, database: str, remedy: str) -> None:
        self.reasons = tuple(reasons)
        super().__init__(
            "this database cannot be followed",
            database=database,
            object="\n".join(reasons),
            left="nothing was changed in either database",
            remedy=remedy,
        )


class NotFollowed(RefusedError):
    """A cutover was asked for, and the target follows nothing that could be cut over."""

    slug = "not-followed"

    def __init__(self, *, database: str, why: str) -> None:
        super().__init__(
            "there is nothing to cut over to",
            database=database,
            object=why,
            left="nothing was changed",
            remedy="follow the source first:  whimbrel transfer SOURCE TARGET --follow",
        )


class DualWriteRefused(RefusedError):
    """A write, or a setting, that would let the two sides of a dual write differ."""

    slug = "dual-write-refused"

    def __init__(self, what: str, *, why: str, remedy: str) -> None:
        super().__init__(what, left="nothing was changed", cause=why, remedy=remedy)
