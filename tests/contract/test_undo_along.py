"""Rows that a deletion takes along by foreign keys are kept with it, and come back with it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest

from tests import conftest, databases, engines
from tests.contract import test_undo
from whimbrel import errors
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]

# Teams have people, these have badges and shifts (of both, so by two ways); a note of a person
# stays without the person, and a desk too, by another name.
TABLES = """
CREATE TABLE team (id {int} PRIMARY KEY, name {text});
CREATE TABLE person (id {int} PRIMARY KEY, team_id {int} NOT NULL, name {text},
    FOREIGN KEY (team_id) REFERENCES team (id) ON DELETE CASCADE);
CREATE TABLE badge (person_id {int} NOT NULL, no {int} NOT NULL, word {text},
    PRIMARY KEY (person_id, no),
    FOREIGN KEY (person_id) REFERENCES person (id) ON DELETE CASCADE);
CREATE TABLE shift (id {int} PRIMARY KEY, team_id {int}, badge_person {int}, badge_no {int},
    length {int} GENERATED ALWAYS AS (id * 2) STORED,
    FOREIGN KEY (team_id) REFERENCES team (id) ON DELETE CASCADE,
    FOREIGN KEY (badge_person, badge_no) REFERENCES badge (person_id, no) ON DELETE CASCADE);
CREATE TABLE note (id {int} PRIMARY KEY, person_id {int}, team_id {int}, text {text},
    FOREIGN KEY (person_id) REFERENCES person (id) ON DELETE SET NULL,
    FOREIGN KEY (team_id) REFERENCES team (id) ON DELETE SET NULL);
CREATE TABLE desk (id {int} PRIMARY KEY, {percent} {int},
    FOREIGN KEY ({percent}) REFERENCES person (id) ON DELETE SET NULL)
"""
CIRCLE = """
CREATE TABLE team (id {int} PRIMARY KEY, boss {int},
    FOREIGN KEY (boss) REFERENCES team (id) ON DELETE CASCADE)
"""
KEYLESS = """
CREATE TABLE team (id {int} PRIMARY KEY);
CREATE TABLE note (team_id {int},
    FOREIGN KEY (team_id) REFERENCES team (id) ON DELETE CASCADE)
