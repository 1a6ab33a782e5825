"""The folder in which backups lie: each a folder of its own, whole or not there at all.

A backup is written under a name that says whose it is, brought to the disk, and only then given
its own name. What a killed process has left is removed by whoever comes next.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from whimbrel import clock as clocks
from whimbrel import errors
from whimbrel.engines import backups
from whimbrel.rehearsal import manifest as manifests
from whimbrel.rehearsal import scratch

# Of another machine nobody here can say whether its process lives.
_STRANGER: Final = dt.timedelta(days=2)
_PARTIAL: Final = "."
_OTHER: Final = re.compile(r"[^A-Za-z0-9_-]+")
_NAME: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A backup that is there, or (with `wrong`) a folder that should be one."""

    folder: Path
    manifest: manifests.Manifest | None
    wrong: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.folder.name


class Shelf:
    """Backups in one folder."""

    def __init__(self, folder: Path, clock: clocks.Clock = clocks.SYSTEM) -> None:
        self.folder = folder
        self._clock = clock

    def listed(self) -> list[Kept]:
        """Return the backups that are there, the newest first."""
        if not self.folder.is_dir():
            return []
        found = []
        for one in self.folder.iterdir():
            if one.name.startswith(_PARTIAL) or not (one / manifests.FILE).is_file():
                continue
            try:
                found.append(Kept(folder=one, manifest=manifests.read(one)))
            except errors.BackupBroken as error:
                found.append(Kept(folder=one, manifest=None, wrong="; ".join(error.wrong)))
        made = {one.name: one.manifest.made_at if one.manifest else "" for one in found}
        return sorted(found, key=lambda one: (made[one.name], one.name), reverse=True)

    def find(self, named: str) -> Path:
        """Return the folder of a backup by its name or path; raise UsageError."""
        for place in (self.folder / named, Path(named)):
            if (place / manifests.FILE).is_file():
                return place
        known = [one.name for one in self.listed()]
        near = [name for name in known if name.startswith(named)]
        if len(near) == 1 and named:
            return self.folder / near[0]
        raise errors.UsageError(
            f"there is no backup {named!r}",
            where=str(self.folder),
            object=f"there are: {errors.names(near or known)}",
            remedy="see them:  whimbrel backup --list",
        )

    # --- writing ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self, title: str) -> Iterator[Writing]:
        """Give a folder to write a backup into; what is not finished is gone afterwards."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sweep()
        partial = self.folder / f"{_PARTIAL}{scratch.Owner.me(self._clock).name()}"
        partial.mkdir()
        try:
            yield Writing(partial, self.folder / self._name(title))
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _name(self, title: str) -> str:
        plain = _OTHER.sub("-", title).strip("-")[:_NAME] or "database"
        moment = self._clock.now().strftime("%Y%m%d-%H%M%S")
        return f"{plain}-{moment}-{secrets.token_hex(2)}"

    def sweep(self) -> list[str]:
        """Remove what killed processes have left half-written; return the names."""
        gone = []
        for one in self.folder.iterdir() if self.folder.is_dir() else ():
            owner = scratch.Owner.of(one.name.removeprefix(_PARTIAL))
            if not one.name.startswith(_PARTIAL) or owner is None or owner.lives():
                continue
            age = self._clock.now().timestamp() - owner.made_at
            if owner.lives() is None and age < _STRANGER.total_seconds():
                continue
            shutil.rmtree(one, ignore_errors=True)
            gone.append(one.name)
        return gone

    def free(self) -> int:
        """Return how many bytes are free where the backups lie."""
        place = self.folder
        while not place.exists():
            place = place.parent
        return shutil.disk_usage(place).free

    # --- retention ----------------------------------------------------------------------------

    def outlived(
        self, *, keep: int | None, keep_days: float | None, database: str | None = None
    ) -> list[Kept]:
        """Return the backups that need not be kept, the oldest first.

        The newest `keep` of each database stay, and those of the last `keep_days`; without either
        all stay. The newest whole one of each database always stays, and what is broken is no
        reason to let a whole one go.
        """
        if keep is None and keep_days is None:
            return []
        by_database: dict[str, list[Kept]] = {}
        for one in self.listed():
            if one.manifest is not None and database in (None, one.manifest.database):
                by_database.setdefault(one.manifest.database, []).append(one)
        gone: list[Kept] = []
        for kept in by_database.values():
            # The first is the newest.
            older = enumerate(kept[1:], start=1)
            gone += [one for at, one in older if not self._stays(at, one, keep, keep_days)]
        return sorted(gone, key=lambda one: one.manifest.made_at if one.manifest else "")

    def _stays(self, at: int, one: Kept, keep: int | None, keep_days: float | None) -> bool:
        if keep is not None and at < keep:
            return True
        if keep_days is None or one.manifest is None:
            return False
        age = self._clock.now() - clocks.read_stamp(one.manifest.made_at)
        return age <= dt.timedelta(days=keep_days)

    def remove(self, kept: Sequence[Kept]) -> None:
        """Remove backups; one that is half removed is no backup any more."""
        for one in kept:
            hidden = self.folder / f"{_PARTIAL}{scratch.Owner.me(self._clock).name()}"
            one.folder.rename(hidden)
            shutil.rmtree(hidden)


class Writing:
    """A backup on its way to its name."""

    def __init__(self, folder: Path, final: Path) -> None:
        self.folder = folder
        self.final = final

    @property
    def name(self) -> str:
        """What it will be called."""
        return self.final.name

    def finish(self) -> None:
        """Bring all of it to the disk, and give it its name."""
        for place, folders, files in os.walk(self.folder, topdown=False):
            for name in (*files, *folders):
                backups.synced(Path(place) / name)
        backups.synced(self.folder)
        self.folder.rename(self.final)
        backups.synced(self.final.parent)
