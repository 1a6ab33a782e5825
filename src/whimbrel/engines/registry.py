"""From a URL to an engine and an open session: the one list of the engines that exist."""

from __future__ import annotations

import importlib
from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base, connect

# scheme of the URL -> module that holds ENGINE; imported only when used.
_SCHEMES: Final[dict[str, str]] = {
    "sqlite": "whimbrel.engines.sqlite.engine",
    "postgresql": "whimbrel.engines.postgresql.engine",
    "postgres": "whimbrel.engines.postgresql.engine",
    "mysql": "whimbrel.engines.mysql.engine",
    "mariadb": "whimbrel.engines.mariadb.engine",
}
# What people call a dialect of SQL -> its name for the translator.
DIALECTS: Final[dict[str, str]] = {
    "sqlite": "sqlite",
    "postgresql": "postgres",
    "postgres": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
}
EXAMPLES: Final = (
    "sqlite:///app.db",
    "postgresql://user:password@host/database",
    "mariadb://user:password@host/database",
    "mysql://user:password@host/database",
)


def parse(url: str) -> tuple[base.Engine, sa.URL]:
    """Return the engine that a URL names, and the URL in parts; raise BadUrl."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # The text is not shown: what does not parse may be a password with a stray character.
        raise errors.BadUrl(
            url.split(":", 1)[0] + "://…" if "://" in url else "…",
            why="it does not have the parts of a URL",
            known=EXAMPLES,
        ) from None
    if parsed.host and url.split("?", 1)[0].count("@") > 1:
        # The rest of such a password would stand in the host's place, and be shown.
        raise errors.BadUrl(
            f"{parsed.drivername}://…",
            why="it has more than one @",
            known=("…  where an @, : or / that belongs to the password is %40, %3A or %2F",),
        )
    if "?" in url and not parsed.query:
        # What follows would be left out in silence, and a file `a?b.db` be called `a`.
        raise errors.BadUrl(
            parsed.render_as_string(hide_password=True),
            why="what stands behind its ? is no option; a ? that belongs to a name is %3F",
            known=EXAMPLES,
        )
    scheme = parsed.drivername.split("+", 1)[0]
    if scheme not in _SCHEMES:
        raise errors.BadUrl(
            connect.shown(parsed, parsed.drivername),
            why=f"no engine is called {scheme!r}",
            known=EXAMPLES,
        )
    engine: base.Engine = importlib.import_module(_SCHEMES[scheme]).ENGINE
    return engine, parsed


def open_session(url: str, *, read_only: bool = False) -> base.Session:
    """Open a session on a database; raise BadUrl, MissingExtra, DatabaseUnavailable."""
    engine, parsed = parse(url)
    session = engine.open(parsed, read_only=read_only)
    really = engine.answered_by(session)
    if really != engine.name:
        session.engine = by_name(really)
        session.url = connect.shown(parsed, really)
    return session


def by_name(name: str) -> base.Engine:
    """Return an engine by its name, for texts that need no database (golden SQL, previews)."""
    engine: base.Engine = importlib.import_module(_SCHEMES[name]).ENGINE
    return engine


def names() -> tuple[str, ...]:
    """Return the names of all engines."""
    return ("sqlite", "postgresql", "mysql", "mariadb")
