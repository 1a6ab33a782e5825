"""`whimbrel init` and `new`: the first files of a project, and migrations to fill in."""

from __future__ import annotations

import json
import tomllib

import pytest

from whimbrel import config
from whimbrel.cli import app

URL = "postgresql://ana@db1/shop"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WHIMBREL_DATABASE_URL", raising=False)
    return tmp_path


# --- init -----------------------------------------------------------------------------------


def test_init_writes_settings_and_the_folder_of_migrations(here, capsys):
    code = app.main(["init"])

    settings = config.load(here)
    assert 0 == code
    assert (here, here / "migrations", {}) == (
        settings.root,
        settings.migrations.directory,
        dict(settings.databases),
    )
    assert [] == list((here / "migrations").iterdir())
    assert "wrote whimbrel.toml" in capsys.readouterr().out


def test_the_examples_in_the_settings_hold_when_the_signs_are_taken_off(here):
    app.main(["init"])

    file = here / "whimbrel.toml"
    lines = [line.removeprefix("# ") for line in file.read_text().splitlines()]
    file.write_text("\n".join(line for line in lines if "=" in line or line.startswith("[")))
    settings = config.read(file)
    assert ("main", {"main", "staging"}) == (settings.default, set(settings.databases))


def test_init_writes_the_url_that_was_given(here):
    app.main(["init", "--database", URL])

    assert URL == config.load(here).databases["main"].real_url()


def test_init_keeps_a_variable_that_stands_in_the_url(here):
    app.main(["init", "--database", "postgresql://ana:${PW}@db1/shop"])

    real = config.load(here).databases["main"].real_url({"PW": "p@ss"})
    assert "postgresql://ana:p%40ss@db1/shop" == real


def test_init_does_not_write_a_password_and_says_where_it_goes(here, capsys):
    app.main(["init", "--database", "postgresql://ana:p%40ss@db1/shop"])

    text = (here / "whimbrel.toml").read_text()
    real = config.load(here).databases["main"].real_url({"DATABASE_PASSWORD": "p@ss"})
    assert "p%40ss" not in text
    assert "postgresql://ana:p%40ss@db1/shop" == real
    assert "export DATABASE_PASSWORD=…" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ana@db1/shop?password=secret", "holds a secret"),
        ("nope://ana:secret@db1/shop", "no engine is called 'nope'"),
        ("main", "init needs the URL of a database"),
    ],
)
def test_init_refuses_what_cannot_be_written_so(here, capsys, url, said):
    code = app.main(["init", "--database", url])

    told = capsys.readouterr().err
    assert 2 == code
    assert said in told
    assert "secret@" not in told
    assert "=secret" not in told
    assert [] == list(here.iterdir())


def test_init_never_writes_over_settings(here, capsys):
    (here / "whimbrel.toml").write_text("# mine\n")

    code = app.main(["init"])

    assert (2, "# mine\n") == (code, (here / "whimbrel.toml").read_text())
    assert "there is a whimbrel.toml already" in capsys.readouterr().err


def test_init_takes_a_folder_that_does_not_exist_yet(here, capsys):
    code = app.main(["init", "--project", "new/shop", "--json"])

    assert {
        "file": str(here / "new/shop/whimbrel.toml"),
        "migrations": str(here / "new/shop/migrations"),
        "password_variable": None,
    } == json.loads(capsys.readouterr().out)
    assert (0, True) == (code, (here / "new/shop/migrations").is_dir())


def test_init_says_why_it_cannot_write(here, capsys):
    (here / "shop").write_text("a file\n")

    code = app.main(["init", "--project", "shop"])

    told = capsys.readouterr().err
    assert 2 == code
    assert "whimbrel.toml cannot be written" == told.splitlines()[0]


def test_init_is_silent_when_told_to_be(here, capsys):
    app.main(["init", "--quiet"])

    assert "" == capsys.readouterr().out


def test_the_settings_are_toml_whatever_the_url_holds(here):
    app.main(["init", "--database", 'postgresql://ana@db1/sh"op\\é'])

    written = tomllib.loads((here / "whimbrel.toml").read_text(encoding="utf-8"))
    assert 'postgresql://ana@db1/sh"op\\é' == written["databases"]["main"]["url"]


# --- new ------------------------------------------------------------------------------------


def test_new_writes_a_migration_and_says_where(here, capsys):
    code = app.main(["new", "Split user names"])

    shown = capsys.readouterr().out.strip()
    assert 0 == code
    assert shown.startswith("migrations/")
    assert shown.endswith("_split_user_names.py")
    assert "class SplitUserNames(Migration):" in (here / shown).read_text()


def test_new_gives_programs_id_and_file(here, capsys):
    app.main(["new", "first", "--json"])

    (file,) = (here / "migrations").iterdir()
    assert {"migration": file.stem, "file": str(file)} == json.loads(capsys.readouterr().out)


def test_new_needs_no_database_that_can_be_reached(here, capsys):
    app.main(["init", "--database", "postgresql://ana:${UNSET}@nowhere/shop"])

    assert 0 == app.main(["new", "first"])
    assert 1 == len(list((here / "migrations").iterdir()))


def test_new_follows_what_it_is_told_to_follow_by_whole_names(here, capsys):
    app.main(["new", "first", "--json"])
    first = json.loads(capsys.readouterr().out)["migration"]

    code = app.main(["new", "second", "--depends-on", "first", "--json"])

    written = json.loads(capsys.readouterr().out)["file"]
    assert 0 == code
    assert f'        "{first}",\n' in (here / written).read_text()


@pytest.mark.parametrize("made", [False, True])
def test_new_refuses_to_follow_what_does_not_exist(here, capsys, made):
    if made:
        app.main(["new", "first"])
    capsys.readouterr()

    code = app.main(["new", "second", "--depends-on", "nowhere", "--json"])

    assert (2, "unknown-migration") == (code, json.loads(capsys.readouterr().out)["error"])


def test_new_joins_branches(here, capsys):
    app.main(["new", "first", "--json"])
    first = json.loads(capsys.readouterr().out)["migration"]
    for name in ("left", "right"):
        app.main(["new", name, "--depends-on", first])
    capsys.readouterr()

    code = app.main(["new", "both", "--merge"])

    text = (here / capsys.readouterr().out.strip()).read_text()
    assert 0 == code
    assert "_left" in text
    assert "_right" in text


def test_new_goes_into_the_folder_of_the_database_that_is_named(here, capsys):
    (here / "whimbrel.toml").write_text(
        '[databases.main]\nurl = "postgresql://h/a"\n'
        '[databases.logs]\nurl = "postgresql://h/b"\nmigrations = "logs"\n'
    )

    unclear = app.main(["new", "first"])
    named = app.main(["new", "first", "-d", "logs"])

    assert (2, 0) == (unclear, named)
    assert 1 == len(list((here / "logs").iterdir()))
    assert not (here / "migrations").exists()
