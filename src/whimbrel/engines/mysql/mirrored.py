"""The triggers and queries of a mirror on MySQL and MariaDB, as texts; nothing is sent here.

Triggers bind tables by their names, and that is what keeps two of them from calling each other
for ever. Those of the old table write the new one's name, those of the new table write the name
that the old one has after the exchange: whichever of the two is not there is an error that the
trigger passes over, so that each side's triggers wake up by the exchange itself. With both tables
in their places (BESIDE) the server refuses to write the table that the statement began with,
which is passed over in the same way. No variable says that a mirror is at work: one that outlived
a statement that was killed would let everything after it go unmirrored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import tables
from whimbrel.engines import mirroring, mirrors
from whimbrel.engines.mysql import columns as definitions
from whimbrel.engines.mysql import faults, sameness

#: A session of ours sets it for what it writes itself; nobody else does.
UNMIRRORED: Final = "@whimbrel_unmirrored"
# ER_NO_SUCH_TABLE, ER_CANT_UPDATE_USED_TABLE_IN_SF_OR_TRG.
_NOT_THERE: Final = (1146, 1442)
# A row of the key is referred to: not to be passed over where others refer to the table.
_REFERRED: Final = frozenset({1217, 1451})
# As many rows as there can be.
_ALL: Final = 18446744073709551615
_FAILED: Final = "whimbrel_failed"
# What no application writes, so that a column with this default was left out.
_NOBODYS: Final = {
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), "'\x01'"),
    "date": "'1000-01-01'",
    "datetime": "'1000-01-01 00:00:00'",
}
_NEUTRAL: Final = {
    "enum": None,
    "set": "''",
    "date": "'1970-01-01'",
    "datetime": "'1970-01-01 00:00:00'",
    "time": "'00:00:00'",
    "year": "1970",
    "bit": "b'0'",
    "float": "0",
    "double": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger: the table it is on now, its name, and when it does what."""

    table: str
    name: str
    when: str
    body: str


