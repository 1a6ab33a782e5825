"""What the catalogs say of defaults is read as values, moments, UUIDs or sequences."""

from __future__ import annotations

import pytest

from whimbrel.engines import translate
from whimbrel.engines.defaults import Constant, Counted, Formula, NewUuid, Now, Part, Sort


def text(value: str) -> Constant:
    return Constant(sort=Sort.TEXT, text=value)


def number(value: str) -> Constant:
    return Constant(sort=Sort.NUMBER, text=value)


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [
        ("postgres", "'x''y\\z'::character varying", text("x'y\\z")),
        ("postgres", "'ok'::mood", text("ok")),
        ("postgres", "'{}'::jsonb", text("{}")),
        ("postgres", "'-1'::integer", text("-1")),
        ("postgres", "(-1)", number("-1")),
        ("postgres", "1.50", number("1.50")),
        ("postgres", "true", Constant(sort=Sort.BOOLEAN, text="1")),
        ("postgres", "'f'::boolean", Constant(sort=Sort.BOOLEAN, text="0")),
        ("postgres", "'\\x00FF'::bytea", Constant(sort=Sort.BYTES, text="00ff")),
        ("postgres", "B'101'::\"bit\"", Constant(sort=Sort.BITS, text="101")),
        ("postgres", "NULL::character varying", None),
        ("postgres", "now()", Now(part=Part.MOMENT)),
        ("postgres", "CURRENT_TIMESTAMP(3)", Now(part=Part.MOMENT)),
        ("postgres", "(now() AT TIME ZONE 'utc'::text)", Now(part=Part.MOMENT, utc=True)),
        ("postgres", "timezone('utc'::text, now())", Now(part=Part.MOMENT, utc=True)),
        ("postgres", "('now'::text)::date", Now(part=Part.DAY)),
        ("postgres", "(now())::date", Now(part=Part.DAY)),
        ("postgres", "CURRENT_DATE", Now(part=Part.DAY)),
        ("postgres", "gen_random_uuid()", NewUuid()),
        ("postgres", "nextval('a_seq'::regclass)", Counted(sequence="a_seq")),
        ("mysql", "current_timestamp(6)", Now(part=Part.MOMENT)),
        ("mysql", "curdate()", Now(part=Part.DAY)),
        ("mysql", "utc_timestamp()", Now(part=Part.MOMENT, utc=True)),
        ("mysql", "b'101'", Constant(sort=Sort.BITS, text="101")),
        ("mysql", "x'DEAD'", Constant(sort=Sort.BYTES, text="dead")),
        ("mysql", "_utf8mb4'x\\\\y'", text("x\\y")),
        ("mysql", "'0'", text("0")),
        ("mysql", "NULL", None),
        ("mysql", "(uuid())", NewUuid()),
        ("sqlite", "CURRENT_TIMESTAMP", Now(part=Part.MOMENT, utc=True)),
        ("sqlite", "datetime('now')", Now(part=Part.MOMENT, utc=True)),
        ("sqlite", "(date('now', 'localtime'))", Now(part=Part.DAY)),
        ("sqlite", "-1.5", number("-1.5")),
        ("sqlite", '"a b"', text("a b")),
        ("sqlite", "X'00'", Constant(sort=Sort.BYTES, text="00")),
    ],
)
def test_a_default_is_what_it_says(dialect, sql, expected):
    assert expected == translate.default(sql, read=dialect)


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "'{}'::text[]"),
        ("postgres", "'1 day'::interval"),
        ("postgres", "lower('A'::text)"),
        ("postgres", "(now() + '1 day'::interval)"),
        ("postgres", "timezone('Europe/Berlin'::text, now())"),
        ("mysql", "(1 + 2)"),
        ("sqlite", "strftime('%s', 'now')"),
        ("sqlite", "datetime('now', '+1 day')"),
        ("sqlite", "1 +"),
    ],
)
def test_anything_else_stays_an_expression(dialect, sql):
    assert Formula(sql=sql) == translate.default(sql, read=dialect)
