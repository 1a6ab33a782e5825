"""Write every difference to a file: CSV, JSON (one array, or a line each), or Parquet.

One record for each value that differs; a row that is on one side only has one for each of its
values. In CSV a NULL is nothing, an empty text is `""`, as PostgreSQL writes it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TextIO

from whimbrel import errors
from whimbrel.proof import findings
from whimbrel.proof import verify as verifying

FIELDS: Final = ("table", "kind", "key", "column", "target_column", "in_source", "in_target")
Record = dict[str, str | None]

_GROUP: Final = 10_000


def write(verification: verifying.Verification, file: Path) -> int:
    """Write all differences to a new file; return how many records.

    Raises UsageError for an ending that is not known, a file that exists, or a missing package.
    """
    check(file)
    return _WRITERS[file.suffix.lower()](records(verification), file)


def check(file: Path) -> None:
    """Raise UsageError if differences cannot be written to a file of this name."""
    if file.suffix.lower() not in _WRITERS:
        raise errors.UsageError(
            f"it is not clear how to write {str(file)!r}",
            remedy=f"end its name with one of: {', '.join(_WRITERS)}",
        )
    if file.exists():
        raise errors.UsageError(
            f"the file {str(file)!r} exists", remedy="choose another name, or remove it first"
        )
    if not file.parent.is_dir():
        raise errors.UsageError(
            f"there is no folder {str(file.parent)!r}", remedy="make it first, or choose another"
        )


def records(verification: verifying.Verification) -> Iterator[Record]:
    """Yield a record for each value that differs."""
    for table, found in verification.every_difference():
        if table.pair is not None:
            yield from _records(table.pair, found)


def _records(pair: findings.TablePair, found: findings.Difference) -> Iterator[Record]:
    named = {
        pair.columns[place].source_name: pair.columns[place].shown(text)
        for place, text in zip(pair.key, found.key, strict=False)
    }
    key = json.dumps(named, ensure_ascii=False) if named else None
    changed = found.kind is findings.Kind.CHANGED
    places = found.columns if changed else range(len(pair.columns))
    for place in places:
        one = pair.columns[place]
        said = one.both_shown(
            found.source[place] if found.source else None,
            found.target[place] if found.target else None,
        )
        yield {
            "table": pair.title,
            "kind": found.kind.value,
            "key": key,
            "column": one.source_name,
            "target_column": one.target_name,
            "in_source": said[0],
            "in_target": said[1],
        }


# --- files ----------------------------------------------------------------------------------


def _csv(rows: Iterator[Record], file: Path) -> int:
    with _new(file) as out:
        out.write(",".join(FIELDS) + "\r\n")
        count = 0
        for row in rows:
            out.write(",".join(_cell(row[name]) for name in FIELDS) + "\r\n")
            count += 1
    return count


def _cell(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


def _json(rows: Iterator[Record], file: Path) -> int:
    with _new(file) as out:
        count = 0
        for row in rows:
            out.write(("[\n" if count == 0 else ",\n") + json.dumps(row, ensure_ascii=False))
            count += 1
        out.write("\n]\n" if count else "[]\n")
    return count


def _lines(rows: Iterator[Record], file: Path) -> int:
    with _new(file) as out:
        count = 0
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def _parquet(rows: Iterator[Record], file: Path) -> int:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise errors.MissingExtra("pyarrow", extra="parquet", needed_for="Parquet") from None
    schema = pyarrow.schema([(name, pyarrow.string()) for name in FIELDS])
    count = 0
    with pyarrow.parquet.ParquetWriter(file, schema) as out:
        while group := list(itertools.islice(rows, _GROUP)):
            out.write_table(pyarrow.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def _new(file: Path) -> TextIO:
    # Never over a file that somebody else made in the meantime; line ends as they are written.
    return file.open("x", encoding="utf-8", newline="")


_WRITERS: Final[dict[str, Callable[[Iterator[Record], Path], int]]] = {
    ".csv": _csv,
    ".json": _json,
    ".jsonl": _lines,
    ".parquet": _parquet,
}
