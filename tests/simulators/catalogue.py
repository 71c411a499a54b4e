"""What the catalogue is given: a steward's description, a release, a run of the quality gate; and a service over a real database."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret
from nexus.projects.model import LegalBasis, StudyPurpose
from nexus.warehouse.catalogue import record, store
from nexus.warehouse.catalogue.describing import Description, HealthCategory
from nexus.warehouse.catalogue.migrations import MIGRATIONS
from nexus.warehouse.catalogue.model import Dataset, DatasetState, Holder
from nexus.warehouse.catalogue.ports import Opened
from nexus.warehouse.catalogue.record import Record
from nexus.warehouse.catalogue.recording import of_release
from nexus.warehouse.catalogue.recording import record as made
from nexus.warehouse.catalogue.requests import DescribeDataset, PublishDataset
from nexus.warehouse.catalogue.service import CatalogueService
from nexus.warehouse.quality.results import Run, Table
from nexus.warehouse.releases.manifest import Column, Part, Release, Source
from nexus.warehouse.releases.manifest import Table as Released
from simulators.clock import ManualClock
from simulators.databases import database as open_database
from simulators.operations import operation
from simulators.recorder import MemoryRecorder

STEWARD, SECOND = operation("per_a"), operation("per_b")
ADDRESS = "https://portal.hospital.example"
HOLDER = Holder(
    name="CHU de Lille",
    contact="mailto:donnees@chu.example",
    access_body="Organisme d'accès aux données de santé",
    access_body_contact="https://acces.example/demandes",
    country="FRA",
    address=ADDRESS,
)
SAID = Description(
    title_fr="Qui a le diabète, et quand",
    title_en="Who gets diabetes, and when",
    description_fr="Séjours et diagnostics de patients suivis pour un diabète.",
    description_en="Stays and diagnoses of patients who are followed for diabetes.",
    keywords=("diabète", "diabetes"),
    health_categories=(HealthCategory.EHR, HealthCategory.ADMIN_CLAIMS),
    health_themes=("Q12206",),
    min_age=18,
    max_age=87,
)
ROWS = {"person": 1_234, "condition_occurrence": 5_678, "death": 7, "concept": 400, "drug_exposure": 0}


def release(rows: dict[str, int] | None = None) -> Release:
    """A release of such tables."""
    given = ROWS if rows is None else rows
    tables = tuple(
        Released(
            name=name,
            columns=(Column(name="person_id", type="int64"),),
            parts=(Part(bucket=0, sha256="a" * 64, bytes=1, rows=count),),
        )
        for name, count in given.items()
    )
    source = Source(cdm="", vocabulary="v5.0 31-AUG-26", quality_sha256="0" * 64, code="")
    return Release(
        project="diabetes",
        permit="pdc_1",
        made="2026-01-01T00:00:00Z",
        until="2027-06-30T00:00:00Z",
        domain="DIABETES",
        period_from="2018-01-01",
        period_until="2025-12-31",
        cohort="",
        consent="0.0",
        source=source,
        buckets=8,
        tables=tables,
    )


def opened(rows: dict[str, int] | None = None) -> Opened:
    return Opened(release(rows), StudyPurpose.RESEARCH, LegalBasis.PUBLIC_INTEREST)


def example(name: str = "diabetes", said: Description = SAID, holder: Holder = HOLDER, **rows: int) -> Record:
    """A whole record."""
    return made(name, said, of_release(opened(rows or None), None), holder, "2026-11-28")


def publish(tx, *records: Record) -> None:
    """Stored as if somebody had published them."""
    for each in records:
        about = (each.name, "diabetes", f"rel_{each.name}", 1, SAID, "per_a")
        store.put(tx, Dataset(*about, DatasetState.PUBLISHED, "per_b", Instant(0), record.encode(each)))


@dataclass
class Known:
    """The port `ports.Sources`."""

    releases: dict[tuple[str, str], Opened] = field(default_factory=lambda: {("diabetes", "rel_1"): opened()})
    run: Run | None = None

    def release(self, tx, project, release):
        return self.releases.get((project, release))

    def opened(self, tx):
        return [release for _, release in self.releases]

    def measured(self):
        return self.run


class Catalogue:
    """The service over a database."""

    def __init__(self, root: Path, holder: Holder = HOLDER) -> None:
        self.recorder, self.clock, self.known = MemoryRecorder(), ManualClock(), Known()
        self.database = open_database(root / "nexus.db", key=Secret(b"k" * 32), recorder=self.recorder)
        self.database.migrate(MIGRATIONS)
        self.service = CatalogueService(self.database, self.clock, self.known, holder)

    async def described(self, name: str = "diabetes", **changed):
        return await self.service.describe(STEWARD, describing(name, **changed))

    async def published(self, name: str = "diabetes", **changed):
        version = (await self.described(name, **changed)).version
        return await self.service.publish(SECOND, PublishDataset(dataset=name, version=version))

    def close(self) -> None:
        self.database.close()


def describing(name: str = "diabetes", **changed) -> DescribeDataset:
    """The request of a steward."""
    said = {key: value for key, value in msgspec.structs.asdict(SAID).items() if value is not None}
    return DescribeDataset(**{"dataset": name, "project": "diabetes", "release": "rel_1", **said, **changed})


def warehouse_run(persons: int = 1_000) -> Run:
    """What the gate found of a warehouse: nothing that stops."""
    tables = (Table(name="person", rows=persons), Table(name="measurement", rows=9))
    return Run(cdm="warehouse", at=Instant(0), results=(), tables=tables)
