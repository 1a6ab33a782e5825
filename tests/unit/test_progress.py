"""The fold over events: what is known after each of them, and what is honestly not."""

from __future__ import annotations

import pytest

from whimbrel import events, progress

RUN = events.RunStarted(direction="up", migrations=("a", "b"), database="db")


def started(migration: str, *, steps: int | None = 4, resumed_at: int = 0) -> events.Event:
    return events.MigrationStarted(
        migration=migration, direction="up", steps=steps, resumed_at=resumed_at
    )


def step(position: int, migration: str = "a") -> events.Event:
    return events.StepStarted(migration=migration, position=position, step=f"step {position}")


def done(
    position: int,
    rows: int | None = None,
    *,
    seconds: float = 1.0,
    skipped: bool = False,
    migration: str = "a",
) -> events.Event:
    return events.StepDone(
        migration=migration,
        position=position,
        step=f"step {position}",
        rows=rows,
        seconds=seconds,
        skipped=skipped,
    )


def through(migration: str, *, steps: int = 4, seconds: float = 9.0) -> events.Event:
    return events.MigrationDone(migration=migration, direction="up", seconds=seconds, steps=steps)


def after(*told: events.Event) -> progress.Progress:
    """The state after these events, told one second apart, the first one at second 100."""
    return progress.fold(enumerate(told, start=100))


# --- the run --------------------------------------------------------------------------------


def test_before_anything_is_told_nothing_is_known():
    state = progress.NOTHING

    assert (None, None, (), 0) == (state.direction, state.database, state.migrations, state.done)
    assert (None, None, None, None) == (
        state.current,
        state.position,
        state.rows,
        state.elapsed(at=5.0),
    )


def test_a_run_begins_with_all_its_migrations_waiting():
    state = after(RUN)

    assert ("up", "db") == (state.direction, state.database)
    assert [("a", "waiting"), ("b", "waiting")] == [
        (m.migration, m.state) for m in state.migrations
    ]
    assert (None, 7.0) == (state.position, state.elapsed(at=107.0))


def test_the_migration_at_work_is_the_current_one():
    state = after(RUN, started("a"), through("a"), started("b"))

    assert state.current is not None
    assert ("b", 2, 1) == (state.current.migration, state.position, state.done)


def test_between_two_migrations_none_is_current():
    state = after(RUN, started("a"), through("a"))

    assert (None, None) == (state.current, state.position)


def test_a_run_that_is_over_took_what_it_says():
    state = after(RUN, events.RunDone(direction="up", migrations=(), seconds=2.5))

    assert (2.5, 2.5) == (state.seconds, state.elapsed(at=1_000.0))


def test_rows_of_a_run_are_those_of_all_its_migrations():
    state = after(RUN, started("a"), done(1, 10), started("b"), done(1, 5, migration="b"))

    assert 15 == state.rows


def test_rows_of_a_run_are_unknown_while_no_server_said_any():
    assert after(RUN, started("a"), done(1)).rows is None


def test_a_second_run_begins_from_nothing():
    again = events.RunStarted(direction="down", migrations=("a",), database="db")

    state = after(RUN, started("a"), done(1, 10), again)

    assert (1, None, "down") == (len(state.migrations), state.rows, state.direction)


def test_waiting_is_told_until_anything_else_happens():
    waiting = events.Waiting(reason="the lock")

    assert "the lock" == after(RUN, waiting).waiting_for
    assert after(RUN, waiting, started("a")).waiting_for is None
    assert after(RUN, waiting, events.Event()).waiting_for is None


def test_an_event_that_says_nothing_about_progress_changes_nothing():
    before = after(RUN, started("a"), step(1))
    sent = events.StatementSent(migration="a", position=1, sql="SELECT 1")
    answered = events.StatementDone(migration="a", position=1, rows=5)

    for event in (sent, answered, events.Event()):
        assert before == progress.advance(before, event, at=500.0)


def test_an_event_of_an_unannounced_migration_is_not_lost():
    state = after(done(1, 7, migration="x"))

    assert [("x", 7)] == [(m.migration, m.rows) for m in state.migrations]


