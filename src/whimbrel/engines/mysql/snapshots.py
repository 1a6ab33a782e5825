"""One moment of a MySQL or MariaDB server for one session, and how far its logs have got.

The servers cannot give a moment to another session; without locking all tables, sessions that
begin one after the other see moments that follow each other.
"""

from __future__ import annotations

from typing import Final

from whimbrel import errors
from whimbrel.engines import base
from whimbrel.engines.mysql import session as sessions

_KIND: Final = "one moment of all InnoDB tables, for this session alone"
# InnoDB writes every change and every commit to its log, also what no binary log has. MariaDB
# and MySQL (since 8.0.30) call its end by different names. The rest is for older servers, and for
# tables of other engines, whose changes are only counted.
_SIGNS: Final = (
    "Innodb_lsn_current",
    "Innodb_redo_log_current_lsn",
    "Innodb_rows_deleted",
    "Innodb_rows_inserted",
    "Innodb_rows_updated",
    "Handler_delete",
    "Handler_update",
    "Handler_write",
    "Com_delete",
    "Com_truncate",
)
# Without it, rows of temporary tables, which reading makes, count as written.
_APART: Final = "Handler_tmp_write"
_LOGGED: Final = ("gtid_binlog_pos", "gtid_executed", "gtid_slave_pos")


def snapshot(session: base.Session, token: str | None) -> base.Snapshot:
    """Open a transaction that reads one moment of its own."""
    if session.in_transaction:
        raise errors.RefusedError("a transaction is open where none may be")
    if token is not None:
        raise errors.RefusedError(
            f"{session.engine.title} cannot give the moment of one session to another",
            database=session.url,
            remedy="let every session take a moment of its own",
        )
    # Asked first: what is committed meanwhile must not hide behind an equal position.
    before = position(session)
    sessions.ours(session).send("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    session.begin()
    session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    return base.Snapshot(position=before, kind=_KIND)


def position(session: base.Session) -> str:
    """Return how far the logs have got; takes no right and begins no transaction."""
    send = sessions.ours(session).send
    names = ", ".join(f"'{name}'" for name in (*_SIGNS, _APART))
    signs = {
        str(name): str(value)
        for name, value in send(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
    }
    if signs.pop(_APART, None) is None:
        signs.pop("Handler_write", None)
    names = ", ".join(f"'{name}'" for name in _LOGGED)
    logged = send(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")
    parts = [signs[name] for name in _SIGNS if name in signs]
    return " ".join([*parts, *(str(value) for _, value in logged if value)])
