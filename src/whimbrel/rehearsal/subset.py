"""Make a small database of a large one, by names or URLs: what programs and commands call."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, events
from whimbrel.proof import sides
from whimbrel.rehearsal import choosing, masking
from whimbrel.schema import dependencies
from whimbrel.transfers import door, flows, reading
from whimbrel.transfers import plan as planning
from whimbrel.transfers import transfer as transferring


@dataclass(frozen=True, slots=True, kw_only=True)
class Subset:
    """What came of a subset: what was chosen, and the transfer that has taken it over."""

    wish: choosing.Wish
    choice: choosing.Choice
    masked: tuple[masking.Masked, ...]
    transfer: transferring.Transfer = field(repr=False)

    @property
    def rows(self) -> int:
        """How many rows are in the target."""
        return self.transfer.rows

    @property
    def ok(self) -> bool:
        """Whether all that was chosen arrived, as far as it was looked at."""
        return self.transfer.ok

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        chosen = chosen_json(self.wish, self.choice, self.masked)
        return {**self.transfer.as_json(), "subset": chosen}


def chosen_json(
    wish: choosing.Wish, choice: choosing.Choice, masked: Sequence[masking.Masked]
) -> dict[str, object]:
    """Return what was chosen as plain values; keys are data of the source, and stay there."""
    return {
        "seed": wish.seed,
        "rows_wanted": wish.rows,
        "percent": wish.percent,
        "rows": choice.rows,
        "tables": [
            {
                "name": one.table,
                "rows": one.rows,
                "of": one.of,
                "covering": one.covering,
                "sampled": one.sampled,
                "needed": one.needed,
                "astray": one.astray,
                "shown": [{"column": each.column, "what": each.what} for each in one.shown],
            }
            for one in choice.tables
        ],
        "references": [str(one) for one in choice.graph.references],
        "cycles": [str(one) for one in choice.graph.cycles],
        "masked": [dataclasses.asdict(one) for one in masked],
    }


class Choosing:
    """Chooses when the moment that is copied is known; keeps what it has chosen."""

    def __init__(self, wish: choosing.Wish, masks: masking.Masks | None = None) -> None:
        self.wish = wish
        self.masks = masks or masking.Masks((), None)
        self.choice: choosing.Choice | None = None

    def __call__(
        self, side: sides.Side, source: reading.Source, going: Sequence[flows.Flow]
    ) -> Sequence[flows.Flow]:
        """Return the flows with the rows that were chosen."""
        names = [flow.table for flow in going if flow.table is not None]
        chooser = choosing.Chooser(side, source, self.wish)
        self.choice, shapes = chooser.choose(names)
        restricted = choosing.restricted(side, source, going, self.choice, shapes)
        masked = self.masks.applied(restricted, source, self.choice.graph)
        hidden = {(one.table, one.column) for one in self.masks.masked}
        self.choice = self.choice.without_values(hidden)
        return masked

    def done(self, transfer: transferring.Transfer) -> Subset:
        """Return what came of it all."""
        return Subset(wish=self.wish, choice=self.made, masked=self.masks.masked, transfer=transfer)

    @property
    def made(self) -> choosing.Choice:
        """What was chosen."""
        if self.choice is None:
            raise errors.WhimbrelError("nothing was chosen yet")
        return self.choice


def wish_of(
    *,
    rows: int | None = None,
    percent: float | None = None,
    seed: int = 0,
    references: Sequence[dependencies.Reference] = (),
) -> choosing.Wish:
    """Return how much is wanted, or raise UsageError."""
    if (rows is None) == (percent is None):
        raise errors.UsageError(
            "a subset needs to know how large it is to be, in one way",
            remedy="--rows 10000     so many rows in all\n"
            "--percent 1      so many of a hundred of each table",
        )
    if rows is not None and rows < 1:
        raise errors.UsageError("a subset has one row at least", remedy="--rows 10000")
    if percent is not None and not 0 < percent <= 100:
        raise errors.UsageError(
            f"{percent:g} of a hundred is no part of a table", remedy="--percent 1"
        )
    return choosing.Wish(rows=rows, percent=percent, seed=seed, references=tuple(references))


_REFERENCE: Final = ("table", "columns", "ref_table", "ref_columns")


def references_of(
    said: Sequence[Mapping[str, object]],
) -> tuple[dependencies.Reference, ...]:
    """Read references as whimbrel.toml and programs say them; raise UsageError."""
    found = []
    for one in said:
        names = {name: _names(one.get(name)) for name in _REFERENCE}
        if one.keys() - {*_REFERENCE} or not all(names.values()):
            raise errors.UsageError(
                f"this is no reference: {dict(one)!r}",
                remedy='{ table = "log", columns = ["who"], '
                'ref_table = "people", ref_columns = ["id"] }',
            )
        found.append(
            dependencies.Reference(
                table=names["table"][0],
                columns=names["columns"],
                ref_table=names["ref_table"][0],
                ref_columns=names["ref_columns"],
                virtual=True,
            )
        )
    return tuple(found)


def _names(said: object) -> tuple[str, ...]:
    if isinstance(said, str):
        return (said,)
    if isinstance(said, list | tuple) and all(isinstance(name, str) for name in said):
        return tuple(said)
    return ()


def request(
    source: str,
    target: str,
    wish: choosing.Wish,
    *,
    masks: Mapping[str, object] | None = None,
    secret: str | None = None,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    options: planning.Options | None = None,
    folder: Path | str | None = None,
    command: str = "whimbrel subset",
    look: bool = False,
) -> tuple[transferring.Request, Choosing]:
    """Return what is asked for, and who chooses; raise UnknownDatabase, BadUrl, UsageError.

    References and masks of whimbrel.toml are added to those that are given; a mask that is given
    takes the place of the file's. The secret is that of the environment if none is given.
    """
    said = configs.load(Path(folder) if folder is not None else None).subset
    wish = dataclasses.replace(wish, references=(*references_of(said.references), *wish.references))
    options = options or planning.Options()
    rules = masking.read({**said.masks, **(masks or {})})
    if rules and options.max_rejects:
        raise errors.UsageError(
            "rows that are put aside keep their values, which masks are to hide",
            remedy="leave out max_rejects, or the masks",
        )
    secret = secret or os.environ.get(masking.SECRET_VARIABLE)
    chooser = Choosing(wish, masking.Masks(rules, secret))
    asked = door.request(
        source,
        target,
        tables=tables,
        exclude=exclude,
        options=options,
        folder=folder,
        command=command,
        look=look,
    )
    return dataclasses.replace(asked, choose=chooser, name=f"subset {asked.name}"), chooser


def subset(
    source: str,
    target: str,
    *,
    rows: int | None = None,
    percent: float | None = None,
    seed: int = 0,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    references: Sequence[Mapping[str, object]] = (),
    masks: Mapping[str, object] | None = None,
    secret: str | None = None,
    jobs: int = 2,
    verify: bool = True,
    existing: str = "refuse",
    max_rejects: int = 0,
    folder: Path | str | None = None,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> Subset:
    """Make a small database that stands for a large one, and prove that it is a part of it.

    `source` and `target` are names in whimbrel.toml or URLs. Of the rows there are about `rows` in
    all or `percent` of each table in it, and whatever these refer to. The same `seed` chooses the
    same rows of the same data. `references` are foreign keys that the database does not know,
    each with table, columns, ref_table and ref_columns. `masks` say, by "table.column", what is put
    in the place of personal data; equal values get equal masks, by the `secret` (or the variable
    WHIMBREL_MASK_SECRET), which is written nowhere. Everything else is as it is with `transfer`.

    Raises what `transfer` raises; UsageError for a size that is none.
    """
    wish = wish_of(rows=rows, percent=percent, seed=seed, references=references_of(references))
    options = door.options_of(jobs=jobs, verify=verify, existing=existing, max_rejects=max_rejects)
    asked, chooser = request(
        source,
        target,
        wish,
        masks=masks,
        secret=secret,
        tables=tables,
        exclude=exclude,
        options=options,
        folder=folder,
        command="whimbrel.subset",
    )
    done = transferring.transfer(asked, tell=tell, clock=clock)
    return chooser.done(done)


def suggestions(source: str, *, folder: Path | str | None = None) -> list[masking.Suggestion]:
    """Return the columns of a database that look like personal data; nothing is written."""
    config = configs.load(Path(folder) if folder is not None else None)
    database = door.database(source, config)
    side = sides.Side(functools.partial(door.opened, database, read_only=True))
    try:
        return masking.suggest(side, side.run(reading.read))
    finally:
        side.abandon()
