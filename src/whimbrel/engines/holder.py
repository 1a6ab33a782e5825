"""Who holds the run lock, written down beside it for whoever comes second.

For engines whose lock lives in the server's memory; this table is only what a person reads,
never what decides.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa

from whimbrel.engines import base

_META = sa.MetaData()
_OPTIONS: Any = base.TABLE_OPTIONS
_HOLDER = sa.Table(
    f"{base.OUR_PREFIX}lock",
    _META,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("run", sa.String(64), nullable=False),
    sa.Column("who", sa.String(255), nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("command", sa.String(255), nullable=False),
    sa.Column("started_at", sa.String(32), nullable=False),
    **_OPTIONS,
)


def write(session: base.Session, holder: base.Holder) -> None:
    """Write down who holds the lock; the lock must be held."""
    _META.create_all(session.connection, checkfirst=True)
    session.connection.execute(sa.delete(_HOLDER))
    session.connection.execute(sa.insert(_HOLDER).values(id=1, **dataclasses.asdict(holder)))
    session.commit()


def erase(session: base.Session) -> None:
    """Forget who held the lock."""
    session.connection.execute(sa.delete(_HOLDER))
    session.commit()


def read(session: base.Session) -> str:
    """Return the holder in words, as far as it is known."""
    if not sa.inspect(session.connection).has_table(_HOLDER.name):
        session.rollback()
        return "a run that has just begun"
    columns = [_HOLDER.c[field.name] for field in dataclasses.fields(base.Holder)]
    row = session.connection.execute(sa.select(*columns)).first()
    session.rollback()
    if row is None:
        return "a run that has just begun"
    return str(base.Holder(**row._mapping))
