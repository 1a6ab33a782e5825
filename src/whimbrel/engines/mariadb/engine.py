"""MariaDB: as MySQL, with its own words in a few places."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from whimbrel.engines import base, mirrors, portable
from whimbrel.engines import building as builders
from whimbrel.engines import tolls as contract_tolls
from whimbrel.engines.mariadb import building, ddl, mirror, tolls
from whimbrel.engines.mariadb import portable as converting
from whimbrel.engines.mysql import engine as mysql
from whimbrel.engines.mysql import session as sessions
from whimbrel.engines.mysql import snapshots


class MariadbEngine(mysql.MysqlEngine):
    """What MariaDB can do, and its factories."""

    name = "mariadb"
    title = "MariaDB"
    url_example = "mariadb://user:password@host/database"

    def limited(self, session: base.Session, seconds: float | None) -> AbstractContextManager[None]:
        return sessions.ours(session).limited(seconds)

    def builder(self, session: base.Session | None = None) -> builders.Builder:
        return building.MariadbBuilder(
            self.title, self.quote, folds_tables=mysql.folds_tables(session)
        )

    def converter(self, session: base.Session) -> portable.Converter:
        return converting.MariadbConverter(session)

    def tolls(self, session: base.Session) -> contract_tolls.Tolls:
        return tolls.MariadbTolls(session)

    def mirror(self, session: base.Session) -> mirrors.Mirror:
        return mirror.MariadbMirror(session)

    @contextmanager
    def standstill(self, session: base.Session) -> Iterator[bool]:
        both = (snapshots.BACKUP_STAGE, snapshots.FLUSH)
        with snapshots.standstill(session, *both) as still:
            yield still

    def ddl(self, catalog: base.Catalog) -> base.Ddl:
        return ddl.MariadbDdl(self, catalog)


ENGINE = MariadbEngine()
