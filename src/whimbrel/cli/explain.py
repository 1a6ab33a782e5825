"""`whimbrel explain`: the pages of errors and checks, from the package or the repository."""

from __future__ import annotations

import difflib
import importlib.resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from whimbrel import errors
from whimbrel.cli import common

# A wheel carries the pages; in the repository they lie where they are written.
_PACKAGE: Final = "whimbrel"
_INSTALLED: Final = "pages"
_CHECKS: Final = "checks"
_WRITTEN: Final = Path(__file__).parents[3] / "docs" / "reference"
_NOT_PAGES: Final = {"README.md", "index.md"}


def show(call: common.Call, slug: str | None) -> int:
    """Write one page, or the list of all."""
    known = pages()
    if slug is None:
        _list(call, known)
        return 0
    wanted = slug.strip().strip("[]")
    if wanted not in known:
        raise errors.UnknownSlug(slug, near=_near(wanted, known))
    text = known[wanted].read_text(encoding="utf-8")
    if call.out.json:
        call.out.document({"slug": wanted, "title": _title(text), "text": text})
    elif call.out.fancy:
        from rich.markdown import Markdown

        call.out.draw(Markdown(text, code_theme="ansi_dark"))
    else:
        call.out.write(text if text.endswith("\n") else f"{text}\n")
    return 0


def pages() -> dict[str, Traversable]:
    """Return all pages by their slugs, sorted."""
    folder = importlib.resources.files(_PACKAGE) / _INSTALLED
    places: list[Traversable] = [folder, folder / _CHECKS]
    if not folder.is_dir():
        places = [_WRITTEN / "errors", _WRITTEN / _CHECKS]
    places = [place for place in places if place.is_dir()]
    if not places:
        raise errors.WhimbrelError(
            "the pages are missing from this installation",
            remedy="install it again:  pip install --force-reinstall whimbrel",
        )
    files = [
        file
        for place in places
        for file in place.iterdir()
        if file.name.endswith(".md") and file.name not in _NOT_PAGES
    ]
    return {file.name.removesuffix(".md"): file for file in sorted(files, key=lambda f: f.name)}


def _list(call: common.Call, known: dict[str, Traversable]) -> None:
    summaries = {slug: _summary(file.read_text(encoding="utf-8")) for slug, file in known.items()}
    if call.out.json:
        listed = [{"slug": slug, "summary": summary} for slug, summary in summaries.items()]
        call.out.document({"pages": listed})
        return
    call.out.table([[(slug, "bold"), summary] for slug, summary in summaries.items()])


def _title(text: str) -> str:
    heads = (line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))
    return next(heads, "")


def _summary(text: str) -> str:
    """Return a page's first paragraph as one line."""
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    return next((part for part in paragraphs if part and not part.startswith("#")), "")


def _near(wanted: str, known: dict[str, Traversable]) -> list[str]:
    close = difflib.get_close_matches(wanted, known, n=4)
    return close + [slug for slug in known if wanted and wanted in slug and slug not in close]
