"""Nasty values of every type family, as each engine holds them: what transfers are tortured with.

A column has a family, a type of its engine, and values as they are written into it. What they
mean is read from the source by its plain driver; what has to become of them is said by `oracle`.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tests.pairs import sorts
from tests.pairs.wide import DOUBLES
from tests.pairs.writing import Sql, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of one engine with its values; `options` stand behind its type."""

    family: str
    type: str
    values: tuple[Value, ...]
    options: str = ""
    words: tuple[str, ...] = ()

    def alone(self) -> list[Column]:
        """Return a column for each value."""
        return [dataclasses.replace(self, values=(value,)) for value in self.values]


# --- numbers --------------------------------------------------------------------------------

_POWERS: Final = (0, 1, 4, 7, 8, 15, 16, 23, 24, 31, 32, 52, 53, 54, 62, 63, 64)
INTEGERS: Final = tuple(
    sorted(
        {
            sign * (2**power + near)
            for power, near, sign in itertools.product(_POWERS, (-1, 0, 1), (-1, 1))
        }
        | {sign * 10**digits for digits in (1, 3, 9, 15, 16, 18, 19) for sign in (-1, 1)}
    )
)


def within(least: int, most: int) -> tuple[Value, ...]:
    """Return the whole numbers between two limits."""
    return tuple(number for number in INTEGERS if least <= number <= most)


