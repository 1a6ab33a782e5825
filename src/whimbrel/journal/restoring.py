"""The note in a database that it holds only a part of a backup, for as long as that is so.

Engines that take back changes of schema have no need of it: there a restore happens as a whole or
not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import backups, base

_META = sa.MetaData()
_OPTIONS: Any = base.TABLE_OPTIONS
_NOTE: Final = sa.Table(
    backups.MARKER,
    _META,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("backup", sa.String(255), nullable=False),
    sa.Column("seal", sa.String(64), nullable=False),
    sa.Column("began_at", sa.String(32), nullable=False),
    **_OPTIONS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Which backup is being restored, and since when; `seal` tells it from others."""

    backup: str
    seal: str
    began_at: str


def found(session: base.Session) -> Note | None:
    """Return the note, if there is one; one that is only begun counts, too."""
    if session.engine.can.transactional_ddl:
        return None
    if not sa.inspect(session.connection).has_table(_NOTE.name):
        return None
    row = session.connection.execute(
        sa.select(_NOTE.c.backup, _NOTE.c.seal, _NOTE.c.began_at)
    ).first()
    if row is None:
        return Note(backup="?", seal="", began_at="?")
    return Note(**row._mapping)


def check(session: base.Session) -> None:
    """Raise RestoreUnfinished for a database that holds only a part of a backup."""
    note = found(session)
    if note is not None:
        raise errors.RestoreUnfinished(note.backup, database=session.url, began=note.began_at)


def begin(session: base.Session, note: Note) -> None:
    """Write the note, in place of an older one; it is committed."""
    _META.create_all(session.connection, checkfirst=True)
    session.connection.execute(sa.delete(_NOTE))
    session.connection.execute(
        sa.insert(_NOTE).values(id=1, backup=note.backup, seal=note.seal, began_at=note.began_at)
    )
    session.commit()


def end(session: base.Session) -> None:
    """Take the note away: all of the backup is there."""
    _META.drop_all(session.connection, checkfirst=True)
    session.commit()
