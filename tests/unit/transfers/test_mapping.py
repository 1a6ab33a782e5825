"""Rules of a transfer: what flows they mean, what is refused where they are written."""

from __future__ import annotations

import datetime as dt
import pickle
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel import config, errors, tables
from whimbrel.engines import forms, registry
from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Question
from whimbrel.rows import changed
from whimbrel.transfers import changing, mapping, remap, rulebook

TEXT = forms.Form(family=Family.TEXT)
INTEGER = forms.Form(family=Family.INTEGER)
PRICE = forms.Form(family=Family.DECIMAL, scale=2)
DATE = forms.Form(family=Family.DATE)
UUID = forms.Form(family=Family.UUID)


def table(name, *columns, key=("id",)):
    found = tuple(tables.FoundColumn(name=c, type="TEXT", null=True) for c in columns)
    return tables.Table(name=name, columns=found, primary_key=key)


CUSTOMERS = table("tbl_cust", "id", "nm", "email", "born", "city")
ORDERS = table("tbl_order", "id", "cust_id", "total")
LOG = table("log_2020", "id", "line")
CATALOG = (CUSTOMERS, ORDERS, LOG)
ENGINE = registry.by_name("sqlite")


def flows(rules=None, **chosen):
    made = mapping.made(rules, CATALOG, ENGINE, mapping.Chosen(**chosen))
    return {flow.name: flow for flow in made}


def refused(rules, **chosen):
    with pytest.raises(errors.BadMapping) as caught:
        flows(rules, **chosen)
    return caught.value


def toml(folder: Path, text: str) -> rulebook.Mapping:
    (folder / "whimbrel.toml").write_text(text, encoding="utf-8")
    (said,) = config.read(folder / "whimbrel.toml").transfers.values()
    return rulebook.read(said)


def columns(flow):
    return {one.target: one.expression for one in flow.columns}


# --- which tables -------------------------------------------------------------------------------


def test_without_rules_every_table_goes_as_it_is():
    found = flows()

    assert ["tbl_cust", "tbl_order", "log_2020"] == list(found)
    assert all(flow.name == flow.target == flow.table for flow in found.values())
    assert all(not flow.columns and flow.change is None for flow in found.values())


def test_tables_are_chosen_by_names_and_patterns():
    assert ["tbl_cust", "tbl_order"] == list(flows(tables=("tbl_*",)))
    assert ["tbl_order"] == list(flows(tables=("tbl_*",), exclude=("tbl_cust",)))
    assert ["log_2020"] == list(flows(rulebook.Mapping(exclude="tbl_*")))


def test_what_is_chosen_and_does_not_exist_is_refused():
    assert "tbl_cust" in str(refused(None, tables=("tbl_csut",)).remedy)
    assert "matches no table" in refused(None, exclude=("x*",)).what
    assert "tbl_cust" in str(refused(None, where={"tbl_cus": "1"}).remedy)


def test_tables_that_no_rule_speaks_of_can_be_left():
    rules = rulebook.Mapping(rest="leave").table("customers", from_="tbl_cust")

    assert ["customers"] == list(flows(rules))


def test_tables_get_other_names():
    rules = rulebook.Mapping(rename={"tbl_cust": "customers"})

    assert "customers" == flows(rules)["tbl_cust"].target


def test_a_table_may_be_named_by_its_source_or_its_target():
    by_target = flows(rulebook.Mapping().table("customers", from_="tbl_cust"))["customers"]
    by_source = flows(rulebook.Mapping().table("tbl_cust", into="customers"))["tbl_cust"]

    assert ("tbl_cust", "customers") == (by_target.table, by_target.target)
    assert ("tbl_cust", "customers") == (by_source.table, by_source.target)


def test_two_flows_go_into_one_table_only_if_it_is_said():
    twice = rulebook.Mapping(rename={"log_2020": "tbl_order"})
    meant = rulebook.Mapping().table("log_2020", into="tbl_order")

    assert "both go into the table 'tbl_order'" in refused(twice).what
    assert "tbl_order" == flows(meant)["log_2020"].target


