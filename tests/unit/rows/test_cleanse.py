"""Rules of cleansing: nasty values, what is counted, and that no row is ever lost."""

from __future__ import annotations

import datetime as dt
import pickle
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel import errors
from whimbrel.engines import forms
from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Question
from whimbrel.rows import changed, cleanse, values

TEXT = forms.Form(family=Family.TEXT)
INTEGER = forms.Form(family=Family.INTEGER)
PRICE = forms.Form(family=Family.DECIMAL, scale=2)
DATE = forms.Form(family=Family.DATE)
DATETIME = forms.Form(family=Family.DATETIME)
BOOLEAN = forms.Form(family=Family.BOOLEAN)
JSON = forms.Form(family=Family.JSON)
BINARY = forms.Form(family=Family.BINARY)

REJECTED = object()


def cleaner(rules, read=TEXT, write=None):
    said = tuple(cleanse.read(rule) for rule in (rules if isinstance(rules, list) else [rules]))
    return cleanse.Cleaner(rules={"a": said}, read={"a": read}, write={"a": write or read})


def cleaned(rules, text, read=TEXT, write=None):
    """Return what becomes of one value, REJECTED if its row is."""
    came = cleaner(rules, read, write).apply([{"a": text}])
    return came.rows[0][1]["a"] if came.rows else REJECTED


def refusal(rules, text, read=TEXT, write=None):
    came = cleaner(rules, read, write).apply([{"a": text}])
    (refused,) = came.refused
    return refused.reason


def odd(value, mark="!"):
    """Return the text of a word that stands in a column of another family."""
    raw = value if isinstance(value, bytes) else value.encode()
    return f"{mark}t{raw.hex()}"


# --- what each rule makes of what legacy data has ---------------------------------------------

MARK = values.MARK
TEXTS = [
    ("trim", "  Ann\t\n", "Ann"),
    ("trim", "\u00a0\ufeffAnn\u200b\u3000", "Ann"),
    ("trim", "", ""),
    ("trim", " \t ", ""),
    ({"trim": "left"}, "  a  ", "a  "),
    ({"trim": "right"}, "  a  ", "  a"),
    ("collapse", "a \u00a0 b\t\tc\n\nd", "a b c\n\nd"),
    ({"collapse": "lines"}, "a \n\n b", "a b"),
    ("unicode", "e\u0301", "é"),
    ({"unicode": "nfkc"}, "ﬁ Ⅳ ｱ", "fi IV ア"),
    ("repair", "MÃ¼nchen", "München"),
    ("repair", "l’Ã©tÃ©", "l’été"),
    ("repair", "ok ✓ München", "ok ✓ München"),
    ({"repair": "windows-1252"}, odd(b"M\xfcnchen \x80", MARK), "München €"),
    ("repair", odd(b"M\xfcnchen", MARK), REJECTED),
    ({"repair": "windows-1252"}, odd(b"\x81\xfc", MARK), REJECTED),
    ("strip_control", "a\0b\x07c\x85d\te\r\nf", "abcd\te\r\nf"),
    ({"strip_control": "nul"}, "a\0b\x07", "ab\x07"),
    ("upper", "straße ǆ", "STRASSE Ǆ"),
    ("lower", "ÀÉ ΣΑΣ", "àé σας"),
    ("title", "o'neil MCDONALD jean-luc it's", "O'Neil Mcdonald Jean-Luc It's"),
    ("title", "d’artagnan", "D’Artagnan"),
    ("title", "McDonald van der BERG", "McDonald Van Der Berg"),
    ({"replace": r"[^0-9]"}, "(030) 12-34", "0301234"),
    ({"replace": r"^(\w+), (\w+)$", "with": r"\2 \1"}, "Doe, Jane", "Jane Doe"),
    ({"replace": "ABC", "with": "x", "ignore_case": True}, "abc-aBc", "x-x"),
    ({"max_length": 3}, "äöü", "äöü"),
    ({"max_length": 3}, "äöüß", REJECTED),
    ({"max_length": 3, "cut": True}, "äöüß", "äöü"),
    ({"max_length": 3, "invalid": "null"}, "äöüß", None),
    ({"max_length": 3, "invalid": "keep"}, "äöüß", "äöüß"),
    ("empty_to_null", "", None),
    ("empty_to_null", " \u00a0\n", None),
    ("empty_to_null", " a ", " a "),
    ({"null_if": ["N/A", "-"]}, "-", None),
    ({"null_if": ["N/A", "-"]}, "n/a", "n/a"),
    ({"null_if": ["N/A"], "ignore_case": True}, "n/a", None),
    ({"default": "unknown"}, None, "unknown"),
    ({"default": 7}, "5", "5"),
    ("required", None, REJECTED),
    ("required", "", ""),
    ({"map": {"M": "male", "F": "female"}}, "X", "X"),
    ({"map": {"M": "male", "F": "female"}}, "F", "female"),
    ({"map": {"M": "male"}, "otherwise": "null"}, "X", None),
    ({"map": {"M": "male"}, "otherwise": "reject"}, "X", REJECTED),
    ({"map": {"m": "male"}, "ignore_case": True}, "M", "male"),
    ("email", " Bob.X+tag@EXAMPLE.Com ", "Bob.X+tag@example.com"),
    ({"email": True, "lower_all": True}, "Bob@EXAMPLE.Com", "bob@example.com"),
    ("email", '"a b"@x.de', '"a b"@x.de'),
    ("email", "jürgen@münchen.de", "jürgen@münchen.de"),
    *[("email", bad, REJECTED) for bad in (
        "", "@", "a@b", "a@@b.de", "a b@c.de", ".a@b.de", "a..b@c.de", "Bob <b@x.de>", "a@-b.de",
        "a@b_c.de", "a@1.2.3.4", "a@b.de, c@d.de", "a@b..de", f"{'x' * 65}@b.de", "a\n@b.de",
    )],
    ({"phone": "DE"}, "030/1234567", "+49301234567"),
    ({"phone": "DE"}, "+1 (650) 253-0000", "+16502530000"),
    ({"phone": "DE"}, "0049 30 1234567", "+49301234567"),
    ("phone", "030/1234567", REJECTED),
    ({"phone": "DE"}, "12", REJECTED),
    ({"phone": "DE"}, "none", REJECTED),
    ({"phone": "DE"}, "030 1234567 ext. 5", REJECTED),
    ({"phone": "DE", "extension": "keep"}, "030 1234567 ext. 5", "+49301234567;ext=5"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "before", "after"), TEXTS)
