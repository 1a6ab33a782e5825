"""How `up` and `down` show themselves: events by hand, a clock of our own, no database."""

from __future__ import annotations

import io
import json

import pytest

from whimbrel import events, words
from whimbrel.cli import live, output, run, stop

FIRST, SECOND = "20260101_101500_split_names", "20260102_090000_cities"
DATABASE = "postgresql://ana:***@db1/shop"


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self):
        self.at = 0.0

    def seconds(self):
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def page():
    """What is written."""
    return io.StringIO()


@pytest.fixture
def out(page):
    """An output that is a pipe."""
    out = output.Output()
    out.stdout, out.fancy = page, False
    return out


@pytest.fixture
def display(out, clock):
    """A display whose standard output is a pipe."""
    return live.Display(out, stop.Stop(), clock)


def started(steps=3, *, migration=FIRST, resumed_at=0, direction="up"):
    return events.MigrationStarted(
        migration=migration, direction=direction, steps=steps, resumed_at=resumed_at
    )


def begun(position, step, *, migration=FIRST):
    return events.StepStarted(migration=migration, position=position, step=step)


def done(position, step, *, rows=None, seconds=0.01, skipped=False, migration=FIRST):
    return events.StepDone(
        migration=migration,
        position=position,
        step=step,
        rows=rows,
        seconds=seconds,
        skipped=skipped,
    )


def rows_begun(total=60_000, *, before=0, workers=1):
    return events.RowsStarted(
        migration=FIRST, position=2, table="user", total=total, done=before, workers=workers
    )


def batch(read, *, rejected=0, size=1_000):
    return events.BatchDone(
        migration=FIRST,
        position=2,
        part=1,
        read=read,
        written=read,
        rejected=rejected,
        seconds=0.5,
        size=size,
    )


RUN = events.RunStarted(direction="up", migrations=(FIRST, SECOND), database=DATABASE)
APPLIED = events.MigrationDone(migration=FIRST, direction="up", seconds=4.5, steps=3)


def test_a_run_is_a_calm_list_of_what_is_done(display, golden, page):
    told = [
        RUN,
        started(75),
        begun(1, "add column user.first_name"),
        done(1, "add column user.first_name"),
        *(
            done(at, "UPDATE user SET first_name = ? WHERE id = ?", rows=1, seconds=0.002)
            for at in range(2, 72)
        ),
        done(72, "UPDATE user\n   SET full_name = NULL\n" * 4, rows=34_000, seconds=3.25),
        events.ModelRows(migration=FIRST, written=1_200, read=34_000),
        done(75, "remove column user.full_name"),
        APPLIED,
        started(None, migration=SECOND, resumed_at=2),
        done(1, "create table city", skipped=True, seconds=0.0, migration=SECOND),
        events.Waiting(reason="the table city is locked by another session"),
        events.Waiting(reason="the table city is locked by another session"),
        done(2, "INSERT INTO city SELECT 1", rows=-1, migration=SECOND),
        events.MigrationStopped(migration=SECOND, direction="up", resumable=True),
    ]

    with display:
        for event in told:
            display(event)

    golden("cli/up.txt", page.getvalue())


def test_a_loop_of_many_statements_gets_two_lines_for_each(display, page):
    display(started(None))
    for at in range(1, 4_001, 2):
        display(done(at, f"SELECT id FROM user WHERE id > {at}"))
        display(done(at + 1, f"UPDATE user SET name = 'it''s {at}' WHERE id > {at}", rows=100))
    display(APPLIED)

    lines = page.getvalue().splitlines()
    assert 6 == len(lines)
    assert "the same × 1,999: SELECT id FROM user WHERE id > 3999" in lines[3]
    assert "199,900 rows" in lines[4]


def test_names_that_differ_in_a_number_are_not_the_same(display, page):
    display(started(3))
    for at in range(1, 4):
        display(done(at, f"create table part_{at}"))

    assert 4 == len(page.getvalue().splitlines())


def test_a_long_loop_gives_a_sign_of_life(display, clock, page):
    display(started(None))
    for at in range(1, 101):
        clock.at += 1
        display(done(at, "DELETE FROM log0", rows=1_000))
    lines = page.getvalue().splitlines()

    assert 5 == len(lines)
    assert all("the same × 31: DELETE FROM log" in line for line in lines[2:])


