"""Lines of OWASP ASVS 5.0 (chapters 6 to 10) and the tests that hold each; `make reference` writes the page from them.

`tests/security/asvs.toml` says each line in our own words, and names the tests that hold it, or why it holds without
one (`because`), or why it does not hold (`open`), or that it does not apply (`outside`).
"""

import ast
import tomllib
from dataclasses import dataclass, field

from project_tree import ROOT, TESTS, syntax

SOURCE = TESTS / "security" / "asvs.toml"
PAGE = ROOT / "docs" / "reference" / "asvs.md"
CHAPTERS = {
    "6": "Authentication",
    "7": "Sessions",
    "8": "Authorisation",
    "9": "Self-contained tokens",
    "10": "OAuth and OpenID Connect",
}
_HEAD = """# OWASP ASVS 5.0, level 3: sign-in, sessions, authorisation, tokens, OpenID Connect

Written by `make reference` from `tests/security/asvs.toml`; do not edit. The number and the level are those of the
Application Security Verification Standard 5.0.0; the words are ours, shorter, and no substitute for it.
"""


@dataclass(frozen=True)
class Line:
    """One requirement: exactly one of `held`, `because`, `open` and `outside` says how it stands."""

    number: str
    level: int
    says: str
    held: list[str] = field(default_factory=list)
    because: str = ""
    open: str = ""
    outside: str = ""


def lines() -> list[Line]:
    """Every line, in the order of the standard."""
    table = tomllib.loads(SOURCE.read_text())
    return [Line(number, **row) for number, row in table.items()]


def page(found: list[Line]) -> str:
    """The page, a table for each chapter."""
    parts = [_HEAD, _count(found)]
    for chapter, title in CHAPTERS.items():
        rows = [_row(line) for line in found if line.number.split(".")[0] == chapter]
        parts.append(
            f"\n## V{chapter} {title}\n\n| line | level | says | held by |\n|---|---|---|---|\n" + "\n".join(rows)
        )
    return "".join(parts) + "\n"


def functions_of(path: str) -> set[str]:
    """Names of the test functions in a file of the suite."""
    tree = syntax(ROOT / path)
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def _count(found: list[Line]) -> str:
    held, because, unmet, outside = (
        sum(bool(getattr(line, kind)) for line in found) for kind in ("held", "because", "open", "outside")
    )
    return (
        f"\nOf {len(found)} lines, {held} are held by tests, {because} by construction, {outside} do not apply, and"
        f" **{unmet} are open**.\n"
    )


def _row(line: Line) -> str:
    if line.held:
        how = "<br>".join(short(test) for test in line.held)
    elif line.because:
        how = f"by construction: {line.because}"
    elif line.outside:
        how = f"does not apply: {line.outside}"
    else:
        how = f"**open**: {line.open}"
    return f"| {line.number} | {line.level} | {line.says} | {how} |"


def short(test: str) -> str:
    """A test as pages show it: its file, and its name as the sentence that it is."""
    path, _, name = test.partition("::")
    return f"`{path}` {name.removeprefix('test_').replace('_', ' ')}".strip()
