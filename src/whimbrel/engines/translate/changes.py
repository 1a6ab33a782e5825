"""Write statements that change rows: INSERT, UPDATE, DELETE.

Rows of one table that are found by a join or a LIMIT are named by the place they are stored at
(`ctid`, `rowid`) where the other engine has no such statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from whimbrel.engines.translate import names, queries
from whimbrel.engines.translate.expressions import Expressions
from whimbrel.engines.translate.kinds import Kind

_TARGET: Final = "whimbrel_target"
_NEW: Final = "whimbrel_new"

# --- insert -----------------------------------------------------------------------------------


def insert(writer: Expressions, node: exp.Insert, *, replaces: bool) -> str:
    """Write INSERT or REPLACE."""
    writer.only(
        node, "this", "expression", "conflict", "default", "returning", "alternative", "ignore",
        "with_",
    )  # fmt: skip
    alternative = str(node.args.get("alternative") or "").upper()
    if node.args.get("ignore") or alternative not in ("", "REPLACE"):
        writer.source.refuse(
            f"INSERT {'OR ' * bool(alternative)}{alternative or 'IGNORE'}",
            "rows that do not fit would be lost unseen; leave them out by WHERE NOT EXISTS (…)",
        )
    replaces = replaces or alternative == "REPLACE"
    if replaces and writer.target == "postgres":
        writer.source.refuse(
            "REPLACE INTO", "delete the rows first, then insert them, in two statements"
        )
    target = _inserted(writer, node)
    head = f"{'REPLACE' if replaces else 'INSERT'} INTO {writer.name(target.table)}"
    clause = queries.with_(writer, node)
    before, inside = (clause, "") if writer.target != "mysql" else ("", clause)
    if inside and not isinstance(node.expression, (exp.Select, *queries.SET_OPERATIONS)):
        writer.source.refuse("WITH before INSERT", "write a SELECT behind it")
    parts = [before, head, target.listed, inside, _rows(writer, node, target)]
    conflict = node.args.get("conflict")
    if conflict is not None:
        parts.append(_conflict(writer, conflict, target))
    parts.append(_returning(writer, node, target.table))
    return " ".join(filter(None, parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inserted:
    """What rows are inserted into."""

    table: str
    listed: str
    kinds: Sequence[Kind | None]


def _inserted(writer: Expressions, node: exp.Insert) -> _Inserted:
    schema = node.this
    table = schema.this if isinstance(schema, exp.Schema) else schema
    if isinstance(schema, exp.Schema):
        writer.only(schema, "this", "expressions")
    if table.args.get("alias"):
        writer.source.refuse("INSERT INTO … AS", "name the new row by VALUES(column)")
    name = queries.table_name(writer, table)
    columns = schema.expressions if isinstance(schema, exp.Schema) else []
    if not all(isinstance(column, exp.Identifier) for column in columns):
        writer.source.refuse("this list of columns", "name columns only")
    real = [writer.scope.column_of(name, column) for column in columns]
    listed = f"({', '.join(writer.name(column) for column in real)})" if real else ""
    return _Inserted(
        table=name, listed=listed, kinds=[writer.scope.kind_of(name, column) for column in real]
    )


def _rows(writer: Expressions, node: exp.Insert, target: _Inserted) -> str:
    source = node.args.get("expression")
    rows = source.expressions if isinstance(source, exp.Values) else []
    nothing = len(rows) == 1 and isinstance(rows[0], exp.Tuple) and not rows[0].expressions
    if node.args.get("default") or nothing:
        return "() VALUES ()" if writer.target == "mysql" else "DEFAULT VALUES"
    if isinstance(source, exp.Values):
        return queries.values(writer, source, target.kinds)
    if source is None:
        writer.refuse(node, "write VALUES or SELECT")
    conflict = node.args.get("conflict") is not None and writer.target == "sqlite"
    if conflict and not isinstance(source, exp.Select):
        writer.source.refuse("ON CONFLICT behind a UNION", "put the UNION into a subquery")
    # Without a condition SQLite reads the ON of ON CONFLICT as that of a join.
    anyway = "WHERE TRUE" if conflict else ""
    return queries.query(writer, source, target.kinds or [None], anyway=anyway)


def _conflict(writer: Expressions, node: exp.Expr, target: _Inserted) -> str:
    writer.only(node, "duplicate", "expressions", "action", "conflict_keys", "where")
    duplicate = bool(node.args.get("duplicate"))
    if duplicate and writer.target == "postgres":
        writer.source.refuse(
            "ON DUPLICATE KEY UPDATE",
            "PostgreSQL has to be told the key:  INSERT … ON CONFLICT (key) DO UPDATE SET …",
        )
    if not duplicate and writer.target == "mysql":
        writer.source.refuse(
            "ON CONFLICT",
            "MySQL looks at every key of the table; UPDATE first, then INSERT the rest",
        )
    keys = [_key(writer, key, target.table) for key in node.args.get("conflict_keys") or []]
    action = str(node.args.get("action") or "").upper().removeprefix("DO ")
    head = f"ON CONFLICT{' (' + ', '.join(keys) + ')' if keys else ''} DO {action}"
    if action != "UPDATE":
        return head
    with writer.scope.level():
        writer.scope.add(target.table, target.table)
        writer.scope.add("excluded", target.table)
        pairs = _assignments(writer, node.expressions)
        _check_order(writer, pairs)
        writer.new_row = "excluded"
        listed = _set(writer, pairs, target.table)
        condition = queries.where(writer, node)
        writer.new_row = None
    return " ".join(filter(None, [head, "SET", listed, condition]))


def _key(writer: Expressions, node: exp.Expr, table: str) -> str:
    column = node.this if isinstance(node, exp.Ordered) else node
    if not isinstance(column, exp.Column):
        writer.source.refuse("ON CONFLICT of an expression", "name columns")
    return writer.name(writer.scope.column_of(table, column.this))


def _returning(writer: Expressions, node: exp.Expr, table: str, alias: str | None = None) -> str:
    found = node.args.get("returning")
    if found is None:
        return ""
    writer.only(found, "expressions")
    if writer.target == "mysql":
        writer.source.refuse("RETURNING", "read the rows by a SELECT of their own")
    with writer.scope.level():
        writer.scope.add(alias or table, table)
        listed: list[str] = []
        for item in found.expressions:
            alone = item.this if isinstance(item, exp.Alias) else item
            name = f" AS {writer.name(item.alias)}" if isinstance(item, exp.Alias) else ""
            listed.append(writer.value(alone) + name)
    return "RETURNING " + ", ".join(listed)


# --- assignments ------------------------------------------------------------------------------

_Pair = tuple[exp.Column, exp.Expr]


def _assignments(writer: Expressions, nodes: Sequence[exp.Expr]) -> list[_Pair]:
    pairs: list[_Pair] = []
    for node in nodes:
        if not isinstance(node, exp.EQ):
            writer.refuse(node)
        left, right = node.this, node.expression
        if isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple):
            pairs += zip(left.expressions, right.expressions, strict=True)
        elif isinstance(left, exp.Column):
            pairs.append((left, right))
        else:
            writer.source.refuse("SET of several columns at once", "set one column at a time")
    if not pairs:
        writer.source.refuse("an UPDATE without SET", "say what is to be changed")
    return pairs


def _check_order(writer: Expressions, pairs: Sequence[_Pair], *, anywhere: bool = False) -> None:
    """Refuse a value that depends on a column set before it: MySQL sees its new value."""
    if "mysql" not in (writer.read, writer.target):
        return
    for index, (_, value) in enumerate(pairs):
        others = [*pairs[:index], *(pairs[index + 1 :] if anywhere else [])]
        changed = {str(column.this.this).lower() for column, _ in others}
        for column in value.find_all(exp.Column):
            if str(column.name).lower() in changed:
                writer.source.refuse(
                    f"SET that uses {column.name}, which it changes as well",
                    "MySQL sees the new value there, others the old one; write two statements",
                )


def _set(writer: Expressions, pairs: Sequence[_Pair], table: str) -> str:
    listed: list[str] = []
    for column, value in pairs:
        name = writer.scope.column_of(table, column.this)
        kind = writer.scope.kind_of(table, name)
        written = (
            queries.default(writer) if queries.is_default(value) else writer.value_for(value, kind)
        )
        listed.append(f"{writer.name(name)} = {written}")
    return ", ".join(listed)


# --- update -----------------------------------------------------------------------------------


def update(writer: Expressions, node: exp.Update) -> str:
    """Write UPDATE."""
    writer.only(
        node, "this", "expressions", "where", "order", "limit", "from_", "with_", "returning"
    )
    _check_with(writer, node)
    pairs = _assignments(writer, node.expressions)
    joins = node.this.args.get("joins") or []
    if joins:
        return _update_of_join(writer, node, pairs, joins)
    name, alias = queries.table_name(writer, node.this), queries.alias_of(writer, node.this)
    _check_order(writer, pairs, anywhere=bool(node.args.get("from_")))
    with writer.scope.level():
        writer.scope.add(alias or name, name)
        if node.args.get("from_") is not None and writer.target == "mysql":
            return _update_from_as_join(writer, node, pairs, name, alias)
        head = f"UPDATE {queries.table(writer, node.this)}"
        source = queries.from_(writer, node)
        listed = _set(writer, pairs, name)
        if node.args.get("limit") is not None or node.args.get("order") is not None:
            tail = _found_by_limit(writer, node, name, alias)
        else:
            tail = queries.where(writer, node)
    parts = [queries.with_(writer, node), head, f"SET {listed}", source, tail]
    parts.append(_returning(writer, node, name, alias))
    return " ".join(filter(None, parts))


def _check_with(writer: Expressions, node: exp.Expr) -> None:
    if node.args.get("with_") is not None and writer.target == "mysql":
        writer.source.refuse("WITH before UPDATE or DELETE", "MariaDB has none; use a subquery")


def _update_from_as_join(
    writer: Expressions, node: exp.Update, pairs: Sequence[_Pair], name: str, alias: str | None
) -> str:
    """Write `UPDATE t SET … FROM s` as MySQL's update of a join."""
    found = node.args["from_"].this
    source = queries.sources(writer, found, found.args.get("joins") or [])
    if node.args.get("returning") is not None:
        writer.source.refuse("RETURNING", "read the rows by a SELECT of their own")
    listed: list[str] = []
    for column, value in pairs:
        real = writer.scope.column_of(name, column.this)
        written = writer.value_for(value, writer.scope.kind_of(name, real))
        listed.append(f"{writer.name(alias or name)}.{writer.name(real)} = {written}")
    head = f"UPDATE {queries.table(writer, node.this)} CROSS JOIN {source}"
    return " ".join(filter(None, [head, f"SET {', '.join(listed)}", queries.where(writer, node)]))