def test_rules_about_a_table_that_is_left_out_are_refused():
    rules = rulebook.Mapping(exclude="log_*").table("log_2020", drop="line")

    assert "which only and exclude leave out" in refused(rules).what


# --- columns ------------------------------------------------------------------------------------


def test_columns_are_renamed_and_dropped():
    rules = rulebook.Mapping().table("tbl_cust", rename={"nm": "name"}, drop=["city"])

    flow = flows(rules)["tbl_cust"]

    assert ({"nm": "name"}, frozenset({"city"}), ()) == (flow.rename, flow.drop, flow.columns)


def test_only_some_columns_are_kept():
    rules = rulebook.Mapping().table("tbl_cust", keep=["id", "nm"])

    assert frozenset({"email", "born", "city"}) == flows(rules)["tbl_cust"].drop


def test_columns_are_computed_or_constant():
    rules = rulebook.Mapping().table(
        "tbl_cust",
        keep=["id", "nm"],
        compute={"nm": "upper(nm)"},
        constant={"system": "it's", "active": True, "rate": Decimal("1.5")},
    )

    flow = flows(rules)["tbl_cust"]

    assert {
        "id": '"id"', "nm": "upper(nm)", "system": "'it''s'", "active": "1", "rate": "1.5",
    } == columns(flow)  # fmt: skip
    assert [("id", "id"), ("nm", None)] == [(one.target, one.plain) for one in flow.columns][:2]


def test_one_table_is_split_into_two():
    rules = (
        rulebook.Mapping()
        .table("people", from_="tbl_cust", keep=["id", "nm"])
        .table("addresses", from_="tbl_cust", keep=["id", "city"], where="city IS NOT NULL")
    )

    found = flows(rules)

    assert "tbl_cust" not in found
    assert "tbl_cust" == found["people"].table == found["addresses"].table
    assert "city IS NOT NULL" == found["addresses"].where
    assert {"not where city IS NOT NULL"} == set(found["addresses"].left_out)


def test_two_tables_are_joined_into_one():
    query = "SELECT o.id, c.nm AS customer FROM tbl_order o JOIN tbl_cust c ON c.id = o.cust_id"
    rules = rulebook.Mapping().table("orders", query=query, key="id", types={"id": "bigint"})

    flow = flows(rules)["orders"]

    assert (None, query, ("id",)) == (flow.table, flow.query, flow.key)
    assert {"id": '"id"', "customer": '"customer"'} == columns(flow)


def test_conditions_of_rules_and_of_the_command_line_both_hold():
    rules = rulebook.Mapping().table("tbl_cust", where="id > 5")

    assert "(id > 5) AND (id < 9)" == flows(rules, where={"tbl_cust": "id < 9"})["tbl_cust"].where


WRONG = [
    (lambda r: r.table("customers"), "the source does not have", 'from = "'),
    (lambda r: r.table("c", from_="tbl_csut"), "the source does not have", "did you mean tbl_cust"),
    (lambda r: r.table("tbl_cust", rename={"nme": "x"}), "'nme' in rename, which tbl_cust", "nm"),
    (lambda r: r.table("tbl_cust", drop=["emial"]), "'emial' in drop", "did you mean email"),
    (lambda r: r.table("tbl_cust", cleanse={"nm2": ["trim"]}), "'nm2' in cleanse", "mean nm"),
    (
        lambda r: r.table("tbl_cust", rename={"nm": "name"}, cleanse={"nm": "trim"}),
        "'nm' in cleanse",
        "it is called name in the target",
    ),
    (lambda r: r.table("tbl_cust", types={"emial": "text"}), "'emial' in types", "email"),
    (lambda r: r.table("tbl_cust", rename={"nm": "city"}), "the column 'city' twice", "drop"),
    (lambda r: r.table("tbl_cust", rename={"nm": "n"}, drop="nm"), "also leave out", "rename"),
    (lambda r: r.table("tbl_cust", drop=[c.name for c in CUSTOMERS.columns]), "no column", "keep"),
    (lambda r: r.table("x", query="SELECT * FROM tbl_cust"), "have no names", "name each"),
    (lambda r: r.table("x", query="SELECT 1 +"), "is not understood", "SQL of the source"),
    (lambda r: r.table("x", query="DELETE FROM tbl_cust"), "no SELECT", "SELECT"),
    (lambda r: r.table("x", query="SELECT id FROM t", key="di"), "'di' in key", "id"),
    (lambda r: r.table("tbl_cust", remap={"borm": "uuid"}), "'borm' in remap", "mean born"),
    (
        lambda r: r.table("tbl_order", refers={"cust_id": "tbl_cust.id"}),
        "refer to 'tbl_cust.id', which gets no new keys",
        "(none)",
    ),
    (
        lambda r: r.table("tbl_cust", deduplicate={"by": "emial"}),
        "'emial' in deduplicate",
        "did you mean email",
    ),
]


