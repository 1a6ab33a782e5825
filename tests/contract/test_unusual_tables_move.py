"""Tables that are not like others are moved as well: strange names, no keys, huge values."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from pymysql import cursors

from tests import databases, moving
from whimbrel.engines.mysql import session as sessions
from whimbrel.engines.mysql import wire

pytestmark = [pytest.mark.server, pytest.mark.exhaustive]


@pytest.fixture
def open_ends(
    new_database: Callable[[str], databases.Database],
    raw: Callable[[databases.Database], databases.Raw],
) -> Iterator[moving.OpenEnds]:
    """Make two databases: `open_ends("postgresql", "mariadb")`."""
    with moving.ends(new_database, raw) as make:
        yield make


@moving.every_way
def test_names_that_need_quoting_are_quoted(
    open_ends: moving.OpenEnds, source_id: str, target_id: str, way: str
) -> None:
    ends = open_ends(source_id, target_id)
    names = [
        'a "quoted" one',
        "a `tick`",
        "100% %s",
        "\U0001f600 é".encode("utf-8").decode(),
        "select",
        "a\\b",
    ]
    if "mariadb" in (source_id, target_id):
        names.remove("\U0001f600 é")  # no name there has characters beyond the first plane
        names.append("é")
    name = 't %s `"'
    for session, raw in ((ends.source, ends.raw_source), (ends.target, ends.raw_target)):
        quote = session.engine.quote
        columns = ", ".join(f"{quote(column)} varchar(9)" for column in names)
        raw.execute(f"CREATE TABLE {quote(name)} (id int PRIMARY KEY, {columns})")
    quoted = ends.source.engine.quote(name)
    values = ", ".join(f"'{at}'" for at, _ in enumerate(names))
    ends.raw_source.execute(f"INSERT INTO {quoted} VALUES (1, {values})")
    cargo, table = moving.bound(ends, name)

    moving.moved(ends, cargo, table, way)

    here = ends.target.engine.quote(name)
    expected = (1, *map(str, range(len(names))))
    assert ends.raw_target.execute(f"SELECT * FROM {here}") == [expected]


@moving.every_way
def test_no_rows_no_key_and_copies_of_rows_are_fine(
    open_ends: moving.OpenEnds, source_id: str, target_id: str, way: str
) -> None:
    ends = open_ends(source_id, target_id)
    for raw in (ends.raw_source, ends.raw_target):
        raw.execute("CREATE TABLE none (v varchar(9))")
        raw.execute("CREATE TABLE copies (v varchar(9), w int)")
    ends.raw_source.execute(
        "INSERT INTO copies VALUES ('a', 1), ('a', 1), ('', NULL), (NULL, NULL)"
    )

    counts = [moving.moved(ends, *moving.bound(ends, name), way) for name in ("none", "copies")]

    assert counts == [0, 4]
    assert ends.raw_target.value("SELECT count(*) FROM none") == 0
    rows = ends.raw_target.execute("SELECT v, w FROM copies ORDER BY coalesce(v, 'z'), w")
    assert rows == [("", None), ("a", 1), ("a", 1), (None, None)]


@moving.every_way
def test_rows_of_which_nothing_is_read_are_still_rows(
    open_ends: moving.OpenEnds, source_id: str, target_id: str, way: str
) -> None:
    ends = open_ends(source_id, target_id)
    for raw in (ends.raw_source, ends.raw_target):
        raw.execute("CREATE TABLE plain (id int, word varchar(9) DEFAULT 'said')")
    ends.raw_source.execute("INSERT INTO plain VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    cargo, table = moving.bound(ends, "plain", columns=())

    count = moving.moved(ends, cargo, table, way)

    assert count == 3
    assert ends.raw_target.execute("SELECT * FROM plain") == [(None, "said")] * 3


@moving.every_way
def test_a_condition_and_an_order_hold(
    open_ends: moving.OpenEnds, source_id: str, target_id: str, way: str
) -> None:
    ends = open_ends(source_id, target_id)
    counting = "serial" if target_id == "postgresql" else "int AUTO_INCREMENT"
    ends.raw_source.execute("CREATE TABLE chosen (id int PRIMARY KEY, word varchar(30))")
    ends.raw_target.execute(
        f"CREATE TABLE chosen (at {counting} PRIMARY KEY, id int, word varchar(30))"
    )
    word = "it's %s \\' \" 50%"
    rows = [(number, word if number % 2 else None) for number in range(300)]
    moving.put(ends.raw_source, "chosen", rows)
    cargo, table = moving.bound(
        ends,
        "chosen",
        where="word = %s AND id < %s AND word LIKE '%%%%'",
        params=(word, 250),
        order="id DESC",
    )

    count = moving.moved(ends, cargo, table, way)

    assert count == 125
    arrived = ends.raw_target.execute("SELECT id, word FROM chosen ORDER BY at")
    assert arrived == [(number, word) for number in range(249, 0, -2)]


@moving.pairs
@pytest.mark.parametrize("way", ["copy", "texts"])
def test_large_values_arrive_whole(
    open_ends: moving.OpenEnds, source_id: str, target_id: str, way: str
) -> None:
    ends = open_ends(source_id, target_id)
    types = {"postgresql": ("text", "bytea"), "mariadb": ("longtext", "longblob")}
    for raw in (ends.raw_source, ends.raw_target):
        words, octets = types[raw.database.kind]
        raw.execute(f"CREATE TABLE large (id int PRIMARY KEY, words {words}, bytes {octets})")
    if source_id == "postgresql":
        values = "repeat(E'é\\n\\\\', 2000000), decode(repeat('00ff27', 5000000), 'hex')"
    else:
        values = "REPEAT(CONCAT('é', CHAR(10), CHAR(92)), 2000000), REPEAT(x'00FF27', 5000000)"
    ends.raw_source.execute(
        f"INSERT INTO large VALUES (1, 'small', NULL), (2, {values}), (3, '', '')"
    )
    cargo, table = moving.bound(ends, "large")

    count = moving.moved(ends, cargo, table, way)

    assert count == 3
    arrived = ends.raw_target.execute("SELECT * FROM large ORDER BY id")
    assert arrived == [
        (1, "small", None),
        (2, "é\n\\" * 2_000_000, b"\0\xff'" * 5_000_000),
        (3, "", b""),
    ]


@pytest.mark.parametrize("characters", [0, 250, 251, 65_535, 65_536, 2**24 - 5, 2**24])
def test_values_of_all_lengths_are_read_whole_off_the_wire(
    open_ends: moving.OpenEnds, characters: int
) -> None:
    ends = open_ends("mariadb", "mariadb")
    # The length is written in front of it, and both go on in a second packet from 16 MB on.
    lengths = [1, characters, max(characters - 1, 0), 1]
    union = " UNION ALL ".join(f"SELECT REPEAT('x', {length})" for length in lengths)

    with sessions.ours(ends.source).driver.cursor(cursors.SSCursor) as cursor:
        cursor.execute(f"{union} UNION ALL SELECT NULL")
        values = wire.Values(ends.source.connection.connection.driver_connection)
        taken = list(iter(values.take, None))

    found = [value for one in taken for value in one.values]
    assert [len(value) for value in found] == lengths
    assert set(b"".join(found)) == {ord("x")}
    assert sum(one.nulls for one in taken) == 1
    assert ends.source.fetch("SELECT 1") == [(1,)]


def test_an_error_in_the_middle_of_a_result_is_raised(open_ends: moving.OpenEnds) -> None:
    ends = open_ends("mariadb", "postgresql")
    for raw in (ends.raw_source, ends.raw_target):
        raw.execute("CREATE TABLE t (id int)")
    ends.raw_source.execute("INSERT INTO t VALUES (1), (2)")
    cargo, _ = moving.bound(ends, "t", where="(SELECT id FROM t AS o WHERE o.id <= t.id) > 0")
    unloader = ends.source.engine.unloader(ends.source)

    with pytest.raises(sa.exc.DBAPIError, match="Subquery returns more than 1 row"):
        list(unloader.blocks(cargo, moving.COPY))

    assert ends.source.fetch("SELECT 1") == [(1,)]


def test_a_row_that_is_too_large_for_a_statement_is_refused(
    open_ends: moving.OpenEnds,
) -> None:
    ends = open_ends("postgresql", "mariadb")
    ends.raw_source.execute("CREATE TABLE large (id int PRIMARY KEY, bytes bytea)")
    ends.raw_target.execute("CREATE TABLE large (id int PRIMARY KEY, bytes longblob)")
    ends.raw_source.execute(
        "INSERT INTO large VALUES (1, ''), (2, decode(repeat('00', 9000000), 'hex'))"
    )
    cargo, table = moving.bound(ends, "large")

    with pytest.raises(sa.exc.DBAPIError, match="max_allowed_packet"):
        moving.moved(ends, cargo, table, "tuples")

    assert ends.raw_target.value("SELECT count(*) FROM large") == 0
    assert not ends.target.gone


def test_a_numeric_keeps_the_zeros_at_its_end(open_ends: moving.OpenEnds) -> None:
    ends = open_ends("postgresql", "postgresql")
    for raw in (ends.raw_source, ends.raw_target):
        raw.execute("CREATE TABLE zeros (id int PRIMARY KEY, v numeric)")
    ends.raw_source.execute("INSERT INTO zeros VALUES (1, 1.500)")
    cargo, table = moving.bound(ends, "zeros")

    moving.moved(ends, cargo, table, "copy")

    assert ends.raw_target.value("SELECT v::text FROM zeros") == "1.500"


@pytest.mark.parametrize("way", moving.WAYS)
def test_texts_with_many_line_ends_do_not_take_forever(
    open_ends: moving.OpenEnds, way: str
) -> None:
    """A server that replaces in place moves the rest of the text each time."""
    ends = open_ends("mariadb", "mariadb")
    for raw in (ends.raw_source, ends.raw_target):
        raw.execute("CREATE TABLE poems (id int PRIMARY KEY, v longtext)")
    ends.raw_source.execute("INSERT INTO poems VALUES (1, REPEAT(x'0A27', 1000000)), (2, x'0A')")
    cargo, table = moving.bound(ends, "poems", order="id")
    began = time.monotonic()

    moving.moved(ends, cargo, table, way)

    assert time.monotonic() - began < 20
    arrived = ends.raw_target.execute("SELECT id, v FROM poems ORDER BY id")
    assert arrived == [(1, "\n'" * 1_000_000), (2, "\n")]
