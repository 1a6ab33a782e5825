"""Fixed samples of the page for colleagues and of a rehearsal, with names as nasty as they come."""

from __future__ import annotations

from whimbrel import errors
from whimbrel.engines import scratch
from whimbrel.migrations import plan as plans
from whimbrel.rehearsal import forecast, rehearse, state, watching
from whimbrel.reports import plan as planned
from whimbrel.reports import rehearsal, seal

DATABASE = "postgresql://app:***@db1/shop"
LONG = "a table with <b>tags</b>, | bars and *stars* " + "very_" * 25 + "long 🐦"


def _step(position: int, words: str, **more: object) -> plans.PlannedStep:
    facts: dict[str, object] = {"kind": "ddl", "statements": (f"SELECT {position}",), "lock": ""}
    facts |= {"reversible": True, **more}
    return plans.PlannedStep(position=position, words=words, **facts)


def _plan() -> plans.Plan:
    first = (
        _step(1, "backfill order.note", kind="rows", rows=1_204_117,
              keeps=plans.Keeps(rows=40_000, bytes=3_200_000, time="30 days")),
        _step(2, f"create index on {LONG}", waits="writers", work="reads"),
    )  # fmt: skip
    second = (
        _step(1, "execute 'DELETE FROM \"log\" WHERE x < 5 -- <script>alert(1)</script>'",
              kind="data", reversible=False, irreversible_because="nothing says what was there"),
    )  # fmt: skip
    made = [
        plans.MigrationPlan(
            id=id_, direction="up", doc=doc, whole=False, rebuilds=False,
            reversible=all(one.reversible for one in steps), steps=steps,
        )
        for id_, doc, steps in (
            ("20260101_000000_notes", "Give orders a note; <i>all</i> of them.\n\nMore.", first),
            ("20260102_000000_tidy", "", second),
        )
    ]  # fmt: skip
    return plans.Plan(
        database=DATABASE, engine="postgresql", direction="up", migrations=tuple(made)
    )


def _expected() -> forecast.Forecast:
    def seconds(likely: float, basis: str) -> forecast.Expected:
        return forecast.Expected(least=likely / 2, likely=likely, most=likely * 2, basis=basis)

    first, second = "20260101_000000_notes", "20260102_000000_tidy"
    return forecast.Forecast(
        steps=(
            forecast.StepForecast(
                migration=first, position=1, what="backfill order.note", kind="rows",
                volume=1_204_117, expected=seconds(95.0, "rehearsed"), waits="writers",
                in_batches=True,
            ),
            forecast.StepForecast(
                migration=first, position=2, what=f"create index on {LONG}", kind="ddl",
                volume=1_204_117, expected=seconds(7.5, "measured"), waits="writers", window=True,
            ),
            forecast.StepForecast(
                migration=second, position=1, what="execute DELETE <script>alert(1)</script>",
                kind="data", volume=None, expected=None, waits="readers and writers", window=True,
                reversible=False, irreversible_because="nothing says what was there",
            ),
        ),
        notes=("the rehearsal had 12,041 rows, the original has 1,204,117",),
    )  # fmt: skip


def announcement() -> planned.Announcement:
    """Return a page for colleagues."""
    return planned.Announcement(
        plan=_plan(), expected=_expected(), at="Sunday 03:00 <UTC>",
        decides=("Ana | ops", "Zoë"), made_at="2026-01-02T03:04:05Z", by="ana@web-3",
    )  # fmt: skip


def _phase(name: str, *, seconds: float, error: errors.WhimbrelError | None = None
           ) -> rehearse.Phase:  # fmt: skip
    locks = (scratch.Held(table="order", mode="SHARE", waits="writers"),)
    return rehearse.Phase(
        name=name, seconds=seconds, migrations=("20260101_000000_notes",),
        steps=(
            watching.Step(migration="20260101_000000_notes", position=1, seconds=0.95, rows=12_000,
                          what="backfill order.note", kind="rows", read=12_041, batches=9,
                          longest=0.2),
            watching.Step(migration="20260101_000000_notes", position=2, seconds=0.075,
                          what=f"create index on {LONG}", kind="ddl", locks=locks,
                          done=error is None),
        ),
        error=error,
    )  # fmt: skip


def rehearsed(*, ready: bool) -> rehearse.Rehearsal:
    """Return a rehearsal that went well, or one that did not."""
    error = errors.RefusedError(f"index on {LONG} is not unique", remedy="remove <b>duplicates</b>")
    phases = [_phase(rehearse.UP, seconds=1.1), _phase(rehearse.DOWN, seconds=0.6)]
    phases.append(_phase(rehearse.AGAIN, seconds=1.0, error=None if ready else error))
    lost = (state.Change(kind="rows", table="order", what="<i>3</i> rows are not as before"),)
    against = () if ready else ("order is not as before after the way back", str(error))
    return rehearse.Rehearsal(
        database=DATABASE, engine="postgresql", version="16.14", place="scratch whimbrel_copy_1",
        started_at="2026-01-02T03:04:05Z", seconds=4.2, plan=_plan(), phases=tuple(phases),
        whole=ready, rows=12_041, copy_seconds=0.8, volumes={"order": (12_041, 1_204_117)},
        lost=() if ready else lost, locks_seen=True, notes=("one <b>note</b>",),
        verdict=rehearse.Verdict(against=against, but=() if ready else ("it is a subset",)),
    )  # fmt: skip


def page(name: str) -> seal.Sealed:
    """Return one of the pages, sealed."""
    if name == "plan":
        return planned.sealed(announcement())
    done = rehearsed(ready=name == "rehearsed")
    return rehearsal.sealed(done, _expected(), command="whimbrel rehearse", by="ana@web-3")


PAGES = ("plan", "rehearsed", "not-ready")
