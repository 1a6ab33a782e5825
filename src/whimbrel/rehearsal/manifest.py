"""What a backup says of itself: what it is of, which moment, how many rows, which files.

It is one JSON file beside them. Its own hash is in it, and those of all files, so that what was
changed on the way is noticed; against somebody who makes new hashes only a signature helps, which
is the work of other tools.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from whimbrel import errors

FILE: Final = "manifest.json"
#: Raise it when a reader of before would misunderstand what is written.
FORM: Final = 1
NATIVE: Final = "native"
PORTABLE: Final = "portable"

_SEAL: Final = "sha256"
_PART_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a backup."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of a backup: its rows, and the sum of their fingerprints over `columns`.

    `sum` is empty where nobody knows which rows are in it; then `rows` is None, too. `own` are
    tables of Whimbrel's. `file` has the rows of a portable backup.
    """

    name: str
    rows: int | None
    sum: str
    columns: tuple[str, ...]
    file: str = ""
    own: bool = False
    own_rows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All of it.

    `missing` says in words what of the database is not in the backup. `checked` says how it was
    verified when it was made, `exact` whether its rows and sums are those of its own moment.
    """

    name: str
    way: str
    engine: str
    version: str
    database: str
    made_at: str
    made_by: str
    whimbrel: str
    tool: str
    position: str
    kind: str
    exact: bool
    tables: tuple[Table, ...]
    files: tuple[File, ...]
    missing: tuple[str, ...] = ()
    checked: str = ""
    why: str = ""
    seconds: float = 0.0
    form: int = FORM

    @property
    def rows(self) -> int | None:
        """How many rows it has, without those of Whimbrel's own tables; None if nobody knows."""
        counts = [one.rows for one in self.tables if not one.own]
        return None if None in counts else sum(n for n in counts if n is not None)

    @property
    def bytes(self) -> int:
        """How large it is."""
        return sum(one.bytes for one in self.files)

    @property
    def seal(self) -> str:
        """The hash of all that it says."""
        return hashlib.sha256(_text(self.as_json())).hexdigest()

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return dataclasses.asdict(self)

    def write(self, folder: Path) -> None:
        """Write it into a folder, with its seal."""
        said = {**self.as_json(), _SEAL: self.seal}
        text = json.dumps(said, indent=2, ensure_ascii=False, sort_keys=True)
        (folder / FILE).write_text(f"{text}\n", encoding="utf-8")


def read(folder: Path) -> Manifest:
    """Read what a backup says of itself; raise BackupBroken if that was changed."""
    file = folder / FILE
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise errors.BackupBroken(
            str(folder), wrong=[f"{FILE} cannot be read: {error.strerror or error}"]
        ) from error
    except ValueError as error:
        raise errors.BackupBroken(str(folder), wrong=[f"{FILE} is no JSON: {error}"]) from error
    if not isinstance(said, dict):
        raise errors.BackupBroken(str(folder), wrong=[f"{FILE} is not the one of a backup"])
    form = said.get("form")
    if isinstance(form, int) and form > FORM:
        why = f"it was made by a later Whimbrel ({said.get('whimbrel')}), which writes it otherwise"
        raise errors.BackupBroken(str(folder), wrong=[why])
    seal = said.pop(_SEAL, None)
    if hashlib.sha256(_text(said)).hexdigest() != seal:
        raise errors.BackupBroken(
            str(folder), wrong=[f"{FILE} was changed: it is not what its own hash says"]
        )
    try:
        return _made(said)
    except (KeyError, TypeError) as error:
        raise errors.BackupBroken(
            str(folder), wrong=[f"{FILE} is not the one of a backup"]
        ) from error


def _made(said: Mapping[str, object]) -> Manifest:
    plain = dict(said)
    plain["missing"] = tuple(cast("Sequence[str]", plain["missing"]))
    tables = cast("Sequence[dict[str, Any]]", plain["tables"])
    plain["tables"] = tuple(Table(**{**one, "columns": tuple(one["columns"])}) for one in tables)
    plain["files"] = tuple(File(**one) for one in cast("Sequence[dict[str, Any]]", plain["files"]))
    return Manifest(**plain)  # type: ignore[arg-type]


def wrong_files(folder: Path, manifest: Manifest) -> list[str]:
    """Return, in words, which files are not as they were written; all of them are read."""
    found = []
    for one in manifest.files:
        path = folder / one.name
        try:
            size = path.stat().st_size
            if size != one.bytes:
                found.append(f"{one.name} has {size:,} bytes, and had {one.bytes:,}")
            elif hash_of(path) != one.sha256:
                found.append(f"{one.name} was changed: it is not what its hash says")
        except OSError as error:
            found.append(f"{one.name} cannot be read: {error.strerror or error}")
    return found


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_PART_BYTES):
            digest.update(part)
    return digest.hexdigest()


def file_of(folder: Path, name: str) -> File:
    """Return what is to be said of a file that was written."""
    path = folder / name
    return File(name=name, bytes=path.stat().st_size, sha256=hash_of(path))


def _text(said: Mapping[str, object]) -> bytes:
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
