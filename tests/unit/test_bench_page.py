"""The page of benchmarks keeps what was not measured this time."""

from __future__ import annotations

from bench import page

KNOWN = """SQLite 3. 2 cores.

### Filled

| a |
| --- |
| 1 |

### Moved

Not measured yet."""


def test_what_was_not_measured_stays_and_what_was_is_new() -> None:
    fresh = "SQLite 4. 2 cores.\n\n### Filled\n\nNot measured yet.\n\n### Moved\n\n| b |"

    found = page.merged(KNOWN, fresh)

    assert found == (
        "SQLite 4. 2 cores.\n\n### Filled\n\n| a |\n| --- |\n| 1 |\n\n### Moved\n\n| b |"
    )


def test_the_servers_of_the_page_stay_when_none_was_asked() -> None:
    found = page.merged(KNOWN, ". 2 cores.\n\n### Moved\n\n| b |")

    assert found.startswith("SQLite 3. 2 cores.\n")


def test_an_empty_page_gets_everything() -> None:
    assert page.merged("", "SQLite 3.\n\n### Moved\n\n| b |") == "SQLite 3.\n\n### Moved\n\n| b |"
