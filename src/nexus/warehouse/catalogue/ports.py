"""What the catalogue needs from others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nexus.kernel.database import Transaction
from nexus.projects.model import LegalBasis, StudyPurpose
from nexus.warehouse.quality.results import Run
from nexus.warehouse.releases.manifest import Release


@dataclass(frozen=True, slots=True)
class Opened:
    """An open release, and what its project is for."""

    release: Release
    purpose: StudyPurpose
    legal_basis: LegalBasis


class Sources(Protocol):
    """What the platform knows of its data, without reading any."""

    def release(self, tx: Transaction, project: str, release: str) -> Opened | None:
        """An open release of a project; None for any other."""

    def opened(self, tx: Transaction) -> Sequence[str]:
        """The open releases."""

    def measured(self) -> Run | None:
        """What the quality gate found of the warehouse as it is; None if it holds nothing, or was not looked at. Blocks."""