class Texts:
    """What is said for one shape; `swapped` says which of the tables has which name now."""

    def __init__(
        self,
        shape: mirrors.Shape,
        quote: mirroring.Quote,
        dialect: str,
        *,
        swapped: bool = False,
        referred: bool = False,
        skips: str = "",
        share: str = "LOCK IN SHARE MODE",
    ) -> None:
        self.shape = shape
        self.quote = quote
        # Rows of other tables refer to these, and must neither go nor stay by our doing.
        self._referred = referred
        self._skips = skips
        self._sharing = share
        self.old, self.new = mirroring.sides(shape, swapped=swapped)
        self.up = mirroring.forward(shape, dialect=dialect, quote=quote)
        self.down = mirroring.backward(shape, dialect=dialect, quote=quote)

    # --- triggers -------------------------------------------------------------------------------

    def triggers(self) -> list[Trigger]:
        """Return all triggers of the mirror."""
        if self.shape.mode is mirrors.Mode.COLUMNS:
            return [
                self._trigger(self.old, f"c{event[0].lower()}", f"BEFORE {event}", body)
                for event, body in self._both_columns()
            ]
        found = []
        for letter, way, table in (("f", self.up, self.old), ("b", self.down, self.new)):
            for event, steps in self._events(way):
                part = f"{letter}{event[0].lower()}"
                found.append(
                    self._trigger(table, part, f"AFTER {event}", self._guarded(way, steps))
                )
        return found

    def names(self) -> frozenset[str]:
        """Return the names of all triggers of the mirror."""
        return frozenset(trigger.name for trigger in self.triggers())

    def _trigger(self, table: str, part: str, when: str, body: str) -> Trigger:
        return Trigger(table=table, name=mirroring.name(self.shape, part), when=when, body=body)

    def _guarded(self, way: mirroring.Way, steps: str) -> str:
        absent = ", ".join(map(str, _NOT_THERE))
        return (
            f"BEGIN\nDECLARE {_FAILED} BOOLEAN DEFAULT FALSE;\n"
            f"DECLARE CONTINUE HANDLER FOR {absent} BEGIN END;\n"
            f"{self._handler()}"
            f"IF {UNMIRRORED} IS NULL THEN\n{steps}END IF;\nEND"
        )

    def _handler(self) -> str:
        """Return what passes over faults of values; deadlocks, waits and KILL end the statement."""
        passed = faults.DATA - _REFERRED if self._referred else faults.DATA
        codes = ", ".join(map(str, sorted(passed)))
        return f"DECLARE CONTINUE HANDLER FOR {codes} SET {_FAILED} = TRUE;\n"

    # --- two tables -----------------------------------------------------------------------------

    def target(self, way: mirroring.Way) -> str:
        """Return the table that the triggers of one way write, by the name it has then."""
        if way is self.up:
            return self.quote(self.shape.new.name)
        beside = self.shape.mode is mirrors.Mode.BESIDE
        return self.quote(self.shape.old.name if beside else self.shape.parked)

    def _events(self, way: mirroring.Way) -> Iterator[tuple[str, str]]:
        if self.shape.mode is mirrors.Mode.BESIDE:
            yield from self._beside_up() if way is self.up else self._beside_down()
            return
        yield "INSERT", self._put(way, updating=False)
        yield "UPDATE", self._moved(way) + self._put(way, updating=True)
        yield "DELETE", self._ensured(way) + self._deleted(way, "OLD")

    def _moved(self, way: mirroring.Way) -> str:
        """Return what gives a row its new key, keeping what else it has."""
        sets = ", ".join(f"{self.quote(c)} = {way.expression(c, 'NEW')}" for c in way.target_key)
        return (
            f"IF NOT ({self._unchanged(way, way.source_key)}) THEN\n"
            f"{self._ensured(way)}"
            f"UPDATE {self.target(way)} SET {sets} WHERE {self._at(way, 'OLD')};\n"
            f"IF {_FAILED} THEN\n{self._deleted(way, 'OLD')}SET {_FAILED} = FALSE;\nEND IF;\n"
            "END IF;\n"
        )

    def _ensured(self, way: mirroring.Way) -> str:
        """Return what puts OLD there, for what comes next, if it is not filled in yet.

        Who changes a row that is not there locks all of the gap around it, so that two
        transactions that go on to insert would wait for each other.
        """
        if way is not self.up:
            return ""
        values = ", ".join(way.expression(c, "OLD") for c in way.written)
        return (
            f"INSERT INTO {self.target(way)} ({self._listed(way.written)}) VALUES ({values}) "
            f"ON DUPLICATE KEY UPDATE {self._own(way, self.target(way))};\nSET {_FAILED} = FALSE;\n"
        )

    def _deleted(self, way: mirroring.Way, row: str) -> str:
        return f"DELETE FROM {self.target(way)} WHERE {self._at(way, row)};\n"

    def _at(self, way: mirroring.Way, row: str) -> str:
        """Return the condition on the target that it is the row of this one's key."""
        return " AND ".join(f"{self.quote(c)} = {way.expression(c, row)}" for c in way.target_key)

    def _unchanged(self, way: mirroring.Way, names: Sequence[str]) -> str:
        return (
            " AND ".join(f"({self._as_before(c, way.source.column(c).type)})" for c in names)
            or "TRUE"
        )

    def _as_before(self, column: str, type_: str) -> str:
        now, before = f"NEW.{self.quote(column)}", f"OLD.{self.quote(column)}"
        return sameness.same(now, before, type_, copy=True)

    def _put(self, way: mirroring.Way, *, updating: bool) -> str:
        """Return what writes NEW to the other table, or as much of it as that can hold."""
        values = ", ".join(way.expression(c, "NEW") for c in way.written)
        into = f"{self.target(way)} ({self._listed(way.written)})"
        steps = (
            f"INSERT INTO {into} VALUES ({values}) ON DUPLICATE KEY UPDATE "
            f"{self._upsert(way, self.target(way), updating=updating)};\n"
        )
        if self._may_be_emptied(way):
            again = ""
            if _other_uniques(way.target):
                # Two rows that exchange a value meet it twice on their way: the second comes back.
                again = f"SET {_FAILED} = FALSE;\nREPLACE INTO {into} VALUES ({values});\n"
            gone = f"IF {_FAILED} THEN\n{self._deleted(way, 'NEW')}END IF;\n"
            return f"{steps}IF {_FAILED} THEN\n{again}{gone}END IF;\n"
        if not updating or not way.values:
            return steps
        each = "".join(
            f"UPDATE {self.target(way)} SET {self.quote(c)} = {way.expression(c, 'NEW')} "
            f"WHERE {self._at(way, 'NEW')};\n"
            for c in way.values
        )
        return f"{steps}IF {_FAILED} THEN\n{each}END IF;\n"

    def _may_be_emptied(self, way: mirroring.Way) -> bool:
        """Whether a row that cannot be said is better missing than old: nobody goes back to it.

        Where rows refer to it, one that goes would take others with it.
        """
        own = {self.shape.old.name, self.shape.new.name, self.shape.parked}
        referred = self._referred or any(key.ref_table in own for key in way.target.foreign_keys)
        return way is self.up and self.shape.mode is mirrors.Mode.TABLE and not referred

    def _upsert(self, way: mirroring.Way, target: str, *, updating: bool) -> str:
        """Return what becomes of the row that has the key already.

        One that has only another unique value in common is somebody else's: its key would have to
        become NULL, which the server refuses.
        """
        _, *others = way.target_key
        sets = [self._own(way, target)]
        sets += [f"{self.quote(c)} = VALUES({self.quote(c)})" for c in others]
        for c in way.values:
            value = f"VALUES({self.quote(c)})"
            if updating and way.copies(c) is None:
                inputs = mirroring.reads(
                    way.values[c], columns=way.source_columns, dialect=way.dialect
                )
                # What it was made of is as before, so that it may be more than can be said of it.
                still = self._unchanged(way, sorted(inputs))
                value = f"IF({still}, {target}.{self.quote(c)}, {value})"
            sets.append(f"{self.quote(c)} = {value}")
        return ", ".join(sets)

    def _own(self, way: mirroring.Way, target: str) -> str:
        """Return what fails for a row that has another key."""
        first = self.quote(way.target_key[0])
        same = " AND ".join(
            f"{target}.{self.quote(c)} <=> VALUES({self.quote(c)})" for c in way.target_key
        )
        return f"{first} = IF({same}, VALUES({first}), NULL)"

    def _listed(self, names: Sequence[str], row: str = "") -> str:
        return ", ".join(f"{row}{self.quote(c)}" for c in names)

    # --- columns of one table that are also another one's ---------------------------------------

    def _beside_up(self) -> Iterator[tuple[str, str]]:
        way = self.up
        put, empty = self._put(way, updating=False), self._empty("NEW")
        yield "INSERT", f"IF NOT ({empty}) THEN\n{put}END IF;\n"
        relevant = sorted(way.inputs)
        there = self._put(way, updating=True)
        sets = ", ".join(f"{self.quote(c)} = {way.expression(c, 'NEW')}" for c in way.values)
        only = f"UPDATE {self.target(way)} SET {sets} WHERE {self._at(way, 'NEW')};\n"
        # A row that says nothing needs no partner; one that is there is written.
        written = f"IF {empty} THEN\n{only if sets else ''}ELSE\n{there}END IF;\n"
        changed = f"NOT ({self._unchanged(way, relevant)})"
        yield "UPDATE", f"IF {changed} THEN\n{self._moved(way)}{written}END IF;\n"
        yield "DELETE", self._ensured(way) + self._deleted(way, "OLD")

    def _beside_down(self) -> Iterator[tuple[str, str]]:
        way = self.down
        if not way.values:
            return
        sets = ", ".join(f"{self.quote(c)} = {way.expression(c, 'NEW')}" for c in way.values)
        write = f"UPDATE {self.target(way)} SET {sets} WHERE {self._at(way, 'NEW')};\n"
        emptied = ", ".join(f"{self.quote(c)} = {value}" for c, value in self.emptiness().items())
        clear = f"UPDATE {self.target(way)} SET {emptied} WHERE {self._at(way, 'OLD')};\n"
        yield "INSERT", write
        moved = f"IF NOT ({self._unchanged(way, way.source_key)}) THEN\n{clear}END IF;\n"
        changed = f"NOT ({self._unchanged(way, sorted(way.inputs))})"
        yield "UPDATE", f"{moved}IF {changed} THEN\n{write}END IF;\n"
        yield "DELETE", clear

    def emptiness(self) -> dict[str, str]:
        """Return what columns of the old table are when there is no partner."""
        found = {}
        for name in self.down.values:
            one = self.shape.old.column(name)
            found[name] = one.default or ("NULL" if one.null else self.quote(name))
        return found

    def _empty(self, row: str) -> str:
        """Return the condition that a row of the old table says nothing to a partner."""
        return (
            " AND ".join(
                f"({self._is(row, c, value)})"
                for c, value in self.emptiness().items()
                if value != self.quote(c)
            )
            or "FALSE"
        )

    def _is(self, row: str, column: str, value: str) -> str:
        type_ = self.shape.old.column(column).type
        return sameness.same(f"{row}.{self.quote(column)}", value, type_)

    def tie(self) -> str | None:
        """Return what lets rows of the new table go with those that a foreign key removes.

        The server fires no triggers for them; a key of ours does the same on the other side.
        """
        if self.shape.mode is not mirrors.Mode.BESIDE or not self.removed_unseen():
            return None
        here, there = (
            ", ".join(map(self.quote, names)) for names in zip(*self.shape.key, strict=True)
        )
        return (
            f"CONSTRAINT {self.quote(self.tie_name)} FOREIGN KEY ({there}) "
            f"REFERENCES {self.quote(self.old)} ({here}) ON DELETE CASCADE ON UPDATE CASCADE"
        )

    @property
    def tie_name(self) -> str:
        """Return the name of the key that ties rows of two tables together."""
        return mirroring.name(self.shape, "fk")

    def removed_unseen(self) -> bool:
        """Whether rows of the old table go by foreign keys, and those of the new one stay."""
        goes = any(key.on_delete == "CASCADE" for key in self.shape.old.foreign_keys)
        follows = any(
            key.ref_table == self.shape.old.name and key.on_delete == "CASCADE"
            for key in self.shape.new.foreign_keys
        )
        return goes and not follows

    # --- both in one row ------------------------------------------------------------------------

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

    def given(self, names: Sequence[str], row: str) -> str:
        """Return the condition that one of these columns is not what it is by itself."""
        return (
            " OR ".join(f"NOT ({self._is(row, c, f'({self.default(c)})')})" for c in names)
            or "FALSE"
        )

    def default(self, column: str) -> str:
        """Return what a column is in a row that does not give it."""
        if column in self._told():
            return "NULL"
        return self.lent().get(column) or self.shape.old.column(column).default or "NULL"

    def lent(self) -> dict[str, str]:
        """Return the defaults that columns need while new code leaves them out.

        The server looks whether a value is missing before the trigger can give one. Where there
        is a value that nobody writes, the trigger knows by it that none was given.
        """
        if self.shape.mode is not mirrors.Mode.COLUMNS:
            return {}
        found = {}
        for name in self.down.values:
            column = self.shape.old.column(name)
            if not column.null and column.default is None and not column.auto_increment:
                found[name] = _NOBODYS.get(sameness.word(column.type)) or neutral(column)
        return found

    def _told(self) -> list[str]:
        """Return the columns whose lent default is a value that nobody writes."""
        old = self.shape.old
        return [c for c in self.lent() if sameness.word(old.column(c).type) in _NOBODYS]

    def _both_columns(self) -> Iterator[tuple[str, str]]:
        down = self._assign(self.down) if self.down.values else ""
        told = {c: f"NEW.{self.quote(c)}" for c in self._told()}
        # What is not given is NULL here, and is refused as ever if nothing is made of it.
        missed = "".join(
            f"IF {self._is('NEW', c, self.lent()[c])} THEN\nSET {new} = NULL;\nEND IF;\n"
            for c, new in told.items()
        )
        instead = "".join(
            f"SET {new} = COALESCE({new}, {neutral(self.shape.old.column(c))});\n"
            for c, new in told.items()
        )
        given = f"{down}IF {_FAILED} THEN\n{instead}END IF;\n" if instead else down
        up = self._assign(self.up)
        bare = [c for c in self.up.values if self.shape.old.column(c).default is None]
        fresh = self._assign(self.up, only=bare)
        rest = f"ELSEIF {self.given(self.old_columns, 'NEW')} THEN\n{up}ELSE\n{fresh}"
        by_new = self.given(self.new_columns, "NEW")
        yield "INSERT", self._deciding(by_new, given, rest, missed)
        # Filling passes by rows that somebody writes: they get their new values here.
        by_nobody = f"NOT (whimbrel_step OR {self.given(self.new_columns, 'NEW')})"
        by_old = f"NOT ({self._unchanged(self.up, self.old_columns)}) OR {by_nobody}"
        rest = f"ELSEIF {by_old} THEN\n{up}"
        by_new = f"NOT ({self._unchanged(self.up, self.new_columns)})"
        yield "UPDATE", self._deciding(by_new, down, rest)

    def _deciding(self, by_new: str, down: str, rest: str, first: str = "") -> str:
        """Return the body of a trigger: what new code wrote goes before what old code wrote.

        Values that say the same already are left alone, whoever wrote them: a filled column is
        not news, and old values may be more than what the new ones can say.
        """
        step = (
            " AND ".join(
                f"({sameness.same(f'NEW.{self.quote(c)}', self.up.expression(c, 'NEW'), type_)})"
                for c in self.up.values
                for type_ in [self.up.target.column(c).type]
            )
            or "FALSE"
        )
        declared = "".join(
            f"DECLARE {_variable(at)} {self._declared(column)};\n"
            for at, column in enumerate(self.shape.old.columns)
            if column.name in self.up.values or column.name in self.down.values
        )
        return (
            f"BEGIN\nDECLARE {_FAILED}, whimbrel_step BOOLEAN DEFAULT FALSE;\n{declared}"
            f"{self._handler()}"
            f"{first}IF {UNMIRRORED} IS NULL THEN\n"
            f"SET whimbrel_step = ({step});\n"
            f"IF ({by_new}) AND NOT whimbrel_step THEN\nSET {_FAILED} = FALSE;\n{down}"
            f"{rest}END IF;\nEND IF;\nEND"
        )

    def _declared(self, column: tables.FoundColumn) -> str:
        if not sameness.is_text(column.type) or not column.collation:
            return column.type
        character_set = column.collation.partition("_")[0]
        return f"{column.type} CHARACTER SET {character_set} COLLATE {column.collation}"

    def _assign(self, way: mirroring.Way, only: Sequence[str] | None = None) -> str:
        """Return what writes columns of NEW, all or (where one cannot be said) none.

        A value that does not fit would be cut before the server complains: variables take it.
        """
        names = list(way.values) if only is None else list(only)
        at = {column.name: i for i, column in enumerate(self.shape.old.columns)}
        reading = "".join(f"SET {_variable(at[c])} = {way.expression(c, 'NEW')};\n" for c in names)
        writing = ""
        for c in names:
            value = _variable(at[c])
            if not way.target.column(c).null:
                value = f"COALESCE({value}, NEW.{self.quote(c)})"
            writing += f"SET NEW.{self.quote(c)} = {value};\n"
        # An empty branch is no SQL.
        nothing = f"SET {_FAILED} = FALSE;\n"
        written = f"{reading}IF NOT {_FAILED} THEN\n{writing}END IF;\n"
        return nothing + written if names else nothing

    # --- filling and comparing ------------------------------------------------------------------

    def fill(self, condition: str) -> str:
        """Return what brings the new shape of some rows up to date.

        All rows are locked before the first one is written, and those that others hold are left
        to another time: who waits for nobody is in nobody's way, and in no deadlock.
        """
        old, where = self.quote(self.old), self.condition(condition, "o")
        if self.shape.mode is mirrors.Mode.COLUMNS:
            sets = [f"o.{self.quote(c)} = {self.up.expression(c, 'o')}" for c in self.up.values]
            # What the server notes of changes is about those of the application.
            sets += [f"o.{self.quote(c)} = o.{self.quote(c)}" for c in self._noted()]
            keys = self._listed(self.up.source_key, "o.")
            same = " AND ".join(
                f"o.{self.quote(c)} <=> l.{self.quote(c)}" for c in self.up.source_key
            )
            # The limit keeps the server from reading these rows one by one as it writes.
            return (
                f"UPDATE {old} AS o JOIN (SELECT {keys} FROM {old} AS o WHERE ({where}) "
                f"AND NOT ({self._one_row('o')}) LIMIT {_ALL} FOR UPDATE{self._skips}) AS l "
                f"ON {same} SET {', '.join(sets)}"
            )
        new = self.quote(self.new)
        if self.shape.mode is mirrors.Mode.BESIDE:
            there = f"SELECT 1 FROM {new} AS n WHERE {self._joined('n', 'o')}"
            where += (
                f") AND (NOT ({self._empty('o')}) OR EXISTS ({there})) AND NOT EXISTS "
                f"({there} AND ({self._consistent()}) {self._share()}"
            )
        values = ", ".join(self.up.expression(c, "o") for c in self.up.written)
        return (
            f"INSERT INTO {new} ({self._listed(self.up.written)}) "
            f"SELECT SQL_BUFFER_RESULT {values} FROM {old} AS o WHERE ({where}) "
            f"{self._share()} "
            f"ON DUPLICATE KEY UPDATE {self._upsert(self.up, new, updating=False)}"
        )

    def _share(self) -> str:
        return f"{self._sharing}{self._skips}"

    def _noted(self) -> list[str]:
        return [
            column.name
            for column in self.shape.old.columns
            if column.definition
            and definitions.parse(column.definition).on_update
            and column.name not in self.up.values
        ]

    def condition(self, condition: str, row: str) -> str:
        """Return a condition over the old table with an alias before its columns."""
        try:
            return self.up.over(condition, row)
        except mirroring.NotUnderstood:
            keys = self._listed(self.up.source_key)
            return (
                f"({self._listed(self.up.source_key, f'{row}.')}) IN "
                f"(SELECT {keys} FROM {self.quote(self.old)} WHERE {condition})"
            )

    def _joined(self, new: str, old: str) -> str:
        return " AND ".join(
            f"{new}.{self.quote(c)} = {self.up.expression(c, old)}" for c in self.up.target_key
        )

    def _agrees(self, way: mirroring.Way, target: str, source: str) -> str:
        """Return the condition that a row is what the other one says."""
        return (
            " AND ".join(
                "("
                + sameness.same(
                    f"{target}.{self.quote(c)}",
                    way.expression(c, source),
                    way.target.column(c).type,
                    copy=self._copied(way, c),
                )
                + ")"
                for c in way.values
            )
            or "TRUE"
        )

    @staticmethod
    def _copied(way: mirroring.Way, column: str) -> bool:
        one = way.copies(column)
        return one is not None and sameness.word(way.source.column(one).type) == sameness.word(
            way.target.column(column).type
        )

    def _consistent(self) -> str:
        """Return the condition that `o` and `n` say the same."""
        found = f"({self._agrees(self.up, 'n', 'o')})"
        if self.down.values and any(self.up.copies(c) is None for c in self.up.values):
            found += f" OR ({self._agrees(self.down, 'o', 'n')})"
        return found

    def _one_row(self, row: str) -> str:
        """Return the condition that both shapes in one row say the same."""
        found = f"({self._agrees(self.up, row, row)})"
        if self.down.values:
            # A new column that nobody has written says nothing, whatever it would mean.
            given, said = self.given(self.new_columns, row), self._agrees(self.down, row, row)
            found += f" OR (({given}) AND {said})"
        return found

    def astray(self, condition: str) -> str:
        """Return a query for keys whose shapes differ."""
        old, new = self.quote(self.old), self.quote(self.new)
        keys, where = self._listed(self.up.source_key, "o."), self.condition(condition, "o")
        if self.shape.mode is mirrors.Mode.COLUMNS:
            return f"SELECT {keys} FROM {old} AS o WHERE ({where}) AND NOT ({self._one_row('o')})"
        alone = partnerless = f"n.{self.quote(self.up.target_key[0])} IS NULL"
        if self.shape.mode is mirrors.Mode.BESIDE:
            alone = f"({partnerless} AND NOT ({self._empty('o')}))"
        return (
            f"SELECT {keys} FROM {old} AS o LEFT JOIN {new} AS n ON {self._joined('n', 'o')} "
            f"WHERE ({where}) AND ({alone} OR (NOT ({partnerless}) AND NOT ({self._consistent()})))"
            f" UNION ALL {self._strangers(condition)}"
        )

    def _strangers(self, condition: str) -> str:
        """Return a query for keys, as the old table has them, of rows that only the new one has."""
        old, new, way = self.quote(self.old), self.quote(self.new), self.down
        pick = ", ".join(f"{way.expression(c, 'n')} AS {self.quote(c)}" for c in way.target_key)
        here = " AND ".join(f"o.{self.quote(c)} = {way.expression(c, 'n')}" for c in way.target_key)
        absent = f"NOT EXISTS (SELECT 1 FROM {old} AS o WHERE {here})"
        found = f"SELECT {pick} FROM {new} AS n WHERE {{}}{absent}"
        said = self.up.keys_only(condition)
        if said is not None:
            return found.format(f"({way.over(said, 'n')}) AND ")
        listed = self._listed(way.target_key)
        return f"SELECT {listed} FROM ({found.format('')}) AS whimbrel_n WHERE {condition}"

    def lossy(self) -> str:
        """Return a query for keys of rows that going back would change or lose."""
        old, new = self.quote(self.old), self.quote(self.new)
        if self.shape.mode is mirrors.Mode.COLUMNS:
            keys = self._listed(self.up.source_key, "o.")
            return f"SELECT {keys} FROM {old} AS o WHERE NOT ({self._agrees(self.up, 'o', 'o')})"
        keys = self._listed(self.up.target_key, "n.")
        found = (
            f"SELECT {keys} FROM {new} AS n LEFT JOIN {old} AS o ON {self._joined('n', 'o')} "
            f"WHERE o.{self.quote(self.up.source_key[0])} IS NULL "
            f"OR NOT ({self._agrees(self.up, 'n', 'o')})"
        )
        if self.shape.mode is mirrors.Mode.BESIDE:
            return found
        pick = ", ".join(self.up.expression(c, "o") for c in self.up.target_key)
        gone = self._joined("n", "o")
        return (
            f"{found} UNION ALL SELECT {pick} FROM {old} AS o "
            f"WHERE NOT EXISTS (SELECT 1 FROM {new} AS n WHERE {gone})"
        )


def neutral(column: tables.FoundColumn) -> str:
    """Return a default for a column that must not be NULL and has none."""
    kind = sameness.word(column.type)
    if kind == "enum":
        return definitions.tokens(column.type.partition("(")[2])[0]
    if kind in _NEUTRAL:
        return _NEUTRAL[kind] or "''"
    return "''" if sameness.is_text(column.type) or kind.endswith(("blob", "binary")) else "0"


def _inputs(way: mirroring.Way) -> set[str]:
    """Return the columns that values, not the key, are made of."""
    found: set[str] = set()
    for sql in way.values.values():
        found |= mirroring.reads(sql, columns=way.source_columns, dialect=way.dialect)
    return found


def _variable(at: int) -> str:
    return f"whimbrel_{at}"


def _other_uniques(table: tables.Table) -> bool:
    """Whether rows of a table may meet in something other than its primary key."""
    return bool(table.uniques) or any(index.unique for index in table.indexes)