"""
WORDS = {
    "sqlite": ("INTEGER", "TEXT", '"50% of"'),
    "postgresql": ("integer", "text", '"50% of"'),
    "mariadb": ("INT", "VARCHAR(50) CHARACTER SET utf8mb4", "`50% of`"),
    "mysql": ("INT", "VARCHAR(50) CHARACTER SET utf8mb4", "`50% of`"),
}
NAMES = ("team", "person", "badge", "shift", "note", "desk")
DELETE = 'self.delete_rows("team", where="id % 2 = 0")'


def build(raw: databases.Raw, database: databases.Database, teams: int) -> None:
    """Make the tables, with some rows for each team."""
    whole, text, percent = WORDS[database.kind]
    for sql in TABLES.split(";"):
        raw.execute(sql.format(int=whole, text=text, percent=percent))

    def insert(table: str, columns: str, rows: list[str]) -> None:
        raw.execute(f"INSERT INTO {table} ({columns}) VALUES {', '.join(rows)}")

    each = range(1, teams + 1)
    people = [(t * 10 + n, t) for t in each for n in range(3)]
    insert("team", "id, name", [f"({t}, 'team {t} 🐦')" for t in each])
    insert("person", "id, team_id, name", [f"({p}, {t}, 'person {p}')" for p, t in people])
    insert("badge", "person_id, no, word", [f"({p}, {n}, NULL)" for p, _ in people for n in (1, 2)])
    insert(
        "shift",
        "id, team_id, badge_person, badge_no",
        [f"({p}, {(p % teams) + 1}, {p}, {p % 2 + 1})" for p, _ in people]
        + [f"({9000 + t}, {t}, NULL, 1)" for t in each],
    )
    insert(
        "note",
        "id, person_id, team_id, text",
        [f"({p}, {p}, {(p * 7) % teams + 1}, 'n')" for p, _ in people],
    )
    insert("desk", f"id, {percent}", [f"({p}, {p})" for p, _ in people])


def state(raw: databases.Raw) -> list[list[tuple[object, ...]]]:
    """Return all rows of all tables."""
    return [sorted(raw.execute(f"SELECT * FROM {name}"), key=repr) for name in NAMES]


def opened_with(
    project: conftest.ProjectFolder, database: databases.Database, text: str
) -> projects.Project:
    """Return a project with one migration."""
    project.migration("20260101_000000_change", text)
    return projects.open_project(folder=project.path, database=database.url)


@pytest.mark.parametrize("large", [False, True])
def test_all_that_foreign_keys_take_along_or_change_comes_back(
    large: bool, project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    look = raw(database)
    build(look, database, 30)
    if large:  # batches, by several workers
        project.config("[rows]\nsmall_table = 8\nfirst_rows = 4\nlargest_rows = 4\nworkers = 2\n")
    opened = opened_with(project, database, test_undo.method("change", DELETE))
    before = state(look)

    opened.up()
    between = state(look)
    opened.down()

    assert [15, 45, 90] == [len(rows) for rows in between[:3]]
    assert any(row[1] is None for row in between[4])
    assert any(row[1] is None for row in between[5])
    assert before == state(look)
    assert [] == test_undo.stores(look, database)
    names = look.execute(databases_tables(database))
    assert not [name for (name,) in names if name.startswith("whimbrel_undo")]


def test_what_is_kept_counts_the_rows_of_every_table(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    look = raw(database)
    build(look, database, 30)
    opened = opened_with(project, database, test_undo.method("change", DELETE))
    before = state(look)

    opened.up()
    (kept,) = opened.prune(older_than=dt.timedelta(0), dry_run=True)

    after = state(look)
    gone_or_changed = sum(len(set(a) - set(b)) for a, b in zip(before, after, strict=True))
    # A note that has lost its person and its team is kept once for each.
    had = {row[0]: row[1:3] for row in before[4]}
    twice = [row[0] for row in after[4] if row[1:3] == (None, None) and None not in had[row[0]]]
    assert len(twice) == 15
    assert gone_or_changed + len(twice) == kept.rows


def databases_tables(database: databases.Database) -> str:
    """Return the query for the names of all tables."""
    if database.kind == "sqlite":
        return "SELECT name FROM sqlite_master WHERE type = 'table'"
    here = "current_schema()" if database.kind == "postgresql" else "database()"
    return f"SELECT table_name FROM information_schema.tables WHERE table_schema = {here}"


def test_what_others_did_meanwhile_to_rows_that_were_changed_along_stays(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    look = raw(database)
    build(look, database, 4)
    opened = opened_with(project, database, test_undo.method("change", DELETE))
    opened.up()
    look.execute("UPDATE note SET text = 'mine' WHERE id = 20")
    look.execute("UPDATE note SET person_id = 10 WHERE id = 21")
    look.execute("INSERT INTO person (id, team_id, name) VALUES (22, 1, 'new')")
    since = state(look)

    with pytest.raises(errors.UndoConflicts):
        opened.down()
    untouched = state(look)
    opened.down(conflicts="new")

    assert since == untouched
    assert [(20, "mine"), (10, "n"), (22, "n")] == look.execute(
        "SELECT person_id, text FROM note WHERE id IN (20, 21, 22) ORDER BY id"
    )
    assert [(20, 2), (21, 2), (22, 1)] == look.execute(
        "SELECT id, team_id FROM person WHERE id IN (20, 21, 22) ORDER BY id"
    )


def test_the_plan_names_the_tables_and_counts_their_rows(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    build(raw(database), database, 4)
    opened = opened_with(project, database, test_undo.method("change", DELETE))

    (step,) = opened.plan().migrations[0].steps

    assert step.reversible
    assert step.keeps is not None
    assert "kept, too" in step.note
    assert set(NAMES) == set(step.tables)
    counted = step.keeps.rows or 0
    opened.up()
    ((list_of,),) = raw(database).execute("SELECT facts FROM whimbrel_kept")
    kept = ["whimbrel_undo_1_1", *re.findall(r'"was": "(\w+)"', list_of)]
    there = sum(raw(database).execute(f"SELECT count(*) FROM {name}")[0][0] for name in kept)
    # What is deleted by one way and changed by another is counted for both.
    assert there <= counted <= there + 6


@pytest.mark.parametrize(
    ("tables", "because"),
    [
        (CIRCLE, "team refers to itself"),
        (KEYLESS, "note has no key by which its rows could be found again"),
    ],
)
def test_what_cannot_be_kept_is_not_kept_by_halves_and_plan_and_check_say_why(
    tables: str,
    because: str,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
) -> None:
    look = raw(database)
    for sql in tables.split(";"):
        look.execute(sql.format(int=WORDS[database.kind][0]))
    look.execute("INSERT INTO team (id) VALUES (1)")
    opened = opened_with(project, database, test_undo.method("change", 'self.delete_rows("team")'))

    plan = opened.plan().migrations[0]
    opened.up()

    assert not plan.reversible
    assert plan.steps[0].keeps is None
    assert because in plan.steps[0].irreversible_because
    assert "not kept" in plan.steps[0].note
    with pytest.raises(errors.Irreversible):
        opened.down()


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
def test_asked_for_it_is_kept_if_nothing_goes_along_and_else_refused(
    action: str, project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    look = raw(database)
    tree = CIRCLE.replace("CASCADE", action)
    look.execute(tree.format(int=WORDS[database.kind][0]))
    look.execute("INSERT INTO team VALUES (1, NULL), (2, 1), (3, 1), (4, 2)")
    rows = "SELECT * FROM team ORDER BY id"
    before = look.execute(rows)
    delete = 'self.delete_rows("team", where="id = 1", keep=True)'
    opened = opened_with(project, database, test_undo.method("change", delete))

    (step,) = opened.plan().migrations[0].steps
    with pytest.raises(errors.WhimbrelError, match="takes 2 rows of 'team' along"):
        opened.up()
    untouched = look.execute(rows)
    if opened.status()[-1].state != "pending":
        opened.down()  # where it goes by steps, one was begun
    free = 'self.backfill("team", {"boss": "NULL"}, where="boss = 1", keep=True)'
    project.migration("20260101_000000_change", test_undo.method("change", free, delete))
    opened.up()
    between = look.execute(rows)
    opened.down()

    assert "refused if rows of team go along" in step.note
    assert before == untouched
    assert [(2, None), (3, None), (4, 2)] == between
    assert before == look.execute(rows)


@engines.only("sqlite")
def test_names_and_texts_are_found_as_the_foreign_key_finds_them(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    look = raw(database)
    look.execute("CREATE TABLE Team (code TEXT COLLATE NOCASE PRIMARY KEY NOT NULL)")
    look.execute(
        "CREATE TABLE person (id INTEGER PRIMARY KEY, team TEXT REFERENCES TEAM ON DELETE CASCADE)"
    )
    look.execute("INSERT INTO team VALUES ('A'), ('B')")
    look.execute("INSERT INTO person VALUES (1, 'a'), (2, 'A'), (3, 'b')")
    text = test_undo.method("change", 'self.delete_rows("team", where="code = \'A\'")')
    opened = opened_with(project, database, text)
    before = look.execute("SELECT * FROM person")

    opened.up()
    between = look.execute("SELECT * FROM person")
    opened.down()

    assert [(3, "b")] == between
    assert before == look.execute("SELECT * FROM person")
