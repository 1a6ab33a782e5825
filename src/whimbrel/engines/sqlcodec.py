"""What the codecs of servers have in common: the sums of hashes as their queries give them.

Which SQL gives them, and what the texts of values are made of, is in engines/*/codec.py and
engines/*/texts.py.
"""

from __future__ import annotations

import abc
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final, cast

from whimbrel import errors, tables
from whimbrel.engines import base, codec

# Hexadecimal digits of a hash that `buckets` can count by: those of one lane.
MOST_DIGITS: Final = 15


class SqlCodec(codec.Codec):
    """A codec whose database computes everything in one query each."""

    def __init__(self, session: base.Session) -> None:
        self._session = session

    def name(self, name: str) -> str:
        """Return a quoted name as it stands beside parameters."""
        engine = self._session.engine
        return engine.beside_parameters(engine.quote(name))

    # --- what an engine says --------------------------------------------------------------------

    @abc.abstractmethod
    def _ask(self, sql: str, params: Sequence[object]) -> list[base.Row]:
        """Return the rows of a query; texts come as bytes."""

    @abc.abstractmethod
    def _stream(self, sql: str, params: Sequence[object]) -> Generator[base.Row, None, None]:
        """Yield the rows of a query as they come; texts come as bytes."""

    @abc.abstractmethod
    def _hash(self, values: Sequence[codec.Value]) -> str:
        """Return SQL for the hash of the text of these values."""

    @abc.abstractmethod
    def _summed(self, scan: codec.Scan, digits: int) -> list[base.Row]:
        """Return bucket, rows, hashes and both lanes; without digits of all rows."""

    @abc.abstractmethod
    def _texts(self, scan: codec.Scan) -> list[str]:
        """Return SQL for the texts of all values, as bytes, and (last) how many are NULL."""

    @abc.abstractmethod
    def _chosen(self, key: str, digits: int, buckets: Collection[int]) -> str:
        """Return a condition on the hash of a key: it begins with one of these numbers."""

    @abc.abstractmethod
    def _read(self, key: str) -> str:
        """Return the hash of a key as what comes as bytes."""

    @abc.abstractmethod
    def _ordered(self, key: str) -> str:
        """Return what orders the hashes of keys bytewise, as fast as can be."""

    def _source(self, table: tables.Table, query: str) -> str:
        """Return what stands behind FROM, as it is without parameters."""
        quote = self._session.engine.quote
        return f"({query}) AS {quote(table.name)}" if query else quote(table.name)

    def _not_understood(
        self, table: tables.Table, expression: str, cause: str
    ) -> errors.RefusedError:
        """Return the refusal of a user's expression."""
        return errors.RefusedError(
            f"the database does not understand the expression {expression!r}",
            database=self._session.url,
            object=f"table {table.name!r}",
            cause=cause,
            remedy="write an expression over the columns of this table, in its database's SQL",
        )

    @contextmanager
    def _as_it_was(self) -> Iterator[None]:
        """Leave no transaction open that was not."""
        was = self._session.in_transaction
        try:
            yield
        finally:
            if not was and not self._session.gone:
                self._session.rollback()

    def lost(self, what: str) -> errors.RefusedError:
        """Return the refusal of values that the database has given up as too large."""
        return errors.RefusedError(
            f"{what} is too large for the database to write as text",
            database=self._session.url,
        )

    # --- the contract ---------------------------------------------------------------------------

    def total(self, scan: codec.Scan) -> codec.Sum:
        (row,) = self._summed(scan, 0)
        return self._sum(scan, row)

    def buckets(self, scan: codec.Scan, digits: int) -> dict[int, codec.Sum]:
        if not 0 < digits <= MOST_DIGITS:
            raise ValueError(f"buckets are counted by 1 to {MOST_DIGITS} digits, not by {digits}")
        rows = self._summed(scan, digits)
        return {_bucket(row[0]): self._sum(scan, row) for row in rows}

    def _sum(self, scan: codec.Scan, row: base.Row) -> codec.Sum:
        _, rows, hashes, high, low = row
        if rows != hashes:
            raise self.lost(f"a row of {scan.table!r}")
        return codec.Sum(rows=_integer(rows), high=_integer(high), low=_integer(low))

    def rows(self, scan: codec.Scan) -> list[codec.Texts]:
        sql = f"SELECT {', '.join(self._texts(scan))} FROM {self._from(scan)}"
        rows = self._ask(sql, scan.params)
        if any(row[:-1].count(None) != row[-1] for row in rows):
            raise self.lost(f"a row of {scan.table!r}")
        return [cast("codec.Texts", row[:-1]) for row in rows]

    def stream(
        self, scan: codec.Scan, *, digits: int = 0, only: Collection[int] | None = None
    ) -> Iterator[tuple[str, codec.Texts]]:
        if only is not None and not only:
            return
        key = self._hash(self._key(scan))
        source = self._from(scan)
        if only is not None:
            source += (" AND " if scan.where else " WHERE ") + self._chosen(key, digits, only)
        texts = ", ".join(self._texts(scan))
        sql = f"SELECT {self._read(key)}, {texts} FROM {source} ORDER BY {self._ordered(key)}"
        with closing(self._stream(sql, scan.params)) as rows:
            for row in rows:
                hash_, found = row[0], cast("codec.Texts", row[1:-1])
                if hash_ is None or found.count(None) != row[-1]:
                    break
                yield cast("bytes", hash_).decode("ascii"), found
            else:
                return
        raise self.lost(f"a row of {scan.table!r}")

    def _from(self, scan: codec.Scan) -> str:
        return self.name(scan.table) + (f" WHERE ({scan.where})" if scan.where else "")

    def _key(self, scan: codec.Scan) -> tuple[codec.Value, ...]:
        return tuple(scan.values[at] for at in scan.key) if scan.key else scan.values


def _integer(value: object) -> int:
    return int(cast("int", value)) if value is not None else 0


def _bucket(value: object) -> int:
    return int(value, 16) if isinstance(value, bytes) else _integer(value)
