"""Work on ranges of a real table: how much is read, how far that is, and what is sent."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from whimbrel.engines import base, registry
from whimbrel.rows import keys, through, work

ROWS = 100


@pytest.fixture
def session(tmp_path: Path) -> Iterator[base.Session]:
    with contextlib.closing(registry.open_session(f"sqlite:///{tmp_path}/a.db")) as opened:
        opened.begin()
        for table in ("person", "copy"):
            opened.execute(f"CREATE TABLE {table} (id integer PRIMARY KEY, name text)")
        opened.execute("CREATE TABLE loose (id integer, name text)")
        for number in range(1, ROWS + 1):
            for table in ("person", "loose"):
                opened.execute(f"INSERT INTO {table} VALUES (?, ?)", [number, f"p{number}"])
        yield opened


def parts_of(session: base.Session, table: str = "person") -> dict[str, object]:
    found = session.engine.catalog(session).table(table)
    key = keys.choose(found, session.engine)
    return {"table": found, "way": keys.Walkway(session.engine, table, key)}


def a_reading(session: base.Session, table: str = "person", **options: object) -> work.Reading:
    return work.Reading(**parts_of(session, table), **options)


def a_through(session: base.Session, function, *, target: str = "copy", **options: object):
    return through.Through(
        **parts_of(session),
        function=function,
        target=session.engine.catalog(session).table(target),
        in_place=target == "person",
        **options,
    )


def upto(number: int) -> keys.Range:
    return keys.Range(upper=(number,))


def test_a_reading_takes_as_many_rows_as_it_may_and_says_how_far_that_is(session):
    task = a_reading(session)

    found, rows, reached, read = task.take(session, upto(ROWS), 30)
    rest = task.take(session, keys.Range(lower=(90,), upper=(ROWS,)), 30)

    assert ([(n,) for n in range(1, 31)], (30,), 30) == (found, reached, read)
    assert {"id": 1, "name": "p1"} == rows[0]
    assert (10, None, 10) == (len(rest[1]), rest[2], rest[3])


def test_rows_that_do_not_matter_count_as_read_and_are_not_searched_for_without_end(session):
    task = a_reading(session, where="id % 50 = 0")

    _, none, reached, read = task.take(session, upto(ROWS), 30)
    _, one, further, _ = task.take(session, keys.Range(lower=(30,), upper=(ROWS,)), 30)

    assert ([], (30,), 30) == (none, reached, read)
    assert ([50], (60,)) == ([row["id"] for row in one], further)


def test_a_reading_ends_where_its_bytes_do(session):
    session.execute("UPDATE person SET name = ?", ["x" * 10_000])

    _, rows, reached, read = a_reading(session, max_bytes=35_000).take(session, upto(ROWS), 50)

    assert (4, (4,), 4) == (len(rows), reached, read)


def test_the_address_of_a_row_is_a_key_and_no_column(session):
    task = a_reading(session, "loose")

    found, rows, reached, _ = task.take(session, keys.Range(), 3)

    assert [(1,), (2,), (3,)] == found
    assert ({"id": 1, "name": "p1"}, (3,)) == (rows[0], reached)


def test_the_first_row_is_found_with_its_key(session):
    task = a_reading(session, where="id > 7")

    assert ((8,), {"id": 8, "name": "p8"}) == task.one(session, upto(ROWS))
    assert task.one(session, upto(7)) is None


def test_through_says_what_it_read_wrote_and_reached(session):
    task = a_through(session, lambda row: row if row["id"] % 2 else None)

    done = task.run(session, upto(ROWS), 30)

    assert (30, 15, (30,), ()) == (done.read, done.written, done.reached, tuple(done.rejects))
    assert [(15,)] == session.fetch("SELECT count(*) FROM copy")


def test_through_says_about_how_large_the_rows_were(session):
    small = a_through(session, lambda row: None).run(session, upto(ROWS), 50).size
    session.execute("UPDATE person SET name = ?", ["x" * 10_000])
    large = a_through(session, lambda row: None).run(session, upto(ROWS), 50).size
    cut = a_through(session, lambda row: None, max_bytes=35_000).run(session, upto(ROWS), 50)

    assert 50 * 100 < small < 50 * 300
    assert 50 * 10_000 < large < 50 * 11_000
    assert (4, True) == (cut.read, cut.size >= 35_000)


@pytest.mark.parametrize("rows", [3, 10, 50])
def test_slices_of_a_batch_are_no_difference(session, monkeypatch, rows):
    monkeypatch.setattr(through, "_SLICE_ROWS", 10)

    def some(row):
        if row["id"] in (1, 10, 11, 50):
            raise LookupError(str(row["id"]))
        return row

    done = a_through(session, some).run(session, upto(ROWS), rows)

    failed = [n for n in (1, 10, 11, 50) if n <= rows]
    assert [(n,) for n in failed] == [reject.key for reject in done.rejects]
    assert rows - len(failed) == done.written
    assert [(n,) for n in range(1, rows + 1) if n not in failed] == session.fetch(
        "SELECT id FROM copy ORDER BY id"
    )


def test_only_the_columns_that_are_asked_for_are_read_and_the_key(session):
    seen = []

    a_through(session, seen.append, columns=("name",)).run(session, upto(ROWS), 1)

    assert [{"id": 1, "name": "p1"}] == seen
    seen.clear()
    a_through(session, seen.append, columns=("id",)).run(session, upto(ROWS), 1)
    assert [{"id": 1}] == seen


def test_rows_that_are_changed_in_place_are_locked_where_an_engine_can_do_that():
    locks = {name: through.row_lock(registry.by_name(name)) for name in registry.names()}

    assert {
        "sqlite": "", "postgresql": " FOR NO KEY UPDATE", "mysql": " FOR UPDATE",
        "mariadb": " FOR UPDATE",
    } == locks  # fmt: skip
