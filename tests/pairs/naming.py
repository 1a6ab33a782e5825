"""What a verification says of a table: which rows of it, which columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from whimbrel.engines import codec
from whimbrel.proof import findings, verify

# A row's name (by its texts) → the columns that differ; "only in source" stands for all of them.
Named = dict[tuple[str | None, ...], frozenset[str]]

ONLY_SOURCE = frozenset({"only in source"})
ONLY_TARGET = frozenset({"only in target"})


def by_table(verification: verify.Verification, *, name: str = "k") -> Mapping[str, Named]:
    """Return every difference by table and row, columns as the source calls them.

    Rows of a table without a key are named by the column `name`: one that is missing and one too
    many with the same name are one that has changed.
    """
    found: dict[str, list[findings.Difference]] = {table.name: [] for table in verification.tables}
    for table, one in verification.every_difference():
        found[table.name].append(one)
    named = {}
    for table in verification.tables:
        if table.pair is None:
            raise AssertionError(f"{table.name} has no partner")
        if table.pair.key:
            named[table.name] = _with_key(table.pair, found[table.name])
        else:
            named[table.name] = _without_key(table.pair, found[table.name], name)
    return named


def plain(column: findings.ColumnPair, text: bytes | None) -> str | None:
    """Return a text without the letter of its type, where it has one."""
    if text is None:
        return None
    return text[2 if column.form.typed else 0 :].decode("utf-8", "surrogateescape")


def _with_key(pair: findings.TablePair, found: Iterable[findings.Difference]) -> Named:
    named: Named = {}
    for one in found:
        key = tuple(
            plain(pair.columns[place], text) for place, text in zip(pair.key, one.key, strict=True)
        )
        if key in named:
            raise AssertionError(f"{pair.title}: {key} is named twice")
        named[key] = _columns(pair, one)
    return named


def _columns(pair: findings.TablePair, one: findings.Difference) -> frozenset[str]:
    match one.kind:
        case findings.Kind.ONLY_SOURCE:
            return ONLY_SOURCE
        case findings.Kind.ONLY_TARGET:
            return ONLY_TARGET
        case _:
            return frozenset(pair.columns[place].source_name for place in one.columns)


def _without_key(
    pair: findings.TablePair, found: Iterable[findings.Difference], name: str
) -> Named:
    at = next(place for place, one in enumerate(pair.columns) if one.source_name == name)
    named: Named = {}
    ours: dict[str | None, codec.Texts] = {}
    theirs: dict[str | None, codec.Texts] = {}
    for one in found:
        row = one.source if one.source is not None else one.target
        if row is None:
            raise AssertionError(f"{pair.title}: a difference without a row")
        who = plain(pair.columns[at], row[at])
        if one.kind is findings.Kind.CHANGED:
            named[(who,)] = _columns(pair, one)
            continue
        side = ours if one.kind is findings.Kind.ONLY_SOURCE else theirs
        if who in side:
            raise AssertionError(f"{pair.title}: {who} is named twice")
        side[who] = row
    for who in ours.keys() | theirs.keys():
        if who in ours and who in theirs:
            named[(who,)] = _unlike(pair, ours[who], theirs[who])
        else:
            named[(who,)] = ONLY_SOURCE if who in ours else ONLY_TARGET
    return named


def _unlike(pair: findings.TablePair, ours: codec.Texts, theirs: codec.Texts) -> frozenset[str]:
    return frozenset(
        one.source_name
        for one, text, other in zip(pair.columns, ours, theirs, strict=True)
        if not one.same(text, other)
    )
