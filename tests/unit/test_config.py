"""whimbrel.toml and the environment: what is read, what is refused, and that no secret shows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import make_url

from whimbrel import config, errors

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


def filled(project: Path, url: str, **environ: str) -> str:
    """Return the URL of a database as the engines get it."""
    read = write(project, f"[databases.main]\nurl = '{url}'\n")
    return read.databases["main"].real_url(environ)


def refusal(project: Path, text: str) -> errors.BadConfig:
    with pytest.raises(errors.BadConfig) as caught:
        write(project, text)
    return caught.value


# --- finding and reading --------------------------------------------------------------------


def test_everything_that_can_be_said_is_read(project):
    read = write(
        project,
        """
        default_database = "old"

        [migrations]
        directory = "db/changes"
        sql_dialect = "mysql"

        [databases.main]
        url = "scheme://app:${DB_PASSWORD}@db/shop"

        [databases.old]
        url = "scheme:///old.db"
        migrations = "db/old"
        sql_dialect = "sqlite"
        """,
    )

    main, old = read.databases["main"], read.databases["old"]
    assert project == read.root
    assert project / "whimbrel.toml" == read.file
    assert "old" == read.default
    assert ["main", "old"] == list(read.databases)
    assert (project / "db/changes", "mysql") == (main.migrations, main.sql_dialect)
    assert (project / "db/old", "sqlite") == (old.migrations, old.sql_dialect)
    assert "whimbrel.toml:9, [databases.main]" == main.where
    assert project == main.folder


def test_the_file_is_found_from_a_folder_below(project):
    (project / "whimbrel.toml").write_text("", encoding="utf-8")
    below = project / "app" / "models"
    below.mkdir(parents=True)

    assert project == config.load(below).root


def test_without_start_the_current_folder_counts(project):
    (project / "whimbrel.toml").write_text("", encoding="utf-8")

    assert project == config.load().root


def test_the_nearest_file_wins(project):
    inner = project / "inner"
    inner.mkdir()
    for folder in (project, inner):
        (folder / "whimbrel.toml").write_text("", encoding="utf-8")

    assert inner == config.load(inner).root


def test_without_a_file_the_folder_is_the_root_and_migrations_lie_in_it(project):
    read = config.load(project)

    assert (project, None, None) == (read.root, read.file, read.default)
    assert project / "migrations" == read.migrations.directory
    assert {} == read.databases


def test_an_absolute_migrations_folder_stays_where_it_is(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    read = write(project, f'[migrations]\ndirectory = "{elsewhere}"\n')

    assert elsewhere == read.migrations.directory


def test_a_byte_order_mark_and_windows_line_ends_are_read(project):
    text = '[databases.main]\nurl = "scheme:///a"\n'.replace("\n", "\r\n")
    (project / "whimbrel.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())

    assert "scheme:///a" == config.load(project).databases["main"].url


def test_nothing_that_was_read_can_be_changed(project):
    read = write(project, '[databases.main]\nurl = "scheme:///a"\n')

    with pytest.raises(TypeError):
        read.databases["other"] = read.databases["main"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        read.databases["main"].url = "scheme:///b"


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "what", "line", "remedy"),
    [
        ('default_databse = "a"', "unknown key 'default_databse'", 1, "default_database"),
        ('[database.main]\nurl = "x"', "unknown section 'database'", 1, "databases"),
        (
            '[databases.main]\n# the shop\nulr = "x"',
            "unknown key 'ulr' in [databases.main]",
            3,
            "did you mean:  url",
        ),
        (
            '[migrations]\nfolder = "x"',
            "unknown key 'folder' in [migrations]",
            2,
            "known here: directory, keep, sql_dialect",
        ),
        (
            'databases.main.url = "x"\ndatabases.main.password = "x"',
            "unknown key 'password' in [databases.main]",
            2,
            "known here: migrations, rows, sql_dialect, url",
        ),
        (
            'note = """\n[migrations]\n"""\n[migrations]\ndirectoy = 1',
            "unknown key 'note'",
            1,
            "known here",
        ),
        (
            'databases = { main = { ulr = "x" } }',
            "unknown key 'ulr' in [databases.main]",
            1,
            "did you mean:  url",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_its_line_and_what_was_meant(
    project, text, what, line, remedy
):
    error = refusal(project, text)

    assert what == error.what
    assert f"whimbrel.toml:{line}" == error.where
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("[databases.main]\nurl = 5", "databases.main.url has to be a text, not a whole number", 2),
        (
            "[migrations]\ndirectory = ['a']",
            "migrations.directory has to be a text, not a list",
            2,
        ),
        ("default_database = true", "default_database has to be a text, not true or false", 1),
        ("migrations = 'db'", "migrations has to be a table, not a text", 1),
        ("[databases]\nmain = 'x'", "databases.main has to be a table, not a text", 2),
        ("\n[databases.main]", "the database 'main' has no url", 2),
        ("[databases.main]\nurl = ''", "the database 'main' has no url", 1),
        ("[databases.'a:b']\nurl = 'x'", "'a:b' cannot be the name of a database", 1),
        (
            "default_database = 'mian'\n[databases.main]\nurl = 'x'",
            "default_database is 'mian', and no database is called so",
            1,
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_line(project, text, what, line):
    error = refusal(project, text)

    assert (what, f"whimbrel.toml:{line}") == (error.what, error.where)
    assert error.remedy


def test_a_value_of_the_wrong_kind_is_not_shown(project):
    error = refusal(project, f"[databases.main]\nurl = ['{SECRET}']\n")

    assert SECRET not in str(error)


def test_text_that_is_not_toml_is_refused_with_its_line(project):
    error = refusal(project, "\n\n[databases\n")

    assert error.what.startswith("whimbrel.toml is not TOML: ")
    assert "whimbrel.toml:3" == error.where


def test_a_file_that_is_not_utf_8_is_refused_with_its_line(project):
    (project / "whimbrel.toml").write_bytes(b"# a\n# caf\xe9\n")

    with pytest.raises(errors.BadConfig) as caught:
        config.load(project)

    assert "whimbrel.toml:2" == caught.value.where


def test_a_file_that_cannot_be_read_is_refused(project, monkeypatch):
    (project / "whimbrel.toml").write_text("", encoding="utf-8")

    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)

    with pytest.raises(errors.BadConfig, match="cannot be read: Permission denied"):
        config.load(project)


def test_a_file_from_elsewhere_is_named_in_full(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    error = refusal(elsewhere, "nonsense = 1")

    assert f"{elsewhere}/whimbrel.toml:1" == error.where


# --- which database -------------------------------------------------------------------------

TWO = '[databases.main]\nurl = "scheme:///main"\n[databases.test]\nurl = "scheme:///test"\n'


def test_a_name_means_the_database_of_that_name(project):
    read = write(project, TWO)

    assert "scheme:///test" == config.find_database(read, "test", environ={}).url


def test_a_url_is_a_database_without_a_name(project):
    read = write(project, TWO + '[migrations]\ndirectory = "db"\nsql_dialect = "mysql"\n')

    found = config.find_database(read, "scheme://app:s3cr3t@h/d", environ={})

    assert (None, "scheme://app:***@h/d") == (found.name, found.title)
    assert (project / "db", "mysql") == (found.migrations, found.sql_dialect)


def test_a_relative_file_in_a_url_starts_at_the_configuration_or_at_the_current_folder(
    project, tmp_path_factory, monkeypatch
):
    read = write(project, TWO)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)

    assert project == config.find_database(read, "main", environ={}).folder
    assert elsewhere == config.find_database(read, "scheme:///a.db", environ={}).folder


def test_a_url_that_is_given_directly_is_taken_as_it_is(project):
    found = config.find_database(config.load(project), "scheme:///${HOME}$${X}.db", environ={})

    assert "scheme:///${HOME}$${X}.db" == found.real_url({"HOME": "/root"})


def test_the_environment_goes_before_the_default_and_gives_way_to_the_option(project):
    read = write(project, 'default_database = "main"\n' + TWO)
    environ = {config.URL_VARIABLE: "scheme:///env"}

    assert "scheme:///env" == config.find_database(read, environ=environ).url
    assert "scheme:///test" == config.find_database(read, "test", environ=environ).url
    assert "scheme:///main" == config.find_database(read, environ={config.URL_VARIABLE: ""}).url


def test_the_environment_is_enough_without_a_file(project, monkeypatch):
    monkeypatch.setenv(config.URL_VARIABLE, "scheme:///env")

    found = config.find_database(config.load(project))

    assert ("scheme:///env", project / "migrations") == (found.real_url(), found.migrations)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('default_database = "test"\n' + TWO, "test"),
        ('[databases.shop]\nurl = "x:"\n', "shop"),
        (TWO + '[databases.default]\nurl = "x:"\n', "default"),
        (TWO, None),
    ],
)
def test_the_default_is_the_named_one_or_the_only_one_or_the_one_called_default(
    project, text, expected
):
    assert expected == write(project, text).default


def test_several_databases_without_a_default_are_refused(project):
    read = write(project, TWO)

    with pytest.raises(errors.BadConfig, match="2 databases and none is the default") as caught:
        config.find_database(read, environ={})

    assert "known: main, test" in caught.value.remedy


def test_no_database_at_all_is_refused(project):
    with pytest.raises(errors.BadConfig, match="no database is named"):
        config.find_database(config.load(project), environ={})


def test_an_unknown_name_is_refused_with_the_known_ones(project):
    read = write(project, TWO)

    with pytest.raises(errors.UnknownDatabase) as caught:
        config.find_database(read, "mian", environ={})

    assert "known: main, test" == caught.value.facts["object"]
    assert "whimbrel.toml" == caught.value.where


# --- variables ------------------------------------------------------------------------------


def test_a_variable_is_filled_in_when_the_database_is_used(project):
    assert "scheme://app:pw@db/shop" == filled(
        project, "scheme://app:${DB_PASSWORD}@db/shop", DB_PASSWORD="pw"
    )


def test_without_a_mapping_the_real_environment_counts(project, monkeypatch):
    monkeypatch.setenv("WHIMBREL_TEST_HOST", "db7")
    read = write(project, '[databases.main]\nurl = "scheme://${WHIMBREL_TEST_HOST}/shop"\n')

    assert "scheme://db7/shop" == read.databases["main"].real_url()


def test_a_missing_variable_stops_only_the_database_that_needs_it(project):
    read = write(project, TWO + '[databases.live]\nurl = "scheme://app:${LIVE}@db/shop"\n')

    assert "scheme:///main" == read.databases["main"].real_url({})
    with pytest.raises(errors.MissingSecret) as caught:
        read.databases["live"].real_url({})
    assert "the environment variable LIVE is not set" == caught.value.what
    assert "whimbrel.toml:6, [databases.live]" == caught.value.where


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("scheme://u:${PW}@h/d", "scheme://u:p%40s%2Fs%3A%3F%23%25%20%26w@h/d"),
        ("scheme://${PW}:x@h/d", "scheme://p%40s%2Fs%3A%3F%23%25%20%26w:x@h/d"),
        ("scheme://u:a${PW}b@h/d", "scheme://u:ap%40s%2Fs%3A%3F%23%25%20%26wb@h/d"),
        ("scheme://u:${NONE:-a@b}@h/d", "scheme://u:a%40b@h/d"),
        (
            "scheme://h/d?password=${PW}&x=1",
            "scheme://h/d?password=p%40s%2Fs%3A%3F%23%25%20%26w&x=1",
        ),
    ],
)
def test_a_variable_in_the_place_of_a_name_password_or_parameter_is_percent_encoded(
    project, url, expected
):
    assert expected == filled(project, url, PW="p@s/s:?#% &w")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("${URL}", "scheme://u:p%40w@h/d"),
        ("scheme://${HOST}/d", "scheme://h:5432/d"),
        ("scheme:///${FILE}", "scheme:///a b@c/d.db"),
        ("scheme://h/d?${MORE}", "scheme://h/d?a=1&b=2"),
    ],
)
def test_a_variable_anywhere_else_goes_in_verbatim(project, url, expected):
    assert expected == filled(
        project,
        url,
        URL="scheme://u:p%40w@h/d",
        HOST="h:5432",
        FILE="a b@c/d.db",
        MORE="a=1&b=2",
    )


def test_a_percent_sign_in_a_password_arrives_as_a_percent_sign(project):
    assert "scheme://u:p%2540@h/d" == filled(project, "scheme://u:${PW}@h/d", PW="p%40")


def test_a_variable_that_may_be_a_user_or_both_user_and_password_is_refused(project):
    with pytest.raises(errors.BadConfig) as caught:
        filled(project, "scheme://${CREDENTIALS}@h/d", CREDENTIALS=f"app:{SECRET}")

    assert "CREDENTIALS holds a ':' where the url has one name" == caught.value.what
    assert SECRET not in str(caught.value)


def test_a_fallback_stands_in_for_an_unset_or_empty_variable(project):
    url = "scheme://${HOST:-localhost}/${DB:-}"

    assert "scheme://localhost/" == filled(project, url)
    assert "scheme://localhost/" == filled(project, url, HOST="")
    assert "scheme://db/shop" == filled(project, url, HOST="db", DB="shop")


def test_an_empty_variable_without_fallback_is_an_empty_text(project):
    assert "scheme://u:@h/d" == filled(project, "scheme://u:${PW}@h/d", PW="")


def test_dollars_that_begin_no_variable_stay(project):
    assert "scheme:///$HOME/${X}$y" == filled(project, "scheme:///$HOME/$${X}$y", HOME="/", X="no")


@pytest.mark.parametrize("url", ["scheme:///${1}", "scheme:///${}", "scheme:///${A B}"])
def test_a_variable_without_a_proper_name_is_refused_when_the_file_is_read(project, url):
    error = refusal(project, f"[databases.main]\nurl = '{url}'\n")

    assert "a ${…} in the url is not the name of a variable" == error.what
    assert error.where.startswith("whimbrel.toml:2")


def test_a_variable_without_an_end_is_refused_when_the_file_is_read(project):
    error = refusal(project, "[databases.main]\nurl = 'scheme:///${A'\n")

    assert "a ${ in the url has no }" == error.what


@given(user=st.text(min_size=1), password=st.text())
def test_any_user_and_password_come_out_of_the_url_as_they_were(user, password):
    database = config.DatabaseConfig(
        name="main",
        url="postgresql://${U}:${P}@host/shop",
        where="whimbrel.toml",
        folder=Path(),
        migrations=Path("migrations"),
    )
    encodable = not any("\ud800" <= letter <= "\udfff" for letter in user + password)
    if not encodable:
        return

    url = make_url(database.real_url({"U": user, "P": password}))

    assert (user, password, "host", "shop") == (url.username, url.password, url.host, url.database)


# --- hiding ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("scheme://app:s3cr3t@db/shop", "scheme://app:***@db/shop"),
        ("scheme+driver://app:s3cr3t@[::1]:5/d", "scheme+driver://app:***@[::1]:5/d"),
        ("scheme://:s3cr3t@db/shop", "scheme://:***@db/shop"),
        ("scheme://app:s3cr3t@s3cr3t@db/d", "scheme://app:***@db/d"),
        ("scheme://app:s3cr3t/?#s3cr3t@db/d", "scheme://app:***@db/d"),
        ("scheme://app:s3cr3t", "scheme://app:***"),
        ("scheme://app:s3cr3t/shop", "scheme://app:***/shop"),
        ("app:s3cr3t@db/shop", "app:***@db/shop"),
        ("app:s3cr3t://s3cr3t@db", "app:***@db"),
        ("scheme:app:s3cr3t@db", "scheme:***@db"),
        ("scheme:///app:s3cr3t@db", "scheme:///app:***@db"),
        ("scheme://db/d?password=s3cr3t&a=b", "scheme://db/d?password=***&a=b"),
        ("scheme://db/d?a=b&sslpassword=s3cr3t", "scheme://db/d?a=b&sslpassword=***"),
        ("scheme://db/d?passfile=/s3cr3t", "scheme://db/d?passfile=***"),
        ("scheme://db/d?PASSWD=s3cr3t", "scheme://db/d?PASSWD=***"),
        ("scheme://db/d?pass%77ord=s3cr3t", "scheme://db/d?pass%77ord=***"),
        ("scheme://db/d?a=b;password=s3cr3t", "scheme://db/d?a=b;password=***"),
        ("scheme://app:s3cr3t@db/d?password=s3cr3t", "scheme://app:***@db/d?password=***"),
        ("host=db password=s3cr3t dbname=d", "host=db password=***"),
        ("host=db password = 's3 cr3t'", "host=db password = ***"),
    ],
)
def test_every_place_of_a_password_is_masked(url, expected):
    assert expected == config.masked(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "://",
        "@",
        "scheme://",
        "scheme:///shop.db",
        "scheme:////srv/a:b/c.db",
        "scheme://db:5432/shop?sslmode=require&connect_timeout=5",
        "scheme://[::1]:5432/shop",
        "scheme://app@db/shop",
        "main",
    ],
)
def test_what_has_no_password_is_shown_as_it_is(url):
    assert url == config.masked(url)


@given(st.text())
def test_masking_never_fails(text):
    assert isinstance(config.masked(text), str)


@given(
    st.text(alphabet="abc:/?#&=@ %[]\n", max_size=12),
    st.sampled_from(["scheme://app:{}@db/shop", "app:{}@db", "scheme:///app:{}@db?x=1"]),
)
def test_no_stray_character_lets_a_password_through(around, shape):
    # `app://…` is a URL of the scheme app, and then this is no password.
    assume(not (shape.startswith("app:") and around.startswith("//")))
    url = shape.format(f"{around}{SECRET}{around[::-1]}")

    assert SECRET not in config.masked(url)


def test_no_representation_shows_a_password(project):
    read = write(
        project,
        f"[databases.main]\nurl = 'scheme://app:{SECRET}@db/d?password={SECRET}'\n",
    )

    for text in (repr(read), str(read.databases["main"]), f"{read.databases!r}"):
        assert SECRET not in text
        assert "app:***@db" in text


# --- transfers ------------------------------------------------------------------------------


def test_rules_of_a_transfer_keep_the_lines_of_their_keys(project):
    read = write(
        project,
        "[transfers.shop]\n\nrest = 'leave'\n\n[transfers.shop.tables.a.cleanse]\nb = ['trim']\n",
    )

    shop = read.transfers["shop"]
    assert {"rest": "leave", "tables": {"a": {"cleanse": {"b": ["trim"]}}}} == shop.said
    assert project == shop.folder
    assert "whimbrel.toml:1" == shop.line()
    assert "whimbrel.toml:3" == shop.line("rest")
    assert "whimbrel.toml:6" == shop.line("tables", "a", "cleanse", "b")
    assert "whimbrel.toml:5" == shop.line("tables", "a", "rename", "c")


def test_a_transfer_has_a_plain_name(project):
    error = refusal(project, "[transfers.'a b']\nrest = 'leave'\n")

    assert "'a b' cannot be the name of a transfer" in error.what
