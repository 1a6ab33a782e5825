"""Read whimbrel.toml and the environment: databases, where migrations lie, the pace of batches.

What a URL means is the engines' work; here it is text with `${VARIABLES}` in it. They are
filled in only when that database is used, so that a missing production secret does not stop
work on the test database. A secret is never shown: `repr` and `masked` hide it.

A variable holds its value plainly. Where it stands for a user name, a password or the value of
a query parameter it is percent-encoded on its way into the URL, always, so that `p@ss/word`
needs no care from anyone. Everywhere else (host, database, the whole URL) it goes in verbatim.
`${NAME:-fallback}` says what to use when the variable is unset or empty; `$${` is a plain `${`.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, unquote

from whimbrel import errors, pacing, words

FILE_NAME: Final = "whimbrel.toml"
DEFAULT_DIRECTORY: Final = "migrations"
REPORTS_DIRECTORY: Final = "reports"
# How long what migrations overwrite or remove is kept.
KEEP: Final = "30 days"
URL_VARIABLE: Final = "WHIMBREL_DATABASE_URL"

_TOP_KEYS: Final = (
    *("backup", "databases", "default_database", "migrations", "online", "reports", "rows"),
    *("subset", "transfers", "validate"),
)
_DATABASE_KEYS: Final = ("migrations", "rows", "sql_dialect", "url")
_MIGRATIONS_KEYS: Final = ("directory", "keep", "sql_dialect")
_REPORTS_KEYS: Final = ("directory", "write")
_ONLINE: Final = ("keep", "lock_seconds", "swap_for")

_ALIAS: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
# `$${` first: it is the only way to write a plain `${`.
_PLACEHOLDER: Final = re.compile(r"(?P<plain>\$\$(?=\{))|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
_INSIDE: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<fallback>.*))?", re.DOTALL)
_USERINFO: Final = re.compile(r"[^:/?#]*://(?P<userinfo>[^/?#]*)@")
# Stands for a placeholder while the shape of a URL is looked at; TOML text cannot contain it.
_HOLE: Final = "\ud800"

_HIDDEN: Final = "***"
_URL: Final = re.compile(r"[A-Za-z][\w+.-]*://[^\s'\"<>]+")
_SECRET_WORD: Final = r"pass|pwd|secret|token|credential|api_?key"
_SECRET_PARAMETER: Final = re.compile(rf"((?:{_SECRET_WORD})[^=\s]*\s*=\s*)(.+)", re.I | re.DOTALL)
_SCHEME: Final = re.compile(r"[A-Za-z][\w+.-]*://")
_SECRET_PORT: Final = re.compile(r"([^:/?#]*://[^:/?#\[]+:)(?!\d+(?:[/?#]|$))[^/?#]+")


_Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """A `${NAME}` or `${NAME:-fallback}` in a URL."""

    name: str
    fallback: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationsConfig:
    """Where migrations lie, what their raw SQL is written in, how long they keep removed things."""

    directory: Path
    sql_dialect: str | None = None
    keep: str = KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsConfig:
    """Where reports are written, and whether they are without being asked for."""

    directory: Path
    write: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DatabaseConfig:
    """One database as the configuration names it; its secrets are not filled in yet.

    `name` is None for a URL given directly. A relative file in the URL starts at `folder`.
    `migrations`, `sql_dialect` and `rows` are what holds for this database, whoever said it;
    `replicas` are the databases that `rows.replicas` means.
    """

    name: str | None
    url: str
    where: str
    folder: Path
    migrations: Path
    sql_dialect: str | None = None
    has_variables: bool = True
    rows: pacing.RowsConfig = pacing.DEFAULTS
    replicas: tuple[DatabaseConfig, ...] = ()
    keep: str = KEEP

    @property
    def title(self) -> str:
        """Return its name, or its URL without the password."""
        return self.name or masked(self.url)

    def real_url(self, environ: Mapping[str, str] | None = None) -> str:
        """Return the URL with its variables filled in, or raise MissingSecret."""
        if not self.has_variables:
            return self.url
        values = os.environ if environ is None else environ
        return _filled(self.url, values, where=self.where)

    def __repr__(self) -> str:
        return f"<DatabaseConfig {self.name or 'URL'}: {masked(self.url)}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleConfig:
    """One rule about rows, as [validate.NAME] says it; what it means is the work of `proof`.

    `databases` are the names of those it is about, None for all.
    """

    name: str
    said: Mapping[str, object]
    databases: tuple[str, ...] | None
    lines: Mapping[str, str]

    def line(self, key: str) -> str:
        """Return file and line of one of its keys, or of its head."""
        return self.lines.get(key) or self.lines[""]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferConfig:
    """How rows go from one database into another, as [transfers.NAME] says it.

    What it means is the work of `transfers`. `lines` has file and line of its keys, by their
    whole path below the name; a relative file in it starts at `folder`.
    """

    name: str
    said: Mapping[str, object]
    folder: Path
    lines: Mapping[tuple[str, ...], str]

    def line(self, *keys: str) -> str:
        """Return file and line of a key, or of the nearest thing around it."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.lines:
                return self.lines[keys[:length]]
        return self.lines[()]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsetConfig:
    """What [subset] says of references and masks; what it means is the work of `rehearsal`."""

    references: tuple[Mapping[str, object], ...] = ()
    masks: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What whimbrel.toml says, or what holds without one (`file` is None)."""

    root: Path
    file: Path | None
    default: str | None
    databases: Mapping[str, DatabaseConfig]
    migrations: MigrationsConfig
    reports: ReportsConfig
    rows: pacing.RowsConfig = pacing.DEFAULTS
    replicas: tuple[DatabaseConfig, ...] = ()
    rules: Mapping[str, RuleConfig] = field(default_factory=dict)
    transfers: Mapping[str, TransferConfig] = field(default_factory=dict)
    subset: SubsetConfig = field(default_factory=SubsetConfig)
    backup: TransferConfig | None = None
    online: pacing.OnlineConfig = pacing.ONLINE


# --- reading --------------------------------------------------------------------------------


def load(start: Path | None = None) -> Config:
    """Read the nearest whimbrel.toml at or above `start`, or do without one."""
    folder = (start or Path.cwd()).resolve()
    file = find_file(folder)
    if file is not None:
        return read(file)
    return Config(
        root=folder,
        file=None,
        default=None,
        databases=MappingProxyType({}),
        migrations=MigrationsConfig(directory=folder / DEFAULT_DIRECTORY),
        reports=ReportsConfig(directory=folder / REPORTS_DIRECTORY),
    )


def find_file(folder: Path) -> Path | None:
    """Return the nearest whimbrel.toml at or above a folder."""
    for candidate in (folder, *folder.parents):
        if (candidate / FILE_NAME).is_file():
            return candidate / FILE_NAME
    return None


def read(file: Path) -> Config:
    """Read one configuration file; raise BadConfig, naming the line, for what is wrong in it."""
    document = _Document.open(file.resolve())
    document.only(_TOP_KEYS, ())
    root = document.file.parent

    document.only(_MIGRATIONS_KEYS, ("migrations",))
    migrations = MigrationsConfig(
        directory=root / (document.text(("migrations", "directory")) or DEFAULT_DIRECTORY),
        sql_dialect=document.text(("migrations", "sql_dialect")),
        keep=_keep(document),
    )
    document.only(_REPORTS_KEYS, ("reports",))
    reports = ReportsConfig(
        directory=root / (document.text(("reports", "directory")) or REPORTS_DIRECTORY),
        write=document.truth(("reports", "write"), otherwise=True),
    )
    rows = _rows(document, ("rows",), pacing.DEFAULTS)
    bare = {
        name: _database(document, name, migrations, rows) for name in document.table(("databases",))
    }
    databases = {
        name: dataclasses.replace(one, replicas=_replicas(document, one.rows, bare, of=name))
        for name, one in bare.items()
    }
    return Config(
        root=root,
        file=document.file,
        default=_default(document, databases),
        databases=MappingProxyType(databases),
        migrations=migrations,
        reports=reports,
        rows=rows,
        replicas=_replicas(document, rows, bare),
        rules=MappingProxyType(
            {name: _rule(document, name, databases) for name in document.table(("validate",))}
        ),
        transfers=MappingProxyType(
            {name: _transfer(document, name) for name in document.table(("transfers",))}
        ),
        subset=_subset(document),
        backup=_section(document, "backup", ("backup",)),
        online=pacing.OnlineConfig(**_said(document, ("online",), _ONLINE, pacing.read_online)),
    )


def find_database(
    config: Config, wanted: str | None = None, *, environ: Mapping[str, str] | None = None
) -> DatabaseConfig:
    """Return the database that a name or a URL means; without either, the default one.

    WHIMBREL_DATABASE_URL stands between: it gives way to `wanted` and goes before the default.
    """
    values = os.environ if environ is None else environ
    if wanted is not None:
        return _named(config, wanted, where="--database")
    if values.get(URL_VARIABLE):
        return _named(config, values[URL_VARIABLE], where=URL_VARIABLE)
    if config.default is not None:
        return config.databases[config.default]

    file = shown(config.file) if config.file else f"no {FILE_NAME} at or above {config.root}"
    if not config.databases:
        raise errors.BadConfig(
            "no database is named",
            where=file,
            remedy=f"name one:  --database URL   or:  export {URL_VARIABLE}=URL\n"
            f'or write into {FILE_NAME}:  [databases.main]  and under it:  url = "…"',
        )
    raise errors.BadConfig(
        f"there are {len(config.databases)} databases and none is the default",
        where=file,
        remedy=f"choose one:  --database {next(iter(config.databases))}   "
        f"(known: {errors.names(config.databases)})\n"
        f'or write at the top of {FILE_NAME}:  default_database = "{next(iter(config.databases))}"',
    )


def shown(path: Path) -> str:
    """Write a path as people paste it: from the current folder when it lies below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _named(config: Config, wanted: str, *, where: str) -> DatabaseConfig:
    if wanted in config.databases:
        return config.databases[wanted]
    # A name has no colon in it, and every URL has one.
    if ":" not in wanted:
        raise errors.UnknownDatabase(
            masked(wanted),
            known=list(config.databases),
            config=shown(config.file) if config.file else where,
        )
    return DatabaseConfig(
        name=None,
        url=wanted,
        where=where,
        folder=Path.cwd(),
        migrations=config.migrations.directory,
        sql_dialect=config.migrations.sql_dialect,
        # The shell has had its turn already; what is left of `${…}` is meant.
        has_variables=False,
        rows=config.rows,
        replicas=config.replicas,
        keep=config.migrations.keep,
    )


