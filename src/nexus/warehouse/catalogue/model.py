"""What the catalogue keeps. Frozen values."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from nexus.kernel.clock import Instant
from nexus.kernel.errors import Conflict, NotFound
from nexus.warehouse.catalogue.describing import Description

CATALOGUE: Final = "/catalogue"
"""The path of the catalogue, at the door that shows it."""


class DatasetState(StrEnum):
    """Where a dataset is."""

    DESCRIBED = "described"
    """Nobody sees it yet."""
    PUBLISHED = "published"
    """Everybody sees it."""
    WITHDRAWN = "withdrawn"
    """Nobody sees it any more; it may be published again."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the data and answers for the catalogue: the settings. Contacts are `mailto:` or `https:` addresses."""

    name: str
    contact: str
    access_body: str
    """The health data access body that decides about access (EHDS art. 55)."""
    access_body_contact: str
    country: str
    """Three letters, as the EU's authority table of countries has it."""
    address: str
    """Of the door that shows the catalogue, without a path."""

    @property
    def on(self) -> bool:
        """Whether there is a catalogue at all."""
        return bool(self.name and self.address)

    def page(self, dataset: str) -> str:
        """The address of a dataset's page, and its name in RDF."""
        return f"{self.address}{CATALOGUE}/{dataset}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as it is kept. `release` and `project`: empty of the warehouse itself."""

    name: str
    project: str
    release: str
    version: int
    """How often it was described."""
    description: Description
    described_by: str
    state: DatasetState
    changed_by: str
    changed_at: Instant
    record: bytes | None = None
    """What the catalogue shows, while it is published."""


def withdrawn(found: Dataset, by: str, now: Instant) -> Dataset:
    """It, once nobody sees it any more."""
    return replace(found, state=DatasetState.WITHDRAWN, record=None, changed_by=by, changed_at=now)


def no_dataset() -> NotFound:
    """There is no such dataset."""
    return NotFound("the catalogue has no such dataset", code="catalogue.no-dataset")


def off() -> Conflict:
    """This platform has no catalogue."""
    return Conflict(
        "this platform has no public catalogue",
        code="catalogue.off",
        hint="say who holds the data: the setting `catalogue_publisher`; the patient portal shows it",
    )
