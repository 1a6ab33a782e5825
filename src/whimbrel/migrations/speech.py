"""SQL in the dialect a migration is written in, for an engine that may speak another one."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel.engines import base, sqltext


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """From what a migration is written in (`read`, sqlglot's name) to what the engine reads."""

    engine: base.Engine
    catalog: base.Catalog
    read: str

    def quote(self, name: str) -> str:
        """Return a name quoted in the dialect of the migration."""
        if self.read == self.engine.dialect:
            return self.engine.quote(name)
        return sqltext.quote(name, self.read)

    def say(self, sql: str) -> str:
        """Return a statement of the migration's dialect in that of the engine.

        Raises SqlNotTranslatable, SqlNotUnderstood.
        """
        if self.read == self.engine.dialect:
            return sql
        from whimbrel.engines import translate  # heavy, and most projects never need it

        return translate.translate(
            sql,
            read=self.read,
            write=self.engine.dialect,
            names=translate.CatalogNames(self.catalog),
        ).sql