def _keep(document: _Document) -> str:
    """Return how long things are kept, or raise BadConfig."""
    at = ("migrations", "keep")
    said = document.text(at) or KEEP
    try:
        if said not in {"for ever", "never"}:
            words.read_span(said)
    except ValueError as error:
        raise document.refuse(
            at, str(error), remedy='write "30 days", "12 hours", "for ever" or "never"'
        ) from None
    return said


def _database(
    document: _Document, name: str, migrations: MigrationsConfig, rows: pacing.RowsConfig
) -> DatabaseConfig:
    at = ("databases", name)
    if not _ALIAS.fullmatch(name):
        raise document.refuse(
            at,
            f"{name!r} cannot be the name of a database",
            remedy="use letters, digits, _ - and .",
        )
    document.only(_DATABASE_KEYS, at)
    url = document.text((*at, "url"))
    if not url:
        raise document.refuse(
            at,
            f"the database {name!r} has no url",
            remedy=f'add under [databases.{name}]:  url = "…"',
        )
    own_folder = document.text((*at, "migrations"))
    where = f"{document.where((*at, 'url'))}, [databases.{name}]"
    _pieces(url, where=where)
    return DatabaseConfig(
        name=name,
        url=url,
        where=where,
        folder=document.file.parent,
        migrations=document.file.parent / own_folder if own_folder else migrations.directory,
        sql_dialect=document.text((*at, "sql_dialect")) or migrations.sql_dialect,
        rows=_rows(document, (*at, "rows"), rows),
        keep=migrations.keep,
    )


