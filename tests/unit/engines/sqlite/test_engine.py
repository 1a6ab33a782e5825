"""Sessions on files of every kind, and what a session may do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.unit.engines.sqlite import driving
from whimbrel import errors
from whimbrel.engines import base
from whimbrel.engines.sqlite.engine import ENGINE

ODD_NAMES = ["a?b#c%20.db", "with a blank.db", "ünïcödé 表.db", "quo'te\"d.db", "a&b=c;d.db"]


def url(path: Path | str) -> sa.URL:
    return sa.URL.create("sqlite", database=str(path))


def fingerprint(path: Path) -> tuple[bytes, int, list[str]]:
    """Return a file's bytes, when it was changed, and what lies beside it."""
    beside = sorted(file.name for file in path.parent.iterdir())
    return path.read_bytes(), path.stat().st_mtime_ns, beside


# --- opening --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_file_of_any_name_is_written_and_then_only_read(
    tmp_path: Path, name: str, mode: str
) -> None:
    path = tmp_path / name
    with driving.session(path) as session:
        session.driver.execute(f"PRAGMA journal_mode = {mode}")  # type: ignore[attr-defined]
        session.execute("CREATE TABLE t (a)")
        session.execute("INSERT INTO t VALUES (1)")
        session.commit()
    before = fingerprint(path)

    with driving.session(path, read_only=True) as session:
        found = session.fetch("SELECT a FROM t")
        tables = ENGINE.catalog(session).tables()
        ENGINE.planned(session)

    assert ([(1,)], ["t"]) == (found, tables)
    assert before == fingerprint(path)
    assert [name] == [file.name for file in tmp_path.iterdir()]


def test_reading_a_wal_database_that_is_in_use_sees_it_and_leaves_its_files(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE t (a)")
        before = fingerprint(path)

        with driving.session(path, read_only=True) as session:
            tables = ENGINE.catalog(session).tables()

        assert ["t"] == tables
        assert before == fingerprint(path)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (2)",
        "CREATE TABLE u (a)",
        "DROP TABLE t",
        "PRAGMA user_version = 7",
    ],
)
def test_a_session_for_reading_cannot_write(tmp_path: Path, sql: str) -> None:
    path = driving.make(tmp_path / "t.db", "CREATE TABLE t (a)")

    with (
        driving.session(path, read_only=True) as session,
        pytest.raises(sa.exc.OperationalError, match="readonly"),
    ):
        session.fetch("PRAGMA query_only = OFF")
        session.execute(sql)


def test_looking_at_a_file_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with driving.session(tmp_path / "none.db", read_only=True) as session:
        tables = ENGINE.catalog(session).tables()
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            session.execute("CREATE TABLE t (a)")

    assert [] == tables
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [None, "", ":memory:"])
def test_a_database_in_memory_is_opened(name: str | None) -> None:
    session = ENGINE.open(sa.URL.create("sqlite", database=name))

    session.execute("CREATE TABLE t (a)")
    session.commit()

    assert ["t"] == ENGINE.catalog(session).tables()
    session.close()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    for read_only in (False, True):
        with pytest.raises(errors.DatabaseUnavailable) as refused:
            ENGINE.open(url(tmp_path / "no" / "app.db"), read_only=read_only)

        assert "does not exist" in (refused.value.cause or "")
        assert f"mkdir -p {tmp_path / 'no'}" == refused.value.remedy


def test_a_folder_is_not_a_database(tmp_path: Path) -> None:
    with pytest.raises(errors.DatabaseUnavailable, match="is a folder"):
        ENGINE.open(url(tmp_path))


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(errors.DatabaseUnavailable, match="is not a folder"):
        ENGINE.open(url(tmp_path / "file" / "app.db"))


@pytest.mark.parametrize("read_only", [True, False])
def test_another_kind_of_file_is_not_opened_and_not_changed(
    tmp_path: Path, read_only: bool
) -> None:
    path = tmp_path / "notes.db"
    path.write_text("these are only notes, and more of them than one page\n" * 200)
    before = fingerprint(path)

    with pytest.raises(errors.DatabaseUnavailable) as refused:
        ENGINE.open(url(path), read_only=read_only)

    assert "file is not a database" == refused.value.cause
    assert "another kind of file" in (refused.value.remedy or "")
    assert before == fingerprint(path)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_cannot_be_written_is_refused_at_once_and_can_still_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    path = driving.make(tmp_path / "t.db", "CREATE TABLE t (a)")
    forbidden = path if what == "file" else tmp_path
    # Root may write everything, so the system's answer is given for it.
    monkeypatch.setattr(os, "access", lambda asked, _: Path(asked) != forbidden)

    with pytest.raises(errors.DatabaseUnavailable) as refused:
        ENGINE.open(url(path))

    assert f"the {what} {forbidden} is read-only" in (refused.value.cause or "")
    assert "chmod u+w" in (refused.value.remedy or "")
    with driving.session(path, read_only=True) as session:
        assert ["t"] == ENGINE.catalog(session).tables()


def test_a_file_that_is_only_to_be_made_needs_a_folder_that_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(errors.DatabaseUnavailable, match="is read-only"):
        ENGINE.open(url(tmp_path / "new.db"))

    assert [] == list(tmp_path.iterdir())


