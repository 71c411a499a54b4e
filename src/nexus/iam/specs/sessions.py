"""Enrolment, sessions, passwords."""

from nexus.iam.requests.forms import ById, OfIdentity
from nexus.iam.requests.sessions import (
    ChangePassword,
    ConfirmEnrolment,
    Enrolled,
    Enrolling,
    Sessions,
    SignedIn,
    SignIn,
    StartEnrolment,
)
from nexus.iam.specs.spec import of_identity, spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.enrolment.start",
        "POST /v1/enrolments",
        "Choose a password with the one-time code and receive the second factor",
        StartEnrolment,
        Enrolling,
        lambda service, op, request: service.enrolments.start(op, request),
        lambda service, request: service.resources.login(request.login),
        action="",
        secret_result=True,
    ),
    spec(
        "iam.enrolment.confirm",
        "POST /v1/enrolments/confirm",
        "Prove the second factor and become active",
        ConfirmEnrolment,
        Enrolled,
        lambda service, op, request: service.enrolments.confirm(op, request),
        lambda service, request: service.resources.login(request.login),
        action="",
    ),
    spec(
        "iam.session.create",
        "POST /v1/sessions",
        "Sign in with password and second factor",
        SignIn,
        SignedIn,
        lambda service, op, request: service.sessions.sign_in(op, request),
        lambda service, request: service.resources.login(request.login),
        action="",
        secret_result=True,
    ),
    spec(
        "iam.session.list",
        "GET /v1/identities/{identity}/sessions",
        "List the open sessions of a person",
        OfIdentity,
        Sessions,
        lambda service, op, request: service.sessions.list_sessions(op, request),
        of_identity,
    ),
    spec(
        "iam.session.end",
        "DELETE /v1/sessions/{id}",
        "End a session (sign out)",
        ById,
        None,
        lambda service, op, request: service.sessions.end(op, request),
        lambda service, request: service.resources.session(request.id),
    ),
    spec(
        "iam.password.change",
        "PUT /v1/identities/{identity}/password",
        "Change one's own password",
        ChangePassword,
        None,
        lambda service, op, request: service.enrolments.change_password(op, request),
        of_identity,
    ),
)
