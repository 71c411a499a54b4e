"""Every link in the documentation leads somewhere, and every page can be reached. NX-17, AP-26."""

import re
from pathlib import Path

from project_tree import ROOT, project_files, shown

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_ELSEWHERE = ("http://", "https://", "mailto:")


def _links(page: Path) -> list[str]:
    text = _CODE.sub("", page.read_text())
    return [target for target in _LINK.findall(text) if not target.startswith(_ELSEWHERE)]


def _anchors(page: Path) -> set[str]:
    headings = re.findall(
        r"^#+ +(.+?) *$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_to_a_file_and_a_heading_that_exist():
    broken = []
    for page in project_files(".md"):
        for link in _links(page):
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
                broken.append(f"{shown(page)}: {link}")
    assert broken == []


def test_every_page_is_reached_from_the_readme():
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        waiting += [
            (page.parent / link.partition("#")[0]).resolve() for link in _links(page) if not link.startswith("#")
        ]
    pages = {page for page in project_files(".md") if page.is_relative_to(ROOT / "docs") or page.parent == ROOT}
    assert sorted(shown(page) for page in pages - reached) == []


def test_decisions_are_numbered_without_a_gap_and_say_the_same_three_things():
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [record.name[:5] for record in records] == [f"{number:04}-" for number in range(1, len(records) + 1)]
    for record in records:
        text = record.read_text()
        assert re.match(rf"# {int(record.name[:4])}\. ", text), shown(record)
        assert [part for part in ("Context", "Decision", "Consequences") if f"\n## {part}\n" not in text] == [], shown(
            record
        )


def test_every_file_of_ours_that_is_named_anywhere_exists():
    """In pages and in docstrings alike: `tests/…`, `docs/…`, `src/…`, with or without the name of a test."""
    named = re.compile(
        r"(?<![\w/.*-])((?:src|tests|docs|bench|deploy|requirements)/[\w./-]+\.(?:md|py|lock|service|json))(?:::(\w+))?"
    )
    missing = []
    for path in project_files(".md", ".py"):
        for name, test in named.findall(path.read_text()):
            target = ROOT / name
            if not target.exists() or (test and f"def {test}(" not in target.read_text()):
                missing.append(f"{shown(path)}: {name} {test}".strip())
    assert missing == []
