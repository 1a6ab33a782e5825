"""Accept what a check finds: nothing is sent, and the reason stands among the steps."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel.engines import base as engines
from whimbrel.migrations.operations import base


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept(base.Operation):
    """accept(check, reason=…)"""

    check: str
    reason: str

    @property
    def kind(self) -> base.Kind:
        return base.Kind.SESSION  # nothing of it is in the database; every run says it again

    def describe(self) -> str:
        return f"accept {self.check}: {self.reason}"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        return ()
