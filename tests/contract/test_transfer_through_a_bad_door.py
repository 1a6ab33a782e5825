"""Connections that are cut and answers to COMMIT that are lost: no row twice, none missing."""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
from typing import Final

import pytest

from tests import conftest, databases, proxies
from whimbrel import errors, events
from whimbrel.engines import registry
from whimbrel.transfers import door
from whimbrel.transfers import plan as planning
from whimbrel.transfers import transfer as transferring

ROWS: Final = 6_000
SERVERS: Final = ("postgresql", "mariadb")
# Small chunks: many commits, and much that can be lost between them.
OPTIONS: Final = planning.Options(jobs=2, chunk_rows=1_000, chunk_bytes=20_000, retries=12)


# What a bad door may end a whole attempt with: the next one goes on.
FAILURES: Final = (
    errors.TransferFailed,
    errors.DatabaseUnavailable,
    errors.ReadFailed,
    errors.LockHeld,
)


def filled(raw: databases.Raw, rows: int) -> None:
    """Make a table with a key, and one without, in which a row that comes twice stays twice."""
    for table, key in (("item", "PRIMARY KEY"), ("line", "")):
        raw.execute(f"CREATE TABLE {table} (id int NOT NULL {key}, n int, word varchar(40))")
        for start in range(0, rows, 1000):
            values = ", ".join(
                f"({n}, {n * 7}, 'word {n} of it')" for n in range(start, min(start + 1000, rows))
            )
            raw.execute(f"INSERT INTO {table} VALUES {values}")


def request(source: str, target: str) -> transferring.Request:
    """Ask for a transfer in small chunks."""
    return transferring.Request(
        source=functools.partial(registry.open_session, source, read_only=True),
        target=functools.partial(registry.open_session, target),
        resolve=door.Picked().flows,
        options=OPTIONS,
    )


def state(raw: databases.Raw) -> list[object]:
    """Return what is the same exactly if every row is there once."""
    query = "SELECT count(*), count(DISTINCT id), sum(n), min(word), max(word) FROM "
    return [[tuple(map(str, row)) for row in raw.execute(query + t)] for t in ("item", "line")]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["cut", "swallowed"])
@pytest.mark.parametrize(
    ("source", "target"), list(itertools.product(("sqlite", *SERVERS), SERVERS))
)
def test_no_row_is_lost_or_doubled_when_the_targets_door_is_bad(
    source: str,
    target: str,
    way: str,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    here, there = new_database(source), new_database(target)
    filled(raw(here), ROWS)
    mischief = proxies.Mischief(
        chance=random.Random(f"{source} {target} {way}"),
        cuts=12 if way == "cut" else 0,
        reach=20_000,
        swallows=8 if way == "swallowed" else 0,
    )

    with proxies.before(there.url, mischief) as url:
        for _ in range(40):
            with contextlib.suppress(*FAILURES):
                done = transferring.transfer(request(here.url, url))
                done.verification.close()
                break

    assert done.equal
    assert mischief.cut + mischief.swallowed >= 4
    assert state(raw(here)) == state(raw(there))


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), list(itertools.product(SERVERS, SERVERS)))
def test_no_row_is_lost_or_doubled_when_the_sources_door_is_bad(
    source: str, target: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database(source), new_database(target)
    filled(raw(here), ROWS)
    mischief = proxies.Mischief(chance=random.Random(f"{source} {target}"), cuts=10, reach=8_000)

    with proxies.before(here.url, mischief) as url:
        for _ in range(40):
            with contextlib.suppress(*FAILURES):
                done = transferring.transfer(request(url, there.url))
                done.verification.close()
                break

    assert done.equal
    assert mischief.cut >= 3
    assert state(raw(here)) == state(raw(there))


def test_a_lost_connection_is_told_and_tried_again(
    new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database("sqlite"), new_database("postgresql")
    filled(raw(here), ROWS)
    told: list[events.Event] = []
    mischief = proxies.Mischief(chance=random.Random(1), swallows=2, share=0.2)

    with proxies.before(there.url, mischief) as url:
        for _ in range(40):
            with contextlib.suppress(*FAILURES):
                done = transferring.transfer(request(here.url, url), tell=told.append)
                done.verification.close()
                break

    assert mischief.swallowed == 2
    assert state(raw(here)) == state(raw(there))
