"""Databases that cannot be reached, drivers that are missing: told in words, with a remedy."""

from __future__ import annotations

import socket

import pytest

from tests import engines
from tests.faces.shell import python
from whimbrel.cli import app

FIRST = "20260101_101500_first"
TEXT = """\
from whimbrel import Migration


class First(Migration):
    def up(self):
        self.create_table("a", [self.column("id", "integer")])
"""
COMMANDS = (["plan"], ["up"], ["down"], ["status"], ["history"], ["baseline"])


@pytest.fixture(autouse=True)
def here(project, monkeypatch):
    project.migration(FIRST, TEXT)
    monkeypatch.chdir(project.path)
    monkeypatch.delenv("WHIMBREL_DATABASE_URL", raising=False)
    return project


@pytest.fixture
def nobody_listens():
    """A port of this machine at which no server is."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda a: a[0])
@pytest.mark.parametrize("scheme", ["postgresql", "mariadb", "mysql"])
def test_a_server_that_is_down_is_told(capsys, nobody_listens, scheme, arguments):
    url = f"{scheme}://ana:secret@127.0.0.1:{nobody_listens}/shop"

    code = app.main([*arguments, "-d", url])

    told = capsys.readouterr().err
    assert 1 == code
    assert "cannot open the database" == told.splitlines()[0]
    assert f"  database  {scheme}://ana:***@127.0.0.1:{nobody_listens}/shop" in told
    assert "  to do     " in told
    assert "[database-unavailable]" in told
    assert "secret" not in told


@engines.without("sqlite")
@pytest.mark.parametrize("wrong", ["password", "database"])
def test_a_wrong_password_or_database_is_told(capsys, database, wrong):
    if database.secret_url is None:
        pytest.skip("this server is not ours, so that its users are not known")
    head, _, tail = database.secret_url.rpartition("@")
    if wrong == "password":
        url = f"{head.rpartition(':')[0]}:Wr0ng%2F@{tail}"
    else:
        url = database.secret_url.replace(database.name, "nowhere")

    code = app.main(["up", "-d", url])

    told = capsys.readouterr().err
    assert 1 == code
    assert "cannot open the database" == told.splitlines()[0]
    assert "  cause     " in told
    assert "Wr0ng" not in told


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nope://ana:secret@h/shop", "no engine is called 'nope'"),
        ("postgresql//ana:secret@h/shop", "URL"),
        ("postgresql://ana:secret@h:port/shop", "URL"),
        (":", "URL"),
    ],
)
def test_a_wrong_url_is_told_without_its_password(capsys, url, said):
    code = app.main(["up", "-d", url])

    told = capsys.readouterr().err
    assert 2 == code
    assert said in told.splitlines()[0]
    assert "secret" not in told


@pytest.mark.parametrize(
    ("scheme", "driver", "extra"),
    [("postgresql", "psycopg", "postgresql"), ("mariadb", "pymysql", "mysql")],
)
def test_a_missing_driver_names_the_extra_to_install(here, scheme, driver, extra):
    code = (
        f"import sys; sys.modules[{driver!r}] = None; from whimbrel.cli import app; "
        f"sys.exit(app.main(['up', '-d', '{scheme}://ana:secret@127.0.0.1/shop']))"
    )

    done = python("-c", code, cwd=here.path)

    assert (2, "") == (done.returncode, done.stdout)
    assert f"pip install 'whimbrel[{extra}]'" in done.stderr
    assert "[missing-extra]" in done.stderr
    assert "secret" not in done.stderr


def test_a_variable_that_is_not_set_is_named(here, capsys, monkeypatch):
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    here.config('[databases.main]\nurl = "postgresql://ana:${SHOP_PASSWORD}@h/shop"\n')

    code = app.main(["up"])

    assert 2 == code
    assert "the environment variable SHOP_PASSWORD is not set" in capsys.readouterr().err


def test_a_mistake_in_the_settings_names_its_line(here, capsys):
    here.config('[databases.main]\nulr = "x"\n')

    code = app.main(["status"])

    told = capsys.readouterr().err
    assert 2 == code
    assert "whimbrel.toml:2" in told
    assert "did you mean:  url" in told


def test_no_database_at_all_says_how_to_name_one(capsys):
    code = app.main(["up"])

    told = capsys.readouterr().err
    assert 2 == code
    assert "--database URL" in told


def test_a_password_in_the_query_of_a_url_is_hidden_as_well(capsys, nobody_listens):
    app.main(["up", "-d", f"postgresql://ana@127.0.0.1:{nobody_listens}/shop?password=secret"])

    told = capsys.readouterr().err
    assert "/shop?password=***" in told
    assert "secret" not in told


@engines.only("postgresql")
@pytest.mark.parametrize("arguments", [*COMMANDS, ["plan", "--json"], ["up", "--json"]])
def test_it_is_hidden_where_the_database_can_be_reached_too(capsys, database, arguments):
    app.main([*arguments, "-d", f"{database.url}?password=secret"])

    told = capsys.readouterr()
    assert "secret" not in told.out + told.err
