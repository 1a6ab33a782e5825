"""The example of an application migration: three legacy tables into five, with new keys."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

import whimbrel
from tests import conftest, databases

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "application"


@pytest.fixture
def legacy(tmp_path: Path) -> Path:
    """A folder with the example's files and its legacy database."""
    folder = tmp_path / "application"
    shutil.copytree(EXAMPLE, folder)
    with contextlib.closing(sqlite3.connect(folder / "legacy.db")) as connection:
        connection.executescript((folder / "legacy.sql").read_text(encoding="utf-8"))
    return folder


def rows(raw: databases.Raw, sql: str) -> list[tuple[object, ...]]:
    """Return rows whose decimals and dates are those of Python on every engine."""
    return [tuple(map(_plain, row)) for row in raw.execute(sql)]


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.date):
        return value.isoformat()
    return value


def test_three_legacy_tables_become_five(
    legacy: Path, database: databases.Database, raw: conftest.OpenRaw
) -> None:
    raw(database).script((legacy / "new.sql").read_text(encoding="utf-8"))

    done = whimbrel.transfer("legacy", database.url, rules="shop", existing="fill", folder=legacy)

    assert done.rejected == 0
    assert done.ok
    shop = raw(database)
    assert rows(shop, "SELECT id, number, name, phone, email, born FROM customers ORDER BY id") == [
        (1, "K-0001", "Anna Müller", "+4930123456", "anna@example.org", "1970-03-02"),
        (2, "K-0002", "Jürgen Groß", None, "jg@example.com", None),
        (3, "K-0003", "Zoë O'Neil", "+4940999", None, "1999-12-31"),
    ]
    assert rows(shop, "SELECT customer_id, street, zip, city FROM addresses ORDER BY 1") == [
        (1, "Hauptstr. 1", "10115", "Berlin"),
        (2, "Am Wall 7", "01067", "Dresden"),
        (3, "Kai 3", "20457", "Hamburg"),
    ]
    prices = rows(shop, "SELECT id, sku, title, price FROM products ORDER BY id")
    assert [(i, s, t, f"{Decimal(str(p)):.2f}") for i, s, t, p in prices] == [
        (1, "A1", "Schraube 🔩", "0.05"),
        (2, "A2", "Hammer", "19.90"),
        (3, "A3", "Drehbank", "1234.56"),
    ]
    assert rows(shop, "SELECT id, customer_id, placed_on, note FROM orders ORDER BY id") == [
        (1, 1, "2024-02-01", "eilig"),
        (2, 3, "2024-02-29", None),
        (3, 1, "2024-03-15", None),
    ]
    assert rows(
        shop, "SELECT order_id, position, product_id, quantity FROM order_lines ORDER BY 1, 2"
    ) == [(1, 1, 1, 100), (1, 2, 2, 1), (2, 1, 3, 1), (3, 1, 2, 2)]


def test_what_was_cleansed_is_counted_with_samples(
    legacy: Path, database: databases.Database, raw: conftest.OpenRaw
) -> None:
    raw(database).script((legacy / "new.sql").read_text(encoding="utf-8"))

    done = whimbrel.transfer("legacy", database.url, rules="shop", existing="fill", folder=legacy)

    customers = next(table for table in done.tables if table.name == "customers")
    counted = {(one.column, one.rule): one.values for one in customers.cleansed.values()}
    assert counted["name", "repair"] == 1
    assert counted["born", "null_if ['00.00.0000']"] == 1
    assert counted["born", "date ['%d.%m.%Y']"] == 2
    repaired = customers.cleansed["name", "repair"]
    assert repaired.samples == (("JÃ¼rgen GroÃŸ", "Jürgen Groß"),)
