"""What the operations about requests of patients take and return."""

from typing import Annotated

from msgspec import Meta

from nexus.consent.model import ClaimKind, ClaimState
from nexus.consent.requests import MAX_PAGE, Request, Result, SubjectId
from nexus.kernel.clock import Instant

Words = Annotated[str, Meta(max_length=2_000)]
RequestId = Annotated[str, Meta(min_length=1, max_length=64)]


class AskOwn(Request, frozen=True, kw_only=True):
    """Ask the site for access, rectification, erasure or portability. `words` are kept sealed."""

    subject: SubjectId
    kind: ClaimKind
    words: Words = ""


class FileRequest(Request, frozen=True, kw_only=True):
    """A request that came on paper or was made at the desk, with the moment at which it came."""

    subject: SubjectId
    kind: ClaimKind
    received_at: Instant
    words: Words = ""


class ListRequests(Request, frozen=True, kw_only=True):
    """Requests of a site, oldest first. `site` may be empty for those who see all."""

    site: Annotated[str, Meta(max_length=63)] = ""
    overdue: bool = False
    """Only those that wait and are late."""
    after: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 100


class ById(Request, frozen=True, kw_only=True):
    """Names one request."""

    id: RequestId


class ExtendRequest(Request, frozen=True, kw_only=True):
    """Take two further months. The patient reads the reason."""

    id: RequestId
    reason: Annotated[str, Meta(min_length=10, max_length=500)]


class AnswerRequest(Request, frozen=True, kw_only=True):
    """Close a request. The patient reads the reason; a refusal needs one."""

    id: RequestId
    state: ClaimState
    reason: Annotated[str, Meta(max_length=500)] = ""


class RequestView(Result, frozen=True, kw_only=True):
    """A request and its clock."""

    id: str
    subject: str
    kind: ClaimKind
    state: ClaimState
    received_at: Instant
    due_at: Instant
    overdue: bool
    extended_at: Instant | None
    reason: str
    closed_at: Instant | None


class Requests(Result, frozen=True, kw_only=True):
    """Requests. `next` is `after` of the following page; empty after the last."""

    requests: tuple[RequestView, ...]
    next: str


class RequestDetail(Result, frozen=True, kw_only=True):
    """A request with what the patient wrote."""

    request: RequestView
    words: str
