"""Say why the binary log of a server cannot be followed, before anything is made.

What is made, and how it is read, is the work of `log_capture`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from whimbrel.engines import base, captures
from whimbrel.engines.mysql import logged

_ACTS: Final = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})
_SETTINGS: Final = (
    "log_bin",
    "binlog_format",
    "binlog_row_image",
    "binlog_row_value_options",
    "binlog_transaction_compression",
    "gtid_mode",
    "log_slave_updates",
    "log_replica_updates",
    "server_uuid",
    "lower_case_table_names",
)


class Needs:
    """Asks the server of a session, its user's rights, and the tables."""

    def __init__(self, session: base.Session) -> None:
        self._session = session
        self._really: str | None = None

    @property
    def mariadb(self) -> bool:
        """Whether it is MariaDB that answers."""
        if self._really is None:
            self._really = self._session.engine.answered_by(self._session)
        return self._really == "mariadb"

    def obstacles(self, tables_: Sequence[captures.Followed]) -> list[captures.Obstacle]:
        """Return everything that is in the way."""
        return [*self._of_server(), *self._of_tables(tables_)]

    def _of_server(self) -> Iterator[captures.Obstacle]:
        found = self._settings()
        by_triggers = "or follow by triggers:  --capture triggers"
        if found.get("log_bin") != "ON":
            yield captures.Obstacle(
                what="the server writes no binary log: log_bin is off",
                remedy=f"set log_bin and server_id in its configuration and restart it,\n"
                f"{by_triggers}",
            )
            return
        if found.get("binlog_format", "ROW") != "ROW":
            yield captures.Obstacle(
                what="the binary log has statements instead of rows: "
                f"binlog_format is {found['binlog_format']}",
                remedy="SET GLOBAL binlog_format = ROW;  and let every session connect again,\n"
                f"{by_triggers}",
            )
        if found.get("binlog_row_value_options"):
            yield captures.Obstacle(
                what="the binary log has parts of values: binlog_row_value_options is "
                f"{found['binlog_row_value_options']}",
                remedy="SET GLOBAL binlog_row_value_options = '';",
            )
        if found.get("binlog_transaction_compression", "OFF") == "ON":
            yield captures.Obstacle(
                what="the binary log is compressed by whole transactions",
                remedy="SET GLOBAL binlog_transaction_compression = OFF;",
            )
        if not self.mariadb and found.get("gtid_mode") != "ON":
            yield captures.Obstacle(
                what="the server cannot say which transactions of its log are visible: gtid_mode "
                f"is {found.get('gtid_mode', 'OFF')}",
                remedy=f"let it be ON (its manual says in which steps), {by_triggers}",
            )
        yield from self._of_rights()
        yield from self._of_filters(found)

    def _of_rights(self) -> Iterator[captures.Obstacle]:
        grants = " ".join(str(row[0]).upper() for row in self._session.fetch("SHOW GRANTS"))
        # As a replica reads it: MariaDB calls the second right BINLOG MONITOR as well.
        every = "ALL PRIVILEGES ON *.*" in grants or "SUPER" in grants
        missing = [] if every or "REPLICATION SLAVE" in grants else ["REPLICATION SLAVE"]
        if not every and not any(
            word in grants for word in ("REPLICATION CLIENT", "BINLOG MONITOR")
        ):
            missing.append("REPLICATION CLIENT")
        if missing:
            user = self._session.fetch("SELECT CURRENT_USER()")[0][0]
            name, _, host = str(user).rpartition("@")
            yield captures.Obstacle(
                what=f"the user {user} may not read the binary log",
                remedy=f"GRANT {', '.join(missing)} ON *.* TO '{name}'@'{host}';",
            )

    def _of_filters(self, found: Mapping[str, str]) -> Iterator[captures.Obstacle]:
        database = str(self._session.fetch("SELECT DATABASE()")[0][0])
        try:
            row = self.end_of_log()
        except sa.exc.DBAPIError:
            self._session.rollback()
            return  # the right is missing, which is said
        only, ignored = ([one for one in str(text or "").split(",") if one] for text in row[2:4])
        if (only and database not in only) or database in ignored:
            yield captures.Obstacle(
                what=f"the database {database} is not in the binary log "
                "(binlog_do_db, binlog_ignore_db)",
                remedy="let the server log it, and restart it",
            )
        updates = found.get("log_replica_updates", found.get("log_slave_updates", "ON"))
        if updates != "ON" and self._is_replica():
            yield captures.Obstacle(
                what="this server is a replica, and does not log what it is told to write",
                remedy="set log_slave_updates and restart it, or name its primary as the source",
            )

    def _is_replica(self) -> bool:
        words = "SHOW ALL SLAVES STATUS" if self.mariadb else "SHOW REPLICA STATUS"
        return bool(self._session.fetch(words))

    def _of_tables(self, tables_: Sequence[captures.Followed]) -> Iterator[captures.Obstacle]:
        minimal = self._settings().get("binlog_row_image", "FULL") not in ("FULL", "FULL_NODUP")
        cascades = self._unlogged_cascades()
        for followed in tables_:
            table = followed.table
            if not followed.key:
                yield captures.Obstacle(
                    what=f"no key names the rows of {table.name}",
                    remedy=f"give it one:  ALTER TABLE {self._quoted(table.name)} "
                    "ADD PRIMARY KEY (…);",
                    object=table.name,
                )
            for name in followed.key:
                column = table.column(name)
                if logged.reading(table, column) is None:
                    yield captures.Obstacle(
                        what=f"{table.name}.{name} is of its key, and values of the type "
                        f"{column.type} are not read from the binary log",
                        remedy="follow by triggers:  --capture triggers",
                        object=table.name,
                    )
            if minimal and set(followed.key) != set(table.primary_key):
                yield captures.Obstacle(
                    what=f"the binary log does not have the key of {table.name} with each change: "
                    "binlog_row_image is not FULL",
                    remedy="SET GLOBAL binlog_row_image = FULL;  and let every session connect "
                    "again",
                    object=table.name,
                )
            for key in table.foreign_keys if cascades else ():
                acts = {key.on_delete, key.on_update} & _ACTS
                if acts:
                    yield captures.Obstacle(
                        what=f"rows of {table.name} are changed by a foreign key to "
                        f"{key.ref_table} ({', '.join(sorted(map(str, acts)))}), and what keys "
                        "change is not in the binary log",
                        remedy="follow by triggers, which see it:  --capture triggers",
                        object=table.name,
                    )

    def _unlogged_cascades(self) -> bool:
        """Whether what foreign keys do is missing in the log: everywhere but in MySQL from 9.6."""
        version = self._session.connection.dialect.server_version_info or ()
        return self.mariadb or version[:2] < (9, 6)

    def _settings(self) -> dict[str, str]:
        names = ", ".join(f"'{name}'" for name in _SETTINGS)
        rows = self._session.fetch(f"SHOW GLOBAL VARIABLES WHERE variable_name IN ({names})")
        return {str(name).lower(): str(value) for name, value in rows}

    def end_of_log(self) -> base.Row:
        """Return file, place, and what is logged alone or not, of the end that the log has now."""
        version = self._session.connection.dialect.server_version_info or ()
        new = not self.mariadb and version >= (8, 2)
        words = "SHOW BINARY LOG STATUS" if new else "SHOW MASTER STATUS"
        return self._session.fetch(words)[0]

    def _quoted(self, name: str) -> str:
        return self._session.engine.quote(name)