def test_the_end_of_a_display_tells_what_was_not_told(display, page):
    with display:
        display(started(None))
        display(done(1, "DELETE FROM log", rows=1))
        display(done(2, "DELETE FROM log", rows=2))

    assert "the same × 1: DELETE FROM log" in page.getvalue().splitlines()[-1]


def test_a_number_of_steps_that_was_too_low_is_not_shown(display, page):
    display(started(1))
    display(done(1, "create table a"))
    display(done(2, "create table b"))

    lines = page.getvalue().splitlines()
    assert ["1/1", "2"] == [line.split()[0] for line in lines[1:]]


def test_quiet_shows_nothing(out, clock, page):
    out.quiet = True
    display = live.Display(out, stop.Stop(), clock)

    with display:
        for event in (RUN, started(), done(1, "create table a"), APPLIED):
            display(event)

    assert "" == page.getvalue()
    assert 1 == display.state.done


# --- the live line --------------------------------------------------------------------------


def test_before_the_run_the_line_says_that_it_is_planned(display, clock):
    clock.at = 3.0

    assert "planning … 3 s" == display.now()


def test_the_line_says_which_step_is_at_work_and_since_when(display, clock):
    display(RUN)
    display(started(75))
    display(begun(12, "UPDATE user\n SET name = 1"))
    at_once = display.now()
    clock.at += 12.4

    assert "1 of 2 · 12/75  UPDATE user SET name = 1" == at_once
    assert "1 of 2 · 12/75  UPDATE user SET name = 1 · 12 s" == display.now()


def test_the_line_says_how_many_rows_went_through_models_and_how_fast(display, clock):
    display(started())
    clock.at += 10
    display(events.ModelRows(migration=FIRST, written=12_000, read=500))

    told = "through models: 12,000 rows written (1,200 rows/s), 500 rows read · 10 s"
    assert told == display.now()


def test_the_line_says_what_a_run_waits_for(display):
    display(started())
    display(events.Waiting(reason="a lock on user"))

    assert "waiting: a lock on user" == display.now()


def test_the_line_says_that_it_is_stopping(out, clock):
    stopping = stop.Stop()
    display = live.Display(out, stopping, clock)
    stopping.asked = True

    assert display.now().startswith("stopping …")


@pytest.mark.parametrize("event", [begun(1, "a"), done(1, "a")])
def test_a_stop_that_a_driver_swallowed_is_raised_at_the_next_step(out, clock, event):
    stopping = stop.Stop()
    display = live.Display(out, stopping, clock)
    stopping.asked = True

    with pytest.raises(KeyboardInterrupt):
        display(event)


def test_a_stop_does_not_disturb_the_end_of_what_is_done(out, clock):
    stopping = stop.Stop()
    display = live.Display(out, stopping, clock)
    stopping.asked = True

    display(started())
    display(APPLIED)
    display(events.RunDone(direction="up", migrations=(FIRST,), seconds=1.0))

    assert 1 == display.state.done


# --- steps in batches -----------------------------------------------------------------------


def in_batches(display, clock, *told, seconds=1.0):
    """Tell of a step in batches, each event so many seconds after the one before."""
    for event in (RUN, started(), begun(2, "backfill user.city"), *told):
        display(event)
        clock.at += seconds


def test_the_line_of_a_step_in_batches_says_how_far_how_fast_and_how_long(display, clock):
    in_batches(display, clock, rows_begun(), *[batch(3_000)] * 10)

    assert (
        "2/3  backfill user.city ━━━━━━━━╌╌╌╌╌╌╌╌ 50% of about 60,000 rows · 3,000 rows/s · "
        "10 s left · batches of 1,000"
    ) == display.now()


def test_the_line_of_a_step_in_batches_says_what_is_waited_for(display, clock):
    waiting = events.Waiting(reason="replica pg2 is 34 s behind")

    in_batches(display, clock, rows_begun(workers=2), batch(30_000, rejected=3), waiting)

    assert display.now().endswith(
        "50% of about 60,000 rows · 3 rejected · waiting: replica pg2 is 34 s behind · "
        "batches of 1,000 · 2 workers"
    )


