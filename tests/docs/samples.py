"""One sample of every error, with facts of a made-up shop; the pages show exactly these texts.

Where a message is completed while a migration runs (file and line, database, what is left), the
sample is completed in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel import errors
from whimbrel.cli import stop
from whimbrel.engines import registry

SHOP = "postgresql://app:***@db1/shop"
FILE = "migrations/20261123_101500_split_user_names.py"
ID = "20261123_101500_split_user_names"
NOTHING = "nothing was changed"
TAKEN_BACK = f"nothing of {ID} stays: PostgreSQL took back the whole migration"


def every() -> dict[str, errors.WhimbrelError]:
    """Return a sample of every error, by its slug."""
    return {error.slug: error for group in (_usage(), _refused(), _others()) for error in group}


def _at(error: errors.WhimbrelError, line: int, left: str = NOTHING) -> errors.WhimbrelError:
    """Say where it happened, as a plan or a run does."""
    error.where = f"{ID}.up, {FILE}:{line}"
    error.database = SHOP
    error.left = left
    return error


def _on_sqlite(error: errors.WhimbrelError, line: int, left: str = NOTHING) -> errors.WhimbrelError:
    _at(error, line, left)
    error.database = "sqlite:///shop.db"
    return error


def _usage() -> Iterator[errors.WhimbrelError]:
    yield _at(
        errors.UsageError(
            "execute() takes one statement, and this text holds 2",
            object="UPDATE customer SET email = lower(email); DELETE FROM login",
            remedy="call self.execute() once for each",
        ),
        12,
    )
    yield errors.BadUrl(
        "oracle://app:***@db1/shop", why="no engine is called 'oracle'", known=registry.EXAMPLES
    )
    yield errors.UnknownDatabase("staging", known=["main", "reports"], config="whimbrel.toml")
    yield errors.BadConfig(
        "unknown key 'sql_dialekt' in [migrations]",
        where="whimbrel.toml:5",
        remedy="did you mean:  sql_dialect",
    )
    yield errors.MissingSecret("SHOP_PASSWORD", where="whimbrel.toml:2, [databases.main]")
    yield errors.MissingExtra("psycopg", extra="postgresql", needed_for="PostgreSQL")
    yield errors.BadMigrationFile(
        f"{FILE}:8",
        why="Python cannot read it",
        cause='SyntaxError: \'(\' was never closed\nself.add_column("customer", "first_name"',
        remedy="correct this line",
    )
    yield errors.UnknownMigration(
        "split_names", known=[ID, "20261120_090000_create_user"], where="migrations"
    )
    yield errors.DependencyCycle(
        ["20261123_101500_add_city", "20261124_080000_add_country", "20261123_101500_add_city"],
        where="migrations",
    )
    yield errors.ManyHeads(
        ["20261123_101500_add_city", "20261123_113000_add_email"], where="migrations"
    )
    yield _at(errors.UnknownType("varchar", column="email", known=["boolean", "string", "text"]), 9)
    yield _at(
        errors.BadColumn(
            "price",
            why="it has a scale but no precision",
            remedy="add precision=",
        ),
        9,
    )
    yield _at(
        errors.BadParameters(
            "no value was given for :country",
            sql="UPDATE city SET country_id = :id WHERE country = :country",
            remedy="given are: id",
        ),
        14,
    )
    yield _at(
        errors.Irreversible(
            "drop table login",
            why="its rows are gone",
            remedy="write up() and down() instead of change(), "
            "or rename the table and drop it in a later migration",
        ),
        11,
    )
    yield _at(
        errors.SqlNotTranslatable(
            "CONVERT_TZ()",
            sql="UPDATE event SET at = CONVERT_TZ(at, 'UTC', 'Europe/Berlin')",
            read="mysql",
            write="postgres",
            why="convert in Python, or with each engine's own time zones",
        ),
        12,
    )
    yield _at(
        errors.SqlNotUnderstood(
            "UPDAET customer SET email = lower(email)",
            dialect="postgres",
            cause="no statement begins with 'UPDAET'",
        ),
        12,
    )
    bad = errors.BadRule(
        r"orders.state matches \bnew",
        why=r"orders.state (text): what stands at '\\bnew' in the regular expression '\\bnew' "
        "does not mean the same to all engines",
        place=f"{FILE}:12",
    )
    bad.database, bad.left = SHOP, NOTHING
    yield bad
    yield errors.BadMapping(
        "the rules of 'customers' name the column 'nmae' in rename, which tbl_cust does not have",
        place="whimbrel.toml:14",
        remedy="did you mean name?",
    )
    yield errors.UnknownSlug("lock-heldt", near=["lock-held", "lock-lost"])


def _refused() -> Iterator[errors.WhimbrelError]:
    yield _at(
        errors.RefusedError(
            "a migration does not begin or end transactions itself",
            object="COMMIT",
            remedy="leave it out; or commit each step by itself:  transactional = False",
        ),
        15,
    )
    yield _at(errors.TableNotFound("customers", known=["customer", "login"]), 9)
    yield _at(errors.TableExists("customer"), 9)
    yield _at(
        errors.ColumnNotFound("customer", "fullname", known=["id", "full_name", "email"]),
        14,
    )
    yield _at(errors.ColumnExists("customer", "email"), 9)
    yield _at(
        errors.ColumnInUse("customer", "full_name", used_by=["index ix_customer_full_name_email"]),
        21,
    )
    yield _at(
        errors.ObjectNotFound(
            "index", "on (mail)", table="customer", known=["ix_customer_email (email)"]
        ),
        17,
    )
    yield _at(
        errors.NullsPresent(
            "customer",
            "last_name",
            nulls=31,
            rows=12_408,
            first_keys=["id 17", "id 204", "id 205", "id 377", "id 1010"],
            update='UPDATE "customer" SET "last_name" = … WHERE "last_name" IS NULL',
        ),
        19,
        TAKEN_BACK,
    )
    yield _at(errors.NotNullWithoutDefault("orders", "currency", rows=1_204_117), 9, TAKEN_BACK)
    yield _at(
        errors.ValuesDoNotFit(
            "orders", "total", wanted="integer", values=218, examples=["'12.50'", "'7,90'", "'n/a'"]
        ),
        18,
        TAKEN_BACK,
    )
    yield _on_sqlite(
        errors.RebuildRefused(
            "customer_search",
            why="it is a virtual table, kept by the module fts5",
            remedy="use the module's own statements:  self.execute(…)",
        ),
        12,
    )
    broken = errors.ForeignKeysBroken(["login → customer: 3 rows, first rowid 12, 13, 40"])
    broken.where, broken.database = f"{ID}, {FILE}", "sqlite:///shop.db"
    broken.left = TAKEN_BACK.replace("PostgreSQL", "SQLite")
    yield broken
    yield errors.HistoryEdited(
        ID,
        path=FILE,
        applied="2026-11-23 10:20 UTC by ana",
        was="9f2c1b7e5d",
        now="41d0aa03c2",
    )
    yield errors.HistoryMissing([ID], where="migrations")
    yield errors.OutOfOrder(["20261121_140000_add_phone"], after=ID, where="migrations")
    yield errors.HalfDone(
        ID,
        direction="down",
        done=2,
        remedy="finish taking it back first:  whimbrel down",
    )
    yield _at(
        errors.NotOnline(
            ID,
            reasons=["execute('UPDATE customer SET …'): what raw SQL changes cannot be mirrored"],
            remedy="say it by the verbs, or put it in a migration of its own",
        ),
        12,
    )
    yield errors.LiveChangeOpen("20261124_090000_add_vat", table="customer", live=ID)
    yield errors.NoLiveChange(ID, known=[])
    yield errors.WrongPhase(
        ID,
        phase="mirrored",
        wanted="be completed",
        remedy="take it as far as the exchange first:  whimbrel up",
    )
    yield errors.RowsAstray(
        "customer",
        rows=2,
        first=["id 17", "id 23"],
        why="the new shape cannot hold what they have: a type, a key or a condition forbids it",
        remedy="change these rows, then go on:  whimbrel up\n"
        f"or take the change back:  whimbrel online revert {ID}",
    )
    yield errors.WouldLose(
        ID, table="customer", rows=2, first=["id 17", "id 23"], columns=["vat_id"]
    )
    yield errors.StepChanged(
        ID,
        position=3,
        was="UPDATE customer SET first_name = full_name",
        now="UPDATE customer SET first_name = trim(full_name)",
    )
    yield errors.StepUnclear(
        ID,
        position=4,
        step="CALL rebuild_totals()",
        why="the statement may have committed inside the server, and the catalog does not show it",
    )
    yield errors.LockHeld(
        "whimbrel up, by deploy@web-3 (pid 2214), started 2026-11-23T10:20:31.000000Z",
        database=SHOP,
        note="it is freed by the server as soon as that session ends",
    )
    yield errors.LockLost(database="sqlite:///shop.db")
    yield errors.NotComparable("orders.placed and orders.placed", one="integer", other="instant")
    yield errors.AmbiguousMatch("table", ["userName"], ["user_name", "username_"])
    yield errors.ReadFailed(
        database=SHOP, cause="terminating connection due to administrator command", gone=True
    )
    yield errors.NothingToCompare("the source", "the target")
    yield _at(errors.NoKey("page_views", engine="PostgreSQL"), 12)
    failed = errors.RowFailed(
        "orders",
        key="id = 20417",
        cause='null value in column "currency" of relation "orders" violates not-null constraint',
        rejected=0,
        max_rejects=0,
    )
    yield _at(failed, 14, "2 steps before it stay applied, because each step commits by itself")
    cancelled = errors.RunCancelled(318, by="ana@desk")
    yield _at(cancelled, 14, "2 steps before it stay applied, because each step commits by itself")
    yield errors.MemoryExceeded(used="613 MB", limit="512 MB")
    yield errors.JournalTooNew(found=2, known=1, database=SHOP)
    yield _at(
        errors.ModelTransactionOpen(
            "a model's own connection (PostgresBackend) is in a transaction on the database "
            "that is migrated",
            remedy="commit it, or roll it back, before the migration begins: the migration\n"
            "could wait for its locks for ever, and would not see its rows",
        ),
        30,
    )
    yield _at(errors.ModelTransactionLost("deadlock detected"), 30)
    yield _at(
        errors.ModelCallRefused(
            "commit of the outermost transaction",
            why="the transaction is the migration's, which commits it together with its journal",
            remedy="nest one:  with Model.transaction(): …",
        ),
        30,
    )
    yield _on_sqlite(
        errors.DecimalNotExact(
            "account", "balance", value="12345678901234567.1234567891", type_name="NUMERIC(28, 10)"
        ),
        30,
        TAKEN_BACK.replace("PostgreSQL", "SQLite"),
    )
    yield _at(errors.ValueNotStorable("Range"), 12)
    yield errors.ValueNotReadable('{"range":[1,5]}', cause="ValueError: no type is called 'range'")

    yield errors.CheckFailed(
        [
            (
                "index-blocks-writes",
                "index ix_orders_email: writers of orders wait",
                "it holds SHARE until about 1,204,117 rows are read",
                f"{FILE}:9",
            ),
            (
                "column-renamed",
                "column orders.mail becomes email",
                "what is running reads the old name",
                f"{FILE}:12",
            ),
        ],
        migration=ID,
        instead="build it beside the writers, in a migration of its own:\n"
        "transactional = False\n"
        'self.create_index("orders", ["email"], name="ix_orders_email", concurrently=True)',
        database=SHOP,
    )

    failed_rules = errors.ValidationFailed(
        failed=2,
        of=5,
        found=[
            "31 of 12,408 rows are NULL in customer.full_name",
            "  first: id 17  full_name NULL   id 204  full_name NULL   id 205  full_name NULL",
            "1 of 80,114 rows refers to nothing: orders.customer_id is not in customer.id",
            "  first: id 20417  customer_id 99",
        ],
    )
    failed_rules.where = f"{ID}.validate_before, {FILE}:9"
    failed_rules.database = SHOP
    failed_rules.left = f"nothing of {ID} was begun, and nothing was changed by it"
    yield failed_rules

    zero = (
        "orders.placed: 12 values of orders.placed have no month or day, which timestamp cannot "
        "keep; the first: 17 → '0000-00-00 00:00:00'"
    )
    nul = (
        "customer.email: 1 value of customer.email has a character NUL in it, which text cannot "
        "keep; the first: 2002 → 'ana\\x00@shop.org'"
    )
    yield errors.TransferRefused(
        [zero, nul],
        database=SHOP,
        remedy='let a rule take them:  cleanse = { placed = [{ misfit = "null" }] }\n'
        'or name another type:  types = { placed = "text" }\n'
        "or leave these rows out:  where = …",
    )
    yield errors.TargetNotEmpty(
        ["customer", "orders"],
        database=SHOP,
        why="has such tables already",
        remedy="choose an empty database; or say what to do with them:\n"
        "--existing replace   drop these tables, with their rows\n"
        "--existing fill      keep them as they are made, if they are empty",
    )
    yield errors.CannotFollow(
        ["'log_line' has no key by which its changes could be told"],
        database="mariadb://app:***@old/shop",
        remedy="give it a primary key, or leave it out:  --exclude log_line",
    )
    yield errors.NotFollowed(database=SHOP, why="it follows nothing")
    yield errors.CaptureLost(
        "1f0a83c2d4",
        database="mariadb://app:***@old/shop",
        why="what noted them is not there any more",
    )
    yield errors.SourceAltered(
        {"orders": "the column 'currency' is new"}, database="mariadb://app:***@old/shop"
    )
    yield errors.CutoverFailed(
        "compare",
        database=SHOP,
        left="writes are allowed again, and the following can go on",
        cause="the target is not equal: 3 rows differ: see them:  whimbrel verify SOURCE TARGET",
        remedy="see to the cause, then run the same command again",
    )
    yield errors.RowsOvertaken("customer")
    yield errors.UndoConflicts(
        "customer",
        rows=2,
        first=[
            "id 17: email is 'ana@new.example', was 'ANA@OLD.EXAMPLE'",
            "id 40: email is None, was 'bo@example.org'",
        ],
    )
    yield errors.ClusterUnavailable("tcp://scheduler:8786", cause="no worker has come to it")
    yield errors.ScratchNotMade(
        "a scratch database cannot be made",
        database=SHOP,
        cause="permission denied to create database",
        remedy="give this user the right to create databases, or name a server where\n"
        "it has it:  --scratch URL",
    )
    yield errors.TransferHalfDone(
        "transfer from old",
        database=SHOP,
        why="it was begun at 2026-11-23T10:20:31.000000Z by: whimbrel transfer old new",
    )


def _others() -> Iterator[errors.WhimbrelError]:
    yield errors.LockNotHad(
        "give the new table the name customer",
        table="customer",
        waited="10 min 2 s",
        blockers=["pid 2214 (report@db1), for 25 min 3 s"],
    )
    yield errors.BackupToolMissing(
        "pg_dump",
        database=SHOP,
        cause="/usr/bin/pg_dump is pg_dump (PostgreSQL) 15.18, and the server is PostgreSQL 16.9",
        package="the client programs of PostgreSQL 16 or later "
        "(Debian, Ubuntu: apt install postgresql-client-16)",
    )
    yield errors.BackupBroken(
        "backups/main-20261123-101500-4f1a",
        wrong=["rows/0007.gz was changed: it is not what its hash says"],
    )
    yield errors.BackupFailed(
        "there is not enough room for a backup",
        where="backups",
        database=SHOP,
        cause="it may take 12.4 GB, and 3.1 GB are free",
        remedy="make room there, or put it elsewhere:  whimbrel backup --into FOLDER",
    )
    yield errors.RestoreRefused(
        "the target is not empty",
        database=SHOP,
        object="table customer, table orders",
        remedy="name an empty database:  --into URL\n"
        "or let everything in this one go:  --existing replace",
    )
    yield errors.DualWriteRefused(
        "UPDATE would change rows of 'old_user' on one side alone",
        why="the statement goes past save() and delete() of OldUser",
        remedy="change the records one by one, or with bulk_create, bulk_update, bulk_delete; or "
        "switch the\ndual write off, do it on both sides, and compare:  whimbrel reconcile",
    )
    yield errors.DualWriteFailed(
        "users", side="NewUser", cause="value too long for type character varying(64)"
    )
    yield errors.RestoreUnfinished(
        "main-20261123-101500-4f1a",
        database="mariadb://app:***@db1/shop",
        began="2026-11-23T10:31:07.120411Z",
    )
    yield errors.RestoreFailed(
        "the restore stopped before its end",
        database=SHOP,
        left="the target is as it was before",
        cause="could not extend file: No space left on device",
        remedy="do away with the cause, then run the same command again",
    )
    yield errors.TransferFailed(
        "rows of 'orders' could not be written",
        database=SHOP,
        object="table 'orders', chunk 7",
        left="the chunks that are copied stay, with their notes; nothing of this one does",
        cause="could not extend file: No space left on device",
    )
    yield errors.WhimbrelError("run 12 is done and cannot become failed")
    yield errors.RepairRefused(
        "only a sample of the rows was compared",
        object="tables: orders",
        remedy="compare all rows: leave the sample out",
    )
    yield errors.RepairFailed(database=SHOP, cause="server closed the connection unexpectedly")
    yield errors.ReportNotWritten(
        "reports",
        why="No space left on device",
        left="the report is lost; what it is about has happened all the same",
        remedy="make room or give the right to write there; see what was done:  whimbrel history",
    )
    yield errors.ReportChanged(
        "reports/20261123_101500_up_run_12.html",
        wrong=["its page is not the one that was sealed"],
        seal="9f2c7b1e" * 8,
    )
    yield errors.DatabaseUnavailable(
        database=SHOP,
        cause='connection failed: FATAL: password authentication failed for user "app"',
        remedy="correct the user or the password in the URL",
    )
    yield errors.MigrationFailed(
        f"migration {ID} failed at step 3 of 6",
        where=f"{ID}.up, {FILE}:14",
        database="mariadb://app:***@db1/shop",
        object="CREATE INDEX `ix_customer_bio` ON `customer` (`bio`)",
        left="2 steps before it stay applied, because each step commits by itself",
        cause="(1170) BLOB/TEXT column 'bio' used in key specification without a key length",
        remedy="correct the cause, then go on:  whimbrel up\n"
        "or take the finished steps back:  whimbrel down",
        resumable=True,
    )
    yield stop.Stopped(
        where=ID,
        database="mariadb://app:***@db1/shop",
        left=f"2 steps of {ID} stay applied",
        remedy="go on:  whimbrel up\nor take the finished steps back:  whimbrel down",
    )
