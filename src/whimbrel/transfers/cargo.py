"""A planned flow as what is really carried: bound to the tables of both databases as they are.

The form in which a column is carried is that in which it is compared afterwards, so that what
moves is what is proven.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import errors, tables
from whimbrel.engines import base, codec, forms, transport
from whimbrel.journal import values
from whimbrel.proof import sides
from whimbrel.rows import copier, keys
from whimbrel.transfers import plan as planning

# So many rows tell how large one is.
_SAMPLE_ROWS: Final = 200
_LEAST_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A table of the target as its catalog describes it, and the forms of its columns."""

    table: tables.Table
    forms: Mapping[str, forms.Form]


def target_of(session: base.Session, name: str) -> Target:
    """Look a table of the target up."""
    table = session.engine.catalog(session).table(name)
    coder = session.engine.codec(session)
    found = {column.name: coder.form(table, column) for column in table.columns}
    return Target(table=table, forms=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A flow bound to both databases.

    `read` is what the source gives of each row, `written` what the target is given; they are the
    same unless rules make other columns. `key` are places in `read` that name a row.
    """

    planned: planning.PlannedFlow
    read: tuple[transport.Carried, ...]
    written: tuple[transport.Carried, ...]
    target: tables.Table
    source: str
    where: str
    key: tuple[int, ...]
    walked: keys.Key

    def cargo(self, way: keys.Walkway | None, range_: keys.Range) -> transport.Cargo:
        """Return the rows of a range."""
        where, params = self.where, ()
        if way is not None and range_ != keys.Range():
            inside = way.condition(range_)
            where = f"({where}) AND {inside.sql}" if where else inside.sql
            params = tuple(inside.params)  # type: ignore[assignment]
        return transport.Cargo(source=self.source, carried=self.read, where=where, params=params)

    def task(
        self,
        way: keys.Walkway | None,
        range_: keys.Range,
        *,
        run: int,
        position: int,
        chunk: int,
        room: int,
    ) -> copier.Task:
        """Return what copies a range."""
        return copier.Task(
            run=run,
            position=position,
            chunk=chunk,
            flow=self.planned.flow.name,
            cargo=self.cargo(way, range_),
            table=self.target,
            written=self.written,
            key=self.key,
            change=self.planned.flow.change,
            room=room,
        )


def bind(seat: sides.Seat, planned: planning.PlannedFlow, target: Target) -> Bound:
    """Bind a flow to both databases; raise NotComparable for what cannot be carried."""
    engine, flow = seat.engine, planned.flow
    source = planned.source or tables.Table(name=flow.name, columns=())
    read, written = [], []
    for column in planned.columns:
        into = target.table.column(column.name)
        if into.generated is not None:
            continue
        if column.found is None:
            # Only rules give it a value: a text in the target's own form.
            own = target.forms[column.name]
            value = codec.Value(sql="NULL", column=into, form=own)
            written.append(transport.Carried(value=value, column=into))
            continue
        sql = engine.quote(column.plain) if column.plain is not None else f"({column.expression})"
        form = carried_form(
            seat.codec.form(source, column.found),
            target.forms[column.name],
            own_text=column.found.type == into.type and into.type.endswith("[]"),
            what=f"{flow.name}.{column.name}",
        )
        value = codec.Value(sql=engine.beside_parameters(sql), column=column.found, form=form)
        # Planning has looked at the values, and nothing moves that does not fit.
        fits = flow.change is None
        carried = transport.Carried(value=value, column=into, fits=fits)
        read.append(carried)
        written.append(carried)
    key = _chosen(planned, engine)
    named = [one.plain for one in planned.columns if one.found is not None]
    rows = planned.source
    names = rows.primary_key if rows is not None and rows.primary_key else key.columns
    places = tuple(named.index(name) for name in names if name in named)
    if flow.table is not None:
        stands = engine.beside_parameters(engine.quote(flow.table))
    else:
        stands = f"({engine.beside_parameters(flow.query)}) AS {engine.quote('whimbrel_query')}"
    return Bound(
        planned=planned,
        read=tuple(read),
        written=tuple(written),
        target=target.table,
        source=stands,
        where=engine.beside_parameters(flow.where) if flow.where else "",
        key=places,
        walked=key,
    )


def carried_form(
    source: forms.Form, target: forms.Form, *, own_text: bool, what: str
) -> forms.Form:
    """Return the form in which values of one column enter another; raise NotComparable.

    An array that enters a column of the same type goes by its own text: as the document that it
    is compared by, it would enter no array.
    """
    if own_text:
        return forms.Form(family=forms.Family.OTHER, own="array")
    form = forms.meet(source, target, what=what)
    return dataclasses.replace(form, padded=False, notes=())


def _chosen(planned: planning.PlannedFlow, engine: base.Engine) -> keys.Key:
    """Return what a flow is cut by; one without columns is one chunk."""
    if planned.source is None:
        return keys.Key(columns=())
    key = keys.choose(planned.source, engine)
    address = engine.can.row_address
    if not key.integer and address is not None and not planned.source.has(address):
        # Reading in the order in which rows lie is cheaper than along another key.
        plain = keys.choose(dataclasses.replace(planned.source, primary_key=(), uniques=(),
                                                indexes=()), engine)  # fmt: skip
        return plain if plain.columns else key
    return key


def chunks(
    seat: sides.Seat, bound: Bound, *, rows: int | None, options: planning.Options
) -> list[keys.Range]:
    """Cut a flow into chunks of about the size that is wanted; their ends are open.

    A table that cannot be cut, or whose keys the ledger cannot keep, is one chunk.
    """
    if not bound.walked.columns or bound.planned.flow.table is None:
        return [keys.Range()]
    width = _row_bytes(seat, bound)
    most = max(_LEAST_ROWS, min(options.chunk_rows, math.ceil(options.chunk_bytes / width)))
    count = math.ceil((rows or 0) / most)
    if count <= 1 and rows is not None:
        return [keys.Range()]
    way = keys.Walkway(seat.engine, bound.planned.flow.table, bound.walked)
    ranges = way.parts(seat.session, max(count, 1))
    if len(ranges) < 2:
        return [keys.Range()]
    try:
        for one in ranges:
            values.dump(one.upper)
    except errors.ValueNotStorable:
        return [keys.Range()]
    # Open ends: a key beyond those of now belongs to the first or the last.
    return [*ranges[:-1], keys.Range(lower=ranges[-1].lower)]


def _row_bytes(seat: sides.Seat, bound: Bound) -> int:
    """Return about how many bytes a row is, by the first ones there are."""
    unloader = seat.engine.unloader(seat.session)
    cargo = bound.cargo(None, keys.Range())
    size = rows = 0
    texts = unloader.texts(
        dataclasses.replace(cargo, source=_first(seat, bound, cargo)), rows=_SAMPLE_ROWS
    )
    for some in texts:
        rows += len(some)
        size += sum(len(text) for row in some for text in row if text is not None)
        break
    return max(16, size // rows + 4 * len(bound.read)) if rows else 64


def _first(seat: sides.Seat, bound: Bound, cargo: transport.Cargo) -> str:
    """Return SQL for a few rows only: nobody wants to wait for a whole table here."""
    own = [one.value.sql for one in cargo.carried]
    if not all(one.startswith(('"', "`")) for one in own) or cargo.where:
        return cargo.source
    return f"(SELECT * FROM {cargo.source} LIMIT {_SAMPLE_ROWS}) AS whimbrel_first"


def ranges_of(rows: Sequence[object]) -> list[keys.Range]:
    """Return the ranges that notes of the ledger are about."""
    return [
        keys.Range(lower=row.lower, upper=row.upper)  # type: ignore[attr-defined]
        for row in rows
    ]
