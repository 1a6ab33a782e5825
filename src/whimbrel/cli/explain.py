"""`whimbrel explain`: the pages of the errors, from the installed package or the repository."""

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
_WRITTEN: Final = Path(__file__).parents[3] / "docs" / "reference" / "errors"
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
    place: Traversable = folder if folder.is_dir() else _WRITTEN
    if not place.is_dir():
        raise errors.WhimbrelError(
            "the pages are missing from this installation",
            remedy="install it again:  pip install --force-reinstall whimbrel",
        )
    files = [f for f in place.iterdir() if f.name.endswith(".md") and f.name not in _NOT_PAGES]
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
