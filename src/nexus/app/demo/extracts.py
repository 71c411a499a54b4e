"""What two hospitals and the claims base hold in the demonstration: people who do not exist, told by three sources."""

import csv
import datetime
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

PEOPLE: Final = 600
YEARS: Final = 4
SEED: Final = 2026
FRESH_DAYS: Final = 400
UNUSABLE_PERCENT: Final = 5.0


@dataclass(frozen=True, slots=True)
class Extract:
    """What one provider delivers, in a folder."""

    provider: str
    title: str
    site: str
    folder: Path
    hospital: bool

    @property
    def bucket(self) -> str:
        return f"{self.provider}-in"

    @property
    def patients(self) -> list[dict[str, str]]:
        """The register of a hospital."""
        return _rows(self.folder / "patients.csv")

    @property
    def most_seen(self) -> str:
        """The number of the patient with the most stays in a hospital."""
        return Counter(row["PATIENT"] for row in _rows(self.folder / "encounters.csv")).most_common(1)[0][0]

    def agreement(self) -> dict[str, Any]:
        """The form that is agreed with the provider."""
        from nexus.warehouse.generator.agreements import agreed

        made: dict[str, Any] = msgspec.to_builtins(
            agreed(self.folder, fresh_days=FRESH_DAYS, unusable_percent=UNUSABLE_PERCENT)
        )
        return made


def make(into: Path, today: datetime.date) -> tuple[Extract, ...]:
    """Extracts of the last whole years before `today`."""
    from nexus.warehouse.generator.generating import generate
    from nexus.warehouse.generator.model import Asked

    generate(Asked(PEOPLE, hospitals=2, seed=SEED, first_year=today.year - YEARS, years=YEARS), into)
    extracts = (
        Extract("lille-ehr", "CHU Lille, care records", "chu-lille", into / "hospital-1" / "delivery-1", True),
        Extract("lyon-ehr", "CHU Lyon, care records", "chu-lyon", into / "hospital-2" / "delivery-1", True),
        Extract("claims", "Claims base, national", "cnam", into / "snds" / "delivery-1", False),
    )
    for extract in extracts:
        for path in extract.folder.iterdir():
            path.rename(path.with_name(path.name.lower()))
    return extracts


def period(today: datetime.date) -> tuple[str, str]:
    """First and last day of the extracts."""
    return f"{today.year - YEARS}-01-01", f"{today.year - 1}-12-31"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
