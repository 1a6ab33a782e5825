"""Say in which order migrations run, from their names and from what they depend on.

A file that says nothing follows every file with an earlier name; a file with `depends_on`
follows exactly those. The page docs/explanation/order.md tells why. Nothing here knows a
database: what is applied comes in as ids, oldest first, as the history has them.
"""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from whimbrel import config, errors
from whimbrel.migrations import loader

_KNOWN_SHOWN: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """All migrations of a folder in the order in which they run, and what each one follows."""

    files: Mapping[str, loader.MigrationFile]
    parents: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...]
    where: str

    @classmethod
    def build(cls, files: Iterable[loader.MigrationFile], *, where: str = "migrations") -> Graph:
        """Order the files; raise UnknownMigration, BadMigrationFile or DependencyCycle."""
        by_id = {file.id: file for file in sorted(files, key=lambda file: file.id)}
        parents = _parents(by_id)
        order = _sorted(parents)
        if len(order) < len(parents):
            circle = _cycle(parents, set(parents) - set(order))
            raise errors.DependencyCycle([_why(by_id[i]) for i in circle], where=where)
        return cls(
            files=MappingProxyType({i: by_id[i] for i in order}),
            parents=MappingProxyType(parents),
            order=order,
            where=where,
        )

    @property
    def heads(self) -> tuple[str, ...]:
        """Return the migrations that no other one follows; more than one means branches."""
        followed = {parent for parents in self.parents.values() for parent in parents}
        return tuple(i for i in self.order if i not in followed)

    def ancestors(self, migration: str) -> frozenset[str]:
        """Return all that has to be applied before a migration."""
        return _reachable([migration], self.parents)

    def descendants(self, migration: str) -> frozenset[str]:
        """Return all that follows a migration, directly or through others."""
        children: dict[str, list[str]] = {i: [] for i in self.order}
        for child, parents in self.parents.items():
            for parent in parents:
                children[parent].append(child)
        return _reachable([migration], children)

    def find(self, wanted: str) -> str:
        """Return the id that is meant by an id, by its beginning, or by the name in it.

        Raise UnknownMigration when there is none, UsageError when there are several.
        """
        if wanted in self.files:
            return wanted
        found = [
            i
            for i in self.order
            if wanted and (i.startswith(wanted) or self.files[i].name == wanted)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise errors.UsageError(
                f"{wanted!r} can mean {len(found)} migrations",
                where=self.where,
                object=errors.names(found),
                remedy="write more of the name",
            )
        raise errors.UnknownMigration(wanted, known=_nearest(wanted, self.order), where=self.where)

    # --- what is, against what is applied ---------------------------------------------------

    def pending(self, applied: Collection[str]) -> list[str]:
        """Return what is not applied yet, in the order in which it will run."""
        return [i for i in self.order if i not in applied]

    def missing(self, applied: Iterable[str]) -> list[str]:
        """Return what is applied and has no file (any more), oldest first."""
        return [i for i in applied if i not in self.files]

    def out_of_order(self, applied: Collection[str]) -> list[str]:
        """Return pending migrations that an applied one should have followed."""
        passed = _reachable([i for i in applied if i in self.files], self.parents)
        return [i for i in self.pending(applied) if i in passed]

    def first_applied_after(self, migration: str, applied: Collection[str]) -> str | None:
        """Return the first applied migration that follows this one, to name it in a message."""
        later = self.descendants(migration)
        return next((i for i in self.order if i in later and i in applied), None)

    # --- ways -------------------------------------------------------------------------------

    def up_path(
        self, applied: Collection[str], *, count: int | None = None, to: str | None = None
    ) -> list[str]:
        """Return what `up` will run: all, the next `count`, or what leads to one migration.

        Raise ManyHeads when branches are open and no target says which one is meant.
        """
        _check_target(count, to)
        pending = self.pending(applied)
        if to is not None:
            if to in loader.BASE:
                raise errors.UsageError(
                    f"up cannot lead to {to!r}, which is the state before all migrations",
                    remedy=f"take everything back:  whimbrel down --to {to}",
                )
            target = self.find(to)
            wanted = self.ancestors(target) | {target}
            return [i for i in pending if i in wanted]
        heads = self.heads
        if pending and len(heads) > 1:
            # The remedy names the first one, so it has to be one that is still to do.
            raise errors.ManyHeads(sorted(heads, key=lambda i: i in applied), where=self.where)
        return pending[:count]

    def down_path(
        self, applied: Sequence[str], *, count: int | None = None, to: str | None = None
    ) -> list[str]:
        """Return what `down` will take back, newest first: the last one, the last `count`, or
        all that follows one migration, which itself stays.

        Migrations of other branches stay as well. `to` "0" or "base" takes back everything.
        Raise HistoryMissing when something that has to be taken back has no file.
        """
        _check_target(count, to)
        newest_first = list(reversed(applied))
        if to is None:
            path = newest_first[: 1 if count is None else count]
        elif to in loader.BASE:
            path = newest_first
        else:
            path = self._applied_after(self.find(to), applied)
        missing = self.missing(path)
        if missing:
            raise errors.HistoryMissing(missing, where=self.where)
        return path

    def _applied_after(self, target: str, applied: Sequence[str]) -> list[str]:
        if target not in applied:
            raise errors.UsageError(
                f"migration {target} is not applied, so it cannot become the last one",
                where=self.where,
                object=f"applied: {errors.names(list(reversed(applied)), limit=_KNOWN_SHOWN)}",
                left="nothing was changed",
                remedy="choose an applied one:  whimbrel status",
            )
        followers = self.descendants(target)
        newer = set(applied[applied.index(target) + 1 :])
        # What has no file may follow the target: nobody knows, so it is not left out.
        return [
            i for i in reversed(applied) if i in followers or (i in newer and i not in self.files)
        ]


# --- building -------------------------------------------------------------------------------


def _parents(files: Mapping[str, loader.MigrationFile]) -> dict[str, tuple[str, ...]]:
    parents: dict[str, tuple[str, ...]] = {}
    # The heads among the files so far: to follow them is to follow every earlier file.
    open_ends: dict[str, None] = {}
    for migration, file in files.items():
        if file.depends_on is None:
            parents[migration] = tuple(open_ends)
        else:
            named = [_dependency(wanted, file, files) for wanted in file.depends_on]
            parents[migration] = tuple(sorted(set(named)))
        for parent in parents[migration]:
            open_ends.pop(parent, None)
        open_ends[migration] = None
    return parents


def _dependency(
    wanted: str, file: loader.MigrationFile, files: Mapping[str, loader.MigrationFile]
) -> str:
    if wanted in files:
        return wanted
    found = [i for i in files if i.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    where = config.shown(file.path)
    if not found:
        raise errors.UnknownMigration(
            wanted, known=_nearest(wanted, files), where=f"{where}, depends_on"
        )
    raise errors.BadMigrationFile(
        where,
        why=f"{wanted!r} in its depends_on can mean {len(found)} migrations",
        cause=errors.names(found),
        remedy="write the whole name",
    )


def _sorted(parents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Sort so that parents come first, and by name where that leaves a choice."""
    waiting = {i: len(of) for i, of in parents.items()}
    children: dict[str, list[str]] = {i: [] for i in parents}
    for child, of in parents.items():
        for parent in of:
            children[parent].append(child)
    ready = [i for i, number in waiting.items() if not number]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        order.append(heapq.heappop(ready))
        for child in children[order[-1]]:
            waiting[child] -= 1
            if not waiting[child]:
                heapq.heappush(ready, child)
    return tuple(order)


def _cycle(parents: Mapping[str, Sequence[str]], stuck: Collection[str]) -> list[str]:
    """Name one circle among the migrations that could not be sorted, each before its parent."""
    # Each of them has a parent among them, so walking up must come back to a place seen before.
    walk: list[str] = []
    here = min(stuck)
    while here not in walk:
        walk.append(here)
        here = min(parent for parent in parents[here] if parent in stuck)
    circle = walk[walk.index(here) :]
    first = circle.index(min(circle))
    return [*circle[first:], *circle[: first + 1]]


def _why(file: loader.MigrationFile) -> str:
    says_nothing = file.depends_on is None
    return f"{file.id} (follows all earlier names)" if says_nothing else file.id


def _reachable(starts: Iterable[str], edges: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Return what the edges lead to from the starts; these count only when led to as well."""
    seen: set[str] = set()
    todo = [end for start in starts for end in edges[start]]
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo.extend(edges[here])
    return frozenset(seen)


def _nearest(wanted: str, known: Iterable[str]) -> list[str]:
    """Return names for a message: what looks like the wanted one, then the newest ones."""
    newest_first = sorted(known, reverse=True)
    by_name = {loader.name_part(i): i for i in newest_first}
    close = difflib.get_close_matches(wanted, [*newest_first, *by_name], n=3)
    ids = [by_name.get(match, match) for match in close]
    return list(dict.fromkeys([*ids, *newest_first]))


def _check_target(count: int | None, to: str | None) -> None:
    if count is not None and to is not None:
        raise errors.UsageError(
            "a number and --to were given, and each of them says how far to go",
            remedy="give one of them",
        )
    if count is not None and count < 1:
        raise errors.UsageError(
            f"cannot go {count} migrations far", remedy="give a number from 1 on, or none"
        )
