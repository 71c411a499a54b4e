"""Every operation of consent; the doors are generated from `OPERATIONS`."""

from collections.abc import Callable
from typing import Any, Final

from nexus.consent.claim_requests import (
    AnswerRequest,
    AskOwn,
    ById,
    ExtendRequest,
    FileRequest,
    ListRequests,
    RequestDetail,
    Requests,
    RequestView,
)
from nexus.consent.model import register_resource
from nexus.consent.requests import (
    AppointRepresentative,
    BySubject,
    CorrectDecision,
    Decide,
    Decisions,
    DecisionView,
    EndRepresentative,
    ExportRegister,
    FindSubject,
    GetReceipt,
    HolderView,
    LiftObjection,
    ListWithdrawals,
    Nothing,
    Object,
    OwnSubjects,
    ReadDecisions,
    ReceiptFile,
    RecordDecision,
    RegisterPage,
    RegisterSubject,
    SubjectView,
    Withdraw,
    Withdrawals,
)
from nexus.consent.service import ConsentService
from nexus.kernel.operation import OperationSpec, Resource

Names = Callable[[ConsentService, Any], Resource]


def _subject(service: ConsentService, request: Any) -> Resource:
    return service.subjects.resource(request.subject)


def _new(service: ConsentService, request: Any) -> Resource:
    return service.subjects.new_resource(request)


def _register(service: ConsentService, request: Any) -> Resource:
    return register_resource(request.site)


def _of_decision(service: ConsentService, request: CorrectDecision) -> Resource:
    return service.recording.resource_of(request.decision)


def _of_request(service: ConsentService, request: Any) -> Resource:
    return service.claims.resource_of(request.id)


def _spec(  # noqa: PLR0917 - a table reads best without keywords
    name: str,
    route: str,
    summary: str,
    request: type[Any],
    result: Any,
    run: Any,
    resource: Names = _subject,
    *,
    sensitive: bool = False,
) -> OperationSpec:
    """`route` is `METHOD /path`. Most are about one subject."""
    method, path = route.split(" ")
    return OperationSpec(
        name, "consent", method, path, summary, request, result, name, run, resource, sensitive=sensitive
    )


