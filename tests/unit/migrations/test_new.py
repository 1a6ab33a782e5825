"""New migration files: their names, what is in them, and that none is written over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel import clock, errors
from whimbrel.migrations import graph, loader, new


class Stopped(clock.Clock):
    """A clock that stands still."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


NOON = Stopped(datetime(2026, 11, 23, 12, 0, 0, 999_999, tzinfo=UTC))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A migrations folder that is not there yet, in the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "migrations"


def load(folder: Path) -> list[loader.MigrationFile]:
    return loader.load(folder, folder.parent)


# --- the file -------------------------------------------------------------------------------


def test_a_new_migration_can_be_loaded_at_once(folder):
    path = new.write(folder, "Split user names", NOON)

    (file,) = load(folder)

    assert folder / "20261123_120000_split_user_names.py" == path
    assert ("SplitUserNames", "Split user names.") == (file.cls.__name__, file.doc)
    assert file.depends_on is None


def test_an_unwritten_migration_fails_instead_of_doing_nothing(folder):
    new.write(folder, "x", NOON)
    cls = load(folder)[0].cls

    for method in ("up", "down"):
        with pytest.raises(NotImplementedError, match="write "):
            vars(cls)[method](None)


def test_the_file_says_what_it_depends_on(folder):
    new.write(folder, "a", NOON, depends_on=['odd "name"', "20260101"])

    assert ('odd "name"', "20260101") == load(folder)[0].depends_on


def test_a_file_may_depend_on_nothing(folder):
    new.write(folder, "a", NOON, depends_on=[])

    assert () == load(folder)[0].depends_on


def test_the_time_is_that_of_greenwich(folder):
    east = Stopped(datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))))

    assert "20251231_233000_a.py" == new.write(folder, "a", east).name


# --- one after the other --------------------------------------------------------------------


def test_two_in_one_second_come_one_after_the_other(folder):
    names = [new.write(folder, name, NOON).name for name in ("z", "a", "m")]

    assert ["20261123_120000_z.py", "20261123_120001_a.py", "20261123_120002_m.py"] == names


def test_a_new_file_comes_last_even_when_another_clock_is_ahead(folder):
    folder.mkdir()
    (folder / "20270101_235959_ahead.py").touch()
    (folder / "20269999_999999_no_time_at_all.py").touch()

    assert "20270102_000000_a.py" == new.write(folder, "a", NOON).name


def test_a_name_that_is_taken_is_refused(folder):
    new.write(folder, "add users", NOON)

    with pytest.raises(errors.UsageError, match="called 'add_users' already") as caught:
        new.write(folder, "Add Users", NOON)

    assert "migrations/20261123_120000_add_users.py" == caught.value.where
    assert 1 == len(list(folder.iterdir()))


def test_a_file_that_appeared_meanwhile_is_not_written_over(folder, monkeypatch):
    first = new.write(folder, "a", NOON)
    before = first.read_bytes()
    monkeypatch.setattr(new, "_refuse_twice", lambda folder, text: None)
    monkeypatch.setattr(new, "_free_stamp", lambda folder, clock: "20261123_120000")

    with pytest.raises(errors.UsageError, match="cannot be written") as caught:
        new.write(folder, "a", NOON)

    assert caught.value.cause.startswith("FileExistsError")
    assert before == first.read_bytes()


def test_a_folder_that_is_a_file_is_refused(folder):
    folder.write_text("", encoding="utf-8")

    with pytest.raises(errors.UsageError, match="cannot be written") as caught:
        new.write(folder, "a", NOON)

    assert "migrations" == caught.value.where


