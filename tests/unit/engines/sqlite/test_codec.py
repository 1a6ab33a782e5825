"""The texts of values and what declared types mean: plain functions, no database."""

from __future__ import annotations

import itertools
import math
import random
import struct

import pytest

from whimbrel import tables
from whimbrel.engines import codec, forms
from whimbrel.engines.forms import Family, Form
from whimbrel.engines.sqlite import declared, texts, tokens

INF = math.inf
LOST = b"a\xe4b".decode("utf-8", "surrogateescape")

# Values of columns that hold anything, and their texts by hand; "!" or 0xFF begins what is odd.
WRITTEN: dict[Family, list[tuple[texts.Value, bytes]]] = {
    Family.INTEGER: [
        (0, b"0"),
        (-1, b"-1"),
        (2**63 - 1, b"9223372036854775807"),
        (-(2**63), b"-9223372036854775808"),
        ("5", b"5"),
        ("+007", b"7"),
        ("-0", b"0"),
        ("-012", b"-12"),
        ("18446744073709551615", b"18446744073709551615"),
        ("", b"!t"),
        (" 5", b"!t2035"),
        ("5\n", b"!t350a"),
        ("5.0", b"!t352e30"),
        ("٣", b"!td9a3"),
        (5.0, b"!r35"),
        (1e300, b"!r3165333030"),
        (b"5", b"!b35"),
    ],
    Family.BOOLEAN: [
        (0, b"0"),
        (1, b"1"),
        (2, b"2"),
        ("true", b"1"),
        ("F", b"0"),
        ("maybe", b"!t6d61796265"),
        (1.0, b"!r31"),
        (b"", b"!b"),
    ],
    Family.DECIMAL: [
        (7, b"7"),
        (2.99, b"2.99"),
        (-0.1, b"-0.1"),
        (5.0, b"5"),
        (-0.0, b"0"),
        (0.1 + 0.2, b"0.30000000000000004"),
        (1e22, b"10000000000000000000000"),
        (1.5e-7, b"0.00000015"),
        (INF, b"Infinity"),
        ("2.990", b"2.99"),
        ("-00.50", b"-0.5"),
        ("+.5", b"0.5"),
        ("5.", b"5"),
        ("-0.00", b"0"),
        ("12345678901234567890.12345", b"12345678901234567890.12345"),
        ("1.5e3", b"1500"),
        ("NaN", b"NaN"),
        ("-Infinity", b"-Infinity"),
        (".", b"!t2e"),
        ("1,5", b"!t312c35"),
        ("nan", b"!t6e616e"),
        ("1e1000", b"!t316531303030"),
        (b"1", b"!b31"),
    ],
    Family.FLOAT: [
        (5.0, b"5"),
        (-0.0, b"-0"),
        (0.0, b"0"),
        (0.1 + 0.2, b"0.30000000000000004"),
        (0.00001, b"0.00001"),
        (1e-15, b"0.000000000000001"),
        (9.5e-16, b"9.5e-16"),
        (1.5e-20, b"1.5e-20"),
        (5e-324, b"5e-324"),
        (999999999999999.0, b"999999999999999"),
        (999999999999999.9, b"999999999999999.9"),
        (1e15, b"1e15"),
        (1234567890123456.0, b"1.234567890123456e15"),
        (-1.5e300, b"-1.5e300"),
        (1.7976931348623157e308, b"1.7976931348623157e308"),
        (INF, b"Infinity"),
        (-INF, b"-Infinity"),
        (5, b"5"),
        (2**53, b"9.007199254740992e15"),
        (2**53 + 1, b"!i39303037313939323534373430393933"),
        ("0.10", b"0.1"),
        ("1e400", b"!t3165343030"),
        ("NaN", b"NaN"),
        ("1_0", b"!t315f30"),
        (b"\x00", b"!b00"),
    ],
    Family.TEXT: [
        ("", b""),
        (" a ", b" a "),
        ("a\x00b|", b"a\x00b|"),
        ("漢🦜", "漢🦜".encode()),
        (LOST, b"a\xe4b"),
        ("!t61", b"!t61"),
        (5, b"5"),
        (5.0, b"5.0"),
        (b"\x00\xff", b"\xffb00ff"),
        (texts.read(b"\xffb00"), b"\xfftff623030"),
    ],
    Family.BINARY: [
        (b"", b""),
        (b"\x00\xff", b"00ff"),
        ("00ff", b"\xfft30306666"),
        (5, b"\xffi35"),
        (0.5, b"\xffr302e35"),
    ],
    Family.DATE: [
        ("2024-02-29", b"2024-02-29"),
        ("0000-00-00", b"0000-00-00"),
        ("0044-03-15 BC", b"0044-03-15 BC"),
        ("12024-01-01", b"12024-01-01"),
        ("infinity", b"infinity"),
        ("2024-2-9", b"!t323032342d322d39"),
        ("2024-13-01", b"!t323032342d31332d3031"),
        ("2024-02-29 00:00:00", b"!t323032342d30322d32392030303a30303a3030"),
        ("today", b"!t746f646179"),
        (20240229, b"!i3230323430323239"),
        (2460370.5, b"!r323436303337302e35"),
    ],
    Family.TIME: [
        ("23:59:59.500", b"23:59:59.5"),
        ("23:59:59.", b"23:59:59"),
        ("10:00", b"10:00:00"),
        ("-838:59:59.000000", b"-838:59:59"),
        ("24:00:00", b"24:00:00"),
        ("10:00:60", b"!t31303a30303a3630"),
        ("10", b"!t3130"),
    ],
    Family.DATETIME: [
        ("2024-02-29 23:59:59", b"2024-02-29 23:59:59"),
        ("2024-02-29T23:59:59.500000", b"2024-02-29 23:59:59.5"),
        ("2024-02-29 23:59:59.000000", b"2024-02-29 23:59:59"),
        ("2024-02-29 23:59:59.1234567", b"2024-02-29 23:59:59.1234567"),
        ("2024-02-29 23:59", b"2024-02-29 23:59:00"),
        ("2024-02-29", b"2024-02-29 00:00:00"),
        ("0000-00-00 00:00:00", b"0000-00-00 00:00:00"),
        ("0044-03-15 10:00:00 BC", b"0044-03-15 10:00:00 BC"),
        ("-infinity", b"-infinity"),
        ("2024-02-29 23:59:59Z", b"!t" + b"2024-02-29 23:59:59Z".hex().encode()),
        ("2024-02-29 23:59:59+02:00", b"!t" + b"2024-02-29 23:59:59+02:00".hex().encode()),
        ("2024-02-29 24:00:00", b"!t" + b"2024-02-29 24:00:00".hex().encode()),
        (1709251199, b"!i31373039323531313939"),
        (b"2024-02-29", b"!b323032342d30322d3239"),
    ],
    Family.INSTANT: [
        ("2024-02-29 23:59:59", b"2024-02-29 23:59:59"),
        ("2024-02-29T23:59:59.120Z", b"2024-02-29 23:59:59.12"),
        ("2024-02-29 23:59:59+02:00", b"2024-02-29 21:59:59"),
        ("2024-02-29 23:59:59.5 -0130", b"2024-03-01 01:29:59.5"),
        ("2024-02-29 23:59-03", b"2024-03-01 02:59:00"),
        ("2024-02-29", b"2024-02-29 00:00:00"),
        ("2023-02-29 23:59:59+02:00", b"!t" + b"2023-02-29 23:59:59+02:00".hex().encode()),
        ("0001-01-01 00:00:00+02:00", b"!t" + b"0001-01-01 00:00:00+02:00".hex().encode()),
    ],
    Family.JSON: [
        ('{"a": 1}', b'{"a": 1}'),
        ("no json", b"no json"),
        (5, b"5"),
        (1.5, b"1.5"),
        (INF, b"\xffr496e66696e697479"),
        (b"\x0c", b"\xffb0c"),
    ],
    Family.UUID: [
        ("6F9619FF-8B86-D011-B42D-00C04FC964FF", b"6f9619ff8b86d011b42d00c04fc964ff"),
        ("6f9619ff8b86d011b42d00c04fc964ff", b"6f9619ff8b86d011b42d00c04fc964ff"),
        (bytes.fromhex("6f9619ff8b86d011b42d00c04fc964ff"), b"6f9619ff8b86d011b42d00c04fc964ff"),
        ("6f9619ff", b"!t3666393631396666"),
        (b"\x6f", b"!b6f"),
    ],
}
EVERY: list[texts.Value] = [value for pairs in WRITTEN.values() for value, _ in pairs]


