"""How rules of a transfer are written: by methods in Python, or by sections of whimbrel.toml.

Both give the same `Entry`s. What cannot be meant is refused here; names of tables and columns
where the rules meet the source, in `mapping`.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections import abc
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from whimbrel import config as configs
from whimbrel import errors
from whimbrel.rows import cleanse
from whimbrel.rows.cleansing import base
from whimbrel.transfers import functions

Names = str | abc.Sequence[str]
Constant = str | int | float | Decimal | bool | dt.date
_REST: Final = ("copy", "leave")
_KEEPS: Final = ("first", "last")


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Which of rows that are copies of each other stays.

    `by` are columns, or SQL of the source, that are equal for copies; `order` are columns by
    which the first or last is told.
    """

    by: tuple[str, ...]
    sql: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    keep: str = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remap:
    """How keys become new ones: "sequence" from `start` on, "uuid", or "offset" by `by`."""

    kind: str
    start: int = 1
    by: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is said of one flow; see docs/reference/transfer-rules.md for each option."""

    name: str
    from_: str | None = None
    into: str | None = None
    query: str = ""
    key: tuple[str, ...] = ()
    where: str = ""
    rename: abc.Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    compute: abc.Mapping[str, str] = field(default_factory=dict)
    constant: abc.Mapping[str, Constant] = field(default_factory=dict)
    function: functions.Function | None = None
    reads: tuple[str, ...] = ()
    makes: abc.Mapping[str, str] = field(default_factory=dict)
    types: abc.Mapping[str, str] = field(default_factory=dict)
    remap: abc.Mapping[str, Remap] = field(default_factory=dict)
    refers: abc.Mapping[str, str] = field(default_factory=dict)
    deduplicate: Copies | None = None
    cleanse: abc.Mapping[str, tuple[base.Rule, ...]] = field(default_factory=dict)
    lines: Callable[[str], str | None] = field(default=lambda option: None, compare=False)

    def bad(self, what: str, *, option: str = "", remedy: str) -> errors.BadMapping:
        """Return the error for something that this entry says."""
        return errors.BadMapping(
            f"the rules of {self.name!r} {what}", place=self.lines(option), remedy=remedy
        )


class Mapping:
    """Collects the rules of a transfer; `table` adds those of one flow.

    `name` tells this transfer from others into the same target. `only` and `exclude` choose
    tables of the source by patterns (`log_*`); `rest` says what becomes of tables that no rule
    speaks of: "copy" or "leave". `rename` gives tables other names, `cleanse` has rules for
    columns of all tables, by patterns of TABLE.COLUMN. Files are looked for from `folder`.
    """

    def __init__(
        self,
        name: str = "transfer",
        *,
        only: Names = (),
        exclude: Names = (),
        rest: str = "copy",
        rename: abc.Mapping[str, str] | None = None,
        cleanse: abc.Mapping[str, object] | None = None,
        folder: str | Path | None = None,
    ) -> None:
        self.name = name
        self.folder = Path.cwd() if folder is None else Path(folder)
        self.entries: list[Entry] = []
        place = _place()
        self.lines: Callable[[str], str | None] = lambda option: place
        given = {"only": only, "exclude": exclude, "rest": rest, "rename": rename or {},
                 "cleanse": cleanse or {}}  # fmt: skip
        self._say(given)

    def _say(self, given: abc.Mapping[str, object]) -> None:
        read = _read(given, _TRANSFER, lambda what, option, remedy: self._bad(what, option, remedy))
        self.only: tuple[str, ...] = read.get("only", ())
        self.exclude: tuple[str, ...] = read.get("exclude", ())
        self.rest: str = read.get("rest", "copy")
        self.rename: abc.Mapping[str, str] = read.get("rename", {})
        self.cleanse: abc.Mapping[str, tuple[base.Rule, ...]] = read.get("cleanse", {})

    def _bad(self, what: str, option: str, remedy: str) -> errors.BadMapping:
        return errors.BadMapping(
            f"the transfer {self.name!r} {what}", place=self.lines(option), remedy=remedy
        )

    def table(
        self,
        name: str,
        *,
        from_: str | None = None,
        into: str | None = None,
        query: str | None = None,
        key: Names | None = None,
        where: str | None = None,
        rename: abc.Mapping[str, str] | None = None,
        drop: Names | None = None,
        keep: Names | None = None,
        compute: abc.Mapping[str, str] | None = None,
        constant: abc.Mapping[str, Constant] | None = None,
        function: str | functions.Called | None = None,
        reads: Names | None = None,
        makes: abc.Mapping[str, str] | None = None,
        types: abc.Mapping[str, str] | None = None,
        remap: abc.Mapping[str, object] | None = None,
        refers: abc.Mapping[str, str] | None = None,
        deduplicate: abc.Mapping[str, object] | None = None,
        cleanse: abc.Mapping[str, object] | None = None,
    ) -> Mapping:
        """Say how one flow goes: the table `name`, unless `from_` and `into` name others."""
        said = {"from": from_, "into": into, "query": query, "key": key, "where": where,
                "rename": rename, "drop": drop, "keep": keep, "compute": compute,
                "constant": constant, "function": function, "reads": reads, "makes": makes,
                "types": types, "remap": remap, "refers": refers, "deduplicate": deduplicate,
                "cleanse": cleanse}  # fmt: skip
        place = _place()
        self._add(name, {k: v for k, v in said.items() if v is not None}, lambda option: place)
        return self

    def _add(
        self, name: str, said: abc.Mapping[str, object], lines: Callable[[str], str | None]
    ) -> None:
        entry = Entry(name=name, lines=lines)
        if any(one.name == name for one in self.entries):
            raise entry.bad("are given twice", remedy="give the second one another name, and into=")
        given = dict(said)
        function = given.pop("function", None)
        read = _read(
            given, _OPTIONS, lambda what, option, remedy: entry.bad(what, option=option,
            remedy=remedy), also=("function",),
        )  # fmt: skip
        if function is not None:
            read["function"] = functions.of(function, folder=self.folder, place=lines("function"))
            if read["function"] is None:
                raise entry.bad(
                    f"have a function that is none: {function!r}",
                    option="function",
                    remedy='write:  function = "rules.py:customer"',
                )
        if "from" in read:
            read["from_"] = read.pop("from")
        made = Entry(name=name, lines=lines, **read)
        _refuse(made)
        self.entries.append(made)


def read(said: configs.TransferConfig) -> Mapping:
    """Return the rules of [transfers.NAME]; raise BadMapping, naming the line, for a wrong one."""
    made = Mapping(said.name, folder=said.folder)
    made.lines = lambda option: said.line(option) if option else said.line()
    options = dict(said.said)
    entries = options.pop("tables", {})
    if not isinstance(entries, abc.Mapping) or not all(
        isinstance(one, abc.Mapping) for one in entries.values()
    ):
        raise made._bad(
            "has tables that are no sections", "tables",
            f"write:  [transfers.{said.name}.tables.NAME]   or choose tables with only = […]",
        )  # fmt: skip
    made._say(options)
    for name, entry in entries.items():
        made._add(name, entry, _lines(said, name))
    return made


def _lines(said: configs.TransferConfig, name: str) -> Callable[[str], str | None]:
    def line(option: str) -> str:
        return said.line("tables", name, *(part for part in option.split("\0") if part))

    return line


def _place() -> str:
    """Return file:line of the code that wrote a rule."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return f"{configs.shown(Path(frame.f_code.co_filename))}:{frame.f_lineno}"


