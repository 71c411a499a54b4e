"""Leavers."""

from nexus.iam.requests.departures import Deactivate
from nexus.iam.specs.spec import by_id, spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.person.deactivate",
        "POST /v1/persons/{id}/deactivate",
        "End everything of a person who leaves: sessions, keys, tokens, rights; hand her machines over",
        Deactivate,
        None,
        lambda service, op, request: service.departures.deactivate(op, request),
        by_id,
    ),
)
