"""Rights: what their operations take and return."""

from nexus.iam.model import Role
from nexus.iam.requests.elevations import ElevationView
from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant


class GrantRole(Request, frozen=True, kw_only=True):
    """`scope`: platform, site:<name>, project:<name> or bucket:<name>. No `starts_at`: from now on."""

    identity: str
    role: Role
    scope: str
    ends_at: Instant
    starts_at: Instant | None = None


class GrantView(Result, frozen=True, kw_only=True):
    """A right: a role within a scope, from `starts_at` until just before `ends_at`."""

    id: str
    identity: str
    role: Role
    scope: str
    starts_at: Instant
    ends_at: Instant
    granted_by: str


class Me(Result, frozen=True, kw_only=True):
    """Who one is, with what one may hold now, and what one has elevated."""

    id: str
    kind: str
    name: str
    session: str | None
    grants: tuple[GrantView, ...]
    elevations: tuple[ElevationView, ...] = ()


class ListGrants(Request, frozen=True, kw_only=True):
    """The rights of one identity, or of all (`identity` empty)."""

    identity: str = ""
    after: str = ""
    limit: int = 100


class Grants(Result, frozen=True, kw_only=True):
    """Rights."""

    grants: tuple[GrantView, ...]
