"""`whimbrel rejects`: the rows that were put aside, and writing them after all."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from whimbrel import errors, words
from whimbrel.cli import common, output
from whimbrel.journal import rejects as journal
from whimbrel.transfers import rejects

ACTIONS: Final = ("list", "show", "export", "replay")
FORMATS: Final = ("csv", "json", "jsonl")
# Not every row is where it should be.
LEFT: Final = 1
_MOST: Final = 20
_MOST_REASONS: Final = 50
_REASON_WIDTH: Final = 100
_VALUE_WIDTH: Final = 60
_FIXED: Final = ("reject", "run", "table", "key", "reason", "rule", "rejected_at", "replayed_at")

_Write = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was said on the command line."""

    action: str
    database: str
    run: int | None = None
    table: str | None = None
    rows: Sequence[str] = ()
    limit: int | None = None
    format: str | None = None
    output: Path | None = None
    values: Sequence[str] = ()
    nulls: Sequence[str] = ()
    as_read: bool = False

    @property
    def choice(self) -> rejects.Choice:
        """Return which rows are meant."""
        return rejects.Choice(run=self.run, table=self.table, only=tuple(self.rows))


def run(call: common.Call, asked: Asked) -> int:
    """Do what was asked for."""
    if asked.action not in ACTIONS:
        raise errors.UsageError(
            f"rejects are listed, shown, exported or replayed, and {asked.action!r} is none of it",
            remedy=f"whimbrel rejects {'|'.join(ACTIONS)} DATABASE",
        )
    _check(asked)
    if asked.action == "replay":
        return _replay(call, asked)
    with rejects.reading(asked.database, folder=call.folder) as reader:
        if asked.action == "list":
            return _list(call.out, reader.listing(asked.choice))
        if asked.action == "show":
            return _show(call.out, reader, asked)
        return _export(call.out, reader, asked)


def _check(asked: Asked) -> None:
    """Raise UsageError for options that say nothing to this action."""
    given = {
        "--row": (bool(asked.rows), ("show", "export", "replay")),
        "--limit": (asked.limit is not None, ("show",)),
        "--format": (asked.format is not None, ("export",)),
        "--output": (asked.output is not None, ("export",)),
        "--set": (bool(asked.values), ("replay",)),
        "--null": (bool(asked.nulls), ("replay",)),
        "--as-read": (asked.as_read, ("replay",)),
    }
    for option, (said, actions) in given.items():
        if said and asked.action not in actions:
            raise errors.UsageError(
                f"{option} says nothing to  rejects {asked.action}",
                remedy=f"it is for:  whimbrel rejects {' or '.join(actions)}",
            )


# --- list -------------------------------------------------------------------------------------


def _list(out: output.Output, found: rejects.Listing) -> int:
    if out.json:
        out.document(found.as_json())
        return 0
    out.line((found.database, "bold"))
    if not found.counts:
        out.line("no rows were put aside")
        return 0
    shown = found.counts[:_MOST_REASONS]
    out.table([_count_cells(one) for one in shown], indent="  ")
    if len(found.counts) > len(shown):
        more = words.count(len(found.counts) - len(shown), "reason")
        out.line(f"  … and {more} more")
    total = words.count(found.rows, "row")
    done = sum(one.replayed for one in found.counts)
    written = f", {done:,} of them written since" if done else ""
    out.line(f"{total} put aside{written}")
    if found.waiting:
        out.tell("see them:  whimbrel rejects show DATABASE")
    return 0


def _count_cells(one: journal.Count) -> list[output.Part]:
    return [
        (f"run {one.run}", "dim"),
        (one.table, "bold"),
        words.count(one.rows, "row"),
        (f"{one.replayed:,} written since" if one.replayed else "", "green"),
        (f"filled anew by run {one.anew}" if one.anew is not None else "", "dim"),
        (one.rule or "", "yellow"),
        output.clipped(one.reason, _REASON_WIDTH),
    ]


# --- show -------------------------------------------------------------------------------------


def _show(out: output.Output, reader: rejects.Reader, asked: Asked) -> int:
    most = asked.limit if asked.limit is not None else _MOST
    total = sum(one.rows for one in reader.listing(asked.choice).counts)
    total = len(asked.rows) or total
    rows = reader.read(asked.choice, limit=most)
    if out.json:
        shown = [rejects.as_json(one) for one in rows]
        out.document({"database": reader.session.url, "rows": total, "rejects": shown})
        return 0
    out.line((reader.session.url, "bold"))
    count = 0
    for one in rows:
        count += 1
        _show_row(out, one)
    if not count:
        out.line("no rows were put aside" if not asked.rows else "there are no such rows")
    elif total > count:
        out.line(f"  … and {words.count(total - count, 'row')} more:  --limit {total}")
    return 0


def _show_row(out: output.Output, one: journal.Kept) -> None:
    reject = one.reject
    key = ", ".join(_value(value) for value in reject.key)
    written: output.Part = ("  written since", "green") if one.replayed_at else ""
    out.line("  ", (one.id, "dim"), "  ", (f"{reject.table} {key}".rstrip(), "bold"), written)
    rule = f"{reject.rule}: " if reject.rule else ""
    out.line("      ", (rule, "yellow"), output.clipped(reject.reason, 3 * _REASON_WIDTH))
    row = ", ".join(f"{name} = {_value(value)}" for name, value in reject.row.items())
    out.line("      ", (row, "dim"))


