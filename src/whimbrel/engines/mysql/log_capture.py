"""Notice changed rows by the server's own log: the binary log, in rows.

Nothing is written for a change beside what the server logs anyway. A small table of ours in the
source keeps for each name which tables are followed and up to which place of the log all is done.
`read` reads the log from there on, `forget` moves the place, and so a crash between them tells the
same changes again.

Why nothing is missed at the beginning: the first place is the end of the log as a snapshot sees it
(MariaDB says which place belongs to a snapshot; MySQL which transactions are visible at a place).
A transaction that is still open then is logged as a whole when it commits, behind that place.

Why nothing is missed afterwards: a transaction is in the log, and is sent to replicas, before its
rows are visible to others. Who reads the rows on hearing of them would read the old ones. So `read`
returns only when a new snapshot sees the log as far as it is told. A transaction that was prepared
(XA PREPARE) is logged before it is committed: it is not passed before it has an end.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base, captures, connect, mirrors
from whimbrel.engines.mysql import binlog, log_needs, logged
from whimbrel.engines.mysql import session as sessions

TABLE: Final = f"{base.OUR_PREFIX}log"
_SEEN_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.005
_READ_SECONDS: Final = 300
# What is passed without a change for us is noted when it is so much, or another file.
_QUIET_BYTES: Final = 4 * 1024**2
_TEXTS_AT_ONCE: Final = 500
# Errors: no such binary log, or not from there on; no such table.
_PURGED: Final = 1236
_NO_TABLE: Final = 1146

_COLUMNS: Final = """
SELECT table_name, column_name, column_type, is_nullable, coalesce(collation_name, ''), extra
  FROM information_schema.columns WHERE table_schema = DATABASE()
 ORDER BY table_name, ordinal_position
