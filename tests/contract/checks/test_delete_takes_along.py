"""The check delete-takes-along."""

from __future__ import annotations

import pytest

DELETE = 'self.execute("DELETE FROM city WHERE id = 3")'
TREE = (
    "CREATE TABLE tree (id integer NOT NULL PRIMARY KEY, up integer, "
    "FOREIGN KEY (up) REFERENCES tree (id) ON DELETE CASCADE)"
)


def refer(look, action):
    """Let a table refer to cities."""
    look.raw.execute(
        "CREATE TABLE street (id integer NOT NULL PRIMARY KEY, city integer, "
        f"FOREIGN KEY (city) REFERENCES city (id) {action})"
    )
    look.raw.execute("INSERT INTO street VALUES (1, 3)")


@pytest.mark.parametrize("action", ["ON DELETE CASCADE", "ON DELETE SET NULL"])
def test_sql_that_takes_rows_of_others_along_is_named_with_the_tables(look, action):
    refer(look, action)

    (finding,) = [f for f in look.check(DELETE) if f.slug == "delete-takes-along"]

    assert "rows of street along" in finding.what
    assert "self.delete_rows" in finding.instead


def test_rows_that_are_kept_with_it_and_foreign_keys_that_refuse_are_fine(look):
    refer(look, "ON DELETE NO ACTION")

    assert "delete-takes-along" not in look.found(DELETE)
    look.raw.execute("DROP TABLE street")
    refer(look, "ON DELETE CASCADE")
    assert "delete-takes-along" not in look.found('self.delete_rows("city", where="id = 3")')


def test_what_a_verb_cannot_keep_is_said_with_the_reason(look):
    look.raw.execute(TREE)
    look.raw.execute("INSERT INTO tree VALUES (1, NULL), (2, 1)")

    (finding,) = [
        f for f in look.check('self.delete_rows("tree")') if f.slug == "delete-takes-along"
    ]

    assert "tree refers to itself" in finding.why
    assert 'self.backfill("tree", {"up": "NULL"}' in finding.instead
    assert "delete-takes-along" not in look.found('self.delete_rows("tree", keep=True)')
