"""What a rule found: where, what happens, why, and what to write instead."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Severity(enum.StrEnum):
    """Whether `up` refuses."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a rule has to say of one migration.

    `accepted` is the reason for which the migration goes on all the same. `verb` says that the
    verb itself refuses when its turn comes, with more to go on: `up` leaves it to it.
    """

    slug: str
    severity: Severity
    migration: str
    what: str
    why: str
    where: str = ""
    position: int = 0
    instead: str = ""
    verb: bool = False
    accepted: str = ""

    @property
    def refuses(self) -> bool:
        """Whether `up` does not begin because of it."""
        return self.unresolved and not self.verb

    @property
    def unresolved(self) -> bool:
        """Whether it is an error that nobody has accepted."""
        return self.severity is Severity.ERROR and not self.accepted

    def as_json(self) -> dict[str, object]:
        """Return the finding as plain values."""
        return {
            "check": self.slug,
            "severity": self.severity.value,
            "migration": self.migration,
            "step": self.position,
            "where": self.where,
            "what": self.what,
            "why": self.why,
            "instead": self.instead,
            "accepted": self.accepted or None,
            "refused_by_the_verb": self.verb,
        }
