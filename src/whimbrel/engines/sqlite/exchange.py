"""The new table of a mirror on SQLite, and how two tables are given each other's names.

Everybody else names tables by their names, in texts; so they mean the new table as soon as it has
the name. Only the tables' own references, those that RENAME rewrites although they should stay,
and names of indexes (for which there is no statement) are put right in the schema's texts, by the
procedure that SQLite's documentation gives for changes that touch no row.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from whimbrel import errors, tables
from whimbrel.engines import base, building, mirroring, mirrors
from whimbrel.engines.sqlite import catalog, text, tokens


@contextmanager
def rewriting(driver: sqlite3.Connection) -> Iterator[None]:
    """Let texts of the schema be changed in the block; every connection reads them again."""
    version = int(driver.execute("PRAGMA schema_version").fetchone()[0])
    driver.execute("PRAGMA writable_schema = ON")
    try:
        yield
        driver.execute(f"PRAGMA schema_version = {version + 1}")
    finally:
        driver.execute("PRAGMA writable_schema = RESET")


# --- the new table --------------------------------------------------------------------------------


def new_table(
    found: catalog.SqliteCatalog, builder: building.Builder, shape: mirrors.Shape
) -> tuple[base.Statement, ...]:
    """Return what makes the new table with its keys and indexes."""
    new = shape.new
    own = {tokens.fold(shape.old.name), tokens.fold(new.name)}
    if new.sql is not None:
        made = [_renamed(new.sql, new.name, own if shape.mode is mirrors.Mode.TABLE else set())]
    else:
        keys = tuple(
            dataclasses.replace(key, ref_table=new.name)
            if shape.mode is mirrors.Mode.TABLE and tokens.fold(key.ref_table) in own
            else key
            for key in new.foreign_keys
        )
        made = list(builder.create(new.replace(foreign_keys=keys)))
    taken = {tokens.fold(o.name) for o in found.objects(ours=True)}
    for index in new.indexes:
        name = index.name
        if tokens.fold(name) in taken:
            name = mirroring.name(shape, name)
        made.append(_index(index, name, new.name, builder))
    return tuple(base.Statement(sql=sql, reason="the new shape") for sql in made)


def _index(index: tables.Index, name: str, table: str, builder: building.Builder) -> str:
    if index.sql is None:
        return builder.index_text(table, dataclasses.replace(index, name=name))
    unique = "UNIQUE " if index.unique else ""
    head = f"CREATE {unique}INDEX {tokens.quote(name)} ON {tokens.quote(table)} "
    return head + index.sql[_opening(index.sql) :]


def _opening(sql: str) -> int:
    """Return where the columns of an index begin: the first parenthesis that is no name's."""
    return next(t.start for t in tokens.read(sql) if t.text == "(")


def _renamed(sql: str, name: str, own: set[str]) -> str:
    """Return the text of a table with another name, also where it refers to itself."""
    read = text.parse(sql)
    edits = [_name_edit(read, name)]
    edits += _reference_edits(read, dict.fromkeys(own, name))
    return text.edited(sql, edits)


def _name_edit(read: text.TableText, name: str) -> text.Edit:
    before = [t for t in tokens.read(read.sql) if t.means and t.end <= read.opening]
    return text.Edit(before[-1].start, before[-1].end, tokens.quote(name))


def _reference_edits(read: text.TableText, to: dict[str, str]) -> list[text.Edit]:
    """Return the edits that let foreign keys refer to other names; `to` is by folded names."""
    edits = []
    for _, clause in read.clauses(text.Rule.REFERENCES):
        name = to.get(tokens.fold(clause.ref_table))
        if name is None or tokens.same(name, clause.ref_table):
            continue
        inside = [t for t in tokens.read(read.sql) if t.means]
        inside = [t for t in inside if clause.start <= t.start and t.end <= clause.end]
        at = next(i for i, token in enumerate(inside) if token.word == "REFERENCES")
        edits.append(text.Edit(inside[at + 1].start, inside[at + 1].end, tokens.quote(name)))
    return edits


# --- the exchange ---------------------------------------------------------------------------------


def exchange(
    driver: sqlite3.Connection,
    found: catalog.SqliteCatalog,
    shape: mirrors.Shape,
    *,
    back: bool,
) -> None:
    """Exchange names and all that follows them; `back` takes it back.

    Raises ForeignKeysBroken where rows of others would refer to nothing.
    """
    name = shape.old.name
    there, aside = (shape.parked, shape.new.name) if back else (shape.new.name, shape.parked)
    triggers = [o for o in found.attached(name, "trigger") if o.sql]
    wanted = _references(found, name, there, aside)
    others = [table for table, _ in wanted if table not in (name, aside)]
    before = _broken(driver, [name, *others])
    _count_on(driver, name, there)
    for trigger in triggers:
        driver.execute(f"DROP TRIGGER {tokens.quote(trigger.name)}")
    driver.execute("PRAGMA legacy_alter_table = ON")
    try:
        driver.execute(f"ALTER TABLE {tokens.quote(name)} RENAME TO {tokens.quote(aside)}")
        driver.execute(f"ALTER TABLE {tokens.quote(there)} RENAME TO {tokens.quote(name)}")
    finally:
        driver.execute("PRAGMA legacy_alter_table = OFF")
    with rewriting(driver):
        _put_right(driver, found, wanted)
        _index_names(driver, found, shape)
    for trigger in triggers:
        driver.execute(trigger.sql or "")
    after = _broken(driver, [name, *others])
    new = {table: count for table, count in after.items() if count > before.get(table, 0)}
    if new:
        raise errors.ForeignKeysBroken(
            [f"{table}: {count:,} rows refer to nothing" for table, count in new.items()]
        )


