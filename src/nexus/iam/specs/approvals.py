"""Four eyes.

`iam.approval.execute` is a special case: the door itself claims the intent and runs the operation that was approved,
which may belong to any service. Its own `run` only refuses.
"""

from nexus.iam.model import Intent
from nexus.iam.requests.approvals import Approve, Intents, ListIntents
from nexus.iam.requests.forms import ById
from nexus.iam.specs.spec import spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.approval.list",
        "GET /v1/approvals",
        "List the intents that one may read",
        ListIntents,
        Intents,
        lambda service, op, request: service.approvals.list_intents(op, request.state, request.after, request.limit),
    ),
    spec(
        "iam.approval.read",
        "GET /v1/approvals/{id}",
        "Read an intent: what would be done, by whom, and who has approved",
        ById,
        Intent,
        lambda service, op, request: service.approvals.read(op, request.id),
        lambda service, request: service.resources.intent(request.id),
    ),
    spec(
        "iam.approval.approve",
        "POST /v1/approvals/{id}/approve",
        "Approve the exact content of an intent, as another person",
        Approve,
        Intent,
        lambda service, op, request: service.approvals.approve(op, request.id, request.digest),
        lambda service, request: service.resources.intent(request.id),
        step_up=True,
    ),
    spec(
        "iam.approval.reject",
        "POST /v1/approvals/{id}/reject",
        "Reject an intent, or withdraw one's own",
        ById,
        Intent,
        lambda service, op, request: service.approvals.reject(op, request.id),
        lambda service, request: service.resources.intent(request.id),
    ),
    spec(
        "iam.approval.execute",
        "POST /v1/approvals/{id}/execute",
        "Carry out, once, exactly what was approved",
        ById,
        None,
        lambda service, op, request: service.approvals.execute(op, request.id),
        lambda service, request: service.resources.intent(request.id),
        step_up=True,
    ),
)
