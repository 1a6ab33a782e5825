"""How the contestants of a comparison of two tables are called, for whoever shows them."""

from __future__ import annotations

from typing import Final

COMPARISON: Final = "verify"
# Both servers together, and each of them alone.
PAIR: Final = "mariadb and postgresql"
SCAN: Final = "one hash scan"
ONE_ROW: Final = "Whimbrel, one row differs"
RELADIFF: Final = "reladiff"

# Moving a table into another database.
MOVED: Final = "transfer"
FILE: Final = "a prepared file"
FILE_AND_KEY: Final = "a prepared file, then its key"
VERIFIED: Final = "Whimbrel, verified"

# Looking at a whole database.
ASSESSED: Final = "assess"
ALONE: Final = "catalog, values, pace, rules, page"
PLANNED: Final = "and a plan for another engine"
