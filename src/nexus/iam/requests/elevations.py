"""Elevation just in time: what its operations take and return."""

from nexus.iam.model import ElevationApproval, EligibilityKind, Role
from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant


class GrantEligibility(Request, frozen=True, kw_only=True):
    """A role that a person may elevate, or open in an emergency (`kind`). It gives nothing by itself.

    `approval`: who agrees to each elevation of a privileged role, a second person or nobody but its holder.
    """

    identity: str
    role: Role
    scope: str
    ends_at: Instant
    starts_at: Instant | None = None
    kind: EligibilityKind = EligibilityKind.ELEVATION
    approval: ElevationApproval = ElevationApproval.SECOND_PERSON


class EligibilityView(Result, frozen=True, kw_only=True):
    """An eligible grant. A suspended one cannot be elevated."""

    id: str
    person: str
    role: Role
    scope: str
    kind: EligibilityKind
    approval: ElevationApproval
    starts_at: Instant
    ends_at: Instant
    granted_by: str
    suspended: bool


class ListEligibilities(Request, frozen=True, kw_only=True):
    """The eligible grants of one identity, or of all (`identity` empty)."""

    identity: str = ""
    after: str = ""
    limit: int = 100


class Eligibilities(Result, frozen=True, kw_only=True):
    """Eligible grants."""

    eligibilities: tuple[EligibilityView, ...]


class OpenElevation(Request, frozen=True, kw_only=True):
    """Elevate an eligible grant of one's own for some minutes, 240 at most, for a reason that a reviewer understands."""

    eligibility: str
    reason: str
    minutes: int = 60


class ElevationView(Result, frozen=True, kw_only=True):
    """A role held through an elevation until just before `ends_at`, or until it was ended at `ended_at`."""

    id: str
    eligibility: str
    person: str
    role: Role
    scope: str
    kind: EligibilityKind
    reason: str
    purpose: str
    starts_at: Instant
    ends_at: Instant
    ended_at: Instant | None


class ListElevations(Request, frozen=True, kw_only=True):
    """The elevations of one identity, or of all (`identity` empty); those that have ended too, if `ended`."""

    identity: str = ""
    ended: bool = False
    after: str = ""
    limit: int = 100


class Elevations(Result, frozen=True, kw_only=True):
    """Elevations."""

    elevations: tuple[ElevationView, ...]
