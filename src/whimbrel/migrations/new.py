"""Write the file of a new migration: its name, its timestamp, and a text to fill in.

An unwritten `up` or `down` fails when it is run: a migration that does nothing by accident
would be in the history as applied, or as taken back, without being either.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from whimbrel import clock as clocks
from whimbrel import config, errors
from whimbrel.migrations import graph, loader

MAX_SLUG_BYTES: Final = 100

_STAMP: Final = "%Y%m%d_%H%M%S"
_STAMPED: Final = re.compile(r"([0-9]{8}_[0-9]{6})_")
# Letters that stay whole when their accents are taken off, but have a usual ASCII spelling.
_SPELLINGS: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
    | {"\N{FRACTION SLASH}": "_"}
)

_HEAD: Final = '''\
from __future__ import annotations

from whimbrel import Migration


class {class_name}(Migration):
    """{title}."""
'''
_DEPENDS_ON: Final = """
    depends_on = [
{lines}
    ]
"""
_TO_WRITE: Final = """
    def up(self) -> None:
        # Schema and data, in the order in which they change. For example:
        #   self.add_column("user", "first_name", "string", length=100)
        #   self.execute("UPDATE user SET first_name = full_name")
        raise NotImplementedError("write what this migration does")

    def down(self) -> None:
        # The way back, in the opposite order. If there is none, delete this method:
        # `whimbrel down` then says so.
        raise NotImplementedError("write how to take it back, or delete this method")
"""
_NOTHING_TO_DO: Final = '''
    def up(self) -> None:
        """Change nothing: this migration only joins the branches above."""

    def down(self) -> None:
        """Change nothing."""
'''


def write(
    folder: Path,
    name: str,
    clock: clocks.Clock,
    *,
    depends_on: Sequence[str] | None = None,
    merge: bool = False,
    root: Path | None = None,
) -> Path:
    """Write a new migration file and return its path; never write over another one.

    With `merge` it follows every open branch and changes nothing itself; the other files are
    then read, with `root` (or the folder's parent) as the project they import from.
    """
    text = slug(name)
    if merge and depends_on is not None:
        raise errors.UsageError(
            "--merge follows every open branch, so it takes no depends_on",
            remedy="leave one of them out",
        )
    if merge:
        depends_on = _branches(folder, root or folder.parent)
    _refuse_twice(folder, text)
    return _create(folder, text, _rendered(text, depends_on, merge=merge), clock)


def slug(name: str) -> str:
    """Return a name as it stands in a file name: small letters, digits and underscores.

    Letters get their ASCII spelling where they have one, and stay as they are where not.
    """
    words = unicodedata.normalize("NFC", name.strip()).removesuffix(".py")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", words)
    words = "".join(_ascii(letter) for letter in words.lower())
    text = re.sub(r"[\W_]+", "_", words).strip("_")
    if not text:
        raise errors.UsageError(
            f"{name!r} has no letter or digit to name a migration by",
            remedy="say what it does:  whimbrel new split_user_names",
        )
    if text in loader.BASE:
        raise errors.UsageError(
            f"{text!r} stands for the state before all migrations",
            remedy="say what it does:  whimbrel new split_user_names",
        )
    if len(text.encode()) > MAX_SLUG_BYTES:
        raise errors.UsageError(
            f"the name is {len(text.encode())} bytes long; {MAX_SLUG_BYTES} are allowed",
            remedy="choose a shorter name; the docstring in the file can say more",
        )
    return text


def class_name(text: str) -> str:
    """Return the name of the class for a slug: split_user_names -> SplitUserNames."""
    camel = "".join(word[:1].upper() + word[1:] for word in text.split("_"))
    usable = camel.isidentifier() and not keyword.iskeyword(camel) and camel != "Migration"
    return camel if usable else f"Migrate{camel}"


def _ascii(letter: str) -> str:
    bare = "".join(
        part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part)
    ).translate(_SPELLINGS)
    if bare.isascii() and bare:
        return bare
    # What Python takes in the name of a class may stay; other numbers and signs may not.
    return letter if f"x{letter}".isidentifier() else "_"


def _branches(folder: Path, root: Path) -> tuple[str, ...]:
    files = loader.load(folder, root)
    heads = graph.Graph.build(files, where=config.shown(folder)).heads
    if len(heads) < 2:
        raise errors.UsageError(
            "there are no branches to merge",
            where=config.shown(folder),
            object=f"the last migration is {heads[0]}" if heads else "there are no migrations",
            remedy="make a usual migration:  whimbrel new NAME",
        )
    return heads


def _refuse_twice(folder: Path, text: str) -> None:
    for path in sorted(folder.glob("*.py")):
        if loader.name_part(path.stem) == text:
            raise errors.UsageError(
                f"there is a migration called {text!r} already",
                where=config.shown(path),
                remedy="choose another name, so that each one can be called by it",
            )


def _rendered(text: str, depends_on: Sequence[str] | None, *, merge: bool) -> str:
    words = text.replace("_", " ")
    parts = [_HEAD.format(class_name=class_name(text), title=words[:1].upper() + words[1:])]
    if depends_on is not None:
        lines = "\n".join(f"        {_quoted(name)}," for name in depends_on)
        parts.append(_DEPENDS_ON.format(lines=lines) if lines else "\n    depends_on = []\n")
    parts.append(_NOTHING_TO_DO if merge else _TO_WRITE)
    return "".join(parts)


def _quoted(name: str) -> str:
    plain = '"' not in name and "\\" not in name and name.isprintable()
    return f'"{name}"' if plain else repr(name)


def _create(folder: Path, text: str, content: str, clock: clocks.Clock) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{_free_stamp(folder, clock)}_{text}.py"
        # "x" and not "w": what appeared there in the meantime is not ours to replace.
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(content)
    except OSError as error:
        raise errors.UsageError(
            "the new migration cannot be written",
            where=config.shown(folder),
            left="nothing was changed",
            cause=f"{type(error).__name__}: {error.strerror or error}",
            remedy="check that this folder exists and can be written to",
        ) from error
    return path


def _free_stamp(folder: Path, clock: clocks.Clock) -> str:
    """Return the time of day, or one second after the newest file when that is later.

    The newest file has to come last, also when two are made within one second or when a
    colleague's clock is ahead.
    """
    moment = clock.now().astimezone(UTC).replace(microsecond=0)
    stamps = [match[1] for path in folder.glob("*.py") if (match := _STAMPED.match(path.name))]
    for stamp in sorted(stamps, reverse=True):
        newest = _moment(stamp)
        if newest is not None:
            return max(moment, newest + timedelta(seconds=1)).strftime(_STAMP)
    return moment.strftime(_STAMP)


def _moment(stamp: str) -> datetime | None:
    """Read a timestamp; None when its digits are no time at all."""
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
