"""A warehouse of some hundred people with pseudonyms, and what decides about a release of it."""

import random
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nexus.kernel.clock import Instant
from nexus.projects.model import Scope
from nexus.warehouse.quality.results import Run
from nexus.warehouse.releases.making import Asked
from nexus.warehouse.releases.manifest import Source

TABLES = {
    "person": ("person_id", "gender_concept_id", "year_of_birth", "person_source_value"),
    "observation_period": ("person_id", "observation_period_start_date", "observation_period_end_date"),
    "visit_occurrence": ("visit_occurrence_id", "person_id", "visit_start_date", "care_site_id"),
    "condition_occurrence": (
        "condition_occurrence_id", "person_id", "condition_concept_id", "condition_start_date", "visit_occurrence_id",
    ),
    "care_site": ("care_site_id", "place_of_service_concept_id"),
    "concept": ("concept_id", "concept_name"),
}  # fmt: skip
PASSED = Run(cdm="made", at=Instant(0), results=(), tables=())


def scope(domain: str = "PRJA", **changed) -> Scope:
    given = {"tables": TABLES, "period_from": "2018-01-01", "period_until": "2020-12-31", "pseudonym_domain": domain}
    return Scope(**(given | changed))


def asked(domain: str = "PRJA", project: str = "stroke", **changed) -> Asked:
    source = Source(cdm="made", vocabulary="v5.0", quality_sha256="0" * 64, code="test")
    given = {
        "project": project, "permit": "pdc_1", "scope": scope(domain), "until": "2027-01-01T00:00:00Z",
        "made": "2026-11-27T00:00:00Z", "source": source, "quality": PASSED,
    }  # fmt: skip
    return Asked(**(given | changed))


def write(folder: Path, pseudonyms: tuple[str, ...], *, seed: int = 0) -> Path:
    """A CDM of as many people as there are pseudonyms; the seed gives the order of rows and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(3)
    tables: dict[str, list[dict[str, object]]] = {name: [] for name in TABLES}
    for number, pseudonym in enumerate(pseudonyms, start=1):
        begin = date(2015, 1, 1) + timedelta(days=chance.randrange(1_500))
        end = begin + timedelta(days=chance.randrange(400, 2_500))
        tables["person"].append(
            {
                "person_id": number * 1_000_003, "gender_concept_id": chance.choice((8507, 8532)),
                "year_of_birth": chance.randrange(1930, 2005), "person_source_value": pseudonym,
            }
        )  # fmt: skip
        tables["observation_period"].append(
            {
                "observation_period_id": number, "person_id": number * 1_000_003,
                "observation_period_start_date": begin, "observation_period_end_date": end,
            }
        )  # fmt: skip
        for visit in range(chance.randrange(4)):
            key, day = number * 100 + visit, begin + timedelta(days=chance.randrange(400))
            tables["visit_occurrence"].append(
                {
                    "visit_occurrence_id": key, "person_id": number * 1_000_003, "visit_start_date": day,
                    "care_site_id": chance.randrange(1, 4), "visit_source_value": f"STAY{key}",
                }
            )  # fmt: skip
            tables["condition_occurrence"].append(
                {
                    "condition_occurrence_id": key * 10, "person_id": number * 1_000_003,
                    "condition_concept_id": chance.choice((372924, 201820)), "condition_start_date": day,
                    "visit_occurrence_id": key, "condition_source_value": "I63",
                }
            )  # fmt: skip
    tables["care_site"] = [{"care_site_id": site, "place_of_service_concept_id": 8717} for site in (1, 2, 3)]
    tables["concept"] = [
        {"concept_id": 372924, "concept_name": "stroke"},
        {"concept_id": 201820, "concept_name": "diabetes"},
    ]
    for name, rows in tables.items():
        random.Random(seed).shuffle(rows)
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    return folder


def members(numbers, *, role: str = "case", day: date = date(2019, 5, 1)) -> pa.Table:
    """The roster of a cohort (`cohorts.roster`), by the numbers of people; each of them a set of one."""
    people = [number * 1_000_003 for number in numbers]
    return pa.table(
        {
            "person_id": pa.array(people, pa.int64()), "cohort_role": [role] * len(people),
            "matched_set": pa.array(people, pa.int64()), "index_date": pa.array([day] * len(people), pa.date32()),
        }
    )  # fmt: skip


class Decisions:
    """The port `people.Consent`: everybody allows it but whoever withdrew."""

    def __init__(self) -> None:
        self.withdrawn: set[str] = set()
        self.meanwhile = False
        self._asked = 0

    async def state(self, op) -> str:
        self._asked += 1
        return f"{len(self.withdrawn)}.{self._asked if self.meanwhile else 0}"

    async def allowed(self, op, pseudonyms):
        return [one for one in pseudonyms if one not in self.withdrawn]
