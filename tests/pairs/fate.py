"""What has to become of values on their way into another engine, by rules of their own.

A value is kept; or it is kept in a column that means something else, which a loss has to name; or
it is refused by the plan under one of the names below; or, where only the target itself can tell,
its row is put aside. The rules are those of the engines' manuals; nothing of Whimbrel is used.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from tests.pairs import oracle
from tests.pairs.oracle import Meant

Is = Callable[[Meant], bool]

# --- what can be the matter with a value -----------------------------------------------------


def _sort(*sorts: str) -> Is:
    return lambda one: one.sort in sorts


def _no(*sorts: str) -> Is:
    return lambda one: one.sort not in sorts


def _text(one: Meant) -> str:
    """Return the characters of a text, also of one that is read as something else."""
    return str(one.value) if one.sort == "text" else str(one.raw or "")


def _utf8(one: Meant) -> bool:
    try:
        _text(one).encode()
    except UnicodeEncodeError:
        return False
    return True


def _day(one: Meant) -> tuple[str, str, str] | None:
    """Return the day that a value lies on."""
    if one.sort in ("moment", "instant") and isinstance(one.value, tuple):
        return one.value[0]
    return one.value if one.sort == "day" and isinstance(one.value, tuple) else None


def _year(one: Meant) -> int:
    on = _day(one)
    return int(on[0]) if on else 1


def _zero(one: Meant) -> bool:
    on = _day(one)
    return on is not None and ("00" in on[1:] or on[0] in ("0000", "-0000"))


def _fine(one: Meant) -> bool:
    return (
        one.sort in ("moment", "instant")
        and isinstance(one.value, tuple)
        and bool(one.value[1] % 1000)
    )


def _number(one: Meant) -> Decimal | None:
    return one.value if one.sort == "number" and isinstance(one.value, Decimal) else None


def _half(one: Meant) -> bool:
    """Whether a document has half of a surrogate pair in it."""
    try:
        json.dumps(json.loads(str(one.raw)), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except ValueError:
        return False
    return False


def _depth(one: Meant) -> int:
    deepest = depth = 0
    for sign in re.sub(r'"(?:[^"\\]|\\.)*"', "", str(one.raw)):
        depth += (sign in "[{") - (sign in "]}")
        deepest = max(deepest, depth)
    return deepest


def digits(one: Meant) -> tuple[int, int]:
    """Return how many digits a number has before and behind the point."""
    found = _number(one)
    if not found:
        return 0, 0
    plain = f"{abs(found):f}"
    before, _, behind = plain.partition(".")
    return len(before.lstrip("0")), len(behind.rstrip("0"))


def _boolean(one: Meant) -> bool:
    return one.sort == "boolean" or _number(one) in (Decimal(0), Decimal(1))


def read(one: Meant) -> Meant:
    """Return the number that a text says, else the value itself."""
    found = oracle.read_number(str(one.value)) if one.sort == "text" else None
    return found or one


def _endless(one: Meant) -> bool:
    return one.sort == "number" and one.value in ("Infinity", "-Infinity")


def _beyond(least: int, most: int) -> Is:
    def is_beyond(one: Meant) -> bool:
        value = _number(read(one))
        return _endless(one) or (value is not None and not least <= value <= most)

    return is_beyond


TROUBLES: Final[Mapping[str, Is]] = {
    "NUL": lambda one: "\0" in _text(one),
    "no UTF-8": lambda one: not _utf8(one),
    "bytes": _sort("bytes"),
    "no bytes": _no("bytes"),
    "no number": lambda one: read(one).sort != "number" and not isinstance(one.raw, int),
    # SQLite's whole numbers have 64 bits.
    "not whole": lambda one: (
        (value := _number(one)) is not None
        and (
            value != value.to_integral_value()
            or (isinstance(one.raw, float) and abs(value) >= 2**63)
        )
    ),
    "NaN": lambda one: one.value == "NaN",
    "infinity": lambda one: read(one).value in ("Infinity", "-Infinity") and one.sort != "day",
    "negative zero": lambda one: one.sort == "number" and one.value == "-0",
    "no boolean": lambda one: not _boolean(one),
    "no date": _no("day"),
    "no date and time": _no("day", "moment", "instant"),
    "no time": _no("clock"),
    "no UUID": _no("uuid"),
    "no JSON": lambda one: one.sort in ("text", "bytes") or _endless(one),
    "zero date": _zero,
    "before Christ": lambda one: _year(one) < 0,
    "beyond 9999": lambda one: _year(one) > 9999,
    "endless date": lambda one: (
        one.sort in ("day", "moment", "instant") and one.value in ("infinity", "-infinity")
    ),
    "fine fraction": _fine,
    "time zone": _sort("instant"),
    "half a surrogate pair": _half,
    "out of range": _beyond(-128, 127),
    "too many digits": lambda one: max(digits(one)) > _TEXT_DIGITS,
}
# So many digits of a number that is a text are still read as a number.
_TEXT_DIGITS: Final = 499
_MARIADB_DIGITS, _MARIADB_SCALE = 65, 30
_MARIADB_DEPTH: Final = 32

# --- what engines refuse ----------------------------------------------------------------------

_DECLARED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("INTEGER", "TINYINT", "SMALLINT", "BIGINT", "YEAR"), "integer"),
    **dict.fromkeys(("UNSIGNED BIG INT", "INT UNSIGNED"), "integer"),
    **dict.fromkeys(("DECIMAL", "NUMERIC", "MONEY", "DECIMAL_TEXT"), "decimal"),
    **dict.fromkeys(("REAL", "DOUBLE", "FLOAT"), "float"),
    **dict.fromkeys(("BLOB", "BINARY"), "binary"),
    **dict.fromkeys(("DATETIME", "TIMESTAMP"), "datetime"),
    **dict.fromkeys(("JSON", "JSON_TEXT", "JSONB"), "json"),
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMPTZ": "instant",
    "TIMESTAMP WITH TIME ZONE": "instant",
    "UUID": "uuid",
    "": "any",
}
_ODD_YEARS: Final = ("before Christ", "beyond 9999", "endless date")
_ODD_TEXT: Final = ("NUL", "no UTF-8", "bytes")
_MOMENTS: Final = frozenset({"date", "datetime", "instant"})


def declared(type_: str) -> str:
    """Return what a type that SQLite's column declares means to people."""
    return _DECLARED.get(re.sub(r"\(.*?\)", "", type_).strip().upper(), "text")


