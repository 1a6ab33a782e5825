from __future__ import annotations

from whimbrel import Migration


class DateTheEntries(Migration):
    """The day of entry becomes a date: '01.03.2004' is 2004-03-01."""

    def up(self) -> None:
        self.backfill(
            "places",
            {
                "entered": "substr(entered, 7, 4) || '-' || substr(entered, 4, 2) "
                "|| '-' || substr(entered, 1, 2)"
            },
        )
        self.change_column("places", "entered", "date", null=False)

    def down(self) -> None:
        self.change_column("places", "entered", "text", null=True)
        self.backfill(
            "places",
            {
                "entered": "substr(entered, 9, 2) || '.' || substr(entered, 6, 2) "
                "|| '.' || substr(entered, 1, 4)"
            },
        )
