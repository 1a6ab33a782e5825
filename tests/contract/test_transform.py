"""transform() on every engine: what the function may return, what fails, and what is kept."""

from __future__ import annotations

import datetime as dt
import threading
import time
import uuid
from decimal import Decimal

import pytest

from tests import databases, engines, staging
from whimbrel import errors
from whimbrel.engines import registry

modes = pytest.mark.parametrize("config", ["", staging.BATCHES], ids=["inside", "in batches"])


@pytest.fixture
def stage(project, database, raw):
    return staging.Stage(project, database, raw(database))


# --- what the function may return ---------------------------------------------------------------


def returns_dict(row):
    return row


def returns_two(row):
    return [row, {"id": 100 + row["id"], "name": "twice"}]


def returns_tuple(row):
    return (row,)


def yields_odd_ones(row):
    if row["id"] % 2:
        yield row


def returns_none(row):
    return None


@modes
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (returns_dict, 20), (returns_two, 40), (returns_tuple, 20), (yields_odd_ones, 10),
        (returns_none, 0),
    ],
)  # fmt: skip
def test_one_row_becomes_one_several_or_none(stage, config, function, expected):
    stage.people()
    stage.project.config(config)

    written = stage.transform("person", "copy", function)

    assert expected == written
    assert expected == stage.raw.value("SELECT count(*) FROM copy")
    assert 20 == stage.raw.value("SELECT count(*) FROM person")


@modes
def test_a_batched_function_gets_all_rows_and_returns_what_it_likes(stage, config):
    stage.people()
    stage.project.config(config)

    def function(rows):
        return (dict(row, name=row["name"].upper()) for row in rows if row["id"] != 7)

    assert 19 == stage.transform("person", "copy", function, batched=True)
    assert stage.rows("SELECT id, upper(name), age FROM person WHERE id <> 7 ORDER BY id") == (
        stage.rows("SELECT * FROM copy ORDER BY id")
    )


@modes
def test_an_empty_table_is_fine(stage, config):
    stage.people(0)
    stage.project.config(config)

    assert 0 == stage.transform("person", "copy", returns_dict)
    assert 0 == stage.transform("person", "person", returns_dict)


@modes
def test_only_rows_that_matter_are_given(stage, config):
    stage.people()
    stage.project.config(config)
    seen = []

    written = stage.transform(
        "person", "copy", lambda row: seen.append(row["id"]) or row, where="age > 5 AND age < 9"
    )

    assert (3, [6, 7, 8]) == (written, seen)


@modes
def test_a_function_gets_only_the_columns_it_asks_for(stage, config):
    stage.people(5)
    stage.project.config(config)
    seen = []

    def shout(row):
        seen.append(dict(row))
        return {"name": row["name"].upper()}

    written = stage.transform("person", "person", shout, columns=["name"])

    assert 5 == written
    assert {"id": 1, "name": "p1"} == seen[0]
    assert [(n, f"P{n}", n) for n in range(1, 6)] == stage.rows("SELECT * FROM person ORDER BY id")


def test_columns_are_refused_that_are_not_there_or_no_list(stage):
    stage.people(1)

    with pytest.raises(errors.WhimbrelError, match="nmae"):
        stage.transform("person", "person", returns_dict, columns=["nmae"])


# --- in place -----------------------------------------------------------------------------------


@modes
def test_in_place_rows_that_differ_are_written_and_no_others(stage, config):
    stage.people()
    stage.project.config(config)

    def older(row):
        row["age"] += row["id"] > 10
        return row

    assert 10 == stage.transform("person", "person", older)
    assert [(n, f"p{n}", n + (n > 10)) for n in range(1, 21)] == stage.rows(
        "SELECT * FROM person ORDER BY id"
    )


@modes
def test_in_place_several_columns_of_several_rows_are_not_mixed_up(stage, config):
    stage.people()
    stage.project.config(config)

    def change(row):
        if row["id"] % 2:
            row["name"] = None
        if row["id"] % 3 == 0:
            row["age"] = -row["age"]
        return row

    stage.transform("person", "person", change)

    assert [
        (n, None if n % 2 else f"p{n}", -n if n % 3 == 0 else n) for n in range(1, 21)
    ] == stage.rows("SELECT * FROM person ORDER BY id")


