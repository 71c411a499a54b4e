"""What identities are called."""

from nexus.iam.requests.names import Names, NamesOf
from nexus.iam.specs.spec import spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.identity.name",
        "GET /v1/names",
        "Say what the persons and machines behind ids are called",
        NamesOf,
        Names,
        lambda service, op, request: service.naming.name(op, request),
    ),
)
