"""Break-glass: what its operations take and return."""

from nexus.iam.model import Purpose, Role
from nexus.iam.requests.forms import Request, Result
from nexus.iam.supervision import Verdict
from nexus.kernel.clock import Instant


class BreakGlass(Request, frozen=True, kw_only=True):
    """Open an emergency grant of one's own at once, for some minutes, 60 at most. It alarms and opens a review.

    `purpose`: what the access is for; never the running of the platform.
    """

    eligibility: str
    reason: str
    purpose: Purpose
    minutes: int = 60


class BreakGlassView(Result, frozen=True, kw_only=True):
    """One use of break-glass: the access until just before `ends_at` (or `ended_at`), and where its review stands."""

    id: str
    eligibility: str
    person: str
    role: Role
    scope: str
    reason: str
    purpose: str
    starts_at: Instant
    ends_at: Instant
    ended_at: Instant | None
    review_due_at: Instant
    overdue: bool
    verdict: Verdict
    reviewed_by: str | None
    reviewed_at: Instant | None
    comment: str


class ListBreakGlass(Request, frozen=True, kw_only=True):
    """The uses of one identity, or of all (`identity` empty), that wait for review; the reviewed ones too, if `reviewed`."""

    identity: str = ""
    reviewed: bool = False
    after: str = ""
    limit: int = 100


class BreakGlassUses(Result, frozen=True, kw_only=True):
    """Uses of break-glass."""

    uses: tuple[BreakGlassView, ...]


class ReviewBreakGlass(Request, frozen=True, kw_only=True):
    """A verdict on one use, by somebody else. `unjustified` suspends the emergency grants of the person."""

    id: str
    verdict: Verdict
    comment: str
