"""Fixtures that every room's tests share, and the servers' place in a test run."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import databases, engines, servers, shares

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI") == "true"

_keeper = pytest.StashKey[contextlib.ExitStack]()


# --- the run -----------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden",
        action="store_true",
        help="write what the tests produce into tests/golden instead of comparing",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start the keeper of servers once per run: workers inherit its address."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A run in the background of a shell passes this on to the commands that tests interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    is_worker = hasattr(config, "workerinput")
    if is_worker or config.option.collectonly or servers.KEEPER in os.environ:
        return
    config.stash[_keeper] = contextlib.ExitStack()
    config.stash[_keeper].enter_context(servers.keeper())
    if IN_CI:
        _insist_on_servers()


def pytest_unconfigure(config: pytest.Config) -> None:
    databases.close_admins()
    if _keeper in config.stash:
        config.stash[_keeper].close()


def pytest_report_header() -> list[str]:
    return [f"engines: {servers.offer(engine_id)}" for engine_id in engines.SERVERS]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why tests were skipped, each reason once."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the campaign what `shares` says, before markers are asked for."""
    for item in items:
        if shares.is_left(item.nodeid):
            item.add_marker(pytest.mark.exhaustive)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        mysql = bool(os.environ.get(engines.KNOWN["mysql"].variable))
        chosen = engines.params(metafunc.definition, mysql=mysql)
        metafunc.parametrize("database", chosen, indirect=True)


def _insist_on_servers() -> None:
    """End the run unless every engine that has to be there is there."""
    missing = []
    for engine in engines.KNOWN.values():
        asked_for = engine.required_in_ci or os.environ.get(engine.variable)
        if engine.server and asked_for:
            try:
                servers.get(engine.id)
            except servers.Unavailable as no:
                missing.append(f"  {engine.title}: {no}")
    if missing:
        raise pytest.UsageError("CI=true, and servers are missing:\n" + "\n".join(missing))


# --- databases ---------------------------------------------------------------------------------

NewDatabase = Callable[[str], databases.Database]
OpenRaw = Callable[[databases.Database], databases.Raw]


@pytest.fixture
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewDatabase]:
    """Make an empty database of the engine that is named; for tests with more than one."""
    folder: list[Path] = []
    with contextlib.ExitStack() as stack:

        def make(engine_id: str) -> databases.Database:
            if not folder:
                folder.append(tmp_path_factory.mktemp("databases"))
            try:
                return stack.enter_context(databases.fresh(engine_id, folder[0]))
            except servers.Unavailable as no:
                # A URL in the environment is a wish: it must not pass as "not there".
                engine = engines.KNOWN[engine_id.removesuffix(servers.LOGGED)]
                if os.environ.get(engine.variable) or (IN_CI and engine.required_in_ci):
                    pytest.fail(str(no), pytrace=False)
                pytest.skip(str(no))

        yield make


@pytest.fixture
def database(request: pytest.FixtureRequest, new_database: NewDatabase) -> databases.Database:
    """An empty database of each engine under test (see `engines.py` for the marks)."""
    return new_database(request.param)


@pytest.fixture
def raw(new_database: NewDatabase) -> Iterator[OpenRaw]:
    """Look into a database by its plain driver: `raw(database).execute(sql)`."""
    opened: dict[str, databases.Raw] = {}

    def open_raw(database: databases.Database) -> databases.Raw:
        if database.url not in opened:
            opened[database.url] = databases.Raw(database)
        return opened[database.url]

    yield open_raw
    for connection in opened.values():
        connection.close()


# --- files -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real sample databases and examples that lies beside the project."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder ../shared with the sample databases is not there")
    return folder


@dataclass(frozen=True, slots=True)
class ProjectFolder:
    """A user's project: a folder with migrations/ and maybe whimbrel.toml."""

    path: Path

    @property
    def migrations(self) -> Path:
        """Return the folder of migration files, which exists."""
        return self.path / "migrations"

    def migration(self, name: str, text: str) -> Path:
        """Write migrations/NAME.py."""
        file = self.migrations / f"{name}.py"
        file.write_text(text, encoding="utf-8")
        return file

    def config(self, text: str) -> Path:
        """Write whimbrel.toml."""
        file = self.path / "whimbrel.toml"
        file.write_text(text, encoding="utf-8")
        return file


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """A new project with an empty migrations/ folder."""
    folder = ProjectFolder(tmp_path / "project")
    folder.migrations.mkdir(parents=True)
    return folder


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with tests/golden/NAME; `make golden` rewrites the files instead."""

    def compare(name: str, produced: str) -> None:
        file = ROOT / "tests" / "golden" / name
        if request.config.getoption("--rewrite-golden"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(produced, encoding="utf-8")
            return
        if not file.exists():
            pytest.fail(f"tests/golden/{name} does not exist; write it:  make golden")
        assert file.read_text(encoding="utf-8") == produced

    return compare
