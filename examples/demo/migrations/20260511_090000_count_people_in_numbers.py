from __future__ import annotations

from whimbrel import Migration

# 1234567 -> '1,234,567'
GROUPED = {
    "sqlite": "printf('%,d', CAST(population AS INTEGER))",
    "postgresql": "to_char(CAST(population AS integer), 'FM999,999,999,999')",
    "mysql": "format(CAST(population AS SIGNED), 0)",
}
GROUPED["mariadb"] = GROUPED["mysql"]


class CountPeopleInNumbers(Migration):
    """Populations become numbers: '1,234,567' is 1234567, and '' (not known) is NULL."""

    def up(self) -> None:
        self.execute("UPDATE places SET population = nullif(replace(population, ',', ''), '')")
        self.change_column("places", "population", "integer")

    def down(self) -> None:
        self.change_column("places", "population", "text")
        # Not coalesce: SQLite's printf makes '0' of NULL.
        self.execute(
            "UPDATE places SET population = "
            f"CASE WHEN population IS NULL THEN '' ELSE {GROUPED[self.engine]} END",
            dialect=self.engine,
        )
