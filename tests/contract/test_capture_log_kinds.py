"""Logs of servers: keys of every type, unusual tables and transactions, and what is in the way."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import pytest

from tests import databases, servers
from whimbrel import errors
from whimbrel.engines import base, captures, codec, registry

pytestmark = pytest.mark.server
NewDatabase = Callable[[str], databases.Database]
OpenRaw = Callable[[databases.Database], databases.Raw]

both = pytest.mark.parametrize("source", ["postgresql", "mariadb"], indirect=True)
on_postgresql = pytest.mark.parametrize("source", ["postgresql"], indirect=True)
on_mariadb = pytest.mark.parametrize("source", ["mariadb"], indirect=True)


@pytest.fixture
def source(request: pytest.FixtureRequest, new_database: NewDatabase) -> databases.Database:
    """An empty database of a server whose log says which rows change."""
    return new_database(request.param + servers.LOGGED)


@pytest.fixture
def sql(source: databases.Database, raw: OpenRaw) -> databases.Raw:
    return raw(source)


@pytest.fixture
def session(source: databases.Database) -> Iterator[base.Session]:
    with contextlib.closing(registry.open_session(source.url)) as opened:
        yield opened


def _capture(session: base.Session) -> captures.Capture:
    capture = session.engine.capture(session, captures.LOG)
    assert capture is not None
    return capture


def _followed(session: base.Session, name: str, *key: str) -> captures.Followed:
    with session.looking():
        table = session.engine.catalog(session).table(name)
    return captures.Followed(table=table, key=key or table.primary_key)


def _begun(session: base.Session, *names: str) -> captures.Capture:
    capture = _capture(session)
    capture.start("one", [_followed(session, name) for name in names], seconds=5)
    return capture


def _by_the_codec(session: base.Session, followed: captures.Followed) -> set[codec.Texts]:
    """Return the keys of all rows as the codec writes them."""
    made = session.engine.codec(session)
    session.rollback()
    made.prepare()
    values = []
    for name in followed.key:
        column = followed.table.column(name)
        form = dataclasses.replace(made.form(followed.table, column), padded=False)
        sql = session.engine.beside_parameters(session.engine.quote(name))
        values.append(codec.Value(sql=sql, column=column, form=form))
    with session.looking():
        return set(made.rows(codec.Scan(table=followed.table.name, values=tuple(values))))


# --- keys ---------------------------------------------------------------------------------------

_POSTGRESQL_KEYS = [
    ("smallint", ["-32768", "32767"]),
    ("bigint", ["-9223372036854775808", "0"]),
    ("text", ["''", "'a\tb'", "'Ä ''x'' 🙂'", "E'back\\\\slash'"]),
    ("varchar(5)", ["'a '", "'a'"]),
    ("char(5)", ["'a'", "''"]),
    ("uuid", ["'123e4567-e89b-12d3-a456-426655440000'"]),
    ("numeric(12,3)", ["-0.5", "1000"]),
    ("numeric", ["1.50", "'NaN'"]),
    ("date", ["'0044-03-15 BC'", "'infinity'", "'2024-02-29'"]),
    ("timestamp(3)", ["'2024-02-29 23:59:59.120'"]),
    ("timestamptz", ["'2024-02-29 23:59:59.5+05'"]),
    ("boolean", ["true", "false"]),
    ("bytea", ["'\\x00ff'", "'\\x'"]),
    ("double precision", ["0.1", "'-0'", "1e300"]),
    ("mood", ["'happy'", "'sad'"]),
    ("inet", ["'10.0.0.1/8'"]),
]
_MARIADB_KEYS = [
    ("tinyint unsigned", ["0", "255"]),
    ("mediumint", ["-8388608", "8388607"]),
    ("bigint", ["-9223372036854775808"]),
    ("bigint unsigned", ["18446744073709551615"]),
    ("varchar(20)", ["''", "'a b'", "'Ä 🙂'"]),
    ("varchar(300)", ["repeat('é', 300)", "'x'"]),
    ("varchar(20) CHARACTER SET latin1", ["_latin1 x'80e4'", "'x'"]),
    ("varchar(20) CHARACTER SET utf16", ["'aÄ🙂'"]),
    ("char(5)", ["'a'", "''"]),
    ("char(255) CHARACTER SET utf8mb4", ["repeat('🙂', 255)"]),
    ("binary(16)", ["x'01020000'", "x'00'"]),
    ("varbinary(20)", ["x'010000'", "x''"]),
    ("uuid", ["'123e4567-e89b-12d3-a456-426655440000'"]),
    ("decimal(12,4)", ["-12.5", "0.0001", "99999999.9999"]),
    ("decimal(30,0)", ["-123456789012345678901234567890", "0"]),
    ("date", ["'2024-02-29'", "'1000-01-01'"]),
    ("datetime(3)", ["'2024-02-29 23:59:59.120'", "'0001-01-01'"]),
    ("datetime", ["'9999-12-31 23:59:59'"]),
    ("timestamp(2)", ["'2024-05-05 05:05:05.50'"]),
    ("year", ["2024", "0"]),
    ("bit(11)", ["5", "2047"]),
    ("enum('x','y''z')", ["'y''z'", "'x'"]),
]


@pytest.mark.parametrize(
    ("source", "keys"),
    [("postgresql", _POSTGRESQL_KEYS), ("mariadb", _MARIADB_KEYS)],
    indirect=["source"],
    ids=["postgresql", "mariadb"],
)
def test_keys_of_every_type_are_told_as_the_codec_writes_them(
    sql: databases.Raw, session: base.Session, keys: list[tuple[str, list[str]]]
) -> None:
    if sql.database.kind == "postgresql":
        sql.execute("CREATE TYPE mood AS ENUM ('happy', 'sad')")
    for number, (type_, _) in enumerate(keys):
        # A second column, so that keys have an order that is not the table's.
        sql.execute(
            f"CREATE TABLE t{number} (a int NOT NULL, k {type_} NOT NULL, z varchar(9), "
            "PRIMARY KEY (k, a))"
        )
    capture = _capture(session)
    followed = [_followed(session, f"t{number}") for number in range(len(keys))]
    assert capture.obstacles(followed) == []
    capture.start("one", followed, seconds=5)

    for number, (_, values) in enumerate(keys):
        for value in values:
            sql.execute(f"INSERT INTO t{number} VALUES (7, {value}, NULL)")

    changed = capture.read("one", limit=1000)
    for number, one in enumerate(followed):
        told = changed.keys[f"t{number}"]
        assert set(told) == _by_the_codec(session, one), keys[number]
        assert len(told) == len(keys[number][1])


@both
def test_every_value_beside_the_key_is_passed_over(
    source: databases.Database, sql: databases.Raw, session: base.Session
) -> None:
    types = {
        "postgresql": "int[], jsonb, text, bytea, tsvector, point, int4range, interval, xml",
        "mariadb": "tinyint, smallint, int, float, double, decimal(65,30), bit(64), date, time(2), "
        "time, datetime(6), timestamp(5) NULL, year, char(9), varchar(300), tinytext, text, "
        "mediumtext, longtext, binary(9), varbinary(300), tinyblob, longblob, json, "
        "enum('a','b'), set('a','b'), point, uuid, inet6, "
        "varchar(99) COMPRESSED, text COMPRESSED, int AS (id + 1) VIRTUAL, int AS (id) STORED",
    }[source.kind]
    columns = ", ".join(f"c{n} {t}" for n, t in enumerate(_listed(types)))
    sql.execute(f"CREATE TABLE t ({columns}, id int PRIMARY KEY)")
    capture = _begun(session, "t")

    sql.execute("INSERT INTO t (id) VALUES (1)")
    if source.kind == "mariadb":
        sql.execute(_FULL_ROW)
    sql.execute("INSERT INTO t (id) VALUES (3)")
    sql.execute("UPDATE t SET id = id + 10 WHERE id < 3")

    told = {int(key[0]) for key in capture.read("one", limit=100).keys["t"]}
    assert told == ({1, 2, 3, 11, 12} if source.kind == "mariadb" else {1, 3, 11})


def _listed(types: str) -> list[str]:
    """Split at commas that are not within parentheses."""
    found, depth = [""], 0
    for letter in types:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [one.strip() for one in found]


_FULL_ROW = """
INSERT INTO t (c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17,
               c18, c19, c20, c21, c22, c23, c24, c25, c26, c27, c28, c29, c30, id)
