"""Providers and deliveries. Frozen values, and the table of what may follow what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from nexus.kernel.clock import Instant
from nexus.kernel.errors import Conflict, NotFound
from nexus.kernel.operation import Resource
from nexus.objects.model import BucketKind, bucket_resource
from nexus.warehouse.intake.agreement import Agreement
from nexus.warehouse.intake.manifest import Follows, Manifest
from nexus.warehouse.intake.report import Report

UNREAD: Final = 0
"""The number of deliveries whose manifest cannot be read."""


class DeliveryState(StrEnum):
    """Where a delivery is."""

    WAITING = "waiting"
    """To be checked, or being checked."""
    CHECKED = "checked"
    """Every check passed; a steward has the last word."""
    ACCEPTED = "accepted"
    REFUSED = "refused"


FOLLOWS: Final[Mapping[DeliveryState, frozenset[DeliveryState]]] = {
    DeliveryState.WAITING: frozenset({DeliveryState.CHECKED, DeliveryState.ACCEPTED, DeliveryState.REFUSED}),
    DeliveryState.CHECKED: frozenset({DeliveryState.ACCEPTED, DeliveryState.REFUSED}),
    DeliveryState.ACCEPTED: frozenset(),
    DeliveryState.REFUSED: frozenset(),
}
"""Which states may follow each. What was refused is handed in anew, as the next attempt."""
DECIDED: Final = frozenset({DeliveryState.ACCEPTED, DeliveryState.REFUSED})


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider. `revision` counts changes of its agreement."""

    id: str
    name: str
    title: str
    site: str
    bucket: str
    agreement: Agreement
    revision: int
    registered_by: str
    registered_at: Instant
    ended_at: Instant | None = None

    @property
    def resource(self) -> Resource:
        """Whoever has a right on its bucket or its site has one on it: there is no second list of who delivers."""
        return bucket_resource(self.bucket, self.site, "", BucketKind.INGRESS)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery, as it was handed in once. `versions`: which version of each file it is, once they are known."""

    id: str
    provider: str
    """Its id."""
    number: int
    attempt: int
    state: DeliveryState
    manifest_key: str
    manifest_version: str
    manifest_sha256: str
    manifest: Manifest | None
    """None if it cannot be read."""
    submitted_by: str
    submitted_at: Instant
    content: str = ""
    """SHA-256 of the checksums of all its files in order, and of what changes follow: the same extract has the same, whatever its number."""
    revision: int = 0
    """Of the agreement that it was checked against."""
    decided_by: str = ""
    decided_at: Instant | None = None
    operation: str = ""
    """That decided: where the log has it."""
    reason: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    report: Report = field(default_factory=Report)

    @property
    def follows(self) -> Follows | None:
        """What it changes, if it holds changes."""
        return None if self.manifest is None else self.manifest.follows

    @property
    def prefix(self) -> str:
        """Where its files lie."""
        return self.manifest_key.rpartition("/")[0] + "/"


def no_provider() -> NotFound:
    """A provider that is not there, or not one's own to see."""
    return NotFound("there is no such provider", code="intake.no-provider")


def no_delivery() -> NotFound:
    """The provider has handed in no delivery of this number."""
    return NotFound("the provider has no such delivery", code="intake.no-delivery")


def require_follows(was: DeliveryState, state: DeliveryState) -> None:
    """Raises Conflict unless `state` may follow."""
    if state not in FOLLOWS[was]:
        raise Conflict(f"a delivery that is {was.value} does not become {state.value}", code="intake.state")
