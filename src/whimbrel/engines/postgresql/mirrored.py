"""The functions and triggers that keep two shapes in step on PostgreSQL, and what compares them.

Text alone: nothing is sent. For two tables triggers fire once per statement, with what changed in
transition tables. Only keys are taken from those; the values are read from the table itself, so
that it does not matter in which order, or how often, something is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel.engines import mirroring, mirrors

# What the other shape may say to a value. A deadlock, a lock that was not to be had, a statement
# that was cancelled, a serialization failure are none of these, and are passed on.
_CAUGHT: Final = (
    "data_exception OR integrity_constraint_violation OR with_check_option_violation "
    "OR program_limit_exceeded OR raise_exception OR cardinality_violation"
)
# Types whose equality is equality of what is shown; all others are compared as text, byte by byte.
_EXACT: Final = frozenset(
    {"smallint", "integer", "bigint", "boolean", "date", "uuid", "bytea", "oid"}
)
EVERYTHING: Final = "whimbrel.mirror"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger: on which table, how it is called, and its text."""

    table: str
    name: str
    sql: str


class Texts:
    """All texts of one mirror, with the names that both tables have at this moment."""

    def __init__(
        self,
        shape: mirrors.Shape,
        *,
        quote: Callable[[str], str],
        schema: str,
        settings: Mapping[str, str],
        swapped: bool,
    ) -> None:
        self.shape = shape
        self.quote = quote
        self.schema = schema
        self.settings = settings
        self.old, self.new = mirroring.sides(shape, swapped=swapped)
        self.up = mirroring.forward(shape, dialect="postgres", quote=quote)
        self.down = mirroring.backward(shape, dialect="postgres", quote=quote)

    # --- names ------------------------------------------------------------------------------------

    def relation(self, name: str) -> str:
        """Return a table or function of ours with its schema."""
        return f"{self.quote(self.schema)}.{self.quote(name)}"

    def name(self, part: str) -> str:
        return mirroring.name(self.shape, part)

    @property
    def guard(self) -> str:
        """Return the setting that says that this mirror is at work in the transaction."""
        return f"{EVERYTHING}_{self.shape.tag}"

    def _sides(self, way: mirroring.Way) -> tuple[str, str]:
        if way is self.up:
            return self.relation(self.old), self.relation(self.new)
        return self.relation(self.new), self.relation(self.old)

    # --- what there is ----------------------------------------------------------------------------

    def functions(self) -> dict[str, str]:
        """Return every function by its name, in the order in which they are made."""
        found = dict(self._readings())
        if self.shape.mode is mirrors.Mode.COLUMNS:
            found[self.name("c")] = self._function("c", self._both_columns())
            return found
        for letter, way in (("f", self.up), ("b", self.down)):
            for event, body in self._events(way):
                found[self.name(letter + event)] = self._function(letter + event, body)
        return found

    def triggers(self) -> list[Trigger]:
        """Return every trigger."""
        if self.shape.mode is mirrors.Mode.COLUMNS:
            # After all others that fire before a row is written: those go by their names.
            name = f"~{self.name('c')}"
            return [
                self._trigger(
                    self.old, name, "c", "BEFORE INSERT OR UPDATE", "FOR EACH ROW", guarded=False
                )
            ]
        found = []
        for letter, way in (("f", self.up), ("b", self.down)):
            table = self.old if way is self.up else self.new
            if not way.values and way is self.down and self.shape.mode is mirrors.Mode.BESIDE:
                continue
            for event, word, tables in (
                ("i", "INSERT", "NEW TABLE AS now"),
                ("u", "UPDATE", "OLD TABLE AS was NEW TABLE AS now"),
                ("d", "DELETE", "OLD TABLE AS was"),
                ("t", "TRUNCATE", ""),
            ):
                part = letter + event
                each = "FOR EACH STATEMENT"
                if tables:
                    each = f"REFERENCING {tables} {each}"
                found.append(
                    self._trigger(table, self.name(part), part, f"AFTER {word}", each, guarded=True)
                )
        return found

    def _trigger(
        self, table: str, name: str, part: str, when: str, each: str, *, guarded: bool
    ) -> Trigger:
        conditions = [f"current_setting('{EVERYTHING}', true) IS DISTINCT FROM 'off'"]
        if guarded:
            conditions.append(f"current_setting('{self.guard}', true) IS DISTINCT FROM 'on'")
        return Trigger(
            table=table,
            name=name,
            sql=f"CREATE TRIGGER {self.quote(name)} {when} ON {self.relation(table)} {each} "
            f"WHEN ({' AND '.join(conditions)}) "
            f"EXECUTE FUNCTION {self.relation(self.name(part))}()",
        )

    def _function(self, part: str, body: str) -> str:
        return (
            f"CREATE OR REPLACE FUNCTION {self.relation(self.name(part))}() RETURNS trigger "
            f"LANGUAGE plpgsql SECURITY DEFINER{self._set()} AS $whimbrel$\n"
            f"#variable_conflict use_column\n{body}$whimbrel$"
        )

    def _set(self) -> str:
        return "".join(f" SET {name} = {value}" for name, value in self.settings.items())

    # --- two tables -------------------------------------------------------------------------------

    def _events(self, way: mirroring.Way) -> Iterator[tuple[str, str]]:
        keys = ", ".join(map(self.quote, way.source_key))
        was, now = f"SELECT {keys} FROM was", f"SELECT DISTINCT {keys} FROM now"
        changed = f"{was} UNION {now}"
        emptied = "TRUNCATE ONLY " + self._sides(way)[1]
        if self.shape.mode is mirrors.Mode.BESIDE:
            changed = self._changed(way)
            if way is self.down:
                emptied = self._emptied("", "true")
        yield "i", self._guarded(self._sync(way, now, removes=False))
        yield "u", self._guarded(self._sync(way, changed, removes=True))
        yield "d", self._guarded(self._sync(way, was, removes=True, writes=False))
        yield "t", self._guarded(self._caught(f"{emptied};\n", "NULL;\n"))

    def _changed(self, way: mirroring.Way) -> str:
        """Return the keys of rows in which something changed that the other table has too."""
        keys = ", ".join(map(self.quote, way.source_key))
        inputs = [c for c in way.source.columns if c.name in way.inputs]
        # Equality of the key comes first: it is what large statements are joined by.
        same = " AND ".join(
            [
                self._both("w", "n", way.source_key, way.source_key),
                *(
                    _same(f"w.{self.quote(c.name)}", f"n.{self.quote(c.name)}", c.type)
                    for c in inputs
                ),
            ]
        )
        pick = ", ".join(f"n.{self.quote(c)}" for c in way.source_key)
        return (
            f"SELECT {pick} FROM now AS n WHERE NOT EXISTS (SELECT FROM was AS w WHERE {same}) "
            f"UNION (SELECT {keys} FROM was EXCEPT SELECT {keys} FROM now)"
        )

    def _sync(self, way: mirroring.Way, keys: str, *, removes: bool, writes: bool = True) -> str:
        """Return what brings the rows of these keys on the other side up to date."""
        at_once = f"({keys}) AS k"
        steps = self._steps(way, at_once, "k", removes=removes, writes=writes)
        if not self._may_fail(way):
            return steps
        # One row at a time, and those that failed once more, while that helps: one may have had
        # to wait until another one had let go of a value that may be there once.
        pick = ", ".join(f"whimbrel_k.{self.quote(c)}" for c in way.source_key)
        names = ", ".join(map(self.quote, way.source_key))
        one = f"(SELECT {pick}) AS k ({names})"
        each = self._steps(way, one, "k", removes=removes, writes=writes)
        return self._caught(
            steps,
            "whimbrel_before := -1;\n"
            "LOOP\n"
            "whimbrel_failed := 0;\n"
            f"FOR whimbrel_k IN {keys} LOOP\n"
            f"BEGIN\n{each}EXCEPTION WHEN {_CAUGHT} THEN\n"
            "whimbrel_failed := whimbrel_failed + 1;\nEND;\n"
            "END LOOP;\n"
            "EXIT WHEN whimbrel_failed = 0 OR whimbrel_failed = whimbrel_before;\n"
            "whimbrel_before := whimbrel_failed;\n"
            "END LOOP;\n",
        )

    def _may_fail(self, way: mirroring.Way) -> bool:
        return mirroring.may_fail(way)

    def _caught(self, steps: str, otherwise: str) -> str:
        return f"BEGIN\n{steps}EXCEPTION WHEN {_CAUGHT} THEN\n{otherwise}END;\n"

    def _guarded(self, steps: str) -> str:
        """Return a body that says that this mirror is at work, and then what was said before."""
        set_guard = f"PERFORM set_config('{self.guard}', {{value}}, true);\n"
        return (
            "DECLARE\n"
            f"whimbrel_was text := current_setting('{self.guard}', true);\n"
            "whimbrel_k record;\nwhimbrel_failed bigint;\nwhimbrel_before bigint;\n"
            "BEGIN\n"
            + set_guard.format(value="'on'")
            + steps
            + set_guard.format(value="coalesce(whimbrel_was, '')")
            + "RETURN NULL;\nEND\n"
        )

    def _steps(
        self, way: mirroring.Way, keys: str, alias: str, *, removes: bool, writes: bool
    ) -> str:
        if self.shape.mode is mirrors.Mode.BESIDE and way is self.down:
            return self._beside(keys, alias, removes=removes, writes=writes)
        source, target = self._sides(way)
        same_row = self._both(alias, "s", way.source_key, way.source_key)
        steps = ""
        if removes:
            steps += (
                f"DELETE FROM {target} AS t USING {keys} WHERE {self._joined(way, 't', alias)} "
                f"AND NOT EXISTS (SELECT FROM {source} AS s WHERE {same_row});\n"
            )
        if writes:
            only = ""
            if self.shape.mode is mirrors.Mode.BESIDE:
                # A row that says nothing needs no partner; there may be one, then it is written.
                only = (
                    f" WHERE NOT ({self._empty('s')}) OR EXISTS "
                    f"(SELECT FROM {target} AS t WHERE {self._joined(way, 't', 's')})"
                )
            steps += f"{self.upsert(way, f'{source} AS s JOIN {keys} ON {same_row}{only}', 's')};\n"
        return steps

    def _beside(self, keys: str, alias: str, *, removes: bool, writes: bool) -> str:
        """Return what columns of the old table become when rows of the other table change."""
        way = self.down
        source, target = self._sides(way)
        same_row = self._both(alias, "s", way.source_key, way.source_key)
        steps = ""
        if removes:
            gone = (
                f"{self._joined(way, 't', alias)} "
                f"AND NOT EXISTS (SELECT FROM {source} AS s WHERE {same_row})"
            )
            steps += f"{self._emptied(keys, gone)};\n"
        if writes:
            sets = ", ".join(f"{self.quote(c)} = {way.expression(c, 's')}" for c in way.values)
            differs = self._differs("t", {c: way.expression(c, "s") for c in way.values}, way)
            steps += (
                f"UPDATE {target} AS t SET {sets} FROM {source} AS s JOIN {keys} ON {same_row} "
                f"WHERE {self._joined(way, 't', 's')} AND ({differs});\n"
            )
        return steps

    def _emptied(self, keys: str, condition: str) -> str:
        sets = ", ".join(f"{self.quote(c)} = {value}" for c, value in self._emptiness().items())
        using = f" FROM {keys}" if keys else ""
        return f"UPDATE {self.relation(self.old)} AS t SET {sets}{using} WHERE {condition}"

    def _emptiness(self) -> dict[str, str]:
        """Return what columns of the old table are when there is no partner."""
        found = {}
        for column in self.down.values:
            one = self.shape.old.column(column)
            found[column] = one.default or ("NULL" if one.null else self.quote(column))
        return found

    def _empty(self, row: str) -> str:
        """Return the condition that a row of the old table says nothing to a partner."""
        return (
            " AND ".join(
                f"{row}.{self.quote(c)} IS NOT DISTINCT FROM {value}"
                for c, value in self._emptiness().items()
                if value != self.quote(c)
            )
            or "false"
        )

    def upsert(self, way: mirroring.Way, from_: str, row: str) -> str:
        """Return what writes rows of a query into the other table, where they differ."""
        _, target = self._sides(way)
        columns = ", ".join(map(self.quote, way.written))
        values = ", ".join(way.expression(c, row) for c in way.written)
        key = ", ".join(map(self.quote, way.target_key))
        then = "DO NOTHING"
        if way.values:
            sets = ", ".join(f"{self.quote(c)} = EXCLUDED.{self.quote(c)}" for c in way.values)
            new = {c: f"EXCLUDED.{self.quote(c)}" for c in way.values}
            then = f"DO UPDATE SET {sets} WHERE {self._differs('t', new, way)}"
        return (
            f"INSERT INTO {target} AS t ({columns}) OVERRIDING SYSTEM VALUE "
            f"SELECT {values} FROM {from_} ON CONFLICT ({key}) {then}"
        )

    def _differs(self, row: str, values: Mapping[str, str], way: mirroring.Way) -> str:
        same = " AND ".join(
            _same(f"{row}.{self.quote(c)}", f"({value})", way.target.column(c).type)
            for c, value in values.items()
        )
        return f"NOT ({same})"

    def _both(self, one: str, two: str, ones: Sequence[str], twos: Sequence[str]) -> str:
        return " AND ".join(
            f"{one}.{self.quote(a)} = {two}.{self.quote(b)}"
            for a, b in zip(ones, twos, strict=True)
        )

    def _joined(self, way: mirroring.Way, target: str, source: str) -> str:
        """Return that two rows have the same key, each on its side."""
        return " AND ".join(
            f"{target}.{self.quote(c)} = {way.expression(c, source)}" for c in way.target_key
        )

    # --- both in one row --------------------------------------------------------------------------

    @property
    def new_columns(self) -> tuple[str, ...]:
        """Return the columns by which new code is known."""
        old = set(self.down.values) | self._inputs(self.up)
        said = set(self.up.values) | (self._inputs(self.down) - old)
        return tuple(c.name for c in self.shape.old.columns if c.name in said)

    @property
    def old_columns(self) -> tuple[str, ...]:
        """Return the columns by which old code is known."""
        said = self._inputs(self.up) - set(self.new_columns)
        return tuple(c.name for c in self.shape.old.columns if c.name in said)

    @staticmethod
    def _inputs(way: mirroring.Way) -> set[str]:
        found: set[str] = set()
        for sql in way.values.values():
            found |= mirroring.reads(sql, columns=way.source_columns, dialect=way.dialect)
        return found

    def given(self, columns: Sequence[str], row: str) -> str:
        """Return the condition that one of these columns is not what it is by itself."""
        return (
            " OR ".join(
                f"{row}.{self.quote(c)} IS DISTINCT FROM "
                f"{self._constant(self.shape.old.column(c).default)}"
                for c in columns
            )
            or "false"
        )

    @staticmethod
    def _constant(default: str | None) -> str:
        return f"({default})" if default is not None else "NULL"

    def _both_columns(self) -> str:
        table = self.relation(self.old)
        down = self._assign(self.down) if self.down.values else "NULL;\n"
        up = self._assign(self.up)
        # Neither was given: what has a default of its own keeps it.
        bare = [c for c in self.up.values if self.shape.old.column(c).default is None]
        fresh = self._assign(self.up, only=bare) if bare else "NULL;\n"
        quoted = self.quote

        def changed(columns: Sequence[str]) -> str:
            return (
                " OR ".join(
                    f"NOT {_same(f'NEW.{quoted(c)}', f'OLD.{quoted(c)}', self._type(c))}"
                    for c in columns
                )
                or "false"
            )

        # A row that was not filled yet, and whose key moves behind whoever fills, is filled now.
        moved = f"({changed(self.up.source_key)}) AND NOT ({self.given(self.new_columns, 'NEW')})"
        return (
            f"DECLARE\nwhimbrel_row {table};\nBEGIN\n"
            "IF TG_OP = 'INSERT' THEN\n"
            f"IF {self.given(self.new_columns, 'NEW')} THEN\n{down}"
            f"ELSIF {self.given(self.old_columns, 'NEW')} THEN\n{up}"
            f"ELSE\n{fresh}END IF;\n"
            f"ELSIF {changed(self.new_columns)} THEN\n{down}"
            f"ELSIF {changed(self.old_columns)} OR ({moved}) THEN\n{up}"
            "END IF;\nRETURN NEW;\nEND\n"
        )

    def _type(self, column: str) -> str:
        return self.shape.old.column(column).type

    def _assign(self, way: mirroring.Way, only: Sequence[str] | None = None) -> str:
        """Return what writes columns of NEW, all or (where one cannot be said) none."""
        columns = list(way.values) if only is None else list(only)
        reading = "".join(
            f"whimbrel_row.{self.quote(c)} := {way.expression(c, 'NEW')};\n" for c in columns
        )
        writing = ""
        for c in columns:
            value = f"whimbrel_row.{self.quote(c)}"
            if not way.target.column(c).null:
                value = f"coalesce({value}, NEW.{self.quote(c)})"
            writing += f"NEW.{self.quote(c)} := {value};\n"
        copies = all(
            (one := way.copies(c)) is not None and self._type(one) == self._type(c) for c in columns
        )
        return reading + writing if copies else self._caught(reading + writing, "NULL;\n")

    # --- comparing --------------------------------------------------------------------------------

    def _readings(self) -> Iterator[tuple[str, str]]:
        """Return the functions that say a row in the other shape, or NULL where that fails."""
        for part, way in (("up", self.up), ("down", self.down)):
            source, target = self._sides(way)
            assigned = "".join(
                f"r.{self.quote(c)} := {way.expression(c, 'o')};\n" for c in way.written
            )
            text = (
                f"CREATE OR REPLACE FUNCTION {self.relation(self.name(part))}(o {source}) "
                f"RETURNS {target} LANGUAGE plpgsql STABLE{self._set()} AS $whimbrel$\n"
                f"#variable_conflict use_column\nDECLARE\nr {target};\nBEGIN\n{assigned}"
                f"RETURN r;\nEXCEPTION WHEN {_CAUGHT} THEN\nRETURN NULL;\nEND\n$whimbrel$"
            )
            yield self.name(part), text

    def said(self, part: str, row: str) -> str:
        """Return the call that says a row in the other shape."""
        return f"{self.relation(self.name(part))}({row})"

    def agrees(self, way: mirroring.Way, row: str, said: str) -> str:
        """Return the condition that a row is as the other one says."""
        conditions = [f"{said}.{self.quote(c)} IS NOT NULL" for c in way.target_key[:1]]
        conditions += [
            _same(f"{row}.{self.quote(c)}", f"{said}.{self.quote(c)}", way.target.column(c).type)
            for c in way.values
        ]
        return " AND ".join(conditions)

    def condition(self, condition: str, row: str) -> str:
        """Return a condition over the old table with an alias before its columns."""
        try:
            return self.up.over(condition, row)
        except mirroring.NotUnderstood:
            old = self.relation(self.old)
            return f"{row}.ctid IN (SELECT ctid FROM {old} WHERE {condition})"

    def others(self, condition: str, row: str) -> str | None:
        """Return a condition on the key as one over the new table; None if it is on more."""
        said = self.up.keys_only(condition)
        return None if said is None else self.down.over(said, row)

    def fill(self, condition: str) -> str:
        old, new = self.relation(self.old), self.relation(self.new)
        where = self.condition(condition, "o")
        keys = ", ".join(f"o.{self.quote(c)}" for c in self.up.source_key)
        if self.shape.mode is mirrors.Mode.COLUMNS:
            sets = ", ".join(
                f"{self.quote(c)} = {self.up.expression(c, 'o')}" for c in self.up.values
            )
            # Rows that others are at are left to them, and to the next time: who waits for nobody
            # is in nobody's way, and in no deadlock.
            rows = (
                f"SELECT o.ctid FROM {old} AS o WHERE ({where}) AND NOT ({self._one_row('o')}) "
                "FOR NO KEY UPDATE SKIP LOCKED"
            )
            return f"UPDATE {old} AS o SET {sets} WHERE o.ctid = ANY(ARRAY({rows}))"
        kept = (
            f"EXISTS (SELECT FROM {new} AS n, {self.said('up', 'o')} AS u, "
            f"{self.said('down', 'n')} AS d "
            f"WHERE {self._joined(self.up, 'n', 'o')} AND {self._consistent()})"
        )
        if self.shape.mode is mirrors.Mode.BESIDE:
            partner = f"SELECT FROM {new} AS n WHERE {self._joined(self.up, 'n', 'o')}"
            kept = f"({kept} OR (({self._empty('o')}) AND NOT EXISTS ({partner})))"
        writes = self.upsert(
            self.up,
            f"{old} AS o WHERE ({where}) AND NOT {kept} ORDER BY {keys} FOR SHARE OF o SKIP LOCKED",
            "o",
        )
        other = self.others(condition, "n")
        if other is None:
            return writes
        alone = (
            f"SELECT n.ctid FROM {new} AS n WHERE ({other}) AND NOT EXISTS "
            f"(SELECT FROM {old} AS o WHERE {self._joined(self.up, 'n', 'o')}) "
            "FOR UPDATE OF n SKIP LOCKED"
        )
        return f"WITH gone AS (DELETE FROM {new} WHERE ctid = ANY(ARRAY({alone}))) {writes}"

    def _consistent(self) -> str:
        """Return the condition that `o` and `n` say the same, given what `u` and `d` say."""
        found = f"({self.agrees(self.up, 'n', 'u')})"
        if self.down.values:
            found += f" OR ({self.agrees(self.down, 'o', 'd')})"
        return f"({found})"

    def _one_row(self, row: str) -> str:
        """Return the condition that both shapes in one row say the same."""
        up, down = self.said("up", row), self.said("down", row)
        first = f"SELECT {self.agrees(self.up, row, 'u')} FROM {up} AS u"
        if not self.down.values:
            return f"({first})"
        second = f"SELECT {self.agrees(self.down, row, 'd')} FROM {down} AS d"
        # A new column that nobody has written says nothing, whatever it would mean.
        return f"({first}) OR (({self.given(self.new_columns, row)}) AND ({second}))"

    def astray(self, condition: str) -> str:
        old, new = self.relation(self.old), self.relation(self.new)
        keys = ", ".join(f"o.{self.quote(c)}" for c in self.up.source_key)
        where = self.condition(condition, "o")
        if self.shape.mode is mirrors.Mode.COLUMNS:
            return f"SELECT {keys} FROM {old} AS o WHERE ({where}) AND NOT ({self._one_row('o')})"
        down = (
            f" LEFT JOIN LATERAL {self.said('down', 'n')} AS d ON true" if self.down.values else ""
        )
        no_partner = f"n.{self.quote(self.up.target_key[0])} IS NULL"
        if self.shape.mode is mirrors.Mode.BESIDE:
            alone = f"({no_partner} AND NOT ({self._empty('o')}))"
        else:
            alone = no_partner
        # The range is said of both, so that only a range of both is read.
        other = self.others(condition, "n") or "true"
        first = (
            f"SELECT {keys} FROM {old} AS o "
            f"LEFT JOIN LATERAL {self.said('up', 'o')} AS u ON true "
            f"LEFT JOIN {new} AS n ON {self._paired('n', 'o')} AND ({other}){down} "
            f"WHERE ({where}) AND ({alone} OR (NOT {no_partner} AND NOT {self._consistent()}))"
        )
        return f"{first} UNION ALL {self._alone(other)}"

    def _alone(self, condition: str) -> str:
        """Return a query for keys, as the old table has them, of rows that only the new one has."""
        old, new = self.relation(self.old), self.relation(self.new)
        pick = ", ".join(f"d.{self.quote(c)}" for c in self.down.target_key)
        here = self._paired("n", "o")
        return (
            f"SELECT {pick} FROM {new} AS n "
            f"LEFT JOIN LATERAL {self.said('down', 'n')} AS d ON true "
            f"WHERE ({condition}) AND NOT EXISTS (SELECT FROM {old} AS o WHERE {here})"
        )

    def _paired(self, new: str, old: str) -> str:
        """Return that two rows have the same key, also where one of them cannot say it."""
        conditions = []
        for c in self.up.target_key:
            said = self.up.expression(c, old)
            if self.up.copies(c) is None:
                said = f"({self.said('up', old)}).{self.quote(c)}"
            conditions.append(f"{new}.{self.quote(c)} = {said}")
        return " AND ".join(conditions)

    def lossy(self) -> str:
        old, new = self.relation(self.old), self.relation(self.new)
        if self.shape.mode is mirrors.Mode.COLUMNS:
            keys = ", ".join(f"o.{self.quote(c)}" for c in self.up.source_key)
            return (
                f"SELECT {keys} FROM {old} AS o WHERE NOT coalesce((SELECT "
                f"{self.agrees(self.up, 'o', 'u')} FROM {self.said('up', 'o')} AS u), false)"
            )
        keys = ", ".join(f"n.{self.quote(c)}" for c in self.up.target_key)
        found = (
            f"SELECT {keys} FROM {new} AS n "
            f"LEFT JOIN {old} AS o ON {self._paired('n', 'o')} "
            f"LEFT JOIN LATERAL {self.said('up', 'o')} AS u ON true "
            f"WHERE o.{self.quote(self.up.source_key[0])} IS NULL "
            f"OR NOT ({self.agrees(self.up, 'n', 'u')})"
        )
        if self.shape.mode is mirrors.Mode.BESIDE:
            return found
        pick = ", ".join(f"u.{self.quote(c)}" for c in self.up.target_key)
        gone = self._paired("n", "o")
        return (
            f"{found} UNION ALL SELECT {pick} FROM {old} AS o "
            f"LEFT JOIN LATERAL {self.said('up', 'o')} AS u ON true "
            f"WHERE NOT EXISTS (SELECT FROM {new} AS n WHERE {gone})"
        )


def _same(one: str, two: str, type_: str) -> str:
    """Return the condition that two values of a type are the very same."""
    if type_.lower() in _EXACT or type_.lower().startswith("timestamp"):
        return f"({one} IS NOT DISTINCT FROM {two})"
    return f'(({one})::text COLLATE "C" IS NOT DISTINCT FROM ({two})::text COLLATE "C")'
