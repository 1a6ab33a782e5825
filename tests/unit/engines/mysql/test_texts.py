"""What MySQL's types are, as its catalog and its results describe them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pymysql.constants import FIELD_TYPE, FLAG

from whimbrel import tables
from whimbrel.engines.forms import Family, Form
from whimbrel.engines.mysql import codec, texts


def column(type_: str, **more: object) -> tables.FoundColumn:
    """Return a column of this type."""
    return tables.FoundColumn(name="v", type=type_, null=True, **more)  # type: ignore[arg-type]


def kind(type_: str, **more: object) -> texts.Kind:
    """Return what a column of this type is."""
    found = column(type_, **more)
    return texts.kind(tables.Table(name="t", columns=(found,)), found)


@pytest.mark.parametrize(
    ("type_", "form"),
    [
        ("tinyint(1)", Form(family=Family.INTEGER)),
        ("int", Form(family=Family.INTEGER)),
        ("bigint(20) unsigned", Form(family=Family.INTEGER)),
        ("bit(64)", Form(family=Family.INTEGER)),
        ("year", Form(family=Family.INTEGER)),
        ("year(4)", Form(family=Family.INTEGER)),
        ("decimal(10,2)", Form(family=Family.DECIMAL, scale=2)),
        ("decimal(10,0) unsigned", Form(family=Family.DECIMAL, scale=0)),
        ("float(7,3)", Form(family=Family.FLOAT)),
        ("double", Form(family=Family.FLOAT)),
        ("char(3)", Form(family=Family.TEXT, padded=True)),
        ("enum('a','int(3)')", Form(family=Family.TEXT)),
        ("set('a')", Form(family=Family.TEXT)),
        ("text", Form(family=Family.TEXT)),
        ("mediumtext", Form(family=Family.TEXT, long=True)),
        ("longblob", Form(family=Family.BINARY, long=True)),
        ("binary(4)", Form(family=Family.BINARY)),
        ("datetime(6)", Form(family=Family.DATETIME)),
        ("timestamp", Form(family=Family.INSTANT)),
        ("json", Form(family=Family.JSON, long=True)),
        ("uuid", Form(family=Family.UUID)),
        ("inet6", Form(family=Family.OTHER, own="mysql inet6")),
        ("multipolygon", Form(family=Family.OTHER, own="mysql multipolygon")),
    ],
)
def test_a_type_says_what_its_values_are(type_: str, form: Form) -> None:
    assert kind(type_).form == form


def test_a_check_says_that_a_text_is_json() -> None:
    checked = tables.Table(
        name="t",
        columns=(column("longtext"), column("text")),
        checks=(tables.Check(name="v", sql="json_valid(`v`)"),),
    )

    assert texts.kind(checked, checked.columns[0]).form == Form(family=Family.JSON, long=True)
    assert (
        kind("longtext", definition="longtext CHECK (json_valid(`v`))").form.family is Family.JSON
    )
    assert (
        kind("longtext", definition="longtext CHECK (json_valid(`w`))").form.family is Family.TEXT
    )


def test_texts_are_converted_unless_they_are_utf8_already() -> None:
    def written(collation: str | None) -> str:
        return texts.utf8("v", column("text", collation=collation))

    assert "CONVERT" not in written("utf8mb4_unicode_ci")
    for collation in ("latin1_swedish_ci", "utf16_bin", None):
        assert "CONVERT(v USING utf8mb4)" in written(collation)


def field(code: int, **more: int | str) -> SimpleNamespace:
    """Return a column of a result as the driver describes it."""
    plain = {"flags": 0, "charsetnr": 45, "length": 20, "scale": 0, "org_name": ""}
    return SimpleNamespace(type_code=code, **{**plain, **more})


@pytest.mark.parametrize(
    ("found", "type_"),
    [
        (field(FIELD_TYPE.LONGLONG, flags=FLAG.UNSIGNED), "bigint unsigned"),
        (field(FIELD_TYPE.TINY), "tinyint"),
        (field(FIELD_TYPE.NEWDECIMAL, length=12, scale=2), "decimal(10,2)"),
        (field(FIELD_TYPE.NEWDECIMAL, length=10, flags=FLAG.UNSIGNED), "decimal(10,0) unsigned"),
        (field(FIELD_TYPE.DOUBLE, scale=31), "double"),
        (field(FIELD_TYPE.DOUBLE, scale=39), "double"),
        (field(FIELD_TYPE.DOUBLE, length=10, scale=2), "double(10,2)"),
        (field(FIELD_TYPE.DATETIME, scale=6), "datetime(6)"),
        (field(FIELD_TYPE.TIME), "time"),
        (field(FIELD_TYPE.STRING, org_name="c"), "char"),
        (field(FIELD_TYPE.STRING), "varchar"),
        (field(FIELD_TYPE.STRING, flags=FLAG.SET), "set"),
        (field(FIELD_TYPE.STRING, flags=FLAG.ENUM), "enum"),
        (field(FIELD_TYPE.VAR_STRING, charsetnr=63, length=4), "varbinary(4)"),
        (field(FIELD_TYPE.BLOB), "longtext"),
        (field(FIELD_TYPE.BLOB, charsetnr=63), "longblob"),
        (field(FIELD_TYPE.JSON, charsetnr=63), "json"),
        (field(FIELD_TYPE.BIT, length=7), "bit(7)"),
        (field(FIELD_TYPE.GEOMETRY, charsetnr=63), "geometry"),
    ],
)
def test_the_type_of_an_expression_is_that_of_its_result(
    found: SimpleNamespace, type_: str
) -> None:
    assert codec._type_of(found) == type_
    assert kind(type_).form.family is not None
