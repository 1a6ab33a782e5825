"""Write database values as ASCII text that the journal can keep, and read back exactly those.

What a statement gave is kept so that a resumed run sees what the interrupted one saw: the same
type and every digit. A value that cannot come back equal is refused; what is kept, and when, is
the runs' work.

JSON's own words stand for None, bool, int, float and str, and an array for a tuple. Everything
else is an object with one key that names its type: `{"decimal": "1.10"}`.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import ipaddress
import json
import math
import uuid
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from whimbrel import errors

Packed = None | bool | int | float | str | list["Packed"] | dict[str, "Packed"]


def dump(value: object) -> str:
    """Write a value as text, or raise ValueNotStorable."""
    return json.dumps(_pack(value), separators=(",", ":"), allow_nan=False)


def load(text: str) -> object:
    """Read what `dump` wrote, or raise ValueNotReadable."""
    try:
        return _unpack(json.loads(text))
    except (ValueError, TypeError, KeyError, ArithmeticError, OSError) as error:
        raise errors.ValueNotReadable(text, cause=f"{type(error).__name__}: {error}") from error


# --- writing ----------------------------------------------------------------------------------


def _pack(value: object) -> Packed:
    # By the exact type: a subclass would come back as something else.
    pack = _PACK.get(type(value))
    if pack is None:
        raise errors.ValueNotStorable(type(value).__name__)
    return pack(value)


def _same(value: Packed) -> Packed:
    return value


def _pack_float(value: float) -> Packed:
    return value if math.isfinite(value) else {"float": repr(value)}


def _pack_tuple(value: tuple[object, ...]) -> Packed:
    return [_pack(item) for item in value]


def _pack_list(value: list[object]) -> Packed:
    return {"list": [_pack(item) for item in value]}


def _pack_dict(value: dict[object, object]) -> Packed:
    return {"dict": [[_pack(key), _pack(item)] for key, item in value.items()]}


def _pack_moment(value: dt.datetime | dt.time) -> Packed:
    kind = "datetime" if isinstance(value, dt.datetime) else "time"
    zone = value.tzinfo
    if isinstance(zone, zoneinfo.ZoneInfo) and zone.key is not None:
        return {kind: [value.replace(tzinfo=None, fold=0).isoformat(), zone.key, value.fold]}
    if zone is not None and type(zone) is not dt.timezone:
        raise errors.ValueNotStorable(f"{kind} in a {type(zone).__name__}")
    if value.fold:
        return {kind: [value.isoformat(), None, value.fold]}
    return {kind: value.isoformat()}


def _tagged(tag: str, text: Callable[..., Packed], value: object) -> Packed:
    return {tag: text(value)}


def _delta(value: dt.timedelta) -> Packed:
    return [value.days, value.seconds, value.microseconds]


def _base64(value: bytes) -> Packed:
    return base64.b64encode(value).decode("ascii")


_ADDRESSES: Final = {
    kind.__name__: kind
    for kind in (
        ipaddress.IPv4Address,
        ipaddress.IPv4Interface,
        ipaddress.IPv4Network,
        ipaddress.IPv6Address,
        ipaddress.IPv6Interface,
        ipaddress.IPv6Network,
    )
}

_PACK: Final[dict[type, Callable[..., Packed]]] = {
    **dict.fromkeys((type(None), bool, int, str), _same),
    float: _pack_float,
    tuple: _pack_tuple,
    list: _pack_list,
    dict: _pack_dict,
    dt.datetime: _pack_moment,
    dt.time: _pack_moment,
    dt.date: functools.partial(_tagged, "date", dt.date.isoformat),
    dt.timedelta: functools.partial(_tagged, "timedelta", _delta),
    bytes: functools.partial(_tagged, "bytes", _base64),
    Decimal: functools.partial(_tagged, "decimal", str),
    uuid.UUID: functools.partial(_tagged, "uuid", str),
    **{kind: functools.partial(_tagged, name, str) for name, kind in _ADDRESSES.items()},
}


# --- reading ----------------------------------------------------------------------------------


def _unpack(packed: Packed) -> object:
    if isinstance(packed, list):
        return tuple(_unpack(item) for item in packed)
    if not isinstance(packed, dict):
        return packed
    ((tag, inside),) = packed.items()
    if tag not in _UNPACK:
        raise ValueError(f"no type is called {tag!r}")
    return _UNPACK[tag](inside)


def _unpack_list(packed: list[Packed]) -> list[object]:
    return [_unpack(item) for item in packed]


def _unpack_dict(packed: list[list[Packed]]) -> dict[object, object]:
    return {_unpack(key): _unpack(item) for key, item in packed}


def _unpack_datetime(packed: str | tuple[str, str | None, int]) -> dt.datetime:
    if isinstance(packed, str):
        return dt.datetime.fromisoformat(packed)
    text, key, fold = packed
    moment = dt.datetime.fromisoformat(text)
    return moment.replace(tzinfo=zoneinfo.ZoneInfo(key) if key else moment.tzinfo, fold=fold)


def _unpack_time(packed: str | tuple[str, str | None, int]) -> dt.time:
    if isinstance(packed, str):
        return dt.time.fromisoformat(packed)
    text, key, fold = packed
    moment = dt.time.fromisoformat(text)
    return moment.replace(tzinfo=zoneinfo.ZoneInfo(key) if key else moment.tzinfo, fold=fold)


def _unpack_delta(packed: tuple[int, int, int]) -> dt.timedelta:
    days, seconds, microseconds = packed
    return dt.timedelta(days=days, seconds=seconds, microseconds=microseconds)


_UNPACK: Final[dict[str, Callable[..., object]]] = {
    "float": float,
    "list": _unpack_list,
    "dict": _unpack_dict,
    "datetime": _unpack_datetime,
    "time": _unpack_time,
    "date": dt.date.fromisoformat,
    "timedelta": _unpack_delta,
    "bytes": base64.b64decode,
    "decimal": Decimal,
    "uuid": uuid.UUID,
    **_ADDRESSES,
}
