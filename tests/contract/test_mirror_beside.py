"""Columns of one table are also those of another one beside it, and both names stay."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import databases, mirrorstage
from tests.conftest import OpenRaw
from whimbrel import tables
from whimbrel.engines import mirrors


@pytest.fixture
def stage(database: databases.Database, raw: OpenRaw) -> Iterator[mirrorstage.Stage]:
    stage = mirrorstage.Stage(database, raw(database))
    yield stage
    stage.close()


def profiles(stage: mirrorstage.Stage) -> mirrors.Shape:
    """Return the shape in which `bio` and `photo` of users are to be in a table of their own."""
    stage.app.execute(
        "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(40), "
        "bio VARCHAR(40), photo VARCHAR(40))"
    )
    stage.app.execute("INSERT INTO users VALUES (1, 'Ana', 'writes', NULL), (2, 'Bo', NULL, NULL)")
    old = stage.table("users")
    columns = tuple(old.column(name) for name in ("id", "bio", "photo"))
    note = tables.FoundColumn(name="note", type=stage.words.text, null=True)
    new = tables.Table(
        name="profiles",
        columns=(*columns, note),
        primary_key=("id",),
        primary_key_name="profiles_pkey",
    )
    quote = stage.engine.quote
    said = {name: quote(name) for name in ("id", "bio", "photo")}
    return mirrors.Shape(
        mode=mirrors.Mode.BESIDE,
        old=old,
        new=new,
        key=(("id", "id"),),
        up=said,
        down={name: said[name] for name in ("bio", "photo")},
    )


def test_old_and_new_code_see_what_the_other_one_writes(stage: mirrorstage.Stage) -> None:
    shape = profiles(stage)
    app = stage.app

    with stage.mirrored(shape):
        assert stage.astray(shape) == [1]
        stage.fill(shape)
        # A row that says nothing has no partner: new code may insert it.
        assert stage.rows("profiles") == [(1, "writes", None, None)]
        # old code
        app.execute("INSERT INTO users VALUES (3, 'Cy', 'sings', 'c.png'), (4, 'Di', NULL, NULL)")
        app.execute("UPDATE users SET bio = 'reads' WHERE id = 2")
        app.execute("UPDATE users SET name = 'Anna' WHERE id = 1")
        # new code
        app.execute("INSERT INTO users (id, name) VALUES (5, 'Ed')")
        app.execute("INSERT INTO profiles (id, bio) VALUES (5, 'runs')")
        app.execute("UPDATE profiles SET photo = 'a.png', note = 'new' WHERE id = 1")

        assert stage.rows("users") == [
            (1, "Anna", "writes", "a.png"),
            (2, "Bo", "reads", None),
            (3, "Cy", "sings", "c.png"),
            (4, "Di", None, None),
            (5, "Ed", "runs", None),
        ]
        assert stage.rows("profiles") == [
            (1, "writes", "a.png", "new"),
            (2, "reads", None, None),
            (3, "sings", "c.png", None),
            (5, "runs", None, None),
        ]
        assert stage.astray(shape) == []
        assert stage.lossy(shape) == []


def test_a_partner_that_goes_leaves_the_row_and_takes_its_values(stage: mirrorstage.Stage) -> None:
    shape = profiles(stage)

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.app.execute("DELETE FROM profiles WHERE id = 1")
        stage.app.execute("UPDATE users SET name = 'Anna' WHERE id = 1")

        assert stage.rows("users") == [(1, "Anna", None, None), (2, "Bo", None, None)]
        assert stage.rows("profiles") == []
        assert stage.astray(shape) == []
        stage.fill(shape)
        assert stage.rows("profiles") == []

        stage.app.execute("UPDATE users SET id = 9, bio = 'came back' WHERE id = 1")
        stage.app.execute("DELETE FROM users WHERE id = 2")

        assert stage.rows("users") == [(9, "Anna", "came back", None)]
        assert stage.rows("profiles") == [(9, "came back", None, None)]
        assert stage.astray(shape) == []


def test_a_partner_without_a_row_is_named(stage: mirrorstage.Stage) -> None:
    shape = profiles(stage)

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.app.execute("INSERT INTO profiles (id, bio) VALUES (77, 'nobody')")

        assert stage.astray(shape) == [77]
        assert stage.lossy(shape) == [77]