@pytest.mark.parametrize(("write", "what", "remedy"), WRONG)
def test_what_the_source_does_not_have_is_refused_with_the_nearest(write, what, remedy):
    error = refused(write(rulebook.Mapping()))

    assert what in error.what
    assert remedy in error.remedy
    assert "test_mapping.py:" in error.where


# --- how they are written -----------------------------------------------------------------------

UNFIT = [
    ({"renmae": {"a": "b"}}, "the unknown option 'renmae'", "did you mean rename"),
    ({"drop": 5}, "a name or a list of names", "correct"),
    ({"rename": {"a": 5}}, "a text for 'a'", "correct"),
    ({"constant": {"a": None}}, "for 'a'", "correct"),
    ({"constant": {"a": "a\\b"}}, "a backslash", "correct"),
    ({"remap": {"id": "serial"}}, '"sequence"', "correct"),
    ({"remap": {"id": {"offset": "x"}}}, '"sequence"', "correct"),
    ({"cleanse": {"nm": ["trm"]}}, "did you mean trim", "correct"),
    ({"deduplicate": {"by": "a", "keep": "best"}}, '"first" or "last"', "correct"),
    ({"deduplicate": {}}, "needs to know what is equal", "correct"),
    ({"query": "SELECT 1 AS a", "where": "a = 1"}, "a query and where", "in the query itself"),
    ({"key": "id"}, "a key but no query", "own key"),
    ({"keep": "a", "drop": "b"}, "keep and drop", "one of them"),
    ({"makes": {"a": "text"}}, "makes but no function", "file.py:name"),
    ({"remap": {"a": "uuid"}, "refers": {"a": "b.c"}}, "new keys and let it refer", "take it out"),
    ({"function": "rules"}, "a function that is none", "rules.py:customer"),
]


@pytest.mark.parametrize(("options", "what", "remedy"), UNFIT)
def test_options_that_cannot_be_meant_are_refused(options, what, remedy, tmp_path):
    with pytest.raises(errors.BadMapping) as caught:
        rulebook.Mapping()._add("tbl_cust", options, lambda option: f"here:{option}")

    assert what in caught.value.what
    assert remedy in caught.value.remedy


