"""`whimbrel outbox` and `whimbrel reconcile`: look after dual writes of an application."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, words
from whimbrel.cli import common, output, stop
from whimbrel.engines import owners
from whimbrel.online import outbox as outboxes
from whimbrel.online import pair as pairs
from whimbrel.online import switch
from whimbrel.proof import door

# Rows that were given up, or that differ.
LEFT: Final = 1
_SHOWN: Final = 10
_ACTIONS: Final = ("status", "deliver", "retry", "off", "on", "lead", "prepare")


def outbox(
    call: common.Call, *, action: str, pair: str | None, more: Sequence[str], every: float | None
) -> int:
    """Do one of the things that can be done with an outbox."""
    if action not in _ACTIONS:
        raise errors.UsageError(
            f"{action!r} cannot be done with an outbox", remedy=f"one of: {', '.join(_ACTIONS)}"
        )
    if every is not None and action != "deliver":
        raise errors.UsageError("--every is for deliver", remedy="leave it out")
    if more and action not in ("retry", "lead"):
        raise errors.UsageError(
            f"{action} takes no {' '.join(more)!r}", remedy="see:  whimbrel outbox --help"
        )
    if pair is not None and ":" in pair:
        return _of_application(call, action, found(call, pair), more, every)
    if action in ("deliver", "lead", "prepare"):
        raise errors.UsageError(
            f"{action} needs the application's own mapping",
            remedy=f"say where it is:  whimbrel outbox {action} MODULE:PAIR",
        )
    return _of_database(call, action, pair, more)


def _of_application(
    call: common.Call, action: str, users: pairs.Pair, more: Sequence[str], every: float | None
) -> int:
    out = call.out
    if action == "deliver":
        return _deliver(call, users, every)
    if action == "status":
        return _show(out, users.status(), users.dead_letters(_SHOWN))
    if action == "retry":
        return _retried(out, users.retry(*_numbers(more)))
    if action == "prepare":
        users.prepare()
    elif action == "lead":
        if len(more) != 1:
            raise errors.UsageError("which side is to lead?", remedy="whimbrel outbox lead … new")
        users.lead(more[0])
    elif action == "off":
        users.off()
    else:
        users.on()
    return _show(out, users.status(), [])


def _deliver(call: common.Call, users: pairs.Pair, every: float | None) -> int:
    done = users.deliver()
    while every is not None:
        try:
            clocks.SYSTEM.sleep(every)
            done += users.deliver()
        except KeyboardInterrupt:
            raise stop.Stopped(
                left=f"{words.count(done.rows, 'write')} delivered; the rest stays in the outbox",
                remedy="run the same command again",
            ) from None
    left = users.status()
    if call.out.json:
        call.out.document({"delivered": done.as_json(), "outbox": [one.as_json() for one in left]})
    else:
        call.out.tell(f"delivered  {words.count(done.rows, 'write')}")
        if done.failed:
            call.out.tell(f"failed     {done.failed:,}, tried again later")
        if done.stopped:
            call.out.warn(f"not all was tried: {done.stopped}")
        _table(call.out, left)
    return LEFT if done.stopped or any(one.dead for one in left) else 0


def _of_database(call: common.Call, action: str, pair: str | None, more: Sequence[str]) -> int:
    config = configs.load(call.folder)
    database = configs.find_database(config, call.common.database)
    with _opened(database, read_only=action == "status") as hand:
        if not _has_outbox(hand):
            raise errors.RefusedError(
                "there is no outbox in this database",
                database=configs.masked(database.url),
                remedy="make it:  whimbrel outbox prepare MODULE:PAIR",
            )
        if action == "status":
            found = [one for one in outboxes.statuses(hand) if pair in (None, one.pair)]
            return _show(call.out, found, outboxes.dead(hand, pair=pair, limit=_SHOWN))
        with hand.whole():
            if action == "retry":
                ids = _numbers(more)
                count = outboxes.retry(hand, pair=pair, ids=ids, clock=clocks.SYSTEM)
                return _retried(call.out, count)
            if pair is None:
                raise errors.UsageError(
                    "which dual write?", remedy=f"whimbrel outbox {action} NAME"
                )
            value = switch.ON if action == "on" else switch.OFF
            if not switch.write(hand, pair, value, clocks.SYSTEM):
                raise errors.UsageError(
                    f"no dual write is called {pair!r} in this database",
                    remedy="see which there are:  whimbrel outbox status",
                )
        found = [one for one in outboxes.statuses(hand) if one.pair == pair]
        return _show(call.out, found, [])


@contextlib.contextmanager
def _opened(database: configs.DatabaseConfig, *, read_only: bool) -> Iterator[owners.Connected]:
    session = door.Place(database=database, table=None).open(read_only=read_only)
    try:
        yield owners.Connected(session.connection)
    finally:
        session.close()


def _has_outbox(hand: owners.Connected) -> bool:
    with hand.looking():
        names = hand.connection.dialect.get_table_names(hand.connection)
    return outboxes.OUTBOX.name in names


# --- comparing ------------------------------------------------------------------------------


def reconcile(
    call: common.Call,
    *,
    pair: str,
    databases: Sequence[str],
    repair: bool,
    expressions: Sequence[str],
) -> int:
    """Compare both sides, and say what was found; the exit code says if something is left."""
    if len(databases) not in (0, 2):
        raise errors.UsageError(
            "databases are two: the old one and the new one",
            remedy="whimbrel reconcile MODULE:PAIR OLD NEW",
        )
    said = {}
    for text in expressions:
        field, mark, sql = text.partition("=")
        if not mark:
            raise errors.UsageError(
                f"{text!r} is no expression", remedy='--expression "first_name=lower(name)"'
            )
        said[field.strip()] = sql.strip()
    done = found(call, pair).reconcile(
        repair=repair,
        databases=(databases[0], databases[1]) if databases else None,
        expressions=said,
        folder=call.folder,
    )
    out = call.out
    if out.json:
        out.document(done.as_json())
        return 0 if done.equal else LEFT
    wrong = done.different + done.missing + done.extra
    out.line(
        ("equal" if not wrong else "different", "green" if not wrong else "red"),
        f"  {done.pair}: {words.count(done.rows, 'row')}, the {done.leads} side leads",
    )
    if wrong:
        out.line(
            f"  {done.different:,} with other values, {done.missing:,} missing on the second "
            f"side, {done.extra:,} there alone"
        )
    for one in done.examples[:_SHOWN]:
        fields = ", ".join(one.fields) or "on one side alone"
        out.line("  ", (_shown_key(one.key), "bold"), f"  {fields}")
    if done.behind:
        out.tell(f"  {words.count(done.behind, 'row')} being written, or in the outbox")
    if repair and wrong:
        out.line(f"  repaired {done.repaired:,}, left {done.left:,}")
    elif wrong:
        out.tell("make the second side like the first:  add  --repair")
    return 0 if done.equal else LEFT


# --- showing --------------------------------------------------------------------------------


def _show(
    out: output.Output, found: Sequence[outboxes.Status], letters: Sequence[outboxes.Waiting]
) -> int:
    dead = sum(one.dead for one in found)
    if out.json:
        out.document(
            {
                "outbox": [one.as_json() for one in found],
                "dead": [letter.as_json() for letter in letters],
            }
        )
        return LEFT if dead else 0
    _table(out, found)
    for letter in letters:
        out.line(
            "  ", (f"{letter.id}", "bold"), f"  {_shown_key(letter.key)}  {letter.error or ''}"
        )
    if dead:
        out.tell("try them again:  whimbrel outbox retry")
    return LEFT if dead else 0


def _table(out: output.Output, found: Sequence[outboxes.Status]) -> None:
    if not found:
        out.line("there are no dual writes in this database")
    now = datetime.now(UTC)
    rows: list[list[output.Part]] = []
    for one in found:
        oldest = ""
        if one.since is not None:
            seconds = (now - clocks.read_stamp(one.since)).total_seconds()
            oldest = f"oldest {words.duration(max(seconds, 0.0))}"
        rows.append(
            [
                (one.pair, "bold"),
                f"{one.leads} leads",
                "on" if one.writes else ("off", "yellow"),
                f"{one.pending:,} waiting",
                (f"{one.dead:,} given up", "red" if one.dead else "dim"),
                oldest,
            ]
        )
    out.table(rows)


def _retried(out: output.Output, count: int) -> int:
    if out.json:
        out.document({"retried": count})
    else:
        out.line(f"{words.count(count, 'write')} will be tried again")
    return 0


def _shown_key(text: str) -> str:
    key = json.loads(text)
    if isinstance(key, dict):
        return ", ".join(f"{name} = {value}" for name, value in key.items())
    return str(key)


def _numbers(said: Sequence[str]) -> list[int]:
    try:
        return [int(one) for one in said]
    except ValueError:
        raise errors.UsageError(
            f"{' '.join(said)!r} are no numbers of writes",
            remedy="see them:  whimbrel outbox status",
        ) from None


def found(call: common.Call, named: str) -> pairs.Pair:
    """Return the dual write of an application; its modules are looked for in this folder too."""
    module, _, name = named.partition(":")
    folder = str((call.folder or configs.load(call.folder).root).resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        there = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise errors.UsageError(
            f"the module {module!r} cannot be imported",
            cause=str(error),
            remedy="say it as Python would import it from this folder:  shop.users:users",
        ) from error
    if not isinstance(there, pairs.Pair):
        raise errors.UsageError(
            f"{named!r} is not what dual_write() returned",
            remedy="name the variable that has it:  shop.users:users",
        )
    return there