def _found_by_limit(writer: Expressions, node: exp.Expr, name: str, alias: str | None) -> str:
    """Write the condition that a row is among those that WHERE, ORDER BY and LIMIT choose."""
    place = _place(writer, name)
    inner = " ".join(
        filter(
            None,
            [
                f"SELECT {place}",
                f"FROM {queries.table(writer, node.this)}",
                queries.where(writer, node),
                queries.order(writer, node),
                queries.limit(writer, node),
            ],
        )
    )
    row = f"({place})" if "," in place else place
    return f"WHERE {row} IN ({inner})"


def _place(writer: Expressions, table: str, alias: str | None = None) -> str:
    """Write what names a stored row: its place, and on PostgreSQL also its partition."""
    if writer.target == "mysql":
        writer.source.refuse("this UPDATE or DELETE", "write the condition with EXISTS (…)")
    columns = ("rowid",) if writer.target == "sqlite" else ("tableoid", "ctid")
    for column in columns:
        if writer.scope.known(table, column):
            writer.source.refuse(
                f"a change of {table}, which has a column {column}",
                "rows are named by that word here; write the condition with EXISTS (…)",
            )
    prefix = f"{writer.name(alias)}." if alias else ""
    return ", ".join(prefix + column for column in columns)


def _update_of_join(
    writer: Expressions, node: exp.Update, pairs: Sequence[_Pair], joins: Sequence[exp.Expr]
) -> str:
    """Write MySQL's `UPDATE a JOIN b … SET a.x = b.y`: new values by row, found in a subquery."""
    if node.args.get("order") is not None or node.args.get("limit") is not None:
        writer.source.refuse("ORDER BY or LIMIT in an UPDATE of a join", "use a subquery")
    _check_order(writer, pairs, anywhere=True)
    with writer.scope.level():
        source = queries.sources(writer, node.this, joins)
        alias, table = _target_of(writer, [column for column, _ in pairs])
        place = _place(writer, table, alias).split(", ")
        chosen = [f"{p} AS {writer.name(f'whimbrel_row_{i}')}" for i, p in enumerate(place)]
        assigned: list[str] = []
        for index, (column, value) in enumerate(pairs):
            real = writer.scope.column_of(table, column.this)
            if queries.is_default(value):
                writer.source.refuse("DEFAULT in an UPDATE of a join", "write the value")
            written = writer.value_for(value, writer.scope.kind_of(table, real))
            new = writer.name(f"whimbrel_value_{index}")
            chosen.append(f"{written} AS {new}")
            assigned.append(f"{writer.name(real)} = {writer.name(_NEW)}.{new}")
        inner = " ".join(
            filter(None, [f"SELECT {', '.join(chosen)} FROM {source}", queries.where(writer, node)])
        )
    same = " AND ".join(
        f"{there} = {writer.name(_NEW)}.{writer.name(f'whimbrel_row_{i}')}"
        for i, there in enumerate(_place(writer, table, _TARGET).split(", "))
    )
    writer.note("where a row is joined to several, one of them gives the new values, as in MySQL")
    head = f"UPDATE {writer.name(table)} AS {writer.name(_TARGET)} SET {', '.join(assigned)}"
    text = f"{head} FROM ({inner}) AS {writer.name(_NEW)} WHERE {same}"
    return " ".join(filter(None, [queries.with_(writer, node), text]))


