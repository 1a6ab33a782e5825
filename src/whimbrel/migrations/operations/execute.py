"""Send SQL of the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whimbrel.engines import base as engines
from whimbrel.engines import sqltext
from whimbrel.migrations.operations import base

_KINDS = {
    sqltext.Kind.QUERY: base.Kind.QUERY,
    sqltext.Kind.DATA: base.Kind.DATA,
    sqltext.Kind.CALL: base.Kind.DATA,
    sqltext.Kind.DDL: base.Kind.DDL,
    sqltext.Kind.SESSION: base.Kind.SESSION,
}

Params = Sequence[object] | Mapping[str, object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Execute(base.Operation):
    """execute(sql, params)

    `sql` and `params` are the user's; `sent` and `sent_params` are in the database's own
    dialect and the driver's style. `notes` say what a translation could not make sure of.
    """

    sql: str
    params: Params
    sent: str
    sent_params: Params
    sort: sqltext.Kind
    backwards: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> base.Kind:
        return _KINDS[self.sort]

    @property
    def may_commit_unseen(self) -> bool:
        """Whether the statement may commit inside the server, as a procedure can."""
        return self.sort is sqltext.Kind.CALL

    def describe(self) -> str:
        return " ".join(self.sql.split())

    def content(self) -> str:
        return f"Execute({sqltext.normalise(self.sql)}, {base.canonical(self.params)})"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        return ddl.raw(self.sent)

    def before(self, catalog: engines.Catalog) -> dict[str, object]:
        return {"signature": catalog.signature()} if self.kind is base.Kind.DDL else {}

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        if "signature" not in before:
            return None
        # Unchanged: it did not happen, or it changes no schema (TRUNCATE) and can be sent again.
        if catalog.signature() == before["signature"]:
            return None if self._may_swap() else False
        return None if self._may_be_partial() else True

    def partly(self, catalog: engines.Catalog, before: base.Facts) -> bool:
        """Whether a statement that the server refused may have changed the schema in part."""
        return self._may_be_partial() and catalog.signature() != before.get("signature")

    def _may_swap(self) -> bool:
        """Whether it may exchange what looks alike, so that twice is as good as never."""
        words = [token.word for token in sqltext.significant(self.sent, None)]
        swaps = words[:1] == ["RENAME"] and words.count("TO") > 2
        return swaps or "EXCHANGE" in words

    def _may_be_partial(self) -> bool:
        """Whether it may have changed the schema and yet not be done."""
        words = [token.word for token in sqltext.significant(self.sent, None)]
        return "CONCURRENTLY" in words or (words[:1] == ["DROP"] and "," in words)

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        planned.apply(self.statements(ddl))
