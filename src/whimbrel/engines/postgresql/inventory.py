"""What a PostgreSQL database contains beside its tables, how far its sequences have counted.

Only the current schema is looked at; of every other one a single line says how much is in it, so
that it can be named as not moved. What belongs to an extension comes with the extension. Roles,
rights and owners are the server's, not the database's: they are named, never made again, and
neither are tablespaces, large objects and what is written in C. How an object is written down is
said in `objects`, `attached` and `named`, a table in `tabletext`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final, cast

from whimbrel.engines import base, inventory
from whimbrel.engines.inventory import Kind
from whimbrel.engines.postgresql import attached, named, needs, objects, tabletext

# Everything, in an order that is right but for what needs something further behind.
_QUERIES: Final = (
    (Kind.EXTENSION, objects.EXTENSIONS),
    (Kind.COLLATION, objects.COLLATIONS),
    (Kind.TYPE, objects.ENUMS),
    (Kind.TYPE, objects.COMPOSITES),
    (Kind.TYPE, objects.RANGES),
    (Kind.TYPE, objects.BASE_TYPES),
    (Kind.DOMAIN, objects.DOMAINS),
    (Kind.SEQUENCE, objects.SEQUENCES),
    (Kind.ROUTINE, objects.ROUTINES),
    (Kind.VIEW, objects.VIEWS),
    (Kind.MATERIALIZED_VIEW, objects.MATERIALIZED_VIEWS),
    (Kind.PARTITION, attached.PARTITIONED),
    (Kind.PARTITION, attached.CHILDREN),
    (Kind.TABLE_OPTION, attached.TABLE_OPTIONS),
    (Kind.CONSTRAINT, attached.CONSTRAINTS),
    (Kind.INDEX, attached.INDEXES),
    (Kind.RULE, attached.scoped(attached.RULES, attached.EVERYWHERE)),
    (Kind.TRIGGER, attached.scoped(attached.TRIGGERS, attached.EVERYWHERE)),
    (Kind.POLICY, attached.scoped(attached.POLICIES, attached.EVERYWHERE)),
    (Kind.TRIGGER, objects.EVENT_TRIGGERS),
    (Kind.OTHER, named.FOREIGN_TABLES),
    (Kind.OTHER, named.OTHERS),
    (Kind.OTHER, named.SUBSCRIPTIONS),
    (Kind.OTHER, named.LARGE_OBJECTS),
    (Kind.PRIVILEGE, named.GRANTS),
    (Kind.PRIVILEGE, named.OWNERS),
    (Kind.SCHEMA, named.SCHEMAS),
)
# Their bodies may name what is made only later, as the server's own dumps have it.
_UNCHECKED: Final = "SET check_function_bodies = off"
_CHECKED: Final = "RESET check_function_bodies"
_DROPPED: Final = {
    Kind.VIEW: "VIEW",
    Kind.MATERIALIZED_VIEW: "MATERIALIZED VIEW",
    Kind.SEQUENCE: "SEQUENCE",
    Kind.TYPE: "TYPE",
    Kind.DOMAIN: "DOMAIN",
    Kind.COLLATION: "COLLATION",
    Kind.ROUTINE: "ROUTINE",
    Kind.TRIGGER: "EVENT TRIGGER",  # others belong to a table
}
_COUNTERS = f"""
SELECT c.oid::int8, c.relname, t.relname, a.attname, s.seqincrement, s.seqmin, s.seqmax,
       s.seqcycle, w.refobjid IS NOT NULL
  FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
  LEFT JOIN LATERAL ({objects.OWNER.format(oid="c.oid")} LIMIT 1) w ON true
  LEFT JOIN pg_class t ON t.oid = w.refobjid
  LEFT JOIN pg_attribute a ON a.attrelid = w.refobjid AND a.attnum = w.refobjsubid
 WHERE c.relnamespace = {objects.HERE} AND NOT {objects.OURS.format(name="c.relname")}
   AND NOT {objects.OURS.format(name="coalesce(t.relname, '')")}
   AND {objects.free("pg_class", "c.oid")}
 ORDER BY c.relname
"""
# Columns that take their numbers from a sequence which is not their own.
_BORROWED = f"""
SELECT d.refobjid::int8, c.relname, a.attname
  FROM pg_attrdef f JOIN pg_class c ON c.oid = f.adrelid
  JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
  JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
                  AND d.refclassid = 'pg_class'::regclass
  JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
 WHERE c.relnamespace = {objects.HERE} ORDER BY c.relname, a.attnum
