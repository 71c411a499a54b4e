"""What the operations on releases take and return."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from nexus.kernel.clock import Instant
from nexus.warehouse.cohorts.told import Told
from nexus.warehouse.releases.model import ReleaseState

Project = Annotated[str, Meta(min_length=2, max_length=41)]
ReleaseId = Annotated[str, Meta(min_length=5, max_length=64, examples=["rel_01jd3v8f2x7q9k4m6n0p5r1s2t"])]
Reason = Annotated[str, Meta(min_length=10, max_length=500)]
MAX_COHORT_CHARS: Final = 64 * 1024


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes from outside: no field that is not named here."""


class RequestRelease(Request, frozen=True, kw_only=True):
    """A release of what the project's permit names, to be built."""

    project: Project
    criteria: Annotated[str, Meta(max_length=MAX_COHORT_CHARS)] = ""
    """Definition of the cohort (TOML), where the permit names one; its `name` is the one that the permit says."""


class NamedRelease(Request, frozen=True, kw_only=True):
    """One release of a project."""

    project: Project
    release: ReleaseId


class ListReleases(Request, frozen=True, kw_only=True):
    """The releases of a project, the newest first."""

    project: Project
    before: Annotated[str, Meta(max_length=64)] = ""
    """The last release of the page before."""
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 100


class CompareReleases(NamedRelease, frozen=True, kw_only=True):
    """Two releases of a project."""

    since: ReleaseId
    """The earlier one."""


class RetireRelease(NamedRelease, frozen=True, kw_only=True):
    """A release that nobody is to read any more, and why. It cannot be undone."""

    reason: Reason


class ReleasedTable(Struct, frozen=True, kw_only=True):
    """A table of a release."""

    name: str
    columns: tuple[str, ...]
    rows: int
    files: int
    bytes: int


class SmallClasses(Struct, frozen=True, kw_only=True):
    """How few persons share what could point at them, when it was built. A count from one to ten is hidden."""

    columns: tuple[str, ...]
    k: int
    """Persons in the smallest class."""
    least: int
    """How many a class should have."""
    classes: int
    small_classes: int
    persons: int | None
    persons_in_small_classes: int | None


class ReleaseView(Struct, frozen=True, kw_only=True):
    """A release. `release_digest`: its name everywhere, SHA-256 of what its manifest says; empty until it is built."""

    id: str
    project: str
    bucket: str
    """Where its files lie, for S3."""
    state: ReleaseState
    requested_by: str
    requested_at: Instant
    changed_by: str
    changed_at: Instant
    step: str
    """What the build is at."""
    done: int
    total: int
    code: str
    message: str
    """Why it could not be built."""
    release_digest: str
    parents: tuple[str, ...]
    """Those that it followed without somebody, the oldest first."""
    until: str
    """When the permit ends."""
    domain: str
    period_from: str
    period_until: str
    signing_key: str
    """The public key (Ed25519, base64) that its manifest is signed by."""
    tables: tuple[ReleasedTable, ...]
    small_classes: SmallClasses | None
    cohort: Told | None
    """How many each criterion left when it was built, how alike cases and controls are. Counts under eleven are hidden."""
    certificate: str
    """Of its destruction (JSON), where it was retired."""


class Releases(Struct, frozen=True, kw_only=True):
    """Releases. `next`: what to give as `before` for more."""

    releases: tuple[ReleaseView, ...]
    next: str | None


class ReleaseManifest(Struct, frozen=True, kw_only=True):
    """The signed manifest (JSON), as `nexus warehouse verify-release` reads it."""

    release_digest: str
    manifest: str
