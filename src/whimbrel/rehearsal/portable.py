"""A backup that needs no program of the server's: its rows as packed lines, its schema as SQL.

    schema.json     what makes everything again, in order: statements by what they make
    schema.sql      the same, for people
    rows/0001.gz    the lines of one table (`fields`), packed by gzip

All of it is read in one transaction, of one moment. It is restored on the same engine; from there
a transfer takes it to any other.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events, tables
from whimbrel.engines import backups, base, codec, inventory, transport
from whimbrel.proof import sides
from whimbrel.rehearsal import fields
from whimbrel.rehearsal import manifest as manifests
from whimbrel.schema import made, same
from whimbrel.transfers import reading

SCHEMA: Final = "schema.json"
SQL: Final = "schema.sql"
ROWS: Final = "rows"
#: Text packs well enough by this, at several times the speed of the best.
_PACKING: Final = 3
_PHASES: Final = ("before", "after", "keys", "last")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What a database has that a backup is to have: tables in an order in which they are made.

    `own` are names of Whimbrel's tables. `steps` are what makes everything, by phase.
    """

    tables: Mapping[str, tables.Table]
    own: frozenset[str]
    parents: frozenset[str]
    steps: Mapping[str, Sequence[made.Action]]
    counters: tuple[inventory.Counter, ...]
    missing: tuple[str, ...]


def own_tables(session: base.Session) -> list[str]:
    """Return the tables of ours that belong to a backup: history, runs, what undo keeps."""
    names = sa.inspect(session.connection).get_table_names()
    ours = [name for name in names if name.startswith(base.OUR_PREFIX)]
    return sorted(name for name in ours if name not in backups.PASSING)


def stock(seat: sides.Seat, url: sa.URL) -> Stock:
    """Read what there is, in the transaction that is open."""
    session, engine = seat.session, seat.engine
    source = reading.read(seat)
    stocked = engine.inventory(session)
    known = source.tables
    counting: dict[str, list[str]] = {}
    for counter in source.counters:
        if counter.table is not None and counter.table in known and counter.column is not None:
            counting.setdefault(counter.table, []).append(counter.column)
    schema = same.copy_schema(
        {name: stocked.text(name) for name in known},
        source.things,
        tables=known,
        counters=counting,
    )
    ours, texts = engine.backups(session, url).own()
    own = {name: ours.table(name) for name in own_tables(session)}
    own_schema = same.copy_schema({name: texts.text(name) for name in own}, (), tables=own)
    return Stock(
        tables={**known, **own},
        own=frozenset(own),
        parents=frozenset(parent for parent, _ in source.heirs.values()),
        steps={phase: [*_steps(schema, phase), *_steps(own_schema, phase)] for phase in _PHASES},
        counters=source.counters,
        missing=tuple(
            dict.fromkeys(
                f"{one.kind} {one.name}"
                + (f" of {one.table}" if one.table else "")
                + f": {one.why}"
                for one in schema.not_converted
            )
        )
        + tuple(schema.notes),
    )


def _steps(schema: made.Schema, phase: str) -> Iterator[made.Action]:
    match phase:
        case "before":
            yield from schema.before
            for table in schema.tables:
                yield from table.before
        case "after":
            for table in schema.tables:
                yield from table.after
        case "keys":
            for table in schema.tables:
                yield from table.foreign_keys
            for table in schema.tables:
                yield from table.validate
        case _:
            yield from schema.last


# --- writing -----------------------------------------------------------------------------------


def dump(
    seat: sides.Seat,
    found: Stock,
    folder: Path,
    *,
    tell: events.Listener,
    clock: clocks.Clock,
) -> list[manifests.Table]:
    """Write everything into a folder; return what each table of it has, as the database says."""
    (folder / ROWS).mkdir()
    written = []
    for number, table in enumerate(found.tables.values(), start=1):
        started = clock.seconds()
        own_rows = table.name in found.parents
        rows = fields.rows_of(seat.engine, seat.codec, table, own_rows=own_rows)
        file = f"{ROWS}/{number:04}.gz"
        count = _unloaded(seat, rows, folder / file)
        total = _total(seat, rows)
        if count != total.rows:
            raise backups.ToolFailed(
                f"{table.name}: {total.rows:,} rows are there, and {count:,} were read"
            )
        written.append(
            manifests.Table(
                name=table.name,
                rows=count,
                sum=str(total),
                columns=rows.columns,
                file=file,
                own=table.name in found.own,
                own_rows=own_rows,
            )
        )
        tell(
            events.TableCopied(
                table=table.name, rows=count, rejected=0, seconds=clock.seconds() - started
            )
        )
    _write_schema(found, folder, engine=seat.engine.answered_by(seat.session))
    return written