def test_the_same_is_read_from_toml_and_from_python(tmp_path):
    read = toml(
        tmp_path,
        """
        [transfers.shop]
        exclude = ["log_*"]
        rename = { tbl_order = "orders" }

        [transfers.shop.cleanse]
        "*.*" = ["trim"]

        [transfers.shop.tables.customers]
        from = "tbl_cust"
        where = "id > 5"
        rename = { nm = "name" }
        drop = ["city"]
        constant = { system = "old", since = 2020-01-01 }
        types = { born = "date" }
        remap = { id = { sequence = 1000 } }

        [transfers.shop.tables.customers.cleanse]
        name = ["trim", { null_if = ["N/A"] }, { default = "unknown" }]
        born = [{ zero_dates = "null" }]

        [transfers.shop.tables.tbl_order]
        refers = { cust_id = "customers.id" }
        """,
    )
    written = rulebook.Mapping(
        "shop", exclude="log_*", rename={"tbl_order": "orders"}, cleanse={"*.*": ["trim"]}
    )
    written.table(
        "customers",
        from_="tbl_cust",
        where="id > 5",
        rename={"nm": "name"},
        drop=["city"],
        constant={"system": "old", "since": dt.date(2020, 1, 1)},
        types={"born": "date"},
        remap={"id": {"sequence": 1000}},
        cleanse={
            "name": ["trim", {"null_if": ["N/A"]}, {"default": "unknown"}],
            "born": {"zero_dates": "null"},
        },
    )
    written.table("tbl_order", refers={"cust_id": "customers.id"})

    assert written.entries == read.entries
    assert (written.exclude, written.rename) == (read.exclude, read.rename)
    assert ["customers", "tbl_order"] == list(flows(read))


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("[transfers.a]\nonly = 5\n", 2, "a name or a list of names"),
        ("[transfers.a]\n\nrset = 'copy'\n", 3, "did you mean rest?"),
        ("[transfers.a]\ntables = ['x']\n", 2, "only = […]"),
        ("[transfers.a.tables.tbl_cust]\nrenmae = {}\n", 2, "did you mean rename?"),
        (
            "[transfers.a.tables.tbl_cust]\n[transfers.a.tables.tbl_cust.cleanse]\nnm='trim'\nid='trm'",
            4,
            "did you mean trim?",
        ),
        ("[transfers.a.tables.tbl_csut]\ndrop = []\n", 1, "did you mean tbl_cust?"),
        ("[transfers.a.tables.tbl_cust]\nkeep = ['id']\ndrop = ['nm']\n", 3, "keep and drop"),
        ("[transfers.a.tables.tbl_cust.types]\nid = 'x'\nborm = 'x'\n", 3, "did you mean born?"),
    ],
)  # fmt: skip
def test_a_wrong_rule_in_the_file_names_its_line(text, line, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.BadMapping) as caught:
        flows(toml(tmp_path, text))

    assert f"whimbrel.toml:{line}" == caught.value.where
    assert what in f"{caught.value.what} {caught.value.remedy}"


# --- what is done to rows -----------------------------------------------------------------------


def bound(rules, name="tbl_cust", write=None, read=None):
    flow = flows(rules)[name]
    names = [one.target for one in flow.columns] or [
        flow.rename.get(c.name, c.name) for c in CUSTOMERS.columns if c.name not in flow.drop
    ]
    forms_ = {n: TEXT for n in names if n not in getattr(flow.change, "made", ())}
    beside = {one.target: TEXT for one in flow.beside}
    reads = {**forms_, **beside, **(read or {})}
    writes = {**dict.fromkeys(names, TEXT), **(write or {})}
    return flow.change.bound(reads, writes)


def test_rules_cleanse_the_columns_of_the_target():
    rules = rulebook.Mapping().table(
        "tbl_cust", keep=["id", "nm"], rename={"nm": "name"}, cleanse={"name": ["trim", "required"]}
    )

    came = bound(rules).apply([{"id": "1", "name": " Ann "}, {"id": "2", "name": None}])

    assert [{"id": "1", "name": "Ann"}] == came.rows
    assert [0] == came.origins
    (rejected,) = came.rejected
    assert ({"id": "2", "name": None}, "required", 1) == (
        rejected.row,
        rejected.rule,
        rejected.place,
    )
    assert "name: it is NULL, and has to have a value" == rejected.reason
    assert [("name", "trim", 1)] == [(c.column, c.rule, c.values) for c in came.cleansed]


def test_rules_of_patterns_come_first_and_leave_out_what_they_do_not_fit():
    rules = rulebook.Mapping(cleanse={"tbl_*.*": ["trim"]}).table(
        "tbl_cust", keep=["id", "nm"], cleanse={"nm": "upper"}
    )

    change = bound(rules, read={"id": forms.Form(family=Family.BINARY)})

    assert {"nm"} == set(change.cleansing)
    assert [{"id": "00", "nm": "ANN"}] == change.apply([{"id": "00", "nm": " Ann"}]).rows


