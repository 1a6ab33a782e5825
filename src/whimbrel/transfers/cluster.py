"""Workers on other machines that copy chunks: those of a Dask cluster.

What they do is said in `remote`; processes of this machine are in `helpers`.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any, Final

from whimbrel import config as configs
from whimbrel import errors

_CONNECT_SECONDS: Final = 15


@contextlib.contextmanager
def executor(address: str) -> Iterator[Executor]:
    """Have the workers of a Dask cluster inside the block, by its scheduler's address.

    They need Whimbrel and the drivers installed, and have to reach both databases. Raises
    MissingExtra, and ClusterUnavailable if nobody answers or there are no workers.
    """
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise errors.MissingExtra("distributed", extra="cluster", needed_for="--cluster") from None
    shown = configs.hidden(address)
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        cause = " ".join(str(error).split())
        raise errors.ClusterUnavailable(shown, cause=cause or type(error).__name__) from error
    try:
        if not client.scheduler_info()["workers"]:
            raise errors.ClusterUnavailable(shown, cause="no worker has come to it")
        # Chunks are tried again by us; a task that has killed its worker may be sent to another.
        yield client.get_executor(pure=False)
    finally:
        client.close()
