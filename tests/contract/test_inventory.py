"""Everything that a database contains is listed, and can be made again on the same engine."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import conftest, databases, engines, rebuilding, servers
from tests.contract import test_sample_databases as samples
from whimbrel import errors
from whimbrel.engines import inventory, registry

OBJECTS = Path(__file__).resolve().parent.parent / "objects"
FULL = engines.only("sqlite", "postgresql", "postgresql18", "mariadb")


def fill(database: databases.Database, raw: conftest.OpenRaw) -> None:
    """Make one of everything."""
    raw(database).script((OBJECTS / f"{database.kind}.sql").read_text(encoding="utf-8"))
    more = OBJECTS / f"{database.engine_id}.sql"
    if database.engine_id != database.kind:
        raw(database).script(more.read_text(encoding="utf-8"))


@contextmanager
def looking(database: databases.Database) -> Iterator[inventory.Inventory]:
    session = registry.open_session(database.url)
    try:
        yield session.engine.inventory(session)
    finally:
        session.close()


def neutral(text: str, database: databases.Database) -> str:
    """Return a text without the name of its database, which an expression may hold."""
    return text.replace(database.name, "here")


def said(database: databases.Database) -> dict[str, str]:
    """Return what the catalog says of every object.

    A collation of the database's own is said by its number, which is another one elsewhere.
    """
    texts = rebuilding.texts(database)
    if "column people.numbered" in texts:
        texts["column people.numbered"] = re.sub(r"\d{5,}", "N", texts["column people.numbered"])
    return {name: neutral(text, database) for name, text in texts.items()}


def listed(database: databases.Database) -> list[inventory.Thing]:
    """Return what the inventory lists, sorted; whoever made it anew owns it."""
    return sorted(
        (
            dataclasses.replace(one, sql=neutral(one.sql, database))
            for one in rebuilding.things(database)
        ),
        key=lambda one: (one.kind.value, one.name, one.table or ""),
    )


# --- the list ------------------------------------------------------------------------------------


@FULL
def test_everything_that_was_made_is_listed(
    database: databases.Database,
    raw: conftest.OpenRaw,
    golden: Callable[[str, str], None],
) -> None:
    fill(database, raw)

    found = listed(database)

    lines = [
        f"{one.kind.value}: {one.name}"
        + (f" of {one.table}" if one.table else "")
        + (f" ({', '.join(one.columns)})" if one.columns else "")
        + (f", needs {', '.join(sorted(one.needs))}" if one.needs else "")
        + ("" if one.sql else "; only named")
        for one in found
    ]
    golden(f"inventory/{database.engine_id}.txt", "\n".join(lines) + "\n")


@FULL
def test_things_come_in_an_order_in_which_they_can_be_made(
    database: databases.Database, raw: conftest.OpenRaw
) -> None:
    fill(database, raw)

    found = rebuilding.things(database)

    places = {one.name: place for place, one in reversed(list(enumerate(found)))}
    early = [
        (one.name, need)
        for place, one in enumerate(found)
        for need in one.needs
        if places.get(need, -1) > place
    ]
    assert [] == early


@FULL
def test_an_empty_database_has_nothing_and_neither_has_ours(
    database: databases.Database, raw: conftest.OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE whimbrel_own (a int PRIMARY KEY)")

    with looking(database) as found:
        things, counters = found.things(), found.counters()

    assert [] == things
    assert [] == counters


@FULL
def test_the_query_of_a_view_is_one(database: databases.Database, raw: conftest.OpenRaw) -> None:
    fill(database, raw)

    views = [one for one in rebuilding.things(database) if one.kind is inventory.Kind.VIEW]

    assert views
    for view in views:
        columns = raw(database).execute(f"SELECT * FROM ({view.body}) AS v WHERE 1 = 0")
        assert [] == columns


# --- made again ----------------------------------------------------------------------------------


@FULL
def test_a_database_made_again_from_its_texts_is_the_same(
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    fill(database, raw)
    other = new_database(database.engine_id)

    rebuilding.rebuild(database, other)

    assert said(database) == said(other)
    made = [one for one in listed(database) if one.sql or one.table]
    assert made == [one for one in listed(other) if one.sql or one.table]
    assert counting(database) == counting(other)


def counting(database: databases.Database) -> list[str]:
    """Return what counts, without how far."""
    with looking(database) as found:
        return sorted(repr(dataclasses.replace(one, next=0)) for one in found.counters())


@engines.only("postgresql", "postgresql18")
def test_the_servers_own_dump_finds_no_difference(
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    fill(database, raw)
    for gone in (
        "TABLE whimbrel_note",
        "VIEW whimbrel_view",
        # Only named.
        "OPERATOR === (integer, integer)",
        "TEXT SEARCH CONFIGURATION searching",
    ):
        raw(database).execute(f"DROP {gone}")
    other = new_database(database.engine_id)

    rebuilding.rebuild(database, other)

    assert dump(database) == dump(other)


def dump(database: databases.Database) -> list[str]:
    """Return what pg_dump says of the schema."""
    major = {"postgresql": 16, "postgresql18": 18}[database.engine_id]
    program = servers.postgresql_programs(major) / "pg_dump"
    options = ["--schema-only", "--schema=public", "--no-owner", "--no-privileges"]
    done = subprocess.run(
        [str(program), *options, database.url],
        check=True,
        capture_output=True,
        text=True,
    )
    # Comments say versions, and a word of chance keeps the dump together.
    return [line for line in done.stdout.splitlines() if line and not line.startswith(("--", "\\"))]


@engines.only("postgresql")
def test_a_database_of_version_16_is_made_again_on_18(
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    fill(database, raw)
    other = new_database("postgresql18")

    rebuilding.rebuild(database, other)

    # There a column that is required has a constraint with a name, and a partition the identity
    # of its parent.
    here = {
        name: text.replace(" a  ", "   ") if name.startswith("column events_") else text
        for name, text in said(other).items()
        if not text.startswith("NOT NULL")
    }
    assert said(database) == here


@engines.only("postgresql", "postgresql18")
def test_rows_that_a_constraint_has_not_been_proven_for_are_let_in(
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    raw(database).execute("CREATE TABLE t (a integer, CONSTRAINT small CHECK (a < 5) NOT VALID)")
    raw(database).execute("ALTER TABLE t DROP CONSTRAINT small")
    raw(database).execute("INSERT INTO t VALUES (7)")
    raw(database).execute("ALTER TABLE t ADD CONSTRAINT small CHECK (a < 5) NOT VALID")
    other = new_database(database.engine_id)

    rebuilding.rebuild(database, other, {"t": "INSERT INTO t VALUES (7)"})

    assert said(database) == said(other)
    assert [(7,)] == raw(other).execute("SELECT a FROM t")


@pytest.mark.parametrize("sample", samples.SAMPLES, ids=lambda s: f"{s.name}-{s.engine}")
def test_a_sample_database_is_made_again_from_its_texts(
    sample: samples.Sample,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
    shared: Path,
) -> None:
    database, other = new_database(sample.engine), new_database(sample.engine)
    if database.kind == "sqlite":
        raw(database).execute("PRAGMA synchronous = OFF")
    samples.load(sample, database, raw, shared)

    rebuilding.rebuild(database, other)

    assert said(database) == said(other)
    assert listed(database) == listed(other)


@FULL
def test_a_table_that_is_not_there_is_named(database: databases.Database) -> None:
    with looking(database) as found, pytest.raises(errors.TableNotFound, match="nowhere"):
        found.text("nowhere")


# --- counters ------------------------------------------------------------------------------------

COUNTING: Mapping[str, str] = {
    "sqlite": 'CREATE TABLE "it\'s" (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT)',
    "postgresql": 'CREATE TABLE "it\'s" (id serial PRIMARY KEY, a text)',
    "mariadb": "CREATE TABLE `it's` (id int AUTO_INCREMENT PRIMARY KEY, a text)",
    "mysql": "CREATE TABLE `it's` (id int AUTO_INCREMENT PRIMARY KEY, a text)",
}


TABLE = "it's"


def only_counter(database: databases.Database) -> inventory.Counter:
    with looking(database) as found:
        [counter] = found.counters()
        return counter


def set_to(database: databases.Database, counter: inventory.Counter, raw: databases.Raw) -> None:
    with looking(database) as found:
        sql = found.set_counter(counter)
    raw.execute(sql)


def quoted(database: databases.Database, name: str) -> str:
    return name.join("``" if database.kind in ("mariadb", "mysql") else '""')


def insert(database: databases.Database, raw: databases.Raw, id_: int | None = None) -> int:
    """Insert a row and return the number that it has; the largest is always the last."""
    table = quoted(database, TABLE)
    if id_ is None:
        raw.execute(f"INSERT INTO {table} (a) VALUES ('x')")
    else:
        raw.execute(f"INSERT INTO {table} (id, a) VALUES ({id_}, 'x')")
    return int(str(raw.value(f"SELECT max(id) FROM {table}")))


@engines.every_version
def test_the_next_row_gets_what_the_counter_says(
    database: databases.Database, raw: conftest.OpenRaw
) -> None:
    plain = raw(database)
    plain.execute(COUNTING[database.kind])
    told = []

    for _ in range(3):
        told.append((only_counter(database).next, insert(database, plain)))
    plain.execute(f"DELETE FROM {quoted(database, TABLE)} WHERE id = 3")
    last = only_counter(database)

    assert [(1, 1), (2, 2), (3, 3)] == told
    assert ("it's", "id", 4) == (last.table, last.column, last.next)


@engines.every_version
def test_after_a_counter_is_set_the_next_row_gets_exactly_that(
    database: databases.Database, raw: conftest.OpenRaw
) -> None:
    plain = raw(database)
    plain.execute(COUNTING[database.kind])
    empty = only_counter(database)

    set_to(database, empty, plain)
    first = insert(database, plain)
    set_to(database, dataclasses.replace(empty, next=1000), plain)
    far = only_counter(database).next, insert(database, plain)
    set_to(database, inventory.Counter(table="it's", column="id", next=2**31 - 2), plain)
    last = insert(database, plain)

    assert (1, (1000, 1000), 2**31 - 2) == (first, far, last)


@engines.only("sqlite")
def test_keys_that_only_rows_count_need_no_setting(
    database: databases.Database, raw: conftest.OpenRaw
) -> None:
    raw(database).script(
        "CREATE TABLE t (rowid INTEGER PRIMARY KEY); INSERT INTO t VALUES (-3), (41);"
        "CREATE TABLE u (a TEXT); CREATE TABLE w (a PRIMARY KEY) WITHOUT ROWID;"
    )

    counter = only_counter(database)
    with looking(database) as found:
        sql = found.set_counter(counter)
    raw(database).execute("INSERT INTO t DEFAULT VALUES")

    assert (inventory.Counter(table="t", column="rowid", next=42), "") == (counter, sql)
    assert 42 == raw(database).value("SELECT max(rowid) FROM t")


@engines.only("postgresql", "postgresql18")
def test_sequences_of_every_sort_go_on_where_they_were(
    database: databases.Database, raw: conftest.OpenRaw
) -> None:
    plain = raw(database)
    plain.script(
        'CREATE SEQUENCE "Free" INCREMENT BY -5 MAXVALUE 100 START WITH 100;'
        "CREATE SEQUENCE small MAXVALUE 3; SELECT nextval('small'), nextval('small'),"
        " nextval('small');"
        "CREATE SEQUENCE round MAXVALUE 2 CYCLE; SELECT nextval('round'), nextval('round');"
        "CREATE TABLE t (a integer GENERATED ALWAYS AS IDENTITY (START WITH 7 INCREMENT BY 3),"
        " b integer DEFAULT nextval('\"Free\"'));"
        "INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES"
    )

    with looking(database) as found:
        counters = {str(one.sequence): one for one in found.counters()}
        statements = [found.set_counter(one) for one in counters.values()]
    for statement in statements * 2:
        plain.execute(statement)
    plain.execute("INSERT INTO t DEFAULT VALUES")

    assert (13, 90) == tuple(plain.execute("SELECT a, b FROM t ORDER BY a DESC")[0])
    assert (90, "t", "b", -5, False) == (
        counters["Free"].next,
        counters["Free"].table,
        counters["Free"].column,
        counters["Free"].increment,
        counters["Free"].own,
    )
    assert (13, "t", "a", 3, True) == (
        counters["t_a_seq"].next,
        counters["t_a_seq"].table,
        counters["t_a_seq"].column,
        counters["t_a_seq"].increment,
        counters["t_a_seq"].own,
    )
    assert 1 == plain.value("SELECT nextval('round')")
    # There is no number after the last one: it stays used up.
    assert 4 == counters["small"].next
    with pytest.raises(Exception, match="reached maximum value"):
        plain.execute("SELECT nextval('small')")


@engines.only("postgresql")
def test_a_counter_of_a_column_that_does_not_count_cannot_be_set(
    database: databases.Database, raw: conftest.OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE t (a integer)")

    with (
        looking(database) as found,
        pytest.raises(Exception, match=r"sequence of t\.a"),
    ):
        raw(database).execute(found.set_counter(inventory.Counter(table="t", column="a", next=5)))


@engines.only("mariadb")
def test_a_sequence_of_its_own_goes_on_behind_what_is_put_aside(
    database: databases.Database, raw: conftest.OpenRaw
) -> None:
    plain = raw(database)
    plain.execute("CREATE SEQUENCE numbers START WITH 5 INCREMENT BY 2 CACHE 10")
    plain.execute("SELECT NEXT VALUE FOR numbers")

    counter = only_counter(database)
    set_to(database, dataclasses.replace(counter, next=77), plain)

    assert ("numbers", 25, 2, False) == (
        counter.sequence,
        counter.next,
        counter.increment,
        counter.own,
    )
    assert 77 == plain.value("SELECT NEXT VALUE FOR numbers")