@modes
def test_in_place_in_batches_of_a_function(stage, config):
    stage.people()
    stage.project.config(config)

    written = stage.transform(
        "person",
        "person",
        lambda rows: [None if row["id"] == 3 else {"age": 0} for row in rows],
        batched=True,
    )

    assert 19 == written
    assert [(3, 3)] == stage.rows("SELECT id, age FROM person WHERE age <> 0")


def test_in_place_the_key_stays(stage):
    stage.people()

    with pytest.raises(errors.WhimbrelError, match=r"person\.id, by which the table is walked"):
        stage.transform("person", "person", lambda row: {**row, "id": row["id"] + 100})

    assert [(1, 20)] == stage.rows("SELECT min(id), max(id) FROM person")


@engines.without("sqlite")
@modes
def test_in_place_nobody_s_change_is_lost_between_reading_and_writing(stage, config, raw):
    stage.people(6)
    stage.project.config(config)
    other = databases.Raw(stage.database)
    threads = []

    def slowly(row):
        if not threads:
            threads.append(threading.Thread(target=add_hundred))
            threads[0].start()
            time.sleep(0.3)
        return {"age": row["age"] + 1}

    def add_hundred():
        other.execute("UPDATE person SET age = age + 100 WHERE id = 1")

    stage.transform("person", "person", slowly)
    threads[0].join()
    other.close()

    assert [(n, n + 1 + 100 * (n == 1)) for n in range(1, 7)] == stage.rows(
        "SELECT id, age FROM person ORDER BY id"
    )


# --- what is wrong with the function ------------------------------------------------------------


@pytest.mark.parametrize("target", ["copy", "person"])
def test_what_is_no_row_is_refused_by_name_and_nothing_stays(stage, target):
    stage.people()

    def wrong(row):
        return row if row["id"] < 15 else "Ada"

    with pytest.raises(
        errors.WhimbrelError, match=r"wrong\(\) returned a str for the row id = 15 of 'person'"
    ):
        stage.transform("person", target, wrong)

    assert [] == stage.rows("SELECT * FROM copy")


@modes
def test_a_column_that_is_not_there_is_refused_before_anything_is_written(stage, config):
    stage.people()
    stage.project.config(config)

    with pytest.raises(errors.WhimbrelError, match=r"copy\.nmae does not exist"):
        stage.transform("person", "copy", lambda row: {"id": row["id"], "nmae": "x"})
    with pytest.raises(errors.WhimbrelError, match=r"copy\.nmae does not exist"):
        stage.again()

    assert [] == stage.rows("SELECT * FROM copy")


