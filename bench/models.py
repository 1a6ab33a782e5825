"""The documented way of rows through models as a contestant: read by OFFSET, saved one by one.

It is `migrate_user_data.py` of ActiveRecord's documentation, on the lines: `query()` stands for the
`find()` that was never written, everything else is to the letter. The models have a connection of
their own, as the library comes; `quiet` takes its log away, which writes every statement.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional
from urllib.parse import urlsplit

from rhosocial.activerecord.model import ActiveRecord

from bench import child

BATCH = 1_000


class Line(ActiveRecord):
    """What is read."""

    __table_name__ = "lineitem"
    id: Optional[int] = None  # noqa: UP045  (as upstream's own documentation writes)
    l_orderkey: int
    l_returnflag: str
    l_linestatus: str
    l_shipdate: dt.date
    l_receiptdate: dt.date
    l_shipinstruct: str
    l_shipmode: str
    l_comment: str


class Shipment(ActiveRecord):
    """What is written."""

    __table_name__ = "shipment"
    __pk_auto_generated__ = False
    id: Optional[int] = None  # noqa: UP045
    order_id: Optional[int] = None  # noqa: UP045
    remark: Optional[str] = None  # noqa: UP045
    detail: Optional[dict] = None  # noqa: UP045
    shipped_on: Optional[dt.date] = None  # noqa: UP045
    received_on: Optional[dt.date] = None  # noqa: UP045


def main(url: str, log: str) -> None:
    """Put all lines through the loop, and tell how long it took."""
    if log == "quiet":
        logging.disable(logging.CRITICAL)
    with _unseen():
        child.tell(lambda: _loop(url))


@contextlib.contextmanager
def _unseen() -> Iterator[None]:
    """Let what is written to stderr go nowhere, whoever writes it."""
    seen = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(seen, 2)
        os.close(seen)


def _loop(url: str) -> None:
    config, backend = _backend(url)
    Line.configure(config, backend)
    Shipment.configure(config, backend)
    offset = 0
    while True:
        lines = Line.query().limit(BATCH).offset(offset).all()
        if not lines:
            break
        for line in lines:
            shipment = Shipment()
            shipment.id = line.id
            shipment.order_id = line.l_orderkey
            shipment.remark = line.l_comment
            shipment.detail = {
                "mode": line.l_shipmode,
                "instructions": line.l_shipinstruct,
                "status": {"returned": line.l_returnflag, "line": line.l_linestatus},
            }
            shipment.shipped_on = line.l_shipdate
            shipment.received_on = line.l_receiptdate
            shipment.save()
        offset += BATCH
    Line.__backend__.disconnect()
    Shipment.__backend__.disconnect()


def _backend(url: str) -> tuple[Any, type]:
    """Return upstream's configuration of a database, and its class of backend."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        from rhosocial.activerecord.backend.impl.sqlite import SQLiteBackend
        from rhosocial.activerecord.backend.impl.sqlite.config import SQLiteConnectionConfig

        return SQLiteConnectionConfig(database=url.removeprefix("sqlite:///")), SQLiteBackend
    place = {
        "host": parts.hostname,
        "port": parts.port,
        "database": parts.path.lstrip("/"),
        "username": parts.username,
        "password": parts.password,
    }
    if parts.scheme == "postgresql":
        from rhosocial.activerecord.backend.impl.postgres import (
            PostgresBackend,
            PostgresConnectionConfig,
        )

        return PostgresConnectionConfig(**place), PostgresBackend
    from rhosocial.activerecord.backend.impl.mariadb import (
        MariaDBBackend,
        MariaDBConnectionConfig,
    )

    return MariaDBConnectionConfig(**place, ssl_disabled=True), MariaDBBackend


if __name__ == "__main__":
    main(*sys.argv[1:])
