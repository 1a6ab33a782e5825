"""The pages about whole migrations are walked through: every command does what they show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests import conftest
from tests.contract import test_inventory as listing
from tests.contract import test_version_upgrade as upgrading
from tests.docs import walking

HOW_TO: Final = walking.ROOT / "docs" / "how-to"
EXAMPLE: Final = walking.ROOT / "examples" / "application"
FENCE: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHOP: Final = """
CREATE TYPE state AS ENUM ('new', 'paid', 'sent');
CREATE TABLE customer (id serial PRIMARY KEY, name text NOT NULL, email text UNIQUE);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer integer NOT NULL REFERENCES customer,
    state state NOT NULL DEFAULT 'new',
    placed timestamptz NOT NULL DEFAULT now(),
    total numeric(10, 2) CHECK (total >= 0)
);
CREATE INDEX ON orders (placed DESC);
CREATE VIEW unpaid AS SELECT * FROM orders WHERE state = 'new';
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.placed = now(); RETURN NEW; END $$;
CREATE TRIGGER placed BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
INSERT INTO customer (name, email) SELECT 'customer ' || n, n || '@example.org'
    FROM generate_series(1, 500) AS n;
INSERT INTO orders (customer, total) SELECT 1 + n % 500, n FROM generate_series(1, 3000) AS n;
CREATE PUBLICATION news FOR TABLE orders;
GRANT SELECT ON customer TO PUBLIC;
ANALYZE;
"""


def test_the_page_about_application_migrations_is_walked_through(tmp_path, monkeypatch, capsys,
                                                                request):  # fmt: skip
    page = HOW_TO / "application-migration.md"
    monkeypatch.chdir(tmp_path)
    walk = walking.Walk(tmp_path, monkeypatch, capsys, {})

    commands = walk.go(page, rewrite=request.config.getoption("--rewrite-golden"))

    assert 3 == sum(command.startswith("whimbrel transfer") for command in commands)
    assert 1 == len(list((tmp_path / "shop" / "reports").glob("*.html")))


def test_the_page_about_application_migrations_shows_the_example():
    text = (HOW_TO / "application-migration.md").read_text(encoding="utf-8")
    shown = dict.fromkeys(body for language, body in FENCE.findall(text) if language == "toml")
    rules, server = shown

    assert rules in (EXAMPLE / "whimbrel.toml").read_text(encoding="utf-8")
    assert "[databases.shop]" in server
    (function,) = [body for language, body in FENCE.findall(text) if language == "python"]
    assert function in (EXAMPLE / "lines.py").read_text(encoding="utf-8")


def test_the_page_about_version_upgrades_is_walked_through(
    tmp_path: Path,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    page = HOW_TO / "upgrade-a-server-version.md"
    old, new = new_database("postgresql"), new_database("postgresql18")
    raw(old).script(SHOP)
    (tmp_path / "whimbrel.toml").write_text(
        f'[databases.shop16]\nurl = "{old.url}"\n[databases.shop18]\nurl = "{new.url}"\n'
    )
    monkeypatch.chdir(tmp_path)
    said = {old.url: "postgresql://app:***@old/shop", new.url: "postgresql://app:***@new/shop"}
    walk = walking.Walk(tmp_path, monkeypatch, capsys, said)

    commands = walk.go(page, rewrite=request.config.getoption("--rewrite-golden"))

    assert ["whimbrel transfer shop16 shop18 --dry-run", "whimbrel transfer shop16 shop18"] == (
        commands
    )
    assert listing.said(old) == upgrading.as_before_18(listing.said(new))
