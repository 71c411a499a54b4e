"""Rights."""

from nexus.iam.requests.forms import ById
from nexus.iam.requests.rights import GrantRole, Grants, GrantView, ListGrants
from nexus.iam.specs.spec import spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.role.grant",
        "POST /v1/grants",
        "Grant a role of data work within a scope, until a date",
        GrantRole,
        GrantView,
        lambda service, op, request: service.grants.grant(op, request),
        lambda service, request: service.resources.grantee(request.identity, request.role, request.scope),
    ),
    spec(
        "iam.role.grant-privileged",
        "POST /v1/grants/privileged",
        "Grant a privileged role, until a date",
        GrantRole,
        GrantView,
        lambda service, op, request: service.grants.grant_privileged(op, request),
        lambda service, request: service.resources.grantee(request.identity, request.role, request.scope),
        sensitive=True,
    ),
    spec(
        "iam.role.revoke",
        "DELETE /v1/grants/{id}",
        "Take a role away at once",
        ById,
        None,
        lambda service, op, request: service.grants.revoke(op, request),
        lambda service, request: service.resources.grant(request.id),
    ),
    spec(
        "iam.role.list",
        "GET /v1/grants",
        "List the rights of one identity or of all",
        ListGrants,
        Grants,
        lambda service, op, request: service.grants.list_grants(op, request),
        lambda service, request: service.resources.granted_in(request.identity),
    ),
)