def test_a_pattern_that_matches_no_column_is_refused():
    assert "which is no column" in refused(rulebook.Mapping(cleanse={"tbl_cst.*": ["trim"]})).what


def test_null_is_derived_by_the_sources_sql():
    rules = rulebook.Mapping().table(
        "tbl_cust", keep=["id", "nm"], cleanse={"nm": ["empty_to_null", {"derive": "city || '?'"}]}
    )
    flow = flows(rules)["tbl_cust"]

    (beside,) = flow.beside
    came = bound(rules).apply([{"id": "1", "nm": " ", beside.target: "Rome?"}])

    assert "city || '?'" == beside.expression
    assert [{"id": "1", "nm": "Rome?"}] == came.rows


def test_rules_that_are_bound_to_no_table_do_nothing_in_silence_never():
    rules = rulebook.Mapping().table("tbl_cust", cleanse={"nm": "trim"})

    with pytest.raises(errors.WhimbrelError, match="not bound"):
        flows(rules)["tbl_cust"].change.apply([])


def test_a_rule_that_does_not_fit_its_column_is_refused_when_bound():
    rules = rulebook.Mapping().table("tbl_cust", cleanse={"nm": "upper"})

    with pytest.raises(errors.BadMapping, match="upper is no rule for nm, which is binary"):
        bound(rules, read={"nm": forms.Form(family=Family.BINARY)})


def test_troubles_that_rules_take_are_said_by_column():
    rules = rulebook.Mapping().table("tbl_cust", cleanse={"born": {"zero_dates": "null"}})

    found = flows(rules)

    assert {"born": frozenset({Question.ZERO_DATE})} == mapping.accepted(found["tbl_cust"])
    assert {} == mapping.accepted(found["tbl_order"])


# --- the user's function ------------------------------------------------------------------------


def through(function, rows, *, makes=None, reads=(), write=None, read=None, **options):
    rules = rulebook.Mapping().table(
        "tbl_cust",
        keep=["id", "nm", "born"],
        function=function,
        makes=makes,
        reads=reads,
        **options,
    )
    return bound(rules, write=write, read=read).apply(rows)


def split_name(row):
    first, _, last = (row["nm"] or "").partition(" ")
    return {"id": row["id"], "nm": row["nm"], "born": row["born"], "first": first, "last": last}


ROW = {"id": "1", "nm": "Ann Lee", "born": "2020-01-05"}


def test_a_function_makes_columns_that_the_source_does_not_have():
    came = through(split_name, [ROW], makes={"first": "text", "last": "text"})

    assert [{**ROW, "first": "Ann", "last": "Lee"}] == came.rows


def test_a_function_gets_and_gives_values_of_python():
    seen = []

    def later(row):
        seen.append(row)
        return {**row, "id": row["id"] + 1, "born": row["born"].replace(year=2000)}

    came = through(later, [ROW], read={"id": INTEGER, "born": DATE},
                   write={"id": INTEGER, "born": DATE})  # fmt: skip

    assert [{"id": 1, "nm": "Ann Lee", "born": dt.date(2020, 1, 5)}] == seen
    assert [{"id": "2", "nm": "Ann Lee", "born": "2000-01-05"}] == came.rows


def test_a_function_gets_clean_columns_as_the_target_has_them():
    seen = []

    def look(row):
        seen.append(row["born"])
        return row

    rows = [{**ROW, "born": "5.1.2020"}, {**ROW, "born": "?"}]
    rules = [{"date": "%d.%m.%Y", "invalid": "keep"}, {"misfit": "null"}]
    came = through(look, rows, write={"born": DATE}, cleanse={"born": rules})

    assert [dt.date(2020, 1, 5), None] == seen
    assert ["2020-01-05", None] == [row["born"] for row in came.rows]