def _rule(document: _Document, name: str, databases: Mapping[str, DatabaseConfig]) -> RuleConfig:
    at = ("validate", name)
    if not _ALIAS.fullmatch(name):
        raise document.refuse(
            at, f"{name!r} cannot be the name of a rule", remedy="use letters, digits, _ - and ."
        )
    said = document.table(at)
    about: object = said.get("databases")
    about = [about] if isinstance(about, str) else about
    if about is not None and not (isinstance(about, list) and about):
        raise document.refuse(
            (*at, "databases"),
            f"validate.{name}.databases has to be a list of names",
            remedy='write:  databases = ["…"]',
        )
    for one in about or ():
        if one not in databases:
            raise document.refuse(
                (*at, "databases"),
                f"the rule {name!r} is about {one!r}, and no database is called so",
                remedy=_near(str(one), databases),
            )
    return RuleConfig(
        name=name,
        said=said,
        databases=None if about is None else tuple(about),
        lines={"": document.where(at)} | {key: document.where((*at, key)) for key in said},
    )


def _transfer(document: _Document, name: str) -> TransferConfig:
    at = ("transfers", name)
    if not _ALIAS.fullmatch(name):
        raise document.refuse(
            at,
            f"{name!r} cannot be the name of a transfer",
            remedy="use letters, digits, _ - and .",
        )
    return _section(document, name, at)


