"""What an SQLite database contains beside its tables, how far its keys have counted, all texts.

The texts are those of sqlite_master, letter for letter: foreign keys, checks and unique keys stand
inside CREATE TABLE and are made with it. Only the main database is looked at. Functions and
collations that an application brings are in no file; a collation is named where a table uses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from whimbrel import errors
from whimbrel.engines import base, inventory
from whimbrel.engines.inventory import Kind
from whimbrel.engines.sqlite import catalog, text, tokens
from whimbrel.engines.sqlite import session as sessions

_COLLATIONS: Final = frozenset({"BINARY", "NOCASE", "RTRIM"})
# What an application writes into the head of its file.
_MARKS: Final = ("user_version", "application_id")
# A table for searching that does not keep what it has indexed.
_CONTENTLESS: Final = re.compile(r"\bcontent\s*=\s*(''|\"\")", re.IGNORECASE)
_NO_TEXTS: Final = "it keeps no texts that could be read; index them again there"
_LARGEST: Final = 2**63 - 1


class SqliteInventory(inventory.Inventory):
    """Reads sqlite_master, by the session's own connection."""

    def __init__(self, session: base.Session, *, hides: bool = True) -> None:
        self._catalog = catalog.SqliteCatalog(sessions.ours(session).driver)
        self._catalog.hides = hides

    # --- the contract -----------------------------------------------------------------------

    def things(self) -> list[inventory.Thing]:
        everything = self._objects()
        names = {tokens.fold(o.name): o.name for o in everything if o.type in ("table", "view")}
        found: list[inventory.Thing] = []
        found += self._of_file()
        found += [_view(o, names) for o in everything if o.type == "view"]
        for o in everything:
            if o.is_virtual:
                found.append(_virtual(o, names))
            elif o.type == "table":
                found += _of_table(o)
        found += [_trigger(o, names) for o in everything if o.type == "trigger"]
        return inventory.arranged((one.name, one.needs, one) for one in found)

    def counters(self) -> list[inventory.Counter]:
        return [
            inventory.Counter(table=o.name, column=column, next=self._next(o.name, counts=counts))
            for o in self._objects()
            if o.type == "table" and not o.is_virtual
            for column, counts in _counting(o)
        ]

    def drop(self, thing: inventory.Thing) -> str:
        if thing.kind is not Kind.VIEW:
            return ""
        return f"DROP VIEW IF EXISTS {tokens.quote(thing.name)}"

    def set_counter(self, counter: inventory.Counter) -> str:
        """Return the statement for a table with AUTOINCREMENT; others count from their rows."""
        if counter.table is None:
            raise errors.RefusedError("there are no sequences here, only keys that count")
        found = self._catalog.object(counter.table)
        if found is not None and not any(counts for _, counts in _counting(found)):
            return ""
        name = _literal(found.name if found else counter.table)
        # It has no key by which a row could be replaced, but for its rowid.
        return (
            "INSERT OR REPLACE INTO sqlite_sequence (rowid, name, seq) VALUES "
            f"((SELECT rowid FROM sqlite_sequence WHERE name = {name}), {name}, "
            f"{min(counter.next - 1, _LARGEST)})"
        )

    def text(self, table: str) -> inventory.TableText:
        found = self._catalog.object(table)
        ours = found is not None and found.is_ours and self._catalog.hides
        if found is None or ours or found.is_internal:
            raise errors.TableNotFound(table, known=self._catalog.tables())
        triggers = self._catalog.attached(table, "trigger")
        return inventory.TableText(
            create=(found.sql or "",),
            after=tuple((o.name, o.sql or "") for o in self._catalog.attached(table, "index")),
            last=tuple((o.name, o.sql or "") for o in triggers),
        )

    # --- reading ----------------------------------------------------------------------------

    def _objects(self) -> list[catalog.Object]:
        """Return everything but what virtual tables keep their rows in."""
        everything = self._catalog.objects()
        shadows = catalog.shadow_tables(everything)
        return [o for o in everything if not shadows & {tokens.fold(o.name), tokens.fold(o.table)}]

    def _of_file(self) -> Iterator[inventory.Thing]:
        for mark in _MARKS:
            value = self._catalog.rows(f"PRAGMA main.{mark}")[0][0]
            if value:
                sql = f"PRAGMA {mark} = {value}"
                yield inventory.Thing(kind=Kind.OTHER, name=sql, sql=sql)

    def _next(self, table: str, *, counts: bool) -> int:
        # A column may be called rowid; then it is the key itself or nothing that counts.
        found = text.parse(str((self._catalog.object(table) or _missing(table)).sql))
        key = tokens.quote(found.rowid_alias or "rowid")
        rows = self._catalog.rows(f"SELECT max({key}) FROM main.{tokens.quote(table)}")
        highest = int(str(rows[0][0])) if rows[0][0] is not None else 0
        if counts:
            told = self._catalog.rows(
                "SELECT seq FROM main.sqlite_sequence WHERE name = ? COLLATE NOCASE", [table]
            )
            highest = max([highest, 0, *(int(str(row[0])) for row in told)])
        return highest + 1


