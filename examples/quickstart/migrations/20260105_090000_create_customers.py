from __future__ import annotations

from whimbrel import Migration


class CreateCustomers(Migration):
    """A first table, with three customers in it.

    `change` says the way up; the way down follows from it.
    """

    def change(self) -> None:
        self.create_table(
            "customers",
            [
                self.column("id", "integer", primary_key=True, auto_increment=True),
                self.column("full_name", "string", length=100, null=False),
                self.column("joined_on", "date"),
            ],
        )
        self.execute(
            """
            INSERT INTO customers (full_name, joined_on)
            VALUES ('Ada Lovelace', '2026-01-05'),
                   ('Grace Hopper', '2026-01-06'),
                   ('Katherine Johnson', NULL)
            """,
            reverse="DELETE FROM customers",
        )
