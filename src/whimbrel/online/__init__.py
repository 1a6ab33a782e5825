"""Live changes: a table changes while old and new code work on it at the same time.

Names are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whimbrel.online.door import complete, revert, status

__all__ = ["complete", "revert", "status"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'whimbrel.online' has no attribute {name!r}")
    return getattr(importlib.import_module("whimbrel.online.door"), name)
