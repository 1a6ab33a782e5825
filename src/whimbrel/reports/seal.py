"""Seal a report: a hash over its content and its page, by which an edit of either is found.

A seal is no signature. Whoever can write the file can also make another seal: it proves
something only beside a copy that is kept elsewhere, such as the log of the command.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FORMAT: Final = "whimbrel-report/1"
# Stands in a page for the seal while the page is hashed; no value can look so, for it is escaped.
HOLE: Final = "<!--seal-->"

OPENING: Final = '<script type="application/json" id="whimbrel-report">'
CLOSING: Final = "</script>"
_EMPTY: Final = OPENING + CLOSING
# In JSON these stand in texts only, where an escape means the same; in HTML they would end it.
_IN_HTML: Final = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A sealed report: its JSON, and its page where there is one."""

    seal: str
    json: str
    html: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look at a report's seal gave; `wrong` says what does not fit, nothing if all does.

    `seal` is the one that was found, None if there is none. `report` is the content.
    """

    seal: str | None
    wrong: tuple[str, ...]
    report: Mapping[str, object]

    @property
    def intact(self) -> bool:
        """Whether it has a seal and nothing was changed."""
        return self.seal is not None and not self.wrong


def canonical(value: object) -> bytes:
    """Return JSON in the one form that is hashed: keys sorted, no blanks, ASCII.

    Raises TypeError for a fraction: not everyone writes it with the same digits.
    """
    _refuse_fractions(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return text.encode("ascii")


def seal(report: Mapping[str, object], page: str | None = None) -> Sealed:
    """Seal a report, and its page, which has an empty place for the data and holes for the seal."""
    document: dict[str, object] = {
        "format": FORMAT,
        "report": report,
        "page": None if page is None else _hash(page.encode("utf-8")),
    }
    made = _hash(canonical(document))
    document["seal"] = made
    html = None
    if page is not None:
        if page.count(_EMPTY) != 1:
            raise ValueError("a page has one place for its data")
        data = json.dumps(document, ensure_ascii=True, separators=(",", ":")).translate(_IN_HTML)
        before, _, after = page.partition(_EMPTY)
        html = f"{before.replace(HOLE, made)}{OPENING}{data}{CLOSING}{after.replace(HOLE, made)}"
    text = json.dumps(document, ensure_ascii=True, indent=1) + "\n"
    return Sealed(seal=made, json=text, html=html)


def check(data: bytes) -> Found:
    """Look whether a report, HTML or JSON, is as it was when it was sealed."""
    opening = data.find(OPENING.encode())
    if opening < 0:
        return _checked(data, page=None)
    start = opening + len(OPENING)
    end = data.find(CLOSING.encode(), start)
    if end < 0:
        return Found(seal=None, wrong=("its data has no end",), report={})
    return _checked(data[start:end], page=(data[:start], data[end:]))


def _checked(data: bytes, *, page: tuple[bytes, bytes] | None) -> Found:
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return Found(seal=None, wrong=("it is no report of Whimbrel",), report={})
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return Found(seal=None, wrong=("it is no report of Whimbrel",), report={})
    report = document.get("report")
    found = document.pop("seal", None)
    if not isinstance(report, dict):
        return Found(seal=None, wrong=("it is no report of Whimbrel",), report={})
    if not isinstance(found, str):
        return Found(seal=None, wrong=("it has no seal",), report=report)
    wrong = []
    try:
        same = _hash(canonical(document)) == found
    except TypeError:
        same = False
    if not same:
        wrong.append("its data is not what was sealed")
    if page is not None:
        hole, before, after = HOLE.encode(), *page
        seal_ = found.encode()
        whole = before.replace(seal_, hole) + after.replace(seal_, hole)
        if hole in before + after or _hash(whole) != document.get("page"):
            wrong.append("its page is not the one that was sealed")
    return Found(seal=found, wrong=tuple(wrong), report=report)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a key that stands twice: which one is meant differs between readers."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _refuse_fractions(value: object) -> None:
    if isinstance(value, float):
        raise TypeError(f"a report holds no fractions: {value!r}")
    if isinstance(value, Mapping):
        for one in value.values():
            _refuse_fractions(one)
    if isinstance(value, list | tuple):
        for one in value:
            _refuse_fractions(one)
