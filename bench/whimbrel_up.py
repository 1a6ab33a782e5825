"""Whimbrel as a contestant: `up` of a project, in a process of its own."""

from __future__ import annotations

import sys

from bench import child
from whimbrel.migrations import project


def main(folder: str, url: str) -> None:
    """Apply the project's migrations to a database, and tell how long it took."""
    opened = project.open_project(folder=folder, database=url)
    opened.status()  # what is imported on the way is imported now
    child.tell(opened.up)


if __name__ == "__main__":
    main(*sys.argv[1:])
