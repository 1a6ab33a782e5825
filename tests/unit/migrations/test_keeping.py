"""How long things are kept, as steps, migrations and the configuration say it."""

from __future__ import annotations

import datetime as dt

import pytest

from whimbrel import config, errors
from whimbrel.migrations import keeping

DAYS = keeping.Time(on=True, span=dt.timedelta(days=30))


@pytest.mark.parametrize(
    ("said", "on", "words"),
    [
        (None, True, "30 days"),
        (True, True, "30 days"),
        (False, False, "30 days"),
        ("90 days", True, "90 days"),
        ("12 hours", True, "12 h 0 min"),
        ("for ever", True, "ever"),
        ("never", False, "ever"),
    ],
)
def test_who_says_nothing_gets_what_held_before(
    said: bool | str | None, on: bool, words: str
) -> None:
    time = keeping.read(said, DAYS)

    assert (on, words) == (time.on, time.words)


def test_what_is_no_time_is_refused_with_what_can_be_said() -> None:
    with pytest.raises(errors.UsageError, match='keep="30 days"'):
        keeping.read("a while", DAYS)


def test_the_end_is_counted_from_now_and_for_ever_has_none() -> None:
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    assert "2026-01-31T00:00:00.000000Z" == DAYS.until(now)
    assert keeping.read("for ever", DAYS).until(now) is None


def test_the_configuration_says_how_long_and_refuses_what_is_no_time(tmp_path) -> None:
    file = tmp_path / "whimbrel.toml"
    file.write_text('[migrations]\nkeep = "2 weeks"\n', encoding="utf-8")
    read = config.read(file)
    file.write_text('[migrations]\nkeep = "soon"\n', encoding="utf-8")

    assert "2 weeks" == read.migrations.keep
    with pytest.raises(errors.BadConfig, match="'soon' is not a time"):
        config.read(file)
