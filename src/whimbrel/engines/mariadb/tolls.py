"""Where MariaDB does in place what MySQL copies, or the other way round."""

from __future__ import annotations

from whimbrel.engines.mysql import tolls


class MariadbTolls(tolls.MysqlTolls):
    """Columns are added in the catalog alone since 10.3, wherever they stand.

    Of defaults that are expressions the server works some out beside the writers (rand()) and
    others not (uuid()); which, it does not say, so that all are said to be copied.
    """

    instant_since = (10, 3)
