"""What is done to rows on their way through Python, and what comes of them.

The rules are in `cleanse` and in the users' own functions; `copier` calls them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from whimbrel.engines import base, forms, portable

# So many samples of a rule are kept.
SAMPLES: Final = 5
# A sample of longer values is not kept in the ledger: its count is.
_LONGEST_SAMPLE: Final = 2_000

# A row on its way through Python: the text of each value in its form (`engines.forms`), by the
# name of the target's column.
Texts = dict[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A row that a rule or the target refused: which rule, why, and the row as it was read.

    `place` is its place among the rows that were given.
    """

    row: Texts
    rule: str
    reason: str
    place: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleansed:
    """What a rule changed in a column: how many values, and a few before and after."""

    column: str
    rule: str
    values: int
    samples: tuple[tuple[str | None, str | None], ...] = ()


def together(*found: Iterable[Cleansed]) -> dict[tuple[str, str], Cleansed]:
    """Return what rules changed in all of these, by column and rule, with the first samples."""
    sums: dict[tuple[str, str], Cleansed] = {}
    for one in (each for some in found for each in some):
        known = sums.get((one.column, one.rule))
        if known is not None:
            one = dataclasses.replace(
                known,
                values=known.values + one.values,
                samples=(*known.samples, *one.samples)[:SAMPLES],
            )
        sums[one.column, one.rule] = one
    return sums


def dump(found: Iterable[Cleansed]) -> str | None:
    """Return what rules changed in a chunk as a text for the ledger; None if it is nothing."""
    plain = [
        [one.column, one.rule, one.values, [each for each in one.samples if _short(each)]]
        for one in found
    ]
    # Nothing beyond ASCII is in it, so that bytes that are no characters pass, too.
    return json.dumps(plain) if plain else None


def load(text: str | None) -> list[Cleansed]:
    """Return what `dump` has written."""
    return [
        Cleansed(
            column=column,
            rule=rule,
            values=values,
            samples=tuple((before, after) for before, after in samples),
        )
        for column, rule, values, samples in json.loads(text or "[]")
    ]


def _short(sample: tuple[str | None, str | None]) -> bool:
    return all(len(text or "") <= _LONGEST_SAMPLE for text in sample)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What came of some rows: those to be written, those that were not, what was done to values.

    `dropped` counts rows that a rule left out because it was told to (copies of others), `more`
    the rows that a function made beyond one of each: given + more = rows + rejected + dropped.
    `origins` are, for each of `rows`, the place of the row that it was made of.
    """

    rows: list[Texts]
    rejected: list[Rejected] = field(default_factory=list)
    cleansed: list[Cleansed] = field(default_factory=list)
    dropped: int = 0
    more: int = 0
    origins: list[int] = field(default_factory=list)


class Change(Protocol):
    """What is done to rows in Python: cleansing, the user's own function, new keys.

    It can be sent to another process. `reads` are names of columns that it needs of the source
    beside those of the flow.
    """

    def apply(self, rows: Sequence[Texts]) -> Changed:
        """Return what comes of rows; the same for the same rows, whenever it is called."""

    @property
    def idle(self) -> bool:
        """Whether it leaves every row as it is."""

    @property
    def replaced(self) -> frozenset[str]:
        """Columns that get other values altogether, whatever the source has in them."""

    def keeps(self, column: str) -> bool:
        """Whether the values of a column go as they are, whatever becomes of others."""

    def bound(self, read: Mapping[str, forms.Form], write: Mapping[str, forms.Form]) -> Change:
        """Return the same with the forms in which values come and go on, by column."""

    def accepted(self) -> Mapping[str, frozenset[portable.Question]]:
        """Return, by column, the troublesome values that it takes care of."""

    def within(self, session: base.Session, came: Changed, rows: Sequence[Texts]) -> Changed:
        """Put into what came of `rows` what only the target knows, in its open transaction."""
