"""`whimbrel transfer` and `rejects` on the command line: words, JSON, reports, exit codes."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faces import shell
from whimbrel import events, progress
from whimbrel.cli import app, copying, output, stop, transfer
from whimbrel.reports import seal
from whimbrel.schema import losses, made
from whimbrel.transfers import cluster
from whimbrel.transfers import plan as planning

SCHEMA = """
CREATE TABLE customer (id integer PRIMARY KEY, name text NOT NULL, age integer CHECK (age < 200));
CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer REFERENCES customer (id),
                     total numeric(10, 2));
CREATE INDEX ix_orders_customer ON orders (customer_id);
CREATE VIEW large AS SELECT * FROM orders WHERE total > 10;
"""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def whimbrel(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Run a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        code = app.main(list(arguments))
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A database with two tables, an index and a view."""
    file = tmp_path / "old.db"
    connection = sqlite3.connect(file)
    connection.executescript(SCHEMA)
    connection.executemany(
        "INSERT INTO customer VALUES (?, ?, ?)", [(n, f"name {n}", n % 90) for n in range(1, 101)]
    )
    connection.executemany(
        "INSERT INTO orders VALUES (?, ?, ?)", [(n, n % 100 + 1, n / 4) for n in range(1, 501)]
    )
    connection.commit()
    connection.close()
    return file


