"""Asking for rights: what its operations take and return."""

from nexus.iam.model import AccessRequestState, Role
from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant


class AskForRole(Request, frozen=True, kw_only=True):
    """A role within a scope until a date, for oneself (`identity` is one's own id) or for a machine that one owns."""

    identity: str
    role: Role
    scope: str
    ends_at: Instant
    reason: str


class AccessRequestView(Result, frozen=True, kw_only=True):
    """What somebody asks for, and what became of it: `answer` says why it was refused, `grant` which right it became."""

    id: str
    identity: str
    asked_by: str
    role: Role
    scope: str
    ends_at: Instant
    reason: str
    state: AccessRequestState
    asked_at: Instant
    expires_at: Instant
    decided_by: str | None
    decided_at: Instant | None
    answer: str
    grant: str | None


class ListAccessRequests(Request, frozen=True, kw_only=True):
    """The requests in a state that one may read, in order of asking."""

    state: AccessRequestState = AccessRequestState.OPEN
    after: str = ""
    limit: int = 100


class AccessRequests(Result, frozen=True, kw_only=True):
    """Requests for rights."""

    requests: tuple[AccessRequestView, ...]


class GrantPrivilegedRequest(Request, frozen=True, kw_only=True):
    """A request for a privileged role, repeated word for word, so that the second person reads what she agrees to."""

    id: str
    identity: str
    role: Role
    scope: str
    ends_at: Instant


class RefuseRequest(Request, frozen=True, kw_only=True):
    """A refusal, with the reason that the asker reads."""

    id: str
    answer: str
