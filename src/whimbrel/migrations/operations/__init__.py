"""The operations of a migration, one file each; their names are gathered here."""

from __future__ import annotations

from whimbrel.migrations.operations.add_column import AddColumn
from whimbrel.migrations.operations.add_constraint import AddCheck, AddForeignKey, AddUnique
from whimbrel.migrations.operations.base import Kind, Operation, canonical, fingerprint
from whimbrel.migrations.operations.change_column import ChangeColumn
from whimbrel.migrations.operations.create_index import CreateIndex
from whimbrel.migrations.operations.create_table import CreateTable
from whimbrel.migrations.operations.drop_table import DropTable
from whimbrel.migrations.operations.execute import Execute
from whimbrel.migrations.operations.remove_column import RemoveColumn
from whimbrel.migrations.operations.remove_constraint import RemoveConstraint
from whimbrel.migrations.operations.remove_index import RemoveIndex
from whimbrel.migrations.operations.rename_column import RenameColumn
from whimbrel.migrations.operations.rename_table import RenameTable

__all__ = [
    "AddCheck",
    "AddColumn",
    "AddForeignKey",
    "AddUnique",
    "ChangeColumn",
    "CreateIndex",
    "CreateTable",
    "DropTable",
    "Execute",
    "Kind",
    "Operation",
    "RemoveColumn",
    "RemoveConstraint",
    "RemoveIndex",
    "RenameColumn",
    "RenameTable",
    "canonical",
    "fingerprint",
]
