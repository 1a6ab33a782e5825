"""What lets nobody write to tables any more, until it is taken away.

Writes fail with a sentence that says why, and whoever reads goes on. It stays when the session
ends, so that nothing is written in silence to a database that was left. This is the contract; the
engines' folders write the triggers that it is made of.
"""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Sequence
from typing import Final

STEM: Final = "whimbrel_fence"
# By this setting a session of ours says that it may write.
PASS: Final = "whimbrel.passing"
SAYS: Final = "writes are stopped: this database is being left for another one (whimbrel cutover)"


class Fence(abc.ABC):
    """Triggers that refuse, on one session; `name` tells several apart."""

    @abc.abstractmethod
    def shut(self, name: str, table: str) -> None:
        """Let nobody write to a table; when it has returned nobody who has written is left.

        It waits for its lock as long as the session lets it, and fails as that fails.
        """

    @abc.abstractmethod
    def open(self, name: str) -> None:
        """Let everybody write again, wherever it was stopped by this name."""

    @abc.abstractmethod
    def shuts(self, name: str) -> list[str]:
        """Return the tables that nobody can write to because of this name."""

    @abc.abstractmethod
    def passing(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Let the session's open transaction write inside the block, where others cannot.

        Foreign keys rest as far as the loader does not let them rest already, and so do the
        tables' own triggers where the engine can do that.
        """

    @abc.abstractmethod
    def acting(self, names: Sequence[str]) -> list[str]:
        """Return in words what would act on rows that are written so, in spite of it."""

    @abc.abstractmethod
    def without(self, table: str, trigger: str) -> str:
        """Return the statement that removes somebody's trigger."""