def refused(
    source: str, family: str, type_: str, values: Sequence[Meant], target: str
) -> tuple[str, ...]:
    """Return the names under which values of a column have to be refused, if there are any."""
    if source == target:
        return ()
    if source == "sqlite":
        return _from_sqlite(declared(type_), values, target)
    into = functools.partial(_refused_by, family=family, type_=type_, values=values)
    return into(source=source, target=target)


def _refused_by(
    *, source: str, target: str, family: str, type_: str, values: Sequence[Meant]
) -> tuple[str, ...]:
    match target, family:
        case "postgresql", "text":
            return ("NUL",)
        case "postgresql", "date" | "datetime" | "instant":
            return ("zero date",)
        case _, "enum" if source == "mariadb" and type_.startswith("enum"):
            return ("stray word",)
        case "mariadb", "date" | "datetime" | "instant":
            return _ODD_YEARS
        case "mariadb", "float":
            return "NaN", "infinity", "negative zero"
        case "mariadb", "decimal":
            return ("too many digits",) if _is_text(type_, values) else ("NaN", "infinity")
        case "mariadb", "json":
            return ("half a surrogate pair",)
        case "sqlite", "float" if source == "postgresql":
            return "NaN", "negative zero"
        case "sqlite", "date":
            return ("beyond 9999",)
        case _:
            return ()


def _is_text(type_: str, values: Sequence[Meant]) -> bool:
    """Whether a decimal without limits has more digits than MariaDB's decimals take."""
    if "(" in type_:
        return False
    sizes = [digits(read(one)) for one in values] or [(0, 0)]
    before, behind = (max(size[at] for size in sizes) for at in (0, 1))
    return before + behind > _MARIADB_DIGITS or behind > _MARIADB_SCALE


