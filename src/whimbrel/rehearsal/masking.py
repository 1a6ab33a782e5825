"""Which columns are masked, and how: what people say, carried along references, made to fit.

A column that refers to a masked one, or is referred to by one, is masked alike, so that rows that
belong together still do. How values become others is in `disguise`. The secret is never shown, and
nothing of it, nor of what was masked, is written down.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from whimbrel import errors, tables
from whimbrel.engines import base, forms, portable
from whimbrel.engines.forms import Family
from whimbrel.proof import sides
from whimbrel.rehearsal import disguise, keyed
from whimbrel.rows import changed, cleanse
from whimbrel.schema import dependencies
from whimbrel.transfers import flows, reading

SECRET_VARIABLE: Final = "WHIMBREL_MASK_SECRET"
_LEAST_SECRET: Final = 8
_OPTIONS: Final = frozenset({"mask", "min", "max", "days", "value"})
_ROOM: Final = re.compile(r"(?:char|character|varying|text|clob)[^()]*\((\d+)\)", re.I)
# What fits a whole number of such a type, as far as its name tells.
_LIMITS: Final = {
    "tinyint": 127,
    "smallint": 32_767,
    "mediumint": 8_388_607,
    "int": 2_147_483_647,
    "bigint": 2**63 - 1,
}
_Place = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said about one column: `"customer.email" = "email"`."""

    table: str
    column: str
    kind: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A column that is masked; `because` names the column that it is masked along with."""

    table: str
    column: str
    kind: str
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is done to the rows of one table: values become others, nothing else changes."""

    table: str
    masks: Mapping[str, disguise.Mask]
    cleaner: cleanse.Cleaner | None = None

    def bound(self, read: Mapping[str, forms.Form], write: Mapping[str, forms.Form]) -> Change:
        """Return the same with the forms of columns."""
        rules = {name: (mask,) for name, mask in self.masks.items()}
        for name, mask in self.masks.items():
            if read[name].family not in disguise.FAMILIES[mask.kind]:
                raise errors.UsageError(
                    f"{self.table}.{name} is {read[name].family.value}, and cannot be masked as "
                    f"{mask.kind}",
                    remedy="choose another mask:  null, constant, "
                    + ", ".join(_kinds_for(read[name].family)),
                )
        written = {name: write[name] for name in read.keys() & write.keys()}
        return dataclasses.replace(
            self, cleaner=cleanse.Cleaner(rules=rules, read=read, write=written)
        )

    def apply(self, rows: Sequence[changed.Texts]) -> changed.Changed:
        """Return the rows with other values; what was there before is noted nowhere."""
        if self.cleaner is None:
            raise errors.WhimbrelError(f"the masks of {self.table!r} are not bound to any table")
        came = self.cleaner.apply(rows)
        if came.refused:
            stop = came.refused[0]
            # The reason has the value in it: only what stands behind it is said.
            raise errors.RefusedError(
                f"a value of {self.table} cannot be masked: {stop.reason.rpartition(': ')[2]}",
                object=stop.rule,
                left="the rows of this chunk were not written",
                remedy="choose another mask for the column:  text, hash, null",
            )
        return changed.Changed(
            rows=[row for _, row in came.rows],
            cleansed=[dataclasses.replace(one, samples=()) for one in came.counts],
            origins=[place for place, _ in came.rows],
        )

    @property
    def idle(self) -> bool:
        """Whether it leaves every row as it is."""
        return not self.masks

    @property
    def replaced(self) -> frozenset[str]:
        """Columns whose values are looked at all the same: they decide what fits."""
        return frozenset()

    def keeps(self, column: str) -> bool:
        """Whether a column is not masked."""
        return column not in self.masks

    def accepted(self) -> Mapping[str, frozenset[portable.Question]]:
        """Return nothing: what does not fit the target does not either when it is masked."""
        return {}

    def within(
        self, session: base.Session, came: changed.Changed, rows: Sequence[changed.Texts]
    ) -> changed.Changed:
        """Return what came of rows: the target has no part in it."""
        return came


