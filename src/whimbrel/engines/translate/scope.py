"""Which tables a column may come from, at each place of a statement.

Names that an engine compares without regard to case are given their real spelling here; what
an expression's columns are of is known from the same tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlglot import exp

from whimbrel.engines.translate import kinds, names


@dataclass(slots=True, kw_only=True)
class Level:
    """The tables of one SELECT, UPDATE or DELETE: alias (as written) -> real table, if any.

    `table` is None for subqueries and common table expressions, and `open` says that such a
    thing is among them, so that a column which no table has may come from it.
    """

    sources: dict[str, str | None] = field(default_factory=dict)
    open: bool = False


class Scope:
    """The levels around the place that is being written, innermost last."""

    def __init__(self, known: names.Names, read: str) -> None:
        self._known = known
        self._folds = read == "postgres"
        self._levels: list[Level] = []
        self._ctes: list[str] = []
        self._aliases: list[str] = []
        # An outer join makes NULLs of columns that hold none.
        self._joined_outside = False

    @contextmanager
    def level(self) -> Iterator[Level]:
        """Open a level; tables are added to it as they are met."""
        self._levels.append(Level())
        try:
            yield self._levels[-1]
        finally:
            self._levels.pop()

    def tell_aliases(self, tree: exp.Expr) -> None:
        """Remember the names that the statement itself gives to columns and tables."""
        self._joined_outside = any(join.side for join in tree.find_all(exp.Join))
        for node in tree.find_all(exp.Alias, exp.TableAlias, exp.CTE):
            given = [
                node.args.get("alias"),
                *(node.args.get("columns") or []),
                node.args.get("this"),
            ]
            self._aliases += [self.spelled(i) for i in given if isinstance(i, exp.Identifier)]
        self._ctes += [self.spelled(cte.args["alias"].this) for cte in tree.find_all(exp.CTE)]

    def spelled(self, identifier: exp.Identifier) -> str:
        """Return a name as its own dialect understands it."""
        name = str(identifier.this)
        return name.lower() if self._folds and not identifier.quoted else name

    def table(self, identifier: exp.Identifier) -> str:
        """Return how a table's name is to be written."""
        name = self.spelled(identifier)
        if self.is_cte(identifier):
            return names.same(name, self._ctes) or name
        return self._known.table(name) or name

    def is_cte(self, identifier: exp.Identifier) -> bool:
        """Whether the name is that of a common table expression."""
        return names.same(self.spelled(identifier), self._ctes) is not None

    def add(self, alias: str, table: str | None) -> None:
        """Add a table (None: a subquery) to the innermost level."""
        self._levels[-1].sources[alias] = table
        if table is None or self._known.table(table) is None:
            self._levels[-1].open = True

    @property
    def sources(self) -> Mapping[str, str | None]:
        """Return the innermost level: alias -> real table, None for a subquery."""
        return self._levels[-1].sources

    def known(self, table: str, column: str) -> bool:
        """Whether a table is known to have a column."""
        return self._known.column(table, column) is not None

    def column_of(self, table: str, identifier: exp.Identifier) -> str:
        """Return how the name of a column of this table is to be written."""
        name = self.spelled(identifier)
        return self._known.column(table, name) or name

    def kind_of(self, table: str, column: str) -> kinds.Kind | None:
        """Return the kind of a column by its real names, or None if nobody knows its type."""
        sql = self._known.type(table, column)
        return None if sql is None else kinds.of_type(sql)

    def alias(self, identifier: exp.Identifier) -> str:
        """Return how the name in front of a column is to be written."""
        name = self.spelled(identifier)
        for level in reversed(self._levels):
            found = names.same(name, level.sources)
            if found is not None:
                return found
        return name

    def column(self, column: exp.Column) -> tuple[str, str | None]:
        """Return how a column's name is to be written, and the real table it comes from."""
        name = self.spelled(column.this)
        qualifier = column.args.get("table")
        for level in reversed(self._levels):
            sources = level.sources
            if qualifier is not None:
                at = names.same(self.spelled(qualifier), sources)
                if at is None:
                    continue
                sources = {at: level.sources[at]}
            found = self._among(name, sources)
            if found is not None:
                return found
            if level.open or qualifier is not None:
                break
        return names.same(name, dict.fromkeys(self._aliases)) or name, None

    def _among(self, name: str, sources: dict[str, str | None]) -> tuple[str, str] | None:
        for table in sources.values():
            if table is None:
                continue
            real = self._known.column(table, name)
            if real is not None:
                return real, table
        return None

    def nullable(self, column: exp.Column) -> bool:
        """Whether a column of the innermost level may give NULL, as far as is known."""
        name, table = self.column(column)
        if table is None or self._joined_outside:
            return True
        return self._known.nullable(table, name)

    def kind(self, column: exp.Column) -> kinds.Kind | None:
        """Return the kind of a column, or None if nobody knows its type."""
        name, table = self.column(column)
        return None if table is None else self.kind_of(table, name)
