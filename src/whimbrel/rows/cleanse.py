"""Clean the values of rows on their way: rules by column, each counted, with samples.

What each rule does is in `rows.cleansing`; where rules are written down, and what becomes of rows
that they refuse, is the work of `transfers`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from whimbrel.engines import forms, portable
from whimbrel.rows import changed, values
from whimbrel.rows.cleansing import base, contacts, dates, missing, numbers, texts

#: Every rule by its name, as it is written in whimbrel.toml.
RULES: Final[Mapping[str, type[base.Rule]]] = {
    rule.name: rule
    for family in (texts, missing, dates, numbers, contacts)
    for rule in family.RULES
}

Unfit = base.Unfit
Texts = changed.Texts


# --- reading --------------------------------------------------------------------------------


def read(said: object) -> base.Rule:
    """Return the rule that `"trim"` or `{number = ",", group = "."}` means, or raise Unfit.

    The first key of a table is the rule's name and its main option; the others are options.
    """
    if isinstance(said, base.Rule):
        return said
    if isinstance(said, str):
        given: Mapping[str, object] = {said: True}
    elif isinstance(said, Mapping) and all(isinstance(key, str) for key in said):
        given = said
    else:
        raise Unfit(f"a rule is a name or a table of options, not {said!r}")
    names = [key for key in given if key in RULES]
    if len(names) > 1:
        raise Unfit(f"{names[0]} and {names[1]} are two rules; write each in its own {{ }}")
    if not names:
        first = next(iter(given), "")
        raise Unfit(f"there is no rule {first!r}; {near(first, RULES)}")
    (name,) = names
    rule = RULES[name]
    return _made(rule, {key: value for key, value in given.items() if key != name}, given[name])


def _made(rule: type[base.Rule], options: Mapping[str, object], main: object) -> base.Rule:
    given = dict(options)
    if main is not True:
        if rule.main is None:
            raise Unfit(f"{rule.name} takes no value of its own, only true; {_takes(rule)}")
        given = {rule.main: main, **given}
    elif not rule.bare:
        raise Unfit(f"{rule.name} needs a value: {{ {rule.name} = … }}")
    fields: dict[str, object] = {}
    for option, value in given.items():
        reader = rule.takes.get(option)
        if reader is None:
            raise Unfit(f"{option!r} is no option of {rule.name}; {near(option, rule.takes)}")
        try:
            fields[rule.fields.get(option, option)] = reader(value)
        except Unfit as unfit:
            said = rule.name if option == rule.main else f"{option} of {rule.name}"
            raise Unfit(f"{said} {unfit}") from None
    try:
        return rule(said=_said(rule, given), **fields)  # type: ignore[arg-type]
    except Unfit as unfit:
        raise Unfit(f"{rule.name}: {unfit}") from None


def _takes(rule: type[base.Rule]) -> str:
    return f"it takes: {', '.join(rule.takes)}" if rule.takes else "it takes nothing"


def near(word: str, known: Mapping[str, object] | Sequence[str]) -> str:
    """Return what was meant, or what there is."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known) or '(none)'}"


def _said(rule: type[base.Rule], given: Mapping[str, object]) -> str:
    """Return a rule as reports name it: short, and another one for other options."""
    parts = []
    for option, value in given.items():
        name = rule.name if option == rule.main else option
        if isinstance(value, Mapping):
            text = f"{len(value)} values"
        else:
            text = values.shown(value, limit=40) if isinstance(value, str) else str(value)
        parts.append(f"{name} {text}")
    if rule.main not in given:
        parts.insert(0, rule.name)
    return ", ".join(parts)


