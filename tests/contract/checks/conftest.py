"""What the tests of the checks share."""

from __future__ import annotations

import pytest

from tests import checking, conftest, databases
from whimbrel.migrations.checks import watch


@pytest.fixture
def look(
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: conftest.OpenRaw,
    monkeypatch: pytest.MonkeyPatch,
) -> checking.Look:
    """A database with a table that is large and one that is not (tests/checking.py)."""
    monkeypatch.setattr(watch, "LARGE", checking.LARGE)
    return checking.Look(project, database, raw(database))
