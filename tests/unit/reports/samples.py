"""Reports with made-up facts, in which everything that a report can say is said once."""

from __future__ import annotations

import dataclasses

from whimbrel.reports import report as reports
from whimbrel.reports import shown

HIDDEN = "Ann\u202eeba\u2066 "
NASTY = '<script>alert("x")</script><!-- </script> &amp; --> {{ 7*7 }}'
EMOJI = "👩‍👩‍👧 Zoë 🏳️‍🌈"
RTL = "مرحبا بالعالم"
LONG = "It was a long text. " * 500
CONTROLS = "tab\there, line\nend, nul\x00, no-break\u00a0space, bell\x07, bom\ufeff"
COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
ZEROS = bytes(100)


def named(column: str, value: object) -> reports.Named:
    return reports.Named(column=column, value=shown.of(value))


def cell(column: str, one: str | None, other: str | None) -> reports.Cell:
    source, target, note = shown.pair(one, other)
    return reports.Cell(column=column, source=source, target=target, note=note)


def changed(key: int, *cells: reports.Cell) -> reports.Example:
    return reports.Example(kind="changed", key=(named("id", key),), cells=cells)


CUSTOMER = reports.Table(
    name="customer",
    outcome=reports.Outcome.DIFFERENT,
    source="customer",
    target="customers",
    key=("id",),
    rows_source=120_400,
    rows_target=120_399,
    fingerprint_source="0f3c9a1b2e4d5f60718293a4b5c6d7",
    fingerprint_target="0f3c9a1b2e4d5f60718293a4b5c6d9",
    only_source=3,
    only_target=2,
    changed=9,
    settled=1,
    columns=(
        reports.Column(source="id", target="id", compared_as="integer"),
        reports.Column(source="name", target="full_name", compared_as="text", different=7),
        reports.Column(
            source="balance",
            target="balance",
            compared_as="decimal",
            tolerance="±0.005",
            different=2,
        ),
        reports.Column(
            source="created",
            target="created_at",
            compared_as="instant",
            notes=(
                "datetime and instant are compared as instant",
                "what has no time zone is read as UTC",
            ),
        ),
    ),
    columns_only_target=("search_name",),
    examples=(
        changed(17, cell("name", "NULL", None), cell("balance", "10.00", "10.01")),
        changed(18, cell("name", "", " ")),
        changed(19, cell("name", NASTY, "alert")),
        changed(20, cell("name", COMPOSED, DECOMPOSED)),
        changed(21, cell("name", HIDDEN, "Ann")),
        changed(22, cell("name", EMOJI, RTL)),
        changed(23, cell("name", LONG, LONG[:9_000] + "X" + LONG[9_001:])),
        changed(24, cell("name", CONTROLS, CONTROLS.replace("\x00", ""))),
        reports.Example(
            kind="only in source",
            key=(named("id", 99),),
            cells=(
                reports.Cell(column="name", source=shown.of("Zoë")),
                reports.Cell(column="photo", source=shown.of(ZEROS)),
            ),
            more=3,
        ),
        reports.Example(
            kind="only in target",
            key=(named("id", 100),),
            cells=(reports.Cell(column="name", target=shown.of(None)),),
        ),
    ),
    milliseconds=1_250,
    notes=("1 row differed at first and was equal when looked at again",),
)


def equal(name: str, rows: int, *, milliseconds: int) -> reports.Table:
    fingerprint = f"{rows:030x}"
    return reports.Table(
        name=name,
        outcome=reports.Outcome.EQUAL,
        source=name,
        target=name,
        key=("id",),
        rows_source=rows,
        rows_target=rows,
        fingerprint_source=fingerprint,
        fingerprint_target=fingerprint,
        columns=(reports.Column(source="id", target="id", compared_as="integer"),),
        milliseconds=milliseconds,
    )


