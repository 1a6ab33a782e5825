"""What notices changed rows, by triggers: everything that changes, and only once forgotten.

Values are looked at by those who follow (`tests/pairs/test_follow.py`); here it is keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from tests import databases
from whimbrel import errors
from whimbrel.engines import base, captures, mirrors, registry

OpenRaw = Callable[[databases.Database], databases.Raw]
NAME = "test"
SECONDS = 2.0
TABLES = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, v VARCHAR(40));
CREATE TABLE child (
  a VARCHAR(20) NOT NULL, b INTEGER NOT NULL, u INTEGER UNIQUE, parent INTEGER,
  PRIMARY KEY (a, b),
  FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE grandchild (
  id INTEGER PRIMARY KEY, a VARCHAR(20), b INTEGER,
  FOREIGN KEY (a, b) REFERENCES child (a, b) ON DELETE SET NULL
);
INSERT INTO parent VALUES (1, 'one'), (2, 'two');
INSERT INTO child VALUES ('x', 1, 10, 1), ('y', 2, 20, 2);
INSERT INTO grandchild VALUES (7, 'x', 1);
"""


@pytest.fixture
def here(database: databases.Database, raw: OpenRaw) -> databases.Raw:
    opened = raw(database)
    if database.kind == "sqlite":
        opened.execute("PRAGMA journal_mode = wal")
        opened.execute("PRAGMA foreign_keys = ON")
    opened.script(TABLES)
    return opened


@pytest.fixture
def session(here: databases.Raw) -> Iterator[base.Session]:
    opened = registry.open_session(here.database.url)
    yield opened
    opened.close()


@pytest.fixture
def capture(session: base.Session) -> captures.Capture:
    made = session.engine.capture(session, captures.TRIGGERS)
    assert made is not None
    made.start(NAME, followed(session), seconds=SECONDS)
    return made


def followed(session: base.Session, *names: str) -> list[captures.Followed]:
    catalog = session.engine.catalog(session)
    found = [catalog.table(name) for name in names or ("parent", "child", "grandchild")]
    session.rollback()
    return [captures.Followed(table=one, key=one.primary_key) for one in found]


def told(capture: captures.Capture, *, limit: int = 1_000) -> dict[str, set[tuple[str, ...]]]:
    """Read and forget; keys as people write them, without what says of which type they are."""
    changed = capture.read(NAME, limit=limit)
    capture.forget(NAME, changed.upto)
    assert not changed.altered
    return {
        table: {tuple(text.decode().removeprefix("i:").removeprefix("t:") for text in key)
                for key in keys}
        for table, keys in changed.keys.items()
    }  # fmt: skip


def leftovers(here: databases.Raw) -> Sequence[object]:
    kind = here.database.kind
    sql = {
        "sqlite": "SELECT name FROM sqlite_master WHERE name LIKE '%whimbrel%'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'whimbrel%' UNION ALL "
        "SELECT relname FROM pg_class WHERE relname LIKE 'whimbrel%' UNION ALL "
        "SELECT proname FROM pg_proc WHERE proname LIKE 'whimbrel%'",
    }.get(
        kind,
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE() "
        "UNION ALL SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_name LIKE 'whimbrel%'",
    )
    return here.execute(sql)


def test_inserts_updates_deletes_and_both_keys_of_a_key_that_changes_are_told(
    here: databases.Raw, capture: captures.Capture
) -> None:
    here.execute("INSERT INTO parent VALUES (3, 'it''s')")
    here.execute("UPDATE parent SET v = NULL WHERE id = 2")
    here.execute("UPDATE grandchild SET id = 8 WHERE id = 7")
    here.execute("DELETE FROM grandchild WHERE id = 8")

    found = told(capture)

    assert found == {"parent": {("3",), ("2",)}, "grandchild": {("7",), ("8",)}}
    assert told(capture) == {}


def test_a_key_that_changes_in_its_case_alone_is_told_with_both(
    here: databases.Raw, capture: captures.Capture
) -> None:
    here.execute("UPDATE child SET a = 'Y' WHERE b = 2")

    assert told(capture)["child"] == {("y", "2"), ("Y", "2")}


def test_rows_that_a_foreign_key_takes_along_are_told(
    here: databases.Raw, capture: captures.Capture
) -> None:
    here.execute("UPDATE parent SET id = 9 WHERE id = 2")
    moved = told(capture)
    here.execute("DELETE FROM parent WHERE id = 1")
    gone = told(capture)

    assert moved["child"] == {("y", "2")}
    assert gone == {"parent": {("1",)}, "child": {("x", "1")}, "grandchild": {("7",)}}


