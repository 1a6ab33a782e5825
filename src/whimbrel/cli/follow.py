"""`whimbrel transfer --follow`, `--since-last` and `whimbrel cutover`: show how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whimbrel import config as configs
from whimbrel import errors, events, words
from whimbrel.cli import common, stop, transfer
from whimbrel.engines import captures
from whimbrel.proof import wishes
from whimbrel.transfers import cutover as cutting
from whimbrel.transfers import door, halfway
from whimbrel.transfers import follow as following

NOT_ALL = transfer.NOT_ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was said on the command line of a cutover."""

    source: str
    target: str
    tables: Sequence[str] = ()
    exclude: Sequence[str] = ()
    where: Sequence[str] = ()
    rules: str | None = None
    max_rejects: int = 0
    stop_writes: str = ""
    start_writes: str = ""
    switch: str = ""
    verify: bool = True
    reverse: bool = False
    back: bool = False
    abort: bool = False


class Display(transfer.Display):
    """Shows a transfer while it is one, then how far the target is behind."""

    _sum = 0
    _lag = captures.Lag(changes=None, seconds=None)
    _begun = False

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        match event:
            case events.FollowingStarted():
                self._begun = True
            case events.ChangesApplied():
                self._sum += event.changes
            case events.FollowingLag():
                self._lag = captures.Lag(changes=event.changes, seconds=event.seconds)
            case _:
                pass
        super().__call__(event)

    def _tell(self, event: events.Event, now: float) -> None:
        if isinstance(event, events.FollowingStarted):
            self._out.tell(f"  following {event.source} by its {event.how}; Ctrl-C ends it")
        if isinstance(event, events.CutoverStep):
            stands = "  (nobody can write)" if event.writes_stopped else ""
            self._out.tell(f"  {event.step}  {words.duration(event.seconds)}{stands}")
        super()._tell(event, now)

    def now(self) -> str:
        """Say how far it is at this moment."""
        if not self._begun or self._stop.asked:
            return super().now()
        return f"following · {words.count(self._sum, 'change')} brought · {_behind(self._lag)}"


def _behind(lag: captures.Lag) -> str:
    if lag.changes is None and lag.seconds is None:
        return "how far behind is not known"
    if not lag.changes and not lag.seconds:
        return "nothing behind"
    said = [words.count(lag.changes, "change")] if lag.changes is not None else []
    if lag.seconds is not None:
        said.append(words.duration(lag.seconds))
    return f"{', '.join(said)} behind"


def run(
    call: common.Call, asked: transfer.Asked, *, how: str, stay: bool, both: bool = False
) -> int:
    """Copy a database and follow it, or bring what has changed since the last time."""
    if both:
        raise errors.UsageError(
            "--follow stays and --since-last ends", remedy="leave one of them out"
        )
    wrong = {"--dry-run": asked.dry_run, "--sql": asked.sql, "--report": asked.report is not None}
    wrong |= {"--schema-only": asked.schema_only, "--data-only": asked.data_only}
    wrong |= {"--processes": asked.processes is not None, "--cluster": asked.cluster is not None}
    for option, said in wrong.items():
        if said:
            raise errors.UsageError(
                f"{option} does not go with {'--follow' if stay else '--since-last'}",
                remedy="leave one of them out",
            )
    request = door.follow_request(
        asked.source,
        transfer.request_of(call, asked),
        how=how,
        until_level=not stay,
        folder=call.folder,
    )
    display = Display(call.out, call.stop)
    try:
        with display:
            done = following.follow(request, tell=display)
    except KeyboardInterrupt:
        raise stop.Stopped(
            left="what was brought stays, and what changes in the source is still noted",
            remedy="go on: run the same command again\n"
            "or let the target take over:  whimbrel cutover SOURCE TARGET",
        ) from None
    if call.out.json:
        call.out.document(done.as_json())
    else:
        _show(call, done, target=configs.hidden(asked.target))
    if done.transfer is not None and done.transfer.verification is not None:
        done.transfer.verification.close()
    return 0 if done.ok else NOT_ALL


def _show(call: common.Call, done: following.Followed, *, target: str) -> None:
    if done.transfer is not None:
        transfer.show(call.out, done.transfer, target=target)
    rows = f"{done.written:,} rows written, {done.deleted:,} deleted before"
    said = f": {words.count(done.changes, 'change')} brought in {words.count(done.rounds, 'round')}"
    if done.rejected:
        call.out.line(("not all", "bold yellow"), f"{said}, {done.rejected:,} rejected; {rows}")
        call.out.line(f"see them:  whimbrel rejects list {target}")
    else:
        call.out.line(("up to date", "bold green"), f"{said}; {rows}")


def cutover(call: common.Call, asked: Asked) -> int:
    """Let the target take over, or take back what was begun."""
    ends = " ".join(configs.hidden(one) for one in (asked.source, asked.target))
    ways = (asked.target, asked.source) if asked.back else (asked.source, asked.target)
    request = door.cutover_request(
        *ways,
        tables=[name for text in asked.tables for name in wishes.split(text, ",")],
        exclude=[name for text in asked.exclude for name in wishes.split(text, ",")],
        where=transfer.wheres(asked.where),
        rules=asked.rules,
        max_rejects=asked.max_rejects,
        folder=call.folder,
        command=f"whimbrel cutover {ends}{' --back' if asked.back else ''}",
    )
    if asked.abort:
        return _abort(call, request)
    display = Display(call.out, call.stop)
    try:
        with display:
            done = cutting.cutover(
                request,
                cutting.Wishes(
                    stop_writes=asked.stop_writes,
                    start_writes=asked.start_writes,
                    switch=asked.switch,
                    verify=asked.verify,
                    reverse=asked.reverse,
                ),
                tell=display,
            )
    except KeyboardInterrupt:
        raise stop.Stopped(
            left="what was begun is taken back, unless the switch had begun",
            remedy="go on: run the same command again",
        ) from None
    if call.out.json:
        call.out.document(done.as_json())
    else:
        call.out.table(
            [[one.name, (words.duration(one.seconds), "dim")] for one in done.steps], indent="  "
        )
        compared = "" if done.verification is None else ", and both sides are equal"
        call.out.line(
            ("cut over", "bold green"),
            f": nobody could write for {words.duration(done.standstill)}{compared}; "
            f"{words.count(done.changes, 'change')} brought, {words.duration(done.seconds)} in all",
        )
        if not asked.stop_writes:
            call.out.line("  what is written to the followed tables of the source is refused now")
        if done.reverse:
            old, new = (configs.hidden(one) for one in ways)
            call.out.line("  what changes on the new side is noted; bring it back, and keep to it:")
            call.out.line(f"    whimbrel transfer {new} {old} --follow")
            turned = " --back" if not asked.back else ""
            back = (old, new) if turned else (new, old)
            call.out.line(f"  the way back:  whimbrel cutover {' '.join(back)}{turned}")
    if done.verification is not None:
        done.verification.close()
    return 0


def _abort(call: common.Call, request: following.Request) -> int:
    found = halfway.take_back(request.transfer, request.capture)
    if call.out.json:
        call.out.document({"ok": True, "taken_back": found})
    else:
        call.out.line(
            "taken back: writes are allowed again, and the following can go on"
            if found
            else "there is no cutover that was begun and not ended"
        )
    return 0