def written(form: Form, value: texts.Value) -> bytes:
    """Return the text of one value as bytes."""
    return texts.octets(texts.one(form)(value))


@pytest.mark.parametrize("family", WRITTEN, ids=lambda family: family.value)
def test_values_have_the_texts_of_their_family(family: Family) -> None:
    form = Form(family=family)

    found = {repr(value): written(form, value) for value, _ in WRITTEN[family]}

    assert {repr(value): text for value, text in WRITTEN[family]} == found


@pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
@pytest.mark.parametrize("typed", [False, True])
def test_a_column_is_written_like_its_values(family: Family, typed: bool) -> None:
    form = Form(family=family, typed=typed)
    chance = random.Random(7)
    columns: list[list[texts.Value]] = [
        [],
        EVERY,
        [v for v in EVERY if isinstance(v, int | float) and 1e-4 < abs(v) < 1e15],
        ["2024-02-29", "1999-12-31"],
        ["2024-02-29 23:59:59", "2024-02-29 23:59:59.5"],
        [0.0, -0.0, 0, 1],
        [1, 1.0, 2.5, 1, 1.0],
    ]
    columns += [[v for v in EVERY if type(v) is kind] for kind in (int, float, str, bytes)]
    for values in columns:
        shuffled: list[texts.Stored] = [*values, *values]
        chance.shuffle(shuffled)
        for column in (shuffled, [*shuffled, None]):
            one_by_one = [None if v is None else texts.one(form)(v) for v in column]

            assert one_by_one == list(texts.column(form, column))


@pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
def test_a_column_stands_in_its_rows_as_the_encoding_says(family: Family) -> None:
    for form in (
        Form(family=family),
        Form(family=family, typed=True),
        Form(family=family, long=True),
    ):
        for values in (EVERY, [*EVERY, None], ["a", "b" * 2_000], ["é"], [1, 2], [None]):
            column = texts.column(form, values)

            parts = [texts.octets(part) for part in texts.parts(form, column)]

            octets = [None if text is None else texts.octets(text) for text in column]
            assert [codec.encode([(form, text)]) for text in octets] == parts


def test_typed_values_of_different_types_never_have_one_text() -> None:
    form = Form(family=Family.INTEGER, typed=True)

    found = [written(form, value) for value in (5, 5.0, "5", b"5", "i:5")]

    assert [b"i:5", b"r:5", b"t:5", b"b:35", b"t:i:5"] == found


@pytest.mark.parametrize(
    "family",
    # The others read several ways to write one value; these hold what they hold.
    [Family.TEXT, Family.BINARY],
    ids=lambda family: family.value,
)
def test_different_values_have_different_texts(family: Family) -> None:
    values = {(type(value), value): value for value in EVERY if not isinstance(value, int | float)}
    values |= {(bytes, b): b for b in (b"\xff", b"t", b"b00")}
    values |= {(str, t): t for t in map(texts.read, (b"\xff", b"\xffb", b"\xffb00", b"\xfft"))}

    found = {written(Form(family=family), value) for value in values.values()}

    assert len(values) == len(found)


def test_no_bare_text_is_empty_or_holds_a_bar() -> None:
    families = [family for family in Family if Form(family=family).bare]
    nasty = [*EVERY, "|", "1|2", "", b"", "2024-01-01|"]

    found = [written(Form(family=family), value) for family in families for value in nasty]

    assert families
    assert [] == [text for text in found if not text or b"|" in text]


def test_floats_read_back_as_the_same_bytes() -> None:
    chance = random.Random(1)
    numbers = [
        number
        for _ in range(20_000)
        if math.isfinite(number := struct.unpack("<d", chance.randbytes(8))[0])
    ]
    numbers += [chance.uniform(-1, 1) * 10.0 ** chance.randint(-18, 18) for _ in range(20_000)]

    back = [float(texts.float_text(number)) for number in numbers]

    assert numbers == back


def test_a_text_in_a_column_of_texts_can_be_read_as_bytes() -> None:
    form = Form(family=Family.BINARY)

    found = [texts.octets(texts.one(form, words=True)(value)) for value in ("é", b"\x00", 5)]

    assert [b"c3a9", b"\xffb00", b"\xffi35"] == found


def test_blanks_at_the_end_do_not_count_against_a_padded_text() -> None:
    form = Form(family=Family.TEXT, padded=True)

    assert [b" a", b"\t"] == [written(form, value) for value in (" a  ", "\t ")]


def test_a_decimal_has_as_many_digits_as_its_scale() -> None:
    form = Form(family=Family.DECIMAL, scale=2)

    found = [written(form, value) for value in (5, 2.5, "2.50", -0.0, "1.239")]

    assert [b"5.00", b"2.50", b"2.50", b"0.00", b"1.239"] == found


# --- back -----------------------------------------------------------------------------------


@pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
def test_a_typed_text_becomes_its_value_again(family: Family) -> None:
    form = Form(family=family, typed=True)
    values = [*EVERY, LOST, ""]

    back = [texts.value(form, texts.one(form)(value), "NUMERIC") for value in values]

    assert list(map(repr, values)) == list(map(repr, back))


