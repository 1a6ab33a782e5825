"""SQL of the user's own on SQLite: what it must not do in a migration, and what it needs.

What the verbs of a migration send is the work of `ddl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whimbrel import errors
from whimbrel.engines import base
from whimbrel.engines.sqlite import catalog, rebuild, tokens

# Settings that decide whether rows and references are lost, and what to do instead.
_OUR_SETTINGS: Final = {
    "foreign_keys": "leave it out: it has no effect inside a transaction. A migration that "
    "rebuilds a table,\nor drops one that others refer to, runs with foreign keys off:\n"
    "docs/explanation/foreign-keys-on-sqlite.md",
    "legacy_alter_table": "leave it out: views, triggers and foreign keys would not follow "
    "a renamed table",
}


def statements(sql: str, source: catalog.SqliteCatalog) -> tuple[base.Statement, ...]:
    """Return a statement with what has to be known of it; raise RefusedError if forbidden."""
    if tokens.first_word(sql) not in ("VACUUM", "PRAGMA", "DROP"):
        return (base.Statement(sql=sql),)
    found = [token for token in tokens.read(sql) if token.means]
    if _is_alone(found):
        return (base.Statement(sql=sql, alone=True),)
    setting = _setting(found)
    if setting in _OUR_SETTINGS:
        raise errors.RefusedError(
            f"a migration does not set {setting} itself",
            object=" ".join(sql.split())[:200],
            left="nothing was changed",
            remedy=_OUR_SETTINGS[setting],
        )
    dropped = _dropped_table(found)
    if dropped is not None and any(
        not tokens.same(child, dropped) for child, _ in source.children(dropped)
    ):
        # DROP TABLE deletes the rows first, and with foreign keys on their children too.
        return (rebuild.GUARD, base.Statement(sql=sql))
    return (base.Statement(sql=sql),)


def _is_alone(found: Sequence[tokens.Token]) -> bool:
    """Whether SQLite refuses a statement inside of a transaction."""
    return bool(found) and (found[0].word == "VACUUM" or _setting(found) == "journal_mode")


def _setting(found: Sequence[tokens.Token]) -> str:
    """Return the pragma that a statement gives a value, '' if it does not."""
    if not found or found[0].word != "PRAGMA":
        return ""
    rest = list(found[1:])
    if len(rest) > 1 and rest[1].text == ".":
        rest = rest[2:]
    if len(rest) < 3 or rest[1].text not in ("=", "("):
        return ""
    return tokens.fold(tokens.unquoted(rest[0].text))


def _dropped_table(found: Sequence[tokens.Token]) -> str | None:
    """Return the table that a statement drops."""
    if [token.word for token in found[:2]] != ["DROP", "TABLE"]:
        return None
    rest = list(found[2:])
    if [token.word for token in rest[:2]] == ["IF", "EXISTS"]:
        rest = rest[2:]
    if len(rest) > 2 and rest[1].text == ".":
        rest = rest[2:]
    return tokens.unquoted(rest[0].text) if rest else None
