"""From rules and the tables that are really there to flows: what goes where, out of which SQL.

How rules are written is the work of `rulebook`, what they do to rows that of `changing`.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
import sqlglot
from sqlglot import exp

from whimbrel import errors, tables
from whimbrel.engines import base, portable
from whimbrel.rows import cleanse
from whimbrel.rows.cleansing import base as cleansing
from whimbrel.transfers import changing, flows, functions, remap, rulebook

_WILD: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What is asked for where a transfer is called, beside its rules.

    `tables` and `exclude` are names of the source's tables or patterns; `where` has a condition
    in the source's SQL by table.
    """

    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)


def accepted(flow: flows.Flow) -> Mapping[str, frozenset[portable.Question]]:
    """Return, by column, the kinds of troublesome values that a flow's rules take care of."""
    return flow.change.accepted() if isinstance(flow.change, changing.Rules) else {}


def made(
    rules: rulebook.Mapping | None,
    catalog: Sequence[tables.Table],
    engine: base.Engine,
    chosen: Chosen | None = None,
) -> tuple[flows.Flow, ...]:
    """Return the flows that rules mean for these tables of the source; raise BadMapping.

    A table that no rule speaks of is a flow of its own, unless the rules leave such out. Flows
    whose keys others refer to come before these, where that can be.
    """
    return _Resolver(rules or rulebook.Mapping(), catalog, engine, chosen or Chosen()).resolved()


