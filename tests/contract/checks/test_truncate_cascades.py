"""The check truncate-cascades."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql")


@each_engine
def test_truncate_cascade_empties_the_tables_that_refer(look):
    look.raw.execute("UPDATE person SET city_id = 1 WHERE city_id = 99")
    look.raw.execute("ALTER TABLE person ADD FOREIGN KEY (city_id) REFERENCES city (id)")

    found = look.found('self.execute("TRUNCATE city CASCADE")')

    assert "error" == found.get("truncate-cascades")


@each_engine
def test_truncate_alone_is_refused_instead(look):
    found = look.found('self.execute("TRUNCATE person")')

    assert "truncate-cascades" not in found
