"""The rows of one table of a source by their keys: what names a row, what finds it again.

A key is the texts of its values, which are the same whatever engine keeps them. Which rows are
wanted is the work of `coverage` and `closure`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import tables
from whimbrel.engines import base, codec, forms, transport
from whimbrel.proof import sides
from whimbrel.rows import keys

Key = codec.Texts
# A condition says so many keys at once.
KEYS_A_QUERY: Final = 500
_RANK_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """A table whose rows can be named and found again.

    `values` are what is read of each row, `names` their SQL where no parameters are. `key` are
    places in them; with `whole` all of a row names it, so that rows that are alike are one.
    `own` is a condition that leaves out the rows of heirs.
    """

    table: tables.Table
    values: tuple[codec.Value, ...]
    names: tuple[str, ...]
    key: tuple[int, ...]
    whole: bool = False
    address: bool = False
    own: str = ""

    @property
    def name(self) -> str:
        """The name of the table."""
        return self.table.name

    def of(self, row: Sequence[bytes | None]) -> Key:
        """Return the key of a row that was read."""
        return tuple(row[place] for place in self.key)

    def order(self) -> str:
        """Return SQL by which rows come in the order of their keys."""
        if self.address:
            # Where a row lies says nothing of it.
            columns = [
                name
                for at, name in enumerate(self.names)
                if at not in self.key and not _large(self.values[at].form)
            ]
            return ", ".join([*columns, *(self.names[at] for at in self.key)])
        return ", ".join(
            self.names[at] for at in self.key if not (self.whole and _large(self.values[at].form))
        )

    def condition(self, seat: sides.Seat, wanted: Sequence[Key] | None) -> str:
        """Return the condition for the rows with these keys, None for all; "" if there is none.

        It stands where no parameters are.
        """
        parts = [f"({self.own})"] if self.own else []
        if wanted is not None:
            parts.append(f"({self._among(seat, wanted)})")
        return " AND ".join(parts)

    def _among(self, seat: sides.Seat, wanted: Sequence[Key]) -> str:
        if not wanted:
            return "1 = 0"
        if not self.whole:
            columns = [
                (self.names[at], self.values[at].column, self.values[at].form) for at in self.key
            ]
            return seat.codec.among(columns, wanted)
        either = []
        for key in wanted:
            both = []
            for at, text in zip(self.key, key, strict=True):
                value = self.values[at]
                if text is None:
                    both.append(f"{self.names[at]} IS NULL")
                else:
                    octets = _alone(seat.engine, seat.codec.octets(value))
                    both.append(f"{octets} = {seat.codec.bytes_literal(text)}")
            either.append(f"({' AND '.join(both)})")
        return " OR ".join(either)

    def counts(self, place: int) -> bool:
        """Whether of a value only its length is read."""
        if self.address or place in self.key:
            return False
        return self.values[place].form.family is forms.Family.BINARY

    def texts(self, seat: sides.Seat) -> Iterator[list[codec.Texts]]:
        """Yield all rows, some at a time; of bytes only how many they are."""
        engine = seat.engine
        carried = []
        for place, value in enumerate(self.values):
            if self.counts(place):
                counted = tables.FoundColumn(name=value.column.name, type="bigint", null=True)
                form = forms.Form(family=forms.Family.INTEGER)
                value = codec.Value(sql=f"length({value.sql})", column=counted, form=form)
            carried.append(transport.Carried(value=value, column=value.column))
        cargo = transport.Cargo(
            source=engine.beside_parameters(engine.quote(self.name)),
            carried=tuple(carried),
            where=engine.beside_parameters(self.own),
        )
        yield from engine.unloader(seat.session).texts(cargo)

    def found(self, seat: sides.Seat, condition: str) -> list[Key]:
        """Return the keys of the rows for which a condition holds."""
        if self.own:
            condition = f"({self.own}) AND ({condition})"
        scan = codec.Scan(
            table=self.name,
            values=tuple(self.values[at] for at in self.key),
            where=seat.engine.beside_parameters(condition),
        )
        return seat.codec.rows(scan)


def keyed(seat: sides.Seat, table: tables.Table, *, own: str = "") -> Keyed:
    """Return how the rows of a table are named and found."""
    engine = seat.engine
    chosen = keys.choose(table, engine)
    columns = list(table.columns)
    if chosen.address:
        address = tables.FoundColumn(name=chosen.columns[0], type="bigint", null=False)
        columns.append(address)
    names = [engine.quote(one.name) for one in columns]
    values = tuple(
        codec.Value(
            sql=engine.beside_parameters(name),
            column=one,
            form=dataclasses.replace(seat.codec.form(table, one), padded=False),
        )
        for name, one in zip(names, columns, strict=True)
    )
    places = {one.name: place for place, one in enumerate(columns)}
    key = tuple(places[name] for name in chosen.columns) or tuple(range(len(table.columns)))
    return Keyed(
        table=table,
        values=values,
        names=tuple(names),
        key=key,
        whole=not chosen.columns,
        address=chosen.address,
        own=own,
    )


class Ranking:
    """Gives every row a place that depends on the seed and what names it, and on nothing else."""

    def __init__(self, keyed: Keyed, seed: int) -> None:
        self._secret = hashlib.blake2b(f"{seed}/{keyed.name}".encode(), digest_size=32).digest()
        # Where a row lies is no part of it: all else is.
        places = range(len(keyed.table.columns)) if keyed.address else keyed.key
        self._places = tuple((place, keyed.values[place].form.typed) for place in places)

    def of(self, row: Sequence[bytes | None]) -> bytes:
        """Return the rank of a row: the lower, the sooner it is chosen."""
        words = []
        for place, typed in self._places:
            text = row[place]
            if text is None:
                words.append(b"-")
            else:
                text = plain(text) if typed else text
                words.append(b"%d:%s" % (len(text), text))
        return hashlib.blake2b(b"|".join(words), digest_size=_RANK_BYTES, key=self._secret).digest()


def plain(text: bytes) -> bytes:
    """Return a text without the letter that says of which type the value is."""
    return text[2:] if text[1:2] == b":" else text


def _large(form: forms.Form) -> bool:
    return form.long or form.family in (forms.Family.JSON, forms.Family.OTHER)


def _alone(engine: base.Engine, sql: str) -> str:
    """Return SQL as it stands without parameters."""
    return sql.replace("%%", "%") if engine.beside_parameters("%") == "%%" else sql
