"""`nexus intake pack --follows`, as the page of providers shows it. EMC-07."""

import hashlib
import json
import re
import shlex
from datetime import date, timedelta
from pathlib import Path

import pytest

from nexus.app.cli.delivering import pack
from nexus.kernel.errors import Invalid
from nexus.warehouse.intake import manifest
from nexus.warehouse.intake.manifest import Kind

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "deliver-an-extract.md"
COLUMNS = [{"name": "Id"}, {"name": "START"}]


def shown() -> tuple[list[str], str, dict]:
    """The command, the removals and the agreed table of the section about changes."""
    section = PAGE.read_text().partition("## As the site: deliver changes alone")[2].partition("\n## ")[0]
    blocks = re.findall(r"```\n(.*?)```", section, re.DOTALL)
    command = shlex.split(next(block for block in blocks if "--follows" in block).replace("\\\n", " "))
    removals = next(block for block in blocks if block.startswith("TABLE,KEY"))
    return command[3:], removals, json.loads(re.search(r"`(\{.*?\]\})`", section, re.DOTALL)[1])


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Both folders of the page, and what was agreed; today is a day on which its periods are fresh."""
    _, removals, removed = shown()
    tables = [{"name": name, "columns": COLUMNS} for name in ("patients", "encounters")]
    agreement = {"schema_version": "2026.1", "fresh_days": 1_000, "tables": [*tables, removed]}
    for folder in ("2026-11", "2026-12"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "encounters.csv").write_text("Id,START\ne1,2026-01-01\n")
    (tmp_path / "2026-11" / "patients.csv").write_text("Id,START\np1,2026-01-01\n")
    (tmp_path / "2026-12" / "removed.csv").write_text(removals)
    (tmp_path / "agreement.json").write_text(json.dumps(agreement))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(arguments: list[str]) -> None:
    """On periods that ended yesterday: those of the page get old."""
    day = (date.today() - timedelta(days=1)).isoformat()
    place = arguments.index("--period-until") + 1
    pack.main([*arguments[:place], day, *arguments[place + 1 :]], standalone_mode=False)


def whole(provider: str = "chu-lyon-ehr") -> list[str]:
    said = ["--provider", provider, "--number", "12", "--agreement", "agreement.json"]
    return ["./2026-11", *said, "--period-from", "2026-01-01", "--period-until", "2026-10-31"]


def test_the_example_of_the_page_makes_a_manifest_of_changes(site):
    run(whole())
    command, _, _ = shown()
    run(command)
    said = manifest.read((site / "2026-12" / "manifest.json").read_bytes())
    before = (site / "2026-11" / "manifest.json").read_bytes()
    assert manifest.read(before).kind is Kind.WHOLE and said.kind is Kind.CHANGES
    assert (said.follows.number, said.follows.manifest_sha256) == (12, hashlib.sha256(before).hexdigest())
    assert {each.table: each.rows for each in said.files} == {"encounters": 1, "removed": 2}


def test_what_is_followed_is_a_manifest_of_the_same_provider_with_a_lower_number(site):
    command, _, _ = shown()
    run(whole("chu-lille-ehr"))
    with pytest.raises(Invalid, match="another provider"):
        run(command)
    (site / "2026-11" / "manifest.json").write_text("{")
    with pytest.raises(Invalid, match="is no manifest"):
        run(command)
    run(whole())
    later = [word.replace("13", "12") for word in command]
    with pytest.raises(Invalid, match="lower number"):
        run(later)