def _missing(table: str) -> catalog.Object:
    raise errors.TableNotFound(table, known=())


def _counting(found: catalog.Object) -> Iterator[tuple[str, bool]]:
    """Yield the column that is the rowid, if there is one, and whether it has AUTOINCREMENT."""
    try:
        read = text.parse(found.sql or "")
    except text.NotUnderstoodError:
        return
    if read.rowid_alias is not None:
        yield read.rowid_alias, read.counts


# --- objects -------------------------------------------------------------------------------------


def _view(found: catalog.Object, names: dict[str, str]) -> inventory.Thing:
    sql = found.sql or ""
    meaning = [token for token in tokens.read(sql) if token.means]
    # CREATE VIEW name (columns) AS: names in quotes are no words.
    at = next(i for i, token in enumerate(meaning) if token.word == "AS")
    opening = next((i for i, token in enumerate(meaning[:at]) if token.word == "("), at)
    listed = [token for token in meaning[opening + 1 : at] if token.word not in (",", ")")]
    body = sql[meaning[at].end :].strip()
    return inventory.Thing(
        kind=Kind.VIEW,
        name=found.name,
        sql=sql,
        body=body,
        needs=_named(body, names, found.name),
        columns=tuple(tokens.unquoted(token.text) for token in listed),
    )


def _trigger(found: catalog.Object, names: dict[str, str]) -> inventory.Thing:
    sql = found.sql or ""
    return inventory.Thing(
        kind=Kind.TRIGGER,
        name=found.name,
        sql=sql,
        table=names.get(tokens.fold(found.table), found.table),
        needs=_named(sql, names, ""),
    )


def _virtual(found: catalog.Object, names: dict[str, str]) -> inventory.Thing:
    """Return a virtual table; one that reads another table names it as its content."""
    return inventory.Thing(
        kind=Kind.VIRTUAL_TABLE,
        name=found.name,
        sql=found.sql or "",
        table=found.name,
        needs=_named(found.sql or "", names, found.name),
        note=_NO_TEXTS if _CONTENTLESS.search(found.sql or "") else "",
    )


def _named(sql: str, names: dict[str, str], own: str) -> tuple[str, ...]:
    """Return the tables and views that a text may name; a word too many does no harm."""
    words = {
        tokens.fold(tokens.unquoted(token.text))
        for token in tokens.read(sql)
        if token.sort in (tokens.Sort.NAME, tokens.Sort.WORD, tokens.Sort.STRING)
    }
    found = {names[word] for word in words & names.keys()}
    return tuple(sorted(found - {own}))


def _of_table(found: catalog.Object) -> Iterable[inventory.Thing]:
    """Yield what tables.Table does not say of a table."""
    try:
        read = text.parse(found.sql or "")
    except text.NotUnderstoodError:
        yield _option(found.name, "a definition that is not understood")
        return
    if read.strict:
        yield _option(found.name, "STRICT")
    if read.without_rowid:
        yield _option(found.name, "WITHOUT ROWID")
    for _, clause in read.clauses(text.Rule.COLLATE):
        if (clause.value or "").upper() not in _COLLATIONS:
            name = str(clause.value)
            yield inventory.Thing(
                kind=Kind.COLLATION, name=name, table=found.name, needs=(found.name,)
            )
    for said in _conflicts(found.sql or ""):
        yield _option(found.name, said)


def _option(table: str, name: str) -> inventory.Thing:
    return inventory.Thing(kind=Kind.TABLE_OPTION, name=name, table=table, needs=(table,))


def _conflicts(sql: str) -> Iterator[str]:
    """Yield each ON CONFLICT with what is done there, once."""
    words = [token.word for token in tokens.read(sql) if token.means]
    spans = zip(words, words[1:], words[2:], strict=False)
    found = {third for first, second, third in spans if (first, second) == ("ON", "CONFLICT")}
    yield from (f"ON CONFLICT {action}" for action in sorted(found))


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
