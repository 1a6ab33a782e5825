"""`whimbrel report`: the reports that were written, and whether one is still as it was sealed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from whimbrel import clock as clocks
from whimbrel import config, errors, words
from whimbrel.cli import common, history, output

if TYPE_CHECKING:
    from whimbrel.reports import store


def show(call: common.Call, *, limit: int) -> int:
    """List the newest reports of the project."""
    from whimbrel.reports import store

    found = config.load(call.folder)
    folder = found.reports.directory
    entries = store.last(folder, limit=limit + 1)
    shown, more = entries[:limit], len(entries) > limit
    if call.out.json:
        call.out.document(
            {
                "folder": str(folder),
                "reports": [
                    {
                        "file": str(one.file),
                        "title": one.title,
                        "command": one.command,
                        "started_at": one.started_at,
                        "verdict": one.verdict,
                        "seal": one.seal,
                    }
                    for one in shown
                ],
                "more": more,
            }
        )
        return 0
    if not shown:
        call.out.line(f"there are no reports in {config.shown(folder)}/ yet")
        return 0
    call.out.table([_cells(one) for one in shown])
    if more:
        call.out.line(f"there are older ones:  whimbrel report --limit {limit * 5}")
    return 0


def check(call: common.Call, file: Path) -> int:
    """Say whether a report is as it was sealed; raise ReportChanged if not."""
    from whimbrel.reports import seal

    try:
        found = seal.check(file.read_bytes())
    except OSError as error:
        raise errors.UsageError(
            f"{config.shown(file)} cannot be read: {error.strerror or error}",
            remedy="name a report, HTML or JSON; see them:  whimbrel report",
        ) from error
    if not found.intact:
        raise errors.ReportChanged(config.shown(file), wrong=found.wrong, seal=found.seal)
    if call.out.json:
        call.out.document({"file": str(file), "intact": True, "seal": found.seal})
        return 0
    call.out.line(("intact", "green"), f"  {config.shown(file)}")
    call.out.line(f"  seal  {found.seal}")
    call.out.tell("  compare it with the one that the command printed: a file can be sealed anew")
    return 0


def told(
    out: output.Output, written: store.Written | None, problem: errors.ReportNotWritten | None
) -> None:
    """Say where a report is, with its seal; or loudly that there is none, which fails nothing."""
    if out.json:
        if written is not None:
            out.event(
                {
                    "event": "report-written",
                    "at": clocks.stamp(clocks.SYSTEM.now()),
                    **written.as_json(),
                }
            )
        if problem is not None:
            at = clocks.stamp(clocks.SYSTEM.now())
            out.event({"event": "report-not-written", "at": at, **problem.as_json()})
        return
    if written is not None:
        out.tell(f"report: {config.shown(written.file)} · seal {written.seal}")
    if problem is not None:
        out.warn(str(problem))


def _cells(one: store.Entry) -> list[output.Part]:
    when = history.moment(one.started_at) if one.started_at else ""
    size = words.size(one.file.stat().st_size) if one.file.exists() else ""
    return [
        (when, "dim"),
        one.command,
        output.clipped(one.verdict or "it cannot be read", 60),
        config.shown(one.file),
        (size, "dim"),
    ]
