"""Which requirement of the catalogue is fulfilled by which tests; run as a program, it writes the page that says so.

A test claims a requirement by citing its id (`EMC-39`) in its docstring, or in the docstring of its module.
"""

import ast
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from project_tree import ROOT, TESTS, shown, syntax

PAGE = ROOT / "docs" / "reference" / "requirements.md"
_ID = re.compile(r"\b(?:EMC|NX|AP|HD|IN|RG|R|F|T)-\d{2,3}\b")
_HEAD = """# Requirements and the tests that hold them

Written by `make reference` from the citations in the tests; do not edit. A requirement that is not listed here is not
claimed yet. A requirement that is listed is held as far as the named tests go, no further.

| requirement | says | held by |
|---|---|---|
"""


def catalogue() -> dict[str, str]:
    """Id -> statement, for every requirement; empty where the catalogue is not at hand."""
    folder = Path(os.environ.get("NEXUS_SHARED_REQUIREMENTS", ROOT.parent / "shared" / "requirements"))
    try:
        rows = json.loads((folder / "catalogue.json").read_text())
    except FileNotFoundError:
        return {}
    return {row["id"].split()[0]: row["statement"] for row in rows}


def citations() -> dict[str, set[str]]:
    """Requirement id -> the tests that cite it, as `path` or `path::test`."""
    cited: dict[str, set[str]] = defaultdict(set)
    for path in sorted(TESTS.rglob("test_*.py")):
        for name, text in _docstrings(path):
            for requirement in _ID.findall(text):
                cited[requirement].add(f"{shown(path)}::{name}" if name else shown(path))
    return dict(cited)


def page(statements: dict[str, str], cited: dict[str, set[str]]) -> str:
    """The page, in the order of the catalogue."""
    rows = []
    for requirement, statement in statements.items():
        if requirement in cited:
            tests = "<br>".join(_short(test) for test in sorted(cited[requirement]))
            rows.append(f"| {requirement} | {statement.replace('|', '/')} | {tests} |")
    return _HEAD + "\n".join(rows) + f"\n\n{len(rows)} of {len(statements)} requirements are claimed.\n"


def _docstrings(path: Path) -> Iterator[tuple[str, str]]:
    tree = syntax(path)
    yield "", ast.get_docstring(tree) or ""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, ast.get_docstring(node) or ""


def _short(test: str) -> str:
    path, _, name = test.removeprefix("tests/").partition("::")
    return f"`{path}` {name.removeprefix('test_').replace('_', ' ')}".strip()


if __name__ == "__main__":
    if known := catalogue():
        PAGE.write_text(page(known, citations()))
