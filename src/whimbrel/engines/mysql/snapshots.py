"""One moment of a MySQL or MariaDB server for one session, and how far its logs have got.

The servers cannot give a moment to another session; sessions that begin one after the other see
moments that follow each other, unless nobody can commit meanwhile: a standstill.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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


# --- nobody commits ----------------------------------------------------------------------------

_STANDSTILL_SECONDS: Final = 5
_TIMES_OUT: Final = frozenset({1205, 1969, 3024})


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Statements after which nobody commits, and the one that lets everybody go on."""

    statements: tuple[str, ...]
    release: str


# Commits wait, and nothing else does.
BACKUP_STAGE: Final = Way(
    statements=("BACKUP STAGE START", "BACKUP STAGE BLOCK_COMMIT"), release="BACKUP STAGE END"
)
FLUSH: Final = Way(statements=("FLUSH TABLES WITH READ LOCK",), release="UNLOCK TABLES")
# Locking all tables by name takes no right on the server, and is no way: against transactions that
# write more than one table it ends in deadlocks, of which the server makes them the victims.


@contextmanager
def standstill(session: base.Session, *ways: Way) -> Iterator[bool]:
    """Let nobody commit inside the block, by the first way that the server allows."""
    ours = sessions.ours(session)
    ours.send(
        f"SET SESSION lock_wait_timeout = {_STANDSTILL_SECONDS}, "
        f"innodb_lock_wait_timeout = {_STANDSTILL_SECONDS}"
    )
    way = _stopped(ours, ways)
    try:
        yield way is not None
    finally:
        if way is not None and not session.gone:
            _released(ours, way)


def _stopped(session: sessions.MysqlSession, ways: tuple[Way, ...]) -> Way | None:
    driver = session.connection.dialect.loaded_dbapi
    for way in ways:
        try:
            for statement in way.statements:
                session.send(statement)
        except BaseException as error:
            with suppress(driver.Error):
                session.send(way.release)
            if not isinstance(error, driver.Error):
                raise
            if session.engine.fault(error) is base.Fault.GONE:
                raise
            if error.args and error.args[0] in _TIMES_OUT:
                return None  # somebody is at work for longer: the next way would wait as well
        else:
            return way
    return None


def _released(session: sessions.MysqlSession, way: Way) -> None:
    try:
        session.send(way.release)
    except BaseException:
        # The server lets everybody go on when the session ends.
        session.connection.invalidate()
        raise
