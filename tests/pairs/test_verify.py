"""What can be said about a comparison, and what comes of it, on real databases."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import whimbrel
from tests import conftest, databases
from whimbrel import errors, events
from whimbrel.engines.forms import Tolerance
from whimbrel.proof import export, findings
from whimbrel.proof import verify as verifying
from whimbrel.proof.findings import Kind, Outcome

ENGINES = ("sqlite", "postgresql", "mariadb")
PAIRS = [("sqlite", "postgresql"), ("postgresql", "mariadb"), ("mariadb", "sqlite")]

Both = tuple[databases.Raw, databases.Raw]
MakeBoth = Callable[[str, str], Both]


@pytest.fixture
def both(new_database: conftest.NewDatabase, raw: conftest.OpenRaw) -> MakeBoth:
    """Make two databases and open them by their plain drivers."""
    return lambda source, target: (raw(new_database(source)), raw(new_database(target)))


def verify(ends: Both, **said: object) -> verifying.Verification:
    return whimbrel.verify(ends[0].database.url, ends[1].database.url, looks=0, **said)  # type: ignore[arg-type]


def execute(ends: Both, *statements: str) -> None:
    for end in ends:
        for statement in statements:
            end.execute(statement)


def fill(end: databases.Raw, table: str, rows: int) -> None:
    """Give a table with the columns id and v so many rows."""
    values = [f"({number}, 'row {number}')" for number in range(1, rows + 1)]
    for at in range(0, rows, 1000):
        end.execute(f"INSERT INTO {table} (id, v) VALUES {', '.join(values[at : at + 1000])}")


def differences(found: findings.TableResult) -> list[tuple[Kind, tuple[bytes | None, ...]]]:
    return sorted(
        ((one.kind, one.key) for one in found.examples), key=lambda pair: (pair[1], pair[0].value)
    )


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_way_to_differ_is_found_in_ranges(source: str, target: str, both: MakeBoth) -> None:
    ends = both(source, target)
    execute(ends, "CREATE TABLE t (id integer NOT NULL PRIMARY KEY, v varchar(40))")
    for end in ends:
        fill(end, "t", 12_000)
    ends[0].execute("DELETE FROM t WHERE id IN (1, 7000)")
    ends[1].execute("DELETE FROM t WHERE id IN (6000, 12000)")
    ends[1].execute("UPDATE t SET v = 'ROW 9000' WHERE id = 9000")
    ends[0].execute("INSERT INTO t VALUES (-5, NULL), (1000000, '')")

    found = verify(ends).tables[0]

    assert [
        (Kind.ONLY_SOURCE, (b"-5",)),
        (Kind.ONLY_TARGET, (b"1",)),
        (Kind.ONLY_SOURCE, (b"1000000",)),
        (Kind.ONLY_SOURCE, (b"12000",)),
        (Kind.ONLY_SOURCE, (b"6000",)),
        (Kind.ONLY_TARGET, (b"7000",)),
        (Kind.CHANGED, (b"9000",)),
    ] == differences(found)
    assert (12_000, 11_998 + 0) == (found.source.rows, found.target.rows)


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("key", ["text", "composite", "none"])
def test_every_way_to_differ_is_found_by_any_key(
    source: str, target: str, key: str, both: MakeBoth
) -> None:
    ends = both(source, target)
    primary = {
        "text": ", PRIMARY KEY (code)",
        "composite": ", PRIMARY KEY (code, id)",
        "none": "",
    }[key]
    execute(
        ends, f"CREATE TABLE t (code varchar(20) NOT NULL, id integer NOT NULL, v text{primary})"
    )
    rows = ", ".join(f"('k{n * 7919 % 5000:05}', {n}, 'v{n}')" for n in range(5000))
    execute(ends, f"INSERT INTO t VALUES {rows}")
    ends[0].execute("DELETE FROM t WHERE id = 5")
    ends[1].execute("DELETE FROM t WHERE id = 4000")
    ends[1].execute("UPDATE t SET v = 'V77' WHERE id = 77")

    counts = verify(ends).tables[0].counts

    changed = 0 if key == "none" else 1
    assert (1 + 1 - changed, 1 + 1 - changed, changed) == (
        counts.only_source,
        counts.only_target,
        counts.changed,
    )


def test_collations_decide_nothing(both: MakeBoth) -> None:
    ends = both("mariadb", "postgresql")
    ends[0].execute(
        "CREATE TABLE t (k varchar(20) PRIMARY KEY, v varchar(20)) COLLATE utf8mb4_general_ci"
    )
    ends[1].execute("CREATE TABLE t (k varchar(20) PRIMARY KEY, v varchar(20))")
    ends[0].execute("INSERT INTO t VALUES ('a', 'Ä'), ('b', 'x'), ('Z', 'same')")
    ends[1].execute("INSERT INTO t VALUES ('A', 'Ä'), ('b', 'X'), ('Z', 'same')")

    found = verify(ends).tables[0]

    assert [
        (Kind.ONLY_TARGET, (b"A",)),
        (Kind.ONLY_SOURCE, (b"a",)),
        (Kind.CHANGED, (b"b",)),
    ] == differences(found)


def test_tables_and_columns_of_other_names_are_matched(both: MakeBoth) -> None:
    ends = both("sqlite", "postgresql")
    ends[0].execute('CREATE TABLE "InvoiceLine" ("InvoiceLineId" integer PRIMARY KEY, "Unit" text)')
    ends[1].execute("CREATE TABLE invoice_line (invoice_line_id integer PRIMARY KEY, unit text)")
    ends[0].execute("""INSERT INTO "InvoiceLine" VALUES (1, 'a')""")
    ends[1].execute("INSERT INTO invoice_line VALUES (1, 'a')")

    found = verify(ends)

    assert found.equal
    assert ["InvoiceLine = invoice_line"] == [table.name for table in found.tables]


def test_two_names_for_one_are_refused(both: MakeBoth) -> None:
    ends = both("postgresql", "postgresql")
    ends[0].execute('CREATE TABLE "userName" (id integer)')
    ends[1].execute("CREATE TABLE user_name (id integer); CREATE TABLE username_ (id integer)")

    with pytest.raises(errors.AmbiguousMatch, match="which table"):
        verify(ends)


def test_what_one_side_lacks_is_a_difference(both: MakeBoth) -> None:
    ends = both("sqlite", "mariadb")
    execute(ends, "CREATE TABLE t (id integer PRIMARY KEY)")
    ends[0].execute("CREATE TABLE old (id integer PRIMARY KEY)")
    ends[1].execute("CREATE TABLE new (id integer PRIMARY KEY)")
    ends[1].execute("ALTER TABLE t ADD COLUMN more integer")

    found = verify(ends)

    outcomes = {table.name: table.outcome for table in found.tables}
    expected = {
        "t": Outcome.DIFFERENT,
        "old": Outcome.ONLY_SOURCE,
        "new": Outcome.ONLY_TARGET,
    }
    assert expected == outcomes
    assert not found.equal


def test_columns_are_mapped_by_name_and_by_expression(both: MakeBoth) -> None:
    ends = both("postgresql", "mariadb")
    ends[0].execute("CREATE TABLE p (id int PRIMARY KEY, first text, last text, note text)")
    ends[1].execute("CREATE TABLE people (no int PRIMARY KEY, name varchar(99), note text)")
    ends[0].execute("INSERT INTO p VALUES (1, 'Ada', 'King', 'x%'), (2, 'Bo', 'Ek', NULL)")
    ends[1].execute("INSERT INTO people VALUES (1, 'Ada King', 'x%'), (2, 'Bo  Ek', NULL)")
    said = {
        "p": {"id": "no", "first || ' ' || last": "name", "note LIKE '%'": "note LIKE '%'"},
    }

    found = verify(ends, tables={"p": "people"}, columns=said).tables[0]

    assert [(Kind.CHANGED, (b"2",))] == differences(found)
    assert {1: 1} == found.counts.by_column
    assert found.pair is not None
    assert ("first", "last", "note") == found.pair.left_out


def test_a_wrong_expression_is_refused(both: MakeBoth) -> None:
    ends = both("postgresql", "sqlite")
    execute(ends, "CREATE TABLE t (id integer PRIMARY KEY)")

    with pytest.raises(errors.RefusedError, match="does not understand"):
        verify(ends, columns={"t": {"id +": "id"}})
    with pytest.raises(errors.ColumnNotFound, match="nix does not exist"):
        verify(ends, columns={"t": ["nix"]})
    with pytest.raises(errors.TableNotFound, match="nix"):
        verify(ends, tables=["nix"])


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_condition_chooses_rows(source: str, target: str, both: MakeBoth) -> None:
    ends = both(source, target)
    execute(ends, "CREATE TABLE t (id integer NOT NULL PRIMARY KEY, v varchar(40))")
    fill(ends[0], "t", 50)
    fill(ends[1], "t", 40)

    some = verify(ends, where={"t": "id <= 40 AND v LIKE 'row%' -- all of them"})
    other = verify(ends, where={"t": ("id BETWEEN 11 AND 20", "id BETWEEN 12 AND 20")})

    assert some.equal
    assert [(Kind.ONLY_SOURCE, (b"11",))] == differences(other.tables[0])


def test_a_tolerance_is_declared_and_stated(both: MakeBoth) -> None:
    ends = both("sqlite", "postgresql")
    execute(ends, "CREATE TABLE t (id integer PRIMARY KEY, x double precision)")
    ends[0].execute("INSERT INTO t VALUES (1, 0.1), (2, 100)")
    ends[1].execute("INSERT INTO t VALUES (1, 0.10000000001), (2, 101)")

    strict = verify(ends).tables[0]
    near = verify(ends, tolerance={"t": {"x": "0.001%"}}).tables[0]
    far = verify(ends, tolerance={"t": {"x": Tolerance(absolute=1)}}).tables[0]  # type: ignore[arg-type]

    assert (2, 1, 0) == tuple(one.counts.changed for one in (strict, near, far))
    assert far.equal
    assert 2 == far.counts.rewritten
    stated = far.as_json()["columns"]
    assert "±1" == stated[1]["tolerance"]  # type: ignore[index]


def test_two_tables_of_one_database(both: MakeBoth) -> None:
    one, _ = both("sqlite", "sqlite")
    one.execute("CREATE TABLE a (id integer PRIMARY KEY, v)")
    one.execute("INSERT INTO a VALUES (1, 5), (2, 5.5), (3, 'x')")
    one.execute("CREATE TABLE b AS SELECT id, v FROM a")
    url = one.database.url

    equal = whimbrel.verify(f"{url}#a", f"{url}#b")
    one.execute("UPDATE b SET v = '5' WHERE id = 1")
    typed = whimbrel.verify(f"{url}#a", f"{url}#b", looks=0)

    assert equal.equal
    assert [(Kind.CHANGED, (b"i:1",))] == differences(typed.tables[0])


def test_a_sample_says_that_it_is_one(both: MakeBoth) -> None:
    ends = both("sqlite", "postgresql")
    execute(ends, "CREATE TABLE t (id integer NOT NULL PRIMARY KEY, v varchar(40))")
    for end in ends:
        fill(end, "t", 20_000)
    ends[1].execute("ANALYZE")

    found = verify(ends, sample=0.1).tables[0]

    assert found.equal
    assert found.sample is not None
    assert 0.05 < found.sample < 0.2
    assert 500 < found.source.rows < 5_000


def test_a_million_differences_need_no_memory(both: MakeBoth, tmp_path: Path) -> None:
    ends = both("sqlite", "sqlite")
    execute(ends, "CREATE TABLE t (id integer PRIMARY KEY, v varchar(40))")
    fill(ends[0], "t", 20_000)
    fill(ends[1], "t", 20_000)
    ends[1].execute("UPDATE t SET v = 'new ' || v")

    found = verify(ends, examples=7)

    assert 7 == len(found.tables[0].examples)
    assert 20_000 == found.tables[0].counts.changed
    for name, read in READERS.items():
        file = tmp_path / f"all{name}"
        assert 20_000 == export.write(found, file)
        first = sorted(read(file), key=lambda row: int(json.loads(row["key"])["id"]))[0]
        assert ("row 1", "new row 1") == (first["in_source"], first["in_target"])


def _csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _parquet(file: Path) -> list[dict[str, str]]:
    import pyarrow.parquet

    rows: list[dict[str, str]] = pyarrow.parquet.read_table(file).to_pylist()
    return rows


READERS = {
    ".csv": _csv,
    ".json": lambda file: json.loads(file.read_text(encoding="utf-8")),
    ".jsonl": lambda file: [json.loads(line) for line in file.read_text("utf-8").splitlines()],
    ".parquet": _parquet,
}


def test_nothing_is_written_over(both: MakeBoth, tmp_path: Path) -> None:
    ends = both("sqlite", "sqlite")
    execute(ends, "CREATE TABLE t (id integer PRIMARY KEY)")
    found = verify(ends)
    (tmp_path / "a.csv").write_text("mine")

    for name in ("a.csv", "a.xlsx"):
        with pytest.raises(errors.UsageError):
            export.write(found, tmp_path / name)
    assert "mine" == (tmp_path / "a.csv").read_text()


# --- while it is being written to -----------------------------------------------------------


@pytest.mark.parametrize("target", ["postgresql", "mariadb"])
def test_what_was_only_late_is_no_difference(target: str, both: MakeBoth) -> None:
    ends = both("sqlite", target)
    execute(ends, "CREATE TABLE t (id integer NOT NULL PRIMARY KEY, v varchar(40))")
    fill(ends[0], "t", 100)
    fill(ends[1], "t", 90)
    ends[1].execute("UPDATE t SET v = 'really other' WHERE id = 5")

    def catch_up(event: events.Event) -> None:
        # A replica that is behind gets the last rows while the comparison is at its end.
        if isinstance(event, events.TableVerified):
            rest = ", ".join(f"({number}, 'row {number}')" for number in range(91, 101))
            ends[1].execute(f"INSERT INTO t VALUES {rest}")

    found = whimbrel.verify(
        ends[0].database.url, ends[1].database.url, pause=0.01, tell=catch_up
    ).tables[0]

    assert [(Kind.CHANGED, (b"5",))] == differences(found)
    assert (10, 0) == (found.counts.settled, found.counts.moving)
    assert Outcome.DIFFERENT == found.outcome


def test_what_changes_at_each_look_is_moving(both: MakeBoth) -> None:
    ends = both("postgresql", "mariadb")
    execute(ends, "CREATE TABLE t (id integer PRIMARY KEY, v integer)")
    execute(ends, "INSERT INTO t VALUES (1, 0), (2, 0)")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            ends[1].execute("UPDATE t SET v = v + 1 WHERE id = 1")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = whimbrel.verify(ends[0].database.url, ends[1].database.url, pause=0.05)
    finally:
        stop.set()
        writer.join()

    table = found.tables[0]
    assert Outcome.MOVING == table.outcome
    assert (1, 1) == (table.counts.changed, table.counts.moving)
    assert not found.equal


@pytest.mark.parametrize("engine", ENGINES)
def test_one_moment_is_read_whatever_is_written(engine: str, both: MakeBoth) -> None:
    ends = both(engine, engine)
    execute(ends, "CREATE TABLE t (id integer NOT NULL PRIMARY KEY, v varchar(40))")
    if engine == "sqlite":
        # Beside a reader only a log of its own lets others write.
        ends[0].execute("PRAGMA journal_mode = WAL")
    for end in ends:
        fill(end, "t", 3_000)

    def write(event: events.Event) -> None:
        if isinstance(event, events.VerifyStarted):
            ends[0].execute("DELETE FROM t WHERE id > 2000")

    found = whimbrel.verify(ends[0].database.url, ends[1].database.url, looks=0, tell=write)

    assert found.equal
    assert 3_000 == found.tables[0].source.rows


# --- odd things -----------------------------------------------------------------------------

ODD = "50% \"of\" `all` 'ünï' :x ? %s"


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("key", [ODD, "%(a)s"])
def test_odd_names_are_names(source: str, target: str, key: str, both: MakeBoth) -> None:
    ends = both(source, target)
    for end in ends:
        quote = ('"{}"', '"') if end.database.kind != "mariadb" else ("`{}`", "`")
        table, column, other = (
            quote[0].format(name.replace(quote[1], quote[1] * 2)) for name in (ODD, key, "a b%")
        )
        kind = "integer" if key == ODD else "varchar(20)"
        rows = "(1, 'x'), (2, 'y')" if key == ODD else "('1', 'x'), ('2', 'y')"
        sql = f"CREATE TABLE {table} ({column} {kind} NOT NULL PRIMARY KEY, {other} varchar(20))"
        # The drivers read a percent sign in a statement that has no parameters as it is.
        end.connection.cursor().execute(sql)
        end.connection.cursor().execute(f"INSERT INTO {table} VALUES {rows}")

    equal = verify(ends, where={ODD: "1 < 2 AND '50%' LIKE '%'"})
    mark = "`" if ends[1].database.kind == "mariadb" else '"'
    name = ODD.replace(mark, mark * 2)
    ends[1].connection.cursor().execute(
        f"UPDATE {mark}{name}{mark} SET {mark}a b%{mark} = 'z' WHERE {mark}a b%{mark} = 'y'"
    )
    found = verify(ends)

    assert equal.equal
    assert [(Kind.CHANGED, (b"2",))] == differences(found.tables[0])


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_empty_tables_are_equal_and_not_equal_to_others(
    source: str, target: str, both: MakeBoth
) -> None:
    ends = both(source, target)
    for name in ("a", "b", "c"):
        execute(ends, f"CREATE TABLE {name} (id integer NOT NULL PRIMARY KEY, v varchar(40))")
    execute(ends, "CREATE TABLE d (v varchar(40))")
    ends[0].execute("INSERT INTO a VALUES (1, 'x')")
    ends[1].execute("INSERT INTO b VALUES (-1, NULL)")

    found = {table.name: table for table in verify(ends).tables}

    assert {"a": False, "b": False, "c": True, "d": True} == {
        name: table.equal for name, table in found.items()
    }
    assert [(Kind.ONLY_SOURCE, (b"1",))] == differences(found["a"])
    assert [(Kind.ONLY_TARGET, (b"-1",))] == differences(found["b"])


def test_an_empty_database_is_not_equal_to_anything(both: MakeBoth) -> None:
    ends = both("sqlite", "postgresql")
    ends[0].execute("PRAGMA user_version = 1")  # the file is there

    with pytest.raises(errors.NothingToCompare):
        verify(ends)
    ends[1].execute("CREATE TABLE t (id integer)")
    assert not verify(ends).equal


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_large_values_are_compared_whole(source: str, target: str, both: MakeBoth) -> None:
    ends = both(source, target)
    for end in ends:
        text = "longtext" if end.database.kind == "mariadb" else "text"
        end.execute(f"CREATE TABLE t (id integer NOT NULL PRIMARY KEY, v {text})")
        place = "?" if end.database.kind == "sqlite" else "%s"
        end.execute(f"INSERT INTO t VALUES (1, {place})", ["é" * 3_000_000])
        end.execute(f"INSERT INTO t VALUES (2, {place})", ["x" * 1_000_000])

    equal = verify(ends)
    # One character in the middle of three million.
    ends[1].execute(
        "UPDATE t SET v = substr(v, 1, 1500000) || 'e' || substr(v, 1500002) WHERE id = 1"
        if target != "mariadb"
        else "UPDATE t SET v = concat(left(v, 1500000), 'e', substr(v, 1500002)) WHERE id = 1"
    )
    found = verify(ends)

    assert equal.equal
    assert [(Kind.CHANGED, (b"1",))] == differences(found.tables[0])


def test_many_columns_and_rows_of_one_kind(both: MakeBoth) -> None:
    ends = both("postgresql", "mariadb")
    columns = ", ".join(f"c{number} varchar(9)" for number in range(150))
    execute(ends, f"CREATE TABLE t (id integer NOT NULL PRIMARY KEY, {columns})")
    execute(ends, "CREATE TABLE same (v integer)")
    execute(ends, "INSERT INTO t (id, c149) VALUES (1, 'x'), (2, 'y')")
    execute(ends, f"INSERT INTO same VALUES {', '.join(['(7)'] * 6000)}")
    ends[1].execute("INSERT INTO same VALUES (7), (8)")
    ends[1].execute("UPDATE t SET c149 = 'X' WHERE id = 1")

    found = {table.name: table for table in verify(ends).tables}

    assert (0, 2) == (found["same"].counts.only_source, found["same"].counts.only_target)
    assert {150: 1} == found["t"].counts.by_column
