"""The front door of live changes: how far they are, end them, take them back.

They begin, and go on, by `Project.up`, as every migration does.
"""

from __future__ import annotations

from pathlib import Path

from whimbrel import events
from whimbrel.migrations import live
from whimbrel.migrations import project as projects
from whimbrel.online import looking


def status(
    migration: str | None = None,
    *,
    database: str | None = None,
    folder: Path | str | None = None,
) -> list[looking.State]:
    """Return the live changes that are open, or the one that is named.

    Raises NoLiveChange, UnknownMigration.
    """
    project = projects.open_project(folder=folder, database=database, command="online status")
    return of_project(project, migration)


def of_project(project: projects.Project, migration: str | None = None) -> list[looking.State]:
    """Return the live changes of a project's database that are open."""
    wanted = None if migration is None else project.graph().find(migration)
    session = project.open_looking()
    try:
        rows = live.rows(session, project.clock)
        session.rollback()
        return looking.states(session, looking.chosen(rows, wanted))
    finally:
        session.close()


def complete(
    migration: str,
    *,
    database: str | None = None,
    folder: Path | str | None = None,
    tell: events.Listener = events.nobody,
) -> str:
    """End a live change: the old shape goes; return the migration.

    Raises NoLiveChange, WrongPhase, RowsAstray, LockNotHad.
    """
    command = "online complete"
    project = projects.open_project(folder=folder, database=database, tell=tell, command=command)
    return project.complete(migration)


def revert(
    migration: str,
    *,
    accept_loss: bool = False,
    database: str | None = None,
    folder: Path | str | None = None,
    tell: events.Listener = events.nobody,
) -> str:
    """Take a live change back: the new shape goes; return the migration.

    Raises WouldLose where rows would be changed or lost, unless `accept_loss`: what they have is
    kept then. Raises NoLiveChange, WrongPhase, LockNotHad.
    """
    command = "online revert"
    project = projects.open_project(folder=folder, database=database, tell=tell, command=command)
    return project.revert(migration, accept_loss=accept_loss)
