"""Signing in with an outside issuer, and linking one's account to it."""

from nexus.iam.requests.federation import (
    BeginFederation,
    BeginLink,
    CompleteFederation,
    CompleteLink,
    FederationBegun,
    Links,
    LinkView,
    OutsideIssuers,
)
from nexus.iam.requests.forms import ById, Nothing, OfIdentity
from nexus.iam.requests.sessions import SignedIn
from nexus.iam.specs.spec import of_identity, spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.federation.issuers",
        "GET /v1/federation/issuers",
        "List the outside issuers that one may sign in with",
        Nothing,
        OutsideIssuers,
        lambda service, op, request: service.federation.issuers(op, request),
        action="",
    ),
    spec(
        "iam.federation.begin",
        "POST /v1/federation/begin",
        "Begin to sign in with an outside issuer",
        BeginFederation,
        FederationBegun,
        lambda service, op, request: service.federation.begin(op, request),
        action="",
        secret_result=True,
    ),
    spec(
        "iam.federation.complete",
        "POST /v1/federation/complete",
        "Sign in with what an outside issuer answered",
        CompleteFederation,
        SignedIn,
        lambda service, op, request: service.federation.complete(op, request),
        action="",
        secret_result=True,
    ),
    spec(
        "iam.federation.begin-link",
        "POST /v1/identities/{identity}/federation-links/begin",
        "Begin to link one's account to an outside issuer",
        BeginLink,
        FederationBegun,
        lambda service, op, request: service.federation.begin_link(op, request),
        of_identity,
        action="iam.federation.link",
        step_up=True,
        secret_result=True,
    ),
    spec(
        "iam.federation.link",
        "POST /v1/identities/{identity}/federation-links",
        "Link one's account to what an outside issuer answered",
        CompleteLink,
        LinkView,
        lambda service, op, request: service.federation.link(op, request),
        of_identity,
    ),
    spec(
        "iam.federation.list",
        "GET /v1/identities/{identity}/federation-links",
        "List the outside accounts of a person",
        OfIdentity,
        Links,
        lambda service, op, request: service.federation.list_links(op, request),
        of_identity,
    ),
    spec(
        "iam.federation.unlink",
        "DELETE /v1/federation-links/{id}",
        "End the link to an outside account",
        ById,
        None,
        lambda service, op, request: service.federation.unlink(op, request),
        lambda service, request: service.resources.federation_link(request.id),
    ),
)
