"""What a person is told about her own account."""

from nexus.iam.requests.forms import OfIdentity
from nexus.iam.requests.notices import Notices
from nexus.iam.specs.spec import of_identity, spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.notice.list",
        "GET /v1/identities/{identity}/notices",
        "List what happened to one's account: new devices, refused codes, changed factors",
        OfIdentity,
        Notices,
        lambda service, op, request: service.notices.list_notices(op, request),
        of_identity,
    ),
    spec(
        "iam.notice.acknowledge",
        "POST /v1/identities/{identity}/notices/acknowledge",
        "Say that one has seen the notices of one's account",
        OfIdentity,
        None,
        lambda service, op, request: service.notices.acknowledge(op, request),
        of_identity,
    ),
)
