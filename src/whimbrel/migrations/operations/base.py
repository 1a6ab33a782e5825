"""What every operation can say of itself; one file beside this one per operation.

An operation is a value: the statements it needs, whether it happened, how it is reversed, and
what the catalog looks like after it. Sending anything is the desks' work.
"""

from __future__ import annotations

import abc
import dataclasses
import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from whimbrel.engines import base

Facts = Mapping[str, object]

# What a step says of keeping what it overwrites or removes: whether, or for how long ("90 days");
# None leaves it to the migration and the project.
Keep = bool | str | None

_TIME_LIKE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")


class Kind(Enum):
    """How an operation is committed and what a resumed run does with it."""

    DDL = "ddl"  # changes the schema; on some engines it commits by itself
    DATA = "data"  # changes rows; committed together with its note
    QUERY = "query"  # changes nothing; its answer is noted, because the next one may differ
    SESSION = "session"  # a setting of this session; sent again by every run
    ROWS = "rows"  # works through a table in batches, each committed with its checkpoint
    MODEL = "model"  # a statement of an ActiveRecord model


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(abc.ABC):
    """One thing that a migration asks for."""

    @property
    def kind(self) -> Kind:
        """How this operation is committed."""
        return Kind.DDL

    @abc.abstractmethod
    def describe(self) -> str:
        """Return the operation in words, with the user's own names."""

    def content(self) -> str:
        """Return a text equal for equal operations, by which a resumed run knows it again."""
        # What is kept meanwhile, and whom it lets work beside, is no part of what is asked for.
        how = {"keep", "kept", "safely"}
        names = [f.name for f in dataclasses.fields(self) if f.name not in how]
        fields = ((name, getattr(self, name)) for name in names)
        return f"{type(self).__name__}({', '.join(f'{k}={canonical(v)}' for k, v in fields)})"

    @abc.abstractmethod
    def statements(self, ddl: base.Ddl) -> tuple[base.Statement, ...]:
        """Return what is to be sent; raise RefusedError when it cannot be right."""

    def before(self, catalog: base.Catalog) -> dict[str, object]:
        """Return what has to be known later, to tell if it happened and to take it back."""
        return {}

    def beside(self, ddl: base.Ddl) -> tuple[base.Statement, ...] | None:
        """Return what is sent so that others can go on with a large table; None if no such way.

        Operations that have one also have a field `safely`, which says that it is taken.
        """
        return None

    def happened(self, catalog: base.Catalog, before: Facts) -> bool | None:
        """Return whether the catalog shows this done; None if that cannot be told."""
        return None

    def leftovers(self, ddl: base.Ddl) -> tuple[base.Statement, ...]:
        """Return what clears away what a failed attempt left in the catalog."""
        return ()

    def forward(self, planned: base.Planned, ddl: base.Ddl) -> None:
        """Tell a planned catalog what this makes of its tables."""

    def precheck(self, session: base.Session, ddl: base.Ddl) -> None:
        """Ask the data before sending anything; raise RefusedError for values that forbid it."""


def fingerprint(content: str) -> str:
    """Return the SHA-256 by which a step is known again."""
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def canonical(value: object) -> str:
    """Return a value as text, times left out: they differ each time a migration is run again."""
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return "<time>"
    if isinstance(value, str) and _TIME_LIKE.fullmatch(value):
        return "<time>"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k!r}: {canonical(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(canonical(v) for v in value) + "]"
    return repr(value)