def signed(bits: int) -> tuple[Value, ...]:
    return within(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def unsigned(bits: int) -> tuple[Value, ...]:
    return within(0, 2**bits - 1)


DECIMALS: Final = (
    *(
        "0",
        "1",
        "-1",
        "0.1",
        "-0.1",
        "0.10",
        "1.50",
        "100",
        "1000000",
        "0.3",
        "0.30000000000000004",
    ),
    *("0.01", "0.001", "0.000001", "1e-10", "1e-15", "1e-20", "1e-30", "-1e-30", "2e-30"),
    *("9.99", "99.995", "0.5", "1.5", "2.5", "-2.5", "1.005", "2.675", "33.333333333333333333"),
    *("9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809"),
    *("18446744073709551615", "18446744073709551616", "123456789012345", "1234567890123456"),
    *("12345678901234567", "999999999999999", "9999999999999999", "99999999999999999"),
    *("0.123456789012345", "0.1234567890123456", "0.12345678901234567890"),
    *(
        "12345678901234567890.123456789012345678901234567890",
        "1e14",
        "1e15",
        "1e16",
        "1e22",
        "1e23",
    ),
    *("9" * 38, "-" + "9" * 38, "9" * 65, "-" + "9" * 65, "1" + "0" * 64),
    *("0." + "9" * 30, "-0." + "9" * 30, "9" * 35 + "." + "9" * 30, "9" * 8 + "." + "9" * 2),
    *("-" + "9" * 35 + "." + "9" * 30, "0." + "0" * 29 + "1", "1e28", "123.4500", "7e-7"),
)
FLOATS: Final[tuple[float, ...]] = (
    *DOUBLES,
    *(0.0, 1.0, -1.0, 0.5, -0.1, 0.7, 2 / 3, 1e-7, 1e-10, 123456.789, -1e-300, 1e-307, 1e300),
    *(2.0**53, 2.0**53 + 2, 2.0**63, 2.0**64, -(2.0**63), 1e14, 999999999999999.9, 1e17, 1e19),
    *(9.5e-323, 2.225073858507201e-308, 4.35, 4.349999999999999, 8.41e21, 9007199254740993e3),
    *(math.pi, -math.e, 1e100, 1.5e300, 123456789.12345678, 5e-5, 1e-16, 1.1, 2.2, 3.3, 1e-323),
    *(0.1 + 0.7, 100.1, 99.99, 0.3 - 1e-16, 3.4028234663852886e38, 1.401298464324817e-45),
)
ODD_FLOATS: Final = (math.nan, math.inf, -math.inf, -0.0)


def _single(value: float) -> float | None:
    try:
        return float(struct.unpack(">f", struct.pack(">f", value))[0])
    except OverflowError:
        return None


# As written: the nearest float of four bytes.
SINGLES: Final[tuple[float, ...]] = tuple(
    dict.fromkeys(one for one in map(_single, FLOATS) if one is not None)
)


def exact(digits: int, scale: int, *, least: int | None = None) -> tuple[Value, ...]:
    """Return the decimals that fit so many digits as they are."""
    holds = sorts._fits(digits, scale)
    return tuple(
        Decimal(one)
        for one in DECIMALS
        if holds(Decimal(one)) and (least is None or Decimal(one) >= least)
    )


# --- texts and bytes ------------------------------------------------------------------------

TEXTS: Final = (
    *("", " ", "  ", "a", "a ", "a  ", " a", "a\t", "a\n", "a\u00a0", "\t", "\n", "\r", "\r\n"),
    *("\b", "\f", "\v", "a\bb\fc\vd", "\x01", "\x1a", "\x1b[31m", "\x7f", "\x80", "\x85", "\xad"),
    *("\\", "\\\\", "\\N", "\\n", "a\\", "\\.", "\\x41", "\\000", "\\'", "'", "''", '"', '""', "`"),
    *("'; DROP TABLE x; --", "%", "%s", "%(a)s", "_", "?", ":a", "$1", "{}", "{column}", "${a}"),
    *("NULL", "null", "\\N\t\\N", "None", "!t41", "!", "!b00", "t:a", "i:1", "0xFF", "\\xff"),
    *("true", "1", "1.0", "01", "-0", "1e5", "NaN", "Infinity", "0000-00-00", "2020-01-01"),
    *("a,b", "a\tb", "a\nb", "a\r\nb", "a|b", "1:a", "(a)", "{a,b}", "[1]", "a\x1fb", "a\x1eb"),
    *("é", "e\u0301", "É", "ß", "ẞ", "ı", "İ", "Ǆ", "ﬁ", "Å", "\u212b", "中文", "한국어", "日本"),
    *(
        "🎉",
        "👨\u200d👩\u200d👧",
        "🇩🇪",
        "👍🏽",
        "𝒜",
        "\U0010ffff",
        "\U000e0041",
        "\uffff",
        "\ufffe",
    ),
    *("\u200b", "\ufeff", "\ufeffa", "\u2028", "\u2029", "\u202e abc", "שלום", "مرحبا", "\u0600"),
    *("Z̷̡̢̛͎a͟l̶g͘o̡", "\u0300", "a\u0300\u0301\u0302", "\ud7ff", "\ue000", "\ufdd0", "＂＇", "´`"),
    *("x" * 255, "é" * 255, "🎉" * 60, "a" * 256 + " ", "\\" * 99, "'" * 99, "\t" * 99),
)
LONG_TEXTS: Final = (
    *("x" * 65_535, "x" * 65_536, "é" * 40_000, "🎉\\\n'\t" * 4_000, "a" * 1_048_576),
    *("\\" * 70_000, "tail " * 20_000),
)
NULS: Final = ("\0", "a\0b", "\0a", "a\0", "\\\0", "\0\0\0")
# Halves of surrogate pairs, and what is no UTF-8 at all.
HALVES: Final = (b"\xed\xa0\x80", b"a\xed\xbf\xbfb", b"\xed\xa0\xbd\xed\xb2\xa9")
BROKEN: Final = (
    *(b"\xff", b"a\xffb", b"\xc3", b"\xe9t\xe9", b"\x80", b"\xc0\x80", b"\xf5\x80\x80\x80"),
    *(b"\xf0\x9f\x8e", b"a\0\xff", b"\xfe\xff"),
)
BINARIES: Final = (
    *(b"", b"\0", b"\xff", b" ", b"a ", b"a", b"\n", b"\t", b"\\", b"\\N", b"\\x41", b"\\\\", b"'"),
    *(b'"', b"''", b"\r\n", b"\x1a", b"\x1e\x1f", b"\b\f\v", b"NULL", b"!b00", b"x'41'", b"0x41"),
    *(b"\\.", b"\\.\n", b"\\000", b"\\134", b"E'\\\\x'", b"\0" * 16, b"\xff" * 16, b"\0\xff" * 8),
    *(b"0123456789abcdef", b"6f9619ff8b86d011b42d00c04fc964ff", b"\xc3\xa9", b"\xc3", b"\x80\x81"),
    *(b"\xed\xa0\x80", b"\xf0\x9f\x8e\x89", b"\xfe\xff", b"\xef\xbb\xbfa", b"%s", b"a\0b", b"\0a"),
    *(b"a\0", b"\0 ", b" \0", b"\t\t\t", b"\x7f", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"PK\x03\x04"),
    *(bytes(range(256)), bytes(range(255, -1, -1)), b"\x27" * 64, b"\x5c" * 64, b"ab" * 100),
)
LONG_BINARIES: Final = (bytes(range(256)) * 300, b"\\" * 70_000, b"\0" * 65_536, b"\xff" * 500_000)
UUIDS: Final = (
    *("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    *("6f9619ff-8b86-4011-b42d-00c04fc964ff", "00000000-0000-4000-8000-000000000001"),
    *(f"{n:08x}-1234-4abc-8def-{n * 7919:012x}" for n in range(1, 18)),
)
UUIDS_SPELLED: Final = tuple(
    spelled for one in UUIDS for spelled in (one, one.upper(), one.replace("-", ""))
)

# --- days and hours -------------------------------------------------------------------------

DATES: Final = (
    *("0001-01-01", "0001-12-31", "0099-01-01", "0100-03-01", "0999-12-31", "1000-01-01"),
    *("1500-02-28", "1582-10-04", "1582-10-05", "1582-10-14", "1582-10-15", "1600-02-29"),
    *("1752-09-02", "1752-09-03", "1752-09-14", "1899-12-30", "1899-12-31", "1900-01-01"),
    *("1900-02-28", "1900-03-01", "1904-01-01", "1916-02-29", "1969-12-31", "1970-01-01"),
    *("1970-01-02", "1999-12-31", "2000-01-01", "2000-02-29", "2001-09-09", "2004-02-29"),
    *("2016-12-31", "2020-02-28", "2020-02-29", "2020-03-01", "2021-02-28", "2024-02-29"),
    *("2038-01-18", "2038-01-19", "2038-01-20", "2040-02-29", "2069-12-31", "2070-01-01"),
    *("2099-12-31", "2100-02-28", "2100-03-01", "2106-02-07", "2155-12-31", "2262-04-11"),
    *("2400-02-29", "2500-01-01", "3000-12-31", "4000-02-29", "5000-05-05", "6666-06-06"),
    *("7777-07-07", "8000-08-08", "9000-09-09", "9998-12-31", "9999-01-01", "9999-12-31"),
)
ZERO_DATES: Final = ("0000-00-00", "2020-00-00", "2020-05-00", "2020-00-05", "0000-05-05")
ODD_DATES: Final = (
    *("0044-03-15 BC", "0001-12-31 BC", "4713-01-01 BC", "infinity", "-infinity"),
    *("10000-01-01", "12024-02-29", "99999-12-31", "294276-12-31"),
)
TIMES: Final = (
    *("00:00:00", "00:00:01", "00:00:59", "00:01:00", "00:59:59", "01:00:00", "02:30:00"),
    *("09:09:09", "10:10:10", "11:59:59", "12:00:00", "12:34:56", "13:13:13", "20:20:20"),
    *("23:00:00", "23:59:00", "23:59:59", "00:00:00.1", "00:00:00.9", "00:00:00.5"),
    *("00:00:00.000001", "00:00:00.000010", "00:00:00.999999", "12:00:00.123456"),
    *("12:00:00.100000", "12:00:00.01", "12:00:00.001", "12:00:00.0001", "23:59:59.9"),
    *("23:59:59.999", "23:59:59.999999", "23:59:59.500000", "06:06:06.060606", "04:05:06.789"),
    *("01:02:03.004005", "15:16:17.181920", "03:00:00.000300", "22:22:22.222222"),
)
LONG_TIMES: Final = (
    *("24:00:00", "24:00:01", "25:00:00", "47:59:59", "99:59:59", "100:00:00", "838:59:59"),
    *("-00:00:01", "-01:00:00", "-838:59:59", "-12:34:56.789000", "500:30:15.5", "-00:00:00.5"),
)
_CLOCKS: Final = (
    *("00:00:00", "23:59:59.999999", "12:00:00.5", "02:30:00", "00:00:00.000001", "03:14:07"),
    *("01:30:00.25", "02:59:59.999", "11:11:11.111111"),
)
MOMENTS: Final = tuple(
    dict.fromkeys(
        (
            *(f"{day} {clock}" for day, clock in zip(DATES, itertools.cycle(_CLOCKS))),
            # What summer time skips or has twice, the end of 32 bits, leap seconds' neighbours.
            *("2024-03-31 02:30:00", "2024-10-27 02:30:00", "2021-03-14 02:00:00"),
            *("2038-01-19 03:14:07", "2038-01-19 03:14:08", "1969-12-31 23:59:59.999999"),
            *("1970-01-01 00:00:00", "1970-01-01 00:00:00.000001", "2016-12-31 23:59:59.5"),
            *("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2000-02-29 12:34:56.7"),
        )
    )
)
_ZONES: Final = ("+00:00", "+01:00", "-05:00", "+05:30", "+05:45", "-09:30", "+14:00", "-12:00")
INSTANTS: Final = tuple(
    f"{moment}{zone}"
    for moment, zone in zip(
        (one for one in MOMENTS if not one.startswith(("0001-01-01", "9999-12-31"))),
        itertools.cycle(_ZONES),
    )
)

# --- documents ------------------------------------------------------------------------------

JSONS: Final = (
    *("null", "true", "false", "0", "-0", "1", "-1", "1.0", "1.10", "1e2", "1E+2", "1e-7", "0.1"),
    *("0.30000000000000004", "12345678901234567890", "9007199254740993", "-9223372036854775809"),
    *("18446744073709551616", "0.12345678901234567890", "123456789012345678901234567890.12"),
    *('""', '" "', '"a"', '"NULL"', '"\\""', '"\\\\"', '"\\/"', '"/"', '"\\b\\f\\n\\r\\t"', '"\'"'),
    *('"\\u00e9"', '"é"', '"\\ud83c\\udf89"', '"🎉"', '"e\\u0301"', '"\\u2028"', '"\\u007f"'),
    *('"\\\\u0000"', '"\\\\n"', '"%s"', '"</script>"', '"\\u0001"', '"\\u001f"', '"`"'),
    *("[]", "{}", "[[]]", "[null]", "[{}]", '{"a": null}', '{"": 1}', '{"a": {"a": {"a": []}}}'),
    *('{"b": 1, "a": 2}', '{"a":1,"b":2}', '{ "a" :\n\t1 }', '{"é": "ü"}', '{"\\u00e9": 1}'),
    *('{"a b": "c\'d"}', '{"a\\"b": "\\\\"}', '{"a.b": {"$": 1}}', "[1, 1.0, 1.00, 1e0]"),
    *("[true, false, null]", '["a", "A", "a "]', '{"A": 1, "a": 2}', "[ 1 , 2 ]", '  {"a": 1}  '),
    *("[" * 31 + "]" * 31, '{"a":' * 31 + "1" + "}" * 31, "[" + "1," * 999 + "1]"),
    *('"' + "x" * 70_000 + '"', '"' + "é\\n" * 9_000 + '"', '{"' + "k" * 300 + '": 1}'),
)
DEEP: Final = ("[" * 33 + "]" * 33, '{"a":' * 40 + "1" + "}" * 40, "[" * 400 + "]" * 400)
TWICE: Final = ('{"a": 1, "a": 2}', '{"a": {"b": 1, "b": 2}}', '[{"k": 0, "k": 0}]')
JSON_NULS: Final = ('"\\u0000"', '{"a": "b\\u0000c"}', '{"\\u0000": 1}', '["\\\\\\u0000"]')
JSON_HALVES: Final = ('"\\ud800"', '["\\udc00a"]', '{"\\ud83c": "\\ud83c\\ud83c\\udf89"}')
HUGE_NUMBERS: Final = ("1e400", "-1e400", "[1e-400]", "1" + "0" * 400)

# --- words ----------------------------------------------------------------------------------

MOODS: Final = ("sad", "ok", "Happy", "happy!", "ünglück", "it's", "a b", "🎉", 'q"q', "1", "%s")
# As enumerations hold them: up to 63 bytes, no blanks at the end, none twice.
WORDS: Final = tuple(
    dict.fromkeys(one for one in TEXTS if one and one == one.rstrip(" ") and len(one.encode()) < 64)
)
# MariaDB's catalog does not show characters of four bytes.
SHOWN_WORDS: Final = tuple(one for one in WORDS if sorts._in_three_bytes(one))
SET: Final = ("a", "b", "c d", "é", "X", "x'y", "%")
MEMBERS: Final = tuple(
    ",".join(word for at, word in enumerate(SET) if number >> at & 1)
    for number in range(0, 2 ** len(SET), 2)
)


def _as_bytes(words: Iterable[str]) -> str:
    return ", ".join(f"X'{word.encode().hex()}'" for word in words)


def _quoted(words: Iterable[str]) -> str:
    return ", ".join("'" + word.replace("'", "''") + "'" for word in words)


# --- columns of PostgreSQL --------------------------------------------------------------------


def _written(values: Iterable[object]) -> tuple[Value, ...]:
    return tuple(str(one) for one in values)


def _bits(values: Iterable[int], size: int) -> tuple[Value, ...]:
    return tuple(Sql(f"B'{value:0{size}b}'") for value in values)


_MASKS: Final = tuple(
    sorted({0, 1, *(2**n for n in range(64)), *(2**n - 1 for n in range(65)), 0xAAAA, 2**64 - 2})
)
_HUGE: Final = ("1" + "0" * 66, "9" * 500, "-" + "9" * 200 + ".5", "1e-40", "-1e-400", "1e400")

# What only PostgreSQL has: types, and values as it reads them.
OWN: Final[Mapping[str, Sequence[str]]] = {
    "interval": (
        *("0", "1 second", "-1 second", "90 minutes", "1 year 2 months -3 days", "178000000 years"),
        *("1 mon -1 day +00:00:00.000001", "-178000000 years", "00:00:00.5", "-00:00:00.000001"),
    ),
    "inet": ("10.0.0.1", "10.0.0.1/8", "::1", "fe80::1/64", "0.0.0.0/0", "::ffff:1.2.3.4"),
    "cidr": ("10.1.0.0/16", "::/0", "2001:db8::/32", "192.168.0.0/24"),
    "macaddr": ("08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"),
    "macaddr8": ("08:00:2b:01:02:03:04:05",),
    "int4range": ("empty", "[1,5)", "(,)", "[-2147483648,)", "(,2147483647)", "[7,8)"),
    "numrange": ("[1.0,2]", "(1.5,)", "empty", "[-Infinity,NaN]"),
    "tstzrange": ("[2024-01-01 00:00+00,)", "empty", "[-infinity,infinity]"),
    "daterange": ("[2024-01-01,2024-02-01)", "[0044-03-15 BC,)"),
    "int4multirange": ("{}", "{[1,3),[5,7)}"),
    "point": ("(1,2)", "(0.1,-1e300)", "(NaN,Infinity)"),
    "box": ("(1,1),(0,0)",),
    "path": ("((0,0),(1,1))", "[(0,0),(1,1)]"),
    "polygon": ("((0,0),(1,1),(1,0))",),
    "circle": ("<(0,0),1>",),
    "lseg": ("[(0,0),(1,1)]",),
    "line": ("{1,-1,0}",),
    "tsvector": ("", "a:1 b:2", "'it''s':1A,2B 'x\\\\y'"),
    "tsquery": ("a & b | !c", "'it''s' <-> x"),
    "money": ("1.5", "-92233720368547758.08", "92233720368547758.07"),
    "timetz": ("12:00:00+02", "24:00:00-15:59", "00:00:00.000001+00"),
    "pg_lsn": ("0/0", "FFFFFFFF/FFFFFFFF"),
    "jsonpath": ("$", '$."a b"[*] ? (@ > 1)'),
    "bit(70)": ("1" * 70, "0" * 70),
    "bit varying(80)": ("", "0", "00", "101", "1" * 80),
    "integer[]": ("{}", "{1,NULL,-2147483648}", "{2147483647}"),
    "bigint[]": ("{9223372036854775807,-9223372036854775808,NULL}",),
    "text[]": (
        *("{}", "{a,b}", '{"",NULL,"NULL"}', '{"a\\"b","c\\\\d","e,f","{g}"}', '{"é 🎉","\n\t"}'),
        '{" a "," "}',
    ),
    "boolean[]": ("{t,f,NULL}",),
    "numeric[]": ("{1.50,-0.1,1e30}",),
    "double precision[]": ("{0.1,1e300,5e-324}", "{-0.5,100}"),
    "date[]": ("{2024-02-29,0001-01-01}",),
    "uuid[]": ("{6f9619ff-8b86-4011-b42d-00c04fc964ff}",),
    "oid": ("0", "4294967295"),
    "name": ("a", "x" * 63, "é"),
    '"char"': ("a", "", "1"),
}

POSTGRESQL: Final = (
    Column(family="integer", type="smallint", values=signed(16)),
    Column(family="integer", type="integer", values=signed(32)),
    Column(family="integer", type="bigint", values=signed(64)),
    Column(family="integer", type="numeric(20,0)", values=INTEGERS),
    Column(family="decimal", type="numeric(65,30)", values=exact(65, 30)),
    Column(family="decimal", type="numeric(65,0)", values=exact(65, 0)),
    Column(family="decimal", type="numeric(38,10)", values=exact(38, 10)),
    Column(family="decimal", type="numeric(10,2)", values=exact(10, 2)),
    Column(family="decimal", type="numeric(30,30)", values=exact(30, 30)),
    Column(
        family="decimal", type="numeric(5,-2)", values=_written((0, 100, -100, 1234500, 9999900))
    ),
    Column(family="decimal", type="numeric(3,5)", values=_written((0, "0.00123", "-0.00999"))),
    Column(family="decimal", type="numeric(15,5)", values=exact(15, 5)),
    Column(family="decimal", type="numeric(38,10)", values=(*_written(("NaN", "1.5")),)),
    Column(family="decimal", type="numeric", values=_written((*DECIMALS, "1.500", "0.00"))),
    Column(family="decimal", type="numeric", values=_written((*DECIMALS[:20], *_HUGE))),
    Column(
        family="decimal",
        type="numeric",
        values=_written(("1.5", "NaN", "Infinity", "-Infinity", "0", "1e20")),
    ),
    Column(family="float", type="double precision", values=_written((*FLOATS, *ODD_FLOATS))),
    Column(family="float", type="real", values=_written((*SINGLES, *ODD_FLOATS))),
    Column(family="boolean", type="boolean", values=(True, False)),
    Column(family="boolean", type="bit(1)", values=_bits((0, 1), 1)),
    Column(family="boolean", type="bit(8)", values=_bits((m for m in _MASKS if m < 256), 8)),
    Column(family="boolean", type="bit(64)", values=_bits(_MASKS, 64)),
    Column(family="text", type="text", values=(*TEXTS, *LONG_TEXTS)),
    Column(family="text", type="varchar(300)", values=TEXTS),
    Column(family="text", type="varchar", values=TEXTS),
    Column(family="text", type="char(260)", values=TEXTS),
    Column(family="text", type='text COLLATE "C"', values=TEXTS),
    Column(family="binary", type="bytea", values=(*BINARIES, *LONG_BINARIES)),
    Column(family="date", type="date", values=(*DATES, *ODD_DATES)),
    Column(family="time", type="time", values=(*TIMES, "24:00:00")),
    Column(family="time", type="time(0)", values=TIMES[:17]),
    Column(family="time", type="time(3)", values=tuple(t for t in TIMES if len(t) <= 12)),
    Column(family="time", type="time", values=TIMES),
    Column(
        family="datetime",
        type="timestamp",
        values=(
            *MOMENTS,
            *(f"{d[:-3]} 10:00 BC" for d in ODD_DATES if d.endswith("BC")),
            "infinity",
            "-infinity",
            "294276-12-31 23:59:59.999999",
            "10000-01-01 00:00:00",
        ),
    ),
    Column(
        family="datetime", type="timestamp(0)", values=tuple(m for m in MOMENTS if "." not in m)
    ),
    Column(
        family="instant",
        type="timestamptz",
        values=(
            *INSTANTS,
            "0044-03-15 10:00:00+00 BC",
            "infinity",
            "-infinity",
            "294276-12-31 23:59:59.999999+00",
            "10000-01-01 00:00:00+00",
        ),
    ),
    Column(family="json", type="json", values=(*JSONS, *TWICE, *HUGE_NUMBERS)),
    Column(family="json", type="json", values=(*JSONS[:40], *JSON_NULS)),
    Column(family="json", type="json", values=(*JSONS[:40], *JSON_HALVES)),
    Column(family="json", type="jsonb", values=(*JSONS, *HUGE_NUMBERS)),
    Column(family="json", type="jsonb", values=DEEP),
    Column(family="uuid", type="uuid", values=UUIDS_SPELLED),
    Column(family="enum", type="mood", values=MOODS),
    Column(family="enum", type="word", values=WORDS),
    Column(family="enum", type="mood[]", values=("{}", '{sad,NULL,"it\'s"}', '{"q\\"q",🎉}')),
    *(Column(family="own", type=type_, values=tuple(values)) for type_, values in OWN.items()),
)
_BEFORE_POSTGRESQL: Final = (
    f"CREATE TYPE mood AS ENUM ({_quoted(MOODS)}); CREATE TYPE word AS ENUM ({_quoted(WORDS)})"
)

# --- columns of MariaDB -----------------------------------------------------------------------


def _raw(charset: str, values: Iterable[bytes]) -> tuple[Value, ...]:
    return tuple(Sql(f"_{charset} X'{value.hex()}'") for value in values)


def _holds(charset: str) -> tuple[Value, ...]:
    return tuple(one for one in (*TEXTS, *NULS) if sorts._encodes(charset)(one))


_PLANE: Final = tuple(one for one in (*TEXTS, *NULS) if sorts._in_three_bytes(one))
_ENUM: Final = f"enum({_quoted(MOODS)})"
_SET: Final = f"set({_quoted(SET)})"
_IN_TIMESTAMP: Final = tuple(one for one in MOMENTS if "1970-01-02" < one < "2038-01-19 03:14:08")

MARIADB: Final = (
    Column(family="integer", type="tinyint", values=signed(8)),
    Column(family="integer", type="tinyint unsigned", values=unsigned(8)),
    Column(family="integer", type="smallint", values=signed(16)),
    Column(family="integer", type="smallint unsigned", values=unsigned(16)),
    Column(family="integer", type="mediumint", values=signed(24)),
    Column(family="integer", type="mediumint unsigned", values=unsigned(24)),
    Column(family="integer", type="int", values=signed(32)),
    Column(family="integer", type="int(12) unsigned zerofill", values=unsigned(32)),
    Column(family="integer", type="bigint", values=signed(64)),
    Column(family="integer", type="bigint unsigned", values=unsigned(64)),
    Column(family="integer", type="bigint unsigned", values=unsigned(63)),
    Column(family="integer", type="year", values=(0, 1901, 1999, 2000, 2155)),
    Column(family="decimal", type="decimal(65,30)", values=exact(65, 30)),
    Column(family="decimal", type="decimal(65,0)", values=exact(65, 0)),
    Column(family="decimal", type="decimal(38,10)", values=exact(38, 10)),
    Column(family="decimal", type="decimal(30,30)", values=exact(30, 30)),
    Column(family="decimal", type="decimal(15,5)", values=exact(15, 5)),
    Column(family="decimal", type="decimal(16,6)", values=exact(16, 6)),
    Column(family="decimal", type="decimal(10,2) unsigned", values=exact(10, 2, least=0)),
    Column(family="decimal", type="decimal(20,0) zerofill", values=exact(20, 0, least=0)),
    Column(family="float", type="double", values=(*_written(FLOATS), "-0.0")),
    Column(family="float", type="float", values=(*_written(SINGLES), "-0.0")),
    Column(
        family="float", type="double unsigned", values=_written(one for one in FLOATS if one >= 0)
    ),
    Column(family="boolean", type="tinyint(1)", values=(0, 1)),
    Column(family="boolean", type="tinyint(1)", values=(0, 1, 2, -1, 127, -128)),
    Column(family="boolean", type="bit(1)", values=(0, 1)),
    Column(family="boolean", type="bit(8)", values=tuple(m for m in _MASKS if m < 256)),
    Column(family="boolean", type="bit(64)", values=_MASKS),
    Column(family="text", type="longtext", values=(*TEXTS, *LONG_TEXTS)),
    Column(family="text", type="longtext", values=(*TEXTS, *NULS)),
    Column(family="text", type="varchar(300)", values=TEXTS),
    Column(family="text", type="varchar(300)", values=(*TEXTS, *NULS)),
    Column(family="text", type="varchar(300)", values=("a", *_raw("utf8mb4", HALVES))),
    Column(family="text", type="char(255)", values=tuple(one for one in TEXTS if len(one) <= 255)),
    Column(family="text", type="tinytext", values=TEXTS[:70]),
    Column(family="text", type="mediumtext", values=(*TEXTS, *LONG_TEXTS)),
    Column(
        family="text",
        type="varchar(300)",
        values=_PLANE,
        options="CHARACTER SET utf8mb3 COLLATE utf8mb3_bin",
    ),
    Column(
        family="text", type="varchar(300)", values=(*TEXTS, *NULS), options="CHARACTER SET utf16"
    ),
    Column(family="text", type="varchar(300)", values=_PLANE, options="CHARACTER SET ucs2"),
    Column(family="text", type="text", values=_holds("cp1252"), options="CHARACTER SET latin1"),
    Column(
        family="text", type="varchar(300)", values=_holds("cp932"), options="CHARACTER SET cp932"
    ),
    Column(family="text", type="varchar(300)", values=TEXTS, options="COLLATE utf8mb4_general_ci"),
    Column(family="binary", type="longblob", values=(*BINARIES, *LONG_BINARIES)),
    Column(family="binary", type="blob", values=BINARIES),
    Column(family="binary", type="tinyblob", values=tuple(b for b in BINARIES if len(b) < 256)),
    Column(family="binary", type="varbinary(300)", values=BINARIES),
    Column(family="binary", type="binary(16)", values=tuple(b for b in BINARIES if len(b) <= 16)),
    Column(family="date", type="date", values=(*DATES, *ZERO_DATES)),
    Column(family="time", type="time(6)", values=TIMES),
    Column(family="time", type="time(6)", values=(*TIMES, *LONG_TIMES)),
    Column(family="time", type="time", values=(*TIMES[:17], *LONG_TIMES[:9])),
    Column(
        family="datetime",
        type="datetime(6)",
        values=(*MOMENTS, *(f"{day} 10:00:00" for day in ZERO_DATES), "0000-00-00 00:00:00"),
    ),
    Column(family="datetime", type="datetime", values=tuple(m for m in MOMENTS if "." not in m)),
    Column(family="datetime", type="datetime(3)", values=("2024-02-29 23:59:59.999",)),
    Column(
        family="instant",
        type="timestamp(6)",
        values=(
            *_IN_TIMESTAMP,
            "0000-00-00 00:00:00",
            *(f"2024-02-29 00:00:{n:02}.5" for n in range(40)),
        ),
    ),
    Column(
        family="instant", type="timestamp", values=("2038-01-19 03:14:07", "1970-01-01 00:00:01")
    ),
    Column(family="json", type="json", values=(*JSONS, *TWICE)),
    Column(family="json", type="json", values=(*JSONS[:40], *JSON_NULS)),
    Column(family="json", type="json", values=(*JSONS[:40], *HUGE_NUMBERS)),
    Column(family="uuid", type="uuid", values=tuple(u for u in UUIDS_SPELLED if u[:4] != "ffff")),
    Column(family="uuid", type="char(36)", values=UUIDS_SPELLED),
    Column(family="enum", type=_ENUM, values=(*MOODS, ""), words=MOODS),
    Column(family="enum", type=_ENUM, values=MOODS, words=MOODS),
    Column(
        family="enum",
        type=f"enum({_as_bytes(SHOWN_WORDS)})",
        values=SHOWN_WORDS,
        words=SHOWN_WORDS,
        options="COLLATE utf8mb4_nopad_bin",
    ),
    Column(family="enum", type=_SET, values=MEMBERS),
    Column(family="own", type="inet4", values=("0.0.0.0", "255.255.255.255")),
    Column(
        family="own", type="inet6", values=("::", "::1", "2001:db8::ff00:42:8329", "::ffff:1.2.3.4")
    ),
    Column(
        family="own",
        type="point",
        values=(
            Sql("ST_GeomFromText('POINT(1 2)')"),
            Sql("ST_GeomFromText('POINT(-0.1 1e300)', 4326)"),
        ),
    ),
    Column(
        family="own",
        type="geometry",
        values=(
            Sql("ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))')"),
            Sql("ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))')"),
        ),
    ),
)

# --- columns of SQLite ------------------------------------------------------------------------


def _bytes_as_text(values: Iterable[bytes]) -> tuple[Value, ...]:
    return tuple(Sql(f"CAST(x'{value.hex()}' AS TEXT)") for value in values)


# One of each that is not what columns declare.
WRONG: Final[tuple[Value, ...]] = (
    *(0, 1, -1, 2, 300, 70_000, 2**40, 2**63 - 1, -(2**63), 0.5, 1e300, 5e-324, 0.1 + 0.2, 2.0**60),
    *(
        "",
        " ",
        "abc",
        "12",
        "12.5",
        "1e5",
        "0x10",
        "yes",
        "true",
        "NULL",
        "\\N",
        "é🎉",
        "a\0b",
        "a ",
    ),
    *("2020-01-01", "2020-01-01 10:00:00", "10:00:00", "2020-01-01T10:00:00Z", "0000-00-00"),
    *(
        "2020-13-45",
        "25:61:61",
        "infinity",
        "10000-01-01",
        "{}",
        '{"a": 1}',
        "[1",
        "NaN",
        "Infinity",
    ),
    *("6f9619ff-8b86-4011-b42d-00c04fc964ff", "1" * 40, "0." + "1" * 40, "x" * 300, "-0", "+5"),
    *(b"", b"\0", b"abc", b"\xff\xfe", b"0123456789abcdef", b"12", math.inf, -math.inf, "!t41"),
    *_bytes_as_text((b"\xff", b"a\xc3", b"\xed\xa0\x80")),
)
_DECLARED: Final = (
    *(
        "INTEGER",
        "TINYINT",
        "BIGINT",
        "BOOLEAN",
        "DECIMAL(10, 2)",
        "NUMERIC",
        "REAL",
        "DOUBLE",
        "FLOAT",
    ),
    *("TEXT", "VARCHAR(10)", "CHAR(5)", "CLOB", "", "BLOB", "BINARY(16)", "DATE", "TIME"),
    *("DATETIME", "TIMESTAMP", "TIMESTAMPTZ", "JSON", "JSON_TEXT", "UUID", "DECIMAL_TEXT", "YEAR"),
    *("STRING", "MONEY", "INTERVAL"),
)
_FINITE: Final = tuple(one for one in FLOATS)

SQLITE: Final = (
    Column(family="integer", type="INTEGER", values=signed(64)),
    Column(family="integer", type="BIGINT", values=signed(64)),
    Column(family="integer", type="TINYINT", values=signed(8)),
    Column(family="integer", type="SMALLINT", values=signed(32)),
    Column(family="integer", type="UNSIGNED BIG INT", values=signed(64)),
    Column(family="integer", type="INT UNSIGNED", values=unsigned(32)),
    Column(family="decimal", type="DECIMAL(10, 2)", values=tuple(float(d) for d in exact(10, 2))),
    Column(family="decimal", type="DECIMAL_TEXT(65, 30)", values=exact(65, 30)),
    Column(family="decimal", type="DECIMAL_TEXT(38, 10)", values=exact(38, 10)),
    Column(family="decimal", type="DECIMAL_TEXT", values=_written(DECIMALS)),
    Column(family="decimal", type="DECIMAL_TEXT", values=_written((*DECIMALS[:9], *_HUGE[:4]))),
    Column(family="decimal", type="NUMERIC", values=tuple(float(d) for d in DECIMALS)),
    Column(family="float", type="DOUBLE", values=(*FLOATS, math.inf, -math.inf)),
    Column(family="float", type="DOUBLE", values=FLOATS),
    Column(family="float", type="REAL", values=FLOATS),
    Column(family="float", type="FLOAT", values=SINGLES),
    Column(family="float", type="", values=(*FLOATS, -0.0)),
    Column(family="boolean", type="BOOLEAN", values=(0, 1)),
    Column(family="boolean", type="BOOLEAN", values=(0, 1, 2, -1)),
    Column(family="boolean", type="INTEGER", values=tuple(m for m in _MASKS if m < 2**63)),
    Column(family="text", type="TEXT", values=(*TEXTS, *LONG_TEXTS)),
    Column(family="text", type="TEXT", values=(*TEXTS, *NULS)),
    Column(family="text", type="TEXT", values=("a", *_bytes_as_text((*HALVES, *BROKEN)))),
    Column(family="text", type="VARCHAR(300)", values=TEXTS),
    Column(family="text", type="VARCHAR(10)", values=TEXTS),
    Column(family="text", type="CHAR(300)", values=TEXTS),
    Column(family="text", type="", values=TEXTS),
    Column(family="text", type="TEXT", values=TEXTS, options="COLLATE NOCASE"),
    Column(family="binary", type="BLOB", values=(*BINARIES, *LONG_BINARIES)),
    Column(family="binary", type="BINARY(16)", values=BINARIES),
    Column(family="binary", type="", values=BINARIES),
    Column(family="date", type="DATE", values=DATES),
    Column(family="date", type="DATE", values=(*DATES[:9], *ZERO_DATES, *ODD_DATES)),
    Column(family="time", type="TIME", values=TIMES),
    Column(family="time", type="TIME", values=(*TIMES, *LONG_TIMES)),
    Column(family="datetime", type="DATETIME", values=MOMENTS),
    Column(
        family="datetime",
        type="TIMESTAMP",
        values=(
            *MOMENTS[:9],
            *(one.replace(" ", "T") for one in MOMENTS[9:30]),
            *DATES[:9],
            "2020-01-01 10:00",
            "2024-02-29 23:59:59.1234567",
            "2024-02-29 23:59:59.100000000",
            *ZERO_DATES,
            *ODD_DATES,
        ),
    ),
    Column(family="datetime", type="DATETIME", values=(*MOMENTS[:20], *INSTANTS[10:20])),
    Column(family="instant", type="TIMESTAMPTZ", values=INSTANTS),
    Column(family="instant", type="TIMESTAMPTZ", values=(*INSTANTS[:9], *MOMENTS[:9], *ODD_DATES)),
    Column(family="json", type="JSON_TEXT", values=(*JSONS, *TWICE)),
    Column(family="json", type="JSON", values=(*JSONS, *TWICE)),
    Column(family="json", type="JSON_TEXT", values=DEEP),
    Column(family="json", type="JSON_TEXT", values=(*JSONS[:40], *JSON_NULS, *JSON_HALVES)),
    Column(family="json", type="JSON_TEXT", values=(*JSONS[:40], *HUGE_NUMBERS)),
    Column(family="uuid", type="UUID", values=UUIDS_SPELLED),
    Column(
        family="uuid", type="UUID", values=tuple(bytes.fromhex(u.replace("-", "")) for u in UUIDS)
    ),
    Column(family="uuid", type="CHAR(36)", values=UUIDS_SPELLED),
    Column(family="enum", type="VARCHAR(9)", values=WORDS),
    *(Column(family="wrong", type=one, values=WRONG) for one in _DECLARED),
)

COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = {
    "postgresql": POSTGRESQL,
    "mariadb": MARIADB,
    "sqlite": SQLITE,
}
BEFORE: Final[Mapping[str, str]] = {"postgresql": _BEFORE_POSTGRESQL}
