"""Reading migration files: what is read out of one, and what each bad one is told."""

from __future__ import annotations

import hashlib
import sys
import textwrap
from pathlib import Path

import pytest

from whimbrel import Migration, errors
from whimbrel.migrations import loader

GOOD = '''
from whimbrel import Migration

class AddUsers(Migration):
    """Add the users.

    And say more about it.
    """

    depends_on = ["20260101_000000_first", "20260102"]

    def up(self):
        self.create_table("user", [])
'''
EMPTY = "from whimbrel import Migration\nclass {}(Migration):\n    def up(self): pass\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an empty migrations folder, and we stand in it."""
    (tmp_path / "migrations").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(project: Path, name: str, text: str) -> Path:
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def load(project: Path) -> list[loader.MigrationFile]:
    return loader.load(project / "migrations", project)


def load_one(project: Path, text: str) -> loader.MigrationFile:
    put(project, "migrations/20260131_101500_x.py", text)
    return load(project)[0]


def refusal(project: Path, text: str) -> errors.BadMigrationFile:
    with pytest.raises(errors.BadMigrationFile) as caught:
        load_one(project, text)
    return caught.value


# --- what is read ---------------------------------------------------------------------------


def test_a_file_becomes_its_migration_with_all_its_facts(project):
    path = put(project, "migrations/20260131_101500_add_users.py", GOOD)

    (file,) = load(project)

    assert ("20260131_101500_add_users", "add_users") == (file.id, file.name)
    assert path == file.path
    assert hashlib.sha256(path.read_bytes()).hexdigest() == file.fingerprint
    assert "AddUsers" == file.cls.__name__
    assert issubclass(file.cls, Migration)
    assert ("20260101_000000_first", "20260102") == file.depends_on
    assert "Add the users.\n\nAnd say more about it." == file.doc


def test_files_come_sorted_by_name_whatever_they_are_called(project):
    for name in ("b", "20260131_101500_c", "a", "0007_z"):
        put(project, f"migrations/{name}.py", EMPTY.format("X"))

    assert ["0007_z", "20260131_101500_c", "a", "b"] == [file.id for file in load(project)]


def test_hidden_files_helpers_and_folders_are_left_alone(project):
    for name in ("_helpers.py", ".hidden.py", "old/20260101_000000_old.py", "notes.txt"):
        put(project, f"migrations/{name}", "this is not Python")
    (project / "migrations" / "folder.py").mkdir()

    assert [] == load(project)


def test_a_file_that_says_nothing_differs_from_one_that_depends_on_nothing(project):
    put(project, "migrations/a.py", EMPTY.format("A"))
    put(project, "migrations/b.py", EMPTY.format("B") + "    depends_on = []\n")

    assert [None, ()] == [file.depends_on for file in load(project)]


def test_a_dependency_that_is_named_twice_counts_once(project):
    file = load_one(project, EMPTY.format("A") + "    depends_on = ('x', 'y', 'x')\n")

    assert ("x", "y") == file.depends_on


def test_the_docstring_of_the_file_stands_in_for_that_of_the_class(project):
    assert "About it." == load_one(project, '"""About it."""\n' + EMPTY.format("A")).doc


def test_a_file_without_docstring_has_an_empty_one(project):
    assert "" == load_one(project, EMPTY.format("A")).doc


def test_the_name_of_activerecord_users_is_the_same_class(project):
    file = load_one(
        project, EMPTY.format("A").replace("whimbrel", "rhosocial.activerecord.migration")
    )

    assert Migration in file.cls.__mro__


def test_imported_migrations_and_other_classes_do_not_count(project):
    put(project, "shared.py", EMPTY.format("Base"))

    file = load_one(
        project,
        """
        from shared import Base
        class Helper: pass
        class Real(Base): pass
        Alias = Real
        """,
    )

    assert "Real" == file.cls.__name__


def test_up_may_come_from_a_base_class_of_the_project(project):
    put(project, "shared.py", EMPTY.format("Base"))

    file = load_one(project, "from shared import Base\nclass Real(Base): pass\n")

    assert loader.defines(file.cls, "up")
    assert not loader.defines(file.cls, "down")


def test_change_alone_is_enough(project):
    file = load_one(project, EMPTY.format("A").replace("up(self)", "change(self)"))

    assert loader.defines(file.cls, "change")


