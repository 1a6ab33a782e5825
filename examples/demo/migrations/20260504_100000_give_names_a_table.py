from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from whimbrel import Migration

Row = dict[str, Any]


def other_names(place: Row) -> Iterator[Row]:
    """Turn 'Roma|Rome|Рим' into rows: 1 Roma, 2 Rome, 3 Рим."""
    if place["other_names"]:
        for position, name in enumerate(place["other_names"].split("|"), start=1):
            yield {"place_id": place["id"], "position": position, "name": name}


class GiveNamesATable(Migration):
    """Each name becomes a row; its position keeps the order, and 0 is what a place is called."""

    def up(self) -> None:
        self.create_table(
            "place_names",
            [
                self.column("id", "integer", primary_key=True, auto_increment=True),
                self.column("place_id", "integer", null=False),
                self.column("position", "integer", null=False),
                self.column("name", "string", length=200, null=False),
            ],
        )
        self.add_foreign_key("place_names", "place_id", "places", "id", on_delete="CASCADE")
        self.add_unique("place_names", ["place_id", "position"])
        self.copy_rows("places", "place_names", {"place_id": "id", "position": "0", "name": "name"})
        self.transform("places", "place_names", other_names)
        self.remove_column("places", "other_names")

    def down(self) -> None:
        self.add_column("places", "other_names", "text")
        for batch in self.batches("places"):
            rows = self.execute(
                "SELECT place_id, name FROM place_names "
                "WHERE place_id BETWEEN ? AND ? AND position > 0 ORDER BY place_id, position",
                [batch.first, batch.last],
            )
            names = {
                place: "|".join(str(name) for _, name in group)
                for place, group in groupby(rows, key=lambda row: row[0])
            }
            for place in batch:
                self.execute(
                    "UPDATE places SET other_names = ? WHERE id = ?",
                    [names.get(place["id"], ""), place["id"]],
                )
        self.drop_table("place_names")
