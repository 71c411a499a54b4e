"""Every operation of the bastion; the doors are generated from `OPERATIONS`."""

from typing import Any, Final

from nexus.bastion.model import OPEN
from nexus.bastion.requests import (
    BastionHost,
    ById,
    CutSession,
    Excerpt,
    IssueCertificate,
    IssuedCertificate,
    ListSessions,
    Nothing,
    ReadRecording,
    RecordingCheck,
    Sessions,
    SessionView,
)
from nexus.bastion.service import BastionService
from nexus.kernel.operation import OperationSpec


def _spec(  # noqa: PLR0917 - a table reads best without keywords
    name: str, route: str, summary: str, request: type[Any], result: Any, run: Any, *, action: str = ""
) -> OperationSpec:
    """`route` is `METHOD /path`. The action has the name of the operation unless said otherwise."""
    method, path = route.split(" ")
    return OperationSpec(name, "bastion", method, path, summary, request, result, action or name, run)


OPERATIONS: Final[tuple[OperationSpec, ...]] = (
    _spec(
        "bastion.certificate.issue",
        "POST /v1/bastion/certificates",
        "Get a certificate of five minutes for one session on the machine",
        IssueCertificate,
        IssuedCertificate,
        lambda service, op, request: service.issuing.issue(op, request),
        action=OPEN,
    ),
    _spec(
        "bastion.host.read",
        "GET /v1/bastion/host",
        "Show where the bastion listens and the key that it is known by",
        Nothing,
        BastionHost,
        lambda service, op, request: service.issuing.read_host(op, request),
    ),
    _spec(
        "bastion.session.list",
        "GET /v1/bastion/sessions",
        "List sessions, newest first",
        ListSessions,
        Sessions,
        BastionService.list_sessions,
    ),
    _spec(
        "bastion.session.read",
        "GET /v1/bastion/sessions/{id}",
        "Show one session",
        ById,
        SessionView,
        BastionService.read,
    ),
    _spec(
        "bastion.session.cut",
        "POST /v1/bastion/sessions/{id}/cut",
        "End a session at once",
        CutSession,
        None,
        BastionService.cut,
    ),
    _spec(
        "bastion.session.watch",
        "GET /v1/bastion/sessions/{id}/watch",
        "See what happens in an open session; its operator is told",
        ReadRecording,
        Excerpt,
        BastionService.watch,
    ),
    _spec(
        "bastion.session.replay",
        "GET /v1/bastion/sessions/{id}/recording",
        "Read the recording of a session that is over",
        ReadRecording,
        Excerpt,
        BastionService.replay,
    ),
    _spec(
        "bastion.session.verify",
        "GET /v1/bastion/sessions/{id}/verification",
        "Compare the recording of a session with the audit log",
        ById,
        RecordingCheck,
        BastionService.verify,
    ),
)
