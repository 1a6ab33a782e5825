"""Reports of what was compared, moved and changed: one file that proves itself.

The front door of the room; what it names is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whimbrel.reports.recording import Recording
    from whimbrel.reports.runs import from_run
    from whimbrel.reports.verification import from_verification

__all__ = ["Recording", "from_run", "from_verification"]

_DOORS = {
    "Recording": ("whimbrel.reports.recording", "Recording"),
    "from_run": ("whimbrel.reports.runs", "from_run"),
    "from_verification": ("whimbrel.reports.verification", "from_verification"),
}


def __getattr__(name: str) -> object:
    if name not in _DOORS:
        raise AttributeError(f"module 'whimbrel.reports' has no attribute {name!r}")
    module, attribute = _DOORS[name]
    return getattr(importlib.import_module(module), attribute)
