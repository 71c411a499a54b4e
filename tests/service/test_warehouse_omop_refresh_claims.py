"""Refresh of the claims base: details of a claim name its line, the line a number, the register who that is; each of them may change."""

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nexus.warehouse.omop import spec
from nexus.warehouse.omop.delivery import find
from nexus.warehouse.omop.fingerprint import fingerprint
from nexus.warehouse.omop.registry import source_named
from simulators.claims_edits import EDITS, Claims, write_claims
from simulators.conversions import Converted, convert, refresh

SNDS = source_named("snds")
HAPPENINGS = st.lists(st.tuples(st.sampled_from(EDITS), st.integers(0, 999)), max_size=8)
EACH = [(what, number) for number, what in enumerate(EDITS) if what != "break"]
HALF = len(EACH) // 2


@dataclass(frozen=True)
class Base:
    folder: Path
    into: Path


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Base:
    folder = tmp_path_factory.mktemp("claims")
    write_claims(folder)
    convert("snds", folder / "in", folder / "into")
    return Base(folder / "in", folder / "into")


def edited(before: Path, after: Path, edits: list[tuple[str, int]]) -> Path:
    claims = Claims(before)
    for what, number in edits:
        claims.edit(what, number)
    claims.write(after)
    return after


def assert_same(refreshed: Path, whole: Converted, deliveries: list[Path], last: Path) -> None:
    """The CDM, key by key where each record comes from, and what was left out of whom and why."""
    assert fingerprint(refreshed / "cdm") == fingerprint(whole.layout.cdm)
    made = Converted(refreshed, whole.report)
    for table in spec.CONVERTED:
        for of in (table, f"from_{table}") if any((whole.layout.provenance / table).glob("*")) else (table,):
            asked = (
                f"SELECT * FROM {table} ORDER BY ALL"
                if of == table
                else f'SELECT id, "check", person FROM {of} ORDER BY ALL'
            )
            assert made.ask(asked) == whole.ask(asked), of
    counted = "SELECT target, reason, person, count(*) FROM quarantine GROUP BY ALL ORDER BY ALL"
    assert made.ask(counted) == whole.ask(counted)
    for table in ("drug_exposure", "procedure_occurrence", "condition_occurrence", "measurement", "observation"):
        asked = f"SELECT id, file, line FROM from_{table}"
        if any((whole.layout.provenance / table).glob("*")):
            assert _texts(made.ask(asked), deliveries) == _texts(whole.ask(asked), [last]), table


def _texts(rows: list[tuple], deliveries: list[Path]) -> Counter:
    """The line itself that provenance leads to, wherever it was delivered."""
    lines, after = {}, 0
    for folder in deliveries:
        files = find(SNDS, folder, after=after)
        lines |= {file.id: (file.table.name, file.path.read_text().split("\n")) for file in files}
        after = max(file.id for file in files)
    return Counter((key, lines[file][0], lines[file][1][line - 1]) for key, file, line in rows)


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(HAPPENINGS, HAPPENINGS)
@example(EACH[:HALF], EACH[HALF:])
@example([("break", 1), *EACH[:3]], [("person-gone", 2), ("parent-gone", 3), ("child-strays", 4)])
@example(
    [("parent-key-less", number) for number in range(5)] + [("child-gone", 9)],
    [("parent-twice", number) for number in range(20, 32)],
)
@example(
    [("parent-gone", number) for number in range(6)] + [("child-strays", number) for number in range(4)],
    [("parent-found", number) for number in range(6)],
)
def test_a_refreshed_cdm_is_the_cdm_of_a_full_conversion_whatever_happened(base, tmp_path_factory, first, second):
    """Two deliveries, one after the other; both are compared. A field with a line break has rows compared, not lines."""
    at = tmp_path_factory.mktemp("refresh")
    shutil.copytree(base.into, at / "into")
    deliveries = [base.folder]
    for number, edits in enumerate((first, second)):
        deliveries.append(edited(deliveries[-1], at / f"in-{number}", edits))
        told = refresh("snds", deliveries[-1], at / "into")
        assert not told.everything
        whole = convert("snds", deliveries[-1], at / f"whole-{number}")
        assert_same(at / "into", whole, deliveries, deliveries[-1])


class _Objecting:
    def __init__(self, *names: str) -> None:
        self._names = names

    def persons(self) -> tuple[str, ...]:
        return self._names


def test_who_objects_leaves_and_who_no_longer_does_comes_back(base, tmp_path):
    """Beneficiaries do not name their person in a column: rows of who objects are kept, and whoever changed their mind is found."""
    shutil.copytree(base.into, tmp_path / "into")
    people = Converted(base.into, None).ask("SELECT person_source_value FROM person ORDER BY 1")
    one, other = people[3][0], people[7][0]
    told = refresh("snds", base.folder, tmp_path / "into", excluded=_Objecting(one))
    assert not told.everything and told.changed and told.went["person"] == told.came.get("person", 0) + 1
    again = refresh("snds", base.folder, tmp_path / "into", excluded=_Objecting(one))
    assert (again.added, again.changed, again.removed) == (0, 0, 0)
    after = edited(base.folder, tmp_path / "in", [("child-changes", number) for number in range(9)])
    refresh("snds", after, tmp_path / "into", excluded=_Objecting(other))
    whole = convert("snds", after, tmp_path / "whole", excluded=_Objecting(other))
    assert_same(tmp_path / "into", whole, [base.folder, base.folder, base.folder, after], after)
