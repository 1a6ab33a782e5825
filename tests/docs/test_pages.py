"""The pages say what the code does: everything has its page, and what pages show is true."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tests.docs import samples
from whimbrel import config, errors, tables
from whimbrel.cli import app, stop
from whimbrel.engines import ddl as ddls
from whimbrel.engines import registry
from whimbrel.journal import journal
from whimbrel.journal import tables as journal_tables
from whimbrel.migrations import migration, project

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ERRORS = DOCS / "reference" / "errors"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("examples/*.md")])

PARTS = ["What it means", "Why it is refused", "What to do"]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
PLAIN_LINK = re.compile(r"(?<![\w/(])docs/[a-z/-]+\.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NO_TEXT = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
COMMAND_LINE = re.compile(r"^\s*(?:\$ )?whimbrel +([a-z]+)(.*)$", re.MULTILINE)

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return [body for name, body in FENCE.findall(read(page)) if name == language]


def section(page: Path, title: str) -> str:
    """Return what stands under a heading, up to the next one of its level or above."""
    found = re.search(
        rf"^(#+) {re.escape(title)}$\n(.*?)(?=^#{{1,3}} |\Z)", read(page), re.MULTILINE | re.DOTALL
    )
    return found[2] if found else ""


# --- errors ---------------------------------------------------------------------------------


def _classes(cls: type[errors.WhimbrelError]) -> Iterator[type[errors.WhimbrelError]]:
    yield cls
    for below in cls.__subclasses__():
        yield from _classes(below)


OURS = [cls for cls in _classes(errors.WhimbrelError) if cls.__module__.startswith("whimbrel.")]
SLUGS = sorted({cls.slug for cls in OURS})

each_slug = pytest.mark.parametrize("slug", SLUGS)


@pytest.fixture(scope="module")
def every() -> dict[str, errors.WhimbrelError]:
    return samples.every()


def test_every_error_has_a_page_and_every_page_an_error():
    written = {page.stem for page in ERRORS.glob("*.md")} - {"index"}

    assert stop.Stopped.slug in SLUGS
    assert set(SLUGS) == written


def test_every_error_has_a_slug_and_a_sample_of_its_own(every):
    repeated = [cls.__name__ for cls in OURS if "slug" not in vars(cls)]

    assert [] == repeated
    assert len(OURS) == len(SLUGS)
    assert set(SLUGS) == set(every)


@each_slug
def test_the_page_of_an_error_shows_its_real_message(slug, every, request):
    page = ERRORS / f"{slug}.md"
    shown = f"```text\n{every[slug]}\n```"

    if request.config.getoption("--rewrite-golden"):
        first = FENCE.search(read(page))
        page.write_text(read(page).replace(first[0], shown, 1), encoding="utf-8")

    assert shown in read(page)


@each_slug
def test_the_page_of_an_error_has_all_its_parts(slug, every):
    text, error = read(ERRORS / f"{slug}.md"), every[slug]
    module = type(error).__module__
    if module.startswith(f"{errors.__name__}."):
        module = errors.__name__  # where programs find it, whatever the file
    kind = f"{module}.{type(error).__name__}"

    assert text.startswith(f"# {slug}\n\n")
    assert PARTS == re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert f"\nExit code {error.exit_code}. In Python: `{kind}`.\n" in text


def test_the_index_of_errors_lists_each_page_with_its_first_sentence():
    listed = dict(
        re.findall(r"^- \[[\w-]+\]\(([\w-]+)\.md\): (.+)$", read(ERRORS / "index.md"), re.M)
    )
    written = {
        slug: " ".join(read(ERRORS / f"{slug}.md").split("\n\n")[1].split()) for slug in SLUGS
    }

    assert written == listed


# --- commands -------------------------------------------------------------------------------

COMMANDS = typer.main.get_command(app.app).commands
REFERENCE = DOCS / "reference" / "commands.md"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_section_with_all_its_options(command):
    text = section(REFERENCE, command)
    common = section(REFERENCE, "Options of every command")

    own = [option for parameter in COMMANDS[command].params for option in parameter.opts]
    own += [option for parameter in COMMANDS[command].params for option in parameter.secondary_opts]
    told = [option for option in own if option.startswith("-") and option not in common]

    assert f"whimbrel {command}" in text
    assert [] == [option for option in told if option not in text]


def test_no_section_is_about_a_command_that_does_not_exist():
    others = {"Options of every command", "Exit codes", "Output"}
    titles = set(re.findall(r"^## (.+)$", read(REFERENCE), re.MULTILINE))

    assert set(COMMANDS) == titles - others


@each_page
def test_pages_show_commands_and_options_that_exist(page):
    wrong = []
    for name, body in FENCE.findall(read(page)):
        for command, rest in COMMAND_LINE.findall(body) if name in ("text", "console", "") else ():
            if command not in COMMANDS:
                wrong.append(f"whimbrel {command}")
                continue
            known = {o for p in COMMANDS[command].params for o in (*p.opts, *p.secondary_opts)}
            asked = re.findall(r"(?<![\w-])--[a-z-]+", rest.split("  ")[0])
            wrong += [f"whimbrel {command} {option}" for option in asked if option not in known]

    assert [] == wrong


def test_the_states_of_status_and_history_are_explained():
    states = section(REFERENCE, "status")
    runs = section(DOCS / "explanation" / "journal.md", "whimbrel_runs")

    shown = [
        *journal.Applied,
        project.PENDING,
        project.EDITED,
        project.MISSING,
        project.OUT_OF_ORDER,
    ]
    assert [] == [state for state in shown if f"`{state}`" not in states]
    assert [] == [status for status in journal.Status if status not in runs]


# --- verbs and types ------------------------------------------------------------------------

VERBS_PAGE = DOCS / "reference" / "verbs.md"
VERBS = sorted(
    name
    for name, value in inspect.getmembers(migration.Migration, inspect.isfunction)
    if not name.startswith("_")
)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_section_with_all_its_options(verb):
    text = section(VERBS_PAGE, verb)
    alias = getattr(migration.Migration, verb).__name__
    text += section(VERBS_PAGE, alias) if alias != verb else ""

    wanted = inspect.signature(getattr(migration.Migration, verb)).parameters
    named = [name for name in wanted if name not in ("self", "options")]

    assert text
    assert [] == [name for name in named if not re.search(rf"\b{name}\b", text)]


def test_no_section_is_about_a_verb_that_does_not_exist():
    assert VERBS == sorted(re.findall(r"^### (.+)$", read(VERBS_PAGE), re.MULTILINE))


def test_the_table_of_types_is_what_the_engines_write():
    lines = [line for line in section(VERBS_PAGE, "Types").splitlines() if line.startswith("| ")]
    titles, _, *shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    verbs = [_ddl(title.lower()) for title in titles[1:]]

    expected = [[row[0], *(f"`{ddl.type(_column(row[0]))}`" for ddl in verbs)] for row in shown]

    assert expected == shown
    assert set(tables.TYPES) == {row[0].split("(")[0] for row in shown}
    assert set(registry.names()) == {title.lower() for title in titles[1:]}


def _ddl(name: str) -> ddls.TextDdl:
    """Return the verbs of an engine, over an empty database in memory."""
    # What a type is called needs no catalog; one engine insists on having one.
    nothing = registry.open_session("sqlite://")
    try:
        return registry.by_name(name).ddl(nothing.engine.catalog(nothing))
    finally:
        nothing.close()


def _column(text: str) -> tables.Column:
    """Return the column that `decimal(10, 2)`, `string(50)` or `enum(a, b)` means."""
    name, _, inside = text.rstrip(")").partition("(")
    values = [value.strip() for value in inside.split(",")] if inside else []
    if name == "enum":
        return tables.Column(name="c", type=name, values=tuple(values))
    first = "length" if "length" in tables.TYPES[name] else "precision"
    options = dict(zip((first, "scale"), map(int, values), strict=False))
    return tables.Column(name="c", type=name, **options)


# --- configuration, journal -----------------------------------------------------------------


def test_every_key_and_variable_of_the_configuration_is_explained():
    text = read(DOCS / "reference" / "configuration.md")
    keys = (
        *config._TOP_KEYS,
        *config._DATABASE_KEYS,
        *config._MIGRATIONS_KEYS,
        *config._REPORTS_KEYS,
    )

    assert [] == [key for key in (*keys, config.URL_VARIABLE) if key not in text]


def test_every_table_and_column_of_the_journal_is_explained():
    page = DOCS / "explanation" / "journal.md"

    missing = [
        f"{table.name}.{column.name}"
        for table in journal_tables.METADATA.tables.values()
        for column in table.columns
        if f"`{column.name}`" not in section(page, table.name)
    ]

    assert [] == missing


# --- all pages ------------------------------------------------------------------------------


@each_page
def test_links_lead_somewhere(page):
    text = read(page)
    links = [link for link in LINK.findall(NO_TEXT.sub("", text)) if "://" not in link]

    dead = [link for link in links if not _leads_somewhere(page, link)]
    dead += [link for link in PLAIN_LINK.findall(text) if not (ROOT / link).is_file()]

    assert [] == dead


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@each_page
def test_python_on_pages_compiles(page):
    for source in blocks(page, "python"):
        # A piece of a method stands at the top of its block.
        ast.parse(source, page.name)


@each_page
def test_settings_on_pages_can_be_read(page, tmp_path):
    for text in blocks(page, "toml"):
        (tmp_path / config.FILE_NAME).write_text(text, encoding="utf-8")
        tomllib.loads(text)
        config.read(tmp_path / config.FILE_NAME)


def test_every_page_is_in_the_index():
    listed = {(DOCS / link).resolve() for link in LINK.findall(read(DOCS / "index.md"))}
    # Errors and checks have an index of their own, which is in this one.
    apart = {ERRORS, DOCS / "reference" / "checks"}
    pages = {page for page in DOCS.rglob("*.md") if page.parent not in apart}
    pages -= {DOCS / "index.md"}

    assert set() == pages - listed


def test_the_readme_is_one_screen():
    assert len(read(ROOT / "README.md").splitlines()) <= 80


def test_files_that_contributing_names_exist():
    rows = [line.split("|") for line in read(ROOT / "CONTRIBUTING.md").splitlines()]
    folders = (ROOT / "src" / "whimbrel", ROOT / "tests", DOCS)

    named = [
        (folder, name)
        for row in rows
        for folder, cell in zip(folders, row[2:5], strict=False)
        for name in re.findall(r"`([\w./*-]+)`", cell)
    ]

    assert 60 < len(named)
    assert [] == [name for folder, name in named if not [*folder.glob(name), *ROOT.glob(name)]]


# --- the tutorial ---------------------------------------------------------------------------

# What differs from run to run: when, how long, who and where.
VARYING = [
    (re.compile(r"\d{8}_\d{6}"), "TIMESTAMP"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"), "MOMENT"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s)\b"), "DURATION"),
    (re.compile(r"seal [0-9a-f]{64}"), "SEAL"),
    (re.compile(r"MOMENT, \S+"), "MOMENT, WHO"),
    (re.compile(r"[\w.-]+@[\w.-]+"), "WHO@HOST"),
    (re.compile(r"sqlite:////\S*/"), "sqlite:///"),
    (re.compile(r" {2,}"), "  "),
    (re.compile(r" +$", re.MULTILINE), ""),
]


def test_the_tutorial_does_what_it_says(tmp_path, monkeypatch, capsys, request):
    page = DOCS / "tutorial.md"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(config.URL_VARIABLE, raising=False)

    def play(block: re.Match[str]) -> str:
        language, body = block.groups()
        if language == "python":
            newest = max((tmp_path / "migrations").glob("*.py"))
            newest.write_text(body, encoding="utf-8")
        if language != "console":
            return block[0]
        played = f"```console\n{_played(body, capsys)}```"
        return block[0] if _steady(played) == _steady(block[0]) else played

    written = read(page)
    played = FENCE.sub(play, written)

    if request.config.getoption("--rewrite-golden"):
        page.write_text(played, encoding="utf-8")
    assert played == read(page)


def _played(body: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run the commands of a block; return them with what they wrote and how they ended."""
    played = []
    for line in body.splitlines():
        if not line.startswith("$ "):
            continue
        command = line.removeprefix("$ ")
        played.append(line)
        if command.startswith("whimbrel "):
            code = app.main(command.split()[1:])
            told = capsys.readouterr()
            played += [*told.out.splitlines(), *told.err.splitlines()]
            played += [f"exit code {code}"] if code else []
        else:
            done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
            played += done.stdout.splitlines()
    return "\n".join(played) + "\n"


def _steady(text: str) -> str:
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return text.strip()
