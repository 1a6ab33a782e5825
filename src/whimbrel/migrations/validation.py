"""A migration's own rules: validate_before() and validate_after(), asked around its up().

What is to be kept (the same rows, the same sums) is measured before the first step; where steps
commit one by one the journal keeps the measurement, so that a resumed run still compares with
what was before the first attempt.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, NoReturn

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, events, words
from whimbrel.engines import base, registry
from whimbrel.journal import journal
from whimbrel.migrations import desk as desks
from whimbrel.migrations import guests, loader
from whimbrel.migrations import operations as ops
from whimbrel.proof import asking, rulebook, rules
from whimbrel.rows import loop

BEFORE: Final = "validate_before"
AFTER: Final = "validate_after"
# No step has this position in the journal: what the rules are compared with is kept there.
_POSITION: Final = 0

Measured = Mapping[str, asking.Measure]


class _RuleDesk(desks.Desk):
    """Takes rules, and nothing else."""

    def __init__(self, session: base.Session, *, migration: str, method: str) -> None:
        catalog = session.engine.catalog(session)
        super().__init__(session, catalog=catalog, migration=migration, sql_dialect=None)
        self.book = rulebook.Rulebook()
        self._method = method

    @property
    def expect(self) -> rulebook.Rulebook:
        return self.book

    def perform(self, operation: ops.Operation) -> object:
        self._refuse(operation.describe())

    def through(
        self, sql: str, params: desks.Params, send: Callable[[], guests.Answer]
    ) -> guests.Answer:
        self._refuse(sql)

    def batches(self, operation: ops.Batches) -> Iterator[loop.Batch]:
        self._refuse(operation.describe())

    def savepoint(self) -> AbstractContextManager[None]:
        self._refuse("savepoint")

    def _refuse(self, what: str) -> NoReturn:
        raise errors.UsageError(
            f"{self._method} only says what is expected",
            object=" ".join(what.split())[:200],
            remedy="write rules in it:  self.expect.no_rows(…)\nand do the rest in up()",
        )


def collect(file: loader.MigrationFile, method: str, session: base.Session) -> list[rules.Rule]:
    """Return the rules that a migration's method says; nothing is asked yet."""
    if not loader.defines(file.cls, method):
        return []
    desk = _RuleDesk(session, migration=file.id, method=method)
    getattr(file.cls(desk), method)()
    for rule in desk.book.rules:
        if rule.kept and method == BEFORE:
            raise errors.BadRule(
                rule.says,
                why=f"before a migration there is nothing to compare with; it belongs in {AFTER}()",
                place=rule.place,
            )
    return desk.book.rules


def dialect(engine: base.Engine, asked: str | None) -> str:
    """Return sqlglot's name of what rules are written in; raise UsageError for an unknown one."""
    if asked is None:
        return engine.dialect
    if asked not in registry.DIALECTS:
        raise errors.UsageError(
            f"no SQL dialect is called {asked!r}",
            remedy=f"use one of: {', '.join(sorted(registry.DIALECTS))}",
        )
    return registry.DIALECTS[asked]


