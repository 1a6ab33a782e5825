"""Makes the plan of a transfer: reads both catalogs and the values that are there.

What a plan is, and what follows from it, is in `plan`.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence

from whimbrel import errors, tables
from whimbrel.engines import base, forms, inventory, portable
from whimbrel.proof import sides
from whimbrel.schema import convert, same
from whimbrel.schema import losses as judging
from whimbrel.transfers import flows as flowing
from whimbrel.transfers import reading, replacing
from whimbrel.transfers.plan import (
    Counting,
    Existing,
    Options,
    Place,
    PlannedColumn,
    PlannedFlow,
    TransferPlan,
)


class Planner:
    """Makes the plan of one transfer."""

    def __init__(
        self,
        side: sides.Side,
        target: base.Session,
        flows: Sequence[flowing.Flow],
        source: reading.Source,
        options: Options,
        elsewhere: reading.Elsewhere | None = None,
    ) -> None:
        self._elsewhere = elsewhere
        self._side = side
        self._target = target
        self._flows = flows
        self._source = source
        self._options = options
        self._losses: list[judging.Loss] = []
        self._notes: list[str] = []
        self._left_out: list[convert.NotConverted] = []
        # What tables that are there take, by table and column.
        self._there: dict[tuple[str, str], portable.Offer] = {}
        self._nulls: dict[tuple[str, str], bool] = {}

    def plan(self, *, resuming: bool = False) -> TransferPlan:
        """Return the plan; raise TargetNotEmpty, TableNotFound, ColumnNotFound, UsageError."""
        self._flows = list(self._once(self._flows))
        planned = [self._flow(flow) for flow in self._flows]
        if not resuming:
            self._existing()
        if not self._options.schema or self._options.existing is Existing.FILL:
            self._there = self._known(planned)
        profiles = self._profiles(planned) if self._options.data else {}
        if self._options.schema:
            schema, offers = self._schema(planned, profiles)
        else:
            schema, offers = convert.Schema(tables=()), self._there
        making = self._options.schema and self._options.existing is not Existing.FILL
        drops = self._drops(schema) if making and not resuming else ()
        if self._left_out:
            lost = (*schema.not_converted, *self._left_out)
            schema = dataclasses.replace(schema, not_converted=lost)
        planned = [self._typed(one, offers, profiles.get(one.flow.name, {})) for one in planned]
        if not schema.tables:
            planned = self._levelled(planned)
        self._judge(planned, offers, profiles)
        self._judge_keys(planned, profiles)
        self._judge_there(planned)
        plan = TransferPlan(
            source=_place(self._side.run(lambda seat: seat.session)),
            target=_place(self._target),
            flows=tuple(self._ordered(planned)),
            schema=schema,
            drops=drops,
            counters=tuple(self._counters(planned, schema)),
            losses=(*self._losses, *schema.losses),
            notes=(*self._notes, *schema.notes),
            options=self._options,
        )
        return dataclasses.replace(plan, fingerprint=self._fingerprint(plan))

    def bare(self) -> list[PlannedFlow]:
        """Return the flows with what their columns are, without a look at any value."""
        return [self._flow(flow) for flow in self._once(self._flows)]

    def _once(self, flows: Sequence[flowing.Flow]) -> Iterator[flowing.Flow]:
        """Yield flows so that no row goes twice, where one table's rows are also another's.

        Between databases of one engine each table brings its own rows. Elsewhere a partitioned
        table becomes one plain table, with all its rows, and its partitions none.
        """
        heirs = self._source.heirs
        going = {flow.table for flow in flows}
        for flow in flows:
            parent, partition = heirs.get(flow.table or "", ("", False))
            if partition and parent in going and not self._same_engine:
                self._notes.append(
                    f"{flow.table!r} is a partition: its rows go into the table of {parent!r}"
                )
                continue
            has = [part for child, (of, part) in heirs.items() if of == flow.table]
            if has and flow.table is not None and (self._same_engine or not all(has)):
                own = self._source.engine.own_rows(flow.table)
                where = f"({flow.where}) AND {own}" if flow.where else own
                yield dataclasses.replace(flow, where=where, own_rows=self._same_engine)
            else:
                yield flow

    @property
    def _same_engine(self) -> bool:
        return self._source.answered == self._target.engine.answered_by(self._target)

    # --- what goes where ----------------------------------------------------------------------

    def _flow(self, flow: flowing.Flow) -> PlannedFlow:
        table = self._source.table(flow.table) if flow.table is not None else None
        if flow.columns:
            columns = [self._computed(flow, table, one) for one in flow.columns]
        elif table is not None:
            columns = [
                PlannedColumn(
                    name=flow.rename.get(column.name, column.name),
                    plain=column.name,
                    expression="",
                    found=column,
                    meaning=None,
                )
                for column in table.columns
                if column.name not in flow.drop
            ]
        else:
            raise errors.UsageError(
                f"the query of {flow.name!r} does not say its columns",
                remedy='say them:  columns = {id = "a.id", …}',
            )
        beside = tuple(self._computed(flow, table, one) for one in flow.beside)
        found = [one.found for one in columns]
        where = table or tables.Table(name=flow.name, columns=())
        means = self._side.run(
            lambda seat: reading.meanings(seat, [(where, one) for one in found if one is not None])
        )
        queue = iter(means)
        columns = [
            dataclasses.replace(one, meaning=next(queue)) if one.found is not None else one
            for one in columns
        ]
        rows = self._source.estimates.get(flow.table) if flow.table is not None else None
        rows = rows if flow.rows is None else flow.rows
        return PlannedFlow(
            flow=flow, source=table, columns=tuple(columns), rows=rows, beside=beside
        )

    def _computed(
        self, flow: flowing.Flow, table: tables.Table | None, column: flowing.FlowColumn
    ) -> PlannedColumn:
        if table is not None and column.plain is not None:
            found = table.column(column.plain)
            return PlannedColumn(
                name=column.target, plain=found.name, expression="", found=found, meaning=None
            )
        if not column.expression:
            return PlannedColumn(
                name=column.target, plain=None, expression="", found=None, meaning=None
            )
        asked = table or tables.Table(name=flow.name, columns=())
        described = self._side.run(
            lambda seat: seat.codec.described(asked, column.expression, query=flow.query)
        )
        return PlannedColumn(
            name=column.target,
            plain=None,
            expression=column.expression,
            found=dataclasses.replace(described, name=column.target),
            meaning=None,
        )

    def _ordered(self, planned: Sequence[PlannedFlow]) -> list[PlannedFlow]:
        """Return flows largest first, but those that others refer to before these."""
        place = {id(one): at for at, one in enumerate(planned)}
        return sorted(planned, key=lambda one: (one.level, -(one.rows or 0), place[id(one)]))

    def _levelled(self, planned: Sequence[PlannedFlow]) -> list[PlannedFlow]:
        """Return flows with the order that the foreign keys of tables that are there demand."""
        catalog = self._target.engine.catalog(self._target)
        found = {one.flow.target: catalog.table(one.flow.target) for one in planned}
        needs = {
            name: {key.ref_table for key in table.foreign_keys} & set(found)
            for name, table in found.items()
        }
        levels: dict[str, int] = {}
        while len(levels) < len(needs):
            free = [
                name
                for name, others in needs.items()
                if name not in levels and others - {name} <= set(levels)
            ]
            if not free:
                stuck = sorted(set(needs) - set(levels))
                raise errors.RefusedError(
                    f"these tables refer to each other in a circle: {errors.names(stuck)}",
                    database=self._target.url,
                    left="nothing was written",
                    remedy="drop one of the foreign keys between them, and add it again when "
                    "the rows are there",
                )
            level = len(set(levels.values()))
            levels.update(dict.fromkeys(free, level))
        return [
            dataclasses.replace(
                one,
                level=levels[one.flow.target],
                whole=one.flow.target in needs[one.flow.target],
            )
            for one in planned
        ]

    # --- what the target has ------------------------------------------------------------------

    def _existing(self) -> None:
        """See that tables that are there may be filled, or replaced; raise TargetNotEmpty."""
        found = replacing.Replacing(self._target).tables(flow.target for flow in self._flows)
        there = [name for name in found.values() if name is not None]
        if not self._options.schema or self._options.existing is Existing.FILL:
            missing = [name for name, known in found.items() if known is None]
            if missing and not self._options.schema:
                known = self._target.engine.catalog(self._target).tables()
                raise errors.TableNotFound(missing[0], known=sorted(known))
            full = [name for name in there if self._has_rows(name)]
            if full:
                raise errors.TargetNotEmpty(
                    full,
                    database=self._target.url,
                    why="has rows already",
                    remedy="empty these tables, or choose another target",
                )
        elif there and self._options.existing is Existing.REFUSE:
            raise self._taken_already(there, "tables")

    def _drops(self, schema: convert.Schema) -> tuple[convert.Action, ...]:
        """Return what has to go before; raise TargetNotEmpty if nothing may."""
        look = replacing.Replacing(self._target)
        names = [flow.target for flow in self._flows]
        if self._options.existing is Existing.REPLACE:
            return look.drops(names, schema)
        things = look.things(names, schema)
        if things:
            raise self._taken_already([f"{one.kind.value} {one.name}" for one in things], "things")
        return ()

    def _taken_already(self, names: Sequence[str], what: str) -> errors.TargetNotEmpty:
        tables_ = what == "tables"
        return errors.TargetNotEmpty(
            names,
            database=self._target.url,
            why=f"has such {what} already",
            remedy="choose an empty database; or say what to do with them:\n"
            f"--existing replace   drop these {what}{', with their rows' if tables_ else ''}"
            + ("\n--existing fill      keep them as they are made, if they are empty" * tables_),
        )

    def _has_rows(self, name: str) -> bool:
        quoted = self._target.engine.quote(name)
        return bool(self._target.fetch(f"SELECT 1 FROM {quoted} LIMIT 1"))

    # --- values -------------------------------------------------------------------------------

    def _profiles(self, planned: Sequence[PlannedFlow]) -> dict[str, dict[str, portable.Facts]]:
        """Return the facts of the plain columns, by flow and column of the target."""
        begun = []
        for one in planned:
            if one.source is None:
                continue
            asked: dict[str, frozenset[portable.Question]] = {}
            for column in one.columns:
                if column.plain is not None and column.meaning is not None:
                    questions = self._questions(one, column)
                    asked[column.plain] = asked.get(column.plain, frozenset()) | questions
            begun.append(
                (
                    one,
                    reading.facts(
                        self._side,
                        one.source,
                        asked,
                        where=one.flow.where,
                        rows=one.rows,
                        elsewhere=self._elsewhere,
                    ),
                )
            )
        found = {}
        for one, parts in begun:
            by_source = reading.merged(parts)
            found[one.flow.name] = {
                column.name: by_source[column.plain]
                for column in one.columns
                if column.plain in by_source and column.plain is not None
            }
        return found

    def _questions(self, one: PlannedFlow, column: PlannedColumn) -> frozenset[portable.Question]:
        meaning = column.meaning
        if meaning is None:
            return frozenset()
        if self._same(one) and not self._there:
            return frozenset()
        if one.flow.change is not None and column.name in one.flow.change.replaced:
            return frozenset()
        converter = self._target.engine.converter(self._target)
        key = self._is_key(one, column)
        needs = converter.needs(meaning, key=key)
        offer = self._offer(one, column, portable.Facts(rows=0))
        null = self._takes_null(one, column) if self._there else True
        return judging.asked(meaning, offer.domain, needs=needs, null=null)

    def _takes_null(self, one: PlannedFlow, column: PlannedColumn) -> bool:
        """Whether a column takes NULL: one that is there already, or else the source's."""
        there = self._nulls.get((one.flow.target, column.name))
        if there is not None:
            return there
        return column.found.null if column.found is not None else True

    def _offer(
        self, one: PlannedFlow, column: PlannedColumn, found: portable.Facts
    ) -> portable.Offer:
        there = self._there.get((one.flow.target, column.name))
        if there is not None:
            return there
        converter = self._target.engine.converter(self._target)
        meaning = column.meaning or portable.Meaning(family=forms.Family.TEXT)
        wish = one.flow.types.get(column.name)
        if wish is not None:
            return converter.wished(wish, meaning)
        return converter.offer(
            meaning,
            found,
            table=one.flow.target,
            column=column.name,
            key=self._is_key(one, column),
        )

    def _is_key(self, one: PlannedFlow, column: PlannedColumn) -> bool:
        table = one.source
        if table is None or column.plain is None:
            return False
        indexed = {*table.primary_key}
        for unique in table.uniques:
            indexed |= {*unique.columns}
        for index in table.indexes:
            if index.method not in ("", "hash"):
                continue  # of one engine: it is not made there, and nothing has to fit into it
            indexed |= {part for part in index.columns if isinstance(part, str)}
        for key in table.foreign_keys:
            indexed |= {*key.columns}
        return column.plain in indexed

    def _judge(
        self,
        planned: Sequence[PlannedFlow],
        offers: Mapping[tuple[str, str], portable.Offer],
        profiles: Mapping[str, Mapping[str, portable.Facts]],
    ) -> None:
        for one in planned:
            change = one.flow.change
            accepted = change.accepted() if change is not None else {}
            known = self._counted(one, offers, profiles.get(one.flow.name, {}))
            for column in one.columns:
                offer = offers.get((one.flow.target, column.name))
                found = known.get(column.name)
                if offer is None or column.meaning is None:
                    continue
                if found is None:
                    found = portable.Facts(rows=0 if one.source is not None else one.rows or 0)
                if change is not None and column.name in change.replaced:
                    continue  # none of these values will be there
                self._losses += judging.judge(
                    one.flow.name,
                    column.name,
                    column.meaning,
                    offer,
                    found,
                    null=self._takes_null(one, column),
                    accepted=accepted.get(column.name, frozenset()),
                )

    def _counted(
        self,
        one: PlannedFlow,
        offers: Mapping[tuple[str, str], portable.Offer],
        found: Mapping[str, portable.Facts],
    ) -> Mapping[str, portable.Facts]:
        """Return facts that also say how many values are beyond the limits of their types."""
        table = one.source
        limits = [
            (column.name, column.plain, offers[one.flow.target, column.name].domain)
            for column in one.columns
            if column.plain is not None
            and column.name in found
            and (one.flow.target, column.name) in offers
        ]
        # Of a column that goes twice only one has a name of its own.
        plain = {of: (domain, found[name]) for name, of, domain in limits}
        if table is None or not plain or not any(judging.unfit(*of) for of in plain.values()):
            return found
        known = self._side.run(
            lambda seat: judging.counted(seat.session, table, plain, where=one.flow.where)
        )
        return {**found, **{name: known[of] for name, of, _ in limits}}

    def _judge_keys(
        self,
        planned: Sequence[PlannedFlow],
        profiles: Mapping[str, Mapping[str, portable.Facts]],
    ) -> None:
        """See that rows keep the keys that the target will insist on, where nobody has seen to it.

        Rows that rules change are seen to by the target itself.
        """
        if not self._options.data or self._source.engine.can.trusted_keys:
            return
        going = {one.flow.table for one in planned if not one.flow.where}
        parents = {name: table for name, table in self._source.tables.items() if name in going}
        found = [
            self._side.submit(
                lambda seat, one=one: judging.profile_keys(  # type: ignore[misc]
                    seat.session,
                    one.source,
                    parents=parents,
                    plain=_whole(one, profiles.get(one.flow.name, {})),
                    where=one.flow.where,
                )
            )
            for one in planned
            if one.source is not None and one.flow.change is None
        ]
        for future in found:
            self._losses += future.result()

    def _judge_there(self, planned: Sequence[PlannedFlow]) -> None:
        """See that rows keep the unique keys of tables that are there already.

        Where several flows enter a table, or rules change keys, the target itself sees to it.
        """
        if not self._there or not self._options.data:
            return
        catalog = self._target.engine.catalog(self._target)
        converter = self._target.engine.converter(self._target)
        into = [one.flow.target for one in planned]
        for one in planned:
            table, change = one.source, one.flow.change
            if table is None or into.count(one.flow.target) > 1:
                continue
            target = catalog.table(one.flow.target)
            plain = {
                column.name: column.plain
                for column in one.columns
                if column.plain is not None and (change is None or change.keeps(column.name))
            }
            same = {
                column.name: converter.sameness(converter.meaning(target, column))
                for column in target.columns
            }
            copies = functools.partial(
                judging.profile_copies,
                table=table,
                target=target,
                plain=plain,
                same=same,
                where=one.flow.where,
            )
            self._losses += map(self._room, self._side.run(lambda seat: copies(seat.session)))  # noqa: B023

    def _room(self, loss: judging.Loss) -> judging.Loss:
        """Return a loss of whole rows, taken where so many may be put aside."""
        if loss.rows is None or loss.rows > self._options.max_rejects:
            return loss
        return dataclasses.replace(
            loss,
            verdict=judging.Verdict.ACCEPTED,
            says=f"{loss.says}; they will be put aside",
            remedy="",
        )

    # --- the schema ---------------------------------------------------------------------------

    def _same(self, one: PlannedFlow) -> bool:
        """Whether a table goes to the same engine as it is, by the server's own words."""
        if not self._same_engine:
            return False
        flow = one.flow
        return (
            flow.table is not None
            and flow.table == flow.target
            and not (flow.columns or flow.rename or flow.drop or flow.types)
        )

    def _schema(
        self,
        planned: Sequence[PlannedFlow],
        profiles: Mapping[str, Mapping[str, portable.Facts]],
    ) -> tuple[convert.Schema, dict[tuple[str, str], portable.Offer]]:
        offers: dict[tuple[str, str], portable.Offer] = {}
        if self._options.existing is Existing.FILL:
            return convert.Schema(tables=()), self._there
        if all(self._same(one) for one in planned):
            return self._copied(planned), offers
        meanings: dict[tuple[str, str], portable.Meaning] = {}
        wanted: list[convert.Wanted] = []
        for one in planned:
            facts = profiles.get(one.flow.name, {})
            for column in one.columns:
                found = facts.get(column.name, portable.Facts(rows=one.rows or 0))
                place = (one.flow.target, column.name)
                offers[place] = self._offer(one, column, found)
                if column.meaning is not None:
                    meanings[place] = column.meaning
            if any(other.target == one.flow.target for other in wanted):
                continue  # a second flow into a table that is made for the first
            wanted.append(self._wanted(one))
        schema = convert.convert(
            wanted,
            source=self._side.run(lambda seat: seat.engine),
            target=self._target.engine,
            meanings=meanings,
            offers=offers,
            things=self._things(planned),
            builder=self._target.engine.builder(self._target),
            database=self._side.run(lambda seat: seat.session.connection.engine.url.database),
            taken=self._taken(planned),
        )
        return schema, {**offers, **schema.offers}

    def _taken(self, planned: Sequence[PlannedFlow]) -> list[str]:
        """Return names that the target has already, beside the tables that are made or dropped."""
        going = {one.flow.target.casefold() for one in planned}
        catalog = self._target.engine.catalog(self._target)
        return [name for name in catalog.tables() if name.casefold() not in going]

    def _wanted(self, one: PlannedFlow) -> convert.Wanted:
        source = one.source or tables.Table(
            name=one.flow.name,
            columns=tuple(c.found for c in one.columns if c.found is not None),
        )
        return convert.Wanted(
            source=source,
            target=one.flow.target,
            columns=tuple(
                convert.WantedColumn(
                    name=column.name,
                    source=column.plain,
                    found=column.found,
                    type=one.flow.types.get(column.name),
                )
                for column in one.columns
            ),
        )

    def _things(self, planned: Sequence[PlannedFlow]) -> list[inventory.Thing]:
        """Return what belongs to the tables that go, and what belongs to none."""
        going = {one.flow.table for one in planned}
        known = self._source.things
        lacks = {name: name for name in set(self._source.tables) - going}
        left_out: dict[int, str] = {}
        # What needs a thing that is left out is left out, too.
        while found := [
            (at, next(name for name in one.needs if name in lacks))
            for at, one in enumerate(known)
            if at not in left_out and one.table not in going and lacks.keys() & set(one.needs)
        ]:
            for at, name in found:
                left_out[at] = lacks[name]
                if known[at].table is None:
                    lacks.setdefault(known[at].name, lacks[name])
        self._left_out = [
            convert.NotConverted(
                kind=known[at].kind.value,
                name=known[at].name,
                table=known[at].table,
                why=f"it needs the table {lack!r}, which is not moved",
                text=known[at].sql,
            )
            for at, lack in left_out.items()
            if known[at].table not in self._source.tables
        ]
        return [
            one
            for at, one in enumerate(known)
            if at not in left_out and (one.table in going or one.table not in self._source.tables)
        ]

    def _copied(self, planned: Sequence[PlannedFlow]) -> convert.Schema:
        """Return the schema in the server's own words."""
        names = [one.flow.target for one in planned]
        texts = self._side.run(
            lambda seat: {name: seat.engine.inventory(seat.session).text(name) for name in names}
        )
        known = {one.flow.target: one.source for one in planned if one.source is not None}
        counting: dict[str, list[str]] = {}
        for one in self._source.counters:
            if one.table in known and one.column is not None:
                counting.setdefault(one.table, []).append(one.column)
        return same.copy_schema(texts, self._things(planned), tables=known, counters=counting)

    def _known(self, planned: Sequence[PlannedFlow]) -> dict[tuple[str, str], portable.Offer]:
        """Return what the columns of tables that are there take."""
        catalog = self._target.engine.catalog(self._target)
        converter = self._target.engine.converter(self._target)
        offers = {}
        for one in planned:
            table = catalog.table(one.flow.target)
            self._see_given(one, table)
            for column in one.columns:
                found = table.column(column.name)
                self._nulls[one.flow.target, column.name] = found.null
                meaning = column.meaning or converter.meaning(table, found)
                offers[one.flow.target, column.name] = converter.wished(found.type, meaning)
        return offers

    def _see_given(self, one: PlannedFlow, table: tables.Table) -> None:
        """See that every column that has to have a value is given one."""
        given = {column.name for column in one.columns}
        for column in table.columns:
            by_itself = column.auto_increment or column.generated or column.default is not None
            # A key of one column may number its rows by itself.
            if column.name in given or column.null or by_itself or column.name in table.primary_key:
                continue
            self._losses.append(
                judging.Loss(
                    table=one.flow.name,
                    column=column.name,
                    what="no value",
                    verdict=judging.Verdict.REFUSED,
                    says=f"{table.name}.{column.name} has to have a value, and is given none",
                    remedy=f'say by a rule what does:  columns = {{ {column.name} = "…" }}\n'
                    "or let the column take NULL, or give it a default",
                )
            )

    def _typed(
        self,
        one: PlannedFlow,
        offers: Mapping[tuple[str, str], portable.Offer],
        facts: Mapping[str, portable.Facts],
    ) -> PlannedFlow:
        columns = tuple(
            dataclasses.replace(column, type=offers[one.flow.target, column.name].type)
            if (one.flow.target, column.name) in offers
            else dataclasses.replace(column, type=column.found.type if column.found else "")
            for column in one.columns
        )
        proven = tuple(
            dataclasses.replace(column, proof=facts[column.name].plain)
            if column.name in facts
            else column
            for column in columns
        )
        return dataclasses.replace(one, columns=proven, looked=self._side.snapshot.position)

    def _counters(
        self, planned: Sequence[PlannedFlow], schema: convert.Schema
    ) -> Iterator[Counting]:
        known = {
            (one.table, one.column): one for one in self._source.counters if one.table is not None
        }
        same = all(self._same(one) for one in planned)
        counting = {(made.target.name, name) for made in schema.tables for name in made.counters}
        for one in planned:
            for column in one.columns:
                found = known.get((one.flow.table or "", column.plain))
                place = (one.flow.target, column.name)
                if place in counting or (same and found is not None):
                    yield Counting(
                        table=one.flow.target,
                        column=column.name,
                        next=found.next if found is not None else None,
                        sequence=found.sequence if found is not None and same else None,
                        increment=found.increment if found is not None else 1,
                    )
        if same:
            for free in self._source.counters:
                if free.table is None and free.sequence is not None:
                    yield Counting(
                        table="", column=None, next=free.next, sequence=free.sequence,
                        increment=free.increment,
                    )  # fmt: skip

    # --- which transfer this is ---------------------------------------------------------------

    def _fingerprint(self, plan: TransferPlan) -> str:
        """Return what tells this transfer from another: where from, which rows, into what."""
        digest = hashlib.sha256()
        parts: list[object] = [self._source.place or self._source.identity]
        for one in sorted(plan.flows, key=lambda one: one.flow.name):
            parts += [one.flow.name, one.flow.table, one.flow.query, one.flow.target]
            parts += [one.flow.where, sorted(one.flow.types.items())]
            parts += [one.flow.mark] if one.flow.mark else []
            parts += [(c.name, c.plain, c.expression) for c in one.columns]
        parts += [self._options.schema, self._options.data]
        digest.update(repr(parts).encode())
        return digest.hexdigest()


def _whole(one: PlannedFlow, facts: Mapping[str, portable.Facts]) -> frozenset[str]:
    """Return columns of the source that are known to have whole numbers alone."""
    return frozenset(
        column.plain
        for column in one.columns
        if column.plain is not None
        and column.name in facts
        and {kind for kind, many in facts[column.name].kinds.items() if many} == {"integer"}
    )


def _place(session: base.Session) -> Place:
    engine = session.engine
    return Place(
        url=session.url,
        engine=engine.answered_by(session),
        title=engine.title,
        version=engine.version(session),
    )
