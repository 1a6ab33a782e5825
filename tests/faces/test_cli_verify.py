"""`whimbrel verify` on the command line: words, JSON, exit codes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from whimbrel.cli import app


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run `whimbrel verify`."""

    def run(*arguments: str) -> Done:
        code = app.main(["verify", *arguments])
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run


@pytest.fixture
def shops(tmp_path: Path) -> tuple[str, str]:
    """Two databases with three customers each, equal at first."""
    urls = []
    for name in ("old", "new"):
        with sqlite3.connect(tmp_path / f"{name}.db") as connection:
            connection.execute("CREATE TABLE customer (id integer PRIMARY KEY, name text)")
            connection.executemany(
                "INSERT INTO customer VALUES (?, ?)", [(1, "Ada"), (2, "Bo "), (3, None)]
            )
        connection.close()
        urls.append(f"sqlite:///{tmp_path / name}.db")
    return urls[0], urls[1]


def change(url: str, sql: str) -> None:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute(sql)
    connection.close()


def test_equal_databases_end_with_zero(verify: Callable[..., Done], shops: tuple[str, str]) -> None:
    done = verify(*shops)

    assert 0 == done.code
    assert "customer  3 rows  equal" in done.out
    assert done.out.splitlines()[-1].startswith("equal: 1 table, 3 rows in ")


def test_differences_are_shown_and_end_with_one(
    verify: Callable[..., Done], shops: tuple[str, str]
) -> None:
    change(shops[1], "UPDATE customer SET name = 'Bo' WHERE id = 2")
    change(shops[1], "UPDATE customer SET name = 'NULL' WHERE id = 3")
    change(shops[1], "DELETE FROM customer WHERE id = 1")

    done = verify(*shops, "--looks", "0")

    assert 1 == done.code
    assert "customer  3 → 2 rows  different  1 only in source, 2 changed" in done.out
    assert "name: 'Bo '" in done.out
    assert "name: NULL  →  'NULL'" in done.out
    assert "different: 1 of 1 table, 3 rows of 3 rows" in done.out


def test_json_has_everything(verify: Callable[..., Done], shops: tuple[str, str]) -> None:
    change(shops[1], "UPDATE customer SET name = 'x' WHERE id = 2")

    done = verify(*shops, "--json", "--looks", "0")

    found = json.loads(done.out)
    assert 1 == done.code
    assert (False, 3, 1) == (found["equal"], found["rows"], found["differences"])
    (table,) = found["tables"]
    assert {"id": "2"} == table["examples"][0]["key"]
    assert table["fingerprint"]["source"] != table["fingerprint"]["target"]


def test_differences_are_exported(
    verify: Callable[..., Done], shops: tuple[str, str], tmp_path: Path
) -> None:
    change(shops[1], "UPDATE customer SET name = '' WHERE id = 3")
    file = tmp_path / "differences.csv"

    done = verify(*shops, "--looks", "0", "--export", str(file))

    assert 1 == done.code
    assert f"1 differing value written to {file}" in done.out
    assert file.read_text().splitlines()[1].endswith(',"name","name",,""')


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (("--tables", "nix"), "table 'nix' does not exist"),
        (("--sample", "all"), "'all' is no sample"),
        (("--columns", "id"), "--columns does not say for which table"),
        (("--tolerance", "customer.name=1"), "there is no tolerance for them"),
        (("--export", "a.xlsx"), "not clear how to write"),
    ],
)
def test_what_cannot_be_is_said(
    verify: Callable[..., Done], said: tuple[str, ...], wrong: str, shops: tuple[str, str]
) -> None:
    done = verify(*shops, *said)

    assert done.code in (1, 2)
    assert wrong in done.err


def test_a_database_that_is_not_there_is_named(
    verify: Callable[..., Done], shops: tuple[str, str], tmp_path: Path
) -> None:
    done = verify(shops[0], f"sqlite:///{tmp_path}/nothing.db")

    assert 1 == done.code
    assert "nothing.db" in done.err
    assert not (tmp_path / "nothing.db").exists()


def test_passwords_are_never_shown(verify: Callable[..., Done], shops: tuple[str, str]) -> None:
    url = "postgresql://app:S3cret@127.0.0.1:1/shop"

    done = verify(shops[0], url)

    assert 1 == done.code
    assert "S3cret" not in done.out + done.err
