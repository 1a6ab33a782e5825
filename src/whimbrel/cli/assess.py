"""`whimbrel assess`: show what a database contains, and what moving it would take."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from whimbrel import config as configs
from whimbrel import errors, events, words
from whimbrel.cli import common, output, report
from whimbrel.rehearsal import assess as assessing
from whimbrel.rehearsal import drawing, proposing
from whimbrel.rehearsal.assessment import Assessment, Grade, Pace
from whimbrel.reports import assess as reported
from whimbrel.reports import store

# What a person reads through; all of it is in the report.
_SHOWN: Final = 8
_STYLES: Final = {Grade.EASY: "green", Grade.MEDIUM: "yellow", Grade.HARD: "bold red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was said on the command line."""

    database: str | None
    to: str | None = None
    sample: int
    values: bool = True
    times: bool = True
    jobs: int = 2
    dot: bool = False
    mermaid: bool = False
    rules: bool = False
    verbose: bool = False
    report: Path | None = None
    no_report: bool = False

    @property
    def command(self) -> str:
        """Return the command as it is noted; its URLs have no passwords."""
        to = f" --to {configs.hidden(self.to)}" if self.to is not None else ""
        database = f" {configs.hidden(self.database)}" if self.database is not None else ""
        return f"whimbrel assess{database}{to}"

    @property
    def text(self) -> bool:
        """Whether only a text is asked for, to be passed on."""
        return self.dot or self.mermaid or self.rules


def run(call: common.Call, asked: Asked) -> int:
    """Look, write the report, and show what matters first."""
    out = call.out
    place = None
    if not asked.text:
        config = configs.load(call.folder)
        place = store.place(config, wanted=not asked.no_report, file=asked.report)
    found = assessing.assess(
        asked.database,
        to=asked.to,
        sample=asked.sample,
        values=asked.values and not (asked.dot or asked.mermaid),
        times=asked.times and not asked.text,
        rules=not (asked.dot or asked.mermaid),
        jobs=asked.jobs,
        folder=call.folder,
        tell=_Teller(call),
    )
    if asked.dot or asked.mermaid:
        out.write(drawing.dot(found.graph) if asked.dot else drawing.mermaid(found.graph))
        return 0
    if asked.rules:
        out.write(proposing.toml(found.rules))
        return 0
    written, problem = _reported(found, asked, place)
    if out.json:
        out.document(
            {
                **found.as_json(),
                "report": written.as_json() if written is not None else None,
                "report_problem": problem.as_json() if problem is not None else None,
            }
        )
        return 0
    show(out, found, verbose=asked.verbose)
    report.told(out, written, problem)
    return 0


def _reported(
    found: Assessment, asked: Asked, place: store.Place | None
) -> tuple[store.Written | None, errors.ReportNotWritten | None]:
    if place is None:
        return None, None
    try:
        return reported.write(place, found, command=asked.command), None
    except errors.ReportNotWritten as problem:
        return None, problem


class _Teller:
    """Says what is looked at, on a terminal alone; lets Ctrl-C through."""

    def __init__(self, call: common.Call) -> None:
        self._call = call

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        out = self._call.out
        if isinstance(event, events.Looking) and out.fancy and not out.silent:
            of = words.count(event.tables, "table")
            out.tell((f"  looking at {event.what} of {of} …", "dim"))
        if threading.current_thread() is threading.main_thread():
            self._call.stop.check()


# --- what matters first -----------------------------------------------------------------------


def show(out: output.Output, found: Assessment, *, verbose: bool = False) -> None:
    """Write an assessment for people: the verdict, what is hard, then what there is."""
    most = None if verbose else _SHOWN
    head: list[output.Part] = [(found.source.url, "bold")]
    if found.target is not None:
        head += ["  →  ", (found.target.url or found.target.title, "bold")]
    out.line(*head)
    out.line(f"  {_place(found)}")
    out.line(f"  {_stock(found)}")
    _show_grades(out, found, most)
    _show_refused(out, found, most)
    _show_findings(out, found, most)
    _show_not_converted(out, found, most)
    _show_shape(out, found, most)
    _show_times(out, found, most)
    if found.rules:
        holds = sum(one.holds for one in found.rules)
        said = f"  {words.count(holds, 'rule')} to check a move by"
        broken = len(found.rules) - holds
        if broken:
            said += f", and {broken:,} that {'does' if broken == 1 else 'do'} not hold yet"
        out.line(("rules", "bold"), said, ("   --rules writes them", "dim"))
    for note in found.notes:
        out.line(("note", "dim"), f"  {note}")
    out.line(*_verdict(found))


def _place(found: Assessment) -> str:
    source = f"{found.source.title} {found.source.version}".rstrip()
    if found.target is None:
        return source
    return f"{source}  →  {found.target.title} {found.target.version}".rstrip()


def _stock(found: Assessment) -> str:
    parts = [words.count(count, kind) for kind, count in found.counts().items()]
    if found.rows is not None:
        exact = all(table.exact for table in found.tables)
        parts.append(f"{'' if exact else 'about '}{words.count(found.rows, 'row')}")
    if found.size is not None:
        parts.append(words.size(found.size))
    return ", ".join(parts)


