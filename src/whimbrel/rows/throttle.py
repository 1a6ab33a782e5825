"""Whether the next batch may begin now, and if not, why, in words for people.

All workers of a step ask one Throttle. It reads the signs of the server's health, the replicas,
the user's own probe and the allowed hours, and never waits itself: that is the walker's work.
A sign that cannot be read is put up with for a while, then it is a reason to wait.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import config, errors, pacing, words
from whimbrel.engines import base, registry, signs
from whimbrel.rows import pace

# Held back at a limit, we go on below this part of it: not at every crossing of the line.
_GO_ON_BELOW: Final = 0.8
# So long a replica's answer is waited for; it may come later, and is asked for again then.
_PATIENCE_SECONDS: Final = 2.0
_COMMAND_SECONDS: Final = 10.0
_LONGEST_REASON: Final = 200
_NO: Final = ("", "0", "false", "f")

# What may hold us back: the sign, the setting with its limit, and how the two are said.
_LIMITS: Final = {
    signs.REPLICA_LAG: "max_lag",
    signs.LOCK_QUEUE: "max_lock_queue",
    signs.ACTIVE_SESSIONS: "max_active_sessions",
    signs.LOG_GROWTH: "max_log_growth",
    signs.UNDO_HISTORY: "max_history",
}
_PROBE: Final = "probe"
_COMMAND: Final = "probe_command"

Ask = Callable[[], object]


@dataclass(slots=True, kw_only=True)
class _Sign:
    """What is remembered of one sign from look to look."""

    off: bool = False
    # There is one reading for each of several things, with its name as the detail.
    named: bool = False
    # Since when it cannot be read, and why; None while it can.
    bad_since: float | None = None
    # Which of them have been seen: one that vanishes cannot be read any more.
    known: set[str] = field(default_factory=set)
    # Over which limits we are held back.
    held: set[str] = field(default_factory=set)


class Throttle:
    """Say to every worker of a step whether to go on; safe to ask from many threads.

    `read` gives the signs of the working database, `replicas` the lag of each named replica,
    `probe` the first value of the user's query, `command` the reason of the user's command;
    `ends` is what to call when nobody asks any more.
    """

    def __init__(
        self,
        settings: pacing.RowsConfig,
        *,
        clock: clocks.Clock = clocks.SYSTEM,
        read: Callable[[], Sequence[base.Reading]] | None = None,
        replicas: Mapping[str, Callable[[], base.Reading]] | None = None,
        probe: Ask | None = None,
        command: Ask | None = None,
        ends: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._read = read
        self._replicas = dict(replicas or {})
        self._probe = probe
        self._command = command
        self._ends = tuple(ends)
        if command is None and settings.probe_command:
            self._command = lambda: run_command(settings.probe_command)
        self._hours = pace.Hours(settings.allowed_hours, settings.timezone)
        self._signs: dict[str, _Sign] = {}
        self._door = threading.Lock()
        self._read_at: float | None = None
        self._reason: str | None = None
        self._readings: tuple[base.Reading, ...] = ()
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what the user has to be told once: signs that are not looked at, and why."""
        return tuple(self._notes)

    @property
    def readings(self) -> tuple[base.Reading, ...]:
        """Return what was read last, for showing."""
        return self._readings

    def close(self) -> None:
        """End the sessions that were opened only for asking."""
        for end in self._ends:
            end()
        for lag in self._replicas.values():
            if isinstance(lag, Replica):
                lag.close()

    def hold(self) -> str | None:
        """Return why the next batch has to wait, or None if it may begin."""
        first = self._read_at is None
        # While one worker reads, the others go by what was read before.
        if not self._door.acquire(blocking=first):
            return self._reason
        try:
            now = self._clock.seconds()
            if self._read_at is None or now - self._read_at >= self._settings.check_seconds:
                self._reason = self._look()
                self._read_at = now
            return self._reason
        finally:
            self._door.release()

    def _look(self) -> str | None:
        closed = self._closed()
        if closed is not None:
            return closed  # nothing is asked of a server that is to be left alone
        reasons = [
            *self._server(),
            *self._named_replicas(),
            *self._own_probe(_PROBE, self._probe, "the probe"),
            *self._own_probe(_COMMAND, self._command, "the probe command"),
        ]
        return next(iter(reasons), None)

    # --- the clock --------------------------------------------------------------------------

    def _closed(self) -> str | None:
        now = self._clock.now()
        opens = self._hours.opens(now)
        if opens is None:
            return None
        return f"outside the allowed hours {self._hours}, until {_moment(opens, now)}"

    # --- the server -------------------------------------------------------------------------

    def _server(self) -> list[str]:
        if self._read is None:
            return []
        found = list(self._read())
        self._readings = tuple(found)
        reasons = []
        for name, key in _LIMITS.items():
            limit: float | None = getattr(self._settings, key)
            if limit is None:
                continue
            readings = [reading for reading in found if reading.name == name]
            if name not in self._signs:
                self._signs[name] = self._begun(name, key, readings)
            sign = self._signs[name]
            if not sign.off:
                reasons += self._judged(sign, f"the {name}", readings, limit)
        return reasons

    def _begun(self, name: str, key: str, readings: Sequence[base.Reading]) -> _Sign:
        """Take up a sign, or leave it where the server hides it and nobody has asked for it."""
        configured = key in self._settings.configured
        blind = next((reading for reading in readings if reading.value is None), None)
        if blind is not None and not configured:
            self._notes.append(
                f"batches do not wait for the {name}, because it cannot be read: {blind.detail}"
            )
            return _Sign(off=True)
        of_replicas = name == signs.REPLICA_LAG
        if not readings and configured and not (of_replicas and self._replicas):
            hint = "; if it has replicas, name them:  replicas = […]" if of_replicas else ""
            self._notes.append(f"{key} has no effect: this database does not tell the {name}{hint}")
        return _Sign(named=of_replicas)

    def _named_replicas(self) -> list[str]:
        limit = self._settings.max_lag
        if limit is None:
            return []
        reasons = []
        for title, lag in self._replicas.items():
            sign = self._signs.setdefault(f"replica {title}", _Sign())
            told = lag()
            reading = base.Reading(
                name=signs.REPLICA_LAG,
                value=told.value,
                unit=told.unit,
                detail=f"replica {title}" if told.value is not None else told.detail,
            )
            self._readings = (*self._readings, reading)
            reasons += self._judged(sign, f"the lag of replica {title}", [reading], limit)
        return reasons

    def _judged(
        self, sign: _Sign, what: str, readings: Sequence[base.Reading], limit: float
    ) -> list[str]:
        seen = {reading.detail for reading in readings if reading.value is not None}
        blind = next((reading.detail for reading in readings if reading.value is None), None)
        if sign.named:
            gone = sorted(sign.known - seen)
            sign.known |= seen
            if blind is None and gone:
                blind = f"{gone[0]} is no longer connected"
        reasons = [self._over(sign, reading, limit) for reading in readings]
        reasons.append(self._blind(sign, what, blind))
        return [reason for reason in reasons if reason is not None]

    def _over(self, sign: _Sign, reading: base.Reading, limit: float) -> str | None:
        if reading.value is None:
            return None
        subject = reading.detail if reading.name == signs.REPLICA_LAG else reading.name
        held = subject in sign.held
        if reading.value <= (limit * _GO_ON_BELOW if held else limit):
            sign.held.discard(subject)
            return None
        sign.held.add(subject)
        how_much = _said(reading)
        if reading.value > limit:
            return f"{how_much}, the limit is {_amount(reading, limit)}"
        return f"{how_much}, we go on at {_amount(reading, limit * _GO_ON_BELOW)}"

    def _blind(self, sign: _Sign, what: str, why: str | None) -> str | None:
        """Put up with what cannot be read for the grace time, then wait until it can."""
        if why is None:
            sign.bad_since = None
            return None
        now = self._clock.seconds()
        if sign.bad_since is None:
            sign.bad_since = now
        age = now - sign.bad_since
        if age < self._settings.grace_seconds:
            return None
        return f"{what} cannot be read since {_seconds(age)}: {_short(why)}"

    # --- the user's own signs ---------------------------------------------------------------

    def _own_probe(self, name: str, ask: Ask | None, what: str) -> list[str]:
        if ask is None:
            return []
        sign = self._signs.setdefault(name, _Sign())
        try:
            value = ask()
        except (sa.exc.SQLAlchemyError, errors.WhimbrelError, OSError) as error:
            reason = self._blind(sign, what, _cause(error))
            return [reason] if reason else []
        sign.bad_since = None
        text = _probed(value)
        return [f"{what} says: {_short(text)}"] if text else []


