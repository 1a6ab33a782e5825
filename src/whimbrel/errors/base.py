"""What every error is made of, and the kinds there are."""

from __future__ import annotations

from collections.abc import Iterable

_LABELS = ("where", "database", "object", "left", "cause", "to do")
_INDENT = 10


class WhimbrelError(Exception):
    """Say what happened, where, what is left, why, and what to do."""

    slug = "whimbrel-error"
    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        database: str | None = None,
        object: str | None = None,
        left: str | None = None,
        cause: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.database = database
        self.object = object
        self.left = left
        self.cause = cause
        self.remedy = remedy
        super().__init__(what)

    def __reduce__(self) -> tuple[object, ...]:
        """Come whole from another process: what is raised there is made by other arguments."""
        return _again, (type(self), self.args, self.__dict__)

    @property
    def facts(self) -> dict[str, str]:
        """Return the labelled facts in the order in which they are read."""
        values = (self.where, self.database, self.object, self.left, self.cause, self.remedy)
        return {label: value for label, value in zip(_LABELS, values, strict=True) if value}

    def as_json(self) -> dict[str, str]:
        """Return the same facts as fields, for `--json`."""
        return {
            "error": self.slug,
            "what": self.what,
            **{k.replace(" ", "_"): v for k, v in self.facts.items()},
        }

    def __str__(self) -> str:
        lines = [self.what]
        for label, value in self.facts.items():
            first, *rest = value.splitlines() or [""]
            lines.append(f"  {label:<{_INDENT - 1}} {first}".rstrip())
            lines.extend(f"  {'':<{_INDENT}}{line}".rstrip() for line in rest)
        lines.append(f"  {'[' + self.slug + ']':>80}")
        return "\n".join(lines)


def _again(
    cls: type[WhimbrelError], args: tuple[object, ...], facts: dict[str, object]
) -> WhimbrelError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(facts)
    return error


def names(values: Iterable[str], *, limit: int = 20) -> str:
    """Join names for a sentence, the first `limit` of them."""
    known = list(values)
    if not known:
        return "(none)"
    more = f" … and {len(known) - limit:,} more" if len(known) > limit else ""
    return ", ".join(known[:limit]) + more


class UsageError(WhimbrelError):
    """Something the caller asked for cannot be; the caller can correct it."""

    slug = "usage-error"
    exit_code = 2


class RefusedError(WhimbrelError):
    """We will not do this, because it could lose data or cannot be right."""

    slug = "refused"


class DatabaseUnavailable(WhimbrelError):
    """There is no session: the server is down, the password wrong, the file unreadable."""

    slug = "database-unavailable"

    def __init__(self, *, database: str, cause: str, remedy: str) -> None:
        super().__init__(
            "cannot open the database",
            database=database,
            left="nothing was changed",
            cause=cause,
            remedy=remedy,
        )


def shortened(sql: str, *, width: int = 300) -> str:
    """Return SQL on one line of at most so many characters."""
    text = " ".join(sql.split())
    return text if len(text) <= width else text[: width - 1] + "…"
