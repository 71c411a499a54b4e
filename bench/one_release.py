"""One release in a process of its own, so that what it uses can be told: `one_release.py <conversion> <into>`.

Everybody in it, of the tables of claims that a study reads, under pseudonyms of the project. Who allows it and which pseudonym answers
which are given here: `bench/consent.py` and `bench/pseudonyms.py` measure those services.
"""

import asyncio
import sys
from pathlib import Path

from nexus.projects.model import Scope
from nexus.pseudonyms.notation import Domain, Writing, read
from nexus.warehouse.omop.kept import QUALITY
from nexus.warehouse.quality.cdm import open_cdm
from nexus.warehouse.quality.results import decode
from nexus.warehouse.releases.making import Asked, Ports, make
from nexus.warehouse.releases.manifest import Source
from nexus.warehouse.releases.parts import Parts

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from simulators.file_signer import LocalFileSigner
from simulators.operations import operation
from simulators.releases import Decisions

MEMORY = "4GB"
TABLES = {
    "person": ("person_id", "gender_concept_id", "year_of_birth", "person_source_value"),
    "observation_period": ("person_id", "observation_period_start_date", "observation_period_end_date"),
    "visit_occurrence": ("visit_occurrence_id", "person_id", "visit_concept_id", "visit_start_date", "visit_end_date"),
    "condition_occurrence": (
        "condition_occurrence_id", "person_id", "condition_concept_id", "condition_start_date", "condition_source_value",
    ),
    "drug_exposure": (
        "drug_exposure_id", "person_id", "drug_concept_id", "drug_exposure_start_date", "drug_source_value", "quantity",
    ),
    "procedure_occurrence": (
        "procedure_occurrence_id", "person_id", "procedure_concept_id", "procedure_date", "procedure_source_value",
    ),
    "measurement": ("measurement_id", "person_id", "measurement_concept_id", "measurement_date", "measurement_source_value"),
    "concept": ("concept_id", "concept_name"),
}  # fmt: skip


class Written:
    """Pseudonyms without their services."""

    def __init__(self) -> None:
        self._writing = Writing(Domain("PRJA", 1))

    async def to_domain(self, op, pseudonyms, domain):
        return [self._writing.write(read(one)[1]) for one in pseudonyms]


def release(conversion: Path, into: Path) -> None:
    """Raises Conflict if the gate stops it."""
    asked = Asked(
        project="study", permit="pdc_1", until="2030-01-01T00:00:00Z", made="2026-11-27T00:00:00Z",
        scope=Scope(tables=TABLES, period_from="2015-01-01", period_until="2025-12-31", pseudonym_domain="PRJA"),
        source=Source(cdm="made", vocabulary="v5.0", quality_sha256="0" * 64, code="bench"),
        quality=decode((conversion / QUALITY).read_bytes()),
    )  # fmt: skip
    with open_cdm(conversion / "cdm", memory=MEMORY) as cdm:
        ports = Ports(Written(), Decisions(), LocalFileSigner())
        made = asyncio.run(make(operation(), asked, cdm, Parts(into), ports))
    print(f"{sum(table.rows for table in made.release.tables):,} rows, {made.release.buckets} buckets", file=sys.stderr)


if __name__ == "__main__":
    release(Path(sys.argv[1]), Path(sys.argv[2]))
