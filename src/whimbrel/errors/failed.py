"""What stopped on its way; carries what is done and what is left."""

from __future__ import annotations

from collections.abc import Sequence

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
