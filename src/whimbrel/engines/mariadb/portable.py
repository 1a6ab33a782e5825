"""What MariaDB's types mean and hold, where that is not what MySQL's do.

UUID, INET4 and INET6 are types of their own there; JSON is a text with a check, kept as it is.
"""

from __future__ import annotations

import re
from typing import Final

from whimbrel.engines import base
from whimbrel.engines.forms import Family
from whimbrel.engines.mysql import portable as mysql
from whimbrel.engines.portable import Meaning

_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.\d+-mariadb", re.I)
# Which version brought a type.
_SINCE: Final = {"uuid": (10, 7), "inet6": (10, 5), "inet4": (10, 10)}


class MariadbConverter(mysql.MysqlConverter):
    """Asks the server which version it is."""

    rounds_json = False

    def __init__(self, session: base.Session) -> None:
        super().__init__(session)
        said = _VERSION.search(str(self._session.send("SELECT VERSION()")[0][0]))
        self._version = (int(said[1]), int(said[2])) if said else (0, 0)

    def _lacks(self, meaning: Meaning) -> bool:
        name = "uuid" if meaning.family is Family.UUID else meaning.own
        return self._version < _SINCE.get(name, (0, 0))

    def _uuid(self) -> mysql.Chosen:
        return mysql.Chosen(type="uuid") if self._version >= _SINCE["uuid"] else super()._uuid()
