"""What is done to rows on their way through Python, and what comes of them.

The rules are in `cleanse` and in the users' own functions; `copier` calls them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

# A row on its way through Python: the text of each value in its form (`engines.forms`), by the
# name of the target's column.
Texts = dict[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A row that a rule or the target refused: which rule, why, and the row as it was read."""

    row: Texts
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleansed:
    """What a rule changed in a column: how many values, and a few before and after."""

    column: str
    rule: str
    values: int
    samples: tuple[tuple[str | None, str | None], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What came of some rows: those to be written, those that were not, what was done to values.

    `dropped` counts rows that a rule left out because it was told to (copies of others).
    """

    rows: list[Texts]
    rejected: list[Rejected] = field(default_factory=list)
    cleansed: list[Cleansed] = field(default_factory=list)
    dropped: int = 0


class Change(Protocol):
    """What is done to rows in Python: cleansing, the user's own function, new keys.

    It can be sent to another process. `reads` are names of columns that it needs of the source
    beside those of the flow.
    """

    def apply(self, rows: Sequence[Texts]) -> Changed:
        """Return what comes of rows; the same for the same rows, whenever it is called."""
