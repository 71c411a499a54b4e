"""What professionals do: record what was decided on paper, correct a record with a second person, say who decides."""

from nexus.consent import store
from nexus.consent.appending import Act, no_decision
from nexus.consent.checking import check_provisions
from nexus.consent.deciding import commit
from nexus.consent.holders import Hold, Holders, hold_in
from nexus.consent.model import Capacity, Decision, DecisionKind, Scan, subject_resource
from nexus.consent.ports import Accounts, Documents
from nexus.consent.requests import (
    AppointRepresentative,
    CorrectDecision,
    DecisionView,
    EndRepresentative,
    HolderView,
    RecordDecision,
)
from nexus.consent.store import Holding
from nexus.consent.subjects import concerning, no_subject
from nexus.kernel.clock import DAY, Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Denied, Invalid
from nexus.kernel.operation import Operation, Resource

RECORD = "consent.decision.record"
CORRECT = "consent.decision.correct"
APPOINT = "consent.representative.appoint"
END = "consent.representative.end"
CLOCK_SKEW = DAY
"""A paper is dated this far ahead of our clock at most: time zones, and clocks that are not ours."""
_GIVES = frozenset({DecisionKind.PERMISSIONS, DecisionKind.LIFTING})
_NAMES_ANOTHER = frozenset({DecisionKind.WITHDRAWAL})


class Recording:
    """The stories of professionals."""

    def __init__(
        self, database: Database, clock: Clock, holders: Holders, documents: Documents, accounts: Accounts
    ) -> None:
        self._database = database
        self._clock = clock
        self._holders = holders
        self._documents = documents
        self._accounts = accounts

    async def record(self, op: Operation, request: RecordDecision) -> DecisionView:
        """Append what somebody decided elsewhere. Raises Invalid, NotFound, Conflict, Denied."""
        now = self._clock.now()
        self._check(request)
        if request.scan is not None:
            await self._require(op, request.subject, request.scan)
        act = Act(
            subject=request.subject,
            kind=request.kind,
            capacity=request.capacity,
            account="",
            recorded_by=op.actor.id,
            decided_at=request.decided_at,
            provisions=request.provisions,
            about=request.about,
            version=request.version,
            key=request.key,
            scan=request.scan,
        )
        return await self._database.write(lambda tx: commit(tx, op, RECORD, act, now))

    async def correct(self, op: Operation, request: CorrectDecision) -> DecisionView:
        """Put something in the place of a wrong record, as two persons agreed. Raises Denied without their approval."""
        if op.approval is None:
            raise Denied("a record is corrected by two persons", code="consent.approval-missing")
        now = self._clock.now()
        check_provisions(request.provisions)
        wrong = self._decision(request.decision)
        if request.scan is not None:
            await self._require(op, wrong.subject, request.scan)
        act = Act(
            subject=wrong.subject,
            kind=DecisionKind.CORRECTION,
            capacity=wrong.capacity,
            account="",
            recorded_by=op.actor.id,
            decided_at=wrong.decided_at,
            provisions=request.provisions,
            about=(wrong.id,),
            approval=op.approval,
            scan=request.scan,
            reason=request.reason,
        )
        return await self._database.write(lambda tx: commit(tx, op, CORRECT, act, now))

    async def appoint(self, op: Operation, request: AppointRepresentative) -> HolderView:
        """Let a patient's account decide for somebody else. Raises Invalid, NotFound, Conflict, Denied."""
        if request.capacity is Capacity.SELF:
            raise Invalid("whoever decides for himself is enrolled, not appointed", code="consent.capacity")
        await self._require(op, request.subject, request.document)
        now = self._clock.now()
        asked = Hold(request.account, request.subject, request.capacity, request.until, request.document.named())
        told = op.allowed(
            APPOINT, subject_resource(request.subject), account=request.account, capacity=request.capacity.value
        )

        def work(tx: Transaction) -> Recorded[Holding]:
            if not self._accounts.is_patient(tx, request.account):
                raise Invalid(
                    "this is not the account of a patient",
                    code="consent.account",
                    hint="whoever decides for another has a patient's account of her own",
                )
            return Recorded(hold_in(tx, op, asked, now), concerning(told, request.subject))

        return holder_view(await self._database.write(work))

    async def end(self, op: Operation, request: EndRepresentative) -> HolderView:
        """The account decides for the subject no more. Raises NotFound if it does not."""
        return holder_view(await self._holders.end(op, request.account, request.subject, action=END))

    def resource_of(self, decision_id: str) -> Resource:
        """The subject of a decision, as the gate sees him. Unknown ones are nobody's."""
        with self._database.read() as tx:
            found = store.decision(tx, decision_id)
            subject = store.subject(tx, found.subject) if found else None
        return subject_resource("unknown") if subject is None else subject_resource(subject.id, subject.site)

    def _check(self, request: RecordDecision) -> None:
        check_provisions(request.provisions)
        if request.kind is DecisionKind.CORRECTION:
            raise Invalid("a record is corrected by an operation of its own", code="consent.kind")
        if request.kind is not DecisionKind.PERMISSIONS and request.provisions:
            raise Invalid("only permissions have provisions", code="consent.kind")
        if request.kind is DecisionKind.PERMISSIONS and not request.provisions and not request.about:
            raise Invalid("a decision permits, denies or replaces something", code="consent.empty")
        if (request.kind in _NAMES_ANOTHER) is not bool(request.about) and request.kind is not DecisionKind.PERMISSIONS:
            raise Invalid("a withdrawal names what it takes back, and nothing else does", code="consent.about")
        if request.kind in _GIVES and request.scan is None:
            raise Invalid("what gives something needs the signed paper", code="consent.scan", hint="name its scan")
        if request.decided_at > self._clock.now() + CLOCK_SKEW:
            raise Invalid("the paper is dated in the future", code="consent.decided-at")

    async def _require(self, op: Operation, subject_id: str, scan: Scan) -> None:
        """Raise Invalid unless the document is where it is said to be, in a bucket of the subject's site, unchanged."""
        with self._database.read() as tx:
            subject = store.subject(tx, subject_id)
        if subject is None:
            raise no_subject()
        if not await self._documents.holds(op, subject.site, scan):
            raise Invalid(
                "the site keeps no such document, or another one under this name",
                code="consent.scan",
                hint="bucket, key, version and SHA-256 of what was uploaded",
            )

    def _decision(self, decision_id: str) -> Decision:
        with self._database.read() as tx:
            found = store.decision(tx, decision_id)
        if found is None:
            raise no_decision()
        return found


def holder_view(holding: Holding) -> HolderView:
    """A holding as callers see it."""
    return HolderView(
        account=holding.account, capacity=holding.capacity, starts_at=holding.starts_at, until=holding.until
    )
