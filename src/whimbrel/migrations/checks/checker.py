"""Look at a migration with all rules; say which findings are accepted, and refuse for the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from whimbrel import config, errors
from whimbrel.migrations.checks import finding, rules, scene
from whimbrel.migrations.checks import watch as watching


def check(watch: watching.Watch, migration: str, *, whole: bool) -> tuple[finding.Finding, ...]:
    """Return what the rules find in the steps that were seen since `watch.begin()`."""
    at = scene.Scene(migration=migration, whole=whole, watch=watch, seen=tuple(watch.sightings))
    found = [
        dataclasses.replace(one, accepted=watch.accepted.get(one.slug, ""))
        for rule in rules.RULES
        for one in rule.look(at)
    ]
    # The same of the same line, from each turn of a loop, is said once.
    once = {(one.slug, one.where or one.position, one.what): one for one in reversed(found)}
    return tuple(sorted(once.values(), key=lambda one: (one.position, one.slug)))


def refuse(findings: Sequence[finding.Finding], *, database: str) -> None:
    """Raise CheckFailed if something is found that `up` must not begin with."""
    against = [one for one in findings if one.refuses]
    if not against:
        return
    first = against[0]
    raise errors.CheckFailed(
        [(one.slug, one.what, one.why, shown(one.where)) for one in against],
        migration=first.migration,
        instead=first.instead,
        database=database,
    )


def shown(where: str) -> str:
    """Return file:line as people paste it."""
    path, _, line = where.rpartition(":")
    return f"{config.shown(Path(path))}:{line}" if path else where


def known(slug: str) -> bool:
    """Whether there is such a rule."""
    return any(rule.slug == slug for rule in rules.RULES)


def slugs() -> list[str]:
    """Return the names of all rules."""
    return sorted(rule.slug for rule in rules.RULES)
