"""How the contestants of a comparison of two tables are called, for whoever shows them."""

from __future__ import annotations

from typing import Final

COMPARISON: Final = "verify"
# Both servers together, and each of them alone.
PAIR: Final = "mariadb and postgresql"
SCAN: Final = "one hash scan"
ONE_ROW: Final = "Whimbrel, one row differs"
RELADIFF: Final = "reladiff"
