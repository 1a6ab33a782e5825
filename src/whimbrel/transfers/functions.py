"""Functions of the user's that rows go through: found in a file, or given by a program."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from whimbrel import config as configs
from whimbrel import errors

Called = Callable[[Any], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function by its file and name, or as it was given.

    One from a file is loaded where it is used, so that its name alone is sent to other processes.
    """

    name: str
    path: Path | None = None
    given: Called | None = None
    place: str | None = None

    def load(self) -> Called:
        """Return what is called; raise BadMapping if there is none."""
        if self.given is not None:
            return self.given
        module = _module(self.path or Path(), self.place)
        found = getattr(module, self.name, None)
        if not callable(found):
            known = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
            raise errors.BadMapping(
                f"{configs.shown(self.path or Path())} has no function {self.name!r}",
                place=self.place,
                remedy=f"it has: {errors.names(known)}",
            )
        made: Called = found
        return made

    def __str__(self) -> str:
        return self.name if self.path is None else f"{self.path.name}:{self.name}"


def of(said: object, *, folder: Path, place: str | None) -> Function | None:
    """Return the function that "file.py:name" or a callable means; None for anything else."""
    if callable(said):
        return Function(name=getattr(said, "__name__", "function"), given=said, place=place)
    if not isinstance(said, str):
        return None
    file, colon, name = said.rpartition(":")
    if not colon or not file.endswith(".py") or not name.isidentifier():
        return None
    return Function(name=name, path=folder / file, place=place)


@functools.lru_cache
def _module(path: Path, place: str | None) -> ModuleType:
    """Run a file as a module of its own; it is not put among those that can be imported."""
    try:
        code = compile(path.read_bytes(), str(path), "exec")
    except OSError as error:
        raise errors.BadMapping(
            f"the file {configs.shown(path)} cannot be read",
            place=place,
            cause=error.strerror or str(error),
            remedy="correct its name; it is looked for beside whimbrel.toml",
        ) from error
    except (SyntaxError, ValueError) as error:
        raise _bad(path, place, error) from None
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        exec(code, module.__dict__)
    except Exception as error:
        raise _bad(path, place, error) from error
    return module


def _bad(path: Path, place: str | None, error: Exception) -> errors.BadMapping:
    return errors.BadMapping(
        f"the file {configs.shown(path)} fails while it is read",
        place=place,
        cause=reason(error),
        remedy="correct this line",
    )


def reason(error: Exception) -> str:
    """Return what an exception of a user's function says, and in which line of which file."""
    frames = traceback.extract_tb(error.__traceback__)
    where = ""
    if isinstance(error, SyntaxError):
        where = f" (line {error.lineno})"
    elif len(frames) > 1:
        where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})"
    return f"{type(error).__name__}: {error}".rstrip(": ") + where
