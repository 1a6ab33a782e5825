"""`whimbrel subset`: make a small database of a large one, show what was chosen and what for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whimbrel import config as configs
from whimbrel import errors, events, words
from whimbrel.cli import common, copying, output, report, stop
from whimbrel.cli import transfer as transferred
from whimbrel.proof import wishes
from whimbrel.rehearsal import choosing, masking
from whimbrel.rehearsal import subset as subsets
from whimbrel.reports import recording, store
from whimbrel.reports import transfer as reported
from whimbrel.transfers import door
from whimbrel.transfers import transfer as transferring


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was said on the command line."""

    source: str
    target: str | None
    rows: int | None = None
    percent: float | None = None
    seed: int = 0
    tables: Sequence[str] = ()
    exclude: Sequence[str] = ()
    suggest_masks: bool = False
    existing: str = "refuse"
    jobs: int = 2
    verify: bool = True
    dry_run: bool = False
    verbose: bool = False
    report: Path | None = None
    no_report: bool = False

    @property
    def command(self) -> str:
        """Return the command as it is noted; its URLs have no passwords."""
        ends = " ".join(configs.hidden(one) for one in (self.source, self.target or ""))
        size = f"--rows {self.rows}" if self.rows is not None else f"--percent {self.percent:g}"
        return f"whimbrel subset {ends} {size} --seed {self.seed}"


def run(call: common.Call, asked: Asked) -> int:
    """Do it; or with a dry run only show what would be chosen; or suggest masks."""
    if asked.suggest_masks:
        return _suggest(call, asked)
    if asked.target is None:
        raise errors.UsageError(
            "a subset needs a target", remedy="whimbrel subset SOURCE TARGET --rows 10000"
        )
    if asked.report is not None and asked.no_report:
        raise errors.UsageError(
            "--report asks for a report and --no-report for none", remedy="leave one of them out"
        )
    request, chooser = _request(call, asked, asked.target)
    if asked.dry_run:
        return _planned(call, asked, request, chooser)
    place = store.place(configs.load(call.folder), wanted=not asked.no_report, file=asked.report)
    speed = reported.Speed()
    moved = _moved(call, request, speed)
    done = chooser.done(moved)
    written, problem = _reported(moved, asked, place, speed)
    if call.out.json:
        call.out.document(
            {
                **done.as_json(),
                "report": written.as_json() if written is not None else None,
                "report_problem": problem.as_json() if problem is not None else None,
            }
        )
    else:
        show(call.out, done.choice, done.masked, verbose=asked.verbose)
        target = configs.hidden(asked.target)
        transferred.show(call.out, moved, target=target, verbose=asked.verbose)
        report.told(call.out, written, problem)
    if moved.verification is not None:
        moved.verification.close()
    return 0 if done.ok else transferred.NOT_ALL


def _request(
    call: common.Call, asked: Asked, target: str
) -> tuple[transferring.Request, subsets.Choosing]:
    wish = subsets.wish_of(rows=asked.rows, percent=asked.percent, seed=asked.seed)
    return subsets.request(
        asked.source,
        target,
        wish,
        tables=[name for text in asked.tables for name in wishes.split(text, ",")],
        exclude=[name for text in asked.exclude for name in wishes.split(text, ",")],
        options=door.options_of(jobs=asked.jobs, verify=asked.verify, existing=asked.existing),
        folder=call.folder,
        command=asked.command,
        look=asked.dry_run,
    )


def _planned(
    call: common.Call,
    asked: Asked,
    request: transferring.Request,
    chooser: subsets.Choosing,
) -> int:
    plan = transferring.plan(request)
    masked = chooser.masks.masked
    if call.out.json:
        chosen = subsets.chosen_json(chooser.wish, chooser.made, masked)
        call.out.document({**plan.as_json(), "subset": chosen})
    else:
        show(call.out, chooser.made, masked, verbose=asked.verbose)
        copying.show_plan(call.out, plan, verbose=asked.verbose)
    return transferred.NOT_ALL if plan.refused else 0


def _moved(
    call: common.Call, request: transferring.Request, also: events.Listener
) -> transferring.Transfer:
    """Make the transfer while it is shown; say what a stop leaves."""
    display = transferred.Display(call.out, call.stop)

    def tell(event: events.Event) -> None:
        also(event)
        display(event)

    try:
        with display:
            return transferring.transfer(request, tell=tell)
    except KeyboardInterrupt:
        begun = display.state.started_at is not None
        raise stop.Stopped(
            left="what is in the target stays, each chunk with its note"
            if begun
            else "nothing was changed",
            remedy="run the same command again: it goes on where it stopped",
        ) from None


def _reported(
    done: transferring.Transfer,
    asked: Asked,
    place: store.Place | None,
    speed: reported.Speed,
) -> tuple[store.Written | None, errors.ReportNotWritten | None]:
    """Write the report, if there is a place for it; that it cannot be written changes nothing."""
    if place is None:
        return None, None
    made = reported.from_transfer(done, command=asked.command, throughput=speed.throughput)
    try:
        return recording.write(place, made, run=done.run), None
    except errors.ReportNotWritten as problem:
        return None, problem


# --- what was chosen ----------------------------------------------------------------------------


def show(
    out: output.Output,
    choice: choosing.Choice,
    masked: Sequence[masking.Masked],
    *,
    verbose: bool = False,
) -> None:
    """Write how many rows of each table were chosen, and what for."""
    cells: list[list[output.Part]] = [
        ["  table", "chosen", "of", "for what they show", "by the seed", "others refer to them"]
    ]
    for one in choice.tables:
        numbers = (one.rows, one.of, one.covering, one.sampled, one.needed)
        cells.append([f"  {one.table}", *(f"{number:,}" for number in numbers)])
    lines = list(output.columns(cells))
    out.line(*lines[0])
    for table, line in zip(choice.tables, lines[1:], strict=True):
        out.line(*line)
        if verbose:
            for each in table.shown:
                what = output.clipped(each.what, 60)
                out.line((f"      {table.table}.{each.column}: {what}", "dim"))
    for one in choice.tables:
        if one.astray:
            noun = words.count(one.astray, "row")
            said = f"  {one.table}: {noun} that refer to nothing, in the source neither"
            out.line(("astray", "yellow"), said)
    for cycle in choice.graph.cycles:
        out.line(("circle", "dim"), f"  {cycle}")
    for mask in masked:
        because = f"  (as {mask.because})" if mask.because else ""
        out.line(("masked", "dim"), f"  {mask.table}.{mask.column}  {mask.kind}{because}")
    whole = sum(one.of for one in choice.tables)
    out.line((f"chosen: {choice.rows:,} of {words.count(whole, 'row')}", "bold"))


# --- what looks like personal data ---------------------------------------------------------------


def _suggest(call: common.Call, asked: Asked) -> int:
    """List columns that look like personal data, as lines for whimbrel.toml."""
    found = subsets.suggestions(asked.source, folder=call.folder)
    if call.out.json:
        call.out.document(
            {
                "suggestions": [
                    {"table": o.table, "column": o.column, "mask": o.kind, "why": o.why}
                    for o in found
                ]
            }
        )
        return 0
    if not found:
        call.out.line("no column looks like personal data, by its name or its first values")
        return 0
    call.out.line("[subset.masks]")
    width = max(len(str(one)) for one in found)
    for one in found:
        call.out.line(f"{one!s:<{width}}  ", (f"# {one.why}", "dim"))
    return 0