"""


class PostgresInventory(inventory.Inventory):
    """Reads pg_catalog; dependencies are those that the server itself keeps."""

    holds = True

    def __init__(self, session: base.Session) -> None:
        self._session = session

    def things(self) -> list[inventory.Thing]:
        needed = needs.of_all(self._session)
        columns = self._view_columns()
        found = []
        for kind, query in _QUERIES:
            for row in self._session.fetch(query):
                one = objects.Found(
                    *cast("tuple[int, int, str, str, str, list[str], str, str,str, str, str]", row)
                )
                found.append(_thing(kind, one, needed, columns))
        return inventory.arranged((one.name, one.needs, one) for one in found)

    def counters(self) -> list[inventory.Counter]:
        rows = self._session.fetch(_COUNTERS)
        if not rows:
            return []
        quoted = {int(str(row[0])): self._quote(str(row[1])) for row in rows}
        states = {
            int(str(oid)): (int(str(last)), bool(called))
            for oid, last, called in self._session.fetch(
                " UNION ALL ".join(
                    f"SELECT {oid}::int8, last_value, is_called FROM {name}"
                    for oid, name in quoted.items()
                )
            )
        }
        borrowed: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for oid, table, column in self._session.fetch(_BORROWED):
            borrowed[int(str(oid))].append((str(table), str(column)))
        return [_counter(row, *states[int(str(row[0]))], borrowed) for row in rows]

    def text(self, table: str) -> inventory.TableText:
        return tabletext.text(self._session, table)

    def drop(self, thing: inventory.Thing) -> str:
        word = _DROPPED.get(thing.kind)
        if word is None or thing.table is not None:
            return ""
        # A routine is named with the types of its parameters, quoted already.
        name = thing.name if thing.kind is Kind.ROUTINE else self._quote(thing.name)
        return f"DROP {word} IF EXISTS {name}"

    def set_counter(self, counter: inventory.Counter) -> str:
        """Return a SELECT of setval; a sequence that has no next value is left at its end."""
        name = self._sequence(counter)
        # What setval itself is given has to lie between the sequence's ends.
        inside = f"{counter.next} BETWEEN seqmin AND seqmax"
        return (
            f"SELECT setval(seqrelid, CAST(CASE WHEN {inside} THEN {counter.next} "
            f"ELSE {counter.next} - seqincrement END AS bigint), NOT ({inside})) "
            f"FROM pg_sequence WHERE seqrelid = CAST({name} AS regclass)"
        )

    def _sequence(self, counter: inventory.Counter) -> str:
        """Return SQL for the sequence's name; asked when it runs, and wrong if there is none."""
        literal = "NULL" if counter.sequence is None else _text(self._quote(counter.sequence))
        if counter.table is None or counter.column is None or not counter.own:
            return literal
        if counter.sequence is None:
            # Cast to regclass it says which column has no sequence.
            literal = _text(self._quote(f"sequence of {counter.table}.{counter.column}"))
        table, column = _text(self._quote(counter.table)), _text(counter.column)
        return f"coalesce(pg_get_serial_sequence({table}, {column}), {literal})"

    def _quote(self, name: str) -> str:
        return self._session.engine.quote(name)

    def _view_columns(self) -> dict[int, tuple[str, ...]]:
        rows = self._session.fetch(
            f"""
            SELECT c.oid::int8, array_agg(a.attname::text ORDER BY a.attnum)
              FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
             WHERE c.relnamespace = {objects.HERE} AND c.relkind IN ('v', 'm') GROUP BY c.oid
            """
        )
        return {int(str(oid)): tuple(cast("list[str]", names)) for oid, names in rows}


def _thing(
    kind: Kind,
    found: objects.Found,
    every_need: dict[tuple[int, int], list[str]],
    columns: dict[int, tuple[str, ...]],
) -> inventory.Thing:
    # An option has no needs of its own, but those of its table.
    known = () if kind is Kind.TABLE_OPTION else every_need.get((found.classid, found.oid), ())
    needed = [name for name in known if name != found.name]
    if found.table is not None and found.table not in needed:
        needed.append(found.table)
    is_routine = kind is Kind.ROUTINE
    is_view = kind in (Kind.VIEW, Kind.MATERIALIZED_VIEW)
    return inventory.Thing(
        kind=kind,
        name=found.name,
        sql=objects.local(found),
        table=found.table,
        body=found.body,
        needs=tuple(needed),
        comment=found.comment,
        columns=columns.get(found.oid, ()) if is_view else (),
        first=(_UNCHECKED,) if is_routine else (),
        then=(*found.then, _CHECKED) if is_routine else tuple(found.then),
    )


def _counter(
    row: base.Row, last: int, called: bool, borrowed: dict[int, list[tuple[str, str]]]
) -> inventory.Counter:
    oid, name, table, column, increment, least, most, cycles, own = row
    step = int(str(increment))
    following = last + step if called else last
    if cycles and not int(str(least)) <= following <= int(str(most)):
        following = int(str(least if step > 0 else most))
    users = borrowed.get(int(str(oid)), [])
    if not own and len(users) == 1:
        table, column = users[0]
    return inventory.Counter(
        table=None if table is None else str(table),
        column=None if column is None else str(column),
        next=following,
        sequence=str(name),
        increment=step,
        own=bool(own),
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
