"""Functions of JSON documents: making them, and reading one value out of them.

The values are the same; how a document is spelled as a text (blanks, the order of its keys)
differs from engine to engine, even between MySQL and MariaDB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from whimbrel.engines.translate import calls
from whimbrel.engines.translate.calls import MANY, Call, Templates, Written, rule
from whimbrel.engines.translate.kinds import Kind

_SPELLING: Final = "JSON is the same here, but may be spelled with other blanks"


@rule(args=(0, MANY), gives=Kind.JSON, mysql="JSON_OBJECT", sqlite="JSON_OBJECT")
def json_object(call: Call) -> Written:
    if len(call.args) % 2:
        call.refuse("give it pairs of a key and a value")
    parts = [
        _key(call, i) if i % 2 == 0 else _member(call, call.args[i]) for i in range(len(call.args))
    ]
    return _document(call, "OBJECT", parts)


@rule(args=(0, MANY), gives=Kind.JSON, mysql="JSON_ARRAY", sqlite="JSON_ARRAY")
def json_array(call: Call) -> Written:
    return _document(call, "ARRAY", [_member(call, node) for node in call.args])


@rule(
    args=(0, MANY),
    gives=Kind.JSON,
    postgres="JSON_BUILD_OBJECT JSONB_BUILD_OBJECT",
)
def json_build_object(call: Call) -> Written:
    return json_object(call)


def _key(call: Call, index: int) -> str:
    key = call.literal(index)
    if key is None:
        call.refuse("write its keys as literals")
    written = calls.quoted(key, call.target)
    return f"CAST({written} AS TEXT)" if call.target == "postgres" else written


def _member(call: Call, node: exp.Expr) -> str:
    kind = call.writer.kind(node)
    inner = calls.plain(node)
    made_here = isinstance(inner, exp.Anonymous) and kind is Kind.JSON
    if kind in (Kind.DATE, Kind.DATETIME, Kind.TIME, Kind.BINARY, Kind.OTHER) or (
        kind is Kind.JSON and not made_here
    ):
        call.refuse("dates, bytes and JSON columns are put into it differently; CAST them to text")
    if kind is Kind.BOOLEAN and call.target == "sqlite":
        call.refuse("SQLite has no booleans to put into JSON")
    if isinstance(inner, exp.Column) and kind is None:
        call.writer.note("a column put into JSON is a text or a number there, by its type")
    untyped = isinstance(inner, (exp.Literal, exp.Placeholder)) and kind in (None, Kind.TEXT)
    written = call.writer.value(node)
    return f"CAST({written} AS TEXT)" if untyped and call.target == "postgres" else written


def _document(call: Call, what: str, parts: Sequence[str]) -> str:
    call.writer.note(_SPELLING)
    start = {"postgres": "JSONB_BUILD_", "mysql": "JSON_", "sqlite": "JSON_"}[call.target]
    return f"{start}{what}({', '.join(parts)})"


@rule(args=1, gives=Kind.TEXT, mysql="JSON_UNQUOTE")
def json_unquote(call: Call) -> Written:
    inner = calls.plain(call.args[0])
    extract = call.writer.call(inner) if isinstance(inner, exp.Anonymous) else None
    if extract is None or extract.name != "JSON_EXTRACT" or len(extract.args) != 2:
        call.refuse("it has a rule around JSON_EXTRACT(x, '$.path')")
    path = _path(extract)
    call.writer.note(_SPELLING)
    document = extract.value(0)
    if call.target == "postgres":
        value = f"CAST({document} AS JSONB) #> {_postgres_path(path)}"
        return (
            f"CASE JSONB_TYPEOF({value}) WHEN 'null' THEN 'null' "
            f"ELSE CAST({document} AS JSONB) #>> {_postgres_path(path)} END"
        )
    place = calls.quoted(_sqlite_path(path), "sqlite")
    return (
        f"CASE JSON_TYPE({document}, {place}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' "
        f"WHEN 'null' THEN 'null' ELSE CAST(JSON_EXTRACT({document}, {place}) AS TEXT) END"
    )


def _path(call: Call) -> list[str | int]:
    """Read a simple path, `$.a.b[0]`."""
    text = call.literal(1)
    if text is None or not text.startswith("$"):
        call.refuse("write the path as a literal:  '$.a.b[0]'")
    found: list[str | int] = []
    rest = text[1:]
    while rest:
        if rest[0] == "[" and "]" in rest and rest[1 : rest.index("]")].isdigit():
            end = rest.index("]")
            found.append(int(rest[1:end]))
            rest = rest[end + 1 :]
            continue
        name = rest[1:].split(".")[0].split("[")[0]
        if rest[0] != "." or not name.replace("_", "a").isalnum():
            call.refuse("it has a rule for simple paths:  '$.a.b[0]'")
        found.append(name)
        rest = rest[1 + len(name) :]
    return found


def _postgres_path(path: Sequence[str | int]) -> str:
    return calls.quoted("{" + ",".join(str(step) for step in path) + "}", "postgres")


def _sqlite_path(path: Sequence[str | int]) -> str:
    return "$" + "".join(f"[{s}]" if isinstance(s, int) else f'."{s}"' for s in path)


@rule(args=1, gives=Kind.BOOLEAN, mysql="JSON_VALID", sqlite="JSON_VALID")
def json_valid(call: Call) -> Templates:
    if call.target == "postgres":
        call.refuse("PostgreSQL refuses a document that is not valid when it is stored")
    return {"mysql": "JSON_VALID({0})", "sqlite": "JSON_VALID({0})"}


calls.WHY_NOT.update(
    dict.fromkeys(
        ("JSON_EXTRACT", "JSON_VALUE", "JSON_SET", "JSON_MERGE_PATCH", "JSON_ARRAYAGG"),
        "documents are spelled and compared differently; "
        "JSON_UNQUOTE(JSON_EXTRACT(x, '$.a')) has a translation",
    )
)