def test_a_text_becomes_what_its_rule_says(rule, before, after):
    assert after == cleaned(rule, before)


NUMBERS = [
    ({"number": ",", "group": "."}, "1.234.567,89", "1234567.89"),
    ({"number": ",", "group": "."}, "-0,5", "-0.50"),
    ({"number": ",", "group": "."}, "−12", "-12.00"),
    ({"number": ",", "group": "."}, "1.5", REJECTED),
    ({"number": ",", "group": "."}, "1.234.56", REJECTED),
    ({"number": ",", "group": "."}, "12.34,5", REJECTED),
    ({"number": ",", "group": "."}, "1,2,3", REJECTED),
    ({"number": ",", "group": " "}, "1\u202f234\u00a0567,5", "1234567.50"),
    ("number", "1,234", REJECTED),
    ("number", " 12.5 ", "12.50"),
    ("number", "1e5", REJECTED),
    ("number", "", REJECTED),
    ("number", ".", REJECTED),
    ("number", "--5", REJECTED),
    ("number", "٣", REJECTED),
    ("number", "12 €", REJECTED),
    ({"number": ",", "currency": True}, "12,30 €", "12.30"),
    ({"number": ".", "currency": ["EUR", "$"]}, "$ -5", "-5.00"),
    ({"number": ".", "currency": ["EUR"]}, "£5", REJECTED),
    ({"number": ".", "accounting": True}, "(12.5)", "-12.50"),
    ({"number": ".", "accounting": True}, "12.5-", "-12.50"),
    ("number", "(12.5)", REJECTED),
    ({"number": ".", "invalid": "null"}, "twelve", None),
]


@pytest.mark.parametrize(("rule", "before", "after"), NUMBERS)
def test_a_number_is_read_as_its_separators_say_or_not_at_all(rule, before, after):
    assert after == cleaned(rule, before, TEXT, PRICE)


def test_a_number_of_a_column_of_numbers_has_no_separators_of_people():
    rule = {"number": ",", "group": "."}

    assert "1.234" == cleaned(rule, "1.234", forms.Form(family=Family.DECIMAL))
    assert "1234.00" == cleaned(rule, odd("1.234"), PRICE)


