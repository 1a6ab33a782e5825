"""Keep everybody from committing to a file, so that several sessions begin at one moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from whimbrel.engines.sqlite import files

if TYPE_CHECKING:
    from whimbrel.engines.sqlite import session as sessions

# How long somebody else's commit is waited for.
PATIENCE_SECONDS: Final = 5.0


@contextmanager
def standstill(session: sessions.SqliteSession) -> Iterator[bool]:
    """Take the right to write, and write nothing; yield whether it could be had.

    With a log beside the file readers and writers do not meet, and only who may write keeps
    others from it. Without one, who reads keeps others from committing, too, but one who has
    begun to commit keeps out readers; so it is the same right there.
    """
    file = files.file_of(session.driver)
    if file is None:
        yield True  # nobody else is there
        return
    try:
        writing = files.connect(file, mode="rw", timeout=PATIENCE_SECONDS)
    except sqlite3.Error:
        yield False
        return
    with closing(writing):
        try:
            writing.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            yield False
            return
        try:
            yield True
        finally:
            writing.rollback()
