"""What changes of schema cost on MySQL and MariaDB: what InnoDB does in place, by version.

Where it cannot, it copies the table and keeps writers out (ALGORITHM=COPY, LOCK=SHARED).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from whimbrel import tables
from whimbrel.engines import base, tolls
from whimbrel.engines.tolls import Toll, Work

_SIZED: Final = re.compile(r"([a-z]+)\s*(?:\(([^)]*)\))?(.*)", re.DOTALL)
_CONSTANT: Final = re.compile(
    r"\s*\(*\s*(?:null|true|false|[-+]?[\d.]+(?:e[-+]?\d+)?|[xbn]?'(?:[^']|'')*'|"
    r"(?:current_timestamp|now|localtimestamp|localtime)\s*(?:\(\d*\))?)\s*\)*\s*",
    re.IGNORECASE | re.DOTALL,
)
_ONLINE: Final = Toll(lock="LOCK=NONE", waits="", work=Work.READ)
_INSTANT: Final = Toll(lock="LOCK=NONE", waits="", work=Work.NOTHING)
_BYTES: Final = """
SELECT s.maxlen FROM information_schema.columns c
  JOIN information_schema.character_sets s ON s.character_set_name = c.character_set_name
 WHERE c.table_schema = DATABASE() AND c.table_name = %s AND c.column_name = %s
