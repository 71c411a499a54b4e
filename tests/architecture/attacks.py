"""The attacks that the platform is tried with, and the tests that do it; `make reference` writes the page from them."""

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path

from asvs import short
from project_tree import ROOT, TESTS

SOURCE = TESTS / "security" / "attacks.toml"
PAGE = ROOT / "docs" / "reference" / "attacks.md"
_HEAD = """# Attacks on identities, rights and the S3 door, each a test

Written by `make reference` from `tests/security/attacks.toml`; do not edit. Every test that is named here runs with the suite
(`make test`); a name that does not exist fails it. Weaknesses that are known stand in the
[threat model](../explanation/threat-model.md).

| attack | how it is tried | what holds | tests |
|---|---|---|---|
"""
_S3_HEAD = """
## The S3 door, request by request

What each test sends, and the answer that it asserts: S3's code, with one entry in the audit log that says the same, nothing of a
secret, a content or the program in either, and nothing stored. A number is the status with which the HTTP engine in front of the
door ends a connection of which it cannot make a request: without a document, and without an entry, for nobody has asked anything yet.
"""
S3_TABLES = (
    ("Signed requests that were captured or bent", "tests/security/test_s3_requests_attacked.py", "ATTACKS"),
    ("Header lines added to a signed write, before a second request", "tests/security/test_s3_smuggling.py", "ATTACKS"),
    ("Chunks of HTTP that lie, before a second request", "tests/security/test_s3_smuggling.py", "CHUNK_ATTACKS"),
    ("Request lines of another kind, before a second request", "tests/security/test_s3_smuggling.py", "LINES"),
    ("What stands after the last chunk of aws-chunked", "tests/security/test_s3_bodies_attacked.py", "TRAILERS"),
    ("What is announced of such a body", "tests/security/test_s3_bodies_attacked.py", "ANNOUNCED"),
    ("Signed streams that were bent", "tests/security/test_s3_bodies_attacked.py", "STREAMS"),
    ("Forms of browsers", "tests/security/test_s3_bodies_attacked.py", "FORMS"),
    ("Policies of forms", "tests/security/test_s3_bodies_attacked.py", "POLICIES"),
)
"""Title, file and table of what is sent to the S3 door."""


@dataclass(frozen=True)
class Attack:
    """One attack: how it goes, what holds against it, and the tests that try."""

    name: str
    how: str
    holds: str
    tests: list[str]


def attacks() -> list[Attack]:
    """Every attack, in the order of the file."""
    return [Attack(name, **row) for name, row in tomllib.loads(SOURCE.read_text()).items()]


def page(found: list[Attack]) -> str:
    """The page."""
    rows = (f"| {a.name} | {a.how} | {a.holds} | {'<br>'.join(map(short, a.tests))} |\n" for a in found)
    return _HEAD + "".join(rows) + _S3_HEAD + "".join(_section(*table) for table in S3_TABLES)


def variants(path: str, table: str) -> dict[str, str]:
    """What a test tries, by the words of its own table, and the answer that it asserts: the last word of each row."""
    module = ast.parse((ROOT / path).read_text())
    named = (n for n in module.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == table)
    rows = next(named).value
    assert isinstance(rows, ast.Dict), table
    return {_words(key): _answer(row) for key, row in zip(rows.keys, rows.values, strict=True)}


def _words(key: ast.expr | None) -> str:
    return str(key.value) if isinstance(key, ast.Constant) else ast.unparse(key or ast.Constant("")).replace("_", " ")


def _answer(row: ast.expr) -> str:
    last = row.elts[-1] if isinstance(row, ast.Tuple) else row
    assert isinstance(last, ast.Constant), ast.unparse(row)
    return str(last.value)


def _section(title: str, path: str, table: str) -> str:
    rows = "".join(f"| {what} | `{answer}` |\n" for what, answer in variants(path, table).items())
    return f"\n### {title}\n\n`{Path(path)}`\n\n| what is sent | answer |\n|---|---|\n{rows}"
