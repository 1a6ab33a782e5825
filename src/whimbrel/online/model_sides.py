"""One side of a dual write that is an ActiveRecord model: its rows, read and written exactly.

Rows are read and written by statements of ours on the connection of a backend, with the model's
own adapters. Neither save() nor its hooks run for what is written to the second side: a hook that
sets a time, say, would make the two sides different.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from whimbrel import errors
from whimbrel.engines import base, models, owners
from whimbrel.online import mappings

# A class or an object of upstream, which publishes no types.
Upstream = Any

# Stands for a value until it is known how the driver writes that; no name has it.
_MARK: Final = "\0"


class Side:
    """A model, and how its rows are read and written on a backend of its database."""

    def __init__(self, model: Upstream, name: str) -> None:
        self.model = model
        self.name = name
        self.key = tuple(model.primary_key_fields())
        self.fields = tuple(model.model_fields)
        self._columns = {field: model._get_column_name(field) for field in self.fields}
        self._types: dict[str, Any] = {}

    def __str__(self) -> str:
        return str(self.model.__name__)

    @property
    def table(self) -> str:
        """The name of its table."""
        return str(self.model.table_name())

    @property
    def required(self) -> list[str]:
        """Fields without which there is no row."""
        own = self.key if self.model.__pk_auto_generated__ else ()
        fields = self.model.model_fields
        return [name for name in self.fields if fields[name].is_required() and name not in own]

    def key_of(self, record: Upstream) -> dict[str, Any]:
        """Return the key of a record that was saved."""
        return {name: getattr(record, name) for name in self.key}

    # --- keys as text ---------------------------------------------------------------------------

    def key_text(self, key: mappings.Values) -> str:
        """Write a key as text."""
        plain = {name: self._adapter(name).dump_python(key[name], mode="json") for name in self.key}
        return json.dumps(plain, sort_keys=True, ensure_ascii=False)

    def read_key(self, text: str) -> dict[str, Any]:
        """Read what `key_text` wrote."""
        return {name: self.typed(name, value) for name, value in json.loads(text).items()}

    # --- rows -----------------------------------------------------------------------------------

    def read(
        self, hand: owners.Owned, key: mappings.Values, *, lock: str = ""
    ) -> dict[str, Any] | None:
        """Return the row with a key by fields, None if there is none.

        `lock` is `row_lock` or `row_share` of the engine, or nothing.
        """
        engine = hand.engine
        columns = ", ".join(engine.quote(column) for column in self._columns.values())
        sql = f"SELECT {columns} FROM {self._named(engine)} WHERE {self._where(engine, key)}"
        rows = hand.fetch(
            _sent(engine, sql) + lock,
            self._values(key),
            self.model.get_column_adapters(),
        )
        if not rows:
            return None
        if len(rows) > 1:
            raise errors.DualWriteRefused(
                f"{len(rows)} rows of {self.table!r} have the same {', '.join(key)}",
                why="they are told apart by that, so that it is not clear which is meant",
                remedy="make it unique, or name what is:  dual_write(…, key={…})",
            )
        row = {field: rows[0][column] for field, column in self._columns.items()}
        if models.of(engine).makes_up_zones:
            row = {field: _without_zone(value) for field, value in row.items()}
        return row

    def keys(
        self, hand: owners.Owned, at_once: int, *, by: tuple[str, ...] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Walk through the keys of all rows, in their order, so many with each query."""
        engine, fields = hand.engine, by or self.key
        names = [self._column(engine, field) for field in fields]
        last: tuple[Any, ...] | None = None
        while True:
            ways = []
            for at in range(len(fields) if last is not None else 0):
                same = [f"{name} = {_MARK}" for name in names[:at]]
                ways.append(f"({' AND '.join([*same, f'{names[at]} > {_MARK}'])})")
            where = f" WHERE {' OR '.join(ways)}" if ways else ""
            sql = (
                f"SELECT {', '.join(names)} FROM {self._named(engine)}{where} "
                f"ORDER BY {', '.join(names)} LIMIT {at_once}"
            )
            sent = dict(zip(fields, last or (), strict=False))
            placed = self._values(sent) if sent else []
            values = [placed[fields.index(f)] for f in self._order(fields, bool(sent))]
            with hand.looking():
                adapters = self.model.get_column_adapters()
                rows = hand.fetch(_sent(engine, sql), values, adapters)
            if not rows:
                return
            for row in rows:
                yield {field: row[self._columns[field]] for field in fields}
            last = tuple(rows[-1][self._columns[field]] for field in fields)

    @staticmethod
    def _order(fields: tuple[str, ...], placed: bool) -> list[str]:
        """Return the fields whose values the conditions of `keys` take, in their order."""
        ends = range(len(fields) if placed else 0)
        return [field for at in ends for field in fields[: at + 1]]

    def column(self, field: str) -> str:
        """Return the column of a field."""
        return str(self._columns[field])

    def write(self, hand: owners.Owned, key: mappings.Values, values: mappings.Values) -> None:
        """Make the row with a key hold these values, whether it is there or not."""
        engine = hand.engine
        typed = {name: self.typed(name, value) for name, value in values.items()}
        asked = f"SELECT 1 AS found FROM {self._named(engine)} WHERE {self._where(engine, key)}"
        if not hand.fetch(_sent(engine, asked) + engine.row_lock, self._values(key)):
            self._insert(hand, {**key, **typed})
            return
        changed = {name: value for name, value in typed.items() if name not in key}
        if not changed:
            return
        sets = ", ".join(f"{self._column(engine, name)} = {_MARK}" for name in changed)
        sql = f"UPDATE {self._named(engine)} SET {sets} WHERE {self._where(engine, key)}"
        hand.send(_sent(engine, sql), [*self._values(changed), *self._values(key)])

    def remove(self, hand: owners.Owned, key: mappings.Values) -> None:
        """Remove the row with a key, if it is there."""
        engine = hand.engine
        sql = f"DELETE FROM {self._named(engine)} WHERE {self._where(engine, key)}"
        hand.send(_sent(engine, sql), self._values(key))

    def typed(self, field: str, value: Any) -> Any:
        """Return a value as the model's field has it; upstream's validation says what is wrong."""
        return self._adapter(field).validate_python(value)

    def _insert(self, hand: owners.Owned, values: mappings.Values) -> None:
        engine = hand.engine
        names = ", ".join(self._column(engine, name) for name in values)
        marks = ", ".join(_MARK for _ in values)
        sql = f"INSERT INTO {self._named(engine)} ({names}){engine.override_identity} "
        hand.send(_sent(engine, f"{sql}VALUES ({marks})"), self._values(values))

    def _values(self, values: Mapping[str, Any]) -> list[Any]:
        sent = []
        for name, value in values.items():
            own = self.model._get_adapter_for_field(name)
            sent.append(own[0].to_database(value, own[1]) if own and value is not None else value)
        return sent

    def _named(self, engine: base.Engine) -> str:
        schema = self.model.schema_name()
        prefix = f"{engine.quote(schema)}." if schema else ""
        return f"{prefix}{engine.quote(self.table)}"

    def _column(self, engine: base.Engine, field: str) -> str:
        return engine.quote(self._columns[field])

    def _where(self, engine: base.Engine, key: mappings.Values) -> str:
        return " AND ".join(f"{self._column(engine, name)} = {_MARK}" for name in key)

    def _adapter(self, field: str) -> Any:
        if field not in self._types:
            from pydantic import TypeAdapter

            info = self.model.model_fields[field]
            kind: Any = Annotated[info.annotation, info]
            self._types[field] = TypeAdapter(kind)
        return self._types[field]


def _without_zone(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value


def _sent(engine: base.Engine, sql: str) -> str:
    return engine.beside_parameters(sql).replace(_MARK, engine.placeholder)
