"""The isolation levels that SQL knows, and one word more: what the session had at first."""

from __future__ import annotations

from typing import Final

from whimbrel import errors

# What a session had when it was opened; `isolate` with it takes an earlier `isolate` back.
DEFAULT: Final = "DEFAULT"
BATCHES: Final = "READ COMMITTED"
SERVERS: Final = ("READ UNCOMMITTED", BATCHES, "REPEATABLE READ", "SERIALIZABLE")


def checked(level: str, *, known: tuple[str, ...], title: str) -> str:
    """Return the level in its usual writing, or raise UsageError."""
    usual = " ".join(level.upper().split())
    if usual == DEFAULT or usual in known:
        return usual
    raise errors.UsageError(
        f"{title} has no isolation level {level!r}",
        object=f"known: {errors.names(name.lower() for name in known)}",
        remedy="use one of these, or leave it out for the one that suits batches",
    )
