"""Open a driver's connection through SQLAlchemy, and turn its failure into our words."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

import sqlalchemy as sa
from sqlalchemy import pool

from whimbrel import config, errors
from whimbrel.engines import base

CONNECT_SECONDS = 10


def require(package: str, *, extra: str, needed_for: str) -> None:
    """Import a driver, or raise MissingExtra naming the extra that brings it."""
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise errors.MissingExtra(package, extra=extra, needed_for=needed_for) from error


def shown(url: sa.URL, engine: str) -> str:
    """Return a URL as people may see it: no password in it, wherever it stands."""
    return config.masked(url.set(drivername=engine).render_as_string(hide_password=True))


def connect(
    engine: base.Engine,
    url: sa.URL,
    *,
    arguments: Mapping[str, object],
    remedy: Callable[[str], str],
) -> sa.Connection:
    """Connect once, without a pool; raise DatabaseUnavailable with the server's own words."""
    where = shown(url, engine.name)
    made = sa.create_engine(url, poolclass=pool.NullPool, connect_args=dict(arguments))
    _connect_once(made, where)
    try:
        return made.connect()
    except sa.exc.DBAPIError as error:
        cause = engine.cause(error)
        if url.password:
            cause = cause.replace(str(url.password), "***")
        raise errors.DatabaseUnavailable(
            database=where, cause=cause, remedy=remedy(cause)
        ) from None


def _connect_once(made: sa.Engine, where: str) -> None:
    """Forbid a second connection: it would have neither the run lock nor the settings."""
    opened = False

    @sa.event.listens_for(made, "do_connect")
    def once(*_: object) -> None:
        nonlocal opened
        if opened:
            raise errors.DatabaseUnavailable(
                database=where,
                cause="the session was lost, and with it the lock of this run",
                remedy="see why the server or the network ended it, then start again",
            )
        opened = True
