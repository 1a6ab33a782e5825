from __future__ import annotations

from whimbrel import Migration


class SplitCustomerNames(Migration):
    """full_name becomes first_name and last_name: the schema changes, and its rows with it."""

    def up(self) -> None:
        # New columns are empty at first, so they may be NULL until they are filled.
        self.add_column("customers", "first_name", "string", length=60)
        self.add_column("customers", "last_name", "string", length=60)
        self.execute("""
            UPDATE customers
               SET first_name = substr(full_name, 1, instr(full_name, ' ') - 1),
                   last_name = substr(full_name, instr(full_name, ' ') + 1)
        """)
        # What `null=False` refuses, and how many rows it concerns, is said before it is tried.
        self.change_column("customers", "first_name", "string", length=60, null=False)
        self.change_column("customers", "last_name", "string", length=60, null=False)
        self.remove_column("customers", "full_name")

    def down(self) -> None:
        self.add_column("customers", "full_name", "string", length=100)
        self.execute("UPDATE customers SET full_name = first_name || ' ' || last_name")
        self.change_column("customers", "full_name", "string", length=100, null=False)
        self.remove_column("customers", "first_name")
        self.remove_column("customers", "last_name")