DATES = [
    ({"date": ["%d.%m.%Y"]}, "5.3.2020", "2020-03-05"),
    ({"date": ["%d.%m.%Y"]}, "2020-03-05", "2020-03-05"),
    ({"date": ["%d.%m.%Y"]}, "31.02.2020", REJECTED),
    ({"date": ["%d.%m.%Y"]}, "tomorrow", REJECTED),
    ({"date": ["%d.%m.%Y"]}, "", REJECTED),
    ({"date": ["%d/%m/%Y", "%m/%d/%Y"]}, "04/05/2020", REJECTED),
    ({"date": ["%d/%m/%Y", "%m/%d/%Y"]}, "05/05/2020", "2020-05-05"),
    ({"date": ["%d/%m/%Y", "%m/%d/%Y"]}, "04/15/2020", "2020-04-15"),
    ({"date": "%d.%m.%y", "pivot": 1950}, "01.02.49", "2049-02-01"),
    ({"date": "%d.%m.%y", "pivot": 1950}, "01.02.50", "1950-02-01"),
    ({"date": "%Y%m%d"}, "20200305", "2020-03-05"),
    ({"date": "epoch"}, "86400", "1970-01-02"),
    ({"date": "epoch"}, "86401", REJECTED),
    ({"date": True, "guess": True}, "5 March 2020", "2020-03-05"),
    ({"date": True, "guess": True}, "March 2020", REJECTED),
    ({"date": True, "guess": True}, "04/05/2020", REJECTED),
    ({"date": True, "guess": True, "day_first": True}, "04/05/2020", "2020-05-04"),
    ({"date": True, "guess": True}, "not a date", REJECTED),
    ({"date": ["%d.%m.%Y"], "invalid": "null"}, "?", None),
    ({"zero_dates": "null"}, "0000-00-00", None),
    ({"zero_dates": "null"}, "0000-00-00 00:00:00", None),
    ({"zero_dates": "null"}, "2020-05-00", None),
    ({"zero_dates": "first"}, "2020-05-00", "2020-05-01"),
    ({"zero_dates": "first"}, "2020-00-00", "2020-01-01"),
    ({"zero_dates": "first"}, "2020-00-17", "2020-01-01"),
    ({"zero_dates": "first"}, "2020-05", "2020-05-01"),
    ({"zero_dates": "first"}, "2020", "2020-01-01"),
    ({"zero_dates": "first"}, "0000-00-00", REJECTED),
    ({"zero_dates": "first"}, "0000-05-01", REJECTED),
    ({"zero_dates": "reject"}, "2020-05-00", REJECTED),
    ({"zero_dates": "null"}, "2020-05-31", "2020-05-31"),
    ({"zero_dates": "null"}, "2020-02-31", REJECTED),
]


@pytest.mark.parametrize(("rule", "before", "after"), DATES)
def test_a_date_is_read_in_one_way_or_not_at_all(rule, before, after):
    assert after == cleaned(rule, before, TEXT, DATE)


def test_a_date_that_two_formats_read_says_what_it_could_be():
    said = refusal({"date": ["%d/%m/%Y", "%m/%d/%Y"]}, "04/05/2020", TEXT, DATE)

    assert "a '04/05/2020': it is 2020-04-05 or 2020-05-04, by which format is not clear" == said


def test_moments_keep_their_time_and_their_zone_becomes_utc():
    assert "2020-03-05 07:08:00" == cleaned(
        {"date": "%d.%m.%Y %H:%M"}, "5.3.2020 7:08", TEXT, DATETIME
    )
    zoned = {"date": "%Y-%m-%d %H:%M %z"}
    assert "2020-03-05 05:00:00" == cleaned(zoned, "2020-03-05 07:00 +0200", TEXT, DATETIME)
    assert "2021-08-01 00:00:00.5" == cleaned({"date": "epoch_ms"}, "1627776000500", TEXT, DATETIME)


def test_a_time_is_not_cut_off_where_only_a_day_fits():
    said = refusal({"date": "%d.%m.%Y %H:%M"}, "5.3.2020 7:08", TEXT, DATE)

    assert "a: '2020-03-05 07:08:00' is no date" == said


