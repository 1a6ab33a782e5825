"""Look up what a table is made of, once: a resumed run has to know what was there at first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from whimbrel import tables
from whimbrel.engines import base as engines
from whimbrel.migrations.operations import base


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A table as it was looked up.

    `referrers` are foreign keys of other tables to it, each with its table; `stay` names indexes
    and constraints that must not be dropped to be made again.
    """

    table: tables.Table
    referrers: tuple[tuple[str, tables.ForeignKey], ...]
    stay: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp(base.Operation):
    """A question to the catalog, whose answer the journal keeps.

    `constraints` says that the table's own foreign keys are to be dropped.
    """

    table: str
    constraints: bool = False

    @property
    def kind(self) -> base.Kind:
        return base.Kind.QUERY

    def describe(self) -> str:
        return f"look up table {self.table}"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        return ()

    def result(self, session: engines.Session, catalog: engines.Catalog) -> engines.Result:
        """Return the answer, as rows; raise TableNotFound."""
        table = catalog.table(self.table)
        referrers = [
            (other.name, key)
            for other in filter(None, map(catalog.find, catalog.tables()))
            for key in other.foreign_keys
            if key.ref_table == table.name and other.name != table.name
        ]
        stay = session.engine.stay(
            session, table, [key for _, key in referrers], constraints=self.constraints
        )
        facts = {
            **as_json(table),
            "referrers": [(name, tables.part_to_json(key)) for name, key in referrers],
            "stay": sorted(stay),
        }
        return engines.Result(rows=[(json.dumps(facts, ensure_ascii=False),)], changed=-1)


def read(rows: Sequence[Sequence[object]]) -> Facts:
    """Read what `LookUp` answered."""
    known = json.loads(str(rows[0][0]))
    table = from_json(known)
    referrers = tuple(
        (str(name), cast("tables.ForeignKey", tables.part_from_json(key)))
        for name, key in known["referrers"]
    )
    return Facts(table=table, referrers=referrers, stay=frozenset(known["stay"]))


def as_json(table: tables.Table) -> dict[str, object]:
    """Return a table as plain values."""
    parts: list[tables.Part] = [
        *table.columns,
        *table.indexes,
        *table.uniques,
        *table.foreign_keys,
        *table.checks,
    ]
    return {
        "name": table.name,
        "primary_key": table.primary_key,
        "parts": [tables.part_to_json(part) for part in parts],
    }


def from_json(known: Mapping[str, object]) -> tables.Table:
    """Read what `as_json` gave."""
    said = cast("Sequence[Mapping[str, object]]", known["parts"])
    parts = [tables.part_from_json(part) for part in said]
    return tables.Table(
        name=str(known["name"]),
        primary_key=tuple(cast("Sequence[str]", known["primary_key"])),
        columns=tuple(p for p in parts if isinstance(p, tables.FoundColumn)),
        indexes=tuple(p for p in parts if isinstance(p, tables.Index)),
        uniques=tuple(p for p in parts if isinstance(p, tables.Unique)),
        foreign_keys=tuple(p for p in parts if isinstance(p, tables.ForeignKey)),
        checks=tuple(p for p in parts if isinstance(p, tables.Check)),
    )
