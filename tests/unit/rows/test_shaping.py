"""What a function's results become: rows to insert, changes, failures; without a database."""

from __future__ import annotations

import datetime as dt
import math
import types
from collections.abc import Iterator
from decimal import Decimal

import pytest

from whimbrel import errors, tables
from whimbrel.rows import shaping, work

NAMES = ("id", "name", "data")
ROWS = [(1, "a", "x"), (2, "b", None), (3, "c", "z")]


def table(name: str = "person", **kinds: str) -> tables.Table:
    kinds = kinds or {"id": "integer", "name": "varchar(20)", "data": "text"}
    return tables.Table(
        name=name,
        columns=tuple(
            tables.FoundColumn(
                name=column, type=kind, null=True, generated="1" if column == "made" else None
            )
            for column, kind in kinds.items()
        ),
        primary_key=("id",),
    )


def inserts(function, *, rows=ROWS, names=NAMES, target=None, **options):
    source = table()
    shaper = shaping.Inserts(
        function=function,
        table=source,
        source=shaping.Dicts(source),
        key=("id",),
        target=target or table("copy"),
        made=shaping.Dicts(target or table("copy")),
        **options,
    )
    return list(shaper.shape(names, rows))


def changes(function, *, rows=ROWS, names=NAMES, source=None, **options):
    source = source or table()
    shaper = shaping.Changes(
        function=function, table=source, source=shaping.Dicts(source), key=("id",), **options
    )
    (shaped,) = shaper.shape(names, rows)
    return shaped


# --- rows to insert -----------------------------------------------------------------------------


def several(row):
    return [{"id": row["id"]}, {"id": -row["id"]}]


def generated(row):
    yield {"id": row["id"]}
    yield {"id": -row["id"]}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda row: {"id": row["id"]}, [(1,), (2,), (3,)]),
        (lambda row: None, []),
        (lambda row: [], []),
        (lambda row: () if row["id"] == 2 else ({"id": row["id"]},), [(1,), (3,)]),
        (lambda row: types.MappingProxyType({"id": row["id"]}), [(1,), (2,), (3,)]),
        (several, [(1,), (-1,), (2,), (-2,), (3,), (-3,)]),
        (generated, [(1,), (-1,), (2,), (-2,), (3,), (-3,)]),
    ],
    ids=["dict", "none", "empty list", "tuple", "mapping", "list", "generator"],
)
def test_a_function_makes_one_row_several_or_none(function, expected):
    (shaped,) = inserts(function)

    assert expected == [row for _, rows in shaped.groups for row in rows]
    assert [] == list(shaped.failed)


def test_rows_are_grouped_by_the_columns_they_name_whatever_their_order():
    made = {1: {"id": 1, "name": "a"}, 2: {"id": 2}, 3: {"name": "c", "id": 3}}

    (shaped,) = inserts(lambda row: made[row["id"]])

    assert [(("id", "name"), [(1, "a"), (3, "c")]), (("id",), [(2,)])] == shaped.groups


def test_rows_of_the_same_width_but_other_columns_are_not_mixed_up():
    (shaped,) = inserts(lambda r: {"id": 1, "name": 2} if r["id"] != 2 else {"id": 3, "data": 4})

    assert [(("id", "name"), [(1, 2), (1, 2)]), (("id", "data"), [(3, 4)])] == shaped.groups


def test_a_dict_that_is_filled_again_for_every_row_keeps_each_of_them():
    template: dict[str, object] = {}

    def fill(row):
        template.update(id=row["id"])
        return template

    def fill_twice(row) -> Iterator[dict[str, object]]:
        for sign in (1, -1):
            template.update(id=sign * row["id"])
            yield template

    assert [(("id",), [(1,), (2,), (3,)])] == inserts(fill)[0].groups
    assert [(1,), (-1,), (2,), (-2,), (3,), (-3,)] == inserts(fill_twice)[0].groups[0][1]


def test_many_rows_of_one_are_handed_on_before_all_are_made(monkeypatch):
    monkeypatch.setattr(shaping, "_MOST_ROWS", 10)

    parts = inserts(lambda row: [{"id": n} for n in range(8)])

    assert [16, 8] == [sum(len(rows) for _, rows in part.groups) for part in parts]