def test_rows_that_replace_removes_for_another_unique_key_are_told(
    here: databases.Raw, capture: captures.Capture
) -> None:
    if here.database.kind == "postgresql":
        pytest.skip("there is no REPLACE on PostgreSQL")
    here.execute("REPLACE INTO child VALUES ('new', 5, 20, 1)")

    assert told(capture)["child"] == {("new", "5"), ("y", "2")}


def test_what_is_taken_back_is_not_told(here: databases.Raw, capture: captures.Capture) -> None:
    here.execute("BEGIN")
    here.execute("INSERT INTO parent VALUES (3, 'x')")
    here.execute("SAVEPOINT s")
    here.execute("INSERT INTO parent VALUES (4, 'x')")
    here.execute("ROLLBACK TO SAVEPOINT s")
    here.execute("COMMIT")
    here.execute("BEGIN")
    here.execute("DELETE FROM parent")
    here.execute("ROLLBACK")

    assert told(capture) == {"parent": {("3",)}}


def test_a_transaction_that_began_before_and_commits_late_is_told_later(
    here: databases.Raw, capture: captures.Capture
) -> None:
    if here.database.kind == "sqlite":
        pytest.skip("SQLite has one writer: nobody can begin before and commit later")
    with databases.Raw(here.database) as late:
        late.execute("BEGIN")
        late.execute("UPDATE parent SET v = 'late' WHERE id = 1")
        here.execute("UPDATE parent SET v = 'soon' WHERE id = 2")
        soon = told(capture)
        late.execute("COMMIT")

    assert soon == {"parent": {("2",)}}
    assert told(capture) == {"parent": {("1",)}}


def test_what_comes_between_reading_and_forgetting_is_told_later(
    here: databases.Raw, capture: captures.Capture
) -> None:
    here.execute("UPDATE parent SET v = 'a' WHERE id = 1")
    changed = capture.read(NAME, limit=100)
    here.execute("UPDATE parent SET v = 'b' WHERE id = 1")
    capture.forget(NAME, changed.upto)

    assert told(capture) == {"parent": {("1",)}}


def test_what_is_not_forgotten_is_told_again_and_a_limit_leaves_the_rest(
    here: databases.Raw, capture: captures.Capture
) -> None:
    for at in range(10, 20):
        here.execute(f"INSERT INTO parent VALUES ({at}, 'x')")

    first, again = (capture.read(NAME, limit=4) for _ in range(2))
    capture.forget(NAME, first.upto)
    rest = told(capture)

    assert first.keys == again.keys and len(first.keys["parent"]) == 4
    assert len(rest["parent"]) == 6


def test_a_table_that_is_emptied_at_once_is_told_as_a_whole(
    here: databases.Raw, capture: captures.Capture
) -> None:
    if here.database.kind == "sqlite":
        pytest.skip("SQLite has no TRUNCATE, and DELETE without WHERE fires triggers")
    here.execute("TRUNCATE TABLE grandchild")

    changed = capture.read(NAME, limit=100)
    capture.forget(NAME, changed.upto)

    assert changed.emptied == {"grandchild"}
    assert capture.read(NAME, limit=100).nothing


def test_triggers_fire_for_who_says_that_he_is_a_replica(
    here: databases.Raw, capture: captures.Capture
) -> None:
    if here.database.kind != "postgresql":
        pytest.skip("only PostgreSQL lets a session switch triggers off")
    here.execute("SET session_replication_role = replica")
    here.execute("DELETE FROM grandchild")

    assert told(capture) == {"grandchild": {("7",)}}


def test_the_application_keeps_the_last_number_that_it_was_given(
    here: databases.Raw, session: base.Session
) -> None:
    kind = here.database.kind
    counts = {
        "sqlite": "id INTEGER PRIMARY KEY AUTOINCREMENT",
        "postgresql": "id serial PRIMARY KEY",
    }.get(kind, "id INTEGER AUTO_INCREMENT PRIMARY KEY")
    here.execute(f"CREATE TABLE counted ({counts}, v INTEGER)")
    made = session.engine.capture(session, captures.TRIGGERS)
    assert made is not None
    made.start(NAME, followed(session, "counted"), seconds=SECONDS)
    for at in range(3):
        here.execute(f"INSERT INTO counted (v) VALUES ({at})")

    last = {"sqlite": "last_insert_rowid()", "postgresql": "lastval()"}.get(
        kind, "last_insert_id()"
    )

    assert here.value(f"SELECT {last}") == here.value("SELECT max(id) FROM counted")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE parent ADD COLUMN nu INTEGER", "the column 'nu' is new"),
        ("ALTER TABLE parent RENAME COLUMN v TO w", "the column 'v' is gone"),
        ("ALTER TABLE grandchild RENAME TO other", "the table is not there any more"),
    ],
)
def test_a_schema_that_is_altered_is_told_in_words(
    here: databases.Raw, capture: captures.Capture, change: str, said: str
) -> None:
    here.execute(change)

    altered = capture.read(NAME, limit=100).altered

    assert said in " ".join(altered.values())


