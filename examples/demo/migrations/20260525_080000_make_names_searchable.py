from __future__ import annotations

import unicodedata
from typing import Any

from whimbrel import Migration

Row = dict[str, Any]


def searchable(row: Row) -> Row:
    """Turn 'São Paulo' into 'sao paulo', and count that the row was changed."""
    letters = unicodedata.normalize("NFKD", row["name"])
    if not letters.isascii():
        letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return {"search_form": letters.casefold(), "version": row["version"] + 1}


class MakeNamesSearchable(Migration):
    """Names are found without their accents, in capitals or not; SQL cannot say how.

    The version counts how often a row was changed, as applications do to notice each other. A
    row that was done twice would be at 3.
    """

    # The table is filled by an earlier migration: a plan of both cannot know how large it is.
    transactional = False

    def up(self) -> None:
        self.add_column("place_names", "search_form", "string", length=400, null=False, default="")
        self.add_column("place_names", "version", "integer", null=False, default=1)
        self.transform("place_names", "place_names", searchable)

    def down(self) -> None:
        self.remove_column("place_names", "version")
        self.remove_column("place_names", "search_form")
