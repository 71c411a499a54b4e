"""Persons who have objected leave every table at the next conversion, and nobody else loses a row."""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from nexus.kernel.errors import Conflict
from nexus.warehouse.omop import spec
from nexus.warehouse.omop.vocabulary import Given
from simulators.conversions import convert
from simulators.synthea_extract import write_athena, write_extract


@dataclass(frozen=True)
class Objected:
    names: tuple[str, ...]

    def persons(self) -> Iterable[str]:
        return self.names


GONE = Objected(("p003", "p007", "nobody"))


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Given:
    return Given(write_athena(tmp_path_factory.mktemp("athena")))


def test_who_has_objected_is_in_no_table_and_others_are_as_they_were(tmp_path, given):
    """A conversion without them equals one of an extract that never held their rows; only lines differ."""
    write_extract(tmp_path / "in")
    (tmp_path / "never").mkdir()
    for path in (tmp_path / "in").glob("*.csv"):
        kept = path.read_text()
        for record in _records(kept):
            if any(name in record for name in ("p003", "p007")):
                kept = kept.replace(record, "", 1)
        (tmp_path / "never" / path.name).write_text(kept)
    without = convert("synthea", tmp_path / "in", tmp_path / "without", given=given, piece=20, excluded=GONE)
    never = convert("synthea", tmp_path / "never", tmp_path / "b", given=given, piece=20)
    for table in spec.CONVERTED:
        asked = f"SELECT * FROM {table} ORDER BY ALL"
        assert without.ask(asked) == never.ask(asked), table
    assert without.one("SELECT count(*) FROM death") == 0, "the only person who died is one of them"
    told = dict(without.report.left_out())
    assert told.pop("objected") == 2 * (3 * 1 + 4 * 3), "of each: a row that three mappings read, and three of four"
    assert told == never.report.left_out()


def test_neither_provenance_nor_quarantine_knows_a_line_of_who_has_objected(tmp_path, given):
    write_extract(tmp_path / "in")
    made = convert("synthea", tmp_path / "in", tmp_path / "into", given=given, excluded=GONE)
    (patients,) = made.ask("SELECT file FROM files WHERE \"table\" = 'patients'")[0]
    lines = {number for number, line in enumerate((tmp_path / "in" / "patients.csv").read_text().splitlines(), 1)
             if line.startswith(GONE.names)}  # fmt: skip
    found = made.ask(
        f"SELECT line FROM from_person WHERE file = {patients} UNION SELECT line FROM quarantine WHERE file = {patients}"
    )
    assert len(lines) == 2 and not lines & {line for (line,) in found}
    assert not any(name.encode() in made.layout.report.read_bytes() for name in GONE.names)
    assert not made.layout.work.exists(), "who they are is not kept beside the CDM"


def test_a_run_that_stopped_is_not_gone_on_with_for_other_persons(tmp_path, given):
    def stop(step: str, done: int, total: int) -> None:
        if step.startswith("events"):
            raise KeyboardInterrupt

    write_extract(tmp_path / "in")
    with pytest.raises(KeyboardInterrupt):
        convert("synthea", tmp_path / "in", tmp_path / "into", given=given, progress=stop)
    with pytest.raises(Conflict, match="by other settings"):
        convert("synthea", tmp_path / "in", tmp_path / "into", given=given, excluded=GONE)


def _records(text: str) -> list[str]:
    """Records of a file, each with its end; some hold a line break."""
    records: list[str] = []
    for line in text.splitlines(keepends=True):
        if records and records[-1].count('"') % 2:
            records[-1] += line
        else:
            records.append(line)
    return records