def test_a_library_that_is_too_old_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))

    with pytest.raises(errors.DatabaseUnavailable) as refused:
        ENGINE.open(url(tmp_path / "t.db"))

    assert "needs 3.35 or later" in (refused.value.cause or "")


@pytest.mark.parametrize(
    ("text", "why"),
    [("sqlite://app.db", "names a server"), ("sqlite:///app.db?mode=ro", "options")],
)
def test_a_url_that_means_something_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(errors.BadUrl, match=why):
        ENGINE.open(sa.make_url(text))


def test_a_database_that_is_being_written_can_be_opened(tmp_path: Path) -> None:
    path = driving.make(tmp_path / "t.db", "CREATE TABLE t (a)")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")

        with driving.session(path) as session:
            assert ["t"] == ENGINE.catalog(session).tables()


# --- a session ------------------------------------------------------------------------------


@pytest.fixture
def session(tmp_path: Path) -> Iterator[base.Session]:
    with driving.session(driving.make(tmp_path / "t.db", "CREATE TABLE t (a)")) as opened:
        yield opened


def test_schema_and_rows_are_taken_back_together(session: base.Session) -> None:
    session.execute("CREATE TABLE u (a)")
    session.execute("INSERT INTO t VALUES (1)")
    session.rollback()

    assert [] == session.fetch("SELECT a FROM t")
    assert ["t"] == ENGINE.catalog(session).tables()


def test_a_transaction_has_the_right_to_write_from_its_beginning(
    session: base.Session, tmp_path: Path
) -> None:
    session.begin()

    with (
        closing(sqlite3.connect(tmp_path / "t.db", timeout=0)) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("INSERT INTO t VALUES (1)")


def test_a_transaction_that_cannot_begin_says_why(session: base.Session, tmp_path: Path) -> None:
    session.driver.execute("PRAGMA busy_timeout = 1")  # type: ignore[attr-defined]
    with closing(sqlite3.connect(tmp_path / "t.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(errors.DatabaseUnavailable) as refused:
            session.begin()
        other.execute("ROLLBACK")
        session.begin()

    assert "another program has been writing" in (refused.value.cause or "")
    assert session.in_transaction


def test_reading_the_catalog_opens_no_transaction(session: base.Session) -> None:
    ENGINE.catalog(session).table("t")
    ENGINE.planned(session)

    assert not session.in_transaction


def test_statements_outside_of_a_transaction_commit_by_themselves(
    session: base.Session, tmp_path: Path
) -> None:
    with session.outside_transaction():
        session.execute("INSERT INTO t VALUES (1)")
        seen = driving.query(tmp_path / "t.db", "SELECT a FROM t")
        session.execute("VACUUM")
    session.execute("INSERT INTO t VALUES (2)")
    session.rollback()

    assert [(1,)] == seen
    assert [(1,)] == session.fetch("SELECT a FROM t")


def test_foreign_keys_are_on(session: base.Session) -> None:
    assert [(1,)] == session.fetch("PRAGMA foreign_keys")


def test_our_own_functions_are_there(session: base.Session) -> None:
    assert [("B",)] == session.fetch("SELECT whimbrel_upper('b')")


def test_the_last_key_is_known(session: base.Session) -> None:
    assert ENGINE.last_insert_id(session) is None

    session.execute("INSERT INTO t (rowid, a) VALUES (41, 1)")

    assert 41 == ENGINE.last_insert_id(session)


def test_a_migration_that_rebuilds_does_not_begin_in_an_open_transaction(
    session: base.Session,
) -> None:
    session.begin()

    with pytest.raises(errors.RefusedError, match="a transaction is open already"):
        ENGINE.begin_migration(session, rebuilds=True)


def test_a_migration_without_a_rebuild_keeps_foreign_keys_on(session: base.Session) -> None:
    ENGINE.begin_migration(session, rebuilds=False)

    assert session.in_transaction
    assert [(1,)] == session.fetch("PRAGMA foreign_keys")
    ENGINE.before_commit(session)


# --- who is who -----------------------------------------------------------------------------


def test_a_database_is_the_same_by_every_path_to_it(tmp_path: Path) -> None:
    path = driving.make(tmp_path / "t.db", "CREATE TABLE t (a)")
    link = tmp_path / "link.db"
    link.symlink_to(path)

    with driving.session(path) as one, driving.session(link) as other:
        assert ENGINE.identity(one) == ENGINE.identity(other)


def test_two_databases_in_memory_are_not_the_same() -> None:
    one, other = ENGINE.open(url("")), ENGINE.open(url(""))

    assert ENGINE.identity(one) == ENGINE.identity(one)
    assert ENGINE.identity(one) != ENGINE.identity(other)
    one.close()
    other.close()


def test_text_is_rendered_with_every_name_quoted_and_single_percent_signs() -> None:
    table = sa.table("user", sa.column("order"), sa.column("plain"))

    text = ENGINE.compile(sa.select(table.c.plain).where(table.c.order.like("50%")))

    assert " ".join(text.split()) == (
        'SELECT "user"."plain" FROM "user" WHERE "user"."order" LIKE \'50%\''
    )
    assert '"we""ird"' == ENGINE.quote('we"ird')
