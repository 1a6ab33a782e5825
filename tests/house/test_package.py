"""What an installed Whimbrel looks like from outside."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_upstreams_namespace_stays_a_namespace_with_our_module_in_it():
    upstream = importlib.util.find_spec("rhosocial.activerecord")
    models = importlib.util.find_spec("rhosocial.activerecord.model")
    ours = importlib.util.find_spec("rhosocial.activerecord.migration")

    assert upstream.origin is None
    assert models is not None
    assert Path(ours.origin).name == "migration.py"


@pytest.mark.slow
def test_a_wheel_holds_our_files_and_no_foreign_package(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )

    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    metadata = next(name for name in names if name.endswith("/METADATA"))
    assert "whimbrel/py.typed" in names
    assert {f"whimbrel/reports/page.{kind}" for kind in ("html.j2", "css", "js")} <= set(names)
    assert "rhosocial/activerecord/migration.py" in names
    assert [] == [n for n in names if n.startswith("rhosocial") and n.endswith("__init__.py")]
    assert {"whimbrel", "rhosocial", metadata.split("/")[0]} == {n.split("/")[0] for n in names}


def test_the_demo_needs_no_tools_of_developers():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]

    assert [] == [need for need in extras["demo"] if re.match("pytest|ruff|mypy", need)]
