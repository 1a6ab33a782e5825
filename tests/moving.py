"""Two databases and rows that go from one to the other, for tests of unloaders and loaders."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from tests import databases
from whimbrel import tables
from whimbrel.engines import base, codec, forms, registry, transport

COPY, TUPLES = transport.Format.COPY, transport.Format.TUPLES
SERVERS: Final = ("postgresql", "mariadb")
TO_MARIADB, TO_POSTGRESQL = ("postgresql", "mariadb"), ("mariadb", "postgresql")
# How rows go: by blocks in either format, or by texts that Python writes as one of them.
WAYS: Final = ("copy", "tuples", "texts", "texts as tuples")

PAIRS: Final = [(one, other) for one in SERVERS for other in SERVERS]


def ways_to(target_id: str) -> tuple[str, ...]:
    """Return the ways by which rows can enter: tuples are for MySQL and MariaDB alone."""
    return WAYS if target_id == "mariadb" else tuple(way for way in WAYS if "tuples" not in way)


pairs = pytest.mark.parametrize(("source_id", "target_id"), PAIRS)
every_way = pytest.mark.parametrize(
    ("source_id", "target_id", "way"), [(*pair, way) for pair in PAIRS for way in ways_to(pair[1])]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """A session on each database, both ready, and a look past them."""

    source: base.Session
    target: base.Session
    raw_source: databases.Raw
    raw_target: databases.Raw


OpenEnds = Callable[[str, str], Ends]


@contextmanager
def ends(
    new_database: Callable[[str], databases.Database],
    raw: Callable[[databases.Database], databases.Raw],
) -> Iterator[OpenEnds]:
    """Give what makes two databases of named engines, with sessions that end with the block."""
    opened: list[base.Session] = []

    def make(source_id: str, target_id: str) -> Ends:
        source, target = new_database(source_id), new_database(target_id)
        sessions = [registry.open_session(one.url) for one in (source, target)]
        opened.extend(sessions)
        return Ends(
            source=sessions[0],
            target=sessions[1],
            raw_source=raw(source),
            raw_target=raw(target),
        )

    yield make
    for session in opened:
        session.close()


def bound(
    ends: Ends,
    name: str,
    columns: Sequence[str] | None = None,
    *,
    to: str = "",
    own: bool = False,
    fits: bool = False,
    **options: object,
) -> tuple[transport.Cargo, tables.Table]:
    """Return what is read of a table and the table it enters; `own`: the types' own texts."""
    source, target = ends.source, ends.target
    read, write = source.engine.codec(source), target.engine.codec(target)
    from_table = source.engine.catalog(source).table(name)
    to_table = target.engine.catalog(target).table(to or name)
    carried = []
    for column in from_table.columns:
        if columns is not None and column.name not in columns:
            continue
        into = to_table.column(column.name)
        form = forms.meet(
            read.form(from_table, column), write.form(to_table, into), what=column.name
        )
        if own and form.family is forms.Family.JSON and "[" in column.type:
            form = forms.Form(family=forms.Family.OTHER, own=column.type)
        form = dataclasses.replace(form, padded=False)
        sql = source.engine.beside_parameters(source.engine.quote(column.name))
        value = codec.Value(sql=sql, column=column, form=form)
        carried.append(transport.Carried(value=value, column=into, fits=fits))
    source.rollback()
    target.rollback()
    quoted = source.engine.beside_parameters(source.engine.quote(name))
    return transport.Cargo(source=quoted, carried=tuple(carried), **options), to_table  # type: ignore[arg-type]


def moved(ends: Ends, cargo: transport.Cargo, table: tables.Table, way: str) -> int:
    """Move rows one way or another, and commit; raise what the target says."""
    source, target = ends.source, ends.target
    source.engine.codec(source).prepare()
    unloader = source.engine.unloader(source)
    target.engine.loader(target).prepare()
    loader = target.engine.loader(target)
    if "tuples" in way:
        loader.formats = (TUPLES,)
    source.begin()
    target.begin()
    try:
        if way.startswith("texts"):
            found: Iterator[transport.Block] = (
                loader.encoded(cargo.carried, rows) for rows in unloader.texts(cargo, rows=7)
            )
        else:
            found = unloader.blocks(cargo, loader.formats[0], block_bytes=2_000)
        count = loader.load(table, cargo.carried, found, loader.formats[0])
        target.commit()
        return count
    except BaseException:
        if not target.gone:
            target.rollback()
        raise
    finally:
        if not source.gone:
            source.rollback()


def summed(ends: Ends, cargo: transport.Cargo, table: tables.Table) -> list[codec.Sum]:
    """Return the sums of both sides over all that was carried."""
    source, target = ends.source, ends.target
    name = source.engine.catalog(source).table(_plain(cargo.source)).name
    for session in (source, target):
        session.rollback()
        session.engine.codec(session).prepare()
    there = tuple(
        codec.Value(
            sql=target.engine.beside_parameters(target.engine.quote(one.column.name)),
            column=one.column,
            form=one.value.form,
        )
        for one in cargo.carried
    )
    scans = (
        codec.Scan(table=name, values=tuple(one.value for one in cargo.carried)),
        codec.Scan(table=table.name, values=there),
    )
    # Which texts are JSON is said by their table.
    read, write = source.engine.codec(source), target.engine.codec(target)
    source_table = source.engine.catalog(source).table(name)
    for column in source_table.columns:
        read.form(source_table, column)
    for column in table.columns:
        write.form(table, column)
    sums = [read.total(scans[0]), write.total(scans[1])]
    source.rollback()
    target.rollback()
    return sums


def _plain(quoted: str) -> str:
    quote = quoted[0]
    return quoted[1:-1].replace(quote * 2, quote)


def put(raw: databases.Raw, table: str, rows: Sequence[Sequence[object]]) -> None:
    marks = ", ".join(["%s"] * len(rows[0]))
    for row in rows:
        raw.execute(f"INSERT INTO {table} VALUES ({marks})", [given(raw, value) for value in row])


def given(raw: databases.Raw, value: object) -> object:
    return str(value) if isinstance(value, uuid.UUID) else value
