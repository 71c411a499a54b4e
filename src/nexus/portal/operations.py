"""The portal's own operations; the doors are generated from `OPERATIONS`."""

from typing import Any, Final

from nexus.kernel.operation import OperationSpec, Resource
from nexus.portal.enrolling import CREATE
from nexus.portal.history import ACCESSES, PROOF
from nexus.portal.notices import choosing
from nexus.portal.requests import (
    Accesses,
    ChooseNotices,
    ConfirmAddress,
    CreateEnrolment,
    Enrolment,
    GiveAddress,
    NoticesView,
    OwnAccesses,
    OwnNotices,
    OwnProof,
    OwnReceipt,
    StopNotices,
)
from nexus.portal.service import PortalService


def _subject(service: PortalService, request: Any) -> Resource:
    return service.subject(request.subject)


def _notice(name: str, route: str, summary: str, request: type[Any], run: Any) -> OperationSpec:
    """About the account itself, whoever it decides for. `route` is `METHOD /path`."""
    method, path = route.split(" ")
    return OperationSpec(name, "portal", method, path, summary, request, NoticesView, name, run)


NOTICES: Final[tuple[OperationSpec, ...]] = (
    _notice(
        choosing.READ,
        "GET /v1/consent/notices",
        "Show what one is told of by mail",
        OwnNotices,
        lambda service, op, request: service.notices.read(op, request),
    ),
    _notice(
        choosing.ADDRESS,
        "POST /v1/consent/notices/address",
        "Give an address for notices; a code is sent to it",
        GiveAddress,
        lambda service, op, request: service.notices.address(op, request),
    ),
    _notice(
        choosing.CONFIRM,
        "POST /v1/consent/notices/confirmation",
        "Confirm an address for notices by the code that was sent to it",
        ConfirmAddress,
        lambda service, op, request: service.notices.confirm(op, request),
    ),
    _notice(
        choosing.CHOOSE,
        "PUT /v1/consent/notices",
        "Choose how often one is told of uses of one's data",
        ChooseNotices,
        lambda service, op, request: service.notices.choose(op, request),
    ),
    _notice(
        choosing.STOP,
        "DELETE /v1/consent/notices",
        "Be told nothing by mail any more; the address is forgotten",
        StopNotices,
        lambda service, op, request: service.notices.stop(op, request),
    ),
)

OPERATIONS: Final[tuple[OperationSpec, ...]] = (
    OperationSpec(
        name=ACCESSES,
        service="portal",
        method="GET",
        path="/v1/consent/own/{subject}/accesses",
        summary="Show who used one's own data: when, for what, allowed or refused",
        request=OwnAccesses,
        result=Accesses,
        action=ACCESSES,
        run=lambda service, op, request: service.histories.accesses(op, request),
        resource=_subject,
    ),
    OperationSpec(
        name=PROOF,
        service="portal",
        method="GET",
        path="/v1/consent/own/{subject}/accesses/{index}/receipt",
        summary="Prove one use of one's own data by a receipt that verifies offline",
        request=OwnProof,
        result=OwnReceipt,
        action=PROOF,
        run=lambda service, op, request: service.histories.proof(op, request),
        resource=_subject,
    ),
    OperationSpec(
        name=CREATE,
        service="portal",
        method="POST",
        path="/v1/consent/subjects/{subject}/enrolments",
        summary="Make the one-time code by which a patient opens an account",
        request=CreateEnrolment,
        result=Enrolment,
        action=CREATE,
        run=lambda service, op, request: service.enrolments.create(op, request),
        resource=_subject,
        secret_result=True,
    ),
    *NOTICES,
)
