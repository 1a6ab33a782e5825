"""Sessions that make indexes of full tables may sort in memory, and never in less than before."""

from __future__ import annotations

import contextlib

import pytest

from tests import databases, engines
from whimbrel.engines import registry


@engines.only("postgresql")
@pytest.mark.parametrize(("set_to", "then"), [("1MB", "256MB"), ("1GB", "1GB")])
def test_a_session_that_makes_indexes_has_room_to_sort(
    database: databases.Database, set_to: str, then: str
) -> None:
    with contextlib.closing(registry.open_session(database.url)) as session:
        session.execute(f"SET maintenance_work_mem = '{set_to}'")
        session.commit()

        session.engine.make_room(session)

        assert [(then,)] == session.fetch("SHOW maintenance_work_mem")
