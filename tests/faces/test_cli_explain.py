"""`whimbrel explain`: each error's page, as text, as JSON, on a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faces.shell import on_terminal
from whimbrel.cli import app, explain

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGES = REFERENCE / "errors"


def test_a_page_is_written_as_it_is_when_piped(capsys):
    code = app.main(["explain", "lock-held"])

    assert (0, (PAGES / "lock-held.md").read_text()) == (code, capsys.readouterr().out)


def test_a_slug_may_be_pasted_with_its_brackets(capsys):
    code = app.main(["explain", "[lock-held]"])

    assert 0 == code
    assert capsys.readouterr().out.startswith("# lock-held\n")


def test_without_a_slug_all_pages_are_listed_with_what_they_say(capsys):
    code = app.main(["explain"])

    lines = capsys.readouterr().out.splitlines()
    assert 0 == code
    pages = [*PAGES.glob("*.md"), *(REFERENCE / "checks").glob("*.md")]
    slugs = sorted(page.stem for page in pages if page.stem != "index")
    assert slugs == [line.split()[0] for line in lines]
    told = "lock-held Another run is at work on this database."
    assert told in [" ".join(line.split()) for line in lines]


def test_a_page_that_does_not_exist_is_told_with_near_ones(capsys):
    code = app.main(["explain", "lock-heldt"])

    told = capsys.readouterr().err
    assert 2 == code
    assert "there is no page called 'lock-heldt'" == told.splitlines()[0]
    assert "near: lock-held" in told


def test_part_of_a_name_is_near_as_well(capsys):
    app.main(["explain", "column", "--json"])

    near = json.loads(capsys.readouterr().out)["object"]
    assert {"column-exists", "bad-column"} <= set(near.removeprefix("near: ").split(", "))


@pytest.mark.parametrize("slug", ["../../../README", "README", "", "."])
def test_only_pages_are_shown(capsys, slug):
    assert 2 == app.main(["explain", slug])
    assert "" == capsys.readouterr().out


def test_programs_get_a_page_as_fields(capsys):
    app.main(["explain", "lock-held", "--json"])

    page = json.loads(capsys.readouterr().out)
    assert ("lock-held", "lock-held") == (page["slug"], page["title"])
    assert (PAGES / "lock-held.md").read_text() == page["text"]


def test_programs_get_the_list_as_fields(capsys):
    app.main(["explain", "--json"])

    pages = json.loads(capsys.readouterr().out)["pages"]
    assert {"slug": "lock-held", "summary": "Another run is at work on this database."} in pages


def test_an_installed_package_has_the_pages_inside(tmp_path, monkeypatch):
    package = tmp_path / "whimbrel"
    (package / "pages").mkdir(parents=True)
    (package / "pages" / "only-here.md").write_text("# only-here\n")
    monkeypatch.setattr(explain.importlib.resources, "files", lambda _name: package)

    (package / "pages" / "checks").mkdir()
    (package / "pages" / "checks" / "a-check.md").write_text("# a-check\n")

    assert ["a-check", "only-here"] == list(explain.pages())


def test_an_installation_without_pages_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(explain.importlib.resources, "files", lambda _name: tmp_path)
    monkeypatch.setattr(explain, "_WRITTEN", tmp_path / "docs")

    code = app.main(["explain"])

    assert 1 == code
    assert "the pages are missing from this installation" in capsys.readouterr().err


def test_a_terminal_gets_the_page_drawn(tmp_path):
    shown = on_terminal("explain", "lock-held", cwd=tmp_path)

    assert 0 == shown.code
    assert "\x1b[" in shown.raw
    assert "Another run is at work on this database." in shown.text
    assert "# lock-held" not in shown.text


def test_no_color_means_plain_text_on_a_terminal_too(tmp_path):
    shown = on_terminal("explain", "lock-held", cwd=tmp_path, env={"NO_COLOR": "1"})

    assert (0, (PAGES / "lock-held.md").read_text()) == (shown.code, shown.text)
    assert "\x1b" not in shown.raw
