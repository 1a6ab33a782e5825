"""What the mirrors of all engines share: expressions over a row, names, who writes what.

No SQL of one engine is here, and nothing is sent. Triggers are the work of the engines' folders.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from whimbrel import tables
from whimbrel.engines import mirrors

if TYPE_CHECKING:
    from sqlglot import exp

Quote = Callable[[str], str]

# What gives another value each time that it is asked, or in each session: it cannot be compared.
_UNSTEADY: Final = re.compile(
    r"\b(random|rand|randomblob|gen_random_uuid|uuid|uuid_generate_v[14]|uuid_short|nextval"
    r"|clock_timestamp|statement_timestamp|timeofday|now|sysdate|unix_timestamp|last_insert_id"
    r"|last_insert_rowid|changes|total_changes|txid_current|pg_backend_pid|connection_id"
    r"|row_number)\s*\("
    r"|\b(current_timestamp|current_date|current_time|localtimestamp|localtime|current_user"
    r"|session_user|user\s*\(\s*\)|utc_timestamp|utc_date|curdate|curtime)\b"
    r"|'now'",
    re.IGNORECASE,
)
# What differs from statement to statement, but not within one: a default can still be told.
_MOMENT: Final = re.compile(
    r"^\(*\s*(now\s*\(\s*\d?\s*\)|current_timestamp(\s*\(\s*\d?\s*\))?|current_date(\s*\(\s*\))?"
    r"|current_time|localtimestamp|transaction_timestamp\s*\(\s*\)|curdate\s*\(\s*\))\s*\)*$",
    re.IGNORECASE,
)
_LITERALS: Final = re.compile(
    r"\$(?P<tag>\w*)\$.*?(\$(?P=tag)\$|\Z)|[eExXbBnN]?'(?:[^'\\]|''|\\.)*('|\Z)"
    r"|(?<![\w$\"])\d[\w.]*|--[^\n]*|/\*.*?(\*/|\Z)",
    re.DOTALL,
)
_SHOWN_CHARACTERS: Final = 100


class NotUnderstood(Exception):
    """An expression is not one over the columns of one row; the text says why."""


# --- expressions ----------------------------------------------------------------------------------


@functools.lru_cache(maxsize=512)
def _places(sql: str, dialect: str, columns: tuple[str, ...]) -> tuple[tuple[int, int, str], ...]:
    """Return where a column is named, and which: start, end (exclusive), the column's own name."""
    import sqlglot
    from sqlglot import errors, exp

    try:
        tree = sqlglot.parse_one(sql, read=dialect)
    except errors.SqlglotError as error:
        raise NotUnderstood(f"{sql!r} is not understood: {error}".splitlines()[0]) from None
    if any(tree.find_all(exp.Select, exp.Subquery, exp.Window, exp.AggFunc)):
        raise NotUnderstood(f"{sql!r} reads more than one row")
    found: list[tuple[int, int, str]] = []
    for column in tree.find_all(exp.Column):
        name = _known(column, columns)
        if name is None:
            continue
        meta = column.this.meta
        if "start" not in meta:
            raise NotUnderstood(f"it is not clear where {sql!r} names {name}")
        found.append((int(meta["start"]), int(meta["end"]) + 1, name))
    return tuple(sorted(found))


def _known(column: exp.Column, columns: Sequence[str]) -> str | None:
    """Return the column of the table that is meant, None for another word."""
    if column.args.get("table") is not None:
        raise NotUnderstood(f"{column.sql()!r} names a table; columns are named barely")
    spelled = str(column.this.name)
    if spelled in columns:
        return spelled
    folded = [name for name in columns if name.lower() == spelled.lower()]
    return folded[0] if len(folded) == 1 else None


def over(sql: str, *, columns: Sequence[str], row: str, quote: Quote, dialect: str) -> str:
    """Return an expression with a row (NEW, OLD, an alias) before each column that it names.

    Everything else stays as it was written. Raises NotUnderstood.
    """
    pieces: list[str] = []
    done = 0
    for start, end, name in _places(sql, dialect, tuple(columns)):
        pieces += [sql[done:start], f"{row}.{quote(name)}"]
        done = end
    return "".join([*pieces, sql[done:]])


def reads(sql: str, *, columns: Sequence[str], dialect: str) -> frozenset[str]:
    """Return the columns that an expression names; raise NotUnderstood."""
    return frozenset(name for _, _, name in _places(sql, dialect, tuple(columns)))


def plain(sql: str, *, columns: Sequence[str], dialect: str) -> str | None:
    """Return the column that an expression is, None if it is more than one column's name.

    Parentheses around it change nothing.
    """
    places = _places(sql, dialect, tuple(columns))
    if len(places) != 1:
        return None
    start, end, name = places[0]
    around = "".join((sql[:start] + sql[end:]).split())
    depth = len(around) // 2
    return name if around == "(" * depth + ")" * depth else None


