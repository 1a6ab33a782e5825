"""`whimbrel verify`: are two databases the same, or which rows differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, events, progress, words
from whimbrel.cli import common, live, output, repair, report, stop
from whimbrel.proof import door, export, findings, wishes
from whimbrel.proof import verify as verifying
from whimbrel.reports import recording, store
from whimbrel.reports import verification as reported

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

DIFFERENT: Final = 1
# What a person reads through; all others are in an export.
_SHOWN: Final = 5
_VALUE_WIDTH: Final = 60
STYLES: Final = {findings.Outcome.EQUAL: "green", findings.Outcome.MOVING: "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was said on the command line."""

    source: str
    target: str
    tables: Sequence[str] = ()
    exclude: Sequence[str] = ()
    columns: Sequence[str] = ()
    key: Sequence[str] = ()
    where: Sequence[str] = ()
    where_target: Sequence[str] = ()
    tolerance: Sequence[str] = ()
    sample: str | None = None
    jobs: int = 2
    looks: int = 3
    examples: int = 100
    export: Path | None = None
    report: Path | None = None
    no_report: bool = False
    repair: str | None = None
    repair_log: Path | None = None


def run(call: common.Call, asked: Asked) -> int:
    """Compare, and show what was found."""
    out = call.out
    if asked.export is not None:
        export.check(asked.export)  # before the work, not after it
    repair.check(asked.repair, asked.repair_log, sample=asked.sample)
    place = store.place(configs.load(call.folder), wanted=not asked.no_report, file=asked.report)
    speed = reported.Speed()
    with compare(call, asked, speed) as verification:
        count = None
        if asked.export is not None:
            count = export.write(verification, asked.export)
        mended = None
        if not out.json:
            show(out, verification, exported=asked.export is not None)
        try:
            if asked.repair is not None:
                mended = repair.carry_out(call, verification, asked.repair, asked.repair_log)
        except errors.WhimbrelError:
            report.told(out, *_reported(call, verification, asked, place, speed))
            raise
        written, problem = _reported(call, verification, asked, place, speed, mended)
        if out.json:
            out.document(
                {
                    **verification.as_json(),
                    **({"repair": mended.as_json()} if mended is not None else {}),
                    "report": written.as_json() if written is not None else None,
                    "report_problem": problem.as_json() if problem is not None else None,
                }
            )
        else:
            if mended is not None:
                repair.show(out, mended)
            if count is not None:
                out.tell(f"{words.count(count, 'differing value')} written to {asked.export}")
            report.told(out, written, problem)
        repaired = mended.repaired if mended is not None else None
        equal = repaired.equal if repaired is not None else verification.equal
        return 0 if equal else DIFFERENT


def _reported(
    call: common.Call,
    verification: verifying.Verification,
    asked: Asked,
    place: store.Place | None,
    speed: reported.Speed,
    mended: repair.Outcome | None = None,
) -> tuple[store.Written | None, errors.ReportNotWritten | None]:
    """Write the report, if there is a place for it; that it cannot be written changes nothing."""
    if place is None:
        return None, None
    command = f"whimbrel verify {asked.source} {asked.target}"
    config = configs.load(call.folder)
    ends = [door.place(one, config) for one in (asked.source, asked.target)]
    repaired = mended.repaired if mended is not None else None
    # After a repair the target is no longer what was compared.
    profiles = () if repaired else reported.profiles(verification, ends[0].open, ends[1].open)
    made = reported.from_verification(
        verification,
        command=command,
        throughput=speed.throughput,
        profiles=profiles,
        repairs=reported.repairs(repaired) if repaired is not None else (),
    )
    try:
        return recording.write(place, made), None
    except errors.ReportNotWritten as problem:
        return None, problem


