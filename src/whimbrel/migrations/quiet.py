"""Keep upstream's statement log off the terminal while a migration runs.

By default it writes every statement with its values to stderr. Warnings and errors stay.
"""

from __future__ import annotations

import logging
from typing import Final

_LIBRARY: Final = "rhosocial.activerecord"


class Quiet:
    """Loggers that say less than they used to, until `end`."""

    def __init__(self) -> None:
        self._levels: dict[logging.Logger, int] = {}

    def begin(self) -> None:
        """Hush every logger that upstream has made."""
        known = list(logging.Logger.manager.loggerDict.items())
        for name, logger in known:
            if name.startswith(_LIBRARY) and isinstance(logger, logging.Logger):
                self.hush(logger)

    def hush(self, logger: logging.Logger) -> None:
        """Let a logger tell warnings and errors only."""
        if logger.getEffectiveLevel() < logging.WARNING:
            # Upstream sets the level again for every class that uses the logger.
            self._levels.setdefault(logger, logger.level)
            logger.setLevel(logging.WARNING)

    def end(self) -> None:
        """Give every logger its level back, unless somebody has changed it since."""
        for logger, level in self._levels.items():
            if logger.level == logging.WARNING:
                logger.setLevel(level)
        self._levels.clear()