def _from_sqlite(family: str, values: Sequence[Meant], target: str) -> tuple[str, ...]:
    numbers = all(one.sort in ("number", "boolean") for one in values)
    wide = ("NaN", "infinity", "negative zero") if target == "mariadb" else ()
    match family:
        case "integer" if not any(isinstance(one.raw, float) for one in values):
            return "no number", "not whole", "NaN", "infinity"
        case "integer" | "decimal" if target == "mariadb":
            return _numbers_into_mariadb(family, values)
        case "integer" | "decimal":
            return ("no number",)
        case "float":
            return ("no number", *wide)
        case "boolean":
            whole = numbers and not any(map(TROUBLES["not whole"], values))
            if whole:
                return ()
            if target == "postgresql":
                return ("no boolean",)
            return "no boolean", "no number", "not whole", "out of range"
        case "any" if numbers:
            return wide
        case "text" | "any":
            return _ODD_TEXT if target == "postgresql" else ("no UTF-8", "bytes")
        case "binary":
            return ("no bytes",)
        case "time":
            return () if target == "postgresql" and any(map(_long, values)) else ("no time",)
        case "json" if target == "postgresql":
            return (*_ODD_TEXT, "no JSON")
        case "json":
            return "no UTF-8", "bytes", "no JSON", "half a surrogate pair"
        case "uuid":
            return ("no UUID",)
        case _:
            return _moments(family, target)


def _numbers_into_mariadb(family: str, values: Sequence[Meant]) -> tuple[str, ...]:
    if _as_floats(values):
        return "no number", "NaN", "infinity", "negative zero"
    if _is_text("", values):
        return (
            "no number",
            "too many digits",
            *(("not whole", "NaN", "infinity") if family == "integer" else ()),
        )
    return "no number", "NaN", "infinity", "negative zero"


def _as_floats(values: Sequence[Meant]) -> bool:
    numbers = [one for one in values if one.sort == "number"]
    return all(isinstance(one.raw, float) for one in numbers)


def _long(one: Meant) -> bool:
    return one.sort == "clock" and not 0 <= int(str(one.value)) < 24 * 3600 * 10**9


def _moments(family: str, target: str) -> tuple[str, ...]:
    wrong = "no date" if family == "date" else "no date and time"
    fine = () if family == "date" else ("fine fraction",)
    if target == "postgresql":
        return (wrong, "zero date", *fine)
    zoned = ("time zone",) if family == "datetime" else ()
    return (wrong, *_ODD_YEARS, *fine, *zoned)


def aside(source: str, target: str, family: str, one: Meant, shown: Sequence[str]) -> bool:
    """Whether only the target can tell that it does not take a value, and refuses the row.

    `shown` are the words of an enumeration as the source's catalog shows them.
    """
    if source != "mariadb" == target and one.sort == "document":
        return _depth(one) > _MARIADB_DEPTH
    if (source, family) == ("mariadb", "text") and target == "postgresql":
        return not _utf8(one) and "\0" not in _text(one)
    if source == target == "mariadb" and family == "enum" and shown:
        return _text(one) not in shown
    return False


# --- what is kept -------------------------------------------------------------------------------

KEPT: Final = "kept"
CHANGED: Final = "kept as something else"


def kept(one: Meant | None, other: Meant | None) -> str | None:
    """Return how a value has arrived: kept, kept as something else, or (None) not at all."""
    if one is None or other is None:
        return KEPT if one is other else None
    if one == other or _plain(one) == _plain(other):
        return KEPT
    if other in _readings(one):
        return CHANGED
    if other.sort == "text" and one in (
        found for way in _WAYS if (found := way(str(other.value))) is not None
    ):
        return CHANGED
    return None


_WAYS: Final = (oracle.read_number, oracle.clock, oracle.day, oracle.moment, oracle.instant)


def _plain(one: Meant) -> Meant:
    """Return a value without what no engine tells apart: true and 1, a document of 1 and 1."""
    if one.sort == "boolean":
        return Meant("number", Decimal(int(bool(one.value))))
    if one.sort == "document" and isinstance(one.value, tuple) and one.value[0] == "number":
        return Meant("number", one.value[1])
    if one.sort == "document" and isinstance(one.value, tuple) and one.value[0] == "boolean":
        return Meant("number", Decimal(int(one.value[1])))
    return one


def _readings(one: Meant) -> list[Meant]:
    """Return what a value is in a column of another sort."""
    found = []
    if one.sort == "day":
        found.append(Meant("moment", (one.value, 0)))
        found.append(Meant("instant", (one.value, 0)))
    if one.sort == "moment":
        found.append(Meant("instant", one.value))
    if one.sort == "instant":
        found.append(Meant("moment", one.value))
    if one.sort == "number":
        endless = {"Infinity": "inf", "-Infinity": "-inf"}
        found.append(Meant("text", endless.get(str(one.value), str(one.value))))
    if one.sort == "document":
        found.append(Meant("document", oracle.last_only(str(one.raw))))
    return found