class Masks:
    """The masks of one subset."""

    def __init__(self, said: Iterable[Said], secret: str | None) -> None:
        self._said = tuple(said)
        self._secret = b""
        #: What is masked, when the tables are known.
        self.masked: tuple[Masked, ...] = ()
        if not self._said:
            return
        if secret is None or len(secret) < _LEAST_SECRET:
            raise errors.UsageError(
                "masks need a secret"
                if not secret
                else f"the secret of masks has fewer than {_LEAST_SECRET} characters",
                left="nothing was read or written",
                remedy=f"export {SECRET_VARIABLE}=…\n"
                "the same secret gives the same masks; nobody can undo them without it",
            )
        self._secret = hashlib.sha256(b"whimbrel masks\0" + secret.encode()).digest()

    def applied(
        self,
        going: Sequence[flows.Flow],
        source: reading.Source,
        graph: dependencies.Graph,
    ) -> list[flows.Flow]:
        """Return the flows with their masks; raise UsageError for one that cannot be."""
        if not self._said:
            return list(going)
        groups = _groups(graph)
        chosen: dict[_Place, tuple[Said, str]] = {}
        for said in self._said:
            table = source.table(said.table)
            table.column(said.column)
            here = (said.table, said.column)
            for place in sorted(groups.get(here, {here})):
                known = chosen.get(place)
                if known is not None and not _alike(known[0], said):
                    raise errors.UsageError(
                        f"{place[0]}.{place[1]} is to be masked in two ways: {_shown(known[0])} "
                        f"and {_shown(said)}",
                        remedy="columns that refer to each other are masked alike: keep one",
                    )
                because = "" if place == here else f"{said.table}.{said.column}"
                if known is None or not because:
                    chosen[place] = (said, because)
        made = {
            place: self._mask(said, groups.get(place, {place}), source)
            for place, (said, _) in chosen.items()
        }
        self.masked = tuple(
            Masked(table=place[0], column=place[1], kind=said.kind, because=because)
            for place, (said, because) in sorted(chosen.items())
        )
        return [self._flow(flow, source, made) for flow in going]

    def _flow(
        self,
        flow: flows.Flow,
        source: reading.Source,
        made: Mapping[_Place, disguise.Mask],
    ) -> flows.Flow:
        name = flow.table or ""
        while name in source.heirs and not any(table == name for table, _ in made):
            name = source.heirs[name][0]
        masks = {column: mask for (table, column), mask in made.items() if table == name}
        if not masks:
            return flow
        said = [(column, repr(mask)) for column, mask in sorted(masks.items())]
        # Nobody may go on with another secret: half of the rows would have other masks.
        mark = hmac.new(self._secret, repr(said).encode(), hashlib.sha256).hexdigest()
        return dataclasses.replace(flow, change=Change(table=flow.name, masks=masks), mark=mark)

    def _mask(self, said: Said, group: Iterable[_Place], source: reading.Source) -> disguise.Mask:
        unique, rooms, required, limit = False, [], False, None
        for name, column in group:
            table = source.table(name)
            found = table.column(column)
            unique = unique or column in _distinct(table)
            required = required or not found.null
            for word, most in _LIMITS.items():
                if found.type.lower().startswith(word):
                    limit = most if limit is None else min(limit, most)
                    break
            if room := _ROOM.search(found.type):
                rooms.append(int(room[1]))
            if found.generated is not None:
                raise errors.UsageError(
                    f"{name}.{column} is computed by the database and cannot be masked",
                    remedy="mask the columns that it is computed from",
                )
        where = f"{said.table}.{said.column}"
        if said.kind == "null" and required:
            raise errors.UsageError(
                f"{where} takes no NULL, and cannot be masked as null",
                remedy=f'choose another mask:  "{where}" = "text"',
            )
        if said.kind == "constant" and unique:
            raise errors.UsageError(
                f"{where} is unique, and cannot be the same everywhere",
                remedy=f'choose another mask:  "{where}" = "hash"',
            )
        return disguise.Mask(
            said=f"{where} = {said.kind}",
            kind=said.kind,
            secret=self._secret,
            room=min(rooms, default=None),
            unique=unique,
            limit=limit,
            **_options(said, where),  # type: ignore[arg-type]
        )


def read(said: Mapping[str, object]) -> list[Said]:
    """Read `{"customer.email": "email", "staff.pay": {"mask": "number", "min": 1, "max": 9}}`."""
    found = []
    for place, value in said.items():
        table, point, column = place.rpartition(".")
        if not point or not table or not column:
            raise errors.UsageError(
                f"the mask of {place!r} does not say of which column it is",
                remedy='write:  "customer.email" = "email"',
            )
        options: dict[str, object] = {"mask": value}
        if isinstance(value, Mapping):
            options = dict(value)
        kind = options.pop("mask", None)
        if not isinstance(kind, str) or kind not in disguise.KINDS:
            raise errors.UsageError(
                f"{place} cannot be masked as {kind!r}",
                remedy=f"there are:  {', '.join(disguise.KINDS)}",
            )
        unknown = options.keys() - _OPTIONS
        if unknown:
            raise errors.UsageError(
                f"the mask of {place} has no option {min(unknown)!r}",
                remedy=f"there are:  {', '.join(sorted(_OPTIONS))}",
            )
        found.append(Said(table=table, column=column, kind=kind, options=options))
    return found


