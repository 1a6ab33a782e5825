"""What tests of codecs share: a prepared session, scans, texts that are hard to keep.

What a codec has to write is said by the tests themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tests import databases, engines
from whimbrel.engines import base, codec, registry
from whimbrel.engines.forms import Form

SERVERS = engines.only("postgresql", "postgresql18", "mariadb", "mysql")
POSTGRESQL = engines.only("postgresql", "postgresql18")
MYSQL = engines.only("mariadb", "mysql")
NASTY_TEXTS = (
    "",
    " ",
    "  a  ",
    "NULL",
    "<null>",
    "x|y",
    "3:abc",
    "!t61",
    'it\'s "q" `b` \\ \\N',
    "%s %% %(name)s ? :name",
    "\t\n\r\x01\x1f\x7f",
    "Aa",
    "aA",
    "é",
    "e\u0301",
    "ß",
    "ss",
    "漢字",
    "🦜",
    "👩\u200d👩\u200d👧",
    "\u00a0",
    "\ufeff\u2028",
    "0",
    "x" * 5_000,
)


def float_text(value: float) -> str:
    """Write a double as the contract says."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    if 1e-15 <= abs(value) < 1e15:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    first, rest = str(digits[0]), "".join(map(str, digits[1:]))
    power = int(exponent) + len(rest)
    return f"{'-' * sign}{first}{'.' * bool(rest)}{rest}e{power}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A session with its codec."""

    session: base.Session
    codec: codec.Codec
    kind: str

    def scan(self, name: str, shapes: Sequence[Form] | None = None, *, key: int = 0) -> codec.Scan:
        """Return a scan of a table, compared in these forms or in its own; `key` columns."""
        table = self.session.engine.catalog(self.session).table(name)
        quote = self.session.engine.quote
        values = tuple(
            codec.Value(
                sql=self.session.engine.beside_parameters(quote(column.name)),
                column=column,
                form=shapes[at] if shapes else self.codec.form(table, column),
            )
            for at, column in enumerate(table.columns)
        )
        # Which is said by the table is asked in any case.
        for column in table.columns:
            self.codec.form(table, column)
        return codec.Scan(table=name, values=values, key=tuple(range(key)))


def create(raw: databases.Raw, name: str, columns: str) -> None:
    """Make a table."""
    options = "" if raw.database.kind == "postgresql" else " CHARACTER SET utf8mb4"
    raw.execute(f"CREATE TABLE {name} ({columns}){options}")


def by_number(rows: Sequence[codec.Texts]) -> list[bytes | None]:
    """Return the second texts in the order of the first, a number."""
    return [row[1] for row in sorted(rows, key=lambda row: int(row[0] or b"0"))]


def opened(database: databases.Database, *, read_only: bool = False) -> Side:
    """Open a session and prepare its codec; whoever asks closes it."""
    session = registry.open_session(database.url, read_only=read_only)
    made = session.engine.codec(session)
    made.prepare()
    return Side(session=session, codec=made, kind=database.kind)
