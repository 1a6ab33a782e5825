"""`--existing fill`: what tables of the user's own would refuse is said before a row moves."""

from __future__ import annotations

import pytest

import whimbrel
from tests import conftest, databases
from whimbrel import errors

ANA = ["Ana", "ANA", "ana ", "Aña", "ana"]


@pytest.fixture
def people(new_database: conftest.NewDatabase, raw: conftest.OpenRaw) -> databases.Database:
    database = new_database("postgresql")
    raw(database).execute("CREATE TABLE people (id int PRIMARY KEY, name text, born date)")
    for id_, name in enumerate(ANA):
        raw(database).execute("INSERT INTO people VALUES (%s, %s, NULL)", (id_, name))
    return database


MARIADB = "CREATE TABLE people (id int PRIMARY KEY, name varchar(20) COLLATE {} UNIQUE, born date)"


@pytest.mark.parametrize(
    ("collation", "copies"),
    [
        ("utf8mb4_bin", 1),  # blanks at the end
        ("utf8mb4_nopad_bin", 0),
        ("utf8mb4_spanish_ci", 3),
        ("utf8mb4_general_ci", 4),
        ("utf8mb4_unicode_ci", 4),
        ("utf8mb4_unicode_520_nopad_ci", 3),
    ],
)
def test_texts_that_the_targets_keys_take_for_the_same_are_named(
    collation: str,
    copies: int,
    people: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    there = new_database("mariadb")
    raw(there).execute(MARIADB.format(collation))

    if copies:
        with pytest.raises(errors.TransferRefused) as refused:
            whimbrel.transfer(people.url, there.url, existing="fill")
        noun = "1 row of people is a copy" if copies == 1 else f"{copies} rows of people are copies"
        assert f"{noun} of another one to the target, by name (name)" in str(refused.value)
        assert 0 == raw(there).value("SELECT count(*) FROM people")
    done = whimbrel.transfer(people.url, there.url, existing="fill", max_rejects=copies)

    # Exactly those that the server itself would have refused.
    assert (5 - copies, copies) == (done.rows, done.rejected)


@pytest.mark.parametrize(("level", "copies"), [("ks-level1", 3), ("ks-level2", 2)])
def test_collations_of_the_users_on_postgresql_are_asked(
    level: str,
    copies: int,
    people: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    there = new_database("postgresql18")
    if not raw(there).value("SELECT count(*) FROM pg_collation WHERE collname = 'en-x-icu'"):
        pytest.skip("this PostgreSQL was built without ICU")
    raw(there).execute(
        f"CREATE COLLATION loose (provider = icu, locale = 'und-u-{level}', deterministic = false)"
    )
    raw(there).execute("CREATE TABLE people (id int, name text COLLATE loose UNIQUE, born date)")

    with pytest.raises(errors.TransferRefused, match=f"{copies} rows of people are copies"):
        whimbrel.transfer(people.url, there.url, existing="fill")
    done = whimbrel.transfer(people.url, there.url, existing="fill", max_rejects=copies)

    assert (5 - copies, copies) == (done.rows, done.rejected)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mariadb"])
def test_keys_and_not_null_that_the_source_has_not_are_held_against_its_rows(
    engine: str,
    people: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    there = new_database(engine)
    raw(people).execute("UPDATE people SET name = 'same' WHERE id < 2")
    raw(there).execute("CREATE TABLE people (id int, name varchar(20) UNIQUE, born date NOT NULL)")

    with pytest.raises(errors.TransferRefused) as refused:
        whimbrel.transfer(people.url, there.url, existing="fill")

    copies = "3 rows of people are copies" if engine == "mariadb" else "1 row of people is a copy"
    assert f"{copies} of another one to the target" in str(refused.value)
    assert "5 values of people.born are NULL" in str(refused.value)
    assert 0 == raw(there).value("SELECT count(*) FROM people")


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mariadb"])
def test_what_fits_goes(
    engine: str,
    people: databases.Database,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    there = new_database(engine)
    raw(people).execute("DELETE FROM people WHERE id > 0")
    raw(there).execute(
        "CREATE TABLE people (id int PRIMARY KEY, name varchar(20) NOT NULL UNIQUE, born date)"
    )

    done = whimbrel.transfer(people.url, there.url, data_only=True)

    assert (True, 1) == (done.ok, done.rows)
