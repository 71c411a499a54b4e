"""Clients of the issuer: tools that sign people in."""

from nexus.iam.requests.clients import Clients, ClientView, CreateClient, NewClient
from nexus.iam.requests.forms import ById, Page
from nexus.iam.specs.spec import spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.client.create",
        "POST /v1/clients",
        "Register a tool that signs people in through OpenID Connect",
        CreateClient,
        NewClient,
        lambda service, op, request: service.clients.create(op, request),
        secret_result=True,
    ),
    spec(
        "iam.client.list",
        "GET /v1/clients",
        "List the tools that sign people in",
        Page,
        Clients,
        lambda service, op, request: service.clients.list_clients(op, request),
    ),
    spec(
        "iam.client.read",
        "GET /v1/clients/{id}",
        "Read the registration of a tool",
        ById,
        ClientView,
        lambda service, op, request: service.clients.read(op, request),
    ),
    spec(
        "iam.client.rotate-secret",
        "POST /v1/clients/{id}/rotate-secret",
        "Give a tool a new secret; the old one stops at once",
        ById,
        NewClient,
        lambda service, op, request: service.clients.rotate_secret(op, request),
        secret_result=True,
    ),
    spec(
        "iam.client.delete",
        "DELETE /v1/clients/{id}",
        "Remove a tool: everything that was issued to it ends at once",
        ById,
        None,
        lambda service, op, request: service.clients.delete(op, request),
    ),
)