BOOLEANS = [
    ("boolean", "Yes", "1"),
    ("boolean", " OFF ", "0"),
    ("boolean", "1", "1"),
    ("boolean", "2", REJECTED),
    ("boolean", "", REJECTED),
    ({"boolean": True, "true": ["J", "ja"], "false": ["N", "nein"]}, "JA", "1"),
    ({"boolean": True, "true": ["J", "ja"], "false": ["N", "nein"]}, "yes", REJECTED),
]


@pytest.mark.parametrize(("rule", "before", "after"), BOOLEANS)
def test_truth_is_read_from_words(rule, before, after):
    assert after == cleaned(rule, before, TEXT, BOOLEAN)


def test_a_number_that_is_no_truth_value_is_refused():
    assert REJECTED is cleaned("boolean", "2", BOOLEAN)


# --- values in columns of other families --------------------------------------------------------


def test_a_word_in_a_column_of_numbers_is_read_by_its_characters():
    assert "5" == cleaned("trim", odd(" 5 "), INTEGER)
    assert None is cleaned({"null_if": ["n/a"]}, odd("n/a"), INTEGER)


def test_a_sentinel_is_found_whatever_its_digits():
    assert None is cleaned({"null_if": 0}, "0.00", PRICE)
    assert "0.01" == cleaned({"null_if": 0}, "0.01", PRICE)
    assert "0.0" == cleaned({"null_if": [0]}, "0.0")
    assert None is cleaned({"null_if": dt.date(9999, 12, 31)}, "9999-12-31 00:00:00", DATETIME)


def test_what_no_rule_has_touched_goes_on_as_it_came():
    assert odd("abc") == cleaned("trim", odd("abc"), INTEGER)


def test_what_is_none_of_the_targets_kind_is_rejected_with_its_reason():
    assert "a: 'abc' is no whole number" == refusal("trim", "abc ", TEXT, INTEGER)


def test_misfits_become_null_or_are_rejected():
    assert None is cleaned({"misfit": "null"}, odd("abc"), INTEGER)
    assert REJECTED is cleaned({"misfit": "reject"}, odd("abc"), INTEGER)
    assert "17" == cleaned({"misfit": "null"}, "17", INTEGER)
    assert None is cleaned({"misfit": "null"}, "17.5", TEXT, INTEGER)


def test_a_number_is_never_rounded_to_fit():
    rule = {"number": ","}

    assert "a: '5.123' has more than 2 digits behind the point" == refusal(
        rule, "5,123", TEXT, PRICE
    )
    assert "5.10" == cleaned(rule, "5,100", TEXT, PRICE)
    real = forms.Form(family=Family.FLOAT)
    assert "0.1" == cleaned(rule, "0,10", TEXT, real)
    assert "more digits than" in refusal(rule, "0,12345678901234567890", TEXT, real)


def test_bytes_among_texts_become_null_or_are_rejected_but_never_words():
    raw = f"{MARK}b616263"

    assert raw == cleaned("trim", raw)
    assert REJECTED is cleaned("upper", raw)
    assert None is cleaned({"misfit": "null"}, raw)
    assert "a: x'616263' is no text of UTF-8" in refusal({"misfit": "reject"}, raw).replace(
        "a x'616263':", "a:"
    )
    assert REJECTED is cleaned("number", "!b616263", INTEGER)
    assert REJECTED is cleaned({"default": 1}, "!b616263", INTEGER, TEXT)


def test_words_among_bytes_are_not_taken_for_hexadecimal_digits():
    assert None is cleaned({"misfit": "null"}, odd("abcd", MARK), BINARY)
    assert "abcd" == cleaned({"misfit": "null"}, "abcd", BINARY)


def test_dates_that_only_some_engines_have_are_no_misfits():
    for day in ("0044-03-15 BC", "20240-02-29", "infinity"):
        assert day == cleaned({"misfit": "null"}, day, DATE)
    assert None is cleaned({"misfit": "null"}, "2020-05-00", DATE)
    both = cleanse.Cleaner(rules={}, read={"a": DATE}, write={"a": DATETIME})
    days = both.apply([{"a": "0044-03-15 BC"}, {"a": "-infinity"}]).rows
    assert ["0044-03-15 00:00:00 BC", "-infinity"] == [row["a"] for _, row in days]