def _section(document: _Document, name: str, at: _Keys) -> TransferConfig:
    """Return what a section says as it stands there; what it means is the work of others."""
    return TransferConfig(
        name=name,
        said=document.table(at),
        folder=document.file.parent,
        lines={(): document.where(at)}
        | {
            keys[len(at) :]: document.where(keys)
            for keys in document.lines
            if keys[: len(at)] == at
        },
    )


def _subset(document: _Document) -> SubsetConfig:
    at = ("subset",)
    document.only(("masks", "references"), at)
    references = document.table(at).get("references", [])
    if not isinstance(references, list) or not all(isinstance(o, Mapping) for o in references):
        raise document.refuse(
            (*at, "references"),
            "the references of a subset are tables",
            remedy="write each of them below a line  [[subset.references]]",
        )
    return SubsetConfig(references=tuple(references), masks=document.table((*at, "masks")))


def _rows(document: _Document, at: _Keys, over: pacing.RowsConfig) -> pacing.RowsConfig:
    """Read a section of settings for rows, laid over those that hold otherwise."""
    return over.having(_said(document, at, pacing.KEYS, pacing.read))


def _said(
    document: _Document, at: _Keys, known: Iterable[str], read_: Callable[[str, object], object]
) -> dict[str, Any]:
    """Return what a section says, each value as its reader has it; raise BadConfig."""
    document.only(known, at)
    said: dict[str, Any] = {}
    for key, value in document.table(at).items():
        try:
            said[key] = read_(key, value)
        except pacing.Unfit as unfit:
            raise document.refuse(
                (*at, key),
                f"{'.'.join((*at, key))} has to be {unfit.wanted}",
                remedy=f"write:  {key} = {unfit.example}",
            ) from None
    return said


def _replicas(
    document: _Document,
    rows: pacing.RowsConfig,
    databases: Mapping[str, DatabaseConfig],
    *,
    of: str | None = None,
) -> tuple[DatabaseConfig, ...]:
    """Return the databases that are replicas; what holds for all may name one of them itself."""
    own: _Keys = ("databases", of or "", "rows", "replicas")
    is_own = of is not None and document.get(own) is not None
    at = own if is_own else ("rows", "replicas")
    found = []
    for wanted in rows.replicas:
        if wanted == of and is_own:
            raise document.refuse(
                at,
                f"{of!r} is named as its own replica",
                remedy="name the database that follows it",
            )
        if wanted in databases:
            found += [databases[wanted]] if wanted != of else []
            continue
        if ":" not in wanted:
            raise document.refuse(
                at,
                f"a replica is called {wanted!r}, and no database is",
                remedy=_near(wanted, databases),
            )
        where = f"{document.where(at)}, [{'.'.join(at[:-1])}]"
        _pieces(wanted, where=where)
        found.append(
            DatabaseConfig(
                name=None,
                url=wanted,
                where=where,
                folder=document.file.parent,
                migrations=document.file.parent / DEFAULT_DIRECTORY,
            )
        )
    return tuple(found)


def _default(document: _Document, databases: Mapping[str, DatabaseConfig]) -> str | None:
    said = document.text(("default_database",))
    if said is None:
        if len(databases) == 1:
            return next(iter(databases))
        return "default" if "default" in databases else None
    if said not in databases:
        raise document.refuse(
            ("default_database",),
            f"default_database is {said!r}, and no database is called so",
            remedy=_near(said, databases),
        )
    return said