# --- doing ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A row that a rule refused: its place among those given, the rule, the reason."""

    place: int
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of rows: those that are clean, by their place; those that are not; the counts."""

    rows: list[tuple[int, Texts]]
    refused: list[Refused]
    counts: list[changed.Cleansed]


class _Tally:
    def __init__(self, column: str, rule: base.Rule) -> None:
        self.column, self.rule = column, rule
        self.values = 0
        self.samples: list[tuple[str | None, str | None]] = []

    def add(self, before: str | None, after: str | None) -> None:
        self.values += 1
        if len(self.samples) < changed.SAMPLES:
            self.samples.append((_printable(before), _printable(after)))

    def cleansed(self) -> changed.Cleansed:
        return changed.Cleansed(
            column=self.column,
            rule=self.rule.said or self.rule.name,
            values=self.values,
            samples=tuple(self.samples),
        )


def _printable(words: str | None) -> str | None:
    """Return words that a report can be written with; bytes that are no UTF-8 show as \\xfc."""
    if words is None:
        return None
    return words.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaner:
    """Puts rows through rules, in the order in which they are written.

    `read` are the forms in which values come, `write` those in which they go on; both are needed
    for every column of `rules`. Values of `write` whose form differs are written in it even if no
    rule is about them. Those in `left` go on as plain words, for others to write.
    """

    rules: Mapping[str, tuple[base.Rule, ...]]
    read: Mapping[str, forms.Form]
    write: Mapping[str, forms.Form] = field(default_factory=dict)
    left: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for column, rules in self.rules.items():
            family = self.read[column].family
            for rule in rules:
                if family not in rule.families:
                    raise Unfit(f"{rule.name} is no rule for {column}, which is {family.value}")

    def apply(self, rows: Sequence[Texts]) -> Outcome:
        """Return what comes of rows; the rows that are given stay as they are."""
        tallies = {
            column: [_Tally(column, rule) for rule in rules] for column, rules in self.rules.items()
        }
        clean: list[tuple[int, Texts]] = []
        refused: list[Refused] = []
        rewritten = [
            name for name, form in self.write.items()
            if name not in self.rules and name not in self.left and self.read.get(name) != form
        ]  # fmt: skip
        for place, row in enumerate(rows):
            changes: list[tuple[_Tally, str | None, str | None]] = []
            try:
                made = self._row(row, tallies, rewritten, changes)
            except _Stop as stop:
                refused.append(Refused(place=place, rule=stop.rule, reason=stop.reason))
                continue
            # Only rows that go on are counted: what was done to the others is not done.
            for tally, before, after in changes:
                tally.add(before, after)
            clean.append((place, made))
        counts = [one.cleansed() for tallied in tallies.values() for one in tallied if one.values]
        return Outcome(rows=clean, refused=refused, counts=counts)

    def _row(
        self,
        row: Texts,
        tallies: Mapping[str, Sequence[_Tally]],
        rewritten: Sequence[str],
        changes: list[tuple[_Tally, str | None, str | None]],
    ) -> Texts:
        made = dict(row)
        for column, tallied in tallies.items():
            if column in row:
                made[column] = self._value(column, row, tallied, changes)
        for column in self.left - self.rules.keys():
            text = row.get(column)
            if text is not None and column in self.read:
                made[column] = values.plain(self.read[column], text)
        for column in rewritten:
            text = row.get(column)
            if text is not None:
                made[column] = self._written(column, values.plain(self.read[column], text))
        return made

    def _value(
        self,
        column: str,
        row: Texts,
        tallied: Sequence[_Tally],
        changes: list[tuple[_Tally, str | None, str | None]],
    ) -> str | None:
        form, text = self.read[column], row[column]
        words = None if text is None else values.plain(form, text)
        cell = base.Cell(
            form=form,
            into=self.write.get(column, form),
            row=row,
            read=self.read,
            proper=_is_proper(form, text),
        )
        first = words
        for tally in tallied:
            before = words
            words = _asked(column, tally.rule, words, cell)
            if words != before:
                changes.append((tally, before, words))
        if words is None or column in self.left:
            return words
        return text if words == first and cell.into == form else self._written(column, words)

    def _written(self, column: str, words: str) -> str:
        try:
            return values.written(self.write.get(column, self.read[column]), words)
        except values.Misfit as misfit:
            raise _Stop("type", f"{column}: {misfit}") from None


def _is_proper(form: forms.Form, text: str | None) -> bool:
    if text is None or form.family in (forms.Family.TEXT, forms.Family.OTHER):
        return False
    if form.typed:
        # Every value has its own type: a text among numbers is not proper there.
        return text[:2] in ("i:", "r:")
    return not values.is_odd(form, text)


class _Stop(Exception):
    """A row goes no further."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule, self.reason = rule, reason


def _asked(column: str, rule: base.Rule, words: str | None, cell: base.Cell) -> str | None:
    try:
        return rule.apply(words, cell)
    except base.Refusal as refusal:
        if rule.invalid == "null":
            return None
        if rule.invalid == "keep":
            return words
        said = "" if words is None else f" {values.shown(words)}"
        raise _Stop(rule.said or rule.name, f"{column}{said}: {refusal}") from None


def accepted(
    rules: Mapping[str, Sequence[base.Rule]],
) -> dict[str, frozenset[portable.Question]]:
    """Return, by column, the kinds of troublesome values that rules take care of."""
    return {
        column: frozenset().union(*(rule.accepts for rule in of)) for column, of in rules.items()
    }


def summed(counts: Sequence[changed.Cleansed]) -> list[changed.Cleansed]:
    """Return the counts of many chunks as one of each rule and column."""
    found: dict[tuple[str, str], changed.Cleansed] = {}
    for one in counts:
        key = (one.column, one.rule)
        other = found.get(key)
        if other is None:
            found[key] = one
            continue
        samples = tuple(dict.fromkeys((*other.samples, *one.samples)))[: changed.SAMPLES]
        found[key] = changed.Cleansed(
            column=one.column, rule=one.rule, values=other.values + one.values, samples=samples
        )
    return list(found.values())
