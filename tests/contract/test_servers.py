"""The ground that the other tests stand on: real servers, and a fresh database per test."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pymysql
import pytest

from tests import databases, engines, servers

NASTY = "Zürich 🐦 東京 \\ ' \" % \t"


@engines.every_version
def test_a_server_is_what_it_is_called(database, raw):
    version = str(raw(database).value(_VERSION[database.kind]))

    assert _EXPECTED[database.engine_id].match(version), version


@engines.every_version
def test_a_database_is_empty_and_nobody_elses(database, new_database, raw):
    other = new_database(database.engine_id)
    raw(database).execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")

    assert database.url != other.url
    assert ["t"] == [row[0] for row in raw(database).execute(_TABLES[database.kind])]
    assert [] == raw(other).execute(_TABLES[database.kind])


@engines.every_version
def test_text_of_every_script_comes_back_as_it_was(database, raw):
    mark = "?" if database.kind == "sqlite" else "%s"
    raw(database).execute("CREATE TABLE t (v VARCHAR(100))")
    raw(database).execute(f"INSERT INTO t VALUES ({mark})", (NASTY,))

    assert [(NASTY,)] == raw(database).execute("SELECT v FROM t")


@engines.differs("ddl-commits")
def test_a_table_made_in_a_transaction_can_be_rolled_back(database, raw):
    raw(database).script("BEGIN; CREATE TABLE t (id INTEGER); ROLLBACK;")

    assert [] == raw(database).execute(_TABLES[database.kind])


@engines.only("postgresql", "postgresql18", "mariadb")
def test_the_secret_user_needs_the_right_password(database, raw):
    if database.secret_url is None:
        pytest.skip("the server was given by its URL, and tests add no users to it")
    wrong = database.secret_url.replace("S3cret", "Wrong")

    with contextlib.closing(servers.connect(database.secret_url)) as connection:
        connection.cursor().execute("CREATE TABLE mine (id INTEGER)")
    with pytest.raises((psycopg.OperationalError, pymysql.err.OperationalError)) as refusal:
        servers.connect(wrong)

    assert servers.SECRET_USER in str(refusal.value)
    assert [("mine",)] == raw(database).execute(_TABLES[database.kind])


@engines.only("postgresql", "mariadb")
def test_a_database_goes_even_if_a_connection_holds_a_lock(database, new_database, tmp_path):
    with databases.fresh(database.engine_id, tmp_path) as doomed:
        left_open = servers.connect(doomed.url)
        cursor = left_open.cursor()
        cursor.execute("CREATE TABLE t (id INTEGER)")
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM t")

    with pytest.raises((psycopg.OperationalError, pymysql.err.OperationalError)):
        servers.connect(doomed.url)
    with contextlib.suppress(psycopg.Error, pymysql.Error):
        left_open.close()


@engines.only("postgresql")
def test_a_dump_with_copy_blocks_is_a_script(database, raw):
    raw(database).script(
        "CREATE TABLE t (id int, v text);\nCOPY t (id, v) FROM stdin;\n1\ta\n2\t\\N\n\\.\n"
        "CREATE TABLE u (id int);\nCOPY u (id) FROM stdin;\n\\.\nINSERT INTO u VALUES (7);\n"
    )

    assert [(1, "a"), (2, None)] == raw(database).execute("SELECT * FROM t ORDER BY id")
    assert [(7,)] == raw(database).execute("SELECT * FROM u")


@engines.only("mariadb", "mysql")
def test_a_dump_with_delimiters_is_a_script(database, raw):
    raw(database).script(
        "-- a dump\nCREATE TABLE t (id int, v text);\nDELIMITER ;;\n"
        "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW BEGIN\n"
        "  SET NEW.v = 'a;b';\n  SET NEW.id = NEW.id + 1;\nEND;;\n\nDELIMITER ;\n"
        "INSERT INTO t (id) VALUES (1);\nINSERT INTO t (id) VALUES (2);\n"
    )

    assert [(2, "a;b"), (3, "a;b")] == raw(database).execute("SELECT * FROM t ORDER BY id")


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize("engine_id", ["postgresql", "mariadb"])
def test_only_a_durable_server_waits_for_the_disk(engine_id, new_database, raw):
    quick = new_database(engine_id)

    with servers.running(engine_id, durable=True) as server:
        durable = databases.Database(engine_id=engine_id, kind=quick.kind, url=server.url)
        with databases.Raw(durable) as connection:
            waits = connection.value(_WAITS_FOR_DISK[quick.kind])

    assert 0 == raw(quick).value(_WAITS_FOR_DISK[quick.kind])
    assert 1 == waits


@pytest.mark.slow
@pytest.mark.server
def test_servers_end_with_the_run_that_is_killed(new_database):
    new_database("postgresql")
    program = (
        "import os, signal\n"
        "from tests import servers\n"
        "with servers.keeper():\n"
        "    print(servers.get('postgresql').pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ours = ("WHIMBREL_TEST_", "PYTEST_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}

    killed = subprocess.run(
        [sys.executable, "-c", program],
        cwd=servers.ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert _ends_soon(int(killed.stdout))


def _ends_soon(pid: int) -> bool:
    until = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    return not Path(f"/proc/{pid}").exists()


_VERSION = {
    "sqlite": "SELECT sqlite_version()",
    "postgresql": "SHOW server_version",
    "mariadb": "SELECT version()",
    "mysql": "SELECT version()",
}
_EXPECTED = {
    "sqlite": re.compile(r"3\.\d+"),
    "postgresql": re.compile(r"1[4-9]\.|[2-9]\d\."),
    "postgresql18": re.compile(r"18\."),
    "mariadb": re.compile(r".*MariaDB"),
    "mysql": re.compile(r"(?!.*MariaDB)"),
}
_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    "mariadb": "SHOW TABLES",
    "mysql": "SHOW TABLES",
}
_WAITS_FOR_DISK = {
    "postgresql": "SELECT (current_setting('fsync') = 'on')::int",
    "mariadb": "SELECT @@innodb_flush_log_at_trx_commit",
}
