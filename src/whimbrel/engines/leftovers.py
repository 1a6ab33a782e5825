"""What a transaction that is taken back does not say or take back by itself.

Keys that are looked at by the commit alone; counters; tables that have no transactions. A number
that was handed out is gone on servers, also if its row is taken back: others may have been given
the next one by then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from whimbrel import errors
from whimbrel.engines import base


@dataclass(frozen=True, slots=True, kw_only=True)
class _Questions:
    """What is asked of an engine: its counters by name, and what it says of a rollback.

    `afresh` keeps the counters from coming out of a cache. `deferred` says whether there are
    keys that only a commit looks at, `broken` which rows (child, row, parent) break one.
    """

    counters: str = ""
    warnings: str = ""
    afresh: str = ""
    deferred: str = ""
    broken: str = ""


_SEQUENCES: Final = """
SELECT format('sequence %I.%I', schemaname, sequencename), coalesce(last_value, 0)
  FROM pg_sequences
"""
_NEXT_KEYS: Final = """
SELECT concat('AUTO_INCREMENT of ', table_name), auto_increment
  FROM information_schema.tables
 WHERE table_schema = DATABASE() AND auto_increment IS NOT NULL
"""
# ER_WARNING_NOT_COMPLETE_ROLLBACK.
_NOT_ROLLED_BACK: Final = 1196
_ASKED: Final[Mapping[str, _Questions]] = {
    "sqlite": _Questions(
        deferred="SELECT 1 FROM sqlite_master WHERE sql LIKE '%DEFERR%' LIMIT 1",
        broken="PRAGMA foreign_key_check",
    ),
    "postgresql": _Questions(counters=_SEQUENCES),
    "mysql": _Questions(
        counters=_NEXT_KEYS,
        warnings="SHOW WARNINGS",
        afresh="SET SESSION information_schema_stats_expiry = 0",
    ),
    "mariadb": _Questions(counters=_NEXT_KEYS, warnings="SHOW WARNINGS"),
}


def counters(session: base.Session) -> dict[str, int]:
    """Return the counters that a rollback leaves where they are, with what they have come to.

    No transaction may be open; none is afterwards.
    """
    asked = _ASKED.get(session.engine.name)
    if asked is None or not asked.counters:
        return {}
    if asked.afresh:
        session.execute(asked.afresh)
    found = {str(row[0]): int(str(row[1])) for row in session.fetch(asked.counters)}
    session.rollback()
    return found


def warning(session: base.Session) -> str:
    """Return what the server says of the rollback that has just ended, if it left anything.

    A temporary table of our own may be the reason; another one only where there are tables
    without transactions, which are named.
    """
    asked = _ASKED.get(session.engine.name)
    if asked is None or not asked.warnings:
        return ""
    said = [str(row[2]) for row in session.fetch(asked.warnings) if row[1] == _NOT_ROLLED_BACK]
    without = session.engine.without_transactions(session) if said else frozenset()
    session.rollback()
    if not without:
        return ""
    return f"{' '.join(said[0].split())} (tables without transactions: {errors.names(without)})"


def broken_keys(session: base.Session) -> Counter[tuple[str, str]]:
    """Count the rows (by child and parent table) that a commit would refuse, as far as it has to.

    Engines that can be asked to check such keys before the commit have nothing here.
    """
    asked = _ASKED.get(session.engine.name)
    if asked is None or not asked.deferred or not session.fetch(asked.deferred):
        return Counter()
    return Counter((str(row[0]), str(row[2])) for row in session.fetch(asked.broken))
