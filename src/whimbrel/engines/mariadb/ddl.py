"""Where MariaDB says a verb differently from MySQL."""

from __future__ import annotations

from whimbrel import tables
from whimbrel.engines.mysql import ddl


class MariadbDdl(ddl.MysqlDdl):
    """Literal defaults on every type; a native UUID; JSON is a text with a check."""

    expression_defaults = frozenset()
    check_word = "CONSTRAINT"

    def type(self, column: tables.Column) -> str:
        return "UUID" if column.type == "uuid" else super().type(column)

    def json_check(self, column: str) -> str | None:
        return f"(json_valid({self.quote(column)}))".lower()