"""
# --- statements that are logged as text --------------------------------------------------------

_COMMENT: Final = re.compile(
    r"\s*(?:/\*(?!M?!).*?\*/|--[ \t][^\n]*\n|#[^\n]*\n|/\*M?!\d*)", re.DOTALL
)
_WORDS: Final = re.compile(r"[A-Za-z]+")
_DML: Final = frozenset(
    {"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "CALL", "DO", "SELECT"}
)
_DDL: Final = frozenset({"TRUNCATE", "DROP", "CREATE", "RENAME", "ALTER"})
_CREATING: Final = frozenset({"DROP", "CREATE", "ALTER"})
_OF_TABLE: Final = re.compile(
    r"\w+\s+(?:OR\s+REPLACE\s+|ONLINE\s+|IGNORE\s+|TEMPORARY\s+)*TABLES?\b", re.IGNORECASE
)
_HARMLESS: Final = re.compile(r"\b(ENABLE|DISABLE)\s+KEYS\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A table that is followed, as it was when that began."""

    table: str
    key: tuple[str, ...]
    columns: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noted:
    """What our table in the source says."""

    place: binlog.Place
    sign: str
    tables: tuple[_Known, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """How the key of a table is read from its rows."""

    table: str
    places: tuple[int, ...]
    columns: int
    readings: tuple[logged.Reading, ...]


@dataclass(slots=True, kw_only=True)
class _Found:
    keys: dict[str, dict[tuple[bytes, ...], None]] = field(default_factory=dict)
    emptied: set[str] = field(default_factory=set)
    altered: dict[str, str] = field(default_factory=dict)
    changes: int = 0
    # How many of them are of groups that are told to their end.
    whole: int = 0
    oldest: int | None = None
    gtids: list[str] = field(default_factory=list)


class _Reading:
    """A stream that is being read, and how far it is told."""

    def __init__(self, connection: Any, place: binlog.Place, *, server_id: int) -> None:
        self.connection = connection
        self._stream = binlog.Stream(connection, place, server_id=server_id)
        self._events = self._stream.events()
        self._next: binlog.Event | None = None
        self.done = False
        # A transaction was met that is prepared and has no end yet.
        self.unfinished = False
        self.gtid = ""
        # The group that is being read changes tables that are followed.
        self.ours = False
        # The last place between two groups; how much of the next group is told, and up to where.
        self.safe = place
        self.within = 0
        self.open = False
        self.told = place

    @property
    def position(self) -> str:
        return f"{self.safe}+{self.within}" if self.open and self.within else str(self.safe)

    @property
    def whole(self) -> bool:
        """Whether all that the log had is told, and nothing is half told."""
        return self.done and not self.open and not self.unfinished

    def peek(self) -> binlog.Event | None:
        """Return the next event without passing it, None at the end that the log has."""
        if self._next is None and not self.done:
            self._next = next(self._events, None)
            if self._next is None:
                self.done = True
                if not self.open:
                    # Also behind what says nothing: the file may be a new one.
                    self.safe = self.told = self._stream.place
        return self._next

    def drop(self, event: binlog.Event) -> None:
        """Pass an event."""
        self._next = None
        self.told = event.behind
        match event.thing:
            case binlog.Begun(gtid=gtid):
                self.gtid, self.open, self.within, self.ours = gtid, True, 0, False
                return
            case binlog.Ended() | binlog.Prepared():
                self.open = False
            case binlog.Said(text=text):
                # A change of the schema is a group without an end of its own.
                if not self.within and not text.upper().startswith(("XA START", "XA END")):
                    self.open = False
            case binlog.Rows():
                self.open = True
                self.within += 1
        if not self.open:
            self.within = 0
            if event.behind.at <= binlog.LAST_PLACE:
                self.safe = event.behind

    def close(self) -> None:
        """End the connection, whatever is on its way."""
        self.connection._force_close()


class LogCapture(captures.Capture):
    """Reads the binary log of the session's server, for the session's database."""

    how = captures.LOG

    def __init__(self, session: base.Session) -> None:
        self._session = sessions.ours(session)
        self._reading: _Reading | None = None
        self._reading_of = ""
        self._forgotten: str | None = None
        self._caught_up: binlog.Place | None = None
        self._checked: set[str] = set()
        self._name = ""
        self._needs = log_needs.Needs(self._session)
        self._keys: dict[str, _Key] = {}

    # --- before and after -----------------------------------------------------------------------

    def obstacles(self, tables_: Sequence[captures.Followed]) -> list[captures.Obstacle]:
        with self._session.looking():
            return self._needs.obstacles(tables_)

    def start(self, name: str, tables_: Sequence[captures.Followed], *, seconds: float) -> None:
        self._close()
        self._session.rollback()
        self._session.engine.lock_limit(self._session, seconds)
        try:
            self._session.execute(
                f"CREATE TABLE IF NOT EXISTS {TABLE} (name VARCHAR(64) NOT NULL PRIMARY KEY, "
                "place VARCHAR(500) NOT NULL, sign LONGTEXT NOT NULL, tabs LONGTEXT NOT NULL) "
                "ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
            )
            noted = self._noted(name)
            columns = self._columns()
            before = {one.table: one for one in noted.tables} if noted else {}
            wanted = []
            for followed in tables_:
                one = before.get(followed.table.name)
                if one is None or one.key != followed.key:
                    one = _Known(
                        table=followed.table.name,
                        key=followed.key,
                        columns=columns.get(followed.table.name, ""),
                    )
                wanted.append(one)
            place = noted.place if noted else self._visible_end()
            sign = noted.sign if noted else self._sign(place)
            text = json.dumps([[one.table, one.key, one.columns] for one in wanted])
            self._session.begin()
            self._session.execute(
                f"REPLACE INTO {TABLE} (name, place, sign, tabs) VALUES (%s, %s, %s, %s)",
                (name, str(place), sign, text),
            )
            self._session.commit()
        except sa.exc.DBAPIError as error:
            if self._session.engine.fault(error) is not base.Fault.LOCKED:
                raise
            self._session.rollback()
            raise mirrors.Busy() from error
        finally:
            if not self._session.gone:
                self._session.engine.lock_limit(self._session, None)

    def stop(self, name: str, *, seconds: float) -> None:
        self._close()
        self._session.rollback()
        if self._noted(name) is None and not self._has_table():
            return
        self._session.begin()
        self._session.execute(f"DELETE FROM {TABLE} WHERE name = %s", (name,))
        self._session.commit()
        if not self._session.fetch(f"SELECT 1 FROM {TABLE} LIMIT 1"):
            self._session.commit()
            self._session.engine.lock_limit(self._session, seconds)
            try:
                self._session.execute(f"DROP TABLE {TABLE}")
            finally:
                self._session.engine.lock_limit(self._session, None)
        self._session.commit()

    def presence(self, name: str) -> bool:
        self._session.rollback()
        return self._noted(name) is not None

    # --- reading --------------------------------------------------------------------------------

    def read(self, name: str, *, limit: int) -> captures.Changed:
        self._session.rollback()
        noted = self._checked_note(name)
        reading = self._reading
        if (
            reading is None
            or reading.done
            or reading.unfinished
            or self._reading_of != name
            or self._forgotten != reading.position
        ):
            reading = self._open(name, noted)
        found = self._take(name, reading, noted, limit)
        self._forgotten = None
        upto = reading.position
        if reading.unfinished:
            upto = str(reading.safe)
            if not found.whole:
                # Only what is not committed: there is nothing to do before it is.
                found = _Found()
        seen = self._seen(reading, found)
        if not seen:
            found, upto = _Found(), str(noted.place)
            self._close()
        # Now, so that a change of the schema which the log had before is seen by it, too.
        altered = {**found.altered, **self._altered(noted)}
        if seen and not found.changes and upto == str(reading.safe):
            self._move_on(name, noted, reading.safe)
        whole = reading.whole and seen
        self._caught_up = reading.told if whole else None
        if reading.done:
            reading.close()
        return captures.Changed(
            keys={
                table: self._texts(self._keys[table], keys)
                for table, keys in found.keys.items()
                if table not in altered
            },
            upto=upto,
            emptied=frozenset(found.emptied - set(altered)),
            altered=altered,
            changes=found.changes,
            more=not whole,
            oldest=None if found.oldest is None else _shown(found.oldest),
        )

    def forget(self, name: str, upto: str) -> None:
        self._session.rollback()
        noted = self._noted(name)
        if noted is None:
            raise self._lost(name, "our note of it is not there any more")
        place = _place(upto.partition("+")[0])
        if place.order > noted.place.order:
            self._note(name, place)
        self._forgotten = upto

    def lag(self, name: str) -> captures.Lag:
        self._session.rollback()
        noted = self._checked_note(name)
        file, at = self._needs.end_of_log()[:2]
        self._session.rollback()
        end = binlog.Place(file=str(file), at=int(str(at)))
        if self._caught_up is not None and self._caught_up.order >= end.order:
            return captures.Lag(changes=0, seconds=0.0)
        names = {one.table for one in noted.tables}
        database = self._database()
        with closing(self._connect(name, noted.place)) as reading:
            while (event := reading.peek()) is not None:
                thing = event.thing
                if (
                    isinstance(thing, binlog.Rows)
                    and thing.map.database == database
                    and thing.map.table in names
                ) or (
                    isinstance(thing, binlog.Said) and self._hear(_Found(), thing, names, database)
                ):
                    return captures.Lag(changes=None, seconds=max(0.0, time.time() - event.when))
                reading.drop(event)
        return captures.Lag(changes=0, seconds=0.0)

    # --- our note -------------------------------------------------------------------------------

    def _has_table(self) -> bool:
        return sa.inspect(self._session.connection).has_table(TABLE)

    def _noted(self, name: str) -> _Noted | None:
        try:
            rows = self._session.fetch(
                f"SELECT place, sign, tabs FROM {TABLE} WHERE name = %s", (name,)
            )
        except sa.exc.DBAPIError as error:
            if _code(error) != _NO_TABLE:
                raise
            rows = []
        self._session.rollback()
        if not rows:
            return None
        place, sign, text = map(str, rows[0])
        return _Noted(
            place=_place(place),
            sign=sign,
            tables=tuple(
                _Known(table=table, key=tuple(key), columns=columns)
                for table, key, columns in json.loads(text)
            ),
        )

    def _checked_note(self, name: str) -> _Noted:
        noted = self._noted(name)
        if noted is None:
            raise self._lost(name, "our note of it is not there any more")
        if name not in self._checked:
            if not self._is_there(noted.place.file):
                raise self._purged(name, noted.place)
            if self._sign(noted.place) != noted.sign:
                raise self._lost(
                    name,
                    f"the binary log at {noted.place} is not the one that was read before: "
                    "it is another server's, or was begun anew",
                )
            self._checked.add(name)
        return noted

    def _note(self, name: str, place: binlog.Place) -> None:
        sign = self._sign(place)
        self._session.begin()
        self._session.execute(
            f"UPDATE {TABLE} SET place = %s, sign = %s WHERE name = %s", (str(place), sign, name)
        )
        self._session.commit()

    def _move_on(self, name: str, noted: _Noted, place: binlog.Place) -> None:
        """Note what was passed without a change for us, so that it is not read again and again."""
        if place.file != noted.place.file or place.at - noted.place.at > _QUIET_BYTES:
            self._note(name, place)

    def _sign(self, place: binlog.Place) -> str:
        """Return what tells this log from another one with a file of the same name."""
        if self._needs.mariadb:
            rows = self._session.fetch("SELECT BINLOG_GTID_POS(%s, %s)", (place.file, place.at))
        else:
            rows = self._session.fetch("SELECT @@server_uuid")
        self._session.rollback()
        return str(rows[0][0])

    def _is_there(self, file: str) -> bool:
        rows = self._session.fetch("SHOW BINARY LOGS")
        self._session.rollback()
        return file in {str(row[0]) for row in rows}

    def _lost(self, name: str, why: str) -> errors.CaptureLost:
        return errors.CaptureLost(name, database=self._session.url, why=why)

    def _purged(self, name: str, place: binlog.Place) -> errors.CaptureLost:
        return self._lost(
            name, f"the server has thrown away the binary log from {place} on, which was not read"
        )

    # --- the stream -----------------------------------------------------------------------------

    def _open(self, name: str, noted: _Noted) -> _Reading:
        self._close()
        self._keys = self._keyed(noted)
        self._reading, self._reading_of = self._connect(name, noted.place), name
        return self._reading

    def _connect(self, name: str, place: binlog.Place) -> _Reading:
        """Begin to read the log, on a connection of its own to where the session leads."""
        from pymysql import err

        made = self._session.connection.engine
        dbapi = self._session.connection.dialect.loaded_dbapi
        args, params = made.dialect.create_connect_args(made.url)
        if made.url.password:
            params["password"] = str(made.url.password).encode()
        params.update(
            autocommit=True, connect_timeout=connect.CONNECT_SECONDS, read_timeout=_READ_SECONDS
        )
        connection: Any = dbapi.connect(*args, **params)
        mixed = f"{made.url.database} {name} {time.time_ns()}".encode()
        number = int.from_bytes(hashlib.sha256(mixed).digest()[:4], "big")
        try:
            # High, and another one each time: a replica of the same number would be thrown out.
            return _Reading(connection, place, server_id=number | 0x80000000)
        except err.Error:
            connection._force_close()
            raise

    def _close(self) -> None:
        reading, self._reading, self._forgotten = self._reading, None, None
        if reading is not None:
            reading.close()

    def _take(self, name: str, reading: _Reading, noted: _Noted, limit: int) -> _Found:
        found = _Found()
        try:
            self._go(found, reading, noted, limit)
        except binlog.Unreadable as error:
            self._close()
            raise errors.RefusedError(
                "the binary log cannot be understood",
                database=self._session.url,
                object=f"what is behind {reading.safe}",
                left="nothing of it was passed over",
                cause=str(error),
                remedy="follow by triggers:  --capture triggers",
            ) from error
        except self._session.connection.dialect.loaded_dbapi.Error as error:
            self._close()
            if _code(error) == _PURGED:
                raise self._purged(name, reading.safe) from error
            raise
        except BaseException:
            # Stopped in the middle of an event: what would come next is not known.
            self._close()
            raise
        return found

    def _go(self, found: _Found, reading: _Reading, noted: _Noted, limit: int) -> None:
        database = self._database()
        names = {one.table for one in noted.tables}
        while found.changes < limit and (event := reading.peek()) is not None:
            thing = event.thing
            ours = False
            if isinstance(thing, binlog.Rows):
                ours = thing.map.database == database and thing.map.table in names
                if ours:
                    self._rows(found, thing)
            elif isinstance(thing, binlog.Said):
                ours = self._hear(found, thing, names, database)
            elif isinstance(thing, binlog.Prepared) and reading.ours and self._is_prepared(thing):
                # It is not committed: it is read again from its begin, until it has an end. One
                # of other tables is passed: however it ends, it changes nothing here.
                reading.unfinished = True
                return
            elif isinstance(thing, binlog.Begun):
                found.whole = found.changes
            if ours:
                reading.ours = True
                found.oldest = event.when if found.oldest is None else found.oldest
                if reading.gtid and reading.gtid not in found.gtids[-1:]:
                    found.gtids.append(reading.gtid)
            reading.drop(event)

    def _rows(self, found: _Found, thing: binlog.Rows) -> None:
        name = thing.map.table
        key = self._keys.get(name)
        if key is None or thing.columns != key.columns:
            found.altered[name] = "its columns in the log are not those that it has"
            found.changes += 1
            return
        keys = found.keys.setdefault(name, {})
        for before, after in binlog.images(thing, key.places):
            found.changes += 1
            for image in (before, after):
                if image is not None:
                    if None in image:
                        raise binlog.Unreadable(f"a key of {name} is NULL")
                    keys[tuple(value for value in image if value is not None)] = None

    def _hear(self, found: _Found, thing: binlog.Said, names: set[str], database: str) -> bool:
        """Note what a statement that is logged as text means for our tables, if anything."""
        text = thing.text
        while comment := _COMMENT.match(text):
            text = text[comment.end() :]
        text = text.lstrip()
        if thing.database != database and not _names(text, database):
            return False
        meant = [name for name in names if _names(text, name)]
        first = _WORDS.match(text)
        word = first[0].upper() if first else ""
        if not meant or word not in _DML | _DDL or _HARMLESS.search(text):
            return False
        if word in _CREATING and not _OF_TABLE.match(text):
            return False  # a view, an index, a trigger
        for name in meant:
            found.changes += 1
            if word in _DML:
                found.altered[name] = (
                    f"a session logs statements instead of rows ({word} …; binlog_format)"
                )
            else:
                found.emptied.add(name)
        return True

    # --- what others see ------------------------------------------------------------------------

    def _is_prepared(self, thing: binlog.Prepared) -> bool:
        """Whether a prepared transaction has neither been committed nor taken back."""
        with self._plain() as cursor:
            cursor.execute("XA RECOVER FORMAT='SQL'" if self._needs.mariadb else "XA RECOVER")
            rows = cursor.fetchall()
        wanted = thing.gtrid + thing.bqual
        for format_, first, second, data in rows:
            text = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
            same = (int(format_), int(first), int(second)) == (
                thing.format,
                len(thing.gtrid),
                len(thing.bqual),
            )
            if same and (self._needs.mariadb or text == wanted):
                # MariaDB writes names as literals; those of one length and format count as one.
                return True
        return False

    def _snapshot_place(self) -> binlog.Place:
        """Return up to which place of the log a snapshot of now sees all."""
        with self._plain() as cursor:
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            try:
                cursor.execute("SHOW STATUS LIKE 'binlog_snapshot_%'")
                found = {str(name).lower(): value for name, value in cursor.fetchall()}
            finally:
                cursor.execute("ROLLBACK")
        return binlog.Place(
            file=str(found["binlog_snapshot_file"]), at=int(found["binlog_snapshot_position"])
        )

    def _visible_end(self) -> binlog.Place:
        if self._needs.mariadb:
            return self._snapshot_place()
        rows = self._session.fetch("SELECT local FROM performance_schema.log_status")
        self._session.rollback()
        local = json.loads(str(rows[0][0]))
        return binlog.Place(
            file=str(local["binary_log_file"]), at=int(local["binary_log_position"])
        )

    def _seen(self, reading: _Reading, found: _Found) -> bool:
        """Whether whoever reads rows now finds what is told; waits for it a little."""
        if not found.changes:
            return True
        if not self._needs.mariadb:
            rows = self._session.fetch(
                "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", (",".join(found.gtids), _SEEN_SECONDS)
            )
            self._session.rollback()
            return rows[0][0] == 0
        until = time.monotonic() + _SEEN_SECONDS
        while True:
            seen = self._snapshot_place().order
            # Places of snapshots are between groups: behind a part of one it is behind the whole.
            if seen > reading.told.order or (seen == reading.told.order and not reading.open):
                return True
            if time.monotonic() > until:
                return False
            time.sleep(_PAUSE_SECONDS)

    # --- tables ---------------------------------------------------------------------------------

    def _columns(self) -> dict[str, str]:
        """Return what columns tables have, as a text that differs when they do."""
        rows = self._session.fetch(_COLUMNS)
        self._session.rollback()
        found: dict[str, list[str]] = {}
        for table, *words in rows:
            column, type_, null, collation, extra = map(str, words)
            made = [word for word in (extra,) if "GENERATED" in word.upper()]
            said = [column, type_, collation, "" if null == "YES" else "NOT NULL", *made]
            found.setdefault(str(table), []).append(" ".join(filter(None, said)))
        return {table: ", ".join(columns) for table, columns in found.items()}

    def _altered(self, noted: _Noted) -> dict[str, str]:
        now = self._columns()
        altered = {}
        for one in noted.tables:
            columns = now.get(one.table)
            if columns is None:
                altered[one.table] = "it is not there any more"
            elif columns != one.columns:
                altered[one.table] = f"its columns were ({one.columns}) and are ({columns})"
        return altered

    def _keyed(self, noted: _Noted) -> dict[str, _Key]:
        catalog = self._session.engine.catalog(self._session)
        altered = self._altered(noted)
        found = {}
        for one in noted.tables:
            table = None if one.table in altered else catalog.find(one.table)
            if table is None:
                continue
            names = [column.name for column in table.columns]
            readings = [logged.reading(table, table.column(name)) for name in one.key]
            known = tuple(reading for reading in readings if reading is not None)
            if len(known) == len(one.key):
                found[one.table] = _Key(
                    table=one.table,
                    places=tuple(names.index(name) for name in one.key),
                    columns=len(names),
                    readings=known,
                )
        self._session.rollback()
        return found

    def _texts(self, key: _Key, keys: Mapping[tuple[bytes, ...], None]) -> list[tuple[bytes, ...]]:
        """Return keys as the codec writes them, each once."""
        turned = []
        for place, reading in enumerate(key.readings):
            every = {one[place]: b"" for one in keys}
            if reading.charset:
                every = self._converted(list(every), reading.charset)
            else:
                every = {data: reading.turn(data) for data in every}
            turned.append(every)
        found = {
            tuple(texts[data] for texts, data in zip(turned, one, strict=True)): None
            for one in keys
        }
        return list(found)

    def _converted(self, values: Sequence[bytes], charset: str) -> dict[bytes, bytes]:
        """Let the server say what bytes of a character set are in UTF-8."""
        found: dict[bytes, bytes] = {}
        for at in range(0, len(values), _TEXTS_AT_ONCE):
            some = values[at : at + _TEXTS_AT_ONCE]
            said = ", ".join(
                f"HEX(CONVERT(_{charset} x'{data.hex()}' USING utf8mb4))" for data in some
            )
            with self._plain() as cursor:
                cursor.execute(f"SELECT {said}")
                row = cursor.fetchone()
            found.update(
                (data, bytes.fromhex(str(text))) for data, text in zip(some, row, strict=True)
            )
        return found

    # --- the server -----------------------------------------------------------------------------

    def _plain(self) -> Any:
        """Return a cursor of the driver: what it sends begins no transaction of ours."""
        return self._session.driver.cursor()

    def _database(self) -> str:
        if not self._name:
            self._name = str(self._session.fetch("SELECT DATABASE()")[0][0])
            self._session.rollback()
        return self._name


def _names(text: str, name: str) -> bool:
    """Whether a statement may name a table or a database so."""
    return bool(re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", text, re.IGNORECASE))


def _place(text: str) -> binlog.Place:
    file, _, at = text.rpartition(":")
    return binlog.Place(file=file, at=int(at))


def _shown(when: int) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat()


def _code(error: BaseException) -> int | None:
    original = getattr(error, "orig", None) or error
    code = original.args[0] if original.args else None
    return code if isinstance(code, int) else None
