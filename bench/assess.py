"""Assess a database of a thousand tables: its catalog, its values, a plan, times, rules, the page.

    python -m bench.assess [--tables N] [--engines sqlite …]

Each table has keys, an index, a check, references to two others, a hundred rows; every twentieth
is read by a view. The bar is a minute.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from bench import child, comparing, contestants, page, places, results

TABLES: Final = 1_000
ROWS: Final = 100
# What each is assessed for, beside alone: a plan needs another engine.
_TO: Final = {"sqlite": "", "postgresql": "sqlite", "mariadb": "sqlite"}


def main(arguments: Sequence[str]) -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="bench.assess", description=__doc__)
    parser.add_argument("--tables", type=int, default=TABLES)
    parser.add_argument("--engines", nargs="+", choices=places.ENGINES, default=places.ENGINES)
    parser.add_argument("--no-page", action="store_true", help="leave the page as it is")
    asked = parser.parse_args(arguments)
    for engine in asked.engines:
        measure(engine, asked.tables)
    text = page.tables(results.read())
    if not asked.no_page:
        page.write(text)
    return 0


def measure(engine: str, tables: int) -> None:
    """Make the tables, and assess them."""
    with places.opened(engine) as place:
        for sql in _schema(engine, tables):
            place.execute(sql)
        timings = []
        ways = {contestants.ALONE: "", contestants.PLANNED: _TO[engine]}
        for who, to in ways.items():
            if who == contestants.PLANNED and not to:
                continue
            place.leave()
            measured = child.run("assess_child", place.url, tables, to)
            print(f"{engine:<12}{tables:>7,} tables  {who:<24}{measured.seconds:9.2f} s")
            timings.append(
                comparing.Timing(
                    engine=engine,
                    comparison=contestants.ASSESSED,
                    rows=tables,
                    contestant=who,
                    seconds=measured.seconds,
                    all_seconds=(round(measured.seconds, 3),),
                    peak_bytes=measured.peak_bytes,
                )
            )
        results.keep(place, timings)


def _schema(engine: str, tables: int) -> Iterator[str]:
    text = "varchar(200)" if engine == "mariadb" else "text"
    moment = "text" if engine == "sqlite" else "timestamp NULL"
    for at in range(tables):
        others = sorted({at // 2, at // 3} - {at})
        columns = [
            "id integer PRIMARY KEY", f"name {text} NOT NULL", "amount decimal(10, 2)",
            f"kind {text}", f"made {moment}", "flag integer DEFAULT 0",
            *(f"ref{other} integer" for other in others),
            *(f"FOREIGN KEY (ref{other}) REFERENCES t{other:04} (id)" for other in others),
            f"CONSTRAINT ck_{at} CHECK (amount >= 0)",
        ]  # fmt: skip
        yield f"CREATE TABLE t{at:04} ({', '.join(columns)})"
        yield f"CREATE INDEX ix_{at} ON t{at:04} (name)"
        rows = ", ".join(
            f"({row}, 'name {row}', {row}.5, '{'abc'[row % 3]}', '2020-01-01 00:00:00')"
            for row in range(1, ROWS + 1)
        )
        yield f"INSERT INTO t{at:04} (id, name, amount, kind, made) VALUES {rows}"
    for at in range(0, tables, 20):
        yield (
            f"CREATE VIEW v{at:04} AS SELECT a.id, b.name "
            f"FROM t{at:04} a JOIN t{(at + 1) % tables:04} b ON a.id = b.id"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
