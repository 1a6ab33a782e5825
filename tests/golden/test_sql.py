"""The exact SQL of every verb on every engine, MySQL included, which no server here speaks.

`make golden` rewrites the files under tests/golden/sql; their diff is the review.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import SimpleNamespace

import pytest

from tests.contract import test_verbs
from whimbrel import errors, tables
from whimbrel.engines import base, registry
from whimbrel.migrations import desk as desks
from whimbrel.migrations import guests, migration
from whimbrel.migrations import operations as ops
from whimbrel.rows import loop


class NothingThere(base.Catalog):
    """The catalog of an empty database."""

    def tables(self) -> list[str]:
        return []

    def find(self, name: str) -> tables.Table | None:
        return None

    def texts(self) -> dict[str, str]:
        return {}


class WritingDesk(desks.Desk):
    """Follows the operations on a planned catalog and keeps their SQL."""

    def __init__(self, session: base.Session, planned: base.Planned) -> None:
        super().__init__(session, catalog=planned, migration="golden", sql_dialect=None)
        self.planned = planned
        self.sql: list[str] = []

    def perform(self, operation: ops.Operation) -> object:
        if isinstance(operation, ops.RowsOperation):
            shown = operation.preview(self.task(operation))
            self.sql.extend(f"{text.rstrip()};" for text in shown)
            return 0
        statements = operation.statements(self.ddl)
        for statement in statements:
            text = (
                statement.sql
                if statement.must_be is None
                else f"-- must be {statement.must_be!r}\n{statement.sql}"
            )
            self.sql.append(text.rstrip() + ";")
        if not isinstance(operation, ops.Execute):
            operation.forward(self.planned, self.ddl)
            self.planned.apply(statements)
        return 0

    def through(
        self, sql: str, params: desks.Params, send: Callable[[], guests.Answer]
    ) -> guests.Answer:
        raise AssertionError("no models here")

    def batches(self, operation: ops.Batches) -> Iterator[loop.Batch]:
        self.perform(operation)
        yield from ()

    def savepoint(self) -> AbstractContextManager[None]:
        return nullcontext()


@contextmanager
def desk_for(engine_name: str) -> Iterator[WritingDesk]:
    """Return a desk that needs no server."""
    engine = registry.by_name(engine_name)
    if engine.can.transactional_ddl and engine.dialect == "sqlite":
        session = registry.open_session("sqlite://")
        try:
            yield WritingDesk(session, engine.planned(session))
        finally:
            session.close()
        return
    session = SimpleNamespace(engine=engine, in_transaction=False)
    yield WritingDesk(session, base.Overlay(NothingThere()))  # type: ignore[arg-type]


def migration_from(body: str) -> type[migration.Migration]:
    """Make a migration class from the body of its up()."""
    lines = "".join(f"        {line}\n" for line in body.strip().splitlines())
    names: dict[str, object] = {}
    text = "from whimbrel import Migration, sql\n\nclass Golden(Migration):\n    def up(self):\n"
    exec(text + lines, names)
    return names["Golden"]  # type: ignore[return-value]


def base_class() -> type[migration.Migration]:
    names: dict[str, object] = {}
    exec(test_verbs.BASE, names)
    return names["Base"]  # type: ignore[return-value]


@pytest.mark.parametrize("engine_name", registry.names())
@pytest.mark.parametrize("verb", test_verbs.VERBS, ids=lambda verb: verb.name)
def test_the_sql_of_a_verb_is_as_reviewed(
    verb: test_verbs.Verb, engine_name: str, golden: Callable[[str, str], None]
) -> None:
    with desk_for(engine_name) as desk:
        base_class()(desk).up()  # type: ignore[attr-defined]
        desk.sql.clear()

        migration_from(verb.up)(desk).up()  # type: ignore[attr-defined]
        up = list(desk.sql)
        desk.sql.clear()
        migration_from(verb.down)(desk).up()  # type: ignore[attr-defined]

    text = "\n\n".join(["-- up", *up, "-- down", *desk.sql]) + "\n"
    golden(f"sql/{verb.name}/{engine_name}.sql", text)


ROWS = {
    "backfill": 'self.backfill("parent", {"code": "upper(name)"}, where="code IS NULL")',
    "copy_rows": 'self.copy_rows("parent", "copied", {"id": "id", "name": "name"})',
    "delete_rows": """self.delete_rows("parent", where="name LIKE 'a%'")""",
    "transform": 'self.transform("parent", "copied", dict)',
    "transform_in_place": 'self.transform("parent", "parent", dict)',
    "batches": 'for _ in self.batches("parent", where="amount > 0"): pass',
    "composite_key": 'self.backfill("twins", {"n": "n + 1"})',
}


@pytest.mark.parametrize("engine_name", registry.names())
@pytest.mark.parametrize("verb", ROWS)
def test_the_sql_of_a_batch_is_as_reviewed(
    verb: str, engine_name: str, golden: Callable[[str, str], None]
) -> None:
    tables_ = """
self.create_table("copied", [
    self.column("id", "integer", primary_key=True), self.column("name", "text")])
self.create_table("twins", [
    self.column("a", "integer", primary_key=True),
    self.column("b", "string", length=10, primary_key=True), self.column("n", "integer")])
"""
    with desk_for(engine_name) as desk:
        base_class()(desk).up()  # type: ignore[attr-defined]
        migration_from(tables_)(desk).up()  # type: ignore[attr-defined]
        desk.sql.clear()

        migration_from(ROWS[verb])(desk).up()  # type: ignore[attr-defined]

    golden(f"sql/{verb}/{engine_name}.sql", "\n\n".join(["-- one batch", *desk.sql]) + "\n")


@pytest.mark.parametrize("engine_name", ["mysql", "mariadb"])
def test_a_partial_index_is_refused_where_there_is_none(engine_name: str) -> None:
    with desk_for(engine_name) as desk:
        base_class()(desk).up()  # type: ignore[attr-defined]

        with pytest.raises(errors.RefusedError, match="has no partial index"):
            migration_from('self.add_index("parent", "code", where="amount > 0")')(desk).up()  # type: ignore[attr-defined]
