"""Read the files of a migrations folder: one `Migration` class each, with its fingerprint.

A file is compiled and executed by us, not by Python's import: its name may begin with a digit,
and nothing is written beside it. What order the files run in is the graph's work.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Final

from whimbrel import config, errors
from whimbrel.migrations import migration

# As targets of `up` and `down` these mean "before all migrations", so no file is called so.
BASE: Final = ("0", "base")

_MODELS: Final = "rhosocial.activerecord.model"
_MODELS_PACKAGE: Final = "rhosocial-activerecord"
_MODELS_EXTRA: Final = "activerecord"

# Modules of a project that came in through `importable`, and from which project.
_from_projects: dict[str, Path] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationFile:
    """One file with its migration; `depends_on` is as written, None when it says nothing."""

    id: str
    path: Path
    fingerprint: str
    cls: type[migration.Migration]
    depends_on: tuple[str, ...] | None
    doc: str

    @property
    def name(self) -> str:
        """Return the id without its leading timestamp."""
        return name_part(self.id)


def name_part(migration_id: str) -> str:
    """Return what people call a migration: its id without the leading timestamp."""
    day, _, rest = migration_id.partition("_")
    second, _, name = rest.partition("_")
    digits = day + second
    stamped = len(day) == 8 and len(second) == 6 and digits.isascii() and digits.isdigit()
    return name if stamped and name else migration_id


def fingerprint(text: str) -> str:
    """Return the SHA-256 of a file's text; line ends and a byte order mark do not count."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return hashlib.sha256(plain.encode()).hexdigest()


def load(folder: Path, root: Path) -> list[MigrationFile]:
    """Read all migrations of a folder, sorted by id; raise BadMigrationFile for the first bad one.

    A file counts when its name ends in .py and does not begin with `_` or `.`; what lies in
    folders below is the project's own. Wrap the run in `importable(root)` as well, for imports
    that happen while a migration runs.
    """
    paths = _paths(folder)
    before = {_module_name(path): sys.modules.get(_module_name(path)) for path in paths.values()}
    try:
        with importable(root):
            return [_load(migration_id, path) for migration_id, path in paths.items()]
    except BaseException:
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module
        raise


@contextmanager
def importable(root: Path) -> Iterator[None]:
    """Let migrations import the project's own modules for as long as the block lasts.

    Modules that an earlier block let in from another project are forgotten first: two projects
    may both have an `app.models`, and each has to get its own.
    """
    root = root.resolve()
    for name, project in list(_from_projects.items()):
        if project != root:
            del _from_projects[name]
            sys.modules.pop(name, None)
    before = set(sys.modules)
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if str(root) in sys.path:
            sys.path.remove(str(root))
        for name in set(sys.modules) - before:
            if _lies_below(sys.modules[name], root):
                _from_projects[name] = root


def defines(cls: type[migration.Migration], name: str) -> bool:
    """Whether a migration, or a base class of it other than ours, has a method of this name."""
    ours = migration.Migration.__mro__
    return any(name in base.__dict__ for base in cls.__mro__ if base not in ours)


# --- finding --------------------------------------------------------------------------------