def test_a_table_of_which_nobody_knows_the_rows_has_no_bar(display, clock):
    in_batches(display, clock, rows_begun(None), batch(500))

    assert "2/3  backfill user.city 500 rows · 500 rows/s · batches of 1,000" == display.now()


def test_a_step_in_batches_is_never_all_done_before_it_is(display, clock):
    in_batches(display, clock, rows_begun(1_000), batch(999), batch(1))

    assert "99% of about 1,000 rows" in display.now()


def test_on_a_pipe_a_step_in_batches_gets_a_line_every_few_seconds(display, clock, page):
    in_batches(display, clock, rows_begun(), *[batch(100)] * 65, seconds=0.5)

    lines = page.getvalue().splitlines()
    assert 2 + 3 == len(lines)
    assert (
        "  2/3  3% of about 60,000 rows · 200 rows/s · 4 min 50 s left · batches of 1,000"
        == (lines[2])
    )


def test_a_wait_that_only_changes_its_number_is_told_once(display, clock, page):
    waits = [events.Waiting(reason=f"replica pg2 is {at}.5 s behind") for at in range(30, 36)]

    in_batches(display, clock, rows_begun(), waits[0], batch(10), *waits[1:], batch(10))

    told = [line for line in page.getvalue().splitlines() if "waiting" in line]
    assert ["  waiting: replica pg2 is 30.5 s behind"] == told


def test_that_a_table_is_too_large_for_one_transaction_is_told(display, page):
    display(started())
    display(events.TooLarge(migration=FIRST, table="user"))

    assert "table user is too large for one transaction: it begins again, step by step" in (
        page.getvalue()
    )


def test_what_the_user_should_know_is_told(display, page):
    display(events.Noticed(what="batches do not wait for the replica lag"))

    assert "  batches do not wait for the replica lag\n" == page.getvalue()


def test_a_stop_that_a_driver_swallowed_is_raised_at_the_next_batch(out, clock):
    stopping = stop.Stop()
    display = live.Display(out, stopping, clock)
    stopping.asked = True

    with pytest.raises(KeyboardInterrupt):
        display(batch(10))


def test_the_summary_counts_rejected_rows(display):
    for event in (RUN, started(), rows_begun(), batch(100, rejected=2), APPLIED):
        display(event)

    assert live.summary(display.state, "up", 4.5).endswith("· 2 rows rejected")


# --- words and fields -----------------------------------------------------------------------


def test_the_summary_counts_what_was_done(display):
    for event in (
        RUN,
        started(),
        done(1, "UPDATE a", rows=2_500),
        events.ModelRows(migration=FIRST, written=1, read=3),
        APPLIED,
    ):
        display(event)

    expected = (
        "applied 1 migration in 4.5 s · 2,500 rows changed by SQL · 1 row written through models"
    )
    assert expected == live.summary(display.state, "up", 4.5)