def _options(said: Said, where: str) -> dict[str, object]:
    least, most, days = (said.options.get(name) for name in ("min", "max", "days"))
    made: dict[str, object] = {}
    for name, value in (("min", least), ("max", most), ("days", days)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise errors.UsageError(
                f"{name} of the mask of {where} has to be a whole number, not {value!r}",
                remedy=f"{name} = 1",
            )
    if (least is None) != (most is None) or (
        isinstance(least, int) and isinstance(most, int) and least > most
    ):
        raise errors.UsageError(
            f"the bounds of the mask of {where} are none", remedy="min = 1, max = 100"
        )
    if isinstance(days, int) and days < 1:
        raise errors.UsageError(
            f"the mask of {where} moves a date by one day at least", remedy="days = 365"
        )
    if least is not None:
        made |= {"least": least, "most": most}
    if days is not None:
        made["days"] = days
    if said.kind == "constant":
        if "value" not in said.options:
            raise errors.UsageError(
                f"the mask of {where} does not say which value",
                remedy='{ mask = "constant", value = "…" }',
            )
        made["constant"] = str(said.options["value"])
    return made


def _groups(graph: dependencies.Graph) -> dict[_Place, set[_Place]]:
    """Return, by column, the columns that have to keep the same values as it."""
    groups: dict[_Place, set[_Place]] = {}
    for one in graph.references:
        for own, other in zip(one.columns, one.ref_columns, strict=False):
            here, there = (one.table, own), (one.ref_table, other)
            both = groups.get(here, {here}) | groups.get(there, {there})
            groups.update(dict.fromkeys(both, both))
    return groups


def _alike(one: Said, other: Said) -> bool:
    return (one.kind, dict(one.options)) == (other.kind, dict(other.options))


def _shown(one: Said) -> str:
    return f"{one.table}.{one.column} = {one.kind}"


def _distinct(table: tables.Table) -> frozenset[str]:
    """Return columns that are part of what tells rows apart."""
    found = {*table.primary_key}
    for unique in table.uniques:
        found |= {*unique.columns}
    for index in table.indexes:
        if index.unique:
            found |= {part for part in index.columns if isinstance(part, str)}
    return frozenset(found)


def _kinds_for(family: Family) -> list[str]:
    return [
        kind
        for kind, families in disguise.FAMILIES.items()
        if family in families and kind not in ("null", "constant")
    ]


# --- what looks like personal data ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A column that looks as if it had to be masked, how, and why."""

    table: str
    column: str
    kind: str
    why: str

    def __str__(self) -> str:
        """Return the line of whimbrel.toml."""
        return f'"{self.table}.{self.column}" = "{self.kind}"'


_LOOKED_AT: Final = 1_000
_SHARE: Final = 0.6
# By what stands in the values: kind, pattern.
_VALUES: Final = (
    ("email", "an e-mail address", re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")),
    ("text", "an account number (IBAN)", re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}.{0,3}")),
    ("digits", "a card number", re.compile(r"(?:\d{4}[ -]?){3}\d{1,7}")),
    ("phone", "a telephone number", re.compile(r"\+?\(?\d[\d ()/.-]{6,}\d")),
    ("text", "an IP address", re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")),
)
# By what a column is called: kind, words in its name.
_NAMES: Final = (
    ("email", r"e_?mail"),
    ("phone", r"phone|fax|mobile|cell|telefon|tel\b"),
    ("name", r"(first|last|middle|sur|family|given|full|contact|maiden|nick|user)_?name|vorname"),
    ("address", r"street|address|addr(ess)?_?(line)?_?\d*$|strasse"),
    ("date", r"birth|\bdob\b|geburt"),
    ("text", r"passw(or)?d|passport|ssn|social_?security|tax_?(id|number)|iban|licen[cs]e_?no"),
    ("digits", r"card_?(no|number)|account_?(no|number)|zip|postal_?code|post_?code|plz"),
)  # fmt: skip


def suggest(side: sides.Side, source: reading.Source) -> list[Suggestion]:
    """Return columns that look like personal data, by their names and some of their values."""
    found = []
    for table in source.tables.values():
        looked = side.run(lambda seat, table=table: list(_sample(seat, table)))  # type: ignore[misc]
        for column, (family, texts) in zip(table.columns, looked, strict=True):
            one = _suggested(table.name, column.name, family, texts)
            if one is not None and column.generated is None:
                found.append(one)
    return found


def _sample(seat: sides.Seat, table: tables.Table) -> Iterator[tuple[Family, list[str]]]:
    shape = keyed.keyed(seat, table)
    rows = next(shape.texts(seat), [])[:_LOOKED_AT]
    for place in range(len(table.columns)):
        form = shape.values[place].form
        texts = [
            (keyed.plain(text) if form.typed else text).decode("utf-8", "replace")
            for row in rows
            if (text := row[place])
        ]
        yield form.family, texts


def _suggested(table: str, column: str, family: Family, texts: Sequence[str]) -> Suggestion | None:
    if family is Family.TEXT and texts:
        for kind, what, pattern in _VALUES:
            share = sum(pattern.fullmatch(text) is not None for text in texts) / len(texts)
            if share >= _SHARE:
                why = f"{share:.0%} of its values look like {what}"
                return Suggestion(table=table, column=column, kind=kind, why=why)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column).lower()
    for kind, pattern_ in _NAMES:
        if re.search(pattern_, words) and family in disguise.FAMILIES[kind]:
            return Suggestion(table=table, column=column, kind=kind, why="by its name")
    return None