def test_columns_without_rules_are_written_in_the_form_of_the_target():
    both = cleanse.Cleaner(rules={}, read={"a": TEXT, "b": DATE}, write={"a": PRICE, "b": DATETIME})

    came = both.apply([{"a": "5", "b": "2020-01-01"}, {"a": "x", "b": None}])

    assert [(0, {"a": "5.00", "b": "2020-01-01 00:00:00"})] == came.rows
    assert "a: 'x' is no number" == came.refused[0].reason


def test_nul_is_taken_out_of_documents_and_an_escaped_backslash_is_none():
    assert r'{"a": "x"}' == cleaned("strip_control", r'{"a": "\u0000x\u0000"}', JSON)
    assert r'{"a": "\\u0000"}' == cleaned("strip_control", r'{"a": "\\u0000"}', JSON)


def test_a_typed_value_keeps_its_letter():
    typed = forms.Form(family=Family.TEXT, typed=True)

    assert "t:a" == cleaned("trim", "t: a ", typed)
    assert "i:5" == cleaned("number", "t: 5", forms.Form(family=Family.DECIMAL, typed=True))


def test_the_length_of_bytes_is_counted_in_bytes():
    assert "00ff" == cleaned({"max_length": 2}, "00ff", BINARY)
    assert "a: it has 3 bytes, more than 2" in refusal({"max_length": 2}, "00ff00", BINARY).replace(
        "a '00ff00':", "a:"
    )


def test_a_rule_that_does_not_fit_its_column_is_refused():
    with pytest.raises(cleanse.Unfit, match="upper is no rule for a, which is binary"):
        cleaner("upper", BINARY)


# --- order, counts, samples ---------------------------------------------------------------------


def test_rules_are_applied_in_the_order_in_which_they_are_written():
    assert None is cleaned(["trim", {"null_if": ["-"]}], " - ")
    assert "-" == cleaned([{"null_if": ["-"]}, "trim"], " - ")
    assert "none" == cleaned(["empty_to_null", {"default": "none"}, "required"], " ")


def test_every_rule_is_counted_with_samples_before_and_after():
    rows = [{"a": f" {n}"} for n in range(7)] + [{"a": "x"}, {"a": None}]

    came = cleaner(["trim", {"null_if": ["3"]}]).apply(rows)

    trim, null_if = came.counts
    assert ("a", "trim", 7) == (trim.column, trim.rule, trim.values)
    assert tuple((f" {n}", f"{n}") for n in range(changed.SAMPLES)) == trim.samples
    assert ("null_if ['3']", 1, (("3", None),)) == (null_if.rule, null_if.values, null_if.samples)


def test_what_was_done_to_a_row_that_is_rejected_is_not_counted():
    came = cleaner(["trim", {"max_length": 3}]).apply([{"a": " abcd"}, {"a": " a"}])

    (trim,) = came.counts
    assert 1 == trim.values
    (refused,) = came.refused
    assert (0, "max_length 3") == (refused.place, refused.rule)
    assert "a 'abcd': it has 4 characters, more than 3" == refused.reason


def test_counts_of_chunks_are_summed():
    one = cleaner("trim").apply([{"a": " x"}, {"a": " y"}]).counts
    other = cleaner("trim").apply([{"a": " z"}]).counts

    (both,) = cleanse.summed([*one, *other])

    assert (3, ((" x", "x"), (" y", "y"), (" z", "z"))) == (both.values, both.samples)


def test_samples_can_be_written_even_of_bytes_that_are_no_text():
    came = cleaner({"repair": "latin-1"}).apply([{"a": odd(b"M\xfcnchen", MARK)}])

    assert ((r"M\xfcnchen", "München"),) == came.counts[0].samples


def test_rows_that_are_given_stay_as_they_are():
    row = {"a": " x"}

    cleaner("trim").apply([row])

    assert {"a": " x"} == row


def test_rules_can_be_sent_to_another_process():
    sent = pickle.loads(pickle.dumps(cleaner([{"map": {"a": "b"}}, {"number": ","}, "repair"])))

    assert "b" == sent.apply([{"a": "5"}]).rows[0][1]["a"].replace("5", "b")


