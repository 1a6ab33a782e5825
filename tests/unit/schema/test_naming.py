"""Names of keys and indexes are the only ones where they have to be; tables keep theirs."""

from __future__ import annotations

import pytest

from whimbrel import errors
from whimbrel.engines import registry
from whimbrel.schema import naming


def names(engine: str, *, beside=(), taken=()):
    return naming.Names(registry.by_name(engine).builder(), beside, taken)


def index(given: naming.Names, name: str | None, table: str = "t", columns=("a",)) -> str:
    return given.take(name, kind="index", table=table, columns=columns, prefix="ix")


def test_a_name_that_nothing_else_has_stays_and_is_not_mentioned():
    given = names("postgresql")

    assert "by_a" == index(given, "by_a")
    assert [] == given.notes


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_two_tables_share_the_names_of_their_indexes(engine):
    given = names(engine)

    found = [index(given, "by_a", "one"), index(given, "by_a", "two"), index(given, "by_a", "two")]

    assert ["by_a", "two_by_a", "ix_two_a_2"] == found
    assert [
        "index of two has another name there: by_a → two_by_a, by_a → ix_two_a_2"
    ] == given.notes


def test_an_index_has_a_name_of_its_own_in_each_table_where_the_engine_says_so():
    given = names("mysql")

    assert ["by_a", "by_a"] == [index(given, "by_a", "one"), index(given, "by_a", "two")]


def test_foreign_keys_of_all_tables_share_their_names_there():
    given = names("mysql")

    found = [
        given.take("up", kind="foreign key", table=table, columns=["a"], prefix="fk")
        for table in ("one", "two")
    ]

    assert ["up", "two_up"] == found


def test_an_index_is_not_called_like_a_table():
    assert "t_orders" == index(names("postgresql", beside=["orders"]), "orders")
    assert "t_ORDERS" == index(names("sqlite", beside=["orders"]), "ORDERS")


def test_a_long_name_is_cut_to_one_that_says_what_it_is_of():
    found = index(names("postgresql"), "x" * 64, "orders", ["customer"])

    assert "ix_orders_customer" == found


def test_what_the_target_has_already_is_not_taken_again():
    assert "t_by_a" == index(names("postgresql", taken=["by_a"]), "by_a")


def test_names_are_given_in_the_same_way_each_time():
    asked = [(None, "one"), (None, "one"), ("x", "two"), ("x", "one")]

    found = [[index(given, *one) for one in asked] for given in (names("sqlite"), names("sqlite"))]

    assert found[0] == found[1]
    assert 4 == len(set(found[0]))


@pytest.mark.parametrize(
    ("engine", "tables", "trouble"),
    [
        ("sqlite", [("a", ["x"]), ("A", ["x"])], "tables a and A differ in the case"),
        ("mysql", [("a", ["x", "X"])], "columns of a x and X differ in the case"),
        ("postgresql", [("a" * 64, ["x"])], "longer than 63 bytes"),
        ("postgresql", [("a", ["ä" * 32])], "longer than 63 bytes"),
        ("mysql", [("a", ["ä" * 65])], "longer than 64 characters"),
        ("mysql", [("a", ["x "])], "end with a blank"),
        ("sqlite", [("sqlite_a", ["x"])], "keeps names"),
        ("postgresql", [("a", ["x", "x"])], "are one name"),
    ],
)
def test_tables_and_columns_are_refused_by_name(engine, tables, trouble):
    with pytest.raises(errors.RefusedError, match=trouble):
        naming.check(registry.by_name(engine).builder(), tables)


def test_letters_in_two_cases_are_two_names_where_they_may_be():
    naming.check(registry.by_name("postgresql").builder(), [("a", ["x", "X"]), ("A", ["x"])])
    naming.check(registry.by_name("mysql").builder(), [("a", ["x"]), ("A", ["x"])])