# --- asking ---------------------------------------------------------------------------------


class Replica:
    """The lag of one replica, on a session of its own that is opened again when it is lost.

    Whoever asks is not held up by a replica that does not answer.
    """

    def __init__(
        self, open_session: Callable[[], base.Session], *, patience: float = _PATIENCE_SECONDS
    ) -> None:
        self._open = open_session
        self._patience = patience
        self._session: base.Session | None = None
        self._health: base.Health | None = None
        self._asking: threading.Thread | None = None
        self._answer: base.Reading | None = None

    def __call__(self) -> base.Reading:
        if self._asking is None or not self._asking.is_alive():
            self._answer = None
            self._asking = threading.Thread(target=self._ask, daemon=True)
            self._asking.start()
            self._asking.join(self._patience)
        if self._asking.is_alive() or self._answer is None:
            return signs.unreadable(signs.REPLICA_LAG, "it does not answer")
        return self._answer

    def close(self) -> None:
        """End its session, unless it is waiting for an answer: then that ends with the process."""
        if self._asking is None or not self._asking.is_alive():
            self._forget()

    def _ask(self) -> None:
        try:
            self._answer = self._lag()
        except (sa.exc.SQLAlchemyError, errors.WhimbrelError, OSError) as error:
            self._answer = signs.unreadable(signs.REPLICA_LAG, _cause(error))
            self._forget()

    def _lag(self) -> base.Reading:
        if self._session is not None and self._session.gone:
            self._forget()
        if self._session is None or self._health is None:
            self._session = self._open()
            self._health = self._session.engine.health(self._session)
        return self._health.lag()

    def _forget(self) -> None:
        session, self._session, self._health = self._session, None, None
        if session is not None:
            session.close()


