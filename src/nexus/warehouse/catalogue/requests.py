"""What the operations on the catalogue take and return."""

from typing import Annotated

from msgspec import Meta, Struct

from nexus.kernel.clock import Instant
from nexus.projects.model import LegalBasis, StudyPurpose
from nexus.warehouse.catalogue.describing import Age, Day, HealthCategory, Keyword, Optional, Text, Theme, Title
from nexus.warehouse.catalogue.model import DatasetState

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{1,40}$", examples=["diabetes"])]
Reason = Annotated[str, Meta(min_length=10, max_length=500)]
Version = Annotated[int, Meta(ge=1, le=1_000_000)]


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes from outside: no field that is not named here."""


class NamedDataset(Request, frozen=True, kw_only=True):
    """One dataset, by its name."""

    dataset: Name
    """Its name, and the end of its address."""


class DescribeDataset(NamedDataset, frozen=True, kw_only=True):
    """What cannot be derived of a dataset. Both languages are shown to everybody: name no person and no small group."""

    title_fr: Title
    title_en: Title
    description_fr: Text
    description_en: Text
    keywords: Annotated[tuple[Keyword, ...], Meta(min_length=1, max_length=20)]
    health_categories: Annotated[tuple[HealthCategory, ...], Meta(min_length=1, max_length=9)]
    """Kinds of data, of EHDS art. 51."""
    project: Annotated[str, Meta(max_length=41)] = ""
    """Of the release; empty: the dataset is the warehouse itself."""
    release: Annotated[str, Meta(max_length=64)] = ""
    """The release that it is; empty: the dataset is the warehouse itself."""
    health_themes: Annotated[tuple[Theme, ...], Meta(max_length=20)] = ()
    """What it is about, by the numbers of Wikidata."""
    population_fr: Optional = ""
    population_en: Optional = ""
    """Whom it is about, in a sentence."""
    min_age: Age = -1
    """Typical, in years; it is shown rounded down to five. -1: not said."""
    max_age: Age = -1
    """Typical, in years; it is shown rounded up to five. -1: not said."""
    purposes: Annotated[tuple[StudyPurpose, ...], Meta(max_length=6)] = ()
    """What the data may be used for; of a release the project says it."""
    legal_basis: LegalBasis | None = None
    """Of a release the project says it."""
    period_from: Day = ""
    """First day of the data; of a release the permit says it."""
    period_until: Day = ""
    """Last day of the data; of a release the permit says it."""
    retained_until: Day = ""
    """Last day on which the data are kept; of a release the end of the permit."""


class PublishDataset(NamedDataset, frozen=True, kw_only=True):
    """A dataset that everybody is to see. `version`: of the description that one has looked at."""

    version: Version


class WithdrawDataset(NamedDataset, frozen=True, kw_only=True):
    """A dataset that nobody is to see any more, and why."""

    reason: Reason


class ListDatasets(Request, frozen=True, kw_only=True):
    """The datasets of the catalogue, in the order of their names."""

    after: Annotated[str, Meta(max_length=41)] = ""
    """The last name of the page before."""
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 100


class DatasetView(Struct, frozen=True, kw_only=True):
    """A dataset. `record`: in Turtle, what publishing would show now; of a list it is empty."""

    dataset: str
    project: str
    release: str
    state: DatasetState
    version: int
    title_fr: str
    title_en: str
    described_by: str
    changed_by: str
    changed_at: Instant
    address: str
    """Of its page, which is there while it is published."""
    lacking: tuple[str, ...]
    """What keeps it from being published."""
    record: str


class Datasets(Struct, frozen=True, kw_only=True):
    """Datasets. `undescribed`: open releases that the catalogue does not show. `next`: what to give as `after` for more."""

    datasets: tuple[DatasetView, ...]
    undescribed: tuple[str, ...]
    next: str | None
