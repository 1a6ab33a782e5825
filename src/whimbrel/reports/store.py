"""Where reports lie: in a folder beside whimbrel.toml, or in the file that was asked for.

No report is ever written over, and one that cannot be written is told, never more: what it is
about has happened all the same.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors
from whimbrel.reports import seal

HTML, JSON = ".html", ".json"
SUFFIXES: Final = (HTML, ".htm", JSON)
# More files of one second than this are not by accident.
_MOST_NAMESAKES: Final = 1000
_NAME: Final = re.compile(r"\d{8}_\d{6}_[a-z]+.*\.(?:html|json)")
_NOT_IN_NAMES: Final = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a report goes: into one file, or as HTML and JSON into a folder."""

    folder: Path | None = None
    file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written, and the seal to keep elsewhere."""

    seal: str
    html: Path | None = None
    json: Path | None = None

    @property
    def file(self) -> Path:
        """Return the file to open."""
        found = self.html or self.json
        if found is None:
            raise ValueError("nothing was written")
        return found

    def as_json(self) -> dict[str, str | None]:
        """Return it as plain values."""
        return {
            "html": str(self.html) if self.html is not None else None,
            "json": str(self.json) if self.json is not None else None,
            "seal": self.seal,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A report in the folder, as its own data describes it; `title` is empty if it has none."""

    file: Path
    title: str = ""
    command: str = ""
    started_at: str = ""
    verdict: str = ""
    seal: str = ""


def place(config: configs.Config, *, wanted: bool = True, file: Path | None = None) -> Place | None:
    """Return where a report goes, None for nowhere.

    Without a whimbrel.toml there is no place for it, unless a file is named. Raises
    ReportNotWritten for a file that exists, or that cannot be one, before anything is done.
    """
    if file is not None:
        if file.suffix.lower() not in SUFFIXES:
            raise errors.UsageError(
                f"a report is written as HTML or JSON, and {file.name!r} is neither",
                remedy=f"name the file so:  {file.stem or 'report'}.html   or   .json",
            )
        if file.exists():
            raise errors.ReportNotWritten(
                configs.shown(file),
                why="it exists, and a report is never written over",
                left="nothing was changed",
                remedy="name another file, or move this one away",
            )
        if not file.absolute().parent.is_dir():
            raise errors.ReportNotWritten(
                configs.shown(file),
                why="its folder does not exist",
                left="nothing was changed",
                remedy=f"make it:  mkdir -p {configs.shown(file.absolute().parent)}",
            )
        return Place(file=file)
    if not wanted or config.file is None or not config.reports.write:
        return None
    return Place(folder=config.reports.directory)


def write(
    to: Place,
    sealed: seal.Sealed,
    *,
    started_at: str,
    command: str,
    run: int | None = None,
) -> Written:
    """Write a report and return where it is; raise ReportNotWritten."""
    try:
        if to.file is not None:
            return _write_file(to.file, sealed)
        if to.folder is None:
            raise ValueError("a place is a folder or a file")
        to.folder.mkdir(parents=True, exist_ok=True)
        return _write_both(to.folder, _name(started_at, command, run), sealed)
    except OSError as error:
        raise errors.ReportNotWritten(
            configs.shown(to.file or to.folder or Path()),
            why=error.strerror or str(error),
            left="the report is lost; what it is about has happened all the same",
            remedy="make room or give the right to write there; see what was done:  "
            "whimbrel history",
        ) from error


def last(folder: Path, *, limit: int) -> list[Entry]:
    """Return the newest reports of a folder, the newest first, without looking at their seals."""
    if not folder.is_dir():
        return []
    files = sorted(
        (one for one in folder.iterdir() if _NAME.fullmatch(one.name)),
        key=lambda one: (one.stem, one.suffix),
        reverse=True,
    )
    # Of a report that is there in both forms the JSON tells, and the HTML is what people open.
    by_stem: dict[str, Path] = {}
    for file in files:
        by_stem.setdefault(file.stem, file)
    return [_entry(file) for file in list(by_stem.values())[:limit]]


def _entry(file: Path) -> Entry:
    page = file.with_suffix(HTML)
    shown = page if page.exists() else file
    try:
        found = seal.check(file.read_bytes())
    except OSError:
        return Entry(file=shown)
    content = found.report
    verdict = content.get("verdict")
    words_ = verdict if isinstance(verdict, Mapping) else {}
    return Entry(
        file=shown,
        title=str(content.get("title", "")),
        command=str(content.get("command", "")),
        started_at=str(content.get("started_at", "")),
        verdict=f"{words_.get('word', '')}: {words_.get('says', '')}" if words_ else "",
        seal=found.seal or "",
    )


def _write_file(file: Path, sealed: seal.Sealed) -> Written:
    if file.suffix.lower() == JSON:
        _write_new(file, sealed.json)
        return Written(seal=sealed.seal, json=file)
    _write_new(file, _page(sealed))
    return Written(seal=sealed.seal, html=file)


def _write_both(folder: Path, name: str, sealed: seal.Sealed) -> Written:
    for number in range(1, _MOST_NAMESAKES):
        stem = name if number == 1 else f"{name}-{number}"
        data, page = folder / f"{stem}{JSON}", folder / f"{stem}{HTML}"
        if page.exists():
            continue
        try:
            _write_new(data, sealed.json)
        except FileExistsError:
            continue
        _write_new(page, _page(sealed))
        return Written(seal=sealed.seal, html=page, json=data)
    raise OSError(f"there are {_MOST_NAMESAKES:,} reports of this name")


def _page(sealed: seal.Sealed) -> str:
    if sealed.html is None:
        raise ValueError("this report was sealed without a page")
    return sealed.html


def _write_new(file: Path, text: str) -> None:
    """Write a file that is not there yet, wholly or not at all."""
    # "x": what appeared there in the meantime is not ours to replace.
    with file.open("x", encoding="utf-8", newline="") as written:
        try:
            written.write(text)
            written.flush()
        except OSError:
            file.unlink(missing_ok=True)
            raise


def _name(started_at: str, command: str, run: int | None) -> str:
    moment = clocks.read_stamp(started_at).astimezone(dt.UTC)
    # What is done, and nothing behind it: that may be a URL with a password.
    said = command.removeprefix("whimbrel ").split()
    word = _NOT_IN_NAMES.sub("-", said[0] if said else "report")
    number = f"_run_{run}" if run is not None else ""
    return f"{moment:%Y%m%d_%H%M%S}_{word}{number}"