# --- what is refused where it is written --------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("trm", "there is no rule 'trm'; did you mean trim?"),
        (5, "a rule is a name or a table"),
        ({}, "there is no rule ''"),
        ({"number": ",", "grp": "."}, "'grp' is no option of number; did you mean group?"),
        ({"trim": True, "lower": True}, "trim and lower are two rules"),
        ({"trim": "middle"}, "trim has to be one of both, left, right"),
        ("default", "default needs a value"),
        ("null_if", "null_if needs a value"),
        ({"null_if": []}, "null_if is empty"),
        ({"null_if": [None]}, "has to be a text, a number"),
        ({"upper": 3}, "upper takes no value of its own"),
        ({"replace": "("}, "is no regular expression"),
        ({"replace": "a", "with": r"\2"}, "cannot be put in its place"),
        ({"number": ",", "group": ","}, "group has to be another sign"),
        ({"number": "12"}, "one sign that is no digit"),
        ({"date": ["%d.%m.%y"]}, "a year of two digits"),
        ({"date": ["%d.%m"]}, "does not say year, month and day"),
        ({"date": ["%Q"]}, "%Q is unknown"),
        ({"date": ["%Y%m%d"], "day_first": True}, "only for guess = true"),
        ({"zero_dates": "last"}, "one of null, first, reject"),
        ({"boolean": True, "true": ["x"], "false": ["X"]}, "false has 'x', which is also true"),
        ({"phone": "Germany"}, "a country in two letters"),
        ({"map": {}}, "a table of values"),
        ({"map": {"a": None}}, "of 'a' has to be a text"),
        ({"max_length": 0}, "from 1 on"),
        ({"max_length": True}, "max_length needs a value"),
        ({"max_length": 5, "invalid": "drop"}, "invalid of max_length has to be one of"),
        ({"repair": "utf-9"}, "an encoding that Python knows"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_meant_is_refused_in_words(said, why):
    with pytest.raises(cleanse.Unfit) as caught:
        cleanse.read(said)

    assert why in str(caught.value)


def test_no_option_is_called_like_a_rule():
    options = {
        option for rule in cleanse.RULES.values() for option in rule.takes if option != rule.main
    }

    assert set() == options & set(cleanse.RULES)


def test_a_package_that_is_not_there_is_named_with_its_extra(monkeypatch):
    from whimbrel.rows.cleansing import texts

    texts.module.cache_clear()
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    try:
        with pytest.raises(errors.MissingExtra, match="phonenumbers"):
            cleanse.read({"phone": "DE"}).prepare()
    finally:
        texts.module.cache_clear()


def test_rules_say_which_troubles_they_take():
    rules = {
        "a": [cleanse.read("trim"), cleanse.read({"zero_dates": "null"})],
        "b": [cleanse.read("strip_control"), cleanse.read({"default": 0})],
        "c": [cleanse.read("lower")],
    }

    taken = cleanse.accepted(rules)

    assert {Question.TRAILING_BLANKS, Question.ZERO_DATE} == taken["a"]
    assert {Question.NUL, Question.JSON_NUL, Question.NULL} == taken["b"]
    assert frozenset() == taken["c"]


# --- for any value ------------------------------------------------------------------------------

EVERY = [
    "trim", "collapse", "unicode", "repair", "strip_control", "upper", "lower", "title",
    "empty_to_null", "required", "email", "boolean", "number", "phone",
    {"collapse": "lines"}, {"unicode": "nfkc"}, {"strip_control": "nul"}, {"repair": "latin-1"},
    {"replace": r"\d+", "with": "#"}, {"max_length": 4}, {"max_length": 4, "cut": True},
    {"null_if": ["", "-", 0, dt.date(9999, 12, 31)]}, {"default": "x"}, {"misfit": "null"},
    {"map": {"a": "b", "0": "1"}}, {"map": {"a": "b"}, "otherwise": "null"},
    {"zero_dates": "first"}, {"zero_dates": "null"}, {"date": ["%d.%m.%Y", "%m/%d/%Y", "epoch"]},
    {"date": True, "guess": True}, {"number": ",", "group": ".", "currency": True},
    {"number": ".", "accounting": True, "invalid": "null"}, {"phone": "DE", "extension": "keep"},
]  # fmt: skip

FORMS = [TEXT, INTEGER, PRICE, DATE, DATETIME, BOOLEAN, JSON, forms.Form(family=Family.FLOAT)]
ANY_TEXT = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.sampled_from(["", "0", "1.234,56", "0000-00-00", "2020-05-00", "31.12.1999", "NaN", "-0",
                     "9999-12-31 23:59:59", "{}", '"\\u0000"', "1e400", "12:00", "٣", "\0"]),
    st.binary(max_size=6).map(lambda raw: f"{MARK}t{raw.hex()}"),
    st.binary(max_size=6).map(lambda raw: f"!t{raw.hex()}"),
    st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str),
    st.dates().map(str),
)  # fmt: skip


