"""Random tables with random rows go through every pair and back: what arrives is what was there.

Rows are read by the plain drivers on both sides. What a plan refuses is counted here, too, and has
to be as many values; without them the rest has to arrive. `make campaign` tries many more tables
(WHIMBREL_RANDOM says how many for each pair).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import hypothesis
import pytest
from hypothesis import strategies as st

import whimbrel
from tests import conftest, databases
from tests.pairs import fate, nasty, oracle, sorts, writing
from tests.pairs.oracle import Meant
from tests.pairs.writing import Value
from whimbrel.transfers import door, plan

MANY: Final = "WHIMBREL_RANDOM" in os.environ
EXAMPLES: Final = int(os.environ.get("WHIMBREL_RANDOM", "3"))
_ROWS: Final = 12
_COLUMNS: Final = 6
_TRIES: Final = 9
_KEYS: Final = ("none", "integer", "text", "composite")
_BIGINT: Final = {"sqlite": "BIGINT", "postgresql": "bigint", "mariadb": "bigint"}
_WORD: Final = {"sqlite": "VARCHAR(40)", "postgresql": "varchar(40)", "mariadb": "varchar(40)"}
# Every engine takes these names.
_NAMES: Final = st.text(
    st.sampled_from("abzABZ019_ é漢Я\"'`%$:;.,-+*/\\()[]{}?!&|<>=@#~^"), min_size=1, max_size=12
).filter(lambda name: name == name.strip() and name.casefold() not in ("n", "k1", "k2"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the source: names of columns, their SQL, the key, rows (the first is a number)."""

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


def carriers(kind: str) -> list[tuple[sorts.Sort, sorts.Carrier]]:
    every = (*nasty.SORTS, *(nasty.OWN if kind == "postgresql" else ()))
    return [(sort, shown(one)) for sort in every for one in sort.carriers.get(kind, ())]


def shown(carrier: sorts.Carrier) -> sorts.Carrier:
    """Leave out words that MariaDB's catalog does not show: the torture test sees to them."""
    if not carrier.type.startswith("enum"):
        return carrier
    return dataclasses.replace(carrier, holds=sorts._in_three_bytes)


@st.composite
def tables(draw: st.DrawFn, kind: str) -> Table:
    """Draw a table that an engine can hold."""
    names = draw(
        st.lists(_NAMES, min_size=2, max_size=_COLUMNS + 1, unique_by=lambda name: name.casefold())
    )
    chosen = draw(
        st.lists(st.sampled_from(carriers(kind)), min_size=len(names) - 1, max_size=len(names) - 1)
    )
    nulls = [draw(st.booleans()) for _ in chosen]
    key = draw(st.sampled_from(_KEYS))
    chance = draw(st.randoms(use_true_random=False))
    columns, keys = {"n": f"{_BIGINT[kind]} NOT NULL"}, tuple[str, ...]()
    if key in ("text", "composite"):
        columns["k1"] = f"{_WORD[kind]} NOT NULL"
        keys = ("k1",)
    if key == "composite":
        columns["k2"] = f"{_BIGINT[kind]} NOT NULL"
        keys = ("k1", "k2")
    if key == "integer":
        keys = ("n",)
    made = []
    for number in range(1, draw(st.integers(0, _ROWS)) + 1):
        row: list[Value] = [number]
        if keys[:1] == ("k1",):
            row.append(
                f"{chance.choice('aÄbß Zé')}{chance.randrange(9) if key == 'text' else ''} {number}"
            )
        if key == "composite":
            row.append(chance.randrange(-9, 9))
        for (sort, carrier), null in zip(chosen, nulls, strict=True):
            row.append(_value(sort, carrier, chance, null=null))
        made.append(tuple(row))
        if not keys and chance.random() < 0.2:
            made.append(tuple(row))
    for name, (_, carrier), null in zip(names[1:], chosen, nulls, strict=True):
        columns[name] = f"{carrier.type}{'' if null else ' NOT NULL'}"
        if null and kind == "mariadb":
            columns[name] += " NULL"
    rows = [row for row in made if None not in _needed(row, nulls)]
    return Table(name=names[0], columns=columns, key=keys, rows=tuple(rows))


def _needed(row: Sequence[Value], nulls: Sequence[bool]) -> list[Value]:
    return [value for value, null in zip(row[-len(nulls) :], nulls, strict=True) if not null]


def _value(sort: sorts.Sort, carrier: sorts.Carrier, chance: sorts.Chance, *, null: bool) -> Value:
    """Return a value that the column takes, None if none was drawn."""
    if null and chance.random() < 0.2:
        return None
    for _ in range(_TRIES):
        value = sort.draw(chance)
        if carrier.holds(value):
            return carrier.write(value, chance)
    return None


# --- there and back -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), writing.PAIRS)
def test_a_random_table_arrives_and_comes_back(
    source: str, target: str, new_database: conftest.NewDatabase
) -> None:
    here, there, back = new_database(source), new_database(target), new_database(source)
    with contextlib.ExitStack() as stack:
        raws = [stack.enter_context(databases.Raw(one)) for one in (here, there, back)]
        prepare(raws[0], own_types=True)
        for raw in raws[1:]:
            prepare(raw)

        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=not MANY,
            database=None,
            # Each try is three databases' work: a failing table is shown as it was drawn.
            phases=[hypothesis.Phase.generate],
            print_blob=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(table=tables(source))
        def goes(table: Table) -> None:
            make(raws[0], table)
            try:
                round_trip(table, *raws)
            finally:
                for raw in raws:
                    raw.execute(f"DROP TABLE IF EXISTS {quoted(raw, table.name)}")
                for raw in raws[1:]:
                    drop_types(raw)

        goes()


