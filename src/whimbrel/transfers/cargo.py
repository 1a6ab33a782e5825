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
from whimbrel.rows import changed, copier, keys
from whimbrel.transfers import lanes
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
    change: changed.Change | None = None
    order: str = ""

    def cargo(self, way: keys.Walkway | None, range_: keys.Range) -> transport.Cargo:
        """Return the rows of a range."""
        where, params = self.where, ()
        if way is not None and range_ != keys.Range():
            inside = way.condition(range_)
            where = f"({where}) AND {inside.sql}" if where else inside.sql
            params = tuple(inside.params)  # type: ignore[assignment]
        return transport.Cargo(
            source=self.source,
            carried=self.read,
            where=where,
            params=params,
            order=self.order,
        )

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
            change=self.change,
            room=room,
            looked=self.planned.looked,
            moment=lanes.moment_of(self.planned.looked),
        )


def bind(seat: sides.Seat, planned: planning.PlannedFlow, target: Target, *, looked: bool) -> Bound:
    """Bind a flow to both databases; raise NotComparable for what cannot be carried.

    `looked` says that the values were looked at when the target's types were chosen.
    """
    engine, flow = seat.engine, planned.flow
    source = planned.source or tables.Table(name=flow.name, columns=())
    read: list[transport.Carried] = []
    written: list[transport.Carried] = []
    own: dict[str, forms.Form] = {}
    for column in planned.columns:
        into = target.table.column(column.name)
        if into.generated is not None:
            continue
        if column.found is None:
            # Only rules give it a value: a text in the target's own form.
            form = dataclasses.replace(target.forms[column.name], padded=False, typed=False)
            value = codec.Value(sql="NULL", column=into, form=form)
            written.append(transport.Carried(value=value, column=into))
            continue
        plain = dataclasses.replace(seat.codec.form(source, column.found), padded=False)
        form = carried_form(
            plain,
            target.forms[column.name],
            own_text=column.found.type == into.type and into.type.endswith("[]"),
            what=f"{flow.name}.{column.name}",
        )
        fits = looked and flow.change is None
        value = codec.Value(sql=_sql(engine, column), column=column.found, form=form)
        written.append(transport.Carried(value=value, column=into, fits=fits))
        # Rules see values as the source has them, not as the target would read them.
        own[column.name] = plain
        if flow.change is not None:
            value = dataclasses.replace(value, form=plain)
        proof = column.proof if flow.change is None else None
        read.append(transport.Carried(value=value, column=into, fits=fits, plain=proof))
    change = flow.change
    if change is not None:
        for column in planned.beside:
            if column.found is None:
                continue
            plain = dataclasses.replace(seat.codec.form(source, column.found), padded=False)
            value = codec.Value(sql=_sql(engine, column), column=column.found, form=plain)
            named = dataclasses.replace(column.found, name=column.name)
            read.append(transport.Carried(value=value, column=named))
            own[column.name] = plain
        change = change.bound(own, {one.column.name: one.value.form for one in written})
        if change.idle:
            change = None
            read = list(written)
    key = _chosen(planned, engine)
    rows = planned.source
    names = rows.primary_key if rows is not None and rows.primary_key else flow.key or key.columns
    known = {one.plain or one.name: one.name for one in (*planned.columns, *planned.beside)}
    places = {one.column.name: at for at, one in enumerate(read)}
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
        key=tuple(places[known[name]] for name in names if known.get(name) in places),
        walked=key,
        change=change,
        order=engine.beside_parameters(flow.order) if flow.order else "",
    )


def _sql(engine: base.Engine, column: planning.PlannedColumn) -> str:
    sql = engine.quote(column.plain) if column.plain is not None else f"({column.expression})"
    return engine.beside_parameters(sql)


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
    if not bound.walked.columns or bound.planned.flow.table is None or bound.planned.whole:
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
    # By their names: * leaves out columns that an engine hides.
    names = ", ".join(dict.fromkeys(own)) or "1"
    return f"(SELECT {names} FROM {cargo.source} LIMIT {_SAMPLE_ROWS}) AS whimbrel_first"


def ranges_of(rows: Sequence[object]) -> list[keys.Range]:
    """Return the ranges that notes of the ledger are about."""
    return [
        keys.Range(lower=row.lower, upper=row.upper)  # type: ignore[attr-defined]
        for row in rows
    ]
