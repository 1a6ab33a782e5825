"""Write the few statements about schema that mean the same everywhere.

Everything else is for the migration's own verbs, which know every engine.
"""

from __future__ import annotations

from sqlglot import exp

from whimbrel.engines.translate import queries
from whimbrel.engines.translate.expressions import Expressions
from whimbrel.engines.translate.kinds import Kind

_VERBS = "use the migration's verbs:  self.create_table, self.add_column, self.create_index, …"


def drop(writer: Expressions, node: exp.Drop) -> str:
    """Write DROP TABLE, DROP VIEW, DROP INDEX."""
    kind = str(node.args.get("kind") or "").upper()
    writer.only(node, "kind", "tables", "this", "exists", "cascade", "restrict", "cluster")
    if kind not in ("TABLE", "VIEW", "INDEX"):
        writer.source.refuse(f"DROP {kind}", _VERBS)
    if kind == "INDEX" and writer.target == "mysql":
        writer.source.refuse("DROP INDEX", "MySQL has to be told the table:  self.remove_index(…)")
    if node.args.get("cascade") and writer.read != "mysql":
        writer.source.refuse("DROP … CASCADE", "drop what depends on it by name")
    tables = node.args.get("tables") or [node.this]
    if len(tables) > 1 and writer.target == "sqlite":
        writer.source.refuse(f"DROP {kind} of several", "write one DROP for each")
    # CASCADE and RESTRICT do nothing in MySQL, and a lot in PostgreSQL.
    exists = " IF EXISTS" * bool(node.args.get("exists"))
    listed = ", ".join(writer.name(queries.table_name(writer, t)) for t in tables)
    return f"DROP {kind}{exists} {listed}"


def alter(writer: Expressions, node: exp.Alter) -> str:
    """Write ALTER TABLE … RENAME TO and RENAME COLUMN."""
    actions = node.args.get("actions") or []
    action = actions[0] if len(actions) == 1 else None
    if not isinstance(action, (exp.AlterRename, exp.RenameColumn)):
        writer.source.refuse("ALTER TABLE", _VERBS)
    writer.only(node, "this", "kind", "actions")
    table = queries.table_name(writer, node.this)
    head = f"ALTER TABLE {writer.name(table)} RENAME"
    if isinstance(action, exp.AlterRename):
        writer.only(action, "this")
        return f"{head} TO {writer.name(writer.scope.spelled(action.this.this))}"
    writer.only(action, "this", "to")
    old = writer.scope.column_of(table, action.this.this)
    return (
        f"{head} COLUMN {writer.name(old)} "
        f"TO {writer.name(writer.scope.spelled(action.args['to'].this))}"
    )


def create(writer: Expressions, node: exp.Create) -> str:
    """Write CREATE INDEX and CREATE VIEW."""
    kind = str(node.args.get("kind") or "").upper()
    if kind == "INDEX":
        return _index(writer, node)
    if kind == "VIEW":
        return _view(writer, node)
    writer.source.refuse(f"CREATE {kind}", _VERBS)


def _index(writer: Expressions, node: exp.Create) -> str:
    writer.only(node, "this", "kind", "unique", "exists")
    index = node.this
    writer.only(index, "this", "table", "params")
    params = index.args["params"]
    writer.only(params, "columns", "where", "using")
    if str(params.args.get("using") or "BTREE").upper() != "BTREE" or index.this is None:
        writer.source.refuse("this CREATE INDEX", _VERBS)
    exists, where = bool(node.args.get("exists")), params.args.get("where")
    if writer.target == "mysql" and (exists or where is not None):
        writer.source.refuse("CREATE INDEX with a condition", "MySQL has none")
    table = queries.table_name(writer, index.args["table"])
    with writer.scope.level():
        writer.scope.add(table, table)
        columns = [_indexed(writer, column, table) for column in params.args["columns"]]
        condition = f" WHERE {writer.condition(where.this)}" if where is not None else ""
        if node.args.get("unique") and any(
            writer.kind(column.this) in (None, Kind.TEXT) for column in params.args["columns"]
        ):
            writer.note_collation()
    head = f"CREATE {'UNIQUE ' * bool(node.args.get('unique'))}INDEX{' IF NOT EXISTS' * exists}"
    name = writer.name(writer.scope.spelled(index.this))
    return f"{head} {name} ON {writer.name(table)} ({', '.join(columns)}){condition}"


def _indexed(writer: Expressions, node: exp.Expr, table: str) -> str:
    if not isinstance(node, exp.Ordered) or not isinstance(node.this, exp.Column):
        writer.source.refuse("an index of a part or of an expression", _VERBS)
    name = writer.name(writer.scope.column_of(table, node.this.this))
    return f"{name} DESC" if node.args.get("desc") else name


def _view(writer: Expressions, node: exp.Create) -> str:
    writer.only(node, "this", "kind", "replace", "expression", "exists")
    if (node.args.get("replace") and writer.target == "sqlite") or node.args.get("exists"):
        writer.source.refuse("CREATE VIEW with OR REPLACE or IF NOT EXISTS", "drop the view first")
    schema = node.this
    view = schema.this if isinstance(schema, exp.Schema) else schema
    columns = schema.expressions if isinstance(schema, exp.Schema) else []
    if node.args.get("expression") is None or not all(
        isinstance(column, exp.Identifier) for column in columns
    ):
        writer.refuse(node)
    names = ", ".join(writer.name(writer.scope.spelled(column)) for column in columns)
    query = queries.query(writer, node.expression)
    if writer.functions:
        writer.source.refuse(
            "this view", "it needs functions that SQLite has only while Whimbrel is connected"
        )
    head = f"CREATE {'OR REPLACE ' * bool(node.args.get('replace'))}VIEW"
    listed = f" ({names})" if names else ""
    return f"{head} {writer.name(queries.table_name(writer, view))}{listed} AS {query}"


def truncate(writer: Expressions, node: exp.TruncateTable) -> str:
    """Write TRUNCATE TABLE."""
    writer.only(node, "expressions", "identity")
    if len(node.expressions) != 1:
        writer.source.refuse("TRUNCATE of several tables", "write one TRUNCATE for each")
    name = writer.name(queries.table_name(writer, node.expressions[0]))
    restarts = writer.read == "mysql" or str(node.args.get("identity") or "").upper() == "RESTART"
    if writer.target == "sqlite":
        writer.note("SQLite deletes the rows; a counter (AUTOINCREMENT) goes on where it was")
        return f"DELETE FROM {name}"
    if writer.target == "mysql":
        writer.note("TRUNCATE commits in MySQL, and the counter starts again")
        return f"TRUNCATE TABLE {name}"
    return f"TRUNCATE TABLE {name}{' RESTART IDENTITY' * restarts}"
