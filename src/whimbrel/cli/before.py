"""A backup before `whimbrel up`, and the way back to it in what is said of a run that failed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from whimbrel import config as configs
from whimbrel import errors
from whimbrel.cli import common
from whimbrel.journal import journal
from whimbrel.migrations import project as projects

_TO_DO: Final = frozenset({projects.PENDING, projects.OUT_OF_ORDER, *journal.HALF})


class Saved:
    """A backup that was made, and how to come back to it."""

    def __init__(self, name: str, into: str | None) -> None:
        self.name = name
        self.command = f"whimbrel restore {name} --existing replace"
        if into is not None:
            self.command += f" --into {into}"


def saved(call: common.Call, *, wanted: bool | None) -> Saved | None:
    """Make a backup if one is wanted and anything would be done; None if there is none."""
    if wanted is None:
        wanted = _configured(call)
    if not wanted:
        return None
    project = call.project("up")
    if not any(state.state in _TO_DO for state in project.status()):
        return None
    from whimbrel.cli import backup

    done = backup.made(call, why="before whimbrel up")
    if call.out.json:
        call.out.event({"event": "backup-made", **done.as_json()})
    else:
        backup.tell(call.out, done)
    config = configs.load(call.folder)
    said = project.database.name or ("URL" if call.common.database is not None else None)
    return Saved(done.name, None if said == config.default else said)


def _configured(call: common.Call) -> bool:
    """Whether whimbrel.toml wants one; nothing more is loaded to find that out."""
    section = configs.load(call.folder).backup
    if section is None or not section.said:
        return False
    from whimbrel.rehearsal import backup_config

    return backup_config.settings(configs.load(call.folder)).before_up


@contextlib.contextmanager
def way_back(made: Saved) -> Iterator[None]:
    """Name the backup in what is said of a run that did not come to its end."""
    try:
        yield
    except errors.WhimbrelError as error:
        back = f"to go back to before it:  {made.command}"
        error.remedy = f"{error.remedy}\n{back}" if error.remedy else back
        raise