class _Resolver:
    def __init__(
        self,
        rules: rulebook.Mapping,
        catalog: Sequence[tables.Table],
        engine: base.Engine,
        chosen: Chosen,
    ) -> None:
        self._rules = rules
        self._tables = {table.name: table for table in catalog}
        self._engine = engine
        self._chosen = chosen
        self._entries = {entry.name: entry for entry in rules.entries}

    def resolved(self) -> tuple[flows.Flow, ...]:
        rules, chosen = self._rules, self._chosen
        meant = self._chosen_names(rules.only, rules.exclude, rules.lines("only"))
        wanted = meant & self._chosen_names(chosen.tables, chosen.exclude, "the command line")
        for old in rules.rename:
            if old not in self._tables:
                raise self._no_table(old, rules.lines("rename"), "the rules rename")
        for name in chosen.where:
            if name not in self._tables:
                raise self._no_table(name, "the command line", "a condition is about")
        sources = {entry.name: self._source(entry) for entry in rules.entries}
        for entry in rules.entries:
            self._check_refers(entry)
            table = sources[entry.name]
            if table is not None and table.name not in meant:
                raise entry.bad(
                    f"are about {table.name}, which only and exclude leave out",
                    remedy="choose the table, too, or take its rules out",
                )
        spoken = {table.name for table in sources.values() if table is not None}
        found = []
        for entry in rules.entries:
            table = sources[entry.name]
            # A join belongs to no one table: it goes unless tables are chosen by name.
            if table.name not in wanted if table is not None else bool(chosen.tables):
                continue
            found.append(self._flow(entry, table))
        for name, table in self._tables.items():
            if name in wanted and name not in spoken and self._rules.rest == "copy":
                plain = rulebook.Entry(name=name, lines=rules.lines)
                found.append(self._flow(plain, table))
        self._check_targets(found)
        self._check_patterns()
        return tuple(_ordered(found))

    # --- which tables ---------------------------------------------------------------------------

    def _chosen_names(
        self, only: Iterable[str], exclude: Iterable[str], place: str | None
    ) -> set[str]:
        only = tuple(only)
        found = {name for one in only for name in self._matching(one, place)}
        if not only:
            found = set(self._tables)
        for one in exclude:
            found -= self._matching(one, place)
        return found

    def _matching(self, pattern: str, place: str | None) -> set[str]:
        if pattern in self._tables:
            return {pattern}
        found = {name for name in self._tables if fnmatch.fnmatchcase(name, pattern)}
        if not found:
            raise self._no_table(pattern, place, "tables are chosen by")
        return found

    def _no_table(self, name: str, place: str | None, what: str) -> errors.BadMapping:
        said = "no table is called so" if not _WILD & set(name) else "it matches no table"
        return errors.BadMapping(
            f"{what} {name!r}, and {said} in the source",
            place=place,
            remedy=cleanse.near(name, tuple(self._tables)),
        )

    def _source(self, entry: rulebook.Entry) -> tables.Table | None:
        if entry.query:
            return None
        name = entry.from_ or entry.name
        if name not in self._tables:
            near = cleanse.near(name, tuple(self._tables))
            raise entry.bad(
                f"are about the table {name!r}, which the source does not have",
                option="from" if entry.from_ else "",
                remedy=near if entry.from_ else f'{near}\nor say where its rows are:  from = "…"',
            )
        return self._tables[name]

    def _check_targets(self, found: Sequence[flows.Flow]) -> None:
        """Refuse two flows into one table that nobody has asked for."""
        first: dict[str, flows.Flow] = {}
        for flow in found:
            said = self._entries.get(flow.name)
            if said is not None and said.into:
                continue
            other = first.setdefault(flow.target.casefold(), flow)
            if other is not flow:
                raise errors.BadMapping(
                    f"{other.name!r} and {flow.name!r} both go into the table {flow.target!r}",
                    place=said.lines("") if said else self._rules.lines("rename"),
                    remedy=f'if that is meant, say it:  into = "{flow.target}"',
                )

    # --- one flow -------------------------------------------------------------------------------

    def _flow(self, entry: rulebook.Entry, table: tables.Table | None) -> flows.Flow:
        if table is None:
            columns = self._of_query(entry)
        else:
            columns = self._of_table(entry, table)
        # Nothing but other names, or less of them: the table goes as it is.
        simple = table is not None and not (entry.compute or entry.constant or entry.makes)
        beside, change = self._change(entry, table, columns)
        names = [one.target for one in columns]
        types = {**entry.makes, **self._key_types(entry), **entry.types}
        for name in types:
            if name not in names:
                raise self._no_column(
                    entry, "types" if name in entry.types else "makes", name, names
                )
        where, left_out = self._where(entry, table)
        source = table.name if table is not None else None
        into = entry.into or self._rules.rename.get(source or "", entry.name)
        drop = [c.name for c in table.columns] if table is not None else []
        for one in columns:
            if one.plain in drop:
                drop.remove(one.plain)
        return flows.Flow(
            name=entry.name,
            target=into,
            table=source,
            query=entry.query,
            key=entry.key,
            columns=() if simple else tuple(columns),
            rename=dict(entry.rename) if simple else {},
            drop=frozenset(drop) if simple else frozenset(),
            types=types,
            where=where,
            left_out=left_out,
            beside=tuple(beside),
            change=change,
        )

    def _no_column(
        self, entry: rulebook.Entry, option: str, name: str, known: Sequence[str], what: str = ""
    ) -> errors.BadMapping:
        renamed = entry.rename.get(name) if option != "rename" else None
        near = f"it is called {renamed} in the target" if renamed else cleanse.near(name, known)
        return entry.bad(
            f"name the column {name!r} in {option}, which {what or 'the target'} does not have",
            option=f"{option}\0{name}",
            remedy=near,
        )

    def _of_table(self, entry: rulebook.Entry, table: tables.Table) -> list[flows.FlowColumn]:
        names = [column.name for column in table.columns]
        for option, said in (("rename", entry.rename), ("drop", entry.drop), ("keep", entry.keep),
                             ("reads", entry.reads)):  # fmt: skip
            for name in said:
                if name not in names:
                    raise self._no_column(entry, option, name, names, table.name)
        made: list[flows.FlowColumn] = []
        for name in names:
            if name in entry.drop or (entry.keep and name not in entry.keep):
                if name in entry.rename:
                    raise entry.bad(
                        f"rename {name!r}, which they also leave out",
                        option="rename",
                        remedy="take it out of rename",
                    )
                continue
            target = entry.rename.get(name, name)
            # What is computed under the name of a column takes its place.
            if target not in (*entry.compute, *entry.constant, *entry.makes):
                expression = self._engine.quote(name)
                made.append(flows.FlowColumn(target=target, expression=expression, plain=name))
        made += [flows.FlowColumn(target=n, expression=sql) for n, sql in entry.compute.items()]
        for name, value in entry.constant.items():
            sql = self._engine.compile(sa.literal(value))
            made.append(flows.FlowColumn(target=name, expression=sql))
        made += [flows.FlowColumn(target=name, expression="") for name in entry.makes]
        if names:  # there are tables without a column, and their rows count
            self._check_columns(entry, made)
        return made

    def _of_query(self, entry: rulebook.Entry) -> list[flows.FlowColumn]:
        try:
            parsed = sqlglot.parse_one(entry.query, dialect=self._engine.dialect)
        except sqlglot.errors.ParseError as error:
            raise errors.BadMapping(
                f"the query of {entry.name!r} is not understood",
                place=entry.lines("query"),
                cause=str(error).splitlines()[0],
                remedy="correct it; it is SQL of the source",
            ) from None
        if not isinstance(parsed, exp.Query):
            raise entry.bad(
                "have a query that is no SELECT", option="query", remedy="write a SELECT"
            )
        names = parsed.named_selects
        if parsed.is_star or not names or not all(names):
            raise entry.bad(
                "have a query whose columns have no names",
                option="query",
                remedy="name each of them:  SELECT a.id, b.name AS customer …",
            )
        made = [
            flows.FlowColumn(target=name, expression=self._engine.quote(name)) for name in names
            if name not in entry.makes
        ]  # fmt: skip
        made += [flows.FlowColumn(target=name, expression="") for name in entry.makes]
        self._check_columns(entry, made)
        for option, said in (("key", entry.key), ("reads", entry.reads)):
            for name in said:
                if name not in names:
                    raise self._no_column(entry, option, name, names, "the query")
        return [one for one in made if one.target not in entry.reads]

    def _check_columns(self, entry: rulebook.Entry, made: Sequence[flows.FlowColumn]) -> None:
        seen: set[str] = set()
        for one in made:
            if one.target.casefold() in seen:
                raise entry.bad(
                    f"give the column {one.target!r} twice",
                    option="rename" if entry.rename else "",
                    remedy="drop one of them, or give it another name",
                )
            seen.add(one.target.casefold())
        if not made:
            raise entry.bad("leave no column", remedy="keep at least one, or exclude the table")

    # --- which rows -----------------------------------------------------------------------------

    def _where(
        self, entry: rulebook.Entry, table: tables.Table | None
    ) -> tuple[str, dict[str, str]]:
        """Return the condition of the rows that go, and those of rows that do not, by reason."""
        if table is None:
            return "", {}
        given = [one for one in (entry.where, self._chosen.where.get(table.name, "")) if one]
        where = " AND ".join(f"({one})" for one in given) if len(given) > 1 else "".join(given)
        left_out = {f"not where {where}": f"NOT ({where}) OR ({where}) IS NULL"} if where else {}
        if entry.deduplicate is None:
            return where, left_out
        kept = self._kept(entry, entry.deduplicate, table, where)
        both = f"({where}) AND {kept}" if where else kept
        copies = f"({where}) AND NOT {kept}" if where else f"NOT {kept}"
        by = ", ".join((*entry.deduplicate.by, *entry.deduplicate.sql))
        return both, {**left_out, f"copies by {by}": copies}

    def _kept(
        self, entry: rulebook.Entry, copies: rulebook.Copies, table: tables.Table, where: str
    ) -> str:
        """Return the condition that holds for one row of all that are copies of each other.

        It is asked of the source, over all of its rows, so that it is the same in every chunk. A
        row with a NULL in what has to be equal is no copy of any other.
        """
        names = [column.name for column in table.columns]
        for option, said in (("by", copies.by), ("order", copies.order)):
            for name in said:
                if name not in names:
                    raise self._no_column(
                        entry, "deduplicate", name, names, f"{table.name}, {option}"
                    )
        if not table.primary_key:
            raise entry.bad(
                f"deduplicate {table.name}, which has no primary key",
                option="deduplicate",
                remedy='write it as a query:  query = "SELECT … FROM (SELECT …, row_number() …"',
            )
        quote = self._engine.quote
        parts = [*map(quote, copies.by), *(f"({sql})" for sql in copies.sql)]
        down = " DESC" if copies.keep == "last" else ""
        # NULL comes last on every engine: a row without a date is not the last one.
        order = [
            term for name in copies.order
            for term in (f"CASE WHEN {quote(name)} IS NULL THEN 1 ELSE 0 END", quote(name) + down)
        ]  # fmt: skip
        order += [quote(name) + down for name in table.primary_key]
        key = ", ".join(map(quote, table.primary_key))
        inside = " AND ".join(f"{part} IS NOT NULL" for part in parts)
        inside += f" AND ({where})" if where else ""
        number = quote("whimbrel_copy")
        ranked = (
            f"SELECT {key} FROM (SELECT {key}, row_number() OVER (PARTITION BY "
            f"{', '.join(parts)} ORDER BY {', '.join(order)}) AS {number} "
            f"FROM {quote(table.name)} WHERE {inside}) AS {quote('whimbrel_copies')} "
            f"WHERE {number} = 1"
        )
        row = key if len(table.primary_key) == 1 else f"({key})"
        nulls = " OR ".join(f"{part} IS NULL" for part in parts)
        return f"({row} IN ({ranked}) OR {nulls})"

    # --- what is done to rows -------------------------------------------------------------------

    def _change(
        self,
        entry: rulebook.Entry,
        table: tables.Table | None,
        columns: Sequence[flows.FlowColumn],
    ) -> tuple[list[flows.FlowColumn], changing.Rules | None]:
        names = [one.target for one in columns]
        for option, said in (("cleanse", entry.cleanse), ("remap", entry.remap),
                             ("refers", entry.refers)):  # fmt: skip
            for name in said:
                if name not in names:
                    raise self._no_column(entry, option, name, names)
        source = table.name if table is not None else entry.name
        rules = {n: (*self._everywhere(source, n), *entry.cleanse.get(n, ())) for n in names}
        beside = list(self._read_beside(entry, table, columns))
        clean: dict[str, tuple[cleansing.Rule, ...]] = {}
        for name, several in rules.items():
            made = []
            for rule, sql, read in changing.derived(several, name):
                made.append(rule)
                if sql:
                    beside.append(flows.FlowColumn(target=read, expression=sql))
            if made:
                clean[name] = tuple(made)
        keys = [self._key(entry, column, how) for column, how in self._maps(entry).items()]
        uuids = {k.column: k.map for k, how in keys if how.kind == "uuid"}
        offsets = {k.column: how.by for k, how in keys if how.kind == "offset"}
        if not (clean or entry.function or keys):
            return beside, None
        return beside, changing.Rules(
            flow=entry.name,
            place=entry.lines(""),
            cleansing=clean,
            function=_loaded(entry.function),
            reads=tuple(one.target for one in beside),
            made=tuple(entry.makes),
            uuids=uuids,
            offsets=offsets,
            keys=tuple(k for k, how in keys if how.kind == "sequence"),
        )

    def _read_beside(
        self,
        entry: rulebook.Entry,
        table: tables.Table | None,
        columns: Sequence[flows.FlowColumn],
    ) -> Iterator[flows.FlowColumn]:
        """Yield the columns that the function reads and that are not written."""
        targets = {one.target: one for one in columns}
        for name in entry.reads:
            own = targets.get(name)
            if own is not None and own.plain != name:
                raise entry.bad(
                    f"read {name!r}, which is the name of another column in the target",
                    option="reads",
                    remedy="give that column another name",
                )
            if own is None:
                plain = name if table is not None else None
                expression = self._engine.quote(name)
                yield flows.FlowColumn(target=name, expression=expression, plain=plain)

    def _everywhere(self, table: str, column: str) -> list[cleansing.Rule]:
        """Return the rules of patterns; where they do not fit a column they are left out."""
        return [
            dataclasses.replace(rule, lenient=bool(_WILD & set(pattern)))
            for pattern, several in self._rules.cleanse.items()
            for rule in several
            if fnmatch.fnmatchcase(f"{table}.{column}", pattern)
        ]

    def _check_patterns(self) -> None:
        every = [
            f"{table.name}.{column.name}"
            for table in self._tables.values() for column in table.columns
        ]  # fmt: skip
        every += [f"{e.name}.{n}" for e in self._rules.entries for n in (*e.makes, *e.compute)]
        every += [f"{e.from_ or e.name}.{n}" for e in self._rules.entries
                  for n in (*e.rename.values(), *e.makes, *e.compute, *e.constant)]  # fmt: skip
        for pattern in self._rules.cleanse:
            if not any(fnmatch.fnmatchcase(one, pattern) for one in every):
                raise errors.BadMapping(
                    f"the transfer {self._rules.name!r} cleanses {pattern!r}, which is no column",
                    place=self._rules.lines("cleanse"),
                    remedy=cleanse.near(pattern, every),
                )

    # --- keys -----------------------------------------------------------------------------------

    def _maps(self, entry: rulebook.Entry) -> dict[str, tuple[rulebook.Entry, rulebook.Remap]]:
        """Return, by column, which flow gives its keys and how."""
        found = {column: (entry, how) for column, how in entry.remap.items()}
        for column, to in entry.refers.items():
            name, _, key = to.rpartition(".")
            other = self._entries[name]
            found[column] = (other, other.remap[key])
        return found

    def _key(
        self, entry: rulebook.Entry, column: str, how: tuple[rulebook.Entry, rulebook.Remap]
    ) -> tuple[remap.KeyUse, rulebook.Remap]:
        giver, kind = how
        assigns = column in entry.remap
        into = entry.into or self._rules.rename.get(entry.from_ or entry.name, entry.name)
        key = column if assigns else entry.refers[column].rpartition(".")[2]
        use = remap.KeyUse(
            column=column,
            map=f"{self._rules.name}/{giver.name}.{key}",
            assigns=assigns,
            counter=f"{self._rules.name}/{into}.{column}" if assigns else "",
            start=kind.start,
        )
        return use, kind

    def _key_types(self, entry: rulebook.Entry) -> dict[str, str]:
        types = {"sequence": "bigint", "uuid": "uuid"}
        return {
            column: self._type_of(giver, entry.refers.get(column, column), types[how.kind])
            for column, (giver, how) in self._maps(entry).items()
            if how.kind in types
        }

    def _type_of(self, giver: rulebook.Entry, key: str, otherwise: str) -> str:
        return giver.types.get(key.rpartition(".")[2], otherwise)

    def _check_refers(self, entry: rulebook.Entry) -> None:
        for column, to in entry.refers.items():
            name, _, key = to.rpartition(".")
            keyed = [f"{one.name}.{k}" for one in self._rules.entries for k in one.remap]
            other = self._entries.get(name)
            if other is None or key not in other.remap:
                raise entry.bad(
                    f"let {column!r} refer to {to!r}, which gets no new keys",
                    option=f"refers\0{column}",
                    remedy=cleanse.near(to, keyed),
                )


def _loaded(function: functions.Function | None) -> functions.Function | None:
    """Return a function that can really be called, before anything is touched."""
    if function is not None:
        function.load()
    return function


def _ordered(found: Sequence[flows.Flow]) -> list[flows.Flow]:
    """Return flows so that those whose keys others refer to come first; cycles stay as they are."""
    givers: dict[str, str] = {}
    for flow in found:
        if isinstance(flow.change, changing.Rules):
            givers |= {use.map: flow.name for use in flow.change.keys if use.assigns}
    placed: list[flows.Flow] = []
    left = list(found)
    while left:
        waiting = {flow.name for flow in left}
        ready = (flow for flow in left if not _needs(flow, givers) & (waiting - {flow.name}))
        placed.append(next(ready, left[0]))
        left.remove(placed[-1])
    return placed


def _needs(flow: flows.Flow, givers: Mapping[str, str]) -> set[str]:
    if not isinstance(flow.change, changing.Rules):
        return set()
    return {givers[use.map] for use in flow.change.keys if not use.assigns and use.map in givers}
