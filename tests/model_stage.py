"""A project on a database with ActiveRecord models, for tests of models in bulk."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Optional

import sqlalchemy as sa
from rhosocial.activerecord.base import FieldProxy, UseColumn
from rhosocial.activerecord.model import ActiveRecord

from tests import databases, staging

# Upstream gives a logger its handler once, which would write to another test's stderr.
numbers: Final = itertools.count()

KEY = {
    "sqlite": "INTEGER PRIMARY KEY",
    "postgresql": "SERIAL PRIMARY KEY",
    "mysql": "INTEGER AUTO_INCREMENT PRIMARY KEY",
}
COLUMNS = {
    "sqlite": "amount TEXT, born DATETIME, data TEXT, code TEXT, flag BOOLEAN, size REAL, "
    "mail TEXT, raw BLOB, day DATE, tags TEXT",
    "postgresql": "amount NUMERIC(45, 25), born TIMESTAMP, data JSONB, code UUID, flag BOOLEAN, "
    "size DOUBLE PRECISION, mail TEXT, raw BYTEA, day DATE, tags TEXT",
    "mysql": "amount DECIMAL(45, 25), born DATETIME(6), data JSON, code CHAR(36), flag BOOLEAN, "
    "size DOUBLE, mail TEXT, raw BLOB, day DATE, tags TEXT",
}


class ModelStage(staging.Stage):
    """With models, each of which has a connection of its own."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._backends: list[Any] = []

    def table(self, name: str, more: str = "") -> None:
        self.raw.execute(
            f"CREATE TABLE {name} (id {KEY[self.kind]}, name VARCHAR(64) NOT NULL, "
            f"{COLUMNS[self.kind]}{more})"
        )

    def person(
        self, table: str, *bases: type, base: type = ActiveRecord, **namespace: object
    ) -> Any:
        """Return a model of a table, with a connection of its own."""

        class Person(*bases, base):  # type: ignore[misc]
            __table_name__ = table
            __logger_name__ = f"people.{next(numbers)}"
            c: ClassVar[FieldProxy] = FieldProxy()
            id: Optional[int] = None  # noqa: UP045  (as upstream's own documentation writes)
            name: str
            amount: Optional[Decimal] = None  # noqa: UP045
            born: Optional[dt.datetime] = None  # noqa: UP045
            data: Optional[dict] = None  # noqa: UP045
            code: Optional[uuid.UUID] = None  # noqa: UP045
            flag: Optional[bool] = None  # noqa: UP045
            size: Optional[float] = None  # noqa: UP045
            email: Annotated[Optional[str], UseColumn("mail")] = None  # noqa: UP045
            raw: Optional[bytes] = None  # noqa: UP045
            day: Optional[dt.date] = None  # noqa: UP045

        for name, value in namespace.items():
            setattr(Person, name, value)
        self.configure(Person)
        return Person

    def configure(self, model: Any, database: databases.Database | None = None) -> None:
        config, kind = _backend(database or self.database)
        model.configure(config, kind)
        self._backends.append(model.__backend__)

    def fingerprint(self, table: str, *columns: str) -> list[tuple[object, ...]]:
        """Return every value as the server tells it apart: type and bytes."""
        said = {
            "sqlite": "typeof({0}), hex({0}), quote({0})",
            "postgresql": "{0}::text",
            "mysql": "hex({0}), {0} IS NULL",
        }[self.kind]
        names = columns or (
            "id", "name", "amount", "born", "data", "code", "flag", "size", "mail", "raw", "day",
        )  # fmt: skip
        asked = ", ".join(said.format(name) for name in names)
        return self.raw.execute(f"SELECT {asked} FROM {table} ORDER BY id")

    def close(self) -> None:
        for backend in self._backends:
            backend.disconnect()


def _backend(database: databases.Database) -> tuple[Any, type]:
    if database.kind == "sqlite":
        from rhosocial.activerecord.backend.impl.sqlite import SQLiteBackend
        from rhosocial.activerecord.backend.impl.sqlite.config import SQLiteConnectionConfig

        return SQLiteConnectionConfig(database=str(database.file)), SQLiteBackend
    url = sa.make_url(database.url)
    place = {
        "host": url.host,
        "port": url.port or 3306,
        "database": url.database,
        "username": url.username,
        "password": url.password,
    }
    if database.kind == "postgresql":
        from rhosocial.activerecord.backend.impl.postgres import (
            PostgresBackend,
            PostgresConnectionConfig,
        )

        return PostgresConnectionConfig(**place), PostgresBackend
    if database.kind == "mysql":
        from rhosocial.activerecord.backend.impl.mysql import MySQLBackend, MySQLConnectionConfig

        return MySQLConnectionConfig(**place), MySQLBackend
    from rhosocial.activerecord.backend.impl.mariadb import (
        MariaDBBackend,
        MariaDBConnectionConfig,
    )

    return MariaDBConnectionConfig(**place, ssl_disabled=True), MariaDBBackend


def people(model: Any) -> list[Any]:
    """Return unsaved people with all kinds of values."""
    return [
        model(
            name="Ada é 🦤 '\\ %s ?",
            amount=Decimal("12345678901234567.1234567891"),
            born=dt.datetime(2024, 2, 29, 1, 2, 3, 4),
            data={"é": [1, None, {"deep": "'\\\""}], "n": 1.5},
            code=uuid.UUID(int=42),
            flag=True,
            size=0.1,
            email="ada@example.org",
            raw=b"\0\xff'\\",
            day=dt.date(1815, 12, 10),
        ),
        model(name="", data={}, flag=False, size=-0.0, raw=b"", amount=Decimal("0.10")),
        model(name="nobody"),
        *(model(name=f"p{n}", size=n, data={"n": n}) for n in range(10)),
    ]


def fill(stage: ModelStage, *tables: str) -> None:
    """Make tables that hold the same people, saved by a model."""
    for table in tables:
        stage.table(table)
        model = stage.person(table)
        for person in people(model):
            person.save()
        model.__backend__.disconnect()
