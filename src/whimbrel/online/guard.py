"""Refuse statements that would change rows of a dual write behind its back.

The calls by which models write one record are noticed by `model_pair.py`. A statement for many
rows at once (update_all, delete_all, raw SQL through a backend) goes past them: it would change
one side alone.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import re
import threading
from collections.abc import Iterator
from typing import Any, Final

from whimbrel import errors
from whimbrel.engines import changes, models
from whimbrel.online import model_sides

Upstream = Any

_ours: Final[contextvars.ContextVar[bool]] = contextvars.ContextVar(
    "whimbrel_dual_write", default=False
)
_lock: Final = threading.Lock()
_watched: Final[list[model_sides.Side]] = []
_WRITES: Final = re.compile(
    r"\s*(INSERT|UPDATE|DELETE|REPLACE|MERGE|TRUNCATE|WITH|LOAD|COPY|CALL)\b", re.I
)
_CHANGES: Final = re.compile(r"\b(INSERT|UPDATE|DELETE|REPLACE|MERGE)\b", re.I)
_REMEDY: Final = (
    "change the records one by one, or with bulk_create, bulk_update, bulk_delete; or switch the\n"
    "dual write off, do it on both sides, and compare:  whimbrel reconcile"
)


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """Let statements pass in the block: they are noticed, or made by us."""
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)


def watch(side: model_sides.Side) -> None:
    """Refuse statements on the table of a side that nobody would notice."""
    with _lock:
        _watched.append(side)
        kind = type(side.model.__backend__)
        for name in ("execute", "execute_many", "executescript"):
            _wrap(kind, name)


def leave(side: model_sides.Side) -> None:
    """Let statements on the table of a side pass again."""
    with _lock, contextlib.suppress(ValueError):
        _watched.remove(side)


def _wrap(kind: type, name: str) -> None:
    original = getattr(kind, name, None)
    if original is None or hasattr(original, "whimbrel_guard"):
        return

    @functools.wraps(original)
    def guarded(owner: Upstream, *args: Any, **options: Any) -> Any:
        if _watched and not _ours.get():
            _check(owner, str(args[0] if args else options.get("sql", "")))
        return original(owner, *args, **options)

    guarded.whimbrel_guard = True  # type: ignore[attr-defined]
    setattr(kind, name, guarded)


def _check(owner: Upstream, sql: str) -> None:
    verb = _WRITES.match(sql)
    if verb is None or (verb[1].upper() == "WITH" and not _CHANGES.search(sql)):
        return
    lowered = sql.lower()
    for side in list(_watched):
        if side.table.lower() in lowered and _concerns(owner, sql, side):
            raise errors.DualWriteRefused(
                f"{verb[1].upper()} would change rows of {side.table!r} on one side alone",
                why=f"the statement goes past save() and delete() of {side}",
                remedy=_REMEDY,
            )


def _concerns(owner: Upstream, sql: str, side: model_sides.Side) -> bool:
    if type(owner).__name__.startswith("Guest"):
        return False  # a migration's own
    if _place(owner.config) != _place(side.model.__backend__.config):
        return False
    try:
        table = changes.read(sql, models.dialect(owner)).table
    except errors.SqlNotUnderstood:
        return True
    return not table or table[-1].lower() == side.table.lower()


def _place(config: Any) -> tuple[object, ...]:
    return (getattr(config, "host", None), getattr(config, "port", None), config.database)
