"""What changes of schema cost on SQLite: one writer at a time, and the whole file is its."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whimbrel import tables
from whimbrel.engines import base, tolls
from whimbrel.engines.tolls import NOBODY, Toll, Work

_READS: Final = Toll(lock="RESERVED", waits="writers", work=Work.READ)
_REBUILDS: Final = Toll(lock="RESERVED", waits="writers", work=Work.WRITE)
_MOMENT: Final = Toll(lock="RESERVED", waits="writers", work=Work.NOTHING)


class SqliteTolls(tolls.Tolls):
    """Writers of the whole file wait for whatever takes long; readers do not, in WAL mode."""

    def __init__(self, session: base.Session) -> None:
        self._session = session

    def create_index(self, table: str, index: tables.Index, *, concurrently: bool = False) -> Toll:
        return _READS

    def drop_index(self, table: str, name: str, *, concurrently: bool = False) -> Toll:
        return _MOMENT

    def add_column(self, table: str, column: tables.FoundColumn) -> Toll:
        return _MOMENT

    def change_type(self, table: tables.Table, column: str, type_: str) -> Toll:
        return _REBUILDS

    def set_not_null(self, table: tables.Table, column: str) -> Toll:
        return _REBUILDS

    def add_foreign_key(self, table: str, key: tables.ForeignKey, *, checked: bool = True) -> Toll:
        return _REBUILDS

    def add_check(self, table: str, check: tables.Check, *, checked: bool = True) -> Toll:
        return _REBUILDS

    def add_unique(self, table: str, unique: tables.Unique, *, by_index: bool = False) -> Toll:
        return _READS

    def add_primary_key(self, table: str, columns: Sequence[str]) -> Toll:
        return _REBUILDS

    def renames_wait(self) -> str:
        return "writers"

    def other(self, words: Sequence[str]) -> Toll | None:
        if [word.upper() for word in words[:1]] == ["VACUUM"]:
            return NOBODY  # it is refused in a transaction, and asked for by hand alone
        return None
