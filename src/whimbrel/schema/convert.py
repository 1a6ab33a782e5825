"""The whole schema of one database, made again on another engine, and a list of what is not.

Nothing is sent: a plan is a value. What an engine can say and how is the work of its builder
(`engines/*/building`), which type a column gets that of the converters; here is what becomes of
each part of the source. Between two databases of one engine, `same` keeps the server's own texts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from whimbrel import errors
from whimbrel import tables as shapes
from whimbrel.engines import base, building, portable
from whimbrel.engines.inventory import Kind, Thing
from whimbrel.schema import columns, expressions, keys, naming, views
from whimbrel.schema.losses import Loss
from whimbrel.schema.made import (
    Action,
    MadeTable,
    NotConverted,
    Schema,
    Wanted,
    WantedColumn,
    refused,
)

__all__ = [
    "Action",
    "MadeTable",
    "NotConverted",
    "Schema",
    "Wanted",
    "WantedColumn",
    "agreed_offers",
    "convert",
    "refused",
]

Offers = Mapping[tuple[str, str], portable.Offer]
Meanings = Mapping[tuple[str, str], portable.Meaning]


def agreed_offers(
    wanted: Sequence[Wanted], offers: Offers, builder: building.Builder
) -> tuple[dict[tuple[str, str], portable.Offer], list[Loss]]:
    """Return the offers with which both ends of each foreign key can be compared."""
    return keys.agreed(wanted, offers, builder)


def convert(
    wanted: Sequence[Wanted],
    *,
    source: base.Engine,
    target: base.Engine,
    meanings: Meanings,
    offers: Offers,
    things: Sequence[Thing],
    builder: building.Builder | None = None,
    database: str | None = None,
    taken: Collection[str] = (),
) -> Schema:
    """Return everything that makes the tables on the target.

    `meanings` and `offers` are those of the target's columns, by (target's table, column).
    `builder` is the target's for the session that will make it (without one: for the oldest
    server), `database` what the source calls its own database in the text of its views, `taken`
    names that the target has already. Raises RefusedError where the target cannot have a name.
    """
    ordered = sorted(wanted, key=lambda one: one.target)
    build = builder or target.builder()
    naming.check(build, [(one.target, [c.name for c in one.columns]) for one in ordered])
    _check_columns(build, ordered)
    agreed, widened = keys.agreed(ordered, offers, build)
    lookup = expressions.Lookup(
        wanted=_alone(ordered),
        types={place: offer.type for place, offer in agreed.items()},
    )
    writer = expressions.Writer(
        read=source.dialect, write=target.dialect, lookup=lookup, builder=build, offers=agreed
    )
    by_columns = columns.Columns(
        source=source.builder(), target=build, writer=writer, meanings=meanings, offers=agreed
    )
    beside = [one.target for one in ordered] + [t.name for t in things if t.kind is Kind.VIEW]
    by_keys = keys.Keys(
        target=build,
        source=source.builder(),
        writer=writer,
        names=naming.Names(build, beside, taken),
        offers=agreed,
    )
    shapes_ = _tables(ordered, by_columns, by_keys, lookup)
    by_views = views.Views(target=build, writer=writer, database=database)
    comments = [action for _, table in shapes_ for action in _comments(build, table)]
    last = (*comments, *by_views.actions(things))
    lost = [*by_columns.not_converted, *by_keys.not_converted, *by_views.not_converted]
    lost += views.others(things, ordered, lost)
    types: set[str] = set()
    return Schema(
        tables=tuple(_made(build, one, table, agreed, types) for one, table in shapes_),
        last=last,
        losses=(*widened, *by_columns.losses),
        not_converted=tuple(dict.fromkeys(lost)),
        notes=tuple(dict.fromkeys([*by_keys.names.notes, *by_keys.notes, *writer.notes])),
        offers=agreed,
    )


def _check_columns(build: building.Builder, wanted: Sequence[Wanted]) -> None:
    bare = [one.target for one in wanted if not one.columns]
    if bare and not build.bare_tables:
        raise errors.RefusedError(
            f"{build.title} has no tables without columns",
            object=", ".join(bare),
            left="nothing was changed",
            remedy=f"leave them out:  --exclude {','.join(bare)}",
        )


def _alone(wanted: Sequence[Wanted]) -> dict[str, Wanted]:
    """Return tables by the source's name, without those that become several."""
    names = [one.source.name for one in wanted]
    return {one.source.name: one for one in wanted if names.count(one.source.name) == 1}


def _tables(
    wanted: Sequence[Wanted],
    by_columns: columns.Columns,
    by_keys: keys.Keys,
    lookup: expressions.Lookup,
) -> list[tuple[Wanted, shapes.Table]]:
    found: list[tuple[Wanted, shapes.Table]] = []
    nullable: dict[tuple[str, str], bool] = {}
    lookup.nullable_columns = nullable
    for one in wanted:
        table = shapes.Table(name=one.target, columns=by_columns.of(one))
        nullable.update({(one.target, c.name): c.null for c in table.columns})
        table = table.replace(comment=by_columns.table_comment(one))
        table = by_columns.counted(one, by_keys.kept(one, table))
        found.append((one, table.replace(checks=by_keys.checks(one, table))))
    alone = _alone(wanted)
    everything = {one.source.name: (one, table) for one, table in found if one.source.name in alone}
    return [
        (one, table.replace(foreign_keys=by_keys.foreign_keys(one, table, everything)))
        for one, table in found
    ]


def _made(
    build: building.Builder,
    wanted: Wanted,
    table: shapes.Table,
    offers: Offers,
    types: set[str],
) -> MadeTable:
    before = []
    for column in table.columns:
        for name, sql in offers[table.name, column.name].creates:
            if name not in types:
                types.add(name)
                statement = base.Statement(sql=sql)
                before.append(
                    Action(kind="type", table=table.name, name=name, statements=(statement,))
                )
    before.append(
        Action(
            kind="table",
            table=table.name,
            name=table.name,
            statements=tuple(base.Statement(sql=sql) for sql in build.create(table)),
        )
    )
    return MadeTable(
        source=wanted.source.name,
        target=table,
        before=tuple(before),
        after=_actions(table, build.later(table)),
        foreign_keys=_actions(table, build.foreign_keys(table)),
        validate=_actions(table, build.validate(table), repeatable=True),
        counters=tuple(c.name for c in table.columns if c.auto_increment),
    )


def _actions(
    table: shapes.Table, steps: Sequence[building.Step], *, repeatable: bool = False
) -> tuple[Action, ...]:
    return tuple(
        Action(
            kind=step.kind,
            table=table.name,
            name=", ".join(step.names),
            names=step.names,
            statements=_statements(step),
            repeatable=repeatable,
        )
        for step in steps
    )


def _statements(step: building.Step) -> tuple[base.Statement, ...]:
    if not step.otherwise:
        return tuple(base.Statement(sql=sql) for sql in step.statements)
    *first, question = step.statements
    asked = base.Statement(sql=question, must_be=0, otherwise=step.otherwise)
    return (*(base.Statement(sql=sql) for sql in first), asked)


def _comments(build: building.Builder, table: shapes.Table) -> list[Action]:
    said = build.comments(table)
    if not said:
        return []
    statements = tuple(base.Statement(sql=sql) for sql in said)
    return [
        Action(
            kind="comment",
            table=table.name,
            name=table.name,
            statements=statements,
            repeatable=True,
        )
    ]