def _value(value: object) -> str:
    """Write a value so that NULL, '' and blanks can be told apart, on one line."""
    if value is None:
        return "NULL"
    text = value if isinstance(value, str) else str(value)
    line = text if text.isprintable() else repr(text)[1:-1]
    if len(line) > _VALUE_WIDTH:
        line = f"{line[: _VALUE_WIDTH - 1]}… ({len(text):,} characters)"
    return f"'{line}'" if isinstance(value, str) else line


# --- export -----------------------------------------------------------------------------------


def _export(out: output.Output, reader: rejects.Reader, asked: Asked) -> int:
    format_ = _format(asked, json_asked=out.json)
    with _file(out, asked.output) as write:
        count = _WRITERS[format_](write, reader, asked.choice)
    if asked.output is not None:
        out.tell(f"{words.count(count, 'row')} written to {asked.output}")
    return 0


def _format(asked: Asked, *, json_asked: bool) -> str:
    ending = asked.output.suffix.lower().lstrip(".") if asked.output is not None else ""
    chosen = asked.format or (ending if ending in FORMATS else "json" if json_asked else "csv")
    if chosen not in FORMATS:
        raise errors.UsageError(
            f"rejects are not written as {chosen!r}", remedy=f"--format {'|'.join(FORMATS)}"
        )
    return chosen


@contextlib.contextmanager
def _file(out: output.Output, file: Path | None) -> Iterator[_Write]:
    if file is None:
        yield out.write
        return
    try:
        # Never over a file that is there; line ends as they are written.
        opened = file.open("x", encoding="utf-8", errors="surrogateescape", newline="")
    except FileExistsError:
        raise errors.UsageError(
            f"the file {str(file)!r} exists", remedy="choose another name, or remove it first"
        ) from None
    except OSError as error:
        raise errors.UsageError(
            f"the file {str(file)!r} cannot be written: {error.strerror or error}",
            remedy="choose another place",
        ) from error
    with opened:
        yield opened.write


def _csv(write: _Write, reader: rejects.Reader, choice: rejects.Choice) -> int:
    """Write a line for each row; its values follow, of all tables that there are.

    A NULL is nothing, a text stands in quotes, an empty one too.
    """
    names: dict[str, None] = {}
    for one in reader.read(choice):
        names.update(dict.fromkeys(one.reject.row))
    heads = [*_FIXED, *(f"values.{name}" for name in names)]
    write(",".join(_cell(head) if set(head) & set(',"\r\n') else head for head in heads) + "\r\n")
    count = 0
    for one in reader.read(choice):
        said = rejects.as_json(one)
        said["key"] = json.dumps(said["key"], ensure_ascii=False)
        values = said["values"]
        cells = [said[name] for name in _FIXED]
        cells += [values.get(name) for name in names] if isinstance(values, Mapping) else []
        write(",".join(map(_cell, cells)) + "\r\n")
        count += 1
    return count


def _cell(value: object) -> str:
    if value is None:
        return ""
    return '"' + str(value).replace('"', '""') + '"' if isinstance(value, str) else str(value)


def _json(write: _Write, reader: rejects.Reader, choice: rejects.Choice) -> int:
    count = 0
    for one in reader.read(choice):
        write(("[\n" if not count else ",\n") + _dumped(one))
        count += 1
    write("\n]\n" if count else "[]\n")
    return count


def _lines(write: _Write, reader: rejects.Reader, choice: rejects.Choice) -> int:
    count = 0
    for one in reader.read(choice):
        write(_dumped(one) + "\n")
        count += 1
    return count


def _dumped(one: journal.Kept) -> str:
    return json.dumps(rejects.as_json(one), ensure_ascii=False)


_WRITERS: Final = {"csv": _csv, "json": _json, "jsonl": _lines}


# --- replay -----------------------------------------------------------------------------------


def _replay(call: common.Call, asked: Asked) -> int:
    done = rejects.replay(
        asked.database,
        run=asked.run,
        table=asked.table,
        only=tuple(asked.rows),
        values=_values(asked),
        as_read=asked.as_read,
        folder=call.folder,
    )
    out = call.out
    if out.json:
        out.document(done.as_json())
        return 0 if done.ok else LEFT
    out.line((done.database, "bold"))
    for left in done.left[:_MOST]:
        key = ", ".join(_value(value) for value in left.kept.reject.key)
        out.line("  ", (left.kept.id, "dim"), f"  {left.kept.reject.table} {key}  ",
                 (left.why, "red"))  # fmt: skip
    if len(done.left) > _MOST:
        out.line(f"  … and {len(done.left) - _MOST:,} more")
    count = words.count(len(done.written), "row")
    if done.left:
        left_ = f"{len(done.left):,} still put aside"
        out.line((f"{count} written", "bold"), f", {left_}")
        return LEFT
    if not done.written:
        out.line("there was nothing to write")
        return 0
    out.line((f"{count} written", "bold green"))
    return 0


def _values(asked: Asked) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for said in asked.values:
        name, equals, value = said.partition("=")
        if not equals or not name:
            raise errors.UsageError(
                f"--set {said!r} does not say which column, or which value",
                remedy="--set COLUMN=VALUE   or for NULL:  --null COLUMN",
            )
        found[name] = value
    for name in asked.nulls:
        if name in found:
            raise errors.UsageError(
                f"--set and --null both speak of {name!r}", remedy="leave one of them out"
            )
        found[name] = None
    return found
