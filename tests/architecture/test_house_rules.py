"""Habits of this code that a machine can check; ruff and mypy check the rest in `make check`."""

import ast
import re
from pathlib import Path

import pytest
from project_tree import NEXUS, TESTS, project_files, room, shown, source_files, syntax

MAX_LINES = 400
VAGUE_NAMES = {"utils", "util", "common", "helper", "helpers", "manager", "managers", "misc", "shared", "base"}
SERVICES = {"audit", "bastion", "consent", "iam", "kms", "mail", "objects"}
SPEAKING_ROOMS = {"app"}
"""The command line prints; nothing else does."""


def test_no_file_is_longer_than_one_sitting():
    long = {
        shown(path): lines for path in project_files(".py") if (lines := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert long == {}


def test_modules_are_named_after_things():
    vague = [shown(path) for path in project_files(".py") if VAGUE_NAMES & set(path.stem.split("_"))]
    assert vague == []


def test_only_the_settings_read_the_environment():
    def reads(node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute):
            return (
                isinstance(node.value, ast.Name)
                and node.value.id == "os"
                and node.attr in {"environ", "environb", "getenv"}
            )
        return (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and any(a.name in {"environ", "getenv"} for a in node.names)
        )

    allowed = {NEXUS / "app" / "settings.py"}
    readers = [shown(p) for p in source_files() if p not in allowed and any(map(reads, ast.walk(syntax(p))))]
    assert readers == []


def test_services_do_not_print():
    def prints(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"print", "input", "breakpoint"}
        )

    loud = [shown(p) for p in source_files() if room(p) not in SPEAKING_ROOMS and any(map(prints, ast.walk(syntax(p))))]
    assert loud == []


def test_a_package_holds_a_docstring_and_re_exports_nothing():
    faults = []
    for path in source_files():
        if path.name != "__init__.py":
            continue
        tree = syntax(path)
        if not ast.get_docstring(tree):
            faults.append(f"{shown(path)}: no docstring")
        if path.parent.name != "migrations" and any(
            isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body
        ):
            faults.append(f"{shown(path)}: imports, so a name has two homes")
    assert faults == []


def _is_a_plain_value(node: ast.AST) -> bool:
    """A record or an enumeration: a class without methods, whose fields speak."""
    return isinstance(node, ast.ClassDef) and not any(
        isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) for part in node.body
    )


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_public_names_of_a_service_say_what_they_are(service: str):
    silent = []
    for path in (NEXUS / service).rglob("*.py"):
        tree = syntax(path)
        if not ast.get_docstring(tree):
            silent.append(shown(path))
        silent += [
            f"{shown(path)}:{node.lineno} {node.name}"
            for node in tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
            and not _is_a_plain_value(node)
        ]
    assert silent == []


def test_nothing_is_left_for_later_in_the_source():
    unfinished = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = [f"{shown(p)}: {m.group()}" for p in source_files() if (m := unfinished.search(p.read_text()))]
    assert found == []


def test_tests_use_simulators_instead_of_patching_our_code():
    patches = re.compile(r"unittest\.mock|\bmocker\b|MagicMock|monkeypatch\.setattr\(\s*[\"']?nexus")
    here = Path(__file__)
    found = [shown(p) for p in TESTS.rglob("*.py") if p != here and patches.search(p.read_text())]
    assert found == []
