"""The page that maps the rule of the SNDS to tests names tests that there are. R-093."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "formats" / "pseudonym.md").read_text("utf-8")


def test_every_test_that_the_rule_is_mapped_to_exists():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 20
    written = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)\(", written))
    assert named <= there, sorted(named - there)


def test_every_clause_of_the_rule_has_a_test():
    """R-093, clause by clause; a clause without a test is a promise."""
    rule = PAGE.split("## The rule of the SNDS, point by point")[1].split("\n## ")[0]
    rows = [line for line in rule.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) >= 11 and all("`test_" in row for row in rows)