# Which table each foreign key of a table is to refer to, in their order.
_Wanted = list[tuple[str, list[str]]]


def _references(found: catalog.SqliteCatalog, name: str, there: str, aside: str) -> _Wanted:
    """Return what the foreign keys of all tables have to refer to after the exchange."""
    wanted: _Wanted = []
    for o in found.objects(ours=True):
        if o.type != "table" or o.is_virtual:
            continue
        try:
            clauses = text.parse(o.sql or "").clauses(text.Rule.REFERENCES)
        except text.NotUnderstoodError:
            continue
        refers = [clause.ref_table for _, clause in clauses]
        if tokens.same(o.name, name):
            # The old table goes on referring to itself, under its other name.
            wanted.append((aside, [aside if tokens.same(r, name) else r for r in refers]))
        elif tokens.same(o.name, there):
            wanted.append((name, [name if tokens.same(r, there) else r for r in refers]))
        elif any(tokens.same(r, name) for r in refers):
            wanted.append((o.name, refers))
    return wanted


def _put_right(driver: sqlite3.Connection, found: catalog.SqliteCatalog, wanted: _Wanted) -> None:
    for table, refers in wanted:
        there = found.object(table)
        if there is None:
            raise errors.TableNotFound(table, known=found.tables())
        read = text.parse(there.sql or "")
        edits = []
        for (_, clause), to in zip(read.clauses(text.Rule.REFERENCES), refers, strict=True):
            inside = [t for t in tokens.read(read.sql) if t.means]
            inside = [t for t in inside if clause.start <= t.start and t.end <= clause.end]
            at = next(i for i, token in enumerate(inside) if token.word == "REFERENCES")
            if not tokens.same(to, clause.ref_table):
                token = inside[at + 1]
                edits.append(text.Edit(token.start, token.end, tokens.quote(to)))
        if edits:
            driver.execute(
                "UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?",
                [text.edited(read.sql, edits), there.name],
            )


def _index_names(
    driver: sqlite3.Connection, found: catalog.SqliteCatalog, shape: mirrors.Shape
) -> None:
    """Exchange the names of indexes that both tables have: the name and ours before it."""
    start = mirroring.name(shape, "")
    indexes = {o.name: o for o in found.objects(ours=True) if o.type == "index"}
    for name, one in indexes.items():
        if not name.startswith(start):
            continue
        other = indexes.get(name.removeprefix(start))
        _rename_index(driver, one, f"{name} ")
        if other is not None:
            _rename_index(driver, other, name)
        _rename_index(driver, dataclasses.replace(one, name=f"{name} "), name.removeprefix(start))


def _rename_index(driver: sqlite3.Connection, index: catalog.Object, name: str) -> None:
    sql = index.sql or ""
    unique = "UNIQUE " if text_is_unique(sql) else ""
    said = (
        f"CREATE {unique}INDEX {tokens.quote(name)} ON {tokens.quote(_table_of(sql))}"
        f"{sql[_opening(sql) :]}"
    )
    driver.execute(
        "UPDATE sqlite_master SET name = ?, sql = ? WHERE type = 'index' AND name = ?",
        [name, said, index.name],
    )


def text_is_unique(sql: str) -> bool:
    """Whether the text of an index begins as that of a unique one."""
    words = [t.word for t in tokens.read(sql) if t.means]
    return words[1:2] == ["UNIQUE"]


def _table_of(sql: str) -> str:
    return text.parse_index(sql).table


def _count_on(driver: sqlite3.Connection, name: str, there: str) -> None:
    """Let the counter of AUTOINCREMENT go on where the other table's is."""
    if not driver.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone():
        return
    row = driver.execute(
        "SELECT max(seq) FROM sqlite_sequence WHERE name IN (?, ?)", [name, there]
    ).fetchone()
    for table in (name, there):
        counts = driver.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", [table]
        ).fetchone()
        if row[0] is None or counts is None or not text.parse(counts[0]).counts:
            continue
        driver.execute("DELETE FROM sqlite_sequence WHERE name = ?", [table])
        driver.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [table, row[0]])


def _broken(driver: sqlite3.Connection, names: list[str]) -> dict[str, int]:
    """Return how many rows of each table refer to nothing."""
    found = {}
    for table in names:
        rows = driver.execute(f"PRAGMA foreign_key_check({tokens.quote(table)})").fetchall()
        found[table] = len(rows)
    return found


# --- what stands in the way -----------------------------------------------------------------------


def hindrances(found: catalog.SqliteCatalog, shape: mirrors.Shape) -> Iterator[mirrors.Obstacle]:
    """Return what could not be exchanged, or would not be the same after it."""
    gone = [c.name for c in shape.old.columns if not shape.new.has(c.name)]
    for trigger in found.attached(shape.old.name, "trigger"):
        named = tokens.names_in(trigger.sql or "")
        lost = [c for c in gone if tokens.fold(c) in {tokens.fold(n) for n in named}]
        if lost:
            yield mirrors.Obstacle(
                slug="not-mirrored",
                what=f"the trigger {trigger.name} names {', '.join(lost)}, which the new shape "
                "does not have",
                remedy=f"remove {trigger.name} in a migration before, and make it again after",
                object=trigger.name,
            )
    for child, key in found.children(shape.old.name):
        if tokens.same(child, shape.old.name):
            continue
        lost = [c for c in key.ref_columns if not shape.new.has(c)]
        if lost:
            yield mirrors.Obstacle(
                slug="not-mirrored",
                what=f"{child} refers to {', '.join(lost)}, which the new shape does not have",
                remedy="remove the foreign key in a migration before, and add it again after",
                object=child,
            )
