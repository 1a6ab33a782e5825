"""Open a driver's connection through SQLAlchemy, and turn its failure into our words."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

import sqlalchemy as sa
from sqlalchemy import pool

from whimbrel import errors
from whimbrel.engines import base

CONNECT_SECONDS = 10


def require(package: str, *, extra: str, needed_for: str) -> None:
    """Import a driver, or raise MissingExtra naming the extra that brings it."""
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise errors.MissingExtra(package, extra=extra, needed_for=needed_for) from error


def connect(
    engine: base.Engine,
    url: sa.URL,
    *,
    arguments: Mapping[str, object],
    remedy: Callable[[str], str],
) -> sa.Connection:
    """Connect once, without a pool; raise DatabaseUnavailable with the server's own words."""
    shown = url.set(drivername=engine.name).render_as_string(hide_password=True)
    made = sa.create_engine(url, poolclass=pool.NullPool, connect_args=dict(arguments))
    try:
        return made.connect()
    except sa.exc.DBAPIError as error:
        cause = engine.cause(error)
        if url.password:
            cause = cause.replace(str(url.password), "***")
        raise errors.DatabaseUnavailable(
            database=shown, cause=cause, remedy=remedy(cause)
        ) from None
