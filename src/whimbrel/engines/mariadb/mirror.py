"""Where a mirror on MariaDB differs from one on MySQL: limits of time are words of its SQL."""

from __future__ import annotations

from whimbrel import tables
from whimbrel.engines.mysql import mirror


class MariadbMirror(mirror.MysqlMirror):
    """SET STATEMENT … FOR, CREATE OR REPLACE TRIGGER; names of checks belong to a table."""

    limits_in_statement = True
    replaces_triggers = True
    named_checks = True
    skips_since = (10, 6)
    shares = "LOCK IN SHARE MODE"
    numbers = "innodb_sys_tables"

    def _default(self, column: tables.FoundColumn, value: str) -> str:
        return value

    def _under(self, modes: str, sql: str, *, waits: bool) -> str:
        never = "" if waits else ", innodb_lock_wait_timeout = 0"
        return f"SET STATEMENT sql_mode = '{modes}'{never} FOR {sql}"
