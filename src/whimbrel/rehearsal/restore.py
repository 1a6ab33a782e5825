"""Restore a backup that is whole, into a place that is empty or may be replaced."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, events
from whimbrel.engines import backups, base, registry
from whimbrel.journal import restoring
from whimbrel.rehearsal import backup as making
from whimbrel.rehearsal import backup_config, restoration, shelf
from whimbrel.rehearsal import manifest as manifests

REFUSE: Final = "refuse"
REPLACE: Final = "replace"
EXISTING: Final = (REFUSE, REPLACE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A backup that is in a database again.

    `compared` are tables whose rows and fingerprints were held against the backup's and equal
    them, `refused` what the server did not take, `again` whether a part that was there from an
    earlier attempt was thrown away.
    """

    folder: Path
    manifest: manifests.Manifest
    database: str
    compared: tuple[str, ...]
    refused: tuple[str, ...]
    dropped: tuple[str, ...]
    again: bool
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether all of it is there."""
        return not self.refused

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "ok": self.ok,
            "backup": self.manifest.name,
            "folder": str(self.folder),
            "database": self.database,
            "tables": len(self.manifest.tables),
            "rows": self.manifest.rows,
            "compared": list(self.compared),
            "refused": list(self.refused),
            "missing": list(self.manifest.missing),
            "dropped": list(self.dropped),
            "began_again": self.again,
            "seconds": round(self.seconds, 3),
        }


def restore(
    backup: str | Path,
    *,
    into: str | None = None,
    existing: str = REFUSE,
    owners: bool = True,
    backups_in: Path | str | None = None,
    folder: Path | str | None = None,
    command: str = "whimbrel.restore",
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> Restored:
    """Make a database what it was when a backup of it was made, and prove it.

    `backup` is a name in the folder of backups (`backups_in`, or as whimbrel.toml has it), or a
    path. `into` is a name in whimbrel.toml or a URL, None the default database; it has to be
    empty, unless `existing` is "replace": then everything in it goes. Without `owners`
    everything belongs to whoever restores. What was begun and killed is begun again.

    Raises BackupBroken, RestoreRefused, RestoreFailed, LockHeld, BackupToolMissing,
    DatabaseUnavailable, UnknownDatabase, UsageError.
    """
    if existing not in EXISTING:
        raise errors.UsageError(
            f"existing={existing!r} means nothing", remedy=f"say one of: {', '.join(EXISTING)}"
        )
    config = configs.load(Path(folder) if folder is not None else None)
    settings = backup_config.settings(config)
    place = shelf.Shelf(Path(backups_in) if backups_in is not None else settings.directory, clock)
    found = place.find(str(backup))
    manifest = manifests.read(found)
    wrong = manifests.wrong_files(found, manifest)
    if wrong:
        raise errors.BackupBroken(str(found), wrong=wrong)
    return _Restore(
        found,
        manifest,
        configs.find_database(config, into),
        replace=existing == REPLACE,
        owners=owners,
        command=command,
        tell=tell,
        clock=clock,
    ).done()


class _Restore:
    """One restore."""

    def __init__(
        self,
        folder: Path,
        manifest: manifests.Manifest,
        database: configs.DatabaseConfig,
        *,
        replace: bool,
        owners: bool,
        command: str,
        tell: events.Listener,
        clock: clocks.Clock,
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._replace = replace
        self._owners = owners
        self._command = command
        self._clock = clock
        self._work = restoration.Restoration(folder, manifest, tell=tell, clock=clock)
        engine, parsed = registry.parse(database.real_url())
        self._engine: base.Engine = engine
        self._url = engine.located(parsed, database.folder)
        self._title = database.title

    def done(self) -> Restored:
        """Do it."""
        since = self._clock.seconds()
        site = self._engine.site(self._url)
        with contextlib.ExitStack() as stack:
            drops: list[backups.Drop] = []
            again = False
            if self._engine.exists(self._url):
                target = stack.enter_context(self._held())
                self._fits(target.engine.answered_by(target))
                drops, again = self._seen(target)
                if self._manifest.way == manifests.NATIVE:
                    target.engine.backups(target, self._url).tool()
                target.rollback()
            else:
                self._fits(self._engine.name)
            shown = configs.masked(self._url.render_as_string())
            with self._said(shown, apart=site.apart), site.url() as url:
                made = self._work.into(
                    self._engine,
                    url,
                    drops=() if site.apart else drops,
                    owners=self._owners,
                )
        return Restored(
            folder=self._folder,
            manifest=self._manifest,
            database=shown,
            compared=tuple(one.name for one in self._manifest.tables if one.rows is not None),
            refused=made.refused,
            dropped=tuple(one.what for one in drops),
            again=again,
            seconds=self._clock.seconds() - since,
        )

    @contextlib.contextmanager
    def _held(self) -> Iterator[base.Session]:
        """Open the target and take its lock."""
        session = registry.open_session(self._url.render_as_string(hide_password=False))
        self._engine = session.engine
        try:
            lock = session.engine.lock(session, self._clock)
            lock.acquire(
                base.Holder(
                    run=secrets.token_hex(8),
                    who=making.user(),
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    command=self._command,
                    started_at=clocks.stamp(self._clock.now()),
                )
            )
            try:
                yield session
            finally:
                # What was restored may have no place any more where the lock is noted.
                with contextlib.suppress(sa.exc.SQLAlchemyError):
                    session.rollback()
                    lock.release()
        finally:
            session.close()

    def _fits(self, engine: str) -> None:
        """Refuse a database of another engine than the backup's."""
        if engine != self._manifest.engine:
            raise errors.RestoreRefused(
                f"this is a backup of {registry.by_name(self._manifest.engine).title}, and the "
                f"target is {registry.by_name(engine).title}",
                database=configs.masked(self._url.render_as_string()),
                object=f"backup {self._manifest.name} of {self._manifest.database}",
                remedy="restore it into a database of its own engine, and take it from there:\n"
                "whimbrel transfer RESTORED TARGET",
            )

    def _seen(self, target: base.Session) -> tuple[list[backups.Drop], bool]:
        """Return what has to go, and whether that is a part of this backup; or refuse."""
        note = restoring.found(target)
        drops = target.engine.backups(target, self._url).drops(whole=self._work.whole)
        ours = note is not None and note.seal == self._manifest.seal
        if self._replace or ours or not drops:
            return drops, ours
        if note is not None:
            raise errors.RestoreUnfinished(note.backup, database=target.url, began=note.began_at)
        raise errors.RestoreRefused(
            "the target is not empty",
            database=target.url,
            object=errors.names([one.what for one in drops], limit=8),
            remedy="name an empty database:  --into URL\n"
            "or let everything in this one go:  --existing replace",
        )

    @contextlib.contextmanager
    def _said(self, shown: str, *, apart: bool) -> Iterator[None]:
        """Say in our words what a program, a disk or a driver says, and what is left."""
        atomic = apart or self._engine.can.transactional_ddl
        left = (
            "the target is as it was before"
            if atomic
            else "the target holds only a part, and says so to whoever opens it"
        )
        again = "do away with the cause, then run the same command again" + (
            "" if atomic else ": it begins anew"
        )
        what = "the restore stopped before its end"
        try:
            yield
        except backups.ToolFailed as error:
            cause = str(error)
        except OSError as error:
            cause = f"{error.filename or ''}: {error.strerror or error}".removeprefix(": ")
        except sa.exc.DBAPIError as error:
            cause = self._engine.cause(error)
        except restoration.NotTheSame as error:
            what, cause = "what was restored is not what the backup says", "\n".join(error.wrong)
            if error.kept and not apart:
                left = "what was restored is there, but is not to be trusted"
            again = "take another backup:  whimbrel backup --list"
        else:
            return
        raise errors.RestoreFailed(
            what, database=shown, left=left, cause=cause, remedy=again, resumable=not atomic
        )
