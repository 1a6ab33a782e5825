"""Whimbrel's `Migration` under the name that ActiveRecord users know, and their command line.

    python -m rhosocial.activerecord.migration create NAME | up [N] | down [N] | status

The folders above belong to the ActiveRecord distributions as well: this is a module beside
theirs, and neither folder may ever get an __init__.py.
"""

from __future__ import annotations

from whimbrel.migrations.migration import Migration

__all__ = ["Migration"]


def _as_whimbrel(arguments: list[str]) -> list[str]:
    """Return the arguments as the whimbrel command takes them: `create` is `new` there."""
    if arguments[:1] == ["create"]:
        return ["new", *arguments[1:]]
    return arguments


if __name__ == "__main__":
    import sys

    from whimbrel.cli import app

    sys.exit(app.main(_as_whimbrel(sys.argv[1:])))
