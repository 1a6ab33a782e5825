"""Write every change of a repair to a file, a line of JSON for each.

Lines are written before their transaction commits and taken away again if it does not, so that
no change is missing from the file, however the process ends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO

from whimbrel import errors
from whimbrel.proof import findings, repair_plan

Difference = findings.Difference


def check(file: Path) -> None:
    """Raise UsageError if the file exists, or cannot be made."""
    if file.exists():
        raise errors.UsageError(
            f"the file {str(file)!r} exists", remedy="choose another name, or remove it first"
        )
    if not file.parent.is_dir():
        raise errors.UsageError(
            f"there is no folder {str(file.parent)!r}", remedy="make it, or choose another name"
        )


class Log:
    """The file, or nothing at all without one."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self._out: IO[bytes] | None = None
        if file is not None:
            check(file)
            self._out = file.open("xb")

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._out is not None:
            self._out.close()

    def mark(self) -> int:
        """Return how far the file has got, for `back`."""
        return self._out.tell() if self._out is not None else 0

    def back(self, mark: int) -> None:
        """Take away what was written since."""
        if self._out is not None:
            self._out.seek(mark)
            self._out.truncate()

    def changed(self, pair: findings.TablePair, one: Difference) -> None:
        """Write what is done to a row: a line for each value."""
        if self._out is None:
            return
        for column, before, after in _values(pair, one):
            self._write(
                {
                    "table": pair.target.name,
                    "key": _key(pair, one),
                    "action": repair_plan.WORDS[one.kind],
                    "column": column,
                    "before": before,
                    "after": after,
                }
            )

    def left(self, pair: findings.TablePair, one: Difference, why: str) -> None:
        """Write that a row stays as it is, and why."""
        if self._out is None:
            return
        self._write(
            {
                "table": pair.target.name,
                "key": _key(pair, one),
                "action": f"not {repair_plan.WORDS[one.kind]}",
                "why": why,
            }
        )

    def flush(self) -> None:
        """Let the file have everything, also if the machine stops."""
        if self._out is not None:
            self._out.flush()
            os.fsync(self._out.fileno())

    def _write(self, record: dict[str, object]) -> None:
        if self._out is not None:
            self._out.write(json.dumps(record, ensure_ascii=False).encode("utf-8") + b"\n")


def _key(pair: findings.TablePair, one: Difference) -> dict[str, str | None]:
    return {
        pair.columns[place].target_name: pair.columns[place].shown(text)
        for place, text in zip(pair.key, one.key, strict=False)
    }


def _values(
    pair: findings.TablePair, one: Difference
) -> Iterator[tuple[str, str | None, str | None]]:
    changed = one.kind is repair_plan.UPDATE
    for place in one.columns if changed else range(len(pair.columns)):
        column = pair.columns[place]
        before = column.shown(one.target[place]) if one.target else None
        after = column.shown(one.source[place]) if one.source else None
        yield column.target_name, before, after
