"""Measure how an application fares while the type of a column is changed under it.

    python -m bench.online [--engine NAME]… [--rows N] [--rate N] [--no-page]

An application of 16 connections (4 on SQLite) sends so many statements a second to the table,
each timed from the moment at which it was due: inserts, updates, deletes and reads by key. What it
was told is compared with what is there at the end. On MariaDB the same is done by
pt-online-schema-change, with its settings as they come.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from bench import lines, places
from tests import databases, servers
from tests.load import application, figures, ledger, scenes, worker

PT_OSC: Final = "pt-online-schema-change"
WHIMBREL: Final = "Whimbrel"
_FILE: Final = lines.CACHE / "online.json"
_ALONE_SECONDS: Final = 10.0
# A statement that begins in the moment of the swap may wait a little longer than it lasts.
_AROUND_SECONDS: Final = 0.1
# One that writes and waits for the disk; SQLite has one at a time.
_RATES: Final[Mapping[str, float]] = {"sqlite": 200.0, "postgresql": 500.0, "mariadb": 500.0}

# Each is a command of its own, so that it is known which of them others have waited for.
_PHASES: Final = ("expanded", "mirrored", "backfilled", "verified")

Window = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """When a change was made, and when its tables were exchanged."""

    all: Window
    swap: Window
    phases: Mapping[str, Window] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one tool did to the application; latencies in seconds."""

    engine: str
    title: str
    who: str
    rows: int
    rate: float
    seconds: float
    alone: figures.Figures
    during: figures.Figures
    swap: figures.Figures
    failed: int
    wrong: int


def missing(tool: str) -> str | None:
    """Return why a tool cannot be measured, None if it can."""
    from bench import peers

    said = peers.missing(tool)
    return said and said.replace(f"apt install {tool}", "apt install percona-toolkit")


# --- those who change it ----------------------------------------------------------------------


def whimbrel(database: databases.Database, scene: scenes.Scene) -> Done:
    """Let `whimbrel up` change it: up to the swap, then the swap alone, then what is left."""
    with tempfile.TemporaryDirectory(prefix="whimbrel-bench-") as name:
        folder = Path(name)
        (folder / "migrations").mkdir()
        migration = folder / "migrations" / "20260101_000000_change.py"
        migration.write_text(scene.migration, encoding="utf-8")

        def command(*arguments: str) -> Window:
            began = time.monotonic()
            base = [sys.executable, "-m", "whimbrel", "--project", name, "-d", database.url]
            done = subprocess.run(
                [*base, *arguments], cwd=places.ROOT, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise AssertionError(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
            return began, time.monotonic()

        phases = {phase: command("up", "--until", phase) for phase in _PHASES}
        swap = phases["swapped"] = command("up")
        phases["complete"] = command("online", "complete", migration.stem)
    began, ended = phases[_PHASES[0]][0], phases["complete"][1]
    return Done(all=(began, ended), swap=swap, phases=phases)


def pt_osc(database: databases.Database, scene: scenes.Scene) -> Done:
    """Let pt-online-schema-change do it."""
    parts = urlsplit(database.url)
    place = f"h={parts.hostname},P={parts.port},D={parts.path.lstrip('/')},t=person"
    login = f"u={unquote(parts.username or '')},p={unquote(parts.password or '')}"
    command = [PT_OSC, "--execute", "--alter", "MODIFY amount bigint", f"{place},{login}"]
    command += ["--no-version-check", "--recursion-method=none", "--charset=utf8mb4"]
    began = time.monotonic()
    swap: list[float] = []
    said: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    ) as process:
        for line in process.stdout or ():
            said.append(line)
            if "Swapping tables" in line or "Swapped original" in line:
                swap.append(time.monotonic())
    if process.returncode or not swap:
        raise AssertionError(f"{PT_OSC}: {''.join(said)[-2000:]}")
    return Done(all=(began, time.monotonic()), swap=(swap[0], swap[-1]))


_CHANGERS: Final[Mapping[str, Callable[[databases.Database, scenes.Scene], Done]]] = {
    WHIMBREL: whimbrel,
    PT_OSC: pt_osc,
}


# --- measuring --------------------------------------------------------------------------------


def measured(place: places.Place, who: str, rows: int, rate: float | None) -> Found:
    """Change the type under load; return what that did."""
    kind = "mariadb" if place.engine == "mysql" else place.engine
    rate = rate or _RATES[kind]
    scene = scenes.scene(scenes.TYPE, kind, badges=False)
    connections = application.CONNECTIONS[kind]
    url = place.url if urlsplit(place.url).path.strip("/") else f"{place.url.rstrip('/')}/mysql"
    database = databases.Database(engine_id=place.engine, kind=kind, url=url)
    with databases.Raw(database) as raw:
        _emptied(raw)
        scene.create(raw)
        base = scene.fill(raw, connections=connections, each=200, idle=rows)
        place.settle("person")
        place.leave()
        wish = application.Wish(connections=connections, mix=worker.SIMPLE, rate=rate)
        with application.running(scene, database, base, wish) as app:
            time.sleep(2)  # until everybody is warm
            began = time.monotonic()
            time.sleep(_ALONE_SECONDS)
            alone = (began, time.monotonic())
            done = _CHANGERS[who](database, scene)
            time.sleep(1)
            report = app.end()
        for phase, window in done.phases.items():
            _tell(f"  {phase:10} {report.times.within(*window)}")
        wrong = report.wrong(scene.found(raw, worker.NEW))
    if wrong:
        _tell(f"  {who}: {ledger.told(wrong)}")
    for failure in report.failures[:3]:
        _tell(f"  {who}: {failure}")
    return Found(
        engine=place.engine,
        title=place.title,
        who=who,
        rows=rows,
        rate=rate,
        seconds=done.all[1] - done.all[0],
        alone=report.times.within(*alone),
        during=report.times.within(*done.all),
        swap=report.times.within(done.swap[0], done.swap[1] + _AROUND_SECONDS),
        failed=len(report.failures),
        wrong=len(wrong),
    )


def _emptied(raw: databases.Raw) -> None:
    """Leave nothing of what was measured before."""
    if raw.database.kind == "sqlite":
        raw.execute("PRAGMA journal_mode = WAL")
    if raw.database.kind == "mariadb":
        raw.execute("SET foreign_key_checks = 0")
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        if raw.database.kind == "sqlite"
        else "SELECT table_name FROM information_schema.tables WHERE table_schema = "
        + ("current_schema()" if raw.database.kind == "postgresql" else "DATABASE()")
    )
    ours = [str(name) for (name,) in raw.execute(query)]
    for name in ours:
        if name in ("person", "team", "badge", "person_was") or name.startswith(
            ("whimbrel_", "_person")
        ):
            cascade = " CASCADE" if raw.database.kind == "postgresql" else ""
            raw.execute(f"DROP TABLE IF EXISTS {name}{cascade}")