"""


class MysqlTolls(tolls.Tolls):
    """What InnoDB does without keeping writers out, and what it copies."""

    longest_name = 64
    names_in_bytes = False
    indexes_references = True
    one_transaction = False
    whole_numbers = (
        ("tinyint", 2**7 - 1), ("smallint", 2**15 - 1), ("mediumint", 2**23 - 1),
        ("int", 2**31 - 1), ("integer", 2**31 - 1), ("bigint", 2**63 - 1),
    )  # fmt: skip
    harmless_words = frozenset(
        {"ENGINE", "FORCE", "AUTO_INCREMENT", "COMMENT", "ROW_FORMAT", "ALGORITHM", "INDEX", "KEY",
         "DEFAULT", "STATS_PERSISTENT", "PARTITION", "CHARSET"}
    )  # fmt: skip
    # Since when a column is added in the catalog alone.
    instant_since: tuple[int, ...] = (8, 0, 12)

    def __init__(self, session: base.Session) -> None:
        self._session = session
        version = session.connection.dialect.server_version_info or (0,)
        self._version = tuple(int(part) for part in version if str(part).isdigit())

    @property
    def _instant(self) -> bool:
        return self._version >= self.instant_since

    def _copy(self, instead: str) -> Toll:
        return Toll(
            lock="LOCK=SHARED (the table is copied)",
            waits="writers",
            work=Work.WRITE,
            instead=instead,
        )

    def create_index(self, table: str, index: tables.Index, *, concurrently: bool = False) -> Toll:
        if index.method in {"fulltext", "spatial"}:
            return Toll(
                lock="LOCK=SHARED", waits="writers", work=Work.READ,
                instead="build it in a quiet hour: the server has no way beside the writers",
            )  # fmt: skip
        return _ONLINE

    def drop_index(self, table: str, name: str, *, concurrently: bool = False) -> Toll:
        return _INSTANT

    def add_column(self, table: str, column: tables.FoundColumn) -> Toll:
        empty = f'self.add_column("{table}", "{column.name}", "…")'
        if column.auto_increment:
            return Toll(
                lock="LOCK=SHARED", waits="writers", work=Work.WRITE,
                instead="make a table with the key, copy the rows in batches, and rename:\n"
                f'self.copy_rows("{table}", "{table}_new", {{…}})',
            )  # fmt: skip
        if column.generated is not None and column.stored:
            text = column.generated.strip("()")
            return self._copy(
                "let it be computed when it is read:\n"
                f'{empty[:-1]}, generated="{text}", stored=False)'
            )
        if column.default is not None and self.volatile(column.default):
            return self._copy(
                f"add it empty, then fill it in batches:\n{empty}\n"
                f'self.backfill("{table}", {{"{column.name}": "{column.default}"}})'
            )
        return _INSTANT if self._instant else _ONLINE

    def volatile(self, expression: str) -> bool:
        # Whatever is an expression is worked out for each row, and so the table is copied.
        return _CONSTANT.fullmatch(expression) is None

    def change_type(self, table: tables.Table, column: str, type_: str) -> Toll:
        old = table.column(column).type
        if self._only_wider(table.name, column, old, type_):
            return _INSTANT
        return self._copy(tolls.by_a_new_column(table.name, column, type_))

    def _only_wider(self, table: str, column: str, old: str, new: str) -> bool:
        """Whether values stay as they are on disk, so that only the catalog changes."""
        was, now = _split(old), _split(new)
        if was == now:
            return True
        if was[0] != now[0]:
            return False
        if was[0] == "varchar":
            if int(now[1]) < int(was[1]):
                return False
            rows = self._session.fetch(_BYTES, [table, column])
            width = int(str(rows[0][0])) if rows else 4
            return self._long_varchars(int(was[1]) * width, int(now[1]) * width)
        if was[0] in {"enum", "set"}:
            return now[1].startswith(was[1])
        return False

    def _long_varchars(self, was: int, now: int) -> bool:
        """Whether a varchar of so many bytes may grow in place: its length needs as many bytes."""
        return (was < 256) == (now < 256)

    def set_not_null(self, table: tables.Table, column: str) -> Toll:
        return _ONLINE

    def add_foreign_key(self, table: str, key: tables.ForeignKey, *, checked: bool = True) -> Toll:
        if not checked:
            return _ONLINE
        here, there = ", ".join(key.columns), ", ".join(key.ref_columns)
        name = key.name or tables.constraint_name("fk", table, key.columns)
        return self._copy(
            "look for orphans yourself, then add it without the server's look:\n"
            'self.execute("SET SESSION foreign_key_checks = 0")\n'
            f'self.execute("ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({here}) '
            f'REFERENCES {key.ref_table} ({there}), ALGORITHM=INPLACE, LOCK=NONE")\n'
            'self.execute("SET SESSION foreign_key_checks = 1")'
        )

    def add_check(self, table: str, check: tables.Check, *, checked: bool = True) -> Toll:
        return self._copy(
            "let the application keep it, and add it in a quiet hour: the server has no way "
            "beside the writers"
        )

    def add_unique(self, table: str, unique: tables.Unique, *, by_index: bool = False) -> Toll:
        return _ONLINE

    def add_primary_key(self, table: str, columns: Sequence[str]) -> Toll:
        return _ONLINE

    def other(self, words: Sequence[str]) -> Toll | None:
        upper = [word.upper() for word in words]
        if upper[:2] == ["ALTER", "TABLE"]:
            if "CONVERT" in upper:
                return self._copy(
                    "make a table in the new character set, copy the rows in batches, and rename"
                )
            if "DROP" in upper and "PRIMARY" in upper and "ADD" not in upper:
                return self._copy(
                    "drop the key and add the new one in one statement:\n"
                    "ALTER TABLE … DROP PRIMARY KEY, ADD PRIMARY KEY (…)"
                )
            if "ORDER" in upper and "BY" in upper:
                return self._copy("leave it out: rows lie in the order of the primary key")
        if upper[:1] == ["LOCK"]:
            return Toll(
                lock="LOCK TABLES", waits="readers and writers", work=Work.READ,
                instead="leave it out: each verb takes the lock that it needs",
            )  # fmt: skip
        return None

    def asks_copy(self, words: Sequence[str]) -> bool:
        text = " ".join(word.upper() for word in words)
        return bool(re.search(r"\bALGORITHM *=? *COPY\b|\bLOCK *=? *(SHARED|EXCLUSIVE)\b", text))

    def worse_type(self, type_: str) -> str:
        first = _split(type_)[0]
        if first in {"float", "double"} and _split(type_)[1]:
            return "FLOAT(m, d) rounds without a word and is deprecated; use DECIMAL"
        if first == "year":
            return "YEAR ends in 2155 and starts in 1901; use SMALLINT"
        return ""


def _split(type_: str) -> tuple[str, str, str]:
    found = _SIZED.fullmatch(" ".join(type_.lower().split()))
    if found is None:
        return type_.lower(), "", ""
    numbers = (found[2] or "").strip()
    # How wide a whole number is shown says nothing of its values.
    if found[1].endswith("int") or found[1] == "integer":
        numbers = ""
    name = {"integer": "int", "numeric": "decimal"}.get(found[1], found[1])
    rest = re.sub(r"\b(character set|charset|collate) \w+", "", found[3]).strip()
    return name, numbers, rest
