"""`whimbrel baseline`, `accept` and `resolve`: what a person says, written into the journal."""

from __future__ import annotations

from whimbrel import words
from whimbrel.cli import common


def baseline(call: common.Call, *, to: str | None) -> int:
    """Declare migrations as applied."""
    project = call.project("baseline")
    declared = project.baseline(to=to)
    if call.out.json:
        call.out.document({"database": project.url, "declared": list(declared)})
        return 0
    for migration in declared:
        call.out.tell(f"  {migration}")
    if declared:
        count = words.count(len(declared), "migration")
        call.out.tell(("declared", "green"), f" {count} as applied; nothing was run")
    else:
        call.out.tell("nothing to declare: no migration is pending")
    return 0


def accept(call: common.Call, migration: str) -> int:
    """Accept a file as it is now."""
    project = call.project("accept")
    return _said(call, project.url, project.accept(migration))


def resolve(call: common.Call, migration: str, position: int, *, done: bool) -> int:
    """Say whether a step happened, and how to go on."""
    project = call.project("resolve")
    said = project.resolve(migration, position, done=done)
    _said(call, project.url, said)
    if not call.out.json:
        call.out.tell("next:  whimbrel up   or:  whimbrel down")
    return 0


def _said(call: common.Call, database: str, said: str) -> int:
    if call.out.json:
        call.out.document({"database": database, "done": said})
    else:
        call.out.tell(said)
    return 0
