"""Rows of both sides with one key: which are equal, which changed, which are alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from whimbrel.engines import codec, forms
from whimbrel.proof import findings

Group = Counter[codec.Texts]


def grouped(pair: findings.TablePair, rows: Iterable[codec.Texts]) -> dict[codec.Texts, Group]:
    """Return rows by the texts of their keys, equal ones counted."""
    places = naming(pair)
    groups: dict[codec.Texts, Group] = {}
    for row in rows:
        groups.setdefault(tuple(row[place] for place in places), Counter())[row] += 1
    return groups


def naming(pair: findings.TablePair) -> tuple[int, ...]:
    """Return the places that tell rows apart: the key, or else every column with exact texts."""
    if pair.key:
        return pair.key
    return tuple(place for place, one in enumerate(pair.columns) if one.exact)


def compare(
    pair: findings.TablePair, source: Iterable[codec.Texts], target: Iterable[codec.Texts]
) -> Iterator[findings.Difference | int]:
    """Yield what differs between rows of both sides, and numbers of rows equal by value alone."""
    ours, theirs = grouped(pair, source), grouped(pair, target)
    # In the order in which they came, the same at each run.
    for key in dict.fromkeys((*ours, *theirs)):
        mine, other = ours.get(key, Counter()), theirs.get(key, Counter())
        if mine != other:
            yield from match(pair, key, mine, other)


def match(
    pair: findings.TablePair, key: codec.Texts, source: Group, target: Group
) -> Iterator[findings.Difference | int]:
    """Yield what differs between the rows of one key.

    Equal rows go together first, then those that are equal by value; what is left on both sides
    has changed, and what is left on one is alone.
    """
    left, theirs = _without_twins(
        pair, list((source - target).elements()), list((target - source).elements())
    )
    if twins := source.total() - (source & target).total() - len(left):
        yield twins
    shown = key if pair.key else ()
    for row, other in zip(left, theirs, strict=False):
        yield findings.Difference(
            kind=findings.Kind.CHANGED,
            key=shown,
            source=row,
            target=other,
            columns=_changed(pair, row, other),
        )
    for row in left[len(theirs) :]:
        yield findings.Difference(kind=findings.Kind.ONLY_SOURCE, key=shown, source=row)
    for row in theirs[len(left) :]:
        yield findings.Difference(kind=findings.Kind.ONLY_TARGET, key=shown, target=row)


def _without_twins(
    pair: findings.TablePair, ours: list[codec.Texts], theirs: list[codec.Texts]
) -> tuple[list[codec.Texts], list[codec.Texts]]:
    """Leave out rows that are equal by value, one of a side for one of the other."""
    if any(one.tolerance for one in pair.columns):
        return _without_near(pair, ours, theirs)
    waiting: dict[tuple[object, ...], list[codec.Texts]] = {}
    for row in theirs:
        waiting.setdefault(_meaning(pair, row), []).append(row)
    left = []
    for row in ours:
        twins = waiting.get(_meaning(pair, row))
        if twins:
            twins.pop()
        else:
            left.append(row)
    return left, [row for rows in waiting.values() for row in rows]


def _meaning(pair: findings.TablePair, row: codec.Texts) -> tuple[object, ...]:
    return tuple(forms.meaning(one.form, text) for one, text in zip(pair.columns, row, strict=True))


def _without_near(
    pair: findings.TablePair, ours: list[codec.Texts], theirs: list[codec.Texts]
) -> tuple[list[codec.Texts], list[codec.Texts]]:
    left = []
    for row in ours:
        twin = next((one for one in theirs if not _changed(pair, row, one)), None)
        if twin is None:
            left.append(row)
        else:
            theirs.remove(twin)
    return left, theirs


def _changed(pair: findings.TablePair, source: codec.Texts, target: codec.Texts) -> tuple[int, ...]:
    return tuple(
        place
        for place, (one, text, other) in enumerate(zip(pair.columns, source, target, strict=True))
        if text != other and not one.same(text, other)
    )