def unsteady(sql: str) -> str | None:
    """Return what of an expression gives another value at another time, None if nothing does."""
    found = _UNSTEADY.search(sql)
    return found.group().rstrip(" (") if found else None


def is_moment(default: str) -> bool:
    """Whether a default is the time of the statement, which is the same within it."""
    return bool(_MOMENT.match(default.strip()))


def masked(query: str) -> str:
    """Return the beginning of a query on one line, without its literals and comments."""
    return " ".join(_LITERALS.sub("…", query).split())[:_SHOWN_CHARACTERS]


# --- which way ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction: rows of `source` make those of `target`.

    `key` pairs columns of both with the expression (over the source) that the target's one is.
    `values` has, for each other column of the target that is written, its expression.
    """

    source: tables.Table
    target: tables.Table
    key: tuple[tuple[str, str, str], ...]
    values: Mapping[str, str]
    dialect: str
    quote: Quote

    @property
    def source_columns(self) -> tuple[str, ...]:
        """Return the names of the source's columns."""
        return tuple(column.name for column in self.source.columns)

    @property
    def source_key(self) -> tuple[str, ...]:
        """Return the key of the source."""
        return tuple(one for one, _, _ in self.key)

    @property
    def target_key(self) -> tuple[str, ...]:
        """Return the key of the target."""
        return tuple(two for _, two, _ in self.key)

    @property
    def written(self) -> tuple[str, ...]:
        """Return the columns of the target that are written, the key first."""
        return (*self.target_key, *self.values)

    def expression(self, column: str, row: str) -> str:
        """Return what a column of the target is, over a row of the source; raise NotUnderstood."""
        sql = {two: said for _, two, said in self.key}.get(column)
        return self.over(self.values[column] if sql is None else sql, row)

    def over(self, sql: str, row: str) -> str:
        """Return an expression over a row of the source; raise NotUnderstood."""
        return over(
            sql, columns=self.source_columns, row=row, quote=self.quote, dialect=self.dialect
        )

    @property
    def inputs(self) -> frozenset[str]:
        """Return the columns of the source that what is written is made of, the key with them."""
        said = [*self.values.values(), *(said for _, _, said in self.key)]
        found = (reads(s, columns=self.source_columns, dialect=self.dialect) for s in said)
        return frozenset().union(*found)

    def copies(self, column: str) -> str | None:
        """Return the column of the source that one of the target is a copy of, if it is one."""
        said = {two: sql for _, two, sql in self.key}
        sql = self.values.get(column, said.get(column))
        if sql is None:
            return None
        return plain(sql, columns=self.source_columns, dialect=self.dialect)

    def keys_only(self, condition: str) -> str | None:
        """Return a condition over the source's key as one over the target's; None if it is not.

        Only where the key of one is a copy of the other's.
        """
        pairs = {one: two for one, two, _ in self.key}
        copied = all(self.copies(two) == one for one, two in pairs.items())
        try:
            places = _places(condition, self.dialect, self.source_columns)
        except NotUnderstood:
            return None
        if not copied or any(name not in pairs for _, _, name in places):
            return None
        pieces: list[str] = []
        done = 0
        for start, end, name in places:
            pieces += [condition[done:start], self.quote(pairs[name])]
            done = end
        return "".join([*pieces, condition[done:]])


def forward(shape: mirrors.Shape, *, dialect: str, quote: Quote) -> Way:
    """Return how rows of the old shape make those of the new one."""
    return _way(shape.old, shape.new, shape.key, shape.up, dialect=dialect, quote=quote)


def backward(shape: mirrors.Shape, *, dialect: str, quote: Quote) -> Way:
    """Return how rows of the new shape make those of the old one."""
    turned = tuple((new, old) for old, new in shape.key)
    return _way(shape.new, shape.old, turned, shape.down, dialect=dialect, quote=quote)


def _way(
    source: tables.Table,
    target: tables.Table,
    key: Iterable[tuple[str, str]],
    said: Mapping[str, str],
    *,
    dialect: str,
    quote: Quote,
) -> Way:
    pairs = tuple((one, two, said.get(two, quote(one))) for one, two in key)
    names = {two for _, two, _ in pairs}
    computed = {column.name for column in target.columns if column.generated is not None}
    return Way(
        source=source,
        target=target,
        key=pairs,
        values={c: sql for c, sql in said.items() if c not in names and c not in computed},
        dialect=dialect,
        quote=quote,
    )