def test_a_folder_that_cannot_be_written_to_is_refused(folder, monkeypatch):
    def denied(path: Path, *args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Not by the folder's own rights: root may write everywhere.
    monkeypatch.setattr(Path, "open", denied)

    with pytest.raises(errors.UsageError, match="cannot be written") as caught:
        new.write(folder, "a", NOON)

    assert "PermissionError: Permission denied" == caught.value.cause


# --- merging --------------------------------------------------------------------------------


def branched(folder: Path) -> None:
    new.write(folder, "a", NOON)
    root = load(folder)[0].id
    new.write(folder, "b", NOON, depends_on=[root])
    new.write(folder, "c", NOON, depends_on=[root])


def test_a_merge_follows_all_open_branches_and_changes_nothing(folder):
    branched(folder)

    path = new.write(folder, "merge branches", NOON, merge=True)

    files = load(folder)
    assert ("20261123_120001_b", "20261123_120002_c") == files[-1].depends_on
    assert (path.stem,) == graph.Graph.build(files).heads
    for method in ("up", "down"):
        assert vars(files[-1].cls)[method](None) is None


def test_a_merge_imports_from_the_project_that_is_given(folder, tmp_path):
    branched(folder)
    root = tmp_path / "project"
    root.mkdir()
    (root / "only_here.py").write_text("", encoding="utf-8")
    (folder / "20261123_120002_c.py").write_text(
        "import only_here\nfrom whimbrel import Migration\n"
        "class C(Migration):\n    depends_on = ['20261123_120000']\n    def up(self): pass\n",
        encoding="utf-8",
    )

    assert new.write(folder, "m", NOON, merge=True, root=root).exists()


def test_a_merge_without_branches_is_refused(folder):
    new.write(folder, "a", NOON)

    with pytest.raises(errors.UsageError, match="no branches to merge") as caught:
        new.write(folder, "b", NOON, merge=True)

    assert "the last migration is 20261123_120000_a" == caught.value.object


def test_a_merge_takes_no_dependencies_beside(folder):
    with pytest.raises(errors.UsageError, match="takes no depends_on"):
        new.write(folder, "a", NOON, merge=True, depends_on=["x"])


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "slug", "class_name"),
    [
        ("split user names", "split_user_names", "SplitUserNames"),
        ("SplitUserNames", "split_user_names", "SplitUserNames"),
        ("HTTPServer2Go", "http_server2_go", "HttpServer2Go"),
        ("split-user.names!", "split_user_names", "SplitUserNames"),
        ("  __a   b__ ", "a_b", "AB"),
        ("../../etc/passwd", "etc_passwd", "EtcPasswd"),
        ("add_users.py", "add_users", "AddUsers"),
        ("Größe der Straße", "grosse_der_strasse", "GrosseDerStrasse"),
        ("Łódź œuvre Ærø", "lodz_oeuvre_aero", "LodzOeuvreAero"),
        ("e\u0301te\u0301", "ete", "Ete"),
        ("таблица users", "таблица_users", "ТаблицаUsers"),
        ("用户", "用户", "用户"),
        ("x² ½ ﬁt", "x2_1_2_fit", "X212Fit"),
        ("2fa", "2fa", "Migrate2fa"),
        ("none", "none", "MigrateNone"),
        ("migration", "migration", "MigrateMigration"),
        ('quotes """ and \\ and \n lines', "quotes_and_and_lines", "QuotesAndAndLines"),
    ],
)
def test_a_name_becomes_a_file_name_and_a_class_name(name, slug, class_name):
    assert (slug, class_name) == (new.slug(name), new.class_name(slug))


@pytest.mark.parametrize("name", ["", "   ", "!!!", "___", "🐦", ".py"])
def test_a_name_without_letters_is_refused(name):
    with pytest.raises(errors.UsageError, match="no letter or digit"):
        new.slug(name)


@pytest.mark.parametrize("name", ["base", "Base", "0"])
def test_a_name_that_means_the_state_before_all_migrations_is_refused(name):
    with pytest.raises(errors.UsageError, match="the state before all migrations"):
        new.slug(name)


def test_a_name_that_is_too_long_is_refused():
    assert "x" * 100 == new.slug("x" * 100)
    with pytest.raises(errors.UsageError, match="101 bytes long"):
        new.slug("x" * 101)


@given(st.text(max_size=30))
def test_any_name_gives_a_file_that_can_be_loaded_or_is_refused(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("names") / "migrations"
    try:
        slug = new.slug(name)
    except errors.UsageError:
        return

    path = new.write(folder, name, NOON)

    (file,) = loader.load(folder, folder.parent)
    assert slug == file.name
    assert path.parent == folder
    assert slug == new.slug(slug)
