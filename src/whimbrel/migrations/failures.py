"""Errors that a migration caught, noted in the journal and raised again when it is resumed."""

from __future__ import annotations

import importlib
import json

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base
from whimbrel.journal import journal
from whimbrel.migrations import operations as ops


def noted(error: Exception) -> dict[str, object]:
    """Return what the journal keeps of an error."""
    driver = getattr(error, "orig", None) or error
    arguments = [a for a in driver.args if isinstance(a, str | int)]
    failed = [type(driver).__module__, type(driver).__qualname__, arguments]
    return {"failed": failed, **_facts(error)}


def again(row: journal.StepRow, session: base.Session) -> None:
    """Raise what a step had failed with, if it had."""
    known = json.loads(row.noted or "{}")
    if known.get("failed") is None:
        return
    module, name, arguments = known["failed"]
    error: Exception = RuntimeError(": ".join(map(str, [name, *arguments])))
    if module.startswith(errors.__name__):
        raise _refusal(name, known["facts"])
    driver = session.connection.dialect.loaded_dbapi
    if module.split(".")[0] == driver.__name__.split(".")[0]:
        error = getattr(importlib.import_module(module), name)(*arguments)
    if row.kind == ops.Kind.MODEL.value or isinstance(error, RuntimeError):
        raise error
    raise sa.exc.DBAPIError.instance(row.step, None, error, driver.Error)


def _facts(error: Exception) -> dict[str, object]:
    if not isinstance(error, errors.WhimbrelError):
        return {}
    names = ("what", "where", "database", "object", "left", "cause", "remedy")
    return {"facts": {name: getattr(error, name) for name in names}}


def _refusal(name: str, facts: dict[str, str | None]) -> errors.WhimbrelError:
    """Return an error of ours as it was, without asking again for what its own class asks."""
    kind = getattr(errors, name, errors.RefusedError)
    error: errors.WhimbrelError = kind.__new__(kind)
    errors.WhimbrelError.__init__(error, **facts)  # type: ignore[arg-type]
    return error
