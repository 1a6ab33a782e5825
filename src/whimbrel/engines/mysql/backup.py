"""Copies of a MySQL or MariaDB database: the server's own dump program, its client to restore.

Both are of the server's family: a dump of MariaDB's has words that MySQL does not know, and the
other way round. The dump begins a moment of its own, which nobody can give it; whether it is the
one that our session reads is known only if nobody wrote in between.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import backups, base
from whimbrel.engines.mysql import catalog, inventory
from whimbrel.engines.mysql import session as sessions

_FILE: Final = "database.sql.gz"
# Of a moment, and not of a database.
_LOCK: Final = f"{base.OUR_PREFIX}lock"
# The last line of every dump that came to its end.
_END: Final = b"-- Dump completed"
_TAIL_BYTES: Final = 4_096
_DISTRIBUTION: Final = re.compile(r"(?:Distrib |from |Ver )(\d+\.\d+[.\d]*)")
_MARIADB: Final = "mariadb"
_SIZE: Final = """
SELECT COALESCE(SUM(data_length), 0) FROM information_schema.tables WHERE table_schema = DATABASE()
"""
# Views first: they read tables. Triggers and partitions go with their tables.
_TABLES: Final = """
SELECT table_type, table_name FROM information_schema.tables
 WHERE table_schema = DATABASE() ORDER BY table_type <> 'VIEW', table_name
"""
_OTHERS: Final = """
SELECT routine_type, routine_name FROM information_schema.routines
 WHERE routine_schema = DATABASE() AND routine_type NOT LIKE '%BODY'
UNION ALL
SELECT 'EVENT', event_name FROM information_schema.events WHERE event_schema = DATABASE()
ORDER BY 1, 2
"""
_DROPPED: Final = {"VIEW": "VIEW", "SEQUENCE": "SEQUENCE"}


class MysqlBackups(backups.Backups):
    """Copies by mysqldump or mariadb-dump."""

    way = "the server's own dump program"
    # It is packed, and has no indexes.
    shrinks = 0.5

    def __init__(self, session: sessions.MysqlSession, url: sa.URL) -> None:
        self._session = session
        self._url = url

    # --- the own way ------------------------------------------------------------------------

    def tool(self) -> str:
        self._program("client")
        program = self._program("dump")
        version = _DISTRIBUTION.search(backups.version_of(program))
        return f"{Path(program).name} {version[1] if version else ''}".strip()

    def _program(self, sort: str) -> str:
        """Return the path of a program that fits the server, or raise BackupToolMissing."""
        server = str(self._session.send("SELECT VERSION()")[0][0])
        is_mariadb = _MARIADB in server.lower()
        names = {
            ("dump", True): ("mariadb-dump", "mysqldump"),
            ("client", True): ("mariadb", "mysql"),
            ("dump", False): ("mysqldump",),
            ("client", False): ("mysql",),
        }[sort, is_mariadb]
        package = (
            "the client programs of MariaDB (Debian, Ubuntu: apt install mariadb-client)"
            if is_mariadb
            else "the client programs of MySQL (Oracle's packages: apt install mysql-client)"
        )
        cause = "it is not on the PATH"
        for name in names:
            program = backups.found(name)
            if program is None:
                continue
            said = backups.version_of(program)
            if (_MARIADB in said.lower()) != is_mariadb:
                cause = f"{program} is of the other family: {said}"
            elif not _new_enough(said, server):
                cause = f"{program} is {said}, and the server is {server}"
            else:
                return program
        raise errors.BackupToolMissing(
            names[0], database=self._session.url, cause=cause, package=package
        )

    def dump(self, folder: Path, *, begin: backups.Begin, jobs: int) -> backups.Dumped:
        program = self._program("dump")
        engine = self._session.engine
        with contextlib.ExitStack() as stack:
            options = stack.enter_context(_options(self._url))
            # Both moments are one while nobody can commit.
            keeper = stack.enter_context(contextlib.closing(engine.open(self._url)))
            still = stack.enter_context(contextlib.ExitStack())
            stopped = still.enter_context(engine.standstill(keeper))
            position, _ = begin()
            together: list[bool] = []

            def begun(writes: bool) -> None:
                together.append(writes and stopped)
                still.close()

            command = [
                program,
                f"--defaults-extra-file={options}",
                "--single-transaction",
                "--quick",
                "--routines",
                "--triggers",
                "--events",
                "--hex-blob",
                # They would keep a table from the sequence that numbers its rows.
                "--skip-add-locks",
                "--no-tablespaces",
                "--default-character-set=utf8mb4",
                *(
                    f"--ignore-table={self._url.database}.{name}"
                    for name in sorted(backups.PASSING)
                ),
                *self._own_options(program),
                str(self._url.database),
            ]
            backups.to_file(command, folder / _FILE, env=os.environ, packed=True, begun=begun)
        exact = all(together) or engine.position(self._session) == position
        return backups.Dumped(files=(_FILE,), tool=self.tool(), exact=exact)

    def _own_options(self, program: str) -> list[str]:
        """Return options that only one family's program knows."""
        if _MARIADB in backups.version_of(program).lower():
            return []
        return ["--set-gtid-purged=OFF", "--column-statistics=0"]

    def look(self, folder: Path, files: Sequence[str]) -> str:
        tail, size = b"", 0
        for part in backups.unpacked(folder / _FILE):
            tail = (tail + part)[-_TAIL_BYTES:]
            size += len(part)
        if _END not in tail:
            raise backups.ToolFailed("the dump has no end: its last line is missing")
        return "the dump was unpacked to its last line, which says that it is complete"

    def refill(
        self,
        folder: Path,
        files: Sequence[str],
        url: sa.URL,
        *,
        drops: Sequence[backups.Drop],
        owners: bool,
    ) -> None:
        program = self._program("client")
        with _options(url) as options:
            command = [
                program,
                f"--defaults-extra-file={options}",
                "--binary-mode",
                "--batch",
                # Or those in the bodies of routines are left out.
                "--comments",
                "--default-character-set=utf8mb4",
                f"--database={url.database}",
            ]
            script = self._script(folder / _FILE, owners=owners)
            try:
                backups.fed(command, script, env=os.environ)
            except backups.ToolFailed as error:
                # It says the statement, too, which has people's values in it.
                said = [line for line in str(error).splitlines() if line.startswith("ERROR")]
                raise backups.ToolFailed("\n".join(said) or "the client has failed") from error

    def _script(self, file: Path, *, owners: bool) -> Iterator[bytes]:
        parts = backups.unpacked(file)
        return parts if owners else _without_definers(parts)

    # --- the ground -------------------------------------------------------------------------

    def size(self) -> int:
        return int(str(self._session.fetch(_SIZE)[0][0]))

    def drops(self, *, whole: bool) -> list[backups.Drop]:
        session = self._session
        quote = session.engine.quote
        found = []
        for kind, name in session.fetch(_TABLES):
            if str(name) in backups.PASSING:
                continue
            word = _DROPPED.get(str(kind), "TABLE")
            found.append(
                backups.Drop(
                    what=f"{word.lower()} {name}", sql=f"DROP {word} IF EXISTS {quote(str(name))}"
                )
            )
        for kind, name in session.fetch(_OTHERS):
            found.append(
                backups.Drop(
                    what=f"{str(kind).lower()} {name}",
                    sql=f"DROP {kind} IF EXISTS {quote(str(name))}",
                )
            )
        return found

    def own(self) -> tuple[catalog.MysqlCatalog, inventory.MysqlInventory]:
        found = catalog.MysqlCatalog(self._session)
        there = inventory.MysqlInventory(self._session)
        found.hidden = there.hidden = _LOCK
        return found, there

    def at_ease(self) -> None:
        self._session.send("SET SESSION foreign_key_checks = 0")


