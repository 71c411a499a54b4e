"""Requests that patients make of their site: access, portability, rectification, erasure, and the time that the law gives.

1. A patient asks in her account, or a desk files what came on paper, with the day on which it came.
2. A month runs (`legal_clock`). It is extended once at most, within that month and with a reason that the patient reads.
3. A data protection officer answers: done, or refused with a reason. Whatever is late stays visible as late.
"""

from dataclasses import replace
from typing import Final

from nexus.consent import claim_store, store
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
from nexus.consent.claim_store import Claim, Closing
from nexus.consent.deciding import not_holder
from nexus.consent.holders import holding_now
from nexus.consent.legal_clock import due, overdue
from nexus.consent.model import ClaimState, Subject, register_resource, subject_resource
from nexus.consent.requests import BySubject
from nexus.consent.sealing import SubjectSealing
from nexus.consent.subjects import concerning, no_subject
from nexus.kernel.clock import DAY, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Operation, Resource

ASK: Final = "consent.own.ask"
OWN_LIST: Final = "consent.own.read"
FILE: Final = "consent.request.file"
LIST: Final = "consent.request.list"
READ: Final = "consent.request.read"
EXTEND: Final = "consent.request.extend"
ANSWER: Final = "consent.request.answer"
MAX_WAITING: Final = 20
"""Requests about one subject that wait at the same time."""
OLDEST: Final = 366 * DAY
"""A request on paper came this long ago at most; older ones are a mistake in the date."""


