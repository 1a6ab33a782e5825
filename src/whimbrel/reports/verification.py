"""Put together the report of a comparison, from what `proof` found.

Values come as the texts in which they were compared, and are shown by their pair of columns.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

import whimbrel
from whimbrel import clock as clocks
from whimbrel import config, errors, events
from whimbrel.engines import base, forms
from whimbrel.proof import findings, repair
from whimbrel.proof import verify as verifying
from whimbrel.reports import measure, shown
from whimbrel.reports import report as reports

# So many rows of a table, and so many values of a row that only one side has.
MOST_EXAMPLES: Final = 50
MOST_VALUES: Final = 12
_MOST_POINTS: Final = 1_000


class Speed:
    """Listens to a comparison and remembers how fast its rows went."""

    def __init__(self, clock: clocks.Clock = clocks.SYSTEM) -> None:
        self._clock = clock
        self._began = clock.seconds()
        self._points: list[reports.Point] = []

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        if isinstance(event, events.VerifyStarted):
            self._began, self._points = self._clock.seconds(), []
        if not isinstance(event, events.RowsCompared) or not event.rows:
            return
        at = round((self._clock.seconds() - self._began) * 1000)
        last = self._points[-1].at if self._points else 0
        self._points.append(reports.Point(at=at, took=at - last, rows=event.rows))
        if len(self._points) >= _MOST_POINTS:
            self._points = list(halved(self._points))

    @property
    def throughput(self) -> tuple[reports.Throughput, ...]:
        """Return what was heard, nothing if that was too little to be drawn."""
        if len(self._points) < 3:
            return ()
        return (reports.Throughput(title="all tables", points=tuple(self._points)),)


def from_verification(
    verification: verifying.Verification,
    *,
    command: str,
    by: str | None = None,
    title: str | None = None,
    throughput: tuple[reports.Throughput, ...] = (),
    profiles: tuple[reports.Profile, ...] = (),
    validation: Iterable[Mapping[str, object]] = (),
    repairs: tuple[reports.Repair, ...] = (),
    notes: Sequence[str] = (),
) -> reports.Report:
    """Return the report of a comparison; `validation` are outcomes of rules, as plain values."""
    source, target = verification.source, verification.target
    return reports.Report(
        kind=reports.Kind.VERIFICATION,
        title=title or f"Comparison of {name(source.url)} and {name(target.url)}",
        command=config.hidden(command),
        whimbrel=whimbrel.__version__,
        started_at=verification.started_at,
        milliseconds=round(verification.seconds * 1000),
        by=by or whoever(),
        databases=(_database("source", source), _database("target", target)),
        tables=tuple(_table(one) for one in verification.tables),
        sides=("source", "target"),
        throughput=throughput,
        profiles=profiles,
        validation=reports.validations(validation),
        repairs=repairs,
        notes=(*verification.notes, *notes),
    )


def profiles(
    verification: verifying.Verification,
    source: Callable[[], base.Session],
    target: Callable[[], base.Session],
) -> tuple[reports.Profile, ...]:
    """Look at NULLs and lengths of the columns that differ, in tables that are small enough.

    That is a moment after the one that was compared.
    """
    chosen = [
        (one.pair, [one.pair.columns[place] for place in sorted(one.counts.by_column)])
        for one in verification.tables
        if one.pair is not None and one.counts.by_column
    ]
    if not chosen:
        return ()
    found = []
    for open_session, names in (
        (source, [_written(p.source.name, [c.source_name for c in cs]) for p, cs in chosen]),
        (target, [_written(p.target.name, [c.target_name for c in cs]) for p, cs in chosen]),
    ):
        try:
            session = open_session()
            try:
                found.append(measure.measure(session, names))
            finally:
                session.close()
        except (sa.exc.SQLAlchemyError, errors.WhimbrelError):
            return ()
    here, there = found
    return tuple(
        reports.Profile(
            table=pair.source.name,
            column=column.source_name,
            before=here.values.get((pair.source.name, column.source_name)),
            after=there.values.get((pair.target.name, column.target_name)),
        )
        for pair, columns in chosen
        for column in columns
        if (pair.source.name, column.source_name) in here.values
        and (pair.target.name, column.target_name) in there.values
    )


def repairs(done: repair.Repaired) -> tuple[reports.Repair, ...]:
    """Return what a repair changed and what it left, by table and kind of change."""
    found = []
    for table in done.tables:
        for action, rows in (
            ("inserted", table.inserted),
            ("updated", table.updated),
            ("deleted", table.deleted),
            ("left: changed meanwhile", table.changed_meanwhile),
            ("left: the database did not take them", table.failed),
            ("left: not safe to do", table.refused),
        ):
            if rows:
                left = action.startswith("left")
                why = "; ".join(dict.fromkeys(one.why for one in table.problems)) if left else ""
                found.append(reports.Repair(table=table.table, action=action, rows=rows, says=why))
    return tuple(found)


def whoever() -> str:
    """Return who is at work, and where."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


# --- its parts ------------------------------------------------------------------------------


def _database(role: str, of: findings.Database) -> reports.Database:
    return reports.Database(
        role=role,
        url=config.masked(of.url),
        engine=of.title,
        version=of.version,
        position=of.position,
        snapshot=of.kind,
        at=of.at,
    )


