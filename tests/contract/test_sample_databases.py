"""Real sample databases: loaded on their engines, migrated up and down, identical to before."""

from __future__ import annotations

import hashlib
import lzma
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import conftest, databases
from whimbrel.engines import registry
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A sample database, and the names in it that the migration changes."""

    name: str
    engine: str
    files: tuple[str, ...]
    table: str
    key: str
    text: str
    renamed_column: str
    renamed_table: str
    tables: int
    # A table whose rows note when they were updated does not stay the same after an UPDATE.
    updates: bool = True
    drop_lines: str = r"^(\\c|CREATE DATABASE|DROP DATABASE|USE|CREATE SCHEMA|DROP SCHEMA)\b.*$"
    replaced: Mapping[str, str] = field(default_factory=dict)


SAMPLES = [
    Sample(name="chinook", engine="sqlite", files=("chinook/Chinook_Sqlite.sql",),
           table="Track", key="TrackId", text="Composer", renamed_column="Milliseconds",
           renamed_table="PlaylistTrack", tables=11),
    Sample(name="chinook", engine="mariadb", files=("chinook/Chinook_MySql.sql",),
           table="Track", key="TrackId", text="Composer", renamed_column="Milliseconds",
           renamed_table="PlaylistTrack", tables=11),
    Sample(name="chinook", engine="postgresql", files=("chinook/Chinook_PostgreSql.sql",),
           table="track", key="track_id", text="composer", renamed_column="milliseconds",
           renamed_table="playlist_track", tables=11),
    Sample(name="sakila", engine="sqlite", files=("sakila/sakila.sqlite",),
           table="customer", key="customer_id", text="last_name", renamed_column="create_date",
           renamed_table="language", tables=16, updates=False),
    Sample(name="sakila", engine="mariadb",
           files=("sakila/mysql-1-schema.sql", "sakila/mysql-2-data.sql"),
           table="customer", key="customer_id", text="last_name", renamed_column="create_date",
           renamed_table="language", tables=16, updates=False,
           replaced={r"\bsakila\.": ""}),
    Sample(name="sakila", engine="postgresql",
           files=("sakila/pg-1-schema.sql", "sakila/pg-2-data.sql"),
           table="customer", key="customer_id", text="last_name", renamed_column="create_date",
           renamed_table="language", tables=21, updates=False,
           replaced={r"^ALTER .* OWNER TO .*$": ""}),
    Sample(name="northwind", engine="sqlite", files=("northwind/sqlite-create.sql",),
           table="Order Details", key="OrderID", text="Discount", renamed_column="Quantity",
           renamed_table="EmployeeTerritories", tables=13),
    Sample(name="northwind", engine="postgresql", files=("northwind/pg-northwind.sql",),
           table="products", key="product_id", text="quantity_per_unit",
           renamed_column="reorder_level", renamed_table="employee_territories", tables=14),
    Sample(name="northwind", engine="mariadb",
           files=("northwind/mywind-northwind.sql", "northwind/mywind-northwind-data.sql"),
           table="products", key="id", text="quantity_per_unit",
           renamed_column="reorder_level", renamed_table="sales_reports", tables=20,
           replaced={r"`northwind`\.": "", r"^CREATE SCHEMA.*$": ""}),
]  # fmt: skip

MIGRATION = """
from whimbrel import Migration

TABLE, KEY, TEXT = {table!r}, {key!r}, {text!r}
COLUMN, OTHER = {renamed_column!r}, {renamed_table!r}


class Change(Migration):
    def quoted(self, name):
        mark = "`" if self.engine in ("mysql", "mariadb") else '"'
        return mark + name + mark

    def up(self):
        table, text, key = self.quoted(TABLE), self.quoted(TEXT), self.quoted(KEY)
        self.create_table("Values of it", [
            self.column("id", "integer", primary_key=True, auto_increment=True),
            self.column("name", "string", length=250, null=False),
        ])
        self.execute(f"INSERT INTO {{self.quoted('Values of it')}} (name) "
                     f"SELECT DISTINCT {{text}} FROM {{table}} WHERE {{text}} IS NOT NULL")
        self.add_column(TABLE, "select", "integer")
        if {updates}:
            self.execute(f"UPDATE {{table}} SET {{self.quoted('select')}} = "
                         f"(SELECT min(v.id) FROM {{self.quoted('Values of it')}} v "
                         f" WHERE v.name = {{text}})")
        self.add_index(TABLE, ["select", KEY], name="by select")
        self.add_foreign_key(TABLE, "select", "Values of it", "id", on_delete="set null")
        self.add_check(TABLE, f"{{text}} IS NULL OR {{text}} <> '?'", name="it is known")
        self.rename_column(TABLE, COLUMN, "from")
        self.rename_table(OTHER, "Other " + OTHER)
        self.add_column("Other " + OTHER, "note", "string", length=30, default="a 'note'")

    def down(self):
        self.remove_column("Other " + OTHER, "note")
        self.rename_table("Other " + OTHER, OTHER)
        self.rename_column(TABLE, "from", COLUMN)
        self.remove_constraint(TABLE, "it is known")
        self.remove_foreign_key(TABLE, "select")
        self.remove_index(TABLE, name="by select")
        self.remove_column(TABLE, "select")
        self.drop_table("Values of it")
"""


def load(sample: Sample, database: databases.Database, raw: OpenRaw, shared: Path) -> None:
    """Put a sample into an empty database, as its own client would."""
    for name in sample.files:
        packed = (shared / "data" / f"{name}.xz").read_bytes()
        content = lzma.decompress(packed)
        if name.endswith(".sqlite"):
            assert database.file is not None
            database.file.write_bytes(content)
            continue
        sql = content.decode("utf-8-sig")
        for pattern, other in {sample.drop_lines: "", **sample.replaced}.items():
            sql = re.sub(pattern, other, sql, flags=re.M)
        raw(database).script(sql)


def contents(database: databases.Database, raw: databases.Raw) -> dict[str, str]:
    """Return every object's text, and for every table a hash over all its rows."""
    session = registry.open_session(database.url, read_only=True)
    try:
        catalog = session.engine.catalog(session)
        found = dict(catalog.texts())
        for table in catalog.tables():
            rows = raw.execute(f"SELECT * FROM {session.engine.quote(table)}")
            lines = "\n".join(sorted(map(repr, rows)))
            found[f"{len(rows)} rows of {table}"] = hashlib.sha256(lines.encode()).hexdigest()
    finally:
        session.close()
    return found


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: f"{s.name}-{s.engine}")
def test_a_sample_database_comes_back_identical(
    sample: Sample,
    project: conftest.ProjectFolder,
    new_database: conftest.NewDatabase,
    raw: OpenRaw,
    shared: Path,
) -> None:
    database = new_database(sample.engine)
    load(sample, database, raw, shared)
    names = ("table", "key", "text", "renamed_column", "renamed_table", "updates")
    project.migration(
        "20260101_000000_change",
        MIGRATION.format(**{name: getattr(sample, name) for name in names}),
    )
    before = contents(database, raw(database))
    opened = projects.open_project(folder=project.path, database=database.url)

    opened.up()
    above = contents(database, raw(database))
    opened.down()
    below = contents(database, raw(database))
    opened.up()

    assert sample.tables == sum(" rows of " in name for name in before)
    assert before != above
    assert before == below
    assert above == contents(database, raw(database))