def _show_grades(out: output.Output, found: Assessment, most: int | None) -> None:
    for grade in (Grade.HARD, Grade.MEDIUM):
        tables = found.graded(grade)
        if not tables:
            continue
        out.line((grade.value, _STYLES[grade]), f"  {words.count(len(tables), 'table')}")
        for table in tables[:most]:
            own = [reason.says for reason in table.reasons if reason.grade is not Grade.EASY]
            shown = own[:most] if most is None else own[:2]
            more = f"; and {len(own) - len(shown):,} more" if len(own) > len(shown) else ""
            said = "; ".join(_clipped(one, verbose=most is None) for one in shown)
            out.line(f"  {table.name}  ", (said + more, "dim"))
        _more(out, len(tables), most)
    easy = found.graded(Grade.EASY)
    if easy:
        said = f"  {words.count(len(easy), 'table')}"
        out.line((Grade.EASY.value, _STYLES[Grade.EASY]), said)


def _show_refused(out: output.Output, found: Assessment, most: int | None) -> None:
    if found.refused:
        out.line(("no plan", "bold red"), f"  {found.refused}")
    refused = found.refusals
    for loss in refused[:most]:
        out.line(("refused", "bold red"), f"  {loss.says}")
        for at, line in enumerate(loss.remedy.splitlines() if most is None else ()):
            out.line(f"         {'to do: ' if at == 0 else '       '}{line}")
    _more(out, len(refused), most)


def _show_findings(out: output.Output, found: Assessment, most: int | None) -> None:
    known = {(one.table, one.column, one.what) for one in found.refusals}
    dirty = [one for one in found.dirty if (one.table, one.column, one.what) not in known]
    for one in dirty[:most]:
        out.line(("dirty", "yellow"), f"  {one.says}")
    _more(out, len(dirty), most)
    hints = [one for one in found.findings if one.hint]
    if most is None:
        for one in hints:
            out.line(("hint", "dim"), f"  {one.says}")
    elif hints:
        said = f"  {words.count(len(hints), 'column')} with values that not every engine takes"
        out.line(("hint", "dim"), said, ("   --verbose", "dim"))


def _show_not_converted(out: output.Output, found: Assessment, most: int | None) -> None:
    if found.plan is None:
        return
    lost = found.plan.not_converted
    if most is None:
        for one in lost:
            of = f" of {one.table}" if one.table else ""
            out.line(("not converted", "yellow"), f"  {one.kind} {one.name}{of}: {one.why}")
    elif lost:
        kinds: dict[str, int] = {}
        for one in lost:
            kinds[one.kind] = kinds.get(one.kind, 0) + 1
        said = ", ".join(words.count(count, kind) for kind, count in kinds.items())
        out.line(("not converted", "yellow"), f"  {said}", ("   --verbose says why", "dim"))


def _show_shape(out: output.Output, found: Assessment, most: int | None) -> None:
    """Write what of the schema is worth knowing: circles, keys, indexes."""
    circles = [one for one in found.graph.cycles if len(one.tables) > 1]
    for circle in circles[:most]:
        way = "" if circle.optional else "  (none of its columns takes NULL)"
        out.line(("circle", "yellow"), f"  {circle}{way}")
    _more(out, len(circles), most)
    for title, names in (
        ("no key", found.without_key),
        ("elsewhere", [str(one) for one in found.graph.outside]),
        ("not needed?", [f"{one.table}.{one.name} ({one.why})" for one in found.unused]),
    ):
        if names:
            listed = errors.names(names, limit=len(names) if most is None else 4)
            out.line((title, "yellow"), f"  {listed}")
    if found.since and found.unused:
        out.line((f"  reads of indexes are counted since {found.since}", "dim"))


def _show_times(out: output.Output, found: Assessment, most: int | None) -> None:
    total = found.total
    if total is None:
        return
    expected, least, most_ = (words.duration(one / 1000) for one in total)
    wrote = any(one.written and one.rows_measured for one in found.paces)
    what = "to copy, with keys and indexes" if wrote else "to read"
    out.line(("time", "bold"), f"  about {expected} {what} ({least} to {most_}), one by one")
    longest = sorted(found.paces, key=lambda one: -(one.expected or 0))
    shown = [one for one in longest if (one.expected or 0) >= 1000][:most]
    out.table(
        [
            [
                one.table,
                words.count(one.rows or 0, "row"),
                words.duration((one.expected or 0) / 1000),
                (_between(one), "dim"),
            ]
            for one in shown
        ],
        indent="  ",
    )  # fmt: skip


def _between(pace: Pace) -> str:
    least, most = (pace.least or 0) / 1000, (pace.most or 0) / 1000
    return f"{words.duration(least)} to {words.duration(most)}"


def _verdict(found: Assessment) -> list[output.Part]:
    took = f" (looked for {words.duration(found.milliseconds / 1000)}; nothing was changed)"
    verdict = reported.verdict(found)
    style = {"good": "bold green", "warning": "bold yellow", "bad": "bold red"}[verdict.tone.value]
    return [(verdict.word.lower(), style), f": {verdict.says}{took}"]


def _more(out: output.Output, count: int, most: int | None) -> None:
    if most is not None and count > most:
        out.line((f"  … and {count - most:,} more:  --verbose", "dim"))


def _clipped(text: str, *, verbose: bool) -> str:
    return text if verbose else output.clipped(text, 110)


def only_one(*said: bool) -> bool:
    """Whether at most one of some wishes was uttered."""
    return sum(said) <= 1
