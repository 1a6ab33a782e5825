"""Backups on their shelf: found, kept, let go, and never half there."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from whimbrel import clock as clocks
from whimbrel import errors
from whimbrel.rehearsal import manifest as manifests
from whimbrel.rehearsal import scratch, shelf

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


class Noon(clocks.Clock):
    """A clock that stands still."""

    def now(self) -> dt.datetime:
        return NOW


def made(place: shelf.Shelf, *, days: float, database: str = "sqlite:///a.db") -> str:
    """Put a backup of so many days ago on a shelf; return its name."""
    with place.writing("main") as writing:
        (writing.folder / "rows").mkdir()
        (writing.folder / "rows" / "0001.gz").write_bytes(b"rows")
        manifests.Manifest(
            name=writing.name,
            way=manifests.PORTABLE,
            engine="sqlite",
            version="3.40.1",
            database=database,
            made_at=clocks.stamp(NOW - dt.timedelta(days=days)),
            made_by="ana@here",
            whimbrel="0.1.0",
            tool="Whimbrel",
            position="1",
            kind="one moment",
            exact=True,
            tables=(manifests.Table(name="t", rows=2, sum="ab", columns=("id",)),),
            files=(manifests.file_of(writing.folder, "rows/0001.gz"),),
        ).write(writing.folder)
        writing.finish()
    return writing.name


@pytest.fixture
def place(tmp_path: Path) -> shelf.Shelf:
    return shelf.Shelf(tmp_path / "backups", Noon())


def gone(place: shelf.Shelf, **said: int) -> list[str]:
    return [one.name for one in place.outlived(**{"keep": None, "keep_days": None, **said})]


def test_backups_are_listed_the_newest_first(place):
    names = [made(place, days=days) for days in (3, 1, 2)]

    assert [names[1], names[2], names[0]] == [one.name for one in place.listed()]


def test_the_newest_stay_and_the_oldest_go_first(place):
    names = [made(place, days=days) for days in (1, 2, 3, 4)]

    assert [names[3], names[2]] == gone(place, keep=2)


def test_what_either_rule_keeps_stays(place):
    names = [made(place, days=days) for days in (1, 2, 8, 9)]

    assert [names[3], names[2]] == gone(place, keep=1, keep_days=7)
    assert [names[3]] == gone(place, keep=3, keep_days=7)


def test_the_newest_stays_however_old_it_is(place):
    made(place, days=400)

    assert [] == gone(place, keep_days=1)


def test_each_database_has_its_own_share(place):
    of_a = [made(place, days=days) for days in (1, 2)]
    of_b = [made(place, days=days, database="sqlite:///b.db") for days in (5, 6)]

    assert {of_a[1], of_b[1]} == set(gone(place, keep=1))


def test_without_a_rule_all_stay(place):
    made(place, days=400)

    assert [] == gone(place)


def test_what_is_removed_is_not_there_any_more(place):
    names = [made(place, days=days) for days in (1, 2)]

    place.remove(place.outlived(keep=1, keep_days=None))

    assert names[:1] == [one.name for one in place.folder.iterdir()]


def test_a_backup_that_is_not_finished_leaves_nothing(place):
    with pytest.raises(ZeroDivisionError), place.writing("main") as writing:
        (writing.folder / "rows").write_bytes(b"1")
        raise ZeroDivisionError

    assert [] == list(place.folder.iterdir())


def test_what_dead_processes_have_left_is_swept_and_no_other(place):
    place.folder.mkdir()
    mine = scratch.Owner.me(Noon())
    dead = scratch.Owner(host=mine.host, pid=2**22 + 1, born=1, made_at=1)
    living, left = (place.folder / f".{one.name()}" for one in (mine, dead))
    for one in (living, left, place.folder / ".git"):
        one.mkdir()

    place.sweep()

    assert {living.name, ".git"} == {one.name for one in place.folder.iterdir()}


def test_a_backup_is_found_by_its_name_what_begins_it_or_its_folder(place):
    name = made(place, days=1)

    found = {place.find(said) for said in (name, name[:-2], str(place.folder / name))}

    assert {place.folder / name} == found


def test_a_name_that_means_nothing_or_too_much_is_refused(place):
    for _ in range(2):
        made(place, days=1)

    for said in ("other", "main", ""):
        with pytest.raises(errors.UsageError, match="there is no backup"):
            place.find(said)


def test_a_manifest_comes_back_as_it_was(place):
    folder = place.folder / made(place, days=1)

    read = manifests.read(folder)

    assert (2, 4) == (read.rows, read.bytes)
    assert [] == manifests.wrong_files(folder, read)


@pytest.mark.parametrize("change", ["other bytes", "fewer bytes", "gone"])
def test_a_file_that_was_changed_is_named(place, change):
    folder = place.folder / made(place, days=1)
    file = folder / "rows" / "0001.gz"
    if change == "gone":
        file.unlink()
    else:
        file.write_bytes(b"worm" if change == "other bytes" else b"row")

    (said,) = manifests.wrong_files(folder, manifests.read(folder))

    assert said.startswith("rows/0001.gz ")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"form": 99}', "no json"])
def test_what_is_no_manifest_is_refused(place, text):
    folder = place.folder / made(place, days=1)
    (folder / manifests.FILE).write_text(text, encoding="utf-8")

    with pytest.raises(errors.BackupBroken):
        manifests.read(folder)


def test_a_later_form_is_named_as_such(place):
    folder = place.folder / made(place, days=1)
    said = json.loads((folder / manifests.FILE).read_text(encoding="utf-8"))
    (folder / manifests.FILE).write_text(json.dumps({**said, "form": 2}), encoding="utf-8")

    with pytest.raises(errors.BackupBroken) as broken:
        manifests.read(folder)

    assert "a later Whimbrel" in broken.value.wrong[0]
