"""Where reports lie: never written over, and told loudly where there is no room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.reports import samples
from whimbrel import config, errors
from whimbrel.reports import recording, seal, store

AT = samples.EQUAL.started_at


@pytest.fixture(scope="module")
def sealed():
    return recording.sealed(samples.EQUAL)


@pytest.fixture
def found(tmp_path):
    """Return what a whimbrel.toml with this text says."""

    def read(text=""):
        (tmp_path / config.FILE_NAME).write_text(text, encoding="utf-8")
        return config.load(tmp_path)

    return read


# --- where ----------------------------------------------------------------------------------


def test_reports_lie_beside_the_configuration(found, tmp_path):
    assert store.Place(folder=tmp_path / "reports") == store.place(found())


def test_the_configuration_names_another_folder(found, tmp_path):
    said = found('[reports]\ndirectory = "docs/runs"\n')

    assert store.Place(folder=tmp_path / "docs" / "runs") == store.place(said)


def test_without_a_configuration_nothing_is_written(tmp_path):
    assert store.place(config.load(tmp_path)) is None


def test_nothing_is_written_where_nobody_wants_it(found):
    assert store.place(found("[reports]\nwrite = false\n")) is None
    assert store.place(found(), wanted=False) is None


def test_a_file_that_is_named_goes_before_all_that(found, tmp_path):
    file = tmp_path / "one.html"

    assert store.Place(file=file) == store.place(found("[reports]\nwrite = false\n"), file=file)
    assert store.Place(file=file) == store.place(config.load(tmp_path.parent), file=file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[reports]\nwrite = 1\n", "reports.write has to be true or false, not a whole number"),
        ("[reports]\nfolder = 'x'\n", "unknown key 'folder' in [reports]"),
        ("[reports]\ndirectory = 3\n", "reports.directory has to be a text"),
    ],
)
def test_a_wrong_setting_is_refused(found, text, said):
    with pytest.raises(errors.BadConfig, match=said.replace("[", r"\[").replace("]", r"\]")):
        found(text)


def test_a_file_that_exists_is_refused_before_anything_is_done(found, tmp_path):
    file = tmp_path / "one.html"
    file.write_text("mine", encoding="utf-8")

    with pytest.raises(errors.ReportNotWritten) as caught:
        store.place(found(), file=file)

    assert "nothing was changed" == caught.value.left


def test_a_folder_that_is_not_there_is_refused_before_anything_is_done(found, tmp_path):
    with pytest.raises(errors.ReportNotWritten):
        store.place(found(), file=tmp_path / "nowhere" / "one.html")


def test_only_html_and_json_are_written(found, tmp_path):
    with pytest.raises(errors.UsageError, match=r"'one\.pdf' is neither"):
        store.place(found(), file=tmp_path / "one.pdf")


# --- writing --------------------------------------------------------------------------------


def test_both_forms_are_written_and_both_are_intact(sealed, tmp_path):
    to = store.Place(folder=tmp_path / "reports")

    written = store.write(to, sealed, started_at=AT, command="whimbrel up", run=12)

    assert tmp_path / "reports" / "20260504_091200_up_run_12.html" == written.html
    assert written.html.with_suffix(".json") == written.json
    assert all(seal.check(file.read_bytes()).intact for file in (written.html, written.json))
    assert sealed.seal == written.seal


def test_a_report_of_the_same_second_gets_a_name_of_its_own(sealed, tmp_path):
    to = store.Place(folder=tmp_path)

    names = [
        store.write(to, sealed, started_at=AT, command="whimbrel up").html.name for _ in range(3)
    ]

    assert [
        "20260504_091200_up.html",
        "20260504_091200_up-2.html",
        "20260504_091200_up-3.html",
    ] == names


@pytest.mark.parametrize("name", ["one.html", "one.htm", "one.json", "ONE.JSON"])
def test_a_file_that_is_named_gets_the_form_of_its_name(sealed, tmp_path, name):
    written = store.write(
        store.Place(file=tmp_path / name), sealed, started_at=AT, command="whimbrel up"
    )

    text = written.file.read_text(encoding="utf-8")
    assert [tmp_path / name] == list(tmp_path.iterdir())
    assert name.lower().endswith("json") == text.startswith("{")
    assert seal.check(text.encode()).intact


def test_a_command_with_odd_letters_is_no_path(sealed, tmp_path):
    written = store.write(
        store.Place(folder=tmp_path), sealed, started_at=AT, command="x ../../etc/passwd"
    )

    assert tmp_path == written.html.parent


def test_a_file_that_appeared_in_the_meantime_is_not_written_over(sealed, tmp_path):
    file = tmp_path / "one.html"
    file.write_text("mine", encoding="utf-8")

    with pytest.raises(errors.ReportNotWritten):
        store.write(store.Place(file=file), sealed, started_at=AT, command="whimbrel up")

    assert "mine" == file.read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_told(sealed, monkeypatch, tmp_path):
    to = store.Place(file=tmp_path / "one.html")
    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda _file, *_, **options: opened(Path("/dev/full"), "w", **options)
    )

    with pytest.raises(errors.ReportNotWritten) as caught:
        store.write(to, sealed, started_at=AT, command="whimbrel up")

    assert os.strerror(28) == caught.value.cause


def test_a_folder_that_is_a_file_is_told(sealed, tmp_path):
    (tmp_path / "reports").write_text("", encoding="utf-8")

    with pytest.raises(errors.ReportNotWritten):
        store.write(
            store.Place(folder=tmp_path / "reports"), sealed, started_at=AT, command="whimbrel up"
        )


# --- reading --------------------------------------------------------------------------------


def test_the_newest_reports_come_first(sealed, tmp_path):
    for day in ("01", "03", "02"):
        store.write(
            store.Place(folder=tmp_path),
            sealed,
            started_at=AT.replace("-04T", f"-{day}T"),
            command="whimbrel up",
        )
    (tmp_path / "notes.html").write_text("not ours", encoding="utf-8")

    found = store.last(tmp_path, limit=2)

    assert ["20260503_091200_up.html", "20260502_091200_up.html"] == [e.file.name for e in found]
    assert {"Equal: all 2 tables, row by row"} == {entry.verdict for entry in found}
    assert {sealed.seal} == {entry.seal for entry in found}


def test_a_report_that_cannot_be_read_is_listed_all_the_same(tmp_path):
    (tmp_path / "20260503_091200_up.html").write_text("<p>half", encoding="utf-8")

    (entry,) = store.last(tmp_path, limit=5)

    assert ("20260503_091200_up.html", "") == (entry.file.name, entry.verdict)


def test_a_folder_that_is_not_there_has_no_reports(tmp_path):
    assert [] == store.last(tmp_path / "reports", limit=5)


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("whimbrel assess postgresql://app:hunter2@db1/shop", "assess"),
        ("whimbrel subset shop sqlite:///small.db --rows 200 --seed 7", "subset"),
        ("whimbrel up", "up"),
        ("deploy.py", "deploy.py"),
        ("", "report"),
    ],
)
def test_a_report_is_called_after_what_was_done_and_never_after_a_url(
    command, word, sealed, tmp_path
):
    place = store.Place(folder=tmp_path)

    written = store.write(place, sealed, started_at=AT, command=command, run=3)

    assert f"_{word}_run_3." in written.file.name
    assert not any("hunter2" in file.name for file in tmp_path.iterdir())