def test_a_fold_goes_on_from_where_another_one_stopped():
    told = list(enumerate([RUN, started("a"), step(1), done(1, 3), step(2)], start=100))

    first = progress.fold(told[:2])

    assert progress.fold(told) == progress.fold(told[2:], first)


# --- one migration --------------------------------------------------------------------------


def test_a_step_at_work_has_its_place_and_its_words():
    of = after(RUN, started("a"), step(1), done(1), step(2)).of("a")

    assert (2, "step 2", 1, 4) == (of.position, of.step, of.steps_done, of.steps)


def test_between_two_steps_there_are_no_words():
    of = after(RUN, started("a"), step(1), done(1)).of("a")

    assert (1, None) == (of.position, of.step)


def test_the_share_done_is_known_while_the_number_of_steps_is():
    assert 0.25 == after(RUN, started("a"), done(1)).of("a").fraction


@pytest.mark.parametrize("steps", [None, 0, 1])
def test_the_share_done_is_unknown_when_the_number_of_steps_is_unknown_or_was_too_low(steps):
    state = after(RUN, started("a", steps=steps), done(1), done(2))

    assert state.of("a").fraction is None


def test_what_is_through_is_done_whatever_its_plan_had_said():
    of = after(RUN, started("a", steps=None), done(1), done(2), through("a", steps=2)).of("a")

    assert (1.0, 2, "done", None) == (of.fraction, of.steps, of.state, of.step)


def test_rows_add_up_where_the_server_said_them():
    of = after(RUN, started("a"), done(1, 10), done(2), done(3, 5), done(4, -1)).of("a")

    assert (15, 4) == (of.rows, of.steps_done)


def test_no_rows_changed_is_not_the_same_as_unknown():
    assert 0 == after(RUN, started("a"), done(1, 0)).of("a").rows
    assert after(RUN, started("a"), done(1)).of("a").rows is None


def test_skipped_steps_are_done_but_their_rows_are_not_of_this_run():
    of = after(RUN, started("a", resumed_at=1), done(1, 10, skipped=True), done(2, 5)).of("a")

    assert (2, 1, 5) == (of.steps_done, of.steps_skipped, of.rows)


def test_the_rate_counts_only_the_time_of_steps_that_changed_rows():
    state = after(
        RUN,
        started("a"),
        done(1, None, seconds=50.0),
        done(2, 10, seconds=2.0),
        done(3, 30, seconds=3.0),
        done(4, 99, seconds=0.0, skipped=True),
    )

    assert 8.0 == state.of("a").rate


@pytest.mark.parametrize(("rows", "seconds"), [(None, 1.0), (0, 1.0), (10, 0.0), (-1, 1.0)])
def test_the_rate_is_unknown_before_rows_took_time(rows, seconds):
    assert after(RUN, started("a"), done(1, rows, seconds=seconds)).of("a").rate is None


def test_time_goes_on_while_a_migration_runs_and_stands_when_it_is_through():
    running = after(RUN, started("a")).of("a")
    over = after(RUN, started("a"), through("a", seconds=9.0)).of("a")

    assert (3.0, 0.0) == (running.elapsed(at=104.0), running.elapsed(at=50.0))
    assert 9.0 == over.elapsed(at=1_000.0)


def test_a_migration_that_waits_has_taken_no_time_that_is_known():
    assert after(RUN).of("a").elapsed(at=104.0) is None


def test_rows_through_models_are_told_in_all_and_not_added_up():
    told = [events.ModelRows(migration="a", written=n, read=2 * n) for n in (10, 20)]

    of = after(RUN, started("a"), *told).of("a")

    assert (20, 40, None) == (of.models_written, of.models_read, of.rows)


def test_the_rate_of_models_is_over_the_time_since_the_migration_began():
    of = after(RUN, started("a"), events.ModelRows(migration="a", written=20, read=0)).of("a")

    assert 5.0 == of.models_rate(at=105.0)
    assert of.models_rate(at=101.0) is None


def test_models_that_wrote_nothing_have_no_rate():
    of = after(RUN, started("a"), events.ModelRows(migration="a", written=0, read=9)).of("a")

    assert of.models_rate(at=105.0) is None


