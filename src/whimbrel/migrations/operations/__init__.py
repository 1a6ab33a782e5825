"""The operations of a migration, one file each; their names are gathered here."""

from __future__ import annotations

from whimbrel.migrations.operations.accept import Accept
from whimbrel.migrations.operations.add_column import AddColumn
from whimbrel.migrations.operations.add_constraint import AddCheck, AddForeignKey, AddUnique
from whimbrel.migrations.operations.backfill import Backfill
from whimbrel.migrations.operations.base import Keep, Kind, Operation, canonical, fingerprint
from whimbrel.migrations.operations.batches import Batches
from whimbrel.migrations.operations.change_column import ChangeColumn
from whimbrel.migrations.operations.convert_values import ConvertValues
from whimbrel.migrations.operations.copy_rows import CopyRows
from whimbrel.migrations.operations.create_index import CreateIndex
from whimbrel.migrations.operations.create_table import CreateTable
from whimbrel.migrations.operations.delete_rows import DeleteRows
from whimbrel.migrations.operations.drop_table import DropTable
from whimbrel.migrations.operations.execute import Execute
from whimbrel.migrations.operations.extract_rows import ExtractRows
from whimbrel.migrations.operations.give_back import (
    POLICIES,
    REFUSE,
    GiveBack,
    GiveRows,
    GiveTable,
    Returning,
)
from whimbrel.migrations.operations.look_up import LookUp
from whimbrel.migrations.operations.populate import Populate
from whimbrel.migrations.operations.remove_column import RemoveColumn
from whimbrel.migrations.operations.remove_constraint import RemoveConstraint
from whimbrel.migrations.operations.remove_index import RemoveIndex
from whimbrel.migrations.operations.rename_column import RenameColumn
from whimbrel.migrations.operations.rename_table import RenameTable
from whimbrel.migrations.operations.require import Require
from whimbrel.migrations.operations.restore_column import RestoreColumn
from whimbrel.migrations.operations.rows import RowsOperation, way_through
from whimbrel.migrations.operations.transform import Transform

__all__ = [
    "POLICIES",
    "REFUSE",
    "Accept",
    "AddCheck",
    "AddColumn",
    "AddForeignKey",
    "AddUnique",
    "Backfill",
    "Batches",
    "ChangeColumn",
    "ConvertValues",
    "CopyRows",
    "CreateIndex",
    "CreateTable",
    "DeleteRows",
    "DropTable",
    "Execute",
    "ExtractRows",
    "GiveBack",
    "GiveRows",
    "GiveTable",
    "Keep",
    "Kind",
    "LookUp",
    "Operation",
    "Populate",
    "RemoveColumn",
    "RemoveConstraint",
    "RemoveIndex",
    "RenameColumn",
    "RenameTable",
    "Require",
    "RestoreColumn",
    "Returning",
    "RowsOperation",
    "Transform",
    "canonical",
    "fingerprint",
    "way_through",
]
