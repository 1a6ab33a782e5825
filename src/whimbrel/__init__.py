"""Whimbrel moves data without landing: migrations of schema and data, planned, resumable, proven.

The front door; inside the house modules import each other by the stairs. Names are loaded
when first used, so that `import whimbrel` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whimbrel.errors import WhimbrelError
    from whimbrel.migrations.migration import Migration
    from whimbrel.migrations.project import Project, open_project, validate
    from whimbrel.online.dual_write import dual_write
    from whimbrel.proof.door import verify
    from whimbrel.proof.repair import plan as plan_repair
    from whimbrel.proof.repair import repair
    from whimbrel.proof.rulebook import Rulebook
    from whimbrel.rehearsal.assess import assess
    from whimbrel.rehearsal.backup import backup
    from whimbrel.rehearsal.rehearse import rehearse
    from whimbrel.rehearsal.restore import restore
    from whimbrel.rehearsal.subset import subset
    from whimbrel.tables import Sql as sql
    from whimbrel.transfers.door import cutover, follow, plan_transfer, transfer
    from whimbrel.transfers.rulebook import Mapping

__version__ = "0.1.0"
__all__ = [
    "Mapping",
    "Migration",
    "Project",
    "Rulebook",
    "WhimbrelError",
    "assess",
    "backup",
    "cutover",
    "dual_write",
    "follow",
    "open_project",
    "plan_repair",
    "plan_transfer",
    "rehearse",
    "repair",
    "restore",
    "sql",
    "subset",
    "transfer",
    "validate",
    "verify",
]

_DOORS = {
    "Mapping": ("whimbrel.transfers.rulebook", "Mapping"),
    "Migration": ("whimbrel.migrations.migration", "Migration"),
    "Project": ("whimbrel.migrations.project", "Project"),
    "Rulebook": ("whimbrel.proof.rulebook", "Rulebook"),
    "WhimbrelError": ("whimbrel.errors", "WhimbrelError"),
    "dual_write": ("whimbrel.online.dual_write", "dual_write"),
    "assess": ("whimbrel.rehearsal.assess", "assess"),
    "open_project": ("whimbrel.migrations.project", "open_project"),
    "sql": ("whimbrel.tables", "Sql"),
    "subset": ("whimbrel.rehearsal.subset", "subset"),
    "validate": ("whimbrel.migrations.project", "validate"),
    "plan_repair": ("whimbrel.proof.repair", "plan"),
    "rehearse": ("whimbrel.rehearsal.rehearse", "rehearse"),
    "repair": ("whimbrel.proof.repair", "repair"),
    "backup": ("whimbrel.rehearsal.backup", "backup"),
    "restore": ("whimbrel.rehearsal.restore", "restore"),
    "plan_transfer": ("whimbrel.transfers.door", "plan_transfer"),
    "cutover": ("whimbrel.transfers.door", "cutover"),
    "follow": ("whimbrel.transfers.door", "follow"),
    "transfer": ("whimbrel.transfers.door", "transfer"),
    "verify": ("whimbrel.proof.door", "verify"),
}


def __getattr__(name: str) -> object:
    if name not in _DOORS:
        raise AttributeError(f"module 'whimbrel' has no attribute {name!r}")
    module, attribute = _DOORS[name]
    return getattr(importlib.import_module(module), attribute)
