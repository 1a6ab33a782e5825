"""`whimbrel restore`: make a database what it was, and say what was compared."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from whimbrel import config as configs
from whimbrel import errors, words
from whimbrel.cli import common, output
from whimbrel.rehearsal import restore as restoring

NOT_ALL: Final = 1


def run(
    call: common.Call,
    name: str,
    *,
    into: str | None,
    existing: str,
    owners: bool,
    backups: Path | None,
) -> int:
    """Restore a backup; the exit code says if the server did not take all of it."""
    done = restoring.restore(
        name,
        into=into if into is not None else call.common.database,
        existing=existing,
        owners=owners,
        backups_in=backups,
        folder=call.folder,
        command="whimbrel restore",
    )
    if call.out.json:
        call.out.document({"result": "done" if done.ok else "not all", **done.as_json()})
    else:
        _tell(call.out, done)
    return 0 if done.ok else NOT_ALL


def _tell(out: output.Output, done: restoring.Restored) -> None:
    one = done.manifest
    out.tell(("restored ", "bold"), (one.name, "bold"), f" in {words.duration(done.seconds)}")
    compared = f"{words.count(len(done.compared), 'table')} of {len(one.tables):,}"
    rows: list[tuple[output.Part, output.Part]] = [
        ("into", done.database),
        ("from", f"{configs.shown(done.folder)}, made at {one.made_at} of {one.database}"),
        ("equal", f"rows and fingerprints of {compared}"),
    ]
    if done.dropped:
        rows.append(("dropped", errors.names(done.dropped, limit=5)))
    if done.again:
        rows.append(("", "a part from an earlier attempt was thrown away"))
    rows += [("not in it", text) for text in one.missing]
    for label, text in rows:
        out.tell("  ", (f"{label:<9}", "dim"), " ", text)
    for text in done.refused:
        out.warn(f"the server did not take {text}")