def change(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    for sql in statements:
        connection.execute(sql)
    connection.close()


def look(file: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(file)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def with_rejects(file: Path) -> None:
    """Put three customers in that a check refuses, and one value that only a rule takes."""
    change(
        file,
        "PRAGMA ignore_check_constraints = on",
        *(f"INSERT INTO customer VALUES ({n}, 'odd ''{n}''', {n})" for n in (901, 902, 903)),
    )


OLD, NEW = "sqlite:///old.db", "sqlite:///new.db"


# --- done -----------------------------------------------------------------------------------


def test_everything_arrives_and_the_last_line_says_that_it_is_equal(
    whimbrel: Run, shop: Path, tmp_path: Path
) -> None:
    done = whimbrel("transfer", OLD, NEW)

    lines = done.out.splitlines()
    assert (0, "") == (done.code, done.err)
    assert f"{OLD}  →  {NEW}" == lines[0]
    assert re.search(r"^  orders +500 rows .* equal", done.out, re.MULTILINE)
    assert lines[-1].startswith("done, and equal: 2 tables, 600 rows in ")
    assert [(500,)] == look(tmp_path / "new.db", "SELECT count(*) FROM orders")
    assert [(460,)] == look(tmp_path / "new.db", "SELECT count(*) FROM large")


def test_chosen_tables_and_rows_go_and_no_others(whimbrel: Run, shop: Path, tmp_path: Path) -> None:
    done = whimbrel("transfer", OLD, NEW, "--tables", "cust*", "--where", "customer=id <= 10")

    assert 0 == done.code, done.err
    assert [(10,)] == look(tmp_path / "new.db", "SELECT count(*) FROM customer")
    assert [] == look(tmp_path / "new.db", "SELECT name FROM sqlite_master WHERE name = 'orders'")


def test_schema_and_rows_can_go_one_after_the_other(
    whimbrel: Run, shop: Path, tmp_path: Path
) -> None:
    schema = whimbrel("transfer", OLD, NEW, "--schema-only")
    empty = look(tmp_path / "new.db", "SELECT count(*) FROM orders")
    data = whimbrel("transfer", OLD, NEW, "--data-only", "--no-verify")

    assert (0, 0) == (schema.code, data.code), schema.err + data.err
    assert "2 tables made, without rows" in schema.out
    assert [(0,)] == empty
    assert data.out.splitlines()[-1].startswith("done, not compared: 2 tables, 600 rows")


def test_json_has_everything(whimbrel: Run, shop: Path) -> None:
    done = whimbrel("transfer", OLD, NEW, "--json")

    found = json.loads(done.out)
    assert (0, "") == (done.code, done.err)
    assert (True, 600, 0, False) == (
        found["ok"], found["rows"], found["rejected"], found["resumed"],
    )  # fmt: skip
    assert {"customer": 100, "orders": 500} == {t["name"]: t["rows"] for t in found["tables"]}
    assert found["verification"]["equal"] is True
    assert found["report"] is None


def test_quiet_says_only_what_was_asked_for(whimbrel: Run, shop: Path) -> None:
    done = whimbrel("transfer", OLD, NEW, "--quiet")

    assert 4 == len(done.out.splitlines())


# --- a dry run ------------------------------------------------------------------------------


def test_a_dry_run_shows_the_plan_and_makes_nothing(
    whimbrel: Run, shop: Path, tmp_path: Path
) -> None:
    done = whimbrel("transfer", OLD, NEW, "--dry-run", "--sql", "--where", "orders=id > 400")

    assert 0 == done.code
    assert "orders    about 500 rows  3 columns  where id > 400" in done.out
    assert "CREATE VIEW large" in done.out
    assert done.out.splitlines()[-1].endswith("; nothing was changed")
    assert ["old.db"] == [file.name for file in tmp_path.iterdir()]


def test_a_dry_run_as_json_has_every_statement_and_column(whimbrel: Run, shop: Path) -> None:
    found = json.loads(whimbrel("transfer", OLD, NEW, "--dry-run", "--json").out)

    assert {"customer", "orders"} == {table["name"] for table in found["tables"]}
    assert found["refused"] is False
    assert any("CREATE TABLE orders" in sql for one in found["statements"] for sql in one["sql"])


def test_a_dry_run_never_writes_to_a_target_that_is_there(
    whimbrel: Run, shop: Path, tmp_path: Path
) -> None:
    change(tmp_path / "new.db", "CREATE TABLE other (id integer)")
    before = (tmp_path / "new.db").read_bytes()

    done = whimbrel("transfer", OLD, NEW, "--dry-run")

    assert 0 == done.code
    assert before == (tmp_path / "new.db").read_bytes()


def loss(verdict: losses.Verdict, **facts: object) -> losses.Loss:
    given = {
        "table": "orders",
        "column": "placed",
        "what": "zero date",
        "says": "no such day",
        "rows": 12,
        "remedy": "a rule\nor a type",
        "keys": tuple(((str(n),), f"0000-00-0{n}") for n in range(5)),
    }
    return losses.Loss(verdict=verdict, **{**given, **facts})  # type: ignore[arg-type]


def test_losses_are_told_by_what_follows_from_them(display) -> None:
    _, _, page = display
    out = output.Output()
    out.stdout, out.fancy = page, False
    place = planning.Place(url="a", engine="one", title="One", version="1")
    plan = planning.TransferPlan(
        source=place,
        target=place,
        flows=(),
        schema=made.Schema(
            tables=(),
            not_converted=(made.NotConverted(kind="trigger", name="t", table="a", why="code"),),
        ),
        losses=(
            loss(losses.Verdict.NOTED, keys=(), rows=None, says="a text from now on"),
            loss(losses.Verdict.ACCEPTED, says="12 values of orders.placed: no such day"),
            loss(losses.Verdict.REFUSED),
        ),
    )

    copying.show_plan(out, plan)

    assert [
        "refused  orders.placed  12 rows  no such day",
        "         first: 0 0000-00-00   1 0000-00-01   2 0000-00-02",
        "         to do: a rule",
        "                or a type",
        "accepted  12 values of orders.placed: no such day",
        "noted  orders.placed  a text from now on",
        "not converted  trigger t of a: code",
        "refused: 1 column does not fit; nothing was changed",
    ] == page.getvalue().splitlines()[3:]


# --- refused --------------------------------------------------------------------------------


def test_tables_that_are_there_are_not_touched_unless_that_is_said(
    whimbrel: Run, shop: Path, tmp_path: Path
) -> None:
    change(tmp_path / "new.db", "CREATE TABLE customer (mine text)")

    refused = whimbrel("transfer", OLD, NEW)
    kept = look(tmp_path / "new.db", "SELECT count(*) FROM pragma_table_info('customer')")
    shown = whimbrel("transfer", OLD, NEW, "--existing", "replace", "--dry-run")
    done = whimbrel("transfer", OLD, NEW, "--existing", "replace")

    assert 1 == refused.code
    assert "[target-not-empty]" in refused.err
    assert [(1,)] == kept
    assert "dropped before, with their rows  customer" in shown.out
    assert 0 == done.code, done.err


@pytest.mark.parametrize(
    ("said", "code", "wrong"),
    [
        (("--tables", "nix"), 2, "nix"),
        (("--where", "orders"), 2, "does not say for which table"),
        (("--where", "orders=a", "--where", "orders=b"), 2, "two conditions for 'orders'"),
        (("--schema-only", "--data-only"), 2, "leave nothing to do"),
        (("--existing", "eat"), 2, "existing='eat' means nothing"),
        (("--rules", "nix"), 2, "no rules called 'nix'"),
        (("--report", "a.pdf"), 2, "'a.pdf' is neither"),
    ],
)
def test_what_cannot_be_is_said(
    whimbrel: Run, shop: Path, tmp_path: Path, said: tuple[str, ...], code: int, wrong: str
) -> None:
    done = whimbrel("transfer", OLD, NEW, *said)

    assert (code, True) == (done.code, wrong in done.err), done.err


def test_a_source_that_is_not_there_is_named_and_not_made(whimbrel: Run, tmp_path: Path) -> None:
    done = whimbrel("transfer", "sqlite:///nothing.db", NEW)

    assert 1 == done.code
    assert "nothing.db" in done.err
    assert [] == list(tmp_path.iterdir())


def test_passwords_are_never_shown(whimbrel: Run, shop: Path) -> None:
    url = "postgresql://app:S3cret@127.0.0.1:1/shop"

    done = whimbrel("transfer", OLD, url)

    assert 1 == done.code
    assert "S3cret" not in done.out + done.err


# --- rules ----------------------------------------------------------------------------------


def test_rules_that_were_not_asked_for_are_named(whimbrel: Run, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "whimbrel.toml").write_text(
        '[transfers.clean.tables.customer]\ncleanse = { name = ["upper"] }\n'
    )

    without = whimbrel("transfer", OLD, NEW, "--dry-run")
    by = whimbrel("transfer", OLD, NEW, "--rules", "clean", "--no-report")

    assert "by no rules; there are:  --rules clean" in without.out
    assert 0 == by.code, by.err
    assert "customer.name  upper: 100 values changed" in by.out
    assert [("NAME 1",)] == look(tmp_path / "new.db", "SELECT name FROM customer WHERE id = 1")


def test_what_rules_keep_from_being_compared_is_said(
    whimbrel: Run, shop: Path, tmp_path: Path
) -> None:
    (tmp_path / "whimbrel.toml").write_text(
        '[transfers.some.tables.customer]\ncleanse = { name = ["upper"] }\n'
    )
    more = ("--tables", "customer", "--no-report")

    part = whimbrel("transfer", OLD, NEW, "--rules", "some", "--no-report")
    json_ = whimbrel("transfer", OLD, "sqlite:///2.db", "--rules", "some", "--json", "--no-report")
    alone = whimbrel("transfer", OLD, "sqlite:///3.db", "--rules", "some", *more)

    assert (0, 0, 0) == (part.code, json_.code, alone.code), part.err + alone.err
    assert re.search(r"^  customer +100 rows .* equal but for 1 column", part.out, re.MULTILINE)
    assert "not compared  customer: name, which rules make" in part.out
    assert "done, and equal where compared: 1 table whole, 1 in part, 0 not; 2 tables" in part.out
    compared = {one["name"]: one["compared"] for one in json.loads(json_.out)["tables"]}
    assert {"outcome": "equal", "why": "", "columns_left_out": ["name"]} == compared["customer"]
    assert [] == compared["orders"]["columns_left_out"]
    assert "done, and equal where compared: 0 tables whole, 1 in part, 0 not; 1 table," in alone.out


def test_tables_of_which_rules_left_rows_out_are_counted_and_named(
    whimbrel: Run, shop: Path, tmp_path: Path
) -> None:
    (tmp_path / "whimbrel.toml").write_text(
        '[transfers.some.tables.customer]\ncleanse = { age = ["required"] }\n'
    )
    change(shop, "INSERT INTO customer VALUES (901, 'no age', NULL)")
    asked = ("--rules", "some", "--tables", "customer", "--max-rejects", "1", "--no-report")

    done = whimbrel("transfer", OLD, NEW, *asked)

    assert 1 == done.code
    assert "not compared  customer: rules left rows out, or put them aside; they" in done.out
    assert "done, but not all: 1 rejected" in done.out


# --- who copies -----------------------------------------------------------------------------


def test_processes_copy_the_same(whimbrel: Run, shop: Path, tmp_path: Path) -> None:
    done = whimbrel("transfer", OLD, NEW, "--processes", "2", "--no-report")

    assert (0, "") == (done.code, done.err)
    assert "done, and equal: 2 tables, 600 rows" in done.out
    assert [(500,)] == look(tmp_path / "new.db", "SELECT count(*) FROM orders")


def test_a_cluster_needs_its_extra(
    whimbrel: Run, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    done = whimbrel("transfer", OLD, NEW, "--cluster", "tcp://localhost:8786")

    assert 2 == done.code
    assert "--cluster needs the package distributed, which is not installed" in done.err
    assert "pip install 'whimbrel[cluster]'" in done.err
    assert not (tmp_path / "new.db").exists()


def test_a_cluster_that_is_not_there_is_said(
    whimbrel: Run, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 0.5)

    done = whimbrel("transfer", OLD, NEW, "--cluster", "tcp://localhost:1")

    assert 1 == done.code
    assert "there are no workers behind tcp://localhost:1" in done.err
    assert not (tmp_path / "new.db").exists()


# --- rejects --------------------------------------------------------------------------------


def test_a_row_that_cannot_be_written_stops_it_half_way(
    whimbrel: Run, shop: Path, tmp_path: Path
) -> None:
    with_rejects(shop)

    done = whimbrel("transfer", OLD, NEW)
    again = whimbrel("transfer", OLD, NEW, "--max-rejects", "3")

    assert 3 == done.code
    assert "a row of 'customer' cannot be written" in done.err
    assert "id = '901'; max_rejects is 0" in done.err
    assert "--max-rejects N" in done.err
    assert 1 == again.code
    assert "goes on where it stopped" in again.out
    assert [(100,)] == look(tmp_path / "new.db", "SELECT count(*) FROM customer")


def test_rows_that_are_put_aside_are_counted_and_the_exit_code_says_so(
    whimbrel: Run, shop: Path
) -> None:
    with_rejects(shop)

    done = whimbrel("transfer", OLD, NEW, "--max-rejects", "5")

    assert (1, "") == (done.code, done.err)
    assert re.search(r"^  customer +100 rows .* different +3 rejected", done.out, re.MULTILINE)
    assert f"whimbrel rejects list {NEW}" in done.out.splitlines()[-1]


@pytest.fixture
def aside(whimbrel: Run, shop: Path) -> Run:
    """Three customers put aside in new.db."""
    with_rejects(shop)
    whimbrel("transfer", OLD, NEW, "--max-rejects", "5")
    return whimbrel


def test_rejects_are_listed_by_table_and_reason(aside: Run) -> None:
    done = aside("rejects", "list", NEW)
    found = json.loads(aside("rejects", "list", NEW, "--json").out)

    assert 0 == done.code
    assert re.search(r"^  run 1  customer  3 rows .* age < 200", done.out, re.MULTILINE)
    assert "3 rows put aside" in done.out
    assert (3, 3, 1) == (found["rows"], found["waiting"], len(found["rejects"]))


def test_rejects_are_shown_with_their_values(aside: Run) -> None:
    done = aside("rejects", "show", NEW, "--limit", "2")

    assert 0 == done.code
    assert "customer '901'" in done.out
    assert "id = '901', name = 'odd '901'', age = '901'" in done.out
    assert "… and 1 row more:  --limit 3" in done.out


@pytest.mark.parametrize("format_", ["csv", "json", "jsonl"])
def test_rejects_are_exported(aside: Run, tmp_path: Path, format_: str) -> None:
    file = tmp_path / f"rejects.{format_}"

    printed = aside("rejects", "export", NEW, "--format", format_)
    done = aside("rejects", "export", NEW, "--output", str(file))
    again = aside("rejects", "export", NEW, "--output", str(file))

    text = file.read_text("utf-8")
    assert (0, 0, 2) == (printed.code, done.code, again.code)
    assert text.replace("\r\n", "\n") == printed.out.replace("\r\n", "\n")
    assert ["901", "902", "903"] == _ids(text, format_)
    assert f"3 rows written to {file}" in done.out
    assert "exists" in again.err


def _ids(text: str, format_: str) -> list[str]:
    if format_ == "csv":
        return [row["values.id"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    rows = json.loads(text) if format_ == "json" else map(json.loads, text.splitlines())
    return [row["values"]["id"] for row in rows]


def test_rejects_are_written_after_all_when_they_are_right(aside: Run, tmp_path: Path) -> None:
    wrong = aside("rejects", "replay", NEW)
    one = aside("rejects", "replay", NEW, "--row", _first(aside), "--set", "age=41")
    rest = aside("rejects", "replay", NEW, "--null", "age")
    none = aside("rejects", "replay", NEW)

    assert (1, 0, 0, 0) == (wrong.code, one.code, rest.code, none.code)
    assert "0 rows written, 3 still put aside" in wrong.out
    assert "2 rows written" in rest.out
    assert "there was nothing to write" in none.out
    assert [(901, 41), (902, None), (903, None)] == look(
        tmp_path / "new.db", "SELECT id, age FROM customer WHERE id > 900 ORDER BY id"
    )


def _first(run: Run) -> str:
    found = json.loads(run("rejects", "show", NEW, "--json").out)
    return str(found["rejects"][0]["reject"])


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (("show", "--format", "csv"), "--format says nothing to"),
        (("replay", "--set", "age"), "does not say which column"),
        (("replay", "--set", "age=1", "--null", "age"), "both speak of 'age'"),
        (("show", "--row", "7"), "no row that was put aside"),
        (("export", "--format", "xlsx"), "not written as 'xlsx'"),
    ],
)
def test_what_rejects_cannot_do_is_said(aside: Run, said: tuple[str, ...], wrong: str) -> None:
    done = aside("rejects", said[0], NEW, *said[1:])

    assert (2, True) == (done.code, wrong in done.err), done.err


# --- the report -----------------------------------------------------------------------------


def test_a_report_is_written_and_sealed(whimbrel: Run, shop: Path, tmp_path: Path) -> None:
    with_rejects(shop)
    (tmp_path / "whimbrel.toml").write_text(f'[databases.old]\nurl = "{OLD}"\n')

    done = whimbrel("transfer", "old", NEW, "--max-rejects", "5")

    (file,) = (tmp_path / "reports").glob("*_run_1.json")
    found = seal.check(file.read_bytes())
    assert found.intact
    assert f"seal {found.seal}" in done.out
    assert ("transfer", "Done with rejects") == (
        found.report["kind"], found.report["verdict"]["word"],
    )  # fmt: skip
    assert whimbrel("report", "--check", str(file.with_suffix(".html"))).code == 0


def test_a_report_goes_where_it_was_asked_for_and_never_over_another(
    whimbrel: Run, shop: Path, tmp_path: Path
) -> None:
    first = whimbrel("transfer", OLD, NEW, "--report", "moved.html")
    again = whimbrel("transfer", OLD, "sqlite:///third.db", "--report", "moved.html")

    assert (0, 1) == (first.code, again.code)
    assert "[report-not-written]" in again.err
    assert not (tmp_path / "third.db").exists()


# --- stopped --------------------------------------------------------------------------------


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.at = 0.0

    def seconds(self) -> float:
        return self.at


@pytest.fixture
def display() -> tuple[transfer.Display, Clock, io.StringIO]:
    """A display whose standard output is a pipe."""
    out, clock, page = output.Output(), Clock(), io.StringIO()
    out.stdout, out.fancy = page, False
    return transfer.Display(out, stop.Stop(), clock), clock, page  # type: ignore[arg-type]


BEGUN = events.TransferStarted(
    source=OLD, target=NEW, tables=(("orders", 1_000), ("customer", 200)), resumed=False
)


def chunk(rows: int) -> events.ChunkCopied:
    return events.ChunkCopied(
        table="orders", chunk=1, rows=rows, rejected=0, size=rows, seconds=1.0
    )


def test_on_a_pipe_there_is_a_line_every_few_seconds(display) -> None:
    shown, clock, page = display
    shown(BEGUN)
    shown(events.TableCutInChunks(table="orders", chunks=40, done=0))
    for _ in range(25):
        clock.at += 1
        shown(chunk(20))

    assert [
        "  0 of 2 tables · ━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌ · 16% of about 1,200 rows · 20 rows/s · 50 s left",
        "  0 of 2 tables · ━━━━━╌╌╌╌╌╌╌╌╌╌╌ · 33% of about 1,200 rows · 20 rows/s · 40 s left",
    ] == page.getvalue().splitlines()


def test_what_is_waited_for_is_told_once(display) -> None:
    shown, _, page = display
    shown(BEGUN)
    for _ in range(3):
        shown(events.Waiting(reason="trying again: the source was lost"))

    assert ["  waiting: trying again: the source was lost"] == page.getvalue().splitlines()
    assert shown.now().endswith("waiting: trying again: the source was lost")


def test_the_comparison_is_shown_when_it_is_its_turn(display) -> None:
    shown, clock, _ = display
    shown(BEGUN)
    shown(events.VerifyStarted(source=OLD, target=NEW, tables=("orders", "customer")))
    clock.at += 2
    shown(events.RowsCompared(table="orders", rows=100, total=1_000))

    assert "comparing · 0 of 2 tables · 100 rows · 50 rows/s" == shown.now()


def test_a_stop_says_what_is_there_and_how_to_go_on() -> None:
    state = progress.NOT_COPIED
    for event in (BEGUN, chunk(500)):
        state = progress.copied(state, event, at=1.0)

    stopped = transfer._stopped(state)

    assert 130 == stopped.exit_code
    assert "500 rows in the target, 0 of 2 tables whole; each chunk with its note" == stopped.left
    assert "the same command again" in stopped.facts["to do"]


def test_a_stop_before_anything_was_begun_leaves_nothing() -> None:
    assert "nothing was changed" == transfer._stopped(progress.NOT_COPIED).left


@pytest.mark.slow
def test_ctrl_c_ends_it_in_order_and_the_same_command_goes_on(
    whimbrel: Run, shop: Path, tmp_path: Path
) -> None:
    # Wide rows: several chunks of what is soon made.
    change(
        shop,
        "CREATE TABLE letter (id integer PRIMARY KEY, body text)",
        "INSERT INTO letter WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c "
        "WHERE n < 60000) SELECT n, hex(zeroblob(1024)) || n FROM c",
    )
    sent: list[bool] = []

    def seen(text: str) -> signal.Signals | None:
        if "of about" in text and "rows/s" in text and not sent:
            sent.append(True)
            return signal.SIGINT
        return None

    stopped = shell.on_terminal("transfer", OLD, NEW, cwd=tmp_path, seen=seen)
    done = whimbrel("transfer", OLD, NEW)

    assert 130 == stopped.code, stopped.text
    assert "the same command again" in " ".join(stopped.text.split())
    assert 0 == done.code, done.err
    assert "goes on where it stopped" in done.out
    assert [(60_000,)] == look(tmp_path / "new.db", "SELECT count(*) FROM letter")
