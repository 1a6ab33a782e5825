"""Helper processes: they answer, they are replaced when they die, they end with their input."""

from __future__ import annotations

import os
import pickle
import signal
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest

from whimbrel import errors
from whimbrel.transfers import helpers


def dies_once(mark: str) -> str:
    """End this process the first time it is asked."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done by a successor"


def test_helpers_are_other_processes() -> None:
    with helpers.Helpers(2) as crew:
        pids = {crew.submit(os.getpid).result() for _ in range(4)}

    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 2


def test_what_they_print_does_not_stand_among_the_answers() -> None:
    with helpers.Helpers(1) as crew:
        crew.submit(os.write, 1, b"chatter\n").result()

        assert crew.submit(len, "four").result() == 4


def test_an_error_of_ours_comes_whole() -> None:
    with helpers.Helpers(1) as crew, pytest.raises(errors.RowFailed) as raised:
        crew.submit(refuse).result()

    assert "id = 7" in str(raised.value)
    assert str(raised.value) == str(pickle.loads(pickle.dumps(raised.value)))


def refuse() -> None:
    """Raise an error that is made of several facts."""
    raise errors.RowFailed("item", key="id = 7", cause="too long", rejected=0, max_rejects=0)


def test_who_dies_is_replaced_and_his_work_given_to_another(tmp_path: Path) -> None:
    with helpers.Helpers(1) as crew:
        assert crew.submit(dies_once, str(tmp_path / "mark")).result() == "done by a successor"


def test_work_that_kills_everybody_is_given_up() -> None:
    with helpers.Helpers(1) as crew:
        with pytest.raises(BrokenExecutor, match="have died over the same chunk"):
            crew.submit(os._exit, 1).result()

        assert crew.submit(len, "still there").result() == 11


def test_they_end_with_us() -> None:
    crew = helpers.Helpers(1)
    pid = crew.submit(os.getpid).result()

    crew.shutdown()

    until = time.monotonic() + 10
    while time.monotonic() < until and Path(f"/proc/{pid}").exists():
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists()
