"""What the caller can fix: a name, an option, a file."""

from __future__ import annotations

from collections.abc import Sequence

from whimbrel.errors.base import UsageError, names, shortened


class BadUrl(UsageError):
    slug = "bad-url"

    def __init__(self, url: str, *, why: str, known: Sequence[str]) -> None:
        super().__init__(
            f"cannot use {url!r} as a database URL: {why}",
            remedy="write one of: " + "  ".join(known),
        )


class UnknownDatabase(UsageError):
    slug = "unknown-database"

    def __init__(self, alias: str, *, known: Sequence[str], config: str) -> None:
        super().__init__(
            f"no database is called {alias!r}",
            where=config,
            object=f"known: {names(known)}",
            remedy="use one of these names, or a URL:  --database URL",
        )


class BadConfig(UsageError):
    slug = "bad-config"

    def __init__(self, what: str, *, where: str, remedy: str) -> None:
        super().__init__(what, where=where, remedy=remedy)


class MissingSecret(UsageError):
    slug = "missing-secret"

    def __init__(self, variable: str, *, where: str) -> None:
        super().__init__(
            f"the environment variable {variable} is not set",
            where=where,
            remedy=f"set it:  export {variable}=…",
        )


class MissingExtra(UsageError):
    slug = "missing-extra"

    def __init__(self, package: str, *, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the package {package}, which is not installed",
            remedy=f"pip install 'whimbrel[{extra}]'",
        )


class BadMigrationFile(UsageError):
    slug = "bad-migration-file"

    def __init__(self, path: str, *, why: str, cause: str | None = None, remedy: str) -> None:
        super().__init__(
            f"cannot use the migration file {path}: {why}",
            where=path,
            left="nothing was changed",
            cause=cause,
            remedy=remedy,
        )


class UnknownMigration(UsageError):
    slug = "unknown-migration"

    def __init__(self, wanted: str, *, known: Sequence[str], where: str) -> None:
        super().__init__(
            f"no migration is called {wanted!r}",
            where=where,
            object=f"known: {names(known, limit=8)}",
            remedy="see all of them:  whimbrel status",
        )


class DependencyCycle(UsageError):
    slug = "dependency-cycle"

    def __init__(self, cycle: Sequence[str], *, where: str) -> None:
        super().__init__(
            "migrations depend on each other in a circle",
            where=where,
            object=" → ".join(cycle),
            left="nothing was changed",
            remedy="take one of these names out of the other's depends_on",
        )


class ManyHeads(UsageError):
    slug = "many-heads"

    def __init__(self, heads: Sequence[str], *, where: str) -> None:
        super().__init__(
            f"{len(heads)} migrations are the last one, each on its own branch",
            where=where,
            object=names(heads),
            left="nothing was changed",
            remedy="join the branches:  whimbrel new merge_branches --merge\n"
            f"or run one branch only:  whimbrel up --to {heads[0]}",
        )


class UnknownType(UsageError):
    slug = "unknown-type"

    def __init__(self, type_name: str, *, column: str, known: Sequence[str]) -> None:
        super().__init__(
            f"column {column!r} has the unknown type {type_name!r}",
            object=f"known types: {names(known)}",
            remedy="use one of the known types",
        )


class BadColumn(UsageError):
    slug = "bad-column"

    def __init__(self, column: str, *, why: str, remedy: str) -> None:
        super().__init__(f"column {column!r} cannot be built: {why}", remedy=remedy)


class BadParameters(UsageError):
    slug = "bad-parameters"

    def __init__(self, what: str, *, sql: str, remedy: str) -> None:
        super().__init__(
            what,
            object=shortened(sql),
            remedy=remedy,
        )


class Irreversible(UsageError):
    slug = "irreversible"

    def __init__(self, operation: str, *, why: str, remedy: str) -> None:
        super().__init__(f"{operation} cannot be reversed: {why}", remedy=remedy)
        self.operation = operation


class SqlNotTranslatable(UsageError):
    slug = "sql-not-translatable"

    def __init__(self, construct: str, *, sql: str, read: str, write: str, why: str) -> None:
        super().__init__(
            f"{construct} has no translation from {read} to {write}",
            object=shortened(sql),
            left="nothing was changed by this statement",
            cause=why,
            remedy="write this statement with the migration's verbs, or once per engine:\n"
            'if self.engine == "…": self.execute(…, dialect="…")',
        )
        self.construct = construct


class SqlNotUnderstood(UsageError):
    slug = "sql-not-understood"

    def __init__(self, sql: str, *, dialect: str, cause: str) -> None:
        super().__init__(
            f"this is not {dialect} SQL",
            object=shortened(sql),
            left="nothing was changed by this statement",
            cause=cause,
            remedy="correct the statement, or say what it is written in:  "
            'sql_dialect = "…"  in whimbrel.toml or on the migration',
        )


class UnknownSlug(UsageError):
    slug = "unknown-slug"

    def __init__(self, slug: str, *, near: Sequence[str]) -> None:
        super().__init__(
            f"there is no page called {slug!r}",
            object=f"near: {names(near)}" if near else None,
            remedy="see all of them:  whimbrel explain",
        )


class NotComparable(UsageError):
    slug = "not-comparable"

    def __init__(self, columns: str, *, one: str, other: str) -> None:
        super().__init__(
            f"{columns} cannot be compared: {one} and {other} have no form in common",
            left="nothing was compared",
            remedy="say how, by an expression for one side:  --columns 'TABLE: *, a=CAST(b AS …)'\n"
            "or leave the column out",
        )


class AmbiguousMatch(UsageError):
    slug = "ambiguous-match"

    def __init__(self, what: str, source: Sequence[str], target: Sequence[str]) -> None:
        super().__init__(
            f"it is not clear which {what} belongs to which",
            object=f"in the source: {names(source)}\nin the target: {names(target)}",
            left="nothing was compared",
            remedy="say it:  --tables SOURCE=TARGET   or:  --columns 'TABLE: SOURCE=TARGET, …'",
        )


class NothingToCompare(UsageError):
    slug = "nothing-to-compare"

    def __init__(self, source: str, target: str) -> None:
        super().__init__(
            f"{source} and {target} have nothing in common to compare",
            left="nothing was compared",
            remedy="check that these are the right databases, or say which tables and columns "
            "belong together:\n--tables SOURCE=TARGET   --columns 'TABLE: SOURCE=TARGET, …'",
        )


class BadRule(UsageError):
    slug = "bad-rule"

    def __init__(
        self, rule: str, *, why: str, place: str | None = None, cause: str | None = None
    ) -> None:
        super().__init__(
            f"the rule cannot be asked: {rule}",
            where=place,
            object=why,
            cause=cause,
            remedy="correct the rule",
        )


class BadMapping(UsageError):
    slug = "bad-mapping"

    def __init__(
        self, what: str, *, place: str | None = None, cause: str | None = None, remedy: str
    ) -> None:
        super().__init__(what, where=place, left="nothing was changed", cause=cause, remedy=remedy)
