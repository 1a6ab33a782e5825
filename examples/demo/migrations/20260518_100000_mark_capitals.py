from __future__ import annotations

from whimbrel import Migration


class MarkCapitals(Migration):
    """Every place says whether it is a capital; no place is one by default."""

    def up(self) -> None:
        self.add_column("places", "is_capital", "boolean", null=False, default=False)
        self.backfill(
            "places", {"is_capital": "TRUE"}, where="id IN (SELECT place_id FROM capitals)"
        )

    def down(self) -> None:
        self.remove_column("places", "is_capital")
