"""Copies of a PostgreSQL database: pg_dump at the moment that the session reads, psql to restore.

A restore is one transaction: psql is given BEGIN, what drops the old, what pg_restore writes of the
dump, and COMMIT only when all of that has come. If any part of it dies, the server takes back the
rest. The programs have to be at least as new as the server; a server's own package has them.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import backups, base
from whimbrel.engines.postgresql import catalog, inventory, objects
from whimbrel.engines.postgresql import session as sessions

_FILE: Final = "database.dump"
_FOLDER: Final = "database.dir"
# From here on several sessions are worth their while.
_LARGE_BYTES: Final = 256 * 2**20
# Of a moment, and not of a database.
_LOCK: Final = f"{base.OUR_PREFIX}lock"
_COMMENT: Final = re.compile(r"\(.*\)")

# What lies in the schema of the session and belongs to no extension, tables first: they take with
# them what stands on them. {here} is the condition on the schema.
_DROPS: Final = """
SELECT 'table ' || n.nspname || '.' || c.relname,
       CASE c.relkind WHEN 'f' THEN 'DROP FOREIGN TABLE' ELSE 'DROP TABLE' END
       || format(' IF EXISTS %I.%I CASCADE', n.nspname, c.relname), 1
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f') AND {here} AND {free_class}
UNION ALL
SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' ELSE 'sequence ' END
       || n.nspname || '.' || c.relname,
       CASE c.relkind WHEN 'v' THEN 'DROP VIEW' WHEN 'm' THEN 'DROP MATERIALIZED VIEW'
                      ELSE 'DROP SEQUENCE' END
       || format(' IF EXISTS %I.%I CASCADE', n.nspname, c.relname), 2
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('v', 'm', 'S') AND {here} AND {free_class}
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                      AND d.objid = c.oid AND d.deptype IN ('a', 'i')
                      AND d.refclassid = 'pg_class'::regclass)
UNION ALL
SELECT 'routine ' || n.nspname || '.' || p.proname,
       format('DROP ROUTINE IF EXISTS %I.%I(%s) CASCADE', n.nspname, p.proname,
              pg_get_function_identity_arguments(p.oid)), 3
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE {here} AND {free_proc}
UNION ALL
SELECT CASE t.typtype WHEN 'd' THEN 'domain ' ELSE 'type ' END || n.nspname || '.' || t.typname,
       CASE t.typtype WHEN 'd' THEN 'DROP DOMAIN' ELSE 'DROP TYPE' END
       || format(' IF EXISTS %I.%I CASCADE', n.nspname, t.typname), 4
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_class c ON c.oid = t.typrelid
 WHERE {here} AND {free_type} AND (t.typrelid = 0 OR c.relkind = 'c')
   AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
   AND NOT EXISTS (SELECT FROM pg_range r WHERE r.rngmultitypid = t.oid)
UNION ALL
SELECT 'collation ' || n.nspname || '.' || c.collname,
       format('DROP COLLATION IF EXISTS %I.%I CASCADE', n.nspname, c.collname), 5
  FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
 WHERE {here} AND {free_collation}
ORDER BY 3, 1
"""
# Only a dump of the whole database has these.
_BEYOND: Final = """
SELECT 'event trigger ' || evtname, format('DROP EVENT TRIGGER IF EXISTS %I CASCADE', evtname)
  FROM pg_event_trigger e
 WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_event_trigger'::regclass
                      AND d.objid = e.oid AND d.deptype = 'e')
UNION ALL
SELECT 'schema ' || n.nspname, format('DROP SCHEMA IF EXISTS %I CASCADE', n.nspname)
  FROM pg_namespace n
 WHERE n.nspname <> 'public' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass
                      AND d.objid = n.oid AND d.deptype = 'e')
UNION ALL
SELECT 'publication ' || pubname, format('DROP PUBLICATION IF EXISTS %I', pubname)
  FROM pg_publication
UNION ALL
SELECT 'server ' || srvname, format('DROP SERVER IF EXISTS %I CASCADE', srvname)
  FROM pg_foreign_server s WHERE {free_server}
UNION ALL
SELECT 'cast ' || format_type(castsource, NULL),
       format('DROP CAST IF EXISTS (%s AS %s)', format_type(castsource, NULL),
              format_type(casttarget, NULL))
  FROM pg_cast k WHERE k.oid >= 16384 AND {free_cast}
