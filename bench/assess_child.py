"""Assess a database in a process of its own, with its report; insist on what has to be found."""

from __future__ import annotations

import sys

from bench import child


def main(url: str, tables: str, to: str) -> object:
    """Assess, for an engine if one is named, and draw the page."""
    from whimbrel.rehearsal import assess
    from whimbrel.reports import assess as reported

    found = assess.assess(url, to=to or None)
    if len(found.tables) != int(tables) or not found.paces or not found.rules:
        raise SystemExit(f"found {len(found.tables)} tables, not {tables}; {found.notes}")
    return reported.sealed(found, command="whimbrel assess")


if __name__ == "__main__":
    asked = (*sys.argv[1:], "")[:3]
    child.tell(lambda: main(*asked))
