"""Which variants of a test are left to `make campaign`: the same claim is made elsewhere too.

Each of them is made in `make test` on another engine, in another way of working, or by a
neighbour; all of them are made by the campaign (`-m exhaustive`).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class _Left(NamedTuple):
    """Variants of tests; `test` and `ids` are patterns, of how they begin and of the brackets."""

    why: str
    test: str
    ids: str


_PG, _MARIA, _LITE = "postgresql", "mariadb", "sqlite"
_CRASH, _STOPPED = "crash/test_kill_", "contract/test_transfer_stopped.py::test_"
_SCALE = "contract/test_transform_at_scale.py::test_"

_LEFT: Final = (
    _Left("PostgreSQL 16 makes every one of these claims", "", r"(.*-)?postgresql18(-.*)?"),
    _Left(
        "whole and in batches: one of both on each server, both on SQLite",
        "contract/test_restructure.py",
        rf"(.*-)?(batches-{_PG}|whole-{_MARIA})",
    ),
    _Left(
        "with one worker it is the same command and the same journal",
        "faces/test_cli_runs.py::test_a_run_is_paused_",
        ".*-2",
    ),
    _Left(
        "how a command reads and writes does not depend on the server behind it",
        "faces/test_cli_",
        rf"(.*-)?{_MARIA}(-.*)?",
    ),
    _Left(
        "how a command reads and writes does not depend on the server behind it",
        "faces/test_cli_(databases|runs|rejects|stop|validate).py",
        rf"(.*-)?{_PG}(-.*)?",
    ),
    _Left(
        "which side is the source makes no difference to what is told equal",
        "pairs/test_battery.py::test_every_case_",
        f"{_MARIA}-{_PG}|{_MARIA}-{_LITE}|{_PG}-{_LITE}",
    ),
    _Left(
        "it is the same program by another name",
        "faces/test_cli_databases.py::test_activerecord_users_",
        _PG,
    ),
    # --- killed: each kind on some engines, and on all of them in the campaign ----------------
    _Left(
        "each kind is killed on another engine",
        f"{_CRASH}restructure.py",
        rf"{_LITE}-(extract|convert-up|block-up).*|{_PG}-(block|convert-up|extract-down).*"
        rf"|{_MARIA}-(block|convert-down|extract-up).*",
    ),
    _Left(
        "each direction is killed on another engine",
        f"{_CRASH}at_every_step.py",
        f"{_LITE}-down|{_LITE}-by_steps|{_PG}-by_steps|{_PG}-up|{_MARIA}-down",
    ),
    _Left(
        "models write alike; twelve kills on one engine", f"{_CRASH}models.py", f".*-6|{_MARIA}-12"
    ),
    _Left(
        "before and after a commit: one of both on each engine",
        f"{_CRASH}repair.py",
        f"({_LITE}-after|{_PG}-before|{_MARIA}-after).*",
    ),
    _Left(
        "known: noting what a cascade takes may seldom meet the application's inserts in a "
        "deadlock (docs/explanation/following.md); the other sources stay",
        "crash/test_follow_under_load.py",
        f"{_MARIA}-.*",
    ),
    _Left(
        "one and two databases: both on a file, one of both on each server",
        f"{_CRASH}dual_write.py",
        f"({_PG}-.*one database|{_MARIA}-.*two databases)",
    ),
    _Left(
        "the first of both points is in the middle",
        f"{_CRASH}undo.py::test_a_half_done_",
        ".*-22",
    ),
    _Left(
        "each kind of live change under load on another engine",
        "crash/test_online_under_load.py",
        f"{_LITE}-(rename|table)|{_PG}-(rename|type)|{_MARIA}-table",
    ),
    _Left(
        "each kind of live change is killed on another engine",
        f"{_CRASH}online.py::test_a_live_change_",
        f"{_LITE}-rename|{_PG}-rename|{_MARIA}-type",
    ),
    # --- pairs: what is read is the source's affair, what is written the target's -------------
    _Left(
        "what a repair writes is the target's affair: each target once",
        "pairs/test_repair.py",
        rf"(.*-)?({_LITE}-({_PG}|{_MARIA})|({_PG}|{_MARIA})-{_LITE}|{_PG}-{_PG}|{_MARIA}-{_MARIA})",
    ),
    _Left(
        "each engine is source and target in the pairs that stay",
        "pairs/test_mutations.py",
        f"{_LITE}-{_MARIA}|{_MARIA}-{_LITE}|{_PG}-{_LITE}|{_PG}-{_MARIA}",
    ),
    _Left(
        "all pairs with one sample, every sample with some pairs",
        "pairs/test_transfer_samples.py::test_a_real_",
        rf"(sakila|northwind)-({_LITE}-{_MARIA}|{_MARIA}-{_MARIA}|{_PG}-{_PG}|{_LITE}-{_LITE}"
        rf"|{_PG}-{_LITE})",
    ),
    _Left(
        "the signal is another one, what it does the same",
        f"{_STOPPED}the_command_",
        rf"{_PG}-{_MARIA}-2|{_PG}-{_LITE}-.*|{_LITE}-{_PG}-15",
    ),
    _Left(
        "each engine is source and target in the pairs that stay",
        f"{_STOPPED}ctrl_c_",
        f"{_MARIA}-{_MARIA}|{_PG}-{_PG}|{_LITE}-{_LITE}|{_MARIA}-{_LITE}|{_LITE}-{_MARIA}",
    ),
    _Left("with four sessions it is harder", f"{_STOPPED}a_source_that_ends_all_", ".*-1"),
    _Left(
        "the latest moment is the hardest",
        f"{_STOPPED}what_is_written_",
        ".*-(TransferStarted|TableCutInChunks)",
    ),
    _Left(
        "each source is behind a bad door in the pairs that stay",
        "contract/test_transfer_through_a_bad_door.py::test_no_row_is_lost_or_doubled_when_the_s",
        f"{_PG}-{_MARIA}",
    ),
    _Left(
        "each target is behind a bad door in the pairs that stay",
        "contract/test_transfer_through_a_bad_door.py::test_no_row_is_lost_or_doubled_when_the_t",
        f"({_PG}-{_MARIA}|{_LITE}-{_MARIA})-cut",
    ),
    _Left(
        "each engine is source and target in the pairs that stay",
        "contract/test_transfer_elsewhere.py::test_threads_of_the_users_",
        f"{_LITE}-{_LITE}|{_MARIA}-{_MARIA}|{_PG}-{_PG}|{_LITE}-{_MARIA}|{_MARIA}-{_LITE}",
    ),
    _Left(
        "each engine is source and target in the pairs that stay",
        "pairs/test_follow.py::test_(everything_that_changes_comes|writers_go_on)",
        f"{_LITE}-{_PG}|{_PG}-{_MARIA}|{_MARIA}-{_LITE}",
    ),
    _Left(
        "each engine is source and target in the pairs that stay",
        "pairs/test_cutover.py::test_the_target_takes_over_",
        f"{_PG}-{_LITE}|{_MARIA}-{_PG}|{_LITE}-{_MARIA}",
    ),
    _Left(
        "the other editions count the same differences",
        "pairs/test_sample_editions.py::test_the_report_counts_",
        f"sakila-{_LITE}-{_MARIA}|sakila-{_MARIA}-{_PG}|sakila-{_PG}-{_LITE}"
        f"|northwind-{_PG}-{_LITE}|northwind-{_MARIA}-{_LITE}",
    ),
    _Left(
        "all pairs with one sample, every sample with some pairs",
        "contract/test_convert_schema.py::test_sample_databases_",
        f"(sakila|northwind)-({_LITE}-{_MARIA}|{_MARIA}-{_MARIA}|{_PG}-{_PG}|{_LITE}-{_LITE}"
        f"|{_PG}-{_LITE})",
    ),
    _Left(
        "the primary tells the same in the test beside",
        "contract/test_throttle_holds.py",
        "the replica is asked",
    ),
    _Left(
        "the example is the same on the engines that stay",
        "contract/test_documented_examples.py::test_migrate_(user_data|large_table)",
        _MARIA,
    ),
    # --- what is Python's own ---------------------------------------------------------------
    _Left("memory is that of Python", f"{_SCALE}memory_is_the_same_", f"{_MARIA}|{_LITE}"),
    _Left("memory is that of Python", f"{_SCALE}memory_is_bounded_", f"{_MARIA}|{_LITE}"),
    _Left("helpers are those of Python", f"{_SCALE}a_killed_run_", _MARIA),
    _Left(
        "the other journal of a file lets fewer others in",
        "contract/test_application_keeps_working.py::test_no_writer_of_a_file_",
        ".*-wal",
    ),
    _Left(
        "the demo itself is run to its end beside these",
        "docs/test_examples.py::test_the_demo_goes_up_",
        f"{_MARIA}|{_LITE}",
    ),
    _Left(
        "the demo itself is run to its end beside these",
        "docs/test_examples.py::test_make_demo_draws_its_progress_on_a_terminal",
        "",
    ),
    _Left(
        "the demo itself is run to its end beside these",
        "docs/test_examples.py::test_the_demo_ends_with_one_when_a_migration_loses_something",
        "",
    ),
    # --- so that a change lands in less than 25 minutes ---------------------------------------
    _Left(
        "in which of two ways rows are taken through is decided before any engine is asked",
        "contract/test_restructure.py",
        rf"(.*-)?(batches-{_LITE}|{_LITE}-.*batches)",
    ),
    _Left(
        "with and without rows, each on some engines",
        "contract/test_restructure.py::test_indexes_are_gone_",
        rf"{_PG}-True-.*|{_LITE}-True-.*|{_MARIA}-False-.*|.*-batches",
    ),
    _Left(
        "each engine is source and target in the pairs that stay",
        f"{_CRASH}transfers.py",
        rf"(.*-)?({_PG}-{_PG}|{_MARIA}-{_MARIA}|{_LITE}-{_LITE}|{_LITE}-{_PG}|{_LITE}-{_MARIA}"
        rf"|{_PG}-{_LITE})",
    ),
    _Left(
        "each kind is killed on another engine",
        f"{_CRASH}restructure.py::test_a_killed_",
        f"{_LITE}-convert.*|{_LITE}-block.*|{_PG}-convert-.*",
    ),
    _Left(
        "a way back is killed on MariaDB, where nothing can be rolled back",
        f"{_CRASH}restructure.py::test_a_way_back_",
        f"{_PG}|{_LITE}",
    ),
    _Left(
        "killed at random where nothing can be rolled back; at every step on the others",
        f"{_CRASH}at_random.py",
        f"{_PG}|{_LITE}",
    ),
    _Left(
        "killed in batches on a server; one row after another's commit is the same on all",
        f"{_CRASH}in_batches.py",
        f"{_PG}",
    ),
    _Left(
        "both are killed on some engines",
        f"{_CRASH}restore.py",
        f"{_PG}-portable|{_MARIA}-portable|{_LITE}-native",
    ),
    _Left(
        "the rules are asked by the same code; rolled back on one, not on the other",
        f"{_CRASH}with_rules.py",
        f"{_PG}",
    ),
    _Left(
        "killed at random on MariaDB; at chosen points on the others",
        f"{_CRASH}undo.py::test_killed_at_random_",
        f"{_PG}|{_LITE}",
    ),
    _Left(
        "what the outbox does does not depend on the moment",
        f"{_CRASH}dual_write.py",
        "(.*-)?(14|26|50|62|74|86)",
    ),
    _Left(
        "each engine is source and target in the pairs that stay",
        "pairs/test_(mutations|equal_tables|transfer_torture|transfer_random)",
        rf"(.*-)?({_PG}-{_PG}|{_MARIA}-{_MARIA}|{_LITE}-{_LITE}|{_LITE}-{_MARIA}|{_PG}-{_LITE})",
    ),
    _Left(
        "which side is the source makes no difference to what is told equal",
        "pairs/test_battery.py::test_every_case_",
        f"{_MARIA}-{_MARIA}|{_PG}-{_MARIA}",
    ),
    _Left(
        "each engine is source and target in the pairs that stay",
        "contract/test_dual_write.py::test_values_of_all_kinds_",
        rf"(.*-)?({_PG}-{_PG}|{_MARIA}-{_MARIA}|{_LITE}-{_LITE}|{_LITE}-{_MARIA}|{_PG}-{_LITE})",
    ),
    _Left(
        "all pairs with one sample, every sample with some pairs",
        "(contract/test_convert_schema.py::test_sample_databases_"
        "|pairs/test_transfer_samples.py::test_a_real_)",
        f"(sakila|northwind)-({_LITE}-{_PG}|{_MARIA}-{_LITE}|{_PG}-{_MARIA})"
        f"|chinook-({_LITE}-{_LITE}|{_PG}-{_PG}|{_MARIA}-{_MARIA})",
    ),
    _Left(
        "the other two ways of going in are those of the rows beside",
        "contract/test_unload_and_load.py::test_a_value_that_another_type_keeps_",
        "(?!bytea).*, texts as tuples|bytea to longtext of mariadb, texts",
    ),
    _Left(
        "random histories on MariaDB; the ways back of each verb on all engines",
        "contract/test_undo_random.py",
        f"({_PG}|{_LITE}).*",
    ),
    _Left(
        "kept by the same statements in one transaction and in steps",
        "contract/test_undo.py::test_a_column_or_a_table_",
        f"({_PG}|{_LITE})-.*-True",
    ),
    _Left(
        "the model's part is the same on every engine",
        "contract/test_transform_models.py::test_(hooks|tables_and_|timestamps|changes_|new_|vers|sev)",
        f"{_MARIA}-.*2.*|{_PG}-.*0.*|{_LITE}-.*2.*",
    ),
    _Left(
        "the example with models is a minute of one engine",
        "contract/test_documented_examples.py::test_migrate_(user_data_with_models|large_table)",
        _PG,
    ),
    _Left(
        "what follows is the same whichever of both is the source",
        "pairs/test_follow.py::test_(after_a_change_|a_round_|a_schema_|rows_of_|what_|a_transfer_|a_row_)",
        f"{_PG}-{_MARIA}",
    ),
    _Left(
        "the other pairs are in the tests beside",
        "pairs/test_cutover(_back)?.py::test_(rows_that_|what_fails_|there_and_back_|the_old_side_)",
        f"{_PG}-{_MARIA}|{_PG}-{_LITE}",
    ),
    _Left(
        "the signal is another one, what it does the same",
        f"{_STOPPED}the_command_",
        f"{_LITE}-{_PG}-2",
    ),
    _Left(
        "each engine is source and target in the pairs that stay",
        "contract/test_transfer_elsewhere.py::test_a_(worker|process)_",
        f"{_MARIA}-{_MARIA}|{_LITE}-{_PG}",
    ),
    _Left(
        "a subset is taken by the same code on all engines",
        "contract/test_rehearse.py::test_a_(subset|real_)",
        f".*{_MARIA}",
    ),
    _Left(
        "each engine is read with one of the samples",
        "contract/test_(subset.py::test_a_real_|assess.py::test_proposed_|sample_databases.py::)",
        f"northwind-.*|sakila-{_LITE}|chinook-{_MARIA}",
    ),
    _Left(
        "at every phase on PostgreSQL, at the first and the last on the others",
        "contract/test_online_columns.py::test_it_is_taken_back_",
        f"({_MARIA}|{_LITE})-(mirrored|backfilled|verified)",
    ),
    _Left(
        "the door is as bad for the other",
        "contract/test_transfer_through_a_bad_door.py::test_no_row_",
        f"{_MARIA}-{_MARIA}-.*|{_PG}-{_PG}-.*",
    ),
)

_PATTERNS: Final = tuple(
    re.compile(rf"tests/{one.test}[^\[]*" + (rf"\[({one.ids})\]" if one.ids else ""))
    if one.test
    else re.compile(rf"tests/[^\[]*\[({one.ids})\]")
    for one in _LEFT
)


def is_left(nodeid: str) -> bool:
    """Whether a variant is left to the campaign."""
    return any(pattern.fullmatch(nodeid) for pattern in _PATTERNS)