# --- how options are read ---------------------------------------------------------------------


def _names(said: object) -> tuple[str, ...]:
    found = (said,) if isinstance(said, str) else said
    if isinstance(found, list | tuple) and all(isinstance(one, str) and one for one in found):
        return tuple(found)
    raise base.Unfit(f"has to be a name or a list of names, not {said!r}")


def _texts(said: object) -> dict[str, str]:
    if not isinstance(said, abc.Mapping):
        raise base.Unfit(f"has to be a table, not {said!r}")
    for name, value in said.items():
        if not isinstance(value, str) or not value.strip():
            raise base.Unfit(f"has to be a text for {name!r}, not {value!r}")
    return dict(said)


def _constants(said: object) -> dict[str, object]:
    if not isinstance(said, abc.Mapping):
        raise base.Unfit(f"has to be a table, not {said!r}")
    for name, value in said.items():
        if not isinstance(value, str | int | float | Decimal | bool | dt.date):
            raise base.Unfit(f"has to be a text, number, date or true or false for {name!r}")
        # What a backslash means in a text is not the same to all servers.
        if isinstance(value, str) and ("\\" in value or "\0" in value):
            raise base.Unfit(f"of {name!r} has a backslash in it; write it as SQL in compute")
    return dict(said)


def _remaps(said: object) -> dict[str, Remap]:
    if not isinstance(said, abc.Mapping):
        raise base.Unfit(f"has to be a table, not {said!r}")
    return {name: _remap(name, value) for name, value in said.items()}


