"""Random small databases whose tables refer to each other, in circles too, with rows that fit.

What a subset of them has to be is computed here by brute force, without any SQL.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Row = tuple[object, ...]
_WORDS: Final = (
    "",
    "a",
    "Anne",
    "Zoë",
    "漢字",
    "😀",
    "x" * 40,
    " lead",
    "it's",
    "back\\slash",
    "%s",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Places of columns of one table that refer to those of another's key."""

    places: tuple[int, ...]
    table: int
    ref_places: tuple[int, ...]
    virtual: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: how many columns its key has (none: no key), what it refers to, its rows."""

    key: int
    links: tuple[Link, ...]
    columns: int
    rows: list[Row]


class Scheme:
    """A random database of some tables `t0`, `t1`, …; the columns are `c0`, `c1`, …"""

    def __init__(self, seed: int, *, largest: int = 60) -> None:
        chance = random.Random(seed)
        count = chance.randint(1, 6)
        keys = [chance.choice((1, 1, 1, 2, 2, 0)) for _ in range(count)]
        texts = [key == 1 and chance.random() < 0.3 for key in keys]
        sizes = [chance.choice((0, 1, 3, chance.randint(5, largest))) for _ in range(count)]
        self.names = [f"t{number}" for number in range(count)]
        self.kinds: list[list[str]] = []
        self.tables: list[Table] = []
        own = [self._keys(chance, key, text, size)
               for key, text, size in zip(keys, texts, sizes, strict=True)]  # fmt: skip
        for number in range(count):
            kinds = ["text" if texts[number] else "integer"] * max(1, keys[number])
            links = []
            for _ in range(chance.randint(0, 3)):
                other = chance.choice([at for at in range(count) if keys[at]] or [None])
                if other is None:
                    continue
                places = tuple(range(len(kinds), len(kinds) + keys[other]))
                kinds += ["text" if texts[other] else "integer"] * keys[other]
                links.append(
                    Link(
                        places=places,
                        table=other,
                        ref_places=tuple(range(keys[other])),
                        virtual=chance.random() < 0.2,
                    )
                )
            kinds += ["text", "integer"]
            rows = []
            for at in range(sizes[number]):
                row: list[object] = list(own[number][at])
                for link in links:
                    there = own[link.table]
                    none = not there or chance.random() < 0.25
                    key = (None,) * len(link.places) if none else chance.choice(there)
                    if not none and len(key) > 1 and chance.random() < 0.1:
                        key = (None, *key[1:])
                    row += key
                row += [chance.choice((*_WORDS, None)), chance.choice((None, *range(-3, 9)))]
                rows.append(tuple(row))
            self.kinds.append(kinds)
            self.tables.append(
                Table(key=keys[number], links=tuple(links), columns=len(kinds), rows=rows)
            )

    def _keys(self, chance: random.Random, key: int, text: bool, size: int) -> list[Row]:
        if key == 0:
            return [(chance.randint(0, 9),) for _ in range(size)]
        found: dict[Row, None] = {}
        while len(found) < size:
            row: Row = tuple(chance.randint(-50, 400) for _ in range(key))
            found[(f"{chance.choice(_WORDS)}{row[0]}",) if text else row] = None
        return list(found)

    # --- as SQL ---------------------------------------------------------------------------------

    def statements(self) -> Iterator[str]:
        """Yield what makes the tables, without their foreign keys where `later` has them."""
        for number, table in enumerate(self.tables):
            types = {"integer": "BIGINT", "text": "VARCHAR(60)"}
            parts = []
            for place, kind in enumerate(self.kinds[number]):
                null = " NOT NULL" if place < table.key else ""
                parts.append(f"c{place} {types[kind]}{null}")
            if table.key:
                parts.append(f"PRIMARY KEY ({', '.join(f'c{at}' for at in range(table.key))})")
            yield f"CREATE TABLE t{number} ({', '.join(parts)}\0)"

    def foreign_keys(self) -> Iterator[tuple[int, str]]:
        """Yield the number of a table and the text of one of its foreign keys."""
        for number, table in enumerate(self.tables):
            for link in table.links:
                if not link.virtual:
                    own = ", ".join(f"c{at}" for at in link.places)
                    other = ", ".join(f"c{at}" for at in link.ref_places)
                    yield number, f"FOREIGN KEY ({own}) REFERENCES t{link.table} ({other})"

    def build(
        self, execute: Callable[..., object], *, inline: bool, place: str, shuffle: int = 0
    ) -> None:
        """Make it: foreign keys within CREATE TABLE or behind the rows, which come shuffled."""
        keys = list(self.foreign_keys())
        for number, statement in enumerate(self.statements()):
            own = [text for at, text in keys if at == number] if inline else []
            execute(statement.replace("\0", "".join(f", {text}" for text in own)))
        chance = random.Random(shuffle)
        for number, table in enumerate(self.tables):
            rows = chance.sample(table.rows, len(table.rows))
            places = ", ".join([place] * table.columns)
            for row in rows:
                execute(f"INSERT INTO t{number} VALUES ({places})", row)
        if not inline:
            for number, text in keys:
                execute(f"ALTER TABLE t{number} ADD {text}")

    @property
    def references(self) -> list[dict[str, object]]:
        """The references that no foreign key says."""
        return [
            {
                "table": f"t{number}",
                "columns": [f"c{at}" for at in link.places],
                "ref_table": f"t{link.table}",
                "ref_columns": [f"c{at}" for at in link.ref_places],
            }
            for number, table in enumerate(self.tables)
            for link in table.links
            if link.virtual
        ]

    # --- by brute force -------------------------------------------------------------------------

    def closed(self, chosen: Mapping[str, Sequence[Row]]) -> dict[str, set[Row]]:
        """Return chosen rows and all that they refer to, tried again until nothing is new."""
        found = {name: set(chosen.get(name, ())) for name in self.names}
        while True:
            before = sum(map(len, found.values()))
            for number, table in enumerate(self.tables):
                for link in table.links:
                    wanted = {tuple(row[at] for at in link.places) for row in found[f"t{number}"]}
                    found[f"t{link.table}"] |= {
                        row
                        for row in self.tables[link.table].rows
                        if tuple(row[at] for at in link.ref_places) in wanted
                    }
            if sum(map(len, found.values())) == before:
                return found