def round_trip(
    table: Table, here: databases.Raw, there: databases.Raw, back: databases.Raw
) -> None:
    sent = read(here, table)
    urls = [one.database.url for one in (here, there, back)]
    planned = door.plan_transfer(urls[0], urls[1], existing="replace")
    out = refused(planned, table, sent)
    where = {table.name: f"n NOT IN ({', '.join(map(str, sorted(out)))})"} if out else {}
    sent = {number: rows for number, rows in sent.items() if number not in out}

    done = whimbrel.transfer(urls[0], urls[1], where=where, existing="replace")
    with contextlib.closing(done.verification):
        assert done.ok
    arrived = read(there, table)
    lost = named(done.plan)
    if planned.same_engine:
        assert lost == {}
    assert differing(sent, arrived, lost) == []

    again = door.plan_transfer(urls[1], urls[2], existing="replace")
    if again.refused:
        # What has come as something else may be too much for the type that this is at home.
        assert lost
        return
    done = whimbrel.transfer(urls[1], urls[2], existing="replace")
    with contextlib.closing(done.verification):
        assert done.ok
    lost = {name: says for one in (lost, named(done.plan)) for name, says in one.items()}
    returned = read(back, table)
    assert differing(sent, returned, lost) == []


def refused(
    planned: plan.TransferPlan,
    table: Table,
    sent: Mapping[int, Sequence[Mapping[str, Meant | None]]],
) -> set[int]:
    """Return the numbers of rows that the plan has to refuse, counted anew."""
    out = set()
    for loss in planned.refused:
        is_one = fate.TROUBLES[loss.what]
        bad = [
            number
            for number, rows in sent.items()
            for row in rows
            if (value := row[loss.column]) is not None and is_one(value)
        ]
        assert (loss.column, loss.what, len(bad)) == (loss.column, loss.what, loss.rows)
        out |= {*bad}
    return out


def named(planned: plan.TransferPlan) -> dict[str, str]:
    """Return what is said of columns."""
    return {one.column: one.says for one in planned.losses}


def differing(
    sent: Mapping[int, Sequence[Mapping[str, Meant | None]]],
    arrived: Mapping[int, Sequence[Mapping[str, Meant | None]]],
    lost: Mapping[str, str],
) -> list[object]:
    """Return what has arrived as something else, and no loss names it; and rows."""
    found: list[object] = []
    if Counter({n: len(rows) for n, rows in sent.items()}) != Counter(
        {n: len(rows) for n, rows in arrived.items()}
    ):
        found.append(("rows", sorted(sent), sorted(arrived)))
        return found
    for number, rows in sent.items():
        for name, value in rows[0].items():
            for other in (row[name] for row in arrived[number]):
                what = fate.kept(value, other)
                if what is None or (what == fate.CHANGED and name not in lost):
                    found.append((number, name, what, value, other))
    return found


# --- tables -------------------------------------------------------------------------------------


def prepare(raw: databases.Raw, *, own_types: bool = False) -> None:
    before = nasty.BEFORE.get(raw.database.kind)
    if before and own_types:
        raw.script(before)
    if raw.database.kind == "mariadb":
        raw.execute("SET time_zone = '+00:00'")


def drop_types(raw: databases.Raw) -> None:
    """Drop what a transfer has made beside tables."""
    if raw.database.kind == "postgresql":
        raw.execute(
            """DO $$ DECLARE one regtype; BEGIN
                 FOR one IN SELECT oid FROM pg_type WHERE typtype IN ('e', 'd')
                             AND typnamespace = 'public'::regnamespace
                 LOOP EXECUTE 'DROP TYPE ' || one || ' CASCADE'; END LOOP; END $$"""
        )


def make(raw: databases.Raw, table: Table) -> None:
    lines = [f"{quoted(raw, name)} {sql}" for name, sql in table.columns.items()]
    if table.key:
        lines.append(f"PRIMARY KEY ({', '.join(quoted(raw, name) for name in table.key)})")
    raw.execute(f"CREATE TABLE {quoted(raw, table.name)} ({', '.join(lines)})")
    for row in table.rows:
        into = f"INSERT INTO {quoted(raw, table.name)} VALUES "
        if raw.database.kind == "sqlite":
            raw.execute(
                f"{into}({', '.join('?' * len(row))})", [writing.parameter(one) for one in row]
            )
        else:
            raw.execute(f"{into}({', '.join(writing.literal(raw.database.kind, v) for v in row)})")


def quoted(raw: databases.Raw, name: str) -> str:
    mark = "`" if raw.database.kind == "mariadb" else '"'
    return mark + name.replace(mark, mark * 2) + mark


def read(raw: databases.Raw, table: Table) -> dict[int, list[dict[str, Meant | None]]]:
    """Return the rows by their number; of a table without a key there may be several."""
    found: dict[int, list[dict[str, Meant | None]]] = {}
    for row in oracle.table(raw, table.name, list(table.columns)):
        number = row["n"]
        assert number is not None
        found.setdefault(int(str(number.value)), []).append(row)
    return found
