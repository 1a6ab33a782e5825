"""The report of a comparison on every engine: its numbers are those that plain SQL gives."""

from __future__ import annotations

import pytest

from whimbrel.engines import registry
from whimbrel.proof import door
from whimbrel.reports import from_verification, recording, seal, verification
from whimbrel.reports import report as reports

SHOP = (
    "CREATE TABLE customer (id integer NOT NULL PRIMARY KEY, name varchar(400), age integer)",
    "CREATE TABLE country (code char(2) NOT NULL PRIMARY KEY, name varchar(40))",
    "INSERT INTO country VALUES ('de', 'Germany'), ('fr', 'France')",
)
LONG = "x" * 350


@pytest.fixture
def compared(new_database, database, raw):
    """Compare a shop on SQLite with one on the engine under test that differs in a few rows."""

    def make(*changes, **options):
        source = new_database("sqlite")
        for shop in (source, database):
            connection = raw(shop)
            for sql in SHOP:
                connection.execute(sql)
            values = ", ".join(f"({n}, 'name {n}', {n % 90})" for n in range(1, 501))
            connection.execute(f"INSERT INTO customer VALUES {values}")
        for sql in changes:
            raw(database).execute(sql)
        verified = door.verify(source.url, database.url, **options)
        try:
            return verified, source
        finally:
            verified.close()

    return make


def test_equal_databases_have_a_report_that_says_so(compared):
    verified, _ = compared()

    report = from_verification(verified, command="whimbrel verify a b", by="ana@web-3")

    assert ("good", "Equal", "all 2 tables, row by row") == (
        report.verdict.tone, report.verdict.word, report.verdict.says,
    )  # fmt: skip
    assert {"country": 2, "customer": 500} == {t.name: t.rows_source for t in report.tables}
    assert all(t.fingerprint_source == t.fingerprint_target for t in report.tables)


def test_a_difference_is_counted_by_kind_and_column_and_shown(compared, raw, database):
    verified, source = compared(
        "UPDATE customer SET name = NULL WHERE id = 7",
        f"UPDATE customer SET name = '{LONG}' WHERE id = 8",
        "UPDATE customer SET age = age + 1 WHERE id IN (8, 9)",
        "DELETE FROM customer WHERE id = 10",
        "INSERT INTO customer VALUES (900, 'new', NULL)",
    )

    report = from_verification(verified, command="whimbrel verify a b", by="ana@web-3")

    assert ("Different", "1 of 2 tables") == (report.verdict.word, report.verdict.says)
    table = next(one for one in report.tables if one.name == "customer")
    assert (reports.Outcome.DIFFERENT, ("id",)) == (table.outcome, table.key)
    assert (3, 1, 1) == (table.changed, table.only_source, table.only_target)
    assert {"name": 2, "age": 2, "id": 0} == {one.source: one.different for one in table.columns}
    assert raw(source).value("SELECT count(*) FROM customer") == table.rows_source
    assert raw(database).value("SELECT count(*) FROM customer") == table.rows_target
    rows = {example.key[0].value.text: example for example in table.examples}
    assert {"7", "8", "9", "10", "900"} == set(rows)
    (name,) = rows["7"].cells
    assert ("name 7", True) == (name.source.text, name.target.null)
    long = next(cell for cell in rows["8"].cells if cell.column == "name")
    assert len(LONG) == long.target.length
    assert {"name", "age"} == {cell.column for cell in rows["10"].cells}
    assert all(cell.target is None for cell in rows["10"].cells)


def test_both_databases_are_named_with_the_moment_that_was_read(compared):
    verified, _ = compared()

    report = from_verification(verified, command="whimbrel verify a b", by="ana@web-3")

    source, target = report.databases
    assert ("source", "target", "SQLite") == (source.role, target.role, source.engine)
    for one in report.databases:
        assert one.version
        assert one.position
        assert one.snapshot
        assert one.at.endswith("Z")


def test_a_table_of_one_side_alone_is_told(compared, raw, database):
    verified, _ = compared("CREATE TABLE extra (id integer NOT NULL PRIMARY KEY)")

    report = from_verification(verified, command="whimbrel verify a b", by="ana@web-3")

    extra = next(one for one in report.tables if one.name == "extra")
    assert (reports.Outcome.ONLY_TARGET, None, 0) == (
        extra.outcome, extra.rows_source, extra.rows_target,
    )  # fmt: skip
    assert "there is no such table in the source" == extra.why


def test_a_sample_is_no_proof_and_the_report_says_so(compared):
    verified, _ = compared(sample=0.5)

    report = from_verification(verified, command="whimbrel verify a b", by="ana@web-3")

    assert ("warning", "Equal in a sample") == (report.verdict.tone, report.verdict.word)
    assert any(one.sample for one in report.tables)


def test_columns_that_differ_are_looked_at_on_both_sides(compared, raw, database):
    verified, source = compared("UPDATE customer SET name = NULL WHERE id <= 7")

    found = verification.profiles(
        verified,
        lambda: registry.open_session(source.url, read_only=True),
        lambda: registry.open_session(database.url, read_only=True),
    )

    (name,) = found
    assert ("customer", "name", 0, 7) == (
        name.table, name.column, name.before.nulls, name.after.nulls,
    )  # fmt: skip
    assert (6, 8) == (name.before.shortest, name.before.longest)


def test_speed_is_heard_while_comparing(compared):
    speed = verification.Speed()

    verified, _ = compared(tell=speed)

    heard = sum(point.rows for series in speed.throughput for point in series.points)
    assert not speed.throughput or heard <= 2 * verified.rows


def test_the_report_of_a_comparison_is_drawn_and_sealed(compared):
    verified, _ = compared("UPDATE customer SET name = '<b>' WHERE id = 7")

    sealed = recording.sealed(
        from_verification(verified, command="whimbrel verify a b", notes=["one", "two"])
    )

    assert seal.check(sealed.html.encode()).intact
    assert "&lt;b&gt;" in sealed.html