@modes
def test_a_row_that_fails_stops_the_run_and_is_named(stage, config):
    stage.people()
    stage.project.config(config)

    def divide(row):
        return {**row, "age": 10 // (row["id"] - 6)}

    with pytest.raises(errors.WhimbrelError) as caught:
        stage.transform("person", "copy", divide)

    said = str(caught.value)
    assert "id = 6" in said
    assert "ZeroDivisionError" in said
    assert f"(test_transform.py:{divide.__code__.co_firstlineno + 1})" in said
    done = stage.rows("SELECT id FROM copy ORDER BY id")
    assert done == [(n,) for n in range(1, len(done) + 1)]
    assert len(done) < 6


def test_rows_that_fail_go_to_the_rejects_as_they_were_the_others_are_written(stage):
    stage.people()
    stage.project.config(staging.BATCHES)

    def some(row):
        row["name"] = "changed before it failed"
        if row["id"] in (3, 4, 17):
            raise LookupError(f"nobody knows {row['id']}")
        return row

    assert 17 == stage.transform("person", "copy", some, max_rejects=5)
    found = stage.rejects()

    assert [3, 4, 17] == [reject.key[0] for reject in found]
    assert {"id": 17, "name": "p17", "age": 17} == found[2].row
    assert all(f"LookupError: nobody knows {r.key[0]} (test_tr" in r.reason for r in found)
    assert 17 == stage.raw.value("SELECT count(*) FROM copy")


def test_a_reject_has_all_its_columns_even_if_the_function_got_some(stage):
    stage.people(6)
    stage.project.config(staging.BATCHES)

    def some(row):
        if row["id"] % 2 == 0:
            raise LookupError("even")
        return {"name": "odd"}

    stage.transform("person", "person", some, columns=["name"], max_rejects=9, where="id < 6")

    assert [{"id": n, "name": f"p{n}", "age": n} for n in (2, 4)] == [
        reject.row for reject in stage.rejects()
    ]


def test_one_reject_too_many_stops_the_run(stage):
    stage.people()
    stage.project.config(staging.BATCHES)

    def fail(row):
        raise LookupError("always")

    with pytest.raises(errors.WhimbrelError, match="LookupError: always"):
        stage.transform("person", "copy", fail, max_rejects=2)

    assert [] == stage.rows("SELECT * FROM copy")


@pytest.mark.parametrize("in_place", [False, True])
def test_of_a_batch_that_fails_only_the_row_is_rejected_that_failed(stage, in_place):
    stage.people()
    stage.project.config(staging.BATCHES)

    def batch(rows):
        return [{"id": row["id"], "name": str(1 // (row["id"] - 13))} for row in rows]

    target = "person" if in_place else "copy"
    written = stage.transform("person", target, batch, batched=True, max_rejects=1)
    (reject,) = stage.rejects()

    assert 19 == written
    assert ((13,), {"id": 13, "name": "p13", "age": 13}) == (reject.key, reject.row)
    assert "ZeroDivisionError" in reject.reason


@pytest.mark.parametrize("in_place", [False, True])
def test_of_a_batch_whose_rows_the_database_refuses_only_those_are_rejected(stage, in_place):
    stage.people()
    for table in ("copy", "person"):
        stage.raw.execute(f"CREATE UNIQUE INDEX {table}_name ON {table} (name)")
    stage.project.config(staging.BATCHES)

    def same_name(row):
        return {**row, "name": "p1" if row["id"] in (9, 14) else row["name"]}

    target = "person" if in_place else "copy"
    stage.transform("person", target, same_name, max_rejects=2)

    assert [9, 14] == [reject.key[0] for reject in stage.rejects()]
    assert [(1,)] == stage.rows(f"SELECT id FROM {target} WHERE name = 'p1'")


def test_the_function_has_no_verbs(stage):
    stage.people(3)

    def call(migration):
        return migration.transform(
            "person", "copy", lambda row: migration.execute("DELETE FROM person")
        )

    with pytest.raises(errors.WhimbrelError, match="uses a verb of the migration"):
        stage.up(call)

    assert 3 == stage.raw.value("SELECT count(*) FROM person")


# --- keys ---------------------------------------------------------------------------------------

KEYS = {
    "composite": (
        "a integer NOT NULL, b varchar(10) NOT NULL, v integer, PRIMARY KEY (a, b)",
        [(a, b) for a in (1, 2, 3) for b in ("x", "y", "z'%s")],
    ),
    "text": ("a varchar(20) NOT NULL PRIMARY KEY, v integer", [(f"k{n:02}%",) for n in range(9)]),
    "uuid": (
        "a {uuid} NOT NULL PRIMARY KEY, v integer",
        [(str(uuid.UUID(int=n * 7**40 % 2**128)),) for n in range(9)],
    ),
}


@modes
@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("in_place", [False, True])
def test_tables_are_walked_by_any_key(stage, config, kind, in_place):
    columns, keys = KEYS[kind]
    columns = columns.format(uuid="uuid" if stage.kind == "postgresql" else "char(36)")
    mark = "?" if stage.kind == "sqlite" else "%s"
    for table in ("thing", "copy"):
        stage.raw.execute(f"CREATE TABLE {table} ({columns})")
    for number, key in enumerate(keys):
        marks = ", ".join([mark] * (len(key) + 1))
        stage.raw.execute(f"INSERT INTO thing VALUES ({marks})", (*key, number))
    stage.project.config(config)
    target = "thing" if in_place else "copy"

    written = stage.transform("thing", target, lambda row: {**row, "v": row["v"] + 1})

    assert 9 == written
    assert sorted((*map(str, key), number + 1) for number, key in enumerate(keys)) == sorted(
        (*map(str, row[:-1]), row[-1]) for row in stage.rows(f"SELECT * FROM {target}")
    )


@modes
def test_a_table_without_a_key_can_be_read_but_not_changed_in_place(stage, config):
    stage.people(0)
    stage.raw.execute("CREATE TABLE loose (name varchar(10), age integer)")
    stage.raw.execute("INSERT INTO loose VALUES ('a', 1), ('b', 2), ('a', 1)")
    seen = []

    def number(row):
        seen.append(dict(row))
        return {"id": len(seen), "name": row["name"]}

    # Where nothing tells its rows apart it is one batch, and has to be small.
    stage.project.config(config if registry.by_name(stage.kind).can.row_address else "")
    assert 3 == stage.transform("loose", "copy", number)
    with pytest.raises(errors.WhimbrelError, match="nothing tells its rows apart"):
        stage.transform("loose", "loose", returns_dict)

    assert {"name": "a", "age": 1} in seen


COUNTING = {
    "sqlite": "integer PRIMARY KEY AUTOINCREMENT",
    "postgresql": "bigserial PRIMARY KEY",
    "mysql": "bigint AUTO_INCREMENT PRIMARY KEY",
}


@modes
def test_counters_go_on_behind_the_keys_that_were_given(stage, config):
    stage.people()
    stage.raw.execute(f"CREATE TABLE counted (id {COUNTING[stage.kind]}, name varchar(40))")
    stage.project.config(config)

    stage.transform("person", "counted", lambda row: {"id": row["id"], "name": row["name"]})
    stage.raw.execute("INSERT INTO counted (name) VALUES ('next')")

    assert [(21,)] == stage.rows("SELECT id FROM counted WHERE name = 'next'")


@modes
def test_keys_that_are_not_given_are_counted(stage, config):
    stage.people()
    stage.raw.execute(f"CREATE TABLE counted (id {COUNTING[stage.kind]}, name varchar(40))")
    stage.project.config(config)

    stage.transform("person", "counted", lambda row: {"name": row["name"]})

    assert [(n, f"p{n}") for n in range(1, 21)] == stage.rows("SELECT * FROM counted ORDER BY id")


# --- values -------------------------------------------------------------------------------------

NASTY_TEXTS = (
    "",
    "'",
    "\\",
    "%s ? :a {x} $1",
    "é ß 🦤 \U0010ffff",
    "a\nb\tc\r",
    "NULL",
    "\\N",
    "null",
)
VALUES = {
    "sqlite": {
        "type": ["text", "blob", "real", "integer", "decimal(20,5)", "", "date"],
        "rows": [
            ("a\0b", b"\x00\xff", 1.5, 2**63 - 1, "0.1", "x", "0001-01-01"),
            (None, None, None, None, None, None, None),
            (b"blob in text", "text in blob", float("inf"), "word", 2**40, b"\0", "yesterday"),
            ("", b"", -0.0, -(2**63), 1.25, 7, "-4713-01-01"),
        ],
    },
    "postgresql": {
        "type": [
            "text", "bytea", "double precision", "bigint", "numeric", "timestamptz", "date",
            "jsonb", "integer[]", "text[]", "uuid", "interval", "boolean", "json", "time",
            "numrange", "inet", "character(5)",
        ],
        "rows": [
            (
                "x", b"\0\xff", "NaN", 2**63 - 1, "NaN", "0001-01-01 00:00:00+00", "0001-01-01",
                '{"a": [1, 1.10, "\\u00e9", null]}', "{1,NULL,3}", '{"a,b","c\\"d",NULL}',
                "00000000-0000-0000-0000-00000000002a", "1 mon -3 days 00:00:01.5", "t",
                '{"b": 1,  "a": 1.10}', "23:59:59.999999", "[1.5,2)", "10.0.0.0/8", "ab",
            ),
            (None,) * 18,
            (
                "", b"", "-Infinity", -(2**63), "1.100", "2024-02-29 12:00:00.123456+05:30",
                "9999-12-31", "7", "{}", "{}", "ffffffff-ffff-ffff-ffff-ffffffffffff", "0",
                "f", '"text"', "00:00:00", "empty", "::1", "",
            ),
        ],
    },
    "mysql": {
        "type": [
            "longtext", "blob", "double", "bigint unsigned", "decimal(30,10)", "datetime(6)",
            "date", "json", "time(6)", "bit(9)", "set('a','b')", "char(5)", "binary(4)", "year",
            "timestamp(3) NULL",
        ],
        "rows": [
            (
                "a\0b", b"\0\xff'\\", 1.7976931348623157e308, 2**64 - 1, "12345678901234567890.1",
                "1000-01-01 00:00:00.000001", "0001-01-01", '{"a": [1, 1.10]}',
                "-838:59:58.999999", 257, "a,b", "ab", b"a\0\0\0", 2155,
                "2024-02-29 12:00:00.123",
            ),
            (None,) * 15,
            (
                "", b"", -0.0, 0, "-0.0000000001", "9999-12-31 23:59:59.999999", "9999-12-31",
                '"x"', "00:00:00.000001", 0, "", "", b"\xff\xff\xff\xff", 1901,
                "1970-01-02 00:00:01.000",
            ),
        ],
    },
}  # fmt: skip


def fingerprint(stage: staging.Stage, table: str, count: int) -> list[tuple[object, ...]]:
    """Return every value as the server itself tells it apart: type and bytes."""
    said = {
        "sqlite": "typeof(c{0}), hex(c{0}), quote(c{0})",
        "postgresql": "c{0}::text, octet_length(c{0}::text)",
        "mysql": "hex(c{0}), c{0} IS NULL",
    }[stage.kind]
    columns = ", ".join(said.format(n) for n in range(count))
    return stage.rows(f"SELECT id, {columns} FROM {table} ORDER BY id")


@engines.every_version
@modes
@pytest.mark.parametrize("processes", [0, 2])
def test_every_value_arrives_as_it_was(stage, config, processes):
    kinds, rows = VALUES[stage.kind]["type"], VALUES[stage.kind]["rows"]
    texts = [(text, *rows[1][1:]) for text in NASTY_TEXTS]
    columns = ", ".join(f"c{n} {kind}" for n, kind in enumerate(kinds))
    for table in ("nasty", "copy"):
        stage.raw.execute(f"CREATE TABLE {table} (id integer NOT NULL PRIMARY KEY, {columns})")
    marks = ", ".join(["?" if stage.kind == "sqlite" else "%s"] * (len(kinds) + 1))
    for number, row in enumerate([*rows, *texts]):
        stage.raw.execute(f"INSERT INTO nasty VALUES ({marks})", (number, *row))
    stage.project.config(config)
    before = fingerprint(stage, "nasty", len(kinds))

    stage.transform("nasty", "copy", returns_dict, processes=processes)
    untouched = stage.transform("nasty", "nasty", dict, processes=processes)

    assert before == fingerprint(stage, "copy", len(kinds))
    assert (0, before) == (untouched, fingerprint(stage, "nasty", len(kinds)))


@engines.only("postgresql")
def test_what_a_function_changes_inside_of_an_array_is_written(stage):
    stage.raw.execute("CREATE TABLE t (id int PRIMARY KEY, a int[], b text[])")
    stage.raw.execute("INSERT INTO t VALUES (1, '{1,2}', '{x}'), (2, '{}', NULL)")

    def add(row):
        row["a"].append(3)
        return row

    assert 2 == stage.transform("t", "t", add)
    assert [(1, [1, 2, 3], ["x"]), (2, [3], None)] == stage.rows("SELECT * FROM t ORDER BY id")


def test_python_values_are_written_as_what_they_are(stage):
    kinds = {
        "sqlite": "d decimal(20,4), m text, j text, t text, b integer",
        "postgresql": "d numeric(20,4), m timestamp, j jsonb, t date, b boolean",
        "mysql": "d decimal(20,4), m datetime(6), j json, t date, b boolean",
    }[stage.kind]
    stage.people(1)
    stage.raw.execute(f"CREATE TABLE made (id integer PRIMARY KEY, {kinds})")

    stage.transform(
        "person",
        "made",
        lambda row: {
            "id": row["id"],
            "d": Decimal("0.1"),
            "m": dt.datetime(2024, 2, 29, 1, 2, 3, 4),
            "j": {"é": [1, None]},
            "t": dt.date(1, 1, 1),
            "b": True,
        },
    )
    (made,) = stage.rows("SELECT * FROM made")

    assert "0.1" == str(made[1]).rstrip("0")
    assert "2024-02-29 01:02:03.000004" == str(made[2])
    assert made[3] in ({"é": [1, None]}, '{"é": [1, null]}')
    assert ("0001-01-01", 1) == (str(made[4]), made[5])
