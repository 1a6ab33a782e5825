"""`whimbrel outbox` and `whimbrel reconcile`, as an operator has them beside an application."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from tests.faces.shell import SRC, command
from whimbrel.cli import app

MODULE = """
import logging
import sys
from typing import Optional

from rhosocial.activerecord.backend.impl.sqlite import SQLiteBackend
from rhosocial.activerecord.backend.impl.sqlite.config import SQLiteConnectionConfig
from rhosocial.activerecord.model import ActiveRecord

import whimbrel

logging.disable(logging.ERROR)


class Old(ActiveRecord):
    __table_name__ = "old_user"
    id: Optional[int] = None
    name: str


class New(ActiveRecord):
    __table_name__ = "new_user"
    id: Optional[int] = None
    full_name: str


Old.configure(SQLiteConnectionConfig(database=r"{folder}/old.db"), SQLiteBackend)
New.configure(SQLiteConnectionConfig(database=r"{folder}/new.db"), SQLiteBackend)
users = whimbrel.dual_write(
    Old, New, {{"full_name": "name"}}, name="users", deliver="elsewhere",
    options=whimbrel.online.pair.Options(deliver="elsewhere", tries=1),
)
"""
numbers = itertools.count()


class Shop:
    """A folder with an application of two databases, whose outbox somebody else delivers."""

    def __init__(self, folder, monkeypatch) -> None:
        self.folder = folder
        self.name = f"dual_shop_{next(numbers)}"
        for file, table, column in (("old", "old_user", "name"), ("new", "new_user", "full_name")):
            self.sql(file, f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {column} TEXT NOT NULL)")
        (folder / f"{self.name}.py").write_text(MODULE.format(folder=folder))
        monkeypatch.syspath_prepend(str(folder))
        self.module = __import__(self.name)
        self.pair = f"{self.name}:users"

    def sql(self, file, statement):
        connection = sqlite3.connect(self.folder / f"{file}.db", timeout=10)
        try:
            rows = connection.execute(statement).fetchall()
            connection.commit()
        finally:
            connection.close()
        return rows

    def save(self, *names):
        for name in names:
            self.module.Old(name=name).save()

    def new(self):
        return [name for (name,) in self.sql("new", "SELECT full_name FROM new_user ORDER BY id")]

    def run(self, capsys, *arguments, json_=False):
        code = app.main([*arguments, "--project", str(self.folder), *(["--json"] * json_)])
        shown = capsys.readouterr()
        return code, (json.loads(shown.out) if json_ else shown.out), shown.err

    @property
    def url(self):
        return f"sqlite:///{self.folder}/old.db"


@pytest.fixture
def shop(tmp_path, monkeypatch):
    import whimbrel.online.pair  # noqa: F401  (the application names it)

    made = Shop(tmp_path, monkeypatch)
    yield made
    made.module.users.close()
    made.module.Old.__backend__.disconnect()
    made.module.New.__backend__.disconnect()


def test_what_waits_is_shown_and_delivered(shop, capsys):
    shop.save("Ada", "Grace")

    before = shop.run(capsys, "outbox", "-d", shop.url)
    delivered = shop.run(capsys, "outbox", "deliver", shop.pair)
    after = shop.run(capsys, "outbox", "status", "users", "-d", shop.url, json_=True)

    assert (0, True) == (before[0], "2 waiting" in before[1])
    assert (0, True) == (delivered[0], "0 waiting" in delivered[1])
    assert ["Ada", "Grace"] == shop.new()
    assert (0, 0, "old", True) == (
        after[0],
        after[1]["outbox"][0]["pending"],
        after[1]["outbox"][0]["leads"],
        after[1]["outbox"][0]["writes"],
    )


def test_what_was_given_up_is_shown_until_it_is_tried_again(shop, capsys):
    shop.save("Ada")
    shop.sql("new", "ALTER TABLE new_user RENAME TO elsewhere")
    failed = shop.run(capsys, "outbox", "deliver", shop.pair)
    status = shop.run(capsys, "outbox", "status", "-d", shop.url)
    shop.sql("new", "ALTER TABLE elsewhere RENAME TO new_user")
    retried = shop.run(capsys, "outbox", "retry", "users", "-d", shop.url)
    delivered = shop.run(capsys, "outbox", "deliver", shop.pair, json_=True)

    assert (1, 1, 0, 0) == (failed[0], status[0], retried[0], delivered[0])
    assert "1 given up" in status[1]
    assert "id = 1" in status[1]
    assert "no such table: new_user" in status[1]
    assert "1 write will be tried again" in retried[1]
    assert 1 == delivered[1]["delivered"]["rows"]
    assert ["Ada"] == shop.new()


def test_the_switch_is_turned_by_name_without_the_application(shop, capsys):
    off = shop.run(capsys, "outbox", "off", "users", "-d", shop.url)
    shop.save("Ada")
    nothing = shop.run(capsys, "outbox", "deliver", shop.pair)
    on = shop.run(capsys, "outbox", "on", "users", "-d", shop.url)
    delivered = shop.run(capsys, "outbox", "deliver", shop.pair)

    assert (0, True) == (off[0], "off" in off[1])
    assert (1, True) == (nothing[0], "it is switched off" in nothing[2])
    assert (0, 0) == (on[0], delivered[0])
    assert ["Ada"] == shop.new()


def test_the_other_side_is_let_lead(shop, capsys):
    shop.save("Ada")

    led = shop.run(capsys, "outbox", "lead", shop.pair, "new")
    shop.module.New(full_name="Grace").save()
    shop.run(capsys, "outbox", "deliver", shop.pair)

    assert (0, True) == (led[0], "new leads" in led[1])
    assert [("Ada",), ("Grace",)] == shop.sql("old", "SELECT name FROM old_user ORDER BY id")


def test_both_sides_are_compared_and_repaired(shop, capsys):
    shop.save("Ada", "Grace", "Plato")
    shop.run(capsys, "outbox", "deliver", shop.pair)
    equal = shop.run(capsys, "reconcile", shop.pair)
    shop.sql("new", "UPDATE new_user SET full_name = 'Nobody' WHERE id = 2")
    shop.sql("new", "DELETE FROM new_user WHERE id = 3")
    different = shop.run(capsys, "reconcile", shop.pair)
    ends = (shop.url, shop.url.replace("old.db", "new.db"))
    inside = shop.run(capsys, "reconcile", shop.pair, *ends, json_=True)
    repaired = shop.run(capsys, "reconcile", shop.pair, "--repair")

    assert (0, True) == (equal[0], equal[1].startswith("equal  users: 3 rows, the old side leads"))
    assert 1 == different[0]
    assert "1 with other values, 1 missing on the second side, 0 there alone" in different[1]
    assert "id = 2  full_name" in different[1]
    assert "Nobody" not in different[1]
    assert (1, 1, 1) == (inside[0], inside[1]["different"], inside[1]["missing"])
    assert (0, True) == (repaired[0], "repaired 2, left 0" in repaired[1])
    assert ["Ada", "Grace", "Plato"] == shop.new()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["outbox", "dance"], "cannot be done with an outbox"),
        (["outbox", "deliver"], "deliver needs the application's own mapping"),
        (["outbox", "status", "--every", "1"], "--every is for deliver"),
        (["outbox", "off", "-d", "URL"], "which dual write?"),
        (["outbox", "off", "nobody", "-d", "URL"], "no dual write is called 'nobody'"),
        (["outbox", "retry", "users", "x", "-d", "URL"], "no numbers of writes"),
        (["outbox", "deliver", "no_such_module:users"], "cannot be imported"),
        (["outbox", "lead", "PAIR"], "which side is to lead?"),
        (["reconcile", "json:dumps"], "is not what dual_write() returned"),
        (["reconcile", "PAIR", "URL"], "databases are two"),
        (["reconcile", "PAIR", "--expression", "x"], "is no expression"),
    ],
)
def test_what_cannot_be_is_said(arguments, said, shop, capsys):
    words = {"URL": shop.url, "PAIR": shop.pair}

    code, _, shown = shop.run(capsys, *(words.get(one, one) for one in arguments))

    assert (2, True) == (code, said in shown), shown


def test_a_database_without_an_outbox_has_none(tmp_path):
    sqlite3.connect(tmp_path / "empty.db").execute("CREATE TABLE x (id)").connection.close()

    done = command("outbox", "-d", f"sqlite:///{tmp_path}/empty.db", cwd=tmp_path)

    assert (1, True) == (done.returncode, "there is no outbox in this database" in done.stderr)


def test_a_deliverer_goes_on_until_it_is_stopped(shop):
    process = subprocess.Popen(
        [sys.executable, "-m", "whimbrel", "outbox", "deliver", shop.pair, "--every", "0.05"],
        cwd=shop.folder,
        env={**os.environ, "PYTHONPATH": str(SRC)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        shop.save("Ada", "Grace")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and (
            shop.new() != ["Ada", "Grace"] or shop.sql("old", "SELECT id FROM whimbrel_outbox")
        ):
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, shown = process.communicate(timeout=30)
    finally:
        process.kill()

    assert ["Ada", "Grace"] == shop.new()
    assert 0 == shop.sql("old", "SELECT count(*) FROM whimbrel_outbox")[0][0]
    assert (130, True) == (process.returncode, "delivered; the rest stays" in shown)
