"""A schema made again on the same engine is the same schema, by the catalog's own texts."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import pytest

import whimbrel
from tests import conftest, converting, databases, engines
from tests.contract import test_convert_schema as features
from whimbrel.schema import same


@engines.without("mysql")
def test_everything_is_there_again(
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    there = new_database(database.engine_id)
    raw(database).script(features.FEATURES[database.kind])

    with converting.ends(database, there) as ends:
        inventory = ends.source.engine.inventory(ends.source)
        found = ends.found
        texts = {name: inventory.text(name) for name in found}
        schema = same.copy_schema(texts, inventory.things(), tables=found)
        ends.source.rollback()
        assert [] == converting.make(ends.target, schema)
        expected, made = (
            session.engine.catalog(session).texts() for session in (ends.source, ends.target)
        )
        ends.source.rollback()
        ends.target.rollback()

    assert plain(expected) == plain(made)
    assert () == schema.not_converted


def plain(texts: Mapping[str, str]) -> dict[str, str]:
    """Return texts without what a server adds when it reads its own words again."""
    return {
        name: text.translate(str.maketrans("", "", "() "))
        .replace("::text[]", "")
        .replace("::text", "")
        for name, text in texts.items()
    }


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_the_catalog_says_what_else_an_index_is(kind, new_database, raw):
    database = new_database(kind)
    statements = {
        "postgresql": [
            "CREATE TABLE t (a int, b text, c text, UNIQUE NULLS NOT DISTINCT (a))",
            "CREATE INDEX plain ON t (b DESC, c)",
            "CREATE INDEX hashed ON t USING hash (b)",
            "CREATE INDEX patterns ON t (c text_pattern_ops)",
            "CREATE INDEX wide ON t (a) INCLUDE (b)",
            "CREATE INDEX ends ON t (a NULLS FIRST)",
        ],
        "mariadb": [
            "CREATE TABLE t (a int, b text, c varchar(9), d longtext, KEY plain (c DESC, a))",
            "ALTER TABLE t ADD FULLTEXT KEY words (b), ADD UNIQUE KEY hashed (d)",
        ],
    }
    for statement in statements[kind]:
        raw(database).execute(statement)

    with converting.ends(database, database) as ends:
        table = ends.found["t"]

    indexes = {index.name: index for index in table.indexes}
    assert ("", (), (True, False)) == (
        indexes["plain"].method,
        indexes["plain"].extras,
        indexes["plain"].descending,
    )
    assert "hash" == indexes["hashed"].method
    if kind == "mariadb":
        assert "fulltext" == indexes["words"].method
        return
    assert ("text_pattern_ops",) == indexes["patterns"].extras
    assert ("INCLUDE (b)",) == indexes["wide"].extras
    assert ("NULLS FIRST",) == indexes["ends"].extras
    assert ("NULLS NOT DISTINCT",) == table.uniques[0].extras


def test_the_catalog_says_when_a_foreign_key_is_checked(new_database, raw):
    database = new_database("postgresql")
    raw(database).script(
        "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b));"
        "CREATE TABLE c (a int, b int,"
        " CONSTRAINT f1 FOREIGN KEY (a, b) REFERENCES p MATCH FULL ON DELETE CASCADE,"
        " CONSTRAINT f2 FOREIGN KEY (a, b) REFERENCES p DEFERRABLE,"
        " CONSTRAINT f3 FOREIGN KEY (a, b) REFERENCES p DEFERRABLE INITIALLY DEFERRED)"
    )

    with converting.ends(database, database) as ends:
        table = ends.found["c"]
        ddl = ends.source.engine.ddl(ends.source.engine.catalog(ends.source))
        texts = {key.name: ddl.add_foreign_key(table, key)[0].sql for key in table.foreign_keys}

    found = {key.name: (key.full, key.deferrable, key.immediate) for key in table.foreign_keys}
    assert {
        "f1": (True, False, False),
        "f2": (False, True, True),
        "f3": (False, True, False),
    } == found
    assert texts["f1"].endswith('REFERENCES "p" ("a", "b") MATCH FULL ON DELETE CASCADE')
    assert texts["f2"].endswith("DEFERRABLE INITIALLY IMMEDIATE")
    assert texts["f3"].endswith("DEFERRABLE INITIALLY DEFERRED")


@pytest.mark.parametrize("target", ["mariadb", "postgresql", "sqlite"])
def test_a_default_may_be_bytes_that_are_no_text(target, new_database, raw):
    source, there = new_database("mariadb"), new_database(target)
    raw(source).execute(
        "CREATE TABLE t (id int PRIMARY KEY, a varbinary(10) DEFAULT x'61ff', "
        "b blob DEFAULT x'00ff', c binary(4) DEFAULT x'ff005c27', d varchar(9) DEFAULT 'a\\\\''é' "
        "COMMENT 'it''s \\\\ é')"
    )
    raw(source).execute("INSERT INTO t (id) VALUES (1)")

    done = whimbrel.transfer(source.url, there.url)
    with contextlib.closing(done.verification):
        assert done.equal
    raw(there).execute("INSERT INTO t (id) VALUES (2)")

    assert () == done.plan.not_converted
    row = (b"a\xff", b"\0\xff", b"\xff\0\\'", "a\\'é")
    expected = [(1, *row), (2, *row)]
    assert expected == [
        tuple(bytes(one) if isinstance(one, memoryview) else one for one in found)
        for found in raw(there).execute("SELECT * FROM t ORDER BY id")
    ]
