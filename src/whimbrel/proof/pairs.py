"""Which table is compared with which, which of their columns, and by what key.

Names are matched as they are, then without regard to case and underscores, and only where that
leaves one possibility: nothing is guessed in silence. How the pairs are read is the work of
`differ`.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from whimbrel import errors, tables
from whimbrel.engines import base, forms
from whimbrel.engines import codec as codecs
from whimbrel.proof import findings
from whimbrel.rows import keys

EVERYTHING: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be compared, as the caller says it; nothing said is everything there is.

    `tables` maps names in the source to names in the target. `columns` has, by table, pairs of a
    column or an expression of the source and one of the target; `*` is all others. `key` and
    `where` go by table, too; a `where` is one condition for each side,
    and `said` what people are shown in place of it.
    """

    tables: Mapping[str, str] = field(default_factory=dict)
    exclude: frozenset[str] = frozenset()
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    key: Mapping[str, Sequence[str]] = field(default_factory=dict)
    where: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)
    tolerance: Mapping[str, Mapping[str, forms.Tolerance]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The tables of both sides: which belong together, and which are alone."""

    pairs: tuple[tuple[str, str], ...]
    lone_source: tuple[str, ...]
    lone_target: tuple[str, ...]


# --- tables ---------------------------------------------------------------------------------


def match_tables(source: Sequence[str], target: Sequence[str], wanted: Wanted) -> Matched:
    """Return which tables belong together; raise TableNotFound, AmbiguousMatch."""
    for said in (wanted.columns, wanted.key, wanted.where, wanted.tolerance):
        for name in said:
            if name not in source:
                raise errors.TableNotFound(name, known=source)
    if wanted.tables:
        pairs = []
        for one, other in wanted.tables.items():
            if one not in source:
                raise errors.TableNotFound(one, known=source)
            found = other if other in target else None
            if found is None and other == one:
                found = _alike(one, target, source, what="table")
            if found is None and other != one:
                raise errors.TableNotFound(other, known=target)
            pairs.append((one, found))
        return Matched(
            pairs=tuple((one, found) for one, found in pairs if found is not None),
            lone_source=tuple(one for one, found in pairs if found is None),
            lone_target=(),
        )
    for name in sorted(wanted.exclude):
        if name not in source and name not in target:
            raise errors.TableNotFound(name, known=sorted({*source, *target}))
    ours = [name for name in source if name not in wanted.exclude]
    theirs = [name for name in target if name not in wanted.exclude]
    together, lone_source, lone_target = _matched(ours, theirs, what="table")
    return Matched(pairs=together, lone_source=lone_source, lone_target=lone_target)


def _matched(
    source: Sequence[str], target: Sequence[str], *, what: str
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]:
    pairs, lone = [], []
    taken: set[str] = set()
    for one in source:
        found = _alike(one, target, source, what=what)
        if found is None:
            lone.append(one)
        else:
            pairs.append((one, found))
            taken.add(found)
    return tuple(pairs), tuple(lone), tuple(name for name in target if name not in taken)


def _alike(one: str, target: Sequence[str], source: Sequence[str], *, what: str) -> str | None:
    """Return the name of the target that means the same, or None; raise AmbiguousMatch."""
    if one in target:
        return one
    for plain in (str.casefold, _bare):
        # What stands there under its own name belongs to that.
        found = [name for name in target if plain(name) == plain(one) and name not in source]
        rivals = [name for name in source if plain(name) == plain(one) and name not in target]
        if len(found) > 1 or (found and len(rivals) > 1):
            raise errors.AmbiguousMatch(what, rivals, found)
        if found:
            return found[0]
    return None


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


# --- columns --------------------------------------------------------------------------------


class Describes(Protocol):
    """What a codec says of columns."""

    def form(self, table: tables.Table, column: tables.FoundColumn) -> forms.Form:
        """Return what the values of a column are."""

    def described(self, table: tables.Table, expression: str) -> tables.FoundColumn:
        """Return an expression over a table as if it were a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One side, as far as matching columns needs it."""

    engine: base.Engine
    codec: Describes
    table: tables.Table

    def value(self, name: str) -> codecs.Value | None:
        """Return a column as it is read; None if there is none of this name."""
        if not self.table.has(name):
            return None
        column = self.table.column(name)
        form = self.codec.form(self.table, column)
        return codecs.Value(sql=self._beside(self.engine.quote(name)), column=column, form=form)

    def expression(self, text: str) -> codecs.Value:
        """Return an expression as it is read."""
        column = self.codec.described(self.table, text)
        form = self.codec.form(self.table, column)
        return codecs.Value(sql=self._beside(f"({text}\n)"), column=column, form=form)

    def _beside(self, sql: str) -> str:
        return self.engine.beside_parameters(sql)

    def said(self, text: str) -> tuple[str, codecs.Value]:
        """Return what a name or an expression means, with the name it goes by."""
        found = self.value(text)
        if found is not None:
            return text, found
        names = [column.name for column in self.table.columns]
        near = [name for name in names if name.casefold() == text.casefold()]
        if len(near) == 1:
            return near[0], self.value(near[0]) or self.expression(text)
        if text.isidentifier():
            known = difflib.get_close_matches(text, names, n=1) or names
            raise errors.ColumnNotFound(self.table.name, text, known=known if near else names)
        return text, self.expression(text)


def pair(source: End, target: End, wanted: Wanted) -> findings.TablePair:
    """Return two tables as they are compared.

    Raises ColumnNotFound, AmbiguousMatch, NotComparable, RefusedError for a wrong expression.
    """
    name = source.table.name
    named, lone_source, lone_target, left_out = _columns(source, target, wanted.columns.get(name))
    tolerances = wanted.tolerance.get(name, {})
    for one in tolerances:
        if one not in {said for said, _ in named}:
            raise errors.ColumnNotFound(name, one, known=[said for said, _ in named])
    columns, incomparable = [], []
    for one, other in named:
        try:
            columns.append(_column(source, target, one, other, tolerances.get(one)))
        except errors.NotComparable as error:
            if one in wanted.columns.get(name, {}):
                raise
            incomparable.append(error.what)
    key, walk_source, walk_target, notes = _key(source, target, columns, wanted.key.get(name))
    here, there = wanted.where.get(name, ("", ""))
    return findings.TablePair(
        source=source.table,
        target=target.table,
        columns=tuple(columns),
        key=key,
        walk_source=walk_source,
        walk_target=walk_target,
        where_source=here,
        where_target=there,
        said=wanted.said.get(name, ""),
        lone_source=lone_source,
        lone_target=lone_target,
        incomparable=tuple(incomparable),
        left_out=left_out,
        notes=notes,
    )


def _columns(
    source: End, target: End, wanted: Mapping[str, str] | None
) -> tuple[list[tuple[str, str]], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return pairs of what is compared, and the names that have no partner or were left out."""
    ours = [column.name for column in source.table.columns]
    theirs = [column.name for column in target.table.columns]
    if wanted is None:
        pairs, lone_source, lone_target = _matched(ours, theirs, what="column")
        return list(pairs), lone_source, lone_target, ()
    explicit = [(one, other) for one, other in wanted.items() if one != EVERYTHING]
    said = {one for one, _ in explicit}, {other for _, other in explicit}
    rest_source = [name for name in ours if name not in said[0]]
    rest_target = [name for name in theirs if name not in said[1]]
    if EVERYTHING in wanted:
        others, lone_source, lone_target = _matched(rest_source, rest_target, what="column")
        return [*explicit, *others], lone_source, lone_target, ()
    left_out = [name for name in rest_source if not _means(name, explicit, 0)]
    return explicit, (), (), tuple(left_out)


def _means(name: str, pairs: Iterable[tuple[str, str]], side: int) -> bool:
    return any(pair[side].casefold() == name.casefold() for pair in pairs)


def _column(
    source: End, target: End, one: str, other: str, tolerance: forms.Tolerance | None
) -> findings.ColumnPair:
    here_name, here = source.said(one)
    there_name, there = target.said(other)
    what = f"{source.table.name}.{here_name} and {target.table.name}.{there_name}"
    form = forms.meet(here.form, there.form, what=what)
    if tolerance is not None and form.family not in _NUMBERS:
        raise errors.UsageError(
            f"{what} are no numbers: there is no tolerance for them",
            remedy="leave the tolerance out for this column",
        )
    return findings.ColumnPair(
        source=dataclasses.replace(here, form=form),
        target=dataclasses.replace(there, form=form),
        source_name=here_name,
        target_name=there_name,
        form=form,
        tolerance=tolerance,
    )


_NUMBERS: Final = frozenset({forms.Family.INTEGER, forms.Family.DECIMAL, forms.Family.FLOAT})


# --- keys -----------------------------------------------------------------------------------


def _key(
    source: End,
    target: End,
    columns: Sequence[findings.ColumnPair],
    wanted: Sequence[str] | None,
) -> tuple[tuple[int, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the places of the key, and how both sides are walked by it."""
    if wanted is not None:
        key = _places([*wanted], [one.source_name for one in columns])
        if key is None:
            known = [one.source_name for one in columns]
            lacking = next(name for name in wanted if name not in known)
            raise errors.ColumnNotFound(source.table.name, lacking, known=known)
    else:
        key = _own_key(source, target, columns)
    if not columns:
        return (), (), (), ()
    if not key:
        note = (
            "no key: rows are counted as they are, so that a changed one is one less and one more"
        )
        return (), (), (), (note,)
    if any(not columns[place].exact for place in key):
        raise errors.UsageError(
            "a key has to be exact: no JSON, no tolerance",
            object=f"{source.table.name}: {', '.join(columns[p].source_name for p in key)}",
            remedy="name another key:  --key TABLE=COLUMN",
        )
    walks = _walks(source, target, columns, key)
    return (key, *walks, ())


def _own_key(source: End, target: End, columns: Sequence[findings.ColumnPair]) -> tuple[int, ...]:
    ours = [one.source_name for one in columns]
    theirs = [one.target_name for one in columns]
    candidates = [
        *((names, ours) for names in _unique_keys(source.table)),
        *((names, theirs) for names in _unique_keys(target.table)),
    ]
    for names, known in candidates:
        places = _places(names, known)
        if places and all(columns[place].exact for place in places):
            return places
    return ()


def _unique_keys(table: tables.Table) -> list[Sequence[str]]:
    found: list[Sequence[str]] = [table.primary_key] if table.primary_key else []
    others = [unique.columns for unique in table.uniques]
    others += [
        tuple(str(column) for column in index.columns)
        for index in table.indexes
        if index.unique
        and index.where is None
        and index.valid
        and not any(index.lengths)
        and all(isinstance(column, str) for column in index.columns)
    ]
    found += sorted(
        (names for names in others if not any(table.column(name).null for name in names)), key=len
    )
    return found


def _places(names: Sequence[str], known: Sequence[str]) -> tuple[int, ...] | None:
    if not all(name in known for name in names):
        return None
    return tuple(known.index(name) for name in names)


def _walks(
    source: End, target: End, columns: Sequence[findings.ColumnPair], key: Sequence[int]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the key's columns on both sides if ranges can be read by them, in the same order.

    That takes whole numbers, an index on both sides, and no NULL; every other key is cut by its
    hash, so that no collation has a say.
    """
    chosen = [columns[place] for place in key]
    if any(one.form.family is not forms.Family.INTEGER for one in chosen):
        return (), ()
    ends = ((source, [one.source for one in chosen]), (target, [one.target for one in chosen]))
    if any(value.form.family is not forms.Family.INTEGER for _, values in ends for value in values):
        return (), ()
    names = [tuple(one.source_name for one in chosen), tuple(one.target_name for one in chosen)]
    for (end, _), wanted in zip(ends, names, strict=True):
        if not _walkable(end, wanted):
            return (), ()
    return names[0], names[1]


def _walkable(end: End, names: tuple[str, ...]) -> bool:
    if not all(end.table.has(name) for name in names):
        return False
    found = [end.table.column(name) for name in names]
    if any(c.null or not keys.is_integer(c.type) or c.generated for c in found):
        return False
    indexed = [end.table.primary_key, *(unique.columns for unique in end.table.uniques)]
    indexed += [
        tuple(str(column) for column in index.columns)
        for index in end.table.indexes
        if index.where is None
        and index.valid
        and not any(index.lengths)
        and all(isinstance(column, str) for column in index.columns)
    ]
    return any(tuple(columns[: len(names)]) == names for columns in indexed if columns)
