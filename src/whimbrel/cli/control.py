"""`whimbrel pause`, `resume`, `cancel` and `pace`: ask something of a run in another terminal."""

from __future__ import annotations

from whimbrel import errors
from whimbrel.cli import common, rows
from whimbrel.journal import parts
from whimbrel.migrations import runs


def pause(call: common.Call, number: int | None) -> int:
    """Ask a run to wait before its next batch."""
    answer = call.project("pause").ask(number, asked=parts.Asked.PAUSE)
    id_ = answer.run.id
    return _told(call, answer, f"run {id_} pauses before its next batch; go on:  "
                 f"whimbrel resume {id_}")  # fmt: skip


def resume(call: common.Call, number: int | None) -> int:
    """Ask a run that was paused to go on."""
    answer = call.project("resume").ask(number, asked=parts.Asked.GO_ON)
    return _told(call, answer, f"run {answer.run.id} goes on")


def cancel(call: common.Call, number: int | None) -> int:
    """Ask a run to stop before its next batch; what is done stays."""
    answer = call.project("cancel").ask(number, asked=parts.Asked.CANCEL)
    again = "whimbrel up" if answer.run.direction == "up" else "whimbrel down"
    return _told(call, answer, f"run {answer.run.id} stops before its next batch, and what is "
                 f"done stays; go on later:  {again}")  # fmt: skip


def pace(call: common.Call, number: int | None, *, limit: str | None) -> int:
    """Ask a run to do at most so many rows per second; 0 lifts the limit."""
    if limit is None:
        raise errors.UsageError(
            "it was not said how many rows per second",
            remedy="say it:  --max-rows-per-second 5000   (0 lifts the limit)",
        )
    wanted = rows.pace(limit)
    answer = call.project("pace").ask(number, max_rows_per_second=wanted or 0.0)
    said = f"does at most {wanted:,.10g} rows per second" if wanted else "goes without a limit"
    return _told(call, answer, f"run {answer.run.id} {said}, from its next batch on")


def _told(call: common.Call, answer: runs.Answer, said: str) -> int:
    control = answer.control
    if call.out.json:
        call.out.document(
            {
                "run": answer.run.id,
                "asked": control.asked.value,
                "max_rows_per_second": control.max_rows_per_second,
                "asked_by": control.asked_by,
                "in_batches": answer.in_batches,
            }
        )
        return 0
    call.out.tell(said)
    if not answer.in_batches:
        call.out.tell("no step in batches is at work now: it looks when the next one begins")
    return 0
