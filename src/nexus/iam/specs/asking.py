"""Asking for rights, and accounts of one human being."""

from typing import Any

from nexus.iam.requests.asking import (
    AccessRequests,
    AccessRequestView,
    AskForRole,
    GrantPrivilegedRequest,
    ListAccessRequests,
    RefuseRequest,
)
from nexus.iam.requests.forms import ById, Nothing
from nexus.iam.requests.humans import RecordSamePerson, SamePersons
from nexus.iam.service import IdentityService
from nexus.iam.specs.spec import by_id, of_identity, spec
from nexus.kernel.operation import OperationSpec, Resource


def _asked(service: IdentityService, request: Any) -> Resource:
    """Who is to receive what a request asks for, within reach of those who administer its scope."""
    return service.resources.access_request(request.id)


OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.access-request.create",
        "POST /v1/access-requests",
        "Ask for a role within a scope, until a date, for a reason",
        AskForRole,
        AccessRequestView,
        lambda service, op, request: service.asking.ask(op, request),
        lambda service, request: service.resources.identity(request.identity),
    ),
    spec(
        "iam.access-request.list",
        "GET /v1/access-requests",
        "List the requests for rights that one may read: one's own, and those that one could answer",
        ListAccessRequests,
        AccessRequests,
        lambda service, op, request: service.asking.list_requests(op, request),
    ),
    spec(
        "iam.access-request.read",
        "GET /v1/access-requests/{id}",
        "Read a request for a right, and what became of it",
        ById,
        AccessRequestView,
        lambda service, op, request: service.asking.read(op, request),
        _asked,
    ),
    spec(
        "iam.access-request.grant",
        "POST /v1/access-requests/{id}/grant",
        "Grant the role of data work that was asked for",
        ById,
        AccessRequestView,
        lambda service, op, request: service.asking.grant(op, request),
        _asked,
        action="iam.role.grant",
    ),
    spec(
        "iam.access-request.grant-privileged",
        "POST /v1/access-requests/{id}/grant-privileged",
        "Grant the privileged role that was asked for",
        GrantPrivilegedRequest,
        AccessRequestView,
        lambda service, op, request: service.asking.grant_privileged(op, request),
        _asked,
        action="iam.role.grant-privileged",
        sensitive=True,
    ),
    spec(
        "iam.access-request.refuse",
        "POST /v1/access-requests/{id}/refuse",
        "Refuse a request for a right, with the reason",
        RefuseRequest,
        AccessRequestView,
        lambda service, op, request: service.asking.refuse(op, request),
        _asked,
    ),
    spec(
        "iam.access-request.withdraw",
        "POST /v1/access-requests/{id}/withdraw",
        "Take back what one asked for",
        ById,
        AccessRequestView,
        lambda service, op, request: service.asking.withdraw(op, request),
        _asked,
    ),
    spec(
        "iam.same-person.record",
        "POST /v1/same-persons",
        "Record that two accounts belong to one human being: they count as one pair of eyes",
        RecordSamePerson,
        None,
        lambda service, op, request: service.humans.record(op, request),
        of_identity,
    ),
    spec(
        "iam.same-person.forget",
        "DELETE /v1/same-persons/{id}",
        "Take an account out of the accounts of one human being",
        ById,
        None,
        lambda service, op, request: service.humans.forget(op, request),
        by_id,
        sensitive=True,
    ),
    spec(
        "iam.same-person.list",
        "GET /v1/same-persons",
        "List the accounts that belong to human beings who have several",
        Nothing,
        SamePersons,
        lambda service, op, request: service.humans.list_groups(op, request),
    ),
)
