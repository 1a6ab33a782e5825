"""Make a backup of a database, and see that it holds what the database holds.

Two ways: the engine's own (`engines/*/backup`), and a portable one that needs no program of the
server's (`portable`). Either is verified before it has a name; what was not looked at is said.
"""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

import whimbrel
from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, events, words
from whimbrel.engines import backups, base, codec, registry
from whimbrel.journal import restoring
from whimbrel.proof import sides
from whimbrel.rehearsal import backup_config, fields, portable, restoration, scratch, shelf
from whimbrel.rehearsal import manifest as manifests
from whimbrel.transfers import door

# Lines of a portable backup take about so much of what the tables take, packed.
_PORTABLE_SHARE: Final = 0.6
_NO_ROOM: Final = "make room there, or put it elsewhere:  whimbrel backup --into FOLDER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was made. `pruned` are older ones that were removed behind it."""

    folder: Path
    manifest: manifests.Manifest
    pruned: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called."""
        return self.folder.name

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "folder": str(self.folder),
            "pruned": list(self.pruned),
            "rows": self.manifest.rows,
            "bytes": self.manifest.bytes,
            **self.manifest.as_json(),
        }


def backup(
    database: str | None = None,
    *,
    into: Path | str | None = None,
    way: str | None = None,
    verify: str | None = None,
    jobs: int = 2,
    why: str = "",
    folder: Path | str | None = None,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> Backup:
    """Make a backup and verify it; others may write to the database meanwhile.

    `database` is a name in whimbrel.toml or a URL, None the default one. `way` is "native" (the
    engine's own: SQLite's online backup, pg_dump, mariadb-dump) or "portable". `verify` is
    "files", or "restore" to try it in a scratch database. `into` is a folder of backups. What is
    not said is as [backup] of whimbrel.toml has it; older backups go as `keep` and `keep_days`
    there say.

    Raises BackupToolMissing, BackupFailed, RestoreUnfinished, NotComparable, DatabaseUnavailable,
    UnknownDatabase, UsageError.
    """
    config = configs.load(Path(folder) if folder is not None else None)
    settings = backup_config.settings(config)
    place = shelf.Shelf(Path(into) if into is not None else settings.directory, clock)
    made = make(
        configs.find_database(config, database),
        place,
        way=backup_config.checked("way", way or settings.way),
        verify=backup_config.checked("verify", verify or settings.verify),
        jobs=jobs,
        why=why,
        tell=tell,
        clock=clock,
    )
    gone = place.outlived(
        keep=settings.keep, keep_days=settings.keep_days, database=made.manifest.database
    )
    place.remove(gone)
    return Backup(
        folder=made.folder, manifest=made.manifest, pruned=tuple(one.name for one in gone)
    )


def prune(
    *,
    into: Path | str | None = None,
    keep: int | None = None,
    keep_days: float | None = None,
    dry_run: bool = False,
    folder: Path | str | None = None,
    clock: clocks.Clock = clocks.SYSTEM,
) -> list[shelf.Kept]:
    """Remove the backups that need not be kept, and what killed ones left; return them.

    Without `keep` and `keep_days` those of whimbrel.toml hold. The newest backup of each database
    always stays.
    """
    settings = backup_config.settings(configs.load(Path(folder) if folder is not None else None))
    place = shelf.Shelf(Path(into) if into is not None else settings.directory, clock)
    if keep is None and keep_days is None:
        keep, keep_days = settings.keep, settings.keep_days
    if keep is None and keep_days is None:
        raise errors.UsageError(
            "nobody has said how many backups are kept",
            remedy="say it:  whimbrel backup --prune --keep 5\n"
            "or write it into whimbrel.toml:  [backup]  and under it:  keep = 5",
        )
    gone = place.outlived(keep=keep, keep_days=keep_days)
    if not dry_run:
        place.sweep()
        place.remove(gone)
    return gone


def kept(*, into: Path | str | None = None, folder: Path | str | None = None) -> list[shelf.Kept]:
    """Return the backups that are there, the newest first."""
    settings = backup_config.settings(configs.load(Path(folder) if folder is not None else None))
    return shelf.Shelf(Path(into) if into is not None else settings.directory).listed()


# --- one backup --------------------------------------------------------------------------------


def make(
    database: configs.DatabaseConfig,
    place: shelf.Shelf,
    *,
    way: str,
    verify: str,
    jobs: int = 2,
    why: str = "",
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> Backup:
    """Make one backup and verify it."""
    engine, parsed = registry.parse(database.real_url())
    url = engine.located(parsed, database.folder)
    with contextlib.closing(door.opened(database, read_only=True)) as session:
        work = _Making(session, url, database, tell=tell, clock=clock)
        with _said(session):
            restoring.check(session)
            session.rollback()
            if way == manifests.NATIVE:
                work.copies.tool()
            session.rollback()
            work.see_room(place, way)
            with place.writing(database.name or Path(str(url.database or "")).stem) as writing:
                manifest = work.made(writing, way=way, verify=verify, jobs=jobs, why=why)
                manifest.write(writing.folder)
                writing.finish()
                return Backup(folder=writing.final, manifest=manifest)


@contextlib.contextmanager
def _said(session: base.Session) -> Iterator[None]:
    """Say in our words what a program, a disk or a driver says."""
    remedy = "do away with the cause, then make the backup again"
    try:
        yield
    except backups.ToolFailed as error:
        cause = str(error)
    except OSError as error:
        cause = f"{error.filename or ''}: {error.strerror or error}".removeprefix(": ")
        remedy = _NO_ROOM
    except sa.exc.DBAPIError as error:
        cause = session.engine.cause(error)
    else:
        return
    raise errors.BackupFailed(
        "there is no backup", database=session.url, cause=cause, remedy=remedy
    )


class _Making:
    """One backup on its way."""

    def __init__(
        self,
        session: base.Session,
        url: sa.URL,
        database: configs.DatabaseConfig,
        *,
        tell: events.Listener,
        clock: clocks.Clock,
    ) -> None:
        self._session = session
        self._url = url
        self._database = database
        self._tell = tell
        self._clock = clock
        self.copies = session.engine.backups(session, url)

    def see_room(self, place: shelf.Shelf, way: str) -> None:
        """Refuse before anything is written if the disk cannot hold it."""
        share = self.copies.shrinks if way == manifests.NATIVE else _PORTABLE_SHARE
        need = round(self.copies.size() * share)
        self._session.rollback()
        free = place.free()
        if free < need:
            raise errors.BackupFailed(
                "there is not enough room for a backup",
                where=str(place.folder),
                database=self._session.url,
                cause=f"it may take {words.size(need)}, and {words.size(free)} are free",
                remedy=_NO_ROOM,
            )

    def made(
        self, writing: shelf.Writing, *, way: str, verify: str, jobs: int, why: str
    ) -> manifests.Manifest:
        """Write all files, verify them, and return what is to be said of them."""
        started, since = self._clock.now(), self._clock.seconds()
        session = self._session
        coder = session.engine.codec(session)
        coder.prepare()
        session.commit()
        parts = (
            self._portable(coder, writing)
            if way == manifests.PORTABLE
            else self._native(coder, writing, jobs=jobs)
        )
        session.rollback()
        draft = manifests.Manifest(
            name=writing.name,
            way=way,
            engine=session.engine.answered_by(session),
            version=session.engine.version(session),
            database=session.url,
            made_at=clocks.stamp(started),
            made_by=f"{user()}@{socket.gethostname()}",
            whimbrel=whimbrel.__version__,
            tool="Whimbrel",
            position="",
            kind="",
            exact=True,
            tables=(),
            files=(),
            why=why,
        )
        files = tuple(
            manifests.file_of(writing.folder, str(one.relative_to(writing.folder)))
            for one in sorted(writing.folder.rglob("*"))
            if one.is_file()
        )
        known = _with(draft, parts, files=files)
        if verify == backup_config.RESTORE:
            known = self._tried(writing.folder, known)
        return _with(known, {"seconds": round(self._clock.seconds() - since, 3)})

    def _seat(self, coder: codec.Codec) -> sides.Seat:
        """Begin the moment that is backed up."""
        session = self._session
        return sides.Seat(session=session, codec=coder, snapshot=session.engine.snapshot(session))

    def _portable(self, coder: codec.Codec, writing: shelf.Writing) -> Mapping[str, object]:
        seat = self._seat(coder)
        found = portable.stock(seat, self._url)
        tables = portable.dump(seat, found, writing.folder, tell=self._tell, clock=self._clock)
        portable.read_back(seat, found, writing.folder, tables)
        return {
            "position": seat.snapshot.position,
            "kind": seat.snapshot.kind,
            "tables": tuple(tables),
            "missing": found.missing,
            "checked": "every file was read again: its rows and their fingerprints are those that "
            "the database gave of the same moment",
        }

    def _native(
        self, coder: codec.Codec, writing: shelf.Writing, *, jobs: int
    ) -> Mapping[str, object]:
        seats: list[sides.Seat] = []

        def begin() -> tuple[str, str | None]:
            seats.append(self._seat(coder))
            return seats[-1].snapshot.position, seats[-1].snapshot.token

        dumped = self.copies.dump(writing.folder, begin=begin, jobs=jobs)
        seat = seats[-1]
        checked = self.copies.look(writing.folder, dumped.files)
        opened = self.copies.readable(writing.folder, dumped.files)
        if opened is not None:
            # Whoever waits for our moment to end can go on; the copy is that moment.
            self._session.rollback()
            tables = self._tables_of(opened)
            checked += "; rows and fingerprints are those of the copy"
        elif dumped.exact:
            tables = self._sums(seat, self._url)
        else:
            tables = tuple(
                manifests.Table(name=one.name, rows=None, sum="", columns=one.columns, own=one.own)
                for one in self._wanted(seat, self._url)
            )
            checked += (
                "; the database was written to meanwhile, so that its rows at the moment of the "
                "dump were not counted"
            )
        return {
            "position": seat.snapshot.position,
            "kind": seat.snapshot.kind,
            "tool": dumped.tool,
            "exact": opened is not None or dumped.exact,
            "tables": tables,
            "checked": checked,
        }

    def _tables_of(self, url: sa.URL) -> tuple[manifests.Table, ...]:
        with contextlib.closing(self._session.engine.open(url, read_only=True)) as session:
            coder = session.engine.codec(session)
            coder.prepare()
            session.commit()
            seat = sides.Seat(
                session=session, codec=coder, snapshot=session.engine.snapshot(session)
            )
            return self._sums(seat, url)

    def _wanted(self, seat: sides.Seat, url: sa.URL) -> list[manifests.Table]:
        """Return the tables there are, without their sums."""
        catalog, _ = seat.engine.backups(seat.session, url).own()
        real = seat.engine.catalog(seat.session)
        parents = {parent for parent, _ in real.heirs().values()}
        own = portable.own_tables(seat.session)
        return [
            manifests.Table(
                name=name,
                rows=None,
                sum="",
                columns=fields.columns_of(catalog.table(name)),
                own=name in own,
                own_rows=name in parents,
            )
            for name in (*real.tables(), *own)
        ]

    def _sums(self, seat: sides.Seat, url: sa.URL) -> tuple[manifests.Table, ...]:
        """Return the tables there are with the number of their rows and their sums."""
        found = []
        for one, total in portable.totals(seat, self._wanted(seat, url), url):
            if total is not None:
                found.append(_counted(one, total.rows, str(total)))
        return tuple(found)

    # --- a trial ------------------------------------------------------------------------------

    def _tried(self, folder: Path, manifest: manifests.Manifest) -> manifests.Manifest:
        """Restore a backup into a scratch database, and see what is in it."""
        with self._scratch() as url:
            trial = restoration.Restoration(folder, manifest, tell=self._tell, clock=self._clock)
            try:
                done = trial.into(self._session.engine, url, owners=False)
            except restoration.NotTheSame as error:
                raise backups.ToolFailed(
                    f"restored into a scratch database it is not the same: {error}"
                ) from error
            if done.refused:
                raise backups.ToolFailed(
                    f"a scratch database did not take {'; '.join(done.refused)}"
                )
            tables = manifest.tables
            if not manifest.exact:
                tables = self._tables_of(url)
        said = "it was restored into a scratch database: its rows and fingerprints "
        said += (
            "are those of the moment of the backup" if manifest.exact else "are those found there"
        )
        return _with(manifest, {"tables": tables, "checked": f"{manifest.checked}; {said}",
                                "exact": True})  # fmt: skip

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[sa.URL]:
        """Have an empty database for the time of the block."""
        copies = scratch.Copies(self._database, tell=self._tell, clock=self._clock)
        try:
            copies.sweep()
        finally:
            copies.close()
        scratches = self._session.engine.scratches(self._url, self._url)
        name = scratch.Owner.me(self._clock).name()
        try:
            scratches.make(name)
            yield scratches.url(name)
        finally:
            scratches.drop(name)
            scratches.close()


def _counted(one: manifests.Table, rows: int, total: str) -> manifests.Table:
    return manifests.Table(
        name=one.name,
        rows=rows,
        sum=total if one.columns else "",
        columns=one.columns,
        own=one.own,
        own_rows=one.own_rows,
    )


def _with(
    manifest: manifests.Manifest,
    parts: Mapping[str, object],
    *,
    files: Sequence[manifests.File] | None = None,
) -> manifests.Manifest:
    if files is not None:
        parts = {**parts, "files": tuple(files)}
    return dataclasses.replace(manifest, **parts)  # type: ignore[arg-type]


def user() -> str:
    """Return who we are, for people."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
