"""What would change on its way into a column is refused, and sessions live on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest
import sqlalchemy as sa

from tests import databases, moving
from whimbrel import errors
from whimbrel.engines import base, bulk, transport

OpenRaw = Callable[[databases.Database], databases.Raw]
pytestmark = [pytest.mark.server, pytest.mark.exhaustive]


@pytest.fixture
def open_ends(
    new_database: Callable[[str], databases.Database],
    raw: Callable[[databases.Database], databases.Raw],
) -> Iterator[moving.OpenEnds]:
    """Make two databases: `open_ends("postgresql", "mariadb")`."""
    with moving.ends(new_database, raw) as make:
        yield make


# --- what would change is refused ---------------------------------------------------------------

REFUSED: Final = (
    ("longtext", "text", moving.TO_POSTGRESQL, "CONCAT('a', CHAR(0), 'b')"),
    ("json", "jsonb", moving.TO_POSTGRESQL, """CONCAT('{"a": "', CHAR(92), 'u0000"}')"""),
    ("date", "date", moving.TO_POSTGRESQL, "'0000-00-00'"),
    ("datetime", "timestamp", moving.TO_POSTGRESQL, "'2024-00-01 00:00:00'"),
    ("time", "time", moving.TO_POSTGRESQL, "'838:59:59'"),
    ("bigint unsigned", "bigint", moving.TO_POSTGRESQL, "18446744073709551615"),
    ("tinyint(1)", "boolean", moving.TO_POSTGRESQL, "2"),
    ("decimal(10,4)", "numeric(10,2)", moving.TO_POSTGRESQL, "1.2345"),
    ("decimal(10,4)", "integer", moving.TO_POSTGRESQL, "1.5"),
    ("double", "real", moving.TO_POSTGRESQL, "0.1"),
    ("bigint", "double precision", moving.TO_POSTGRESQL, "9007199254740993"),
    ("datetime(6)", "timestamp(3)", moving.TO_POSTGRESQL, "'2024-01-01 00:00:00.123456'"),
    ("time(6)", "time(0)", moving.TO_POSTGRESQL, "'00:00:00.5'"),
    ("varchar(9)", "varchar(3)", moving.TO_POSTGRESQL, "'abc  '"),
    ("longtext", "char(5)", moving.TO_POSTGRESQL, "'abc  '"),
    ("longtext", "integer", moving.TO_POSTGRESQL, "'word'"),
    ("longtext", "boolean", moving.TO_POSTGRESQL, "'perhaps'"),
    ("longblob", "text", moving.TO_POSTGRESQL, "x'ff'"),
    ("longblob", "uuid", moving.TO_POSTGRESQL, "x'ff'"),
    ("bit(16)", "bit(8)", moving.TO_POSTGRESQL, "256"),
    ("longtext", "varchar(3)", moving.TO_POSTGRESQL, "'abcd'"),
    ("numeric", "decimal(10,2)", moving.TO_MARIADB, "1.234"),
    ("numeric", "decimal(65,30)", moving.TO_MARIADB, "1e40"),
    ("numeric", "double", moving.TO_MARIADB, "0.12345678901234567890"),
    ("numeric", "int", moving.TO_MARIADB, "1.5"),
    ("numeric", "decimal(10,2)", moving.TO_MARIADB, "'NaN'"),
    ("double precision", "int", moving.TO_MARIADB, "1e-5"),
    ("double precision", "double", moving.TO_MARIADB, "'-0'"),
    ("double precision", "double", moving.TO_MARIADB, "'NaN'"),
    ("double precision", "double", moving.TO_MARIADB, "'Infinity'"),
    ("double precision", "float", moving.TO_MARIADB, "0.1"),
    ("bigint", "double", moving.TO_MARIADB, "9007199254740993"),
    ("timestamp", "datetime", moving.TO_MARIADB, "'2024-01-01 00:00:00.5'"),
    ("timestamp", "datetime(6)", moving.TO_MARIADB, "'infinity'"),
    ("timestamp", "datetime(6)", moving.TO_MARIADB, "'0044-03-15 BC'"),
    ("timestamp", "datetime(6)", moving.TO_MARIADB, "'12345-01-01'"),
    ("timestamptz", "timestamp(6)", moving.TO_MARIADB, "'2100-01-01+00'"),
    ("date", "date", moving.TO_MARIADB, "'0044-03-15 BC'"),
    ("date", "date", moving.TO_MARIADB, "'12024-01-01'"),
    ("time", "time", moving.TO_MARIADB, "'00:00:00.5'"),
    ("text", "varchar(3)", moving.TO_MARIADB, "'abc  '"),
    ("text", "varchar(3)", moving.TO_MARIADB, "'abcd'"),
    ("text", "char(5)", moving.TO_MARIADB, "'abc '"),
    ("text", "varchar(9) CHARACTER SET latin1", moving.TO_MARIADB, "'\U0001f600'"),
    ("text", "enum('a','b')", moving.TO_MARIADB, "'2'"),
    ("text", "enum('a','b')", moving.TO_MARIADB, "'A'"),
    ("text", "enum('a','b')", moving.TO_MARIADB, "''"),
    ("text", "set('a','b')", moving.TO_MARIADB, "'3'"),
    ("text", "set('a','b')", moving.TO_MARIADB, "'b,A'"),
    ("text", "set('a','b')", moving.TO_MARIADB, "'a,c'"),
    ("text", "int", moving.TO_MARIADB, "'5 apples'"),
    ("bytea", "binary(4)", moving.TO_MARIADB, "'\\x0102'"),
    ("bytea", "varbinary(1)", moving.TO_MARIADB, "'\\x0102'"),
    ("bytea", "longtext", moving.TO_MARIADB, "'\\xff'"),
    ("integer", "smallint", moving.TO_MARIADB, "40000"),
    ("integer", "bit(8)", moving.TO_MARIADB, "256"),
    ("integer", "bit(8)", moving.TO_MARIADB, "-1"),
    ("integer", "year", moving.TO_MARIADB, "99"),
    (
        "json",
        "json",
        moving.TO_MARIADB,
        """('{"a":' || repeat('[', 40) || repeat(']', 40) || '}')::json""",
    ),
)


@pytest.mark.parametrize(
    ("there", "here", "pair", "given", "way"),
    [
        pytest.param(*case, way, id=f"{case[3]} as {case[0]} to {case[1]}"[:60] + f", {way}")
        for case in REFUSED
        for way in moving.ways_to(case[2][1])
    ],
)
def test_a_value_that_would_change_is_refused(
    open_ends: moving.OpenEnds,
    there: str,
    here: str,
    pair: tuple[str, str],
    given: str,
    way: str,
) -> None:
    ends = open_ends(*pair)
    ends.raw_source.execute(f"CREATE TABLE turn (id int PRIMARY KEY, v {there})")
    ends.raw_target.execute(f"CREATE TABLE turn (id int PRIMARY KEY, v {here})")
    ends.raw_source.execute(f"INSERT INTO turn VALUES (1, {given})")
    cargo, table = moving.bound(ends, "turn")

    with pytest.raises((sa.exc.DBAPIError, bulk.Unstorable)) as refusal:
        moving.moved(ends, cargo, table, way)

    if isinstance(refusal.value, sa.exc.DBAPIError):
        assert ends.target.engine.fault(refusal.value) is base.Fault.DATA
    assert ends.raw_target.value("SELECT count(*) FROM turn") == 0
    assert not ends.source.gone
    assert not ends.target.gone


# --- what may go wrong --------------------------------------------------------------------------


@moving.pairs
@pytest.mark.parametrize("way", ["blocks", "texts"])
def test_whoever_stops_reading_keeps_the_moment(
    open_ends: moving.OpenEnds, source_id: str, target_id: str, way: str
) -> None:
    ends = open_ends(source_id, target_id)
    for raw in (ends.raw_source, ends.raw_target):
        raw.execute("CREATE TABLE many (id int PRIMARY KEY, v varchar(100))")
    moving.put(ends.raw_source, "many", [(number, "x" * 100) for number in range(2_000)])
    cargo, _ = moving.bound(ends, "many")
    session = ends.source
    session.engine.codec(session).prepare()
    session.engine.snapshot(session)
    unloader = session.engine.unloader(session)

    if way == "blocks":
        begun: Iterator[object] = unloader.blocks(cargo, moving.COPY, block_bytes=1_000)
    else:
        begun = unloader.texts(cargo, rows=10)
    next(begun)
    ends.raw_source.execute("INSERT INTO many VALUES (-1, 'later')")
    begun.close()  # type: ignore[attr-defined]

    assert sum(block.rows for block in unloader.blocks(cargo, moving.COPY)) == 2_000
    session.rollback()


@moving.pairs
def test_a_source_that_fails_in_the_middle_fails_the_load(
    open_ends: moving.OpenEnds, source_id: str, target_id: str
) -> None:
    ends = open_ends(source_id, target_id)
    for raw in (ends.raw_source, ends.raw_target):
        raw.execute("CREATE TABLE half (id int PRIMARY KEY)")
    cargo, table = moving.bound(ends, "half")
    loader = ends.target.engine.loader(ends.target)
    loader.prepare()

    def failing() -> Iterator[transport.Block]:
        yield transport.Block(data=b"1\n2\n", rows=2)
        raise TimeoutError("the network")

    with pytest.raises(TimeoutError, match="the network"):
        loader.load(table, cargo.carried, failing(), moving.COPY)
    ends.target.rollback()

    assert ends.raw_target.value("SELECT count(*) FROM half") == 0
    assert ends.target.fetch("SELECT 1") == [(1,)]


@moving.every_way
def test_a_second_row_of_one_key_is_refused(
    open_ends: moving.OpenEnds, source_id: str, target_id: str, way: str
) -> None:
    ends = open_ends(source_id, target_id)
    ends.raw_source.execute("CREATE TABLE twice (id int)")
    ends.raw_source.execute("INSERT INTO twice VALUES (1), (2), (1)")
    ends.raw_target.execute("CREATE TABLE twice (id int PRIMARY KEY)")
    cargo, table = moving.bound(ends, "twice")

    with pytest.raises(sa.exc.DBAPIError) as refusal:
        moving.moved(ends, cargo, table, way)

    assert ends.target.engine.fault(refusal.value) is base.Fault.DATA
    assert "uplicate" in str(refusal.value)
    assert ends.raw_target.value("SELECT count(*) FROM twice") == 0


@moving.every_way
def test_null_in_a_column_without_is_refused(
    open_ends: moving.OpenEnds, source_id: str, target_id: str, way: str
) -> None:
    ends = open_ends(source_id, target_id)
    ends.raw_source.execute("CREATE TABLE bare (id int PRIMARY KEY, v int)")
    ends.raw_source.execute("INSERT INTO bare VALUES (1, 1), (2, NULL)")
    ends.raw_target.execute("CREATE TABLE bare (id int PRIMARY KEY, v int NOT NULL)")
    cargo, table = moving.bound(ends, "bare")

    with pytest.raises(sa.exc.DBAPIError) as refusal:
        moving.moved(ends, cargo, table, way)

    assert ends.target.engine.fault(refusal.value) is base.Fault.DATA
    assert ends.raw_target.value("SELECT count(*) FROM bare") == 0


@pytest.mark.parametrize("way", moving.WAYS)
def test_a_check_that_fails_refuses_the_rows(open_ends: moving.OpenEnds, way: str) -> None:
    ends = open_ends("postgresql", "mariadb")
    ends.raw_source.execute("CREATE TABLE checked (id int PRIMARY KEY)")
    ends.raw_source.execute("INSERT INTO checked VALUES (1), (-1)")
    ends.raw_target.execute("CREATE TABLE checked (id int PRIMARY KEY, CHECK (id > 0))")
    cargo, table = moving.bound(ends, "checked")

    with pytest.raises(sa.exc.DBAPIError, match="CONSTRAINT"):
        moving.moved(ends, cargo, table, way)

    assert ends.raw_target.value("SELECT count(*) FROM checked") == 0


def test_a_trigger_that_leaves_rows_out_is_noticed(open_ends: moving.OpenEnds) -> None:
    ends = open_ends("postgresql", "postgresql")
    for raw in (ends.raw_source, ends.raw_target):
        raw.execute("CREATE TABLE picky (id int PRIMARY KEY)")
    ends.raw_source.execute("INSERT INTO picky VALUES (1), (2)")
    ends.raw_target.execute(
        "CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN IF NEW.id = 2 THEN RETURN NULL; END IF; RETURN NEW; END'"
    )
    ends.raw_target.execute(
        "CREATE TRIGGER t BEFORE INSERT ON picky FOR EACH ROW EXECUTE FUNCTION leave_out()"
    )
    cargo, table = moving.bound(ends, "picky")

    with pytest.raises(errors.RefusedError, match="of 2 rows the database took 1"):
        moving.moved(ends, cargo, table, "copy")


@pytest.mark.parametrize("target_id", moving.SERVERS)
def test_an_odd_value_is_not_written(open_ends: moving.OpenEnds, target_id: str) -> None:
    ends = open_ends(target_id, target_id)
    for raw in (ends.raw_source, ends.raw_target):
        raw.execute("CREATE TABLE odd (id int PRIMARY KEY, v varchar(30))")
    cargo, _ = moving.bound(ends, "odd")
    loader = ends.target.engine.loader(ends.target)

    with pytest.raises(bulk.Unstorable, match="'id' is no integer"):
        loader.encoded(cargo.carried, [(b"!t6162", b"a")])
    with pytest.raises(bulk.Unstorable, match="'v' is no text"):
        loader.encoded(cargo.carried, [(b"1", b"\xffb00")])
