"""Whether the values that are there fit the types they are to enter; what does not, by name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What follows from a loss."""

    REFUSED = "refused"  # nothing moves until a rule says what to do
    ACCEPTED = "accepted"  # a rule of the user's takes it
    NOTED = "noted"  # no value changes; the column is something else from now on


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Something about a column that the target cannot keep.

    `what` is a short name ("zero date", "too long", "no longer an enumeration"), `says` one
    sentence, `remedy` what the user can do, `rows` how many rows have it (None if it is not about
    values), `keys` the first of them with their values.
    """

    table: str
    column: str
    what: str
    verdict: Verdict
    says: str
    remedy: str = ""
    rows: int | None = None
    keys: tuple[tuple[tuple[str, ...], str], ...] = ()