def compare(
    call: common.Call, asked: Asked, also: events.Listener = events.nobody
) -> verifying.Verification:
    """Compare what was asked for; whoever gets it has to close it."""
    table = door.place(asked.source, configs.load(call.folder)).table
    with Display(call.out) as display:

        def tell(event: events.Event) -> None:
            display(event)
            also(event)

        try:
            return door.verify(
                asked.source,
                asked.target,
                tables=wishes.tables(asked.tables) or None,
                exclude=[name for text in asked.exclude for name in wishes.split(text, ",")],
                columns=wishes.columns(asked.columns, table=table),
                key=wishes.keys(asked.key, table=table),
                where=wishes.wheres(asked.where, asked.where_target, table=table),
                tolerance=wishes.tolerances(asked.tolerance, table=table),
                sample=wishes.sample(asked.sample) if asked.sample is not None else None,
                jobs=asked.jobs,
                looks=asked.looks,
                examples=asked.examples,
                folder=call.folder,
                tell=tell,
            )
        except KeyboardInterrupt:
            raise stop.Stopped(
                left="nothing was changed; what was compared until then is no result",
                remedy="run the same command again",
            ) from None


# --- while it runs --------------------------------------------------------------------------


class Display:
    """Listens to a comparison: draws how far it is, or writes a line for each table."""

    def __init__(self, out: output.Output, clock: clocks.Clock = clocks.SYSTEM) -> None:
        self.state = progress.NOT_COMPARED
        self._out = out
        self._clock = clock
        self._live: Live | None = None

    def __enter__(self) -> Display:
        if self._out.fancy and not self._out.silent:
            from rich.live import Live

            self._live = Live(
                self,
                console=self._out.console,
                refresh_per_second=live.REFRESH_PER_SECOND,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
            self._out.begin_drawing()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._out.end_drawing()

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        self.state = progress.compared(self.state, event, at=self._clock.seconds())
        if isinstance(event, events.LookedAgain):
            moving = f", {event.moving:,} of them changing" if event.moving else ""
            self._out.tell(
                f"  {event.table}: looked again, "
                f"{words.count(event.different, 'row')} differ{moving}"
            )

    def __rich__(self) -> Text:
        """Return what is drawn."""
        return output.styled(_drawn(self.state, self._clock.seconds()))


def _drawn(state: progress.VerifyProgress, now: float) -> list[list[output.Part]]:
    elapsed = words.duration(now - state.started_at) if state.started_at is not None else ""
    head: list[output.Part] = [
        ("verify", "bold"),
        f"  {state.tables_done:,} of {state.tables:,} tables · {words.count(state.rows, 'row')}",
        f" · {state.rate(now):,.0f} rows/s · {elapsed}",
    ]
    lines = [head]
    for table in state.at_work[:_SHOWN]:
        share = f"{table.fraction:.0%}" if table.fraction is not None else ""
        lines.append([f"  {table.table}  {words.count(table.rows, 'row')}  {share}"])
    return lines


# --- what was found -------------------------------------------------------------------------


def show(
    out: output.Output, verification: verifying.Verification, *, exported: bool = False
) -> None:
    """Write a line for each table, examples of what differs, and the verdict."""
    out.line((verification.source.url, "bold"), "  →  ", (verification.target.url, "bold"))
    out.table([_cells(table) for table in verification.tables], indent="  ")
    for table in verification.tables:
        show_differences(out, table)
    for note in _notes(verification):
        out.line(("note", "dim"), f"  {note}")
    out.line(*_verdict(verification))
    hidden = verification.differences > sum(
        min(len(table.examples), _SHOWN) for table in verification.tables
    )
    if hidden and not exported:
        out.tell("all differences in a file:  add  --export differences.csv")


def _cells(table: findings.TableResult) -> list[output.Part]:
    rows = words.count(table.source.rows, "row")
    if table.source.rows != table.target.rows:
        rows = f"{table.source.rows:,} → {table.target.rows:,} rows"
    sample = f"sample of {table.sample:.1%}" if table.sample is not None else ""
    return [
        table.name,
        rows,
        (table.outcome.value, STYLES.get(table.outcome, "red")),
        _counted(table.counts),
        sample,
        (words.duration(table.seconds), "dim"),
    ]


def _counted(counts: findings.Counts) -> str:
    parts = [
        f"{number:,} {what}"
        for number, what in (
            (counts.only_source, "only in source"),
            (counts.only_target, "only in target"),
            (counts.changed, "changed"),
        )
        if number
    ]
    return ", ".join(parts)


def show_differences(out: output.Output, table: findings.TableResult) -> None:
    """Write what differs in a table: columns, and the first rows."""
    pair = table.pair
    if pair is None:
        return
    for names, where in ((pair.lone_source, "source"), (pair.lone_target, "target")):
        if names:
            out.line(f"  {table.name}: ", (f"only in the {where}", "red"), f": {', '.join(names)}")
    for said in pair.incomparable:
        out.line(f"  {table.name}: ", (said, "red"))
    for found in table.examples[:_SHOWN]:
        key = ", ".join(
            f"{name} = {pair.columns[place].shown(text)}"
            for name, place, text in zip(pair.key_names, pair.key, found.key, strict=False)
        )
        if found.kind is findings.Kind.CHANGED and found.source and found.target:
            out.line(f"  {table.name}  {key}")
            for place in found.columns:
                one = pair.columns[place]
                name = one.source_name
                if one.source_name != one.target_name:
                    name = f"{one.source_name} = {one.target_name}"
                both = one.both_shown(found.source[place], found.target[place])
                out.line(
                    f"      {name}: ",
                    (_value(both[0]), "yellow"),
                    "  →  ",
                    (_value(both[1]), "yellow"),
                )
            continue
        texts = found.source if found.source is not None else found.target
        said = key or ", ".join(
            f"{one.source_name} = {_value(one.shown(text))}"
            for one, text in zip(pair.columns, texts or (), strict=False)
        )
        out.line(f"  {table.name}  ", output.clipped(said, 200), "  ", (found.kind.value, "red"))
    more = table.counts.differences - min(len(table.examples), _SHOWN)
    if more > 0 and table.examples:
        out.line(("  " + table.name, "dim"), (f"  … and {words.count(more, 'row')} more", "dim"))


def _value(text: str | None) -> str:
    """Write a value so that NULL, '' and blanks can be told apart, on one line."""
    if text is None:
        return "NULL"
    line = repr(text)[1:-1] if not text.isprintable() else text
    if len(line) > _VALUE_WIDTH:
        line = f"{line[: _VALUE_WIDTH - 1]}… ({len(text):,} characters)"
    return f"'{line}'"


def _notes(verification: verifying.Verification) -> list[str]:
    notes = list(verification.notes)
    for table in verification.tables:
        notes += [f"{table.name}: {note}" for note in table.notes]
        if table.pair is None:
            continue
        for one in table.pair.columns:
            said = list(one.form.notes)
            if one.tolerance is not None:
                said.append(f"tolerance {one.tolerance}")
            notes += [f"{table.name}.{one.source_name}: {note}" for note in said]
        if table.pair.left_out:
            notes.append(f"{table.name}: not compared: {', '.join(table.pair.left_out)}")
    return notes


def _verdict(verification: verifying.Verification) -> list[output.Part]:
    tables = words.count(len(verification.tables), "table")
    rows = words.count(verification.rows, "row")
    took = words.duration(verification.seconds)
    pace = words.rate(verification.rows, verification.seconds)
    if verification.equal:
        sampled = any(table.sample is not None for table in verification.tables)
        said = "equal, as far as the sample goes" if sampled else "equal"
        return [(said, "bold green"), f": {tables}, {rows} in {took} ({pace})"]
    bad = sum(not table.equal for table in verification.tables)
    differ = words.count(verification.differences, "row")
    return [
        ("different", "bold red"),
        f": {bad} of {tables}, {differ} of {rows}, in {took} ({pace})",
    ]
