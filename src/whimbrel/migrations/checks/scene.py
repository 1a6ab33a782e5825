"""What a rule is given: one migration's steps, the server's ways, and the real data behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from whimbrel import words
from whimbrel.engines import base
from whimbrel.engines import tolls as costs
from whimbrel.migrations.checks import changes, finding
from whimbrel.migrations.checks import watch as watching

_EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One migration of a plan. `whole` says that all its steps are one transaction."""

    migration: str
    whole: bool
    watch: watching.Watch
    seen: tuple[watching.Sighting, ...]

    @property
    def engine(self) -> base.Engine:
        """The engine of the database."""
        return self.watch.engine

    @property
    def tolls(self) -> costs.Tolls:
        """What changes cost on this server."""
        return self.watch.tolls

    def each(self, *kinds: type[changes.Change]) -> Iterator[watching.Sighting]:
        """Return the changes of these kinds, of tables that are there already."""
        for one in self.seen:
            if isinstance(one.change, kinds) and one.real and one.found is not None:
                yield one

    def rows(self, seen: watching.Sighting) -> int:
        """Return about how many rows the table of a change has."""
        return self.watch.rows(seen.real)

    def large(self, seen: watching.Sighting) -> bool:
        """Whether going through a table takes so long that others notice."""
        return self.rows(seen) >= watching.LARGE

    def many(self, seen: watching.Sighting) -> str:
        """Return how many rows there are, in words."""
        about = "about " if self.large(seen) else ""
        return f"{about}{words.count(self.rows(seen), 'row')}"

    def ask(self, seen: watching.Sighting, sql: str) -> list[base.Row] | None:
        """Ask the data of a change, unless an earlier step changes them; None is not known."""
        # SQLite takes the quoted name of a column that is not there for a text.
        if not seen.settled or any(name in sql for name in seen.added):
            return None
        return self.watch.ask(sql)

    def first(self, rows: list[base.Row]) -> str:
        """Return some rows as an example."""
        shown = [", ".join(str(value) for value in row) for row in rows[:_EXAMPLES]]
        return "   ".join(shown)

    def quote(self, *names: str) -> str:
        """Return names as SQL, separated by commas."""
        return ", ".join(map(self.engine.quote, names))

    def error(
        self,
        slug: str,
        seen: watching.Sighting,
        what: str,
        why: str,
        *,
        instead: str = "",
        verb: bool = False,
        warning: bool = False,
    ) -> finding.Finding:
        """Return what is to be said of a change: an error, or a warning."""
        severity = finding.Severity.WARNING if warning else finding.Severity.ERROR
        return finding.Finding(
            slug=slug,
            severity=severity,
            migration=self.migration,
            what=what,
            why=why,
            where=seen.where,
            position=seen.position,
            instead=instead,
            verb=verb,
        )

    def warning(
        self, slug: str, seen: watching.Sighting, what: str, why: str, *, instead: str = ""
    ) -> finding.Finding:
        """Return what is to be said of a change that `up` does all the same."""
        return self.error(slug, seen, what, why, instead=instead, warning=True)

    def held(
        self, slug: str, seen: watching.Sighting, toll: costs.Toll, doing: str
    ) -> Iterator[finding.Finding]:
        """Yield that others wait, if they wait for long: an error where there is a better way."""
        if not toll.hurts or seen.rebuilds or not self.large(seen):
            return  # what rebuilds a table has a rule of its own
        done = "are written anew" if toll.work is costs.Work.WRITE else "are read"
        yield self.error(
            slug,
            seen,
            f"{doing}: {toll.waits} of {seen.table} wait",
            f"it holds {toll.lock} until {self.many(seen)} {done}",
            instead=toll.instead,
            warning=not toll.instead,
        )