ORDERS = reports.Table(
    name="order_line",
    outcome=reports.Outcome.MOVING,
    source="order_line",
    target="order_line",
    key=("order_id", "line"),
    rows_source=2_999_671,
    rows_target=2_999_670,
    fingerprint_source="a" * 30,
    fingerprint_target="b" * 30,
    moving=41,
    milliseconds=9_800,
)
GONE = reports.Table(
    name="old_prices",
    outcome=reports.Outcome.ONLY_SOURCE,
    source="old_prices",
    rows_source=812,
    only_source=812,
    why="the target has no such table",
)
ODD = reports.Table(
    name="a_table_with_a_very_long_name_that_somebody_gave_it_in_2009",
    outcome=reports.Outcome.NOT_COMPARED,
    source="shape",
    target="shape",
    rows_source=11,
    rows_target=11,
    why="geometry and text have no form in common",
)

SOURCE = reports.Database(
    role="source",
    url="mysql://app:***@db1/shop",
    engine="MariaDB",
    version="10.11.6",
    position="0-1-4711",
    snapshot="one transaction, repeatable read",
    at="2026-05-04T09:12:00.100000Z",
)
TARGET = reports.Database(
    role="target",
    url="postgresql://app:***@db2/shop",
    engine="PostgreSQL",
    version="16.14",
    position="0/16B3748",
    snapshot="one exported snapshot, read by 2 sessions",
    at="2026-05-04T09:12:00.140000Z",
)

DIFFERENT = reports.Report(
    kind=reports.Kind.VERIFICATION,
    title="Comparison of shop and shop",
    command="whimbrel verify main new",
    whimbrel="0.1.0",
    started_at="2026-05-04T09:12:00.000000Z",
    milliseconds=14_300,
    by="ana@web-3",
    databases=(SOURCE, TARGET),
    tables=(
        CUSTOMER,
        equal("product", 12_400, milliseconds=90),
        equal("country", 249, milliseconds=4),
        ORDERS,
        GONE,
        ODD,
    ),
    sides=("source", "target"),
    profiles=(
        reports.Profile(
            table="customer",
            column="name",
            before=reports.Values(rows=120_400, nulls=0, shortest=1, longest=80, average=14),
            after=reports.Values(rows=120_399, nulls=7, shortest=1, longest=80, average=14),
        ),
    ),
    validation=(
        reports.Validation(rule="customer.email is unique", passed=True, when="after", rows=0),
        reports.Validation(
            rule="order_line.order_id has its order",
            passed=False,
            when="after",
            table="order_line",
            says="12 orphans",
            rows=12,
            examples=("order_id 7", "order_id 9"),
        ),
        reports.Validation(
            rule="names are short", passed=False, severity="warning", when="after", rows=1
        ),
    ),
    losses=(
        reports.Loss(
            table="event", column="at", what="microseconds become milliseconds", values=14,
            accepted="accept_loss in migration 0007",
        ),
    ),
    cleansed=(
        reports.Cleansed(
            table="customer", column="born", rule="'0000-00-00' becomes NULL", values=1_118,
            examples=(reports.Cell(column="born", source=shown.of("0000-00-00"),
                                   target=shown.NULL),),
        ),
    ),
    repairs=(reports.Repair(table="customer", action="insert", rows=3, says="id 99, 107, 108"),),
    notes=("the two snapshots are 40 ms apart",),
)  # fmt: skip

EQUAL = dataclasses.replace(
    DIFFERENT,
    tables=(equal("product", 12_400, milliseconds=90), equal("country", 249, milliseconds=4)),
    profiles=(),
    validation=(),
    losses=(),
    cleansed=(),
    repairs=(),
    notes=(),
)

