from __future__ import annotations

from typing import Any

from whimbrel import Migration

Row = dict[str, Any]

LATITUDE = """
    CAST(substr(coordinates, 1, instr(coordinates, ' ') - 1) AS DECIMAL(8, 5))
    * CASE WHEN instr(coordinates, ' S') > 0 THEN -1 ELSE 1 END
"""
LONGITUDE = """
    CAST(replace(replace(substr(coordinates, instr(coordinates, ', ') + 2), ' E', ''), ' W', '')
         AS DECIMAL(8, 5))
    * CASE WHEN instr(coordinates, ' W') > 0 THEN -1 ELSE 1 END
"""


def together(place: Row) -> Row:
    """Turn 41.9 and 12.51133 into '41.90000 N, 12.51133 E'."""
    north, east = float(place["latitude"]), float(place["longitude"])
    return {
        "coordinates": f"{abs(north):.5f} {'S' if north < 0 else 'N'}, "
        f"{abs(east):.5f} {'W' if east < 0 else 'E'}"
    }


class SplitCoordinates(Migration):
    """'41.90000 N, 12.51133 E' becomes two numbers, negative in the south and in the west."""

    def up(self) -> None:
        self.split_column(
            "places",
            "coordinates",
            {
                name: (self.column(name, "decimal", precision=8, scale=5, null=False), expression)
                for name, expression in (("latitude", LATITUDE), ("longitude", LONGITUDE))
            },
        )

    def down(self) -> None:
        self.add_column("places", "coordinates", "text")
        self.transform("places", "places", together)
        self.remove_column("places", "longitude")
        self.remove_column("places", "latitude")
