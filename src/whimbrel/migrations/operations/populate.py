"""Give a column a value, in batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from whimbrel.migrations.operations import backfill, base


@dataclass(frozen=True, slots=True, kw_only=True)
class Populate(backfill.Backfill):
    """populate(table, column, value, where=…); `value` is the user's, `columns` its SQL."""

    columns: Mapping[str, str] = field(repr=False)
    value: object

    def describe(self) -> str:
        where = f" where {' '.join(self.where.split())}" if self.where else ""
        return f"populate {self.table}.{', '.join(self.columns)} with {self.value!r}{where}"

    def content(self) -> str:
        value, where = base.canonical(self.value), base.canonical(self.where)
        return f"Populate({self.table}, {list(self.columns)}, {value}, {where})"