MIGRATED = reports.Report(
    kind=reports.Kind.MIGRATION,
    title="Migration of main",
    command="whimbrel up",
    whimbrel="0.1.0",
    started_at="2026-05-04T09:12:00.000000Z",
    milliseconds=96_000,
    by="ana@web-3",
    databases=(dataclasses.replace(TARGET, role="database", position="", snapshot=""),),
    migrations=(
        reports.Migration(
            id="20260504_090000_split_names",
            direction="up",
            status="done",
            doc="Split full_name into first_name and last_name.",
            run=12,
            attempts=2,
            started_at="2026-05-04T09:12:00.000000Z",
            milliseconds=95_000,
            rows=999_998,
            rejected=2,
            steps=(
                reports.Step(
                    position=1,
                    what="add column customer.first_name",
                    status="done",
                    kind="ddl",
                    sql=('ALTER TABLE "customer" ADD COLUMN "first_name" VARCHAR(100)',),
                    statements=1,
                    milliseconds=3,
                ),
                reports.Step(
                    position=2,
                    what="backfill customer.first_name, last_name",
                    status="done",
                    kind="rows",
                    table="customer",
                    rows=999_998,
                    read=1_000_000,
                    rejected=2,
                    batches=40,
                    retries=1,
                    milliseconds=94_000,
                ),
            ),
        ),
    ),
    counted=(
        reports.Counted(
            table="customer",
            before=reports.Count(rows=1_000_000),
            after=reports.Count(rows=1_000_000),
        ),
        reports.Counted(
            table="name", before=reports.Count(why="not there"), after=reports.Count(rows=4_120)
        ),
        reports.Counted(
            table="page_views",
            before=reports.Count(rows=88_000_000, exact=False, why="what the server estimates"),
            after=reports.Count(rows=87_000_000, exact=False, why="what the server estimates"),
        ),
    ),
    profiles=(
        reports.Profile(
            table="customer", column="first_name", before_why="not there",
            after=reports.Values(rows=90_000, nulls=2, shortest=1, longest=31, average=6),
        ),
        reports.Profile(
            table="customer", column="last_name",
            before=reports.Values(rows=90_000, nulls=88_100, shortest=2, longest=40, average=9),
            after=reports.Values(rows=90_000, nulls=1_204, shortest=1, longest=64, average=11),
        ),
    ),
    throughput=(
        reports.Throughput(
            title="20260504_090000_split_names",
            points=tuple(
                reports.Point(at=2_300 * n, took=2_100, rows=25_000 - 900 * (n % 7) * (n > 20))
                for n in range(1, 41)
            ),
        ),
    ),
    rejected=2,
    rejects=(
        reports.Reject(
            table="customer", reason="first_name is too long", key=(shown.of(17),),
            row=(named("id", 17), named("full_name", NASTY), named("note", None)),
        ),
        reports.Reject(
            table="customer", reason="value too long for type character varying(100)",
            key=(shown.of(23),), row=(named("id", 23), named("full_name", LONG)),
        ),
    ),
    notes=("20260504_090000_split_names was resumed: its steps are those of all 2 attempts",),
)  # fmt: skip

FAILED = dataclasses.replace(
    MIGRATED,
    migrations=(
        dataclasses.replace(
            MIGRATED.migrations[0],
            status="failed",
            error="migration 20260504_090000_split_names failed at step 2: backfill\n"
            "  left      1 step stays applied",
            steps=(
                MIGRATED.migrations[0].steps[0],
                dataclasses.replace(MIGRATED.migrations[0].steps[1], status="not done"),
            ),
        ),
    ),
)

