from __future__ import annotations

from whimbrel import Migration


class LetNothingWrongIn(Migration):
    """From now on the database itself refuses what the old one would have taken."""

    def up(self) -> None:
        self.add_unique("continents", "name")
        self.add_unique("time_zones", "name")
        self.add_check("places", "latitude BETWEEN -90 AND 90", name="latitude_on_earth")
        self.add_check("places", "longitude BETWEEN -180 AND 180", name="longitude_on_earth")
        self.add_check("places", "population > 0", name="population_or_unknown")
        self.create_index("places", "population")
        self.create_index("place_names", "search_form")

    def down(self) -> None:
        self.remove_index("place_names", "search_form")
        self.remove_index("places", "population")
        self.remove_constraint("places", "population_or_unknown")
        self.remove_constraint("places", "longitude_on_earth")
        self.remove_constraint("places", "latitude_on_earth")
        self.remove_constraint("time_zones", "uq_time_zones_name")
        self.remove_constraint("continents", "uq_continents_name")
