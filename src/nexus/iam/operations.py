"""Every operation of identity and authorisation, defined once; the doors are generated from `OPERATIONS`.

`iam.approval.execute` is a special case: the door itself claims the intent and runs the operation that was approved,
which may belong to any service. Its own `run` only refuses.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from nexus.iam import requests as r
from nexus.iam.model import Intent
from nexus.iam.service import IdentityService
from nexus.kernel.operation import PLATFORM, OperationSpec, Resource

_Run = Callable[[IdentityService, Any, Any], Awaitable[Any]]
_ResourceOf = Callable[[IdentityService, Any], Resource]


def _platform(service: IdentityService, request: Any) -> Resource:
    return PLATFORM


def _by_id(service: IdentityService, request: r.ById) -> Resource:
    return service.resources.identity(request.id)


def _of_identity(service: IdentityService, request: r.OfIdentity | r.CreateAccessKey | r.CreateToken) -> Resource:
    return service.resources.identity(request.identity)


def _spec(  # noqa: PLR0917 - a table reads best without keywords
    name: str,
    route: str,
    summary: str,
    request: type[Any],
    result: Any,
    run: _Run,
    resource: _ResourceOf = _platform,
    *,
    action: str | None = None,
    sensitive: bool = False,
    secret_result: bool = False,
) -> OperationSpec:
    """`route` is `METHOD /path`. The action has the name of the operation unless said otherwise."""
    method, path = route.split(" ")
    needs = name if action is None else action
    return OperationSpec(
        name, "iam", method, path, summary, request, result, needs, run, resource, sensitive, secret_result
    )


_ENROLMENT_AND_SESSIONS = (
    _spec(
        "iam.enrolment.start",
        "POST /v1/enrolments",
        "Choose a password with the one-time code and receive the second factor",
        r.StartEnrolment,
        r.Enrolling,
        lambda service, op, request: service.enrolments.start(op, request),
        lambda service, request: service.resources.login(request.login),
        action="",
        secret_result=True,
    ),
    _spec(
        "iam.enrolment.confirm",
        "POST /v1/enrolments/confirm",
        "Prove the second factor and become active",
        r.ConfirmEnrolment,
        r.Enrolled,
        lambda service, op, request: service.enrolments.confirm(op, request),
        lambda service, request: service.resources.login(request.login),
        action="",
    ),
    _spec(
        "iam.session.create",
        "POST /v1/sessions",
        "Sign in with password and second factor",
        r.SignIn,
        r.SignedIn,
        lambda service, op, request: service.sessions.sign_in(op, request),
        lambda service, request: service.resources.login(request.login),
        action="",
        secret_result=True,
    ),
    _spec(
        "iam.session.list",
        "GET /v1/identities/{identity}/sessions",
        "List the open sessions of a person",
        r.OfIdentity,
        r.Sessions,
        lambda service, op, request: service.sessions.list_sessions(op, request),
        _of_identity,
    ),
    _spec(
        "iam.session.end",
        "DELETE /v1/sessions/{id}",
        "End a session (sign out)",
        r.ById,
        None,
        lambda service, op, request: service.sessions.end(op, request),
        lambda service, request: service.resources.session(request.id),
    ),
    _spec(
        "iam.password.change",
        "PUT /v1/identities/{identity}/password",
        "Change one's own password",
        r.ChangePassword,
        None,
        lambda service, op, request: service.enrolments.change_password(op, request),
        _of_identity,
    ),
)

_PERSONS = (
    _spec(
        "iam.person.create",
        "POST /v1/persons",
        "Create a person and her one-time enrolment code",
        r.CreatePerson,
        r.Invitation,
        lambda service, op, request: service.persons.create(op, request),
        secret_result=True,
    ),
    _spec(
        "iam.person.list",
        "GET /v1/persons",
        "List persons",
        r.Page,
        r.Persons,
        lambda service, op, request: service.persons.list_persons(op, request),
    ),
    _spec(
        "iam.person.read",
        "GET /v1/persons/{id}",
        "Read the record of a person",
        r.ById,
        r.PersonView,
        lambda service, op, request: service.persons.read(op, request),
        _by_id,
    ),
    _spec(
        "iam.person.suspend",
        "POST /v1/persons/{id}/suspend",
        "Suspend a person: her sessions, access keys and machines stop at once",
        r.ById,
        None,
        lambda service, op, request: service.persons.suspend(op, request),
        _by_id,
    ),
    _spec(
        "iam.person.resume",
        "POST /v1/persons/{id}/resume",
        "End the suspension of a person",
        r.ById,
        None,
        lambda service, op, request: service.persons.resume(op, request),
        _by_id,
    ),
    _spec(
        "iam.person.delete",
        "DELETE /v1/persons/{id}",
        "Delete a person, her rights and credentials",
        r.ById,
        None,
        lambda service, op, request: service.persons.delete(op, request),
        _by_id,
        sensitive=True,
    ),
    _spec(
        "iam.person.re-enrol",
        "POST /v1/persons/{id}/re-enrol",
        "Give a person a new enrolment code (lost second factor or password)",
        r.ById,
        r.Invitation,
        lambda service, op, request: service.persons.re_enrol(op, request),
        _by_id,
        sensitive=True,
        secret_result=True,
    ),
    _spec(
        "iam.me.read",
        "GET /v1/me",
        "Say who one is and which rights one holds now",
        r.Nothing,
        r.Me,
        lambda service, op, request: service.grants.me(op, request),
        action="iam.me.read",
    ),
)

_MACHINES = (
    _spec(
        "iam.machine.create",
        "POST /v1/machines",
        "Create a machine, owned by a person who answers for it",
        r.CreateMachine,
        r.MachineView,
        lambda service, op, request: service.machines.create(op, request),
    ),
    _spec(
        "iam.machine.list",
        "GET /v1/machines",
        "List machines",
        r.Page,
        r.Machines,
        lambda service, op, request: service.machines.list_machines(op, request),
    ),
    _spec(
        "iam.machine.read",
        "GET /v1/machines/{id}",
        "Read the record of a machine",
        r.ById,
        r.MachineView,
        lambda service, op, request: service.machines.read(op, request),
        _by_id,
    ),
    _spec(
        "iam.machine.suspend",
        "POST /v1/machines/{id}/suspend",
        "Suspend a machine: its credentials stop at once",
        r.ById,
        None,
        lambda service, op, request: service.machines.suspend(op, request),
        _by_id,
    ),
    _spec(
        "iam.machine.resume",
        "POST /v1/machines/{id}/resume",
        "End the suspension of a machine",
        r.ById,
        None,
        lambda service, op, request: service.machines.resume(op, request),
        _by_id,
    ),
    _spec(
        "iam.machine.delete",
        "DELETE /v1/machines/{id}",
        "Delete a machine, its rights and credentials",
        r.ById,
        None,
        lambda service, op, request: service.machines.delete(op, request),
        _by_id,
    ),
    _spec(
        "iam.access-key.create",
        "POST /v1/access-keys",
        "Create an S3 access key for oneself or for a machine that one owns",
        r.CreateAccessKey,
        r.NewAccessKey,
        lambda service, op, request: service.credentials.create_access_key(op, request),
        _of_identity,
        secret_result=True,
    ),
    _spec(
        "iam.access-key.list",
        "GET /v1/identities/{identity}/access-keys",
        "List the access keys of an identity",
        r.OfIdentity,
        r.AccessKeys,
        lambda service, op, request: service.credentials.list_access_keys(op, request),
        _of_identity,
    ),
    _spec(
        "iam.access-key.revoke",
        "DELETE /v1/access-keys/{id}",
        "Revoke an access key at once",
        r.ById,
        None,
        lambda service, op, request: service.credentials.revoke_access_key(op, request),
        lambda service, request: service.resources.access_key(request.id),
    ),
    _spec(
        "iam.token.create",
        "POST /v1/tokens",
        "Create a service token for oneself or for a machine that one owns",
        r.CreateToken,
        r.NewToken,
        lambda service, op, request: service.credentials.create_token(op, request),
        _of_identity,
        secret_result=True,
    ),
    _spec(
        "iam.token.list",
        "GET /v1/identities/{identity}/tokens",
        "List the service tokens of an identity",
        r.OfIdentity,
        r.Tokens,
        lambda service, op, request: service.credentials.list_tokens(op, request),
        _of_identity,
    ),
    _spec(
        "iam.token.revoke",
        "DELETE /v1/tokens/{id}",
        "Revoke a service token at once",
        r.ById,
        None,
        lambda service, op, request: service.credentials.revoke_token(op, request),
        lambda service, request: service.resources.token(request.id),
    ),
)

_RIGHTS = (
    _spec(
        "iam.role.grant",
        "POST /v1/grants",
        "Grant a role of data work within a scope, until a date",
        r.GrantRole,
        r.GrantView,
        lambda service, op, request: service.grants.grant(op, request),
        lambda service, request: service.resources.grantee(request.identity, request.role, request.scope),
    ),
    _spec(
        "iam.role.grant-privileged",
        "POST /v1/grants/privileged",
        "Grant a privileged role, until a date",
        r.GrantRole,
        r.GrantView,
        lambda service, op, request: service.grants.grant_privileged(op, request),
        lambda service, request: service.resources.grantee(request.identity, request.role, request.scope),
        sensitive=True,
    ),
    _spec(
        "iam.role.revoke",
        "DELETE /v1/grants/{id}",
        "Take a role away at once",
        r.ById,
        None,
        lambda service, op, request: service.grants.revoke(op, request),
        lambda service, request: service.resources.grant(request.id),
    ),
    _spec(
        "iam.role.list",
        "GET /v1/grants",
        "List the rights of one identity or of all",
        r.ListGrants,
        r.Grants,
        lambda service, op, request: service.grants.list_grants(op, request),
        lambda service, request: service.resources.granted_in(request.identity),
    ),
)

_APPROVALS = (
    _spec(
        "iam.approval.list",
        "GET /v1/approvals",
        "List the intents that one may read",
        r.ListIntents,
        r.Intents,
        lambda service, op, request: service.approvals.list_intents(op, request.state, request.after, request.limit),
    ),
    _spec(
        "iam.approval.read",
        "GET /v1/approvals/{id}",
        "Read an intent: what would be done, by whom, and who has approved",
        r.ById,
        Intent,
        lambda service, op, request: service.approvals.read(op, request.id),
        lambda service, request: service.resources.intent(request.id),
    ),
    _spec(
        "iam.approval.approve",
        "POST /v1/approvals/{id}/approve",
        "Approve the exact content of an intent, as another person",
        r.Approve,
        Intent,
        lambda service, op, request: service.approvals.approve(op, request.id, request.digest),
        lambda service, request: service.resources.intent(request.id),
    ),
    _spec(
        "iam.approval.reject",
        "POST /v1/approvals/{id}/reject",
        "Reject an intent, or withdraw one's own",
        r.ById,
        Intent,
        lambda service, op, request: service.approvals.reject(op, request.id),
        lambda service, request: service.resources.intent(request.id),
    ),
    _spec(
        "iam.approval.execute",
        "POST /v1/approvals/{id}/execute",
        "Carry out, once, exactly what was approved",
        r.ById,
        None,
        lambda service, op, request: service.approvals.execute(op, request.id),
        lambda service, request: service.resources.intent(request.id),
    ),
)

OPERATIONS: tuple[OperationSpec, ...] = (
    *_ENROLMENT_AND_SESSIONS,
    *_PERSONS,
    *_MACHINES,
    *_RIGHTS,
    *_APPROVALS,
)
