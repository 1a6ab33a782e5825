"""The rows that every contestant works on: `lineitem` of TPC-H, with a key of one column.

`tpchgen-cli` makes them, the same ones everywhere; the file stays in `.cache/bench`.
"""

from __future__ import annotations

import itertools
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CACHE: Final = Path(__file__).resolve().parent.parent / ".cache" / "bench"
# A scale factor of 1 has about 6 million lines; a little more than needed is made.
_LINES_PER_SCALE: Final = 5_990_000

COLUMNS: Final = (
    ("id", "{key} NOT NULL PRIMARY KEY"),
    ("l_orderkey", "bigint NOT NULL"),
    ("l_partkey", "bigint NOT NULL"),
    ("l_suppkey", "bigint NOT NULL"),
    ("l_linenumber", "integer NOT NULL"),
    ("l_quantity", "decimal(15,2) NOT NULL"),
    ("l_extendedprice", "decimal(15,2) NOT NULL"),
    ("l_discount", "decimal(15,2) NOT NULL"),
    ("l_tax", "decimal(15,2) NOT NULL"),
    ("l_returnflag", "char(1) NOT NULL"),
    ("l_linestatus", "char(1) NOT NULL"),
    ("l_shipdate", "date NOT NULL"),
    ("l_commitdate", "date NOT NULL"),
    ("l_receiptdate", "date NOT NULL"),
    ("l_shipinstruct", "varchar(25) NOT NULL"),
    ("l_shipmode", "varchar(10) NOT NULL"),
    ("l_comment", "varchar(44) NOT NULL"),
)
NAMES: Final = tuple(name for name, _ in COLUMNS)

# What a backfill fills: a new column, from others of its row.
NEW_COLUMN: Final = ("l_net", "decimal(15,4)")
NET: Final = "l_extendedprice * (1 - l_discount)"


def table(name: str, *, key: str) -> str:
    """Return the statement that creates the table of the lines, its key of the type `key`."""
    columns = ", ".join(f"{column} {kind}" for column, kind in (*COLUMNS, NEW_COLUMN))
    return f"CREATE TABLE {name} ({columns.format(key=key)})"


def read(rows: int) -> Iterator[str]:
    """Yield so many lines, `1|…` to `rows|…`, each with its line end."""
    with _file(rows).open(encoding="ascii", newline="") as file:
        for number, line in enumerate(itertools.islice(file, rows), start=1):
            yield f"{number}|{line[:-2]}\n"


def _file(rows: int) -> Path:
    """Return a file of at least so many lines, made by the generator if there is none yet."""
    scale = -(-rows * 100 // _LINES_PER_SCALE) / 100
    folder = CACHE / f"tpch-{scale}"
    file = folder / "lineitem.tbl"
    if not file.exists():
        making = folder.with_suffix(".making")
        program = Path(sysconfig.get_path("scripts")) / "tpchgen-cli"
        options = ["-s", str(scale), "--tables", "lineitem", "--output-dir", str(making)]
        making.mkdir(parents=True, exist_ok=True)
        subprocess.run([program, "tbl", *options, "--overwrite"], check=True, capture_output=True)
        making.rename(folder)
    return file
