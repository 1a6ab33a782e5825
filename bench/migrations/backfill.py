from __future__ import annotations

from whimbrel import Migration


class Backfill(Migration):
    """Fill the new column of every line."""

    def up(self):
        self.backfill("lineitem", {"l_net": "l_extendedprice * (1 - l_discount)"})
