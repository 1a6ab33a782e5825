"""Notice changed rows by the server's own log: a logical replication slot and pgoutput.

Nothing is written for a change beside what the server logs anyway. The slot is read by functions
of SQL on an ordinary connection: `read` peeks, `forget` advances the slot, and so a crash between
them tells the same changes again. What the slot follows is in the comment of its publication.

Why nothing is missed at the beginning: the server makes a slot at a moment of its log for which it
has waited until every transaction from before had ended, so that whatever ends later is decoded.
What was written to the log a moment before may still be on its way to being visible to others;
`start` waits for the transactions of that moment as well, and then any snapshot has them.

Why nothing is missed afterwards: the log has a transaction before others see its rows (its commit
is written first, and may then wait for a replica). Who reads the rows on hearing of them would read
the old ones. So `read` tells a transaction only when a snapshot of now has it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from whimbrel import errors, tables
from whimbrel.engines import base, captures, codec, mirrors
from whimbrel.engines.postgresql import codec as codecs
from whimbrel.engines.postgresql import log_needs, pgoutput
from whimbrel.engines.postgresql import session as sessions

_LONGEST_NAME: Final = 63
_FETCHED: Final = 5_000
_FETCHED_BYTES: Final = 8 * 1024**2
# So many keys are turned into the codec's texts by one query.
_TEXTS_AT_ONCE: Final = 2_000
# So long a commit that is in the log may take to be seen, before it is left to the next read.
_SEEN_SECONDS: Final = 1.0
_BUSY_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.02
# So long a slot is waited for at a time.
_SLOT_SECONDS: Final = 15.0
# The slot of a quiet table moves on when the log of the others has grown by so much.
_QUIET_BYTES: Final = 16 * 1024**2
_RESTART_BYTES: Final = 4 * 1024**2
_CURSOR: Final = "whimbrel_log"
# SQLSTATE: somebody else, or a session of ours that was killed, still has the slot.
_IN_USE: Final = "55006"

_SLOT: Final = """
SELECT s.slot_name, s.confirmed_flush_lsn::text, coalesce(to_jsonb(s) ->> 'wal_status', ''),
       pg_current_wal_flush_lsn()::text,
       pg_wal_lsn_diff(s.confirmed_flush_lsn, s.restart_lsn)::bigint
  FROM pg_replication_slots s WHERE s.slot_name = %s AND s.database = current_database()
"""
_MAY_NOTE: Final = """
SELECT count(*) > 0 AND bool_and(has_function_privilege(oid, 'EXECUTE'))
  FROM pg_proc WHERE proname = 'pg_log_standby_snapshot'
"""
_UNFLUSHED: Final = "SELECT pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn()"
_PUBLICATION: Final = """
SELECT obj_description(oid, 'pg_publication') FROM pg_publication WHERE pubname = %s
"""
_SNAPSHOT: Final = """
SELECT pg_snapshot_xmin(s)::text, pg_snapshot_xmax(s)::text,
       ARRAY(SELECT x::text FROM pg_snapshot_xip(s) AS x)
  FROM pg_current_snapshot() AS s
