"""`whimbrel prune`: remove what migrations have kept for longer than it shall be."""

from __future__ import annotations

import datetime as dt

from whimbrel import errors, words
from whimbrel.cli import common, history


def prune(call: common.Call, *, older_than: str | None, run: int | None, dry_run: bool) -> int:
    """Remove what is past its time, and list it with what stays."""
    project = call.project("prune")
    found = project.prune(older_than=_span(older_than), run=run, dry_run=dry_run)
    out = call.out
    if out.json:
        kept = [one.as_json() for one in found]
        out.document({"database": project.url, "dry_run": dry_run, "kept": kept})
        return 0
    out.line((project.url, "bold"))
    if not found:
        out.line("nothing is kept here")
        return 0
    out.table(
        [
            [
                ("removed" if one.removed else "kept", "yellow" if one.removed else "green"),
                (f"run {one.run}", "dim"),
                one.migration,
                f"{one.kind} of {one.table}",
                words.count(one.rows, "row"),
                history.moment(one.kept_at),
                "" if one.keep_until is None else f"until {history.moment(one.keep_until)}",
            ]
            for one in found
        ],
        indent="  ",
    )
    removed = sum(one.removed for one in found)
    said = f"{words.count(removed, 'thing')} removed, {len(found) - removed:,} kept"
    out.line("nothing is removed: this was a dry run" if dry_run else said)
    return 0


def _span(text: str | None) -> dt.timedelta | None:
    try:
        return None if text is None else words.read_span(text)
    except ValueError as error:
        raise errors.UsageError(
            str(error), remedy='write:  whimbrel prune --older-than "30 days"'
        ) from None
