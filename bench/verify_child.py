"""Whimbrel as a contestant: comparing two tables, or hashing one, in a process of its own."""

from __future__ import annotations

import sys

from bench import child, places
from whimbrel.engines import codec, registry
from whimbrel.proof import door, pairs


def scan(url: str) -> object:
    """Hash all rows of one side by one statement."""
    session = registry.open_session(url, read_only=True)
    coder = session.engine.codec(session)
    coder.prepare()
    table = session.engine.catalog(session).table(places.TABLE)
    end = pairs.End(engine=session.engine, codec=coder, table=table)
    values = tuple(value for c in table.columns if (value := end.value(c.name)) is not None)
    found = coder.total(codec.Scan(table=table.name, values=values))
    session.close()
    return found


def verify(source: str, target: str, jobs: str, differs: str | None = None) -> None:
    """Compare both tables; insist on what has to come out."""
    found = door.verify(source, target, tables=[places.TABLE], jobs=int(jobs))
    keys = [[text for text in one.key if text] for one in found.tables[0].examples]
    expected = [] if differs is None else [[differs.encode()]]
    if keys != expected:
        raise SystemExit(f"found {keys}, not {expected}")
    found.close()


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    child.tell(lambda: scan(*rest) if what == "scan" else verify(*rest))
