"""`whimbrel backup`: make one, show those that are there, remove those that need not be kept."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from whimbrel import config as configs
from whimbrel import words
from whimbrel.cli import common, history, output
from whimbrel.rehearsal import backup as making
from whimbrel.rehearsal import manifest as manifests
from whimbrel.rehearsal import shelf

BROKEN: Final = 1
_SHOWN: Final = 10


def run(
    call: common.Call,
    *,
    database: str | None,
    into: Path | None,
    way: str | None,
    verify: str | None,
    jobs: int,
    why: str = "",
) -> int:
    """Make a backup and say what it holds and what was looked at."""
    done = made(call, database=database, into=into, way=way, verify=verify, jobs=jobs, why=why)
    if call.out.json:
        call.out.document({"result": "done", **done.as_json()})
        return 0
    tell(call.out, done)
    back = f"whimbrel restore {done.name}" + (
        f" --backups {shlex.quote(configs.shown(into))}" if into is not None else ""
    )
    call.out.tell(f"go back to it:  {back} --existing replace")
    return 0


def made(
    call: common.Call,
    *,
    database: str | None = None,
    into: Path | None = None,
    way: str | None = None,
    verify: str | None = None,
    jobs: int = 2,
    why: str = "",
) -> making.Backup:
    """Make a backup of the database that was asked for."""
    return making.backup(
        database if database is not None else call.common.database,
        into=into,
        way=way,
        verify=verify,
        jobs=jobs,
        why=why,
        folder=call.folder,
    )


def tell(out: output.Output, done: making.Backup) -> None:
    """Say what a backup is."""
    one = done.manifest
    out.tell(("backup ", "bold"), (done.name, "bold"))
    rows: list[tuple[output.Part, output.Part]] = [
        ("of", one.database),
        ("in", configs.shown(done.folder)),
        ("by", f"{one.tool} ({one.way})"),
        ("holds", _holds(one)),
        ("checked", one.checked),
    ]
    rows += [("not in it", text) for text in one.missing[:_SHOWN]]
    if len(one.missing) > _SHOWN:
        rows.append(("", f"… and {len(one.missing) - _SHOWN:,} more; see {manifests.FILE} in it"))
    rows += [("removed", f"{name}, which is not kept any longer") for name in done.pruned]
    for label, text in rows:
        out.tell("  ", (f"{label:<9}", "dim"), " ", text)


def _holds(one: manifests.Manifest) -> str:
    tables = words.count(sum(not table.own for table in one.tables), "table")
    counted = "rows nobody counted" if one.rows is None else words.count(one.rows, "row")
    return f"{counted} in {tables}, {words.size(one.bytes)}"


def show(call: common.Call, *, into: Path | None) -> int:
    """Write the backups that are there; the exit code says if one is broken."""
    found = making.kept(into=into, folder=call.folder)
    broken = [one for one in found if one.manifest is None]
    if call.out.json:
        call.out.document({"backups": [_as_json(one) for one in found]})
    elif not found:
        call.out.line("there are no backups; make one:  whimbrel backup")
    else:
        call.out.table([_cells(one) for one in found])
        for one in broken:
            call.out.warn(f"{one.name}: {one.wrong}")
    return BROKEN if broken else 0


def _cells(one: shelf.Kept) -> list[output.Part]:
    if one.manifest is None:
        return [(one.name, "bold red"), "broken", "", "", "", ""]
    said = one.manifest
    rows = "" if said.rows is None else words.count(said.rows, "row")
    return [
        (one.name, "bold"),
        history.moment(said.made_at),
        said.way,
        rows,
        words.size(said.bytes),
        (said.database, "dim"),
    ]


def _as_json(one: shelf.Kept) -> dict[str, object]:
    if one.manifest is None:
        return {"name": one.name, "folder": str(one.folder), "broken": one.wrong}
    said = one.manifest
    return {
        "name": one.name,
        "folder": str(one.folder),
        "broken": None,
        "database": said.database,
        "engine": said.engine,
        "version": said.version,
        "way": said.way,
        "made_at": said.made_at,
        "rows": said.rows,
        "bytes": said.bytes,
        "checked": said.checked,
        "why": said.why,
    }


def prune(
    call: common.Call,
    *,
    into: Path | None,
    keep: int | None,
    keep_days: int | None,
    dry_run: bool,
) -> int:
    """Remove backups that need not be kept, and name them."""
    gone = making.prune(
        into=into, keep=keep, keep_days=keep_days, dry_run=dry_run, folder=call.folder
    )
    if call.out.json:
        call.out.document(
            {"result": "would go" if dry_run else "gone", "backups": [_as_json(o) for o in gone]}
        )
        return 0
    for one in gone:
        call.out.line(f"{'would go' if dry_run else 'removed'}:  {one.name}")
    if not gone:
        call.out.tell("nothing to remove: all backups are kept")
    return 0