@pytest.mark.parametrize("resumable", [True, False])
def test_a_stopped_migration_keeps_what_it_was_at(resumable):
    stopped = events.MigrationStopped(migration="a", direction="up", resumable=resumable)

    of = after(RUN, started("a"), step(1), done(1, 5), step(2), stopped).of("a")

    assert ("stopped", resumable) == (of.state, of.resumable)
    assert (2, "step 2", 1, 5, 4.0) == (of.position, of.step, of.steps_done, of.rows, of.seconds)


def test_a_migration_that_begins_again_begins_from_nothing():
    stopped = events.MigrationStopped(migration="a", direction="up", resumable=True)

    of = after(RUN, started("a"), done(1, 5), stopped, started("a", steps=7)).of("a")

    assert progress.MigrationProgress(migration="a", state="running", steps=7, started_at=104) == of


# --- steps in batches -----------------------------------------------------------------------


def rows(total: int | None = 1_000, *, before: int = 0, workers: int = 1) -> events.Event:
    return events.RowsStarted(
        migration="a", position=1, table="t", total=total, done=before, workers=workers
    )


def batch(read: int, *, written: int | None = None, rejected: int = 0, size: int = 200, part=1):
    return events.BatchDone(
        migration="a",
        position=1,
        part=part,
        read=read,
        written=read if written is None else written,
        rejected=rejected,
        seconds=0.5,
        size=size,
    )


def batching(*told: events.Event) -> progress.RowsProgress:
    """The step in batches at work after these events, one second apart."""
    found = after(RUN, started("a"), step(1), *told).of("a").batching
    assert found is not None
    return found


def test_a_step_in_batches_begins_with_what_is_known_of_its_table():
    of = batching(rows(1_000, workers=4))

    assert ("t", 1_000, 0, 4, 0.0) == (of.table, of.total, of.done, of.workers, of.fraction)
    assert (None, None, None) == (of.rate, of.left, of.size)


def test_batches_add_up():
    of = batching(rows(), batch(100, written=90, rejected=1), batch(150, rejected=2, size=300))

    assert (250, 240, 3, 2, 300) == (of.read, of.written, of.rejected, of.batches, of.size)
    assert 0.25 == of.fraction


def test_rows_of_earlier_attempts_are_done_but_tell_nothing_of_the_rate():
    of = batching(rows(before=500), batch(100))

    assert (600, 0.6, 100.0, 4.0) == (of.done, of.fraction, of.rate, of.left)


def test_the_rate_is_that_of_the_latest_batches_with_the_waits_between_them():
    slow = [batch(10) for _ in range(50)]
    fast = [batch(1_000) for _ in range(progress.RECENT_BATCHES - 1)]
    waits = [events.Waiting(reason="a lock")] * 2

    of = batching(rows(None), *slow, *fast, *waits, batch(1_000))

    assert 1_000 * progress.RECENT_BATCHES / (progress.RECENT_BATCHES + 2) == of.rate


@pytest.mark.parametrize("total", [None, 0, 50])
def test_share_and_time_left_are_unknown_when_the_total_is_unknown_or_was_too_low(total):
    of = batching(rows(total), batch(100))

    assert (None, None) == (of.fraction, of.left)


def test_batches_of_which_nothing_was_announced_are_counted_all_the_same():
    of = batching(batch(100), batch(100))

    assert (200, None, None) == (of.done, of.total, of.fraction)
    assert of.rate is not None


def test_a_step_in_batches_is_over_with_its_step():
    told = (RUN, started("a"), step(1), rows(), batch(100, rejected=2))

    assert after(*told, done(1, 100)).of("a").batching is None
    assert after(*told, step(2)).of("a").batching is None
    assert after(*told, through("a")).of("a").batching is None


def test_a_stopped_step_in_batches_keeps_what_it_was_at():
    stopped = events.MigrationStopped(migration="a", direction="up", resumable=True)

    assert 100 == batching(rows(), batch(100), stopped).done


def test_rejected_rows_of_a_run_are_those_of_all_its_steps():
    state = after(RUN, started("a"), rows(), batch(9, rejected=2), done(1), batch(9, rejected=1))

    assert (3, 3) == (state.rejected, state.of("a").rejected)