# --- the page ---------------------------------------------------------------------------------

HEAD: Final = (
    *("", "engine", "rows", "takes", "p50", "p99", "p99, against before", "longest"),
    *("longest at the swap", "failed", "lost"),
)


def rows() -> Iterator[Sequence[str]]:
    """Yield what was measured, as rows of the page's table."""
    for one in _known().values():
        alone, during = one["alone"], one["during"]
        ratio = during["p99"] / alone["p99"] if alone["p99"] else 0.0
        yield (
            one["who"],
            one["title"],
            f"{one['rows']:,}",
            f"{one['seconds']:.0f} s",
            _ms(during["p50"]),
            _ms(during["p99"]),
            f"{ratio:.1f}×",
            _ms(during["longest"]),
            _ms(one["swap"]["longest"]),
            f"{one['failed']:,}",
            f"{one['wrong']:,}",
        )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds < 0.1 else f"{seconds * 1000:,.0f} ms"


def _known() -> dict[str, Any]:
    return dict(json.loads(_FILE.read_text(encoding="utf-8"))) if _FILE.exists() else {}


def _keep(found: Found) -> None:
    known = _known()
    known[f"{found.engine} {found.who}"] = dataclasses.asdict(found)
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    _FILE.write_text(json.dumps(known, indent=1), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="bench.online", description="How an application fares while a type is changed."
    )
    parser.add_argument("--engine", choices=places.ENGINES, action="append")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, help="statements a second")
    parser.add_argument("--no-page", action="store_true", help="leave the page as it is")
    asked = parser.parse_args(arguments)
    bad = 0
    for engine in asked.engine or places.ENGINES:
        try:
            with places.opened(engine) as place:
                for who in (WHIMBREL, *([PT_OSC] if engine == "mariadb" else [])):
                    if who == PT_OSC and (why := missing(PT_OSC)):
                        _tell(f"{who}: not measured, because {why}")
                        bad += 1
                        continue
                    found = measured(place, who, asked.rows, asked.rate)
                    bad += bool(who == WHIMBREL and (found.failed or found.wrong))
                    _keep(found)
                    _tell(
                        f"{found.title}, {who}: {found.seconds:.1f} s\n  before  {found.alone}\n"
                        f"  during  {found.during}\n  swap    {found.swap}\n"
                        f"  {found.failed} failed, {found.wrong} rows wrong"
                    )
        except servers.Unavailable as no:
            _tell(f"{engine}: not measured, because {no}")
            bad += 1
    if not asked.no_page:
        from bench import page, results

        page.write(page.tables(results.read()))
        _tell(f"written into {page.PAGE.relative_to(places.ROOT)}")
    return 1 if bad else 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
