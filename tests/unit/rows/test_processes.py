"""A crew of forked helpers: what it answers, what it survives, and that it never stays behind."""

from __future__ import annotations

import contextlib
import contextvars
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from whimbrel import errors
from whimbrel.rows import processes

ROOT = Path(__file__).resolve().parents[3]


def doubled(*numbers: int) -> Iterator[int]:
    for number in numbers:
        yield number * 2


def pids(*_: int) -> Iterator[int]:
    time.sleep(0.01)
    yield os.getpid()


def answers(crew: processes.Crew, task: processes.Task, *requests: tuple[object, ...]) -> list:
    return [list(answer) for answer in crew.each(task, requests)]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pid: int, seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not alive(pid)


# --- what it answers ----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 3])
def test_answers_come_in_the_order_of_the_requests(count):
    requests = [(number, number + 1) for number in range(50)]
    crew = processes.Crew(count)

    with crew.at_work(doubled):
        got = answers(crew, doubled, *requests)

    assert [[2 * a, 2 * b] for a, b in requests] == got


def test_several_processes_do_the_work_and_this_one_does_not():
    crew = processes.Crew(2)

    with crew.at_work(pids):
        seen = {answer[0] for answer in answers(crew, pids, *[()] * 20)}

    assert 2 == len(seen)
    assert os.getpid() not in seen


def test_without_helpers_an_answer_comes_as_it_is_made():
    made: list[int] = []

    def task(count: int) -> Iterator[int]:
        for number in range(count):
            made.append(number)
            yield number

    crew = processes.Crew(0)
    with crew.at_work(task):
        answer = next(crew.each(task, [(3,)]))
        first = next(iter(answer))

    assert (0, [0]) == (first, made)


def test_a_lambda_and_what_it_closes_over_need_not_travel():
    lock, words = threading.Lock(), {"one": "eins"}

    def task(word: str) -> Iterator[str]:
        with lock:  # which nothing could pickle
            yield (lambda known: words[known])(word)

    crew = processes.Crew(1)
    with crew.at_work(task):
        assert [["eins"]] == answers(crew, task, ("one",))