OWN: Final[tuple[OperationSpec, ...]] = (
    OperationSpec(
        name="consent.own.list",
        service="consent",
        method="GET",
        path="/v1/consent/own",
        summary="Show for whom one decides",
        request=Nothing,
        result=OwnSubjects,
        action="consent.own.list",
        run=lambda service, op, request: service.reading.own_subjects(op, request),
    ),
    _spec(
        "consent.own.read",
        "GET /v1/consent/own/{subject}",
        "Show one's own decisions, and what follows from them",
        ReadDecisions,
        Decisions,
        lambda service, op, request: service.reading.own(op, request),
    ),
    _spec(
        "consent.own.decide",
        "POST /v1/consent/own/{subject}/decisions",
        "Permit and refuse uses of one's own data",
        Decide,
        DecisionView,
        lambda service, op, request: service.deciding.decide(op, request),
    ),
    _spec(
        "consent.own.withdraw",
        "POST /v1/consent/own/{subject}/withdrawals",
        "Withdraw a permission, at once",
        Withdraw,
        DecisionView,
        lambda service, op, request: service.deciding.withdraw(op, request),
    ),
    _spec(
        "consent.own.object",
        "POST /v1/consent/own/{subject}/objection",
        "Object to every secondary use of one's own data",
        Object,
        DecisionView,
        lambda service, op, request: service.deciding.object(op, request),
    ),
    _spec(
        "consent.own.lift-objection",
        "POST /v1/consent/own/{subject}/objection/lifting",
        "Lift one's own objection",
        LiftObjection,
        DecisionView,
        lambda service, op, request: service.deciding.lift_objection(op, request),
    ),
)
OWN_RECEIPT: Final = _spec(
    "consent.own.receipt",
    "GET /v1/consent/own/{subject}/decisions/{decision}/receipt",
    "Get the signed receipt of one's own decision",
    GetReceipt,
    ReceiptFile,
    lambda service, op, request: service.receipts.own(op, request),
)
OWN_REQUESTS: Final[tuple[OperationSpec, ...]] = (
    _spec(
        "consent.own.ask",
        "POST /v1/consent/own/{subject}/requests",
        "Ask the site for access, rectification, erasure or portability",
        AskOwn,
        RequestView,
        lambda service, op, request: service.claims.ask(op, request),
    ),
    OperationSpec(
        name="consent.own.requests",
        service="consent",
        method="GET",
        path="/v1/consent/own/{subject}/requests",
        summary="Show what one asked of the site, and until when it answers",
        request=BySubject,
        result=Requests,
        action="consent.own.read",
        run=lambda service, op, request: service.claims.own(op, request),
        resource=_subject,
    ),
)
REQUESTS: Final[tuple[OperationSpec, ...]] = (
    _spec(
        "consent.request.file",
        "POST /v1/consent/subjects/{subject}/requests",
        "File a request of a patient that came on paper",
        FileRequest,
        RequestView,
        lambda service, op, request: service.claims.file(op, request),
    ),
    _spec(
        "consent.request.list",
        "GET /v1/consent/requests",
        "List what patients asked for, and until when the answer is due",
        ListRequests,
        Requests,
        lambda service, op, request: service.claims.list(op, request),
        _register,
    ),
    _spec(
        "consent.request.read",
        "GET /v1/consent/requests/{id}",
        "Show a request with the patient's own words",
        ById,
        RequestDetail,
        lambda service, op, request: service.claims.read(op, request),
        _of_request,
    ),
    _spec(
        "consent.request.extend",
        "POST /v1/consent/requests/{id}/extension",
        "Take two further months for a request",
        ExtendRequest,
        RequestView,
        lambda service, op, request: service.claims.extend(op, request),
        _of_request,
    ),
    _spec(
        "consent.request.answer",
        "POST /v1/consent/requests/{id}/answer",
        "Close a request: done, or refused with a reason",
        AnswerRequest,
        RequestView,
        lambda service, op, request: service.claims.answer(op, request),
        _of_request,
    ),
)
PROFESSIONAL: Final[tuple[OperationSpec, ...]] = (
    _spec(
        "consent.subject.register",
        "POST /v1/consent/subjects",
        "Register a patient of a site under a name that says nothing",
        RegisterSubject,
        SubjectView,
        lambda service, op, request: service.subjects.register(op, request),
        _new,
    ),
    _spec(
        "consent.subject.find",
        "POST /v1/consent/subjects/search",
        "Find a patient of a site by the site's own reference",
        FindSubject,
        SubjectView,
        lambda service, op, request: service.subjects.find(op, request),
        _new,
    ),
    _spec(
        "consent.effective.read",
        "GET /v1/consent/subjects/{subject}",
        "Show what a patient decided, and what follows now",
        ReadDecisions,
        Decisions,
        lambda service, op, request: service.reading.effective(op, request),
    ),
    OperationSpec(
        name="consent.decision.receipt",
        service="consent",
        method="GET",
        path="/v1/consent/subjects/{subject}/decisions/{decision}/receipt",
        summary="Get the signed receipt of a patient's decision",
        request=GetReceipt,
        result=ReceiptFile,
        action="consent.effective.read",
        run=lambda service, op, request: service.receipts.of_decision(op, request),
        resource=_subject,
    ),
    _spec(
        "consent.decision.record",
        "POST /v1/consent/subjects/{subject}/decisions",
        "Record what a patient decided on paper, with its scan",
        RecordDecision,
        DecisionView,
        lambda service, op, request: service.recording.record(op, request),
    ),
    _spec(
        "consent.decision.correct",
        "POST /v1/consent/decisions/{decision}/correction",
        "Correct a record of what was decided on paper",
        CorrectDecision,
        DecisionView,
        lambda service, op, request: service.recording.correct(op, request),
        _of_decision,
        sensitive=True,
    ),
    _spec(
        "consent.representative.appoint",
        "POST /v1/consent/subjects/{subject}/representatives",
        "Let a patient's account decide for a minor or for an adult whom it represents",
        AppointRepresentative,
        HolderView,
        lambda service, op, request: service.recording.appoint(op, request),
    ),
    _spec(
        "consent.representative.end",
        "DELETE /v1/consent/subjects/{subject}/representatives/{account}",
        "End that an account decides for a patient",
        EndRepresentative,
        HolderView,
        lambda service, op, request: service.recording.end(op, request),
    ),
    _spec(
        "consent.withdrawal.list",
        "GET /v1/consent/withdrawals",
        "List withdrawals and objections since a date",
        ListWithdrawals,
        Withdrawals,
        lambda service, op, request: service.register.withdrawals(op, request),
        _register,
    ),
    _spec(
        "consent.register.export",
        "GET /v1/consent/register",
        "Export the register of decisions, page by page",
        ExportRegister,
        RegisterPage,
        lambda service, op, request: service.register.export(op, request),
        _register,
    ),
)
OPERATIONS: Final[tuple[OperationSpec, ...]] = (*OWN, OWN_RECEIPT, *OWN_REQUESTS, *PROFESSIONAL, *REQUESTS)