def _near(key: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(key, names, n=1)
    return f"did you mean:  {close[0]}" if close else f"known here: {errors.names(names)}"


# --- the file, with its lines ---------------------------------------------------------------

_KINDS: Final = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """A TOML file, and on which line each of its keys stands."""

    file: Path
    data: Mapping[str, object]
    lines: Mapping[_Keys, int]

    @classmethod
    def open(cls, file: Path) -> _Document:
        try:
            # A byte order mark is what some editors write; TOML itself does not know it.
            text = file.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise errors.BadConfig(
                f"{FILE_NAME} cannot be read: {error.strerror or error}",
                where=shown(file),
                remedy="give yourself the right to read it",
            ) from error
        except UnicodeDecodeError as error:
            line = file.read_bytes()[: error.start].count(b"\n") + 1
            raise errors.BadConfig(
                f"{FILE_NAME} is not UTF-8",
                where=f"{shown(file)}:{line}",
                remedy="save the file as UTF-8",
            ) from None
        text = text.replace("\r\n", "\n")
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"line (\d+)", str(error))
            raise errors.BadConfig(
                f"{FILE_NAME} is not TOML: {error}",
                where=shown(file) + (f":{found[1]}" if found else ""),
                remedy="correct this line",
            ) from None
        return cls(file=file, data=data, lines=_key_lines(text))

    def where(self, keys: _Keys) -> str:
        """Say file and line of a key, or of the nearest thing around it."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.lines:
                return f"{shown(self.file)}:{self.lines[keys[:length]]}"
        return shown(self.file)

    def refuse(self, keys: _Keys, what: str, *, remedy: str) -> errors.BadConfig:
        return errors.BadConfig(what, where=self.where(keys), remedy=remedy)

    def get(self, keys: _Keys) -> object:
        value: object = self.data
        for key in keys:
            if not isinstance(value, Mapping) or key not in value:
                return None
            value = value[key]
        return value

    def text(self, keys: _Keys) -> str | None:
        """Return a text, None when the key is absent; refuse anything else."""
        value = self.get(keys)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong_kind(keys, value, wanted=str)

    def truth(self, keys: _Keys, *, otherwise: bool) -> bool:
        """Return true or false, `otherwise` when the key is absent; refuse anything else."""
        value = self.get(keys)
        if value is None:
            return otherwise
        if isinstance(value, bool):
            return value
        raise self._wrong_kind(keys, value, wanted=bool)

    def table(self, keys: _Keys) -> Mapping[str, object]:
        """Return a table, an empty one when the key is absent; refuse anything else."""
        value = self.get(keys)
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return value
        raise self._wrong_kind(keys, value, wanted=dict)

    def only(self, known: Iterable[str], keys: _Keys) -> None:
        """Refuse a table that has other keys than the known ones."""
        for key, value in (self.table(keys) if keys else self.data).items():
            if key in known:
                continue
            kind = "section" if isinstance(value, Mapping) else "key"
            inside = f" in [{'.'.join(keys)}]" if keys else ""
            raise self.refuse(
                (*keys, key), f"unknown {kind} {key!r}{inside}", remedy=_near(key, known)
            )

    def _wrong_kind(self, keys: _Keys, value: object, *, wanted: type) -> errors.BadConfig:
        # The value itself is not shown: it may be a password in the wrong place.
        found = _KINDS.get(type(value), f"a {type(value).__name__}")
        remedy = f'write:  {keys[-1]} = "…"' if wanted is str else f"write:  [{'.'.join(keys)}]"
        if wanted is bool:
            remedy = f"write:  {keys[-1]} = true   or   {keys[-1]} = false"
        if keys[:-1] == ("databases",):
            remedy += '  and under it:  url = "…"'
        return self.refuse(
            keys, f"{'.'.join(keys)} has to be {_KINDS[wanted]}, not {found}", remedy=remedy
        )


_HEADER_LINE: Final = re.compile(r"\s*(\[.+\])\s*(?:#.*)?")
_KEY_LINE: Final = re.compile(
    r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_LONG_TEXT: Final = re.compile(r'"""|\'\'\'')


def _key_lines(text: str) -> dict[_Keys, int]:
    """Find the line of each key; `tomllib` does not tell. Keys of inline tables are not found."""
    found: dict[_Keys, int] = {}
    header: _Keys = ()
    in_long_text = False
    for number, line in enumerate(text.split("\n"), start=1):
        delimiters = len(_LONG_TEXT.findall(line))
        if in_long_text:
            in_long_text = delimiters % 2 == 0
            continue
        in_long_text = delimiters % 2 == 1
        if title := _HEADER_LINE.fullmatch(line):
            header = _path(title[1])
            for length in range(1, len(header) + 1):
                found.setdefault(header[:length], number)
        elif key := _KEY_LINE.match(line):
            found.setdefault(header + _path(f"{key[1]} = 0"), number)
    return found


