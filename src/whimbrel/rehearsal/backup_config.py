"""What [backup] of whimbrel.toml says: where backups lie, how they are made, how many stay."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from whimbrel import config as configs
from whimbrel import errors
from whimbrel.rehearsal import manifest as manifests

DIRECTORY: Final = "backups"
FILES: Final = "files"
RESTORE: Final = "restore"
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "way": (manifests.NATIVE, manifests.PORTABLE),
    "verify": (FILES, RESTORE),
}
_KEYS: Final = ("before_up", "directory", "keep", "keep_days", "verify", "way")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where backups lie, how they are made and verified, and how many of each database stay."""

    directory: Path
    way: str = manifests.NATIVE
    verify: str = FILES
    before_up: bool = False
    keep: int | None = None
    keep_days: int | None = None


def settings(config: configs.Config) -> Settings:
    """Return what the configuration says; raise BadConfig for what it cannot mean."""
    section = config.backup
    if section is None:
        return Settings(directory=config.root / DIRECTORY)
    for key in section.said:
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, 1)
            raise errors.BadConfig(
                f"unknown key {key!r} in [backup]",
                where=section.line(key),
                remedy=f"did you mean:  {near[0]}" if near else f"known here: {', '.join(_KEYS)}",
            )
    return Settings(
        directory=config.root / _text(section, "directory", DIRECTORY),
        way=_text(section, "way", manifests.NATIVE),
        verify=_text(section, "verify", FILES),
        before_up=_truth(section, "before_up"),
        keep=_count(section, "keep"),
        keep_days=_count(section, "keep_days"),
    )


def checked(key: str, value: str) -> str:
    """Return a word that a key takes, or raise UsageError."""
    if value not in _WORDS[key]:
        raise errors.UsageError(
            f"{key}={value!r} means nothing", remedy=f"say one of: {', '.join(_WORDS[key])}"
        )
    return value


def _text(section: configs.TransferConfig, key: str, otherwise: str) -> str:
    value = section.said.get(key, otherwise)
    known = _WORDS.get(key, ())
    if isinstance(value, str) and value and (not known or value in known):
        return value
    wanted = " or ".join(f'"{word}"' for word in known) or "a text"
    raise _wrong(section, key, wanted, f'"{otherwise}"')


def _truth(section: configs.TransferConfig, key: str) -> bool:
    value = section.said.get(key, False)
    if isinstance(value, bool):
        return value
    raise _wrong(section, key, "true or false", "true")


def _count(section: configs.TransferConfig, key: str) -> int | None:
    value = section.said.get(key)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise _wrong(section, key, "a whole number of 1 or more", "5")


def _wrong(
    section: configs.TransferConfig, key: str, wanted: str, example: str
) -> errors.BadConfig:
    return errors.BadConfig(
        f"backup.{key} has to be {wanted}",
        where=section.line(key),
        remedy=f"write:  {key} = {example}",
    )