def _unloaded(seat: sides.Seat, rows: fields.Rows, file: Path) -> int:
    unloader = seat.engine.unloader(seat.session)
    count = 0
    with gzip.GzipFile(file, mode="wb", compresslevel=_PACKING, mtime=0) as packed:
        for block in unloader.blocks(rows.cargo(seat.engine), transport.Format.COPY):
            packed.write(cast("bytes", block.data))
            count += block.rows
    return count


def _total(seat: sides.Seat, rows: fields.Rows) -> codec.Sum:
    """Return the sum over rows; of rows without values there is only their number."""
    if rows.values:
        return seat.codec.total(rows.scan())
    engine = seat.engine
    where = f" WHERE {rows.where}" if rows.where else ""
    (row,) = seat.session.fetch(f"SELECT count(*) FROM {engine.quote(rows.table.name)}{where}")
    return codec.Sum(rows=int(str(row[0])))


def totals(
    seat: sides.Seat, wanted: Iterable[manifests.Table], url: sa.URL
) -> Iterator[tuple[manifests.Table, codec.Sum | None]]:
    """Yield what the database has now of each table, None where the table or a column is not."""
    catalog, _ = seat.engine.backups(seat.session, url).own()
    for one in wanted:
        table = catalog.find(one.name)
        if table is None:
            yield one, None
            continue
        if set(fields.columns_of(table)) != set(one.columns):
            yield one, None
            continue
        rows = fields.rows_of(
            seat.engine, seat.codec, table, own_rows=one.own_rows, columns=one.columns
        )
        yield one, _total(seat, rows)


def _write_schema(found: Stock, folder: Path, *, engine: str) -> None:
    said = {
        "engine": engine,
        **{phase: [_as_json(one) for one in found.steps[phase]] for phase in _PHASES},
        "counters": [
            {
                "table": one.table,
                "column": one.column,
                "next": one.next,
                "sequence": one.sequence,
                "increment": one.increment,
                "own": one.own,
            }
            for one in found.counters
        ],
        "own": sorted(found.own),
    }
    text = json.dumps(said, indent=1, ensure_ascii=True)
    (folder / SCHEMA).write_text(f"{text}\n", encoding="ascii")
    lines = [f"-- {phase}\n\n{_script(found.steps[phase])}" for phase in _PHASES]
    (folder / SQL).write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))


def _script(actions: Sequence[made.Action]) -> str:
    return "".join(f"{sql.sql};\n" for action in actions for sql in action.statements)


def _as_json(action: made.Action) -> dict[str, object]:
    return {
        "kind": action.kind,
        "table": action.table,
        "name": action.name,
        "optional": action.optional,
        "statements": [one.sql for one in action.statements],
    }


# --- reading -----------------------------------------------------------------------------------


def read_back(
    seat: sides.Seat, found: Stock, folder: Path, written: Sequence[manifests.Table]
) -> None:
    """See that the files hold the rows that the database has; raise ToolFailed.

    Every file is unpacked, its lines are read and summed up here, and held against the sum that
    the database itself gave of its rows.
    """
    for one in written:
        rows = fields.rows_of(
            seat.engine, seat.codec, found.tables[one.name], own_rows=one.own_rows
        )
        try:
            total = fields.summed(rows.read, _lines(folder, one))
        except (ValueError, KeyError) as error:
            raise backups.ToolFailed(f"{one.file} ({one.name}): {error}") from error
        if total.rows != one.rows or (rows.values and str(total) != one.sum):
            raise backups.ToolFailed(
                f"{one.file} ({one.name}) holds {total.rows:,} rows that are not the "
                f"{one.rows or 0:,} of the database"
            )


def _lines(folder: Path, table: manifests.Table) -> Iterator[transport.Block]:
    return fields.whole(backups.unpacked(folder / table.file))


def steps(folder: Path) -> dict[str, list[made.Action]]:
    """Return what makes everything again, by phase."""
    said = _schema(folder)
    return {
        phase: [
            made.Action(
                kind=str(one["kind"]),
                table=str(one["table"]),
                name=str(one["name"]),
                optional=bool(one["optional"]),
                statements=tuple(
                    base.Statement(sql=sql) for sql in cast("list[str]", one["statements"])
                ),
            )
            for one in cast("list[dict[str, object]]", said[phase])
        ]
        for phase in _PHASES
    }


def counters(folder: Path) -> list[inventory.Counter]:
    """Return how far everything had counted."""
    said = cast("list[dict[str, object]]", _schema(folder)["counters"])
    return [inventory.Counter(**one) for one in said]  # type: ignore[arg-type]


