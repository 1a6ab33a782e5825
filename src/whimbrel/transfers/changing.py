"""What rules make of rows: cleansing, the user's function, new keys, in this order.

Rules come from `mapping`, which knows the tables; forms from whoever has bound the flow to both
databases (`bound`). Numbered keys are put in by `remap.rewrite`, which needs the target.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from whimbrel import errors
from whimbrel.engines import base as engines
from whimbrel.engines import forms, portable
from whimbrel.rows import changed, cleanse, values
from whimbrel.rows.cleansing import base, missing
from whimbrel.transfers import functions, remap

_TEXT: Final = forms.Form(family=forms.Family.TEXT)
_INTEGER: Final = forms.Form(family=forms.Family.INTEGER)

# A row, and the place of the row that it was made of.
_Placed = tuple[int, changed.Texts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A `Change` made of rules; it can be sent to another process.

    `reads` are names that are read beside the columns of the target and not written. `made` are
    columns that only the function gives. `uuids` and `offsets` are columns whose keys are
    computed; `keys` those whose keys are numbered, which `remap.rewrite` does: here they become
    the words of the old key. `read` and `write` are the forms of columns, once it is `bound`.
    """

    flow: str
    place: str | None = None
    cleansing: Mapping[str, tuple[base.Rule, ...]] = field(default_factory=dict)
    function: functions.Function | None = None
    reads: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    uuids: Mapping[str, str] = field(default_factory=dict)
    offsets: Mapping[str, int] = field(default_factory=dict)
    keys: tuple[remap.KeyUse, ...] = ()
    read: Mapping[str, forms.Form] = field(default_factory=dict)
    write: Mapping[str, forms.Form] = field(default_factory=dict)
    cleaners: tuple[cleanse.Cleaner, cleanse.Cleaner] | None = None

    def accepted(self) -> dict[str, frozenset[portable.Question]]:
        """Return, by column, the kinds of troublesome values that its rules take care of."""
        return cleanse.accepted(self.cleansing)

    def bound(self, read: Mapping[str, forms.Form], write: Mapping[str, forms.Form]) -> Rules:
        """Return the same with the forms of columns, or raise BadMapping.

        `read` are the forms in which values come, by the name of the target's column or of what
        is read beside: those that the source's columns have themselves, so that a text is a text
        even where the target has a number. `write` are the forms in which values go on.
        """
        for column in self.cleansing:
            if column not in read and column not in self.made:
                raise errors.BadMapping(
                    f"the rules of {self.flow!r} cleanse {column!r}, which is no column of it",
                    place=self.place,
                    remedy=cleanse.near(column, list(write)),
                )
        forms_ = {**write, **read}
        cleansing = {
            column: kept
            for column, rules in self.cleansing.items()
            if (kept := tuple(r for r in rules if _fits(r, forms_[column])))
        }
        made = dataclasses.replace(self, cleansing=cleansing, read=dict(read), write=dict(write))
        try:
            cleaners = made._before(), made._after()
            for rules in made.cleansing.values():
                for rule in rules:
                    rule.prepare()
        except base.Unfit as unfit:
            raise errors.BadMapping(
                f"the rules of {self.flow!r} cannot be meant: {unfit}",
                place=self.place,
                remedy="take the rule out, or give the column another type",
            ) from None
        if self.function is not None:
            self.function.load()
        return dataclasses.replace(made, cleaners=cleaners)

    @property
    def idle(self) -> bool:
        """Whether it does nothing to any row, as far as its rules go."""
        return not (self.cleansing or self.function or self._keyed)

    # --- the parts -------------------------------------------------------------------------

    @property
    def replaced(self) -> frozenset[str]:
        """Columns whose keys become others."""
        return self._keyed

    def keeps(self, column: str) -> bool:
        """Whether no rule touches a column; what a function does nobody knows."""
        return self.function is None and column not in self.cleansing and column not in self._keyed

    @property
    def _keyed(self) -> frozenset[str]:
        return frozenset({*self.uuids, *self.offsets, *(use.column for use in self.keys)})

    def _before(self) -> cleanse.Cleaner:
        """Return what cleans the columns that are read.

        A function gets clean columns as the target will have them, the others as they are.
        """
        rules = {n: rules for n, rules in self.cleansing.items() if n in self.read}
        written = self.write.keys() & (self.read if self.function is None else rules).keys()
        return cleanse.Cleaner(
            rules=rules,
            read=self.read,
            write={name: self.write[name] for name in written},
            left=self._keyed,
        )

    def _after(self) -> cleanse.Cleaner:
        """Return what cleans the columns that only the function makes."""
        rules = {n: rules for n, rules in self.cleansing.items() if n not in self.read}
        own = {name: self.write[name] for name in rules}
        return cleanse.Cleaner(rules=rules, read=own, write=own, left=self._keyed)

    # --- rows ------------------------------------------------------------------------------

    def apply(self, rows: Sequence[changed.Texts]) -> changed.Changed:
        """Return what comes of rows; the same for the same rows, whenever it is called."""
        if self.cleaners is None:
            raise errors.WhimbrelError(f"the rules of {self.flow!r} are not bound to any table")
        before, after = self.cleaners
        clean = before.apply(rows)
        came = changed.Changed(rows=[], cleansed=list(clean.counts))
        for stop in clean.refused:
            self._reject(came, rows, stop.place, stop.rule, stop.reason)
        made, dropped = clean.rows, 0
        if self.function is not None:
            made, dropped = self._through(self.function, rows, made, came)
            made = self._cleaned(after, made, rows, came)
        done = self._with_keys(made, rows, came)
        came.rejected.sort(key=lambda one: one.place)
        places = [place for place, _ in done]
        return dataclasses.replace(
            came,
            rows=[row for _, row in done],
            origins=places,
            dropped=dropped,
            more=len(places) - len(set(places)),
        )

    def within(
        self, session: engines.Session, came: changed.Changed, rows: Sequence[changed.Texts]
    ) -> changed.Changed:
        """Put numbered keys in the place of old ones, in the target's open transaction."""
        if not self.keys:
            return came
        return remap.rewrite(remap.KeyMap(), session, self.keys, came, rows)

    def _reject(
        self,
        came: changed.Changed,
        rows: Sequence[changed.Texts],
        place: int,
        rule: str,
        reason: str,
    ) -> None:
        came.rejected.append(
            changed.Rejected(row=dict(rows[place]), rule=rule, reason=reason, place=place)
        )

    def _cleaned(
        self,
        cleaner: cleanse.Cleaner,
        made: list[_Placed],
        rows: Sequence[changed.Texts],
        came: changed.Changed,
    ) -> list[_Placed]:
        """Clean what the function has made; a row that fails takes those beside it along."""
        if not cleaner.rules:
            return made
        clean = cleaner.apply([row for _, row in made])
        came.cleansed.extend(clean.counts)
        bad: dict[int, cleanse.Refused] = {}
        for stop in clean.refused:
            bad.setdefault(made[stop.place][0], stop)
        for place, stop in bad.items():
            self._reject(came, rows, place, stop.rule, stop.reason)
        return [(made[at][0], row) for at, row in clean.rows if made[at][0] not in bad]

    def _with_keys(
        self, made: Sequence[_Placed], rows: Sequence[changed.Texts], came: changed.Changed
    ) -> list[_Placed]:
        bad: set[int] = set()
        done: list[_Placed] = []
        for place, row in made:
            if place in bad:
                continue
            try:
                done.append((place, self._keys_of(row)))
            except values.Misfit as misfit:
                bad.add(place)
                self._reject(came, rows, place, "remap", str(misfit))
        return [(place, row) for place, row in done if place not in bad]

    def _keys_of(self, row: changed.Texts) -> changed.Texts:
        for name in self.reads:
            row.pop(name, None)
        for column in self._keyed:
            text = row.get(column)
            if text is None:
                continue
            old = values.key_words(self.read.get(column, _TEXT), text)
            if column in self.uuids:
                form = self.write.get(column, _TEXT)
                made = remap.uuid_of(self.uuids[column], old)
                row[column] = values.written(form, values.text_of(made, form.family))
            elif column in self.offsets:
                words = values.written(_INTEGER, old)
                form = self.write.get(column, _INTEGER)
                row[column] = values.written(form, str(int(words) + self.offsets[column]))
            else:
                row[column] = old
        return row

    # --- the function ----------------------------------------------------------------------

    def _through(
        self,
        function: functions.Function,
        rows: Sequence[changed.Texts],
        clean: Sequence[_Placed],
        came: changed.Changed,
    ) -> tuple[list[_Placed], int]:
        """Return the rows that the function makes, and how many it leaves out."""
        call = function.load()
        made: list[_Placed] = []
        dropped = 0
        for place, row in clean:
            given = {name: values.value(self._form(name), text) for name, text in row.items()}
            try:
                texts = [self._texts(row, result) for result in _rows(call(given))]
            except _NoRow as error:
                self._reject(came, rows, place, str(function), str(error))
                continue
            except Exception as error:  # noqa: BLE001 - the user's function raises what it likes
                self._reject(came, rows, place, str(function), functions.reason(error))
                continue
            dropped += not texts
            made += [(place, one) for one in texts]
        return made, dropped

    def _form(self, name: str) -> forms.Form:
        """Return the form of a text that the function is given."""
        read = self.read.get(name)
        if name in self._keyed:
            # A plain word, whatever the column had made of it.
            return dataclasses.replace(read or _TEXT, typed=False)
        if read is None or name in self.cleansing:
            return self.write.get(name) or read or _TEXT
        return read

    def _texts(self, row: changed.Texts, result: Mapping[str, object]) -> changed.Texts:
        """Return the texts of a row that the function has made."""
        columns = self.write or {name: self.read[name] for name in row if name not in self.reads}
        for name in result:
            if name not in columns and name not in self.reads:
                raise _NoRow(f"it gives {name!r}, which is no column; {_near(name, columns)}")
        texts: changed.Texts = {}
        for name, form in columns.items():
            if name not in result:
                raise _NoRow(f"the row that it gives has no {name!r}")
            texts[name] = self._text(name, form, row, result[name])
        return texts

    def _text(self, name: str, form: forms.Form, row: changed.Texts, result: object) -> str | None:
        if result is None:
            return None
        read = self._form(name)
        text = row.get(name)
        if text is not None and _same(result, values.value(read, text)):
            # What it did not touch goes on as it was, to the last digit.
            if name in self._keyed or read == form:
                return text
            words = values.plain(read, text)
        else:
            try:
                words = values.text_of(result, form.family)
            except values.Misfit as misfit:
                raise _NoRow(f"{name}: {misfit}") from None
        if name in self._keyed:
            return words
        try:
            return values.written(form, words)
        except values.Misfit as misfit:
            raise _NoRow(f"{name}: {misfit}") from None