def test_a_function_leaves_rows_out_and_makes_many_of_one():
    def many(row):
        return {"1": None, "2": [], "3": row}.get(row["id"], [row, row])

    rows = [{**ROW, "id": n} for n in "1234"]
    came = through(many, rows)

    assert (2, 1) == (came.dropped, came.more)
    assert [2, 3, 3] == came.origins
    assert len(rows) + came.more == len(came.rows) + len(came.rejected) + came.dropped


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (5, "it gives a int, which is no dict"),
        ([5], "it gives a int among its rows"),
        ({"id": "1"}, "the row that it gives has no 'nm'"),
        ({**ROW, "nmae": "x"}, "it gives 'nmae', which is no column; did you mean nm?"),
        ({**ROW, "born": "soon"}, "born: 'soon' is no date"),
        ({**ROW, "nm": object()}, "nm: object is no value of a column"),
    ],
)
def test_what_is_no_row_is_rejected_with_its_reason(result, reason):
    came = through(lambda row: result, [ROW], write={"born": DATE})

    (rejected,) = came.rejected
    assert reason in rejected.reason
    assert ROW == rejected.row
    assert [] == came.rows


def test_a_row_that_the_function_fails_for_is_rejected_with_file_and_line():
    came = through(lambda row: 1 / 0, [ROW])

    assert "ZeroDivisionError: division by zero (test_mapping.py:" in came.rejected[0].reason


def test_what_the_function_does_not_touch_stays_to_the_last_digit():
    number = forms.Form(family=Family.DECIMAL)
    rows = [{**ROW, "id": "12345678901234567890123456789012345.5", "born": "0000-00-00"}]

    came = through(lambda row: row, rows, read={"id": number, "born": DATE},
                   write={"id": number, "born": DATE})  # fmt: skip

    assert rows == came.rows


def test_a_function_reads_columns_that_are_not_written():
    came = through(lambda row: {**row, "nm": row["city"]}, [{**ROW, "city": "Rome"}], reads="city")

    assert [{**ROW, "nm": "Rome"}] == came.rows


def test_columns_that_the_function_makes_are_cleansed_after_it():
    came = through(
        lambda row: {**row, "first": " x ", "last": row["nm"]},
        [{**ROW, "nm": " Ann"}],
        makes={"first": "text", "last": "text"},
        cleanse={"nm": "trim", "first": "trim", "last": {"max_length": 3}},
    )

    assert [{**ROW, "nm": "Ann", "first": "x", "last": "Ann"}] == came.rows


def test_a_function_is_found_in_a_file_beside_the_configuration(tmp_path):
    (tmp_path / "rules.py").write_text(
        "def up(row):\n    return {**row, 'nm': row['nm'].upper()}\n"
    )
    rules = rulebook.Mapping(folder=tmp_path).table("tbl_cust", keep=["nm"], function="rules.py:up")

    change = pickle.loads(pickle.dumps(bound(rules)))

    assert [{"nm": "ANN"}] == change.apply([{"nm": "Ann"}]).rows


@pytest.mark.parametrize(
    ("text", "what", "cause"),
    [
        ("def down(row): ...", "has no function 'up'", None),
        ("def up(row:\n", "fails while it is read", "SyntaxError"),
        ("import json\n1 / 0\n", "fails while it is read", "ZeroDivisionError: division by zero"),
        (None, "cannot be read", "No such file"),
    ],
)
def test_a_function_that_is_not_there_is_refused_before_anything(text, what, cause, tmp_path):
    if text is not None:
        (tmp_path / "rules.py").write_text(text)
    rules = rulebook.Mapping(folder=tmp_path).table("tbl_cust", function="rules.py:up")

    error = refused(rules)

    assert what in error.what
    assert cause is None or cause in error.cause


# --- keys ---------------------------------------------------------------------------------------


def keyed(kind):
    return (
        rulebook.Mapping("shop")
        .table("tbl_order", refers={"cust_id": "customers.id"})
        .table("customers", from_="tbl_cust", keep=["id", "nm"], remap={"id": kind})
    )


