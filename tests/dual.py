"""Models and databases for tests of dual writes."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Optional

import sqlalchemy as sa
from rhosocial.activerecord.base import FieldProxy, UseColumn
from rhosocial.activerecord.model import ActiveRecord

from tests import databases, model_stage

_numbers: Final = itertools.count()

OLD: Final = """
CREATE TABLE old_user (
    id {key}, name VARCHAR(64) NOT NULL, mail VARCHAR(128), amount {amount}
)
"""
NEW: Final = """
CREATE TABLE new_user (
    id {key}, first_name VARCHAR(64) NOT NULL, last_name VARCHAR(64) NOT NULL,
    email VARCHAR(64), amount {amount}
)
"""
# DECIMAL of the one engine would round what its text keeps.
AMOUNT: Final = {"sqlite": "TEXT", "postgresql": "NUMERIC(40, 10)", "mysql": "DECIMAL(40, 10)"}


class Stage:
    """An old and a new table, in one database or in two, and their models."""

    def __init__(self, old: databases.Database, new: databases.Database, raw: Any) -> None:
        self.old_database, self.new_database = old, new
        self.raw_old, self.raw_new = raw(old), raw(new)
        self._backends: list[Any] = []
        self.raw_old.execute(OLD.format(key=_key(old), amount=AMOUNT[_kind(old)]))
        self.raw_new.execute(NEW.format(key=_key(new), amount=AMOUNT[_kind(new)]))
        self.Old, self.New = self.models()

    def models(self) -> tuple[Any, Any]:
        """Return models of both tables, with connections of their own."""
        number = next(_numbers)

        class OldUser(ActiveRecord):
            __table_name__ = "old_user"
            __logger_name__ = f"dual.old.{number}"
            c: ClassVar[FieldProxy] = FieldProxy()
            id: Optional[int] = None  # noqa: UP045  (as upstream's own documentation writes)
            name: str
            email: Annotated[Optional[str], UseColumn("mail")] = None  # noqa: UP045
            amount: Optional[Decimal] = None  # noqa: UP045

        class NewUser(ActiveRecord):
            __table_name__ = "new_user"
            __logger_name__ = f"dual.new.{number}"
            c: ClassVar[FieldProxy] = FieldProxy()
            id: Optional[int] = None  # noqa: UP045
            first_name: str
            last_name: str
            email: Optional[str] = None  # noqa: UP045
            amount: Optional[Decimal] = None  # noqa: UP045

        for model, database in ((OldUser, self.old_database), (NewUser, self.new_database)):
            logging.getLogger(model.__logger_name__).setLevel(logging.ERROR)
            config, kind = model_stage._backend(database)
            model.configure(config, kind)
            self._backends.append(model.__backend__)
        return OldUser, NewUser

    def old(self) -> list[tuple[object, ...]]:
        """Return the old table's rows as texts."""
        rows = self.raw_old.execute("SELECT id, name, mail, amount FROM old_user ORDER BY id")
        return [(id_, name, mail, _decimal(amount)) for id_, name, mail, amount in rows]

    def new(self) -> list[tuple[object, ...]]:
        """Return the new table's rows as they would have been in the old one."""
        rows = self.raw_new.execute(
            "SELECT id, first_name, last_name, email, amount FROM new_user ORDER BY id"
        )
        return [
            (id_, f"{first} {last}".strip(), mail, _decimal(amount))
            for id_, first, last, mail, amount in rows
        ]

    def waiting(self) -> int:
        """Return how many rows are in the outbox of the old side."""
        return int(str(self.raw_old.value("SELECT count(*) FROM whimbrel_outbox")))

    def close(self) -> None:
        for backend in self._backends:
            backend.disconnect()


MAPPING: Final = {
    "first_name": lambda row: row["name"].partition(" ")[0],
    "last_name": lambda row: row["name"].partition(" ")[2],
}
BACK: Final = {"name": lambda row: f"{row['first_name']} {row['last_name']}".strip()}


@contextmanager
def staged(old: databases.Database, new: databases.Database, raw: Any) -> Iterator[Stage]:
    """Make the tables, and close the models' connections in the end."""
    stage = Stage(old, new, raw)
    try:
        yield stage
    finally:
        stage.close()


def sa_engine(database: databases.Database) -> sa.Engine:
    """Return an engine of SQLAlchemy, as an application has one."""
    url = database.url
    for plain, driven in (
        ("postgresql://", "postgresql+psycopg://"),
        ("mariadb://", "mariadb+pymysql://"),
        ("mysql://", "mysql+pymysql://"),
    ):
        url = url.replace(plain, driven, 1) if url.startswith(plain) else url
    return sa.create_engine(url)


def _kind(database: databases.Database) -> str:
    return "mysql" if database.kind == "mariadb" else database.kind


def _key(database: databases.Database) -> str:
    return model_stage.KEY[_kind(database)]


def _decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value)).normalize()


def bags(old: databases.Database, new: databases.Database, raw: Any) -> tuple[Any, Any]:
    """Make a table of all kinds of values in each database; return their models."""
    made = []
    for database, table in ((old, "old_bag"), (new, "new_bag")):
        kind = _kind(database)
        raw(database).execute(
            f"CREATE TABLE {table} (id {model_stage.KEY[kind]}, name VARCHAR(64) NOT NULL, "
            f"{model_stage.COLUMNS[kind]})"
        )

        class Bag(ActiveRecord):
            __table_name__ = table
            __logger_name__ = f"dual.bag.{next(_numbers)}"
            c: ClassVar[FieldProxy] = FieldProxy()
            id: Optional[int] = None  # noqa: UP045
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

        logging.getLogger(Bag.__logger_name__).setLevel(logging.ERROR)
        config, backend = model_stage._backend(database)
        Bag.configure(config, backend)
        made.append(Bag)
    return made[0], made[1]