def _remap(name: str, said: object) -> Remap:
    match said:
        case "sequence" | "uuid":
            return Remap(kind=said)
        case {"sequence": int(start), **rest} if not rest and not isinstance(start, bool):
            return Remap(kind="sequence", start=start)
        case {"offset": int(by), **rest} if not rest and not isinstance(by, bool):
            return Remap(kind="offset", by=by)
    raise base.Unfit(
        f'of {name!r} has to be "sequence", {{sequence = 1000}}, "uuid" or {{offset = 1000}}, '
        f"not {said!r}"
    )


def _copies(said: object) -> Copies:
    if not isinstance(said, abc.Mapping):
        raise base.Unfit(f'has to be a table like {{ by = ["email"] }}, not {said!r}')
    for option in said:
        if option not in ("by", "sql", "order", "keep"):
            raise base.Unfit(
                f"has no option {option!r}; {cleanse.near(option, ('by', 'sql', 'order', 'keep'))}"
            )
    keep = said.get("keep", "first")
    if keep not in _KEEPS:
        raise base.Unfit(f'has to keep "first" or "last", not {keep!r}')
    by, sql = _names(said.get("by", ())), _names(said.get("sql", ()))
    if not by and not sql:
        raise base.Unfit('needs to know what is equal: by = ["email"], or sql = ["lower(email)"]')
    return Copies(by=by, sql=sql, order=_names(said.get("order", ())), keep=str(keep))


def _cleansing(said: object) -> dict[str, tuple[base.Rule, ...]]:
    if not isinstance(said, abc.Mapping):
        raise base.Unfit(f"has to be a table of columns, not {said!r}")
    found = {}
    for column, rules in said.items():
        several = rules if isinstance(rules, list | tuple) else [rules]
        try:
            found[column] = tuple(cleanse.read(one) for one in several)
        except base.Unfit as unfit:
            raise _UnfitColumn(column, f"of {column!r}: {unfit}") from None
    return found


class _UnfitColumn(base.Unfit):
    """A rule of one column is wrong."""

    def __init__(self, column: str, why: str) -> None:
        super().__init__(why)
        self.column = column


_Reader = Callable[[object], Any]
_TRANSFER: Final[abc.Mapping[str, _Reader]] = {
    "only": _names,
    "exclude": _names,
    "rest": base.one_of(*_REST),
    "rename": _texts,
    "cleanse": _cleansing,
}
_OPTIONS: Final[abc.Mapping[str, _Reader]] = {
    "from": base.text,
    "into": base.text,
    "query": base.text,
    "key": _names,
    "where": base.text,
    "rename": _texts,
    "drop": _names,
    "keep": _names,
    "compute": _texts,
    "constant": _constants,
    "reads": _names,
    "makes": _texts,
    "types": _texts,
    "remap": _remaps,
    "refers": _texts,
    "deduplicate": _copies,
    "cleanse": _cleansing,
}


def _read(
    said: abc.Mapping[str, object],
    known: abc.Mapping[str, _Reader],
    bad: Callable[[str, str, str], errors.BadMapping],
    *,
    also: tuple[str, ...] = (),
) -> dict[str, Any]:
    found = {}
    for option, value in said.items():
        reader = known.get(option)
        if reader is None:
            near = cleanse.near(option, (*known, *also))
            raise bad(f"have the unknown option {option!r}", option, near)
        try:
            found[option] = reader(value)
        except base.Unfit as unfit:
            at = f"{option}\0{unfit.column}" if isinstance(unfit, _UnfitColumn) else option
            raise bad(f"cannot be meant: {option} {unfit}", at, "correct this option") from None
    return found


def _refuse(entry: Entry) -> None:
    """Refuse options that do not fit each other."""
    if entry.query:
        for option, value in (("from", entry.from_), ("keep", entry.keep), ("drop", entry.drop),
                              ("rename", entry.rename), ("compute", entry.compute),
                              ("constant", entry.constant), ("where", entry.where),
                              ("deduplicate", entry.deduplicate)):  # fmt: skip
            if value:
                raise entry.bad(
                    f"have a query and {option}",
                    option=option,
                    remedy="say it in the query itself, it is SQL of the source",
                )
    elif entry.key:
        raise entry.bad(
            "have a key but no query", option="key", remedy="a table's own key is known"
        )
    if entry.keep and entry.drop:
        raise entry.bad("have keep and drop", option="drop", remedy="one of them says it all")
    if (entry.makes or entry.reads) and entry.function is None:
        option = "makes" if entry.makes else "reads"
        raise entry.bad(
            f"have {option} but no function",
            option=option,
            remedy='add:  function = "file.py:name"',
        )
    if both := sorted(set(entry.remap) & set(entry.refers)):
        raise entry.bad(
            f"give {both[0]!r} new keys and let it refer to others",
            option="refers",
            remedy="take it out of remap, or out of refers",
        )