@pytest.mark.parametrize(
    "event",
    [
        RUN,
        started(),
        begun(1, "a"),
        events.StatementSent(migration=FIRST, position=1, sql="SELECT 'ä'"),
        events.StatementDone(migration=FIRST, position=1, rows=None),
        done(1, "a"),
        events.ModelRows(migration=FIRST, written=1, read=2),
        APPLIED,
        events.MigrationStopped(migration=FIRST, direction="up", resumable=False),
        events.RunDone(direction="up", migrations=(FIRST,), seconds=1.0),
        events.Waiting(reason="a lock"),
        rows_begun(),
        batch(10),
        events.TooLarge(migration=FIRST, table="user"),
        events.Noticed(what="batches do not wait for the replica lag"),
        events.VerifyStarted(source=DATABASE, target=DATABASE, tables=("user",)),
        events.RowsCompared(table="user", rows=5, total=10),
        events.LookedAgain(table="user", look=1, different=2, moving=1),
        events.TableVerified(table="user", outcome="equal", rows=10, differences=0, seconds=0.1),
        events.VerifyDone(equal=True, seconds=0.2),
        events.RepairStarted(database=DATABASE, tables=("user",), rows=3),
        events.RowsRepaired(table="user", action="insert", rows=3),
        events.RepairDone(rows=3, equal=True, seconds=0.3),
        events.TransferStarted(
            source=DATABASE, target=DATABASE, tables=(("user", 10), ("log", None)), resumed=True
        ),
        events.SchemaChanged(kind="index", table="user", name="ix_user_name", seconds=0.1),
        events.TableCutInChunks(table="user", chunks=4, done=2),
        events.ChunkCopied(table="user", chunk=1, rows=9, rejected=1, size=99, seconds=0.1),
        events.TableCopied(table="user", rows=9, rejected=1, seconds=0.1),
        events.TransferDone(rows=9, rejected=1, equal=None, seconds=0.3),
        events.ShapesNamed(
            migration=FIRST, table="user", mode="columns", up=(("a", "b"),), down=(("b", "a"),)
        ),
        events.PhaseDone(migration=FIRST, table="user", phase="mirrored", seconds=0.4),
        events.LockAwaited(
            migration=FIRST, table="user", tries=2, waited=0.4, blockers=("pid 7, for 20 min",)
        ),
        events.ShapesCompared(migration=FIRST, table="user", rows=1000, astray=0),
        events.Looking(what="the values", tables=12),
        events.OutboxDelivered(pair="users", key='{"id": 1}', rows=2, seconds=0.1, lag=0.2),
        events.OutboxFailed(pair="users", key='{"id": 1}', tries=3, dead=True, cause="too long"),
        events.ShadowDiffered(pair="users", key='{"id": 1}', missing=False, fields=("name",)),
    ],
    ids=lambda event: type(event).__name__,
)
def test_every_event_is_plain_values_for_programs(event):
    fields = json.loads(json.dumps(run.as_json(event)))

    assert {"event", "at", *event.__dataclass_fields__} == set(fields)
    assert type(event).__name__.lower() == fields["event"].replace("-", "")


def test_every_event_there_is_has_been_tried_above():
    here = [kind for kind in events.Event.__subclasses__() if kind.__module__ == events.__name__]
    told = {kind.__name__ for kind in here}

    assert 42 == len(told), words.count(len(told), "event")


# --- what a stopped run leaves --------------------------------------------------------------


def stopped_after(display, *told):
    for event in told:
        display(event)
    return run._stopped(display.state, "up", DATABASE)


def test_a_run_stopped_before_anything_left_nothing(display):
    assert "nothing was changed" == stopped_after(display).left


def test_a_migration_that_is_one_transaction_leaves_nothing_when_stopped(display):
    error = stopped_after(
        display,
        RUN,
        started(),
        done(1, "a"),
        events.MigrationStopped(migration=FIRST, direction="up", resumable=False),
    )

    assert f"nothing of {FIRST} stays: the whole migration was taken back" == error.left
    assert (130, FIRST, "go on:  whimbrel up") == (error.exit_code, error.where, error.remedy)


def test_a_migration_that_commits_by_steps_says_how_many_stay(display):
    error = stopped_after(
        display,
        RUN,
        started(),
        done(1, "a"),
        done(2, "b"),
        events.MigrationDone(migration=FIRST, direction="up", seconds=1.0, steps=2),
        started(migration=SECOND),
        done(1, "c", migration=SECOND),
        events.MigrationStopped(migration=SECOND, direction="up", resumable=True),
    )

    assert f"1 step of {SECOND} stays applied\n1 migration before it stays done" == error.left
    assert "whimbrel down" in error.remedy


def test_a_stopped_step_in_batches_says_how_many_rows_stay(display):
    error = stopped_after(
        display,
        RUN,
        started(),
        done(1, "a"),
        begun(2, "backfill user.city"),
        rows_begun(before=1_000),
        batch(500),
        events.MigrationStopped(migration=FIRST, direction="up", resumable=True),
    )

    assert f"1 step of {FIRST} stays applied, and of step 2 1,500 rows" == error.left


def test_a_run_stopped_between_two_migrations_keeps_the_first(display):
    error = stopped_after(display, RUN, started(), APPLIED)

    assert "1 migration stays done" == error.left