UNION ALL
SELECT i.type || ' ' || i.identity,
       format('DROP %s IF EXISTS %s CASCADE',
              CASE i.type WHEN 'statistics object' THEN 'statistics' ELSE i.type END, i.identity)
  FROM pg_depend d
  CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS i
 WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = 'public'::regnamespace
   AND d.deptype = 'n' AND d.classid IN (
       'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_opfamily'::regclass,
       'pg_ts_config'::regclass, 'pg_ts_dict'::regclass, 'pg_ts_parser'::regclass,
       'pg_ts_template'::regclass, 'pg_conversion'::regclass, 'pg_statistic_ext'::regclass)
   AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = d.classid AND x.objid = d.objid
                      AND x.deptype = 'e')
UNION ALL
SELECT 'large object ' || oid, format('SELECT lo_unlink(%s)', oid) FROM pg_largeobject_metadata
"""


# Every table, view, key, trigger, default and routine of other schemas.
_OUTSIDE: Final = """
SELECT md5(coalesce(string_agg(x.oid::text, ',' ORDER BY x.kind, x.oid), '')) FROM (
    SELECT 1 AS kind, oid, relnamespace AS lies FROM pg_class
    UNION ALL
    SELECT 2, k.oid, c.relnamespace FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    UNION ALL
    SELECT 3, t.oid, c.relnamespace FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    UNION ALL
    SELECT 4, f.oid, c.relnamespace FROM pg_attrdef f JOIN pg_class c ON c.oid = f.adrelid
    UNION ALL SELECT 5, oid, pronamespace FROM pg_proc
    UNION ALL SELECT 6, oid, typnamespace FROM pg_type
) AS x JOIN pg_namespace n ON n.oid = x.lies
 WHERE n.nspname <> current_schema() AND n.nspname !~ '^pg_'