def test_a_class_may_use_what_needs_its_module_later(project):
    file = load_one(
        project,
        """
        from __future__ import annotations
        import dataclasses, typing
        from whimbrel import Migration

        @dataclasses.dataclass
        class Row:
            id: int
            parent: Row | None

        class A(Migration):
            def up(self): return typing.get_type_hints(Row)
        """,
    )

    hints = vars(file.cls)["up"](None)

    assert {"id", "parent"} == set(hints)


def test_what_holds_for_our_own_files_does_not_hold_for_migrations(project):
    file = load_one(project, EMPTY.format("A") + "    def down(self, x: int = 1): pass\n")

    # Our `from __future__ import annotations` would make this the text 'int'.
    assert int is vars(file.cls)["down"].__annotations__["x"]


@pytest.mark.parametrize(
    ("migration_id", "name"),
    [
        ("20260131_101500_split_user_names", "split_user_names"),
        ("20260131_101500_", "20260131_101500_"),
        ("20260131_101500", "20260131_101500"),
        ("0007_split", "0007_split"),
        ("2026013a_101500_split", "2026013a_101500_split"),
        ("split_user_names", "split_user_names"),
    ],
)
def test_the_name_of_a_migration_is_its_id_without_the_timestamp(migration_id, name):
    assert name == loader.name_part(migration_id)


def test_letters_with_separate_accents_give_the_same_id(project):
    put(project, "migrations/20260131_101500_cafe\u0301.py", EMPTY.format("A"))

    assert "20260131_101500_caf\u00e9" == load(project)[0].id


# --- the fingerprint ------------------------------------------------------------------------


def test_line_ends_and_a_byte_order_mark_do_not_change_the_fingerprint(project):
    path = put(project, "migrations/a.py", GOOD)
    before = load(project)[0]

    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    assert before.fingerprint == load(project)[0].fingerprint


def test_any_other_character_changes_the_fingerprint(project):
    path = put(project, "migrations/a.py", GOOD)
    before = load(project)[0]

    path.write_bytes(path.read_bytes() + b" ")

    assert before.fingerprint != load(project)[0].fingerprint


# --- imports of the project -----------------------------------------------------------------


def test_a_migration_imports_from_the_root_of_the_project(project):
    put(project, "app/models.py", "class OldUser: table = 'user'\n")

    file = load_one(
        project,
        "from app.models import OldUser\n" + EMPTY.format("A") + "    table = OldUser.table\n",
    )

    assert "user" == vars(file.cls)["table"]


def test_the_path_is_as_before_after_loading(project):
    before = list(sys.path)

    load_one(project, EMPTY.format("A"))

    assert before == sys.path


def test_the_path_is_as_before_after_a_failure_and_keeps_what_others_added(project):
    before = list(sys.path)

    refusal(project, "import sys\nsys.path.append('/added')\nraise ValueError\n")

    assert [*before, "/added"] == sys.path
    sys.path.remove("/added")


def test_imports_work_while_a_migration_runs_inside_importable(project):
    put(project, "app/late.py", "VALUE = 7\n")
    file = load_one(
        project,
        """
        from whimbrel import Migration
        class A(Migration):
            def up(self):
                from app.late import VALUE
                return VALUE
        """,
    )

    with loader.importable(project):
        assert 7 == vars(file.cls)["up"](None)
    assert str(project) not in sys.path


