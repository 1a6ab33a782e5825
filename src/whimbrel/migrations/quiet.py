"""Keep upstream's log off the terminal while a migration is loaded, planned or run.

By default it writes every connection and every statement, with its values, to stderr. Warnings
and errors stay. `patches.hushed` is the way in.
"""

from __future__ import annotations

import contextvars
import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_LIBRARY: Final = "rhosocial.activerecord"

# Loggers that say less than they used to, with the levels they had.
_hushed: Final[contextvars.ContextVar[dict[logging.Logger, int] | None]] = contextvars.ContextVar(
    "whimbrel_hushed_loggers", default=None
)


@contextmanager
def hushed() -> Iterator[None]:
    """Let upstream's loggers tell warnings and errors only, for the block."""
    levels: dict[logging.Logger, int] = {}
    token = _hushed.set(levels)
    try:
        for name, logger in list(logging.Logger.manager.loggerDict.items()):
            if name.startswith(_LIBRARY) and isinstance(logger, logging.Logger):
                hush(logger)
        yield
    finally:
        _hushed.reset(token)
        for logger, level in levels.items():
            # Unless somebody has changed it since.
            if logger.level == logging.WARNING:
                logger.setLevel(level)


def hush(logger: logging.Logger) -> None:
    """Hush a logger until the block ends; nothing happens outside of one."""
    levels = _hushed.get()
    if levels is not None and logger.getEffectiveLevel() < logging.WARNING:
        # Upstream sets the level again for every class that uses the logger.
        levels.setdefault(logger, logger.level)
        logger.setLevel(logging.WARNING)


def install() -> None:
    """Teach upstream to hush the loggers that it makes inside of a block. Once."""
    from rhosocial.activerecord.logging import LoggingConfig

    original = LoggingConfig.get_logger
    if hasattr(original, "whimbrel"):
        return

    @functools.wraps(original)
    def get_logger(config: Any, name: str) -> logging.Logger:
        logger: logging.Logger = original(config, name)
        hush(logger)
        return logger

    get_logger.whimbrel = True  # type: ignore[attr-defined]
    LoggingConfig.get_logger = get_logger
