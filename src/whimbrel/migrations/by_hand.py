"""What a person says of the history, and the journal takes for true: accept, resolve.

The lock is held, and the journal exists.
"""

from __future__ import annotations

from whimbrel import errors
from whimbrel.engines import base
from whimbrel.journal import journal
from whimbrel.migrations import graph as graphs


def accept(
    session: base.Session, notes: journal.Journal, graph: graphs.Graph, wanted: str, *, url: str
) -> str:
    """Accept an edited file as it is now, or that an applied one has no file any more."""
    rows = {row.id: row for row in notes.migrations()}
    if wanted in rows and wanted not in graph.files:
        notes.remove_migration(wanted)
        session.commit()
        return f"{wanted} is no longer in the history; its file is gone"
    id_ = graph.find(wanted)
    if id_ not in rows:
        raise errors.UsageError(
            f"migration {id_} is not applied, so there is nothing to accept",
            database=url,
            remedy="whimbrel status",
        )
    if rows[id_].status in journal.HALF:
        raise errors.UsageError(
            f"migration {id_} is half done; its file may be corrected freely",
            database=url,
            remedy="whimbrel up",
        )
    notes.accept_fingerprint(id_, graph.files[id_].fingerprint)
    session.commit()
    return f"{id_} is accepted as its file is now"


def resolve(
    session: base.Session,
    notes: journal.Journal,
    id_: str,
    position: int,
    *,
    done: bool,
    url: str,
) -> str:
    """Say of a step that was about to happen whether it did, by a person's word."""
    row = next((r for r in notes.migrations() if r.id == id_), None)
    steps = notes.steps(row.run) if row is not None and row.run is not None else []
    step = next((s for s in steps if s.position == position), None)
    if step is None or step.status == "done":
        raise errors.UsageError(
            f"step {position} of {id_} is not in doubt", database=url, remedy="whimbrel status"
        )
    if done:
        notes.finish_step(step.run, position, rows_changed=None, seconds=None)
    else:
        notes.forget_step(step.run, position)
    session.commit()
    return f"step {position} of {id_}: {'it happened' if done else 'it did not happen'}"