class Claims:
    """The stories about requests."""

    def __init__(self, database: Database, clock: Clock, sealing: SubjectSealing) -> None:
        self._database = database
        self._clock = clock
        self._sealing = sealing

    async def ask(self, op: Operation, request: AskOwn) -> RequestView:
        """Ask as whoever decides for the subject. Raises Denied, Conflict if too many requests wait."""
        now = self._clock.now()
        account = op.actor.person or op.actor.id

        def work(tx: Transaction) -> Recorded[RequestView]:
            if holding_now(tx, account, request.subject, now) is None:
                raise not_holder()
            made = self._made(tx, op, request, account, now)
            return self._recorded(tx, op, ASK, made, now)

        return await self._database.write(work)

    async def file(self, op: Operation, request: FileRequest) -> RequestView:
        """File a request that came on paper. Raises Invalid on an impossible day, NotFound, Conflict."""
        now = self._clock.now()
        if not now - OLDEST <= request.received_at <= now + DAY:
            raise Invalid("the request came on no such day", code="consent.received-at")
        asked = AskOwn(subject=request.subject, kind=request.kind, words=request.words)

        def work(tx: Transaction) -> Recorded[RequestView]:
            made = self._made(tx, op, asked, "", request.received_at)
            return self._recorded(tx, op, FILE, made, now)

        return await self._database.write(work)

    async def own(self, op: Operation, request: BySubject) -> Requests:
        """What was asked for a subject for whom the account decides. Raises Denied."""
        now = self._clock.now()
        with self._database.read() as tx:
            if holding_now(tx, op.actor.person or op.actor.id, request.subject, now) is None:
                raise not_holder()
            found = claim_store.of_subject(tx, request.subject, MAX_WAITING * 10)
        entry = op.allowed(OWN_LIST, subject_resource(request.subject), requests=len(found))
        await self._database.record(concerning(entry, request.subject))
        return Requests(requests=tuple(_view(each, now) for each in found), next="")

    async def list(self, op: Operation, request: ListRequests) -> Requests:
        """The requests of a site, or of all; those that are late alone, if asked."""
        now = self._clock.now()
        with self._database.read() as tx:
            found = claim_store.listed(tx, request.site, request.after, request.limit, now if request.overdue else None)
        await self._database.record(op.allowed(LIST, register_resource(request.site), rows=len(found)))
        last = found[-1].id if len(found) == request.limit else ""
        return Requests(requests=tuple(_view(each, now) for each in found), next=last)

    async def read(self, op: Operation, request: ById) -> RequestDetail:
        """One request with the patient's own words. Raises NotFound, Damaged."""
        now = self._clock.now()
        with self._database.read() as tx:
            found = _found(tx, request.id)
        words = self._sealing.open_words(found.words, found.id) if found.words else ""
        await self._database.record(concerning(op.allowed(READ, _resource(found), request=found.id), found.subject))
        return RequestDetail(request=_view(found, now), words=words)

    async def extend(self, op: Operation, request: ExtendRequest) -> RequestView:
        """Take two further months, once and in time. Raises NotFound, Conflict."""
        now = self._clock.now()

        def work(tx: Transaction) -> Recorded[RequestView]:
            found = _found(tx, request.id)
            if now > found.due_at:
                raise Conflict(
                    "the month is over: it cannot be extended any more", code="consent.too-late", hint="answer it"
                )
            later = due(found.received_at, extended=True)
            if not claim_store.extend(tx, found, later, now, request.reason):
                raise Conflict("this was extended or answered already", code="consent.extended")
            return self._recorded(tx, op, EXTEND, _found(tx, found.id), now)

        return await self._database.write(work)

    async def answer(self, op: Operation, request: AnswerRequest) -> RequestView:
        """Close a request: done, or refused with a reason. Raises NotFound, Invalid, Conflict if it is closed."""
        if request.state not in {ClaimState.DONE, ClaimState.REFUSED}:
            raise Invalid("an answer is done or refused", code="consent.answer")
        if request.state is ClaimState.REFUSED and not request.reason:
            raise Invalid("a refusal gives its reason (GDPR, article 12(4))", code="consent.answer")
        now = self._clock.now()

        def work(tx: Transaction) -> Recorded[RequestView]:
            found = _found(tx, request.id)
            closing = Closing(request.state, request.reason, now, op.actor.id)
            if not claim_store.close(tx, found, closing):
                raise Conflict("this was answered already", code="consent.answered")
            return self._recorded(tx, op, ANSWER, _found(tx, found.id), now)

        return await self._database.write(work)

    def resource_of(self, claim_id: str) -> Resource:
        """The subject of a request, as the gate sees him. Unknown ones are nobody's."""
        with self._database.read() as tx:
            found = claim_store.find(tx, claim_id)
        return subject_resource("unknown") if found is None else _resource(found)

    def _made(self, tx: Transaction, op: Operation, asked: AskOwn, account: str, received_at: Instant) -> Claim:
        subject = _subject(tx, asked.subject)
        if claim_store.waiting_of(tx, subject.id) >= MAX_WAITING:
            raise Conflict(f"{MAX_WAITING} requests wait already", code="consent.too-many-requests")
        made = Claim(
            id=new_id("req"),
            subject=subject.id,
            site=subject.site,
            kind=asked.kind,
            account=account,
            filed_by=op.actor.id,
            received_at=received_at,
            due_at=due(received_at, extended=False),
            state=ClaimState.RECEIVED,
            words=b"",
        )
        made = replace(made, words=self._sealing.seal_words(asked.words, made.id) if asked.words else b"")
        claim_store.add(tx, made)
        return made

    def _recorded(
        self, tx: Transaction, op: Operation, action: str, claim: Claim, now: Instant
    ) -> Recorded[RequestView]:
        entry = op.allowed(
            action,
            _resource(claim),
            request=claim.id,
            kind=claim.kind.value,
            state=claim.state.value,
            due_at=claim.due_at,
            late=overdue(claim.due_at, claim.closed_at, now),
        )
        return Recorded(_view(claim, now), concerning(entry, claim.subject))


def _subject(tx: Transaction, subject_id: str) -> Subject:
    found = store.subject(tx, subject_id)
    if found is None:
        raise no_subject()
    return found


def _found(tx: Transaction, claim_id: str) -> Claim:
    found = claim_store.find(tx, claim_id)
    if found is None:
        raise NotFound("there is no such request", code="consent.no-request")
    return found


def _resource(claim: Claim) -> Resource:
    return subject_resource(claim.subject, claim.site)


def _view(claim: Claim, now: Instant) -> RequestView:
    return RequestView(
        id=claim.id,
        subject=claim.subject,
        kind=claim.kind,
        state=claim.state,
        received_at=claim.received_at,
        due_at=claim.due_at,
        overdue=overdue(claim.due_at, claim.closed_at, now),
        extended_at=claim.extended_at,
        reason=claim.reason,
        closed_at=claim.closed_at,
    )
