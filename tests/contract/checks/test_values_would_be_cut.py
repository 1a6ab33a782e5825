"""The check values-would-be-cut."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("postgresql", "mariadb")

SHORTER = {
    "postgresql": "ALTER COLUMN code TYPE varchar({length})",
    "mariadb": "MODIFY code varchar({length}) NOT NULL",
}


def shorter(look, length):
    words = SHORTER[look.database.kind].format(length=length)
    return f'self.execute("ALTER TABLE person {words}")'


@each_engine
def test_texts_that_are_too_long_forbid_a_shorter_type(look):
    found = look.found(shorter(look, 2))

    assert "error" == found.get("values-would-be-cut")


@each_engine
def test_texts_that_fit_allow_it(look):
    found = look.found(shorter(look, 3))

    assert "values-would-be-cut" not in found