@pytest.mark.parametrize("family", WRITTEN, ids=lambda family: family.value)
@pytest.mark.parametrize("kept", ["INTEGER", "TEXT", "BLOB", "REAL", "NUMERIC", "TEXT32"])
def test_the_value_of_a_text_has_that_text(family: Family, kept: str) -> None:
    form = Form(family=family)

    for value in EVERY:
        text = texts.one(form)(value)

        assert text == texts.one(form)(texts.value(form, text, kept))


def test_a_uuid_is_made_as_its_column_keeps_it() -> None:
    form, text = Form(family=Family.UUID), "6f9619ff8b86d011b42d00c04fc964ff"
    types = ("UUID", "CHAR(36)", "CHAR(32)", "BINARY(16)", "BLOB")

    found = [texts.value(form, text, declared.kept(type_)) for type_ in types]

    dashed = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    assert [dashed, dashed, text, bytes.fromhex(text), bytes.fromhex(text)] == found


# --- what types mean ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "family"),
    [
        ("INTEGER", Family.INTEGER),
        ("unsigned big int", Family.INTEGER),
        ("TINYINT(1)", Family.INTEGER),
        ("BOOLEAN", Family.BOOLEAN),
        ("bool", Family.BOOLEAN),
        ("DECIMAL(10, 2)", Family.DECIMAL),
        ("numeric", Family.DECIMAL),
        ("DECIMAL_TEXT(30, 10)", Family.DECIMAL),
        ("REAL", Family.FLOAT),
        ("double precision", Family.FLOAT),
        ("CHAR(3)", Family.TEXT),
        ("VARCHAR(255)", Family.TEXT),
        ("CLOB", Family.TEXT),
        ("", Family.TEXT),
        ("ANY", Family.TEXT),
        ("BLOB", Family.BINARY),
        ("VARBINARY(16)", Family.BINARY),
        ("DATE", Family.DATE),
        ("time", Family.TIME),
        ("TIME WITH TIME ZONE", Family.TEXT),
        ("DATETIME", Family.DATETIME),
        ("timestamp(6)", Family.DATETIME),
        ("TIMESTAMPTZ", Family.INSTANT),
        ("TIMESTAMP(6)  WITH TIME  ZONE", Family.INSTANT),
        ("JSON", Family.JSON),
        ("JSON_TEXT", Family.JSON),
        ("uuid", Family.UUID),
        ("INTERVAL", Family.TEXT),
        ("STRING", Family.TEXT),
        ("WHATEVER", Family.DECIMAL),
    ],
)
def test_a_declared_type_says_what_values_are(type_: str, family: Family) -> None:
    assert family is declared.family(type_)


@pytest.mark.parametrize(
    ("expression", "type_"),
    [
        ("CAST(a AS TEXT)", "TEXT"),
        ("cast( a + CAST(b AS INT) AS decimal(10, 2) )", "decimal ( 10 , 2 )"),
        ("CAST(a AS INT) + CAST(b AS INT)", ""),
        ("CAST(a AS INT", ""),
        ("a", ""),
        ("lower(CAST(a AS TEXT))", ""),
    ],
)
def test_only_a_cast_around_everything_has_a_type(expression: str, type_: str) -> None:
    read = [token for token in tokens.read(expression) if token.means]

    assert type_ == declared.cast_type(read)


@pytest.mark.parametrize(
    "expression",
    ["a, b", "a) FROM t; --", "(a", "a -- all", "a /* x", "a; b", "?", 'lower("nmae")'],
)
def test_what_is_no_expression_is_told_apart(expression: str) -> None:
    table = tables.Table(
        name="t", columns=(tables.FoundColumn(name="name", type="TEXT", null=True),)
    )

    assert "" != declared.unusable(table, expression)


def test_expressions_may_hold_anything_else() -> None:
    table = tables.Table(
        name="t", columns=(tables.FoundColumn(name="name", type="TEXT", null=True),)
    )

    for expression in ('"name"', "coalesce(name, ',')", "t.name || '?;--'", '"t"."name"', "rowid"):
        assert "" == declared.unusable(table, expression)


def test_the_word_for_a_form_says_all_that_decides() -> None:
    every = itertools.product(Family, (None, 0, 3), (False, True), (False, True), (False, True))
    for family, scale, typed, padded, long in every:
        form = Form(family=family, scale=scale, typed=typed, padded=padded, long=long)
        for words in (False, True):
            assert (form, words) == texts.form_of(texts.spec(form, words=words))


def test_two_typed_columns_of_one_family_are_compared_with_the_types_of_their_values() -> None:
    one = Form(family=declared.family("VARCHAR(5)"), typed=True)
    server = Form(family=Family.TEXT)

    assert forms.meet(one, one, what="a").typed
    assert not forms.meet(one, server, what="a").typed