class Validator:
    """Asks the rules of one migration on its session; `outcomes` are all that were asked."""

    def __init__(
        self,
        file: loader.MigrationFile,
        session: base.Session,
        *,
        sql_dialect: str | None,
        tell: events.Listener,
        clock: clocks.Clock,
    ) -> None:
        self._file = file
        self._session = session
        self._read = dialect(session.engine, file.cls.sql_dialect or sql_dialect)
        self._tell = tell
        self._clock = clock
        self.outcomes: list[rules.Outcome] = []

    def _asker(self) -> asking.Asker:
        return asking.Asker(session=self._session, read=self._read, clock=self._clock)

    def before(self) -> None:
        """Ask what has to hold before the migration; raise ValidationFailed."""
        self._ask(BEFORE, rules.When.BEFORE, {})

    def measure(self) -> Measured:
        """Return what the rules after the migration are to be compared with."""
        kept = [rule for rule in collect(self._file, AFTER, self._session) if rule.kept]
        if not kept:
            return {}
        asker = self._asker()
        return {rule.identity: asker.measure(rule) for rule in kept}

    def measured(self, notes: journal.Journal, run: int, *, begun: bool) -> Measured:
        """Return what was measured before the first attempt of a run, or measure and keep it.

        A run that has begun is not measured any more: its steps may have changed what counts.
        Committing is up to the caller.
        """
        if not loader.defines(self._file.cls, AFTER):
            return {}
        kept = notes.result(run, _POSITION)
        if kept is not None:
            found: Measured = json.loads(kept)
            return found
        if begun:
            return {}
        measured = self.measure()
        if measured:
            notes.write_results(run, {_POSITION: json.dumps(measured)})
        return measured

    def after(self, measured: Measured) -> None:
        """Ask what has to hold after the migration; raise ValidationFailed."""
        self._ask(AFTER, rules.When.AFTER, measured)

    def _ask(self, method: str, when: rules.When, measured: Measured) -> None:
        asked = collect(self._file, method, self._session)
        if not asked:
            return
        asker = self._asker()
        found = [self._told(asker.ask(rule, when, measured)) for rule in asked]
        failed = [one for one in found if one.forbids]
        if failed:
            error = rules.failure(failed, of=len(found))
            error.where = f"{self._file.id}.{method}, {failed[0].place}"
            raise error

    def _told(self, outcome: rules.Outcome) -> rules.Outcome:
        self.outcomes.append(outcome)
        self._tell(rules.RuleChecked(migration=self._file.id, outcome=outcome))
        return outcome


def refused(error: errors.WhimbrelError, file: loader.MigrationFile, *, database: str) -> None:
    """Say of an error before the first step what is left."""
    error.where = error.where or f"{file.id}.{BEFORE}"
    error.database = error.database or database
    error.left = f"nothing of {file.id} was begun, and nothing was changed by it"


def resumable(
    error: errors.ValidationFailed, *, steps: int, migration: str, database: str
) -> errors.ValidationFailed:
    """Say of rules that do not hold after steps that have committed how to go on."""
    error.database = error.database or database
    if not steps:
        error.left = "nothing was changed"
        return error
    stay = "stays" if steps == 1 else "stay"
    error.left = (
        f"{words.count(steps, 'step')} of {migration}, all there are, {stay} applied; it is not "
        "noted as applied before its rules hold"
    )
    error.remedy = (
        f"correct the rows, or the rule in {AFTER}(), then:  whimbrel up   "
        "(no step is done again, the rules are asked)\nor take the steps back:  whimbrel down"
    )
    error.exit_code = 3
    return error


def planned(
    file: loader.MigrationFile, session: base.Session, *, resumes: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return in words what will be asked before and after a migration."""
    before = [] if resumes else collect(file, BEFORE, session)
    return _said(before), _said(collect(file, AFTER, session))


def _said(found: Sequence[rules.Rule]) -> tuple[str, ...]:
    return tuple(
        f"{rule.title} (a warning only)" if rule.severity is rules.Severity.WARNING else rule.title
        for rule in found
    )


# --- the rules of the configuration -----------------------------------------------------------


def chosen(
    found: Sequence[rules.Rule],
    config: configs.Config,
    database: configs.DatabaseConfig,
    *,
    only: Sequence[str],
    own: bool,
) -> list[rules.Rule]:
    """Return the rules that are to be asked; raise UsageError where there are none.

    `own` says that they were given, and not read from the configuration.
    """
    about = [] if own else [one for one in config.rules.values() if one.databases is not None]
    elsewhere = {one.name for one in about if database.name not in (one.databases or ())}
    here = [rule for rule in found if own or rule.name not in elsewhere]
    if not here:
        where = configs.shown(config.file) if config.file else configs.FILE_NAME
        raise errors.UsageError(
            "there are no rules to ask" + (f" of {database.title!r}" if elsewhere else ""),
            where=None if own else where,
            remedy=f"write one into {configs.FILE_NAME}, for example:\n{rulebook.EXAMPLE}",
        )
    names = [rule.title for rule in here]
    for wanted in only:
        if wanted not in names:
            close = difflib.get_close_matches(wanted, names, n=1)
            raise errors.UsageError(
                f"no rule of {database.title!r} is called {wanted!r}",
                object=f"known: {errors.names(names)}",
                remedy=f"did you mean:  {close[0]}" if close else "use one of these names",
            )
    return [rule for rule in here if not only or rule.title in only]