def test_triggers_that_somebody_removes_are_missed(
    here: databases.Raw, capture: captures.Capture
) -> None:
    table = " ON parent" if here.database.kind == "postgresql" else ""
    word = "rows" if table else "u"
    number = here.value("SELECT n FROM whimbrel_changes_test WHERE tab = 'parent'")
    here.execute(f"DROP TRIGGER whimbrel_changes_test_{number}_{word}{table}")

    altered = capture.read(NAME, limit=100).altered

    assert "our triggers on it are gone or disabled" in altered["parent"]


def test_it_begins_again_where_it_was_and_leaves_nothing_behind(
    here: databases.Raw, session: base.Session, capture: captures.Capture
) -> None:
    here.execute("DELETE FROM grandchild")
    capture.start(NAME, followed(session), seconds=SECONDS)
    kept = told(capture)

    capture.stop(NAME, seconds=SECONDS)
    capture.stop(NAME, seconds=SECONDS)

    assert kept == {"grandchild": {("7",)}}
    assert not capture.presence(NAME)
    assert leftovers(here) == []
    with pytest.raises(errors.CaptureLost):
        capture.read(NAME, limit=1)


def test_two_followers_are_told_apart(
    here: databases.Raw, session: base.Session, capture: captures.Capture
) -> None:
    capture.start("other", followed(session, "parent"), seconds=SECONDS)
    here.execute("DELETE FROM grandchild")
    here.execute("UPDATE parent SET v = 'x' WHERE id = 1")
    first = told(capture)

    other = capture.read("other", limit=100)
    capture.stop("other", seconds=SECONDS)

    assert set(first) == {"parent", "grandchild"}
    assert set(other.keys) == {"parent"}
    assert capture.presence(NAME)


def test_it_says_how_much_is_not_read_and_how_old_that_is(
    here: databases.Raw, capture: captures.Capture
) -> None:
    nothing = capture.lag(NAME)
    here.execute("UPDATE parent SET v = 'x'")

    lag = capture.lag(NAME)

    assert nothing == captures.Lag(changes=0, seconds=0.0)
    assert lag.changes == 2
    assert lag.seconds is not None and 0 <= lag.seconds < 30


def test_who_holds_a_table_is_not_waited_for_and_nothing_stands_behind_us(
    here: databases.Raw, session: base.Session
) -> None:
    if here.database.kind == "sqlite":
        pytest.skip("on SQLite nobody stands behind who waits")
    made = session.engine.capture(session, captures.TRIGGERS)
    assert made is not None
    with databases.Raw(here.database) as other:
        other.execute("BEGIN")
        other.execute("UPDATE parent SET v = 'x' WHERE id = 1")
        with pytest.raises(mirrors.Busy):
            made.start(NAME, followed(session, "parent"), seconds=1.0)
        other.execute("ROLLBACK")

    made.start(NAME, followed(session, "parent"), seconds=SECONDS)
    here.execute("DELETE FROM grandchild")

    assert told(made) == {}


def test_a_table_without_a_key_is_refused(here: databases.Raw, session: base.Session) -> None:
    here.execute("CREATE TABLE keyless (v INTEGER)")
    made = session.engine.capture(session, captures.TRIGGERS)
    assert made is not None

    (found,) = made.obstacles(followed(session, "keyless", "parent"))

    assert "'keyless' has no key" in found.what
    assert "--exclude keyless" in found.remedy


def test_cascades_in_a_circle_are_refused_where_they_fire_nothing(
    here: databases.Raw, session: base.Session
) -> None:
    here.execute(
        "CREATE TABLE tree (id INTEGER PRIMARY KEY, up INTEGER, "
        "FOREIGN KEY (up) REFERENCES tree (id) ON DELETE CASCADE)"
    )
    made = session.engine.capture(session, captures.TRIGGERS)
    assert made is not None

    found = made.obstacles(followed(session, "tree"))

    if here.database.kind in ("mariadb", "mysql"):
        assert "cascades in a circle" in found[0].what
    else:
        assert found == []
