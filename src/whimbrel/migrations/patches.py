"""Wrap the few calls by which upstream's models reach a backend.

The wrappers are put in once, when upstream is imported, and ask a context variable first: only
the thread that is inside `hosting` goes through them, for everybody else they do nothing. What
is done there is the work of `guests.py`.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any, Final, Protocol

from whimbrel.migrations import promised, quiet

# A class or an object of upstream, which publishes no types.
Upstream = Any
Original = Callable[..., Any]

_LIBRARY: Final = "rhosocial.activerecord.base"


class Host(Protocol):
    """What the wrappers ask."""

    def backend_of(self, owner: Upstream) -> Upstream:
        """Return what stands in for a backend, or the backend itself."""

    def refuse_async(self, owner: Upstream, model: Upstream) -> None:
        """Raise ModelCallRefused if an asynchronous model may not be used."""

    def save_data(self, record: Upstream, data: dict[str, Any]) -> dict[str, Any]:
        """Return what is to be inserted for a new record."""

    def bulk_create(
        self, create: Original, model: Upstream, records: list[Upstream], batch_size: int | None
    ) -> None:
        """Insert many new records, by upstream's own `create`."""


_host: Final[contextvars.ContextVar[Host | None]] = contextvars.ContextVar(
    "whimbrel_host", default=None
)


@contextlib.contextmanager
def hosting(host: Host) -> Iterator[None]:
    """Let the host answer for upstream's models, in this thread, for the block."""
    token = _host.set(host)
    try:
        with hushed(), promised.kept():
            yield
    finally:
        _host.reset(token)


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep upstream's log off the terminal for the block, in which it may first be imported."""
    with _installed(), quiet.hushed():
        yield


@contextlib.contextmanager
def _installed() -> Iterator[None]:
    """Put the wrappers in; if nobody has imported upstream yet, wait for that."""
    finder = _InstallOnImport()
    if is_there():
        install()
    else:
        sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)


def is_there() -> bool:
    """Say whether upstream has been imported."""
    return _LIBRARY in sys.modules


class _InstallOnImport(importlib.abc.MetaPathFinder):
    """Puts the wrappers in when a migration is the first to import a model."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _LIBRARY:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_and_install(module: ModuleType) -> None:
            load(module)
            install()

        spec.loader.exec_module = load_and_install  # type: ignore[method-assign]
        return spec


def all_models() -> list[Upstream]:
    """Return the classes of all models."""
    from rhosocial.activerecord.base import BaseActiveRecord

    found: list[Upstream] = []
    waiting = [BaseActiveRecord]
    while waiting:
        kinds = waiting.pop().__subclasses__()
        found += kinds
        waiting += kinds
    return list(dict.fromkeys(found))


def install() -> None:
    """Put the wrappers in: once, and again for what is new."""
    from rhosocial.activerecord.base import AsyncBaseActiveRecord, BaseActiveRecord
    from rhosocial.activerecord.connection import pool
    from rhosocial.activerecord.query import ActiveQuery

    promised.install()
    quiet.install()
    # A model, or a mixin of it, may have a backend() of its own.
    kinds = {kind for model in all_models() for kind in model.__mro__ if not _is_upstreams(kind)}
    for kind in (BaseActiveRecord, *kinds):
        own = vars(kind).get("backend")
        if isinstance(own, classmethod) and not hasattr(own.__func__, "whimbrel"):
            kind.backend = classmethod(_wrapped(own.__func__, _backend))
    if hasattr(ActiveQuery.all, "whimbrel"):
        return
    AsyncBaseActiveRecord.backend = classmethod(
        _wrapped(AsyncBaseActiveRecord.backend.__func__, _async_backend)
    )
    BaseActiveRecord._prepare_save_data = _wrapped(
        BaseActiveRecord._prepare_save_data, _prepare_save_data
    )
    BaseActiveRecord.bulk_create = classmethod(
        _wrapped(BaseActiveRecord.bulk_create.__func__, _bulk_create)
    )
    pool.get_current_backend = _wrapped(pool.get_current_backend, _current_backend)
    ActiveQuery.all = _wrapped(ActiveQuery.all, _all)


# What is called on a backend itself; everything else of it ends in one of these.
_CALLS: Final = (
    "execute",
    "execute_many",
    "executescript",
    "transaction",
    "begin_transaction",
    "commit_transaction",
    "rollback_transaction",
    "context",
)


def forward(owner: Upstream) -> None:
    """Make calls on a backend that somebody has kept in a variable reach the one in its place."""
    for kind in type(owner).__mro__:
        for name in _CALLS:
            own = vars(kind).get(name)
            if isinstance(own, FunctionType) and not hasattr(own, "whimbrel"):
                setattr(kind, name, _wrapped(own, functools.partial(_call, name)))


def _call(name: str, host: Host, original: Original, owner: Upstream, *args: Any, **o: Any) -> Any:
    backend = host.backend_of(owner)
    if backend is owner:
        return original(owner, *args, **o)
    return getattr(backend, name)(*args, **o)


def _is_upstreams(kind: type) -> bool:
    return kind.__module__.startswith(("rhosocial.activerecord.", "pydantic.", "builtins", "abc"))


def _wrapped(original: Original, wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that goes through the wrapper while there is a host."""

    @functools.wraps(original)
    def function(*args: Any, **options: Any) -> Any:
        host = _host.get()
        if host is None:
            return original(*args, **options)
        return wrapper(host, original, *args, **options)

    function.whimbrel = True  # type: ignore[attr-defined]
    return function


def _backend(host: Host, original: Original, model: Upstream) -> Upstream:
    return host.backend_of(original(model))


def _async_backend(host: Host, original: Original, model: Upstream) -> Upstream:
    owner = original(model)
    host.refuse_async(owner, model)
    return owner


def _current_backend(host: Host, original: Original) -> Upstream | None:
    owner = original()
    return None if owner is None else host.backend_of(owner)


def _prepare_save_data(host: Host, original: Original, record: Upstream) -> dict[str, Any]:
    is_new = record.is_new_record
    data: dict[str, Any] = original(record)
    return host.save_data(record, data) if is_new else data


def _bulk_create(
    host: Host,
    original: Original,
    model: Upstream,
    records: list[Upstream],
    *,
    batch_size: int | None = None,
) -> list[Upstream]:
    if records:
        host.bulk_create(functools.partial(original, model), model, records, batch_size)
    return records


def _all(host: Host, original: Original, query: Upstream) -> Any:
    promised.order_pages(query)
    return original(query)