def test_a_batched_function_gets_a_list_and_returns_one():
    seen = []

    def function(rows):
        seen.append([row["id"] for row in rows])
        return ({"id": -row["id"]} for row in rows if row["id"] != 2)

    (shaped,) = inserts(function, batched=True)

    assert [[1, 2, 3]] == seen
    assert [(("id",), [(-1,), (-3,)])] == shaped.groups


# --- failures -----------------------------------------------------------------------------------


def fails_for_two(row):
    if row["id"] == 2:
        raise ValueError("no\n  such   thing")
    return {"id": row["id"]}


def test_rows_that_fail_are_named_with_the_reason_and_its_line_the_others_go_on():
    (shaped,) = inserts(fails_for_two)
    line = fails_for_two.__code__.co_firstlineno + 2

    assert [(("id",), [(1,), (3,)])] == shaped.groups
    assert [(1, f"ValueError: no such thing (test_shaping.py:{line})")] == shaped.failed


def test_a_generator_that_fails_in_the_middle_leaves_no_row():
    def function(row):
        yield {"id": row["id"]}
        if row["id"] == 2:
            raise KeyError("after the first")

    (shaped,) = inserts(function)

    assert [(("id",), [(1,), (3,)])] == shaped.groups
    assert [1] == [at for at, _ in shaped.failed]


def test_each_row_is_given_once_also_when_others_fail():
    seen = []

    def function(row):
        seen.append(row["id"])
        return fails_for_two(row)

    inserts(function)
    changes(function)

    assert [1, 2, 3] * 2 == seen


def test_a_batch_that_fails_is_told_as_one():
    def function(rows):
        return [fails_for_two(row) for row in rows]

    with pytest.raises(work.BatchFailed, match="ValueError: no such thing"):
        inserts(function, batched=True)
    with pytest.raises(work.BatchFailed, match="ValueError: no such thing"):
        changes(function, batched=True)


def test_our_own_errors_are_no_fault_of_a_row_even_inside_of_others():
    def function(row):
        try:
            raise errors.ModelCallRefused("a statement", why="so", remedy="do not")
        except errors.ModelCallRefused as refusal:
            raise RuntimeError("wrapped by a library") from refusal

    for shape in (inserts, changes):
        with pytest.raises(errors.ModelCallRefused):
            shape(function)


@pytest.mark.parametrize("made", ["text", 7, [1], [None], b"x", [{"id": 1}, "x"]], ids=repr)
def test_what_is_no_row_is_told_with_function_type_and_row(made):
    def make(row):
        return made if row["id"] == 2 else None

    shown = made[-1] if isinstance(made, list) and made[-1] is not None else made

    with pytest.raises(errors.UsageError) as caught:
        inserts(make)

    text = str(caught.value)
    assert f"make() returned a {type(shown).__name__} for the row id = 2 of 'person'" in text
    assert "return a row (a dict), a list of them, or None for no row" in text


@pytest.mark.parametrize("made", ["text", {"id": 1}, 7, ["x"], [None]], ids=repr)
def test_what_is_no_batch_is_told(made):
    with pytest.raises(errors.UsageError, match=r"returned a (str|dict|int|NoneType) for"):
        inserts(lambda rows: made, batched=True)


def test_unknown_computed_and_nameless_columns_are_refused():
    target = table("copy", id="integer", made="integer")

    with pytest.raises(errors.ColumnNotFound, match="nmae"):
        inserts(lambda row: {"id": 1, "nmae": 2})
    with pytest.raises(errors.RefusedError, match="computed"):
        inserts(lambda row: {"id": 1, "made": 2}, target=target)
    with pytest.raises(errors.UsageError, match="7"):
        inserts(lambda row: {7: 1})
    with pytest.raises(errors.UsageError, match="without columns"):
        inserts(lambda row: {})


# --- changes ------------------------------------------------------------------------------------


def test_only_rows_and_columns_that_differ_are_changed():
    def function(row):
        if row["id"] == 1:
            row["name"] = row["name"].upper()
        if row["id"] == 3:
            row["data"] = None
        return row

    assert [(("name",), [(1, "A")]), (("data",), [(3, None)])] == changes(function).groups


