"""A door between Whimbrel and a server that can be slammed: cut connections, lost answers.

A proxy forwards bytes between clients and one server. It can cut every connection after so many
bytes, now, or in the moment in which a COMMIT has gone through to the server and its answer has
not come back: the worst there is, for nobody can know whether it was committed.
"""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit, urlunsplit

_BLOCK: Final = 65_536
_COMMIT: Final = b"COMMIT"
_HEAD: Final = 64


@dataclass(kw_only=True)
class Mischief:
    """What a proxy does to connections; `chance` decides, by a seed of its own.

    `cuts` is how often a connection may still be cut somewhere, each after at most `reach` bytes;
    `swallows` how often the answer to a COMMIT may still be lost, or to whatever else has `word`
    near its beginning.
    """

    chance: random.Random
    cuts: int = 0
    reach: int = 2_000_000
    swallows: int = 0
    share: float = 0.3
    cut: int = 0
    swallowed: int = 0
    word: bytes = _COMMIT
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def length(self) -> int | None:
        """Return after how many bytes a new connection is cut, None for never."""
        with self._lock:
            if self.cuts <= 0 or self.chance.random() > 0.9:
                return None
            return self.chance.randrange(1, self.reach)

    def may_cut(self) -> bool:
        """Count a cut, unless there are no more."""
        with self._lock:
            if self.cuts <= 0:
                return False
            self.cuts -= 1
            self.cut += 1
            return True

    def swallow(self) -> bool:
        """Whether the answer to this COMMIT gets lost."""
        with self._lock:
            if self.swallows <= 0 or self.chance.random() > self.share:
                return False
            self.swallows -= 1
            self.swallowed += 1
            return True


class Proxy:
    """Listens on loopback and forwards to one server."""

    def __init__(self, host: str, port: int, mischief: Mischief) -> None:
        self._server = (host, port)
        self._mischief = mischief
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, client: socket.socket) -> None:
        with (
            client,
            contextlib.suppress(OSError),
            socket.create_connection(self._server) as server,
        ):
            self._forward(client, server)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        until = self._mischief.length()
        passed = 0
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while not self._ended.is_set():
                for key, _ in ready.select(timeout=0.2):
                    here, there = key.fileobj, key.data
                    block = here.recv(_BLOCK)  # type: ignore[union-attr]
                    if not block:
                        return
                    there.sendall(block)
                    passed += len(block)
                    said = here is client and self._mischief.word in block[:_HEAD]
                    if said and self._mischief.swallow():
                        server.recv(_BLOCK)  # it is done, and nobody will hear of it
                        return
                    if until is not None and passed > until and self._mischief.may_cut():
                        return

    def close(self) -> None:
        """Cut everything and listen no more."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for thread in (self._listener, *self._threads):
            thread.join(10)


@contextlib.contextmanager
def before(url: str, mischief: Mischief) -> Iterator[str]:
    """Have a proxy in front of a server inside the block; yields the URL that leads through it."""
    parts = urlsplit(url)
    proxy = Proxy(parts.hostname or "127.0.0.1", parts.port or 0, mischief)
    login, _, _ = parts.netloc.rpartition("@")
    place = f"{login + '@' if login else ''}127.0.0.1:{proxy.port}"
    try:
        yield urlunsplit(parts._replace(netloc=place))
    finally:
        proxy.close()
