from __future__ import annotations

from whimbrel import Migration

N_OR_S = "CASE WHEN latitude < 0 THEN 'S' ELSE 'N' END"
E_OR_W = "CASE WHEN longitude < 0 THEN 'W' ELSE 'E' END"

# (41.9, 12.51133) -> '41.90000 N, 12.51133 E'. Other engines than SQLite know by themselves
# with how many decimals a number was declared.
CONCAT = f"concat(abs(latitude), ' ', {N_OR_S}, ', ', abs(longitude), ' ', {E_OR_W})"
TOGETHER = {
    "sqlite": f"printf('%.5f %s, %.5f %s', abs(latitude), {N_OR_S}, abs(longitude), {E_OR_W})",
    "postgresql": CONCAT,
    "mariadb": CONCAT,
    "mysql": CONCAT,
}


class SplitCoordinates(Migration):
    """'41.90000 N, 12.51133 E' becomes two numbers, negative in the south and in the west."""

    def up(self) -> None:
        self.add_column("places", "latitude", "decimal", precision=8, scale=5)
        self.add_column("places", "longitude", "decimal", precision=8, scale=5)
        self.execute("""
            UPDATE places
               SET latitude = CAST(substr(coordinates, 1, instr(coordinates, ' ') - 1)
                                   AS DECIMAL(8, 5))
                              * CASE WHEN instr(coordinates, ' S') > 0 THEN -1 ELSE 1 END,
                   longitude = CAST(replace(replace(substr(coordinates,
                                                           instr(coordinates, ', ') + 2),
                                                    ' E', ''), ' W', '')
                                    AS DECIMAL(8, 5))
                               * CASE WHEN instr(coordinates, ' W') > 0 THEN -1 ELSE 1 END
        """)
        for column in ("latitude", "longitude"):
            self.change_column("places", column, "decimal", precision=8, scale=5, null=False)
        self.remove_column("places", "coordinates")

    def down(self) -> None:
        self.add_column("places", "coordinates", "text")
        self.execute(
            f"UPDATE places SET coordinates = {TOGETHER[self.engine]}", dialect=self.engine
        )
        self.remove_column("places", "longitude")
        self.remove_column("places", "latitude")