def _target_of(writer: Expressions, columns: Sequence[exp.Column]) -> tuple[str, str]:
    """Return alias and name of the one table whose columns are set."""
    found = {_owner(writer, column) for column in columns}
    if len(found) != 1:
        writer.source.refuse("an UPDATE of several tables", "write one UPDATE for each")
    alias = found.pop()
    table = writer.scope.sources.get(alias)
    if table is None:
        writer.source.refuse(f"an UPDATE of {alias}", "it is not a table")
    return alias, table


def _owner(writer: Expressions, column: exp.Column) -> str:
    qualifier = column.args.get("table")
    if qualifier is not None:
        return writer.scope.alias(qualifier)
    name = writer.scope.spelled(column.this)
    owners = [
        alias
        for alias, table in writer.scope.sources.items()
        if table is not None and writer.scope.known(table, name)
    ]
    if len(owners) != 1:
        writer.source.refuse(
            f"SET {name} in an UPDATE of a join", "write the table's name in front of the column"
        )
    return owners[0]


# --- delete -----------------------------------------------------------------------------------


def delete(writer: Expressions, node: exp.Delete) -> str:
    """Write DELETE."""
    writer.only(node, "this", "where", "order", "limit", "tables", "using", "with_", "returning")
    _check_with(writer, node)
    if not isinstance(node.this, exp.Table):
        writer.refuse(node, "write DELETE FROM and the table's name")
    using = node.args.get("using") or []
    tables = node.args.get("tables") or []
    if node.this.args.get("joins") and not tables:
        writer.source.refuse("DELETE FROM several tables", "name the one:  DELETE a FROM a JOIN b")
    if using or tables:
        return _delete_of_join(writer, node, tables, using)
    name, alias = queries.table_name(writer, node.this), queries.alias_of(writer, node.this)
    with writer.scope.level():
        writer.scope.add(alias or name, name)
        if node.args.get("limit") is not None or node.args.get("order") is not None:
            tail = _found_by_limit(writer, node, name, alias)
        else:
            tail = queries.where(writer, node)
    head = f"DELETE FROM {queries.table(writer, node.this)}"
    if alias is not None and writer.target == "mysql":
        head = f"DELETE {writer.name(alias)} FROM {queries.table(writer, node.this)}"
    parts = [queries.with_(writer, node), head, tail, _returning(writer, node, name, alias)]
    return " ".join(filter(None, parts))


