"""The engines under test, and what is known to differ between them.

A test that asks for the `database` fixture runs once per engine. Without a mark these are the
usual ones; the marks below choose others. Starting servers is the work of `servers.py`, making
databases that of `databases.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One engine under test; two versions of one engine share their kind."""

    id: str
    kind: str
    title: str
    server: bool = True
    required_in_ci: bool = True

    @property
    def variable(self) -> str:
        """Return the environment variable whose URL takes the place of our own server."""
        return f"WHIMBREL_TEST_{self.id.upper()}_URL"


KNOWN: Final[Mapping[str, Engine]] = {
    engine.id: engine
    for engine in (
        Engine(id="sqlite", kind="sqlite", title="SQLite", server=False),
        Engine(id="postgresql", kind="postgresql", title="PostgreSQL 16"),
        Engine(id="postgresql18", kind="postgresql", title="PostgreSQL 18"),
        Engine(id="mariadb", kind="mariadb", title="MariaDB"),
        # MySQL is not packaged by Debian: it is tested when a URL names one, only then.
        Engine(id="mysql", kind="mysql", title="MySQL", required_in_ci=False),
    )
}

USUAL: Final = ("sqlite", "postgresql", "mariadb", "mysql")
EVERY: Final = tuple(KNOWN)
SERVERS: Final = tuple(engine.id for engine in KNOWN.values() if engine.server)

# What an engine cannot do however well we write: name -> (kinds, why). A test says
# `@engines.differs(name)`, and is skipped on those kinds with that reason.
DIFFERENCES: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "ddl-commits": (
        frozenset({"mariadb", "mysql"}),
        "commits every DDL statement by itself, so that it cannot be rolled back",
    ),
}

# The test runs on every engine and every version of it.
every_version = pytest.mark.engines(*EVERY)


def only(*ids: str) -> pytest.MarkDecorator:
    """Run the test on these engines, and no others."""
    _check(ids)
    return pytest.mark.engines(*ids, by_name=True)


def without(*ids: str) -> pytest.MarkDecorator:
    """Run the test on the usual engines except these; for questions that only others have."""
    _check(ids)
    return pytest.mark.engines(*(id for id in USUAL if id not in ids))


def differs(name: str) -> pytest.MarkDecorator:
    """Skip the test on the engines that the table of differences names."""
    if name not in DIFFERENCES:
        raise KeyError(f"no known difference is called {name!r}: {', '.join(DIFFERENCES)}")
    return pytest.mark.differs(name)


def params(node: pytest.Item | pytest.Collector, *, mysql: bool) -> list[object]:
    """Return the parameters of a test that asks for a database; `mysql`: is one to be had?"""
    marker = node.get_closest_marker("engines")
    chosen: Iterable[str] = marker.args if marker else USUAL
    # A test that names MySQL is shown as skipped; in every other test it would be noise.
    if not mysql and not (marker and marker.kwargs.get("by_name")):
        chosen = [id for id in chosen if id != "mysql"]
    return [_param(KNOWN[id], node) for id in chosen]


def _param(engine: Engine, node: pytest.Item | pytest.Collector) -> object:
    marks = [pytest.mark.server] if engine.server else []
    for marker in node.iter_markers("differs"):
        kinds, why = DIFFERENCES[marker.args[0]]
        if engine.kind in kinds:
            marks.append(pytest.mark.skip(reason=f"{engine.title} {why}"))
    return pytest.param(engine.id, marks=marks)


def _check(ids: Iterable[str]) -> None:
    unknown = [id for id in ids if id not in KNOWN]
    if unknown:
        raise KeyError(f"no engine under test is called {unknown}: {', '.join(KNOWN)}")
