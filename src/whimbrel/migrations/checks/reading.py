"""Read SQL of the user's own as changes, by sqlglot; what it does not know, by its words."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from typing import Final

import sqlglot
from sqlglot import exp

from whimbrel import tables
from whimbrel.engines import sqltext
from whimbrel.migrations.checks import changes

_LOOKED_AT: Final = frozenset(
    {sqltext.Kind.DDL, sqltext.Kind.DATA, sqltext.Kind.QUERY, sqltext.Kind.SESSION}
)


def changes_of(sql: str, sort: sqltext.Kind, dialect: str) -> tuple[changes.Change, ...]:
    """Return what one statement does to tables."""
    if sort not in _LOOKED_AT:
        return ()
    words = tuple(token.text for token in sqltext.significant(sql, dialect))
    first = words[0].upper() if words else ""
    if sort is sqltext.Kind.SESSION or first in {"PRAGMA", "EXPLAIN", "SHOW"}:
        return (changes.Other(table="", words=words),)
    return _read(sql, sort, dialect)


@functools.lru_cache(maxsize=512)
def _read(sql: str, sort: sqltext.Kind, dialect: str) -> tuple[changes.Change, ...]:
    words = tuple(token.text for token in sqltext.significant(sql, dialect))
    log = logging.getLogger("sqlglot")
    level, log.level = log.level, logging.ERROR  # it warns of what it reads as words alone
    try:
        tree = sqlglot.parse_one(_plain(sql, dialect), read=dialect)
        found = tuple(_of(tree, words, dialect))
    except (sqlglot.errors.SqlglotError, KeyError, AttributeError, RecursionError):
        found = ()
    finally:
        log.setLevel(level)
    if found or sort is not sqltext.Kind.DDL:
        return found
    return _by_words(words)


def _plain(sql: str, dialect: str) -> str:
    """Return a statement with its placeholders as something that every parser reads."""
    parts = []
    for token in sqltext.tokens(sql, dialect):
        parts.append("NULL" if token.sort is sqltext.Sort.MARK else token.text)
    return "".join(parts).replace("%%", "%")


def _of(tree: exp.Expr, words: tuple[str, ...], dialect: str) -> Iterator[changes.Change]:
    match tree:
        case exp.Create() if tree.args.get("kind") == "TABLE":
            yield _created(tree, dialect)
        case exp.Create() if tree.args.get("kind") == "INDEX":
            yield _index(tree, dialect)
        case exp.Drop():
            yield from _dropped(tree)
        case exp.Alter() if tree.args.get("kind") == "TABLE":
            yield from _altered(tree, words, dialect)
        case exp.TruncateTable():
            for table in tree.expressions:
                yield changes.Truncate(table=table.name, cascade="CASCADE" in _upper(words))
        case exp.Update() | exp.Delete():
            where = tree.args.get("where")
            target = tree.this if isinstance(tree.this, exp.Table) else tree.find(exp.Table)
            yield changes.WriteRows(
                table=target.name if target is not None else "",
                verb="UPDATE" if isinstance(tree, exp.Update) else "DELETE",
                sql=True,
                bounded=_names_rows(where) or tree.args.get("limit") is not None,
                by=_compared(where),
            )
        case exp.Insert():
            target = tree.find(exp.Table)
            yield changes.WriteRows(
                table=target.name if target is not None else "", verb="INSERT", sql=True
            )
        case exp.Select():
            source = tree.args.get("from_") or tree.args.get("from")
            read = source.this if source is not None else None
            if isinstance(read, exp.Table):
                yield changes.ReadRows(
                    table=read.name,
                    offset=_skips(tree),
                    by=_compared(tree.args.get("where")),
                )


def _upper(words: tuple[str, ...]) -> list[str]:
    return [word.upper() for word in words]


def _skips(tree: exp.Select) -> bool:
    offset = tree.args.get("offset")
    return offset is not None and offset.expression.sql() != "0"


def _names_rows(where: exp.Where | None) -> bool:
    return where is not None and where.find(exp.Column) is not None


def _compared(where: exp.Where | None) -> tuple[str, ...]:
    """Return the columns that a condition compares with something."""
    if where is None:
        return ()
    return tuple(dict.fromkeys(column.name for column in where.find_all(exp.Column)))


# --- tables and indexes ---------------------------------------------------------------------


def _created(tree: exp.Create, dialect: str) -> changes.Change:
    body = tree.this
    if not isinstance(body, exp.Schema):
        return changes.CreateTable(table=body.name, primary_key=False)
    columns = tuple(
        _column(one, dialect) for one in body.expressions if isinstance(one, exp.ColumnDef)
    )
    keyed = any(True for _ in body.find_all(exp.PrimaryKey, exp.PrimaryKeyColumnConstraint))
    keys = tuple(
        key for one in body.find_all(exp.ForeignKey) if (key := _foreign_key(one)) is not None
    )
    return changes.CreateTable(
        table=body.this.name, columns=columns, primary_key=keyed, foreign_keys=keys
    )


def _column(tree: exp.ColumnDef, dialect: str) -> tables.FoundColumn:
    kind = tree.args.get("kind")
    type_ = kind.sql(dialect=dialect).lower() if kind is not None else ""
    default: str | None = None
    generated: str | None = None
    null, counts = True, "serial" in type_
    for constraint in tree.args.get("constraints") or []:
        one = constraint.args.get("kind")
        match one:
            case exp.NotNullColumnConstraint():
                null = bool(one.args.get("allow_null"))
            case exp.DefaultColumnConstraint():
                default = one.this.sql(dialect=dialect)
            case exp.ComputedColumnConstraint():
                generated = one.this.sql(dialect=dialect)
            case exp.GeneratedAsIdentityColumnConstraint() | exp.AutoIncrementColumnConstraint():
                if one.args.get("expression") is not None:
                    generated = one.args["expression"].sql(dialect=dialect)
                else:
                    counts = True
            case exp.PrimaryKeyColumnConstraint():
                null = False
    return tables.FoundColumn(
        name=tree.name,
        type=type_,
        null=null,
        default=None if default is not None and default.upper() == "NULL" else default,
        auto_increment=counts,
        generated=generated,
        stored="VIRTUAL" not in tree.sql().upper(),
    )


def _index(tree: exp.Create, dialect: str) -> changes.Change:
    index = tree.this
    params = index.args.get("params")
    ordered = params.args.get("columns") or [] if params is not None else []
    where = params.args.get("where") if params is not None else None
    return changes.CreateIndex(
        table=index.args["table"].name,
        index=tables.Index(
            name=index.name or f"(unnamed, on {index.args['table'].name})",
            columns=tuple(_indexed(one, dialect) for one in ordered),
            unique=bool(tree.args.get("unique")),
            where=where.this.sql(dialect=dialect) if where is not None else None,
        ),
        concurrently=bool(tree.args.get("concurrently")),
    )


def _indexed(tree: exp.Expression, dialect: str) -> str | tables.Sql:
    inner = tree.this if isinstance(tree, exp.Ordered) else tree
    if isinstance(inner, exp.Column | exp.Identifier):
        return inner.name
    return tables.Sql(inner.sql(dialect=dialect) if isinstance(inner, exp.Expression) else "")


def _dropped(tree: exp.Drop) -> Iterator[changes.Change]:
    kind = str(tree.args.get("kind"))
    for one in tree.args.get("tables") or [tree.this]:
        if kind == "TABLE":
            yield changes.DropTable(table=one.name, cascade=bool(tree.args.get("cascade")))
        if kind == "INDEX":
            yield changes.DropIndex(
                table="", name=one.name, concurrently=bool(tree.args.get("concurrently"))
            )


# --- ALTER TABLE ----------------------------------------------------------------------------


def _altered(tree: exp.Alter, words: tuple[str, ...], dialect: str) -> Iterator[changes.Change]:
    table, checked = tree.this.name, not tree.args.get("not_valid")
    actions = tree.args.get("actions") or []
    if not actions:
        yield changes.Other(table=table, words=words)
    for action in actions:
        match action:
            case exp.ColumnDef():
                unique = any(
                    isinstance(c.args.get("kind"), exp.UniqueColumnConstraint)
                    for c in action.args.get("constraints") or []
                )
                yield changes.AddColumn(table=table, column=_column(action, dialect), unique=unique)
            case exp.Drop() if str(action.args.get("kind")) == "COLUMN":
                for one in action.args.get("tables") or [action.this]:
                    yield changes.DropColumn(table=table, column=one.name)
            case exp.Drop() if str(action.args.get("kind")) == "INDEX":
                for one in action.args.get("tables") or [action.this]:
                    yield changes.DropIndex(table=table, name=one.name)
            case exp.RenameColumn():
                yield changes.RenameColumn(
                    table=table, column=action.this.name, to=action.args["to"].name
                )
            case exp.AlterRename():
                yield changes.RenameTable(table=table, to=action.this.name)
            case exp.AlterColumn():
                yield from _altered_column(table, action, dialect)
            case exp.ModifyColumn():
                yield from _modified(table, action, dialect)
            case exp.AddConstraint():
                for one in action.expressions:
                    yield from _constraint(table, one, dialect, checked=checked)
            case _:
                yield changes.Other(table=table, words=words)
    if tree.args.get("options"):
        yield changes.Other(table=table, words=words)


def _altered_column(table: str, one: exp.AlterColumn, dialect: str) -> Iterator[changes.Change]:
    if one.args.get("dtype") is not None:
        yield changes.Retype(
            table=table,
            column=one.name,
            type=one.args["dtype"].sql(dialect=dialect).lower(),
            using=one.args.get("using") is not None,
        )
    if one.args.get("allow_null") is False:
        yield changes.SetNotNull(table=table, column=one.name)


def _modified(table: str, one: exp.ModifyColumn, dialect: str) -> Iterator[changes.Change]:
    column = _column(one.this, dialect)
    was = one.args.get("rename_from")
    kind = one.this.args.get("kind")
    type_ = kind.sql(dialect=dialect).lower() if kind is not None else column.type
    name = was.name if was is not None else column.name
    yield changes.Retype(table=table, column=name, type=type_)
    if not column.null:
        yield changes.SetNotNull(table=table, column=name)
    if was is not None and was.name != column.name:
        yield changes.RenameColumn(table=table, column=was.name, to=column.name)


def _constraint(
    table: str, tree: exp.Expression, dialect: str, *, checked: bool
) -> Iterator[changes.Change]:
    name: str | None = None
    parts = [tree]
    if isinstance(tree, exp.Constraint):
        name, parts = tree.name, tree.expressions
    for part in parts:
        match part:
            case exp.ForeignKey():
                key = _foreign_key(part, name=name)
                if key is not None:
                    yield changes.AddForeignKey(table=table, key=key, checked=checked)
            case exp.CheckColumnConstraint() | exp.Check():
                check = tables.Check(name=name, sql=part.this.sql(dialect=dialect))
                yield changes.AddCheck(table=table, check=check, checked=checked)
            case exp.UniqueColumnConstraint():
                schema = part.this
                own = schema.this.name if isinstance(schema.this, exp.Identifier) else None
                columns = tuple(one.name for one in schema.expressions)
                unique = tables.Unique(name=name or own, columns=columns)
                yield changes.AddUnique(table=table, unique=unique)
            case exp.PrimaryKey():
                columns = tuple(one.name for one in part.expressions)
                yield changes.AddPrimaryKey(table=table, columns=columns)
            case exp.ExcludeColumnConstraint():
                yield changes.AddExclusion(table=table, name=name or "")
            case exp.IndexColumnConstraint():
                columns_ = tuple(_indexed(one, dialect) for one in part.expressions)
                kind = str(part.args.get("kind") or "").lower()
                yield changes.CreateIndex(
                    table=table,
                    index=tables.Index(name=part.name, columns=columns_, method=kind),
                )


def _foreign_key(tree: exp.ForeignKey, *, name: str | None = None) -> tables.ForeignKey | None:
    reference = tree.args.get("reference")
    schema = reference.this if reference is not None else None
    if schema is None:
        return None
    target = schema.this if isinstance(schema, exp.Schema) else schema
    there = schema.expressions if isinstance(schema, exp.Schema) else []
    return tables.ForeignKey(
        name=name,
        columns=tuple(one.name for one in tree.expressions),
        ref_table=target.name,
        ref_columns=tuple(one.name for one in there),
    )


# --- by words -------------------------------------------------------------------------------


def _by_words(words: tuple[str, ...]) -> tuple[changes.Change, ...]:
    upper = _upper(words)
    plain = [word.strip('"`[]') for word in words]
    match upper:
        case ["CREATE", *_] if "INDEX" in upper[:4] and "ON" in upper:
            at = upper.index("ON")
            unique = "UNIQUE" in upper[:3]
            method = next((w.lower() for w in upper[:3] if w in {"FULLTEXT", "SPATIAL"}), "")
            columns = tuple(w for w in plain[at + 3 : _closing(words, at + 2)] if w != ",")
            index = tables.Index(name=plain[at - 1], columns=columns, unique=unique, method=method)
            created = changes.CreateIndex(
                table=plain[at + 1], index=index, concurrently="CONCURRENTLY" in upper
            )
            return (created, changes.Other(table=plain[at + 1], words=words))
        case ["RENAME", "TABLE", *_] if "TO" in upper:
            at = upper.index("TO")
            return (changes.RenameTable(table=plain[at - 1], to=plain[at + 1]),)
        case ["ALTER", "TABLE", *_] if "INDEX" in upper and "USING" in upper and "ADD" in upper:
            table = plain[_after_table(upper)]
            unique_ = tables.Unique(name=None, columns=())
            return (changes.AddUnique(table=table, unique=unique_, by_index=True),)
        case ["ALTER", "TABLE", *_]:
            return (changes.Other(table=plain[_after_table(upper)], words=words),)
        case [_, *_]:
            return (changes.Other(table="", words=words),)
    return ()


def _after_table(upper: list[str]) -> int:
    at = 2
    while at < len(upper) - 1 and upper[at] in {"IF", "EXISTS", "ONLY"}:
        at += 1
    return at


def _closing(words: tuple[str, ...], opened: int) -> int:
    depth = 0
    for at in range(opened, len(words)):
        depth += {"(": 1, ")": -1}.get(words[at], 0)
        if depth == 0:
            return at
    return len(words)