# The same two at every moment, so that they can be golden.
TRANSFERRED = reports.Report(
    kind=reports.Kind.TRANSFER,
    title="Transfer of legacy into shop",
    command="whimbrel transfer legacy shop",
    whimbrel="0.1.0",
    started_at="2026-05-04T09:12:00.000000Z",
    milliseconds=61_200,
    by="ana@web-3",
    databases=(SOURCE, TARGET),
    tables=(
        dataclasses.replace(
            CUSTOMER, only_source=3, only_target=0, changed=0, moving=0, examples=(), columns=()
        ),
        equal("country", 249, milliseconds=40),
        reports.Table(
            name="letter",
            outcome=reports.Outcome.NOT_COMPARED,
            source="tbl_letter",
            target="letter",
            why="rules changed its rows on their way; they were counted",
            rows_source=500,
            rows_target=498,
        ),
    ),
    copied=(
        reports.Copied(
            name="customer",
            source="customer",
            target="customers",
            read=120_400,
            written=120_397,
            rejected=3,
            before=40_000,
            bytes=9_120_000,
            chunks=4,
            milliseconds=2_400,
        ),
        reports.Copied(
            name="letter",
            source="tbl_letter",
            target="letter",
            read=500,
            written=498,
            dropped=2,
            bytes=90_000,
            chunks=1,
            milliseconds=300,
        ),
    ),
    made=(
        reports.Made(kind="table", names=("customers", "country", "letter")),
        reports.Made(kind="index", names=("customers: ix_customers_name",)),
    ),
    not_converted=(
        reports.NotConverted(
            kind="trigger",
            name="customer_ai",
            table="customer",
            why="what it does is written in the language of one engine",
            text=f"CREATE TRIGGER customer_ai … {NASTY}",
        ),
        reports.NotConverted(kind="routine", name="total", why="it is code of one engine"),
    ),
    sides=("source", "target"),
    throughput=(
        reports.Throughput(
            title="copying",
            points=tuple(reports.Point(at=600 * n, took=600, rows=20_000 + n) for n in range(1, 5)),
        ),
    ),
    losses=(
        reports.Loss(
            table="customer",
            column="born",
            what="12 values of customer.born have no month or day",
            values=12,
            accepted="by a rule",
            examples=(
                reports.Found(key=(shown.of(17),), value=shown.of("0000-00-00")),
                reports.Found(key=(shown.of(HIDDEN),), value=shown.of(HIDDEN)),
            ),
        ),
        reports.Loss(
            table="customer",
            column="state",
            what="no longer an enumeration",
            verdict="noted",
        ),
    ),
    cleansed=(
        reports.Cleansed(
            table="letter",
            column="body",
            rule="trim",
            values=31,
            examples=(cell("body", " a ", "a"), cell("body", "  ", None)),
        ),
    ),
    rejected=3,
    rejects=(
        reports.Reject(
            table="customer",
            reason="email: it is NULL, and has to have a value",
            rule="required",
            key=(shown.of("2001"),),
            row=(named("id", "2001"), named("name", NASTY), named("email", None)),
        ),
    ),
    reasons=(
        reports.Reason(table="customer", reason="it is NULL", rule="required", rows=2),
        reports.Reason(table="customer", reason="too long for type character varying(5)", rows=1),
    ),
    notes=("an earlier attempt had copied 40,000 of the rows; this one went on with it",),
)

MOVED = dataclasses.replace(
    TRANSFERRED,
    tables=(equal("country", 249, milliseconds=40),),
    copied=(dataclasses.replace(TRANSFERRED.copied[0], rejected=0, written=120_400),),
    rejected=0,
    rejects=(),
    reasons=(),
)
REFUSED = dataclasses.replace(
    MOVED,
    not_made=(
        reports.NotConverted(
            kind="view",
            name="large",
            why="the target refused it: no such function",
            text="CREATE VIEW large AS SELECT nonsense(id) FROM letter",
        ),
    ),
)

LIVE = dataclasses.replace(
    MIGRATED,
    migrations=(
        reports.Migration(
            id="20260511_100000_amount_as_text",
            direction="live",
            status="done",
            doc="Amounts come with their currency.",
            run=14,
            started_at="2026-05-11T10:00:00.000000Z",
            milliseconds=61_000,
            rows=4_000_000,
        ),
    ),
    live_changes=(
        reports.LiveChange(
            migration="20260511_100000_amount_as_text",
            table="orders",
            mode="table",
            up=(
                reports.Mapped(column="id", made_of='"id"'),
                reports.Mapped(column="amount", made_of='CAST("amount" AS TEXT)'),
            ),
            down=(
                reports.Mapped(column="id", made_of='"id"'),
                reports.Mapped(column="amount", made_of='CAST("amount" AS INTEGER)'),
            ),
            phases=(
                reports.Phase(name="expanded", milliseconds=8),
                reports.Phase(name="mirrored", milliseconds=430),
                reports.Phase(name="backfilled", milliseconds=48_000),
                reports.Phase(name="verified", milliseconds=12_000),
                reports.Phase(name="swapped", milliseconds=650),
            ),
            filled=4_000_000,
            compared=4_000_120,
            ranges=801,
            refilled=3,
            waits=1,
            tries=2,
            longest=640,
            blockers=(f"pid 4711 of {NASTY}, for 20 min",),
            way_back="going back would change or lose rows",
            lossy=2,
            first=(f"id {HIDDEN!r}", "id 88"),
            columns=("amount",),
        ),
    ),
    counted=(),
    profiles=(),
    throughput=(),
    validation=(),
    rejected=0,
    rejects=(),
    notes=(),
)

ALL = {
    "live": LIVE,
    "different": DIFFERENT,
    "equal": EQUAL,
    "migrated": MIGRATED,
    "failed": FAILED,
    "transferred": TRANSFERRED,
    "refused": REFUSED,
    "moved": MOVED,
}