VALUES (1, 2, 3, 1.5, 2.5, -1.5, 7, now(), '-1:02:03.4', '101:00:00', now(6), now(5), 2024, 'é',
        repeat('x', 290), 'a', repeat('é', 9000), repeat('b', 70000), repeat('c', 70000), 'b',
        repeat('x', 290), 'b', repeat('d', 70000), '{"a": [1]}', 'b', 'a,b', point(1, 2),
        '123e4567-e89b-12d3-a456-426655440000', '::1', repeat('z', 99), repeat('z', 9999), 2)
"""


@on_postgresql
def test_a_large_key_that_does_not_change_is_told_all_the_same(
    sql: databases.Raw, session: base.Session
) -> None:
    # Stored apart from its row, so that an update of the row does not send it.
    sql.execute("CREATE TABLE t (k text PRIMARY KEY, v int, big text)")
    sql.execute("ALTER TABLE t ALTER k SET STORAGE EXTERNAL, ALTER big SET STORAGE EXTERNAL")
    sql.execute("INSERT INTO t VALUES (repeat('k', 2600), 1, repeat('x', 100000))")
    capture = _begun(session, "t")

    sql.execute("UPDATE t SET v = 2")

    assert capture.read("one", limit=9).keys == {"t": [(b"k" * 2600,)]}


# --- unusual tables -----------------------------------------------------------------------------


@on_postgresql
def test_rows_of_partitions_are_told_as_those_of_their_table(
    sql: databases.Raw, session: base.Session
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY, v int) PARTITION BY RANGE (id)")
    sql.execute("CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (10)")
    sql.execute("CREATE TABLE high PARTITION OF t FOR VALUES FROM (10) TO (20)")
    capture = _begun(session, "t")

    sql.execute("INSERT INTO t VALUES (1, 1), (11, 1)")
    sql.execute("UPDATE t SET id = 12 WHERE id = 1")
    changed = capture.read("one", limit=99)
    capture.forget("one", changed.upto)
    sql.execute("TRUNCATE low")
    emptied = capture.read("one", limit=99)

    assert set(changed.keys["t"]) == {(b"1",), (b"11",), (b"12",)}
    assert emptied.emptied == {"t"}


@on_postgresql
def test_a_partition_that_comes_or_goes_lets_the_whole_table_be_compared(
    sql: databases.Raw, session: base.Session
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)")
    sql.execute("CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (10)")
    sql.execute("CREATE TABLE loose (id int PRIMARY KEY)")
    sql.execute("INSERT INTO loose VALUES (12)")
    capture = _begun(session, "t")

    sql.execute("ALTER TABLE t ATTACH PARTITION loose FOR VALUES FROM (10) TO (20)")
    changed = capture.read("one", limit=99)
    capture.forget("one", changed.upto)
    sql.execute("INSERT INTO t VALUES (13)")
    later = capture.read("one", limit=99)

    assert changed.emptied == {"t"} and not changed.altered
    assert later.keys == {"t": [(b"13",)]} and not later.emptied


@on_mariadb
@pytest.mark.parametrize(
    "statement",
    [
        "RENAME TABLE t TO old, new TO t",
        "TRUNCATE t",
        "/* by hand */ truncate table `t`",
        "ALTER TABLE t TRUNCATE PARTITION low",
        "CREATE OR REPLACE TABLE t (id int PRIMARY KEY, v int)",
    ],
)
def test_statements_that_change_all_rows_are_heard(
    sql: databases.Raw, session: base.Session, statement: str
) -> None:
    sql.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v int) "
        "PARTITION BY RANGE (id) (PARTITION low VALUES LESS THAN (10))"
    )
    sql.execute("CREATE TABLE new (id int PRIMARY KEY, v int)")
    capture = _begun(session, "t")

    sql.execute(statement)

    changed = capture.read("one", limit=9)
    assert changed.emptied == {"t"} and not changed.altered


@on_mariadb
def test_statements_about_other_things_are_not_taken_for_changes(
    sql: databases.Raw, session: base.Session
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
    capture = _begun(session, "t")

    for statement in (
        "CREATE VIEW shown AS SELECT * FROM t",
        "ANALYZE TABLE t",
        "CREATE TABLE t2 (id int)",
        "TRUNCATE t2",
        "DROP TABLE t2",
        "GRANT SELECT ON t TO whimbrel",
        "/*!40000 ALTER TABLE t DISABLE KEYS */",
    ):
        sql.execute(statement)

    assert capture.read("one", limit=9).nothing


# --- unusual transactions -----------------------------------------------------------------------


@both
def test_a_prepared_transaction_is_told_when_it_is_committed(
    source: databases.Database, session: base.Session
) -> None:
    begin, prepare, commit = {
        "postgresql": (["BEGIN"], ["PREPARE TRANSACTION 'order'"], "COMMIT PREPARED 'order'"),
        "mariadb": (
            ["XA START 'order'"],
            ["XA END 'order'", "XA PREPARE 'order'"],
            "XA COMMIT 'order'",
        ),
    }[source.kind]
    with databases.Raw(source) as sql, databases.Raw(source) as other:
        sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
        capture = _begun(session, "t")
        sql.execute("INSERT INTO t VALUES (1)")
        for words in (*begin, "INSERT INTO t VALUES (2)", *prepare):
            sql.execute(words)
        other.execute("INSERT INTO t VALUES (3)")

        before = capture.read("one", limit=9)
        capture.forget("one", before.upto)
        waiting = capture.read("one", limit=9)
        sql.execute(commit)
        after = capture.read("one", limit=9)

    assert (b"1",) in before.keys["t"]
    assert waiting.nothing
    assert (b"2",) in after.keys["t"]
    assert {(b"3",)} & {*before.keys["t"], *after.keys["t"]}


@on_mariadb
@pytest.mark.parametrize("end", ["XA COMMIT 'order'", "XA ROLLBACK 'order'"])
def test_a_prepared_transaction_of_other_tables_holds_nobody_up(
    end: str, source: databases.Database, session: base.Session
) -> None:
    with databases.Raw(source) as sql, databases.Raw(source) as other:
        sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
        sql.execute("CREATE TABLE stranger (id int PRIMARY KEY)")
        capture = _begun(session, "t")
        for words in (
            "XA START 'order'",
            "INSERT INTO stranger VALUES (2)",
            "XA END 'order'",
            "XA PREPARE 'order'",
        ):
            sql.execute(words)
        other.execute("INSERT INTO t VALUES (3)")

        before = capture.read("one", limit=9)
        sql.execute(end)
        other.execute("INSERT INTO t VALUES (4)")
        capture.forget("one", before.upto)
        after = capture.read("one", limit=9)

    assert before.keys["t"] == [(b"3",)]
    assert after.keys["t"] == [(b"4",)]


@on_mariadb
@pytest.mark.parametrize("image", ["MINIMAL", "NOBLOB", "FULL"])
@pytest.mark.parametrize("compress", ["ON", "OFF"])
def test_rows_are_read_however_the_server_writes_them(
    source: databases.Database, session: base.Session, image: str, compress: str
) -> None:
    with databases.Raw(source) as sql:
        sql.execute("CREATE TABLE t (big text, id int PRIMARY KEY, v int)")
        capture = _begun(session, "t")
        sql.execute(f"SET SESSION binlog_row_image = {image}")
        sql.execute(f"SET GLOBAL log_bin_compress = {compress}")
        try:
            sql.execute("INSERT INTO t VALUES (repeat('x', 5000), 1, 1), (NULL, 2, 2)")
            sql.execute("UPDATE t SET v = 3 WHERE id = 1")
            sql.execute("UPDATE t SET id = 4 WHERE id = 2")
            sql.execute("DELETE FROM t WHERE id = 1")
        finally:
            sql.execute("SET GLOBAL log_bin_compress = OFF")

    assert set(capture.read("one", limit=99).keys["t"]) == {(b"1",), (b"2",), (b"4",)}


@on_mariadb
def test_a_session_that_logs_statements_is_noticed(
    sql: databases.Raw, session: base.Session
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    capture = _begun(session, "t")
    sql.execute("SET SESSION binlog_format = STATEMENT")
    sql.execute("INSERT INTO t VALUES (1)")

    assert "binlog_format" in capture.read("one", limit=9).altered["t"]


@on_mariadb
def test_the_log_goes_on_in_another_file(sql: databases.Raw, session: base.Session) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    capture = _begun(session, "t")
    sql.execute("INSERT INTO t VALUES (1)")
    sql.execute("FLUSH BINARY LOGS")
    sql.execute("INSERT INTO t VALUES (2)")
    sql.execute("SET GLOBAL binlog_checksum = NONE")
    sql.execute("INSERT INTO t VALUES (3)")
    sql.execute("SET GLOBAL binlog_checksum = CRC32")
    sql.execute("INSERT INTO t VALUES (4)")

    told = []
    while not (changed := capture.read("one", limit=1)).nothing:
        told += changed.keys["t"]
        capture.forget("one", changed.upto)

    assert told == [(b"1",), (b"2",), (b"3",), (b"4",)]


# --- what is in the way -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine_id", "word"), [("postgresql", "wal_level"), ("mariadb", "log_bin")]
)
def test_a_server_whose_log_does_not_say_it_is_refused(
    new_database: NewDatabase, engine_id: str, word: str
) -> None:
    database = new_database(engine_id)
    with databases.Raw(database) as sql:
        sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    with contextlib.closing(registry.open_session(database.url)) as session:
        found = _capture(session).obstacles([_followed(session, "t")])

    assert [word in one.what and one.remedy != "" for one in found] == [True]


@both
def test_a_user_who_may_not_read_the_log_is_told_which_rights_are_missing(
    source: databases.Database, sql: databases.Raw
) -> None:
    if source.kind == "postgresql":
        user, url = "secret_user", source.secret_url
    else:
        sql.execute(f"CREATE USER plain_{source.name}@'%' IDENTIFIED BY 'x'")
        sql.execute(f"GRANT ALL ON {source.name}.* TO plain_{source.name}@'%'")
        user = f"plain_{source.name}"
        url = source.url.replace("whimbrel:whimbrel@", f"{user}:x@")
    assert url is not None
    with databases.Raw(source) as owner:
        owner.execute("CREATE TABLE t (id int PRIMARY KEY)")
    with contextlib.closing(registry.open_session(url)) as session:
        found = _capture(session).obstacles([_followed(session, "t")])
        if source.kind == "mariadb":
            sql.execute(f"DROP USER {user}@'%'")

    assert "may not read" in found[0].what
    assert "REPLICATION" in found[0].remedy and user in found[0].remedy
    if source.kind == "postgresql":
        assert "only the owner" in found[1].what


@on_postgresql
@pytest.mark.parametrize(
    ("made", "key", "word"),
    [
        ("CREATE TABLE t (id int)", (), "no key"),
        ("CREATE UNLOGGED TABLE t (id int PRIMARY KEY)", ("id",), "not in the server's log"),
        ("CREATE TABLE t (id int PRIMARY KEY, u int NOT NULL UNIQUE)", ("u",), "identity"),
        (
            "CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t REPLICA IDENTITY NOTHING",
            ("id",),
            "identity",
        ),
    ],
)
def test_tables_that_the_log_of_postgresql_does_not_name_are_refused(
    sql: databases.Raw, session: base.Session, made: str, key: tuple[str, ...], word: str
) -> None:
    sql.script(made)
    followed = dataclasses.replace(_followed(session, "t"), key=key)

    found = _capture(session).obstacles([followed])

    assert any(word in one.what and one.object == "t" and one.remedy for one in found)


@on_postgresql
@pytest.mark.parametrize("identity", ["FULL", "USING INDEX t_u_key"])
def test_a_key_that_is_the_replica_identity_is_told(
    sql: databases.Raw, session: base.Session, identity: str
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY, u int NOT NULL UNIQUE, big text)")
    sql.execute(f"ALTER TABLE t REPLICA IDENTITY {identity}")
    followed = _followed(session, "t", "u")
    capture = _capture(session)
    assert capture.obstacles([followed]) == []
    capture.start("one", [followed], seconds=5)

    sql.execute("INSERT INTO t VALUES (1, 10), (2, 20)")
    sql.execute("UPDATE t SET u = 30 WHERE id = 1")
    sql.execute("DELETE FROM t WHERE id = 2")

    assert set(capture.read("one", limit=9).keys["t"]) == {(b"10",), (b"20",), (b"30",)}


@on_mariadb
@pytest.mark.parametrize(
    ("made", "word"),
    [
        ("CREATE TABLE t (id int)", "no key"),
        ("CREATE TABLE t (id double PRIMARY KEY)", "double"),
        ("CREATE TABLE t (id inet6 PRIMARY KEY)", "inet6"),
        (
            "CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES p (id) ON DELETE CASCADE)",
            "foreign key",
        ),
        (
            "CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES p (id) ON UPDATE SET NULL)",
            "foreign key",
        ),
    ],
)
def test_tables_whose_changes_the_binary_log_does_not_tell_are_refused(
    sql: databases.Raw, session: base.Session, made: str, word: str
) -> None:
    sql.execute("CREATE TABLE p (id int PRIMARY KEY)")
    sql.execute(made)

    found = _capture(session).obstacles([_followed(session, "t"), _followed(session, "p")])

    assert [word in one.what and one.object == "t" for one in found] == [True]
    assert found[0].remedy


@on_mariadb
def test_what_foreign_keys_do_is_not_in_the_binary_log(
    sql: databases.Raw, session: base.Session
) -> None:
    # The reason why they are refused; the day this fails, they need not be.
    sql.execute("CREATE TABLE p (id int PRIMARY KEY)")
    sql.execute("CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES p (id) ON DELETE CASCADE)")
    sql.execute("INSERT INTO p VALUES (1)")
    sql.execute("INSERT INTO t VALUES (1, 1)")
    capture = _begun(session, "t", "p")

    sql.execute("DELETE FROM p")

    assert sql.execute("SELECT * FROM t") == []
    assert capture.read("one", limit=9).keys == {"p": [(b"1",)]}


@on_mariadb
def test_an_event_that_is_not_understood_is_never_passed_over(
    sql: databases.Raw, session: base.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    capture = _begun(session, "t")
    sql.execute("INSERT INTO t VALUES (1)")
    monkeypatch.setattr("whimbrel.engines.mysql.binlog._ROWS", {})

    with pytest.raises(errors.RefusedError, match="cannot be understood"):
        capture.read("one", limit=9)


def test_there_is_no_log_to_read_where_a_database_is_a_file(new_database: NewDatabase) -> None:
    with contextlib.closing(registry.open_session(new_database("sqlite").url)) as session:
        assert session.engine.capture(session, captures.LOG) is None


@both
def test_what_is_made_for_following_is_no_part_of_the_database(
    sql: databases.Raw, session: base.Session
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    with session.looking():
        before = session.engine.inventory(session).things()
    _begun(session, "t")

    with session.looking():
        assert session.engine.inventory(session).things() == before
        assert session.engine.catalog(session).tables() == ["t"]


@on_mariadb
def test_a_trigger_that_speaks_of_tables_is_none_of_their_changes(
    sql: databases.Raw, session: base.Session
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    capture = _begun(session, "t")

    sql.execute(
        "CREATE TRIGGER shut BEFORE INSERT ON t FOR EACH ROW "
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the table t is shut'"
    )
    sql.execute("DROP TRIGGER shut")

    assert capture.read("one", limit=9).nothing