def test_a_batch_ends_a_wait():
    waiting = events.Waiting(reason="replica pg2 is 34 s behind")

    assert waiting.reason == after(RUN, started("a"), rows(), waiting).waiting_for
    assert after(RUN, started("a"), rows(), waiting, batch(1)).waiting_for is None


def test_a_table_that_is_too_large_begins_the_migration_again():
    large = events.TooLarge(migration="a", table="t")

    state = after(RUN, started("a"), done(1, 10), large, started("a"))

    assert (None, 0, "running") == (state.rows, state.of("a").steps_done, state.of("a").state)


# --- a transfer -----------------------------------------------------------------------------

TABLES = (("orders", 1_000), ("customer", 200))


def transfer_started(tables=TABLES, *, resumed=False):
    return events.TransferStarted(source="a", target="b", tables=tables, resumed=resumed)


def cut(table, chunks, *, done=0):
    return events.TableCutInChunks(table=table, chunks=chunks, done=done)


def chunk(table, rows, *, rejected=0, seconds=1.0):
    return events.ChunkCopied(
        table=table, chunk=1, rows=rows, rejected=rejected, size=10 * rows, seconds=seconds
    )


def copying(*told):
    """Return the state of a transfer, each event a second after the one before."""
    state = progress.NOT_COPIED
    for at, event in enumerate(told):
        state = progress.copied(state, event, at=float(at))
    return state


def test_a_transfer_counts_rows_by_table_and_in_all():
    state = copying(
        transfer_started(),
        cut("orders", 2),
        cut("customer", 1),
        chunk("orders", 500, rejected=2),
        chunk("customer", 200),
        events.TableCopied(table="customer", rows=200, rejected=0, seconds=1.0),
    )

    assert (700, 2, 1, 7_000) == (state.rows, state.rejected, state.tables_done, state.size)
    assert (0.5, 1.0) == (state.of("orders").fraction, state.of("customer").fraction)
    assert ["orders"] == [one.table for one in state.at_work]
    assert (1_200, 700 / 1_200) == (state.total, state.fraction)


def test_rows_of_an_earlier_attempt_are_done_and_make_it_no_faster():
    state = copying(
        transfer_started(resumed=True), cut("orders", 10, done=800), chunk("orders", 50)
    )

    assert (True, 800, 50, 850) == (state.resumed, state.before, state.rows, state.done)
    assert 50.0 == state.rate
    assert (1_200 - 850) / 50 == state.left


def test_the_rate_of_a_transfer_is_that_of_the_latest_chunks():
    told = [chunk("orders", 1) for _ in range(50)]
    told += [chunk("orders", 100) for _ in range(progress.RECENT_BATCHES + 1)]

    state = copying(transfer_started((("orders", None),)), cut("orders", 99), *told)

    assert 100.0 == state.rate


def test_what_a_transfer_still_needs_is_unknown_while_any_table_is():
    state = copying(
        transfer_started((("orders", None), ("customer", 10))),
        cut("orders", 2),
        chunk("orders", 7),
    )

    assert (None, None, None) == (state.total, state.fraction, state.left)
    assert 7 == state.done


def test_a_table_that_has_more_rows_than_was_thought_never_makes_more_than_all():
    state = copying(transfer_started((("orders", 5),)), cut("orders", 2), chunk("orders", 9))

    assert (None, 1.0) == (state.of("orders").fraction, state.fraction)


def test_a_transfer_says_what_it_makes_and_what_it_waits_for():
    made = events.SchemaChanged(kind="index", table="orders", name="ix_orders", seconds=0.1)

    waiting = copying(transfer_started(), made, events.Waiting(reason="the source was lost"))
    going = copying(
        transfer_started(), made, events.Waiting(reason="the source was lost"), cut("orders", 1)
    )

    assert (1, "index ix_orders") == (waiting.made, waiting.making)
    assert ("the source was lost", None) == (waiting.waiting_for, going.waiting_for)


def test_a_transfer_is_over_with_its_last_event():
    done = events.TransferDone(rows=9, rejected=0, equal=True, seconds=4.5)

    assert 4.5 == copying(transfer_started(), done).seconds


def test_other_events_leave_a_transfer_as_it_is():
    state = copying(transfer_started())

    assert state == progress.copied(state, RUN, at=9.0)
