"""What Python writes of texts, and how rows become blocks."""

from __future__ import annotations

import pytest

from whimbrel import errors, tables
from whimbrel.engines import blocks, bulk, codec, forms, transport
from whimbrel.engines.forms import Family


def carried(family: Family, source: str, target: str, *, fits: bool = False) -> transport.Carried:
    """Return a column on its way."""
    there = tables.FoundColumn(name="v", type=source, null=True)
    here = tables.FoundColumn(name="v", type=target, null=True)
    value = codec.Value(sql="v", column=there, form=forms.Form(family=family))
    return transport.Carried(value=value, column=here, fits=fits)


WORD = carried(Family.TEXT, "text", "text")
NUMBER = carried(Family.INTEGER, "int", "int")
DOUBLE = carried(Family.FLOAT, "double", "double")
BYTES = carried(Family.BINARY, "blob", "bytea")
GUID = "00112233445566778899aabbccddeeff"


def test_fields_of_copy_escape_four_characters_and_no_others() -> None:
    text = "\\ \t \n \r \b \f \v ' é".encode()

    assert blocks.field(WORD, text) == "\\\\ \\t \\n \\r \b \f \v ' é".encode()
    assert blocks.field(WORD, None) == b"\\N"
    assert blocks.field(WORD, b"\\N") == b"\\\\N"
    assert blocks.field(BYTES, b"00ff") == b"\\\\x00ff"


def test_items_of_tuples_double_quotes_and_leave_whole_numbers_bare() -> None:
    assert blocks.item(WORD, b"it's \\ \n") == b"'it''s \\ \n'"
    assert blocks.item(WORD, b"NULL") == b"'NULL'"
    assert blocks.item(WORD, None) == b"NULL"
    assert blocks.item(NUMBER, b"-5") == b"-5"
    assert blocks.item(DOUBLE, b"1e-5") == b"'1e-5'"
    assert blocks.item(BYTES, b"00ff") == b"x'00ff'"
    assert blocks.item(BYTES, b"") == b"x''"


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ("uuid", b"00112233-4455-6677-8899-aabbccddeeff"),
        ("char(36)", b"00112233-4455-6677-8899-aabbccddeeff"),
        ("binary(16)", b"\\\\x" + GUID.encode()),
        ("bytea", b"\\\\x" + GUID.encode()),
        ("BLOB", b"\\\\x" + GUID.encode()),
    ],
)
def test_a_uuid_goes_as_its_column_keeps_it(target: str, field: bytes) -> None:
    assert blocks.field(carried(Family.UUID, "uuid", target), GUID.encode()) == field


@pytest.mark.parametrize("write", [blocks.field, blocks.item])
def test_odd_values_are_not_written(write: object) -> None:
    assert callable(write)

    for one, text in ((NUMBER, b"!t6162"), (DOUBLE, b"!b00"), (WORD, b"\xffb00")):
        with pytest.raises(bulk.Unstorable, match="'v' is no"):
            write(one, text)


def test_blocks_are_about_as_large_as_was_asked_for() -> None:
    parts = [(b"x" * 400, 4)] * 5 + [(b"y" * 5_000, 1)] + [(b"z", 1)]

    found = list(blocks.gathered(parts, block_bytes=1_000))

    assert [block.rows for block in found] == [8, 8, 4, 1, 1]
    assert b"".join(map(blocks.sent, found)) == b"x" * 2_000 + b"y" * 5_000 + b"z"
    assert list(blocks.gathered([], block_bytes=1)) == []


def test_tuples_are_joined_by_commas() -> None:
    (block,) = blocks.gathered([(b"(1)", 1), (b"(2),(3)", 2)], block_bytes=100, between=b",")

    assert block == transport.Block(data=b"(1),(2),(3)", rows=3)


@pytest.mark.parametrize(
    "rows",
    [
        [b"()"],
        [b"(1)", b"(2)"],
        [b"('a),(b',x'00',NULL)", b"('it''s (','''')", b"('')", b"('\\',-1.5)"],
        ["('é\n),(')".encode(), b"(')')"],
    ],
)
def test_tuples_are_told_apart_whatever_is_in_them(rows: list[bytes]) -> None:
    assert list(blocks.rows_of(b",".join(rows))) == rows


def test_rows_of_values_are_no_bytes() -> None:
    with pytest.raises(TypeError, match="rows of values"):
        blocks.sent(transport.Block(data=[(1,)], rows=1))


def test_a_row_that_is_missing_is_an_error() -> None:
    assert blocks.all_taken(2, 2) == 2
    with pytest.raises(errors.RefusedError, match="of 1,000 rows the database took 999"):
        blocks.all_taken(1_000, 999)


def test_so_many_rows_are_fetched_as_fit_into_a_block() -> None:
    large = b"x" * (transport.BLOCK_BYTES // 4)
    left = [(large,)] * 50
    asked: list[int] = []

    def fetch(count: int) -> list[tuple[bytes]]:
        asked.append(count)
        some, left[:] = left[:count], left[count:]
        return some

    fetched = [row for part in blocks.fetched(fetch, rows=1_000) for row in part]

    assert len(fetched) == 50
    assert asked[0] == 10
    assert max(asked[1:]) <= 4


@pytest.mark.parametrize(
    ("family", "source", "target", "may"),
    [
        (Family.DECIMAL, "decimal(10,2)", "numeric(12,2)", False),
        (Family.DECIMAL, "decimal(10,4)", "numeric(12,2)", True),
        (Family.DECIMAL, "numeric", "decimal(65,30)", True),
        (Family.DECIMAL, "NUMERIC", "numeric(10,2)", True),
        (Family.INTEGER, "bigint", "numeric(20)", False),
        (Family.DECIMAL, "decimal(10,2)", "integer", True),
        (Family.DECIMAL, "bigint", "double precision", True),
        (Family.DECIMAL, "smallint", "double precision", False),
        (Family.FLOAT, "double", "double precision", False),
        (Family.FLOAT, "double precision", "float", True),
        (Family.FLOAT, "REAL", "real", True),
        (Family.TEXT, "varchar(9)", "character varying(9)", False),
        (Family.TEXT, "character varying(10)", "varchar(9)", True),
        (Family.TEXT, "text", "char(9)", True),
        (Family.TEXT, "varchar(9)", "text", False),
        (Family.DATETIME, "datetime(6)", "timestamp(3) without time zone", True),
        (Family.DATE, "date", "date", False),
    ],
)
def test_two_types_say_whether_a_column_could_cut_or_round(
    family: Family, source: str, target: str, may: bool
) -> None:
    assert blocks.rounds(carried(family, source, target)) is may
    assert not blocks.rounds(carried(family, source, target, fits=True))


@pytest.mark.parametrize(
    ("type_", "named"),
    [
        ("bigint", ("bigint", None, None)),
        ("numeric(10,2)", ("numeric", 10, 2)),
        ("numeric(3,-2)", ("numeric", 3, -2)),
        ("DECIMAL ( 10 , 2 )", ("decimal", 10, 2)),
        ("timestamp(3) with time zone", ("timestamp", 3, None)),
        ("character varying(40)", ("character", 40, None)),
        ("double precision", ("double", None, None)),
        ("enum('a(1)','b')", ("enum", None, None)),
        ("int(10) unsigned", ("int", 10, None)),
        ("", ("", None, None)),
    ],
)
def test_a_type_has_a_name_and_numbers(
    type_: str, named: tuple[str, int | None, int | None]
) -> None:
    assert blocks.named(type_) == named
