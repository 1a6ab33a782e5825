"""What reading and writing many rows has in common: budgets of bytes, failures, JSON.

The statements, and how values are written into them, are in engines/*/bulk.py.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import sqlalchemy as sa

from whimbrel.engines import base

# What Python needs for a row, and for a value beside its letters.
_ROW_BYTES: Final = 64
_VALUE_BYTES: Final = 40
# Few rows at first: nobody knows yet how large they are.
_FIRST_ROWS: Final = 10
_MOST_ROWS: Final = 4_000
_SAVEPOINT: Final = "whimbrel_rows"


class Unstorable(Exception):
    """A value that a column cannot keep as it is; the text says which and why."""


def refuse(value: object, why: str = "") -> Unstorable:
    """Return the refusal of a value, which is not shown: it may be a secret."""
    reason = why or "no column here keeps such a value"
    return Unstorable(f"a {type(value).__name__} cannot be stored: {reason}")


# --- reading -----------------------------------------------------------------------------------


def gather(
    fetch: Callable[[int], Sequence[Sequence[object]]], *, max_bytes: int
) -> tuple[list[base.Row], bool]:
    """Return rows until they are about so large, and whether there are more."""
    rows: list[base.Row] = []
    used, step = 0, _FIRST_ROWS
    while part := fetch(step):
        for at, row in enumerate(part, start=1):
            rows.append(row if row.__class__ is tuple else tuple(row))
            used += _weight(row)
            if used >= max_bytes:
                return rows, at < len(part) or bool(fetch(1))
        fitting = (max_bytes - used) * len(rows) // used
        step = max(1, min(step * 4, fitting, _MOST_ROWS))
    return rows, False


def _weight(row: Sequence[object]) -> int:
    weight = _ROW_BYTES + _VALUE_BYTES * len(row)
    for value in row:
        kind = value.__class__
        if kind is str or kind is bytes:
            weight += len(value)  # type: ignore[arg-type]
        elif kind is list:
            weight += _weight(value)  # type: ignore[arg-type]
    return weight


# --- failing -----------------------------------------------------------------------------------


@contextmanager
def driving(session: base.Session) -> Iterator[None]:
    """Use the driver's own connection inside the block, and fail as a session fails.

    What the driver raises becomes SQLAlchemy's error, without the values that were sent, and
    the session learns that it has ended.
    """
    driver = session.connection.dialect.loaded_dbapi
    try:
        yield
    except Unstorable as error:
        raise _wrapped(session, driver.DataError(str(error)), gone=False) from error
    except UnicodeError as error:
        text = f"a text cannot be stored: {error.reason if hasattr(error, 'reason') else error}"
        raise _wrapped(session, driver.DataError(text), gone=False) from error
    except driver.Error as error:
        gone = session.engine.fault(error) is base.Fault.GONE
        if gone and not session.gone:
            session.connection.invalidate(error)
        raise _wrapped(session, error, gone=gone) from error


def _wrapped(session: base.Session, error: Exception, *, gone: bool) -> Exception:
    dialect = session.connection.dialect
    return sa.exc.DBAPIError.instance(
        None,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=gone,
        dialect=dialect,
    )


@contextmanager
def all_or_none(session: base.Session, send: Callable[[str], object]) -> Iterator[None]:
    """Take back what the block has sent, if it fails; the transaction stays open."""
    send(f"SAVEPOINT {_SAVEPOINT}")
    try:
        yield
    except BaseException:
        # Some failures take the whole transaction with them, and the savepoint too.
        with suppress(session.connection.dialect.loaded_dbapi.Error):
            send(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
            send(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        raise
    send(f"RELEASE SAVEPOINT {_SAVEPOINT}")


# --- values ------------------------------------------------------------------------------------

Write = Callable[[Any], object]


def by_kind(values: Sequence[object], writes: dict[type, Write]) -> list[object]:
    """Write the values of one column, each as its type is written; raise Unstorable."""
    found: dict[type, Write] = {}
    for kind in set(map(type, values)):
        write = writes.get(kind)
        if write is None:
            write = next((writes[near] for near in kind.__mro__ if near in writes), None)
        if write is None:
            raise refuse(next(value for value in values if type(value) is kind))
        found[kind] = write
    if len(found) == 1:
        return list(map(found.popitem()[1], values))
    return [found[type(value)](value) for value in values]


def document(value: object) -> str:
    """Write a dict or a list as JSON; raise Unstorable for what JSON cannot say exactly."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise refuse(value, f"as JSON: {error}") from error


def span(value: dt.timedelta) -> str:
    """Write a timedelta as [-]D days [-]HH:MM:SS.ffffff: days and time with the same sign."""
    sign = "-" if value < dt.timedelta() else ""
    whole = abs(value)
    minutes, seconds = divmod(whole.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    time = f"{sign}{hours:02d}:{minutes:02d}:{seconds:02d}"
    if whole.microseconds:
        time += f".{whole.microseconds:06d}".rstrip("0")
    if not whole.days:
        return time
    days = f"{sign}{whole.days} day" + ("" if sign == "" and whole.days == 1 else "s")
    return f"{days} {time}" if whole.seconds or whole.microseconds else days
