"""ActiveRecord models as guests on PostgreSQL: both sides use psycopg."""

from __future__ import annotations

from whimbrel.engines import base, models

_IDENTITY = """
SELECT current_database(), pg_postmaster_start_time()::text, current_setting('port')
"""
_GUARD = "whimbrel_statement"


class PostgresModels(models.Models):
    """What PostgreSQL says differently."""

    most_parameters = 65_535

    def errors(self) -> tuple[type[Exception], ...]:
        import psycopg

        return (psycopg.Error,)

    def may_be_same(self, owner: models.Owner, session: base.Session) -> bool:
        wanted = owner.config.database
        return not wanted or wanted == session.fetch(_IDENTITY)[0][0]

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
        return tuple(theirs) == session.fetch(_IDENTITY)[0]

    def open_transaction(self, owner: models.Owner) -> bool:
        from psycopg.pq import TransactionStatus

        if models.has_active_manager(owner):
            return True
        connection = _connection(owner)
        if connection is None:
            return False
        status: TransactionStatus = connection.info.transaction_status
        return status != TransactionStatus.IDLE

    def send(self, cursor: models.Driver, sql: str, params: object) -> None:
        from psycopg import pq

        connection = cursor.connection
        if (
            connection.autocommit
            or connection.info.transaction_status == pq.TransactionStatus.INERROR
        ):
            super().send(cursor, sql, params)
            return
        # A failed statement would end the whole transaction. The savepoint around it travels in
        # the same packet, so that it costs no time on the way.
        try:
            with connection.pipeline():
                connection.execute(f"SAVEPOINT {_GUARD}")
                super().send(cursor, sql, params)
                connection.execute(f"RELEASE SAVEPOINT {_GUARD}")
        except self.errors():
            if connection.info.transaction_status == pq.TransactionStatus.INERROR:
                connection.execute(f"ROLLBACK TO SAVEPOINT {_GUARD}")
                connection.execute(f"RELEASE SAVEPOINT {_GUARD}")
            raise

    def lost_transaction(self, error: Exception, connection: models.Driver) -> bool:
        return bool(connection.closed)


def _connection(owner: models.Owner) -> models.Driver | None:
    """Return the owner's connection, if it has one that is alive."""
    connection = owner._connection
    return None if connection is None or connection.closed else connection


MODELS = PostgresModels()