def test_two_projects_have_each_their_own_models(project, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    text = "from app.models import NAME\n" + EMPTY.format("A") + "    name = NAME\n"
    for root, name in ((project, "first"), (other, "second")):
        put(root, "app/models.py", f"NAME = {name!r}\n")
        put(root, "migrations/a.py", text)

    names = [vars(load(root)[0].cls)["name"] for root in (project, other, project)]

    assert ["first", "second", "first"] == names


def test_loading_twice_keeps_the_modules_of_the_project(project):
    put(project, "app/models.py", "class OldUser: pass\n")
    text = "from app.models import OldUser\n" + EMPTY.format("A") + "    model = OldUser\n"

    first, second = load_one(project, text), load_one(project, text)

    assert vars(first.cls)["model"] is vars(second.cls)["model"]


# --- what is left behind --------------------------------------------------------------------


def test_nothing_is_written_into_the_migrations_folder(project):
    put(project, "migrations/a.py", EMPTY.format("A"))

    load(project)

    assert ["a.py"] == [path.name for path in (project / "migrations").iterdir()]


def test_loading_again_does_not_pile_up_modules(project):
    load_one(project, EMPTY.format("A"))
    before = set(sys.modules)

    load_one(project, EMPTY.format("A"))

    assert before == set(sys.modules)


def test_a_failure_leaves_no_module_behind_not_even_of_the_files_before(project):
    put(project, "migrations/20260101_000000_good.py", EMPTY.format("A"))
    before = set(sys.modules)

    refusal(project, "x = 1 / 0\n")

    assert set() == set(sys.modules) - before


def test_a_failure_keeps_the_modules_of_an_earlier_success(project):
    file = load_one(project, EMPTY.format("A"))

    refusal(project, "x = 1 / 0\n")

    assert file.cls.__module__ in sys.modules


# --- what is refused ------------------------------------------------------------------------


def test_a_missing_folder_is_refused(project):
    with pytest.raises(errors.BadConfig, match="there is no folder changes with migrations"):
        loader.load(project / "changes", project)


@pytest.mark.parametrize("name", ["0", "base"])
def test_a_name_that_means_the_state_before_all_migrations_is_refused(project, name):
    put(project, f"migrations/{name}.py", EMPTY.format("A"))

    with pytest.raises(errors.BadMigrationFile, match="the state before all migrations"):
        load(project)


def test_two_files_with_one_name_in_different_characters_are_refused(project):
    for name in ("caf\u00e9", "cafe\u0301"):
        put(project, f"migrations/{name}.py", EMPTY.format("A"))
    if len(list((project / "migrations").iterdir())) < 2:
        pytest.skip("this file system takes both names for the same file")

    with pytest.raises(errors.BadMigrationFile, match="another file has the same name"):
        load(project)


def test_a_syntax_error_is_told_with_its_line_and_its_words(project):
    error = refusal(project, "x = 1\ndef up(self:\n    pass\n")

    assert "migrations/20260131_101500_x.py:2" == error.where
    assert error.cause.startswith("SyntaxError: ")
    assert error.cause.endswith("\ndef up(self:")


def test_a_wrong_indentation_is_a_syntax_error_as_well(project):
    error = refusal(project, "def up():\n    pass\n  pass\n")

    assert error.where.endswith(":3")
    assert error.cause.startswith("IndentationError: ")


def test_a_nul_byte_is_refused(project):
    assert "Python cannot read it" in refusal(project, "x = 1\0\n").what


def test_a_file_that_is_not_utf_8_is_told_with_its_line(project):
    path = put(project, "migrations/a.py", "")
    path.write_bytes(b"# one\n# caf\xe9\n")

    with pytest.raises(errors.BadMigrationFile, match="it is not UTF-8") as caught:
        load(project)

    assert "migrations/a.py:2" == caught.value.where


def test_a_file_that_cannot_be_read_is_told(project, monkeypatch):
    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)

    assert "it cannot be read: Permission denied" in refusal(project, "").what


def test_a_missing_module_is_named_with_the_line_that_wants_it(project):
    error = refusal(project, "import os\nfrom app.modles import OldUser\n")

    assert error.what.endswith("it imports the module app, which does not exist")
    assert error.where.endswith(":2")
    assert error.cause.endswith("\nfrom app.modles import OldUser")


def test_a_module_missing_further_down_is_told_with_the_line_in_the_migration(project):
    put(project, "app/models.py", "import nowhere_to_be_found\n")

    error = refusal(project, "\n\nfrom app import models\nclass A: pass\n")

    assert "it imports the module nowhere_to_be_found" in error.what
    assert error.cause.endswith("\nfrom app import models")


def test_a_missing_name_in_a_module_is_told_in_its_own_words(project):
    put(project, "app/models.py", "")

    error = refusal(project, "from app.models import OldUser\n")

    assert error.what.endswith("an import fails")
    assert error.cause.startswith("ImportError: cannot import name 'OldUser' from 'app.models'")


@pytest.mark.parametrize(
    "missing", ["rhosocial.activerecord.model", "rhosocial.activerecord.field"]
)
def test_models_without_the_extra_are_told_which_extra(project, monkeypatch, missing):
    # None in sys.modules is Python's own way to say "this cannot be imported".
    monkeypatch.setitem(sys.modules, "rhosocial.activerecord.model", None)
    monkeypatch.setitem(sys.modules, missing, None)
    put(project, "app/models.py", f"from {missing} import Anything\n")

    with pytest.raises(errors.MissingExtra) as caught:
        load_one(project, "import os\nfrom app.models import OldUser\n")

    assert "migrations/20260131_101500_x.py:2 needs the package" in caught.value.what
    assert "pip install 'whimbrel[activerecord]'" == caught.value.remedy


