from __future__ import annotations

from whimbrel import Migration


class LookUpCountries(Migration):
    """Countries, continents and time zones get tables of their own.

    Before, every place repeats them: 'Europe / AD - Andorra' and 'Europe/Andorra'.
    """

    def up(self) -> None:
        self.create_table(
            "continents",
            [
                self.column("id", "integer", primary_key=True),
                self.column("name", "string", length=40, null=False),
            ],
        )
        self.execute("""
            INSERT INTO continents (id, name)
            SELECT row_number() OVER (ORDER BY name), name
              FROM (SELECT DISTINCT substr(country, 1, instr(country, ' / ') - 1) AS name
                      FROM places) AS found
        """)
        self.create_table(
            "countries",
            [
                self.column("code", "string", length=2, primary_key=True),
                self.column("name", "string", length=80, null=False),
                self.column("continent_id", "integer", null=False),
            ],
        )
        self.add_foreign_key("countries", "continent_id", "continents", "id")
        self.execute("""
            INSERT INTO countries (code, name, continent_id)
            SELECT DISTINCT substr(places.country, instr(places.country, ' / ') + 3, 2),
                   substr(places.country, instr(places.country, ' / ') + 8),
                   continents.id
              FROM places
              JOIN continents
                ON continents.name =
                   substr(places.country, 1, instr(places.country, ' / ') - 1)
        """)
        self.create_table(
            "time_zones",
            [
                self.column("id", "integer", primary_key=True),
                self.column("name", "string", length=60, null=False),
            ],
        )
        self.execute("""
            INSERT INTO time_zones (id, name)
            SELECT row_number() OVER (ORDER BY timezone), timezone
              FROM (SELECT DISTINCT timezone FROM places) AS found
        """)

        self.add_column("places", "country_code", "string", length=2)
        self.add_column("places", "time_zone_id", "integer")
        self.backfill(
            "places",
            {
                "country_code": "substr(country, instr(country, ' / ') + 3, 2)",
                "time_zone_id": "(SELECT time_zones.id FROM time_zones "
                "WHERE time_zones.name = places.timezone)",
            },
        )
        self.change_column("places", "country_code", "string", length=2, null=False)
        self.change_column("places", "time_zone_id", "integer", null=False)
        self.add_foreign_key("places", "country_code", "countries", "code")
        self.add_foreign_key("places", "time_zone_id", "time_zones", "id")
        self.remove_column("places", "country")
        self.remove_column("places", "timezone")

    def down(self) -> None:
        self.add_column("places", "country", "text")
        self.add_column("places", "timezone", "text")
        self.backfill(
            "places",
            {
                "country": """
                    (SELECT continents.name || ' / ' || countries.code || ' - ' || countries.name
                       FROM countries
                       JOIN continents ON continents.id = countries.continent_id
                      WHERE countries.code = places.country_code)
                """,
                "timezone": "(SELECT time_zones.name FROM time_zones "
                "WHERE time_zones.id = places.time_zone_id)",
            },
        )
        self.remove_foreign_key("places", "time_zone_id")
        self.remove_foreign_key("places", "country_code")
        self.remove_column("places", "time_zone_id")
        self.remove_column("places", "country_code")
        self.drop_table("time_zones")
        self.drop_table("countries")
        self.drop_table("continents")
