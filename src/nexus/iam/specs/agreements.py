"""Agreements of persons with tools that sign in through the issuer."""

from nexus.iam.requests.agreements import AgreementRef, Agreements
from nexus.iam.requests.forms import OfIdentity
from nexus.iam.specs.spec import of_identity, spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.agreement.list",
        "GET /v1/identities/{identity}/agreements",
        "List the tools that a person agreed to be known to",
        OfIdentity,
        Agreements,
        lambda service, op, request: service.agreements.list_agreements(op, request),
        of_identity,
    ),
    spec(
        "iam.agreement.end",
        "DELETE /v1/identities/{identity}/agreements/{client}",
        "End an agreement with a tool, and everything that the tool holds",
        AgreementRef,
        None,
        lambda service, op, request: service.agreements.end(op, request),
        of_identity,
    ),
)
