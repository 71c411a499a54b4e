"""The portal's own operations; the doors are generated from `OPERATIONS`."""

from typing import Any, Final

from nexus.kernel.operation import OperationSpec, Resource
from nexus.portal.enrolling import CREATE
from nexus.portal.history import ACCESSES, PROOF
from nexus.portal.requests import Accesses, CreateEnrolment, Enrolment, OwnAccesses, OwnProof, OwnReceipt
from nexus.portal.service import PortalService


def _subject(service: PortalService, request: Any) -> Resource:
    return service.subject(request.subject)


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
)