def may_fail(way: Way) -> bool:
    """Whether the target could refuse what the source takes.

    It cannot where every column is a copy of one of the same type, and the target has no rule of
    its own: no NOT NULL, unique key, check or foreign key without its like in the source.
    """
    try:
        copies = {column: way.copies(column) for column in way.written}
    except NotUnderstood:
        return True
    for column, one in copies.items():
        if one is None:
            return True
        found, from_ = way.target.column(column), way.source.column(one)
        if found.type.lower() != from_.type.lower() or found.collation != from_.collation:
            return True
        if not found.null and from_.null:
            return True
    left_out = [c for c in way.target.columns if c.name not in copies and c.generated is None]
    if any(not c.null and c.default is None and not c.auto_increment for c in left_out):
        return True
    if way.target.checks or way.target.foreign_keys:
        return True  # whether the source has the same one is more than a text tells
    unique = [set(u.columns) for u in way.target.uniques]
    unique += [{str(c) for c in i.columns} for i in way.target.indexes if i.unique]
    unique += [set(way.target.primary_key)]
    return any(columns - set(way.target_key) for columns in unique)


# --- what stands in the way -----------------------------------------------------------------------


def common_obstacles(shape: mirrors.Shape, *, dialect: str, quote: Quote) -> list[mirrors.Obstacle]:
    """Return what no engine could keep in step."""
    found: list[mirrors.Obstacle] = []
    if not shape.key:
        found.append(
            mirrors.Obstacle(
                slug="not-mirrored",
                what=f"{shape.old.name} has no key that tells its rows apart",
                remedy="give it a primary key in a migration before this one",
                object=shape.old.name,
            )
        )
    ways = {
        "up": forward(shape, dialect=dialect, quote=quote),
        "down": backward(shape, dialect=dialect, quote=quote),
    }
    for name, way in ways.items():
        for column in way.written:
            sql = way.values.get(column, "")
            try:
                way.expression(column, "NEW")
            except NotUnderstood as no:
                found.append(_expression(shape, name, column, str(no)))
                continue
            if sql and (what := unsteady(sql)):
                why = f"{what} gives another value each time, so that nobody could compare"
                found.append(_expression(shape, name, column, why))
    if shape.mode is not mirrors.Mode.COLUMNS:
        found += [
            mirrors.Obstacle(
                slug="not-mirrored",
                what=f"{table.name} has the foreign key ({', '.join(key.columns)}) "
                f"to {key.ref_table}, and {other.name} has not",
                remedy="add or remove foreign keys in a migration of their own",
                object=table.name,
            )
            for table, other, key in unpaired_foreign_keys(shape, ways["up"])
        ]
    return found


def _expression(shape: mirrors.Shape, way: str, column: str, why: str) -> mirrors.Obstacle:
    return mirrors.Obstacle(
        slug="not-mirrored",
        what=f"what {column} becomes ({way}) cannot be kept in step by triggers: {why}",
        remedy="write an expression over the columns of one row that always gives the same",
        object=f"{shape.old.name}.{column}",
    )


def unpaired_foreign_keys(
    shape: mirrors.Shape, way: Way
) -> list[tuple[tables.Table, tables.Table, tables.ForeignKey]]:
    """Return the foreign keys that one of two tables has alone: table, the other one, key.

    One that only the other side has would let a statement fail that nobody wrote for it, or would
    take rows away on one side. In BESIDE both tables keep what is theirs.
    """
    if shape.mode is not mirrors.Mode.TABLE:
        return []
    own = {shape.old.name, shape.new.name, shape.parked}
    turned: dict[str, str] = {}
    for column in way.written:
        try:
            one = way.copies(column)
        except NotUnderstood:
            one = None
        # A key of a wider type refers to the same rows: any expression over one column is taken.
        if one is None:
            sql = way.values.get(column, "")
            named = _or_nothing(sql, way)
            one = next(iter(named)) if len(named) == 1 else None
        if one is not None:
            turned[one] = column

    def said(key: tables.ForeignKey, names: Mapping[str, str]) -> tuple[object, ...]:
        to = "" if key.ref_table in own else key.ref_table
        columns = tuple(names.get(column, column) for column in key.columns)
        refers = tuple(names.get(c, c) for c in key.ref_columns) if not to else key.ref_columns
        return (columns, to, refers, key.on_delete or "", key.on_update or "")

    straight = {column: column for column in turned.values()}
    old = {said(key, turned): key for key in shape.old.foreign_keys}
    new = {said(key, straight): key for key in shape.new.foreign_keys}
    return [
        *((shape.old, shape.new, key) for what, key in old.items() if what not in new),
        *((shape.new, shape.old, key) for what, key in new.items() if what not in old),
    ]


def _or_nothing(sql: str, way: Way) -> frozenset[str]:
    try:
        return reads(sql, columns=way.source_columns, dialect=way.dialect)
    except NotUnderstood:
        return frozenset()


# --- names ----------------------------------------------------------------------------------------


def name(shape: mirrors.Shape, part: str) -> str:
    """Return the name of a part of a mirror: of a trigger, a function, a table of ours."""
    return f"whimbrel_{shape.tag}_{part}"


def sides(shape: mirrors.Shape, *, swapped: bool) -> tuple[str, str]:
    """Return what the tables of the old and of the new shape are called now."""
    if swapped and shape.mode is mirrors.Mode.TABLE:
        return shape.parked, shape.old.name
    return shape.old.name, shape.new.name
