from __future__ import annotations

from typing import Any

from whimbrel import Migration

Row = dict[str, Any]


def grouped(place: Row) -> Row:
    """Turn 1234567 into '1,234,567'."""
    people = place["population"]
    return {"population": "" if people is None else f"{int(people):,}"}


class CountPeopleInNumbers(Migration):
    """Populations become numbers: '1,234,567' is 1234567, and '' (not known) is NULL."""

    def up(self) -> None:
        self.backfill("places", {"population": "nullif(replace(population, ',', ''), '')"})
        self.change_column("places", "population", "integer")

    def down(self) -> None:
        self.change_column("places", "population", "text")
        self.transform("places", "places", grouped)
