"""What the operations of intake take and return."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from nexus.kernel.clock import Instant
from nexus.warehouse.intake.agreement import Agreement
from nexus.warehouse.intake.manifest import Kind
from nexus.warehouse.intake.model import DeliveryState
from nexus.warehouse.intake.report import Report

Name = Annotated[str, Meta(min_length=2, max_length=63, examples=["chu-lyon-ehr"])]
Line = Annotated[str, Meta(min_length=3, max_length=200)]
Reason = Annotated[str, Meta(min_length=10, max_length=500)]
Number = Annotated[int, Meta(ge=0, le=1_000_000_000)]
AGREED: Final = {"schema_version": "2026.1", "tables": [{"name": "stays", "columns": [{"name": "stay"}]}]}
"""The smallest agreement, as an example."""
Agreed = Annotated[Agreement, Meta(examples=[AGREED])]


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes from outside: no field that is not named here."""


class RegisterProvider(Request, frozen=True, kw_only=True):
    """An organisation that will deliver."""

    name: Name
    """Small letters, digits and hyphens; manifests say it. Never used again."""
    title: Line
    """The organisation, as people call it."""
    bucket: Annotated[str, Meta(min_length=3, max_length=63)]
    """An ingress bucket with versions, that no other provider delivers into. Its site is the provider's."""
    agreement: Agreed


class NamedProvider(Request, frozen=True, kw_only=True):
    """One provider, by its name."""

    provider: Name


class ListProviders(Request, frozen=True, kw_only=True):
    """Providers that one may see, in the order of their names."""

    after: str = ""
    """The last name of the page before."""
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 100


class ChangeAgreement(NamedProvider, frozen=True, kw_only=True):
    """What is agreed from now on; deliveries that wait are checked against it."""

    agreement: Agreed


class EndProvider(NamedProvider, frozen=True, kw_only=True):
    """A provider that delivers no more, and why."""

    reason: Reason


class SubmitDelivery(NamedProvider, frozen=True, kw_only=True):
    """A delivery whose files and manifest lie in the provider's bucket."""

    manifest: Annotated[str, Meta(min_length=1, max_length=1_024, examples=["2026-11/manifest.json"])]
    """Name of the manifest in the bucket; the files lie beside it."""


class ListDeliveries(NamedProvider, frozen=True, kw_only=True):
    """Deliveries of a provider, the newest first."""

    before: str = ""
    """The `next` of the page before."""
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class NamedDelivery(NamedProvider, frozen=True, kw_only=True):
    """The last attempt at one delivery, by its number; 0 where its manifest could not be read."""

    number: Number


class JudgeDelivery(NamedDelivery, frozen=True, kw_only=True):
    """The last word about a delivery, and why."""

    reason: Reason


class ProviderView(Struct, frozen=True, kw_only=True):
    """A provider, and what is agreed with it. `revision` counts the changes of that."""

    id: str
    name: str
    title: str
    site: str
    bucket: str
    revision: int
    registered_by: str
    registered_at: Instant
    ended_at: Instant | None
    agreement: Agreement | None
    """Left out of lists."""


class Providers(Struct, frozen=True, kw_only=True):
    """Providers. `next`: what to give as `after` for more."""

    providers: tuple[ProviderView, ...]
    next: str | None


class DeliveredFile(Struct, frozen=True, kw_only=True):
    """Which object a file of an accepted delivery is."""

    name: str
    key: str
    version: str


class DeliveryView(Struct, frozen=True, kw_only=True):
    """A delivery. `report` says everything that was found; it holds no value of the data."""

    id: str
    provider: str
    number: int
    attempt: int
    kind: Kind
    follows: int | None
    """Of changes: the number of the delivery that they apply to."""
    state: DeliveryState
    manifest: str
    submitted_by: str
    submitted_at: Instant
    decided_by: str
    decided_at: Instant | None
    reason: str
    rows: int
    refused_for: int
    """Faults and findings."""
    chain: tuple[int, ...] = ()
    """Of one that was accepted: the numbers of the whole delivery and of all changes since, up to this one. Left out of lists."""
    files: tuple[DeliveredFile, ...] = ()
    report: Report | None = None
    """Left out of lists."""


class Deliveries(Struct, frozen=True, kw_only=True):
    """Deliveries. `next`: what to give as `before` for more."""

    deliveries: tuple[DeliveryView, ...]
    next: str | None


class DeliveryReceipt(Struct, frozen=True, kw_only=True):
    """A receipt as a file."""

    name: str
    media_type: str
    content: bytes