def test_fewer_columns_or_none_at_all_leave_the_others_as_they_are():
    made = {1: {"name": "A"}, 2: None, 3: {"id": 3, "name": "c"}}

    assert [(("name",), [(1, "A")])] == changes(lambda row: made[row["id"]]).groups


def test_columns_that_were_not_read_may_be_set():
    source = table(id="integer", name="text", more="text")

    shaped = changes(
        lambda row: {**row, "more": row["name"]},
        source=source, names=("id", "name"), rows=[(1, "a")],
    )  # fmt: skip

    assert [(("more",), [(1, "a")])] == shaped.groups


SAME = float("nan")


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        (1, 1, False),
        (1, True, True),
        (1, 1.0, True),
        (0.0, -0.0, True),
        (SAME, SAME, False),
        (math.nan, float("nan"), False),
        (Decimal("1.0"), Decimal("1.00"), True),
        (Decimal("1.0"), Decimal("1.0"), False),
        ("a" * 300, "".join(["a"] * 300), False),
        (b"a", "a", True),
        (None, "", True),
        (
            dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC),
            dt.datetime(2024, 1, 1, 13, tzinfo=dt.timezone(dt.timedelta(hours=1))),
            True,
        ),
        ([1, 2], [1, 2], False),
        ([1, 2], [1, 2.0], True),
    ],
    ids=repr,
)
def test_a_value_differs_if_a_database_could_tell_it_from_the_old_one(old, new, differs):
    shaped = changes(lambda row: {**row, "data": new}, rows=[(1, "a", old)])

    assert differs == bool(shaped.groups)
    assert differs == shaping.differs(new, old)


@pytest.mark.parametrize("kind", ["json", "integer[]", "mood"])
def test_what_is_changed_inside_of_a_value_is_seen(kind):
    source = table(id="integer", name="text", data=kind)
    old: list[object] = [1, {"deep": [2]}]

    def function(row):
        row["data"][1]["deep"].append(3)
        return row

    shaped = changes(function, source=source, rows=[(1, "a", old)])

    assert [(("data",), [(1, [1, {"deep": [2, 3]}])])] == shaped.groups
    assert [1, {"deep": [2]}] == old


def test_the_key_cannot_be_changed():
    with pytest.raises(errors.RefusedError, match=r"person\.id, by which the table is walked"):
        changes(lambda row: {**row, "id": row["id"] + 1})
    with pytest.raises(errors.RefusedError, match=r"person\.id"):
        changes(lambda row: {"id": -1})
    with pytest.raises(errors.RefusedError, match=r"person\.id"):
        changes(lambda rows: [{"id": -1} for _ in rows], batched=True)


@pytest.mark.parametrize("made", [[{"id": 1}], "x", 1, iter(())], ids=["list", "str", "int", "it"])
def test_in_place_one_row_becomes_one_row(made):
    with pytest.raises(errors.UsageError, match=r"for the row id = 1 of 'person'") as caught:
        changes(lambda row: made)

    assert "None to leave it as it is" in caught.value.remedy


def test_in_place_a_batch_becomes_as_many_rows():
    with pytest.raises(errors.UsageError, match=r"was given 3 rows of 'person'.*returned 2"):
        changes(lambda rows: rows[1:], batched=True)


def test_in_place_a_batch_may_leave_rows_as_they_are():
    shaped = changes(lambda rows: [None, {**rows[1], "name": "B"}, rows[2]], batched=True)

    assert [(("name",), [(2, "B")])] == shaped.groups


def test_the_address_of_a_row_is_not_shown_to_the_function():
    seen = []
    source = table()
    shaper = shaping.Inserts(
        function=lambda row: seen.append(dict(row)),
        table=source,
        source=shaping.Dicts(source),
        key=(work.ADDRESS,),
        address=True,
        target=source,
        made=shaping.Dicts(source),
    )

    list(shaper.shape((work.ADDRESS, "id", "name"), [(77, 1, "a")]))

    assert [{"id": 1, "name": "a"}] == seen
