"""One of everything goes to another engine: made there, or listed, and nothing in silence."""

from __future__ import annotations

import itertools
from typing import Final

import pytest

import whimbrel
from tests import conftest, databases, rebuilding
from tests.contract import test_inventory as listing
from whimbrel import errors, tables
from whimbrel.engines.inventory import Kind

ENGINES: Final = ("sqlite", "postgresql", "mariadb")
# What columns of the target say in their own words.
IN_COLUMNS: Final = {
    "postgresql": {
        (Kind.TYPE, "mood"), (Kind.TYPE, "place"), (Kind.TYPE, "span"),
        (Kind.SEQUENCE, "free_numbers"),
    },
    "mariadb": {(Kind.SEQUENCE, "numbers")},
    "sqlite": set(),
}  # fmt: skip
PARTS: Final = (Kind.INDEX, Kind.CONSTRAINT)


@pytest.mark.parametrize(("source", "target"), list(itertools.permutations(ENGINES, 2)))
def test_everything_is_made_or_listed(
    source: str, target: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database(source), new_database(target)
    listing.fill(here, raw)

    done = whimbrel.transfer(here.url, there.url, schema_only=True, exclude=bare(here))

    told = {(one.kind, one.name) for one in done.plan.not_converted}
    names = {name for _, name in told}
    refused = {one.name for one in done.not_made if one.kind == "view"}
    views = set(views_of(raw(there)))
    made = {one.target.name: parts(one.target) for one in done.plan.schema.tables}
    found = rebuilding.things(here)
    theirs = {one.name for one in found if one.kind in (Kind.VIEW, Kind.MATERIALIZED_VIEW)}
    silent = {
        (one.kind, one.name)
        for one in found
        if (one.kind.value, one.name) not in told
        and not (one.kind is Kind.VIEW and (one.name in views or one.name in refused))
        and not (one.kind in PARTS and one.name in names | made.get(one.table or "", set()))
        # A partition's rows are those of its parent.
        and not (one.table is not None and one.table not in {*made, *theirs})
        and not one.name.startswith("ON UPDATE ")
        and (one.kind, one.name) not in IN_COLUMNS[source]
    }
    assert set() == silent


def parts(table: tables.Table) -> set[str | None]:
    """Return the names of keys, indexes and checks."""
    return {
        *(one.name for one in table.indexes),
        *(one.name for one in table.uniques),
        *(one.name for one in table.checks),
        *(one.name for one in table.foreign_keys),
        table.primary_key_name,
    }


def bare(database: databases.Database) -> list[str]:
    """Return tables that no other engine can have."""
    return ["nothing"] if database.kind == "postgresql" else []


def views_of(raw: databases.Raw) -> list[str]:
    asked = {
        "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'view'",
        "postgresql": "SELECT viewname FROM pg_views WHERE schemaname = 'public'",
        "mariadb": "SELECT table_name FROM information_schema.views"
        " WHERE table_schema = DATABASE()",
    }
    return [str(name) for (name,) in raw.execute(asked[raw.database.kind])]


@pytest.mark.parametrize("target", ["sqlite", "mariadb"])
def test_a_table_without_columns_is_refused_where_there_are_none(target, new_database, raw):
    source, there = new_database("postgresql"), new_database(target)
    raw(source).execute("CREATE TABLE bare ()")

    with pytest.raises(errors.RefusedError, match="no tables without columns") as refused:
        whimbrel.transfer(source.url, there.url)

    assert "--exclude bare" in str(refused.value)


@pytest.mark.parametrize("target", ["sqlite", "mariadb"])
def test_what_a_foreign_key_does_to_some_columns_is_listed(target, new_database, raw):
    source, there = new_database("postgresql"), new_database(target)
    raw(source).script(
        "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b));"
        "CREATE TABLE c (a int, b int, CONSTRAINT partly FOREIGN KEY (a, b) REFERENCES p"
        " ON DELETE SET NULL (b));"
    )

    done = whimbrel.transfer(source.url, there.url)

    assert {("foreign key on delete set null (b)", "partly")} == {
        (one.kind, one.name) for one in done.plan.not_converted if one.kind != "constraint"
    }


@pytest.mark.parametrize("target", ["postgresql", "mariadb"])
def test_a_check_that_compares_a_date_with_no_date_is_listed(target, new_database, raw):
    source, there = new_database("sqlite"), new_database(target)
    raw(source).execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, born DATE, died DATE,"
        " CONSTRAINT late CHECK (born > '1900'), CONSTRAINT whole CHECK (died > '1900-01-01'))"
    )

    done = whimbrel.transfer(source.url, there.url)

    assert ["late"] == [one.name for one in done.plan.not_converted]
    assert "'1900' compared with a moment" in done.plan.not_converted[0].why


@pytest.mark.parametrize(("source", "target"), [("mariadb", "sqlite"), ("postgresql18", "mariadb")])
def test_spans_that_may_overlap_from_now_on_are_listed(source, target, new_database, raw):
    here, there = new_database(source), new_database(target)
    spans = {
        "mariadb": "CREATE TABLE t (id int NOT NULL, f date NOT NULL, u date NOT NULL,"
        " PERIOD FOR p (f, u), UNIQUE KEY once (id, p WITHOUT OVERLAPS))",
        "postgresql18": "CREATE TABLE t (id int4range, at daterange,"
        " CONSTRAINT once UNIQUE (id, at WITHOUT OVERLAPS))",
    }
    raw(here).execute(spans[source])

    done = whimbrel.transfer(here.url, there.url)

    assert ["its columns are unique there, but spans of time may overlap"] == [
        one.why for one in done.plan.not_converted if one.name == "once"
    ]