"""
_WRITERS: Final = """
SELECT format('%s@%s, pid %s', usename, coalesce(client_addr::text, 'local'), pid),
       extract(epoch FROM clock_timestamp() - xact_start)::float, left(query, 200)
  FROM pg_stat_activity
 WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
 ORDER BY xact_start
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A table that is followed, as it was when that began; `parts` are all of its partitions."""

    table: str
    oid: int
    key: tuple[str, ...]
    columns: str
    parts: tuple[int, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Stream:
    """What a peek has found and is not told yet; the server keeps it, the slot has not moved."""

    before: str
    limit: int
    rows: list[bytes] = field(default_factory=list)
    at: int = 0
    fetched: int = 0
    at_once: int = 100
    ended: bool = False
    relations: dict[int, pgoutput.Relation] = field(default_factory=dict)
    # Where the last whole transaction ended, and how much of the next one is told.
    end: str = ""
    within: int = 0
    # It is at a transaction that was told before.
    passing: bool = False

    @property
    def position(self) -> str:
        return f"{self.end}+{self.within}" if self.within else self.end

    @property
    def done(self) -> bool:
        """Whether all of it is told."""
        return self.ended and self.at == len(self.rows)

    @property
    def whole(self) -> bool:
        """Whether it went to the end of the log, not to a limit."""
        return self.done and self.fetched < self.limit


@dataclass(slots=True, kw_only=True)
class _Found:
    keys: dict[str, dict[tuple[bytes, ...], None]] = field(default_factory=dict)
    emptied: set[str] = field(default_factory=set)
    changes: int = 0
    oldest: float | None = None


class LogCapture(captures.Capture):
    """Reads a slot of the session's database."""

    how = captures.LOG

    def __init__(self, session: base.Session) -> None:
        self._session = sessions.ours(session)
        self._codec = codecs.PostgresCodec(self._session)
        self._prepared = False
        self._known: dict[str, dict[int, _Known]] = {}
        self._columns: dict[int, tuple[tables.FoundColumn, ...]] = {}
        self._stream: _Stream | None = None
        self._forgotten: str | None = None
        self._caught_up: str | None = None
        self._slots: dict[str, str] = {}
        self._roots: dict[int, int] = {}

    # --- before and after -----------------------------------------------------------------------

    def obstacles(self, tables_: Sequence[captures.Followed]) -> list[captures.Obstacle]:
        with self._looking():
            return log_needs.Needs(self._session).obstacles(tables_)

    def start(self, name: str, tables_: Sequence[captures.Followed], *, seconds: float) -> None:
        self._session.rollback()
        try:
            with self._session.limited(seconds):
                self._publish(name, tables_, seconds=seconds)
            # Nobody waits for who makes a slot, which may take as long as others write.
            with self._session.limited(max(seconds, _SLOT_SECONDS)):
                self._make_slot(name)
        except sa.exc.DBAPIError as error:
            fault = self._session.engine.fault(error)
            if fault not in (base.Fault.TIMEOUT, base.Fault.LOCKED):
                raise
            self._session.rollback()
            raise mirrors.Busy(self._writers()) from error
        self._let_pass(max(seconds, _SLOT_SECONDS))
        self._known.pop(name, None)

    def _publish(self, name: str, tables_: Sequence[captures.Followed], *, seconds: float) -> None:
        """Make the publication, or complete it; tables that it has stay as they were noted."""
        publication = self._quoted(_publication(name))
        noted = {one.table: one for one in self._noted(name).values()}
        rows = {
            str(row[0]): row[1:]
            for row in log_needs.look_up(self._session, [f.table.name for f in tables_], "")
        }
        wanted = []
        for followed in tables_:
            before = noted.get(followed.table.name)
            oid, *_, columns, _, parts = rows[followed.table.name]
            if oid is None:
                raise errors.TableNotFound(followed.table.name, known=[])
            if before is not None and before.key == followed.key:
                wanted.append(before)
                continue
            wanted.append(
                _Known(
                    table=followed.table.name,
                    oid=int(str(oid)),
                    key=followed.key,
                    columns=str(columns),
                    parts=_numbers(parts),
                )
            )
        exists = bool(self._ask(_PUBLICATION, [_publication(name)]))
        if exists and {one.table for one in wanted} == set(noted):
            self._session.rollback()
            return
        only = ", ".join(f"ONLY {self._quoted(one.table)}" for one in wanted)
        self._session.execute(f"SET LOCAL lock_timeout = '{max(1, round(seconds * 1000))}ms'")
        if exists:
            self._session.execute(f"ALTER PUBLICATION {publication} SET TABLE {only}")
        else:
            # Not by their root: then nobody would hear of a partition that is emptied.
            self._session.execute(f"CREATE PUBLICATION {publication} FOR TABLE {only}")
        self._write_note(name, wanted)
        self._session.commit()

    def _write_note(self, name: str, every: Sequence[_Known]) -> None:
        note = json.dumps([[o.table, o.oid, o.key, o.columns, o.parts] for o in every])
        literal = "'" + note.replace("'", "''") + "'"
        publication = self._quoted(_publication(name))
        self._session.execute(f"COMMENT ON PUBLICATION {publication} IS {literal}")

    def _make_slot(self, name: str) -> None:
        if self._slot(name):
            return
        # Nothing may have been written in the transaction that makes it.
        self._session.fetch(
            "SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [self._slot_name(name)]
        )
        self._session.commit()

    def _let_pass(self, seconds: float) -> None:
        """Wait until every transaction of this moment has ended, however far it had got."""
        _, most, running = self._snapshot()
        until = time.monotonic() + seconds
        while running:
            least, _, still = self._snapshot()
            running = {xid for xid in running if xid in still or xid >= most}
            if least >= most or not running:
                return
            if time.monotonic() > until:
                raise mirrors.Busy(self._writers())
            time.sleep(_PAUSE_SECONDS)

    def stop(self, name: str, *, seconds: float) -> None:
        self._close()
        self._known.pop(name, None)
        until = time.monotonic() + max(seconds, _PAUSE_SECONDS)
        while self._slot(name):
            try:
                self._session.fetch("SELECT pg_drop_replication_slot(%s)", [self._slot_name(name)])
                self._session.commit()
            except sa.exc.DBAPIError as error:
                self._session.rollback()
                if _state(error) != _IN_USE:
                    raise
                if time.monotonic() > until:
                    raise mirrors.Busy() from error
                time.sleep(_PAUSE_SECONDS)
        self._session.execute(f"DROP PUBLICATION IF EXISTS {self._quoted(_publication(name))}")
        self._session.commit()

    def presence(self, name: str) -> bool:
        with self._looking():
            published = bool(self._ask(_PUBLICATION, [_publication(name)]))
        return published and self._slot(name) is not None

    # --- reading --------------------------------------------------------------------------------

    def read(self, name: str, *, limit: int) -> captures.Changed:
        self._prepare()
        slot = self._checked(name)
        known = self._noted_once(name)
        stream = self._stream
        if stream is None or stream.done or self._forgotten != stream.position:
            stream = self._peek(name, slot, limit)
        found = _Found()
        self._take(found, stream, known, limit)
        while stream.done and not stream.whole and found.changes < limit:
            # The server counts other messages as well: less than was asked for has to be all.
            stream = self._peek(name, slot, stream.limit, after=stream.end)
            self._take(found, stream, known, limit)
        self._forgotten = None
        # Now, so that a change of the schema which the log had before is seen by it, too.
        altered, parted = self._altered(name, known)
        if stream.done and not found.changes:
            self._move_on(name, stream, slot)
        keys = {
            table: self._texts(one, found.keys[table])
            for one in known.values()
            if (table := one.table) in found.keys and table not in altered
        }
        self._caught_up = stream.before if stream.whole else None
        return captures.Changed(
            keys=keys,
            upto=stream.position + (f"|{json.dumps(parted)}" if parted else ""),
            emptied=frozenset((found.emptied | set(parted)) - set(altered)),
            altered=altered,
            changes=found.changes,
            more=not stream.whole,
            oldest=None if found.oldest is None else _shown(found.oldest),
        )

    def forget(self, name: str, upto: str) -> None:
        upto, _, parted = upto.partition("|")
        where = upto.partition("+")[0]
        slot = self._slot(name)
        if slot is None:
            raise self._lost(
                name, f"the replication slot {self._slot_name(name)} is not there any more"
            )
        if _lsn(where) > _lsn(slot[1]):
            self._let_restart(slot)
            # WAL that is passed over is gone: this is the one thing that forgets.
            self._with_slot(
                "SELECT pg_replication_slot_advance(%s, %s::pg_lsn)",
                [self._slot_name(name), where],
            )
        if parted:
            self._renote(name, json.loads(parted))
        self._forgotten = upto

    def lag(self, name: str) -> captures.Lag:
        slot = self._checked(name)
        if self._caught_up is not None and _lsn(self._caught_up) >= _lsn(slot[3]):
            return captures.Lag(changes=0, seconds=0.0)
        rows = self._with_slot(
            "SELECT data FROM pg_logical_slot_peek_binary_changes"
            "(%s, NULL, 1, 'proto_version', '1', 'publication_names', %s) LIMIT 1",
            [self._slot_name(name), _publication(name)],
        )
        if not rows:
            return captures.Lag(changes=0, seconds=0.0)
        first = pgoutput.parse(_bytes(rows[0][0]))
        age = time.time() - first.when if isinstance(first, pgoutput.Begin) else None
        return captures.Lag(changes=None, seconds=None if age is None else max(0.0, age))

    # --- the slot -------------------------------------------------------------------------------

    def _slot_name(self, name: str) -> str:
        """Return the name of the slot, of which there is one in all databases of a server."""
        if name not in self._slots:
            self._slots[name] = _plain(f"{self._database()}_{name}")
        return self._slots[name]

    def _database(self) -> int:
        with self._looking():
            rows = self._ask("SELECT oid::bigint FROM pg_database WHERE datname=current_database()")
        return int(str(rows[0][0]))

    def _slot(self, name: str) -> base.Row | None:
        where = self._slot_name(name)
        with self._looking():
            rows = self._ask(_SLOT, [where])
        return rows[0] if rows else None

    def _checked(self, name: str) -> base.Row:
        """Return what the server says of the slot, once everything visible can be decoded."""
        self._flush()
        slot = self._slot(name)
        if slot is None:
            raise self._lost(
                name, f"the replication slot {self._slot_name(name)} is not there any more"
            )
        if slot[2] == "lost":
            raise self._lost(name, "the server has thrown away what the slot had not read yet")
        return slot

    def _flush(self) -> None:
        """Let the log be on the disk as far as it is written, for no further is it decoded.

        With synchronous_commit = off what others have committed and see may not be there yet.
        """
        with self._looking():
            behind = self._ask(_UNFLUSHED)[0][0]
        if behind:
            self._session.begin()
            self._session.execute("SET LOCAL synchronous_commit = local")
            self._session.fetch("SELECT pg_logical_emit_message(true, 'whimbrel', '')")
            self._session.commit()

    def _lost(self, name: str, why: str) -> errors.CaptureLost:
        return errors.CaptureLost(name, database=self._session.url, why=why)

    def _with_slot(self, sql: str, params: Sequence[object] | None) -> list[base.Row]:
        """Ask what needs the slot, which a session of ours that was killed may still have."""
        until = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                rows = self._session.fetch(sql, params)
                self._session.commit()
                return rows
            except sa.exc.DBAPIError as error:
                if self._session.gone:
                    raise
                self._session.rollback()
                if _state(error) != _IN_USE or time.monotonic() > until:
                    raise
                time.sleep(_PAUSE_SECONDS)

    def _peek(self, name: str, slot: base.Row, limit: int, *, after: str = "") -> _Stream:
        """Let the server decode what comes next, and keep it; whole transactions it is.

        `limit` is about changes: three messages are the least that one of its own takes. What
        ended before `after` is decoded again, and is not told again.
        """
        self._close()
        # Taken before the peek, which reads at least as far.
        stream = _Stream(
            before=str(slot[3]), limit=4 * max(1, limit) + 100, end=after or str(slot[1])
        )
        self._with_slot(
            f"DECLARE {_CURSOR} NO SCROLL CURSOR WITH HOLD FOR "
            "SELECT data FROM pg_logical_slot_peek_binary_changes("
            f"'{self._slot_name(name)}', NULL, {stream.limit}, 'proto_version', '1', "
            f"'publication_names', '{_publication(name)}')",
            None,
        )
        self._stream = stream
        return stream

    def _close(self) -> None:
        stream, self._stream, self._forgotten = self._stream, None, None
        if stream is None or stream.ended or self._session.gone:
            return
        self._session.rollback()
        self._session.execute(f"CLOSE {_CURSOR}")
        self._session.commit()

    def _next(self, stream: _Stream) -> bytes | None:
        """Return the next message without passing it, None behind the last."""
        if stream.at == len(stream.rows):
            if stream.ended:
                return None
            count = stream.at_once
            rows = self._session.fetch(f"FETCH {count} FROM {_CURSOR}")
            stream.rows, stream.at = [_bytes(row[0]) for row in rows], 0
            stream.fetched += len(rows)
            # The messages have whole rows, which may be large.
            each = max(1, sum(map(len, stream.rows)) // max(1, len(rows)))
            stream.at_once = max(1, min(_FETCHED, 4 * count, _FETCHED_BYTES // each))
            if len(rows) < count:
                stream.ended = True
                self._session.execute(f"CLOSE {_CURSOR}")
            self._session.commit()
            if not rows:
                return None
        return stream.rows[stream.at]

    def _take(
        self, found: _Found, stream: _Stream, known: Mapping[int, _Known], limit: int
    ) -> None:
        snapshot = self._snapshot()
        while (data := self._next(stream)) is not None:
            if found.changes >= limit:
                break
            message = pgoutput.parse(data)
            match message:
                case pgoutput.Begin():
                    stream.passing = message.final < _lsn(stream.end)
                    if not self._seen(message.xid, snapshot):
                        break
                    if found.oldest is None and not stream.passing:
                        found.oldest = message.when
                case pgoutput.Commit():
                    if stream.passing:
                        stream.passing = False
                    else:
                        stream.end, stream.within = _lsn_text(message.end), 0
                case pgoutput.Relation():
                    stream.relations[message.oid] = message
                case pgoutput.Aside():
                    pass
                case _ if not stream.passing:
                    stream.within += 1
                    self._note(found, message, stream, known)
            stream.at += 1

    def _note(
        self,
        found: _Found,
        message: pgoutput.Insert | pgoutput.Update | pgoutput.Delete | pgoutput.Truncate,
        stream: _Stream,
        known: Mapping[int, _Known],
    ) -> None:
        found.changes += 1
        if isinstance(message, pgoutput.Truncate):
            tables_ = (self._of_relation(oid, known) for oid in message.relations)
            found.emptied.update(one.table for one in tables_ if one is not None)
            return
        one = self._of_relation(message.relation, known)
        if one is None:
            return
        names = [column.name for column in stream.relations[message.relation].columns]
        if not set(one.key) <= set(names):
            # Its columns were changed meanwhile, which `altered` says.
            return
        places = [names.index(name) for name in one.key]
        keys = found.keys.setdefault(one.table, {})
        old = None if isinstance(message, pgoutput.Insert) else message.old
        new = None if isinstance(message, pgoutput.Delete) else message.new
        if old is not None:
            keys[_key(old, places, old)] = None
        if new is not None:
            keys[_key(new, places, old)] = None

    def _let_restart(self, slot: base.Row) -> None:
        """Note in the log which transactions run, where that is allowed.

        Each peek decodes from the last such note on. The server makes one every 15 seconds.
        """
        if int(str(slot[4] or 0)) > _RESTART_BYTES and self._ask(_MAY_NOTE)[0][0]:
            self._session.fetch("SELECT pg_log_standby_snapshot()")
        self._session.rollback()

    def _of_relation(self, oid: int, known: Mapping[int, _Known]) -> _Known | None:
        """Return the table that is followed, of itself or of one of its partitions.

        What is neither any more is a partition that has gone, which `_altered` says.
        """
        if oid in known:
            return known[oid]
        if oid not in self._roots:
            with self._looking():
                rows = self._ask("SELECT coalesce(pg_partition_root(%s)::oid::bigint, 0)", [oid])
            self._roots[oid] = int(str(rows[0][0]))
        return known.get(self._roots[oid])

    def _move_on(self, name: str, stream: _Stream, slot: base.Row) -> None:
        """Let the slot pass what has nothing for us, so that the server need not keep its log."""
        # A whole peek has read the log beyond this place and found nothing that ended before it.
        where = stream.before if stream.whole else stream.end
        if _lsn(where) - _lsn(slot[1]) < (_QUIET_BYTES if stream.whole else 1):
            return
        self._with_slot(
            "SELECT pg_replication_slot_advance(%s, %s::pg_lsn)", [self._slot_name(name), where]
        )
        stream.end = where

    # --- what others see ------------------------------------------------------------------------

    def _snapshot(self) -> tuple[int, int, set[int]]:
        with self._looking():
            least, most, running = self._ask(_SNAPSHOT)[0]
        return int(str(least)), int(str(most)), {int(one) for one in log_needs.strings(running)}

    def _seen(self, xid: int, snapshot: tuple[int, int, set[int]]) -> bool:
        """Whether the rows of a transaction are there for whoever reads them now."""
        until = time.monotonic() + _SEEN_SECONDS
        while not _is_in(xid, snapshot):
            if time.monotonic() > until:
                return False
            snapshot = self._snapshot()
        return True

    def _writers(self) -> list[mirrors.Blocker]:
        with self._looking():
            rows = self._ask(_WRITERS)
        return [
            mirrors.Blocker(who=str(who), seconds=float(str(seconds)), what="writes")
            for who, seconds, _ in rows
        ]

    # --- tables ---------------------------------------------------------------------------------

    def _noted(self, name: str) -> dict[int, _Known]:
        """Return what the publication's comment says, by the tables' numbers."""
        rows = self._ask(_PUBLICATION, [_publication(name)])
        if not rows or not rows[0][0]:
            return {}
        return {
            oid: _Known(table=table, oid=oid, key=tuple(key), columns=columns, parts=tuple(parts))
            for table, oid, key, columns, parts in json.loads(str(rows[0][0]))
        }

    def _renote(self, name: str, parted: Mapping[str, Sequence[int]]) -> None:
        """Note the partitions whose rows have all been compared."""
        noted = [
            dataclasses.replace(one, parts=tuple(parted.get(one.table, one.parts)))
            for one in self._noted(name).values()
        ]
        self._write_note(name, noted)
        self._session.commit()
        self._known.pop(name, None)

    def _noted_once(self, name: str) -> dict[int, _Known]:
        if name not in self._known:
            with self._looking():
                noted = self._noted(name)
            if not noted:
                raise self._lost(name, f"the publication {_publication(name)} is not there")
            self._known[name] = noted
        return self._known[name]

    def _altered(
        self, name: str, known: Mapping[int, _Known]
    ) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
        """Return tables that are not what they were, and those with other partitions.

        These may have come with rows, and gone with them, of which nobody has told.
        """
        names = [one.table for one in known.values()]
        with self._looking():
            rows = {
                str(r[0]): r[1:]
                for r in log_needs.look_up(self._session, names, _publication(name))
            }
        altered: dict[str, str] = {}
        parted: dict[str, tuple[int, ...]] = {}
        for one in known.values():
            oid, _, _, _, columns, published, parts = rows[one.table]
            if oid is None:
                altered[one.table] = "it is not there any more"
            elif int(str(oid)) != one.oid:
                altered[one.table] = "it is another table of the same name"
            elif not published:
                altered[one.table] = f"it is no longer in the publication {_publication(name)}"
            elif columns != one.columns:
                altered[one.table] = f"its columns were ({one.columns}) and are ({columns})"
            elif _numbers(parts) != one.parts:
                parted[one.table] = _numbers(parts)
        return altered, parted

    def _texts(
        self, one: _Known, keys: Mapping[tuple[bytes, ...], None]
    ) -> list[tuple[bytes, ...]]:
        """Return keys as the codec writes them, each once."""
        columns = self._key_columns(one)
        plain = [_PLAIN.get(self._codec.kind(column.type).name) for column in columns]
        if None not in plain:
            return [
                tuple(
                    value.replace(b"-", b"") if how == "uuid" else value
                    for value, how in zip(key, plain, strict=True)
                )
                for key in keys
            ]
        found: dict[tuple[bytes, ...], None] = {}
        every = list(keys)
        for at in range(0, len(every), _TEXTS_AT_ONCE):
            for key in self._written(one, columns, every[at : at + _TEXTS_AT_ONCE]):
                found[key] = None
        return list(found)

    def _key_columns(self, one: _Known) -> tuple[tables.FoundColumn, ...]:
        if one.oid not in self._columns:
            with self._looking():
                table = self._session.engine.catalog(self._session).find(one.table)
            if table is None:
                raise errors.TableNotFound(one.table, known=[])
            self._columns[one.oid] = tuple(table.column(name) for name in one.key)
        return self._columns[one.oid]

    def _written(
        self,
        one: _Known,
        columns: Sequence[tables.FoundColumn],
        keys: Sequence[tuple[bytes, ...]],
    ) -> list[tuple[bytes, ...]]:
        """Let the server read the log's texts as values, and write those as the codec does."""
        table = tables.Table(name=one.table, columns=tuple(columns), primary_key=one.key)
        texts, casts = [], []
        for place, column in enumerate(columns):
            form = dataclasses.replace(self._codec.form(table, column), padded=False)
            value = codec.Value(sql=f"k{place}", column=column, form=form)
            texts.append(self._codec.octets(value))
            casts.append(f"t.k{place}::{column.type.replace('%', '%%')} AS k{place}")
        names = ", ".join(f"k{place}" for place in range(len(columns)))
        arrays = ", ".join(["%s::text[]"] * len(columns))
        with self._looking():
            rows = self._ask(
                f"SELECT {', '.join(texts)} FROM (SELECT {', '.join(casts)} "
                f"FROM unnest({arrays}) AS t ({names}) OFFSET 0) AS s",
                [[key[place].decode() for key in keys] for place in range(len(columns))],
            )
        return [tuple(_bytes(value) for value in row) for row in rows]

    # --- the session ----------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Let values be written by the log's functions as the codec expects them."""
        if not self._prepared:
            self._session.rollback()
            self._codec.prepare()
            self._prepared = True

    def _looking(self) -> _Looking:
        return _Looking(self._session)

    def _ask(self, sql: str, params: Sequence[object] = ()) -> list[base.Row]:
        return self._session.fetch(sql, list(params) or None)

    def _quoted(self, name: object) -> str:
        return self._session.engine.quote(str(name))


# Types whose text in the log is the codec's, but for the dashes of a UUID.
_PLAIN: Final = {
    "smallint": "same",
    "integer": "same",
    "bigint": "same",
    "text": "same",
    "character varying": "same",
    "uuid": "uuid",
}


class _Looking:
    """Ends the transaction that looking has opened, unless there was one before."""

    def __init__(self, session: base.Session) -> None:
        self._session = session
        self._was = session.in_transaction

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if not self._was and not self._session.gone:
            self._session.rollback()


def _key(row: pgoutput.Row, places: Sequence[int], old: pgoutput.Row | None) -> tuple[bytes, ...]:
    """Return the key in a row; a large value that did not change is in the old one."""
    values = []
    for place in places:
        value = row[place]
        if value is pgoutput.UNCHANGED and old is not None:
            value = old[place]
        if not isinstance(value, bytes):
            raise errors.RefusedError(
                "the log names a row by a key that is not whole",
                object=repr(row),
                remedy="follow by triggers instead:  --capture triggers",
            )
        values.append(value)
    return tuple(values)


def _is_in(xid: int, snapshot: tuple[int, int, set[int]]) -> bool:
    least, most, running = snapshot
    # The log has 32 bits of it; those beside are of the number that is nearest to the newest.
    whole = most - ((most - xid + 2**31) % 2**32 - 2**31)
    return whole < least or (whole < most and whole not in running)


def _publication(name: str) -> str:
    return _plain(name)


def _plain(name: str) -> str:
    """Return a name as slots have it and lists of publications do: short, and in small letters."""
    plain = f"whimbrel_{name}"
    if plain == plain.lower() and len(plain) <= _LONGEST_NAME:
        return plain
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{plain.lower()[: _LONGEST_NAME - 13]}_{digest}"


def _lsn(text: object) -> int:
    high, _, low = str(text).partition("/")
    return int(high, 16) << 32 | int(low, 16)


def _lsn_text(number: int) -> str:
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"


def _shown(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="microseconds")


def _state(error: BaseException) -> str | None:
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def _bytes(value: object) -> bytes:
    if isinstance(value, (bytes, memoryview)):
        return bytes(value)
    raise TypeError(f"not bytes: {value!r}")


def _numbers(value: object) -> tuple[int, ...]:
    return tuple(map(int, log_needs.strings(value)))
