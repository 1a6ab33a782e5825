"""The triggers that keep two shapes in step on SQLite, and what compares the shapes.

Text alone: nothing is sent. A trigger takes from NEW and OLD only keys, and values from the row as
it is by then: triggers of users may have changed it since. It does nothing where the new shape is
what the old one says; so what it writes itself never comes back. Where going there and back gives
another value, a table of one row says that a mirror is at work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from whimbrel import tables
from whimbrel.engines import mirroring, mirrors
from whimbrel.engines.sqlite import tokens

NOT_NULL: Final = "NOT NULL constraint failed"


class Texts:
    """All texts of one mirror, with the names that both tables have at this moment."""

    def __init__(self, shape: mirrors.Shape, *, swapped: bool) -> None:
        self.shape = shape
        self.old, self.new = mirroring.sides(shape, swapped=swapped)
        self.up = mirroring.forward(shape, dialect="sqlite", quote=tokens.quote)
        self.down = mirroring.backward(shape, dialect="sqlite", quote=tokens.quote)

    # --- names ------------------------------------------------------------------------------------

    def name(self, part: str) -> str:
        """Return the quoted name of a part of this mirror."""
        return tokens.quote(mirroring.name(self.shape, part))

    def _sides(self, way: mirroring.Way) -> tuple[str, str]:
        """Return the quoted names of the source and of the target."""
        old, new = tokens.quote(self.old), tokens.quote(self.new)
        return (old, new) if way is self.up else (new, old)

    # --- what there is ----------------------------------------------------------------------------

    def tables(self) -> dict[str, str]:
        """Return our tables by their names: the guard, and keys of rows that REPLACE took away."""
        guard = mirroring.name(self.shape, "guard")
        found = {guard: f"CREATE TABLE {self.name('guard')} (busy INTEGER NOT NULL)"}
        for letter, way in self._ways():
            if self._replaced(way, "o"):
                columns = ", ".join(map(tokens.quote, way.source_key))
                name = mirroring.name(self.shape, f"{letter}gone")
                found[name] = f"CREATE TABLE {tokens.quote(name)} ({columns})"
        return found

    @property
    def fresh(self) -> str:
        """Return what fills the guard."""
        return f"INSERT INTO {self.name('guard')} (busy) VALUES (0)"

    def triggers(self, required: Sequence[str] = ()) -> dict[str, str]:
        """Return every trigger by its name; `required` may not be NULL though the table says so."""
        if self.shape.mode is mirrors.Mode.COLUMNS:
            return dict(self._in_one_row(required))
        found: dict[str, str] = {}
        for letter, way in self._ways():
            found.update(self._between(letter, way))
        return found

    def _ways(self) -> Iterable[tuple[str, mirroring.Way]]:
        if self.shape.mode is mirrors.Mode.COLUMNS:
            return ()
        if self.shape.mode is mirrors.Mode.BESIDE and not self.down.values:
            return (("f", self.up),)
        return (("f", self.up), ("b", self.down))

    def _trigger(self, part: str, when: str, table: str, condition: str, body: str) -> str:
        return (
            f"CREATE TRIGGER {self.name(part)} {when} ON {table} FOR EACH ROW\n"
            f"WHEN {condition}\nBEGIN\n{body}END"
        )

    def _guarded(self, body: str) -> str:
        guard = self.name("guard")
        return f"UPDATE {guard} SET busy = 1;\n{body}UPDATE {guard} SET busy = 0;\n"

    @property
    def _idle(self) -> str:
        return f"(SELECT busy FROM {self.name('guard')}) = 0"

    # --- two tables -------------------------------------------------------------------------------

    def _between(self, letter: str, way: mirroring.Way) -> Iterator[tuple[str, str]]:
        source, _ = self._sides(way)
        other = self.shape.mode is mirrors.Mode.BESIDE and way is self.down
        write = self._write_columns("NEW") if other else self._write(way, "NEW")
        vanish = self._vanish(way, "OLD")
        replaced = self._replaced(way, "o")
        gone = self.name(f"{letter}gone")
        taken = self._take_away(way, gone) if replaced else ""
        differs = self._differs(way, "NEW")
        inputs = self.changed([c.name for c in way.source.columns if c.name in way.inputs])
        moved = f"({inputs}) AND ({differs} OR {self._moved(way)})"
        if taken:
            differs = f"({differs} OR EXISTS (SELECT 1 FROM {gone}))"
            moved = f"({moved} OR EXISTS (SELECT 1 FROM {gone}))"
        parts = {
            "i": ("AFTER INSERT", differs, self._guarded(taken + write)),
            "u": (
                "AFTER UPDATE",
                moved,
                self._guarded(taken + vanish + write),
            ),
            "d": ("AFTER DELETE", "1", vanish),
        }
        for event, (when, condition, body) in parts.items():
            name = mirroring.name(self.shape, letter + event)
            yield name, self._trigger(letter + event, when, source, condition, body)
        if not replaced:
            return
        # Who replaces rows by another key than theirs takes them away without a trigger of theirs.
        keys = ", ".join(map(tokens.quote, way.source_key))
        picked = ", ".join(f"o.{tokens.quote(c)}" for c in way.source_key)
        for event, when, row in (("r", "BEFORE INSERT", "NEW"), ("s", "BEFORE UPDATE", "OLD")):
            apart = self._both("o", row, way.source_key, way.source_key)
            body = (
                f"DELETE FROM {gone};\n"
                f"INSERT INTO {gone} ({keys}) SELECT {picked} FROM {source} AS o "
                f"WHERE ({replaced}) AND NOT ({apart});\n"
            )
            name = mirroring.name(self.shape, letter + event)
            yield name, self._trigger(letter + event, when, source, self._idle, body)

    def _replaced(self, way: mirroring.Way, row: str) -> str:
        """Return the condition that a row would have to make room for NEW; '' if none has to."""
        found: list[str] = []
        keys: list[tuple[tuple[str | tables.Sql, ...], str | None]] = [
            (way.source.primary_key, None),
            *((unique.columns, None) for unique in way.source.uniques),
            *((index.columns, index.where) for index in way.source.indexes if index.unique),
        ]
        for columns, where in keys:
            if not columns or set(columns) == set(way.source_key):
                continue
            parts = []
            for column in columns:
                sql = column.text if isinstance(column, tables.Sql) else tokens.quote(column)
                parts.append(f"{way.over(sql, row)} = {way.over(sql, 'NEW')}")
            if where:
                parts += [way.over(where, row), way.over(where, "NEW")]
            found.append("(" + " AND ".join(f"({part})" for part in parts) + ")")
        return " OR ".join(found)

    def _take_away(self, way: mirroring.Way, gone: str) -> str:
        source, _ = self._sides(way)
        here = self._both("o", "g", way.source_key, way.source_key)
        left = f"FROM {gone} AS g WHERE NOT EXISTS (SELECT 1 FROM {source} AS o WHERE {here})"
        if self.shape.mode is mirrors.Mode.BESIDE and way is self.down:
            keys = ", ".join(way.expression(c, "g") for c in way.target_key)
            return f"{self._empty_columns(self._in(way, keys, left))};\nDELETE FROM {gone};\n"
        _, target = self._sides(way)
        keys = ", ".join(way.expression(c, "g") for c in way.target_key)
        return f"DELETE FROM {target} WHERE {self._in(way, keys, left)};\nDELETE FROM {gone};\n"

    @staticmethod
    def _in(way: mirroring.Way, keys: str, from_: str) -> str:
        names = ", ".join(map(tokens.quote, way.target_key))
        names = f"({names})" if len(way.target_key) > 1 else names
        return f"{names} IN (SELECT {keys} {from_})"

    def _vanish(self, way: mirroring.Way, row: str) -> str:
        """Return what takes away the other row of a key that is not here any more."""
        source, target = self._sides(way)
        here = self._both("o", row, way.source_key, way.source_key)
        left = f"NOT EXISTS (SELECT 1 FROM {source} AS o WHERE {here})"
        condition = f"{self._partner(way, '', row)} AND {left}"
        if self.shape.mode is mirrors.Mode.BESIDE and way is self.down:
            return f"{self._empty_columns(condition)};\n"
        return f"DELETE FROM {target} WHERE {condition};\n"

    def _write(self, way: mirroring.Way, row: str) -> str:
        source, target = self._sides(way)
        here = self._both("o", row, way.source_key, way.source_key)
        partner = self._partner(way, "", row)
        steps = ""
        if way.values:
            names = ", ".join(map(tokens.quote, way.values))
            values = ", ".join(way.expression(c, "o") for c in way.values)
            steps = (
                f"UPDATE OR IGNORE {target} SET ({names}) = "
                f"(SELECT {values} FROM {source} AS o WHERE {here}) WHERE {partner} "
                f"AND EXISTS (SELECT 1 FROM {source} AS o WHERE {here});\n"
            )
        names = ", ".join(map(tokens.quote, way.written))
        values = ", ".join(way.expression(c, "o") for c in way.written)
        only = ""
        if self.shape.mode is mirrors.Mode.BESIDE:
            only = f" AND NOT ({self._empty('o')})"
        steps += (
            f"INSERT OR IGNORE INTO {target} ({names}) SELECT {values} FROM {source} AS o "
            f"WHERE {here}{only} AND NOT EXISTS (SELECT 1 FROM {target} AS t "
            f"WHERE {self._partner(way, 't', 'o')});\n"
        )
        return steps

    def _write_columns(self, row: str) -> str:
        """Return what columns of the old table become by a row of the table beside it."""
        way = self.down
        source, target = self._sides(way)
        here = self._both("o", row, way.source_key, way.source_key)
        names = ", ".join(map(tokens.quote, way.values))
        values = ", ".join(way.expression(c, "o") for c in way.values)
        return (
            f"UPDATE OR IGNORE {target} SET ({names}) = "
            f"(SELECT {values} FROM {source} AS o WHERE {here}) "
            f"WHERE {self._partner(way, '', row)} "
            f"AND EXISTS (SELECT 1 FROM {source} AS o WHERE {here});\n"
        )

    def _emptiness(self) -> dict[str, str]:
        """Return what columns of the old table are when there is no partner."""
        found = {}
        for column in self.down.values:
            one = self.shape.old.column(column)
            if one.default is not None or one.null:
                found[column] = f"({one.default})" if one.default is not None else "NULL"
        return found

    def _empty_columns(self, condition: str) -> str:
        sets = ", ".join(f"{tokens.quote(c)} = {v}" for c, v in self._emptiness().items())
        old = tokens.quote(self.old)
        return f"UPDATE OR IGNORE {old} SET {sets} WHERE {condition}" if sets else "SELECT 1"

    def _empty(self, row: str) -> str:
        """Return the condition that a row of the old table says nothing to a partner."""
        said = [f"{row}.{tokens.quote(c)} IS {value}" for c, value in self._emptiness().items()]
        return " AND ".join(said) or "0"

    # --- conditions -------------------------------------------------------------------------------

    @staticmethod
    def _both(one: str, two: str, ones: Sequence[str], twos: Sequence[str]) -> str:
        return " AND ".join(
            f"{one}.{tokens.quote(a)} IS {two}.{tokens.quote(b)}"
            for a, b in zip(ones, twos, strict=True)
        )

    @staticmethod
    def _partner(way: mirroring.Way, target: str, row: str) -> str:
        """Return the condition that a row of the target belongs to one of the source."""
        before = f"{target}." if target else ""
        return " AND ".join(
            f"{before}{tokens.quote(c)} IS {way.expression(c, row)}" for c in way.target_key
        )

    def _moved(self, way: mirroring.Way) -> str:
        """Return the condition that an UPDATE has changed the key."""
        return f"NOT ({self._both('NEW', 'OLD', way.source_key, way.source_key)})"

    def _agrees(self, way: mirroring.Way, row: str, from_: str) -> str:
        """Return the condition that a row of the target is what one of the source says."""
        said = [
            f"{row}.{tokens.quote(c)} IS (({way.expression(c, from_)}) COLLATE BINARY)"
            for c in way.values
        ]
        return " AND ".join(said) or "1"

    def _differs(self, way: mirroring.Way, row: str) -> str:
        """Return the condition under which a trigger has to do something for a row."""
        here = self._both("x", row, way.source_key, way.source_key)
        source, _ = self._sides(way)
        old, new = ("x", "y") if way is self.up else ("y", "x")
        # Found by the key of the row that was written.
        joined = self._partner(way, "y", "x")
        _, target = self._sides(way)
        agrees = f"({self._agrees(self.up, new, old)})"
        if self.down.values:
            agrees += f" OR (NOT ({self._idle}) AND {self._agrees(self.down, old, new)})"
        found = (
            f"NOT EXISTS (SELECT 1 FROM {source} AS x JOIN {target} AS y ON {joined} "
            f"WHERE {here} AND ({agrees}))"
        )
        return found

    # --- both in one row --------------------------------------------------------------------------

    @property
    def new_columns(self) -> tuple[str, ...]:
        """Return the columns by which new code is known."""
        old = set(self.down.values) | _inputs(self.up)
        said = set(self.up.values) | (_inputs(self.down) - old)
        return tuple(c.name for c in self.shape.old.columns if c.name in said)

    @property
    def old_columns(self) -> tuple[str, ...]:
        """Return the columns by which old code is known."""
        said = _inputs(self.up) - set(self.new_columns)
        return tuple(c.name for c in self.shape.old.columns if c.name in said)

    def given(self, columns: Sequence[str], row: str) -> str:
        """Return the condition that one of these columns is not what it is by itself."""
        said = []
        for c in columns:
            default = self.shape.old.column(c).default
            value = "NULL" if default is None else f"(({default}) COLLATE BINARY)"
            said.append(f"{row}.{tokens.quote(c)} IS NOT {value}")
        return " OR ".join(said) or "0"

    @staticmethod
    def changed(columns: Sequence[str]) -> str:
        """Return the condition that an UPDATE has changed one of these columns."""
        return (
            " OR ".join(
                f"NEW.{tokens.quote(c)} IS NOT (OLD.{tokens.quote(c)} COLLATE BINARY)"
                for c in columns
            )
            or "0"
        )

    def _in_one_row(self, required: Sequence[str]) -> Iterator[tuple[str, str]]:
        table = tokens.quote(self.old)
        gave_new, gave_old = (
            self.given(self.new_columns, "NEW"),
            self.given(self.old_columns, "NEW"),
        )
        new_changed, old_changed = self.changed(self.new_columns), self.changed(self.old_columns)
        # A row that was not filled yet, and whose key moves behind whoever fills, is filled now.
        moved = f"{self._moved(self.up)} AND NOT ({gave_new})"
        differs = f"NOT ({self._agrees(self.up, 'NEW', 'NEW')})"
        if self.down.values:
            agrees = self._agrees(self.down, "NEW", "NEW")
            differs += f" AND ({self._idle} OR NOT ({agrees}))"
        bare = [c for c in self.up.values if self.shape.old.column(c).default is None]
        down, up = self._assign(self.down, required), self._assign(self.up)
        parts = [
            ("ci", "AFTER INSERT", f"({gave_new})", down if self.down.values else ""),
            ("cj", "AFTER INSERT", f"NOT ({gave_new}) AND ({gave_old})", up),
            (
                "ck",
                "AFTER INSERT",
                f"NOT ({gave_new}) AND NOT ({gave_old})",
                self._assign(self.up, only=bare) if bare else "",
            ),
            ("cu", "AFTER UPDATE", f"({new_changed})", down if self.down.values else ""),
            ("cv", "AFTER UPDATE", f"NOT ({new_changed}) AND ({old_changed} OR ({moved}))", up),
        ]
        for part, when, condition, body in parts:
            if body:
                name = mirroring.name(self.shape, part)
                yield (
                    name,
                    self._trigger(
                        part, when, table, f"{condition} AND {differs}", self._guarded(body)
                    ),
                )
        for number, column in enumerate(required):
            # The table lets NULL in, for code that does not know the column; nobody else.
            missing = f"NEW.{tokens.quote(column)} IS NULL"
            said = f"SELECT RAISE(ABORT, {_literal(f'{NOT_NULL}: {self.old}.{column}')});\n"
            for part, when, known in (
                (f"n{number}i", "BEFORE INSERT", gave_new),
                (f"n{number}u", "BEFORE UPDATE", new_changed),
            ):
                name = mirroring.name(self.shape, part)
                condition = f"{missing} AND NOT ({known})"
                yield name, self._trigger(part, when, table, condition, said)

    def _assign(
        self,
        way: mirroring.Way,
        required: Sequence[str] = (),
        *,
        only: Sequence[str] | None = None,
    ) -> str:
        """Return what writes one shape of a row from the other, as the row is by then."""
        table = tokens.quote(self.old)
        here = " AND ".join(f"{tokens.quote(c)} IS NEW.{tokens.quote(c)}" for c in way.target_key)
        columns = list(way.values) if only is None else list(only)
        sets = ", ".join(f"{tokens.quote(c)} = {self._kept(way, c, required)}" for c in columns)
        text = f"UPDATE OR IGNORE {table} SET {sets} WHERE {here};\n"
        for column in required:
            what = _literal(f"{NOT_NULL}: {self.old}.{column}")
            text += (
                f"SELECT RAISE(ABORT, {what}) FROM {table} "
                f"WHERE {here} AND {tokens.quote(column)} IS NULL;\n"
            )
        return text

    @staticmethod
    def _kept(way: mirroring.Way, column: str, required: Sequence[str]) -> str:
        sql = way.values[column]
        if column in required or not way.target.column(column).null:
            # What may not be NULL stays as it was where the other shape says NULL.
            return f"coalesce({sql}, {tokens.quote(column)})"
        return sql

    def _one_row(self, row: str) -> str:
        found = f"({self._agrees(self.up, row, row)})"
        if self.down.values:
            # A new column that nobody has written says nothing, whatever it would mean.
            given = self.given(self.new_columns, row)
            found += f" OR (({given}) AND {self._agrees(self.down, row, row)})"
        return f"({found})"

    # --- rows -------------------------------------------------------------------------------------

    def condition(self, condition: str, row: str) -> str:
        """Return a condition over the old table with an alias before its columns."""
        try:
            return self.up.over(condition, row)
        except mirroring.NotUnderstood:
            keys = [tokens.quote(c) for c in self.up.source_key]
            names = ", ".join(f"{row}.{key}" for key in keys)
            names = f"({names})" if len(keys) > 1 else names
            old = tokens.quote(self.old)
            return f"{names} IN (SELECT {', '.join(keys)} FROM {old} WHERE {condition})"

    def fill(self, condition: str) -> str:
        old, new = tokens.quote(self.old), tokens.quote(self.new)
        if self.shape.mode is mirrors.Mode.COLUMNS:
            sets = ", ".join(f"{tokens.quote(c)} = {sql}" for c, sql in self.up.values.items())
            return f"UPDATE {old} AS o SET {sets} WHERE ({condition}) AND NOT {self._one_row('o')}"
        where = self.condition(condition, "o")
        names = ", ".join(map(tokens.quote, self.up.written))
        values = ", ".join(self.up.expression(c, "o") for c in self.up.written)
        kept = f"EXISTS (SELECT 1 FROM {new} AS n WHERE {self._pair()})"
        if self.shape.mode is mirrors.Mode.BESIDE:
            partner = f"SELECT 1 FROM {new} AS n WHERE {self._partner(self.up, 'n', 'o')}"
            kept = f"({kept} OR (({self._empty('o')}) AND NOT EXISTS ({partner})))"
        key = ", ".join(map(tokens.quote, self.up.target_key))
        then = "DO NOTHING"
        if self.up.values:
            sets = ", ".join(
                f"{tokens.quote(c)} = excluded.{tokens.quote(c)}" for c in self.up.values
            )
            then = f"DO UPDATE SET {sets}"
        return (
            f"INSERT INTO {new} ({names}) SELECT {values} FROM {old} AS o "
            f"WHERE ({where}) AND NOT {kept} ON CONFLICT ({key}) {then}"
        )

    def _pair(self) -> str:
        """Return the condition that `n` belongs to `o`, and that both say the same."""
        said = f"({self._agrees(self.up, 'n', 'o')})"
        if self.down.values:
            said += f" OR ({self._agrees(self.down, 'o', 'n')})"
        return f"{self._partner(self.up, 'n', 'o')} AND ({said})"

    def astray(self, condition: str) -> str:
        old, new = tokens.quote(self.old), tokens.quote(self.new)
        keys = ", ".join(f"o.{tokens.quote(c)} AS {tokens.quote(c)}" for c in self.up.source_key)
        where = self.condition(condition, "o")
        if self.shape.mode is mirrors.Mode.COLUMNS:
            return f"SELECT {keys} FROM {old} AS o WHERE ({where}) AND NOT {self._one_row('o')}"
        fine = f"EXISTS (SELECT 1 FROM {new} AS n WHERE {self._pair()})"
        if self.shape.mode is mirrors.Mode.BESIDE:
            partner = f"EXISTS (SELECT 1 FROM {new} AS n WHERE {self._partner(self.up, 'n', 'o')})"
            fine = f"({fine} OR ({self._empty('o')} AND NOT {partner}))"
        first = f"SELECT {keys} FROM {old} AS o WHERE ({where}) AND NOT {fine}"
        other = self.up.keys_only(condition)
        range_ = "1" if other is None else self.down.over(other, "n")
        picked = ", ".join(
            f"{self.down.expression(c, 'n')} AS {tokens.quote(c)}" for c in self.down.target_key
        )
        return f"{first} UNION ALL SELECT {picked} {self._alone(range_)}"

    def _alone(self, condition: str) -> str:
        old, new = tokens.quote(self.old), tokens.quote(self.new)
        # Found by what the new key is in the old shape, and it has to be the new key of that.
        here = f"{self._partner(self.down, 'o', 'n')} AND {self._partner(self.up, 'n', 'o')}"
        return (
            f"FROM {new} AS n WHERE ({condition}) "
            f"AND NOT EXISTS (SELECT 1 FROM {old} AS o WHERE {here})"
        )

    def lossy(self) -> str:
        old, new = tokens.quote(self.old), tokens.quote(self.new)
        if self.shape.mode is mirrors.Mode.COLUMNS:
            keys = ", ".join(f"o.{tokens.quote(c)}" for c in self.up.source_key)
            agrees = self._agrees(self.up, "o", "o")
            return f"SELECT {keys} FROM {old} AS o WHERE NOT ({agrees})"
        keys = ", ".join(f"n.{tokens.quote(c)}" for c in self.up.target_key)
        here = self._partner(self.up, "n", "o")
        found = (
            f"SELECT {keys} FROM {new} AS n WHERE NOT EXISTS (SELECT 1 FROM {old} AS o "
            f"WHERE {self._partner(self.down, 'o', 'n')} AND {here} "
            f"AND {self._agrees(self.up, 'n', 'o')})"
        )
        if self.shape.mode is mirrors.Mode.BESIDE:
            return found
        picked = ", ".join(self.up.expression(c, "o") for c in self.up.target_key)
        return (
            f"{found} UNION ALL SELECT {picked} FROM {old} AS o "
            f"WHERE NOT EXISTS (SELECT 1 FROM {new} AS n WHERE {here})"
        )


def _inputs(way: mirroring.Way) -> set[str]:
    found: set[str] = set()
    for sql in way.values.values():
        found |= mirroring.reads(sql, columns=way.source_columns, dialect=way.dialect)
    return found


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
