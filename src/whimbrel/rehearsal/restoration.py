"""A backup made into a database again: where it is made, and whether it came out the same.

Whether it may be is decided in `restore`. Where the engine takes back changes of schema all of it
happens in one transaction; elsewhere a note in the database says for as long that it is not whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import events, words
from whimbrel.engines import backups, base
from whimbrel.journal import restoring
from whimbrel.proof import sides
from whimbrel.rehearsal import manifest as manifests
from whimbrel.rehearsal import portable


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What came of it: `refused` is what the server did not take, and nothing else needs."""

    refused: tuple[str, ...] = ()


class NotTheSame(Exception):
    """What was made is not what the backup says; `wrong` says where. `kept` whether it is there."""

    def __init__(self, wrong: Sequence[str], *, kept: bool) -> None:
        super().__init__("; ".join(wrong))
        self.wrong = tuple(wrong)
        self.kept = kept


class Restoration:
    """One backup on its way into a database."""

    def __init__(
        self,
        folder: Path,
        manifest: manifests.Manifest,
        *,
        tell: events.Listener,
        clock: clocks.Clock,
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._tell = tell
        self._clock = clock

    @property
    def whole(self) -> bool:
        """Whether the backup has more than the schema of the session."""
        return self._manifest.way == manifests.NATIVE

    def into(
        self,
        engine: base.Engine,
        url: sa.URL,
        *,
        drops: Sequence[backups.Drop] = (),
        owners: bool = True,
    ) -> Made:
        """Make all of it in a database that has nothing but what is to be dropped, and verify it.

        Raises ToolFailed, NotTheSame, the drivers' errors.
        """
        with contextlib.closing(engine.open(url)) as session:
            session.engine = engine
            if engine.can.transactional_ddl:
                return self._at_once(session, url, drops, owners=owners)
            return self._by_steps(session, url, drops, owners=owners)

    # --- as a whole or not at all ---------------------------------------------------------------

    def _at_once(
        self, session: base.Session, url: sa.URL, drops: Sequence[backups.Drop], *, owners: bool
    ) -> Made:
        copies = session.engine.backups(session, url)
        if self._manifest.way == manifests.NATIVE:
            copies.refill(self._folder, self._names, url, drops=drops, owners=owners)
            self._see(session, url, kept=True)
            return Made()
        self._prepared(session)
        session.begin()
        outside = copies.outside()
        for drop in drops:
            session.execute(drop.sql)
        if copies.outside() != outside:
            raise backups.ToolFailed(
                "something outside of the schema stands on what would have to go, and would go "
                "along: it is not in the backup"
            )
        done = portable.fill(
            session, self._folder, self._manifest, url, tell=self._tell, clock=self._clock
        )
        self._see(session, url, kept=False)
        session.commit()
        return Made(refused=done.refused)

    # --- step by step ---------------------------------------------------------------------------

    def _by_steps(
        self, session: base.Session, url: sa.URL, drops: Sequence[backups.Drop], *, owners: bool
    ) -> Made:
        restoring.begin(
            session,
            restoring.Note(
                backup=self._manifest.name,
                seal=self._manifest.seal,
                began_at=clocks.stamp(self._clock.now()),
            ),
        )
        copies = session.engine.backups(session, url)
        copies.at_ease()
        for drop in drops:
            session.execute(drop.sql)
        session.commit()
        done = portable.Filled(refused=())
        if self._manifest.way == manifests.NATIVE:
            copies.refill(self._folder, self._names, url, drops=(), owners=owners)
        else:
            with contextlib.closing(session.engine.open(url)) as loading:
                loading.engine = session.engine
                self._prepared(loading)
                done = portable.fill(
                    session,
                    self._folder,
                    self._manifest,
                    url,
                    loading=loading,
                    tell=self._tell,
                    clock=self._clock,
                )
        with contextlib.closing(session.engine.open(url)) as looking:
            looking.engine = session.engine
            self._see(looking, url, kept=True)
        restoring.end(session)
        return Made(refused=done.refused)

    # --- both -----------------------------------------------------------------------------------

    @property
    def _names(self) -> list[str]:
        return [one.name for one in self._manifest.files]

    def _prepared(self, session: base.Session) -> None:
        session.engine.codec(session).prepare()
        session.commit()
        session.engine.loader(session).prepare()
        session.commit()

    def _see(self, session: base.Session, url: sa.URL, *, kept: bool) -> None:
        """Raise NotTheSame if something in the database is not as the backup says."""
        wrong = self._wrong(session, url)
        if wrong:
            raise NotTheSame(wrong, kept=kept)

    def _wrong(self, session: base.Session, url: sa.URL) -> list[str]:
        coder = session.engine.codec(session)
        if not session.in_transaction:
            coder.prepare()
            session.commit()
        seat = sides.Seat(
            session=session, codec=coder, snapshot=base.Snapshot(position="", kind="")
        )
        found = []
        for one, total in portable.totals(seat, self._manifest.tables, url):
            if total is None:
                found.append(f"{one.name} or one of its columns is not there")
            elif one.rows is not None and total.rows != one.rows:
                found.append(
                    f"{one.name} has {words.count(total.rows, 'row')}, and had {one.rows:,}"
                )
            elif one.sum and str(total) != one.sum:
                found.append(f"the rows of {one.name} are not those that it had")
        return found