def _paths(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise errors.BadConfig(
            f"there is no folder {config.shown(folder)} with migrations",
            where=config.shown(folder),
            remedy="make it with a first migration:  whimbrel new NAME\n"
            f'or say where it is, in {config.FILE_NAME}, under [migrations]:  directory = "…"',
        )
    paths: dict[str, Path] = {}
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith(("_", ".")) or not path.is_file():
            continue
        # Some file systems take letters with their accents apart; the id is the same everywhere.
        migration_id = unicodedata.normalize("NFC", path.stem)
        if migration_id in BASE:
            raise errors.BadMigrationFile(
                config.shown(path),
                why=f"the name {migration_id!r} stands for the state before all migrations",
                remedy="give the file another name",
            )
        if migration_id in paths:
            raise errors.BadMigrationFile(
                config.shown(path),
                why="another file has the same name, written with other characters",
                remedy="give one of the two another name",
            )
        paths[migration_id] = path.absolute()
    return dict(sorted(paths.items()))


def _module_name(path: Path) -> str:
    # One name per place, so that loading a file again replaces it instead of piling up.
    place = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    return f"whimbrel_migration_{place}_{path.stem}"


def _lies_below(module: ModuleType, root: Path) -> bool:
    # Not by getattr: a lazy module would go and import something for the answer.
    facts = getattr(module, "__dict__", {})
    places = [facts["__file__"]] if facts.get("__file__") else list(facts.get("__path__") or [])
    return any(Path(place).is_relative_to(root) for place in places)


# --- one file -------------------------------------------------------------------------------


def _load(migration_id: str, path: Path) -> MigrationFile:
    text = _read(path)
    tree, code = _compile(text, path)
    module = ModuleType(_module_name(path))
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    _execute(code, module, path)
    cls = _the_migration(module, tree, path)
    _check_methods(cls, path, tree)
    _check_settings(cls, path, tree)
    return MigrationFile(
        id=migration_id,
        path=path,
        fingerprint=fingerprint(text),
        cls=cls,
        depends_on=_depends_on(cls, path, tree),
        doc=inspect.cleandoc(cls.__doc__ or module.__doc__ or "").strip(),
    )


def _bad(
    path: Path, why: str, *, line: int | None = None, cause: str | None = None, remedy: str
) -> errors.BadMigrationFile:
    place = config.shown(path) + (f":{line}" if line else "")
    return errors.BadMigrationFile(place, why=why, cause=cause, remedy=remedy)


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _bad(
            path,
            f"it cannot be read: {error.strerror or error}",
            remedy="give yourself the right to read it",
        ) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(
            path,
            "it is not UTF-8",
            line=raw[: error.start].count(b"\n") + 1,
            cause=f"byte 0x{raw[error.start]:02x}: {error.reason}",
            remedy="save the file as UTF-8",
        ) from None


def _compile(text: str, path: Path) -> tuple[ast.Module, CodeType]:
    try:
        tree = ast.parse(text, str(path))
        # Without dont_inherit this module's own __future__ imports would hold for the file.
        return tree, compile(tree, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        own_line = (error.text or "").strip()
        raise _bad(
            path,
            "Python cannot read it",
            line=error.lineno,
            cause=f"{type(error).__name__}: {error.msg}" + (f"\n{own_line}" if own_line else ""),
            remedy="correct this line",
        ) from None
    except ValueError as error:
        raise _bad(
            path, "Python cannot read it", cause=str(error), remedy="take the NUL bytes out"
        ) from None


def _execute(code: CodeType, module: ModuleType, path: Path) -> None:
    try:
        exec(code, module.__dict__)
    except ImportError as error:
        raise _import_failed(error, path) from error
    # The file is the user's: whatever it raises (leaving Python included) is a bad file.
    except (Exception, SystemExit) as error:
        line, own_line = _own_line(error, path)
        said = error.what if isinstance(error, errors.WhimbrelError) else str(error)
        raise _bad(
            path,
            "it fails while it is read",
            line=line,
            cause=f"{type(error).__name__}: {said}".rstrip(": ") + own_line,
            remedy="correct this line; what works on the database belongs into up and down",
        ) from error


def _import_failed(error: ImportError, path: Path) -> errors.UsageError:
    line, own_line = _own_line(error, path)
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{missing}.".startswith("rhosocial.") and not _is_installed(_MODELS):
        return errors.MissingExtra(
            _MODELS_PACKAGE,
            extra=_MODELS_EXTRA,
            needed_for=f"the migration file {config.shown(path)}:{line}",
        )
    return _bad(
        path,
        f"it imports the module {missing}, which does not exist" if missing else "an import fails",
        line=line,
        cause=f"{type(error).__name__}: {error}{own_line}",
        remedy="correct the name, or install the package into this Python;\n"
        "modules of the project are looked for in the folder of "
        f"{config.FILE_NAME} (without one: the current folder)",
    )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _own_line(error: BaseException, path: Path) -> tuple[int | None, str]:
    """Return the line of the file that led to an error, as its number and as its text."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    if not frames:
        return None, ""
    return frames[-1].lineno, f"\n{frames[-1].line}" if frames[-1].line else ""


# --- its class ------------------------------------------------------------------------------


def _the_migration(module: ModuleType, tree: ast.Module, path: Path) -> type[migration.Migration]:
    own: dict[type[object], None] = {
        value: None
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__
    }
    found = [cls for cls in own if issubclass(cls, migration.Migration)]
    if len(found) == 1:
        return found[0]
    if found:
        lines = {cls: _class_line(tree, cls.__name__) for cls in found}
        raise _bad(
            path,
            f"it defines {len(found)} migrations",
            line=lines[found[-1]],
            cause="\n".join(f"line {line}: class {cls.__name__}" for cls, line in lines.items()),
            remedy="give each one its own file; a base class that they share goes into a module\n"
            "of the project, or into a file whose name begins with _",
        )
    example = next((cls.__name__ for cls in own), "AddUserNames")
    raise _bad(
        path,
        "it defines no migration",
        line=_class_line(tree, example),
        remedy=f"write in it:  class {example}(Migration):\n"
        "or, if it is no migration, begin its name with _",
    )


def _check_methods(cls: type[migration.Migration], path: Path, tree: ast.Module) -> None:
    line = _class_line(tree, cls.__name__)
    has = [name for name in ("change", "up", "down") if defines(cls, name)]
    if "change" in has and len(has) > 1:
        raise _bad(
            path,
            f"{cls.__name__} has {' and '.join(has)}, which say the same thing twice",
            line=line,
            remedy="keep change alone, or keep up and down",
        )
    if "change" not in has and "up" not in has:
        raise _bad(
            path,
            f"{cls.__name__} has neither up nor change",
            line=line,
            remedy="write:  def up(self):",
        )
    # What has to hold before and after is asked by these; how, is the work of `validation`.
    asks = [name for name in ("validate_before", "validate_after") if defines(cls, name)]
    for name in (*has, *asks):
        _check_method(cls, name, path, line)


def _check_method(cls: type[migration.Migration], name: str, path: Path, line: int | None) -> None:
    method = inspect.getattr_static(cls, name)
    remedy = f"write:  def {name}(self):"
    if not callable(method) and not isinstance(method, staticmethod | classmethod):
        raise _bad(path, f"{cls.__name__}.{name} is not a method", line=line, remedy=remedy)
    if not isinstance(method, FunctionType):
        return
    if method.__code__.co_filename == str(path):
        line = method.__code__.co_firstlineno
    # Python would call these two without running a single line of them.
    if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
        raise _bad(path, f"{cls.__name__}.{name} is async", line=line, remedy=remedy)
    if inspect.isgeneratorfunction(method):
        raise _bad(
            path,
            f"{cls.__name__}.{name} has a yield, so calling it would do nothing",
            line=line,
            remedy=f"take the yield out of {name}",
        )
    try:
        inspect.signature(method).bind(None)
    except TypeError:
        raise _bad(
            path,
            f"{cls.__name__}.{name} has to be callable without arguments",
            line=line,
            remedy=remedy,
        ) from None


def _check_settings(cls: type[migration.Migration], path: Path, tree: ast.Module) -> None:
    transactional: object = cls.transactional
    if transactional is not None and not isinstance(transactional, bool):
        raise _bad(
            path,
            f"transactional has to be True, False or None, not {transactional!r}",
            line=_setting_line(tree, cls.__name__, "transactional"),
            remedy="write:  transactional = False",
        )
    online: object = cls.online
    if not isinstance(online, bool):
        raise _bad(
            path,
            f"online has to be True or False, not {online!r}",
            line=_setting_line(tree, cls.__name__, "online"),
            remedy="write:  online = True",
        )
    if online and transactional is True:
        raise _bad(
            path,
            "a live change goes through several transactions, and cannot be one",
            line=_setting_line(tree, cls.__name__, "transactional"),
            remedy="leave out  transactional = True  or  online = True",
        )
    dialect: object = cls.sql_dialect
    if dialect is not None and not isinstance(dialect, str):
        raise _bad(
            path,
            f"sql_dialect has to be a text, not {dialect!r}",
            line=_setting_line(tree, cls.__name__, "sql_dialect"),
            remedy='write:  sql_dialect = "…"',
        )


def _depends_on(
    cls: type[migration.Migration], path: Path, tree: ast.Module
) -> tuple[str, ...] | None:
    said: object = cls.depends_on
    if said is None:
        return None
    items = said if isinstance(said, Sequence) and not isinstance(said, str | bytes) else [None]
    if all(isinstance(item, str) and item for item in items):
        return tuple(dict.fromkeys(str(item) for item in items))
    example = f"[{said!r}]" if isinstance(said, str) and said else '["20260131_101500_add_users"]'
    raise _bad(
        path,
        f"depends_on has to be a list of migration names, not {said!r}",
        line=_setting_line(tree, cls.__name__, "depends_on"),
        remedy=f"write:  depends_on = {example}",
    )


def _class_line(tree: ast.Module, name: str) -> int | None:
    node = _class_node(tree, name)
    return node.lineno if node else None


def _class_node(tree: ast.Module, name: str) -> ast.ClassDef | None:
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return next((node for node in nodes if node.name == name), None)


def _setting_line(tree: ast.Module, class_name: str, setting: str) -> int | None:
    node = _class_node(tree, class_name)
    for statement in node.body if node else ():
        targets: Sequence[ast.expr] = ()
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = (statement.target,)
        if any(isinstance(target, ast.Name) and target.id == setting for target in targets):
            return statement.lineno
    return node.lineno if node else None
