"""Read what a column's default says from the SQL in which its catalog shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from whimbrel import errors
from whimbrel.engines import defaults
from whimbrel.engines.defaults import Constant, Part, Sort
from whimbrel.engines.translate import calls, reading

_T: Final = exp.DType
# Functions without arguments (but for digits of the second) that tell the time.
_NOW: Final[Mapping[str, tuple[Part, bool]]] = {
    **dict.fromkeys(
        (
            *("NOW", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "TRANSACTION_TIMESTAMP"),
            *("STATEMENT_TIMESTAMP", "CLOCK_TIMESTAMP", "SYSDATE"),
        ),
        (Part.MOMENT, False),
    ),
    **dict.fromkeys(("CURRENT_DATE", "CURDATE"), (Part.DAY, False)),
    **dict.fromkeys(("CURRENT_TIME", "CURTIME", "LOCALTIME"), (Part.TIME, False)),
    "UTC_TIMESTAMP": (Part.MOMENT, True),
    "UTC_DATE": (Part.DAY, True),
    "UTC_TIME": (Part.TIME, True),
}
# The same by functions of SQLite: datetime('now').
_OF_NOW: Final = {"DATETIME": Part.MOMENT, "DATE": Part.DAY, "TIME": Part.TIME}
_UUIDS: Final = frozenset({"UUID", "GEN_RANDOM_UUID", "UUID_GENERATE_V4", "UUIDV4"})
# What a text is cast to without becoming something that is written in another way.
_PLAIN: Final = frozenset(
    {
        *(_T.TEXT, _T.VARCHAR, _T.CHAR, _T.BPCHAR, _T.NAME, _T.CHARACTER_SET, _T.USERDEFINED),
        *(_T.INT, _T.BIGINT, _T.SMALLINT, _T.DECIMAL, _T.DOUBLE, _T.FLOAT, _T.BOOLEAN),
        *(_T.DATE, _T.TIMESTAMP, _T.TIMESTAMPTZ, _T.TIMESTAMPNTZ, _T.DATETIME, _T.TIME),
        *(_T.JSON, _T.JSONB, _T.UUID),
    }
)
_BYTES: Final = re.compile(r"\\x((?:[0-9a-fA-F]{2})*)")


def read(sql: str, dialect: str) -> defaults.Default | None:
    """Return what a default says; None is NULL."""
    try:
        tree = reading.parse(reading.Source(sql=f"SELECT {sql}", read=dialect, write=dialect)).tree
    except (errors.SqlNotUnderstood, errors.SqlNotTranslatable):
        return defaults.Formula(sql=sql)
    node = calls.plain(tree.expressions[0]) if len(tree.expressions) == 1 else None
    if node is None or isinstance(node, exp.Alias):
        return defaults.Formula(sql=sql)
    if isinstance(node, exp.Null) or (isinstance(node, exp.Cast) and _is_null(node)):
        return None
    return _read(node, dialect) or defaults.Formula(sql=sql)


def _is_null(node: exp.Cast) -> bool:
    inner = calls.plain(node.this)
    return isinstance(inner, exp.Null) or (isinstance(inner, exp.Cast) and _is_null(inner))


def _read(node: exp.Expr, dialect: str) -> defaults.Default | None:
    node = calls.plain(node)
    if isinstance(node, exp.Cast):
        return _cast(node, dialect)
    if isinstance(node, exp.Neg):
        inner = _read(node.this, dialect)
        if isinstance(inner, Constant) and inner.sort is Sort.NUMBER:
            return Constant(sort=Sort.NUMBER, text=f"-{inner.text}")
        return None
    return _constant(node, dialect) or _moment(node, dialect) or _call(node)


def _constant(node: exp.Expr, dialect: str) -> Constant | None:
    text = str(node.this)
    if isinstance(node, exp.Literal):
        return Constant(sort=Sort.TEXT if node.is_string else Sort.NUMBER, text=text)
    if isinstance(node, exp.Boolean):
        return Constant(sort=Sort.BOOLEAN, text=str(int(node.this)))
    if isinstance(node, exp.BitString):
        return Constant(sort=Sort.BITS, text=text)
    if isinstance(node, exp.HexString):
        return Constant(sort=Sort.BYTES, text=text.lower())
    if isinstance(node, exp.Column) and dialect == "sqlite" and node.args.get("table") is None:
        # A default cannot name a column: SQLite takes the word for a text.
        return Constant(sort=Sort.TEXT, text=str(node.this.this))
    return None


def _cast(node: exp.Cast, dialect: str) -> defaults.Default | None:
    inner = _read(node.this, dialect)
    kind = getattr(node.to, "this", None)
    if isinstance(inner, Constant):
        if inner.text.lower() == "now" and kind in (_T.DATE, _T.TIMESTAMP, _T.TIMESTAMPTZ):
            # Kept as `('now'::text)::date`, it is read anew for every row.
            return defaults.Now(part=Part.DAY if kind is _T.DATE else Part.MOMENT)
        if kind is _T.VARBINARY and inner.sort is Sort.TEXT:
            found = _BYTES.fullmatch(inner.text)
            return Constant(sort=Sort.BYTES, text=found[1].lower()) if found else None
        if kind is _T.BIT and inner.sort is Sort.BITS:
            return inner
        if kind is _T.BOOLEAN:
            truth = {"t": "1", "true": "1", "1": "1", "f": "0", "false": "0", "0": "0"}
            word = truth.get(inner.text.lower())
            return None if word is None else Constant(sort=Sort.BOOLEAN, text=word)
        # A size cuts or rounds; the catalogs show defaults that have been cut before.
        return inner if kind in _PLAIN else None
    if isinstance(inner, defaults.Now):
        if kind is _T.DATE:
            return defaults.Now(part=Part.DAY, utc=inner.utc)
        if kind in (_T.TIMESTAMP, _T.TIMESTAMPTZ, _T.TIMESTAMPNTZ, _T.DATETIME):
            return inner if inner.part is Part.MOMENT else None
        return defaults.Now(part=Part.TIME, utc=inner.utc) if kind is _T.TIME else None
    return inner if isinstance(inner, defaults.NewUuid) and kind in _PLAIN else None


def _moment(node: exp.Expr, dialect: str) -> defaults.Now | None:
    if isinstance(node, exp.AtTimeZone):
        return _in_utc(node.this, node.args["zone"], dialect)
    name, args = _named(node)
    if name == "TIMEZONE" and len(args) == 2:
        return _in_utc(args[1], args[0], dialect)
    if dialect == "sqlite" and name in _OF_NOW:
        words = [str(arg.this).lower() if isinstance(arg, exp.Literal) else "" for arg in args]
        if words in ([], ["now"], ["now", "localtime"]):
            return defaults.Now(part=_OF_NOW[name], utc="localtime" not in words)
    if name in _NOW and all(calls.whole(arg) is not None for arg in args):
        part, utc = _NOW[name]
        return defaults.Now(part=part, utc=utc or dialect == "sqlite")
    return None


def _in_utc(moment: exp.Expr, zone: exp.Expr, dialect: str) -> defaults.Now | None:
    inner, where = _read(moment, dialect), _read(zone, dialect)
    if not isinstance(inner, defaults.Now) or not isinstance(where, Constant):
        return None
    if inner.part is not Part.MOMENT or where.text.upper() not in ("UTC", "GMT", "+00:00"):
        return None
    return defaults.Now(part=Part.MOMENT, utc=True)


def _call(node: exp.Expr) -> defaults.Default | None:
    name, args = _named(node)
    if name in _UUIDS and not args:
        return defaults.NewUuid()
    if name == "NEXTVAL" and len(args) == 1:
        inner = calls.plain(args[0])
        inner = calls.plain(inner.this) if isinstance(inner, exp.Cast) else inner
        if isinstance(inner, exp.Literal):
            return defaults.Counted(sequence=str(inner.this))
    return None


_WORDS: Final[Mapping[type[exp.Expr], str]] = {
    exp.CurrentDate: "CURRENT_DATE",
    exp.CurrentTime: "CURRENT_TIME",
    exp.CurrentTimestamp: "CURRENT_TIMESTAMP",
    exp.Localtime: "LOCALTIME",
    exp.Localtimestamp: "LOCALTIMESTAMP",
}


def _named(node: exp.Expr) -> tuple[str, list[exp.Expr]]:
    """Return the name and the arguments of a function call, '' for anything else."""
    if type(node) in _WORDS:
        return _WORDS[type(node)], [node.this] if node.args.get("this") else []
    if isinstance(node, exp.Anonymous) and isinstance(node.this, str):
        return node.this.upper(), list(node.expressions)
    return "", []
