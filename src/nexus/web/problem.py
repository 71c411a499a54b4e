"""Errors as `application/problem+json` (RFC 9457). The pages behind `type` are in docs/reference/errors.md."""

from typing import Final

import msgspec

from nexus.kernel.errors import (
    Conflict,
    Damaged,
    Denied,
    Invalid,
    NexusError,
    NotFound,
    Sealed,
    StepUpNeeded,
    Throttled,
    Unauthenticated,
    Unavailable,
)

MEDIA_TYPE: Final = "application/problem+json"
TYPE_BASE: Final = "/docs/reference/errors"

KINDS: Final[tuple[tuple[type[NexusError], int, str], ...]] = (
    (Invalid, 400, "The request is malformed"),
    (StepUpNeeded, 401, "A fresh factor is needed"),
    (Unauthenticated, 401, "Nobody, or nobody who could prove who they are"),
    (Denied, 403, "Not allowed"),
    (NotFound, 404, "Not found"),
    (Conflict, 409, "The state does not allow it"),
    (Throttled, 429, "Too many attempts"),
    (Sealed, 503, "The key service is sealed"),
    (Unavailable, 503, "A part that the operation needs is down"),
    (Damaged, 500, "Stored data do not verify"),
    (NexusError, 500, "The operation failed"),
)
"""Error class, HTTP status, title; the first class that fits counts, so a subclass stands before its base."""

STATUS_OF_CODE: Final = {
    "web.no-route": 404,
    "web.method": 405,
    "web.slow-body": 408,
    "web.body-too-large": 413,
    "web.url-too-long": 414,
    "web.media-type": 415,
    "web.timeout": 504,
}
"""The door's own refusals, where HTTP has a status that says more than the kind's."""


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, in words for a person (`detail`, `hint`) and in stable terms for a program (`code`, `kind`)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    kind: str
    hint: str = ""
    operation: str = ""
    digest: str = ""
    """Where a fresh factor is needed: the content that it is to be proved for."""


def problem_of(error: NexusError, operation: str = "") -> ProblemDetails:
    """The problem document of an error; `operation` is the id that auditors search for."""
    status, title = next((status, title) for kind, status, title in KINDS if isinstance(error, kind))
    return ProblemDetails(
        type=f"{TYPE_BASE}#{error.kind}",
        title=title,
        status=STATUS_OF_CODE.get(error.code, status),
        detail=error.message,
        code=error.code,
        kind=error.kind,
        hint=error.hint,
        operation=operation,
        digest=error.digest if isinstance(error, StepUpNeeded) else "",
    )


def headers_of(error: NexusError) -> dict[str, str]:
    """The headers that HTTP wants beside some refusals."""
    if isinstance(error, StepUpNeeded):  # RFC 9470
        return {"WWW-Authenticate": 'Bearer realm="nexus", error="insufficient_user_authentication"'}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="nexus"'}
    if isinstance(error, Throttled):
        return {"Retry-After": str(error.retry_after_s)}
    return {}


def error_of(problem: ProblemDetails) -> NexusError:
    """The inverse, for clients: the same class, message, code and hint."""
    kind = next((kind for kind, _, _ in KINDS if kind.kind == problem.kind), NexusError)
    if kind is Throttled:
        return Throttled(problem.detail, retry_after_s=0, code=problem.code, hint=problem.hint)
    if kind is StepUpNeeded:
        return StepUpNeeded(problem.detail, digest=problem.digest, code=problem.code, hint=problem.hint)
    return kind(problem.detail, code=problem.code, hint=problem.hint)