def test_who_is_referred_to_comes_first():
    assert ["customers", "tbl_order", "log_2020"] == list(flows(keyed("sequence")))


def test_numbered_keys_keep_the_words_of_the_old_until_they_are_looked_up():
    found = flows(keyed("sequence"))

    assert {"id": "bigint"} == found["customers"].types
    assert {"cust_id": "bigint"} == found["tbl_order"].types
    change = bound(keyed("sequence"), "customers", write={"id": INTEGER})
    assert [{"id": "A-7", "nm": "x"}] == change.apply([{"id": "A-7", "nm": "x"}]).rows
    (use,) = change.keys
    (refers,) = found["tbl_order"].change.keys
    assert ("shop/customers.id", True) == (use.map, use.assigns)
    assert ("shop/customers.id", False) == (refers.map, refers.assigns)


def test_uuids_are_the_same_on_both_ends_of_a_reference():
    found = flows(keyed("uuid"))
    customers = bound(keyed("uuid"), "customers", read={"id": INTEGER}, write={"id": UUID})
    orders = found["tbl_order"].change.bound(
        {"id": INTEGER, "cust_id": PRICE, "total": PRICE},
        {"id": INTEGER, "cust_id": UUID, "total": PRICE},
    )

    (customer,) = customers.apply([{"id": "7", "nm": "x"}]).rows
    (order,) = orders.apply([{"id": "1", "cust_id": "7.00", "total": "1.00"}]).rows

    assert customer["id"] == order["cust_id"]
    assert remap.uuid_of("shop/customers.id", "7").hex == customer["id"]
    assert {"cust_id": "uuid"} == found["tbl_order"].types


def test_an_offset_is_added_on_both_ends():
    rules = keyed({"offset": 1000})
    change = bound(rules, "customers", read={"id": INTEGER}, write={"id": INTEGER})

    came = change.apply([{"id": "7", "nm": "x"}, {"id": None, "nm": "y"}])

    assert ["1007", None] == [row["id"] for row in came.rows]


def test_an_old_key_that_is_no_number_gets_no_offset():
    change = bound(keyed({"offset": 1000}), "customers", write={"id": INTEGER})

    (rejected,) = change.apply([{"id": "A-7", "nm": "x"}]).rejected

    assert ("remap", "'A-7' is no whole number") == (rejected.rule, rejected.reason)


# --- no row is lost -----------------------------------------------------------------------------


def wild(row):
    """A function that does everything that one may do."""
    match (row["nm"] or "")[:1]:
        case "a":
            return None
        case "b":
            return [row, row]
        case "c":
            raise ValueError(row["nm"])
        case "d":
            return {"id": 1}
        case "e":
            return [row, {**row, "nm": 5}, {**row, "born": "?"}]
        case _:
            return row


ANY = st.one_of(st.none(), st.text(alphabet="abcdef 0", max_size=4), st.dates().map(str))


@given(st.lists(st.fixed_dictionaries({"id": ANY, "nm": ANY, "born": ANY}), max_size=8))
def test_every_row_is_written_rejected_or_left_out(rows):
    rules = rulebook.Mapping().table(
        "tbl_cust",
        keep=["id", "nm", "born"],
        function=wild,
        remap={"id": {"offset": 1}},
        cleanse={"nm": ["trim", {"max_length": 3}], "born": ["empty_to_null", {"misfit": "null"}]},
    )
    before = [dict(row) for row in rows]

    came = bound(rules, write={"born": DATE, "id": INTEGER}).apply(rows)

    assert before == rows
    assert len(rows) + came.more == len(came.rows) + len(came.rejected) + came.dropped
    assert isinstance(came, changed.Changed)
    assert len(came.rows) == len(came.origins)
    rejected = {one.place for one in came.rejected}
    assert len(rejected) == len(came.rejected)
    assert not rejected & set(came.origins)


def test_a_change_is_what_flows_call_one():
    rules = rulebook.Mapping().table("tbl_cust", cleanse={"nm": "trim"})

    assert isinstance(flows(rules)["tbl_cust"].change, changing.Rules)
