"""Move a table from one engine to another: ours against a prepared file, and against the peers.

    python -m bench.transfer [--rows N] [--repeat N] [--pairs mariadb-postgresql …]

The yardstick is the target's own fastest way of reading a prepared file (COPY, LOAD DATA,
executemany), into a table made before. Nobody who has to read a database first can be expected to
be faster. The peers are those that Debian packages; who is not installed is named and left out.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from bench import child, comparing, lines, page, peers, places, results
from bench.contestants import FILE, FILE_AND_KEY, MOVED, VERIFIED
from tests import servers

ROWS: Final = 3_000_000
JOBS: Final = 2
PAIRS: Final = (
    "mariadb-postgresql",
    "sqlite-postgresql",
    "postgresql-postgresql",
    "postgresql-mariadb",
    "sqlite-mariadb",
    "postgresql-sqlite",
    "mariadb-sqlite",
)
_WAYS: Final = {"postgresql": "copy", "mariadb": "load_data", "sqlite": "executemany"}


def main(arguments: Sequence[str]) -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="bench.transfer", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=PAIRS)
    parser.add_argument("--only-ours", action="store_true", help="leave the peers out")
    parser.add_argument("--no-page", action="store_true", help="leave the page as it is")
    asked = parser.parse_args(arguments)
    for pair in asked.pairs:
        measure(pair, asked.rows, repeat=asked.repeat, peers_too=not asked.only_ours, tell=_tell)
    text = page.tables(results.read())
    print(text)
    if not asked.no_page:
        page.write(text)
    return 0


def measure(
    pair: str, rows: int, *, repeat: int, peers_too: bool = True, tell: comparing.Tell
) -> None:
    """Load the source, and time everybody in turn into an empty target."""
    from_, _, into = pair.partition("-")
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(places.opened(from_))
        source.load(rows)
        source.fresh()
        prepared = stack.enter_context(_prepared(rows))
        target = source if into == from_ else stack.enter_context(places.opened(into))
        url = target.url if into != from_ else _beside(source)
        found: dict[str, list[child.Measured]] = {}
        outcomes: dict[tuple[str, ...], str] = {}
        for _ in range(repeat):
            for who, run in _contestants(pair, source, url, prepared, peers_too, tell):
                _empty(target, url, made=who in {FILE, FILE_AND_KEY})
                source.leave()
                measured = run()
                if outcome := _arrived(target, url):
                    outcomes.setdefault(outcome, who)
                if len(outcomes) > 1:
                    raise comparing.Unequal(f"not the same arrived: {outcomes}")
                found.setdefault(who, []).append(measured)
                tell(
                    f"{pair:<24}{rows:>10,}  {who:<32}{measured.seconds:9.2f} s "
                    f"{(measured.peak_bytes or 0) / 1e6:7.0f} MB"
                )
        results.keep(
            target,
            [
                comparing.Timing(
                    engine=pair,
                    comparison=MOVED,
                    rows=rows,
                    contestant=who,
                    seconds=min(one.seconds for one in all_),
                    all_seconds=tuple(round(one.seconds, 3) for one in all_),
                    peak_bytes=max(one.peak_bytes or 0 for one in all_) or None,
                )
                for who, all_ in found.items()
            ],
        )


Run = Callable[[], child.Measured]


def _contestants(
    pair: str,
    source: places.Place,
    target: str,
    prepared: Path,
    peers_too: bool,
    tell: comparing.Tell,
) -> Iterator[tuple[str, Run]]:
    _, _, into = pair.partition("-")
    way = _WAYS[into]
    yield FILE, lambda: child.run("transfer_child", way, prepared, target)
    if into == "postgresql":
        yield FILE_AND_KEY, lambda: _and_key(way, prepared, target)
    ours = ("transfer_child", "transfer", source.url, target, JOBS)
    yield comparing.WHIMBREL, lambda: child.run(*ours, "alone")
    yield VERIFIED, lambda: child.run(*ours, "verify")
    if not peers_too:
        return
    if pair in {"mariadb-postgresql", "sqlite-postgresql"}:
        no = peers.missing(peers.PGLOADER)
        if no is None:
            read = source.url.replace("sqlite:////", "sqlite:///")
            yield peers.PGLOADER, lambda: peers.pgloader(read, peers.libpq(target))
        else:
            tell(no)
    if pair == "postgresql-postgresql":
        no = peers.missing(peers.PGCOPYDB)
        if no is None:
            programs = servers.postgresql_programs(16)
            yield (
                peers.PGCOPYDB,
                lambda: peers.pgcopydb(peers.libpq(source.url), peers.libpq(target), programs),
            )
        else:
            tell(no)


def _and_key(way: str, prepared: Path, target: str) -> child.Measured:
    copied = child.run("transfer_child", way, prepared, target)
    with contextlib.closing(servers.connect(target)) as connection:
        keyed = comparing.timed(
            lambda: connection.execute(f"ALTER TABLE {places.TABLE} ADD PRIMARY KEY (id)")
        )
    return child.Measured(seconds=copied.seconds + keyed, peak_bytes=copied.peak_bytes)


def _empty(target: places.Place, url: str, *, made: bool) -> None:
    """Leave nothing in the target, or (`made`) the table with nothing in it.

    On PostgreSQL a table for a file has no key: it is faster to make it afterwards.
    """
    if target.engine == "sqlite":
        target.leave()
        file = Path(url.removeprefix("sqlite:///"))
        for leftover in file.parent.glob(f"{file.name}*"):
            leftover.unlink()
    elif target.engine == "mariadb":
        target.execute("DROP DATABASE bench")
        target.execute("CREATE DATABASE bench CHARACTER SET utf8mb4")
        target.execute("USE bench")
    else:
        with contextlib.closing(servers.connect(url)) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
    if made:
        table = lines.table(places.TABLE, key=target.key)
        if target.engine == "postgresql":
            table = table.replace(" PRIMARY KEY", "")
            with contextlib.closing(servers.connect(url)) as connection:
                connection.execute(table)
        else:
            target.execute(table)
            target.leave()
    if target.engine == "postgresql":
        with contextlib.closing(servers.connect(url)) as connection:
            connection.execute("CHECKPOINT")
    else:
        target.settle()


_OUTCOME: Final = (
    "SELECT count(*), sum(id), sum(l_quantity), sum(l_tax), min(l_shipdate), max(l_comment), "
    f"count(l_net) FROM {places.TABLE}"
)


def _arrived(target: places.Place, url: str) -> tuple[str, ...]:
    """Return what is in the target now, as far as some sums tell."""
    if target.engine != "postgresql":
        (row,) = target.rows(_OUTCOME)
        target.leave()
    else:
        with contextlib.closing(servers.connect(url)) as connection:
            (row,) = connection.execute(_OUTCOME).fetchall()
    # Decimals come as floats from one of them.
    return tuple(f"{one:.2f}" if isinstance(one, float) else str(one) for one in row)


def _beside(source: places.Place) -> str:
    """Return another, empty database of the same server."""
    source.execute("DROP DATABASE IF EXISTS moved")
    source.execute("CREATE DATABASE moved")
    before, _, _ = source.url.rpartition("/")
    return f"{before}/moved"


@contextlib.contextmanager
def _prepared(rows: int) -> Iterator[Path]:
    """Have the lines in a file, as COPY and LOAD DATA read them, NULL for the new column."""
    with tempfile.TemporaryDirectory(prefix="whimbrel-bench-") as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "lines.tsv"
        with file.open("w", encoding="ascii", newline="\n") as out:
            for line in lines.read(rows):
                out.write(line[:-1].replace("|", "\t") + "\t\\N\n")
        yield file


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers end with us
    sys.exit(main(sys.argv[1:]))
