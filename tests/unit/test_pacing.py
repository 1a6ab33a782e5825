"""The settings for rows in whimbrel.toml: what is read, what is refused, that no secret shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from whimbrel import config, errors, pacing

SECRET = "s3cr3t"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, and we stand in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(config.URL_VARIABLE, raising=False)
    return tmp_path


def write(project: Path, text: str) -> config.Config:
    (project / config.FILE_NAME).write_text(text, encoding="utf-8")
    return config.load(project)


def refusal(project: Path, text: str) -> errors.BadConfig:
    with pytest.raises(errors.BadConfig) as caught:
        write(project, text)
    return caught.value


SHOP = "[databases.main]\nurl = 'scheme:///main'\n"

OF_HOURS = "rows.allowed_hours has to be a list of times of day"

# Every key of [rows]: what may be written, and what it becomes.
ROWS = {
    "target_seconds": ("2", 2.0),
    "first_rows": ("50", 50),
    "largest_rows": ("5_000", 5_000),
    "batch_bytes": ('"1.5 MB"', 3 * 1024**2 // 2),
    "small_table": ("0", 0),
    "max_rejects": ("10", 10),
    "workers": ("4", 4),
    "processes": ("2", 2),
    "statement_timeout": ("0", None),
    "lock_retries": ("0", 0),
    "isolation": ('"serializable"', "serializable"),
    "max_rows_per_second": ("2500.5", 2500.5),
    "max_memory": ('"512 MB"', 512 * 1024**2),
    "timezone": ('"Europe/Vienna"', "Europe/Vienna"),
    "max_lag": ("false", None),
    "replicas": ('["other"]', ("other",)),
    "max_lock_queue": ("0", 0.0),
    "max_active_sessions": ("25", 25.0),
    "max_log_growth": ('"4 GB"', 4 * 1024**3),
    "max_history": ("5000", 5000.0),
    "probe": ('"SELECT 1"', "SELECT 1"),
    "probe_command": ('"exit 0"', "exit 0"),
    "check_seconds": ("0.5", 0.5),
    "grace_seconds": ("0", 0.0),
}


def test_every_key_of_rows_is_read(project):
    lines = "".join(f"{key} = {text}\n" for key, (text, _) in ROWS.items())

    read = write(project, f"{SHOP}[databases.other]\nurl = 'scheme:///other'\n[rows]\n{lines}")

    rows = read.databases["main"].rows
    assert {key: value for key, (_, value) in ROWS.items()} == {
        key: getattr(rows, key) for key in ROWS
    }
    assert set(ROWS) == rows.configured
    assert set(pacing.KEYS) == {*ROWS, "allowed_hours"}


def test_without_a_section_the_defaults_hold_and_nothing_counts_as_configured(project):
    rows = write(project, SHOP).databases["main"].rows

    assert pacing.DEFAULTS == rows
    assert frozenset() == rows.configured
    assert (0.5, 0, 10.0, 10.0) == (
        rows.target_seconds,
        rows.max_rejects,
        rows.max_lag,
        rows.statement_timeout,
    )


def test_a_database_says_it_otherwise_key_by_key(project):
    read = write(
        project,
        "[rows]\nworkers = 4\nmax_lag = 3\n[databases.main]\nurl = 'scheme:///main'\n"
        "[databases.main.rows]\nmax_lag = false\nfirst_rows = 10\n"
        "[databases.other]\nurl = 'scheme:///other'\n",
    )

    main, other = read.databases["main"].rows, read.databases["other"].rows
    assert (4, None, 10) == (main.workers, main.max_lag, main.first_rows)
    assert {"workers", "max_lag", "first_rows"} == main.configured
    untouched = pacing.DEFAULTS.first_rows
    assert (4, 3.0, untouched) == (other.workers, other.max_lag, other.first_rows)
    assert (4, 3.0) == (read.rows.workers, read.rows.max_lag)


def test_a_database_that_is_given_by_its_url_has_the_settings_for_all(project):
    read = write(project, "[rows]\nworkers = 4\n")

    assert 4 == config.find_database(read, "scheme:///x", environ={}).rows.workers


@pytest.mark.parametrize(
    ("line", "what", "remedy"),
    [
        (
            "workers = 0",
            "rows.workers has to be a whole number of at least 1",
            "write:  workers = 4",
        ),
        ("workers = true", "rows.workers has to be a whole number of at least 1", "workers = 4"),
        ("workers = 1.5", "rows.workers has to be a whole number of at least 1", "workers = 4"),
        (
            "target_seconds = 0",
            "rows.target_seconds has to be a number of seconds above 0",
            "target_seconds = 0.5",
        ),
        (
            "target_seconds = nan",
            "rows.target_seconds has to be a number of seconds above 0",
            "target_seconds = 0.5",
        ),
        ("grace_seconds = -1", "rows.grace_seconds has to be a number of seconds", "= 30.0"),
        (
            "max_lag = 0",
            "rows.max_lag has to be a number of seconds above 0, or false for no limit",
            "max_lag = 10.0",
        ),
        (
            "max_lag = true",
            "rows.max_lag has to be a number of seconds above 0, or false for no limit",
            "max_lag = 10.0",
        ),
        (
            "max_rows_per_second = 0",
            "rows.max_rows_per_second has to be a number of rows above 0, or false for no limit",
            "max_rows_per_second = 5000",
        ),
        (
            "max_memory = 512",
            "rows.max_memory has to be a size such as 512 MB, or false for no limit",
            'max_memory = "512 MB"',
        ),
        (
            "batch_bytes = false",
            "rows.batch_bytes has to be a size such as 512 MB",
            'batch_bytes = "16 MB"',
        ),
        ("probe = 1", "rows.probe has to be a text", 'probe = "…"'),
        (
            "timezone = 'Mars/Base'",
            "rows.timezone has to be the name of a time zone that this machine knows",
            "Europe/Vienna",
        ),
        (
            "timezone = '../etc/passwd'",
            "rows.timezone has to be the name of a time zone that this machine knows",
            "Europe/Vienna",
        ),
        (
            "allowed_hours = '22:00-06:00'",
            OF_HOURS,
            '["22:00-06:00", "sat,sun 00:00-24:00"]',
        ),
        (
            "allowed_hours = ['25:00-06:00']",
            f"{OF_HOURS}, and 25:00 is not a time of day",
            "22:00-06:00",
        ),
        (
            "allowed_hours = ['funday 01:00-02:00']",
            f"{OF_HOURS}, and 'funday 01:00-02:00' is not like 22:00-06:00 or sat,sun 00:00-24:00",
            "22:00-06:00",
        ),
        (
            "allowed_hours = ['fun 01:00-02:00']",
            f"{OF_HOURS}, and 'fun' is not a day: mon, tue, wed, thu, fri, sat, sun",
            "22:00-06:00",
        ),
        (
            "allowed_hours = ['08:00-08:00']",
            f"{OF_HOURS}, and '08:00-08:00' has no length; a whole day is 00:00-24:00",
            "22:00-06:00",
        ),
        ("replicas = ['']", "rows.replicas has to be a list of names of databases, or URLs", "["),
        ("replicas = 'a'", "rows.replicas has to be a list of names of databases, or URLs", "["),
        ("wrokers = 1", "unknown key 'wrokers' in [rows]", "did you mean:  workers"),
    ],
)
def test_a_setting_for_rows_that_cannot_be_is_refused_with_its_line(project, line, what, remedy):
    error = refusal(project, f"\n[rows]\n{line}\n")

    assert (what, "whimbrel.toml:3") == (error.what, error.where)
    assert remedy in error.remedy


def test_a_setting_of_one_database_is_refused_with_its_own_line(project):
    error = refusal(project, f"{SHOP}[databases.main.rows]\nworkers = 'many'\n")

    assert "databases.main.rows.workers has to be a whole number of at least 1" == error.what
    assert "whimbrel.toml:4" == error.where


@pytest.mark.parametrize(
    ("text", "days", "minutes"),
    [
        ("22:00-06:00", range(7), (1320, 360)),
        ("sat,sun 00:00-24:00", (5, 6), (0, 1440)),
        ("Mon-Fri 9:30 - 17:00", range(5), (570, 1020)),
        ("fri-mon 01:00-02:00", (4, 5, 6, 0), (60, 120)),
        ("wed, fri-sat 01:00-02:00", (2, 4, 5), (60, 120)),
    ],
)
def test_hours_are_read_with_their_days(project, text, days, minutes):
    read = write(project, f"[rows]\nallowed_hours = ['{text}']\n")

    (window,) = read.rows.allowed_hours
    assert (frozenset(days), minutes) == (window.days, (window.start, window.end))
    assert text == str(window)


def test_replicas_are_databases_of_this_file_or_urls(project):
    read = write(
        project,
        "[databases.main]\nurl = 'scheme:///main'\n"
        "[databases.main.rows]\nreplicas = ['second', 'scheme://app:${PW}@db2/shop']\n"
        "[databases.second]\nurl = 'scheme:///second'\n",
    )

    second, third = read.databases["main"].replicas
    assert read.databases["second"] == second
    assert "scheme://app:p%40w@db2/shop" == third.real_url({"PW": "p@w"})
    assert "scheme://app:***@db2/shop" == third.title
    assert "whimbrel.toml:4, [databases.main.rows]" == third.where
    assert () == read.databases["second"].replicas


def test_a_replica_of_all_is_not_its_own(project):
    read = write(
        project, f"[rows]\nreplicas = ['second']\n{SHOP}[databases.second]\nurl = 'scheme:///2'\n"
    )

    assert ["second"] == [replica.name for replica in read.databases["main"].replicas]
    assert () == read.databases["second"].replicas
    assert ["second"] == [replica.name for replica in read.replicas]


@pytest.mark.parametrize(
    ("wanted", "what", "remedy"),
    [
        ("mian", "a replica is called 'mian', and no database is", "did you mean:  main"),
        ("main", "'main' is named as its own replica", "name the database that follows it"),
        ("scheme://${", "a ${ in the url has no }", "write ${NAME}"),
    ],
)
def test_a_replica_that_cannot_be_is_refused_with_its_line(project, wanted, what, remedy):
    error = refusal(project, f"{SHOP}[databases.main.rows]\nreplicas = ['{wanted}']\n")

    assert what == error.what
    assert error.where.startswith("whimbrel.toml:4")
    assert remedy in error.remedy


def test_no_representation_shows_the_password_of_a_replica_or_a_probe(project):
    read = write(
        project,
        f"{SHOP}[databases.main.rows]\nreplicas = ['scheme://app:{SECRET}@db/d']\n"
        f"probe_command = 'ask --password {SECRET}'\nprobe = 'SELECT ''{SECRET}'''\n".replace(
            "''", '"'
        ),
    )

    assert SECRET not in repr(read)
    assert SECRET not in repr(read.databases["main"].rows)
    assert SECRET not in repr(read.databases["main"].replicas)
