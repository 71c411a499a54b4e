"""Break-glass."""

from nexus.iam.requests.break_glass import (
    BreakGlass,
    BreakGlassUses,
    BreakGlassView,
    ListBreakGlass,
    ReviewBreakGlass,
)
from nexus.iam.requests.forms import ById
from nexus.iam.specs.spec import spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.break-glass.open",
        "POST /v1/break-glass",
        "Open an emergency grant of one's own at once: it alarms and opens a review",
        BreakGlass,
        BreakGlassView,
        lambda service, op, request: service.break_glass.open(op, request),
        lambda service, request: service.resources.eligibility(request.eligibility),
    ),
    spec(
        "iam.break-glass.end",
        "DELETE /v1/break-glass/{id}",
        "End an emergency access before its time; its review goes on",
        ById,
        None,
        lambda service, op, request: service.break_glass.end(op, request),
        lambda service, request: service.resources.elevation(request.id),
        action="iam.elevation.end",
    ),
    spec(
        "iam.break-glass.list",
        "GET /v1/break-glass",
        "List the uses of break-glass that wait for review, or all",
        ListBreakGlass,
        BreakGlassUses,
        lambda service, op, request: service.break_glass.list_uses(op, request),
        lambda service, request: service.resources.granted_in(request.identity),
    ),
    spec(
        "iam.break-glass.review",
        "POST /v1/break-glass/{id}/review",
        "Judge a use of break-glass by somebody else",
        ReviewBreakGlass,
        BreakGlassView,
        lambda service, op, request: service.break_glass.review(op, request),
        lambda service, request: service.resources.elevation(request.id),
    ),
)