def _schema(folder: Path) -> dict[str, object]:
    try:
        return cast("dict[str, object]", json.loads((folder / SCHEMA).read_bytes()))
    except (OSError, ValueError) as error:
        raise errors.BackupBroken(str(folder), wrong=[f"{SCHEMA}: {error}"]) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What came of a restore: `refused` is what the server did not take, in words."""

    refused: tuple[str, ...]


def fill(
    session: base.Session,
    folder: Path,
    manifest: manifests.Manifest,
    url: sa.URL,
    *,
    loading: base.Session | None = None,
    tell: events.Listener,
    clock: clocks.Clock,
) -> Filled:
    """Make everything again in an empty database, in the transaction that is open.

    With a session of its own for `loading` rows, everything is committed as it is made. Raises
    the drivers' errors, ToolFailed for a file that does not give its rows.
    """
    by_phase = steps(folder)
    refused: list[str] = []
    commits = loading is not None

    def perform(action: made.Action) -> None:
        try:
            if action.optional and not commits:
                with session.connection.begin_nested():
                    _sent(session, action)
            else:
                _sent(session, action)
        except sa.exc.DBAPIError as error:
            if not action.optional or session.gone:
                raise
            if commits:
                session.rollback()
            refused.append(f"{action.kind} {action.name}: {session.engine.cause(error)}")
        if commits:
            session.commit()

    session.begin()
    for action in by_phase["before"]:
        perform(action)
    for table in manifest.tables:
        by = loading if loading is not None else session
        _fill_table(by, folder, table, url, tell=tell, clock=clock)
        if commits:
            by.commit()
    for action in (*by_phase["after"], *by_phase["keys"]):
        perform(action)
    for statement in _counting(session, folder, manifest, url):
        session.execute(statement)
    if commits:
        session.commit()
    for action in by_phase["last"]:
        perform(action)
    return Filled(refused=tuple(refused))


def _sent(session: base.Session, action: made.Action) -> None:
    for statement in action.statements:
        session.execute(statement.sql)


def _fill_table(
    session: base.Session,
    folder: Path,
    one: manifests.Table,
    url: sa.URL,
    *,
    tell: events.Listener,
    clock: clocks.Clock,
) -> None:
    started = clock.seconds()
    engine = session.engine
    catalog, _ = engine.backups(session, url).own()
    table = catalog.table(one.name)
    there = fields.columns_of(table)
    if set(there) != set(one.columns):
        raise backups.ToolFailed(
            f"{one.name} has the columns {errors.names(there)} here, and its rows "
            f"{errors.names(one.columns)}"
        )
    rows = fields.rows_of(engine, engine.codec(session), table, own_rows=False, columns=one.columns)
    if one.rows:
        loader = engine.loader(session)
        carried = rows.written
        try:
            count = _loaded(loader, rows, carried, _lines(folder, one))
        except (ValueError, KeyError) as error:
            raise backups.ToolFailed(f"{one.file} ({one.name}): {error}") from error
        if count != one.rows:
            raise backups.ToolFailed(
                f"{one.name} has taken {count:,} rows, and the backup has {one.rows:,}"
            )
    tell(
        events.TableCopied(
            table=one.name, rows=one.rows or 0, rejected=0, seconds=clock.seconds() - started
        )
    )


def _loaded(
    loader: transport.Loader,
    rows: fields.Rows,
    carried: Sequence[transport.Carried],
    lines: Iterator[transport.Block],
) -> int:
    if transport.Format.COPY in loader.formats:
        return loader.load(rows.table, carried, lines, transport.Format.COPY)
    written = (
        loader.encoded(carried, some)
        for block in lines
        for some in fields.texts(rows.read, cast("bytes", block.data))
    )
    return loader.load(rows.table, carried, written, loader.formats[0])


def _counting(
    session: base.Session, folder: Path, manifest: manifests.Manifest, url: sa.URL
) -> Iterator[str]:
    """Yield what lets everything count on from where it was."""
    stocked = session.engine.inventory(session)
    for counter in counters(folder):
        if counter.table is None and counter.sequence is None:
            continue
        statement = stocked.set_counter(counter)
        if statement:
            yield statement
    catalog, own = session.engine.backups(session, url).own()
    for one in manifest.tables:
        if not one.own or not one.rows:
            continue
        for column in catalog.table(one.name).columns:
            if not column.auto_increment:
                continue
            quote = session.engine.quote
            (row,) = session.fetch(f"SELECT max({quote(column.name)}) FROM {quote(one.name)}")
            statement = own.set_counter(
                inventory.Counter(
                    table=one.name, column=column.name, next=int(str(row[0] or 0)) + 1
                )
            )
            if statement:
                yield statement
