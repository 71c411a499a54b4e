"""The attacks that the platform is tried with, and the tests that do it; `make reference` writes the page from them."""

import tomllib
from dataclasses import dataclass

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
    return _HEAD + "".join(rows)