def _path(toml: str) -> _Keys:
    """Return the keys that one line of TOML leads through."""
    keys: list[str] = []
    try:
        value: object = tomllib.loads(toml)
    except tomllib.TOMLDecodeError:
        return ()  # a line inside a long list, which only looks like a header
    while isinstance(value, dict | list) and value:
        if isinstance(value, list):
            value = value[0]
            continue
        key, value = next(iter(value.items()))
        keys.append(key)
    return tuple(keys)


# --- variables ------------------------------------------------------------------------------


def _pieces(url: str, *, where: str) -> list[str | Placeholder]:
    """Cut a URL into plain text and placeholders, or raise BadConfig."""
    pieces: list[str | Placeholder] = []
    end = 0
    for match in _PLACEHOLDER.finditer(url):
        pieces.append(url[end : match.start()])
        end = match.end()
        if match["plain"]:
            pieces.append("$")
            continue
        inside = _INSIDE.fullmatch(match["inside"])
        if inside is None or not match["end"]:
            raise errors.BadConfig(
                "a ${…} in the url is not the name of a variable"
                if match["end"]
                else "a ${ in the url has no }",
                where=where,
                remedy="write ${NAME} or ${NAME:-fallback}; a plain ${ is written $${",
            )
        pieces.append(Placeholder(name=inside["name"], fallback=inside["fallback"]))
    pieces.append(url[end:])
    return [piece for piece in pieces if piece != ""]


def _filled(url: str, values: Mapping[str, str], *, where: str) -> str:
    pieces = _pieces(url, where=where)
    shape = "".join(_HOLE if isinstance(piece, Placeholder) else piece for piece in pieces)
    found = _USERINFO.match(shape)
    user_start, user_end = found.span("userinfo") if found else (0, 0)
    # `${ONE}@host`: with a colon in it, it may be a user name, or user and password together.
    one_name = ":" not in shape[user_start:user_end]

    parts: list[str] = []
    position = 0
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece)
            position += len(piece)
            continue
        value = _value(piece, values, where=where)
        in_userinfo = user_start <= position < user_end
        if in_userinfo and one_name and ":" in value:
            raise errors.BadConfig(
                f"{piece.name} holds a ':' where the url has one name",
                where=where,
                remedy="give user and password a variable each:  ${DB_USER}:${DB_PASSWORD}@…",
            )
        if in_userinfo or _is_query_value(shape, position):
            value = quote(value, safe="")
        parts.append(value)
        position += 1
    return "".join(parts)


def _value(piece: Placeholder, values: Mapping[str, str], *, where: str) -> str:
    value = values.get(piece.name)
    if piece.fallback is not None:
        return value or piece.fallback
    if value is None:
        raise errors.MissingSecret(piece.name, where=where)
    return value


def _is_query_value(shape: str, position: int) -> bool:
    _, mark, query = shape[:position].partition("?")
    return bool(mark) and "=" in query.rpartition("&")[2]


# --- hiding ---------------------------------------------------------------------------------


def masked(url: str) -> str:
    """Return a URL (or what was meant as one) with every password in it replaced by ***.

    It hides too much rather than too little: everything between the first colon after the
    scheme and the last @, and the rest of a parameter whose name speaks of a secret.
    """
    text = str(url)
    scheme = _SCHEME.match(text)
    start = scheme.end() if scheme else 0
    colon, at = text.find(":", start), text.rfind("@")
    if -1 < colon < at:
        text = f"{text[: colon + 1]}{_HIDDEN}{text[at:]}"
    else:
        # `scheme://app:secret/db`: someone forgot the host.
        text = _SECRET_PORT.sub(rf"\g<1>{_HIDDEN}", text, count=1)
    head, mark, query = text.partition("?")
    if not mark:
        return _SECRET_PARAMETER.sub(rf"\g<1>{_HIDDEN}", head)
    return head + mark + "&".join(_masked_parameter(part) for part in query.split("&"))


def hidden(text: str) -> str:
    """Return a text with the passwords of all URLs in it hidden."""
    return _URL.sub(lambda found: masked(found[0]), text)


def _masked_parameter(part: str) -> str:
    if _SECRET_PARAMETER.search(part):
        return _SECRET_PARAMETER.sub(rf"\g<1>{_HIDDEN}", part)
    name, equals, _ = part.partition("=")
    # `pass%77ord=…` is read as `password=…` by whoever opens the connection.
    if equals and re.search(_SECRET_WORD, unquote(name), re.I):
        return f"{name}={_HIDDEN}"
    return part
