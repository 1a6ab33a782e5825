"""MariaDB: as MySQL, with its own words in a few places."""

from __future__ import annotations

from contextlib import AbstractContextManager

from whimbrel.engines import base
from whimbrel.engines.mariadb import ddl
from whimbrel.engines.mysql import engine as mysql
from whimbrel.engines.mysql import session as sessions


class MariadbEngine(mysql.MysqlEngine):
    """What MariaDB can do, and its factories."""

    name = "mariadb"
    title = "MariaDB"
    url_example = "mariadb://user:password@host/database"

    def limited(self, session: base.Session, seconds: float | None) -> AbstractContextManager[None]:
        return sessions.ours(session).limited(seconds)

    def ddl(self, catalog: base.Catalog) -> base.Ddl:
        return ddl.MariadbDdl(self, catalog)


ENGINE = MariadbEngine()