def test_a_wrong_name_inside_installed_models_is_not_a_missing_extra(project, monkeypatch):
    monkeypatch.setattr(loader, "_is_installed", lambda module: True)

    error = refusal(project, "import rhosocial.activerecord.modle\n")

    assert "it imports the module rhosocial.activerecord.modle" in error.what


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("x = 1 / 0", "ZeroDivisionError: division by zero\nx = 1 / 0"),
        ("import sys; sys.exit(0)", "SystemExit: 0\nimport sys; sys.exit(0)"),
        ("raise ValueError", "ValueError\nraise ValueError"),
        (
            "from whimbrel.errors import TableExists as E; raise E('x')",
            "TableExists: table 'x' exists already\n\
from whimbrel.errors import TableExists as E; raise E('x')",
        ),
    ],
)
def test_whatever_a_file_raises_is_told_with_its_line(project, text, cause):
    error = refusal(project, f"# first\n{text}\n")

    assert error.what.endswith("it fails while it is read")
    assert error.where.endswith(":2")
    assert cause == error.cause


def test_stopping_by_hand_is_no_bad_file(project):
    with pytest.raises(KeyboardInterrupt):
        load_one(project, "raise KeyboardInterrupt\n")


def test_a_file_without_migration_is_refused(project):
    error = refusal(project, "x = 1\n")

    assert error.what.endswith("it defines no migration")
    assert "class AddUserNames(Migration):" in error.remedy


def test_a_class_that_forgot_to_be_a_migration_is_named(project):
    error = refusal(project, "x = 1\nclass SplitNames:\n    def up(self): pass\n")

    assert error.where.endswith(":2")
    assert "class SplitNames(Migration):" in error.remedy


def test_two_migrations_in_one_file_are_refused_with_their_lines(project):
    error = refusal(
        project,
        "from whimbrel import Migration\nclass A(Migration): pass\n\nclass B(Migration): pass\n",
    )

    assert error.what.endswith("it defines 2 migrations")
    assert "line 2: class A\nline 4: class B" == error.cause


@pytest.mark.parametrize(
    ("body", "why", "line"),
    [
        ("pass", "A has neither up nor change", 2),
        ("def down(self): pass", "A has neither up nor change", 2),
        (
            "def change(self): pass\n    def up(self): pass",
            "A has change and up, which say the same thing twice",
            2,
        ),
        (
            "def change(self): pass\n    def down(self): pass",
            "A has change and down, which say the same thing twice",
            2,
        ),
        ("up = 'x'", "A.up is not a method", 2),
        ("x = 1\n    async def up(self): pass", "A.up is async", 4),
        ("x = 1\n    def up(self): yield", "A.up has a yield, so calling it would do nothing", 4),
        ("def up(): pass", "A.up has to be callable without arguments", 3),
        ("def up(self, x): pass", "A.up has to be callable without arguments", 3),
        (
            "def up(self): pass\n    def down(self, x): pass",
            "A.down has to be callable without arguments",
            4,
        ),
    ],
)
def test_methods_that_cannot_do_what_they_seem_to_are_refused(project, body, why, line):
    error = refusal(project, f"from whimbrel import Migration\nclass A(Migration):\n    {body}\n")

    assert error.what.endswith(why)
    assert error.where.endswith(f":{line}")


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("depends_on = '20260101'", "depends_on has to be a list of migration names"),
        ("depends_on = 20260101", "depends_on has to be a list of migration names"),
        ("depends_on = [20260101]", "depends_on has to be a list of migration names"),
        ("depends_on = ['']", "depends_on has to be a list of migration names"),
        ("depends_on = b'x'", "depends_on has to be a list of migration names"),
        ("depends_on = {'x'}", "depends_on has to be a list of migration names"),
        ("depends_on: str = 'x'", "depends_on has to be a list of migration names"),
        ("transactional = 'no'", "transactional has to be True, False or None"),
        ("sql_dialect = 5", "sql_dialect has to be a text"),
    ],
)
def test_settings_of_the_wrong_kind_are_refused_with_their_line(project, setting, why):
    error = refusal(project, EMPTY.format("A") + f"\n    {setting}\n")

    assert why in error.what
    assert error.where.endswith(":5")


def test_a_text_where_a_list_belongs_is_put_into_one_in_the_remedy(project):
    error = refusal(project, EMPTY.format("A") + "    depends_on = '20260101'\n")

    assert "write:  depends_on = ['20260101']" == error.remedy
