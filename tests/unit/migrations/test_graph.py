"""Order, branches and ways: what runs when, and what is taken back."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel import Migration, errors
from whimbrel.migrations import graph, loader


def file(migration: str, *depends_on: str, root: bool = False) -> loader.MigrationFile:
    """A file; without dependencies it says nothing, with `root` it says "on nothing"."""
    return loader.MigrationFile(
        id=migration,
        path=Path("migrations") / f"{migration}.py",
        fingerprint="",
        cls=Migration,
        depends_on=depends_on or (() if root else None),
        doc="",
    )


def build(*files: loader.MigrationFile) -> graph.Graph:
    return graph.Graph.build(files)


CHAIN = build(file("a"), file("b"), file("c"), file("d"))
#   a ── b1 ── b2
#    └── c1 ── c2
BRANCHES = build(file("a"), file("b1", "a"), file("b2", "b1"), file("c1", "a"), file("c2", "c1"))
STAMPED = build(
    file("20260101_101500_add_users"),
    file("20260101_101600_add_users_email"),
    file("20260202_101500_split_names"),
)


# --- order ----------------------------------------------------------------------------------


def test_files_that_say_nothing_follow_each_other_by_name():
    built = build(file("c"), file("a"), file("b"))

    assert ("a", "b", "c") == built.order
    assert {"a": (), "b": ("a",), "c": ("b",)} == built.parents
    assert list(built.order) == list(built.files)


def test_no_files_make_an_empty_order():
    built = build()

    assert ((), (), [], []) == (built.order, built.heads, built.up_path([]), built.down_path([]))


def test_a_file_follows_exactly_what_it_names():
    assert {"a": (), "b1": ("a",), "b2": ("b1",), "c1": ("a",), "c2": ("c1",)} == BRANCHES.parents
    assert ("a", "b1", "b2", "c1", "c2") == BRANCHES.order
    assert ("b2", "c2") == BRANCHES.heads


def test_a_file_that_says_nothing_joins_the_branches_before_it():
    built = build(file("a"), file("b", "a"), file("c", "a"), file("d"))

    assert ("b", "c") == built.parents["d"]
    assert ("d",) == built.heads


def test_a_file_that_says_nothing_follows_every_earlier_name():
    built = build(file("a"), file("b", root=True), file("c", "a"), file("d"), file("e", "b"))

    assert {"a", "b", "c"} == built.ancestors("d")


def test_a_file_that_depends_on_nothing_stands_apart():
    built = build(file("a"), file("b", root=True))

    assert ((), ("a", "b")) == (built.parents["b"], built.heads)


def test_a_dependency_may_have_a_later_name():
    built = build(file("a", "z"), file("z", root=True))

    assert ("z", "a") == built.order


def test_where_there_is_a_choice_the_name_decides():
    built = build(file("a", "z"), file("b", root=True), file("y", root=True), file("z", root=True))

    assert ("b", "y", "z", "a") == built.order


def test_a_merge_follows_all_that_it_names():
    built = build(*BRANCHES.files.values(), file("m", "b2", "c2"))

    assert ("m",) == built.heads
    assert {"a", "b1", "b2", "c1", "c2"} == built.ancestors("m")
    assert {"b1", "b2", "c1", "c2", "m"} == built.descendants("a")


@given(st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_order_of_the_files(shuffle: random.Random):
    files = list(BRANCHES.files.values())
    shuffle.shuffle(files)

    assert BRANCHES.order == build(*files).order


@given(st.lists(st.none() | st.sets(st.integers(0, 20), max_size=3), max_size=20))
def test_every_migration_comes_after_what_it_follows(wishes):
    files = []
    for number, wish in enumerate(wishes):
        named = sorted(f"m{i:02}" for i in wish or () if i < number)
        files.append(file(f"m{number:02}", *named, root=wish is not None))

    built = build(*files)

    assert len(files) == len(built.order)
    for child, parents in built.parents.items():
        assert all(built.order.index(parent) < built.order.index(child) for parent in parents)
    for one, wish in zip(files, wishes, strict=True):
        if wish is None:
            assert {f.id for f in files if f.id < one.id} == built.ancestors(one.id)


# --- names in depends_on --------------------------------------------------------------------


def test_the_beginning_of_a_name_is_enough_when_only_one_begins_so():
    built = build(*STAMPED.files.values(), file("20260303_000000_x", "20260202"))

    assert ("20260202_101500_split_names",) == built.parents["20260303_000000_x"]


def test_a_whole_name_is_not_confused_with_a_longer_one():
    built = build(file("users"), file("users_email", "users"), file("users_phone", "users"))

    assert ("users",) == built.parents["users_phone"]


def test_two_ways_to_write_one_dependency_are_one():
    built = build(file("abc"), file("x", "abc", "ab"))

    assert ("abc",) == built.parents["x"]


def test_an_unknown_dependency_is_refused_with_what_was_meant_first():
    with pytest.raises(errors.UnknownMigration) as caught:
        build(*STAMPED.files.values(), file("20260303_000000_x", "20260101_101500_add_usres"))

    assert "migrations/20260303_000000_x.py, depends_on" == caught.value.where
    assert caught.value.facts["object"].startswith("known: 20260101_101500_add_users,")


def test_a_dependency_that_can_mean_two_is_refused():
    with pytest.raises(errors.BadMigrationFile, match="can mean 2 migrations") as caught:
        build(file("ab1"), file("ab2"), file("x", "ab"))

    assert "ab1, ab2" == caught.value.cause


# --- circles --------------------------------------------------------------------------------


def test_a_circle_is_refused_and_named():
    with pytest.raises(errors.DependencyCycle) as caught:
        build(file("a", root=True), file("b", "d"), file("c", "b"), file("d", "c"))

    assert "b → d → c → b" == caught.value.facts["object"]


def test_a_migration_that_follows_itself_is_a_circle():
    with pytest.raises(errors.DependencyCycle) as caught:
        build(file("a", "a"))

    assert "a → a" == caught.value.facts["object"]


def test_a_circle_through_a_file_that_says_nothing_tells_why():
    with pytest.raises(errors.DependencyCycle) as caught:
        build(file("a", "b"), file("b"))

    assert "a → b (follows all earlier names) → a" == caught.value.facts["object"]


def test_what_only_leads_into_a_circle_is_not_named():
    with pytest.raises(errors.DependencyCycle) as caught:
        build(file("a", "b"), file("b", "c"), file("c", "b"))

    assert "b → c → b" == caught.value.facts["object"]


# --- finding by name ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("20260202_101500_split_names", "20260202_101500_split_names"),
        ("20260202", "20260202_101500_split_names"),
        ("split_names", "20260202_101500_split_names"),
        ("add_users", "20260101_101500_add_users"),
        ("20260101_1016", "20260101_101600_add_users_email"),
    ],
)
def test_a_migration_is_found_by_its_id_its_beginning_or_its_name(wanted, found):
    assert found == STAMPED.find(wanted)


def test_a_whole_id_goes_before_everything_else():
    built = build(file("users"), file("users_email"))

    assert "users" == built.find("users")


def test_a_name_that_can_mean_several_is_refused_with_all_of_them():
    with pytest.raises(errors.UsageError, match="can mean 2 migrations") as caught:
        STAMPED.find("20260101")

    assert "20260101_101500_add_users, 20260101_101600_add_users_email" == caught.value.object


@pytest.mark.parametrize("wanted", ["", "names", "split_nmaes", "2027"])
def test_an_unknown_name_is_refused(wanted):
    with pytest.raises(errors.UnknownMigration):
        STAMPED.find(wanted)


def test_the_nearest_name_comes_first_in_the_refusal():
    with pytest.raises(errors.UnknownMigration) as caught:
        STAMPED.find("add_usres")

    assert caught.value.facts["object"].startswith("known: 20260101_101500_add_users")


# --- against what is applied ----------------------------------------------------------------


def test_pending_is_what_is_not_applied_in_order():
    assert ["b", "d"] == CHAIN.pending(["a", "c"])


def test_missing_is_what_is_applied_without_a_file():
    assert ["z", "y"] == CHAIN.missing(["a", "z", "b", "y"])


def test_a_pending_migration_before_an_applied_one_is_out_of_order():
    assert ["b"] == CHAIN.out_of_order(["a", "c"])
    assert "c" == CHAIN.first_applied_after("b", ["a", "c"])


def test_a_pending_branch_beside_an_applied_one_is_in_order():
    assert [] == BRANCHES.out_of_order(["a", "c1", "c2"])
    assert ["b1"] == BRANCHES.out_of_order(["a", "b2", "c1", "c2"])


def test_nothing_is_out_of_order_while_the_history_is_a_beginning():
    for length in range(5):
        assert [] == CHAIN.out_of_order(CHAIN.order[:length])


def test_a_colleague_s_earlier_file_makes_order_trouble_visible():
    before = build(file("1"), file("3"))
    after = build(file("1"), file("2"), file("3"))

    assert [] == before.out_of_order(["1", "3"])
    assert ["2"] == after.out_of_order(["1", "3"])


def test_an_applied_migration_without_file_puts_nothing_out_of_order():
    assert [] == CHAIN.out_of_order(["a", "zzz"])
    assert CHAIN.first_applied_after("b", ["a", "zzz"]) is None


# --- up -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "to", "path"),
    [
        (None, None, ["b", "c", "d"]),
        (1, None, ["b"]),
        (2, None, ["b", "c"]),
        (9, None, ["b", "c", "d"]),
        (None, "c", ["b", "c"]),
        (None, "a", []),
    ],
)
def test_up_goes_all_the_way_some_steps_or_to_a_target(count, to, path):
    assert path == CHAIN.up_path(["a"], count=count, to=to)


def test_up_to_a_branch_runs_that_branch_only():
    assert ["a", "c1", "c2"] == BRANCHES.up_path([], to="c2")
    assert ["b1"] == BRANCHES.up_path(["a", "c1"], to="b1")


@pytest.mark.parametrize("count", [None, 1])
def test_up_without_target_is_refused_while_branches_are_open(count):
    with pytest.raises(errors.ManyHeads) as caught:
        BRANCHES.up_path(["a", "b1", "b2"], count=count)

    # The remedy names a branch that is still to do.
    assert "whimbrel up --to c2" in caught.value.remedy


def test_open_branches_that_are_all_applied_leave_nothing_to_do():
    assert [] == BRANCHES.up_path(["a", "b1", "b2", "c1", "c2"])


def test_up_runs_what_is_out_of_order_first():
    assert ["b", "d"] == CHAIN.up_path(["a", "c"])


@pytest.mark.parametrize("to", ["0", "base"])
def test_up_cannot_lead_to_the_base(to):
    with pytest.raises(errors.UsageError, match="up cannot lead to"):
        CHAIN.up_path([], to=to)


# --- down -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "to", "path"),
    [
        (None, None, ["c"]),
        (1, None, ["c"]),
        (2, None, ["c", "b"]),
        (9, None, ["c", "b", "a"]),
        (None, "b", ["c"]),
        (None, "a", ["c", "b"]),
        (None, "c", []),
        (None, "0", ["c", "b", "a"]),
        (None, "base", ["c", "b", "a"]),
    ],
)
def test_down_takes_back_the_newest_first(count, to, path):
    assert path == CHAIN.down_path(["a", "b", "c"], count=count, to=to)


def test_down_to_a_migration_leaves_other_branches_alone():
    applied = ["a", "b1", "c1", "b2", "c2"]

    assert ["b2"] == BRANCHES.down_path(applied, to="b1")
    assert ["c2", "b2", "c1", "b1"] == BRANCHES.down_path(applied, to="a")


def test_down_by_number_follows_the_history_not_the_names():
    assert ["b", "c"] == CHAIN.down_path(["a", "c", "b"], count=2)


def test_down_to_a_migration_that_came_late_takes_back_what_follows_it():
    assert ["c"] == CHAIN.down_path(["a", "c", "b"], to="b")
    assert [] == CHAIN.down_path(["a", "c", "b"], to="c")
    assert ["b", "c"] == CHAIN.down_path(["a", "c", "b"], to="a")


def test_down_to_a_pending_migration_is_refused():
    with pytest.raises(errors.UsageError, match="migration c is not applied") as caught:
        CHAIN.down_path(["a", "b"], to="c")

    assert "applied: b, a" == caught.value.object


def test_down_over_a_migration_without_file_is_refused():
    for way in ({"count": 2}, {"to": "a"}, {"to": "base"}):
        with pytest.raises(errors.HistoryMissing) as caught:
            CHAIN.down_path(["a", "gone", "b"], **way)
        assert "gone" == caught.value.object


def test_down_that_does_not_reach_a_migration_without_file_goes():
    assert ["b"] == CHAIN.down_path(["a", "gone", "b"])
    assert ["c"] == CHAIN.down_path(["gone", "a", "b", "c"], to="b")


def test_up_and_down_are_each_other_s_way_back():
    for to in CHAIN.order:
        up = CHAIN.up_path([], to=to)
        assert list(reversed(up)) == CHAIN.down_path(up, to="base")
        assert [] == CHAIN.down_path(up, to=to)


@pytest.mark.parametrize("way", ["up_path", "down_path"])
@pytest.mark.parametrize("count", [0, -1])
def test_a_number_below_one_is_refused(way, count):
    with pytest.raises(errors.UsageError, match="migrations far"):
        getattr(CHAIN, way)(["a"], count=count)


@pytest.mark.parametrize("way", ["up_path", "down_path"])
def test_a_number_and_a_target_together_are_refused(way):
    with pytest.raises(errors.UsageError, match="a number and --to"):
        getattr(CHAIN, way)(["a"], count=1, to="a")
