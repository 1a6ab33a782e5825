"""Memory is watched: batches become smaller, and when that does not help the run stops."""

from __future__ import annotations

import pytest

from whimbrel import errors, pacing
from whimbrel.rows import memory, pace

MB = 1024**2


class Process:
    """A process whose memory we set; collecting garbage gives `garbage` of it back."""

    def __init__(self, used: int, garbage: int = 0) -> None:
        self.used, self.garbage, self.collections = used, garbage, 0

    def collect(self) -> None:
        self.collections += 1
        self.used -= self.garbage
        self.garbage = 0

    def watch(self, limit: int | None) -> memory.Watch:
        return memory.Watch(limit, resident=lambda: self.used, give_back=self.collect)


def sizer(rows: int) -> pace.Sizer:
    return pace.Sizer(pacing.RowsConfig(first_rows=rows))


def test_the_memory_of_this_process_grows_with_what_it_holds():
    before = memory.resident()

    held = bytearray(b"x" * 64 * MB)

    assert memory.resident() - before >= 50 * MB
    assert len(held) == 64 * MB


def test_memory_that_is_let_go_is_given_back_to_the_system():
    held = [bytes(1000) for _ in range(100_000)]
    full = memory.resident()
    held.clear()

    memory.give_back()

    assert full - memory.resident() >= 50 * MB


def test_where_the_system_does_not_tell_the_most_so_far_is_taken(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_PAGES", tmp_path / "not there")

    assert 5 * MB < memory.resident() < 100_000 * MB


def test_below_the_limit_nothing_is_collected():
    process = Process(used=100 * MB)

    assert not process.watch(100 * MB).over()
    assert 0 == process.collections


def test_garbage_is_not_counted():
    process = Process(used=150 * MB, garbage=60 * MB)

    assert not process.watch(100 * MB).over()
    assert 1 == process.collections


def test_above_the_limit_batches_are_halved():
    process, size = Process(used=150 * MB), sizer(1_000)

    process.watch(100 * MB).check(size)

    assert 500 == size.rows


def test_when_one_row_is_still_too_much_the_run_stops_and_says_what_to_do():
    watch, size = Process(used=150 * MB).watch(100 * MB), sizer(1_000)

    with pytest.raises(errors.MemoryExceeded) as caught:
        for _ in range(20):
            watch.check(size)

    assert 1 == size.rows
    assert "this process needs 150 MB of memory, and it may have 100 MB" == caught.value.what
    assert "--max-memory" in caught.value.remedy


def test_without_a_limit_nothing_is_watched():
    assert not Process(used=10**15).watch(None).over()
