"""What PostgreSQL's types are, as format_type() writes them."""

from __future__ import annotations

import pytest

from whimbrel.engines.forms import Family, Form
from whimbrel.engines.postgresql import texts


@pytest.mark.parametrize(
    ("type_", "form"),
    [
        ("bigint", Form(family=Family.INTEGER)),
        ("bit(8)", Form(family=Family.INTEGER)),
        ("bit(64)", Form(family=Family.INTEGER)),
        ("bit(65)", Form(family=Family.TEXT)),
        ("bit varying(8)", Form(family=Family.TEXT)),
        ("numeric", Form(family=Family.DECIMAL)),
        ("numeric(10,2)", Form(family=Family.DECIMAL, scale=2)),
        ("numeric(10,0)", Form(family=Family.DECIMAL, scale=0)),
        ("numeric(3,-2)", Form(family=Family.DECIMAL, scale=0)),
        ("real", Form(family=Family.FLOAT)),
        ("character varying(10)", Form(family=Family.TEXT)),
        ("character(3)", Form(family=Family.TEXT, padded=True)),
        ("bpchar", Form(family=Family.TEXT, padded=True)),
        ('"char"', Form(family=Family.TEXT)),
        ("timestamp(3) without time zone", Form(family=Family.DATETIME)),
        ("timestamp with time zone", Form(family=Family.INSTANT)),
        ("time(0) without time zone", Form(family=Family.TIME)),
        ("jsonb", Form(family=Family.JSON)),
    ],
)
def test_a_type_says_what_its_values_are(type_: str, form: Form) -> None:
    kind = texts.kind(type_)

    assert kind is not None
    assert kind.form == form


@pytest.mark.parametrize(
    "type_",
    ["time with time zone", "interval", "integer[]", "colour", '"My type"', "public.citext"],
)
def test_other_types_have_to_be_asked_for(type_: str) -> None:
    assert texts.kind(type_) is None


def test_types_of_one_engine_are_the_same_whatever_their_precision() -> None:
    assert texts.other("interval(3)").form == texts.other("interval").form
    assert texts.other("time(3) with time zone").form.own == "postgresql time with time zone"


def test_arrays_are_documents_if_their_elements_can_stand_in_one() -> None:
    numbers, documents = texts.kind("integer"), texts.kind("jsonb")
    assert numbers and documents

    assert texts.array(numbers, "integer[]").form == Form(family=Family.JSON)
    assert texts.array(documents, "jsonb[]").form.own == "postgresql jsonb[]"
    spans = texts.other("interval")
    assert texts.array(spans, "interval[]").form.family is Family.OTHER


def test_bytes_are_those_of_utf8_whatever_the_database_is_written_in() -> None:
    kind, form = texts.kind("text"), Form(family=Family.TEXT)
    assert kind is not None

    latin, unicode, none = (texts.Texts(name) for name in ("LATIN1", "UTF8", "SQL_ASCII"))

    assert latin.md5("v") == "md5(convert_to(v, 'UTF8'))"
    assert latin.length("v", "v", kind, form) == "octet_length(convert_to(v, 'UTF8'))"
    assert unicode.md5("v") == none.md5("v") == "md5(v)"
    assert none.octets("v") == "convert_to(v, 'SQL_ASCII')"


@pytest.mark.parametrize(
    ("type_", "sql"),
    [
        ("character varying(3)", "CAST(%s AS text)"),
        ("character(3)", "CAST(%s AS bpchar)"),
        ("numeric(3,1)", "CAST(%s AS numeric)"),
        ("bit(70)", "CAST(%s AS bit varying)"),
        ("timestamp(0) without time zone", "CAST(%s AS timestamp without time zone)"),
    ],
)
def test_a_value_is_not_cut_before_its_column_can_refuse_it(type_: str, sql: str) -> None:
    kind = texts.kind(type_)

    assert kind is not None
    assert texts.given(kind, kind.form) == sql
