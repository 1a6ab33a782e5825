"""Rules of a transfer that a database has a part in: numbered keys, copies told by the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import databases
from whimbrel.engines import base, forms, registry
from whimbrel.rows import changed
from whimbrel.transfers import changing, flows, mapping, remap, rulebook

OpenRaw = Callable[[databases.Database], databases.Raw]

CUSTOMERS = remap.KeyUse(
    column="id", map="shop/customers.id", assigns=True, counter="shop/customers.id", start=100
)
ORDERS = remap.KeyUse(column="customer_id", map="shop/customers.id")
TEXT = forms.Form(family=forms.Family.TEXT)


@pytest.fixture
def session(database: databases.Database) -> Iterator[base.Session]:
    opened = registry.open_session(database.url)
    yield opened
    opened.close()


@pytest.fixture
def keys(session: base.Session) -> remap.KeyMap:
    """The key map of an empty database, its tables committed."""
    made = remap.KeyMap()
    session.begin()
    made.ensure(session, [CUSTOMERS])
    session.commit()
    return made


# --- numbered keys ------------------------------------------------------------------------------


def test_keys_are_numbered_in_their_order_and_keep_their_numbers(session, keys):
    session.begin()
    first = keys.assign(session, CUSTOMERS, ["b", "a", "b"])
    session.commit()
    session.begin()
    again = keys.assign(session, CUSTOMERS, ["c", "a"])
    session.commit()

    assert {"b": 100, "a": 101} == first
    assert {"a": 101, "c": 102} == again


def test_numbers_that_are_taken_back_were_never_given(session, keys):
    session.begin()
    keys.assign(session, CUSTOMERS, ["a", "b"])
    session.rollback()
    session.begin()
    given = keys.assign(session, CUSTOMERS, ["b", "a"])
    session.commit()

    assert {"b": 100, "a": 101} == given


def test_old_keys_are_told_apart_by_every_character(session, keys):
    olds = ["a", "A", "a ", "ä", "a\0", "x" * 5_000, "x" * 4_999, "\udcff", "'", "\\", "😀", ""]
    session.begin()
    given = keys.assign(session, CUSTOMERS, olds)
    session.commit()
    session.begin()
    found = keys.lookup(session, CUSTOMERS.map, olds)
    session.rollback()

    assert list(range(100, 112)) == [given[old] for old in olds]
    assert given == found


def test_many_keys_are_found_at_once(session, keys):
    olds = [str(n) for n in range(1_700)]
    session.begin()
    keys.assign(session, CUSTOMERS, olds)

    assert 1_700 == len(keys.lookup(session, CUSTOMERS.map, [*olds, "other"]))
    session.rollback()


def test_flows_into_one_table_share_its_numbers(session, keys):
    old = remap.KeyUse(column="id", map="shop/old.id", assigns=True, counter=CUSTOMERS.counter)
    session.begin()
    here = keys.assign(session, CUSTOMERS, ["1", "2"])
    there = keys.assign(session, old, ["1", "2"])
    session.rollback()

    assert [100, 101, 102, 103] == [*here.values(), *there.values()]


def test_our_tables_are_made_once(session, keys):
    session.begin()
    keys.ensure(session, [CUSTOMERS])
    session.commit()

    assert not {remap.KEYS.name, remap.COUNTERS.name} & set(
        session.engine.catalog(session).tables()
    )


def bound(use: remap.KeyUse) -> changing.Rules:
    made = changing.Rules(flow="f", keys=(use,))
    return made.bound({use.column: TEXT}, {use.column: TEXT})


def test_rows_get_their_numbers_and_references_find_them(session, keys):
    customers = [{"id": "A"}, {"id": "B"}]
    session.begin()
    remap.number(keys, session, [CUSTOMERS], bound(CUSTOMERS), customers)
    came = bound(CUSTOMERS).apply(customers)
    new = remap.rewrite(keys, session, [CUSTOMERS], came, customers)
    orders = [{"customer_id": "B"}, {"customer_id": "Z"}, {"customer_id": None}]
    referred = remap.rewrite(keys, session, [ORDERS], bound(ORDERS).apply(orders), orders)
    session.rollback()

    assert [{"id": "100"}, {"id": "101"}] == new.rows
    assert [{"customer_id": "101"}, {"customer_id": None}] == referred.rows
    assert [0, 2] == referred.origins
    (rejected,) = referred.rejected
    assert ("refers", {"customer_id": "Z"}, 1) == (rejected.rule, rejected.row, rejected.place)
    assert "customer_id 'Z': no row of customers.id with this key is moved" == rejected.reason


def test_a_row_that_falls_takes_along_those_made_of_the_same(session, keys):
    session.begin()
    keys.assign(session, CUSTOMERS, ["A"])
    rows = [{"customer_id": key} for key in ("A", "Z", "A")]
    came = changed.Changed(rows=rows, origins=[0, 0, 1], more=1)
    made = remap.rewrite(keys, session, [ORDERS], came, [{"n": "0"}, {"n": "1"}])
    session.rollback()

    assert ([{"customer_id": "100"}], [1], 0) == (made.rows, made.origins, made.more)
    assert [{"n": "0"}] == [one.row for one in made.rejected]
    assert 2 + made.more == len(made.rows) + len(made.rejected)


# --- copies -------------------------------------------------------------------------------------


def flow_of(session: base.Session, rules: rulebook.Mapping) -> flows.Flow:
    catalog = session.engine.catalog(session)
    found = [catalog.table(name) for name in catalog.tables()]
    (flow,) = mapping.made(rules, found, session.engine)
    return flow


def ids(session: base.Session, condition: str) -> list[object]:
    rows = session.fetch(f"SELECT id FROM people WHERE {condition} ORDER BY id")
    session.rollback()
    return [row[0] for row in rows]


@pytest.fixture
def people(database: databases.Database, raw: OpenRaw) -> None:
    raw(database).execute(
        "CREATE TABLE people (id int PRIMARY KEY, email varchar(20), seen int, city varchar(20))"
    )
    for row in (
        "1, 'a@x', 5, 'Rome'", "2, 'a@x', 9, 'Rome'", "3, 'b@x', NULL, 'Rome'",
        "4, NULL, 1, 'Oslo'", "5, NULL, 1, 'Oslo'", "6, 'b@x', 2, 'Rome'",
        "7, 'a@x', 9, 'Oslo'", "8, 'c@x', NULL, NULL",
    ):  # fmt: skip
        raw(database).execute(f"INSERT INTO people VALUES ({row})")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"by": "email"}, [1, 3, 4, 5, 8]),
        ({"by": "email", "keep": "last"}, [4, 5, 6, 7, 8]),
        ({"by": "email", "keep": "last", "order": "seen"}, [4, 5, 6, 7, 8]),
        ({"by": "email", "keep": "first", "order": "seen"}, [1, 4, 5, 6, 8]),
        ({"by": ["email", "city"]}, [1, 3, 4, 5, 7, 8]),
        ({"sql": "lower(email)"}, [1, 3, 4, 5, 8]),
    ],
)
def test_one_of_all_copies_is_kept(people, session, said, kept):
    flow = flow_of(session, rulebook.Mapping().table("people", deduplicate=said))

    assert kept == ids(session, flow.where)
    (condition,) = flow.left_out.values()
    assert sorted(set(range(1, 9)) - set(kept)) == ids(session, condition)


def test_copies_are_told_among_the_rows_that_go(people, session):
    rules = rulebook.Mapping().table("people", where="id > 1", deduplicate={"by": "email"})

    flow = flow_of(session, rules)

    assert [2, 3, 4, 5, 8] == ids(session, flow.where)
    assert [[1], [6, 7]] == [ids(session, one) for one in flow.left_out.values()]


def test_rows_that_a_condition_says_nothing_of_are_counted_as_left_out(people, session):
    flow = flow_of(session, rulebook.Mapping().table("people", where="city = 'Rome'"))

    assert [1, 2, 3, 6] == ids(session, flow.where)
    assert [[4, 5, 7, 8]] == [ids(session, one) for one in flow.left_out.values()]


def test_constants_and_names_are_written_as_the_engine_reads_them(people, session):
    constant = {"a": "it's 100%", "b": True, "c": 5, "d": 2.5}
    rules = rulebook.Mapping().table("people", keep=["id"], constant=constant)

    flow = flow_of(session, rules)
    row = session.fetch(
        "SELECT " + ", ".join(one.expression for one in flow.columns) + " FROM people WHERE id = 1"
    )[0]
    session.rollback()

    assert [1, "it's 100%", True, 5, 2.5] == [*row[:4], float(row[4])]


def test_two_who_number_at_once_give_no_number_twice(session, keys, database):
    def numbered(first: int) -> dict[str, int]:
        own = registry.open_session(database.url)
        try:
            found: dict[str, int] = {}
            for n in range(first, first + 20):
                own.begin()
                found |= keys.assign(own, CUSTOMERS, [str(n), str(n + 1)])
                own.commit()
            return found
        finally:
            own.close()

    with ThreadPoolExecutor(2) as two:
        one, other = two.map(numbered, (0, 10))

    both = {**one, **other}
    assert both == {**other, **one}
    assert sorted(both.values()) == list(range(100, 100 + len(both)))