@pytest.mark.parametrize("count", [0, 2])
def test_threads_share_a_crew_and_its_context(count):
    who = contextvars.ContextVar("who", default="nobody")
    who.set("the starter")

    def task(number: int) -> Iterator[tuple[int, str]]:
        yield number, who.get()

    crew, got, failures = processes.Crew(count), [], []

    def use(start: int) -> None:
        try:
            got.extend(answers(crew, task, *[(n,) for n in range(start, start + 200)]))
        except BaseException as error:  # noqa: BLE001  (claimed below)
            failures.append(error)

    with crew.at_work(task):
        threads = [threading.Thread(target=use, args=(start,)) for start in (0, 1000, 2000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [] == failures
    assert 600 == len(got)
    assert {"the starter"} == {answer[0][1] for answer in got}


def test_large_requests_and_answers_do_not_block_each_other():
    def echo(data: bytes) -> Iterator[bytes]:
        yield data

    crew = processes.Crew(2)
    with crew.at_work(echo):
        got = answers(crew, echo, *[(bytes([n]) * 3_000_000,) for n in range(8)])

    assert [bytes([n]) * 3_000_000 for n in range(8)] == [answer[0] for answer in got]


def test_a_crew_that_was_left_in_the_middle_goes_on():
    crew = processes.Crew(2)

    with crew.at_work(doubled):
        with contextlib.closing(crew.each(doubled, [(n,) for n in range(20)])) as left:
            first = list(next(left))
        after = answers(crew, doubled, (7,), (8,))

    assert ([0], [[14], [16]]) == (first, after)


# --- errors -------------------------------------------------------------------------------------


class Demanding(Exception):
    """Its constructor wants more than its message."""

    def __init__(self, code: int, *, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.why = why


class Unpicklable(Exception):
    def __init__(self) -> None:
        super().__init__("holds a lock")
        self.lock = threading.Lock()


@pytest.mark.parametrize(
    ("raised", "kind", "text"),
    [
        (ZeroDivisionError("by zero"), ZeroDivisionError, "by zero"),
        (Demanding(7, why="so"), Demanding, "7: so"),
        (Unpicklable(), Unpicklable, "holds a lock"),
        (KeyError("name"), KeyError, "'name'"),
        (SystemExit(3), SystemExit, "3"),
        (errors.ColumnNotFound("a", "b", known=["c"]), errors.ColumnNotFound, "does not exist"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or type(value).__name__,
)
def test_an_error_comes_back_as_it_was_and_the_helpers_go_on(raised, kind, text):
    def task(fails: bool) -> Iterator[str]:
        if fails:
            raise raised
        yield "fine"

    crew = processes.Crew(2)
    with crew.at_work(task):
        with pytest.raises(kind) as caught:
            answers(crew, task, (False,), (True,), (False,))
        after = answers(crew, task, (False,))

    assert text in str(caught.value)
    assert [["fine"]] == after
    assert getattr(raised, "known", None) == getattr(caught.value, "known", None)


def test_an_answer_that_cannot_travel_is_an_error():
    def task() -> Iterator[object]:
        yield threading.Lock()

    crew = processes.Crew(1)
    with crew.at_work(task), pytest.raises(TypeError, match="pickle"):
        answers(crew, task, ())


@pytest.mark.parametrize(
    ("end", "how"),
    [
        (lambda: os._exit(9), "exit code 9"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
    ],
)
def test_a_helper_that_ends_is_told_with_how(end, how):
    def task() -> Iterator[None]:
        yield end()

    crew = processes.Crew(2)
    with crew.at_work(task), pytest.raises(errors.RefusedError, match=how) as caught:
        answers(crew, task, ())

    assert "processes=" in caught.value.remedy


def test_fewer_than_none_are_refused():
    with pytest.raises(errors.UsageError, match="-1"):
        processes.Crew(-1)


def test_where_nothing_can_be_forked_helpers_are_refused_and_none_are_fine(monkeypatch):
    monkeypatch.delattr(os, "fork")

    with pytest.raises(errors.RefusedError, match="forked"):
        processes.Crew(2)
    crew = processes.Crew(0)

    with crew.at_work(doubled):
        assert [[2]] == answers(crew, doubled, (1,))


# --- nothing stays behind, nothing is touched ---------------------------------------------------


def test_helpers_end_with_the_block_even_in_the_middle_of_work():
    seen: list[int] = []
    crew = processes.Crew(2)

    def endless(tell: bool) -> Iterator[int]:
        yield os.getpid()
        while not tell:
            time.sleep(1)

    with contextlib.suppress(KeyboardInterrupt), crew.at_work(endless):
        seen += [answer[0] for answer in answers(crew, endless, (True,), (True,))]
        for helper in crew._helpers:
            helper.ask((False,))
        raise KeyboardInterrupt

    assert seen
    assert all(gone(pid) for pid in seen)


def test_what_a_helper_does_first_is_done_in_it_alone():
    place = {"connection": "open"}
    crew = processes.Crew(2)

    def task() -> Iterator[str]:
        yield place["connection"]

    with crew.at_work(task, first=lambda: place.update(connection="out of reach")):
        got = answers(crew, task, (), ())

    assert [["out of reach"]] * 2 == got
    assert {"connection": "open"} == place


class Finalised:
    """Tells when it is destroyed, as a connection tells its server."""

    def __init__(self, wire: int) -> None:
        self.wire = wire
        self.itself = self  # only the garbage collector ends it

    def __del__(self) -> None:
        os.write(self.wire, b"x")


def test_a_helper_destroys_nothing_of_this_process():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    kept, crew = Finalised(writing), processes.Crew(2)
    garbage = Finalised(writing)
    import gc

    gc.disable()
    del garbage
    try:

        def task() -> Iterator[int]:
            yield gc.collect()

        with crew.at_work(task):
            answers(crew, task, (), (), ())
        with pytest.raises(BlockingIOError):
            os.read(reading, 1)
    finally:
        gc.enable()
        gc.collect()

    assert b"x" == os.read(reading, 10)  # the garbage, in this process
    kept.itself = None
    del kept
    os.close(reading)
    os.close(writing)


def test_helpers_leave_ctrl_c_to_the_one_that_started_them():
    crew = processes.Crew(1)

    with crew.at_work(pids):
        (pid,) = answers(crew, pids, ())[0]
        os.kill(pid, signal.SIGINT)
        time.sleep(0.05)

        assert [[pid]] == answers(crew, pids, ())


PARENT = """
import os, sys, time
from whimbrel.rows import processes

def task(slow):
    yield os.getpid()
    while slow:
        time.sleep(0.05)

crew = processes.Crew(2)
with crew.at_work(task):
    pids = {answer for _ in range(10) for one in crew.each(task, [(False,), (False,)])
            for answer in one}
    print(*pids, flush=True)
    crew._helpers[0].ask((True,))
    time.sleep(60)
"""


def test_helpers_die_with_a_parent_that_is_killed_idle_or_not():
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    with parent:
        helpers = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()

    assert 2 == len(helpers)
    assert all(gone(pid) for pid in helpers)


def test_what_helpers_print_is_seen_once(capfd):
    def task(word: str) -> Iterator[None]:
        print(word)
        yield None

    print("before", end=" ")
    crew = processes.Crew(1)
    with crew.at_work(task):
        answers(crew, task, ("within",))
    print("after")

    assert "before within\nafter\n" == capfd.readouterr().out