"""


class PostgresBackups(backups.Backups):
    """Copies by pg_dump."""

    way = "pg_dump"
    # It is packed, and has no indexes.
    shrinks = 0.5

    def __init__(self, session: sessions.PostgresSession) -> None:
        self._session = session

    # --- the own way ------------------------------------------------------------------------

    def tool(self) -> str:
        session = self._session
        server = str(session.fetch("SHOW server_version")[0][0])
        major = backups.numbers(server)[0]
        package = (
            f"the client programs of PostgreSQL {major} or later "
            f"(Debian, Ubuntu: apt install postgresql-client-{major})"
        )
        said = ""
        for name in ("pg_dump", "pg_restore", "psql"):
            program = backups.found(name)
            if program is None:
                raise errors.BackupToolMissing(
                    name, database=session.url, cause="it is not on the PATH", package=package
                )
            version = backups.version_of(program)
            if backups.numbers(_COMMENT.sub("", version))[:1] < (major,):
                raise errors.BackupToolMissing(
                    name,
                    database=session.url,
                    cause=f"{program} is {version}, and the server is PostgreSQL {server}",
                    package=package,
                )
            said = said or _COMMENT.sub("", version).strip()
        return said

    def dump(self, folder: Path, *, begin: backups.Begin, jobs: int) -> backups.Dumped:
        session = self._session
        said = self.tool()
        session.rollback()
        _, token = begin()
        command = [_program("pg_dump"), "--no-password"]
        command += [f"--exclude-table={name}" for name in sorted(backups.PASSING)]
        if token is not None:
            command.append(f"--snapshot={token}")
        command.append(f"--dbname={_conninfo(session)}")
        env = _environment(session)
        exact = token is not None
        if jobs > 1 and self.size() > _LARGE_BYTES:
            place = folder / _FOLDER
            command += ["--format=directory", f"--jobs={jobs}", f"--file={place}"]
            backups.ran(command, env=env)
            names = sorted(f"{_FOLDER}/{one.name}" for one in place.iterdir())
            return backups.Dumped(files=tuple(names), tool=said, exact=exact)
        # Through us: if we are killed, it has nowhere to write to and ends as well.
        backups.to_file([*command, "--format=custom"], folder / _FILE, env=env, packed=False)
        return backups.Dumped(files=(_FILE,), tool=said, exact=exact)

    def look(self, folder: Path, files: Sequence[str]) -> str:
        place = _place(folder, files)
        said = backups.ran([_program("pg_restore"), "--list", str(place)], env=os.environ)
        count = sum(not line.startswith(b";") for line in said.splitlines())
        return f"pg_restore has read its list of {count:,} entries, not the rows themselves"

    def refill(
        self,
        folder: Path,
        files: Sequence[str],
        url: sa.URL,
        *,
        drops: Sequence[backups.Drop],
        owners: bool,
    ) -> None:
        self.tool()
        with contextlib.closing(self._session.engine.open(url)) as session:
            target, env = _conninfo(session), _environment(session)
        command = [_program("pg_restore"), "--file=-"]
        if not owners:
            command += ["--no-owner", "--no-privileges"]
        script = backups.written([*command, str(_place(folder, files))], env=os.environ)
        backups.fed(
            [
                _program("psql"),
                "--no-psqlrc",
                "--no-password",
                "--quiet",
                "--set=ON_ERROR_STOP=1",
                f"--dbname={target}",
            ],
            _in_one(script, drops),
            env={**env, "PGCLIENTENCODING": "UTF8"},
        )

    # --- the ground -------------------------------------------------------------------------

    def size(self) -> int:
        # Of this database alone, without what the server itself keeps in each.
        (row,) = self._session.fetch(
            "SELECT coalesce(sum(pg_table_size(c.oid)), 0)::bigint FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') "
            "AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"
        )
        return int(str(row[0]))

    def drops(self, *, whole: bool) -> list[backups.Drop]:
        here = "n.nspname = 'public'" if whole else "n.nspname = current_schema()"
        query = _DROPS.format(
            here=here,
            free_class=objects.free("pg_class", "c.oid"),
            free_proc=objects.free("pg_proc", "p.oid"),
            free_type=objects.free("pg_type", "t.oid"),
            free_collation=objects.free("pg_collation", "c.oid"),
        )
        rows = [(str(row[0]), str(row[1])) for row in self._session.fetch(query)]
        if whole:
            beyond = _BEYOND.format(
                free_server=objects.free("pg_foreign_server", "s.oid"),
                free_cast=objects.free("pg_cast", "k.oid"),
            )
            # What stands on tables may be gone with these; what tables stand on comes last.
            rows += [(str(a), str(b)) for a, b in self._session.fetch(beyond)]
        passing = tuple(f".{name}" for name in backups.PASSING)
        return [
            backups.Drop(what=what, sql=sql) for what, sql in rows if not what.endswith(passing)
        ]

    def outside(self) -> str:
        return str(self._session.fetch(_OUTSIDE)[0][0])

    def own(self) -> tuple[catalog.PostgresCatalog, inventory.PostgresInventory]:
        found = catalog.PostgresCatalog(self._session)
        found.hidden = _LOCK
        return found, inventory.PostgresInventory(self._session)


def _program(name: str) -> str:
    return backups.found(name) or name


def _place(folder: Path, files: Sequence[str]) -> Path:
    return folder / (_FOLDER if files and files[0].startswith(f"{_FOLDER}/") else _FILE)


def _in_one(script: Generator[bytes, None, None], drops: Sequence[backups.Drop]) -> Iterator[bytes]:
    """Yield a script as one transaction; its end comes only when all of it has come."""
    yield b"BEGIN;\nSET LOCAL client_min_messages = warning;\n"
    for one in drops:
        yield one.sql.encode() + b";\n"
    with contextlib.closing(script):
        yield from script
    yield b"\nCOMMIT;\n"


def _conninfo(session: base.Session) -> str:
    """Return how the session's server is reached, without the password."""
    from psycopg import conninfo

    info = sessions.ours(session).driver.info
    known = {
        name: value
        for name, value in info.get_parameters().items()
        if name not in ("password", "sslpassword", "passfile", "client_encoding")
    }
    known["application_name"] = "whimbrel backup"
    return conninfo.make_conninfo("", **known)


def _environment(session: base.Session) -> Mapping[str, str]:
    info = sessions.ours(session).driver.info
    env = dict(os.environ)
    if info.password:
        env["PGPASSWORD"] = info.password
    passfile = info.get_parameters().get("passfile")
    if passfile:
        env["PGPASSFILE"] = passfile
    return env