def _delete_of_join(
    writer: Expressions,
    node: exp.Delete,
    tables: Sequence[exp.Expr],
    using: Sequence[exp.Expr],
) -> str:
    """Write a DELETE of rows that a join finds."""
    if node.args.get("order") is not None or node.args.get("limit") is not None:
        writer.source.refuse("ORDER BY or LIMIT in a DELETE of a join", "use a subquery")
    if len(tables) > 1:
        writer.source.refuse("a DELETE from several tables", "write one DELETE for each")
    if node.args.get("returning") is not None:
        writer.source.refuse("RETURNING from a DELETE of a join", "read the rows by a SELECT")
    deleted = tables[0] if tables else node.this
    with writer.scope.level():
        first, joins = _joined(writer, node, using)
        source = queries.sources(writer, first, joins)
        name = queries.alias_of(writer, deleted) or writer.scope.spelled(deleted.this)
        alias = names.same(name, writer.scope.sources)
        table = writer.scope.sources.get(alias) if alias else None
        if alias is None or table is None:
            writer.source.refuse(f"DELETE of {name}", "it is not one of the joined tables")
        condition = queries.where(writer, node)
        if writer.target == "mysql":
            return f"DELETE {writer.name(alias)} FROM {source} {condition}".strip()
        place = _place(writer, table, alias)
        inner = " ".join(filter(None, [f"SELECT {place} FROM {source}", condition]))
    there = _place(writer, table)
    row = f"({there})" if "," in there else there
    text = f"DELETE FROM {writer.name(table)} WHERE {row} IN ({inner})"
    return " ".join(filter(None, [queries.with_(writer, node), text]))


def _joined(
    writer: Expressions, node: exp.Delete, using: Sequence[exp.Expr]
) -> tuple[exp.Expr, list[exp.Expr]]:
    """Return what a DELETE joins, whichever of three ways it is written in."""
    if not using:
        return node.this, list(node.this.args.get("joins") or [])
    first = using[0]
    listed = [*(first.args.get("joins") or [])]
    for more in using[1:]:
        listed += [exp.Join(this=more), *(more.args.get("joins") or [])]
    if writer.read == "mysql":  # DELETE FROM a USING a JOIN b
        return first, listed
    return node.this, [exp.Join(this=first), *listed]
