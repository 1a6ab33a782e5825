"""`whimbrel transfer --follow`, `--since-last` and `whimbrel cutover`, as a shell runs them."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import databases
from tests import following as staged
from tests.faces import shell

NewDatabase = Callable[[str], databases.Database]
Ends = tuple[databases.Database, databases.Database]


@pytest.fixture
def ends(new_database: NewDatabase) -> Ends:
    source, target = new_database("sqlite"), new_database("sqlite")
    with databases.Raw(source) as raw:
        staged.prepared(raw)
    return source, target


def test_following_shows_how_far_behind_it_is_until_it_is_stopped(
    ends: Ends, tmp_path: Path
) -> None:
    sent = []

    def seen(text: str) -> signal.Signals | None:
        # Once: the second one would end it at once, wherever it is.
        if sent or "nothing behind" not in text:
            return None
        sent.append(text)
        return signal.SIGINT

    shown = shell.on_terminal(
        "transfer", ends[0].url, ends[1].url, "--follow", "--no-report", cwd=tmp_path, seen=seen
    )

    # Asleep between two rounds it ends by the signal itself, which a shell shows as 130.
    assert shown.code in {-signal.SIGINT, 130}
    assert "following sqlite:///" in shown.text
    assert "following · 0 changes brought · nothing behind" in shown.text
    assert "what changes in the source is still noted" in shown.text


def test_since_last_ends_and_the_cutover_tells_its_steps(ends: Ends, tmp_path: Path) -> None:
    source, target = ends
    first = shell.command("transfer", source.url, target.url, "--since-last", cwd=tmp_path)
    with databases.Raw(source) as raw:
        raw.execute("UPDATE parent SET v = 'new' WHERE id = 1")
    second = shell.command(
        "transfer", source.url, target.url, "--since-last", "--json", cwd=tmp_path
    )
    cut = shell.command("cutover", source.url, target.url, cwd=tmp_path)
    again = shell.command("cutover", source.url, target.url, cwd=tmp_path)

    assert (first.returncode, second.returncode, cut.returncode) == (0, 0, 0), cut.stderr
    assert "up to date: 0 changes brought in 0 rounds" in first.stdout
    assert json.loads(second.stdout)["changes"] == 1
    assert "last changes" in cut.stdout and "compare" in cut.stdout
    assert "cut over: nobody could write for " in cut.stdout
    assert "both sides are equal" in cut.stdout
    assert "what is written to the followed tables of the source is refused now" in cut.stdout
    assert again.returncode == 1 and "[not-followed]" in again.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--follow", "--since-last"], "--follow stays and --since-last ends"),
        (["--follow", "--dry-run"], "--dry-run does not go with --follow"),
        (["--since-last", "--schema-only"], "--schema-only does not go with --since-last"),
        (["--follow", "--capture", "ears"], "means nothing"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    ends: Ends, tmp_path: Path, options: list[str], said: str
) -> None:
    done = shell.command("transfer", ends[0].url, ends[1].url, *options, cwd=tmp_path)

    assert done.returncode == 2
    assert said in done.stderr


def test_there_is_nothing_to_abort(ends: Ends, tmp_path: Path) -> None:
    done = shell.command("cutover", ends[0].url, ends[1].url, "--abort", cwd=tmp_path)

    assert done.returncode == 0
    assert "there is no cutover that was begun and not ended" in done.stdout


def test_the_way_back_is_said_by_the_cutover_and_taken_by_what_it_says(
    ends: Ends, tmp_path: Path
) -> None:
    old, new = ends
    shell.command("transfer", old.url, new.url, "--since-last", cwd=tmp_path)

    there = shell.command("cutover", old.url, new.url, "--reverse", cwd=tmp_path)
    with databases.Raw(new) as raw:
        raw.execute("UPDATE parent SET v = 'new' WHERE id = 1")
    brought = shell.command("transfer", new.url, old.url, "--since-last", "--json", cwd=tmp_path)
    back = shell.command("cutover", old.url, new.url, "--back", cwd=tmp_path)

    assert there.returncode == 0, there.stderr
    assert f"whimbrel transfer {new.url} {old.url} --follow" in there.stdout
    assert f"whimbrel cutover {old.url} {new.url} --back" in there.stdout
    assert json.loads(brought.stdout)["changes"] == 1
    assert json.loads(brought.stdout)["transfer"] is None
    assert back.returncode == 0 and "both sides are equal" in back.stdout, back.stderr
    with databases.Raw(old) as raw:
        assert raw.value("SELECT v FROM parent WHERE id = 1") == "new"