def _new_enough(tool: str, server: str) -> bool:
    """Whether a program is of the server's version or a later one; patches do not count."""
    found = _DISTRIBUTION.findall(tool)
    if not found:
        return False
    # "Ver 10.19 Distrib 10.11.6-MariaDB": what counts comes last.
    return backups.numbers(found[-1])[:2] >= backups.numbers(server)[:2]


_DEFINER: Final = re.compile(rb"DEFINER=`[^`\n]*`@`[^`\n]*`")


def _without_definers(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines of a dump so that what it makes belongs to whoever makes it."""
    rest = b""
    for part in parts:
        lines = (rest + part).split(b"\n")
        rest = lines.pop()
        for line in lines:
            # Rows are never touched: what looks like a definer there is a value.
            made = line if line.startswith(b"INSERT") else _DEFINER.sub(b"", line)
            yield made + b"\n"
    yield rest


@contextlib.contextmanager
def _options(url: sa.URL) -> Iterator[str]:
    """Write how the server is reached into a file that only we can read, and remove it."""
    said = {
        "user": url.username,
        "password": str(url.password) if url.password is not None else None,
        "host": url.host,
        "port": str(url.port) if url.port else None,
        "socket": _query(url, "unix_socket"),
        "ssl-ca": _query(url, "ssl_ca"),
        "ssl-cert": _query(url, "ssl_cert"),
        "ssl-key": _query(url, "ssl_key"),
    }
    if said["host"] and not said["socket"]:
        # "localhost" would mean a socket to these programs, and a port to the driver.
        said["protocol"] = "tcp"
    lines = ["[client]", *(f"{key}={_quoted(value)}" for key, value in said.items() if value)]
    handle, name = tempfile.mkstemp(prefix="whimbrel-", suffix=".cnf")  # readable by us alone
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        yield name
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()


def _query(url: sa.URL, key: str) -> str | None:
    value = url.query.get(key)
    return value if isinstance(value, str) else None


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