def of(
    settings: pacing.RowsConfig,
    session: base.Session,
    *,
    clock: clocks.Clock = clocks.SYSTEM,
    replicas: Sequence[config.DatabaseConfig] = (),
    open_session: Callable[[], base.Session] | None = None,
) -> Throttle:
    """Return a throttle that asks the session's server, and the named replicas.

    With `open_session` it asks on a session of its own. It has to where several workers ask,
    because a session is used by one thread at a time.
    """
    asked = session if open_session is None else open_session()
    return Throttle(
        settings,
        clock=clock,
        read=asked.engine.health(asked).read,
        replicas={
            replica.title: Replica(
                partial(registry.open_session, replica.real_url(), read_only=True)
            )
            for replica in replicas
        },
        probe=query(asked, settings.probe) if settings.probe else None,
        ends=() if open_session is None else (asked.close,),
    )


def query(session: base.Session, sql: str) -> Ask:
    """Return what asks the user's query: its first value, None if it has no rows."""

    def ask() -> object:
        try:
            with session.engine.limited(session, _COMMAND_SECONDS):
                rows = session.fetch(sql)
        finally:
            session.rollback()
        return rows[0][0] if rows and rows[0] else None

    return ask


def run_command(command: str, *, seconds: float = _COMMAND_SECONDS) -> str:
    """Run the user's command in a shell; return why to wait, '' if it says to go on.

    Raises OSError for one that cannot be started or takes too long.
    """
    process = subprocess.Popen(
        command,
        shell=True,  # as the user would type it, with pipes
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise TimeoutError(f"it took longer than {_seconds(seconds)}") from None
    if process.returncode == 0:
        return ""
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[0] if lines else f"it ended with exit code {process.returncode}"


def _cause(error: BaseException) -> str:
    if isinstance(error, errors.WhimbrelError):
        return error.cause or error.what
    original = getattr(error, "orig", None) or error
    return str(original) or type(original).__name__


def _probed(value: object) -> str:
    """Return what a probe says, '' if it says to go on."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        value = bytes(value).decode(errors="replace")
    if value is None or value is False or value == 0:
        return ""
    text = str(value).strip()
    return "" if text.casefold() in _NO else text


# --- words ----------------------------------------------------------------------------------


def _said(reading: base.Reading) -> str:
    amount = _amount(reading, reading.value or 0.0)
    match reading.name:
        case signs.REPLICA_LAG:
            return f"{reading.detail} is {amount} behind"
        case signs.LOCK_QUEUE:
            return f"{amount} {'waits' if reading.value == 1 else 'wait'} for locks"
        case signs.ACTIVE_SESSIONS:
            return f"{amount} {'is' if reading.value == 1 else 'are'} active"
        case signs.UNDO_HISTORY:
            return f"{amount} of undo history are not purged"
        case _:
            return f"{amount} {reading.detail}"


def _amount(reading: base.Reading, value: float) -> str:
    match reading.unit:
        case "s":
            return _seconds(value)
        case "bytes":
            return words.size(value)
        case "sessions" if value == int(value):
            return words.count(int(value), "session")
        case unit:
            return f"{value:,.0f} {unit}".rstrip()


def _seconds(seconds: float) -> str:
    return words.duration(seconds).replace(".0 s", " s")


def _moment(opens: datetime, now: datetime) -> str:
    """Write a time of day, with its date if it is not the next one to come."""
    soon = opens - now < timedelta(days=1)
    return f"{opens:%H:%M}" if soon else f"{opens:%Y-%m-%d %H:%M}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    if "://" in line:
        line = config.masked(line)
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 1] + "…"
