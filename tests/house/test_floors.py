"""The rules of the house that a machine can check: floors, names, docstrings, sizes."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
MODULES = sorted(SRC.rglob("*.py"))

MOST_LINES = 800
ENGINE_NAME = re.compile(
    r"(?<![a-z])(sqlite3?|postgres(ql)?|mysql|mariadb|psycopg2?|pymysql)(?![a-z])", re.I
)

# Where an engine has to be called by its name outside of engines/: file -> why.
MAY_NAME_ENGINES: dict[str, str] = {}

each_module = pytest.mark.parametrize(
    "module", MODULES, ids=lambda module: module.relative_to(SRC).as_posix()
)


def test_every_room_stands_above_what_it_imports():
    # The cache would be a file in the project, and this takes no second without it.
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo"]
    environment = {**os.environ, "PYTHONPATH": str(SRC), "COLUMNS": "100"}

    linted = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert 0 == linted.returncode, linted.stdout + linted.stderr


@each_module
def test_only_the_engines_room_knows_an_engine_by_its_name(module):
    place = module.relative_to(SRC).as_posix()
    if place.startswith("whimbrel/engines/") or place in MAY_NAME_ENGINES:
        return

    named = [
        f"{place}:{line}: {text[:80]!r}"
        for line, text in _words_of_code(ast.parse(module.read_text(encoding="utf-8")))
        if ENGINE_NAME.search(text)
    ]

    assert [] == named


@each_module
def test_every_module_opens_with_what_it_is_for(module):
    opening = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))

    assert opening
    assert len(opening.splitlines()[0]) <= 100


@each_module
def test_no_file_is_too_long_to_be_read(module):
    assert len(module.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_every_room_is_a_package_and_upstreams_namespace_is_not():
    rooms = {module.parent for module in MODULES if SRC / "whimbrel" in module.parents}

    assert [] == sorted(room for room in rooms if not (room / "__init__.py").exists())
    assert [] == sorted((SRC / "rhosocial").rglob("__init__.py"))


def test_exceptions_of_this_page_are_still_needed():
    gone = [place for place in MAY_NAME_ENGINES if not (SRC / place).exists()]

    assert [] == gone


def _words_of_code(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield every identifier and string of a module, except docstrings."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if id(node) in documentation:
            continue
        match node:
            case ast.Constant(value=str(text)) | ast.Name(id=text) | ast.Attribute(attr=text):
                yield node.lineno, text
            case ast.ImportFrom(module=str(text)):
                yield node.lineno, text
            case ast.alias(name=text) | ast.arg(arg=text):
                yield node.lineno, text
            case ast.FunctionDef(name=text) | ast.ClassDef(name=text):
                yield node.lineno, text
            case ast.keyword(arg=str(text)):
                yield node.lineno, text
            case _:
                pass
