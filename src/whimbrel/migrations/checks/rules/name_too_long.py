"""A name that is longer than the server keeps."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.migrations.checks import changes, finding, rule, scene


class NameTooLong(rule.Rule):
    """It is cut, and then found under another name, or not at all."""

    slug = "name-too-long"

    def look(self, at: scene.Scene) -> Iterator[finding.Finding]:
        limit = at.tolls.longest_name
        if limit is None:
            return
        for seen in at.seen:
            for name in _names(seen.change):
                length = len(name.encode()) if at.tolls.names_in_bytes else len(name)
                if length > limit:
                    unit = "bytes" if at.tolls.names_in_bytes else "characters"
                    cut = name.encode()[:limit].decode(errors="ignore")
                    yield at.error(
                        self.slug,
                        seen,
                        f"the name {name} has {length} {unit}, and the server keeps {limit}",
                        f"it is cut without a word, to {cut}"
                        if at.tolls.cuts_names
                        else "the server refuses it",
                        instead='give it a shorter one:  name="…"',
                    )


def _names(change: changes.Change) -> tuple[str, ...]:
    """Return the names that a change gives."""
    match change:
        case changes.CreateTable():
            return (change.table, *(column.name for column in change.columns))
        case changes.AddColumn():
            return (change.column.name,)
        case changes.RenameColumn() | changes.RenameTable():
            return (change.to,)
        case changes.CreateIndex():
            return (change.index.name,)
        case changes.AddForeignKey():
            return (change.key.name or "",)
        case changes.AddCheck():
            return (change.check.name or "",)
        case changes.AddUnique():
            return (change.unique.name or "",)
    return ()
