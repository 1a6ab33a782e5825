"""About how much a step will keep: rows counted or estimated, bytes from a sample of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from whimbrel import errors, words
from whimbrel.engines import base
from whimbrel.migrations import plan, stores

# So many rows are weighed to tell how large the others are.
_WEIGHED: Final = 200
# What a row and a value take beside their text.
_ROW_BYTES: Final = 32
_VALUE_BYTES: Final = 4
_SAMPLE_BYTES: Final = 4_000_000
# No more than this share of the free space may be filled by what is kept.
MOST_OF_FREE: Final = 0.5


def of_rows(
    session: base.Session,
    store: stores.Store,
    where: str | None,
    rows: int | None,
    *,
    time: str,
) -> plan.Keeps:
    """Return about what is kept of `rows` rows of a table; raise RefusedError for too much."""
    engine = session.engine
    condition = f" WHERE {where}\n" if where else ""
    names = store.named(engine)
    sql = f"SELECT {names} FROM {engine.quote(store.table)}{condition} LIMIT {_WEIGHED}"
    try:
        found = engine.bulk(session).read(sql, (), max_bytes=_SAMPLE_BYTES)
    except sa.exc.DBAPIError:
        session.rollback()  # it is there under another name, or will be made
        return plan.Keeps(rows=rows, bytes=None, time=time)
    if rows is not None and len(found.rows) < _WEIGHED and not found.more:
        rows = min(rows, len(found.rows))
    weight = sum(_weight(row) for row in found.rows) / max(len(found.rows), 1)
    size = None if rows is None else int(weight * rows * len(store.names))
    _refuse_too_much(session, store.table, size)
    return plan.Keeps(rows=rows, bytes=size, time=time)


def with_others(
    session: base.Session,
    keeps: plan.Keeps,
    store: stores.Store,
    where: str | None,
    others: Sequence[stores.Along],
) -> plan.Keeps:
    """Return about what is kept with the rows of other tables that a deletion takes along."""
    engine = session.engine
    conditions = {store.was: f"({where}\n)" if where else ""}
    named = {store.was: store.table} | {one.store.was: one.store.table for one in others}
    for one in others:
        table = engine.quote(one.store.table)
        conditions[one.store.was] = " OR ".join(
            link.picks(engine, table, engine.quote(named[link.parent]), conditions[link.parent])
            for link in one.links
        )
        query = f"SELECT count(*) FROM {table} WHERE {conditions[one.store.was]}"
        conditions[one.store.was] = f"({conditions[one.store.was]})"
        try:
            rows = int(str(session.fetch(query)[0][0]))
        except sa.exc.DBAPIError:
            session.rollback()
            return dataclasses.replace(keeps, rows=None, bytes=None)
        more = of_rows(session, one.store, None, rows, time=keeps.time)
        if keeps.rows is None or more.rows is None:
            return dataclasses.replace(keeps, rows=None, bytes=None)
        size = None if None in {keeps.bytes, more.bytes} else (keeps.bytes or 0) + (more.bytes or 0)
        keeps = dataclasses.replace(keeps, rows=keeps.rows + more.rows, bytes=size)
    return keeps


def of_change(
    session: base.Session,
    ddl: base.Ddl,
    store: stores.Store,
    *,
    time: str,
) -> plan.Keeps:
    """Return about what is kept of a column whose new type loses values."""
    engine, (old,) = session.engine, store.values
    c = engine.quote(old.name)
    back = c if store.retyped is None else ddl.cast(ddl.cast(c, store.retyped.type), old.type)
    query = f"SELECT count({c}) FROM {engine.quote(store.table)}"
    if back != c:
        query += f" WHERE NOT ({engine.phrases.same(old, c, back)})"
    try:
        lost = int(str(session.fetch(query)[0][0]))
    except sa.exc.DBAPIError:
        session.rollback()  # it is there under another name, or is changed before
        return plan.Keeps(rows=None, bytes=None, time=time)
    kept = of_rows(session, store, None, lost, time=time)
    # Where no expression says what becomes of a value, all of them are looked at meanwhile.
    return kept if back != c else dataclasses.replace(kept, most=True)


def _weight(row: base.Row) -> int:
    size = _ROW_BYTES
    for value in row:
        plain = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
        size += _VALUE_BYTES + len(plain)
    return size


def _refuse_too_much(session: base.Session, table: str, size: int | None) -> None:
    free = session.engine.free_space(session) if size else None
    if size is None or free is None or size <= free * MOST_OF_FREE:
        return
    raise errors.RefusedError(
        f"keeping what this changes in {table!r} takes about {words.size(size)}, and "
        f"{words.size(free)} are free",
        object=f"at most {MOST_OF_FREE:.0%} of the free space is filled by what is kept",
        left="nothing was changed",
        remedy="make room; or do it without a way back:  keep=False",
    )
