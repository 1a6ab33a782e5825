"""What stands in the way of a mirror on MySQL and MariaDB, found before anything is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from whimbrel import tables
from whimbrel.engines import base, mirroring, mirrors
from whimbrel.engines.mysql import mirrored, referrers, sameness
from whimbrel.engines.mysql import session as sessions

_SLUG: Final = "not-mirrored"
_TRIGGERS: Final = """
SELECT trigger_name FROM information_schema.triggers
 WHERE trigger_schema = DATABASE() AND event_object_table = %s
   AND LEFT(trigger_name, 9) <> 'whimbrel_'
 ORDER BY trigger_name
"""
_ENGINE: Final = """
SELECT engine, table_type FROM information_schema.tables
 WHERE table_schema = DATABASE() AND table_name = %s
"""
_VIEWS: Final = """
SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = DATABASE()
 ORDER BY table_name
"""
_TRUSTED: Final = "SELECT @@log_bin AND NOT @@log_bin_trust_function_creators"
# Any of these lets a user make triggers while the server writes a binary log.
_MAY_LOG: Final = ("ALL PRIVILEGES ON *.*", "SUPER", "BINLOG ADMIN", "SET_USER_ID")
_CHANGES: Final = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})


def may_see_all(session: sessions.MysqlSession) -> bool:
    """Whether the user of a session may see what others do (PROCESS)."""
    said = " ".join(str(row[0]).upper() for row in session.send("SHOW GRANTS"))
    return "ALL PRIVILEGES ON *.*" in said or "PROCESS" in said


class Standing:
    """Looks for everything that could not be kept in step."""

    def __init__(
        self,
        session: base.Session,
        shape: mirrors.Shape,
        texts: mirrored.Texts,
        others: referrers.Referrers,
    ) -> None:
        self._others = others
        self._mysql = sessions.ours(session)
        self._shape = shape
        self._texts = texts
        self._ways = (texts.up, texts.down)

    def all(self) -> list[mirrors.Obstacle]:
        """Return what is in the way."""
        found = mirroring.common_obstacles(
            self._shape, dialect=self._texts.up.dialect, quote=self._texts.quote
        )
        if found:
            return found  # what is below reads the expressions
        parts: Iterable[Iterator[mirrors.Obstacle]] = (
            self._storage(),
            self._log(),
            self._keys(),
            self._columns(),
            self._cascades(),
            self._triggers(),
            self._referrers(),
            self._views(),
        )
        return [obstacle for part in parts for obstacle in part]

    def _ask(self, sql: str, *params: str) -> list[base.Row]:
        with self._mysql.driver.cursor() as cursor:
            cursor.execute(sql, params)
            return [tuple(row) for row in cursor.fetchall()]

    def _obstacle(self, what: str, remedy: str, object_: str = "") -> mirrors.Obstacle:
        return mirrors.Obstacle(
            slug=_SLUG, what=what, remedy=remedy, object=object_ or self._shape.old.name
        )

    # --- the server and the table ---------------------------------------------------------------

    def _storage(self) -> Iterator[mirrors.Obstacle]:
        for name in {self._shape.old.name, self._shape.new.name}:
            for engine, kind in self._ask(_ENGINE, name):
                if str(engine).lower() != "innodb":
                    yield self._obstacle(
                        f"{name} is kept by {engine}, whose changes are not taken back with those "
                        "of the mirror",
                        f"ALTER TABLE {name} ENGINE=InnoDB, in a migration before this one",
                        name,
                    )
                if str(kind).upper() == "SYSTEM VERSIONED":
                    yield self._obstacle(
                        f"{name} keeps its history, which triggers cannot write",
                        "change this table while the application stands still",
                        name,
                    )

    def _log(self) -> Iterator[mirrors.Obstacle]:
        if not self._mysql.send(_TRUSTED)[0][0]:
            return
        grants = " ".join(str(row[0]).upper() for row in self._mysql.send("SHOW GRANTS"))
        if not any(right in grants for right in _MAY_LOG):
            yield self._obstacle(
                "this server writes a binary log, and lets this user make no triggers",
                "let somebody who may say:  SET GLOBAL log_bin_trust_function_creators = 1",
            )

    def _triggers(self) -> Iterator[mirrors.Obstacle]:
        if self._shape.mode is mirrors.Mode.COLUMNS:
            return  # ours come after them, and see what they have made of a row
        for (name,) in self._ask(_TRIGGERS, self._shape.old.name):
            yield self._obstacle(
                f"the trigger {name} would stay with the old table",
                "drop it before, and make it again when the change is complete",
                str(name),
            )

    def _referrers(self) -> Iterator[mirrors.Obstacle]:
        if self._shape.mode is not mirrors.Mode.TABLE:
            return
        for key, why in self._others.unfit(self._shape, self._texts.up):
            yield self._obstacle(
                f"the foreign key {key.name} of {key.table} cannot go over to the new table: {why}",
                "drop it in a migration before this one, and add it again after `complete`",
                key.name,
            )

    def _views(self) -> Iterator[mirrors.Obstacle]:
        if self._shape.mode is not mirrors.Mode.TABLE:
            return
        gone = [c.name for c in self._shape.old.columns if not self._shape.new.has(c.name)]
        quote, name = self._texts.quote, self._shape.old.name
        for view, said in self._ask(_VIEWS) if gone else ():
            text = str(said or "")
            missed = [c for c in gone if f"{quote(name)}" in text and f".{quote(c)}" in text]
            if missed:
                yield self._obstacle(
                    f"the view {view} reads {', '.join(missed)}, which the new table has not",
                    "change the view in a migration before this one",
                    str(view),
                )

    # --- the shapes -----------------------------------------------------------------------------

    def _keys(self) -> Iterator[mirrors.Obstacle]:
        if self._shape.mode is mirrors.Mode.COLUMNS:
            return
        for way in self._ways:
            for name in way.target_key:
                if way.target.column(name).null:
                    yield self._obstacle(
                        f"{way.target.name}.{name} may be NULL, and so does not tell rows apart",
                        "make it NOT NULL, or choose another key",
                        f"{way.target.name}.{name}",
                    )

    def _columns(self) -> Iterator[mirrors.Obstacle]:
        if self._shape.mode is not mirrors.Mode.COLUMNS:
            return
        table = self._shape.old
        for name in sorted(self._said()):
            column = table.column(name)
            if column.auto_increment:
                yield self._expression(name, "it has its number only when the row is written")
            elif column.generated is not None:
                yield self._expression(name, "it is computed only after the trigger")
        for name in (*self._texts.new_columns, *self._texts.old_columns):
            default = table.column(name).default
            if default is None or mirroring.is_moment(default):
                continue
            if mirroring.unsteady(default) or self._reads_columns(default):
                yield self._expression(name, "its default is another one in each row")

    def _said(self) -> set[str]:
        found: set[str] = set()
        for way in self._ways:
            for sql in way.values.values():
                found |= mirroring.reads(sql, columns=way.source_columns, dialect=way.dialect)
        return found

    def _reads_columns(self, default: str) -> bool:
        way = self._texts.up
        try:
            return bool(mirroring.reads(default, columns=way.source_columns, dialect=way.dialect))
        except mirroring.NotUnderstood:
            return True

    def _expression(self, column: str, why: str) -> mirrors.Obstacle:
        return self._obstacle(
            f"{column} cannot be read by a trigger before its row is written: {why}",
            "make the values in a backfill of an ordinary migration instead",
            f"{self._shape.old.name}.{column}",
        )

    # --- what other tables do to rows -----------------------------------------------------------

    def _cascades(self) -> Iterator[mirrors.Obstacle]:
        """Foreign keys change and remove rows without a trigger: the other side needs the same."""
        for way in self._ways:
            for key in way.source.foreign_keys:
                yield from self._cascade(way, key)

    def _cascade(self, way: mirroring.Way, key: tables.ForeignKey) -> Iterator[mirrors.Obstacle]:
        name = f"{way.source.name} ({', '.join(key.columns)}) to {key.ref_table}"
        changes = key.on_update in _CHANGES or key.on_delete in (_CHANGES - {"CASCADE"})
        # A column that is changed so, and of which more than a copy is made on the other side.
        made = [
            target
            for target, sql in way.values.items()
            if changes
            and mirroring.reads(sql, columns=way.source_columns, dialect=way.dialect)
            & set(key.columns)
            and not self._follows(way, key, target)
        ]
        remedy = "remove the action of the foreign key before, or stand still for this change"
        for target in made:
            yield self._obstacle(
                f"the foreign key of {name} changes rows without firing triggers, and {target} is "
                "made of what it changes",
                remedy,
                key.name or name,
            )
        beside = self._shape.mode is mirrors.Mode.BESIDE
        if beside and key.on_delete == "CASCADE" and not self._goes_with_it(way, key):
            yield self._obstacle(
                f"the foreign key of {name} removes rows without firing triggers",
                remedy,
                key.name or name,
            )

    def _follows(self, way: mirroring.Way, key: tables.ForeignKey, target: str) -> bool:
        """Whether a column of the other side is changed by a foreign key just like this one."""
        one = way.copies(target)
        if one is None:
            return False
        at = key.columns.index(one)
        return any(
            len(twin.columns) == len(key.columns)
            and twin.columns[at] == target
            and (twin.ref_columns, twin.on_delete, twin.on_update)
            == (key.ref_columns, key.on_delete, key.on_update)
            for twin in way.target.foreign_keys
        )

    def _goes_with_it(self, way: mirroring.Way, key: tables.ForeignKey) -> bool:
        """Whether the row of the other table goes with one that a foreign key removes."""
        if way is self._texts.down:
            return key.ref_table == self._shape.old.name
        pairs = [(way.source.column(o), way.target.column(n)) for o, n in self._shape.key]
        same = all(
            sameness.word(one.type) == sameness.word(two.type) and one.collation == two.collation
            for one, two in pairs
        )
        return same or not self._texts.removed_unseen()
