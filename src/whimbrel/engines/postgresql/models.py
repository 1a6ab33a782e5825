"""ActiveRecord models as guests on PostgreSQL: both sides use psycopg."""

from __future__ import annotations

from whimbrel.engines import base, models

_IDENTITY = """
SELECT current_database(), pg_postmaster_start_time()::text, current_setting('port')
"""
_GUARD = "whimbrel_statement"
_ADVANCE = """
SELECT setval(counter.name, top.key)
  FROM (SELECT pg_get_serial_sequence(%s, %s) AS name) AS counter,
       (SELECT max({key}) AS key FROM {table}) AS top
 WHERE top.key > coalesce(pg_sequence_last_value(counter.name::regclass), 0)
"""


class PostgresModels(models.Models):
    """What PostgreSQL says differently."""

    most_parameters = 65_535
    documents = frozenset({"json", "jsonb"})

    def errors(self) -> tuple[type[Exception], ...]:
        import psycopg

        return (psycopg.Error,)

    def may_be_same(self, owner: models.Owner, session: base.Session) -> bool:
        wanted = owner.config.database
        return not wanted or wanted == models.ask(session, _IDENTITY)[0]

    def is_same(self, owner: models.Owner, session: base.Session, *, ask: bool) -> bool | None:
        if not self.may_be_same(owner, session):
            return False
        if _connection(owner) is None:
            if not ask:
                return None
            owner.introspect_and_adapt()
        try:
            with owner._connection.cursor() as cursor:
                theirs = cursor.execute(_IDENTITY).fetchone()
        except self.errors():
            return None
        return tuple(theirs) == models.ask(session, _IDENTITY)

    def own_errors(self, owner: models.Owner) -> tuple[type[Exception], ...]:
        return self.errors()

    def identity(self, owner: models.Owner) -> tuple[object, ...]:
        with owner._connection.cursor() as cursor:
            return tuple(cursor.execute(_IDENTITY).fetchone())

    def open_transaction(self, owner: models.Owner) -> bool:
        from psycopg.pq import TransactionStatus

        if models.has_active_manager(owner):
            return True
        connection = _connection(owner)
        if connection is None:
            return False
        status: TransactionStatus = connection.info.transaction_status
        return status != TransactionStatus.IDLE

    def in_utc(self, owner: models.Owner) -> None:
        owner.execute("SET TIME ZONE 'UTC'")

    def send(self, cursor: models.Driver, sql: str, params: object) -> None:
        from psycopg.pq import TransactionStatus

        connection = cursor.connection
        if connection.autocommit or connection.info.transaction_status == TransactionStatus.INERROR:
            super().send(cursor, sql, params)
            return
        failure = self._send_guarded(cursor, sql, params)
        if failure is None:
            return
        if not connection.closed:
            if connection.info.transaction_status == TransactionStatus.INERROR:
                connection.execute(f"ROLLBACK TO SAVEPOINT {_GUARD}")
            connection.execute(f"RELEASE SAVEPOINT {_GUARD}")
        raise failure

    def _send_guarded(self, cursor: models.Driver, sql: str, params: object) -> Exception | None:
        """Execute inside a savepoint, else a failure would end the whole transaction.

        The three statements travel together, so that the savepoint costs no time on the way.
        """
        failure: Exception | None = None
        connection = cursor.connection
        try:
            with connection.pipeline():
                try:
                    # Not prepared: psycopg would believe in a preparation that a failure
                    # before it has kept from happening.
                    connection.execute(f"SAVEPOINT {_GUARD}", prepare=False)
                    cursor.execute(sql, params, prepare=False)
                    connection.execute(f"RELEASE SAVEPOINT {_GUARD}", prepare=False)
                except self.errors() as error:
                    failure = error
        except self.errors() as error:
            failure = failure or error
        return failure

    def advance(self, session: base.Session, schema: str, table: str, column: str) -> None:
        name = f"{session.engine.quote(schema)}.{session.engine.quote(table)}"
        session.execute(
            _ADVANCE.format(table=name, key=session.engine.quote(column)), [name, column]
        )

    def lost_transaction(self, error: Exception, connection: models.Driver) -> bool:
        return bool(connection.closed)


def _connection(owner: models.Owner) -> models.Driver | None:
    """Return the owner's connection, if it has one that is alive."""
    connection = owner._connection
    return None if connection is None or connection.closed else connection


MODELS = PostgresModels()