def fitting(family):
    return [rule for rule in EVERY if family in type(cleanse.read(rule)).families]


@given(st.data())
def test_no_value_makes_a_rule_fail_and_no_row_is_lost(data):
    read, write = data.draw(st.sampled_from(FORMS)), data.draw(st.sampled_from(FORMS))
    said = data.draw(st.lists(st.sampled_from(fitting(read.family)), max_size=4))
    rows = [{"a": text} for text in data.draw(st.lists(ANY_TEXT, max_size=5))]

    came = cleaner(said, read, write).apply(rows)

    places = sorted([place for place, _ in came.rows] + [one.place for one in came.refused])
    assert list(range(len(rows))) == places
    for _, row in came.rows:
        text = row["a"]
        if text is not None and read != write:
            assert text == values.written(write, values.plain(write, text))


# Those that are read by what people mean may be read differently a second time.
ONCE_IS_ENOUGH = [
    "trim", "collapse", {"collapse": "lines"}, "unicode", {"unicode": "nfkc"}, "strip_control",
    "lower", "title", "empty_to_null", "email", "boolean", {"max_length": 4, "cut": True},
    {"null_if": ["-", ""]}, {"default": "x"}, {"zero_dates": "first"}, {"zero_dates": "null"},
    {"date": ["%d.%m.%Y", "%m/%d/%Y"]}, "number", {"phone": "DE"},
    {"phone": "DE", "extension": "keep"}, {"map": {"a": "b"}, "otherwise": "null"}, "repair",
]  # fmt: skip


@pytest.mark.parametrize("rule", ONCE_IS_ENOUGH, ids=str)
@given(text=ANY_TEXT)
def test_cleaning_what_is_clean_changes_nothing(rule, text):
    once = cleaner(rule).apply([{"a": text}])

    for _, row in once.rows:
        again = cleaner(rule).apply([row])
        assert [(0, row)] == again.rows
        assert [] == again.counts or row["a"] == text


# --- values of Python's -------------------------------------------------------------------------


@given(st.floats())
def test_a_float_is_read_and_written_without_a_loss(number):
    text = values.float_text(number)

    assert text == values.written(forms.Form(family=Family.FLOAT), text)
    assert repr(number) == repr(float(text))


@given(
    st.one_of(
        st.tuples(st.just(Family.INTEGER), st.integers()),
        st.tuples(st.just(Family.DECIMAL), st.decimals(allow_nan=False, allow_infinity=False,
                                                        min_value=-10**30, max_value=10**30)),
        st.tuples(st.just(Family.DATE), st.dates()),
        st.tuples(st.just(Family.TIME), st.times()),
        st.tuples(st.just(Family.DATETIME), st.datetimes()),
        st.tuples(st.just(Family.INSTANT), st.datetimes(timezones=st.just(dt.UTC))),
        st.tuples(st.just(Family.BINARY), st.binary()),
        st.tuples(st.just(Family.UUID), st.uuids()),
        st.tuples(st.just(Family.TEXT), st.text(alphabet=st.characters(codec="utf-8"))),
        st.tuples(st.just(Family.BOOLEAN), st.booleans()),
    )
)  # fmt: skip
def test_values_of_python_come_back_as_they_were(given_):
    family, value = given_
    form = forms.Form(family=family)

    text = values.written(form, values.text_of(value, family))

    assert value == values.value(form, text)
    assert type(value) is type(values.value(form, text))


def test_documents_keep_their_decimals():
    text = '{"a": 0.10000000000000000001, "b": [1, null, true], "ü": "x"}'

    read = values.value(JSON, text)

    assert Decimal("0.10000000000000000001") == read["a"]
    assert read == values.value(JSON, values.text_of(read, Family.JSON))


def test_what_python_has_no_value_for_stays_a_text():
    assert "0000-00-00" == values.value(DATE, "0000-00-00")
    assert "-838:59:59" == values.value(forms.Form(family=Family.TIME), "-838:59:59")
    assert "2020-01-01 00:00:00.1234567" == values.value(DATETIME, "2020-01-01 00:00:00.1234567")
    assert "yes" == values.value(INTEGER, odd("yes"))
