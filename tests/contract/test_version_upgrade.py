"""One of everything moved to the same engine, and from one version of a server to a later one.

What the catalogs say, the rows as the plain drivers read them, how far sequences have counted, and
the list of what is not moved: all of it is compared.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import psycopg
import pytest

import whimbrel
from tests import conftest, databases, engines
from tests.contract import test_inventory as listing
from tests.contract import test_sample_databases as samples
from whimbrel.transfers import transfer as transferring

OBJECTS = listing.OBJECTS
NOT_MOVED: Mapping[str, set[tuple[str, str]]] = {
    "postgresql": {
        ("other object", "operator ===(integer,integer)"),
        ("other object", "publication everything"),
        ("other object", "text search configuration searching"),
        ("privilege", "rights on people, scratch"),
        ("schema", "elsewhere: 2 tables, 1 other objects"),
    },
    "mariadb": set(),
    "sqlite": set(),
}


def full(database: databases.Database, raw: conftest.OpenRaw) -> None:
    """Make one of everything, with rows."""
    listing.fill(database, raw)
    text = (OBJECTS / f"{database.kind}_rows.sql").read_text(encoding="utf-8")
    raw(database).script(text)


def moved(
    source: databases.Database, target: databases.Database, *, whole: bool = True
) -> transferring.Transfer:
    """Move everything, and insist that it was found to be equal; `whole`: nothing was refused."""
    done = whimbrel.transfer(source.url, target.url)
    with contextlib.closing(done.verification):
        assert whole == done.ok
        assert whole == (not done.not_made)
        assert done.equal
    return done


def test_all_of_version_16_arrives_on_18(new_database, raw):
    old, new = new_database("postgresql"), new_database("postgresql18")
    full(old, raw)

    done = moved(old, new)

    assert NOT_MOVED["postgresql"] == {(one.kind, one.name) for one in done.plan.not_converted}
    assert listing.said(old) == as_before_18(listing.said(new))
    assert rows(raw(old)) == rows(raw(new))
    assert sequences(raw(old)) == sequences(raw(new))


@engines.only("sqlite", "postgresql", "postgresql18", "mariadb")
def test_all_of_a_database_arrives_on_the_same_engine(
    database: databases.Database, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    other = new_database(database.engine_id)
    full(database, raw)

    done = moved(database, other)

    lost = {(one.kind, one.name) for one in done.plan.not_converted}
    assert NOT_MOVED[database.kind] == lost
    assert listing.said(database) == listing.said(other)
    assert rows(raw(database)) == rows(raw(other))
    assert sequences(raw(database)) == sequences(raw(other))


def as_before_18(texts: Mapping[str, str]) -> dict[str, str]:
    """Return what 18 says without what 16 could not say.

    There a column that is required has a constraint with a name, and a partition the identity of
    its parent.
    """
    return {
        name: text.replace(" a  ", "   ") if name.startswith("column events_") else text
        for name, text in texts.items()
        if not text.startswith("NOT NULL")
    }


def rows(raw: databases.Raw) -> dict[str, list[str]]:
    """Return the rows of every table that is not ours, as the server writes them, sorted."""
    others: Mapping[str, str] = {}
    if raw.database.kind == "postgresql":
        names = raw.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'm', 'v')"
            " AND relnamespace = 'public'::regnamespace AND relname <> 'empty'"
            " AND NOT starts_with(relname, 'whimbrel_')"
        )
        asked = 'SELECT t::text FROM ONLY "{}" AS t'
    elif raw.database.kind == "mariadb":
        names = raw.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
            " AND table_type <> 'SEQUENCE' AND NOT table_name LIKE 'whimbrel%'"
        )
        asked = "SELECT * FROM `{}`"
        # The server writes when a row came: that is another moment on the target.
        others = {"kept": "SELECT `id`, `a`, `e` FROM `kept`"}
    else:
        names = raw.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view')"
            " AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'whimbrel%'"
        )
        asked = 'SELECT * FROM "{}"'
        others = dict.fromkeys(("searching", "of_people"), 'SELECT rowid, * FROM "{}"')
    return {
        str(name): sorted(map(repr, raw.execute(others.get(str(name), asked).format(name))))
        for (name,) in names
    }


def sequences(raw: databases.Raw) -> dict[str, object]:
    """Return what counts would give next."""
    if raw.database.kind != "postgresql":
        return {}
    names = [
        str(one)
        for (one,) in raw.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'S'"
            " AND relnamespace = 'public'::regnamespace AND NOT starts_with(relname, 'whimbrel_')"
        )
    ]
    return {name: raw.value(f"SELECT nextval('\"{name}\"')") for name in names}


def test_what_a_search_finds_is_the_same_row(new_database, raw):
    source, target = new_database("sqlite"), new_database("sqlite")
    full(source, raw)
    raw(source).execute('INSERT INTO people ("Na""me") VALUES (\'Ann\')')
    raw(source).execute("INSERT INTO of_people (of_people) VALUES ('rebuild')")

    moved(source, target)

    for asked in (
        "SELECT rowid FROM searching WHERE searching MATCH 'word'",
        "SELECT rowid FROM of_people WHERE of_people MATCH 'ann'",
        "SELECT id FROM places WHERE x0 >= 0",
    ):
        found = raw(source).execute(asked)
        assert len(found) == 1
        assert found == raw(target).execute(asked)


def test_a_search_without_texts_is_noted(new_database, raw):
    source, target = new_database("sqlite"), new_database("sqlite")
    raw(source).execute("CREATE VIRTUAL TABLE found USING fts5(words, content = '')")
    raw(source).execute("INSERT INTO found (rowid, words) VALUES (3, 'some words')")

    done = moved(source, target)

    assert (
        "virtual table found: it keeps no texts that could be read; index them again there",
    ) == (done.notes)


def test_rows_that_a_constraint_was_not_proven_for_still_arrive(new_database, raw):
    source, target = new_database("postgresql"), new_database("postgresql18")
    raw(source).script(
        "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1);"
        "CREATE TABLE c (id int PRIMARY KEY, p int); INSERT INTO c VALUES (1, 1), (-2, 9);"
        "ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (p) REFERENCES p NOT VALID,"
        " ADD CONSTRAINT k CHECK (id > 0) NOT VALID;"
    )

    moved(source, target)

    asked = (
        "SELECT conname, convalidated FROM pg_constraint"
        " WHERE conrelid = 'c'::regclass AND contype IN ('c', 'f') ORDER BY conname"
    )
    assert [("f", False), ("k", False)] == raw(target).execute(asked)
    assert [(-2, 9), (1, 1)] == raw(target).execute("SELECT id, p FROM c ORDER BY id")
    for refused in ("INSERT INTO c VALUES (3, 7)", "INSERT INTO c VALUES (-3, 1)"):
        with pytest.raises(psycopg.IntegrityError):
            raw(target).execute(refused)


def test_a_routine_that_only_an_index_needs_is_made_before_it(new_database, raw):
    source, target = new_database("postgresql"), new_database("postgresql18")
    raw(source).script(
        "CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'A'), (2, 'B');"
        "CREATE FUNCTION shown(t) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1.name)';"
        "CREATE UNIQUE INDEX by_shown ON t (shown(t));"
    )

    done = moved(source, target)

    assert () == done.plan.not_converted
    with pytest.raises(psycopg.errors.UniqueViolation):
        raw(target).execute("INSERT INTO t VALUES (3, 'a')")


def test_what_needs_a_table_that_stays_behind_is_named(new_database, raw):
    source, target = new_database("postgresql"), new_database("postgresql18")
    raw(source).script(
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY);"
        "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER on_a BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION stamp();"
        "CREATE TRIGGER on_b BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION stamp();"
        "CREATE VIEW of_a AS SELECT id FROM a; CREATE VIEW of_b AS SELECT id FROM b;"
        "CREATE VIEW of_both AS SELECT of_a.id FROM of_a JOIN of_b ON of_a.id = of_b.id;"
        "CREATE TRIGGER on_view INSTEAD OF INSERT ON of_b FOR EACH ROW EXECUTE FUNCTION stamp();"
    )

    done = whimbrel.transfer(source.url, target.url, tables=["a"])

    assert done.ok
    reason = "it needs the table 'b', which is not moved"
    assert {
        ("view", "of_b", reason),
        ("view", "of_both", reason),
        ("trigger", "on_view", reason),
    } == {(one.kind, one.name, one.why) for one in done.plan.not_converted}
    asked = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    assert [("on_a",)] == raw(target).execute(asked)
    asked = "SELECT viewname FROM pg_views WHERE schemaname = 'public'"
    assert [("of_a",)] == raw(target).execute(asked)


def test_a_view_that_the_new_version_refuses_does_not_hold_up_the_rest(new_database, raw):
    source, target = new_database("postgresql"), new_database("postgresql18")
    raw(source).script(
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);"
        # The setting is gone in version 17.
        "CREATE VIEW old AS SELECT current_setting('old_snapshot_threshold') AS s, id FROM t;"
        "CREATE VIEW settings AS SELECT adnum FROM pg_attrdef;"
        "CREATE VIEW gone AS SELECT daticulocale FROM pg_database;"
        "CREATE VIEW of_gone AS SELECT * FROM gone;"
    )

    done = moved(source, target, whole=False)

    asked = "SELECT viewname FROM pg_views WHERE schemaname = 'public' ORDER BY viewname"
    assert [("old",), ("settings",)] == raw(target).execute(asked)
    assert [("view", "gone"), ("view", "of_gone")] == [(o.kind, o.name) for o in done.not_made]
    assert "daticulocale" in done.not_made[0].why


def test_what_runs_by_the_clock_sleeps_on_the_target(new_database, raw):
    source, target = new_database("mariadb"), new_database("mariadb")
    raw(source).script(
        "CREATE TABLE t (id int PRIMARY KEY);"
        "CREATE EVENT `ENABLE it` ON SCHEDULE EVERY 1 SECOND ENABLE COMMENT 'ENABLE'"
        " DO INSERT INTO t SELECT coalesce(max(id), 0) + 1 FROM t;"
        "CREATE EVENT asleep ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM t;"
    )

    done = moved(source, target)

    asked = (
        "SELECT event_name, status, event_comment FROM information_schema.events"
        " WHERE event_schema = DATABASE() ORDER BY event_name"
    )
    assert [
        ("asleep", "DISABLED", ""),
        ("ENABLE it", "DISABLED", "ENABLE"),
    ] == raw(target).execute(asked)
    # The event itself may have written while the sessions began.
    assert "event ENABLE it: made disabled; let it run with ALTER EVENT `ENABLE it` ENABLE" in (
        done.notes
    )
    raw(target).execute("ALTER EVENT `ENABLE it` ENABLE")


def test_the_sakila_of_version_16_arrives_on_18(new_database, raw, shared):
    source, target = new_database("postgresql"), new_database("postgresql18")
    (sample,) = (
        one for one in samples.SAMPLES if (one.name, one.engine) == ("sakila", "postgresql")
    )
    samples.load(sample, source, raw, shared)

    done = moved(source, target)

    assert () == done.plan.not_converted
    assert listing.said(source) == as_before_18(listing.said(target))
    assert rows(raw(source)) == rows(raw(target))
    # Its triggers act: a row that is changed notes when.
    raw(target).execute("UPDATE actor SET first_name = 'X' WHERE actor_id = 1")
    asked = "SELECT last_update > now() - interval '1 hour' FROM actor WHERE actor_id = 1"
    assert raw(target).value(asked)
