"""Rows copied into another table: in batches, by one INSERT … SELECT, and by OFFSET."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bench import child, comparing, lines, places

OFFSET_LOOP: Final = "the documented OFFSET loop"
# Every batch of that loop reads all rows before it again: more of them would take a night.
OFFSET_ROWS: Final = 300_000
_OFFSET_BATCH: Final = 5_000

_DELIVERY: Final = "CREATE TABLE delivery (id {key} NOT NULL PRIMARY KEY, \
order_id bigint NOT NULL, quantity decimal(15,2) NOT NULL, net decimal(15,4) NOT NULL, \
shipped_on date NOT NULL, received_on date NOT NULL, mode varchar(10) NOT NULL, \
remark varchar(44) NOT NULL)"
_PRICE: Final = "CREATE TABLE price (id {key} NOT NULL PRIMARY KEY, net decimal(15,4) NOT NULL)"

_INSERT_DELIVERY: Final = f"INSERT INTO delivery (id, order_id, quantity, net, shipped_on, \
received_on, mode, remark) SELECT id, l_orderkey, l_quantity, {lines.NET}, l_shipdate, \
l_receiptdate, upper(l_shipmode), l_comment FROM lineitem"
_INSERT_PRICE: Final = f"INSERT INTO price (id, net) SELECT id, {lines.NET} FROM lineitem"


def _by_offset(place: places.Place) -> child.Measured:
    """Do as `migrate_large_table.py` of ActiveRecord's documentation does."""
    total = int(str(place.value("SELECT count(*) FROM lineitem")))

    def loop(execute: Callable[[str], object]) -> None:
        for processed in range(0, total, _OFFSET_BATCH):
            execute(f"{_INSERT_DELIVERY} ORDER BY id LIMIT {_OFFSET_BATCH} OFFSET {processed}")

    return comparing.plainly(place, loop)


def _outcome(table: str) -> str:
    return f"SELECT count(*), sum(id), round(sum(net), 2) FROM {table}"


COMPARISONS = (
    comparing.Comparison(
        name="copy_rows",
        targets=(_DELIVERY,),
        contestants=(
            comparing.one_statement(_INSERT_DELIVERY),
            comparing.whimbrel("copy_rows"),
        ),
        outcome=_outcome("delivery"),
    ),
    comparing.Comparison(
        name="copy_narrow",
        targets=(_PRICE,),
        contestants=(
            comparing.one_statement(_INSERT_PRICE),
            comparing.whimbrel("copy_narrow"),
        ),
        outcome=_outcome("price"),
    ),
    comparing.Comparison(
        name="offset",
        targets=(_DELIVERY,),
        contestants=(
            comparing.one_statement(_INSERT_DELIVERY),
            comparing.whimbrel("copy_rows"),
            comparing.Contestant(name=OFFSET_LOOP, run=_by_offset),
        ),
        outcome=_outcome("delivery"),
        rows=OFFSET_ROWS,
    ),
)
