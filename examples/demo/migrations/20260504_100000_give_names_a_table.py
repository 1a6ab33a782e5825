from __future__ import annotations

from whimbrel import Migration

# 'Roma|Rome|Рим' -> (1, 'Roma'), (2, 'Rome'), (3, 'Рим'). Taking a text apart into rows is
# what engines say most differently. Where it goes through JSON, the text is quoted as JSON
# first, so that quotes and backslashes inside of names stay what they are.
SPLIT = {
    "sqlite": """
        INSERT INTO alternate_names (place_id, position, name)
        SELECT places.id, found.key + 1, found.value
          FROM places
          JOIN json_each('[' || replace(json_quote(other_names), '|', '","') || ']') AS found
         WHERE other_names <> ''
    """,
    "postgresql": """
        INSERT INTO alternate_names (place_id, position, name)
        SELECT places.id, found.position, found.name
          FROM places
         CROSS JOIN unnest(string_to_array(other_names, '|'))
               WITH ORDINALITY AS found (name, position)
         WHERE other_names <> ''
    """,
    "mysql": """
        INSERT INTO alternate_names (place_id, position, name)
        SELECT places.id, found.position, found.name
          FROM places
         CROSS JOIN json_table(
                 concat('[', replace(json_quote(other_names), '|', '","'), ']'),
                 '$[*]' COLUMNS (position FOR ORDINALITY, name VARCHAR(200) PATH '$')
               ) AS found
         WHERE other_names <> ''
    """,
}
JOIN = {
    "sqlite": """
        SELECT group_concat(name, '|')
          FROM (SELECT name FROM alternate_names
                 WHERE place_id = places.id ORDER BY position)
    """,
    "postgresql": """
        SELECT string_agg(name, '|' ORDER BY position)
          FROM alternate_names WHERE place_id = places.id
    """,
    "mysql": """
        SELECT group_concat(name ORDER BY position SEPARATOR '|')
          FROM alternate_names WHERE place_id = places.id
    """,
}
SPLIT["mariadb"], JOIN["mariadb"] = SPLIT["mysql"], JOIN["mysql"]


class GiveNamesATable(Migration):
    """Each alternate name becomes a row; its position keeps the order."""

    def up(self) -> None:
        self.create_table(
            "alternate_names",
            [
                self.column("place_id", "integer", primary_key=True),
                self.column("position", "integer", primary_key=True),
                self.column("name", "string", length=200, null=False),
            ],
        )
        self.add_foreign_key("alternate_names", "place_id", "places", "id", on_delete="CASCADE")
        self.execute(SPLIT[self.engine], dialect=self.engine)
        self.remove_column("places", "other_names")

    def down(self) -> None:
        self.add_column("places", "other_names", "text")
        if self.engine == "mysql":
            # Its default cuts a text at 1,024 bytes; MariaDB's is a megabyte.
            self.execute("SET SESSION group_concat_max_len = 1000000", dialect="mysql")
        self.execute(
            f"UPDATE places SET other_names = coalesce(({JOIN[self.engine]}), '')",
            dialect=self.engine,
        )
        self.drop_table("alternate_names")
