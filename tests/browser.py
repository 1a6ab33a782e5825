"""A real browser for tests: Chromium as Debian packages it, which asks nobody for anything.

`WHIMBREL_TEST_CHROMIUM` names another program. Where there is none, tests are skipped with the
reason, or fail where CI=true.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright import sync_api

from tests import conftest

VARIABLE: Final = "WHIMBREL_TEST_CHROMIUM"
# It talks to the page under test alone.
_QUIET: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def program() -> str:
    """Return the path of the browser, or skip the test (in CI: fail)."""
    found = os.environ.get(VARIABLE) or shutil.which("chromium")
    if found is not None:
        return found
    said = f"chromium is not installed; scripts/install-chromium, or name it in {VARIABLE}"
    if conftest.IN_CI:
        pytest.fail(said, pytrace=False)
    pytest.skip(said)


@contextlib.contextmanager
def opened(profile: Path, **options: object) -> Iterator[sync_api.BrowserContext]:
    """Start the browser with a profile of its own, and end it."""
    path = program()
    # Root may not use the sandbox.
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=path, args=[*_QUIET, *sandbox], offline=True, **options
        )
        try:
            yield context
        finally:
            context.close()
