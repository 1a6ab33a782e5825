"""Where MariaDB makes tables differently from MySQL."""

from __future__ import annotations

from whimbrel import tables
from whimbrel.engines.mysql import building


class MariadbBuilder(building.MysqlBuilder):
    """Literal defaults on every type, unique keys of any length, no index on an expression."""

    expression_defaults = False
    functional_indexes = False
    long_unique = True
    check_names = "table"
    generated_not_null = False

    def _indexless(self, column: tables.FoundColumn) -> bool:
        return False  # JSON is a text here