class _NoRow(ValueError):
    """What a function gave is no row of the table."""


def _fits(rule: base.Rule, form: forms.Form) -> bool:
    return not rule.lenient or form.family in rule.families


def _rows(result: object) -> list[Mapping[str, object]]:
    if result is None:
        return []
    if isinstance(result, Mapping):
        return [result]
    if isinstance(result, list | tuple | Iterator):
        made = list(result)
        for one in made:
            if not isinstance(one, Mapping):
                raise _NoRow(f"it gives a {type(one).__name__} among its rows, which is no dict")
        return made
    raise _NoRow(f"it gives a {type(result).__name__}, which is no dict, no list and not None")


def _same(one: object, other: object) -> bool:
    """Whether a value is as it was given; 1, 1.0 and True are three values."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and one != one:
        return isinstance(other, float) and other != other
    return repr(one) == repr(other) if isinstance(one, dict | list) else one == other


def _near(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def derived(rules: Sequence[base.Rule], column: str) -> Iterator[tuple[base.Rule, str, str]]:
    """Yield each rule with the SQL that it reads beside the row, and that text's name; or ""."""
    for place, rule in enumerate(rules):
        if isinstance(rule, missing.Derive):
            name = f"{column}, derived" + (f" {place}" if place else "")
            yield dataclasses.replace(rule, beside=name), rule.sql, name
        else:
            yield rule, "", ""
