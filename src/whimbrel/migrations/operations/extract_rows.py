"""Put each distinct combination of some columns in another table, in batches."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel.migrations import speech as speeches
from whimbrel.migrations.operations import rows
from whimbrel.pacing import RowsConfig
from whimbrel.rows import work


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractRows(rows.RowsOperation):
    """What extract_table does with the rows: columns of the same names, each combination once.

    `same` is a column of the target that holds `fingerprint`, an expression of the engine's own
    over the source that is equal for equal combinations; an index on it keeps this linear.
    """

    source: str
    target: str
    columns: tuple[str, ...]
    same: str
    fingerprint: str

    @property
    def walked(self) -> str:
        return self.source

    @property
    def written(self) -> str:
        return self.target

    @property
    def parallel(self) -> bool:
        return False  # two workers would both add what neither sees of the other

    def describe(self) -> str:
        columns = ", ".join(self.columns)
        return f"put each distinct {columns} of {self.source} into {self.target}"

    def task(self, speech: speeches.Speech, config: RowsConfig) -> work.Work:
        quote = speech.engine.quote
        source = speech.catalog.table(self.source)
        way = rows.way_through(source, speech.engine)
        target, same = quote(self.target), quote(self.same)
        names = [f"whimbrel_{at}" for at in range(len(self.columns))]
        read = [
            f"{quote(self.source)}.{quote(column)} AS {name}"
            for column, name in zip(self.columns, names, strict=True)
        ]
        # In the order of the key, so that the numbers they get are the same in every run.
        places = [f"whimbrel_key_{at}" for at in range(len(way.key.columns))]
        read += [
            f"{name if way.key.address else quote(name)} AS {place}"
            for name, place in zip(way.key.columns, places, strict=True)
        ]
        order = f" ORDER BY {', '.join(places)}" if places else ""
        values = ", ".join(names)
        into = ", ".join([same, *map(quote, self.columns)])
        # From the inside: the rows of the batch; the first of each combination; the new ones.
        batch = f"SELECT {self.fingerprint} AS whimbrel_same, {', '.join(read)} "
        numbered = (
            f"SELECT {', '.join(['whimbrel_same', values, *places])}, "
            f"row_number() OVER (PARTITION BY whimbrel_same{order}) AS whimbrel_n FROM ("
        )
        return work.Statement(
            table=source,
            way=way,
            sql=f"INSERT INTO {target} ({into}) SELECT whimbrel_same, {values} FROM ("
            f"{numbered}{batch}FROM {quote(self.source)}",
            tail=") AS whimbrel_batch) AS whimbrel_first WHERE whimbrel_n = 1 AND NOT EXISTS ("
            f"SELECT 1 FROM {target} AS whimbrel_there "
            f"WHERE whimbrel_there.{same} = whimbrel_first.whimbrel_same){order}",
            tells=False,
        )

    def preview(self, made: work.Work) -> tuple[str, ...]:
        return (made.shown(),)