def _table(of: findings.TableResult) -> reports.Table:
    pair, counts = of.pair, of.counts
    outcome = reports.Outcome(of.outcome.value)
    if pair is None:
        ours = of.outcome is findings.Outcome.ONLY_SOURCE
        return reports.Table(
            name=of.name,
            outcome=outcome,
            source=of.name if ours else None,
            target=None if ours else of.name,
            why=f"there is no such table in the {'target' if ours else 'source'}",
            rows_source=of.source.rows if ours else None,
            rows_target=None if ours else of.target.rows,
            only_source=of.source.rows if ours else 0,
            only_target=0 if ours else of.target.rows,
            notes=of.notes,
        )
    return reports.Table(
        name=pair.title,
        outcome=outcome,
        source=pair.source.name,
        target=pair.target.name,
        why="" if of.equal or counts.differences or counts.moving else _unlike(pair),
        key=pair.key_names,
        rows_source=of.source.rows,
        rows_target=of.target.rows,
        fingerprint_source=str(of.source),
        fingerprint_target=str(of.target),
        only_source=counts.only_source,
        only_target=counts.only_target,
        changed=counts.changed,
        moving=counts.moving,
        settled=counts.settled,
        rewritten=counts.rewritten,
        sample=None if of.sample is None else f"{of.sample * 100:.10g} %",
        where_source=pair.said or pair.where_source,
        where_target=pair.said if pair.said and pair.where_target else pair.where_target,
        columns=tuple(
            reports.Column(
                source=one.source_name,
                target=one.target_name,
                compared_as=one.form.family.value,
                tolerance=str(one.tolerance) if one.tolerance is not None else None,
                notes=one.form.notes,
                different=counts.by_column.get(place, 0),
            )
            for place, one in enumerate(pair.columns)
        ),
        columns_only_source=pair.lone_source,
        columns_only_target=pair.lone_target,
        columns_left_out=pair.left_out,
        examples=tuple(_example(pair, one) for one in of.examples[:MOST_EXAMPLES]),
        milliseconds=round(of.seconds * 1000),
        notes=tuple(dict.fromkeys((*pair.notes, *of.notes))),
    )


def _unlike(pair: findings.TablePair) -> str:
    """Say in what two tables differ whose rows do not."""
    if not pair.columns:
        return "they have no column in common"
    return "the rows agree in the columns that both have, and not all of them are on both sides"


def _example(pair: findings.TablePair, of: findings.Difference) -> reports.Example:
    key = tuple(
        reports.Named(column=pair.columns[place].source_name, value=_shown(pair, place, text))
        for place, text in zip(pair.key, of.key, strict=False)
    )
    if of.kind is findings.Kind.CHANGED and of.source is not None and of.target is not None:
        cells = [_changed(pair, place, of.source[place], of.target[place]) for place in of.columns]
        return reports.Example(
            kind=of.kind.value,
            key=key,
            cells=tuple(cells[:MOST_VALUES]),
            more=max(0, len(cells) - MOST_VALUES),
        )
    ours = of.kind is findings.Kind.ONLY_SOURCE
    texts = (of.source if ours else of.target) or ()
    cells = []
    for place, text in enumerate(texts):
        if place in pair.key:
            continue
        one, value = pair.columns[place], _shown(pair, place, text)
        if ours:
            cells.append(reports.Cell(column=one.source_name, source=value))
        else:
            cells.append(reports.Cell(column=one.target_name, target=value))
    return reports.Example(
        kind=of.kind.value,
        key=key,
        cells=tuple(cells[:MOST_VALUES]),
        more=max(0, len(cells) - MOST_VALUES),
    )


def _changed(
    pair: findings.TablePair, place: int, one: bytes | None, other: bytes | None
) -> reports.Cell:
    column = pair.columns[place]
    names = dict.fromkeys((column.source_name, column.target_name))
    source, target, note = shown.pair(column.shown(one), column.shown(other))
    if column.form.family is forms.Family.BINARY:
        source, target = (_bytes(value) for value in (source, target))
    return reports.Cell(column=" = ".join(names), source=source, target=target, note=note)


def _shown(pair: findings.TablePair, place: int, text: bytes | None) -> shown.Shown:
    column = pair.columns[place]
    said = column.shown(text)
    if said is None:
        return shown.NULL
    return shown.cut(said, binary=column.form.family is forms.Family.BINARY)


def _bytes(value: shown.Shown) -> shown.Shown:
    if value.text is None:
        return value
    return shown.Shown(text=value.text, length=value.length, start=value.start, binary=True)


def _written(table: str, columns: Sequence[str]) -> measure.Written:
    return measure.Written(table=table, columns=tuple(columns))


def name(url: str) -> str:
    """Return what a database is called, by its URL: the last part of its path."""
    path = url.partition("?")[0].rstrip("/")
    return config.masked(path).rpartition("/")[2] or config.masked(url)


def halved(points: Sequence[reports.Point]) -> Iterable[reports.Point]:
    """Join neighbours, so that there is room for more."""
    for one, other in zip(points[::2], points[1::2], strict=False):
        yield reports.Point(at=other.at, took=one.took + other.took, rows=one.rows + other.rows)
    if len(points) % 2:
        yield points[-1]
