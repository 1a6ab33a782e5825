"""`whimbrel new`: write the file of a new migration and say where it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from whimbrel import clock, config, errors
from whimbrel.cli import common


def write(call: common.Call, name: str, *, merge: bool, depends_on: Sequence[str] | None) -> int:
    """Write the file; no database is asked."""
    from whimbrel.migrations import new

    settings = config.load(call.folder)
    folder = _folder(settings, call.common.database)
    parents = _ids(folder, settings.root, depends_on) if depends_on else None
    path = new.write(
        folder, name, clock.SYSTEM, depends_on=parents, merge=merge, root=settings.root
    )
    if call.out.json:
        call.out.document({"migration": path.stem, "file": str(path)})
        return 0
    call.out.line(config.shown(path))
    return 0


def _folder(settings: config.Config, database: str | None) -> Path:
    """Return the folder that is meant; a database is asked for only where they differ."""
    folders = {settings.migrations.directory}
    folders |= {each.migrations for each in settings.databases.values()}
    if database is None and len(folders) == 1:
        return settings.migrations.directory
    return config.find_database(settings, database).migrations


def _ids(folder: Path, root: Path, wanted: Sequence[str]) -> list[str]:
    """Return whole names, so that a file written today means the same tomorrow."""
    from whimbrel.migrations import graph, loader

    if not folder.is_dir():
        raise errors.UnknownMigration(wanted[0], known=(), where=config.shown(folder))
    known = graph.Graph.build(loader.load(folder, root), where=config.shown(folder))
    return list(dict.fromkeys(known.find(name) for name in wanted))
