"""What stopped on its way; carries what is done and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whimbrel.errors.base import WhimbrelError


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


class RepairFailed(WhimbrelError):
    """A repair stopped half-way: what it had committed stays, and it can be run again."""

    slug = "repair-failed"
    exit_code = 3
    resumable = True

    def __init__(self, *, database: str, cause: str) -> None:
        super().__init__(
            "the repair stopped before its end",
            database=database,
            left="what was committed stays, and is right; the rest is taken back",
            cause=cause,
            remedy="run the same command again: it compares anew and goes on with what still "
            "differs",
        )


class ReadFailed(WhimbrelError):
    slug = "read-failed"

    def __init__(self, *, database: str, cause: str, gone: bool) -> None:
        super().__init__(
            "the database was not read to the end",
            database=database,
            left="nothing was changed; what was compared until then is no result",
            cause=cause,
            remedy="see whether the server is there, then compare again"
            if gone
            else "do away with the cause, then compare again",
        )
        self.gone = gone


class ReportNotWritten(WhimbrelError):
    """There is no report of what was done, or of what will not be done without one."""

    slug = "report-not-written"

    def __init__(self, place: str, *, why: str, left: str, remedy: str) -> None:
        super().__init__(
            "the report could not be written", where=place, left=left, cause=why, remedy=remedy
        )


class ReportChanged(WhimbrelError):
    """A report is not as it was sealed, or was never sealed."""

    slug = "report-changed"

    def __init__(self, file: str, *, wrong: Sequence[str], seal: str | None) -> None:
        super().__init__(
            "this report is not as it was sealed" if seal else "this file has no seal of a report",
            where=file,
            object=f"its seal is {seal}" if seal else None,
            cause="; ".join(wrong),
            remedy="take the file from where it was written, and compare its seal with the one\n"
            "that the command printed; or make a new report by running it again",
        )


class TransferFailed(WhimbrelError):
    """A transfer stopped on its way; what is committed stays, and it can go on."""

    slug = "transfer-failed"
    exit_code = 3
    resumable = True

    def __init__(
        self, what: str, *, database: str, left: str, cause: str, object: str | None = None
    ) -> None:
        super().__init__(
            what,
            database=database,
            object=object,
            left=left,
            cause=cause,
            remedy="do away with the cause, then run the same command again: it goes on where it "
            "stopped",
        )


class BackupFailed(WhimbrelError):
    """There is no backup: what was written of it is removed, and what it is of is as it was."""

    slug = "backup-failed"

    def __init__(
        self, what: str, *, database: str, cause: str, remedy: str, where: str | None = None
    ) -> None:
        super().__init__(
            what,
            where=where,
            database=database,
            left="the database is as it was; what was written of the backup is removed",
            cause=cause,
            remedy=remedy,
        )


class RestoreFailed(WhimbrelError):
    """A restore stopped on its way, or what it made is not what the backup says."""

    slug = "restore-failed"

    def __init__(
        self,
        what: str,
        *,
        database: str,
        left: str,
        cause: str,
        remedy: str,
        resumable: bool = False,
    ) -> None:
        super().__init__(what, database=database, left=left, cause=cause, remedy=remedy)
        self.resumable = resumable
        self.exit_code = 3 if resumable else 1


class LockNotHad(WhimbrelError):
    """A lock was asked for again and again, and others always held it."""

    slug = "lock-not-had"
    exit_code = 3
    resumable = True

    def __init__(self, what: str, *, table: str, waited: str, blockers: Sequence[str]) -> None:
        super().__init__(
            f"{what} did not get its lock on {table!r} in {waited}",
            object=f"held by: {'; '.join(blockers)}" if blockers else None,
            left="nothing was changed by it; what was done before stays",
            remedy="end what holds it, or come back when there is less to do:  whimbrel up\n"
            'or wait longer for it, in whimbrel.toml under [online]:  swap_for = "30 minutes"',
        )


class CaptureLost(WhimbrelError):
    """What notices the changes of a source is gone, and so may changes be."""

    slug = "capture-lost"

    def __init__(self, name: str, *, database: str, why: str) -> None:
        super().__init__(
            "the changes of the source are not noted any more",
            database=database,
            object=f"capture {name!r}: {why}",
            left="the target has what was followed up to then; what came later may be missing",
            remedy="begin anew, with the tables of the target replaced:\n"
            "whimbrel transfer SOURCE TARGET --follow --existing replace",
        )


class SourceAltered(WhimbrelError):
    """The schema of a source that is followed is another one by now."""

    slug = "source-altered"

    def __init__(self, altered: Mapping[str, str], *, database: str) -> None:
        self.altered = dict(altered)
        super().__init__(
            "the schema of the source was changed while it was followed",
            database=database,
            object="\n".join(f"{table!r}: {why}" for table, why in altered.items()),
            left="the target has all that was followed before; changes are still noted where "
            "our triggers are",
            remedy="take the change back in the source, and run the same command again\n"
            "or begin anew:  whimbrel transfer SOURCE TARGET --follow --existing replace",
        )


class CutoverFailed(WhimbrelError):
    """A cutover stopped before the switch; the application may write to the source again."""

    slug = "cutover-failed"
    exit_code = 3
    resumable = True

    def __init__(self, step: str, *, database: str, left: str, cause: str, remedy: str) -> None:
        self.step = step
        super().__init__(
            f"the cutover stopped at: {step}",
            database=database,
            left=left,
            cause=cause,
            remedy=remedy,
        )


class DualWriteFailed(WhimbrelError):
    """The second side did not take a write, and the first one's was taken back with it."""

    slug = "dual-write-failed"

    def __init__(self, pair: str, *, side: str, cause: str) -> None:
        super().__init__(
            f"the write was not made: {side}, the second side of {pair!r}, did not take it",
            left="neither side was changed",
            cause=cause,
            remedy="mend the mapping or the row; or switch the second side off for now, writes\n"
            f"are kept for it:  whimbrel outbox off {pair}",
        )
